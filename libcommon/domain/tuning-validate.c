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
    static const char *const modes[] = {"strict", "preferred", "interleave", "restrictive", NULL};
    const gboolean is_auto = g_strcmp0(numatune->placement, "auto") == 0;

    if (numatune->mode && !g_strv_contains(modes, numatune->mode))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Unsupported NUMA memory tuning mode '%s'", numatune->mode);

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
validate_vcpupins(const VbDomainCputune *cputune, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    VB_DOMAIN_EACH(VbDomainVcpuPin, pin, cputune->vcpupins)
    {
        if (!pin->cpuset)
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "missing cpuset for vcpupin");
        if (!add_once(pin->vcpu, seen))
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "duplicate vcpupin for vcpu '%u'",
                                pin->vcpu);
    }
    return TRUE;
}

/* microseconds. Source: the kernel's limits on CPU bandwidth, as libvirt names them */
#define MIN_PERIOD 1000u
#define MAX_PERIOD 1000000u
#define MIN_QUOTA 1000
#define MAX_QUOTA G_GINT64_CONSTANT(18446744073709551)

static gboolean
validate_iothreadpins(const VbDomainCputune *cputune, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    VB_DOMAIN_EACH(VbDomainIothreadPin, pin, cputune->iothreadpins)
    {
        if (!pin->cpuset)
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "missing cpuset for iothreadpin");
        if (!add_once(pin->iothread, seen))
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                                "duplicate iothreadpin for same iothread '%u'", pin->iothread);
    }
    return TRUE;
}

static gboolean
validate_bandwidth(const VbDomainCputune *c, GError **error)
{
    const struct {
        const char *name;
        guint64 value;
    } periods[] = {{"period", c->period},
                   {"global_period", c->global_period},
                   {"emulator_period", c->emulator_period},
                   {"iothread_period", c->iothread_period}};
    const struct {
        const char *name;
        gint64 value;
    } quotas[] = {{"quota", c->quota},
                  {"global_quota", c->global_quota},
                  {"emulator_quota", c->emulator_quota},
                  {"iothread_quota", c->iothread_quota}};

    for (guint i = 0; i < G_N_ELEMENTS(periods); i++) {
        if (periods[i].value && (periods[i].value < MIN_PERIOD || periods[i].value > MAX_PERIOD))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Value of cputune '%s' must be in range [1000, 1000000]",
                                periods[i].name);
        if (quotas[i].value > 0 && (quotas[i].value < MIN_QUOTA || quotas[i].value > MAX_QUOTA))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Value of cputune '%s' must be in range [1000, 18446744073709551]",
                                quotas[i].name);
    }
    return TRUE;
}

static gboolean
validate_iothreads(const VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    VB_DOMAIN_EACH(VbDomainIothread, iothread, def->iothread_ids)
    {
        if (!add_once(iothread->id, seen))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "duplicate iothread id '%u' found",
                                iothread->id);
    }
    return TRUE;
}

static gboolean
validate_blkio(const VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    VB_DOMAIN_EACH(VbDomainBlkioDevice, device, def->blkiotune ? def->blkiotune->devices : NULL)
    {
        if (!device->path)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "missing per-device path");
        if (device->path && !g_hash_table_add(seen, device->path))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "duplicate blkio device path '%s'", device->path);
    }
    return TRUE;
}

gboolean
vb_domain_validate_tuning(const VbDomainDef *def, GError **error)
{
    if (def->cputune &&
        (!validate_vcpupins(def->cputune, error) || !validate_iothreadpins(def->cputune, error) ||
         !validate_bandwidth(def->cputune, error) || !validate_vcpuscheds(def->cputune, error) ||
         !validate_iothreadscheds(def, error)))
        return FALSE;
    if (def->numatune && !validate_numatune(def->numatune, error))
        return FALSE;
    if (def->memtune_min_guarantee_kib)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Parameter 'min_guarantee' not supported by QEMU.");
    return validate_iothreads(def, error) && validate_blkio(def, error) &&
           validate_hugepages(def, error);
}
