/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as D-Bus marshals them, written and read without a GVariant for each. Reading trusts nothing but the buffer's
 * length: what lies outside of it makes the reader bad. Whole messages: message.c. */
#include "wire/body.h"

#define MAX_DEPTH                                                                                  \
    64 /* Source: D-Bus specification, "Valid Signatures": 32 of arrays and 32 of structs */

/* ---- writing ---- */

void
vb_body_put_byte(GByteArray *out, guint8 value)
{
    g_byte_array_append(out, &value, 1);
}

void
vb_body_put_uint32(GByteArray *out, guint32 value)
{
    vb_body_align(out, sizeof value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
vb_body_put_uint64(GByteArray *out, guint64 value)
{
    vb_body_align(out, sizeof value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
vb_body_put_string(GByteArray *out, const char *text, gsize length)
{
    vb_body_put_uint32(out, (guint32)length);
    g_byte_array_append(out, (const guint8 *)text, (guint)length);
    vb_body_put_byte(out, 0);
}

void
vb_body_put_signature(GByteArray *out, const char *signature)
{
    gsize length = strlen(signature);
    vb_body_put_byte(out, (guint8)length);
    g_byte_array_append(out, (const guint8 *)signature, (guint)length + 1);
}

gsize
vb_body_open_array(GByteArray *out, guint alignment)
{
    gsize mark;
    vb_body_put_uint32(out, 0);
    mark = out->len - sizeof(guint32);
    vb_body_align(out, alignment);
    return mark;
}

gboolean
vb_body_close_array(GByteArray *out, gsize mark, guint alignment)
{
    gsize start = (mark + sizeof(guint32) + alignment - 1) & ~(gsize)(alignment - 1);
    guint32 length = (guint32)(out->len - start);
    memcpy(out->data + mark, &length, sizeof length);
    return length <= VB_BODY_MAX_ARRAY;
}

static guint
alignment_of(char type)
{
    switch (type) {
    case 'y':
    case 'g':
    case 'v':
        return 1;
    case 'n':
    case 'q':
        return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
        return 8;
    default:
        return 4;
    }
}

static gboolean put_value(GByteArray *out, GVariant *value, guint depth);

static gboolean
put_children(GByteArray *out, GVariant *container, guint depth)
{
    gsize n = g_variant_n_children(container);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(container, i);
        if (!put_value(out, child, depth + 1))
            return FALSE;
    }
    return TRUE;
}

static gboolean
put_array(GByteArray *out, GVariant *array, guint depth)
{
    const char *type = g_variant_get_type_string(array);
    guint alignment = alignment_of(type[1]);
    gsize mark = vb_body_open_array(out, alignment), size;
    gconstpointer bytes;
    if (type[1] != 'y')
        return put_children(out, array, depth) && vb_body_close_array(out, mark, alignment);
    bytes = g_variant_get_fixed_array(array, &size, 1);
    if (size > VB_BODY_MAX_ARRAY)
        return FALSE;
    if (size)
        g_byte_array_append(out, bytes, (guint)size);
    return vb_body_close_array(out, mark, alignment);
}

static gboolean
put_variant(GByteArray *out, GVariant *variant, guint depth)
{
    g_autoptr(GVariant) inner = g_variant_get_variant(variant);
    if (strlen(g_variant_get_type_string(inner)) > G_MAXUINT8)
        return FALSE;
    vb_body_put_signature(out, g_variant_get_type_string(inner));
    return put_value(out, inner, depth + 1);
}

static gboolean
put_text(GByteArray *out, GVariant *value)
{
    gsize length;
    const char *text = g_variant_get_string(value, &length);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_SIGNATURE))
        vb_body_put_signature(out, text);
    else
        vb_body_put_string(out, text, length);
    return length <= VB_BODY_MAX_MESSAGE;
}

/* numbers lie in a GVariant as D-Bus has them, save for booleans */
static gboolean
put_number(GByteArray *out, GVariant *value)
{
    guint size = (guint)g_variant_get_size(value);
    vb_body_align(out, size);
    g_byte_array_append(out, g_variant_get_data(value), size);
    return TRUE;
}

static gboolean
put_value(GByteArray *out, GVariant *value, guint depth)
{
    if (depth > MAX_DEPTH)
        return FALSE;
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        vb_body_put_uint32(out, g_variant_get_boolean(value) ? 1 : 0);
        return TRUE;
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_UINT32:
    case G_VARIANT_CLASS_INT64:
    case G_VARIANT_CLASS_UINT64:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_DOUBLE:
        return put_number(out, value);
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
        return put_text(out, value);
    case G_VARIANT_CLASS_VARIANT:
        return put_variant(out, value, depth);
    case G_VARIANT_CLASS_ARRAY:
        return put_array(out, value, depth);
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
        vb_body_align(out, 8);
        return g_variant_n_children(value) > 0 && put_children(out, value, depth);
    case G_VARIANT_CLASS_MAYBE:
        break;
    }
    return FALSE;
}

/**
 * vb_body_put_value:
 * @value: of a type that D-Bus has too
 *
 * Returns: FALSE when D-Bus cannot carry it: maybes, empty structs, what is too deep or too long
 */
gboolean
vb_body_put_value(GByteArray *out, GVariant *value)
{
    return put_value(out, value, 0);
}

/* ---- reading ---- */

const char *
vb_body_get_string(VbBodyReader *reader, gsize *ret_length)
{
    gsize length = vb_body_get_uint32(reader);
    const char *text = (const char *)vb_body_take(reader, 1, length + 1);
    if (!text || text[length] != '\0') {
        reader->is_bad = TRUE;
        return NULL;
    }
    *ret_length = length;
    return text;
}

const char *
vb_body_get_signature(VbBodyReader *reader)
{
    gsize length = vb_body_get_byte(reader);
    const char *text = (const char *)vb_body_take(reader, 1, length + 1);
    if (!text || text[length] != '\0') {
        reader->is_bad = TRUE;
        return NULL;
    }
    return text;
}

gsize
vb_body_enter_array(VbBodyReader *reader, guint alignment)
{
    gsize length = vb_body_get_uint32(reader);
    if (!vb_body_take(reader, alignment, 0) || length > VB_BODY_MAX_ARRAY ||
        length > reader->length - reader->at) {
        reader->is_bad = TRUE;
        return 0;
    }
    return reader->at + length;
}
