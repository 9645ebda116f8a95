/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GVariant to XDR: decode.c's other direction. Source: RFC 4506. */
#include "codec/types.h"

#include "base/error.h"
#include "codec/xdr.h"

typedef struct {
    GByteArray *out;
    const char *field; /* innermost member's name, for messages */
    GError **error;
} Encoder;

typedef gboolean (*EncodeFunc)(const ProxyXdrType *type, GVariant *value, Encoder *encoder);

static gboolean encode_value(const ProxyXdrType *type, GVariant *value, Encoder *encoder);

static gboolean
check_limit(const Encoder *encoder, gsize count, guint32 limit)
{
    if (count <= limit)
        return TRUE;
    return vb_error_set(encoder->error, VIR_ERR_RPC,
                        "Too many %s '%" G_GSIZE_FORMAT "' for limit '%u'", encoder->field, count,
                        limit);
}

static gboolean
fail(const Encoder *encoder)
{
    return vb_error_set(encoder->error, VIR_ERR_RPC, "Unable to encode message payload");
}

static gboolean
encode_word(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    if (type->kind == PROXY_XDR_INT)
        proxy_xdr_put_word(encoder->out, (guint32)g_variant_get_int32(value));
    else if (type->kind == PROXY_XDR_UINT)
        proxy_xdr_put_word(encoder->out, g_variant_get_uint32(value));
    else if (type->kind == PROXY_XDR_SHORT)
        proxy_xdr_put_word(encoder->out, (guint32)(gint32)g_variant_get_int16(value));
    else if (type->kind == PROXY_XDR_USHORT)
        proxy_xdr_put_word(encoder->out, g_variant_get_uint16(value));
    else if (type->kind == PROXY_XDR_CHAR) /* C's char is signed where the protocol grew up */
        proxy_xdr_put_word(encoder->out, (guint32)(gint32)(gint8)g_variant_get_byte(value));
    else
        proxy_xdr_put_word(encoder->out, g_variant_get_byte(value));
    return TRUE;
}

static gboolean
encode_double_word(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    guint64 bits;
    if (type->kind == PROXY_XDR_HYPER) {
        proxy_xdr_put_double_word(encoder->out, (guint64)g_variant_get_int64(value));
    } else if (type->kind == PROXY_XDR_UHYPER) {
        proxy_xdr_put_double_word(encoder->out, g_variant_get_uint64(value));
    } else {
        gdouble real = g_variant_get_double(value);
        memcpy(&bits, &real, sizeof bits);
        proxy_xdr_put_double_word(encoder->out, bits);
    }
    return TRUE;
}

static gboolean
encode_string(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    gsize length;
    const char *text = g_variant_get_string(value, &length);
    if (length > type->limit)
        return fail(encoder);
    proxy_xdr_put_counted(encoder->out, text, length);
    return TRUE;
}

static gboolean
encode_opaque(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    gsize length;
    gconstpointer bytes = g_variant_get_fixed_array(value, &length, 1);
    if (type->kind == PROXY_XDR_OPAQUE) {
        if (!check_limit(encoder, length, type->limit))
            return FALSE;
        proxy_xdr_put_word(encoder->out, (guint32)length);
    } else if (length != type->limit) {
        return fail(encoder);
    }
    proxy_xdr_put_bytes(encoder->out, bytes, length);
    return TRUE;
}

static gboolean
encode_array(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    const ProxyXdrType *element = &proxy_xdr_types[type->element];
    gsize count = g_variant_n_children(value);
    if (type->kind == PROXY_XDR_ARRAY) {
        if (!check_limit(encoder, count, type->limit))
            return FALSE;
        proxy_xdr_put_word(encoder->out, (guint32)count);
    } else if (count != type->limit) {
        return fail(encoder);
    }
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        if (!encode_value(element, child, encoder))
            return FALSE;
    }
    return TRUE;
}

static gboolean
encode_optional(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    g_autoptr(GVariant) child = g_variant_get_maybe(value);
    proxy_xdr_put_word(encoder->out, child ? 1 : 0);
    return !child || encode_value(&proxy_xdr_types[type->element], child, encoder);
}

static gboolean
encode_struct(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    for (guint i = 0; i < type->n_fields; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        encoder->field = proxy_codec_field_name(type, i);
        if (!encode_value(proxy_codec_field_type(type, i), child, encoder))
            return FALSE;
    }
    return TRUE;
}

/* VIR_TYPED_PARAM_*, by the value's type */
static const struct {
    char gtype;
    guint8 which;
    guint8 kind;
} value_kinds[] = {
    {'i', 1, PROXY_XDR_INT},    {'u', 2, PROXY_XDR_UINT},   {'x', 3, PROXY_XDR_HYPER},
    {'t', 4, PROXY_XDR_UHYPER}, {'d', 5, PROXY_XDR_DOUBLE},
};

static gboolean
encode_typed_value(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    g_autoptr(GVariant) inner = g_variant_get_variant(value);
    char gtype = g_variant_get_type_string(inner)[0];
    if (gtype == 's') {
        proxy_xdr_put_word(encoder->out, 7);
        return encode_value(&proxy_xdr_types[type->element], inner, encoder);
    }
    if (gtype == 'b') {
        proxy_xdr_put_word(encoder->out, 6);
        proxy_xdr_put_word(encoder->out, g_variant_get_boolean(inner) ? 1 : 0);
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(value_kinds); i++) {
        if (value_kinds[i].gtype != gtype)
            continue;
        ProxyXdrType number = {.kind = value_kinds[i].kind};
        proxy_xdr_put_word(encoder->out, value_kinds[i].which);
        return encode_value(&number, inner, encoder);
    }
    return fail(encoder);
}

static const EncodeFunc encoders[PROXY_XDR_N_KINDS] = {
    [PROXY_XDR_CHAR] = encode_word,          [PROXY_XDR_UCHAR] = encode_word,
    [PROXY_XDR_SHORT] = encode_word,         [PROXY_XDR_USHORT] = encode_word,
    [PROXY_XDR_INT] = encode_word,           [PROXY_XDR_UINT] = encode_word,
    [PROXY_XDR_HYPER] = encode_double_word,  [PROXY_XDR_UHYPER] = encode_double_word,
    [PROXY_XDR_DOUBLE] = encode_double_word, [PROXY_XDR_STRING] = encode_string,
    [PROXY_XDR_OPAQUE] = encode_opaque,      [PROXY_XDR_OPAQUE_FIXED] = encode_opaque,
    [PROXY_XDR_ARRAY] = encode_array,        [PROXY_XDR_FIXED_ARRAY] = encode_array,
    [PROXY_XDR_OPTIONAL] = encode_optional,  [PROXY_XDR_STRUCT] = encode_struct,
    [PROXY_XDR_VALUE] = encode_typed_value,
};

static gboolean
encode_value(const ProxyXdrType *type, GVariant *value, Encoder *encoder)
{
    return encoders[type->kind](type, value, encoder);
}

/**
 * proxy_codec_fits:
 *
 * Returns: whether @value has the type that proxy_codec_gtype() says, where a dictionary's entry may stand for a pair:
 *   typed parameters need not be copied from a{sv} to a(sv)
 */
gboolean
proxy_codec_fits(const ProxyXdrType *type, GVariant *value)
{
    const char *want = (const char *)proxy_codec_gtype(type);
    const char *have = g_variant_get_type_string(value);
    for (; *have && *want; have++, want++) {
        char bracket = *have == '{' ? '(' : *have == '}' ? ')' : *have;
        if (bracket != *want)
            return FALSE;
    }
    return *have == *want;
}

/**
 * proxy_codec_encode:
 * @type: what @value is to become
 * @value: one that proxy_codec_fits(); not consumed, also when floating
 * @out: the bytes are appended here; unchanged on failure
 *
 * Errors: RPC a limit of the table is exceeded, a typed parameter of a type that the protocol lacks
 */
gboolean
proxy_codec_encode(const ProxyXdrType *type, GVariant *value, GByteArray *out, GError **error)
{
    guint before = out->len;
    Encoder encoder = {.out = out, .field = "members", .error = error};
    if (!proxy_codec_fits(type, value))
        return vb_error_set(error, VIR_ERR_RPC, "Unable to encode message payload");
    if (encode_value(type, value, &encoder))
        return TRUE;
    g_byte_array_set_size(out, before);
    return FALSE;
}
