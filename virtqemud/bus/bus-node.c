/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Hypervisor1 about the host. */
#include "bus/bus-node.h"
#include "bus/bus-private.h"

static QemuManager *
get_manager(gpointer data)
{
    return ((QemuBus *)data)->manager;
}

/* (transfer floating) @value as the only member of a reply; NULL stays NULL */
static GVariant *
wrap(GVariant *value)
{
    return value ? g_variant_new_tuple(&value, 1) : NULL;
}

GVariant *
qemu_bus_node_get_max_vcpus(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *type;
    g_variant_get(args, "(&s)", &type);
    int n = qemu_host_get_max_vcpus(get_manager(data), type, error);
    return n < 0 ? NULL : g_variant_new("(i)", n);
}

GVariant *
qemu_bus_node_get_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_host_get_info(get_manager(data), error);
}

GVariant *
qemu_bus_node_get_cpu_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int cpu;
    guint flags;
    g_variant_get(args, "(iu)", &cpu, &flags);
    return wrap(qemu_host_get_cpu_stats(get_manager(data), cpu, flags, error));
}

GVariant *
qemu_bus_node_get_memory_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int cell;
    guint flags;
    g_variant_get(args, "(iu)", &cell, &flags);
    return wrap(qemu_host_get_memory_stats(get_manager(data), cell, flags, error));
}

GVariant *
qemu_bus_node_get_free_memory(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint64 bytes;
    if (!qemu_host_get_free_memory(get_manager(data), &bytes, error))
        return NULL;
    return g_variant_new("(t)", bytes);
}

GVariant *
qemu_bus_node_get_cpu_map(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_host_get_cpu_map(get_manager(data), flags, error);
}

/* No security driver labels guests: libvirt then answers an empty model. */
GVariant *
qemu_bus_node_get_security_model(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(ss)", "", "");
}

GVariant *
qemu_bus_node_get_sysinfo(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    g_autofree char *xml = qemu_host_get_sysinfo(get_manager(data), flags, error);
    return xml ? g_variant_new("(s)", xml) : NULL;
}
