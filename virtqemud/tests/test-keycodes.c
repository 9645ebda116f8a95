/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key codes: the tables are in order (they are searched by halves), and well-known keys are where they belong. */
#include "keycodes.h"

#include "vb-constants.h"

static void
test_known(void)
{
    static const struct {
        guint codeset, code;
        int qnum;
    } rows[] = {
        {VIR_KEYCODE_SET_LINUX, 30, 30},   /* KEY_A */
        {VIR_KEYCODE_SET_LINUX, 103, 200}, /* KEY_UP: e0 48 */
        {VIR_KEYCODE_SET_LINUX, 97, 157},  /* KEY_RIGHTCTRL: e0 1d */
        {VIR_KEYCODE_SET_XT, 30, 30},
        {VIR_KEYCODE_SET_ATSET1, 0xe048, 200},
        {VIR_KEYCODE_SET_ATSET2, 0x1c, 30},
        {VIR_KEYCODE_SET_ATSET3, 0x1c, 30},
        {VIR_KEYCODE_SET_USB, 4, 30},
        {VIR_KEYCODE_SET_WIN32, 0x41, 30},
        {VIR_KEYCODE_SET_OSX, 0, 30},
        {VIR_KEYCODE_SET_QNUM, 200, 200},
        {VIR_KEYCODE_SET_LINUX, 999, -1},
        {VIR_KEYCODE_SET_QNUM, 70000, -1},
        {77, 1, -1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(qemu_keycode_to_qnum(rows[i].codeset, rows[i].code), ==, rows[i].qnum);
    g_assert_cmpstr(qemu_keycode_set_name(VIR_KEYCODE_SET_WIN32), ==, "win32");
    g_assert_null(qemu_keycode_set_name(10));
}

/* a table out of order would lose keys: as many are found as there are */
static void
test_complete(void)
{
    static const guint counts[] = {454, 236, 236, 144, 141, 121, 236, 163, 150};
    for (guint codeset = 0; codeset < G_N_ELEMENTS(counts); codeset++) {
        guint n = 0;
        for (guint code = 0; code < 0x10000; code++)
            n += qemu_keycode_to_qnum(codeset, code) >= 0;
        g_assert_cmpuint(n, ==, counts[codeset]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keycodes/known", test_known);
    g_test_add_func("/keycodes/complete", test_complete);
    return g_test_run();
}
