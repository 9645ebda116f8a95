/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What resource control adds to the host's capabilities: how finely caches and memory bandwidth can be shared out, what can be
 * watched. Source: libvirt's capabilities document. */
#include "caps-private.h"

#include "base/text.h"
#include "resctrl/resctrl.h"

/* the biggest unit in which both are whole numbers */
static const char *
scale_both(guint64 *a, guint64 *b)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    guint i = 0;
    for (; *a > 0 && *a % 1024 == 0 && *b % 1024 == 0 && i + 1 < G_N_ELEMENTS(units); i++) {
        *a /= 1024;
        *b /= 1024;
    }
    return units[i];
}

static void
write_bank(GString *text, guint depth, const VbHostCacheBank *bank, gpointer data)
{
    const VbResctrlInfo *info = data;
    for (guint i = 0; i < info->caches->len; i++) {
        const VbResctrlCacheControl *control =
            &g_array_index(info->caches, VbResctrlCacheControl, i);
        guint64 granularity = bank->size_b / (guint)__builtin_popcountll(control->mask);
        guint64 min = granularity * control->min_bits;
        g_autofree char *min_text = NULL;
        const char *unit;
        if (control->level != bank->level || bank->type != VB_HOST_BANK_BOTH)
            continue;
        unit = scale_both(&granularity, &min);
        min_text = min == granularity ? g_strdup("")
                                      : g_strdup_printf(" min='%" G_GUINT64_FORMAT "'", min);
        g_string_append_printf(text,
                               "%*s<control granularity='%" G_GUINT64_FORMAT
                               "'%s unit='%s' type='%s' maxAllocs='%u'/>\n",
                               (int)depth * 2, "", granularity, min_text, unit,
                               vb_resctrl_scope_nick(control->scope), control->n_closids);
    }
}

/* features of one kind; nothing when there is none */
static void
write_monitor(GString *text, guint depth, const VbResctrlInfo *info, const char *prefix,
              const char *attributes)
{
    gboolean is_open = FALSE;
    for (char **feature = info->features; feature && *feature; feature++) {
        if (!g_str_has_prefix(*feature, prefix))
            continue;
        if (!is_open)
            g_string_append_printf(text, "%*s<monitor%s maxMonitors='%u'>\n", (int)depth * 2, "",
                                   attributes, info->n_rmids);
        is_open = TRUE;
        vb_text_line(text, depth + 1, "<feature name='%s'/>", *feature);
    }
    if (is_open)
        vb_text_line(text, depth, "</monitor>");
}

static void
write_cache_monitor(GString *text, guint depth, gpointer data)
{
    const VbResctrlInfo *info = data;
    g_autofree char *attributes =
        g_strdup_printf(" level='%u' reuseThreshold='%" G_GUINT64_FORMAT "'", info->monitor_level,
                        info->reuse_threshold);
    write_monitor(text, depth, info, "llc_", attributes);
}

/* a node is what a cache of level 3 serves */
static void
write_node(GString *text, guint depth, const VbHostCacheBank *bank, const VbResctrlInfo *info)
{
    g_autofree char *cpus = vb_bitset_format(bank->cpus);
    vb_text_line(text, depth, "<node id='%u' cpus='%s'>", bank->id, cpus);
    vb_text_line(text, depth + 1, "<control granularity='%u' min='%u' maxAllocs='%u'/>",
                 info->bandwidth_granularity, info->bandwidth_min, info->bandwidth_closids);
    vb_text_line(text, depth, "</node>");
}

static void
write_memory_bandwidth(GString *text, guint depth, const VbHostTopology *topology, gpointer data)
{
    const VbResctrlInfo *info = data;
    const gsize before = text->len;
    gsize empty;
    vb_text_line(text, depth, "<memory_bandwidth>");
    empty = text->len;
    VB_HOST_EACH(VbHostCacheBank, bank, topology->banks)
    {
        if (info->has_bandwidth && bank->level == 3)
            write_node(text, depth + 1, bank, info);
    }
    write_monitor(text, depth + 1, info, "mbm_", "");
    if (text->len == empty)
        g_string_truncate(text, before);
    else
        vb_text_line(text, depth, "</memory_bandwidth>");
}

/**
 * qemu_capabilities_control:
 * @info: borrowed: as long as the result is used
 *
 * Returns: what writes @info into the capabilities
 */
VbHostControl
qemu_capabilities_control(VbResctrlInfo *info)
{
    return (VbHostControl){
        .write_bank = write_bank,
        .write_cache_monitor = write_cache_monitor,
        .write_memory_bandwidth = write_memory_bandwidth,
        .data = info,
    };
}
