/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enumerations of the domain capabilities. */
#include "caps/text.h"

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
