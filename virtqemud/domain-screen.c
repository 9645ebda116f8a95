/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Screens: screenshots, and connections to the graphics server handed in as a socket. */
#include "base/error.h"
#include "domain-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCREENSHOT_MS 30000

typedef struct {
    QemuDomain *domain;
    QemuFdDone done;
    gpointer data;
    char *path; /* of a screenshot */
    char *device;
    guint head;
    int fd; /* ours, for the caller */
} FdRequest;

static FdRequest *
request_new(QemuDomain *domain, QemuFdDone done, gpointer data)
{
    FdRequest *request = g_new0(FdRequest, 1);
    *request = (FdRequest){.domain = qemu_domain_ref(domain), .done = done, .data = data, .fd = -1};
    return request;
}

/* Hands @request->fd over, or the error; frees. */
static void
request_finish(FdRequest *request, const GError *error)
{
    g_autoptr(QemuDomain) domain = request->domain;
    g_autoptr(GError) copy = error ? g_error_copy(error) : NULL;
    if (request->path)
        (void)g_unlink(request->path);
    if (error && request->fd >= 0)
        close(request->fd);
    request->done(domain, error ? -1 : request->fd, copy, request->data);
    g_free(request->path);
    g_free(request->device);
    g_free(request);
}

static void
fail_later(QemuDomain *domain, GError *error, gpointer data)
{
    request_finish(data, error);
}

static gboolean
check_monitor(QemuDomain *domain, GError **error)
{
    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    return domain->qmp || vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                                       "the monitor of domain '%s' is not connected", domain->name);
}

/* ---- screenshots ---- */

static void
on_dumped(const VbJson *result, const GError *error, gpointer data)
{
    request_finish(data, error);
}

/* PNG, or PPM: what every emulator writes */
static void
dump(FdRequest *request, gboolean is_png, QemuQmpDone done)
{
    g_autofree char *arguments =
        vb_json_object("s:filename", request->path, "s:device", request->device, "u:head",
                       (guint64)request->head, "s:format", is_png ? "png" : NULL, NULL);

    qemu_qmp_execute(request->domain->qmp, "screendump", arguments, SCREENSHOT_MS, done, request);
}

/* an emulator before 7.1, or one that was built without PNG */
static void
on_png_dumped(const VbJson *result, const GError *error, gpointer data)
{
    FdRequest *request = data;

    if (g_strcmp0(vb_error_get_reason(error), "GenericError") == 0 && request->domain->qmp)
        dump(request, FALSE, on_dumped);
    else
        request_finish(request, error);
}

/* Screens are counted over all heads of all devices, in the definition's order. */
static gboolean
find_head(FdRequest *request, guint screen, GError **error)
{
    VB_DOMAIN_EACH(VbDomainVideo, video, request->domain->live->videos)
    {
        guint heads = MAX(video->heads, 1);

        if (!video->info.alias || screen >= heads) {
            screen -= MIN(screen, video->info.alias ? heads : 0);
            continue;
        }
        request->device = g_strdup(video->info.alias);
        request->head = screen;
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "%s",
                        VB_DOMAIN_COUNT(request->domain->live->videos) == 0
                            ? "no screens to take screenshot from"
                            : "no such screen ID");
}

/**
 * qemu_domain_screenshot:
 * @screen: a head of one of the video devices
 *
 * The emulator writes into a file that has no name any more when the caller gets it: PNG where it can, else PPM.
 *
 * Errors: OPERATION_INVALID not running; INVALID_ARG no such screen; SYSTEM_ERROR; OPERATION_FAILED
 */
void
qemu_domain_screenshot(QemuDomain *domain, guint screen, guint flags, QemuFdDone done,
                       gpointer data)
{
    FdRequest *request = request_new(domain, done, data);
    GError *error = NULL;

    if (check_monitor(domain, &error) && find_head(request, screen, &error)) {
        g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
        request->path = g_build_filename(folder, "screenshot.XXXXXX", NULL);
        request->fd = g_mkstemp_full(request->path, O_RDONLY | O_CLOEXEC, 0600);
        if (request->fd < 0)
            vb_error_set_errno(&error, errno, "cannot create '%s'", request->path);
    }
    if (error)
        qemu_domain_finish_later(domain, error, fail_later, request);
    else
        dump(request, TRUE, on_png_dumped);
}

/* ---- graphics ---- */

static void
on_client_added(const VbJson *result, const GError *error, gpointer data)
{
    request_finish(data, error);
}

static const char *
find_protocol(const QemuDomain *domain, guint index, GError **error)
{
    const VbDomainGraphics *graphics = NULL;
    if (index < VB_DOMAIN_COUNT(domain->live->graphics))
        graphics = domain->live->graphics->pdata[index];
    if (graphics && graphics->type == VB_DOMAIN_GRAPHICS_VNC)
        return "vnc";
    if (graphics && graphics->type == VB_DOMAIN_GRAPHICS_SPICE)
        return "spice";
    if (graphics)
        vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "Can only open VNC or SPICE graphics backends, not %s",
                     vb_enum_to_nick(&vb_domain_graphics_type_enum, graphics->type));
    else
        vb_error_set(error, VIR_ERR_INVALID_ARG, "No graphics backend with index %u", index);
    return NULL;
}

/**
 * qemu_domain_open_graphics:
 * @flags: VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH
 *
 * Errors: OPERATION_INVALID not running; INVALID_ARG no such graphics; OPERATION_UNSUPPORTED
 */
void
qemu_domain_open_graphics(QemuDomain *domain, guint index, guint flags, QemuFdDone done,
                          gpointer data)
{
    FdRequest *request = request_new(domain, done, data);
    GError *error = NULL;
    int pair[2] = {-1, -1};
    const char *protocol =
        check_monitor(domain, &error) ? find_protocol(domain, index, &error) : NULL;
    if (protocol && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        vb_error_set_errno(&error, errno, "unable to create socket pair");
    if (error) {
        qemu_domain_finish_later(domain, error, fail_later, request);
        return;
    }
    request->fd = pair[0];
    QemuQmpRequest hand_over = {.command = "getfd",
                                .arguments = "{\"fdname\":\"graphicsfd\"}",
                                .fd = pair[1],
                                .timeout_ms = QEMU_QMP_TIMEOUT_MS};
    g_autofree char *arguments =
        vb_json_object("s:protocol", protocol, "s:fdname", "graphicsfd", "b:skipauth",
                       (flags & VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH) != 0, NULL);
    qemu_qmp_execute_request(domain->qmp, &hand_over, NULL, NULL);
    close(pair[1]);
    qemu_qmp_execute(domain->qmp, "add_client", arguments, QEMU_QMP_TIMEOUT_MS, on_client_added,
                     request);
}
