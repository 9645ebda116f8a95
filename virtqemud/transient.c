/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transient disks. qemu-img makes an overlay for each before the emulator hears of the disk: the image itself is only
 * read, by as many guests as like. Owns the runs of qemu-img; overlays are owed. Source of names and words: libvirt 9.0 */
#include "transient.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "base/error.h"
#include "command/command.h"
#include "hotplug-private.h"
#include "status.h"

/* qemu-img needs milliseconds, unless the file system does not answer */
enum { LIMIT_S = 15 };

typedef struct {
    QemuDomain *domain; /* a reference */
    char *target, *overlay;
    QemuDone done; /* NULL: it was told already */
    gpointer data;
    guint limit;
} Job;

static char *
overlay_path(const QemuDomain *domain, const VbDomainDisk *disk)
{
    return g_strdup_printf("%s.TRANSIENT-%s", disk->source.file, domain->name);
}

/* ---- one overlay ---- */

static void
tell(Job *job, GError *error)
{
    QemuDone done = job->done;
    job->done = NULL;
    g_clear_handle_id(&job->limit, g_source_remove);
    done(job->domain, error, job->data);
    g_clear_error(&error);
}

static void
job_free(Job *job)
{
    qemu_domain_unref(job->domain);
    g_free(job->target);
    g_free(job->overlay);
    g_free(job);
}

static gboolean
on_limit(gpointer data)
{
    Job *job = data;
    GError *error = NULL;
    job->limit = 0;
    vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT,
                 "the overlay of transient disk '%s' was not made within %d s", job->target,
                 LIMIT_S);
    tell(job, error);
    return G_SOURCE_REMOVE;
}

/* The guest still wants it: what a guest owes is paid when it ends. */
static gboolean
is_owed(const Job *job)
{
    g_autofree char *owed = g_strconcat("file ", job->overlay, NULL);
    return g_ptr_array_find_with_equal_func(job->domain->owed, owed, g_str_equal, NULL);
}

static void
on_ended(GObject *source, GAsyncResult *result, gpointer data)
{
    Job *job = data;
    GSubprocess *qemu_img = G_SUBPROCESS(source);
    g_autofree char *words = NULL;
    GError *error = NULL;
    const gboolean is_read =
        g_subprocess_communicate_utf8_finish(qemu_img, result, NULL, &words, NULL);
    if (!is_read || !g_subprocess_get_successful(qemu_img))
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "cannot make the overlay of transient disk '%s': %s", job->target,
                     words ? g_strchomp(words) : "qemu-img was killed");
    else if (!is_owed(job))
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    if (error || !job->done) { /* it failed, or it is too late: nobody has the overlay */
        (void)g_unlink(job->overlay);
        qemu_domain_owe_no_more(job->domain, "file", job->overlay);
    }
    if (job->done)
        tell(job, error);
    else
        g_clear_error(&error);
    job_free(job);
}

static gboolean
check(const VbDomainDisk *disk, GError **error)
{
    if (disk->source.encryption)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "transient disk '%s' with encryption is not supported", disk->dst);
    return access(disk->source.file, R_OK) == 0 ||
           vb_error_set_errno(error, errno, "Cannot access storage file '%s'", disk->source.file);
}

/* An empty file that only its owner can read, for qemu-img to fill. It is owed before it is there. */
static gboolean
make_file(const Job *job, GError **error)
{
    int fd;
    if (access(job->overlay, F_OK) == 0)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Overlay file '%s' for transient disk '%s' already exists",
                            job->overlay, job->target);
    qemu_domain_owe(job->domain, "file", job->overlay);
    if (!qemu_status_write(job->domain, error))
        return FALSE;
    fd = open(job->overlay, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        return close(fd) == 0;
    vb_error_set_errno(error, errno, "cannot make '%s'", job->overlay);
    qemu_domain_owe_no_more(job->domain, "file", job->overlay);
    return FALSE;
}

static gboolean
run_qemu_img(Job *job, const VbDomainDisk *disk, GError **error)
{
    const int format = disk->format ? disk->format : (int)VB_DOMAIN_FORMAT_RAW;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GSubprocess) qemu_img =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE,
                         &failure, "qemu-img", "create", "-q", "-f", "qcow2", "-F",
                         vb_enum_to_nick(&vb_domain_image_format_enum, format), "-b",
                         disk->source.file, "--", job->overlay, NULL);
    if (!qemu_img)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "cannot run qemu-img: %s",
                            failure->message);
    job->limit = g_timeout_add_seconds(LIMIT_S, on_limit, job);
    g_subprocess_communicate_utf8_async(qemu_img, NULL, NULL, on_ended, job);
    return TRUE;
}

void
qemu_transient_make(QemuDomain *domain, const VbDomainDisk *disk, QemuDone done, gpointer data)
{
    Job *job = g_new0(Job, 1);
    GError *error = NULL;
    *job = (Job){.domain = qemu_domain_ref(domain),
                 .target = g_strdup(disk->dst),
                 .overlay = overlay_path(domain, disk),
                 .done = done,
                 .data = data};
    if (check(disk, &error) && make_file(job, &error) && run_qemu_img(job, disk, &error))
        return;
    qemu_domain_finish_later(domain, error, done, data);
    job_free(job);
}

void
qemu_transient_cover(const QemuDomain *domain, VbDomainDisk *disk)
{
    char *overlay = overlay_path(domain, disk);
    vb_domain_disk_stack(disk);
    disk->source.type = VB_DOMAIN_STORAGE_FILE;
    disk->source.file = overlay;
    disk->format = VB_DOMAIN_FORMAT_QCOW2;
}

void
qemu_transient_remove(QemuDomain *domain, const VbDomainDisk *disk)
{
    g_autofree char *owed = g_strconcat("file ", disk->source.file, NULL);
    guint at;
    if (!disk->is_transient ||
        !g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, &at))
        return;
    qemu_domain_pay(owed);
    g_ptr_array_remove_index(domain->owed, at);
}

/* ---- a start: one after the other ---- */

static VbDomainDisk *
find_uncovered(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, domain->live->disks)
    {
        if (disk->is_transient && !qemu_command_is_covered(domain->live, disk))
            return disk;
    }
    return NULL;
}

static void
on_made(QemuDomain *domain, GError *error, gpointer data)
{
    QemuTransition *start = data;
    VbDomainDisk *disk;
    start->awaits_caps = FALSE;
    if (start->error) { /* failed meanwhile: destroyed, or too late */
        qemu_start_finish_failure(start);
        return;
    }
    if (error) {
        qemu_start_fail(start, g_error_copy(error));
        return;
    }
    disk = find_uncovered(domain);
    qemu_transient_cover(domain, disk);
    disk->source.index = qemu_plug_next_number(domain->live);
    disk = find_uncovered(domain);
    if (!disk) {
        qemu_launch_prepare(start);
        return;
    }
    start->awaits_caps = TRUE;
    qemu_transient_make(domain, disk, on_made, start);
}

gboolean
qemu_transient_start(QemuTransition *start, GError **error)
{
    QemuDomain *domain = start->domain;
    const VbDomainDisk *disk = find_uncovered(domain);
    if (!disk)
        return FALSE;
    if (start->image || start->snapshot)
        return qemu_transient_check_none(domain->live, error);
    qemu_command_number_images(domain->live);
    start->awaits_caps = TRUE;
    qemu_transient_make(domain, disk, on_made, start);
    return TRUE;
}

gboolean
qemu_transient_check_none(const VbDomainDef *live, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, live->disks)
    {
        if (disk->is_transient)
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "migration with transient disk is not supported");
    }
    return TRUE;
}
