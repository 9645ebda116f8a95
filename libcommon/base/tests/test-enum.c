/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enum tables: both directions, gaps and ends. */
#include "base/enum.h"

VB_ENUM(sample_enum, "sample", NULL, "one", NULL, "three");

static void
test_nicks(void)
{
    g_assert_cmpstr(vb_enum_to_nick(&sample_enum, 1), ==, "one");
    g_assert_cmpstr(vb_enum_to_nick(&sample_enum, 3), ==, "three");
    g_assert_null(vb_enum_to_nick(&sample_enum, 2));
    g_assert_null(vb_enum_to_nick(&sample_enum, 4));
    g_assert_null(vb_enum_to_nick(&sample_enum, -1));
    g_assert_cmpint(vb_enum_from_nick(&sample_enum, "three"), ==, 3);
    g_assert_cmpint(vb_enum_from_nick(&sample_enum, "Three"), ==, -1);
    g_assert_cmpint(vb_enum_from_nick(&sample_enum, ""), ==, -1);
    g_assert_cmpint(vb_enum_from_nick(&sample_enum, NULL), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/enum/nicks", test_nicks);
    return g_test_run();
}
