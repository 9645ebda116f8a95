/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of CPU tuning, NUMA and memory modules. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

#define MAX_LISTED 16384u /* Source: libvirt's limit on vcpus and iothreads in lists */

/* calls for each number of a normalised list ("0-3,8"); FALSE stops */
typedef gboolean (*EachNumber)(guint number, gpointer data);

static gboolean
each_number(const char *list, EachNumber act, gpointer data)
{
    g_auto(GStrv) parts = g_strsplit(list ? list : "", ",", -1);

    for (guint i = 0; parts[i] && *parts[i]; i++) {
        const char *dash = strchr(parts[i], '-');
        const guint64 first = g_ascii_strtoull(parts[i], NULL, 10);
        const guint64 last = dash ? g_ascii_strtoull(dash + 1, NULL, 10) : first;

        for (guint64 n = first; n <= MIN(last, MAX_LISTED); n++) {
            if (!act((guint)n, data))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
add_once(guint number, gpointer data)
{
    return g_hash_table_add(data, GUINT_TO_POINTER(number + 1));
}

static gboolean
validate_vcpuscheds(const VbDomainCputune *cputune, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    VB_DOMAIN_EACH(VbDomainSched, sched, cputune->vcpuscheds)
    {
        if (!each_number(sched->ids, add_once, seen))
            return vb_error_set(error, VIR_ERR_XML_DETAIL,
                                "'vcpusched' attributes 'vcpus' must not overlap");
    }
    return TRUE;
}

typedef struct {
    const VbDomainDef *def;
    guint missing;
} IothreadCheck;

static gboolean
iothread_exists(guint number, gpointer data)
{
    IothreadCheck *check = data;

    if (!check->def->iothread_ids && number >= 1 && number <= check->def->iothreads)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainIothread, iothread, check->def->iothread_ids)
    {
        if (iothread->id == number)
            return TRUE;
    }
    check->missing = number;
    return FALSE;
}

static gboolean
validate_iothreadscheds(const VbDomainDef *def, GError **error)
{
    IothreadCheck check = {def, 0};

    VB_DOMAIN_EACH(VbDomainSched, sched, def->cputune->iothreadscheds)
    {
        if (!each_number(sched->ids, iothread_exists, &check))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Cannot find 'iothread' : %u",
                                check.missing);
    }
    return TRUE;
}

static gboolean
cell_exists(guint number, gpointer data)
{
    const GPtrArray *cells = data;

    return number < VB_DOMAIN_COUNT(cells);
}

static gboolean
validate_hugepages(const VbDomainDef *def, GError **error)
{
    GPtrArray *cells = def->cpu ? def->cpu->numa : NULL;

    if (!def->memory_backing || VB_DOMAIN_COUNT(cells) == 0)
        return TRUE;
    VB_DOMAIN_EACH(VbDomainHugepage, page, def->memory_backing->hugepages)
    {
        const char *last = page->nodeset ? page->nodeset + strlen(page->nodeset) : "";

        if (each_number(page->nodeset, cell_exists, cells))
            continue;
        while (last > page->nodeset && g_ascii_isdigit(last[-1]))
            last--;
        return vb_error_set(error, VIR_ERR_XML_DETAIL, "hugepages: node %s not found", last);
    }
    return TRUE;
}

static gboolean
validate_numatune(const VbDomainNumatune *numatune, GError **error)
{
    const gboolean is_auto = g_strcmp0(numatune->placement, "auto") == 0;

    if (numatune->has_memory && !is_auto && !numatune->nodeset)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "nodeset for NUMA memory tuning must be set if 'placement' is 'static'");
    if (is_auto && VB_DOMAIN_COUNT(numatune->memnodes) > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Per-node binding is not compatible with automatic NUMA placement.");
    return TRUE;
}

static gboolean
validate_modules(const VbDomainDef *def, GError **error)
{
    const guint cells = def->cpu ? VB_DOMAIN_COUNT(def->cpu->numa) : 0;

    if (VB_DOMAIN_COUNT(def->memories) > 0 && def->max_memory_kib && cells == 0)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "At least one numa node has to be configured when enabling memory hotplug");
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        if (memory->has_node && memory->node >= cells)
            return vb_error_set(error, VIR_ERR_XML_DETAIL,
                                "can't add memory backend for guest node '%u' as the guest has "
                                "only '%u' NUMA nodes "
                                "configured",
                                memory->node, cells);
    }
    return TRUE;
}

gboolean
vb_domain_validate_tuning(const VbDomainDef *def, GError **error)
{
    if (def->cputune &&
        (!validate_vcpuscheds(def->cputune, error) || !validate_iothreadscheds(def, error)))
        return FALSE;
    if (def->numatune && !validate_numatune(def->numatune, error))
        return FALSE;
    return validate_hugepages(def, error) && validate_modules(def, error);
}
