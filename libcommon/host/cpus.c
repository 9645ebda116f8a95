/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors in short: counts, clock, what they have been doing. */
#include "host/host-private.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Each file stands in for the other, as trees of old kernels have it; the folders for both. */
static VbBitset *
read_cpus(const VbHost *host, const char *name, const char *otherwise)
{
    g_autofree char *path = g_build_filename(host->sysfs, "devices/system/cpu", NULL);
    VbBitset *set = vb_host_read_set(path, name);

    if (vb_bitset_count(set) == 0) {
        vb_bitset_free(set);
        set = vb_host_read_set(path, otherwise);
    }
    if (vb_bitset_count(set) == 0) {
        vb_bitset_free(set);
        set = vb_host_list_entries(path, "cpu");
    }
    return set;
}

VbBitset *
vb_host_read_online_cpus(const VbHost *host)
{
    return read_cpus(host, "online", "present");
}

VbBitset *
vb_host_read_present_cpus(const VbHost *host)
{
    return read_cpus(host, "present", "online");
}

/* "cpu MHz : 2596.120" of x86 and, with a word more, of s390; "clock : 3690.000000MHz" of ppc */
static guint
read_mhz(VbHost *host)
{
    static const char *const keys[] = {"cpu MHz", "clock"};
    g_autofree char *text = vb_host_read_cpuinfo(host);

    for (guint i = 0; text && i < G_N_ELEMENTS(keys); i++) {
        for (const char *line = text; line; line = strchr(line, '\n')) {
            const char *colon;

            line += *line == '\n';
            colon = g_str_has_prefix(line, keys[i]) ? strchr(line, ':') : NULL;
            if (colon)
                return (guint)g_ascii_strtod(colon + 1, NULL);
        }
    }
    return 0;
}

typedef struct {
    guint sockets, cores, threads;
    guint n_online, n_offline;
} Shape;

static gboolean
is_in_cell(const VbHostCpu *cpu, int cell)
{
    return cell < 0 || cpu->cell == cell;
}

/* Grows @shape to what one cell has (-1: everything); cores and threads are the most of any socket and core. */
static void
measure(const VbHostTopology *topology, int cell, Shape *shape)
{
    g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL); /* id + 1 -> VbBitset of cores */
    GHashTableIter iter;
    gpointer cores;

    VB_HOST_EACH(VbHostCpu, cpu, topology->cpus)
    {
        if (!is_in_cell(cpu, cell))
            continue;
        shape->n_online += cpu->is_online;
        shape->n_offline += !cpu->is_online;
        if (!cpu->is_online)
            continue;
        cores = g_hash_table_lookup(sockets, GINT_TO_POINTER(cpu->socket_id + 1));
        if (!cores) {
            cores = vb_bitset_new();
            g_hash_table_insert(sockets, GINT_TO_POINTER(cpu->socket_id + 1), cores);
        }
        vb_bitset_add(cores, (guint)cpu->core_id);
        shape->threads = MAX(shape->threads, vb_bitset_count(cpu->siblings));
    }
    shape->sockets = MAX(shape->sockets, g_hash_table_size(sockets));
    g_hash_table_iter_init(&iter, sockets);
    while (g_hash_table_iter_next(&iter, NULL, &cores)) {
        shape->cores = MAX(shape->cores, vb_bitset_count(cores));
        vb_bitset_free(cores);
    }
}

/**
 * vb_host_read_info:
 * @ret_info: (out): the host in numbers
 *
 * Where nodes, sockets, cores and threads do not multiply to all CPUs, those offline included: 1, 1, all, 1, as libvirt
 * does. Users who need to know look at the capabilities.
 */
void
vb_host_read_info(VbHost *host, VbHostInfo *ret_info)
{
    const VbHostTopology *topology = vb_host_get_topology(host);
    guint nodes = topology->cells->len;
    Shape shape = {0};

    VB_HOST_EACH(VbHostCell, cell, topology->cells) measure(topology, (int)cell->id, &shape);
    if (shape.n_online == 0) { /* the nodes do not say whose CPUs are theirs */
        nodes = 1;
        shape = (Shape){0};
        measure(topology, -1, &shape);
    }
    if (nodes * shape.sockets * shape.cores * shape.threads != shape.n_online + shape.n_offline) {
        nodes = 1;
        shape.sockets = shape.threads = 1;
        shape.cores = shape.n_online + shape.n_offline;
    }
    *ret_info = (VbHostInfo){.memory_kib = vb_host_sum_memory_kib(host, "MemTotal"),
                             .cpus = shape.n_online,
                             .mhz = read_mhz(host),
                             .nodes = nodes,
                             .sockets = shape.sockets,
                             .cores = shape.cores,
                             .threads = shape.threads};
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
