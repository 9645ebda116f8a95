/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the firmware's HMAT says of a NUMA node's memory: how fast its best initiators reach it, and the caches before it.
 * Source: kernel, Documentation/admin-guide/mm/numaperf.rst: access1 counts only nodes with CPUs as initiators; latencies
 * in ns, bandwidths in MB/s (2^20 bytes, drivers/acpi/numa/hmat.c), cache sizes in bytes. */
#include "host/host-private.h"

#include <fcntl.h>
#include <unistd.h>

#define KIB_PER_MIB 1024

/* include/linux/node.h: enum cache_indexing, enum cache_write_policy */
static const VbHostCacheAssociativity associativities[] = {VB_HOST_CACHE_ASSOCIATIVITY_DIRECT,
                                                           VB_HOST_CACHE_ASSOCIATIVITY_FULL};
static const VbHostCachePolicy policies[] = {VB_HOST_CACHE_POLICY_WRITEBACK,
                                             VB_HOST_CACHE_POLICY_WRITETHROUGH};

static gint64
number_or(int folder, const char *name, gint64 otherwise)
{
    gint64 value;

    return vb_host_read_number_at(folder, name, &value) ? value : otherwise;
}

void
vb_host_read_memory_caches(int node_folder, const char *node_path, GArray *caches)
{
    g_autofree char *path = g_build_filename(node_path, "memory_side_cache", NULL);
    g_autoptr(VbBitset) levels = vb_host_list_entries(path, "index");

    VB_BITSET_EACH(level, levels)
    {
        g_autofree char *name = g_strdup_printf("memory_side_cache/index%d", level);
        const int folder = vb_host_open_folder(node_folder, name);
        const gint64 indexing = number_or(folder, "indexing", -1);
        const gint64 policy = number_or(folder, "write_policy", -1);
        const VbHostMemoryCache cache = {
            .level = (guint)level,
            .associativity = indexing >= 0 && indexing < (gint64)G_N_ELEMENTS(associativities)
                                 ? associativities[indexing]
                                 : VB_HOST_CACHE_ASSOCIATIVITY_NONE,
            .policy = policy >= 0 && policy < (gint64)G_N_ELEMENTS(policies)
                          ? policies[policy]
                          : VB_HOST_CACHE_POLICY_NONE,
            .size_b = (guint64)MAX(number_or(folder, "size", 0), 0),
            .line_b = (guint)MAX(number_or(folder, "line_size", 0), 0),
        };

        g_array_append_val(caches, cache);
        if (folder >= 0)
            close(folder);
    }
}

/* one row where reads and writes are equal, else one each; nothing of what the firmware did not say (0) */
static void
add_pair(GArray *interconnects, VbHostInterconnect row, gint64 read_value, gint64 write_value)
{
    const struct {
        VbHostAccess access;
        gint64 value;
    } rows[] = {{VB_HOST_ACCESS_BOTH, read_value == write_value ? read_value : 0},
                {VB_HOST_ACCESS_READ, read_value != write_value ? read_value : 0},
                {VB_HOST_ACCESS_WRITE, read_value != write_value ? write_value : 0}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value <= 0)
            continue;
        row.access = rows[i].access;
        row.value = (guint64)rows[i].value;
        g_array_append_val(interconnects, row);
    }
}

void
vb_host_read_interconnects(int node_folder, const char *node_path, guint target,
                           GArray *interconnects)
{
    g_autofree char *path = g_build_filename(node_path, "access1/initiators", NULL);
    g_autoptr(VbBitset) initiators = vb_host_list_entries(path, "node");
    const int folder = vb_host_open_folder(node_folder, "access1/initiators");

    VB_BITSET_EACH(initiator, initiators)
    {
        VbHostInterconnect row = {.initiator = (guint)initiator, .target = target};

        row.type = VB_HOST_INTERCONNECT_LATENCY;
        add_pair(interconnects, row, number_or(folder, "read_latency", 0),
                 number_or(folder, "write_latency", 0));
        row.type = VB_HOST_INTERCONNECT_BANDWIDTH;
        add_pair(interconnects, row, number_or(folder, "read_bandwidth", 0) * KIB_PER_MIB,
                 number_or(folder, "write_bandwidth", 0) * KIB_PER_MIB);
    }
    if (folder >= 0)
        close(folder);
}

static int
compare_interconnects(gconstpointer a, gconstpointer b)
{
    const VbHostInterconnect *x = a;
    const VbHostInterconnect *y = b;
    const int differences[] = {(int)x->type - (int)y->type, (int)x->initiator - (int)y->initiator,
                               (int)x->target - (int)y->target, (int)x->cache - (int)y->cache,
                               (int)x->access - (int)y->access};

    for (guint i = 0; i < G_N_ELEMENTS(differences); i++) {
        if (differences[i])
            return differences[i];
    }
    return 0;
}

void
vb_host_sort_interconnects(GArray *interconnects)
{
    g_array_sort(interconnects, compare_interconnects);
}
