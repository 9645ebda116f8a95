/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists JSON descriptors: a file hides those of its name in folders below, an empty one does nothing but that; the order is
 * that of the names. Source: QEMU's docs/interop/firmware.json and vhost-user.json. Called from threads. */
#include "firmware/interop.h"

#include <string.h>
#include <sys/stat.h>

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* later folders replace what earlier ones had */
static void
add_folder(GHashTable *by_name, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (name[0] != '.' && g_str_has_suffix(name, ".json"))
            g_hash_table_replace(by_name, g_strdup(name), g_build_filename(folder, name, NULL));
    }
}

static gboolean
is_empty(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_size == 0;
}

GPtrArray *
qemu_interop_list(const QemuInteropPlace *place, const char *kind)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *vendor = g_build_filename("/usr/share/qemu", kind, NULL);
    g_autofree char *host = g_build_filename(place->root, "/etc/qemu", kind, NULL);
    g_autofree char *user = g_build_filename(g_get_user_config_dir(), "qemu", kind, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer name;

    add_folder(by_name, vendor);
    add_folder(by_name, host);
    if (place->is_session)
        add_folder(by_name, user);
    g_hash_table_iter_init(&iter, by_name);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *path = g_hash_table_lookup(by_name, names->pdata[i]);

        if (!is_empty(path))
            g_ptr_array_add(paths, g_strdup(path));
    }
    return paths;
}
