/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON writer: compact text, members in call order. */
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

struct _VbJsonWriter {
    GString *text;
    GString *closing; /* stack of closing brackets */
    gboolean needs_comma;
};

VbJsonWriter *
vb_json_writer_new(void)
{
    VbJsonWriter *writer = g_new0(VbJsonWriter, 1);
    writer->text = g_string_new(NULL);
    writer->closing = g_string_new(NULL);
    return writer;
}

void
vb_json_writer_free(VbJsonWriter *writer)
{
    if (!writer)
        return;
    g_string_free(writer->text, TRUE);
    g_string_free(writer->closing, TRUE);
    g_free(writer);
}

static void
append_quoted(GString *out, const char *value)
{
    g_string_append_c(out, '"');
    for (const char *at = value; *at; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_c(out, '\\');
        if ((guchar)*at >= 0x20)
            g_string_append_c(out, *at);
        else if (*at == '\n')
            g_string_append(out, "\\n");
        else if (*at == '\t')
            g_string_append(out, "\\t");
        else if (*at == '\r')
            g_string_append(out, "\\r");
        else
            g_string_append_printf(out, "\\u%04x", *at);
    }
    g_string_append_c(out, '"');
}

static void
begin_member(VbJsonWriter *writer, const char *key)
{
    if (writer->needs_comma)
        g_string_append_c(writer->text, ',');
    writer->needs_comma = TRUE;
    if (!key)
        return;
    append_quoted(writer->text, key);
    g_string_append_c(writer->text, ':');
}

static void
begin_container(VbJsonWriter *writer, const char *key, const char brackets[2])
{
    begin_member(writer, key);
    g_string_append_c(writer->text, brackets[0]);
    g_string_append_c(writer->closing, brackets[1]);
    writer->needs_comma = FALSE;
}

void
vb_json_begin_object(VbJsonWriter *writer, const char *key)
{
    begin_container(writer, key, "{}");
}

void
vb_json_begin_array(VbJsonWriter *writer, const char *key)
{
    begin_container(writer, key, "[]");
}

void
vb_json_end(VbJsonWriter *writer)
{
    g_return_if_fail(writer->closing->len > 0);
    g_string_append_c(writer->text, writer->closing->str[writer->closing->len - 1]);
    g_string_truncate(writer->closing, writer->closing->len - 1);
    writer->needs_comma = TRUE;
}

void
vb_json_add_string(VbJsonWriter *writer, const char *key, const char *value)
{
    if (!value)
        return;
    begin_member(writer, key);
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    append_quoted(writer->text, valid);
}

void
vb_json_add_bool(VbJsonWriter *writer, const char *key, gboolean value)
{
    vb_json_add_raw(writer, key, value ? "true" : "false");
}

void
vb_json_add_int(VbJsonWriter *writer, const char *key, gint64 value)
{
    begin_member(writer, key);
    g_string_append_printf(writer->text, "%" G_GINT64_FORMAT, value);
}

void
vb_json_add_uint(VbJsonWriter *writer, const char *key, guint64 value)
{
    begin_member(writer, key);
    g_string_append_printf(writer->text, "%" G_GUINT64_FORMAT, value);
}

/* JSON has no infinity and no NaN: they become null. The sign of zero is dropped: "-0" would be read as an integer. */
void
vb_json_add_double(VbJsonWriter *writer, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_dtostr(text, sizeof text, value == 0 ? 0 : value);
    vb_json_add_raw(writer, key, isfinite(value) ? text : "null");
}

void
vb_json_add_raw(VbJsonWriter *writer, const char *key, const char *json)
{
    if (!json)
        return;
    begin_member(writer, key);
    g_string_append(writer->text, json);
}

static void
add_container(VbJsonWriter *writer, const char *key, const VbJson *node)
{
    begin_container(writer, key, vb_json_get_kind(node) == VB_JSON_OBJECT ? "{}" : "[]");
    for (const VbJson *child = vb_json_first(node); child; child = vb_json_next(child))
        vb_json_add_node(writer, vb_json_get_key(child), child);
    vb_json_end(writer);
}

void
vb_json_add_node(VbJsonWriter *writer, const char *key, const VbJson *node)
{
    switch (vb_json_get_kind(node)) {
    case VB_JSON_NULL:
        vb_json_add_raw(writer, key, "null");
        break;
    case VB_JSON_BOOL:
        vb_json_add_bool(writer, key, vb_json_as_bool(node, FALSE));
        break;
    case VB_JSON_INT:
        vb_json_add_int(writer, key, vb_json_as_int(node, 0));
        break;
    case VB_JSON_UINT:
        vb_json_add_uint(writer, key, vb_json_as_uint(node, 0));
        break;
    case VB_JSON_DOUBLE:
        vb_json_add_double(writer, key, vb_json_as_double(node, 0));
        break;
    case VB_JSON_STRING:
        vb_json_add_string(writer, key, vb_json_as_string(node));
        break;
    case VB_JSON_ARRAY:
    case VB_JSON_OBJECT:
        add_container(writer, key, node);
        break;
    }
}

char *
vb_json_writer_finish(VbJsonWriter *writer)
{
    g_return_val_if_fail(writer->closing->len == 0, NULL);
    char *text = g_strndup(writer->text->str, writer->text->len);
    g_string_truncate(writer->text, 0);
    writer->needs_comma = FALSE;
    return text;
}

char *
vb_json_to_string(const VbJson *node)
{
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    vb_json_add_node(writer, NULL, node);
    return vb_json_writer_finish(writer);
}

static void
add_argument(VbJsonWriter *writer, const char *key, va_list *args)
{
    const char *name = key + 2;
    g_return_if_fail(key[0] && key[1] == ':');
    if (key[0] == 's')
        vb_json_add_string(writer, name, va_arg(*args, const char *));
    else if (key[0] == 'j')
        vb_json_add_raw(writer, name, va_arg(*args, const char *));
    else if (key[0] == 'b')
        vb_json_add_bool(writer, name, va_arg(*args, gboolean));
    else if (key[0] == 'i')
        vb_json_add_int(writer, name, va_arg(*args, gint64));
    else if (key[0] == 'u')
        vb_json_add_uint(writer, name, va_arg(*args, guint64));
    else
        g_return_if_reached();
}

/**
 * vb_json_object:
 * @first_key: "K:name", K one of s (const char *), j (const char *, JSON text), b (gboolean), i (gint64), u (guint64)
 *
 * Returns: (transfer full): the object's text
 */
char *
vb_json_object(const char *first_key, ...)
{
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    va_list args;
    vb_json_begin_object(writer, NULL);
    va_start(args, first_key);
    for (const char *key = first_key; key; key = va_arg(args, const char *))
        add_argument(writer, key, &args);
    va_end(args);
    vb_json_end(writer);
    return vb_json_writer_finish(writer);
}
