/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON: what is read, what is refused, and that reading what was written gives the same. */
#include "base/json.h"

#include <string.h>

static void
test_read(void)
{
    g_autoptr(GError) error = NULL;
    const char *text = " {\"a\": 1, \"b\": [true, null, -2.5e1, \"x\\n\\u00e9\\ud83d\\ude00\"],"
                       "\"big\": 18446744073709551615, \"neg\": -9223372036854775808, "
                       "\"o\":{\"p\":{\"q\":\"deep\"}}} ";
    g_autoptr(VbJson) root = vb_json_parse(text, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vb_json_get_int(root, "a", 0), ==, 1);
    g_assert_cmpuint(vb_json_get_uint(root, "big", 0), ==, G_MAXUINT64);
    g_assert_cmpint(vb_json_get_int(root, "big", -7), ==, -7);
    g_assert_cmpint(vb_json_get_int(root, "neg", 0), ==, G_MININT64);
    g_assert_cmpuint(vb_json_get_uint(root, "neg", 9), ==, 9);
    g_assert_cmpstr(vb_json_as_string(vb_json_get_path(root, "o/p/q")), ==, "deep");
    g_assert_null(vb_json_get_path(root, "o/nothing/q"));
    const VbJson *item = vb_json_first(vb_json_get(root, "b"));
    g_assert_true(vb_json_as_bool(item, FALSE));
    item = vb_json_next(vb_json_next(item));
    g_assert_cmpfloat(vb_json_as_double(item, 0), ==, -25.0);
    g_assert_cmpstr(vb_json_as_string(vb_json_next(item)), ==, "x\n\xc3\xa9\xf0\x9f\x98\x80");
    g_assert_cmpuint(vb_json_get_length(vb_json_get(root, "b")), ==, 4);
}

static void
test_refuse(void)
{
    static const char *const bad[] = {
        "",        "{",          "[1,",   "[1,]",        "{\"a\"}",     "{\"a\":}",
        "{a:1}",   "01",         "-",     "1.",          "1e",          "nul",
        "\"\\x\"", "\"\n\"",     "\"abc", "\"\\ud800\"", "\"\\u0000\"", "\"\xff\"",
        "1 2",     "{\"a\":1,}", "[}",    "+1",          "'a'",         "\"\\ud800\\u0041\"",
    };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VbJson) root = vb_json_parse(bad[i], -1, &error);
        if (root)
            g_error("accepted: %s", bad[i]);
        g_assert_nonnull(error);
    }
    g_autoptr(GString) deep = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_assert_null(vb_json_parse(deep->str, -1, NULL));
    /* a length that ends inside a token */
    g_assert_null(vb_json_parse("true", 3, NULL));
}

static void
test_write(void)
{
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    vb_json_begin_object(writer, NULL);
    vb_json_add_string(writer, "s", "a\"b\\c\n\x01/");
    vb_json_add_string(writer, "left-out", NULL);
    vb_json_begin_array(writer, "l");
    vb_json_add_int(writer, NULL, -1);
    vb_json_add_uint(writer, NULL, G_MAXUINT64);
    vb_json_add_double(writer, NULL, 0.5);
    vb_json_begin_object(writer, NULL);
    vb_json_end(writer);
    vb_json_end(writer);
    vb_json_add_bool(writer, "t", TRUE);
    vb_json_end(writer);
    g_autofree char *text = vb_json_writer_finish(writer);
    g_assert_cmpstr(
        text, ==,
        "{\"s\":\"a\\\"b\\\\c\\n\\u0001/\",\"l\":[-1,18446744073709551615,0.5,{}],\"t\":true}");
    g_autoptr(VbJson) again = vb_json_parse(text, -1, NULL);
    g_autoptr(VbJson) copy = vb_json_copy(again);
    g_autofree char *text2 = vb_json_to_string(copy);
    g_assert_cmpstr(text2, ==, text);
}

static void
test_negative_zero(void)
{
    g_autoptr(VbJson) root = vb_json_parse("[-0E32,-1e-400,-0]", -1, NULL);
    g_autofree char *text = vb_json_to_string(root);
    g_assert_cmpstr(text, ==, "[0,0,0]");
}

static void
test_object(void)
{
    g_autofree char *text = vb_json_object("s:id", "x", "s:none", NULL, "i:n", (gint64)-3, "u:u",
                                           (guint64)4, "b:on", FALSE, "j:raw", "[1]", NULL);
    g_assert_cmpstr(text, ==, "{\"id\":\"x\",\"n\":-3,\"u\":4,\"on\":false,\"raw\":[1]}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/read", test_read);
    g_test_add_func("/json/refuse", test_refuse);
    g_test_add_func("/json/write", test_write);
    g_test_add_func("/json/negative-zero", test_negative_zero);
    g_test_add_func("/json/object", test_object);
    return g_test_run();
}
