/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads processors and NUMA nodes below devices/system of a sysfs. Ids may have gaps, nodes may have no CPUs or no memory,
 * CPUs may be offline; recorded trees may lack files that every kernel has. */
#include "host/topology.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/host-private.h"

const char *const vb_host_associativity_words[] = {"none", "direct", "full"};
const char *const vb_host_policy_words[] = {"none", "writeback", "writethrough"};
const char *const vb_host_interconnect_words[] = {"latency", "bandwidth"};
const char *const vb_host_access_words[] = {"access", "read", "write"};
const char *const vb_host_bank_words[] = {"both", "code", "data"};

static void
clear_cpu(gpointer data)
{
    vb_bitset_free(((VbHostCpu *)data)->siblings);
}

static void
clear_cell(gpointer data)
{
    VbHostCell *cell = data;

    vb_bitset_free(cell->cpus);
    g_array_unref(cell->distances);
    g_array_unref(cell->caches);
}

static void
clear_bank(gpointer data)
{
    vb_bitset_free(((VbHostCacheBank *)data)->cpus);
}

static GArray *
new_array(gsize size, GDestroyNotify clear)
{
    GArray *array = g_array_new(FALSE, TRUE, (guint)size);

    g_array_set_clear_func(array, clear);
    return array;
}

static void
clear_topology(gpointer data)
{
    VbHostTopology *topology = data;

    vb_bitset_free(topology->online);
    vb_bitset_free(topology->present);
    g_array_unref(topology->cpus);
    g_array_unref(topology->cells);
    g_array_unref(topology->interconnects);
    g_array_unref(topology->banks);
}

VbHostTopology *
vb_host_topology_ref(VbHostTopology *topology)
{
    return g_atomic_rc_box_acquire(topology);
}

void
vb_host_topology_unref(VbHostTopology *topology)
{
    if (topology)
        g_atomic_rc_box_release_full(topology, clear_topology);
}

/* ---- CPUs ---- */

static int
id_or_0(int folder, const char *name)
{
    gint64 id;

    /* -1 is the kernel's word for "not known", and so is a file that is not there */
    return vb_host_read_number_at(folder, name, &id) && id > 0 ? (int)id : 0;
}

static VbHostCpu *
find_cpu(const VbHostTopology *topology, guint id)
{
    guint low = 0;
    guint high = topology->cpus->len;

    while (low < high) {
        const guint middle = (low + high) / 2;
        VbHostCpu *cpu = &g_array_index(topology->cpus, VbHostCpu, middle);

        if (cpu->id == id)
            return cpu;
        if (cpu->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Threads of a core are in the same core, cluster, die and socket: what one says need not be read again. */
static gboolean
copy_ids(const VbHostTopology *topology, VbHostCpu *cpu)
{
    const int first = vb_bitset_next(cpu->siblings, -1);
    const VbHostCpu *known = first < (int)cpu->id ? find_cpu(topology, (guint)first) : NULL;

    if (!known || !known->is_online || !vb_bitset_has(known->siblings, cpu->id))
        return FALSE;
    cpu->socket_id = known->socket_id;
    cpu->die_id = known->die_id;
    cpu->cluster_id = known->cluster_id;
    cpu->core_id = known->core_id;
    return TRUE;
}

static void
read_cpu(const VbHostTopology *topology, int cpus_folder, VbHostCpu *cpu)
{
    char buffer[4096];
    int folder;

    g_snprintf(buffer, sizeof(buffer), "cpu%u/topology/thread_siblings_list", cpu->id);
    cpu->siblings = vb_bitset_parse(vb_host_read_at(cpus_folder, buffer, buffer, sizeof(buffer)));
    vb_bitset_add(cpu->siblings, cpu->id);
    if (copy_ids(topology, cpu))
        return;
    g_snprintf(buffer, sizeof(buffer), "cpu%u/topology", cpu->id);
    folder = vb_host_open_folder(cpus_folder, buffer);
    cpu->socket_id = id_or_0(folder, "physical_package_id");
    cpu->die_id = id_or_0(folder, "die_id");
    cpu->cluster_id = id_or_0(folder, "cluster_id");
    cpu->core_id = id_or_0(folder, "core_id");
    if (folder >= 0)
        close(folder);
}

static void
read_cpus(VbHostTopology *topology, const char *path)
{
    const int folder = vb_host_open_folder(AT_FDCWD, path);

    VB_BITSET_EACH(id, topology->present)
    {
        VbHostCpu cpu = {.id = (guint)id, .cell = -1};

        cpu.is_online = vb_bitset_has(topology->online, (guint)id);
        if (cpu.is_online)
            read_cpu(topology, folder, &cpu);
        else
            cpu.siblings = vb_bitset_new();
        g_array_append_val(topology->cpus, cpu);
    }
    if (folder >= 0)
        close(folder);
}

const VbHostCpu *
vb_host_topology_find_cpu(const VbHostTopology *topology, guint id)
{
    return find_cpu(topology, id);
}

const VbHostCell *
vb_host_topology_find_cell(const VbHostTopology *topology, guint id)
{
    VB_HOST_EACH(VbHostCell, cell, topology->cells)
    {
        if (cell->id == id)
            return cell;
    }
    return NULL;
}

/* ---- NUMA nodes ---- */

static VbHostCell
new_cell(guint id)
{
    return (VbHostCell){.id = id,
                        .distances = new_array(sizeof(VbHostDistance), NULL),
                        .caches = new_array(sizeof(VbHostMemoryCache), NULL)};
}

/* the n-th number is the distance to the n-th node that is online */
static void
read_distances(int folder, const VbBitset *nodes, GArray *distances)
{
    char buffer[16384];
    const char *text = vb_host_read_at(folder, "distance", buffer, sizeof(buffer));

    VB_BITSET_EACH(node, nodes)
    {
        char *end;
        const VbHostDistance distance = {(guint)node,
                                         text ? (guint)g_ascii_strtoull(text, &end, 10) : 0};

        if (!text || end == text)
            return;
        g_array_append_val(distances, distance);
        text = end;
    }
}

/* The list has the CPUs that are online; the entries "cpuN" have those offline too. */
static void
read_cell_cpus(VbHostTopology *topology, int folder, const char *path, VbHostCell *cell)
{
    char buffer[16384];
    const char *list = vb_host_read_at(folder, "cpulist", buffer, sizeof(buffer));
    g_autoptr(VbBitset) all = vb_host_list_entries(path, "cpu");

    cell->cpus = vb_bitset_parse(list);
    VB_BITSET_EACH(id, all)
    {
        if (!list && vb_bitset_has(topology->online, (guint)id))
            vb_bitset_add(cell->cpus, (guint)id);
    }
    vb_bitset_union(all, cell->cpus);
    VB_BITSET_EACH(id, all)
    {
        VbHostCpu *cpu = find_cpu(topology, (guint)id);

        if (cpu)
            cpu->cell = (int)cell->id;
    }
}

static void
read_node(VbHostTopology *topology, const char *nodes_path, const VbBitset *nodes, guint node)
{
    g_autofree char *path = g_strdup_printf("%s/node%u", nodes_path, node);
    const int folder = vb_host_open_folder(AT_FDCWD, path);
    VbHostCell cell = new_cell(node);

    read_cell_cpus(topology, folder, path, &cell);
    read_distances(folder, nodes, cell.distances);
    vb_host_read_memory_caches(folder, path, cell.caches);
    vb_host_read_interconnects(folder, path, node, topology->interconnects);
    g_array_append_val(topology->cells, cell);
    if (folder >= 0)
        close(folder);
}

VbBitset *
vb_host_read_nodes(const VbHost *host)
{
    g_autofree char *path = g_build_filename(host->sysfs, "devices/system/node", NULL);
    VbBitset *nodes = vb_host_read_set(path, "online");

    if (vb_bitset_count(nodes) > 0)
        return nodes;
    vb_bitset_free(nodes);
    return vb_host_list_entries(path, "node");
}

static void
read_nodes(VbHostTopology *topology, const VbHost *host)
{
    g_autofree char *path = g_build_filename(host->sysfs, "devices/system/node", NULL);
    g_autoptr(VbBitset) nodes = vb_host_read_nodes(host);
    VbHostCell all;

    VB_BITSET_EACH(node, nodes) read_node(topology, path, nodes, (guint)node);
    vb_host_sort_interconnects(topology->interconnects);
    topology->has_nodes = topology->cells->len > 0;
    if (topology->has_nodes)
        return;
    all = new_cell(0);
    all.cpus = vb_bitset_copy(topology->online);
    g_array_append_val(topology->cells, all);
    VB_BITSET_EACH(id, topology->present) find_cpu(topology, (guint)id)->cell = 0;
}

/**
 * vb_host_topology_read:
 * @host: the host; not changed, so any thread may do this
 *
 * Reads everything: some five small files per CPU, and some per cache and node.
 *
 * Returns: (transfer full): the snapshot; what the kernel does not say is empty
 */
VbHostTopology *
vb_host_topology_read(const VbHost *host)
{
    VbHostTopology *topology = g_atomic_rc_box_new0(VbHostTopology);
    g_autofree char *cpus_path = g_build_filename(host->sysfs, "devices/system/cpu", NULL);

    topology->cpus = new_array(sizeof(VbHostCpu), clear_cpu);
    topology->cells = new_array(sizeof(VbHostCell), clear_cell);
    topology->interconnects = new_array(sizeof(VbHostInterconnect), NULL);
    topology->banks = new_array(sizeof(VbHostCacheBank), clear_bank);
    topology->online = vb_host_read_online_cpus(host);
    topology->present = vb_host_read_present_cpus(host);
    vb_bitset_union(topology->present, topology->online);
    read_cpus(topology, cpus_path);
    read_nodes(topology, host);
    vb_host_read_banks(host, topology);
    return topology;
}
