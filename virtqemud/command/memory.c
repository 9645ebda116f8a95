/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest memory: -m, its backends, NUMA cells, -overcommit. */
#include "command/build.h"
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *id; /* "pc.ram", "ram-node0" */
    guint64 size_kib;
    const char *access; /* "shared", "private", NULL */
    int cell;           /* of the guest, -1: the machine's one block */
    gboolean is_main;
} MemoryBlock;

static void
add_node_set(VbJsonWriter *json, const char *nodeset)
{
    g_auto(GStrv) ranges = g_strsplit(nodeset, ",", -1);

    vb_json_begin_array(json, "host-nodes");
    for (guint i = 0; ranges[i]; i++) {
        char *end = NULL;
        guint64 first = g_ascii_strtoull(ranges[i], &end, 10);
        guint64 last = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : first;

        for (guint64 node = first; node <= last && node < 1024; node++)
            vb_json_add_uint(json, NULL, node);
    }
    vb_json_end(json);
}

static void
add_host_nodes(const VbDomainDef *def, VbJsonWriter *json, int cell)
{
    const VbDomainNumatune *tune = def->numatune;
    const char *mode, *nodeset;
    const char *policy;

    if (!tune)
        return;
    mode = tune->mode;
    nodeset = tune->nodeset;
    VB_DOMAIN_EACH(VbDomainMemnode, memnode, tune->memnodes)
    {
        if ((int)memnode->cellid == cell) {
            mode = memnode->mode;
            nodeset = memnode->nodeset;
        }
    }
    if (!nodeset || g_strcmp0(mode, "restrictive") == 0)
        return;
    policy = !mode || g_str_equal(mode, "strict") ? "bind" : mode;
    add_node_set(json, nodeset);
    vb_json_add_string(json, "policy", policy);
}

static gboolean
nodeset_has(const char *nodeset, int cell)
{
    g_auto(GStrv) ranges = nodeset ? g_strsplit(nodeset, ",", -1) : NULL;

    if (!ranges)
        return TRUE;
    for (guint i = 0; ranges[i]; i++) {
        char *end = NULL;
        gint64 first = g_ascii_strtoll(ranges[i], &end, 10);
        gint64 last = *end == '-' ? g_ascii_strtoll(end + 1, NULL, 10) : first;

        if (cell >= first && cell <= last)
            return TRUE;
    }
    return FALSE;
}

/* TRUE: huge pages; *ret_size_kib 0 means the host's default size */
static gboolean
find_hugepages(const VbDomainMemoryBacking *backing, int cell, guint64 *ret_size_kib)
{
    if (!backing || !backing->has_hugepages)
        return FALSE;
    *ret_size_kib = 0;
    if (VB_DOMAIN_COUNT(backing->hugepages) == 0)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainHugepage, page, backing->hugepages)
    {
        if (nodeset_has(page->nodeset, cell < 0 ? 0 : cell)) {
            *ret_size_kib = page->size_kib;
            return page->size_kib * 1024 != (guint64)sysconf(_SC_PAGESIZE);
        }
    }
    return FALSE;
}

static const char *
block_access(const VbDomainMemoryBacking *backing, const MemoryBlock *block)
{
    return block->access ? block->access : backing ? backing->access_mode : NULL;
}

static void
take_backend(QemuBuild *build, const MemoryBlock *block)
{
    const VbDomainMemoryBacking *backing = build->def->memory_backing;
    const char *source = backing ? backing->source_type : NULL;
    const char *access = block_access(backing, block);
    g_autofree char *path = NULL;
    guint64 page_kib = 0;
    gboolean has_pages = find_hugepages(backing, block->cell, &page_kib);
    gboolean is_file = !has_pages && g_strcmp0(source, "file") == 0;
    gboolean is_memfd = !is_file && (has_pages || g_strcmp0(source, "memfd") == 0 ||
                                     g_strcmp0(access, "shared") == 0);
    VbJsonWriter *json = qemu_build_object_new(is_file    ? "memory-backend-file"
                                               : is_memfd ? "memory-backend-memfd"
                                                          : "memory-backend-ram",
                                               block->id);

    if (is_file) {
        path = g_build_filename(build->options->domain_dir, block->id, NULL);
        vb_json_add_string(json, "mem-path", path);
    }
    if (has_pages) {
        vb_json_add_bool(json, "hugetlb", TRUE);
        if (page_kib)
            vb_json_add_uint(json, "hugetlbsize", page_kib * 1024);
    }
    if (access && (is_file || is_memfd))
        vb_json_add_bool(json, "share", g_str_equal(access, "shared"));
    if ((is_file || is_memfd) && block->is_main)
        vb_json_add_bool(json, "x-use-canonical-path-for-ramblock-id", FALSE);
    if (has_pages || (backing && g_strcmp0(backing->allocation_mode, "immediate") == 0)) {
        vb_json_add_bool(json, "prealloc", TRUE);
        if (backing->allocation_threads)
            vb_json_add_uint(json, "prealloc-threads", backing->allocation_threads);
    }
    vb_json_add_uint(json, "size", block->size_kib * 1024);
    add_host_nodes(build->def, json, block->cell);
    qemu_build_take_json(build, "-object", json);
}

/* QEMU's firmware and machines want whole MiB */
static guint64
align_mib(guint64 kib)
{
    return (kib + 1023) / 1024 * 1024;
}

static guint64
initial_memory_kib(const VbDomainDef *def)
{
    guint64 sum = 0;

    if (!def->cpu || VB_DOMAIN_COUNT(def->cpu->numa) == 0)
        return align_mib(def->memory_kib);
    VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu->numa)
    sum += align_mib(cell->memory_kib);
    return sum;
}

gboolean
qemu_build_memory(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;
    guint64 memory_kib = initial_memory_kib(def);
    g_autofree char *text = NULL;
    MemoryBlock block = {.cell = -1, .is_main = TRUE};

    if (def->max_memory_kib > 0)
        text = g_strdup_printf("size=%" G_GUINT64_FORMAT "k,slots=%u,maxmem=%" G_GUINT64_FORMAT "k",
                               memory_kib, def->memory_slots, align_mib(def->max_memory_kib));
    else
        text = g_strdup_printf("%" G_GUINT64_FORMAT, memory_kib / 1024);
    qemu_build_option(build, "-m", text);
    if (build->machine->default_ram_id && !(def->cpu && VB_DOMAIN_COUNT(def->cpu->numa) > 0)) {
        block.id = build->machine->default_ram_id;
        block.size_kib = memory_kib;
        take_backend(build, &block);
    }
    qemu_build_option(build, "-overcommit",
                      def->memory_backing && def->memory_backing->locked ? "mem-lock=on"
                                                                         : "mem-lock=off");
    return TRUE;
}

static void
take_cell(QemuBuild *build, const VbDomainNumaCell *cell, guint id)
{
    g_autofree char *ram = g_strdup_printf("ram-node%u", id);
    g_auto(GStrv) ranges = cell->cpus ? g_strsplit(cell->cpus, ",", -1) : NULL;
    MemoryBlock block = {.id = ram,
                         .size_kib = align_mib(cell->memory_kib),
                         .access = cell->mem_access,
                         .cell = (int)id};
    GString *text = g_string_new(NULL);

    take_backend(build, &block);
    g_string_append_printf(text, "node,nodeid=%u", id);
    for (guint i = 0; ranges && ranges[i] && *ranges[i]; i++)
        qemu_build_append(text, "cpus", ranges[i]);
    qemu_build_append(text, "memdev", ram);
    qemu_build_take_option(build, "-numa", g_string_free(text, FALSE));
}

/* the cell with number @id; cells without a number count by position */
static const VbDomainNumaCell *
find_cell(const VbDomainCpu *cpu, guint id)
{
    guint position = 0;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    {
        if ((cell->has_id ? cell->id : position) == id)
            return cell;
        position++;
    }
    return NULL;
}

static guint
given_distance(const VbDomainCpu *cpu, guint from, guint to)
{
    const VbDomainNumaCell *cell = find_cell(cpu, from);

    VB_DOMAIN_EACH(VbDomainNumaDistance, distance, cell ? cell->distances : NULL)
    if (distance->id == to)
        return distance->value;
    return 0;
}

/* What is given one way holds both ways; the rest is ACPI's local 10 and remote 20. */
static void
take_distances(QemuBuild *build, const VbDomainCpu *cpu)
{
    gboolean has_any = FALSE;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    has_any |= VB_DOMAIN_COUNT(cell->distances) > 0;
    for (guint from = 0; has_any && from < cpu->numa->len; from++) {
        for (guint to = 0; to < cpu->numa->len; to++) {
            guint value = given_distance(cpu, from, to);
            g_autofree char *text = NULL;

            value = value ? value : given_distance(cpu, to, from);
            value = value ? value : from == to ? 10 : 20;
            text = g_strdup_printf("dist,src=%u,dst=%u,val=%u", from, to, value);
            qemu_build_option(build, "-numa", text);
        }
    }
}

gboolean
qemu_build_numa(QemuBuild *build, GError **error)
{
    const VbDomainCpu *cpu = build->def->cpu;

    if (!cpu)
        return TRUE;
    if (VB_DOMAIN_COUNT(cpu->numa_latencies) > 0 || VB_DOMAIN_COUNT(cpu->numa_bandwidths) > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "HMAT is not supported with this QEMU");
    for (guint id = 0; id < VB_DOMAIN_COUNT(cpu->numa); id++) {
        const VbDomainNumaCell *cell = find_cell(cpu, id);

        if (!cell)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "NUMA cell %u is missing", id);
        take_cell(build, cell, id);
    }
    take_distances(build, cpu);
    return TRUE;
}
