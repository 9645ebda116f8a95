/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Indented lines of XML for the capability documents. */
#include "caps/text.h"
#include <stdarg.h>

void
qemu_text_line(GString *text, guint depth, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    line = g_markup_vprintf_escaped(format, arguments);
    va_end(arguments);
    g_string_append_printf(text, "%*s%s\n", (int)depth * 2, "", line);
}

void
qemu_text_enum(GString *text, guint depth, const char *name, const char *const *values)
{
    if (!values || !values[0]) {
        qemu_text_line(text, depth, "<enum name='%s'/>", name);
        return;
    }
    qemu_text_line(text, depth, "<enum name='%s'>", name);
    for (; *values; values++)
        qemu_text_line(text, depth + 1, "<value>%s</value>", *values);
    qemu_text_line(text, depth, "</enum>");
}
