/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving: the guest is paused, its emulator writes itself to a file (a migration), the file is made whole, the emulator
 * ends. Each step is noted in the status file before it is taken. Owns QemuSave. */
#include "save.h"

#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "domain-private.h"
#include "guest-job.h"
#include "store/store.h"
#include "transient.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_MS 250
#define FOLDER_MODE 0711
#define SAVE_FLAGS (VIR_DOMAIN_SAVE_BYPASS_CACHE | VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED)
/* as fast as the disk; source: libvirt's limit, in bytes per second */
#define NO_LIMIT G_GUINT64_CONSTANT(9223372036853727232)

typedef struct {
    char *path, *temporary, *xml;
    gboolean was_running; /* when it is restored */
    gboolean is_finished; /* whole, under its name */
    int fd;               /* -1: not yet, or closed */
} SaveFile;

struct _QemuSave {
    int ref_count;
    QemuDomain *domain;   /* a reference; NULL when it is over */
    SaveFile file;        /* a thread's while one is at work */
    gboolean was_running; /* when it began */
    guint step;
    guint progress_source;
    gboolean is_asking; /* query-migrate is under way */
    gboolean is_migrating, is_working, is_undoing;
    gboolean is_kept; /* the guest lives on, the job is another's */
    gboolean is_live; /* it runs until it is written */
    GError *error;    /* the first */
    QemuDone done;
    gpointer data;
};

static void next_step(QemuSave *save);

static QemuSave *
save_ref(QemuSave *save)
{
    save->ref_count++;
    return save;
}

static void
save_unref(QemuSave *save)
{
    if (--save->ref_count > 0)
        return;
    if (save->file.fd >= 0)
        close(save->file.fd);
    g_free(save->file.path);
    g_free(save->file.temporary);
    g_free(save->file.xml);
    g_clear_error(&save->error);
    g_free(save);
}

/* ---- the end ---- */

/* @keep: something of it remains to be done by qemu_save_recover() */
static void
save_end(QemuSave *save, gboolean keep)
{
    g_autoptr(QemuDomain) domain = g_steal_pointer(&save->domain);
    g_clear_handle_id(&save->progress_source, g_source_remove);
    domain->saving = NULL;
    if (!keep)
        g_clear_pointer(&domain->unfinished, qemu_unfinished_free);
    qemu_domain_save(domain);
    if (!save->is_kept)
        qemu_job_end(domain, save->error);
    save->done(domain, save->error, save->data);
    save_unref(save);
    if (keep && domain->qmp && qemu_qmp_is_ready(domain->qmp))
        qemu_save_recover(domain); /* the monitor came back meanwhile */
}

static void
on_continued(QemuDomain *domain, GError *error, gpointer data)
{
    QemuSave *save = data;
    if (error)
        vb_log_warning(domain->name, "cannot run on after a failed save: %s", error->message);
    if (save->domain)
        save_end(save, FALSE);
    save_unref(save);
}

static void
go_on(QemuSave *save)
{
    QemuDomain *domain = save->domain;
    gboolean is_lost = g_strcmp0(vb_error_get_reason(save->error), "MonitorLost") == 0;
    if (!domain->live || domain->is_exited || !domain->qmp || is_lost) {
        save_end(save, domain->live && !domain->is_exited);
        return;
    }
    if (!save->was_running || domain->state != VIR_DOMAIN_PAUSED) {
        save_end(save, FALSE);
        return;
    }
    qemu_monitor_set_run_reason(domain, VIR_DOMAIN_RUNNING_SAVE_CANCELED);
    qemu_domain_execute(domain, "cont", NULL, on_continued, save_ref(save));
}

/* ---- what may block ---- */

typedef gboolean (*SaveWork)(SaveFile *file, GError **error);
typedef struct {
    QemuSave *save;
    SaveWork work;
    void (*then)(QemuSave *save, GError *error); /* takes @error */
} SaveTask;

static void
run_work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    SaveTask *step = data;
    GError *error = NULL;
    if (step->work(&step->save->file, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    SaveTask *step = data;
    GError *error = NULL;
    (void)g_task_propagate_boolean(G_TASK(result), &error);
    step->save->is_working = FALSE;
    if (step->save->domain)
        step->then(step->save, error);
    else
        g_clear_error(&error);
    save_unref(step->save);
    g_free(step);
}

static void
work(QemuSave *save, SaveWork func, void (*then)(QemuSave *, GError *))
{
    SaveTask *step = g_new(SaveTask, 1);
    *step = (SaveTask){save_ref(save), func, then};
    save->is_working = TRUE;
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_worked, step);
    g_task_set_task_data(task, step, NULL);
    g_task_run_in_thread(task, run_work);
}

static gboolean
create_file(SaveFile *file, GError **error)
{
    const QemuSaveHead head = {file->temporary, file->xml, file->was_running};
    file->fd = qemu_save_image_create(&head, error);
    return file->fd >= 0;
}

static gboolean
finish_file(SaveFile *file, GError **error)
{
    gboolean is_done = qemu_save_image_finish(file->fd, file->temporary, file->path, error);
    close(file->fd);
    file->fd = -1;
    file->is_finished = is_done;
    return is_done;
}

static gboolean
remove_file(SaveFile *file, GError **error)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    const char *path = file->is_finished ? file->path : file->temporary;
    if (g_unlink(path) < 0 && errno != ENOENT)
        return vb_error_set_errno(error, errno, "cannot remove '%s'", path);
    return TRUE;
}

static void
on_removed(QemuSave *save, GError *error)
{
    if (error)
        vb_log_warning(save->domain->name, "%s", error->message);
    g_clear_error(&error);
    go_on(save);
}

/* The path is noted from when the temporary file exists to when it is given up: a path without that file is a file that was
 * made whole, and no older image. */
static void
note_path(QemuDomain *domain, const char *path)
{
    if (!domain->unfinished || g_strcmp0(domain->unfinished->path, path) == 0)
        return;
    g_free(domain->unfinished->path);
    domain->unfinished->path = g_strdup(path);
    qemu_domain_save(domain);
}

/* The monitor of a guest that is being destroyed is gone before the process is: what is told is why. Takes @error */
static GError *
explain(const QemuSave *save, GError *error)
{
    GError *better = NULL;
    if (!error || !save->domain->stopping ||
        g_strcmp0(vb_error_get_reason(error), "MonitorLost") != 0)
        return error;
    g_error_free(error);
    vb_error_set(&better, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    vb_error_set_reason(better, "MonitorLost", NULL);
    return better;
}

/* The guest runs on, and no image is left. Takes @error, NULL when it is known. A thread at work finishes first. */
static void
save_fail(QemuSave *save, GError *error)
{
    if (save->error)
        g_clear_error(&error);
    else
        save->error = explain(save, error);
    save->is_migrating = FALSE;
    note_path(save->domain, NULL);
    if (save->is_working || save->is_undoing)
        return;
    save->is_undoing = TRUE;
    work(save, remove_file, on_removed);
}

/* ---- the emulator's part ---- */

static void
on_ended(QemuDomain *domain, GError *error, gpointer data)
{
    QemuSave *save = data;
    if (save->domain)
        save_end(save, FALSE);
    save_unref(save);
}

static void
on_written(QemuSave *save, GError *error)
{
    if (error || save->error) {
        save_fail(save, error);
        return;
    }
    qemu_crash_point("save-written");
    if (save->is_kept) {
        save_end(save, FALSE);
        return;
    }
    qemu_domain_end(save->domain, VIR_DOMAIN_EVENT_STOPPED_SAVED, VIR_DOMAIN_SHUTOFF_SAVED,
                    on_ended, save_ref(save));
}

static void
on_migrated(QemuSave *save)
{
    save->is_migrating = FALSE;
    g_clear_handle_id(&save->progress_source, g_source_remove);
    qemu_crash_point("save-migrated");
    work(save, finish_file, on_written);
}

static void
handle_migration(QemuSave *save, const VbJson *result)
{
    const char *status = vb_json_get_string(result, "status");
    const char *why = vb_json_get_string(result, "error-desc");
    GError *error = NULL;
    qemu_job_update(save->domain, result);
    if (g_strcmp0(status, "completed") == 0) {
        on_migrated(save);
    } else if (g_strcmp0(status, "cancelled") == 0) {
        vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "domain save job: canceled by client");
        save_fail(save, error);
    } else if (g_strcmp0(status, "failed") == 0) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain save job: %s",
                     why ? why : "unexpectedly failed");
        save_fail(save, error);
    }
}

static void
on_progress(const VbJson *result, const GError *error, gpointer data)
{
    QemuSave *save = data;
    save->is_asking = FALSE;
    if (save->domain && save->is_migrating && error &&
        !vb_error_matches(error, VIR_ERR_OPERATION_TIMEOUT))
        save_fail(save, g_error_copy(error));
    else if (save->domain && save->is_migrating && !error)
        handle_migration(save, result);
    save_unref(save);
}

static gboolean
ask_progress(gpointer data)
{
    QemuSave *save = data;
    if (save->is_asking || !save->domain->qmp)
        return G_SOURCE_CONTINUE;
    save->is_asking = TRUE;
    qemu_qmp_execute(save->domain->qmp, "query-migrate", NULL, QEMU_QMP_TIMEOUT_MS, on_progress,
                     save_ref(save));
    return G_SOURCE_CONTINUE;
}

/**
 * qemu_save_migration_event:
 * @status: of the emulator's MIGRATION event
 */
void
qemu_save_migration_event(QemuDomain *domain, const char *status)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", NULL};
    if (domain->saving && domain->saving->is_migrating && status && g_strv_contains(ends, status))
        (void)ask_progress(domain->saving);
}

static const struct {
    const char *command, *arguments;
    gboolean has_fd;
} steps[] = {
    {"stop", NULL, FALSE},
    {"migrate-set-capabilities", "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
     FALSE},
    {"migrate-set-parameters", NULL, FALSE}, /* the speed */
    {"getfd", "{\"fdname\":\"save\"}", TRUE},
    {"migrate", "{\"uri\":\"fd:save\"}", FALSE},
};

static void
on_step(const VbJson *result, const GError *error, gpointer data)
{
    QemuSave *save = data;
    if (save->domain && error)
        save_fail(save, g_error_copy(error));
    else if (save->domain && !save->error)
        next_step(save);
    save_unref(save);
}

/* For tests of what happens meanwhile, the environment may have VIRTBUS_SAVE_SPEED. */
static char *
speed_arguments(void)
{
    const char *slow = g_getenv("VIRTBUS_SAVE_SPEED");
    return vb_json_object("u:max-bandwidth", slow ? g_ascii_strtoull(slow, NULL, 10) : NO_LIMIT,
                          NULL);
}

static void
next_step(QemuSave *save)
{
    QemuDomain *domain = save->domain;
    if (save->step == G_N_ELEMENTS(steps)) {
        qemu_crash_point("save-begun");
        save->is_migrating = TRUE;
        save->progress_source = g_timeout_add(PROGRESS_MS, ask_progress, save);
        (void)ask_progress(save);
        return;
    }
    g_autofree char *speed = speed_arguments();
    gboolean is_speed = g_str_equal(steps[save->step].command, "migrate-set-parameters");
    QemuQmpRequest request = {.command = steps[save->step].command,
                              .arguments = is_speed ? speed : steps[save->step].arguments,
                              .fd = steps[save->step].has_fd ? save->file.fd : -1,
                              .timeout_ms = QEMU_QMP_TIMEOUT_MS};
    save->step++;
    qemu_qmp_execute_request(domain->qmp, &request, on_step, save_ref(save));
}

static void
on_created(QemuSave *save, GError *error)
{
    QemuDomain *domain = save->domain;
    if (!error && !save->error && !domain->qmp)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", domain->name);
    if (error || save->error) {
        save_fail(save, error);
        return;
    }
    if (!save->is_kept)
        note_path(domain, save->file.path);
    qemu_crash_point("save-created");
    if (save->is_live)
        qemu_monitor_set_pause_reason(domain, VIR_DOMAIN_PAUSED_SNAPSHOT);
    if (save->was_running)
        qemu_monitor_set_pause_reason(domain, VIR_DOMAIN_PAUSED_SAVE);
    else
        save->step = 1; /* without "stop" */
    next_step(save);
}

/* ---- the beginning ---- */

static void
on_cancel(QemuDomain *domain)
{
    QemuSave *save = domain->saving;
    GError *error = NULL;
    if (!save || save->error)
        return;
    if (save->is_migrating && domain->qmp) {
        qemu_qmp_execute(domain->qmp, "migrate_cancel", NULL, QEMU_QMP_TIMEOUT_MS, NULL, NULL);
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "domain save job: canceled by client");
    save_fail(save, error);
}

/* Source: libvirt's refusals */
static gboolean
check_request(QemuDomain *domain, const QemuSaveRequest *request, GError **error)
{
    const char *function = request->path ? "qemuDomainSaveFlags" : "qemuDomainManagedSave";
    const guint both = VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED;
    if (!qemu_check_flags(request->flags, SAVE_FLAGS, function, error) ||
        !qemu_domain_check_active(domain, error))
        return FALSE;
    if ((request->flags & both) == both)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "running and paused flags in %s are mutually exclusive", function);
    if (request->flags & VIR_DOMAIN_SAVE_BYPASS_CACHE)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "bypass cache unsupported by this system");
    if (!request->path && !domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot do managed save for transient domain");
    if (domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    if (domain->state != VIR_DOMAIN_RUNNING && domain->state != VIR_DOMAIN_PAUSED)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is %s",
                            qemu_domain_state_name(domain->state));
    if (!qemu_transient_check_none(domain->live, error))
        return FALSE;
    if (request->path && *request->path != '/')
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is no absolute path", request->path);
    if (!domain->qmp)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "the monitor of domain '%s' is not connected", domain->name);
    return TRUE;
}

/* The file that is meant: behind a link the file it points to. Anything else than a file would be replaced by one. */
static char *
find_path(QemuDomain *domain, const QemuSaveRequest *request, GError **error)
{
    struct stat info;
    char *path = request->path ? realpath(request->path, NULL) : NULL;
    if (path && stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "saving to '%s', which is no regular file", request->path);
        free(path);
        return NULL;
    }
    char *result = path ? g_strdup(path) : request->path ? g_strdup(request->path) : NULL;
    free(path);
    if (result)
        return result;
    result = qemu_manager_save_path(domain->manager, domain->name);
    g_autofree char *folder = g_path_get_dirname(result);
    if (!vb_store_mkdir(folder, FOLDER_MODE, error))
        g_clear_pointer(&result, g_free);
    return result;
}

/* what is written into the image; NULL with @error */
static char *
image_xml(QemuDomain *domain, const char *dxml, GError **error)
{
    const guint flags = VB_DOMAIN_FORMAT_SECURE | VB_DOMAIN_FORMAT_MIGRATABLE;
    g_autoptr(VbDomainDef) other =
        dxml ? qemu_save_other_definition(domain->manager, domain->live, dxml, error) : NULL;

    if (dxml && !other)
        return NULL;
    return vb_domain_format(other ? other : domain->live, flags);
}

static gboolean
begin_job(QemuDomain *domain, const QemuSaveRequest *request, GError **error)
{
    const QemuJobSpec spec = {.name = "save",
                              .operation = VIR_DOMAIN_JOB_OPERATION_SAVE,
                              .subject = request->subject,
                              .owner = request->owner,
                              .cancel = on_cancel};
    return qemu_job_begin(domain, &spec, error);
}

/* takes @xml */
static void
begin(QemuDomain *domain, const QemuSaveRequest *request, QemuSave *save, char *xml)
{
    g_autofree char *folder = g_path_get_dirname(save->file.path);
    save->ref_count = 1;
    save->domain = qemu_domain_ref(domain);
    save->was_running = domain->state == VIR_DOMAIN_RUNNING && !save->is_live;
    save->file.fd = -1;
    save->file.was_running = request->flags & VIR_DOMAIN_SAVE_RUNNING  ? TRUE
                             : request->flags & VIR_DOMAIN_SAVE_PAUSED ? FALSE
                                                                       : save->was_running;
    save->file.temporary =
        g_strdup_printf("%s/.vbtmp-save-%08x%08x", folder, g_random_int(), g_random_int());
    save->file.xml = xml;
    domain->saving = save;
    domain->unfinished = qemu_unfinished_new(NULL, save->file.temporary, save->was_running);
    qemu_domain_save(domain);
    qemu_crash_point("save-noted");
    work(save, create_file, on_created);
}

void
qemu_domain_save_image(QemuDomain *domain, const QemuSaveRequest *request, QemuDone done,
                       gpointer data)
{
    GError *error = NULL;
    char *path = NULL, *xml = NULL;
    if (!check_request(domain, request, &error) || !qemu_job_check_none(domain, &error) ||
        !(path = find_path(domain, request, &error)) ||
        !(xml = image_xml(domain, request->dxml, &error)) || !begin_job(domain, request, &error)) {
        g_free(path);
        g_free(xml);
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    QemuSave *save = g_new0(QemuSave, 1);
    save->file.path = path;
    save->done = done;
    save->data = data;
    begin(domain, request, save, xml);
}

void
qemu_domain_write_image(QemuDomain *domain, const char *path, gboolean is_live, gboolean runs_later,
                        QemuDone done, gpointer data)
{
    const QemuSaveRequest request = {.path = path,
                                     .flags = runs_later ? VIR_DOMAIN_SAVE_RUNNING
                                                         : VIR_DOMAIN_SAVE_PAUSED};
    GError *error = NULL;
    char *real_path = find_path(domain, &request, &error);
    if (!real_path) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    QemuSave *save = g_new0(QemuSave, 1);
    save->file.path = real_path;
    save->done = done;
    save->data = data;
    save->is_kept = TRUE;
    save->is_live = is_live;
    begin(domain, &request, save, image_xml(domain, NULL, NULL));
}

/**
 * qemu_domain_remove_managed_save:
 * @flags: 0
 *
 * Durable when it returns. A guest without an image is fine, as with libvirt.
 */
gboolean
qemu_domain_remove_managed_save(QemuDomain *domain, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, 0, "qemuDomainManagedSaveRemove", error))
        return FALSE;
    g_autofree char *path = qemu_manager_save_path(domain->manager, domain->name);
    if (!vb_store_remove(path, error))
        return FALSE;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    return TRUE;
}

/* ---- what happens meanwhile ---- */

/**
 * qemu_save_guest_gone:
 *
 * Whatever ended the emulator: a save that was not through has failed.
 */
void
qemu_save_guest_gone(QemuDomain *domain)
{
    QemuSave *save = domain->saving;
    GError *error = NULL;
    if (save && domain->stop_reason != VIR_DOMAIN_SHUTOFF_SAVED) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        save_fail(save, error);
    }
    if (!save && domain->unfinished && domain->unfinished->temporary)
        (void)g_unlink(domain->unfinished->temporary);
    qemu_unfinished_use_up(domain);
}

/* The next start of the daemon takes the save back. */
void
qemu_save_drop(QemuDomain *domain)
{
    QemuSave *save = g_steal_pointer(&domain->saving);
    g_autoptr(GError) error = NULL;
    if (!save)
        return;
    g_autoptr(QemuDomain) held = g_steal_pointer(&save->domain);
    g_clear_handle_id(&save->progress_source, g_source_remove);
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "the daemon ends while domain '%s' is saved",
                 held->name);
    save->done(held, error, save->data);
    save_unref(save);
}
