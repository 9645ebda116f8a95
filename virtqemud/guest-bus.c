/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's own D-Bus: a dbus-daemon beside the emulator, which connects to it when it starts and so must find it
 * listening. Who may open the socket may do everything there. Source of paths: libvirt 9.0 */
#include "guest-bus.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "domain-private.h"
#include "prepare.h"
#include "store/store.h"

enum { READY_FD = QEMU_PROCESS_FIRST_FD };

typedef struct {
    char *folder, *socket, *address, *settings, *pidfile, *log;
} Paths;

static void
paths_init(Paths *paths, const QemuDomain *domain)
{
    g_autofree char *guest = qemu_prepare_short_name(domain);
    paths->folder = g_build_filename(domain->manager->run_dir, "dbus", NULL);
    paths->socket = g_strdup_printf("%s/%s-dbus.sock", paths->folder, guest);
    paths->address = g_strconcat("unix:path=", paths->socket, NULL);
    paths->settings = g_strdup_printf("%s/%s-dbus.conf", paths->folder, guest);
    paths->pidfile = g_strdup_printf("%s/%s-dbus.pid", paths->folder, guest);
    paths->log = qemu_manager_log_path(domain->manager, domain->name);
}

static void
paths_clear(Paths *paths)
{
    g_free(paths->folder);
    g_free(paths->socket);
    g_free(paths->address);
    g_free(paths->settings);
    g_free(paths->pidfile);
    g_free(paths->log);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Paths, paths_clear)

/* NULL: the guest needs none */
static VbDomainGraphics *
find_display(const VbDomainDef *def, const char *address)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        if (graphics->type == VB_DOMAIN_GRAPHICS_DBUS && graphics->p2p != VB_TRISTATE_YES &&
            g_strcmp0(graphics->dbus_address, address) == 0)
            return graphics;
    }
    return NULL;
}

/* ---- before the start ---- */

static gboolean
write_settings(const Paths *paths, GError **error)
{
    g_autofree char *text = g_markup_printf_escaped(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        "  \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <type>org.libvirt.qemu</type>\n"
        "  <listen>%s</listen>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <policy context='default'>\n"
        "    <allow send_destination='*' eavesdrop='true'/>\n"
        "    <allow eavesdrop='true'/>\n"
        "    <allow own='*'/>\n"
        "  </policy>\n"
        "</busconfig>\n",
        paths->address);
    return vb_store_mkdir(paths->folder, 0770, error) &&
           vb_store_write_volatile(paths->settings, text, strlen(text), 0600, error);
}

static void
owe(QemuDomain *domain, const Paths *paths)
{
    qemu_domain_owe(domain, "file", paths->settings);
    qemu_domain_owe(domain, "file", paths->socket);
    qemu_domain_owe(domain, "process", paths->pidfile);
}

void
qemu_guest_bus_owe(QemuDomain *domain)
{
    VbDomainGraphics *graphics = find_display(domain->live, NULL);
    g_auto(Paths) paths = {0};
    if (!graphics)
        return;
    paths_init(&paths, domain);
    graphics->dbus_address = g_strdup(paths.address);
    owe(domain, &paths);
}

gboolean
qemu_guest_bus_prepare(QemuDomain *domain, GError **error)
{
    g_auto(Paths) paths = {0};
    if (!find_display(domain->live, NULL))
        return TRUE;
    paths_init(&paths, domain);
    qemu_guest_bus_owe(domain);
    return write_settings(&paths, error);
}

/* ---- the start ---- */

gboolean
qemu_guest_bus_is_needed(const QemuDomain *domain)
{
    g_auto(Paths) paths = {0};
    paths_init(&paths, domain);
    return find_display(domain->live, paths.address) != NULL;
}

/* It prints its address when it listens. */
gboolean
qemu_guest_bus_start(QemuDomain *domain, QemuHelperReady ready, gpointer data, GError **error)
{
    g_autofree char *program = g_find_program_in_path("dbus-daemon");
    g_autofree char *settings = NULL;
    g_autofree char *print = g_strdup_printf("--print-address=%d", READY_FD);
    g_auto(Paths) paths = {0};
    int ends[2];
    gboolean is_up;
    if (!program)
        return vb_error_set_errno(error, ENOENT, "Unable to find '%s' binary in $PATH",
                                  "dbus-daemon");
    paths_init(&paths, domain);
    settings = g_strconcat("--config-file=", paths.settings, NULL);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return vb_error_set_errno(error, errno, "cannot make a pipe");
    const char *const argv[] = {program, "--nofork", "--nopidfile", settings, print, NULL};
    const QemuProcessFd fd = {.source = ends[1], .target = READY_FD};
    const QemuHelperSpec spec = {.what = "dbus-daemon",
                                 .argv = argv,
                                 .log_path = paths.log,
                                 .pidfile_path = paths.pidfile,
                                 .fds = &fd,
                                 .n_fds = 1,
                                 .ready = ready,
                                 .ready_data = data,
                                 .ready_fd = ends[0]};
    is_up = qemu_helper_start(domain, &spec, error);
    close(ends[1]);
    return is_up;
}
