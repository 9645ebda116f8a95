/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's NUMA cells: their memory and CPUs, distances, and what ACPI's HMAT says of latency and bandwidth. */
#include "command/build.h"

static gboolean
has_hmat(const VbDomainCpu *cpu)
{
    gboolean has_any =
        VB_DOMAIN_COUNT(cpu->numa_latencies) > 0 || VB_DOMAIN_COUNT(cpu->numa_bandwidths) > 0;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    has_any |= VB_DOMAIN_COUNT(cell->caches) > 0;
    return has_any;
}

gboolean
qemu_build_has_hmat(const VbDomainDef *def)
{
    return def->cpu && has_hmat(def->cpu);
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

/* ---- HMAT ---- */

/* The initiator of a cell: itself where it has CPUs, else the one whose way there is the fastest. */
static guint
find_initiator(const VbDomainCpu *cpu, guint id)
{
    const VbDomainNumaCell *cell = find_cell(cpu, id);
    guint64 best = G_MAXUINT64;
    gboolean has_any = FALSE;
    guint found = 0;

    if (cell && cell->cpus && *cell->cpus)
        return id;
    VB_DOMAIN_EACH(VbDomainNumaLink, link, cpu->numa_latencies)
    {
        if (link->target != id || link->cache != 0 || link->value >= best)
            continue;
        best = link->value;
        found = link->initiator;
        has_any = TRUE;
    }
    best = 0;
    VB_DOMAIN_EACH(VbDomainNumaLink, link, has_any ? NULL : cpu->numa_bandwidths)
    {
        if (link->target != id || link->cache != 0 || link->value <= best)
            continue;
        best = link->value;
        found = link->initiator;
    }
    return found;
}

static const char *const hierarchies[] = {"memory", "first-level", "second-level", "third-level"};

static void
take_link(QemuBuild *build, const VbDomainNumaLink *link, const char *kind, const char *value)
{
    g_autofree char *text =
        g_strdup_printf("hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-%s,%s=%s",
                        link->initiator, link->target,
                        hierarchies[MIN(link->cache, G_N_ELEMENTS(hierarchies) - 1)],
                        link->type ? link->type : "access", kind, kind, value);

    qemu_build_option(build, "-numa", text);
}

static void
take_cache(QemuBuild *build, guint id, const VbDomainNumaCache *cache)
{
    static const char *const associativities[] = {"none", "direct", "full"};
    static const char *const words[] = {"none", "direct", "complex"};
    const char *associativity = "none", *policy = "none";
    g_autofree char *text = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_strcmp0(cache->associativity, associativities[i]) == 0)
            associativity = words[i];
    if (g_strcmp0(cache->policy, "writeback") == 0)
        policy = "write-back";
    else if (g_strcmp0(cache->policy, "writethrough") == 0)
        policy = "write-through";
    text = g_strdup_printf("hmat-cache,node-id=%u,size=%" G_GUINT64_FORMAT
                           "K,level=%u,associativity=%s,policy=%s,line=%" G_GUINT64_FORMAT,
                           id, qemu_build_scale(cache->size, cache->size_unit, 1024) / 1024,
                           cache->level, associativity, policy,
                           qemu_build_scale(cache->line, cache->line_unit, 1));
    qemu_build_option(build, "-numa", text);
}

static void
take_hmat(QemuBuild *build, const VbDomainCpu *cpu)
{
    VB_DOMAIN_EACH(VbDomainNumaLink, latency, cpu->numa_latencies)
    {
        g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, latency->value);

        take_link(build, latency, "latency", value);
    }
    VB_DOMAIN_EACH(VbDomainNumaLink, bandwidth, cpu->numa_bandwidths)
    {
        guint64 kib = qemu_build_scale(bandwidth->value, bandwidth->unit, 1024) / 1024;
        g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT "K", kib);

        take_link(build, bandwidth, "bandwidth", value);
    }
    for (guint id = 0; id < cpu->numa->len; id++) {
        const VbDomainNumaCell *cell = find_cell(cpu, id);

        VB_DOMAIN_EACH(VbDomainNumaCache, cache, cell->caches)
        take_cache(build, id, cache);
    }
}

/* ---- cells ---- */

static void
fill_block(const VbDomainNumaCell *cell, guint id, const char *ram, QemuMemoryBlock *ret_block)
{
    *ret_block = (QemuMemoryBlock){
        .id = ram,
        .size_kib = qemu_build_align_mib(cell->memory_kib),
        .access = cell->mem_access,
        .discard = cell->discard,
        .cell = (int)id,
    };
}

/* Machines from before QEMU 5.1 know cells by size alone; a guest that was made that way stays so. */
static gboolean
can_use_sizes(QemuBuild *build, const VbDomainCpu *cpu)
{
    if (!build->machine->has_numa_mem || has_hmat(cpu))
        return FALSE;
    for (guint id = 0; id < cpu->numa->len; id++) {
        QemuMemoryBlock block;

        fill_block(find_cell(cpu, id), id, "ram", &block);
        if (!qemu_build_is_plain_memory(build, &block))
            return FALSE;
    }
    return TRUE;
}

static void
take_cell(QemuBuild *build, const VbDomainCpu *cpu, guint id, gboolean has_sizes)
{
    const VbDomainNumaCell *cell = find_cell(cpu, id);
    g_autofree char *ram = g_strdup_printf("ram-node%u", id);
    g_auto(GStrv) ranges = cell->cpus ? g_strsplit(cell->cpus, ",", -1) : NULL;
    GString *text = g_string_new(NULL);
    QemuMemoryBlock block;

    fill_block(cell, id, ram, &block);
    if (!has_sizes && block.size_kib)
        qemu_build_take_memory(build, &block);
    g_string_append_printf(text, "node,nodeid=%u", id);
    for (guint i = 0; ranges && ranges[i] && *ranges[i]; i++)
        qemu_build_append(text, "cpus", ranges[i]);
    if (has_hmat(cpu))
        g_string_append_printf(text, ",initiator=%u", find_initiator(cpu, id));
    if (has_sizes)
        g_string_append_printf(text, ",mem=%" G_GUINT64_FORMAT, block.size_kib / 1024);
    else if (block.size_kib)
        qemu_build_append(text, "memdev", ram);
    qemu_build_take_option(build, "-numa", g_string_free(text, FALSE));
}

gboolean
qemu_build_numa(QemuBuild *build, GError **error)
{
    const VbDomainCpu *cpu = build->def->cpu;
    guint64 total_kib = 0;
    gboolean has_sizes;

    if (!cpu || VB_DOMAIN_COUNT(cpu->numa) == 0)
        return TRUE;
    for (guint id = 0; id < cpu->numa->len; id++)
        if (!find_cell(cpu, id))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "NUMA cell %u is missing", id);
    for (guint id = 0; id < cpu->numa->len; id++)
        total_kib += find_cell(cpu, id)->memory_kib;
    if (total_kib == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "the memory of the cells of <numa> adds up to 0 KiB, <memory> is "
                            "%" G_GUINT64_FORMAT " KiB",
                            build->def->memory_kib);
    has_sizes = can_use_sizes(build, cpu);
    if (has_sizes && build->def->memory_backing &&
        g_strcmp0(build->def->memory_backing->allocation_mode, "immediate") == 0)
        qemu_build_option(build, "-mem-prealloc", NULL);
    for (guint id = 0; id < cpu->numa->len; id++)
        take_cell(build, cpu, id, has_sizes);
    take_distances(build, cpu);
    if (has_hmat(cpu))
        take_hmat(build, cpu);
    return TRUE;
}
