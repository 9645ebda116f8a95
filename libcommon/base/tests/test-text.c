/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names as parts of object paths: there and back, and what is nobody's. */
#include "base/text.h"

static const struct {
    const char *name, *part;
} names[] = {
    {"", "_"},
    {"a", "a"},
    {"Az09", "Az09"},
    {"a b", "a_20b"},
    {"_", "_5f"},
    {"_20", "_5f20"},
    {"a_b.\xc3\xbc", "a_5fb_2e_c3_bc"},
    {"\n", "_0a"},
};

/* a byte that is not UTF-8, none, digits that are missing or others than ours, what goes as it is */
static const char *const bad[] = {"",    "_c3", "_00", "a_00b", "a_",  "a_2",
                                  "_g0", "__",  "_5F", "_41",   "a-b", "/"};

static void
test_path(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *part = vb_text_to_path(names[i].name);
        g_autofree char *name = vb_text_from_path(names[i].part);

        g_assert_cmpstr(part, ==, names[i].part);
        g_assert_cmpstr(name, ==, names[i].name);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(vb_text_from_path(bad[i]));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/path", test_path);
    return g_test_run();
}
