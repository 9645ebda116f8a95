/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Indented lines of XML for the capability documents. */
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
