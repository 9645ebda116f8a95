/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <cpu> element of host and guest descriptions, alone: read, checked, written. */
#include "base/error.h"
#include "cpu/cpu.h"
#include "xml/xml.h"
#include <string.h>

static const VbXmlField feature_fields[] = {
    VB_XML_STR(VbCpuDescribedFeature, policy, "@policy"),
    VB_XML_STR(VbCpuDescribedFeature, name, "@name"),
};
static VB_XML_TYPE(feature_type, VbCpuDescribedFeature, "feature", feature_fields);

static const VbXmlField counter_fields[] = {
    VB_XML_STR(VbCpuCounter, name, "@name"),
    VB_XML_STR(VbCpuCounter, frequency, "@frequency"),
    VB_XML_STR(VbCpuCounter, scaling, "@scaling"),
};
static VB_XML_TYPE(counter_type, VbCpuCounter, "counter", counter_fields);

static const VbXmlField pages_fields[] = {
    VB_XML_STR(VbCpuPages, unit, "@unit"),
    VB_XML_STR(VbCpuPages, size, "@size"),
};
static VB_XML_TYPE(pages_type, VbCpuPages, "pages", pages_fields);

#define C VbCpuDescription
static const VbXmlField description_fields[] = {
    VB_XML_STR(C, mode_text, "@mode"),
    VB_XML_STR(C, match_text, "@match"),
    VB_XML_STR(C, arch, "arch"),
    VB_XML_STR(C, model, "model"),
    VB_XML_STR(C, fallback, "model/@fallback"),
    VB_XML_STR(C, vendor, "vendor"),
    VB_XML_STR(C, microcode, "microcode/@version"),
    VB_XML_STR(C, signature.family, "signature/@family"),
    VB_XML_STR(C, signature.model, "signature/@model"),
    VB_XML_STR(C, signature.stepping, "signature/@stepping"),
    VB_XML_LIST(C, counters, "counter", counter_type),
    VB_XML_UINT(C, sockets, "topology/@sockets"),
    VB_XML_UINT(C, dies, "topology/@dies"),
    VB_XML_UINT(C, clusters, "topology/@clusters"),
    VB_XML_UINT(C, cores, "topology/@cores"),
    VB_XML_UINT(C, threads, "topology/@threads"),
    VB_XML_STR(C, maxphysaddr.mode, "maxphysaddr/@mode"),
    VB_XML_STR(C, maxphysaddr.bits, "maxphysaddr/@bits"),
    VB_XML_LIST(C, features, "feature", feature_type),
    VB_XML_LIST(C, pages, "pages", pages_type),
};
static VB_XML_TYPE(description_type, C, "cpu", description_fields, .document = "CPU_definition");
#undef C

static int
find_word(const char *const *words, guint n, const char *word)
{
    for (guint i = 0; i < n; i++)
        if (g_str_equal(words[i], word))
            return (int)i + 1;
    return word[0] ? -1 : 0;
}

static gboolean
check_mode(VbCpuDescription *description, VbCpuKind kind, GError **error)
{
    static const char *const modes[] = {"custom", "host-model", "host-passthrough", "maximum"};
    static const char *const matches[] = {"minimum", "exact", "strict"};
    int mode =
        description->mode_text ? find_word(modes, G_N_ELEMENTS(modes), description->mode_text) : 0;
    int match = description->match_text
                    ? find_word(matches, G_N_ELEMENTS(matches), description->match_text)
                    : 0;

    if (description->mode_text && kind == VB_CPU_HOST)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Attribute mode is only allowed for guest CPU");
    if (mode < 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Invalid mode attribute '%s'",
                            description->mode_text);
    if (match < 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid value for attribute 'match' in element 'cpu': '%s'.",
                            description->match_text);
    description->mode = (VbCpuMode)mode;
    description->match = (VbCpuMatch)match;
    return TRUE;
}

static gboolean
check_features(const VbCpuDescription *description, GError **error)
{
    static const char *const policies[] = {"force", "require", "optional", "disable", "forbid"};
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; description->features && i < description->features->len; i++) {
        const VbCpuDescribedFeature *feature = description->features->pdata[i];

        if (feature->policy && find_word(policies, G_N_ELEMENTS(policies), feature->policy) <= 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Invalid CPU feature policy");
        if (!feature->name || !feature->name[0])
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid CPU feature name");
        if (!g_hash_table_add(seen, feature->name))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "CPU feature '%s' specified more than once", feature->name);
    }
    return TRUE;
}

static gboolean
check_parts(const VbCpuDescription *description, VbCpuKind kind, GError **error)
{
    if (kind == VB_CPU_HOST && !description->arch)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Missing CPU architecture");
    if (kind == VB_CPU_HOST && !description->model)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Missing CPU model name");
    if (description->vendor && !description->model)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "CPU vendor specified without CPU model");
    return check_features(description, error);
}

/**
 * vb_cpu_parse:
 * @xml: a <cpu> element
 * @kind: HOST: as in <host> of capabilities; ANY: a guest's as well
 *
 * Returns: (transfer full): the description, or NULL with @error set
 * Errors: XML_ERROR, XML_DETAIL not such an element; CONFIG_UNSUPPORTED unknown mode or policy
 */
VbCpuDescription *
vb_cpu_parse(const char *xml, VbCpuKind kind, GError **error)
{
    g_autoptr(VbCpuDescription) description = vb_xml_parse(&description_type, xml, -1, error);

    if (!description)
        return NULL;
    if (description->model && !description->model[0])
        g_clear_pointer(&description->model, g_free);
    if (!check_mode(description, kind, error) || !check_parts(description, kind, error))
        return NULL;
    return g_steal_pointer(&description);
}

/* Of the kind with <arch>; a guest's <cpu> is part of the domain model. */
gboolean
vb_cpu_validate(const char *xml, GError **error)
{
    return vb_xml_validate(&description_type, xml, -1, error);
}

void
vb_cpu_description_free(VbCpuDescription *description)
{
    vb_xml_free(&description_type, description);
}

/* ---- writing ---- */

typedef struct {
    const char *name;
    gboolean is_off;
} Line;

static int
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Line *)a)->name, ((const Line *)b)->name);
}

static void
add_lines(GArray *lines, VbCpuSet set, gboolean is_off)
{
    for (guint i = 0; i < vb_cpu_n_features(); i++) {
        const Line line = {vb_cpu_feature(i)->name, is_off};

        if (vb_cpu_set_has(&set, (int)i))
            g_array_append_val(lines, line);
    }
}

static GArray *
list_features(const VbCpuFormat *format)
{
    const VbCpuChoice *choice = format->choice;
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(Line));

    add_lines(lines, choice->require, FALSE);
    add_lines(lines, choice->disable, TRUE);
    add_lines(lines, choice->removed, TRUE);
    if (format->is_expanded) {
        VbCpuSet own = vb_cpu_model_features(choice->model);

        add_lines(lines, vb_cpu_set_minus(own, choice->disable), FALSE);
        g_array_sort(lines, compare_lines);
    }
    return lines;
}

/**
 * vb_cpu_format:
 *
 * Returns: (transfer full): the <cpu> of a guest with exactly that CPU
 */
char *
vb_cpu_format(const VbCpuFormat *format)
{
    g_autoptr(GArray) lines = list_features(format);
    GString *text = g_string_new("<cpu mode='custom' match='exact'>\n");

    g_string_append_printf(text, "  <model fallback='%s'>%s</model>\n",
                           format->is_fallback_allowed ? "allow" : "forbid",
                           format->choice->model->name);
    if (format->vendor)
        g_string_append_printf(text, "  <vendor>%s</vendor>\n", format->vendor);
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);

        g_string_append_printf(text, "  <feature policy='%s' name='%s'/>\n",
                               line->is_off ? "disable" : "require", line->name);
    }
    g_string_append(text, "</cpu>\n");
    return g_string_free(text, FALSE);
}
