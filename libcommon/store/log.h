/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition log: makes a change to a folder of definitions durable with one write to a file that has its blocks
 * already. The files themselves are always written and renamed before a call returns, as vb_store_write() does; what
 * the log takes over is only what a power cut could take from them until they have been fsynced, a second later, in the
 * background. docs/decisions/0008-definition-log.md */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef struct _VbStoreLog VbStoreLog;

/* Opens the log @path of @folder; brings the files up to date if a power cut has left them behind. */
VbStoreLog *vb_store_log_open(const char *path, const char *folder, const char *boot_id);
/* Everything on disk, the log empty: what another program finds in the folder is complete, also after a power cut. */
void vb_store_log_close(VbStoreLog *log);
/* As vb_store_write() and vb_store_remove() for @name in the folder */
gboolean vb_store_log_write(VbStoreLog *log, const char *name, const char *content, gsize length,
                            mode_t mode, GError **error);
gboolean vb_store_log_remove(VbStoreLog *log, const char *name, GError **error);
