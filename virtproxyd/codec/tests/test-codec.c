/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables are complete, every type of every procedure survives a round trip, bad bytes are refused. */
#include "random-value.h"

#include "base/error.h"
#include "proxy-protocol.h"

#include <string.h>

static void
check_round_trip(const ProxyXdrType *type, GVariant *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_assert_true(g_variant_is_of_type(value, proxy_codec_gtype(type)));
    g_assert_true(proxy_codec_encode(type, value, wire, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(wire->len % 4, ==, 0);
    g_assert_cmpuint(wire->len, >=, type->least_wire);
    g_autoptr(GVariant) back = proxy_codec_decode(type, wire->data, wire->len, &error);
    g_assert_no_error(error);
    g_assert_false(g_variant_is_floating(back));
    g_assert_cmpvariant(value, back);
    for (guint cut = 0; cut < MIN(wire->len, 200); cut++)
        g_assert_null(proxy_codec_decode(type, wire->data, cut, NULL));
    g_byte_array_append(wire, (const guint8 *)"\0\0\0", 4);
    g_assert_null(proxy_codec_decode(type, wire->data, wire->len, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_RPC);
    g_assert_cmpstr(error->message, ==, "Unable to decode message payload");
}

/* damages a valid message: what is still understood must mean the same after another round */
static void
check_damaged(const ProxyXdrType *type, GVariant *value, GRand *rand)
{
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GByteArray) again = g_byte_array_new();
    g_assert_true(proxy_codec_encode(type, value, wire, NULL));
    for (guint i = 0; i < 3 && wire->len > 0; i++)
        wire->data[g_rand_int_range(rand, 0, (gint32)wire->len)] = (guint8)g_rand_int(rand);
    g_autoptr(GVariant) understood = proxy_codec_decode(type, wire->data, wire->len, NULL);
    if (!understood)
        return;
    g_assert_true(proxy_codec_encode(type, understood, again, NULL));
    g_autoptr(GVariant) back = proxy_codec_decode(type, again->data, again->len, NULL);
    g_assert_cmpvariant(understood, back);
}

static void
check_type(const ProxyXdrType *type, GRand *rand)
{
    for (guint round = 0; type && round < 4; round++) {
        g_autoptr(GVariant) value = g_variant_ref_sink(random_value(type, rand));
        check_round_trip(type, value);
        check_damaged(type, value, rand);
    }
}

static void
test_every_procedure(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    for (guint i = 0; i < proxy_n_procedures; i++) {
        const ProxyProcedure *row = &proxy_procedures[i];
        g_assert_true(proxy_procedure_find(row->program, row->number) == row);
        g_assert_true(proxy_procedure_by_name(row->name) == row);
        check_type(row->args, rand);
        check_type(row->ret, rand);
    }
    g_assert_cmpuint(proxy_n_procedures, ==, 460);
    check_type(proxy_xdr_message_error, rand);
    check_type(proxy_xdr_stream_hole, rand);
}

static void
test_random_bytes(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    guint8 bytes[512];
    for (guint round = 0; round < 20000; round++) {
        const ProxyProcedure *row = &proxy_procedures[round % proxy_n_procedures];
        gsize length = (gsize)g_rand_int_range(rand, 0, sizeof bytes);
        for (gsize i = 0; i < length; i++)
            bytes[i] = g_rand_int_range(rand, 0, 4) ? 0 : (guint8)g_rand_int_range(rand, 0, 12);
        if (!row->args)
            continue;
        g_autoptr(GVariant) value = proxy_codec_decode(row->args, bytes, length, NULL);
        g_autoptr(GByteArray) wire = g_byte_array_new();
        if (!value)
            continue;
        g_assert_true(proxy_codec_encode(row->args, value, wire, NULL));
        g_autoptr(GVariant) back = proxy_codec_decode(row->args, wire->data, wire->len, NULL);
        g_assert_cmpvariant(value, back);
    }
}

static void
test_lookup(void)
{
    const ProxyProcedure *row =
        proxy_procedure_find(PROXY_PROGRAM_REMOTE, PROXY_PROC_DOMAIN_CREATE);
    g_assert_cmpstr(row->name, ==, "DOMAIN_CREATE");
    g_assert_cmpstr(row->acl, ==, "domain:start");
    g_assert_false(row->is_allowed_readonly);
    g_assert_null(row->ret);
    g_assert_null(proxy_procedure_find(PROXY_PROGRAM_REMOTE, 0));
    g_assert_null(proxy_procedure_find(PROXY_PROGRAM_REMOTE, -1));
    g_assert_null(proxy_procedure_find(PROXY_PROGRAM_REMOTE, 454));
    g_assert_null(proxy_procedure_find(PROXY_PROGRAM_KEEPALIVE, 1));
    g_assert_null(proxy_procedure_by_name("DOMAIN_"));
    g_assert_cmpint(proxy_procedure_by_name("QEMU:DOMAIN_MONITOR_COMMAND")->number, ==, 1);
    g_assert_true(proxy_procedure_by_name("DOMAIN_EVENT_CALLBACK_LIFECYCLE")->is_event);
    g_assert_true(proxy_procedure_by_name("CONNECT_OPEN")->is_high_priority);
    g_assert_true(proxy_procedure_by_name("CONNECT_OPEN")->is_allowed_readonly);
    g_assert_true(proxy_procedure_by_name("DOMAIN_GET_XML_DESC")->is_allowed_readonly);
    g_assert_false(proxy_procedure_by_name("DOMAIN_SAVE_IMAGE_GET_XML_DESC")->is_allowed_readonly);
    g_assert_cmpint(proxy_procedure_by_name("DOMAIN_SCREENSHOT")->stream, ==, PROXY_STREAM_READ);
    g_assert_cmpint(proxy_procedure_by_name("STORAGE_VOL_UPLOAD")->stream, ==, PROXY_STREAM_WRITE);
    g_assert_false(proxy_procedure_by_name("NODE_GET_SEV_INFO")->is_allowed_readonly);
    g_assert_true(proxy_procedure_by_name("DOMAIN_MIGRATE_GET_MAX_DOWNTIME")->is_allowed_readonly);
    const ProxyXdrType *args = proxy_procedure_by_name("DOMAIN_GET_XML_DESC")->args;
    g_assert_cmpuint(proxy_codec_n_fields(args), ==, 2);
    g_assert_cmpstr(proxy_codec_field_name(args, 1), ==, "flags");
    g_assert_cmpstr(g_variant_type_peek_string(proxy_codec_gtype(args)), ==, "((sayi)u)");
}

static void
check_bytes(const char *name, const char *wire, gsize length, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = proxy_codec_decode(proxy_procedure_by_name(name)->args,
                                                   (const guint8 *)wire, length, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_variant_print(value, FALSE);
    g_assert_cmpstr(text, ==, expected);
}

/* bytes as clients send them */
static void
test_known_bytes(void)
{
    check_bytes("CONNECT_OPEN", "\0\0\0\1\0\0\0\5qemu:\0\0\0\0\0\0\2", 20, "('qemu:', 2)");
    check_bytes("CONNECT_OPEN", "\1\0\0\0\0\0\0\4a:/b\0\0\0\0", 16, "('a:/b', 0)");
    check_bytes("CONNECT_OPEN", "\0\0\0\0\0\0\0\1", 8, "(nothing, 1)");
    check_bytes("DOMAIN_SET_MEMORY_PARAMETERS",
                "\0\0\0\1x\0\0\0"
                "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17"
                "\377\377\377\377"
                "\0\0\0\2"
                "\0\0\0\1a\0\0\0\0\0\0\4\0\0\0\0\0\0\1\0"
                "\0\0\0\1b\0\0\0\0\0\0\6\0\1\0\0"
                "\0\0\0\3",
                72,
                "(('x', [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, "
                "0x0c, 0x0d, 0x0e, 0x0f], -1), [('a', <uint64 256>), ('b', <true>)], 3)");
}

static void
check_refused(const char *name, const char *wire, gsize length)
{
    g_assert_null(proxy_codec_decode(proxy_procedure_by_name(name)->args, (const guint8 *)wire,
                                     length, NULL));
}

static void
test_refused_bytes(void)
{
    check_refused("CONNECT_OPEN", "\0\0\0\1\0\0\0\5qe\0u:\0\0\0\0\0\0\2", 20);
    check_refused("CONNECT_OPEN", "\0\0\0\1\0\0\0\5qe\377u:\0\0\0\0\0\0\2", 20);
    check_refused("CONNECT_OPEN", "\0\0\0\1\377\377\377\377qemu:\0\0\0\0\0\0\2", 20);
    check_refused("CONNECT_OPEN", "\0\0\0\1\377\377\377\375qemu:\0\0\0\0\0\0\2", 20);
    /* 16384 domains announced, none there */
    check_refused("CONNECT_GET_ALL_DOMAIN_STATS", "\0\0\100\0\0\0\0\0\0\0\0\0", 12);
    /* more than the table allows */
    check_refused("CONNECT_GET_ALL_DOMAIN_STATS", "\377\377\377\377\0\0\0\0\0\0\0\0", 12);
}

static void
test_limits(void)
{
    const ProxyXdrType *ret = proxy_procedure_by_name("CONNECT_LIST_DOMAINS")->ret;
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autofree gint32 *ids = g_new0(gint32, 16385);
    g_autoptr(GVariant) value = g_variant_ref_sink(
        g_variant_new("(@ai)",
                      g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, ids, 16385, sizeof *ids)));
    g_assert_false(proxy_codec_encode(ret, value, wire, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_RPC);
    g_assert_cmpstr(error->message, ==, "Too many ids '16385' for limit '16384'");
    g_assert_cmpuint(wire->len, ==, 0);
    g_clear_error(&error);
    g_autoptr(GVariant) wrong = g_variant_ref_sink(g_variant_new("(s)", "no"));
    g_assert_false(proxy_codec_encode(ret, wrong, wire, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_RPC);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/lookup", test_lookup);
    g_test_add_func("/codec/every-procedure", test_every_procedure);
    g_test_add_func("/codec/random-bytes", test_random_bytes);
    g_test_add_func("/codec/known-bytes", test_known_bytes);
    g_test_add_func("/codec/refused-bytes", test_refused_bytes);
    g_test_add_func("/codec/limits", test_limits);
    return g_test_run();
}
