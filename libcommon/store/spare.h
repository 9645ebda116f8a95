/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files without a name, made ahead: allocating an inode is the slowest part of writing a small file to the page cache. */
#pragma once
#include <glib.h>

typedef struct _VbStoreSpares VbStoreSpares;

VbStoreSpares *vb_store_spares_new(const char *folder);
void vb_store_spares_free(VbStoreSpares *spares);
/* An empty file, mode 0600, of @folder's file system; more are made in the background. -1: none can be made here. */
int vb_store_spares_take(VbStoreSpares *spares);
/* Files of this folder cannot be given a name after all. */
void vb_store_spares_give_up(VbStoreSpares *spares);
/* closes what is left over */
void vb_store_spares_drop(VbStoreSpares *spares);
