/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schemata, the host's facts and the search for room, on folders that look as the kernel's. What the kernel does beyond
 * holding files is tested with a simulator: tests/test_resctrl.py. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "resctrl/resctrl.h"

static void
test_schemata(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VbResctrlSchemata) schemata = vb_resctrl_schemata_parse(
        "    L3:1=1ff0f;0=1ff00\nSMBA:0=1\nL2CODE:7=3\n  MB:0= 50;1=100\n\n", &error);
    g_autofree char *text = NULL;
    g_assert_no_error(error);
    text = vb_resctrl_schemata_format(schemata);
    g_assert_cmpstr(text, ==, "L3:0=1ff00;1=1ff0f\nL2CODE:7=3\nMB:0=50;1=100\n");
    g_assert_null(vb_resctrl_schemata_find(schemata, 2, VB_RESCTRL_DATA, 7));
    g_assert_cmpuint(vb_resctrl_schemata_find(schemata, 2, VB_RESCTRL_CODE, 7)->value, ==, 3);
}

static void
test_bad_schemata(void)
{
    static const char *const bad[] = {
        "L3", "L3:0", "L3:x=1", "L3:0=", "L3:0=zz", "MB:0=ff", "L3:0=11111111111111111"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(vb_resctrl_schemata_parse(bad[i], &error));
        g_assert_nonnull(strstr(error->message, bad[i]));
    }
}

static VbResctrlInfo *
make_info(guint64 mask, guint min_bits, gboolean is_split)
{
    VbResctrlInfo *info = g_new0(VbResctrlInfo, 1);
    VbResctrlCacheControl control = {3, is_split ? VB_RESCTRL_CODE : VB_RESCTRL_BOTH, mask,
                                     min_bits, 4};
    info->caches = g_array_new(FALSE, TRUE, sizeof(VbResctrlCacheControl));
    g_array_append_val(info->caches, control);
    control.scope = VB_RESCTRL_DATA;
    if (is_split)
        g_array_append_val(info->caches, control);
    info->has_bandwidth = TRUE;
    info->bandwidth_min = info->bandwidth_granularity = 10;
    return info;
}

static GArray *
make_banks(guint64 size)
{
    GArray *banks = g_array_new(FALSE, TRUE, sizeof(VbResctrlBank));
    for (guint id = 0; id < 2; id++) {
        const VbResctrlBank bank = {3, id, size};
        g_array_append_val(banks, bank);
    }
    return banks;
}

/* What is left beside the default group and one that somebody made. */
static void
test_unused(void)
{
    static const struct {
        const char *default_group, *other, *expected;
        guint64 mask;
    } cases[] = {
        {"L3:0=1ff00;1=1ff0f", "L3:0=e0000;1=e0000", "L3:0=ff;1=f0\n", 0xfffff},
        {"L3:0=0f0", "", "L3:0=70f\n", 0x7ff},
        {"L3:0=fffff;1=fffff\nMB:0=100;1=100", "L3:0=3;1=3\nMB:0=30;1=100",
         "L3:0=0;1=0\nMB:0=70;1=100\n", 0xfffff},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VbResctrlInfo) info = make_info(cases[i].mask, 1, FALSE);
        g_autoptr(VbResctrlSchemata) whole =
            vb_resctrl_schemata_parse(cases[i].default_group, NULL);
        g_autoptr(GPtrArray) others =
            g_ptr_array_new_with_free_func((GDestroyNotify)vb_resctrl_schemata_free);
        g_autoptr(VbResctrlSchemata) unused = NULL;
        g_autofree char *text = NULL;
        g_ptr_array_add(others, vb_resctrl_schemata_parse(cases[i].other, NULL));
        unused = vb_resctrl_unused(info, whole, others);
        text = vb_resctrl_schemata_format(unused);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

typedef struct {
    guint level;
    VbResctrlScope scope;
    guint id;
    guint64 amount;
    const char *unused; /* what is free */
    const char *expected;
} AllocationCase;

/* a cache of 20 ways of 768 KiB; at least two of them */
static const AllocationCase allocations[] = {
    {3, VB_RESCTRL_BOTH, 0, 1536, "L3:0=ff0ff;1=ff", "L3:0=3;1=3"},
    {3, VB_RESCTRL_BOTH, 1, 1536, "L3:0=ff;1=f3c", "L3:0=3;1=c"},
    {3, VB_RESCTRL_BOTH, 0, 1000, "L3:0=ff;1=ff",
     "Cache allocation of size 1024000 is not divisible by granularity 786432"},
    {3, VB_RESCTRL_BOTH, 0, 0, "L3:0=ff;1=ff",
     "Cache allocation of size 0 is not divisible by granularity 786432"},
    {3, VB_RESCTRL_BOTH, 0, 768, "L3:0=ff;1=ff",
     "Cache allocation of size 786432 is smaller than the minimum allowed allocation 1572864"},
    {3, VB_RESCTRL_BOTH, 0, 2304, "L3:0=db;1=ff",
     "Not enough room for allocation of 2359296 bytes for level 3 cache 0 scope type 'both'"},
    {3, VB_RESCTRL_BOTH, 0, 76800, "L3:0=fffff;1=ff",
     "Not enough room for allocation of 78643200 bytes for level 3 cache 0 scope type 'both'"},
    {3, VB_RESCTRL_BOTH, 5, 1536, "L3:0=ff;1=ff", "Cache with id 5 does not exist for level 3"},
    {3, VB_RESCTRL_CODE, 0, 1536, "L3:0=ff;1=ff",
     "Cache level 3 does not support tuning for scope type 'code'"},
    {2, VB_RESCTRL_BOTH, 0, 1536, "L3:0=ff;1=ff",
     "Cache level 2 does not support tuning for scope type 'both'"},
    {0, VB_RESCTRL_BOTH, 1, 30, "MB:0=100;1=30", "MB:0=100;1=30"},
    {0, VB_RESCTRL_BOTH, 1, 40, "MB:0=100;1=30",
     "Not enough room for allocation of 40% bandwidth on node 1, available bandwidth 30"},
    {0, VB_RESCTRL_BOTH, 1, 35, "MB:0=100;1=50",
     "Memory Bandwidth allocation of size 35 is not divisible by granularity 10"},
    {0, VB_RESCTRL_BOTH, 1, 0, "MB:0=100;1=50",
     "Memory Bandwidth allocation of size 0 is smaller than the minimum allowed allocation 10"},
    {0, VB_RESCTRL_BOTH, 9, 10, "MB:0=100;1=50", "memory bandwidth node 9 does not exist"},
};

static void
check_allocation(const AllocationCase *one)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VbResctrlInfo) info = make_info(0xfffff, 2, FALSE);
    g_autoptr(GArray) banks = make_banks(20 * 768 * 1024);
    g_autoptr(VbResctrlSchemata) unused = vb_resctrl_schemata_parse(one->unused, NULL);
    g_autoptr(VbResctrlSchemata) whole =
        vb_resctrl_schemata_parse(one->level == 0 ? "MB:0=100;1=100" : "L3:0=3;1=3", NULL);
    g_autoptr(GArray) wishes = g_array_new(FALSE, TRUE, sizeof(VbResctrlWish));
    const VbResctrlWish wish = {one->level, one->scope, one->id,
                                one->level == 0 ? one->amount : one->amount * 1024};
    g_autoptr(VbResctrlSchemata) granted = NULL;
    g_autofree char *text = NULL;
    g_array_append_val(wishes, wish);
    granted = vb_resctrl_allocate(info, banks, unused, whole, wishes, &error);
    text = granted ? g_strchomp(vb_resctrl_schemata_format(granted)) : NULL;
    if (text)
        g_assert_cmpstr(text, ==, one->expected);
    else
        g_assert_true(g_str_has_suffix(error->message, one->expected));
}

static void
test_allocate(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(allocations); i++)
        check_allocation(&allocations[i]);
}

/* The smallest run that fits is taken, and what one wish took the next does not get. */
static void
test_runs(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VbResctrlInfo) info = make_info(0xfff, 1, TRUE);
    g_autoptr(GArray) banks = make_banks(12 * 1024);
    g_autoptr(VbResctrlSchemata) unused =
        vb_resctrl_schemata_parse("L3CODE:0=f1b\nL3DATA:0=fff", NULL);
    g_autoptr(VbResctrlSchemata) whole =
        vb_resctrl_schemata_parse("L3CODE:0=fff;1=7\nL3DATA:0=fff;1=7", NULL);
    const VbResctrlWish list[] = {{3, VB_RESCTRL_CODE, 0, 2048}, {3, VB_RESCTRL_DATA, 0, 4096}};
    g_autoptr(GArray) wishes = g_array_new(FALSE, TRUE, sizeof(VbResctrlWish));
    static const char *const expected[] = {"L3CODE:0=3;1=7\nL3DATA:0=f;1=7\n",
                                           "L3CODE:0=18;1=7\nL3DATA:0=f0;1=7\n",
                                           "L3CODE:0=300;1=7\nL3DATA:0=f00;1=7\n"};
    g_array_append_vals(wishes, list, G_N_ELEMENTS(list));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autoptr(VbResctrlSchemata) granted =
            vb_resctrl_allocate(info, banks, unused, whole, wishes, &error);
        g_autofree char *text = NULL;
        g_assert_no_error(error);
        text = vb_resctrl_schemata_format(granted);
        g_assert_cmpstr(text, ==, expected[i]);
    }
    g_assert_null(vb_resctrl_allocate(info, banks, unused, whole, wishes, &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_CONFIG_UNSUPPORTED));
}

static void
write_fact(const char *root, const char *name, const char *content)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(path, content, -1, &error);
    g_assert_no_error(error);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_tree(inner);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

static void
test_info(void)
{
    g_autofree char *root = g_dir_make_tmp("vb-resctrl-XXXXXX", NULL);
    g_autoptr(VbResctrlInfo) info = NULL;
    g_autoptr(VbResctrlInfo) nothing = vb_resctrl_info_read("/nonexistent");
    g_assert_cmpuint(nothing->caches->len, ==, 0);
    g_assert_false(nothing->has_bandwidth || nothing->has_monitor);
    write_fact(root, "schemata", "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n");
    write_fact(root, "info/L3/cbm_mask", "fffff\n");
    write_fact(root, "info/L3/min_cbm_bits", "2\n");
    write_fact(root, "info/L3/num_closids", "4\n");
    write_fact(root, "info/MB/num_closids", "8\n");
    write_fact(root, "info/MB/min_bandwidth", "10\n");
    write_fact(root, "info/MB/bandwidth_gran", "10\n");
    write_fact(root, "info/L3_MON/num_rmids", "176\n");
    write_fact(root, "info/L3_MON/max_threshold_occupancy", "270336\n");
    write_fact(root, "info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\n");
    info = vb_resctrl_info_read(root);
    g_assert_cmpuint(info->caches->len, ==, 1);
    g_assert_cmphex(vb_resctrl_info_find(info, 3, VB_RESCTRL_BOTH)->mask, ==, 0xfffff);
    g_assert_cmpuint(vb_resctrl_info_find(info, 3, VB_RESCTRL_BOTH)->min_bits, ==, 2);
    g_assert_true(info->has_bandwidth && info->has_monitor && !info->is_mbps);
    g_assert_cmpuint(info->bandwidth_closids, ==, 8);
    g_assert_cmpuint(info->n_rmids, ==, 176);
    g_assert_true(vb_resctrl_info_can_watch(info, "mbm_total_bytes"));
    g_assert_false(vb_resctrl_info_can_watch(info, "mbm_local_bytes"));
    write_fact(root, "schemata", "MB:0=4294967295\n");
    g_clear_pointer(&info, vb_resctrl_info_free);
    info = vb_resctrl_info_read(root);
    g_assert_true(info->is_mbps);
    remove_tree(root);
}

/* Masks of foreign groups are kept off; a failure leaves no folder. */
static void
test_create(void)
{
    g_autofree char *root = g_dir_make_tmp("vb-resctrl-XXXXXX", NULL);
    g_autoptr(GArray) banks = make_banks(20 * 1024);
    g_autoptr(GPtrArray) groups =
        g_ptr_array_new_with_free_func((GDestroyNotify)vb_resctrl_group_free);
    const VbResctrlWish wish = {3, VB_RESCTRL_BOTH, 0, 4096};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = vb_resctrl_path(root, NULL, "qemu-1-a");
    write_fact(root, "schemata", "L3:0=3\n");
    write_fact(root, "info/L3/cbm_mask", "fffff\n");
    write_fact(root, "info/last_cmd_status", "ok\n");
    write_fact(root, "foreign/schemata", "L3:0=c\n");
    g_ptr_array_add(groups, vb_resctrl_group_new("qemu-1-a", NULL));
    g_array_append_val(((VbResctrlGroup *)groups->pdata[0])->wishes, wish);
    /* a plain folder has no schemata file of its own */
    g_assert_false(vb_resctrl_create(root, banks, groups, &error));
    g_assert_nonnull(strstr(error->message, "ok: L3:0=f0"));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    remove_tree(root);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resctrl/schemata", test_schemata);
    g_test_add_func("/resctrl/bad-schemata", test_bad_schemata);
    g_test_add_func("/resctrl/info", test_info);
    g_test_add_func("/resctrl/unused", test_unused);
    g_test_add_func("/resctrl/allocate", test_allocate);
    g_test_add_func("/resctrl/runs", test_runs);
    g_test_add_func("/resctrl/create", test_create);
    return g_test_run();
}
