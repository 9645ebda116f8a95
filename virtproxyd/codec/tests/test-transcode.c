/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The straight way from D-Bus to XDR gives the same bytes as the way over a GVariant, for every reply of the protocol;
 * bodies that are cut short or damaged are refused. */
#include "random-value.h"

#include "base/error.h"
#include "codec/xdr.h"
#include "wire/body.h"

/* two domains are known: "/a" and "/b" */
static gboolean
name_domain(gpointer data, const char *path, GByteArray *out)
{
    if (path[0] != '/' || !strchr("ab", path[1]) || !path[1])
        return FALSE;
    proxy_xdr_put_counted(out, path + 1, 1);
    proxy_xdr_put_bytes(out, "0123456789abcdef", 16);
    proxy_xdr_put_word(out, (guint32)-1);
    return TRUE;
}

/* Returns: (transfer full): the members of @tuple as D-Bus has them */
static GByteArray *
marshal(GVariant *tuple)
{
    GByteArray *body = g_byte_array_new();
    for (gsize i = 0; i < g_variant_n_children(tuple); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(tuple, i);
        g_assert_true(vb_body_put_value(body, child));
    }
    return body;
}

static char *
members_of(const char *type)
{
    return g_strndup(type + 1, strlen(type) - 2);
}

static gboolean
transcode(const ProxyXdrType *type, const char *signature, const GByteArray *body, GByteArray *wire,
          GError **error)
{
    const ProxyBody source = {signature, body->data, body->len};
    return proxy_codec_transcode(type, &source, name_domain, NULL, wire, error);
}

static void
check_damaged(const ProxyXdrType *type, const char *signature, GByteArray *body, GRand *rand)
{
    g_autoptr(GByteArray) wire = g_byte_array_new();
    guint length = body->len;
    for (guint cut = 0; cut < MIN(length, 200); cut++) {
        body->len = cut;
        g_assert_false(transcode(type, signature, body, wire, NULL));
        g_assert_cmpuint(wire->len, ==, 0);
    }
    body->len = length;
    for (guint i = 0; i < 3 && length > 0; i++)
        body->data[g_rand_int_range(rand, 0, (gint32)length)] = (guint8)g_rand_int(rand);
    (void)transcode(type, signature, body, wire, NULL);
}

static void
check_type(const ProxyXdrType *type, GRand *rand)
{
    g_autoptr(GVariant) value = g_variant_ref_sink(random_value(type, rand));
    g_autoptr(GByteArray) body = marshal(value);
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GByteArray) expected = g_byte_array_new();
    g_autofree char *signature = members_of(g_variant_get_type_string(value));
    g_autoptr(GError) error = NULL;
    g_assert_true(proxy_codec_encode(type, value, expected, &error));
    g_assert_no_error(error);
    g_assert_true(transcode(type, signature, body, wire, &error));
    g_assert_no_error(error);
    g_assert_cmpmem(wire->data, wire->len, expected->data, expected->len);
    g_byte_array_append(body, (const guint8 *)"", 1);
    g_byte_array_set_size(wire, 0);
    g_assert_false(transcode(type, signature, body, wire, NULL));
    g_byte_array_set_size(body, body->len - 1);
    check_damaged(type, signature, body, rand);
}

static void
test_every_procedure(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    for (guint i = 0; i < proxy_n_procedures; i++) {
        const ProxyXdrType *ret = proxy_procedures[i].ret;
        const char *type = ret ? (const char *)proxy_codec_gtype(ret) : "m";
        /* what may be absent has no form in D-Bus */
        for (guint round = 0; !strchr(type, 'm') && round < 4; round++)
            check_type(ret, rand);
    }
}

static void
test_records(void)
{
    const ProxyXdrType *ret = proxy_procedure_by_name("CONNECT_GET_ALL_DOMAIN_STATS")->ret;
    g_autoptr(GVariant) value = g_variant_parse(NULL,
                                                "([(objectpath '/a', {'state': <1>, 'name': "
                                                "<'x'>}), ('/gone', {'state': <2>}), ('/b', {})],)",
                                                NULL, NULL, NULL);
    g_autoptr(GByteArray) body = marshal(value);
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(transcode(ret, "a(oa{sv})", body, wire, &error));
    g_assert_no_error(error);
    g_autoptr(GVariant) back = proxy_codec_decode(ret, wire->data, wire->len, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_variant_print(back, FALSE);
    g_assert_cmpstr(text, ==,
                    "([(('a', [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, "
                    "0x62, 0x63, 0x64, 0x65, 0x66], -1), [('state', <1>), ('name', <'x'>)]), "
                    "(('b', [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, "
                    "0x62, 0x63, 0x64, 0x65, 0x66], -1), [])],)");
}

static void
test_refused(void)
{
    static const struct {
        const char *procedure, *value, *message;
    } rows[] = {
        {"DOMAIN_GET_XML_DESC", "(uint32 1,)", "Unable to encode message payload"},
        {"DOMAIN_GET_XML_DESC", "('a', 'b')", "Unable to encode message payload"},
        {"CONNECT_GET_ALL_DOMAIN_STATS", "([(objectpath '/a', {'x': <['list']>})],)",
         "Unable to encode message payload"},
        {"CONNECT_GET_ALL_DOMAIN_STATS", "([(objectpath '/a', {'x': <byte 0x01>})],)",
         "Unable to encode message payload"},
        {"DOMAIN_LOOKUP_BY_NAME", "(objectpath '/gone',)", "Unable to encode message payload"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GVariant) value = g_variant_parse(NULL, rows[i].value, NULL, NULL, NULL);
        g_autoptr(GByteArray) body = marshal(value);
        g_autoptr(GByteArray) wire = g_byte_array_new();
        g_autofree char *signature = members_of(g_variant_get_type_string(value));
        g_autoptr(GError) error = NULL;
        g_assert_false(transcode(proxy_procedure_by_name(rows[i].procedure)->ret, signature, body,
                                 wire, &error));
        g_assert_error(error, VB_ERROR, VIR_ERR_RPC);
        g_assert_cmpstr(error->message, ==, rows[i].message);
    }
}

static void
test_limits(void)
{
    const ProxyXdrType *ret = proxy_procedure_by_name("CONNECT_LIST_DOMAINS")->ret;
    g_autofree gint32 *ids = g_new0(gint32, 16385);
    g_autoptr(GVariant) list = g_variant_ref_sink(
        g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, ids, 16385, sizeof *ids));
    g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_tuple(&list, 1));
    g_autoptr(GByteArray) body = marshal(value);
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(transcode(ret, "ai", body, wire, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_RPC);
    g_assert_cmpstr(error->message, ==, "Too many ids '16385' for limit '16384'");
    g_assert_cmpuint(wire->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transcode/every-procedure", test_every_procedure);
    g_test_add_func("/transcode/records", test_records);
    g_test_add_func("/transcode/refused", test_refused);
    g_test_add_func("/transcode/limits", test_limits);
    return g_test_run();
}
