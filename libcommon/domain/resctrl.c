/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource control of a guest's vcpus: tables, what is filled in, what is refused. */
#include <string.h>

#include "base/error.h"
#include "domain/defaults.h"
#include "domain/tables.h"
#include "domain/validate.h"

#define ZERO .flags = VB_XML_ZERO_IS_VALUE
#define NEEDED .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED

VB_ENUM(vb_domain_cache_scope_enum, "cache type", "both", "code", "data");

#define S VbDomainCacheShare
static const VbXmlField cache_fields[] = {
    VB_XML_UINT(S, id, "@id", NEEDED),
    VB_XML_UINT(S, level, "@level", NEEDED),
    VB_XML_ENUMV(S, scope, "@type", vb_domain_cache_scope_enum, NEEDED),
    VB_XML_UINT64(S, size, "@size", NEEDED),
    VB_XML_STR(S, unit, "@unit"),
};
static VB_XML_TYPE(cache_type, S, "cache", cache_fields);

#define B VbDomainBandwidthShare
static const VbXmlField node_fields[] = {
    VB_XML_UINT(B, node, "@id", NEEDED),
    VB_XML_UINT(B, bandwidth, "@bandwidth", NEEDED),
};
static VB_XML_TYPE(node_type, B, "node", node_fields);

#define M VbDomainResctrlMonitor
static const VbXmlField cache_monitor_fields[] = {
    VB_XML_UINT(M, level, "@level", NEEDED),
    VB_XML_BITMAP(M, vcpus, "@vcpus", .flags = VB_XML_REQUIRED),
};
static VB_XML_TYPE(cache_monitor_type, M, "monitor", cache_monitor_fields);
static const VbXmlField bandwidth_monitor_fields[] = {
    VB_XML_BITMAP(M, vcpus, "@vcpus", .flags = VB_XML_REQUIRED),
};
static VB_XML_TYPE(bandwidth_monitor_type, M, "monitor", bandwidth_monitor_fields);

#define R VbDomainResctrl
static const VbXmlField cachetune_fields[] = {
    VB_XML_BITMAP(R, vcpus, "@vcpus", .flags = VB_XML_REQUIRED,
                  .doc =
                      "The vcpus that share what is allocated; no vcpu is in two different lists."),
    VB_XML_STR(R, id, "@id", .flags = VB_XML_LIVE_ONLY | VB_XML_NOT_COMPARED),
    VB_XML_LIST(R, caches, "cache", cache_type),
    VB_XML_LIST(R, monitors, "monitor", cache_monitor_type),
};
VB_XML_TYPE(vb_domain_cachetune_type, R, "cachetune", cachetune_fields);
static const VbXmlField memorytune_fields[] = {
    VB_XML_BITMAP(R, vcpus, "@vcpus", .flags = VB_XML_REQUIRED),
    VB_XML_STR(R, id, "@id", .flags = VB_XML_LIVE_ONLY | VB_XML_NOT_COMPARED),
    VB_XML_LIST(R, nodes, "node", node_type),
    VB_XML_LIST(R, monitors, "monitor", bandwidth_monitor_type),
};
VB_XML_TYPE(vb_domain_memorytune_type, R, "memorytune", memorytune_fields);

/* ---- lists of vcpus ---- */

/* the numbers below @n_vcpus of a normalised list, one byte each */
static guint8 *
expand(const char *list, guint n_vcpus, guint *ret_n)
{
    guint8 *bits = g_new0(guint8, n_vcpus + 1);
    *ret_n = 0;
    while (list && *list) {
        char *end;
        const guint64 first = g_ascii_strtoull(list, &end, 10);
        const guint64 last = *end == '-' ? g_ascii_strtoull(end + 1, &end, 10) : first;
        for (guint64 n = first; n <= last && n < n_vcpus; n++) {
            *ret_n += !bits[n];
            bits[n] = 1;
        }
        list = *end == ',' ? end + 1 : "";
    }
    return bits;
}

static void
clip(char **list, guint n_vcpus)
{
    guint n;
    g_autofree guint8 *bits = expand(*list, n_vcpus, &n);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < n_vcpus; i++) {
        if (bits[i])
            g_string_append_printf(text, "%s%u", text->len ? "," : "", i);
    }
    g_free(*list);
    *list = text->len ? vb_bitmap_normalise(text->str, n_vcpus) : NULL;
    g_string_free(text, TRUE);
}

/* ---- filling in ---- */

/* as libvirt writes sizes: the largest unit that keeps the number whole */
static void
fill_size(VbDomainCacheShare *share)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    guint64 bytes = 0;
    guint at = 0;
    if (!vb_size_scale(share->size, share->unit, 1024, &bytes))
        return; /* refused later: the unit stays as it was written */
    while (bytes != 0 && bytes % 1024 == 0 && at + 1 < G_N_ELEMENTS(units)) {
        bytes /= 1024;
        at++;
    }
    share->size = bytes;
    g_free(share->unit);
    share->unit = g_strdup(units[at]);
}

static int
compare_shares(gconstpointer a, gconstpointer b)
{
    const VbDomainCacheShare *x = *(const VbDomainCacheShare *const *)a;
    const VbDomainCacheShare *y = *(const VbDomainCacheShare *const *)b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    if (x->scope != y->scope)
        return x->scope - y->scope;
    return (x->id > y->id) - (x->id < y->id);
}

static int
compare_nodes(gconstpointer a, gconstpointer b)
{
    const VbDomainBandwidthShare *x = *(const VbDomainBandwidthShare *const *)a;
    const VbDomainBandwidthShare *y = *(const VbDomainBandwidthShare *const *)b;
    return (x->node > y->node) - (x->node < y->node);
}

/* vcpus that the guest has not are left out; what then says nothing goes */
static void
fill_list(GPtrArray *list, guint n_vcpus, const VbXmlType *type)
{
    for (guint i = list ? list->len : 0; i > 0; i--) {
        VbDomainResctrl *tune = list->pdata[i - 1];
        clip(&tune->vcpus, n_vcpus);
        VB_DOMAIN_EACH(VbDomainResctrlMonitor, monitor, tune->monitors)
        {
            clip(&monitor->vcpus, n_vcpus);
        }
        VB_DOMAIN_EACH(VbDomainCacheShare, share, tune->caches)
        {
            fill_size(share);
        }
        if (tune->caches)
            g_ptr_array_sort(tune->caches, compare_shares);
        if (tune->nodes)
            g_ptr_array_sort(tune->nodes, compare_nodes);
        if (!tune->vcpus || VB_DOMAIN_COUNT(tune->caches) + VB_DOMAIN_COUNT(tune->nodes) +
                                    VB_DOMAIN_COUNT(tune->monitors) ==
                                0) {
            vb_xml_free(type, tune);
            g_ptr_array_remove_index(list, i - 1);
        }
    }
}

void
vb_domain_fill_resctrl(VbDomainDef *def)
{
    if (!def->cputune)
        return;
    fill_list(def->cputune->cachetunes, def->vcpus, &vb_domain_cachetune_type);
    fill_list(def->cputune->memorytunes, def->vcpus, &vb_domain_memorytune_type);
}

/* ---- refusing ---- */

enum { SAME, APART, OVERLAPPING, WITHIN };

/* how @b lies to @a */
static int
relate(const char *a, const char *b, guint n_vcpus)
{
    guint n_a, n_b, n_both = 0;
    g_autofree guint8 *in_a = expand(a, n_vcpus, &n_a);
    g_autofree guint8 *in_b = expand(b, n_vcpus, &n_b);
    for (guint i = 0; i < n_vcpus; i++)
        n_both += in_a[i] && in_b[i];
    if (n_both == n_a && n_both == n_b)
        return SAME;
    if (n_both == 0)
        return APART;
    return n_both == n_b ? WITHIN : OVERLAPPING;
}

static gboolean
validate_monitors(const VbDomainResctrl *tune, guint n_vcpus, GError **error)
{
    VB_DOMAIN_EACH(VbDomainResctrlMonitor, monitor, tune->monitors)
    {
        const int relation = relate(tune->vcpus, monitor->vcpus, n_vcpus);
        if (relation == APART || relation == OVERLAPPING)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "Monitor vcpus conflicts with allocation");
        if (tune->caches && monitor->level != 3)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid monitor cache level '%u'",
                                monitor->level);
        VB_DOMAIN_EACH(VbDomainResctrlMonitor, other, tune->monitors)
        {
            if (other == monitor)
                break;
            if (relate(other->vcpus, monitor->vcpus, n_vcpus) == SAME)
                return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                    "Identical vcpus found in same type monitors");
        }
    }
    return TRUE;
}

static gboolean
validate_caches(const VbDomainResctrl *tune, GError **error)
{
    VB_DOMAIN_EACH(VbDomainCacheShare, share, tune->caches)
    {
        guint64 bytes;
        if (!vb_size_scale(share->size, share->unit, 1024, &bytes))
            return vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown suffix '%s'",
                                share->unit ? share->unit : "");
        VB_DOMAIN_EACH(VbDomainCacheShare, other, tune->caches)
        {
            if (other == share)
                break;
            if (other->level == share->level && other->id == share->id &&
                (other->scope == share->scope || other->scope == VB_DOMAIN_CACHE_BOTH ||
                 share->scope == VB_DOMAIN_CACHE_BOTH))
                return vb_error_set(error, VIR_ERR_XML_ERROR,
                                    "Colliding cache allocations for cache level '%u' id '%u', "
                                    "type '%s'",
                                    share->level, share->id,
                                    vb_enum_to_nick(&vb_domain_cache_scope_enum, share->scope));
        }
    }
    return TRUE;
}

static gboolean
validate_nodes(const VbDomainResctrl *tune, GError **error)
{
    VB_DOMAIN_EACH(VbDomainBandwidthShare, share, tune->nodes)
    {
        if (share->bandwidth > 100)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Memory Bandwidth value exceeding 100 is invalid.");
        VB_DOMAIN_EACH(VbDomainBandwidthShare, other, tune->nodes)
        {
            if (other == share)
                break;
            if (other->node == share->node)
                return vb_error_set(error, VIR_ERR_XML_ERROR,
                                    "Memory Bandwidth already defined for node %u", share->node);
        }
    }
    return TRUE;
}

/* Two lists are the same or have nothing in common; the same twice is a mistake for caches. */
static gboolean
validate_pair(const VbDomainResctrl *a, const VbDomainResctrl *b, gboolean are_caches,
              guint n_vcpus, GError **error)
{
    const int relation = relate(a->vcpus, b->vcpus, n_vcpus);
    if (relation == SAME && are_caches)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Identical vcpus in cachetunes found");
    if (relation == OVERLAPPING || relation == WITHIN)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Overlapping vcpus in resctrls");
    return TRUE;
}

static gboolean
validate_list(GPtrArray *list, const VbDomainCputune *cputune, guint n_vcpus, GError **error)
{
    GPtrArray *const kinds[] = {cputune->cachetunes, cputune->memorytunes};
    VB_DOMAIN_EACH(VbDomainResctrl, tune, list)
    {
        if (!validate_monitors(tune, n_vcpus, error) || !validate_caches(tune, error) ||
            !validate_nodes(tune, error))
            return FALSE;
        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
            VB_DOMAIN_EACH(VbDomainResctrl, other, kinds[i])
            {
                if (other == tune)
                    break;
                if (!validate_pair(tune, other, kinds[i] == list && list == cputune->cachetunes,
                                   n_vcpus, error))
                    return FALSE;
            }
        }
    }
    return TRUE;
}

gboolean
vb_domain_validate_resctrl(const VbDomainDef *def, GError **error)
{
    return !def->cputune ||
           (validate_list(def->cputune->cachetunes, def->cputune, def->vcpus, error) &&
            validate_list(def->cputune->memorytunes, def->cputune, def->vcpus, error));
}
