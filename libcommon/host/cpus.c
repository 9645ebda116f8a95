/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors in short: counts, clock, what they have been doing. */
#include "host/host-private.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

VbBitset *
vb_host_read_online_cpus(VbHost *host)
{
    return vb_host_read_set(host->sysfs, "devices/system/cpu/online");
}

VbBitset *
vb_host_read_present_cpus(VbHost *host)
{
    return vb_host_read_set(host->sysfs, "devices/system/cpu/present");
}

static int
read_topology(VbHost *host, guint cpu, const char *name)
{
    g_autofree char *path = g_strdup_printf("devices/system/cpu/cpu%u/topology/%s", cpu, name);
    g_autofree char *text = vb_host_read_word(host->sysfs, path);

    return text ? (int)g_ascii_strtoll(text, NULL, 10) : -1;
}

typedef struct {
    guint sockets, cores, threads;
} Topology;

/* of one NUMA node; cores and threads are the most of any socket and core */
static void
count_topology(VbHost *host, const VbBitset *cpus, Topology *topology)
{
    g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL); /* -> cores */
    g_autoptr(GHashTable) cores =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL); /* -> threads */

    VB_BITSET_EACH(i, cpus)
    {
        const gint64 socket = read_topology(host, (guint)i, "physical_package_id");
        gint64 *core = g_new(gint64, 1);
        guint n;

        *core = socket << 32 | (guint32)read_topology(host, (guint)i, "core_id");
        n = GPOINTER_TO_UINT(g_hash_table_lookup(cores, core)) + 1;
        topology->threads = MAX(topology->threads, n);
        if (n == 1) {
            guint n_cores =
                GPOINTER_TO_UINT(g_hash_table_lookup(sockets, GINT_TO_POINTER((int)socket))) + 1;

            g_hash_table_insert(sockets, GINT_TO_POINTER((int)socket), GUINT_TO_POINTER(n_cores));
            topology->cores = MAX(topology->cores, n_cores);
        }
        g_hash_table_insert(cores, core, GUINT_TO_POINTER(n));
    }
    topology->sockets = MAX(topology->sockets, g_hash_table_size(sockets));
}

static guint
read_mhz(VbHost *host)
{
    g_autofree char *text = vb_host_read_word(host->procfs, "cpuinfo");
    const char *found = text ? strstr(text, "cpu MHz") : NULL;

    found = found ? strchr(found, ':') : NULL;
    return found ? (guint)g_ascii_strtod(found + 1, NULL) : 0;
}

static guint
count_all(VbHost *host, const VbBitset *online, Topology *topology)
{
    g_autoptr(VbBitset) nodes = vb_host_read_set(host->sysfs, "devices/system/node/online");
    guint n_nodes = 0;

    VB_BITSET_EACH(i, nodes)
    {
        g_autofree char *path = g_strdup_printf("devices/system/node/node%d/cpulist", i);
        g_autoptr(VbBitset) cpus = vb_host_read_set(host->sysfs, path);

        count_topology(host, cpus, topology);
        n_nodes++;
    }
    if (n_nodes > 0)
        return n_nodes;
    count_topology(host, online, topology);
    return 1;
}

/**
 * vb_host_read_info:
 * @ret_info: (out): the host in numbers
 *
 * Where nodes, sockets, cores and threads do not multiply to the active CPUs: 1, 1, all, 1, as libvirt does.
 */
void
vb_host_read_info(VbHost *host, VbHostInfo *ret_info)
{
    g_autoptr(VbBitset) online = vb_host_read_online_cpus(host);
    const guint n_online = vb_bitset_count(online);
    Topology topology = {0};
    guint n_nodes = count_all(host, online, &topology);

    if (n_nodes * topology.sockets * topology.cores * topology.threads != n_online) {
        n_nodes = 1;
        topology = (Topology){1, n_online, 1};
    }
    *ret_info = (VbHostInfo){.memory_kib = vb_host_sum_memory_kib(host, "MemTotal"),
                             .cpus = n_online,
                             .mhz = read_mhz(host),
                             .nodes = n_nodes,
                             .sockets = topology.sockets,
                             .cores = topology.cores,
                             .threads = topology.threads};
}

/**
 * vb_host_read_cpu_stats:
 * @cpu: its number, -1: all together
 * @ret_stats: (out)
 *
 * Errors: INVALID_ARG no such CPU
 * Source: proc(5), /proc/stat: user nice system idle iowait irq softirq, in clock ticks
 */
gboolean
vb_host_read_cpu_stats(VbHost *host, int cpu, VbHostCpuStats *ret_stats, GError **error)
{
    const guint64 tick_ns = G_GUINT64_CONSTANT(1000000000) / (guint64)sysconf(_SC_CLK_TCK);
    g_autofree char *text = vb_host_read_word(host->procfs, "stat");
    g_autofree char *name = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("cpu%d ", cpu);
    const char *found = NULL;
    guint64 n[7] = {0};

    for (const char *line = cpu >= -1 ? text : NULL; line && !found; line = strchr(line, '\n')) {
        line += *line == '\n';
        found = g_str_has_prefix(line, name) ? line + strlen(name) : NULL;
    }
    if (!found) {
        g_set_error_literal(error, VB_ERROR, VIR_ERR_INVALID_ARG,
                            "Invalid cpuNum in virHostCPUGetStatsLinux");
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(n); i++)
        n[i] = g_ascii_strtoull(found, (char **)&found, 10) * tick_ns;
    *ret_stats = (VbHostCpuStats){.kernel_ns = n[2] + n[5] + n[6],
                                  .user_ns = n[0] + n[1],
                                  .idle_ns = n[3],
                                  .iowait_ns = n[4]};
    return TRUE;
}
