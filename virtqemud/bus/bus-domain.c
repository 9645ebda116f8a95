/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.Domain1: its properties, and the table of its methods, which lie in bus-domain-*.c. */
#include "bus/bus-private.h"
#include "resctrl.h"

static GVariant *
new_string(const char *text)
{
    return g_variant_new_string(text ? text : "");
}

static GVariant *
prop_name(gpointer data)
{
    return new_string(((QemuDomain *)data)->name);
}

static GVariant *
prop_uuid(gpointer data)
{
    return new_string(((QemuDomain *)data)->uuid_text);
}

static GVariant *
prop_id(gpointer data)
{
    QemuDomain *domain = data;
    return g_variant_new_int32(qemu_domain_is_active(domain) ? domain->id : -1);
}

static GVariant *
prop_state(gpointer data)
{
    return g_variant_new_int32(((QemuDomain *)data)->state);
}

static GVariant *
prop_state_reason(gpointer data)
{
    return g_variant_new_int32(((QemuDomain *)data)->reason);
}

static GVariant *
prop_state_name(gpointer data)
{
    return new_string(qemu_domain_state_name(((QemuDomain *)data)->state));
}

static GVariant *
prop_active(gpointer data)
{
    return g_variant_new_boolean(qemu_domain_is_active(data));
}

static GVariant *
prop_persistent(gpointer data)
{
    return g_variant_new_boolean(((QemuDomain *)data)->config != NULL);
}

static GVariant *
prop_updated(gpointer data)
{
    QemuDomain *domain = data;
    return g_variant_new_boolean(qemu_domain_is_active(domain) && domain->is_updated);
}

static GVariant *
prop_revision(gpointer data)
{
    return g_variant_new_uint64(((QemuDomain *)data)->revision);
}

static GVariant *
prop_autostart(gpointer data)
{
    return g_variant_new_boolean(((QemuDomain *)data)->is_autostart);
}

static gboolean
set_autostart(gpointer data, VbCall *call, GVariant *value, GError **error)
{
    return qemu_domain_set_autostart(data, g_variant_get_boolean(value), error);
}

static GVariant *
prop_autostart_once(gpointer data)
{
    return g_variant_new_boolean(((QemuDomain *)data)->is_autostart_once);
}

static gboolean
set_autostart_once(gpointer data, VbCall *call, GVariant *value, GError **error)
{
    return qemu_domain_set_autostart_once(data, g_variant_get_boolean(value), error);
}

static GVariant *
prop_os_type(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return new_string(def ? def->os.type : NULL);
}

static GVariant *
prop_max_memory(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return g_variant_new_uint64(def ? def->memory_kib : 0);
}

static GVariant *
prop_memory(gpointer data)
{
    QemuDomain *domain = data;
    const VbDomainDef *def = qemu_domain_get_def(domain);
    if (qemu_domain_is_active(domain) && domain->facts->balloon_kib > 0)
        return g_variant_new_uint64(domain->facts->balloon_kib);
    return g_variant_new_uint64(def ? def->current_memory_kib : 0);
}

static GVariant *
prop_vcpus(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return g_variant_new_uint32(def ? vb_domain_online_vcpus(def) : 0);
}

static GVariant *
prop_max_vcpus(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return g_variant_new_uint32(def ? def->vcpus : 0);
}

static GVariant *
prop_has_managed_save(gpointer data)
{
    return g_variant_new_boolean(qemu_domain_has_managed_save(data));
}

static GVariant *
prop_has_current_snapshot(gpointer data)
{
    return g_variant_new_boolean(qemu_snapshot_get_current(data) != NULL);
}

static GVariant *
prop_current_snapshot(gpointer data)
{
    const QemuSnapshot *current = qemu_snapshot_get_current(data);
    g_autofree char *path = current ? qemu_bus_snapshot_path(data, current->def->name) : NULL;
    return g_variant_new_object_path(path ? path : "/");
}

static GVariant *
prop_snapshots(gpointer data)
{
    return g_variant_new_uint32(qemu_snapshot_count(data));
}

static GVariant *
prop_title(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return new_string(def ? def->title : NULL);
}

static GVariant *
prop_description(gpointer data)
{
    const VbDomainDef *def = qemu_domain_get_def(data);
    return new_string(def ? def->description : NULL);
}

static GVariant *
prop_pid(gpointer data)
{
    QemuDomain *domain = data;
    gboolean has_process = qemu_domain_is_active(domain) && domain->process;
    return g_variant_new_uint32(has_process ? (guint32)qemu_process_get_pid(domain->process) : 0);
}

static GVariant *
prop_monitor_age(gpointer data)
{
    return g_variant_new_uint64(qemu_domain_get_monitor_age_ms(data));
}

static GVariant *
prop_resctrl_monitoring(gpointer data)
{
    return new_string(qemu_resctrl_state_nick(qemu_resctrl_get_state(data)));
}

static const VbProperty properties[] = {
    {"Name", prop_name, NULL, NULL},
    {"Uuid", prop_uuid, NULL, NULL},
    {"Id", prop_id, NULL, NULL},
    {"State", prop_state, NULL, NULL},
    {"StateReason", prop_state_reason, NULL, NULL},
    {"StateName", prop_state_name, NULL, NULL},
    {"Active", prop_active, NULL, NULL},
    {"Persistent", prop_persistent, NULL, NULL},
    {"Updated", prop_updated, NULL, NULL},
    {"Revision", prop_revision, NULL, NULL},
    {"Autostart", prop_autostart, set_autostart, VB_ACTION_MANAGE},
    {"AutostartOnce", prop_autostart_once, set_autostart_once, VB_ACTION_MANAGE},
    {"OSType", prop_os_type, NULL, NULL},
    {"MaxMemory", prop_max_memory, NULL, NULL},
    {"Memory", prop_memory, NULL, NULL},
    {"Vcpus", prop_vcpus, NULL, NULL},
    {"MaxVcpus", prop_max_vcpus, NULL, NULL},
    {"HasManagedSave", prop_has_managed_save, NULL, NULL},
    {"HasCurrentSnapshot", prop_has_current_snapshot, NULL, NULL},
    {"CurrentSnapshot", prop_current_snapshot, NULL, NULL},
    {"Snapshots", prop_snapshots, NULL, NULL},
    {"Title", prop_title, NULL, NULL},
    {"Description", prop_description, NULL, NULL},
    {"Pid", prop_pid, NULL, NULL},
    {"MonitorAge", prop_monitor_age, NULL, NULL},
    {"ResctrlMonitoring", prop_resctrl_monitoring, NULL, NULL},
};

#define METHOD_ROW(name, function, action) {name, qemu_bus_domain_##function, action},
static const VbMethod methods[] = {QEMU_BUS_DOMAIN_METHODS(METHOD_ROW)};

const VbInterface qemu_bus_domain_interface = {
    .info = &org_virtbus_domain1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};
