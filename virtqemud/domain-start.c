/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a guest: definition -> what it needs on the host -> command line -> process -> monitor -> running. Event driven:
 * the monitor's socket is ours and listening before the emulator exists, so nothing is polled and nothing sleeps. */
#include "base/error.h"
#include "command/plug.h"
#include "command/command.h"
#include "define.h"
#include "domain-private.h"
#include "domain-start.h"
#include "guest-job.h"
#include "helper.h"
#include "monitor.h"
#include "placement.h"
#include "prepare.h"
#include "resctrl.h"
#include "save.h"
#include "secret.h"
#include "snapshot-op.h"
#include "status.h"
#include "store/store.h"
#include "tuning.h"
#include "vcpus.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define START_TIMEOUT_MS                                                                           \
    60000 /* until the monitor greets and answers; large guests allocate their memory before */

/* ---- the end of a start ---- */

static QemuTransition *
take_start(QemuDomain *domain)
{
    QemuTransition *start = g_steal_pointer(&domain->starting);
    g_clear_handle_id(&start->deadline, g_source_remove);
    domain->is_starting = FALSE;
    return start;
}

static void
start_free(QemuTransition *start)
{
    g_clear_error(&start->error);
    qemu_caps_unref(start->caps);
    qemu_prepared_free(start->prepared);
    g_clear_pointer(&start->command, qemu_command_free);
    qemu_save_image_free(start->image);
    vb_snapshot_free(start->snapshot);
    qemu_domain_unref(start->domain);
    g_free(start);
}

static gboolean
stays_paused(const QemuTransition *start)
{
    return (start->flags & VIR_DOMAIN_START_PAUSED) || (start->image && !start->image->was_running);
}

/* "started" was told when the image was loaded. */
static void
tell_restored(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    if (stays_paused(start)) {
        qemu_domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                   VIR_DOMAIN_EVENT_SUSPENDED_RESTORED);
    } else {
        qemu_domain_set_state(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_RESTORED);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_RESUMED,
                                   VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    qemu_crash_point("restore-runs");
    qemu_unfinished_use_up(domain);
}

/* "started" was told when the snapshot was loaded. */
static void
tell_from_snapshot(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    if (stays_paused(start)) {
        qemu_domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_FROM_SNAPSHOT);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                   VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT);
    } else {
        qemu_domain_set_state(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_FROM_SNAPSHOT);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_RESUMED,
                                   VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT);
    }
}

static void
tell_booted(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    gboolean is_paused = stays_paused(start);
    if (is_paused) {
        qemu_domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER);
    } else {
        qemu_domain_set_state(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_RESUMED,
                                   VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    }
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_BOOTED);
    if (is_paused)
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_SUSPENDED,
                                   VIR_DOMAIN_EVENT_SUSPENDED_PAUSED);
}

static void
start_succeed(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    take_start(domain);
    qemu_secrets_forget(domain);
    qemu_monitor_agent_state(domain, NULL, FALSE,
                             VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_DOMAIN_STARTED);
    if (start->image)
        tell_restored(start);
    else if (start->snapshot)
        tell_from_snapshot(start);
    else
        tell_booted(start);
    qemu_crash_point("start-event");
    qemu_domain_save(domain);
    qemu_crash_point("start-done");
    start->done(domain, NULL, start->data);
    start_free(start);
}

static void
on_helpers_ended(QemuDomain *domain)
{
    if (domain->starting)
        qemu_start_finish_failure(domain->starting);
}

/* Nothing of the guest is left but its definition. */
void
qemu_start_finish_failure(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    if (qemu_helpers_end(domain, on_helpers_ended))
        return;
    QemuDone done = start->done;
    gpointer data = start->data;
    g_autoptr(GError) error = g_steal_pointer(&start->error);
    g_autoptr(QemuDomain) keep = qemu_domain_ref(domain);
    if (start->is_loaded)
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_STOPPED,
                                   VIR_DOMAIN_EVENT_STOPPED_FAILED);
    if (start->may_run)
        qemu_unfinished_use_up(domain);
    g_clear_pointer(&domain->unfinished,
                    qemu_unfinished_free); /* it never ran: its image is as good as before */
    take_start(domain);
    start_free(start);
    qemu_domain_clean_up(domain);
    g_clear_pointer(&domain->live, vb_domain_free);
    if (domain->manager)
        qemu_manager_drop_id(domain->manager, domain);
    qemu_domain_set_state(domain, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RUN);
    if (!domain->config && domain->manager && !domain->is_kept)
        qemu_manager_remove(domain->manager, domain);
    done(domain, error, data);
    qemu_stop_tell_waiters(domain); /* who destroyed it meanwhile */
}

void
qemu_start_fail(QemuTransition *start, GError *error)
{
    QemuDomain *domain = start->domain;
    if (start->error)
        g_clear_error(&error);
    else
        start->error = error;
    if (start->awaits_helper)
        qemu_helpers_interrupt(domain);
    if (start->awaits_caps || start->awaits_helper)
        return;
    if (domain->process)
        (void)qemu_process_kill(domain->process, SIGKILL, NULL); /* its end finishes the failure */
    else
        qemu_start_finish_failure(start);
}

/* The emulator ended before it was ready: what it wrote says why. */
void
qemu_domain_start_failed(QemuDomain *domain)
{
    QemuTransition *start = domain->starting;
    g_autofree char *log = qemu_manager_log_path(domain->manager, domain->name);
    if (!start->error) {
        g_autofree char *words = qemu_process_read_log(log, start->log_offset);
        vb_error_set(&start->error, VIR_ERR_OPERATION_FAILED,
                     "process exited while connecting to monitor: %s", words);
        vb_error_set_reason(start->error, "EmulatorExited", domain->name);
        vb_error_add_cause(start->error, words);
    }
    qemu_start_finish_failure(start);
}

static gboolean
on_deadline(gpointer data)
{
    QemuTransition *start = data;
    GError *error = NULL;
    start->deadline = 0;
    vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT,
                 "the emulator of domain '%s' did not become ready within %d s",
                 start->domain->name, START_TIMEOUT_MS / 1000);
    qemu_start_fail(start, error);
    return G_SOURCE_REMOVE;
}

/* ---- the monitor's part ---- */

static const char *
find_pty(const VbJson *chardevs, const char *alias)
{
    g_autofree char *label = g_strconcat("char", alias, NULL);
    for (const VbJson *chardev = vb_json_first(chardevs); chardev;
         chardev = vb_json_next(chardev)) {
        const char *file = vb_json_get_string(chardev, "filename");
        if (g_strcmp0(vb_json_get_string(chardev, "label"), label) == 0 && file &&
            g_str_has_prefix(file, "pty:"))
            return file + strlen("pty:");
    }
    return NULL;
}

static void
set_pty(VbDomainChr *chr, const char *path)
{
    if (!path || chr->source.type != VB_DOMAIN_CHR_PTY)
        return;
    g_free(chr->source.path);
    chr->source.path = g_strdup(path);
}

/* The first console is the first serial port seen again, under the same alias. */
static void
on_chardevs(const VbJson *result, QemuDomain *domain)
{
    GPtrArray *lists[] = {domain->live->serials, domain->live->parallels, domain->live->channels,
                          domain->live->consoles};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainChr, chr, lists[i])
        {
            if (chr->info.alias)
                set_pty(chr, find_pty(result, chr->info.alias));
        }
    }
    VB_DOMAIN_EACH(VbDomainChr, console, domain->live->consoles)
    {
        g_free(console->tty);
        console->tty =
            console->source.type == VB_DOMAIN_CHR_PTY ? g_strdup(console->source.path) : NULL;
    }
}

typedef struct {
    QemuDomain *domain;
    void (*use)(const VbJson *result, QemuDomain *domain);
} StartStep;

static void
on_step_done(const VbJson *result, const GError *error, gpointer data)
{
    StartStep *step = data;
    g_autoptr(QemuDomain) domain = step->domain;
    QemuTransition *start = domain->starting;
    if (start && error && !start->error && domain->qmp && !domain->is_exited &&
        !vb_error_matches(error, VIR_ERR_OPERATION_TIMEOUT) &&
        g_strcmp0(vb_error_get_reason(error), "MonitorLost") != 0) {
        start->may_run = FALSE; /* "cont", when it was sent, was refused */
        qemu_start_fail(start, g_error_copy(error));
    } else if (start && !error) {
        if (step->use)
            step->use(result, domain);
        if (--start->n_pending == 0 && !start->error)
            start_succeed(start);
    }
    g_free(step);
}

static void
ask_with_fd(QemuDomain *domain, const QemuQmpRequest *request,
            void (*use)(const VbJson *, QemuDomain *))
{
    StartStep *step = g_new0(StartStep, 1);
    step->domain = qemu_domain_ref(domain);
    step->use = use;
    domain->starting->n_pending++;
    qemu_qmp_execute_request(domain->qmp, request, on_step_done, step);
}

static void
ask(QemuDomain *domain, const char *command, const char *arguments,
    void (*use)(const VbJson *, QemuDomain *))
{
    const QemuQmpRequest request = {.command = command, .arguments = arguments, .fd = -1};
    ask_with_fd(domain, &request, use);
}

static void
set_passwords(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, domain->live->graphics)
    {
        gboolean is_vnc = graphics->type == VB_DOMAIN_GRAPHICS_VNC;
        if (!graphics->passwd || (!is_vnc && graphics->type != VB_DOMAIN_GRAPHICS_SPICE))
            continue;
        const char *protocol = is_vnc ? "vnc" : "spice";
        g_autofree char *arguments =
            vb_json_object("s:protocol", protocol, "s:password", graphics->passwd, "s:connected",
                           is_vnc ? NULL : graphics->connected, NULL);
        ask(domain, "set_password", arguments, NULL);
    }
}

static void
set_disk_limits(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, domain->live->disks)
    {
        g_autofree char *arguments = qemu_command_iotune_arguments(disk, FALSE);
        if (arguments)
            ask(domain, "block_set_io_throttle", arguments, NULL);
    }
}

static void
set_memory(QemuDomain *domain)
{
    const VbDomainDef *def = domain->live;
    gboolean is_loaded = domain->starting->image || domain->starting->snapshot;
    domain->facts->balloon_kib = is_loaded ? def->current_memory_kib : def->memory_kib;
    if (is_loaded || !def->memballoon || def->memballoon->model == VB_DOMAIN_MEMBALLOON_NONE ||
        def->current_memory_kib >= def->memory_kib || def->current_memory_kib == 0)
        return;
    g_autofree char *arguments = vb_json_object("u:value", def->current_memory_kib * 1024, NULL);
    ask(domain, "balloon", arguments, NULL);
}

static void
set_stats_period(QemuDomain *domain)
{
    const VbDomainMemballoon *balloon = domain->live->memballoon;
    if (!balloon || balloon->model == VB_DOMAIN_MEMBALLOON_NONE || balloon->stats_period_s == 0)
        return;
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", balloon->info.alias);
    g_autofree char *arguments =
        vb_json_object("s:path", path, "s:property", "guest-stats-polling-interval", "u:value",
                       (guint64)balloon->stats_period_s, NULL);
    ask(domain, "qom-set", arguments, NULL);
}

/* A machine that must not restart stops at its reset and says SHUTDOWN. Source: libvirt; QEMU 6.0's set-action */
static void
set_reboot_action(QemuDomain *domain)
{
    if (domain->live->on_reboot == VB_DOMAIN_ACTION_DESTROY)
        ask(domain, "set-action", "{\"reboot\":\"shutdown\"}", NULL);
}

/* The image may be large: it has the time it needs. An emulator that cannot read it ends, and says why. */
static void
load_image(QemuDomain *domain)
{
    QemuTransition *start = domain->starting;
    const QemuQmpRequest request = {.command = "getfd",
                                    .arguments = "{\"fdname\":\"restore\"}",
                                    .fd = start->image->fd};
    g_clear_handle_id(&start->deadline, g_source_remove);
    start->is_loading = TRUE;
    start->n_pending++;
    ask(domain, "migrate-set-capabilities",
        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}", NULL);
    ask_with_fd(domain, &request, NULL);
    ask(domain, "migrate-incoming", "{\"uri\":\"fd:restore\"}", NULL);
}

/* From here on a restart of the daemon lets the guest run, and uses its managed image up. */
static void
on_loaded(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    const char *used_up = start->is_managed ? start->image->path : NULL;
    start->is_loading = FALSE;
    start->is_loaded = TRUE;
    domain->is_starting = FALSE;
    domain->unfinished = qemu_unfinished_new(used_up, NULL, !stays_paused(start));
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_STARTED_RESTORED);
    qemu_domain_save(domain);
    qemu_crash_point("restore-loaded");
    start->may_run = !stays_paused(start);
    if (start->may_run)
        ask(domain, "cont", NULL, NULL);
    if (--start->n_pending == 0)
        start_succeed(start);
}

void
qemu_start_migration_event(QemuDomain *domain, const char *status)
{
    QemuTransition *start = domain->starting;
    if (start->image && start->is_loading && !start->error && g_strcmp0(status, "completed") == 0)
        on_loaded(start);
}

/* ---- from an internal snapshot ---- */

#define LOAD_JOB "virtbus-snapshot-load"

/* Loading may take its time, as with an image. */
static void
load_snapshot(QemuDomain *domain)
{
    QemuTransition *start = domain->starting;
    g_autofree char *arguments =
        qemu_snapshot_job_arguments(domain->live, start->snapshot, "snapshot-load", LOAD_JOB);
    g_clear_handle_id(&start->deadline, g_source_remove);
    start->is_loading = TRUE;
    start->n_pending++;
    ask(domain, "snapshot-load", arguments, NULL);
}

static void
on_snapshot_loaded(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    start->is_loading = FALSE;
    start->is_loaded = TRUE;
    domain->is_starting = FALSE;
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_STARTED,
                               VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT);
    qemu_domain_save(domain);
    qemu_crash_point("snapshot-loaded");
    ask(domain, "job-dismiss", "{\"id\":\"" LOAD_JOB "\"}", NULL);
    if (!stays_paused(start))
        ask(domain, "cont", NULL, NULL);
    start->n_pending--; /* the job's; at least the dismissal's answer is to come */
}

static void
on_load_jobs(const VbJson *result, QemuDomain *domain)
{
    QemuTransition *start = domain->starting;
    for (const VbJson *job = vb_json_first(result); job; job = vb_json_next(job)) {
        const char *why = vb_json_get_string(job, "error");
        GError *error = NULL;
        if (g_strcmp0(vb_json_get_string(job, "id"), LOAD_JOB) != 0 || !start->is_loading)
            continue;
        if (!why) {
            on_snapshot_loaded(start);
            continue;
        }
        start->is_loading = FALSE;
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", why);
        qemu_start_fail(start, error);
    }
}

void
qemu_start_job_event(QemuDomain *domain, const VbJson *details)
{
    QemuTransition *start = domain->starting;
    if (start->is_loading && start->snapshot && !start->error &&
        g_strcmp0(vb_json_get_string(details, "id"), LOAD_JOB) == 0 &&
        g_strcmp0(vb_json_get_string(details, "status"), "concluded") == 0)
        ask(domain, "query-jobs", NULL, on_load_jobs);
}

static void
go_on(QemuDomain *domain)
{
    if (domain->starting->image)
        load_image(domain);
    else if (domain->starting->snapshot)
        load_snapshot(domain);
    else if (!stays_paused(domain->starting))
        ask(domain, "cont", NULL, NULL);
}

static void
on_placed(QemuDomain *domain, GError *error, gpointer data)
{
    QemuTransition *start = domain->starting;
    if (!start || start->error)
        return;
    if (error) {
        qemu_start_fail(start, g_error_copy(error));
        return;
    }
    if (!domain->qmp || domain->is_exited)
        return; /* its end tells the failure */
    go_on(domain);
    if (--start->n_pending == 0)
        start_succeed(start);
}

static void
on_limited(QemuDomain *domain, GError *error, gpointer data)
{
    if (!error && domain->live && qemu_resctrl_is_wanted(domain->live))
        qemu_resctrl_create(domain, on_placed, NULL);
    else
        on_placed(domain, error, NULL);
}

/* The threads are known, and nothing of the guest has run. */
static void
place_threads(const VbJson *result, QemuDomain *domain)
{
    g_autoptr(GError) error = NULL;
    qemu_start_take_vcpus(result, domain);
    domain->starting->n_pending++;
    if (qemu_placement_apply(domain, &error) && qemu_tuning_is_wanted(domain))
        qemu_tuning_apply(domain, on_limited, NULL);
    else
        on_limited(domain, error, NULL);
}

/* All questions leave at once; the emulator answers in order, "cont" is the last. Only a guest whose threads have to be
 * placed first waits for an answer. */
static void
ask_all(QemuDomain *domain)
{
    const gboolean is_placed = qemu_resctrl_is_wanted(domain->live) ||
                               qemu_placement_is_wanted(domain->live) ||
                               qemu_tuning_is_wanted(domain);
    if (domain->live->iothreads > 0)
        ask(domain, "query-iothreads", NULL, qemu_start_take_iothreads);
    ask(domain, "query-cpus-fast", NULL, is_placed ? place_threads : qemu_start_take_vcpus);
    ask(domain, "query-chardev", NULL, on_chardevs);
    set_passwords(domain);
    set_disk_limits(domain);
    set_memory(domain);
    set_stats_period(domain);
    set_reboot_action(domain);
    if (!is_placed)
        go_on(domain);
}

static void
on_late_vcpus(QemuDomain *domain, GError *error, gpointer data)
{
    QemuTransition *start = domain->starting;
    if (!start || start->error || !domain->qmp || domain->is_exited)
        return; /* its end tells the failure */
    start->n_pending--;
    if (error)
        qemu_start_fail(start, g_error_copy(error));
    else
        ask_all(domain);
}

void
qemu_start_connected(QemuDomain *domain)
{
    qemu_crash_point("start-connected");
    if (!qemu_vcpus_come_later(domain->live)) {
        ask_all(domain);
        return;
    }
    domain->starting->n_pending++;
    qemu_vcpus_plug_at_start(domain, on_late_vcpus, NULL);
}

/* ---- the process ---- */

void
qemu_domain_owe(QemuDomain *domain, const char *kind, const char *what)
{
    g_ptr_array_add(domain->owed, g_strdup_printf("%s %s", kind, what));
}

void
qemu_domain_owe_no_more(QemuDomain *domain, const char *kind, const char *what)
{
    g_autofree char *owed = g_strdup_printf("%s %s", kind, what);
    guint at;
    if (g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, &at))
        g_ptr_array_remove_index(domain->owed, at);
}

/* ---- the beginning ---- */

/**
 * qemu_domain_start_plan:
 * @plan: live and image are taken; the definition of a guest that does not run
 *
 * The guest has its id and is listed as starting from here on.
 */
void
qemu_domain_start_plan(QemuDomain *domain, const QemuStartPlan *plan, QemuDone done, gpointer data)
{
    VbDomainDef *live = plan->live;
    QemuTransition *start = g_new0(QemuTransition, 1);
    start->domain = qemu_domain_ref(domain);
    start->flags = plan->flags;
    start->image = plan->image;
    start->is_managed = plan->is_managed;
    start->snapshot = plan->snapshot ? vb_snapshot_copy(plan->snapshot) : NULL;
    start->done = done;
    start->data = data;
    domain->starting = start;
    domain->live = live;
    domain->is_starting = TRUE;
    domain->is_exited = FALSE;
    domain->is_shutting_down = FALSE;
    domain->has_fake_reboot = FALSE;
    domain->stop_detail = domain->stop_reason = 0;
    domain->pause_reason = domain->run_reason = 0;
    g_clear_pointer(&domain->auto_cpus, g_free);
    g_clear_pointer(&domain->auto_nodes, g_free);
    live->id = qemu_manager_take_id(domain->manager, domain);
    live->has_id = TRUE;
    g_array_set_size(domain->vcpu_tids, 0);
    qemu_domain_set_state(domain, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RUN);
    start->awaits_caps = TRUE;
    start->deadline = g_timeout_add(START_TIMEOUT_MS, on_deadline, start);
    QemuAccel accel = live->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
    qemu_caps_cache_get(domain->manager->caps, live->emulator, accel, qemu_launch_on_caps, start);
}

/**
 * qemu_domain_start:
 * @flags: virDomainCreateFlags; AUTODESTROY is the caller's to arrange with qemu_domain_set_auto_destroy
 *
 * Errors: OPERATION_INVALID already running; OPERATION_FAILED the emulator ended, with its words; SYSTEM_ERROR a file is
 *   missing; NO_NETWORK; CONFIG_UNSUPPORTED; OPERATION_TIMEOUT
 */
void
qemu_domain_start(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (qemu_domain_is_active(domain) || domain->starting)
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "domain is already running");
    else if (!domain->config || !domain->manager)
        vb_error_set(&error, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", domain->name);
    if (error || !qemu_job_check_none(domain, &error))
        qemu_domain_finish_later(domain, error, done, data);
    else if (!qemu_definition_is_filled_in(domain->config))
        qemu_domain_complete_and_start(domain, flags, done, data);
    else
        qemu_restore_or_boot(domain, flags, done, data);
}

/* The daemon ends: whoever waits is told, the emulator is left to the next start of the daemon, which ends it. A start
 * that waits for capabilities is told by those. */
void
qemu_domain_drop_start(QemuDomain *domain)
{
    g_autoptr(GError) error = NULL;
    if (!domain->starting || (domain->starting->awaits_caps && !domain->starting->abandoned_by))
        return;
    if (domain->starting->abandoned_by)
        *domain->starting->abandoned_by = NULL;
    QemuTransition *start = take_start(domain);
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "the daemon ends while domain '%s' starts",
                 domain->name);
    start->done(domain, error, start->data);
    start_free(start);
}

/* Destroys what is being started: the start fails with an error that says so. */
void
qemu_domain_abort_start(QemuDomain *domain)
{
    GError *error = NULL;
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "domain '%s' was destroyed while it started",
                 domain->name);
    qemu_start_fail(domain->starting, error);
}
