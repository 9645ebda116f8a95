/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what the kernel offers to control and to watch: the info folder of the resctrl file system. */
#include <string.h>

#include "resctrl.h"

static gboolean
read_number(const char *folder, const char *name, guint base, guint64 *ret_number)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) &&
           g_ascii_string_to_unsigned(g_strstrip(text), base, 0, G_MAXUINT64, ret_number, NULL);
}

static guint
read_uint(const char *folder, const char *name, guint fallback)
{
    guint64 number = fallback;
    return read_number(folder, name, 10, &number) && number <= G_MAXUINT ? (guint)number : fallback;
}

static void
read_cache(VbResctrlInfo *info, const char *root, guint level, VbResctrlScope scope)
{
    static const char *const suffixes[] = {"", "CODE", "DATA"};
    g_autofree char *name = g_strdup_printf("L%u%s", level, suffixes[scope]);
    g_autofree char *folder = g_build_filename(root, "info", name, NULL);
    VbResctrlCacheControl control = {.level = level, .scope = scope};
    if (!read_number(folder, "cbm_mask", 16, &control.mask) || control.mask == 0)
        return;
    control.min_bits = MAX(read_uint(folder, "min_cbm_bits", 1), 1);
    control.n_closids = read_uint(folder, "num_closids", 1);
    g_array_append_val(info->caches, control);
}

static void
read_bandwidth(VbResctrlInfo *info, const char *root)
{
    g_autofree char *folder = g_build_filename(root, "info", "MB", NULL);
    g_autofree char *path = g_build_filename(root, "schemata", NULL);
    g_autofree char *text = NULL;
    g_autoptr(VbResctrlSchemata) schemata = NULL;
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
        return;
    info->has_bandwidth = TRUE;
    info->bandwidth_min = read_uint(folder, "min_bandwidth", 0);
    info->bandwidth_granularity = MAX(read_uint(folder, "bandwidth_gran", 1), 1);
    info->bandwidth_closids = read_uint(folder, "num_closids", 1);
    /* mounted with mba_MBps, the group that has everything has more than a hundred percent */
    if (g_file_get_contents(path, &text, NULL, NULL))
        schemata = vb_resctrl_schemata_parse(text, NULL);
    for (guint i = 0; schemata && i < schemata->rows->len; i++) {
        const VbResctrlRow *row = schemata->rows->pdata[i];
        for (guint j = 0; row->level == 0 && j < row->values->len; j++)
            info->is_mbps |= g_array_index(row->values, VbResctrlValue, j).value > 100;
    }
}

static void
read_monitor(VbResctrlInfo *info, const char *root)
{
    g_autofree char *folder = g_build_filename(root, "info", "L3_MON", NULL);
    g_autofree char *path = g_build_filename(folder, "mon_features", NULL);
    g_autofree char *text = NULL;
    guint64 threshold = 0;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    info->has_monitor = TRUE;
    info->monitor_level = 3;
    info->features = g_strsplit(g_strstrip(text), "\n", -1);
    info->n_rmids = read_uint(folder, "num_rmids", 0);
    if (read_number(folder, "max_threshold_occupancy", 10, &threshold))
        info->reuse_threshold = threshold;
}

VbResctrlInfo *
vb_resctrl_info_read(const char *root)
{
    VbResctrlInfo *info = g_new0(VbResctrlInfo, 1);
    info->caches = g_array_new(FALSE, TRUE, sizeof(VbResctrlCacheControl));
    for (guint level = 1; level <= 4; level++) {
        for (int scope = VB_RESCTRL_BOTH; scope <= VB_RESCTRL_DATA; scope++)
            read_cache(info, root, level, scope);
    }
    read_bandwidth(info, root);
    read_monitor(info, root);
    return info;
}

const VbResctrlCacheControl *
vb_resctrl_info_find(const VbResctrlInfo *info, guint level, VbResctrlScope scope)
{
    for (guint i = 0; i < info->caches->len; i++) {
        const VbResctrlCacheControl *control =
            &g_array_index(info->caches, VbResctrlCacheControl, i);
        if (control->level == level && control->scope == scope)
            return control;
    }
    return NULL;
}

gboolean
vb_resctrl_info_can_watch(const VbResctrlInfo *info, const char *feature)
{
    return info->features && g_strv_contains((const char *const *)info->features, feature);
}

void
vb_resctrl_info_free(VbResctrlInfo *info)
{
    if (!info)
        return;
    g_array_unref(info->caches);
    g_strfreev(info->features);
    g_free(info);
}
