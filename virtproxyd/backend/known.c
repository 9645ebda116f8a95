/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of object paths, one per kind of list: devices that are there, and devices that are defined. */
#include "backend/known.h"
#include "vb-constants.h"

static const struct {
    guint32 flags;
    int came, went; /* virNodeDeviceEventLifecycleType */
} lists[PROXY_KNOWN_N] = {
    [PROXY_KNOWN_ACTIVE] = {(guint32)VIR_CONNECT_LIST_NODE_DEVICES_ACTIVE,
                            VIR_NODE_DEVICE_EVENT_CREATED, VIR_NODE_DEVICE_EVENT_DELETED},
    [PROXY_KNOWN_DEFINED] = {VIR_CONNECT_LIST_NODE_DEVICES_PERSISTENT,
                             VIR_NODE_DEVICE_EVENT_DEFINED, VIR_NODE_DEVICE_EVENT_UNDEFINED},
};

guint32
proxy_known_flags(ProxyKnownList list)
{
    return lists[list].flags;
}

void
proxy_known_follow(ProxyKnown *known, const char *kind, const char *path, GVariant *details)
{
    gint32 event = -1;

    if (!g_str_equal(kind, "lifecycle"))
        return;
    g_variant_lookup(details, "event", "i", &event);
    for (guint i = 0; i < PROXY_KNOWN_N; i++) {
        if (known->paths[i] && event == lists[i].came)
            g_hash_table_add(known->paths[i], g_strdup(path));
        else if (known->paths[i] && event == lists[i].went)
            g_hash_table_remove(known->paths[i], path);
    }
}

static void
tell_one(ProxyKnownTell tell, gpointer data, const char *path, int event)
{
    g_autoptr(GVariant) details = g_variant_ref_sink(
        g_variant_new_parsed("{'event': <%i>, 'detail': <0>, 'late': <true>}", event));

    tell(data, "lifecycle", path, details);
}

void
proxy_known_take(ProxyKnown *known, ProxyKnownList list, GVariant *paths, ProxyKnownTell tell,
                 gpointer data)
{
    g_autoptr(GHashTable) before = known->paths[list];
    GHashTable *now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter hash;
    GVariantIter iter;
    gpointer path;

    g_variant_iter_init(&iter, paths);
    while (g_variant_iter_next(&iter, "o", &path))
        g_hash_table_add(now, path);
    known->paths[list] = now;
    if (!tell || !before)
        return;
    g_hash_table_iter_init(&hash, before);
    while (g_hash_table_iter_next(&hash, &path, NULL))
        if (!g_hash_table_contains(now, path))
            tell_one(tell, data, path, lists[list].went);
    g_hash_table_iter_init(&hash, now);
    while (g_hash_table_iter_next(&hash, &path, NULL))
        if (!g_hash_table_contains(before, path))
            tell_one(tell, data, path, lists[list].came);
}

void
proxy_known_clear(ProxyKnown *known)
{
    for (guint i = 0; i < PROXY_KNOWN_N; i++)
        g_clear_pointer(&known->paths[i], g_hash_table_unref);
}
