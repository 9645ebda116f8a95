/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls over D-Bus, and tables. */
#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bitset.h"

#define TIMEOUT_MS 60000

GVariant *
ctl_call(Ctl *ctl, const char *path, const char *method, GVariant *args, const char *type,
         GError **error)
{
    const char *dot = strrchr(method, '.');
    g_autofree char *interface = g_strndup(method, (gsize)(dot - method));
    GVariant *reply = g_dbus_connection_call_sync(ctl->bus, ctl->name, path, interface, dot + 1,
                                                  args, G_VARIANT_TYPE(type),
                                                  G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, NULL, error);

    if (!reply && error)
        (void)g_dbus_error_strip_remote_error(*error);
    return reply;
}

GVariant *
ctl_get_all(Ctl *ctl, const char *path, const char *interface, GError **error)
{
    g_autoptr(GVariant) reply = ctl_call(ctl, path, "org.freedesktop.DBus.Properties.GetAll",
                                         g_variant_new("(s)", interface), "(a{sv})", error);

    return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

char *
ctl_ranges(GVariant *numbers)
{
    g_autoptr(VbBitset) set = vb_bitset_new();
    char *text;

    for (gsize i = 0; i < g_variant_n_children(numbers); i++) {
        guint32 n;

        g_variant_get_child(numbers, i, "u", &n);
        vb_bitset_add(set, n);
    }
    text = vb_bitset_format(set);
    if (*text)
        return text;
    g_free(text);
    return g_strdup("-");
}

/* ---- tables ---- */

struct _CtlTable {
    char *title;
    GPtrArray *rows; /* GPtrArray of char *; the last one is being filled */
};

static GPtrArray *
new_row(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

CtlTable *
ctl_table_new(const char *title)
{
    CtlTable *table = g_new0(CtlTable, 1);

    table->title = g_strdup(title);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_ptr_array_add(table->rows, new_row());
    return table;
}

void
ctl_table_free(CtlTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->rows);
    g_free(table->title);
    g_free(table);
}

void
ctl_table_add(CtlTable *table, const char *format, ...)
{
    GPtrArray *row = table->rows->pdata[table->rows->len - 1];
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(row, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void
ctl_table_end_row(CtlTable *table)
{
    g_ptr_array_add(table->rows, new_row());
}

static int
column_width(const CtlTable *table, guint column)
{
    gsize width = 0;

    for (guint i = 0; i < table->rows->len; i++) {
        const GPtrArray *row = table->rows->pdata[i];

        if (column < row->len)
            width = MAX(width, strlen(row->pdata[column]));
    }
    return (int)width;
}

static gboolean
is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* A heading stands as what is below it does. */
static gboolean
is_number_column(const CtlTable *table, guint column)
{
    const GPtrArray *row = table->rows->len > 1 ? table->rows->pdata[1] : NULL;

    return row && column < row->len && is_number(row->pdata[column]);
}

static void
print_row(const CtlTable *table, const GPtrArray *row)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < row->len; i++) {
        const int width = column_width(table, i);

        g_string_append_printf(line, "%s%*s", i ? "  " : "",
                               is_number_column(table, i) ? width : -width,
                               (const char *)row->pdata[i]);
    }
    while (line->len > 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
    puts(line->str);
}

void
ctl_table_print(const CtlTable *table)
{
    const guint n_rows = table->rows->len - 1; /* the last is empty */

    if (n_rows < 2)
        return;
    if (table->title)
        printf("\n%s\n", table->title);
    for (guint i = 0; i < n_rows; i++)
        print_row(table, table->rows->pdata[i]);
}
