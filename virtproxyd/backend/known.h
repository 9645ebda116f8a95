/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which node devices the clients know of: what their daemon listed, and its events since. When it cannot give lost events
 * again, the difference between this and a new list becomes events. */
#pragma once
#include <glib.h>

typedef enum { PROXY_KNOWN_ACTIVE, PROXY_KNOWN_DEFINED, PROXY_KNOWN_N } ProxyKnownList;

typedef struct {
    GHashTable *paths[PROXY_KNOWN_N]; /* NULL: never listed */
} ProxyKnown;

typedef void (*ProxyKnownTell)(gpointer data, const char *kind, const char *path,
                               GVariant *details);

/* what NodeDevices1.ListDevices is asked for */
guint32 proxy_known_flags(ProxyKnownList list);
/* an event that is handed on */
void proxy_known_follow(ProxyKnown *known, const char *kind, const char *path, GVariant *details);
/* @paths: ao, what there is now. @tell: (nullable) hears what differs from what was known, marked "late" */
void proxy_known_take(ProxyKnown *known, ProxyKnownList list, GVariant *paths, ProxyKnownTell tell,
                      gpointer data);
void proxy_known_clear(ProxyKnown *known);
