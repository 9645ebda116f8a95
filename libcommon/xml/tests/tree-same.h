/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/* Reads @text both ways and stops the program when they differ. Returns whether tree-scan.c took it. */
gboolean tree_same(const char *text, gsize length, const char *raw);
