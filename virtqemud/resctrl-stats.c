/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What resource control counts: the monitors of a definition, as libvirt reports them, and the whole guest. */
#include "manager.h"
#include "resctrl-private.h"
#include "stats-private.h"

#define MIN_RATE_US (100 * 1000) /* readings closer than this say little of a rate */

static void
monitor_free(gpointer data)
{
    QemuResctrlMonitor *monitor = data;
    g_free(monitor->name);
    g_array_unref(monitor->readings);
    g_free(monitor);
}

GPtrArray *
qemu_resctrl_read_monitors(const QemuDomain *domain)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(monitor_free);
    const VbDomainCputune *tune = domain->live ? domain->live->cputune : NULL;
    GPtrArray *const lists[] = {tune ? tune->cachetunes : NULL, tune ? tune->memorytunes : NULL};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainResctrl, entry, lists[i])
        {
            VB_DOMAIN_EACH(VbDomainResctrlMonitor, monitor, entry->monitors)
            {
                g_autofree char *path = qemu_resctrl_monitor_path(domain, entry, monitor);
                QemuResctrlMonitor *read = g_new0(QemuResctrlMonitor, 1);
                read->level = i == 0 ? monitor->level : 0;
                read->name = g_strdup_printf("vcpus_%s", monitor->vcpus);
                read->vcpus = monitor->vcpus;
                read->readings = vb_resctrl_read(path);
                g_ptr_array_add(found, read);
            }
        }
    }
    return found;
}

static void
add_up(const char *path, QemuResctrlTotals *totals)
{
    g_autoptr(GArray) readings = vb_resctrl_read(path);
    for (guint i = 0; i < readings->len; i++) {
        const VbResctrlReading *reading = &g_array_index(readings, VbResctrlReading, i);
        totals->has_occupancy |= reading->has_occupancy;
        totals->has_total |= reading->has_total;
        totals->has_local |= reading->has_local;
        totals->occupancy += reading->occupancy;
        totals->total += reading->total;
        totals->local += reading->local;
    }
}

/* Every allocation counts for itself; monitors below one are part of it, those of the default group are not. */
static void
add_groups(const QemuDomain *domain, QemuResctrlTotals *totals)
{
    g_autofree char *prefix = g_strdup_printf("qemu-%d-%s-vcpus_", domain->id, domain->name);
    g_autoptr(GPtrArray) names = vb_resctrl_list(domain->manager->resctrl, prefix);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(domain->manager->resctrl, names->pdata[i], NULL);
        add_up(path, totals);
    }
}

/* the counters stand for a time that began with the group: a reading before is needed */
static void
find_rates(QemuResctrlBefore *before, QemuResctrlTotals *totals)
{
    const gint64 now_us = g_get_monotonic_time();
    const gint64 passed_us = now_us - before->at_us;
    if (before->at_us && passed_us < MIN_RATE_US) {
        totals->total_rate = before->total_rate;
        totals->local_rate = before->local_rate;
        return;
    }
    if (before->at_us && totals->total >= before->total && totals->local >= before->local) {
        totals->total_rate = (guint64)((double)(totals->total - before->total) * 1e6 / passed_us);
        totals->local_rate = (guint64)((double)(totals->local - before->local) * 1e6 / passed_us);
    }
    *before = (QemuResctrlBefore){now_us, totals->total, totals->local, totals->total_rate,
                                  totals->local_rate};
}

gboolean
qemu_resctrl_read_totals(QemuDomain *domain, QemuResctrlTotals *ret_totals)
{
    const QemuResctrlState state = qemu_resctrl_get_state(domain);
    *ret_totals = (QemuResctrlTotals){0};
    if (state == QEMU_RESCTRL_FORCED) {
        add_groups(domain, ret_totals);
    } else if (state == QEMU_RESCTRL_ENABLED) {
        g_autofree char *path = qemu_resctrl_guest_monitor_path(domain);
        add_up(path, ret_totals);
    }
    if (!ret_totals->has_occupancy && !ret_totals->has_total && !ret_totals->has_local)
        return FALSE;
    find_rates(&domain->resctrl_before, ret_totals);
    return TRUE;
}

/* ---- for domstats ---- */

/**
 * qemu_stats_add_cache_monitors:
 *
 * libvirt's cpu.cache.monitor.*, and ours for the whole guest: resctrl.state, resctrl.cmt (bytes in caches), resctrl.mbm.total and
 * .local (bytes moved since monitoring began), .rate (bytes a second since the reading before).
 */
void
qemu_stats_add_cache_monitors(QemuDomain *domain, GVariantBuilder *values)
{
    g_autoptr(GPtrArray) monitors = qemu_resctrl_read_monitors(domain);
    QemuResctrlTotals totals;
    guint n = 0;
    for (guint i = 0; i < monitors->len; i++) {
        const QemuResctrlMonitor *monitor = monitors->pdata[i];
        if (monitor->level == 0)
            continue;
        qemu_stats_add(values, g_variant_new_string(monitor->name), "cpu.cache.monitor.%u.name", n);
        qemu_stats_add(values, g_variant_new_string(monitor->vcpus), "cpu.cache.monitor.%u.vcpus",
                       n);
        qemu_stats_add(values, g_variant_new_uint32(monitor->readings->len),
                       "cpu.cache.monitor.%u.bank.count", n);
        for (guint j = 0; j < monitor->readings->len; j++) {
            const VbResctrlReading *reading =
                &g_array_index(monitor->readings, VbResctrlReading, j);
            qemu_stats_add(values, g_variant_new_uint32(reading->id),
                           "cpu.cache.monitor.%u.bank.%u.id", n, j);
            qemu_stats_add(values, g_variant_new_uint32((guint32)reading->occupancy),
                           "cpu.cache.monitor.%u.bank.%u.bytes", n, j);
        }
        n++;
    }
    qemu_stats_add(values, g_variant_new_uint32(n), "cpu.cache.monitor.count");
    if (!qemu_resctrl_read_totals(domain, &totals))
        return;
    if (totals.has_occupancy)
        qemu_stats_add(values, g_variant_new_uint64(totals.occupancy), "resctrl.cmt");
    if (totals.has_total) {
        qemu_stats_add(values, g_variant_new_uint64(totals.total), "resctrl.mbm.total");
        qemu_stats_add(values, g_variant_new_uint64(totals.total_rate), "resctrl.mbm.total.rate");
    }
    if (totals.has_local) {
        qemu_stats_add(values, g_variant_new_uint64(totals.local), "resctrl.mbm.local");
        qemu_stats_add(values, g_variant_new_uint64(totals.local_rate), "resctrl.mbm.local.rate");
    }
}

/**
 * qemu_stats_add_bandwidth_monitors:
 *
 * libvirt's memory.bandwidth.monitor.*, of a guest that runs.
 */
void
qemu_stats_add_bandwidth_monitors(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    g_autoptr(GPtrArray) monitors = qemu_resctrl_read_monitors(domain);
    guint n = 0;
    if (!domain->live)
        return;
    for (guint i = 0; i < monitors->len; i++) {
        const QemuResctrlMonitor *monitor = monitors->pdata[i];
        if (monitor->level != 0)
            continue;
        qemu_stats_add(values, g_variant_new_string(monitor->name),
                       "memory.bandwidth.monitor.%u.name", n);
        qemu_stats_add(values, g_variant_new_string(monitor->vcpus),
                       "memory.bandwidth.monitor.%u.vcpus", n);
        qemu_stats_add(values, g_variant_new_uint32(monitor->readings->len),
                       "memory.bandwidth.monitor.%u.node.count", n);
        for (guint j = 0; j < monitor->readings->len; j++) {
            const VbResctrlReading *reading =
                &g_array_index(monitor->readings, VbResctrlReading, j);
            qemu_stats_add(values, g_variant_new_uint32(reading->id),
                           "memory.bandwidth.monitor.%u.node.%u.id", n, j);
            qemu_stats_add(values, g_variant_new_uint64(reading->local),
                           "memory.bandwidth.monitor.%u.node.%u.bytes.local", n, j);
            qemu_stats_add(values, g_variant_new_uint64(reading->total),
                           "memory.bandwidth.monitor.%u.node.%u.bytes.total", n, j);
        }
        n++;
    }
    qemu_stats_add(values, g_variant_new_uint32(n), "memory.bandwidth.monitor.count");
}
