/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 that read numbers. What only an emulator knows is asked for first, with a short deadline; then
 * the last known facts are the answer. Hypervisor1.GetAllDomainStats: bus-all-stats.c. */
#include "bus/bus-private.h"
#include "perf.h"
#include "resctrl.h"

/* reading with fresh facts */

typedef struct {
    VbCall *call;
    GPtrArray *domains; /* of QemuDomain, with references */
    QemuBusRead read;
} FreshRead;

static GPtrArray *
new_domain_array(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_domain_unref);
}

static void
facts_are_fresh(gpointer data)
{
    g_autofree FreshRead *fresh = data;
    g_autoptr(GPtrArray) domains = fresh->domains;
    GError *error = NULL;
    GVariant *reply = fresh->read(domains->pdata[0], vb_call_get_args(fresh->call), &error);
    if (reply)
        vb_call_return(fresh->call, reply);
    else
        vb_call_fail(fresh->call, error);
}

/**
 * qemu_bus_read_fresh:
 * @kinds: QemuFactsKind
 * @read: gives the reply's tuple from what is known then
 */
GVariant *
qemu_bus_read_fresh(VbCall *call, QemuDomain *domain, guint kinds, QemuBusRead read)
{
    FreshRead *fresh = g_new(FreshRead, 1);
    *fresh = (FreshRead){call, new_domain_array(), read};
    g_ptr_array_add(fresh->domains, qemu_domain_ref(domain));
    vb_call_defer(call);
    qemu_facts_refresh(fresh->domains, kinds, QEMU_FACTS_DEADLINE_MS, facts_are_fresh, fresh);
    return NULL;
}

/* (transfer floating) @value as the only member of a reply; NULL stays NULL */
static GVariant *
wrap(GVariant *value)
{
    return value ? g_variant_new_tuple(&value, 1) : NULL;
}

/* statistics of one */

static GVariant *
read_stats(QemuDomain *domain, GVariant *args, GError **error)
{
    guint stats, flags;
    g_variant_get(args, "(uu)", &stats, &flags);
    return wrap(qemu_domain_get_stats(domain, stats, flags));
}

GVariant *
qemu_bus_domain_get_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint stats, flags;
    g_variant_get(args, "(uu)", &stats, &flags);
    if (!qemu_stats_check(stats, flags, error))
        return NULL;
    return qemu_bus_read_fresh(call, data, qemu_stats_needs(stats), read_stats);
}

/* one guest, one matter */

GVariant *
qemu_bus_domain_get_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuDomainInfo info;
    qemu_domain_get_info(data, &info);
    return g_variant_new("(yttqt)", (guint8)info.state, info.max_memory_kib, info.memory_kib,
                         (guint16)MIN(info.n_vcpus, G_MAXUINT16), info.cpu_time_ns);
}

GVariant *
qemu_bus_domain_get_control_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_domain_get_control_info(data, flags, error);
}

static GVariant *
read_memory_stats(QemuDomain *domain, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return wrap(qemu_domain_get_memory_stats(domain, flags, error));
}

GVariant *
qemu_bus_domain_get_memory_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_bus_read_fresh(call, data, QEMU_FACTS_BALLOON | QEMU_FACTS_MEMORY,
                               read_memory_stats);
}

static GVariant *
read_block_stats(QemuDomain *domain, GVariant *args, GError **error)
{
    const char *path;
    g_variant_get(args, "(&s)", &path);
    return qemu_domain_get_block_stats(domain, path, error);
}

GVariant *
qemu_bus_domain_get_block_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_bus_read_fresh(call, data, QEMU_FACTS_BLOCK, read_block_stats);
}

static GVariant *
read_block_stats_flags(QemuDomain *domain, GVariant *args, GError **error)
{
    const char *path;
    guint flags;
    g_variant_get(args, "(&su)", &path, &flags);
    return wrap(qemu_domain_get_block_stats_flags(domain, path, flags, error));
}

GVariant *
qemu_bus_domain_get_block_stats_flags(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_bus_read_fresh(call, data, QEMU_FACTS_BLOCK, read_block_stats_flags);
}

static GVariant *
read_block_info(QemuDomain *domain, GVariant *args, GError **error)
{
    const char *path;
    guint flags;
    g_variant_get(args, "(&su)", &path, &flags);
    return qemu_domain_get_block_info(domain, path, flags, error);
}

GVariant *
qemu_bus_domain_get_block_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_bus_read_fresh(call, data, QEMU_FACTS_BLOCK, read_block_info);
}

GVariant *
qemu_bus_domain_get_interface_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *device;
    g_variant_get(args, "(&s)", &device);
    return qemu_domain_get_interface_stats(data, device, error);
}

static GVariant *
read_vcpus(QemuDomain *domain, GVariant *args, GError **error)
{
    return qemu_domain_get_vcpus(domain, error);
}

GVariant *
qemu_bus_domain_get_vcpus(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return qemu_bus_read_fresh(call, data, QEMU_FACTS_VCPU, read_vcpus);
}

GVariant *
qemu_bus_domain_get_vcpu_count(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (flags & VIR_DOMAIN_VCPU_GUEST)
        return qemu_bus_domain_count_guest_vcpus(data, call, flags, error);
    int n = qemu_domain_get_vcpu_count(data, flags, error);
    return n < 0 ? NULL : g_variant_new("(i)", n);
}

GVariant *
qemu_bus_domain_get_cpu_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int start_cpu;
    guint n_cpus, flags;
    g_variant_get(args, "(iuu)", &start_cpu, &n_cpus, &flags);
    return wrap(qemu_domain_get_cpu_stats(data, start_cpu, n_cpus, flags, error));
}

GVariant *
qemu_bus_domain_get_messages(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    g_auto(GStrv) messages = qemu_domain_get_messages(data, flags, error);
    return messages ? g_variant_new("(^as)", messages) : NULL;
}

/* No security driver labels guests: libvirt then answers an empty label. */
GVariant *
qemu_bus_domain_get_security_label(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(sb)", "", FALSE);
}

GVariant *
qemu_bus_domain_set_resctrl_monitoring(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    gboolean is_enabled;
    g_variant_get(args, "(b)", &is_enabled);
    vb_call_defer(call);
    qemu_resctrl_set_monitoring(data, is_enabled, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_get_perf_events(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    GVariant *values;
    g_variant_get(args, "(u)", &flags);
    values = qemu_perf_get(data, flags, error);
    return values ? g_variant_new("(@a{sv})", values) : NULL;
}

GVariant *
qemu_bus_domain_set_perf_events(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) params = NULL;
    guint flags;
    g_variant_get(args, "(@a{sv}u)", &params, &flags);
    return qemu_perf_set(data, params, flags, error) ? g_variant_new("()") : NULL;
}

GVariant *
qemu_bus_domain_start_dirty_rate_calculation(gpointer data, VbCall *call, GVariant *args,
                                             GError **error)
{
    int seconds;
    guint flags;
    g_variant_get(args, "(iu)", &seconds, &flags);
    vb_call_defer(call);
    qemu_domain_start_dirty_rate(data, seconds, flags, qemu_bus_done, call);
    return NULL;
}
