/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading sysfs, where nothing can be trusted: files are missing, give EIO, hold bytes that are no text, never end.
 * Paths are given as the kernel names them ("/sys/devices/..."), wherever --sysfs puts them. Any thread. */
#pragma once
#include <glib.h>
#include "nodedev/nodedev.h"

#define NODEDEV_SYSFS_MAX                                                                          \
    4096 /* PAGE_SIZE: no sysfs attribute is longer (Documentation/filesystems/sysfs.rst) */

typedef struct {
    char *sysfs;      /* "/sys", or what --sysfs says */
    char *procfs;     /* "/proc" */
    char *root;       /* --root, "" for / */
    gboolean is_real; /* the kernel's own tree: its network interfaces can be asked */
} NodedevHost;

/* (transfer full) where @path ("/sys/devices/x") and @attribute below it really are */
char *nodedev_sysfs_path(const NodedevHost *host, const char *path, const char *attribute);
/* (transfer full) text without blanks at its end, as valid UTF-8 without control characters; NULL: not there, unreadable
 * or empty */
/* the kernel is taking the device away: its folder has gone, or @attribute, which every one has, cannot be read any more */
gboolean nodedev_sysfs_is_leaving(const NodedevHost *host, const char *path, const char *attribute);
char *nodedev_sysfs_read(const NodedevHost *host, const char *path, const char *attribute);
/* (transfer full) bytes, at most @max; NULL: none */
GBytes *nodedev_sysfs_read_bytes(const NodedevHost *host, const char *path, const char *attribute,
                                 gsize max);
/* a number, decimal or 0x; FALSE: no number, or not within the range */
gboolean nodedev_sysfs_read_uint(const NodedevHost *host, const char *path, const char *attribute,
                                 guint base, guint64 *ret_value);
gboolean nodedev_sysfs_read_int(const NodedevHost *host, const char *path, const char *attribute,
                                gint64 *ret_value);
/* (transfer full) last part of what the link points to; NULL: no link */
char *nodedev_sysfs_link_name(const NodedevHost *host, const char *path, const char *attribute);
gboolean nodedev_sysfs_exists(const NodedevHost *host, const char *path, const char *attribute);
/* (transfer full) sorted names in a folder, without . and ..; at most @max; never NULL */
GPtrArray *nodedev_sysfs_list(const NodedevHost *host, const char *path, const char *attribute,
                              guint max);
/* (transfer full) @text made harmless; NULL when nothing is left */
char *nodedev_sysfs_clean(const char *bytes, gsize length);
gboolean nodedev_parse_uint(const char *text, guint base, guint64 max, guint64 *ret_value);
/* "0000:3b:00.1" */
gboolean nodedev_pci_parse(const char *text, NodedevPciAddress *ret_address);
char *nodedev_pci_format(const NodedevPciAddress *address);
