/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random values of any type of the protocol: small, with a liking for the edges. */
#include "random-value.h"

static guint64
random_number(GRand *rand)
{
    static const guint64 edges[] = {0,          1,          0x7f,       0x80,
                                    0x7fffffff, 0x80000000, G_MAXINT64, G_MAXUINT64};
    if (g_rand_boolean(rand))
        return edges[g_rand_int_range(rand, 0, G_N_ELEMENTS(edges))];
    return (guint64)g_rand_int(rand) << 32 | g_rand_int(rand);
}

static GVariant *
random_scalar(char gtype, GRand *rand)
{
    guint64 number = random_number(rand);
    char text[32];
    switch (gtype) {
    case 'y':
        return g_variant_new_byte((guint8)number);
    case 'n':
        return g_variant_new_int16((gint16)number);
    case 'q':
        return g_variant_new_uint16((guint16)number);
    case 'i':
        return g_variant_new_int32((gint32)number);
    case 'u':
        return g_variant_new_uint32((guint32)number);
    case 'x':
        return g_variant_new_int64((gint64)number);
    case 't':
        return g_variant_new_uint64(number);
    case 'd':
        return g_variant_new_double((gdouble)number / 3);
    case 'b':
        return g_variant_new_boolean(number & 1);
    }
    g_snprintf(text, sizeof text, "%.*s\xc3\xa4", g_rand_int_range(rand, 0, 9), "abcdefghi");
    return g_variant_new_string(g_rand_int_range(rand, 0, 4) ? text : "");
}

static GVariant *
random_opaque(const ProxyXdrType *type, GRand *rand)
{
    gsize length = type->kind == PROXY_XDR_OPAQUE_FIXED
                       ? type->limit
                       : (gsize)g_rand_int_range(rand, 0, (gint32)MIN(type->limit, 9) + 1);
    g_autofree guint8 *bytes = g_malloc(length + 1);
    for (gsize i = 0; i < length; i++)
        bytes[i] = (guint8)g_rand_int(rand);
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1);
}

static GVariant *
random_array(const ProxyXdrType *type, GRand *rand)
{
    const ProxyXdrType *element = &proxy_xdr_types[type->element];
    guint count = type->kind == PROXY_XDR_FIXED_ARRAY
                      ? type->limit
                      : (guint)g_rand_int_range(rand, 0, (gint32)MIN(type->limit, 4) + 1);
    GVariantBuilder builder;
    g_variant_builder_init(&builder, proxy_codec_gtype(type));
    for (guint i = 0; i < count; i++)
        g_variant_builder_add_value(&builder, random_value(element, rand));
    return g_variant_builder_end(&builder);
}

static GVariant *
random_struct(const ProxyXdrType *type, GRand *rand)
{
    GVariant *members[PROXY_XDR_MAX_FIELDS];
    for (guint i = 0; i < type->n_fields; i++)
        members[i] = random_value(proxy_codec_field_type(type, i), rand);
    return g_variant_new_tuple(members, type->n_fields);
}

GVariant *
random_value(const ProxyXdrType *type, GRand *rand)
{
    if (type->kind <= PROXY_XDR_STRING)
        return random_scalar(g_variant_type_peek_string(proxy_codec_gtype(type))[0], rand);
    if (type->kind <= PROXY_XDR_OPAQUE_FIXED)
        return random_opaque(type, rand);
    if (type->kind <= PROXY_XDR_FIXED_ARRAY)
        return random_array(type, rand);
    if (type->kind == PROXY_XDR_STRUCT)
        return random_struct(type, rand);
    if (type->kind == PROXY_XDR_VALUE)
        return g_variant_new_variant(random_scalar("iuxtdbs"[g_rand_int_range(rand, 0, 7)], rand));
    const ProxyXdrType *element = &proxy_xdr_types[type->element];
    return g_variant_new_maybe(proxy_codec_gtype(element),
                               g_rand_boolean(rand) ? random_value(element, rand) : NULL);
}
