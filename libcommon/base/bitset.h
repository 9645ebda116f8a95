/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers (CPUs, NUMA nodes), in the kernel's list form "0-3,8". */
#pragma once
#include <glib.h>

#define VB_BITSET_MAX 65536 /* numbers below; Linux knows 8192 CPUs and 1024 nodes */

typedef struct _VbBitset VbBitset;

VbBitset *vb_bitset_new(void);
VbBitset *vb_bitset_copy(const VbBitset *set);
void vb_bitset_free(VbBitset *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbBitset, vb_bitset_free)

/* What of @list is a list: never fails, for text of the kernel's. NULL: empty. (transfer full) */
VbBitset *vb_bitset_parse(const char *list);
char *vb_bitset_format(const VbBitset *set); /* "0-3,8"; "" when empty */

void vb_bitset_add(VbBitset *set, guint n); /* numbers that are too big are left out */
void vb_bitset_remove(VbBitset *set, guint n);
void vb_bitset_union(VbBitset *set, const VbBitset *other);
gboolean vb_bitset_has(const VbBitset *set, guint n);
gboolean vb_bitset_is_subset(const VbBitset *set, const VbBitset *of);
guint vb_bitset_count(const VbBitset *set);
int vb_bitset_next(const VbBitset *set, int after); /* the first above @after, -1: none */

#define VB_BITSET_EACH(n, set) for (int n = -1; (n = vb_bitset_next(set, n)) >= 0;)
