/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML documents that are written line by line. */
#pragma once
#include <glib.h>

/* Two blanks per @depth, the text, a newline. Arguments are escaped, @format is not. */
void vb_text_line(GString *text, guint depth, const char *format, ...) G_GNUC_PRINTF(3, 4);
