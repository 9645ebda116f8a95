/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one asks of a running guest with one or two QMP commands. State changes follow the emulator's events, which come
 * before the command's own answer. */
#include "base/error.h"
#include "agent-commands.h"
#include "define.h"
#include "domain-private.h"
#include "guest-job.h"

#include <string.h>

typedef struct {
    QemuDomain *domain;
    QemuDone done;
    gpointer data;
} Request;

static void
on_answer(const VbJson *result, const GError *error, gpointer data)
{
    Request *request = data;
    g_autoptr(QemuDomain) domain = request->domain;
    g_autoptr(GError) copy = error ? g_error_copy(error) : NULL;
    request->done(domain, copy, request->data);
    g_free(request);
}

static gboolean
check_monitor(const QemuDomain *domain, GError **error)
{
    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    if (domain->qmp && !domain->starting)
        return TRUE;
    if (domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                        "the monitor of domain '%s' is not connected", domain->name);
}

void
qemu_domain_execute(QemuDomain *domain, const char *command, const char *arguments, QemuDone done,
                    gpointer data)
{
    GError *error = NULL;
    if (!check_monitor(domain, &error)) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    Request *request = g_new0(Request, 1);
    *request = (Request){qemu_domain_ref(domain), done, data};
    qemu_qmp_execute(domain->qmp, command, arguments, QEMU_QMP_TIMEOUT_MS, on_answer, request);
}

/* ---- shutdown, reboot, reset ---- */

static void
press_button(QemuDomain *domain, gboolean is_reboot, QemuDone done, gpointer data)
{
    /* a guest that must not restart is switched off instead */
    domain->has_fake_reboot = is_reboot && domain->live->on_reboot != VB_DOMAIN_ACTION_DESTROY;
    domain->is_shutting_down = !domain->has_fake_reboot;
    qemu_domain_save(domain);
    qemu_domain_execute(domain, "system_powerdown", NULL, done, data);
}

typedef struct {
    QemuDone done;
    gpointer data;
    gboolean is_reboot, may_press_button;
} AgentShutdown;

static void
agent_answered(QemuDomain *domain, const VbJson *reply, const GError *failure, gpointer data)
{
    g_autofree AgentShutdown *call = data;
    g_autoptr(GError) error = failure ? g_error_copy(failure) : NULL;

    if (error && call->may_press_button && qemu_domain_is_active(domain))
        press_button(domain, call->is_reboot, call->done, call->data);
    else
        call->done(domain, error, call->data);
}

/* Both enums agree: 1 is the ACPI button, 2 the guest agent; without either the agent first, where there is one. */
static void
power_down(QemuDomain *domain, guint flags, gboolean is_reboot, QemuDone done, gpointer data)
{
    const guint button = VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
                agent = VIR_DOMAIN_SHUTDOWN_GUEST_AGENT;
    GError *error = NULL;
    AgentShutdown *call;

    if (!vb_error_check_flags(&error, flags, button | agent,
                              is_reboot ? "qemuDomainReboot" : "qemuDomainShutdownFlags") ||
        !check_monitor(domain, &error) || !qemu_job_check_none(domain, &error)) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    if (!(flags & agent) && (flags & button || !qemu_agent_check(domain, NULL))) {
        press_button(domain, is_reboot, done, data);
        return;
    }
    call = g_new(AgentShutdown, 1);
    *call = (AgentShutdown){done, data, is_reboot, flags != agent};
    domain->has_fake_reboot = FALSE;
    domain->is_shutting_down = !is_reboot;
    qemu_domain_save(domain);
    qemu_agent_shutdown(domain, is_reboot ? "reboot" : "powerdown", agent_answered, call);
}

/**
 * qemu_domain_shutdown:
 * @flags: virDomainShutdownFlagValues: button, agent, or both; 0: the agent where one is connected, else the button
 *
 * Presses the power button: done when it is pressed, not when the guest obeyed. Or asks the agent: done when the guest goes.
 */
void
qemu_domain_shutdown(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    power_down(domain, flags, FALSE, done, data);
}

/* As qemu_domain_shutdown(). With the button: when the guest has switched itself off, the machine is reset and runs again. */
void
qemu_domain_reboot(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    power_down(domain, flags, TRUE, done, data);
}

void
qemu_domain_reset(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (qemu_job_check_none(domain, &error))
        qemu_domain_execute(domain, "system_reset", NULL, done, data);
    else
        qemu_domain_finish_later(domain, error, done, data);
}

/* ---- suspend, resume ---- */

void
qemu_domain_suspend(QemuDomain *domain, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (!check_monitor(domain, &error) || !qemu_job_check_none(domain, &error) ||
        domain->state == VIR_DOMAIN_PAUSED) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    if (domain->state == VIR_DOMAIN_PMSUSPENDED) {
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "domain is pmsuspended");
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    qemu_monitor_set_pause_reason(domain, VIR_DOMAIN_PAUSED_USER);
    qemu_domain_execute(domain, "stop", NULL, done, data);
}

void
qemu_domain_resume(QemuDomain *domain, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (!check_monitor(domain, &error) || !qemu_job_check_none(domain, &error)) {
        qemu_domain_finish_later(domain, error, done, data);
    } else if (domain->state == VIR_DOMAIN_PAUSED || domain->state == VIR_DOMAIN_CRASHED) {
        qemu_monitor_set_run_reason(domain, VIR_DOMAIN_RUNNING_UNPAUSED);
        if (domain->state == VIR_DOMAIN_CRASHED)
            qemu_qmp_execute(domain->qmp, "system_reset", NULL, QEMU_QMP_TIMEOUT_MS, NULL, NULL);
        qemu_domain_execute(domain, "cont", NULL, done, data);
    } else {
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "domain is %s",
                     domain->state == VIR_DOMAIN_RUNNING ? "already running"
                                                         : qemu_domain_state_name(domain->state));
        qemu_domain_finish_later(domain, error, done, data);
    }
}

void
qemu_domain_wake_up(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (qemu_check_flags(flags, 0, "qemuDomainPMWakeup", &error) && check_monitor(domain, &error) &&
        domain->state != VIR_DOMAIN_PMSUSPENDED)
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID,
                     "Unable to wake up domain: it is not in state 'pmsuspended'");
    if (error)
        qemu_domain_finish_later(domain, error, done, data);
    else
        qemu_domain_execute(domain, "system_wakeup", NULL, done, data);
}

void
qemu_domain_set_auto_destroy(QemuDomain *domain, gpointer token)
{
    domain->auto_destroy = token;
}

/* ---- memory ---- */

static const char *
balloon_alias(const QemuDomain *domain)
{
    const VbDomainMemballoon *balloon = domain->live ? domain->live->memballoon : NULL;
    return balloon && balloon->model != VB_DOMAIN_MEMBALLOON_NONE ? balloon->info.alias : NULL;
}

static gboolean
check_balloon(const QemuDomain *domain, GError **error)
{
    if (!check_monitor(domain, error))
        return FALSE;
    return balloon_alias(domain) || vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                                 "Unable to change memory of active domain without "
                                                 "the balloon device and guest OS balloon driver");
}

void
qemu_domain_set_balloon(QemuDomain *domain, guint64 kib, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (check_balloon(domain, &error) && kib > domain->live->memory_kib)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "cannot set memory higher than max memory");
    if (error) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    g_autofree char *arguments = vb_json_object("u:value", kib * 1024, NULL);
    qemu_domain_execute(domain, "balloon", arguments, done, data);
}

void
qemu_domain_set_memory_stats_period(QemuDomain *domain, guint seconds, QemuDone done, gpointer data)
{
    GError *error = NULL;
    if (!check_balloon(domain, &error)) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", balloon_alias(domain));
    g_autofree char *arguments =
        vb_json_object("s:path", path, "s:property", "guest-stats-polling-interval", "u:value",
                       (guint64)seconds, NULL);
    domain->live->memballoon->stats_period_s = seconds;
    qemu_domain_save(domain);
    qemu_domain_execute(domain, "qom-set", arguments, done, data);
}
