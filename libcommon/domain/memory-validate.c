/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of memory modules, memory backing, NUMA cells and what is bound to them. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static guint
count_cells(const VbDomainDef *def)
{
    return def->cpu ? VB_DOMAIN_COUNT(def->cpu->numa) : 0;
}

static gboolean
is_power_of_two(guint64 number)
{
    return number && (number & (number - 1)) == 0;
}

/* modules */
static gboolean
validate_virtio_mem(const VbDomainMemoryDevice *memory, GError **error)
{
    if (strcmp(memory->model, "virtio-mem") != 0)
        return TRUE;
    if (memory->requested_kib > memory->size_kib)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "requested size must be smaller than or equal to @size "
                            "(%" G_GUINT64_FORMAT "KiB)",
                            memory->size_kib);
    if (!is_power_of_two(memory->block_kib))
        return vb_error_set(error, VIR_ERR_XML_DETAIL, "block size must be a power of two");
    if (memory->requested_kib % memory->block_kib)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "requested size must be an integer multiple of block size");
    return TRUE;
}

static gboolean
validate_node(const VbDomainDef *def, const VbDomainMemoryDevice *memory, GError **error)
{
    const guint cells = count_cells(def);

    if (!memory->has_node && strcmp(memory->model, "virtio-pmem") != 0 &&
        strcmp(memory->model, "sgx-epc") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "target NUMA node needs to be specified for memory device");
    if (memory->has_node && memory->node >= cells)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "can't add memory backend for guest node '%u' as the guest has "
                            "only '%u' NUMA nodes "
                            "configured",
                            memory->node, cells);
    return TRUE;
}

static gboolean
validate_module(const VbDomainDef *def, const VbDomainMemoryDevice *memory, GError **error)
{
    static const char *const models[] = {"dimm",        "nvdimm",  "virtio-mem",
                                         "virtio-pmem", "sgx-epc", NULL};

    if (!g_strv_contains(models, memory->model))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid value for attribute 'model' in element 'memory': '%s'.",
                            memory->model);
    if (strcmp(memory->model, "sgx-epc") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "sgx epc isn't supported by this QEMU binary");
    if (strcmp(memory->model, "nvdimm") == 0 && memory->uuid.is_set)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "UUID is not supported for NVDIMM device");
    return validate_node(def, memory, error) && validate_virtio_mem(memory, error);
}

static gboolean
validate_modules(const VbDomainDef *def, GError **error)
{
    if (VB_DOMAIN_COUNT(def->memories) > 0 && !def->max_memory_kib)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "cannot use/hotplug a memory device when domain 'maxMemory' is not defined");
    if (def->max_memory_kib && count_cells(def) == 0)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "At least one numa node has to be configured when enabling memory hotplug");
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        if (!validate_module(def, memory, error))
            return FALSE;
    }
    return TRUE;
}

/* backing */
static gboolean
validate_backing(const VbDomainDef *def, GError **error)
{
    const VbDomainMemoryBacking *backing = def->memory_backing;

    if (backing && backing->has_hugepages && g_strcmp0(backing->source_type, "anonymous") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "hugepages are not allowed with anonymous memory source");
    return TRUE;
}

/**
 * vb_domain_has_shared_memory:
 * @def: a domain
 *
 * Returns: TRUE when other processes can see all of the guest's memory
 */
gboolean
vb_domain_has_shared_memory(const VbDomainDef *def)
{
    const VbDomainMemoryBacking *backing = def->memory_backing;
    const gboolean is_shared = backing && g_strcmp0(backing->access_mode, "shared") == 0;

    if (count_cells(def) == 0)
        return is_shared;
    VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu->numa)
    {
        if (cell->mem_access ? strcmp(cell->mem_access, "shared") != 0 : !is_shared)
            return FALSE;
    }
    return TRUE;
}

/* cells */
#define MAX_VCPUS 4096u

static guint
mark_cpus(const char *list, guint8 *seen, gboolean *ret_overlap)
{
    g_auto(GStrv) parts = g_strsplit(list ? list : "", ",", -1);
    guint count = 0;

    for (guint i = 0; parts[i] && *parts[i]; i++) {
        const char *dash = strchr(parts[i], '-');
        const guint64 first = g_ascii_strtoull(parts[i], NULL, 10);
        const guint64 last = dash ? g_ascii_strtoull(dash + 1, NULL, 10) : first;

        for (guint64 n = first; n <= MIN(last, MAX_VCPUS - 1); n++, count++) {
            *ret_overlap |= seen[n] != 0;
            seen[n] = 1;
        }
    }
    return count;
}

#define LOCAL_DISTANCE 10u /* Source: ACPI, SLIT: to itself, the shortest; 255: unreachable */
#define MAX_DISTANCE 255u

static gboolean
validate_cell(const VbDomainDef *def, guint position, GError **error)
{
    const VbDomainNumaCell *cell = g_ptr_array_index(def->cpu->numa, position);
    const guint id = cell->has_id ? cell->id : position;

    for (guint j = 0; j < position; j++) {
        const VbDomainNumaCell *other = g_ptr_array_index(def->cpu->numa, j);

        if ((other->has_id ? other->id : j) == id)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Duplicate NUMA cell info for cell id '%u'", id);
    }
    if (!cell->has_memory)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing element or attribute './@memory'");
    VB_DOMAIN_EACH(VbDomainNumaDistance, distance, cell->distances)
    {
        if (distance->value < LOCAL_DISTANCE || distance->value > MAX_DISTANCE ||
            (distance->id == id && distance->value != LOCAL_DISTANCE))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "'value %u' is invalid for 'sibling id %u' under NUMA 'cell id %u'",
                                distance->value, distance->id, id);
    }
    return TRUE;
}

static gboolean
validate_cells(const VbDomainDef *def, GError **error)
{
    const guint cells = count_cells(def);
    guint total = 0;

    for (guint i = 0; i < cells; i++) {
        const VbDomainNumaCell *cell = g_ptr_array_index(def->cpu->numa, i);

        if (!validate_cell(def, i, error))
            return FALSE;
        for (guint j = 0; j < i; j++) {
            const VbDomainNumaCell *other = g_ptr_array_index(def->cpu->numa, j);
            g_autofree guint8 *seen = g_new0(guint8, MAX_VCPUS);
            gboolean has_overlap = FALSE;

            (void)mark_cpus(other->cpus, seen, &has_overlap);
            (void)mark_cpus(cell->cpus, seen, &has_overlap);
            if (has_overlap)
                return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                    "NUMA cells %u and %u have overlapping vCPU ids", i, j);
        }
        if (cell->cpus) {
            g_autofree guint8 *seen = g_new0(guint8, MAX_VCPUS);
            gboolean has_overlap = FALSE;

            total += mark_cpus(cell->cpus, seen, &has_overlap);
        }
    }
    if (total > def->vcpus)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Number of CPUs in <numa> exceeds the <vcpu> count");
    return TRUE;
}

static const VbDomainNumaCell *
find_cell(const VbDomainDef *def, guint id)
{
    guint position = 0;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu->numa)
    {
        if ((cell->has_id ? cell->id : position) == id)
            return cell;
        position++;
    }
    return NULL;
}

static gboolean
validate_link(const VbDomainDef *def, const VbDomainNumaLink *link, GError **error)
{
    const VbDomainNumaCell *target = find_cell(def, link->target);

    if (!find_cell(def, link->initiator))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "'initiator' refers to a non-existent NUMA node");
    if (!target)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "'target' refers to a non-existent NUMA node");
    if (link->cache == 0)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainNumaCache, cache, target->caches)
    {
        if (cache->level == link->cache)
            return TRUE;
    }
    return vb_error_set(error, VIR_ERR_XML_ERROR,
                        "'cache' refers to a non-existent NUMA node cache");
}

static gboolean
validate_links(const VbDomainDef *def, GError **error)
{
    if (!def->cpu)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainNumaLink, latency, def->cpu->numa_latencies)
    {
        if (!validate_link(def, latency, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainNumaLink, bandwidth, def->cpu->numa_bandwidths)
    {
        if (!validate_link(def, bandwidth, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
validate_memnodes(const VbDomainDef *def, GError **error)
{
    const guint cells = count_cells(def);

    VB_DOMAIN_EACH(VbDomainMemnode, memnode, def->numatune ? def->numatune->memnodes : NULL)
    {
        if (cells == 0)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Element 'memnode' is invalid without any guest NUMA cells");
        if (memnode->cellid >= cells)
            return vb_error_set(
                error, VIR_ERR_XML_ERROR,
                "Argument 'cellid' in memnode element must correspond to existing guest's NUMA "
                "cell");
    }
    return TRUE;
}

gboolean
vb_domain_validate_memory(const VbDomainDef *def, GError **error)
{
    return validate_memnodes(def, error) && validate_cells(def, error) &&
           validate_links(def, error) && validate_backing(def, error) &&
           validate_modules(def, error);
}

/**
 * vb_domain_check_memory_sum:
 * @def: a domain as it was read; vb_domain_defaults() settles it, in favour of the cells
 *
 * <memory> is, if it is said, what the cells have, with or without the memory modules.
 *
 * Returns: FALSE with @error set
 * Errors: XML_ERROR
 */
gboolean
vb_domain_check_memory_sum(const VbDomainDef *def, GError **error)
{
    guint64 cells = 0;
    guint64 modules = 0;

    for (guint i = 0; i < count_cells(def); i++)
        cells += ((VbDomainNumaCell *)g_ptr_array_index(def->cpu->numa, i))->memory_kib;
    VB_DOMAIN_EACH(VbDomainMemoryDevice, module, def->memories)
    modules += module->size_kib;
    if (cells == 0 || def->memory_kib == 0 || def->memory_kib == cells ||
        def->memory_kib == cells + modules)
        return TRUE;
    return vb_error_set(error, VIR_ERR_XML_ERROR,
                        "<memory> is %" G_GUINT64_FORMAT
                        " KiB, the memory of the cells of <numa> adds up to %" G_GUINT64_FORMAT
                        " KiB and that of the modules in <devices> to %" G_GUINT64_FORMAT " KiB",
                        def->memory_kib, cells, modules);
}
