/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of PCI and USB vendors and products, from hwdata's pci.ids and usb.ids. A file is mapped while a name is looked for
 * and not longer; what was found, or not, is kept. Main loop only. */
#include "describe.h"

#include <string.h>

#define MAX_KEPT 4096

static const char *const files[][3] = {
    [NODEDEV_IDS_PCI] = {"/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", NULL},
    [NODEDEV_IDS_USB] = {"/usr/share/hwdata/usb.ids", "/usr/share/misc/usb.ids", NULL},
};

static GHashTable *kept; /* key -> name, "" for none */

static GMappedFile *
open_ids(NodedevIds ids)
{
    GMappedFile *file = NULL;
    for (guint i = 0; files[ids][i] && !file; i++)
        file = g_mapped_file_new(files[ids][i], FALSE, NULL);
    return file;
}

/* The line that begins with @prefix, from @at on, before one that begins with less than @depth tabs; NULL: none */
static const char *
find_line(const char *at, const char *end, const char *prefix, guint depth)
{
    gsize length = strlen(prefix);
    while (at < end) {
        const char *next = memchr(at, '\n', (gsize)(end - at));
        gsize left = (gsize)((next ? next : end) - at);
        if (left > length && memcmp(at, prefix, length) == 0)
            return at;
        if (depth > 0 && left > 0 && *at != '\t' && *at != '#')
            return NULL; /* the next vendor */
        /* classes follow the vendors, and begin with a letter and a blank */
        if (depth == 0 && left > 2 && *at != '#' && at[1] == ' ')
            return NULL;
        at = next ? next + 1 : end;
    }
    return NULL;
}

static char *
rest_of_line(const char *at, const char *end, gsize skip)
{
    const char *next = memchr(at, '\n', (gsize)(end - at));
    g_autofree char *text = g_strndup(at + skip, (gsize)((next ? next : end) - at) - skip);
    return nodedev_sysfs_clean(g_strstrip(text), strlen(text));
}

static char *
look_up(NodedevIds ids, guint vendor, int product)
{
    g_autoptr(GMappedFile) file = open_ids(ids);
    char key[8];
    if (!file || g_mapped_file_get_length(file) == 0)
        return NULL;
    const char *start = g_mapped_file_get_contents(file);
    const char *end = start + g_mapped_file_get_length(file);
    g_snprintf(key, sizeof key, "%04x  ", vendor);
    const char *at = find_line(start, end, key, 0);
    if (!at || product < 0)
        return at ? rest_of_line(at, end, strlen(key)) : NULL;
    at = memchr(at, '\n', (gsize)(end - at));
    g_snprintf(key, sizeof key, "\t%04x  ", (guint)product);
    at = at ? find_line(at + 1, end, key, 1) : NULL;
    return at ? rest_of_line(at, end, strlen(key)) : NULL;
}

static char *
name_of(NodedevIds ids, guint vendor, int product)
{
    g_autofree char *key = g_strdup_printf("%d:%x:%d", (int)ids, vendor, product);
    if (!kept)
        kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (g_hash_table_size(kept) >= MAX_KEPT)
        g_hash_table_remove_all(kept);
    const char *name = g_hash_table_lookup(kept, key);
    if (!name) {
        char *found = look_up(ids, vendor & 0xffff, product);
        name = found ? found : g_strdup("");
        g_hash_table_insert(kept, g_steal_pointer(&key), (gpointer)name);
    }
    return *name ? g_strdup(name) : NULL;
}

char *
nodedev_ids_vendor(NodedevIds ids, guint vendor)
{
    return name_of(ids, vendor, -1);
}

char *
nodedev_ids_product(NodedevIds ids, guint vendor, guint product)
{
    return name_of(ids, vendor, (int)(product & 0xffff));
}
