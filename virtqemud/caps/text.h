/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the two capability documents: indented lines with escaped values. Inside this folder. */
#pragma once
#include <glib.h>

/* one line at @depth; the arguments are escaped for XML */
void qemu_text_line(GString *text, guint depth, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* <enum name='...'> with the values that are not NULL; @values NULL-terminated (NULL: <enum name='...'/>) */
void qemu_text_enum(GString *text, guint depth, const char *name, const char *const *values);
