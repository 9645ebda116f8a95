/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest memory: -m, the objects that back it, -overcommit. Cells are in numa.c, modules in memory-devices.c. */
#include "command/build.h"
#include <string.h>
#include <unistd.h>

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

/* the host's nodes for a block and how strictly; NULL: anywhere */
static const char *
find_host_nodes(const VbDomainDef *def, const QemuMemoryBlock *block, const char **ret_mode)
{
    const VbDomainNumatune *tune = def->numatune;
    const char *nodeset = block->nodes ? block->nodes : tune ? tune->nodeset : NULL;

    *ret_mode = tune ? tune->mode : NULL;
    VB_DOMAIN_EACH(VbDomainMemnode, memnode, tune ? tune->memnodes : NULL)
    {
        if ((int)memnode->cellid != block->cell)
            continue;
        *ret_mode = memnode->mode;
        nodeset = block->nodes ? block->nodes : memnode->nodeset;
    }
    return nodeset;
}

static gboolean
has_host_nodes(const VbDomainDef *def, const QemuMemoryBlock *block)
{
    const char *mode;
    gboolean has_nodes = find_host_nodes(def, block, &mode) != NULL;

    /* the whole guest's nodes are bound by its cgroup: only what concerns one block needs an object */
    if (block->nodes)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainMemnode, memnode, def->numatune ? def->numatune->memnodes : NULL)
    if ((int)memnode->cellid == block->cell)
        return has_nodes;
    return FALSE;
}

static void
add_host_nodes(const VbDomainDef *def, VbJsonWriter *json, const QemuMemoryBlock *block)
{
    const char *mode;
    const char *nodeset = find_host_nodes(def, block, &mode);

    if (!nodeset || g_strcmp0(mode, "restrictive") == 0)
        return;
    add_node_set(json, nodeset);
    vb_json_add_string(json, "policy", !mode || g_str_equal(mode, "strict") ? "bind" : mode);
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
block_access(const VbDomainMemoryBacking *backing, const QemuMemoryBlock *block)
{
    return block->access ? block->access : backing ? backing->access_mode : NULL;
}

static gboolean
block_discards(const VbDomainMemoryBacking *backing, const QemuMemoryBlock *block)
{
    return block->discard == VB_TRISTATE_ABSENT ? backing && backing->discard
                                                : block->discard == VB_TRISTATE_YES;
}

/* what a block's object is made of */
typedef struct {
    gboolean has_pages; /* huge ones; page_kib 0: of the default size */
    guint64 page_kib;
    gboolean is_file, is_memfd, does_prealloc;
} BlockKind;

static BlockKind
block_kind(const VbDomainMemoryBacking *backing, const QemuMemoryBlock *block)
{
    const char *source = backing ? backing->source_type : NULL;
    BlockKind kind = {0};

    if (block->page_kib) {
        kind.page_kib = block->page_kib;
        kind.has_pages = block->page_kib * 1024 != (guint64)sysconf(_SC_PAGESIZE);
    } else {
        kind.has_pages = find_hugepages(backing, block->cell, &kind.page_kib);
    }
    kind.is_memfd =
        !block->path && (g_strcmp0(source, "memfd") == 0 || (kind.has_pages && !block->is_sparse));
    kind.is_file = !kind.is_memfd &&
                   (block->path || block_access(backing, block) || g_strcmp0(source, "file") == 0);
    kind.does_prealloc = !block->is_sparse && !block->is_unallocated &&
                         ((block->path && !block->is_pmem) || kind.has_pages ||
                          (backing && g_strcmp0(backing->allocation_mode, "immediate") == 0));
    return kind;
}

/* Is a block made with nothing but QEMU's own way? Old machines then say -numa mem= instead. */
gboolean
qemu_build_is_plain_memory(QemuBuild *build, const QemuMemoryBlock *block)
{
    const VbDomainMemoryBacking *backing = build->def->memory_backing;
    BlockKind kind = block_kind(backing, block);

    return !kind.is_file && !kind.is_memfd && !has_host_nodes(build->def, block);
}

/* Where the file of a block lies that has no path of its own; libvirt's place. */
char *
qemu_command_memory_dir(const char *domain_dir)
{
    g_autofree char *parent = g_path_get_dirname(domain_dir);
    g_autofree char *base = g_path_get_basename(domain_dir);

    return g_build_filename(parent, "ram",
                            g_str_has_prefix(base, "domain-") ? base + strlen("domain-") : base,
                            NULL);
}

gboolean
qemu_command_needs_memory_dir(const VbDomainDef *def)
{
    const VbDomainMemoryBacking *backing = def->memory_backing;

    if (backing && (backing->access_mode || g_strcmp0(backing->source_type, "file") == 0))
        return TRUE;
    VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu ? def->cpu->numa : NULL)
    if (cell->mem_access)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    if (memory->access && !memory->source_path)
        return TRUE;
    return FALSE;
}

static void
add_path(QemuBuild *build, VbJsonWriter *json, const QemuMemoryBlock *block)
{
    g_autofree char *folder = qemu_command_memory_dir(build->options->domain_dir);
    g_autofree char *path =
        block->path ? g_strdup(block->path)
                    : g_build_filename(folder, block->name ? block->name : block->id, NULL);

    vb_json_add_string(json, "mem-path", path);
}

static void
add_prealloc(QemuBuild *build, VbJsonWriter *json)
{
    const VbDomainMemoryBacking *backing = build->def->memory_backing;

    vb_json_add_bool(json, "prealloc", TRUE);
    if (backing && backing->allocation_threads)
        vb_json_add_uint(json, "prealloc-threads", backing->allocation_threads);
}

void
qemu_build_take_memory(QemuBuild *build, const QemuMemoryBlock *block)
{
    const VbDomainMemoryBacking *backing = build->def->memory_backing;
    const char *access = block_access(backing, block);
    BlockKind kind = block_kind(backing, block);
    VbJsonWriter *json = qemu_build_object_new(kind.is_file    ? "memory-backend-file"
                                               : kind.is_memfd ? "memory-backend-memfd"
                                                               : "memory-backend-ram",
                                               block->id);

    if (kind.is_file)
        add_path(build, json, block);
    if (kind.is_file && !block->path && block_discards(backing, block))
        vb_json_add_bool(json, "discard-data", TRUE);
    if (kind.has_pages && kind.is_memfd) {
        vb_json_add_bool(json, "hugetlb", TRUE);
        if (kind.page_kib)
            vb_json_add_uint(json, "hugetlbsize", kind.page_kib * 1024);
    }
    if (access && (kind.is_file || kind.is_memfd))
        vb_json_add_bool(json, "share", g_str_equal(access, "shared"));
    if ((kind.is_file || kind.is_memfd) && block->is_main)
        vb_json_add_bool(json, "x-use-canonical-path-for-ramblock-id", FALSE);
    if (kind.does_prealloc)
        add_prealloc(build, json);
    if (block->is_sparse)
        vb_json_add_bool(json, "reserve", FALSE);
    vb_json_add_uint(json, "size", block->size_kib * 1024);
    if (block->align_kib)
        vb_json_add_uint(json, "align", block->align_kib * 1024);
    if (block->is_pmem)
        vb_json_add_bool(json, "pmem", TRUE);
    add_host_nodes(build->def, json, block);
    qemu_build_take_json(build, "-object", json);
}

/* QEMU's firmware and machines want whole MiB */
guint64
qemu_build_align_mib(guint64 kib)
{
    return (kib + 1023) / 1024 * 1024;
}

static guint64
initial_memory_kib(const VbDomainDef *def)
{
    guint64 sum = 0;

    if (!def->cpu || VB_DOMAIN_COUNT(def->cpu->numa) == 0)
        return qemu_build_align_mib(def->memory_kib);
    VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu->numa)
    sum += qemu_build_align_mib(cell->memory_kib);
    return sum;
}

gboolean
qemu_build_memory(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;
    guint64 memory_kib = initial_memory_kib(def);
    g_autofree char *text = NULL;
    QemuMemoryBlock block = {.cell = -1, .is_main = TRUE};

    if (def->max_memory_kib > 0)
        text = g_strdup_printf("size=%" G_GUINT64_FORMAT "k,slots=%u,maxmem=%" G_GUINT64_FORMAT "k",
                               memory_kib, def->memory_slots,
                               qemu_build_align_mib(def->max_memory_kib));
    else
        text = g_strdup_printf("%" G_GUINT64_FORMAT, memory_kib / 1024);
    qemu_build_option(build, "-m", text);
    if (build->machine->default_ram_id && !(def->cpu && VB_DOMAIN_COUNT(def->cpu->numa) > 0)) {
        block.id = build->machine->default_ram_id;
        block.size_kib = memory_kib;
        qemu_build_take_memory(build, &block);
    }
    qemu_build_option(build, "-overcommit",
                      def->memory_backing && def->memory_backing->locked ? "mem-lock=on"
                                                                         : "mem-lock=off");
    return TRUE;
}
