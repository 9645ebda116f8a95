/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR to GVariant. One interpreter for all types; every length is compared with what is left before anything is
 * allocated, and the types of the table do not recurse, so the work is bounded by the message. Source: RFC 4506. */
#include "codec/types.h"

#include "base/error.h"

#include <string.h>

typedef struct {
    const guint8 *data;
    gsize left;
} Cursor;

typedef GVariant *(*DecodeFunc)(const ProxyXdrType *type, Cursor *cursor);

static GVariant *decode_value(const ProxyXdrType *type, Cursor *cursor);

static gboolean
take_word(Cursor *cursor, guint32 *ret_word)
{
    guint32 word;
    if (cursor->left < sizeof word)
        return FALSE;
    memcpy(&word, cursor->data, sizeof word);
    cursor->data += sizeof word;
    cursor->left -= sizeof word;
    *ret_word = GUINT32_FROM_BE(word);
    return TRUE;
}

static gboolean
take_double_word(Cursor *cursor, guint64 *ret_value)
{
    guint64 value;
    if (cursor->left < sizeof value)
        return FALSE;
    memcpy(&value, cursor->data, sizeof value);
    cursor->data += sizeof value;
    cursor->left -= sizeof value;
    *ret_value = GUINT64_FROM_BE(value);
    return TRUE;
}

/* @length bytes and the padding to a whole word */
static const guint8 *
take_bytes(Cursor *cursor, gsize length)
{
    const guint8 *bytes = cursor->data;
    gsize padded = (length + 3) & ~(gsize)3;
    if (padded > cursor->left)
        return NULL;
    cursor->data += padded;
    cursor->left -= padded;
    return bytes;
}

static GVariant *
decode_word(const ProxyXdrType *type, Cursor *cursor)
{
    guint32 word;
    if (!take_word(cursor, &word))
        return NULL;
    if (type->kind == PROXY_XDR_INT)
        return g_variant_new_int32((gint32)word);
    if (type->kind == PROXY_XDR_UINT)
        return g_variant_new_uint32(word);
    if (type->kind == PROXY_XDR_SHORT)
        return g_variant_new_int16((gint16)word);
    if (type->kind == PROXY_XDR_USHORT)
        return g_variant_new_uint16((guint16)word);
    return g_variant_new_byte((guint8)word);
}

static GVariant *
decode_double_word(const ProxyXdrType *type, Cursor *cursor)
{
    guint64 value;
    gdouble real;
    if (!take_double_word(cursor, &value))
        return NULL;
    if (type->kind == PROXY_XDR_HYPER)
        return g_variant_new_int64((gint64)value);
    if (type->kind == PROXY_XDR_UHYPER)
        return g_variant_new_uint64(value);
    memcpy(&real, &value, sizeof real);
    return g_variant_new_double(real);
}

static GVariant *
decode_string(const ProxyXdrType *type, Cursor *cursor)
{
    guint32 length;
    const guint8 *bytes;
    if (!take_word(cursor, &length) || length > type->limit ||
        !(bytes = take_bytes(cursor, length)))
        return NULL;
    /* refuses a NUL inside, too */
    if (!g_utf8_validate_len((const char *)bytes, length, NULL))
        return NULL;
    return g_variant_new_take_string(g_strndup((const char *)bytes, length));
}

static GVariant *
decode_opaque(const ProxyXdrType *type, Cursor *cursor)
{
    guint32 length = type->limit;
    const guint8 *bytes;
    if (type->kind == PROXY_XDR_OPAQUE && (!take_word(cursor, &length) || length > type->limit))
        return NULL;
    if (!(bytes = take_bytes(cursor, length)))
        return NULL;
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1);
}

/* Numbers are gathered into one block: an object for each would cost a hundred times their size. */
static GVariant *
decode_numbers(const ProxyXdrType *element, guint32 count, Cursor *cursor)
{
    gsize wire = element->least_wire;
    const guint8 *bytes = take_bytes(cursor, count * wire);
    gsize size = wire == 8 ? 8 : element->kind <= PROXY_XDR_UCHAR ? 1 : 4;
    g_autofree guint8 *block = bytes ? g_malloc(count * size) : NULL;
    if (!bytes)
        return NULL;
    for (guint32 i = 0; i < count; i++) {
        const guint8 *from = bytes + i * wire;
        for (gsize j = 0; j < size; j++)
            block[i * size + j] =
                from[G_BYTE_ORDER == G_BIG_ENDIAN ? wire - size + j : wire - 1 - j];
    }
    return g_variant_new_fixed_array(proxy_codec_gtype(element), block, count, size);
}

static gboolean
is_block_of_numbers(const ProxyXdrType *element)
{
    return element->kind <= PROXY_XDR_DOUBLE && element->kind != PROXY_XDR_SHORT &&
           element->kind != PROXY_XDR_USHORT;
}

static void
unref_all(GVariant **values, guint count)
{
    for (guint i = 0; i < count; i++)
        g_variant_unref(values[i]);
}

static GVariant *
decode_array(const ProxyXdrType *type, Cursor *cursor)
{
    const ProxyXdrType *element = &proxy_xdr_types[type->element];
    guint32 count = type->limit;
    if (type->kind == PROXY_XDR_ARRAY && (!take_word(cursor, &count) || count > type->limit))
        return NULL;
    if (count > cursor->left / element->least_wire)
        return NULL;
    if (is_block_of_numbers(element))
        return decode_numbers(element, count, cursor);
    g_autofree GVariant **values = g_new(GVariant *, count);
    for (guint32 i = 0; i < count; i++) {
        values[i] = decode_value(element, cursor);
        if (!values[i]) {
            unref_all(values, i);
            return NULL;
        }
    }
    return g_variant_new_array(proxy_codec_gtype(element), values, count);
}

static GVariant *
decode_optional(const ProxyXdrType *type, Cursor *cursor)
{
    const ProxyXdrType *element = &proxy_xdr_types[type->element];
    guint32 is_present;
    GVariant *value = NULL;
    if (!take_word(cursor, &is_present))
        return NULL;
    /* any non-zero word: go-libvirt sends 0x01000000 */
    if (is_present && !(value = decode_value(element, cursor)))
        return NULL;
    return g_variant_new_maybe(proxy_codec_gtype(element), value);
}

static GVariant *
decode_struct(const ProxyXdrType *type, Cursor *cursor)
{
    GVariant *values[PROXY_XDR_MAX_FIELDS];
    for (guint i = 0; i < type->n_fields; i++) {
        values[i] = decode_value(proxy_codec_field_type(type, i), cursor);
        if (!values[i]) {
            unref_all(values, i);
            return NULL;
        }
    }
    return g_variant_new_tuple(values, type->n_fields);
}

/* VIR_TYPED_PARAM_INT ... VIR_TYPED_PARAM_STRING, from 1 on */
static const ProxyXdrType value_types[] = {
    {.kind = PROXY_XDR_INT},    {.kind = PROXY_XDR_UINT},   {.kind = PROXY_XDR_HYPER},
    {.kind = PROXY_XDR_UHYPER}, {.kind = PROXY_XDR_DOUBLE},
};

static GVariant *
decode_typed_value(const ProxyXdrType *type, Cursor *cursor)
{
    guint32 which, word;
    GVariant *value = NULL;
    if (!take_word(cursor, &which))
        return NULL;
    if (which >= 1 && which <= G_N_ELEMENTS(value_types))
        value = decode_value(&value_types[which - 1], cursor);
    else if (which == 6 && take_word(cursor, &word))
        value = g_variant_new_boolean(word != 0);
    else if (which == 7)
        value = decode_value(&proxy_xdr_types[type->element], cursor);
    return value ? g_variant_new_variant(value) : NULL;
}

static const DecodeFunc decoders[PROXY_XDR_N_KINDS] = {
    [PROXY_XDR_CHAR] = decode_word,          [PROXY_XDR_UCHAR] = decode_word,
    [PROXY_XDR_SHORT] = decode_word,         [PROXY_XDR_USHORT] = decode_word,
    [PROXY_XDR_INT] = decode_word,           [PROXY_XDR_UINT] = decode_word,
    [PROXY_XDR_HYPER] = decode_double_word,  [PROXY_XDR_UHYPER] = decode_double_word,
    [PROXY_XDR_DOUBLE] = decode_double_word, [PROXY_XDR_STRING] = decode_string,
    [PROXY_XDR_OPAQUE] = decode_opaque,      [PROXY_XDR_OPAQUE_FIXED] = decode_opaque,
    [PROXY_XDR_ARRAY] = decode_array,        [PROXY_XDR_FIXED_ARRAY] = decode_array,
    [PROXY_XDR_OPTIONAL] = decode_optional,  [PROXY_XDR_STRUCT] = decode_struct,
    [PROXY_XDR_VALUE] = decode_typed_value,
};

static GVariant *
decode_value(const ProxyXdrType *type, Cursor *cursor)
{
    return decoders[type->kind](type, cursor);
}

/**
 * proxy_codec_decode:
 * @type: what the bytes are to be
 * @data: @length bytes of XDR
 *
 * Reads one value, which must fill @data exactly.
 *
 * Returns: (transfer full): the value, never floating; NULL with @error set
 * Errors: RPC truncated, trailing, over a limit of the table, text that is not UTF-8
 */
GVariant *
proxy_codec_decode(const ProxyXdrType *type, const guint8 *data, gsize length, GError **error)
{
    Cursor cursor = {data, length};
    GVariant *value = decode_value(type, &cursor);
    if (value && cursor.left == 0)
        return g_variant_ref_sink(value);
    if (value)
        g_variant_unref(value);
    vb_error_set(error, VIR_ERR_RPC, "Unable to decode message payload");
    return NULL;
}
