/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's monitor: connects, and turns the emulator's events into state changes and events of ours. The rules about
 * states are here; the words are libvirt's. Source of the emulator's events: QEMU 7.2 qapi/run-state.json and others. */
#include "monitor.h"

#include "base/error.h"
#include "base/log.h"
#include "agent.h"
#include "domain-private.h"
#include "save.h"

#include <string.h>

#define RECONNECT_FIRST_MS 50
#define RECONNECT_LAST_MS 2000

typedef void (*EventFunc)(QemuDomain *domain, const VbJson *details);

/* ---- running and paused ---- */

static void
handle_stop(QemuDomain *domain, const VbJson *details)
{
    static const struct {
        int reason, detail;
    } map[] = {
        {VIR_DOMAIN_PAUSED_USER, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED},
        {VIR_DOMAIN_PAUSED_IOERROR, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR},
        {VIR_DOMAIN_PAUSED_WATCHDOG, VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG},
    };
    int reason = domain->pause_reason, detail = VIR_DOMAIN_EVENT_SUSPENDED_PAUSED;
    domain->pause_reason = 0;
    if (domain->state != VIR_DOMAIN_RUNNING || domain->starting)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].reason == reason)
            detail = map[i].detail;
    }
    qemu_domain_set_state(domain, VIR_DOMAIN_PAUSED, reason);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_SUSPENDED, detail);
    qemu_domain_save(domain);
}

static void
handle_resume(QemuDomain *domain, const VbJson *details)
{
    int reason = domain->run_reason ? domain->run_reason : VIR_DOMAIN_RUNNING_UNPAUSED;
    domain->run_reason = 0;
    if (domain->starting || domain->state == VIR_DOMAIN_RUNNING)
        return;
    domain->is_shutting_down = FALSE;
    qemu_domain_set_state(domain, VIR_DOMAIN_RUNNING, reason);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED);
    qemu_domain_save(domain);
}

/* ---- the guest's end ---- */

static void
on_reset_done(const VbJson *result, const GError *error, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    if (error)
        vb_log_warning(domain->name, "cannot start again: %s", error->message);
}

/* Resets the machine that the guest switched off, and lets it run. The process stays. */
static void
run_again(QemuDomain *domain)
{
    domain->has_fake_reboot = FALSE;
    domain->is_shutting_down = FALSE;
    qemu_monitor_set_run_reason(domain, VIR_DOMAIN_RUNNING_BOOTED);
    qemu_domain_save(domain);
    qemu_qmp_execute(domain->qmp, "system_reset", NULL, 0, NULL, NULL);
    qemu_qmp_execute(domain->qmp, "cont", NULL, 0, on_reset_done, qemu_domain_ref(domain));
}

static void
act_on_end(QemuDomain *domain, int action, int stopped_detail, int reason)
{
    gboolean restarts = action == VB_DOMAIN_ACTION_RESTART ||
                        action == VB_DOMAIN_ACTION_RENAME_RESTART ||
                        action == VB_DOMAIN_ACTION_COREDUMP_RESTART;
    if (restarts)
        run_again(domain);
    else if (action != VB_DOMAIN_ACTION_PRESERVE)
        qemu_domain_kill(domain, stopped_detail, reason);
}

/* A guest that was found again at its end. */
void
qemu_monitor_act_on_end(QemuDomain *domain)
{
    if (domain->state == VIR_DOMAIN_CRASHED)
        act_on_end(domain, domain->live->on_crash, VIR_DOMAIN_EVENT_STOPPED_CRASHED,
                   VIR_DOMAIN_SHUTOFF_CRASHED);
    else
        act_on_end(domain,
                   domain->has_fake_reboot ? VB_DOMAIN_ACTION_RESTART : domain->live->on_poweroff,
                   VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
}

/* -no-shutdown keeps the process after the guest's own power-off; SIGTERM and "quit" end it all the same.
 * Source: QEMU ShutdownCause: guest-shutdown, guest-reset, host-signal, host-qmp-quit ... */
static void
handle_shutdown(QemuDomain *domain, const VbJson *details)
{
    const VbJson *is_guest = vb_json_get(details, "guest");
    const char *cause = vb_json_get_string(details, "reason");
    int detail = VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED;
    if (domain->state == VIR_DOMAIN_SHUTDOWN || domain->starting)
        return;
    if (is_guest)
        detail = vb_json_as_bool(is_guest, FALSE) ? VIR_DOMAIN_EVENT_SHUTDOWN_GUEST
                                                  : VIR_DOMAIN_EVENT_SHUTDOWN_HOST;
    qemu_domain_set_state(domain, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_SHUTDOWN_UNKNOWN);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_SHUTDOWN, detail);
    qemu_domain_save(domain);
    if (domain->stop_reason || g_strcmp0(cause, "host-signal") == 0 ||
        g_strcmp0(cause, "host-qmp-quit") == 0)
        return;
    int action = domain->has_fake_reboot ? VB_DOMAIN_ACTION_RESTART : domain->live->on_poweroff;
    if (g_strcmp0(cause, "guest-reset") == 0 || g_strcmp0(cause, "host-qmp-system-reset") == 0)
        action = domain->live->on_reboot;
    act_on_end(domain, action, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
}

static void
handle_reset(QemuDomain *domain, const VbJson *details)
{
    if (!domain->starting)
        qemu_domain_emit(domain, "reboot", NULL);
    qemu_agent_disconnected(domain);
    qemu_domain_save(domain);
}

static void
handle_panic(QemuDomain *domain, const VbJson *details)
{
    if (domain->state == VIR_DOMAIN_CRASHED)
        return;
    qemu_domain_set_state(domain, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_CRASHED, VIR_DOMAIN_EVENT_CRASHED_PANICKED);
    qemu_domain_save(domain);
    act_on_end(domain, domain->live->on_crash, VIR_DOMAIN_EVENT_STOPPED_CRASHED,
               VIR_DOMAIN_SHUTOFF_CRASHED);
}

/* ---- the guest's power management ---- */

static void
enter_sleep(QemuDomain *domain, int reason, int detail, const char *kind)
{
    if (domain->state != VIR_DOMAIN_RUNNING)
        return;
    qemu_domain_set_state(domain, VIR_DOMAIN_PMSUSPENDED, reason);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_PMSUSPENDED, detail);
    qemu_agent_guest_suspended(domain);
    qemu_domain_emit(domain, kind, g_variant_new_parsed("{'reason': <0>}"));
    qemu_domain_save(domain);
}

static void
handle_suspend(QemuDomain *domain, const VbJson *details)
{
    enter_sleep(domain, VIR_DOMAIN_PMSUSPENDED_UNKNOWN, VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY,
                "pmsuspend");
}

static void
handle_suspend_disk(QemuDomain *domain, const VbJson *details)
{
    enter_sleep(domain, VIR_DOMAIN_PMSUSPENDED_UNKNOWN, VIR_DOMAIN_EVENT_PMSUSPENDED_DISK,
                "pmsuspend-disk");
}

static void
handle_wakeup(QemuDomain *domain, const VbJson *details)
{
    if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
        qemu_domain_set_state(domain, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_WAKEUP);
        qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_STARTED,
                                   VIR_DOMAIN_EVENT_STARTED_WAKEUP);
    }
    qemu_domain_emit(domain, "pmwakeup", g_variant_new_parsed("{'reason': <0>}"));
    qemu_domain_save(domain);
}

/* ---- saving, restoring ---- */

static void
handle_migration(QemuDomain *domain, const VbJson *details)
{
    const char *status = vb_json_get_string(details, "status");
    if (domain->starting)
        qemu_start_migration_event(domain, status);
    else
        qemu_save_migration_event(domain, status);
}

/* ---- jobs of the emulator ---- */

static void
handle_job(QemuDomain *domain, const VbJson *details)
{
    qemu_snapshot_job_event(domain, details);
    if (domain->starting)
        qemu_start_job_event(domain, details);
}

/* ---- connecting ---- */

typedef struct {
    const char *name;
    EventFunc func;
} EventRow;

static const EventRow event_rows[] = {
    {"STOP", handle_stop},
    {"RESUME", handle_resume},
    {"SHUTDOWN", handle_shutdown},
    {"RESET", handle_reset},
    {"GUEST_PANICKED", handle_panic},
    {"SUSPEND", handle_suspend},
    {"SUSPEND_DISK", handle_suspend_disk},
    {"WAKEUP", handle_wakeup},
    {"MIGRATION", handle_migration},
    {"JOB_STATUS_CHANGE", handle_job},
};

static void
tell_raw(QemuDomain *domain, const char *name, const VbJson *details, gint64 time_us)
{
    QemuManager *manager = domain->manager;
    if (!manager || !manager->listener.monitor_event)
        return;
    g_autofree char *json = details ? vb_json_to_string(details) : g_strdup("");
    manager->listener.monitor_event(domain, name, time_us, json, manager->listener_data);
}

static void
on_event(QemuQmp *qmp, const char *name, const VbJson *details, gint64 time_us, gpointer data)
{
    g_autoptr(QemuDomain) domain = qemu_domain_ref(data);
    if (!domain->live)
        return;
    tell_raw(domain, name, details, time_us);
    for (guint i = 0; i < G_N_ELEMENTS(event_rows); i++) {
        if (strcmp(event_rows[i].name, name) == 0) {
            event_rows[i].func(domain, details);
            return;
        }
    }
    qemu_monitor_device_event(domain, name, details);
}

static void
on_ready(QemuQmp *qmp, const VbJson *greeting, gpointer data)
{
    QemuDomain *domain = data;
    domain->reconnect_ms = 0;
    if (domain->starting)
        qemu_start_connected(domain);
    else
        qemu_recover_connected(domain);
}

/* End of file: the emulator has ended, or it closed the monitor. The process' watch says which; until then we try to
 * come back. */
static void
on_closed(QemuQmp *qmp, const GError *reason, gpointer data)
{
    QemuDomain *domain = data;
    g_clear_pointer(&domain->qmp, qemu_qmp_free);
    if (domain->is_exited)
        qemu_stop_finish(domain);
    else if (!domain->starting)
        qemu_monitor_reconnect_later(domain);
}

gboolean
qemu_monitor_open(QemuDomain *domain, GError **error)
{
    static const QemuQmpHandlers handlers = {on_ready, on_event, on_closed};
    int fd = qemu_qmp_connect(domain->monitor_path, error);
    if (fd < 0)
        return FALSE;
    g_clear_pointer(&domain->qmp, qemu_qmp_free);
    domain->qmp = qemu_qmp_new(fd, &handlers, domain);
    return TRUE;
}

static gboolean
reconnect(gpointer data)
{
    QemuDomain *domain = data;
    g_autoptr(GError) error = NULL;
    domain->reconnect_source = 0;
    if (domain->is_exited || !domain->process)
        return G_SOURCE_REMOVE;
    if (!qemu_monitor_open(domain, &error))
        qemu_monitor_reconnect_later(domain);
    return G_SOURCE_REMOVE;
}

void
qemu_monitor_reconnect_later(QemuDomain *domain)
{
    if (domain->reconnect_source || !domain->manager)
        return;
    domain->reconnect_ms = CLAMP(domain->reconnect_ms * 2, RECONNECT_FIRST_MS, RECONNECT_LAST_MS);
    domain->reconnect_source = g_timeout_add(domain->reconnect_ms, reconnect, domain);
}

void
qemu_monitor_set_pause_reason(QemuDomain *domain, int reason)
{
    domain->pause_reason = reason;
}

void
qemu_monitor_set_run_reason(QemuDomain *domain, int reason)
{
    domain->run_reason = reason;
}
