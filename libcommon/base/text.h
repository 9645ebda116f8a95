/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML documents that are written line by line, and names as parts of object paths. */
#pragma once
#include <glib.h>

/* Two blanks per @depth, the text, a newline. Arguments are escaped, @format is not. */
void vb_text_line(GString *text, guint depth, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* (transfer full) The last part of the path of what has this name: each byte that is no letter or digit as _XX, no name at
 * all as _, so that any name has a path, and no two have the same. */
char *vb_text_to_path(const char *name);
/* (transfer full) The name that has this part of a path; NULL: none. */
char *vb_text_from_path(const char *part);
