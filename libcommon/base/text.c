/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Indented lines of XML for the capability documents; names in object paths. */
#include "base/text.h"

#include <stdarg.h>

void
vb_text_line(GString *text, guint depth, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    line = g_markup_vprintf_escaped(format, arguments);
    va_end(arguments);
    g_string_append_printf(text, "%*s%s\n", (int)depth * 2, "", line);
}

char *
vb_text_to_path(const char *name)
{
    GString *part = g_string_new(*name ? NULL : "_");

    for (; *name; name++) {
        if (g_ascii_isalnum(*name))
            g_string_append_c(part, *name);
        else
            g_string_append_printf(part, "_%02x", (guchar)*name);
    }
    return g_string_free(part, FALSE);
}

char *
vb_text_from_path(const char *part)
{
    g_autoptr(GString) name = g_string_new(NULL);
    g_autofree char *again = NULL;

    for (const char *at = part; *at; at++) {
        const int high = *at == '_' ? g_ascii_xdigit_value(at[1]) : -1;
        const int low = high >= 0 ? g_ascii_xdigit_value(at[2]) : -1;

        if (low >= 0)
            g_string_append_c(name, (char)(high * 16 + low));
        else if (*at != '_')
            g_string_append_c(name, *at);
        at += low >= 0 ? 2 : 0;
    }
    again = vb_text_to_path(name->str);
    return g_str_equal(again, part) && g_utf8_validate(name->str, -1, NULL)
               ? g_string_free(g_steal_pointer(&name), FALSE)
               : NULL;
}
