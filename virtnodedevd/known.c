/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of devices that was told of last: a file on tmpfs with the epoch, the number of the last event that it contains,
 * and a name per line. Events after that number are in the log; together they are what clients know, also after kill -9.
 * It is written anew before the log forgets what comes after it. */
#include "known.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/store.h"
#include "vb-constants.h"

#define MAX_KNOWN (64 * 1024 * 1024)
#define REWRITE_AFTER (VB_EVENTS_MAX / 2)

static char *
path_of(NodedevManager *manager)
{
    return g_strconcat(manager->host.root, "/run/virtbus/virtnodedevd.known", NULL);
}

void
nodedev_known_write(NodedevManager *manager)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = path_of(manager);
    g_autoptr(GString) text = g_string_new(NULL);
    guint64 sequence = vb_events_get_sequence(manager->events);
    g_string_append_printf(text, "%s %" G_GUINT64_FORMAT "\n", vb_events_get_epoch(manager->events),
                           sequence);
    for (guint i = 0; i < manager->devices->len; i++) {
        const NodedevDevice *device = manager->devices->pdata[i];
        if (device->is_active)
            g_string_append_printf(text, "%s\n", device->name);
    }
    if (vb_store_write_volatile(path, text->str, text->len, 0600, &error))
        manager->told = sequence;
    else
        vb_log_warning(NULL, "%s", error->message);
}

void
nodedev_known_follow(NodedevManager *manager)
{
    if (vb_events_get_sequence(manager->events) - manager->told > REWRITE_AFTER)
        nodedev_known_write(manager);
}

static void
replay(const VbEvent *event, gpointer data)
{
    GHashTable *names = data;
    gint32 number = -1;
    if (!event->name || !event->details || !g_str_equal(event->kind, "lifecycle") ||
        !g_variant_lookup(event->details, "event", "i", &number))
        return;
    if (number == VIR_NODE_DEVICE_EVENT_CREATED)
        g_hash_table_add(names, g_strdup(event->name));
    else if (number == VIR_NODE_DEVICE_EVENT_DELETED)
        g_hash_table_remove(names, event->name);
}

/* NULL: nothing that can be compared with was told */
static GHashTable *
read_known(NodedevManager *manager)
{
    g_autofree char *path = path_of(manager);
    g_autofree char *text = NULL;
    gsize length;
    char epoch[37];
    guint64 sequence;
    if (!vb_store_read(path, MAX_KNOWN, &text, &length, NULL) ||
        sscanf(text, "%36s %" G_GUINT64_FORMAT, epoch, &sequence) != 2)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 1; lines[0] && lines[i]; i++)
        if (*lines[i])
            g_hash_table_add(names, g_strdup(lines[i]));
    if (!vb_events_since(manager->events, epoch, sequence, replay, names))
        return NULL;
    return g_steal_pointer(&names);
}

gboolean
nodedev_known_compare(NodedevManager *manager, GError **error)
{
    g_autoptr(GHashTable) names = read_known(manager);
    GHashTableIter iter;
    gpointer name;
    manager->told = vb_events_get_sequence(manager->events);
    if (names) {
        g_hash_table_iter_init(&iter, names);
        while (g_hash_table_iter_next(&iter, &name, NULL)) {
            NodedevDevice *device = g_hash_table_lookup(manager->by_name, name);
            if (!device || !device->is_active)
                nodedev_manager_tell_late(manager, name, VIR_NODE_DEVICE_EVENT_DELETED);
        }
    }
    for (guint i = 0; names && i < manager->devices->len; i++) {
        const NodedevDevice *device = manager->devices->pdata[i];
        if (device->is_active && !g_hash_table_contains(names, device->name))
            nodedev_manager_tell_late(manager, device->name, VIR_NODE_DEVICE_EVENT_CREATED);
    }
    nodedev_known_write(manager);
    return TRUE;
}
