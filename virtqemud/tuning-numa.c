/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes of the host that a guest's memory comes from, as parameters. Source: libvirt's VIR_DOMAIN_NUMA_* names, its rules
 * on what may change while the guest runs. */
#include "tuning-params.h"

#include "base/error.h"
#include "placement.h"
#include "xml/xml.h"

#include <string.h>

#define MAX_NODE 65535u /* as in <numatune> */

/* by virDomainNumatuneMemMode */
static const char *const modes[] = {"strict", "preferred", "interleave", "restrictive"};

static int
mode_of(const VbDomainDef *def)
{
    const char *mode = def->numatune ? def->numatune->mode : NULL;
    for (guint i = 0; mode && i < G_N_ELEMENTS(modes); i++) {
        if (strcmp(modes[i], mode) == 0)
            return (int)i;
    }
    return VIR_DOMAIN_NUMATUNE_MEM_STRICT;
}

static GVariant *
get_mode(const QemuTuningParam *param, const VbDomainDef *def)
{
    return g_variant_new_int32(mode_of(def));
}

static GVariant *
get_nodeset(const QemuTuningParam *param, const VbDomainDef *def)
{
    const char *nodeset = def->numatune ? def->numatune->nodeset : NULL;
    return g_variant_new_string(nodeset ? nodeset : "");
}

static void
set_text(char **member, const char *text)
{
    g_free(*member);
    *member = g_strdup(text);
}

static VbDomainNumatune *
need_numatune(VbDomainDef *def)
{
    if (!def->numatune)
        def->numatune = g_new0(VbDomainNumatune, 1);
    if (!def->numatune->mode)
        def->numatune->mode = g_strdup(modes[VIR_DOMAIN_NUMATUNE_MEM_STRICT]);
    def->numatune->has_memory = TRUE;
    return def->numatune;
}

static gboolean
set_mode(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    set_text(&need_numatune(def)->mode, modes[g_variant_get_int32(value)]);
    return TRUE;
}

/* nodes that somebody names take the place of the advice */
static gboolean
set_nodeset(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    VbDomainNumatune *tune = need_numatune(def);
    g_free(tune->nodeset);
    tune->nodeset = vb_bitmap_normalise(g_variant_get_string(value, NULL), MAX_NODE);
    g_clear_pointer(&tune->placement, g_free);
    return TRUE;
}

const QemuTuningParam qemu_tuning_numa_params[2] = {
    {"numa_mode", "i", 0, 0, get_mode, set_mode, 0},
    {"numa_nodeset", "s", 0, 0, get_nodeset, set_nodeset, 0},
};

VbDomainDef *
qemu_tuning_advised(const QemuDomain *domain)
{
    VbDomainDef *def = vb_domain_copy(domain->live);
    const gboolean is_auto = domain->auto_nodes && (!def->numatune || !def->numatune->nodeset);
    if (is_auto)
        set_text(&need_numatune(def)->nodeset, domain->auto_nodes);
    return def;
}

/* ---- what may be ---- */

static gboolean
check_mode(const VbDomainDef *live, GVariant *params, GError **error)
{
    int mode;
    if (!g_variant_lookup(params, "numa_mode", "i", &mode))
        return TRUE;
    if (mode < 0 || mode >= (int)G_N_ELEMENTS(modes))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "unsupported numatune mode: '%d'", mode);
    return !live || mode == mode_of(live) ||
           vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "can't change numatune mode for running domain");
}

static gboolean
check_nodeset(const QemuDomain *domain, const VbDomainDef *live, GVariant *params, GError **error)
{
    const char *text;
    g_autofree char *nodes = NULL;
    const int mode = live ? mode_of(live) : VIR_DOMAIN_NUMATUNE_MEM_STRICT;
    if (!g_variant_lookup(params, "numa_nodeset", "&s", &text))
        return TRUE;
    nodes = vb_bitmap_normalise(text, MAX_NODE);
    if (!nodes || *nodes == '\0')
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "Invalid nodeset for 'numatune': %s",
                            text);
    if (mode != VIR_DOMAIN_NUMATUNE_MEM_STRICT && mode != VIR_DOMAIN_NUMATUNE_MEM_RESTRICTIVE)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "change of nodeset for running domain requires strict numa mode");
    return !live || qemu_placement_check_nodes(domain, nodes, error);
}

/* a mode needs nodes: named with it, or before */
static gboolean
check_whole(const VbDomainDef *def, GVariant *params, GError **error)
{
    const VbDomainNumatune *tune = def ? def->numatune : NULL;
    g_autoptr(GVariant) nodeset = g_variant_lookup_value(params, "numa_nodeset", NULL);
    g_autoptr(GVariant) mode = g_variant_lookup_value(params, "numa_mode", NULL);
    const gboolean is_auto = def && (g_strcmp0(def->vcpu_placement, "auto") == 0 ||
                                     (tune && g_strcmp0(tune->placement, "auto") == 0));
    return !def || !mode || nodeset || is_auto || (tune && tune->nodeset) ||
           vb_error_set(error, VIR_ERR_XML_DETAIL,
                        "nodeset for NUMA memory tuning must be set if 'placement' is 'static'");
}

gboolean
qemu_tuning_check_numa(const QemuDomain *domain, const VbDomainDef *live, const VbDomainDef *config,
                       GVariant *params, GError **error)
{
    return check_mode(live, params, error) && check_nodeset(domain, live, params, error) &&
           check_whole(live, params, error) && check_whole(config, params, error);
}
