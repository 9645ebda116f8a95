/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of numbers: text to set and back. */
#include "base/bitset.h"

static void
test_text(void)
{
    static const struct {
        const char *in, *out;
        guint count;
    } rows[] = {
        {NULL, "", 0},           {"", "", 0},
        {"0", "0", 1},           {"0-3,8", "0-3,8", 5},
        {"8,3,2,1", "1-3,8", 4}, {"62-66,127-128", "62-66,127-128", 7},
        {"5-3", "", 0},          {"1,x,2", "1", 1},
        {"1-", "1", 1},          {"65535-70000", "65535", 1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(VbBitset) set = vb_bitset_parse(rows[i].in);
        g_autofree char *text = vb_bitset_format(set);

        g_assert_cmpstr(text, ==, rows[i].out);
        g_assert_cmpuint(vb_bitset_count(set), ==, rows[i].count);
    }
}

static void
test_sets(void)
{
    g_autoptr(VbBitset) a = vb_bitset_parse("1,100");
    g_autoptr(VbBitset) b = vb_bitset_parse("0-5");
    g_autoptr(VbBitset) c = vb_bitset_copy(a);
    guint sum = 0;

    g_assert_false(vb_bitset_is_subset(a, b));
    vb_bitset_remove(a, 100);
    vb_bitset_remove(a, 5000);
    g_assert_true(vb_bitset_is_subset(a, b));
    g_assert_true(vb_bitset_has(c, 100));
    g_assert_false(vb_bitset_has(c, 6400));
    vb_bitset_union(c, b);
    VB_BITSET_EACH(n, c) sum += (guint)n;
    g_assert_cmpuint(sum, ==, 115);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitset/text", test_text);
    g_test_add_func("/bitset/sets", test_sets);
    return g_test_run();
}
