/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the two capability documents: indented lines with escaped values. Inside this folder. */
#pragma once
#include <glib.h>
#include "base/text.h"

#define qemu_text_line vb_text_line
/* <enum name='...'> with the values that are not NULL; @values NULL-terminated (NULL: <enum name='...'/>) */
void qemu_text_enum(GString *text, guint depth, const char *name, const char *const *values);
