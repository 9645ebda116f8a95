/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a guest: asked for (destroy), its own (power-off, panic) or an accident; and what is cleaned up then. The
 * process' end is seen through its pidfd; the monitor's last words are read first, so that the reason is known. */
#include "base/error.h"
#include "agent.h"
#include "bandwidth.h"
#include "domain-private.h"
#include "helper.h"
#include "macvtap.h"
#include "hostdev.h"
#include "monitor.h"
#include "perf.h"
#include "prepare.h"
#include "resctrl.h"
#include "cgroup.h"
#include "save.h"
#include "status.h"
#include "store/store.h"
#include "tpm.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define SIGN_OF_LIFE_MS 60 /* an emulator that works says SHUTDOWN within this after SIGTERM */
#define FLUSH_MS 3000      /* and then has this long to write its disks out */
#define GRACEFUL_MS 15000
#define LAST_WORDS_MS                                                                              \
    200 /* monitor still open after the process' end: a child of the emulator has it */

typedef struct {
    QemuDone done;
    gpointer data;
} Waiter;

struct _QemuStop {
    GArray *waiters; /* Waiter */
};

/* ---- cleaning up ---- */

static void
remove_file(const char *path)
{
    if (g_unlink(path) < 0 && errno != ENOENT)
        g_warning("cannot remove %s: %s", path, g_strerror(errno));
}

/* The per-guest folder: what the emulator left in it goes too. */
static void
remove_folder(const char *path)
{
    g_autoptr(GError) error = NULL;
    if (!vb_store_remove_tree(path, &error))
        g_warning("%s", error->message);
}

static const struct {
    const char *kind;
    void (*func)(const char *what);
} owed_rows[] = {{"file ", remove_file},
                 {"dir ", remove_folder},
                 {"tap ", qemu_net_remove_tap},
                 {"limits ", qemu_bandwidth_remove},
                 {"macvtap ", qemu_macvtap_remove},
                 {"ifmac ", qemu_macvtap_restore_mac},
                 {"resctrl ", qemu_resctrl_remove_owed},
                 {"cgroup ", qemu_cgroup_remove},
                 {"process ", qemu_helper_remove_owed},
                 {"tpm ", qemu_tpm_remove_owed}};

void
qemu_domain_pay(const char *owed)
{
    for (guint row = 0; row < G_N_ELEMENTS(owed_rows); row++) {
        if (g_str_has_prefix(owed, owed_rows[row].kind))
            owed_rows[row].func(owed + strlen(owed_rows[row].kind));
    }
}

/**
 * qemu_domain_clean_up:
 *
 * Pays what is owed, in reverse order, and removes pid and status files last: killed in between, a restart does it again.
 */
void
qemu_domain_clean_up(QemuDomain *domain)
{
    QemuManager *manager = domain->manager;
    for (guint i = domain->owed->len; i > 0; i--)
        qemu_domain_pay(domain->owed->pdata[i - 1]);
    qemu_hostdevs_end(domain);
    g_ptr_array_set_size(domain->owed, 0);
    g_ptr_array_set_size(domain->taint, 0);
    g_clear_pointer(&domain->for_libvirt, g_free);
    domain->node_index = 0;
    qemu_helpers_drop(domain);
    g_clear_handle_id(&domain->reconnect_source, g_source_remove);
    g_clear_handle_id(&domain->exit_source, g_source_remove);
    g_clear_handle_id(&domain->kill_source, g_source_remove);
    g_clear_pointer(&domain->qmp, qemu_qmp_free);
    g_clear_pointer(&domain->process, qemu_process_free);
    qemu_crash_point("stop-cleaned");
    if (!manager)
        return;
    if (!domain->config && !domain->is_kept && domain->live)
        qemu_tpm_forget(manager, domain->live, 0);
    g_autofree char *pidfile = qemu_manager_pidfile_path(manager, domain->name);
    remove_file(pidfile);
    qemu_status_remove(domain);
}

/* Source: libvirt's log line at a guest's end */
static void
log_end(QemuDomain *domain, int reason)
{
    static const char *const words[] = {"unknown",  "shutdown", "destroyed", "crashed",
                                        "migrated", "saved",    "failed",    "from-snapshot"};
    g_autofree char *path = qemu_manager_log_path(domain->manager, domain->name);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
    FILE *log = g_fopen(path, "ae");
    if (!log)
        return;
    fprintf(log, "%s.%03d+0000: shutting down, reason=%s\n", time,
            g_date_time_get_microsecond(now) / 1000,
            words[reason < (int)G_N_ELEMENTS(words) ? reason : 0]);
    fclose(log);
}

static void
forget_run(QemuDomain *domain)
{
    qemu_agent_drop(domain);
    qemu_facts_free(domain->facts);
    domain->facts = qemu_facts_new();
    g_hash_table_remove_all(domain->consoles);
    domain->resctrl_before = (QemuResctrlBefore){0};
    g_array_set_size(domain->vcpu_tids, 0);
    g_array_set_size(domain->iothread_tids, 0);
    g_clear_pointer(&domain->perf, qemu_perf_free);
    g_clear_pointer(&domain->live, vb_domain_free);
    domain->is_updated = FALSE;
    domain->is_shutting_down = domain->has_fake_reboot = FALSE;
    domain->stop_detail = domain->stop_reason = 0;
    domain->auto_destroy = NULL;
}

/**
 * qemu_domain_conclude:
 * @stopped_detail: VIR_DOMAIN_EVENT_STOPPED_*, or -1: the event is in the log already
 *
 * The event is logged before anything is removed: a restart in between finds the status file and the event, and only
 * cleans up. The guest may be gone from the manager afterwards.
 */
void
qemu_domain_conclude(QemuDomain *domain, int stopped_detail, int reason, gboolean is_late)
{
    g_autoptr(QemuDomain) keep = qemu_domain_ref(domain);
    QemuManager *manager = domain->manager;
    qemu_save_guest_gone(domain);
    qemu_domain_set_state(domain, VIR_DOMAIN_SHUTOFF, reason);
    if (stopped_detail >= 0)
        qemu_domain_emit_full(domain, "lifecycle",
                              g_variant_new_parsed("{'event': <%i>, 'detail': <%i>}",
                                                   VIR_DOMAIN_EVENT_STOPPED, stopped_detail),
                              is_late);
    qemu_crash_point("stop-event");
    if (manager)
        log_end(domain, reason);
    qemu_domain_clean_up(domain);
    forget_run(domain);
    if (!manager)
        return;
    qemu_manager_drop_id(manager, domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG |
                                    QEMU_DOMAIN_CHANGED_MEMORY);
    if (!domain->config && !domain->is_kept)
        qemu_manager_remove(manager, domain);
    else
        qemu_snapshot_recover(domain); /* it ended before its monitor could be asked */
}

/* ---- the process has ended ---- */

static void
tell_waiters(QemuDomain *domain, GError *error)
{
    QemuStop *stop = g_steal_pointer(&domain->stopping);
    if (!stop)
        return;
    for (guint i = 0; i < stop->waiters->len; i++) {
        const Waiter *waiter = &g_array_index(stop->waiters, Waiter, i);
        waiter->done(domain, error, waiter->data);
    }
    g_array_unref(stop->waiters);
    g_free(stop);
}

void
qemu_stop_tell_waiters(QemuDomain *domain)
{
    tell_waiters(domain, NULL);
}

/* Why it ended, when nobody asked: the guest's power-off was seen before, or it is an accident. */
static void
find_reason(QemuDomain *domain, int *ret_detail, int *ret_reason)
{
    *ret_detail = domain->stop_detail;
    *ret_reason = domain->stop_reason;
    if (domain->stop_reason)
        return;
    gboolean is_shut = domain->state == VIR_DOMAIN_SHUTDOWN;
    *ret_detail = is_shut ? VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN : VIR_DOMAIN_EVENT_STOPPED_FAILED;
    *ret_reason = is_shut ? VIR_DOMAIN_SHUTOFF_SHUTDOWN : VIR_DOMAIN_SHUTOFF_CRASHED;
}

void
qemu_stop_finish(QemuDomain *domain)
{
    g_autoptr(QemuDomain) keep = qemu_domain_ref(domain);
    int detail, reason;
    g_clear_handle_id(&domain->exit_source, g_source_remove);
    g_clear_handle_id(&domain->kill_source, g_source_remove);
    if (qemu_helpers_end(domain, qemu_stop_finish))
        return;
    if (domain->starting) {
        qemu_domain_start_failed(domain);
    } else {
        find_reason(domain, &detail, &reason);
        qemu_domain_conclude(domain, detail, reason, FALSE);
    }
    qemu_stop_tell_waiters(domain);
}

static gboolean
on_last_words_missing(gpointer data)
{
    QemuDomain *domain = data;
    domain->exit_source = 0;
    qemu_stop_finish(domain);
    return G_SOURCE_REMOVE;
}

void
qemu_domain_on_exited(QemuProcess *process, int wait_status, gpointer data)
{
    QemuDomain *domain = data;
    domain->is_exited = TRUE;
    if (domain->qmp)
        domain->exit_source = g_timeout_add(LAST_WORDS_MS, on_last_words_missing, domain);
    else
        qemu_stop_finish(domain);
}

/* ---- ending it ---- */

static void
add_waiter(QemuDomain *domain, QemuDone done, gpointer data)
{
    Waiter waiter = {done, data};
    if (!domain->stopping) {
        domain->stopping = g_new0(QemuStop, 1);
        domain->stopping->waiters = g_array_new(FALSE, TRUE, sizeof(Waiter));
    }
    g_array_append_val(domain->stopping->waiters, waiter);
}

static gboolean
kill_hard(gpointer data)
{
    QemuDomain *domain = data;
    domain->kill_source = 0;
    if (domain->process)
        (void)qemu_process_kill(domain->process, SIGKILL, NULL);
    return G_SOURCE_REMOVE;
}

/* After SIGTERM: an emulator that reported its shutdown may flush its disks, a mute one is killed. */
static gboolean
kill_if_mute(gpointer data)
{
    QemuDomain *domain = data;
    if (domain->state != VIR_DOMAIN_SHUTDOWN)
        return kill_hard(domain);
    domain->kill_source = g_timeout_add(FLUSH_MS, kill_hard, domain);
    return G_SOURCE_REMOVE;
}

/* SIGSTOPped ("T") or traced: SIGTERM would wait for ever. Source: proc(5), third field of stat */
static gboolean
is_stopped(QemuDomain *domain)
{
    g_autofree char *path =
        g_strdup_printf("%s/%d/stat", domain->manager ? domain->manager->procfs : "/proc",
                        (int)qemu_process_get_pid(domain->process));
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}

void
qemu_domain_kill(QemuDomain *domain, int stopped_detail, int reason)
{
    gboolean is_mute = !domain->qmp || qemu_qmp_is_stalled(domain->qmp) || is_stopped(domain);
    if (!domain->stop_reason) {
        domain->stop_detail = stopped_detail;
        domain->stop_reason = reason;
    }
    (void)qemu_process_kill(domain->process, is_mute ? SIGKILL : SIGTERM, NULL);
    if (!is_mute && !domain->kill_source)
        domain->kill_source = g_timeout_add(SIGN_OF_LIFE_MS, kill_if_mute, domain);
}

void
qemu_domain_end_softly(QemuDomain *domain, int stopped_detail, int reason, QemuDone done,
                       gpointer data)
{
    add_waiter(domain, done, data);
    g_clear_handle_id(&domain->kill_source, g_source_remove);
    qemu_domain_kill(domain, stopped_detail, reason);
}

static gboolean
on_graceful_timeout(gpointer data)
{
    QemuDomain *domain = data;
    g_autoptr(GError) error = NULL;
    domain->kill_source = 0;
    domain->stop_detail = domain->stop_reason = 0;
    vb_error_set(&error, VIR_ERR_RESOURCE_BUSY, "Failed to terminate process %d with SIGTERM",
                 (int)qemu_process_get_pid(domain->process));
    tell_waiters(domain, error);
    return G_SOURCE_REMOVE;
}

/* The daemon ends: whoever waits for this guest's end is told; the end itself comes without us. */
void
qemu_domain_drop_stop(QemuDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_clear_handle_id(&domain->exit_source, g_source_remove);
    g_clear_handle_id(&domain->kill_source, g_source_remove);
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED,
                 "the daemon ends while domain '%s' is destroyed", domain->name);
    tell_waiters(domain, error);
}

/**
 * qemu_domain_end:
 * @stopped_detail: VIR_DOMAIN_EVENT_STOPPED_*
 * @reason: VIR_DOMAIN_SHUTOFF_*
 *
 * For a guest whose state is elsewhere: its emulator has given up its disks and is killed at once.
 */
void
qemu_domain_end(QemuDomain *domain, int stopped_detail, int reason, QemuDone done, gpointer data)
{
    add_waiter(domain, done, data);
    if (!domain->stop_reason) {
        domain->stop_detail = stopped_detail;
        domain->stop_reason = reason;
    }
    (void)qemu_process_kill(domain->process, SIGKILL, NULL);
}

/**
 * qemu_domain_destroy:
 * @flags: VIR_DOMAIN_DESTROY_GRACEFUL: SIGTERM only
 *
 * Plain: SIGTERM; SIGKILL at once when the emulator is stopped or its monitor hangs, after 60 ms when it shows no sign of
 * life, after 3 s when it does but goes on.
 *
 * Errors: OPERATION_INVALID not running; RESOURCE_BUSY it did not end gracefully
 */
void
qemu_domain_destroy(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (!qemu_domain_check_active(domain, &error)) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    add_waiter(domain, done, data);
    if (domain->starting) {
        qemu_domain_abort_start(domain);
        return;
    }
    if (!(flags & VIR_DOMAIN_DESTROY_GRACEFUL)) {
        g_clear_handle_id(&domain->kill_source, g_source_remove);
        qemu_domain_kill(domain, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, VIR_DOMAIN_SHUTOFF_DESTROYED);
        return;
    }
    domain->stop_detail = VIR_DOMAIN_EVENT_STOPPED_DESTROYED;
    domain->stop_reason = VIR_DOMAIN_SHUTOFF_DESTROYED;
    (void)qemu_process_kill(domain->process, SIGTERM, NULL);
    if (!domain->kill_source)
        domain->kill_source = g_timeout_add(GRACEFUL_MS, on_graceful_timeout, domain);
}
