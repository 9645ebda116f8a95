/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Hypervisor1 about the host. */
#include <errno.h>
#include <sys/utsname.h>

#include "bus/bus-node.h"
#include "bus/bus-private.h"
#include "base/error.h"
#include "define.h"
#include "host/host.h"

static VbHost *
get_host(gpointer data)
{
    return ((QemuBus *)data)->manager->host;
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
    int n = qemu_host_get_max_vcpus(type, error);
    return n < 0 ? NULL : g_variant_new("(i)", n);
}

GVariant *
qemu_bus_node_get_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    struct utsname name;
    VbHostInfo info;
    if (uname(&name) < 0) {
        vb_error_set_errno(error, errno, "cannot read the host's architecture");
        return NULL;
    }
    vb_host_read_info(get_host(data), &info);
    return g_variant_new("(stiiiiii)", name.machine, info.memory_kib, (int)info.cpus, (int)info.mhz,
                         (int)info.nodes, (int)info.sockets, (int)info.cores, (int)info.threads);
}

GVariant *
qemu_bus_node_get_cpu_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHostCpuStats stats;
    GVariantBuilder builder;
    int cpu;
    guint flags;
    g_variant_get(args, "(iu)", &cpu, &flags);
    if (!qemu_check_flags(flags, 0, "virHostCPUGetStats", error) ||
        !vb_host_read_cpu_stats(get_host(data), cpu, &stats, error))
        return NULL;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(st)"));
    g_variant_builder_add(&builder, "(st)", "kernel", stats.kernel_ns);
    g_variant_builder_add(&builder, "(st)", "user", stats.user_ns);
    g_variant_builder_add(&builder, "(st)", "idle", stats.idle_ns);
    g_variant_builder_add(&builder, "(st)", "iowait", stats.iowait_ns);
    return wrap(g_variant_builder_end(&builder));
}

GVariant *
qemu_bus_node_get_memory_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHostMemoryStat stats[VB_HOST_N_MEMORY_STATS];
    GVariantBuilder builder;
    guint n;
    int cell;
    guint flags;
    g_variant_get(args, "(iu)", &cell, &flags);
    if (!qemu_check_flags(flags, 0, "virHostMemGetStats", error) ||
        (n = vb_host_read_memory_stats(get_host(data), cell, stats, error)) == 0)
        return NULL;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(st)"));
    for (guint i = 0; i < n; i++)
        g_variant_builder_add(&builder, "(st)", stats[i].name, stats[i].kib);
    return wrap(g_variant_builder_end(&builder));
}

GVariant *
qemu_bus_node_get_free_memory(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(t)", vb_host_read_free_memory_kib(get_host(data)) * 1024);
}

GVariant *
qemu_bus_node_get_cpu_map(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHost *host = get_host(data);
    g_autoptr(VbBitset) present = vb_host_read_present_cpus(host);
    g_autoptr(VbBitset) online = vb_host_read_online_cpus(host);
    g_autoptr(GByteArray) map = g_byte_array_new();
    guint total = 0;
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, 0, "virHostCPUGetMap", error))
        return NULL;
    VB_BITSET_EACH(cpu, present) total = (guint)cpu + 1;
    for (guint i = 0; i < total; i += 8) {
        guint8 byte = 0;
        for (guint k = 0; k < 8; k++)
            byte |= (guint8)(vb_bitset_has(online, i + k) << k);
        g_byte_array_append(map, &byte, 1);
    }
    return g_variant_new("(@ayui)",
                         g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, map->data, map->len, 1),
                         vb_bitset_count(online), (int)total);
}

/* No security driver labels guests. Source: what libvirt answers with security_driver = "none" */
GVariant *
qemu_bus_node_get_security_model(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(ss)", "none", "0");
}

GVariant *
qemu_bus_node_get_sysinfo(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, 0, "qemuConnectGetSysinfo", error))
        return NULL;
    g_autofree char *xml = vb_host_read_sysinfo(get_host(data), error);
    return xml ? g_variant_new("(s)", xml) : NULL;
}
