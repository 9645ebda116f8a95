/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One guest: its life as a structure, its state, what is told of it. What it does lies in domain-start.c, domain-stop.c,
 * monitor.c and the domain-*.c of each operation. */
#include "domain.h"

#include "base/enum.h"
#include "base/error.h"
#include "base/log.h"
#include "agent.h"
#include "domain-private.h"
#include "helper.h"
#include "guest-job.h"
#include "hotplug.h"
#include "perf.h"
#include "save.h"
#include "status.h"

#include <string.h>

VB_ENUM(qemu_domain_state_enum, "domain state", "nostate", "running", "blocked", "paused",
        "shutdown", "shutoff", "crashed", "pmsuspended");

typedef struct {
    QemuDomain *domain;
    GError *error;
    QemuDone done;
    gpointer data;
} Finish;

QemuDomain *
qemu_domain_new(QemuManager *manager, const char *name, const VbUuid *uuid)
{
    QemuDomain *domain = g_new0(QemuDomain, 1);
    domain->ref_count = 1;
    domain->manager = manager;
    domain->name = g_strdup(name);
    domain->uuid = *uuid;
    vb_uuid_format(uuid, domain->uuid_text);
    domain->id = -1;
    domain->state = VIR_DOMAIN_SHUTOFF;
    domain->reason = VIR_DOMAIN_SHUTOFF_UNKNOWN;
    domain->state_since_us = g_get_real_time();
    domain->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    domain->facts = qemu_facts_new();
    domain->taint = g_ptr_array_new_with_free_func(g_free);
    domain->resizes = g_queue_new();
    domain->iothread_tids = g_array_new(FALSE, TRUE, sizeof(QemuIothread));
    domain->owed = g_ptr_array_new_with_free_func(g_free);
    domain->consoles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return domain;
}

QemuDomain *
qemu_domain_ref(QemuDomain *domain)
{
    domain->ref_count++;
    return domain;
}

void
qemu_domain_let_go(QemuDomain *domain)
{
    qemu_hotplug_drop(domain);
    qemu_agent_drop(domain);
    g_clear_handle_id(&domain->reconnect_source, g_source_remove);
    g_clear_pointer(&domain->qmp, qemu_qmp_free);
    g_clear_pointer(&domain->process, qemu_process_free);
    qemu_helpers_drop(domain);
    domain->manager = NULL;
}

void
qemu_domain_unref(QemuDomain *domain)
{
    if (--domain->ref_count > 0)
        return;
    qemu_domain_let_go(domain);
    vb_domain_free(domain->config);
    vb_domain_free(domain->live);
    qemu_facts_free(domain->facts);
    g_array_unref(domain->vcpu_tids);
    g_ptr_array_unref(domain->taint);
    g_free(domain->auto_cpus);
    g_free(domain->auto_nodes);
    g_array_unref(domain->iothread_tids);
    qemu_perf_free(domain->perf);
    g_queue_free(domain->resizes); /* each holds a reference: there are none */
    g_ptr_array_unref(domain->owed);
    g_hash_table_unref(domain->consoles);
    qemu_unfinished_free(domain->unfinished);
    qemu_snapshots_free(domain);
    qemu_job_free(domain->job);
    g_free(domain->monitor_path);
    g_free(domain->for_libvirt);
    g_free(domain->name);
    g_free(domain);
}

/* No number is used twice, by a later process neither: its first is the time. */
static guint64
next_revision(void)
{
    static guint64 last;
    if (last == 0)
        last = (guint64)g_get_real_time();
    return ++last;
}

void
qemu_domain_set_config(QemuDomain *domain, VbDomainDef *config)
{
    if (domain->config != config)
        vb_domain_free(domain->config);
    *(VbDomainDef **)&domain->config = config;
    domain->revision = next_revision();
    if (config)
        qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_REVISION);
}

gboolean
qemu_domain_check_active(const QemuDomain *domain, GError **error)
{
    if (qemu_domain_is_active(domain) && domain->manager)
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is not running");
}

const char *
qemu_domain_state_name(int state)
{
    const char *name = vb_enum_to_nick(&qemu_domain_state_enum, state);
    return name ? name : "nostate";
}

void
qemu_domain_changed(QemuDomain *domain, guint changes)
{
    QemuManager *manager = domain->manager;
    if (manager && manager->listener.changed)
        manager->listener.changed(domain, changes, manager->listener_data);
}

void
qemu_domain_set_state(QemuDomain *domain, int state, int reason)
{
    if (domain->state != state)
        domain->state_since_us = g_get_real_time();
    domain->state = state;
    domain->reason = reason;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_STATE);
}

void
qemu_domain_save(QemuDomain *domain)
{
    g_autoptr(GError) error = NULL;
    if (!domain->manager || !domain->live)
        return;
    if (!qemu_status_write(domain, &error))
        vb_log_warning(domain->name, "%s", error->message);
}

/* Source: virDomainEventType; the journal says it in words */
static const char *const lifecycle_words[] = {
    [VIR_DOMAIN_EVENT_DEFINED] = "defined",    [VIR_DOMAIN_EVENT_UNDEFINED] = "undefined",
    [VIR_DOMAIN_EVENT_STARTED] = "started",    [VIR_DOMAIN_EVENT_SUSPENDED] = "suspended",
    [VIR_DOMAIN_EVENT_RESUMED] = "resumed",    [VIR_DOMAIN_EVENT_STOPPED] = "stopped",
    [VIR_DOMAIN_EVENT_SHUTDOWN] = "shut down", [VIR_DOMAIN_EVENT_PMSUSPENDED] = "sleeps",
    [VIR_DOMAIN_EVENT_CRASHED] = "crashed",
};

static void
log_event(const VbEvent *event)
{
    gint32 kind = -1, detail = -1;
    const char *late = event->is_late ? ", found late" : "";
    if (event->details) {
        g_variant_lookup(event->details, "event", "i", &kind);
        g_variant_lookup(event->details, "detail", "i", &detail);
    }
    if (g_strcmp0(event->kind, "lifecycle") == 0 && kind >= 0 &&
        kind < (gint32)G_N_ELEMENTS(lifecycle_words))
        vb_log_guest(G_LOG_LEVEL_INFO, event->name, event->uuid, "%s (detail %d)%s",
                     lifecycle_words[kind], detail, late);
    else
        vb_log_guest(G_LOG_LEVEL_DEBUG, event->name, event->uuid, "event %s%s", event->kind, late);
}

/* Logged, told, and then noted in the status file: after a crash in between, recovery finds the event in the log and
 * takes its state from there. */
void
qemu_domain_emit_full(QemuDomain *domain, const char *kind, GVariant *details, gboolean is_late)
{
    QemuManager *manager = domain->manager;
    g_autoptr(GVariant) owned = details ? g_variant_ref_sink(details) : NULL;
    if (!manager)
        return;
    VbEvent event = {.kind = (char *)kind,
                     .name = domain->name,
                     .id = domain->id,
                     .is_late = is_late,
                     .details = owned};
    memcpy(event.uuid, domain->uuid_text, sizeof event.uuid);
    domain->last_event = vb_events_append(manager->events, &event);
    log_event(&event);
}

void
qemu_domain_emit(QemuDomain *domain, const char *kind, GVariant *details)
{
    qemu_domain_emit_full(domain, kind, details, FALSE);
}

void
qemu_domain_emit_lifecycle(QemuDomain *domain, int event, int detail)
{
    qemu_domain_emit(domain, "lifecycle",
                     g_variant_new_parsed("{'event': <%i>, 'detail': <%i>}", event, detail));
}

static gboolean
finish(gpointer data)
{
    Finish *call = data;
    call->done(call->domain, call->error, call->data);
    g_clear_error(&call->error);
    qemu_domain_unref(call->domain);
    g_free(call);
    return G_SOURCE_REMOVE;
}

void
qemu_domain_finish_later(QemuDomain *domain, GError *error, QemuDone done, gpointer data)
{
    Finish *call = g_new0(Finish, 1);
    call->domain = qemu_domain_ref(domain);
    call->error = error;
    call->done = done;
    call->data = data;
    g_idle_add_full(G_PRIORITY_DEFAULT, finish, call, NULL);
}

void
qemu_domain_log_failure(QemuDomain *domain, GError *error, gpointer what)
{
    if (error)
        vb_log_warning(domain->name, "%s: %s", (const char *)what, error->message);
}

guint64
qemu_domain_get_monitor_age_ms(const QemuDomain *domain)
{
    gint64 last_us = domain->qmp ? qemu_qmp_get_last_answer_us(domain->qmp) : 0;
    return last_us > 0 ? (guint64)(g_get_monotonic_time() - last_us) / 1000 : 0;
}
