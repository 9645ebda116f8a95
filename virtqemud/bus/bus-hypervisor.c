/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.Hypervisor1 on the root object: guests as a whole. What the host has is in bus-node.c. */
#include "bus/bus-cpu.h"
#include "bus/bus-node.h"
#include "bus/bus-private.h"
#include "native.h"

/* guests */

static GVariant *
method_list_domains(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuBus *bus = data;
    guint flags;
    g_variant_get(args, "(u)", &flags);
    g_autoptr(GPtrArray) domains = qemu_manager_list(bus->manager, flags);
    return g_variant_new("(@ao)", qemu_bus_paths(domains));
}

static GVariant *
reply_path(QemuDomain *domain)
{
    if (!domain)
        return NULL;
    g_autofree char *path = qemu_bus_domain_path(domain->uuid_text);
    return g_variant_new("(o)", path);
}

static GVariant *
method_lookup_by_name(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *name;
    g_variant_get(args, "(&s)", &name);
    return reply_path(qemu_manager_find_by_name(((QemuBus *)data)->manager, name, error));
}

static GVariant *
method_lookup_by_uuid(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *text;
    VbUuid uuid;
    char canonical[37];
    g_variant_get(args, "(&s)", &text);
    if (!vb_uuid_parse(text, &uuid)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not a UUID", text);
        return NULL;
    }
    vb_uuid_format(&uuid, canonical);
    return reply_path(qemu_manager_find_by_uuid(((QemuBus *)data)->manager, canonical, error));
}

static GVariant *
method_lookup_by_id(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int id;
    g_variant_get(args, "(i)", &id);
    return reply_path(qemu_manager_find_by_id(((QemuBus *)data)->manager, id, error));
}

/* A call that must wait for capabilities first */
typedef struct {
    QemuBus *bus;
    VbCall *call;
    const char *xml; /* the call's */
    guint flags;
} Pending;

static Pending *
defer_with_xml(QemuBus *bus, VbCall *call, GVariant *args)
{
    Pending *pending = g_new0(Pending, 1);
    pending->bus = bus;
    pending->call = call;
    g_variant_get(args, "(&su)", &pending->xml, &pending->flags);
    vb_call_defer(call);
    return pending;
}

static void
define_read(VbDomainDef *def, gpointer data)
{
    g_autofree Pending *pending = data;
    QemuManager *manager = pending->bus->manager;
    GError *error = NULL;
    QemuDomain *domain;
    if (def && pending->flags == 0) {
        domain = qemu_manager_define_read(manager, def, &error);
    } else {
        vb_domain_free(def);
        domain = qemu_manager_define(manager, pending->xml, pending->flags, &error);
    }
    if (domain)
        vb_call_return(pending->call, reply_path(domain));
    else
        vb_call_fail(pending->call, error);
}

static GVariant *
method_define(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Pending *pending = defer_with_xml(data, call, args);
    qemu_manager_read(pending->bus->manager, pending->xml, define_read, pending);
    return NULL;
}

static void
created(QemuDomain *domain, GError *error, gpointer data)
{
    g_autofree Pending *pending = data;
    if (error) {
        vb_call_fail(pending->call, g_error_copy(error));
        return;
    }
    if (pending->flags & VIR_DOMAIN_START_AUTODESTROY)
        qemu_bus_auto_destroy(domain, pending->call);
    vb_call_return(pending->call, reply_path(domain));
}

static void
create_prepared(gpointer data)
{
    Pending *pending = data;
    qemu_manager_create(pending->bus->manager, pending->xml, pending->flags, created, pending);
}

static GVariant *
method_create(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Pending *pending = defer_with_xml(data, call, args);
    qemu_manager_prepare(pending->bus->manager, pending->xml, create_prepared, pending);
    return NULL;
}

/* documents */

static GVariant *
method_get_capabilities(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    qemu_caps_cache_get_capabilities(((QemuBus *)data)->manager->caps, qemu_bus_done_document,
                                     call);
    return NULL;
}

static GVariant *
method_get_domain_capabilities(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuDomainCapsQuery query;
    guint flags;
    g_variant_get(args, "(&s&s&s&su)", &query.emulator, &query.arch, &query.machine,
                  &query.virttype, &flags);
    if (!qemu_check_flags(flags, 0, "virConnectGetDomainCapabilities", error))
        return NULL;
    vb_call_defer(call);
    qemu_caps_cache_get_domain_capabilities(((QemuBus *)data)->manager->caps, &query,
                                            qemu_bus_done_document, call);
    return NULL;
}

static GVariant *
method_xml_to_native(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *format, *xml;
    guint flags;
    g_variant_get(args, "(&s&su)", &format, &xml, &flags);
    if (!qemu_check_flags(flags, 0, "virConnectDomainXMLToNative", error))
        return NULL;
    vb_call_defer(call);
    qemu_native_from_xml(((QemuBus *)data)->manager, format, xml, qemu_bus_done_document, call);
    return NULL;
}

static GVariant *
method_get_last_error(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(@a{sv})", vb_call_get_last_error(call));
}

static const VbMethod methods[] = {
    {"ListDomains", method_list_domains, VB_ACTION_READ},
    {"LookupDomainByName", method_lookup_by_name, VB_ACTION_READ},
    {"LookupDomainByUuid", method_lookup_by_uuid, VB_ACTION_READ},
    {"LookupDomainById", method_lookup_by_id, VB_ACTION_READ},
    {"DefineDomain", method_define, VB_ACTION_MANAGE},
    {"CreateDomain", method_create, VB_ACTION_MANAGE},
    {"StopGuests", qemu_bus_method_stop_guests, VB_ACTION_MANAGE},
    {"DefineSaveImageXml", qemu_bus_method_define_save_image_xml, VB_ACTION_MANAGE},
    {"GetSaveImageXml", qemu_bus_method_get_save_image_xml, VB_ACTION_MANAGE},
    {"RestoreDomain", qemu_bus_method_restore, VB_ACTION_MANAGE},
    {"RestoreWithParams", qemu_bus_method_restore_with_params, VB_ACTION_MANAGE},
    {"GetCapabilities", method_get_capabilities, VB_ACTION_READ},
    {"GetDomainCapabilities", method_get_domain_capabilities, VB_ACTION_MANAGE},
    {"GetCpuModelNames", qemu_bus_cpu_get_model_names, VB_ACTION_READ},
    {"CompareCpu", qemu_bus_cpu_compare, VB_ACTION_READ},
    {"CompareHypervisorCpu", qemu_bus_cpu_compare_hypervisor, VB_ACTION_MANAGE},
    {"BaselineCpu", qemu_bus_cpu_baseline, VB_ACTION_READ},
    {"BaselineHypervisorCpu", qemu_bus_cpu_baseline_hypervisor, VB_ACTION_MANAGE},
    {"GetMaxVcpus", qemu_bus_node_get_max_vcpus, VB_ACTION_READ},
    {"DomainXmlToNative", method_xml_to_native, VB_ACTION_MANAGE},
    {"GetAllDomainStats", qemu_bus_method_get_all_stats, VB_ACTION_READ},
    {"GetNodeInfo", qemu_bus_node_get_info, VB_ACTION_READ},
    {"GetNodeCpuStats", qemu_bus_node_get_cpu_stats, VB_ACTION_READ},
    {"GetNodeMemoryStats", qemu_bus_node_get_memory_stats, VB_ACTION_READ},
    {"GetNodeFreeMemory", qemu_bus_node_get_free_memory, VB_ACTION_READ},
    {"GetNodeCpuMap", qemu_bus_node_get_cpu_map, VB_ACTION_READ},
    {"GetNodeCellsFreeMemory", qemu_bus_node_get_cells_free, VB_ACTION_READ},
    {"GetNodeFreePages", qemu_bus_node_get_free_pages, VB_ACTION_READ},
    {"AllocNodePages", qemu_bus_node_alloc_pages, VB_ACTION_MANAGE},
    {"GetNodeMemoryParameters", qemu_bus_node_get_memory_parameters, VB_ACTION_READ},
    {"SetNodeMemoryParameters", qemu_bus_node_set_memory_parameters, VB_ACTION_MANAGE},
    {"GetSecurityModel", qemu_bus_node_get_security_model, VB_ACTION_READ},
    {"GetSysinfo", qemu_bus_node_get_sysinfo, VB_ACTION_READ},
    {"EventsSince", qemu_bus_method_events_since, VB_ACTION_READ},
    {"GetLastError", method_get_last_error, VB_ACTION_READ},
};

static GVariant *
prop_type(gpointer data)
{
    return g_variant_new_string("QEMU");
}

static GVariant *
prop_version(gpointer data)
{
    return g_variant_new_uint64(((QemuBus *)data)->version);
}

static GVariant *
prop_hostname(gpointer data)
{
    g_autofree char *name = qemu_host_get_hostname(NULL);
    return g_variant_new_string(name ? name : "");
}

static GVariant *
prop_uri(gpointer data)
{
    QemuBus *bus = data;
    return g_variant_new_string(bus->manager->is_session ? "qemu:///session" : "qemu:///system");
}

static GVariant *
prop_event_epoch(gpointer data)
{
    return g_variant_new_string(vb_events_get_epoch(((QemuBus *)data)->manager->events));
}

static GVariant *
prop_event_sequence(gpointer data)
{
    return g_variant_new_uint64(vb_events_get_sequence(((QemuBus *)data)->manager->events));
}

static const VbProperty properties[] = {
    {"Type", prop_type, NULL, NULL},
    {"Version", prop_version, NULL, NULL},
    {"Hostname", prop_hostname, NULL, NULL},
    {"Uri", prop_uri, NULL, NULL},
    {"EventEpoch", prop_event_epoch, NULL, NULL},
    {"EventSequence", prop_event_sequence, NULL, NULL},
};

const VbInterface qemu_bus_hypervisor_interface = {
    .info = &org_virtbus_hypervisor1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};
