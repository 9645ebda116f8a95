/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of libcommon/host share. */
#pragma once
#include "host/host.h"

struct _VbHost {
    char *sysfs, *procfs;
};

/* read.c: small files. (transfer full), NULL: not there */
char *vb_host_read_word(const char *folder, const char *name);    /* without blanks around it */
VbBitset *vb_host_read_set(const char *folder, const char *name); /* never NULL */

/* memory.c; @node -1: the system */
gboolean vb_host_read_memory_kib(VbHost *host, int node, const char *name, guint64 *ret_kib);
guint64 vb_host_sum_memory_kib(VbHost *host, const char *name); /* "MemTotal" of all nodes */
