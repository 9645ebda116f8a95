/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conversions that the backend's own test does not meet: limits, ranges, malformed values. */
#include "backend/convert.h"
#include "base/error.h"

static GVariant *
one_domain(gpointer data, const char *path)
{
    if (!g_str_equal(path, "/d/known"))
        return NULL;
    return g_variant_ref_sink(g_variant_new_parsed("('guest', @ay [], 7)"));
}

static const ProxyNames names = {"/d/", one_domain, NULL};

static char *
run_in(const ProxyStep *steps, guint n, const char *args)
{
    ProxyRoute route = {.in = steps, .n_in = n};
    g_autoptr(GVariant) wire = g_variant_ref_sink(g_variant_new_parsed(args));
    g_autoptr(GError) error = NULL;
    GVariant *result = proxy_convert_in(&route, &names, wire, &error);
    g_autoptr(GVariant) owned = result ? g_variant_ref_sink(result) : NULL;

    g_assert_true((owned == NULL) == (error != NULL));
    return owned ? g_variant_print(owned, TRUE) : g_strdup(error->message);
}

static char *
run_out(const ProxyStep *steps, guint n, const char *args, const char *reply)
{
    ProxyRoute route = {.out = steps, .n_out = n};
    g_autoptr(GVariant) wire = g_variant_ref_sink(g_variant_new_parsed(args));
    g_autoptr(GVariant) dbus = g_variant_ref_sink(g_variant_new_parsed(reply));
    g_autoptr(GError) error = NULL;
    GVariant *result = proxy_convert_out(&route, &names, wire, dbus, &error);
    g_autoptr(GVariant) owned = result ? g_variant_ref_sink(result) : NULL;

    g_assert_true((owned == NULL) == (error != NULL));
    return owned ? g_variant_print(owned, TRUE) : g_strdup(error->message);
}

static void
expect(char *got, const char *wanted)
{
    g_assert_cmpstr(got, ==, wanted);
    g_free(got);
}

static void
test_in(void)
{
    static const ProxyStep number[] = {{PROXY_CONV_NUMBER, 0, -1, 0, "u", "n"}};
    static const ProxyStep boolean[] = {{PROXY_CONV_BOOL, 0, -1, 0, "b", "n"}};
    static const ProxyStep text[] = {{PROXY_CONV_MAYBE_STRING, 0, -1, 0, "s", "n"}};
    static const ProxyStep uuid[] = {{PROXY_CONV_UUID, 0, -1, 0, "s", "n"}};
    static const ProxyStep domains[] = {{PROXY_CONV_DOMAINS, 0, -1, 0, "ao", "n"}};
    static const ProxyStep params[] = {{PROXY_CONV_PARAMS, 0, -1, 0, "a{sv}", "n"}};
    static const ProxyStep none[] = {{PROXY_CONV_DEFAULT, -1, -1, 0, "s", "n"}};

    expect(run_in(number, 1, "(5,)"), "(uint32 5,)");
    expect(run_in(number, 1, "(-5,)"), "numerical overflow: n -5");
    expect(run_in(boolean, 1, "(16777216,)"), "(true,)");
    expect(run_in(text, 1, "(@ms nothing,)"), "('',)");
    expect(run_in(text, 1, "(@ms just 'x',)"), "('x',)");
    expect(run_in(uuid, 1, "([byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255],)"),
           "('01020304-0506-0708-090a-0b0c0d0e0fff',)");
    expect(run_in(uuid, 1, "([byte 1],)"), "invalid argument: UUID must have 16 bytes");
    expect(run_in(domains, 1,
                  "([('a', [byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], 1)],)"),
           "([objectpath '/d/01020304_0506_0708_090a_0b0c0d0e0f10'],)");
    expect(run_in(params, 1, "([('a', <uint32 1>), ('b', <'x'>)],)"),
           "({'a': <uint32 1>, 'b': <'x'>},)");
    expect(run_in(none, 1, "(1,)"), "('',)");
}

static void
test_snapshots(void)
{
    static const ProxyStep one[] = {{PROXY_CONV_SNAPSHOT, 0, -1, 0, "(s(sayi))", "n"}};
    static const ProxyStep list[] = {{PROXY_CONV_SNAPSHOTS, 0, -1, 0, "a(s(sayi))", "n"}};
    g_autoptr(GVariant) wire = g_variant_ref_sink(g_variant_new_parsed(
        "('a b_ü.', ('x', [byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], 1))"));
    g_autoptr(GVariant) nameless = g_variant_ref_sink(g_variant_new_parsed(
        "('', ('x', [byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], 1))"));

    expect(proxy_convert_snapshot_path(&names, wire),
           "/d/01020304_0506_0708_090a_0b0c0d0e0f10/snapshot/a_20b_5f_c3_bc_2e");
    expect(proxy_convert_snapshot_path(&names, nameless),
           "/d/01020304_0506_0708_090a_0b0c0d0e0f10/snapshot/_");
    expect(run_out(one, 1, "()", "(objectpath '/d/known/snapshot/a_20b_5f_c3_bc_2e',)"),
           "(('a b_ü.', ('guest', @ay [], 7)),)");
    expect(run_out(list, 1, "()", "([objectpath '/d/known/snapshot/a'],)"),
           "([('a', ('guest', @ay [], 7))],)");
    expect(run_out(list, 1, "()", "(@ao [],)"), "(@a(s(sayi)) [],)");
    expect(run_out(one, 1, "()", "(objectpath '/d/a_b/snapshot/a',)"),
           "Domain not found: no domain with matching uuid 'a-b'");
    expect(run_out(one, 1, "()", "(objectpath '/d/known',)"),
           "'/d/known' is not the path of a snapshot");
}

static void
test_limits(void)
{
    static const ProxyStep list[] = {{PROXY_CONV_COPY, 0, 0, 0, "ai", "l"},
                                     {PROXY_CONV_COUNT, 0, 0, 0, "i", NULL}};
    static const ProxyStep wanted[] = {{PROXY_CONV_COPY, 0, 0, 1, "ai", "l"},
                                       {PROXY_CONV_COUNT, 0, 0, 1, "u", NULL}};

    expect(run_out(list, 2, "(0,)", "([1, 2, 3],)"), "(@ai [], 3)");
    expect(run_out(list, 2, "(2,)", "([1, 2, 3],)"), "([1, 2], 2)");
    expect(run_out(list, 2, "(9,)", "([1, 2, 3],)"), "([1, 2, 3], 3)");
    expect(run_out(list, 2, "(-1,)", "([1, 2, 3],)"), "(@ai [], 3)");
    expect(run_out(wanted, 2, "(1,)", "([1, 2, 3],)"), "([1, 2, 3], uint32 3)");
    expect(run_out(wanted, 2, "(0,)", "([1, 2, 3],)"), "(@ai [], uint32 3)");
}

static void
test_out(void)
{
    static const ProxyStep number[] = {{PROXY_CONV_NUMBER, 0, -1, 0, "i", "n"}};
    static const ProxyStep text[] = {{PROXY_CONV_MAYBE_STRING, 0, -1, 0, "ms", "n"}};
    static const ProxyStep chars[] = {{PROXY_CONV_CHARS, 0, -1, 4, "ay", "n"}};
    static const ProxyStep domain[] = {{PROXY_CONV_DOMAIN, 0, -1, 0, "(sayi)", "n"}};
    static const ProxyStep domains[] = {{PROXY_CONV_DOMAINS, 0, -1, 0, "a(sayi)", "n"}};

    expect(run_out(number, 1, "(0,)", "(true,)"), "(1,)");
    expect(run_out(number, 1, "(0,)", "(uint32 4000000000,)"), "numerical overflow: n 4000000000");
    expect(run_out(text, 1, "(0,)", "('x',)"), "(@ms 'x',)");
    expect(run_out(chars, 1, "(0,)", "('ab',)"), "([byte 0x61, 0x62, 0x00, 0x00],)");
    expect(run_out(chars, 1, "(0,)", "('abcdef',)"), "(b'abc',)");
    expect(run_out(domain, 1, "(0,)", "(objectpath '/d/a_b',)"),
           "Domain not found: no domain with matching uuid 'a-b'");
    expect(run_out(domains, 1, "(0,)", "([objectpath '/d/a_b'],)"), "(@a(sayi) [],)");
}

static void
test_uuid(void)
{
    guint8 uuid[16] = {9};

    g_assert_true(proxy_convert_uuid_parse("01020304-0506-0708-090a-0b0c0d0e0fff", uuid));
    g_assert_cmpint(uuid[15], ==, 255);
    g_assert_false(proxy_convert_uuid_parse("", uuid));
    g_assert_false(proxy_convert_uuid_parse("01020304-0506-0708-090a-0b0c0d0e0ff", uuid));
    g_assert_false(proxy_convert_uuid_parse("01020304-0506-0708-090a-0b0c0d0e0ffff", uuid));
    g_assert_false(proxy_convert_uuid_parse("01020304-0506-0708-090a-0b0c0d0e0ffg", uuid));
    g_assert_cmpint(uuid[0], ==, 1); /* untouched by failures */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/convert/in", test_in);
    g_test_add_func("/convert/snapshots", test_snapshots);
    g_test_add_func("/convert/limits", test_limits);
    g_test_add_func("/convert/out", test_out);
    g_test_add_func("/convert/uuid", test_uuid);
    return g_test_run();
}
