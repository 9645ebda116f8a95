/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Set arithmetic on CPUs: the model nearest to a CPU, what several have in common, whether one offers what another wants.
 * Knows no XML and no emulator. */
#include "base/error.h"
#include "cpu/cpu.h"
#include <string.h>

/* ---- the nearest model ---- */

/* What the operating system or the kernel's monitoring switches on: part of the CPU, never of a description. */
static VbCpuSet
never_described(void)
{
    return vb_cpu_set_from_words("osxsave ospke cmt mbm_total mbm_local");
}

static gboolean
has_signature(const VbCpuModel *model, const VbCpuData *data)
{
    for (guint i = 0; i < G_N_ELEMENTS(model->signatures); i++) {
        const VbCpuSignature *signature = &model->signatures[i];

        if (signature->family && signature->family == data->family &&
            signature->model == data->model && data->stepping >= signature->first_stepping &&
            data->stepping <= signature->last_stepping)
            return TRUE;
    }
    return FALSE;
}

/* How far a model is from a CPU: one for each feature that must be added. One that must be taken away weighs two, and
 * nearly three where they are many: a guest that looks at the model's name expects the model's features. */
static guint
distance(const VbCpuChoice *choice)
{
    guint n_disabled = vb_cpu_set_count(choice->disable) + vb_cpu_set_count(choice->removed);

    return vb_cpu_set_count(choice->require) +
           (n_disabled < 7 ? 2 * n_disabled : 8 * n_disabled / 3);
}

static gboolean
is_nearer(const VbCpuData *data, const VbCpuChoice *choice, const VbCpuChoice *best)
{
    gboolean fits = has_signature(choice->model, data);
    gboolean best_fits = has_signature(best->model, data);

    if (fits != best_fits)
        return fits;
    return distance(choice) < distance(best);
}

static gboolean
try_model(const VbCpuDecode *query, const VbCpuModel *model, VbCpuChoice *ret_choice)
{
    const VbCpuData *data = query->data;
    VbCpuSet described = vb_cpu_set_minus(data->features, never_described());
    VbCpuSet has = vb_cpu_model_features(model);
    VbCpuSet blocked = {{0}};

    if (query->is_host ? model->is_not_for_host : model->is_not_for_guest)
        return FALSE;
    if (model->vendor && data->vendor && !g_str_equal(model->vendor, data->vendor))
        return FALSE;
    if (query->offer && !query->offer->is_allowed(model, query->offer->data))
        return FALSE;
    if (query->offer)
        blocked = query->offer->blockers(model, query->offer->data);
    ret_choice->model = model;
    ret_choice->require = vb_cpu_set_minus(vb_cpu_set_minus(described, has), blocked);
    ret_choice->disable = vb_cpu_set_or(vb_cpu_set_minus(has, described), blocked);
    ret_choice->removed = vb_cpu_set_minus(vb_cpu_set_from_words(model->removed),
                                           vb_cpu_set_or(described, ret_choice->disable));
    return !query->is_host || vb_cpu_set_count(ret_choice->disable) == 0;
}

/**
 * vb_cpu_decode:
 * @query: the CPU and which models count
 * @ret_choice: (out): the model, what it needs more and what must be off; untouched on failure
 *
 * Finds the model that describes a CPU with the shortest list of differences; one made for exactly this family and
 * model of CPU goes first. Of two equally near ones the first in the table wins.
 *
 * Returns: FALSE when no model may be chosen
 */
gboolean
vb_cpu_decode(const VbCpuDecode *query, VbCpuChoice *ret_choice)
{
    VbCpuChoice best = {0};

    for (guint i = 0; i < vb_cpu_n_models(); i++) {
        VbCpuChoice choice;

        if (!try_model(query, vb_cpu_model(i), &choice))
            continue;
        if (query->preferred && g_str_equal(query->preferred, choice.model->name)) {
            *ret_choice = choice;
            return TRUE;
        }
        if (!best.model || is_nearer(query->data, &choice, &best))
            best = choice;
    }
    if (best.model)
        *ret_choice = best;
    return best.model != NULL;
}

/* ---- what a description means ---- */

static VbCpuPolicy
policy_of(const VbCpuDescribedFeature *feature)
{
    static const char *const words[] = {NULL, "force", "require", "optional", "disable", "forbid"};

    for (guint i = 1; feature->policy && i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(words[i], feature->policy))
            return (VbCpuPolicy)i;
    return VB_CPU_POLICY_REQUIRE;
}

typedef struct {
    const VbCpuModel *model;
    VbCpuSet by_policy[VB_CPU_POLICY_FORBID + 1];
    VbCpuSet named;
} Meaning;

static gboolean
understand(const VbCpuDescription *description, Meaning *ret_meaning, GError **error)
{
    Meaning meaning = {.model = vb_cpu_model_find(description->model)};

    if (!meaning.model)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Unknown CPU model %s",
                            description->model);
    for (guint i = 0; description->features && i < description->features->len; i++) {
        const VbCpuDescribedFeature *feature = description->features->pdata[i];
        int index = vb_cpu_feature_find(feature->name);

        if (index < 0)
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Unknown CPU feature %s",
                                feature->name);
        vb_cpu_set_add(&meaning.by_policy[policy_of(feature)], index);
        vb_cpu_set_add(&meaning.named, index);
    }
    *ret_meaning = meaning;
    return TRUE;
}

/* ---- baseline ---- */

typedef struct {
    VbCpuData data;
    const char *preferred; /* the model that all of them name */
    gboolean is_vendor_shown;
} Common;

static gboolean
join_vendor(Common *common, const VbCpuDescription *description, const VbCpuModel *model,
            gboolean is_first, GError **error)
{
    const char *vendor = description->vendor ? vb_cpu_vendor_name(description->vendor) : NULL;

    if (description->vendor && !vendor)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "Unknown CPU vendor %s",
                            description->vendor);
    if (!vendor) {
        common->is_vendor_shown = FALSE;
        vendor = is_first ? NULL : model->vendor;
    }
    if (!vendor)
        return TRUE;
    if (common->data.vendor && !g_str_equal(common->data.vendor, vendor))
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "CPU vendors do not match");
    common->data.vendor = vendor;
    return TRUE;
}

static gboolean
join(Common *common, const VbCpuDescription *description, gboolean is_first, GError **error)
{
    Meaning meaning;
    VbCpuSet has;

    if (!understand(description, &meaning, error) ||
        !join_vendor(common, description, meaning.model, is_first, error))
        return FALSE;
    has = vb_cpu_model_features(meaning.model);
    has = vb_cpu_set_or(has, meaning.by_policy[VB_CPU_POLICY_REQUIRE]);
    has = vb_cpu_set_or(has, meaning.by_policy[VB_CPU_POLICY_FORCE]);
    has = vb_cpu_set_minus(has, meaning.by_policy[VB_CPU_POLICY_DISABLE]);
    has = vb_cpu_set_minus(has, meaning.by_policy[VB_CPU_POLICY_FORBID]);
    common->data.features = is_first ? has : vb_cpu_set_and(common->data.features, has);
    if (is_first)
        common->preferred = meaning.model->name;
    else if (g_strcmp0(common->preferred, meaning.model->name) != 0)
        common->preferred = NULL;
    return TRUE;
}

/**
 * vb_cpu_baseline:
 * @how: for whom and how it is written
 * @descriptions: of VbCpuDescription, at least one, each with a model
 *
 * Describes the richest CPU that all of them can be.
 *
 * Returns: (transfer full): XML of a guest's <cpu>, or NULL with @error set
 * Errors: OPERATION_FAILED different or unknown vendors, nothing in common; INTERNAL_ERROR unknown model or feature
 */
char *
vb_cpu_baseline(const VbCpuBaseline *how, GPtrArray *descriptions, GError **error)
{
    Common common = {.is_vendor_shown = TRUE};
    VbCpuChoice choice;
    VbCpuDecode query = {.data = &common.data, .offer = how->offer};
    VbCpuFormat format = {.choice = &choice, .is_expanded = how->is_expanded};

    for (guint i = 0; i < descriptions->len; i++)
        if (!join(&common, descriptions->pdata[i], i == 0, error))
            return NULL;
    if (how->is_migratable)
        common.data.features = vb_cpu_set_minus(common.data.features, vb_cpu_set_not_migratable());
    query.preferred = common.preferred;
    if (vb_cpu_set_count(common.data.features) == 0 || !vb_cpu_decode(&query, &choice)) {
        vb_error_set(error, VIR_ERR_OPERATION_FAILED, "CPUs are incompatible");
        return NULL;
    }
    format.is_fallback_allowed =
        !how->offer && g_strcmp0(common.preferred, choice.model->name) != 0;
    format.vendor = common.is_vendor_shown ? common.data.vendor : NULL;
    return vb_cpu_format(&format);
}

/* ---- compare ---- */

static int
incompatible(const VbCpuCompare *how, GError **error, const char *what, VbCpuSet set)
{
    g_autofree char *list = vb_cpu_set_to_string(set);

    if (!how->is_incompatible_an_error)
        return VIR_CPU_COMPARE_INCOMPATIBLE;
    vb_error_set(error, VIR_ERR_CPU_INCOMPATIBLE, "%s%s", what, list);
    return VIR_CPU_COMPARE_ERROR;
}

static int
compare_features(const VbCpuCompare *how, const VbCpuDescription *wanted, const Meaning *meaning,
                 GError **error)
{
    VbCpuSet provided = how->provided->features;
    VbCpuSet forbidden = vb_cpu_set_and(meaning->by_policy[VB_CPU_POLICY_FORBID], provided);
    VbCpuSet not_needed =
        vb_cpu_set_minus(vb_cpu_set_minus(meaning->named, meaning->by_policy[VB_CPU_POLICY_FORBID]),
                         meaning->by_policy[VB_CPU_POLICY_REQUIRE]);
    VbCpuSet needed =
        vb_cpu_set_or(vb_cpu_set_minus(vb_cpu_model_features(meaning->model), not_needed),
                      meaning->by_policy[VB_CPU_POLICY_REQUIRE]);
    VbCpuSet missing = vb_cpu_set_minus(needed, provided);
    VbCpuSet extra = vb_cpu_set_minus(vb_cpu_set_minus(provided, needed), not_needed);

    if (vb_cpu_set_count(forbidden) > 0)
        return incompatible(how, error, "Host CPU provides forbidden features: ", forbidden);
    if (vb_cpu_set_count(missing) > 0)
        return incompatible(how, error, "Host CPU does not provide required features: ", missing);
    if (vb_cpu_set_count(extra) == 0)
        return VIR_CPU_COMPARE_IDENTICAL;
    if (wanted->match == VB_CPU_MATCH_STRICT)
        return incompatible(how, error,
                            "Host CPU does not strictly match guest CPU: Extra features: ", extra);
    return VIR_CPU_COMPARE_SUPERSET;
}

/**
 * vb_cpu_compare:
 * @how: what is there
 * @wanted: what is asked for
 *
 * Returns: virCPUCompareResult: INCOMPATIBLE, IDENTICAL, SUPERSET; ERROR with @error set
 * Errors: CPU_INCOMPATIBLE where that was asked for; INTERNAL_ERROR unknown model or feature
 */
int
vb_cpu_compare(const VbCpuCompare *how, const VbCpuDescription *wanted, GError **error)
{
    static const VbCpuSet none = {{0}};
    Meaning meaning;
    g_autofree char *vendor = NULL, *arch = NULL;

    if (wanted->mode > VB_CPU_MODE_CUSTOM || !wanted->model)
        return VIR_CPU_COMPARE_SUPERSET;
    arch = g_strdup_printf("CPU arch %s does not match host arch", wanted->arch);
    if (wanted->arch && !g_str_equal(wanted->arch, how->arch) &&
        !(g_str_equal(wanted->arch, "i686") && g_str_equal(how->arch, "x86_64")))
        return incompatible(how, error, arch, none);
    vendor =
        g_strdup_printf("host CPU vendor does not match required CPU vendor %s", wanted->vendor);
    if (wanted->vendor && g_strcmp0(wanted->vendor, how->provided->vendor) != 0)
        return incompatible(how, error, vendor, none);
    if (!understand(wanted, &meaning, error))
        return VIR_CPU_COMPARE_ERROR;
    return compare_features(how, wanted, &meaning, error);
}
