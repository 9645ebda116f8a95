/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sysfs tree in a folder (--sysfs): recorded, or made by a test. What udev's database would say stands in a file
 * "uevent" beside the kernel's words. Nothing comes or goes by itself; SIGHUP looks again. */
#include "backend.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

#define MAX_DEPTH 32
#define MAX_UEVENT (64 * 1024)

typedef struct {
    NodedevBackend base;
    const NodedevHost *host;
} TreeBackend;

static void
read_uevent(NodedevRaw *raw, const char *text, gsize length)
{
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", 512);
    for (guint i = 0; lines[i]; i++) {
        char *equals = strchr(lines[i], '=');
        if (!equals)
            continue;
        *equals = '\0';
        nodedev_raw_set(raw, lines[i], equals + 1);
        g_autofree char *clean = nodedev_sysfs_clean(equals + 1, strlen(equals + 1));
        if (g_str_equal(lines[i], "DEVNAME") && clean && !raw->devnode)
            raw->devnode = clean[0] == '/' ? g_strdup(clean) : g_strconcat("/dev/", clean, NULL);
        else if (g_str_equal(lines[i], "DEVLINKS") && clean)
            raw->devlinks = g_strsplit(clean, " ", 64);
    }
}

static NodedevRaw *
tree_lookup(NodedevBackend *base, const char *syspath)
{
    TreeBackend *backend = (TreeBackend *)base;
    g_autoptr(GBytes) uevent =
        nodedev_sysfs_read_bytes(backend->host, syspath, "uevent", MAX_UEVENT);
    gboolean is_there = uevent || nodedev_sysfs_exists(backend->host, syspath, "uevent");
    if (!is_there)
        return NULL;
    NodedevRaw *raw = nodedev_raw_new(syspath);
    if (uevent)
        read_uevent(raw, g_bytes_get_data(uevent, NULL), g_bytes_get_size(uevent));
    g_free(raw->subsystem);
    raw->subsystem = nodedev_sysfs_link_name(backend->host, syspath, "subsystem");
    if (!raw->values[NODEDEV_PROP_DRIVER])
        raw->values[NODEDEV_PROP_DRIVER] =
            nodedev_sysfs_link_name(backend->host, syspath, "driver");
    return raw;
}

static void
walk(TreeBackend *backend, const char *syspath, guint depth, GFunc func, gpointer data)
{
    g_autofree char *folder = nodedev_sysfs_path(backend->host, syspath, NULL);
    g_autoptr(GPtrArray) names = nodedev_sysfs_list(backend->host, syspath, NULL, G_MAXUINT16);
    for (guint i = 0; i < names->len && depth < MAX_DEPTH; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        g_autofree char *child = g_build_filename(syspath, names->pdata[i], NULL);
        struct stat info;
        if (lstat(path, &info) < 0 || !S_ISDIR(info.st_mode) || !g_utf8_validate(child, -1, NULL))
            continue;
        g_autoptr(NodedevRaw) raw = tree_lookup(&backend->base, child);
        if (raw)
            func(raw, data);
        walk(backend, child, depth + 1, func, data);
    }
}

static gboolean
tree_enumerate(NodedevBackend *base, GFunc func, gpointer data, GError **error)
{
    TreeBackend *backend = (TreeBackend *)base;
    if (!nodedev_sysfs_exists(backend->host, "/sys/devices", NULL))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "no devices below '%s'",
                            backend->host->sysfs);
    walk(backend, "/sys/devices", 0, func, data);
    return TRUE;
}

static gboolean
tree_watch(NodedevBackend *base, const NodedevBackendListener *listener, gpointer data,
           GError **error)
{
    return TRUE;
}

static void
tree_free(NodedevBackend *base)
{
    g_free(base);
}

NodedevBackend *
nodedev_backend_tree_new(const NodedevHost *host)
{
    TreeBackend *backend = g_new0(TreeBackend, 1);
    backend->base = (NodedevBackend){tree_watch, tree_enumerate, tree_lookup, tree_free};
    backend->host = host;
    return &backend->base;
}
