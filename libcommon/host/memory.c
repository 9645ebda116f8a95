/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory, of the host and of its NUMA nodes. */
#include "host/host-private.h"

#include <string.h>

#include "base/error.h"

/* KiB after @name in text of meminfo's form; FALSE: not there */
static gboolean
meminfo_value(const char *text, const char *name, guint64 *ret_kib)
{
    const char *found = text;
    const gsize length = strlen(name);

    while (found && (found = strstr(found, name))) {
        const gboolean is_word = found == text || found[-1] == '\n' || found[-1] == ' ';

        if (is_word && found[length] == ':') {
            *ret_kib = g_ascii_strtoull(found + length + 1, NULL, 10);
            return TRUE;
        }
        found += length;
    }
    return FALSE;
}

static char *
read_node_meminfo(const VbHost *host, guint node)
{
    g_autofree char *path = g_strdup_printf("devices/system/node/node%u/meminfo", node);

    return vb_host_read_word(host->sysfs, path);
}

/**
 * vb_host_read_memory_kib:
 * @node: NUMA node, -1: the system
 * @name: as in meminfo, e.g. "MemTotal"
 * @ret_kib: (out)
 *
 * Returns: FALSE: the kernel does not say
 */
gboolean
vb_host_read_memory_kib(const VbHost *host, int node, const char *name, guint64 *ret_kib)
{
    g_autofree char *text = node < 0 ? vb_host_read_word(host->procfs, "meminfo")
                                     : read_node_meminfo(host, (guint)node);

    return text && meminfo_value(text, name, ret_kib);
}

/* of all NUMA nodes; without any, of the system */
guint64
vb_host_sum_memory_kib(VbHost *host, const char *name)
{
    g_autoptr(VbBitset) nodes = vb_host_read_nodes(host);
    guint64 sum = 0;
    guint64 kib = 0;

    VB_BITSET_EACH(node, nodes)
    {
        if (vb_host_read_memory_kib(host, node, name, &kib))
            sum += kib;
    }
    if (sum == 0 && vb_host_read_memory_kib(host, -1, name, &kib))
        sum = kib;
    return sum;
}

static char *
read_cell(VbHost *host, int cell, GError **error)
{
    g_autoptr(VbBitset) nodes = NULL;
    char *text = NULL;
    int last = 0;

    if (cell == -1)
        text = vb_host_read_word(host->procfs, "meminfo");
    else if (cell >= 0)
        text = read_node_meminfo(host, (guint)cell);
    if (text)
        return text;
    nodes = vb_host_read_nodes(host);
    VB_BITSET_EACH(node, nodes) last = node;
    g_set_error(error, VB_ERROR, VIR_ERR_INVALID_ARG,
                "cellNum in virHostMemGetStats must be less than or equal to %d", last);
    return NULL;
}

/**
 * vb_host_read_memory_stats:
 * @cell: NUMA node, -1: all together
 * @ret_stats: (out): KiB: total, free, and for all together buffers, cached; VB_HOST_N_MEMORY_STATS entries
 *
 * Returns: how many there are; 0 with @error set
 * Errors: INVALID_ARG no such node
 */
guint
vb_host_read_memory_stats(VbHost *host, int cell, VbHostMemoryStat *ret_stats, GError **error)
{
    static const struct {
        const char *name;
        const char *kernel_name;
    } fields[VB_HOST_N_MEMORY_STATS] = {{"total", "MemTotal"},
                                        {"free", "MemFree"},
                                        {"buffers", "Buffers"},
                                        {"cached", "Cached"}};
    g_autofree char *text = read_cell(host, cell, error);
    guint n = 0;

    for (guint i = 0; text && i < G_N_ELEMENTS(fields); i++) {
        if (meminfo_value(text, fields[i].kernel_name, &ret_stats[n].kib))
            ret_stats[n++].name = fields[i].name;
    }
    if (text && n == 0)
        vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "no available memory line found");
    return n;
}

/* of all NUMA nodes */
guint64
vb_host_read_free_memory_kib(VbHost *host)
{
    return vb_host_sum_memory_kib(host, "MemFree");
}

guint64
vb_host_read_cell_memory_kib(VbHost *host, const VbHostCell *cell)
{
    const int node = vb_host_get_topology(host)->has_nodes ? (int)cell->id : -1;
    guint64 kib = 0;

    (void)vb_host_read_memory_kib(host, node, "MemTotal", &kib);
    return kib;
}
