/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a restart finds: every status file is a guest that ran. Living ones are taken up again and asked how they are;
 * dead ones are concluded; half-started ones are ended. The event log wins over the status file: an event that is in the
 * log and not yet in the file happened, and was told. */
#include "base/error.h"
#include "domain-private.h"
#include "guest-bus.h"
#include "helper.h"
#include "hostdev.h"
#include "monitor.h"
#include "passt.h"
#include "perf.h"
#include "prepare.h"
#include "save.h"
#include "status.h"
#include "store/store.h"
#include "tpm.h"
#include "virtiofs.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#define QUESTION_MS 10000
#define LOOK_AGAIN_US 500 /* at a child between fork and its first write */
#define LOOK_AGAIN_MAX 100

/* Waits out the moment in which a child has the lock and has not yet written its pid. */
static QemuProcessLife
probe(QemuManager *manager, const char *pidfile, const char *uuid, pid_t *ret_pid)
{
    QemuProcessLife life = qemu_process_probe(pidfile, manager->procfs, uuid, ret_pid);
    for (guint i = 0; life == QEMU_PROCESS_STARTING && i < LOOK_AGAIN_MAX; i++) {
        g_usleep(LOOK_AGAIN_US);
        life = qemu_process_probe(pidfile, manager->procfs, uuid, ret_pid);
    }
    return life;
}

/* ---- what the log knows and the status file does not ---- */

typedef struct {
    QemuDomain *domain;
    gboolean has_started, has_stopped;
} Replay;

static const struct {
    int event, state, reason;
} replay_rows[] = {
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN},
    {VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED},
    {VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN},
    {VIR_DOMAIN_EVENT_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN},
    {VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED},
};

static void
replay_event(const VbEvent *event, gpointer data)
{
    Replay *replay = data;
    QemuDomain *domain = replay->domain;
    gint32 kind = -1;
    if (strcmp(event->uuid, domain->uuid_text) != 0 || strcmp(event->kind, "lifecycle") != 0 ||
        !event->details)
        return;
    domain->last_event = event->sequence;
    g_variant_lookup(event->details, "event", "i", &kind);
    replay->has_started = replay->has_started || kind == VIR_DOMAIN_EVENT_STARTED;
    replay->has_stopped = kind == VIR_DOMAIN_EVENT_STOPPED ||
                          (replay->has_stopped && kind != VIR_DOMAIN_EVENT_STARTED);
    for (guint i = 0; i < G_N_ELEMENTS(replay_rows); i++) {
        if (replay_rows[i].event == kind && domain->state != replay_rows[i].state) {
            domain->state = replay_rows[i].state;
            domain->reason = replay_rows[i].reason;
        }
    }
}

/* ---- a guest whose monitor answers again ---- */

/* Source: QEMU RunState; what libvirt makes of it */
static const struct {
    const char *status;
    int state, reason, event, detail;
} run_states[] = {
    {"running", VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNPAUSED, VIR_DOMAIN_EVENT_RESUMED,
     VIR_DOMAIN_EVENT_RESUMED_UNPAUSED},
    {"paused", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
    {"prelaunch", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
    {"save-vm", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SNAPSHOT, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
    {"postmigrate", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
    {"restore-vm", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_FROM_SNAPSHOT, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT},
    {"debug", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
    {"io-error", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_IOERROR},
    {"watchdog", VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, VIR_DOMAIN_EVENT_SUSPENDED,
     VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG},
    {"shutdown", VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN, VIR_DOMAIN_EVENT_SHUTDOWN,
     VIR_DOMAIN_EVENT_SHUTDOWN_GUEST},
    {"guest-panicked", VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, VIR_DOMAIN_EVENT_CRASHED,
     VIR_DOMAIN_EVENT_CRASHED_PANICKED},
    {"suspended", VIR_DOMAIN_PMSUSPENDED, VIR_DOMAIN_PMSUSPENDED_UNKNOWN,
     VIR_DOMAIN_EVENT_PMSUSPENDED, VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY},
};

static void
on_status(const VbJson *result, const GError *error, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    const char *status = vb_json_get_string(result, "status");
    if (error || !domain->live || !domain->manager)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(run_states); i++) {
        if (g_strcmp0(run_states[i].status, status) != 0)
            continue;
        if (run_states[i].state != domain->state) {
            qemu_domain_set_state(domain, run_states[i].state, run_states[i].reason);
            qemu_domain_emit_full(domain, "lifecycle",
                                  g_variant_new_parsed("{'event': <%i>, 'detail': <%i>}",
                                                       run_states[i].event, run_states[i].detail),
                                  TRUE);
        }
    }
    qemu_domain_save(domain);
    qemu_snapshot_recover(domain);
    if (domain->state == VIR_DOMAIN_SHUTDOWN || domain->state == VIR_DOMAIN_CRASHED)
        qemu_monitor_act_on_end(domain); /* it waits for what on_poweroff, on_crash say */
}

static void
on_vcpus(const VbJson *result, const GError *error, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    if (!error && domain->live)
        qemu_start_take_vcpus(result, domain);
}

static void
on_iothreads(const VbJson *result, const GError *error, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    if (!error && domain->live)
        qemu_start_take_iothreads(result, domain);
}

void
qemu_recover_connected(QemuDomain *domain)
{
    qemu_qmp_execute(domain->qmp, "query-iothreads", NULL, QUESTION_MS, on_iothreads,
                     qemu_domain_ref(domain));
    qemu_qmp_execute(domain->qmp, "query-cpus-fast", NULL, QUESTION_MS, on_vcpus,
                     qemu_domain_ref(domain));
    qemu_qmp_execute(domain->qmp, "query-status", NULL, QUESTION_MS, on_status,
                     qemu_domain_ref(domain));
    qemu_save_recover(domain);
}

/* ---- status files ---- */

static void
take_up(QemuDomain *domain, QemuStatus *status)
{
    domain->live = g_steal_pointer(&status->live);
    domain->id = status->id;
    domain->state = status->state;
    domain->reason = status->reason;
    domain->monitor_path = g_steal_pointer(&status->monitor_path);
    domain->for_libvirt = g_steal_pointer(&status->for_libvirt);
    domain->node_index = status->node_index;
    domain->auto_cpus = g_steal_pointer(&status->auto_cpus);
    domain->auto_nodes = g_steal_pointer(&status->auto_nodes);
    g_array_unref(domain->vcpu_tids);
    domain->vcpu_tids = g_steal_pointer(&status->vcpu_tids);
    status->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    g_ptr_array_extend_and_steal(domain->taint, g_steal_pointer(&status->taint));
    g_ptr_array_extend_and_steal(domain->owed, g_steal_pointer(&status->owed));
    status->taint = g_ptr_array_new();
    status->owed = g_ptr_array_new();
    domain->unfinished = g_steal_pointer(&status->unfinished);
    domain->has_fake_reboot = status->has_fake_reboot;
    domain->is_shutting_down = status->is_shutting_down;
    domain->is_updated = status->is_updated && domain->config;
    domain->last_event = status->last_event;
    domain->facts->balloon_kib = domain->live->current_memory_kib;
    qemu_manager_take_id(domain->manager, domain);
}

/* It ended while nobody watched. Its own power-off is known if the SHUTDOWN event got through; else it is an accident,
 * unless it was being shut down. */
static void
conclude_dead(QemuDomain *domain, const Replay *replay, gboolean was_starting)
{
    gboolean is_shut = domain->state == VIR_DOMAIN_SHUTDOWN || domain->is_shutting_down;
    int detail = is_shut ? VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN : VIR_DOMAIN_EVENT_STOPPED_FAILED;
    int reason = is_shut ? VIR_DOMAIN_SHUTOFF_SHUTDOWN : VIR_DOMAIN_SHUTOFF_CRASHED;
    if (was_starting)
        reason = VIR_DOMAIN_SHUTOFF_FAILED;
    if (qemu_save_was_finished(domain)) {
        detail = VIR_DOMAIN_EVENT_STOPPED_SAVED;
        reason = VIR_DOMAIN_SHUTOFF_SAVED;
    }
    gboolean is_told = replay->has_stopped || was_starting;
    qemu_domain_conclude(domain, is_told ? -1 : detail, reason, TRUE);
}

static void
resume_watch(QemuDomain *domain, pid_t pid, const Replay *replay, gboolean was_starting)
{
    g_autoptr(GError) error = NULL;
    domain->process = qemu_process_adopt(pid, qemu_domain_on_exited, domain, &error);
    if (!domain->process) {
        conclude_dead(domain, replay, was_starting);
        return;
    }
    qemu_helpers_adopt(domain);
    if (was_starting || replay->has_stopped) {
        /* nobody was told that it runs, or everybody that it does not */
        (void)qemu_process_kill(domain->process, SIGKILL, NULL);
        domain->stop_reason =
            was_starting ? VIR_DOMAIN_SHUTOFF_FAILED : VIR_DOMAIN_SHUTOFF_DESTROYED;
        domain->stop_detail = -1;
        return;
    }
    qemu_perf_adopt(domain);
    qemu_domain_save(domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_STATE | QEMU_DOMAIN_CHANGED_RUN |
                                    QEMU_DOMAIN_CHANGED_CONFIG);
    if (!domain->monitor_path || !qemu_monitor_open(domain, NULL))
        qemu_monitor_reconnect_later(domain);
}

static void
recover_guest(QemuManager *manager, QemuStatus *status)
{
    VbUuid uuid = status->live->uuid;
    char uuid_text[37];
    vb_uuid_format(&uuid, uuid_text);
    QemuDomain *domain = g_hash_table_lookup(manager->by_uuid, uuid_text);
    if (!domain) {
        domain = qemu_manager_add(manager, status->live->name, &uuid);
        qemu_snapshots_load(domain);
    }
    Replay replay = {.domain = domain};
    g_autofree char *pidfile = qemu_manager_pidfile_path(manager, domain->name);
    gboolean was_starting = status->is_starting;
    take_up(domain, status);
    if (status->epoch)
        (void)vb_events_since(manager->events, status->epoch, status->last_event, replay_event,
                              &replay);
    was_starting = was_starting && !replay.has_started;
    pid_t pid = 0;
    if (probe(manager, pidfile, uuid_text, &pid) == QEMU_PROCESS_ALIVE)
        resume_watch(domain, pid, &replay, was_starting);
    else
        conclude_dead(domain, &replay, was_starting);
}

/* ---- status files that cannot be read: what else says that the guest runs ---- */

/* the number in the name of its folder, "domain-7-NAME"; -1: none */
static int
find_id(QemuManager *manager, const char *guest)
{
    g_autoptr(GDir) dir = g_dir_open(manager->lib_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        QemuDomain asked = {.name = (char *)guest};
        char *end = NULL;
        g_autofree char *wanted = NULL, *path = NULL;

        if (!g_str_has_prefix(name, "domain-"))
            continue;
        asked.id = (int)g_ascii_strtoll(name + strlen("domain-"), &end, 10);
        wanted = qemu_manager_domain_dir(manager, &asked);
        path = g_build_filename(manager->lib_dir, name, NULL);
        if (*end == '-' && g_str_equal(wanted, path))
            return asked.id;
    }
    return -1;
}

/* A stored guest whose emulator holds the lock of its pid file: it runs, with the stored definition as far as is known; its
 * state is what the emulator says as soon as the monitor answers. TRUE: found, the file is written anew. */
static gboolean
recover_without_status(QemuManager *manager, const char *file)
{
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
    g_autofree char *pidfile = qemu_manager_pidfile_path(manager, name);
    QemuDomain *domain = g_hash_table_lookup(manager->by_name, name);
    const Replay replay = {.domain = domain};
    g_autofree char *folder = NULL;
    pid_t pid = 0;

    if (!domain || !domain->config || domain->live ||
        probe(manager, pidfile, domain->uuid_text, &pid) != QEMU_PROCESS_ALIVE)
        return FALSE;
    domain->id = find_id(manager, name);
    if (domain->id < 0)
        return FALSE;
    domain->live = vb_domain_copy(domain->config);
    vb_domain_assign_aliases(domain->live);
    domain->live->has_id = TRUE;
    domain->live->id = domain->id;
    domain->state = VIR_DOMAIN_RUNNING;
    domain->reason = VIR_DOMAIN_RUNNING_UNKNOWN;
    domain->facts->balloon_kib = domain->live->current_memory_kib;
    folder = qemu_manager_domain_dir(manager, domain);
    domain->monitor_path = g_build_filename(folder, "monitor.sock", NULL);
    qemu_domain_owe(domain, "dir", folder);
    qemu_guest_bus_owe(domain);
    qemu_tpm_owe(domain);
    qemu_virtiofs_owe(domain);
    qemu_passt_owe(domain);
    qemu_manager_take_id(manager, domain);
    resume_watch(domain, pid, &replay, FALSE);
    return TRUE;
}

/* "7-NAME-", as the pid files of programs beside that guest begin; NULL: its emulator does not live */
static char *
find_prefix(QemuManager *manager, const char *file)
{
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(".xml"));
    g_autofree char *pidfile = qemu_manager_pidfile_path(manager, name);
    g_autofree char *short_name = NULL;
    const QemuDomain asked = {.manager = manager, .name = name, .id = find_id(manager, name)};
    pid_t pid = 0;

    if (asked.id < 0 || probe(manager, pidfile, NULL, &pid) != QEMU_PROCESS_ALIVE)
        return NULL;
    short_name = qemu_prepare_short_name(&asked);
    return g_strconcat(short_name, "-", NULL);
}

/* ---- pid files without a guest: the daemon died before it wrote a status file, or after it removed one ---- */

/* of a program beside a guest that runs */
static gboolean
is_owed(QemuManager *manager, const char *pidfile)
{
    g_autofree char *owed = g_strconcat("process ", pidfile, NULL);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const QemuDomain *domain = value;
        if (g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, NULL))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_spared(const GPtrArray *prefixes, const char *name)
{
    for (guint i = 0; i < prefixes->len; i++) {
        if (g_str_has_prefix(name, prefixes->pdata[i]))
            return TRUE;
    }
    return FALSE;
}

static void
sweep_pidfile(QemuManager *manager, const char *name, const GPtrArray *spared)
{
    g_autofree char *path = qemu_manager_pidfile_path(manager, name);
    g_autofree char *status = qemu_manager_status_path(manager, name);
    pid_t pid = 0;
    /* a status file that is still there could not be read: its guest is left alone, and what serves it */
    if (strcmp(name, "driver") == 0 || g_file_test(status, G_FILE_TEST_EXISTS) ||
        is_owed(manager, path) || is_spared(spared, name))
        return;
    if (probe(manager, path, NULL, &pid) == QEMU_PROCESS_ALIVE)
        (void)kill(pid, SIGKILL); /* the lock says that it is ours, and that it lives */
    (void)g_unlink(path);
}

static void
sweep_pidfiles(QemuManager *manager, const GPtrArray *spared)
{
    g_autoptr(GPtrArray) names = vb_store_list(manager->run_dir, ".pid", NULL);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *name =
            g_strndup(names->pdata[i], strlen(names->pdata[i]) - strlen(".pid"));
        sweep_pidfile(manager, name, spared);
    }
}

/**
 * qemu_manager_recover:
 *
 * After the definitions were loaded and before anybody is served: every guest is in the lists when it returns. What takes
 * an answer from an emulator follows from the loop, for all guests at once.
 */
void
qemu_manager_recover(QemuManager *manager)
{
    g_autoptr(GPtrArray) names = vb_store_list(manager->run_dir, ".xml", NULL);
    g_autoptr(GPtrArray) spared = g_ptr_array_new_with_free_func(g_free);
    vb_store_sweep(manager->run_dir);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(manager->run_dir, names->pdata[i], NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(QemuStatus) status = qemu_status_read(path, &error);
        char *prefix = status ? NULL : find_prefix(manager, names->pdata[i]);
        if (prefix)
            g_ptr_array_add(spared, prefix);
        if (status)
            recover_guest(manager, status);
        else if (recover_without_status(manager, names->pdata[i]))
            g_warning("status file %s is made anew: %s", path, error->message);
        else
            g_warning("status file %s is left alone: %s", path, error->message);
    }
    sweep_pidfiles(manager, spared);
    qemu_snapshots_recover_all(manager);
    qemu_hostdevs_recover(manager);
}
