/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durable files. A write is: temporary file in the same folder, fsync, rename, fsync of the folder; when it returned
 * TRUE, the content survives a power cut; when FALSE, the old content stands. libvirt's layout and file header. */
#pragma once
#include <glib.h>

gboolean vb_store_write(const char *path, const char *content, gsize length, mode_t mode,
                        GError **error);
gboolean vb_store_write_volatile(const char *path, const char *content, gsize length, mode_t mode,
                                 GError **error); /* no fsync: /run */
gboolean vb_store_remove(const char *path,
                         GError **error); /* a missing file is fine; folder fsynced */
gboolean vb_store_remove_tree(const char *path, GError **error); /* tree.c */
gboolean vb_store_link(const char *target, const char *link_path,
                       GError **error); /* autostart links; durable */
gboolean vb_store_mkdir(const char *path, mode_t mode, GError **error); /* with parents */
/* (transfer full) base names in @folder that end in @suffix, sorted; a missing folder is an empty list */
GPtrArray *vb_store_list(const char *folder, const char *suffix, GError **error);
gboolean vb_store_read(const char *path, gsize max_length, char **ret_content, gsize *ret_length,
                       GError **error);
/* removes ".vbtmp-*" left behind by a killed daemon */
void vb_store_sweep(const char *folder);
/* (transfer full) the comment above a stored definition: "virsh COMMAND NAME" is how to change it */
char *vb_store_header(const char *command, const char *name, const char *uuid);
