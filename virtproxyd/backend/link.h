/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proxy's own connection to a daemon: keeps the mirror true, receives every event once and in order, also across
 * the daemon's restarts, and tells when the mirror has caught up (barrier). */
#pragma once
#include <gio/gio.h>
#include "backend/mirror.h"
#include "backend/peer.h"

typedef struct _ProxyLink ProxyLink;

typedef struct {
    /* one domain event; @details as signal Hypervisor1.Event documents them */
    void (*event)(gpointer data, const char *kind, const char *path, GVariant *details);
    /* Domain1.MonitorEvent: (sxus) */
    void (*monitor_event)(gpointer data, const char *path, GVariant *args);
} ProxyLinkHandler;

/* @error: NULL when it is ready */
typedef void (*ProxyLinkReady)(gpointer data, const GError *error);
typedef void (*ProxyLinkPassed)(gpointer data);

ProxyLink *proxy_link_new(const ProxyDaemon *daemon, const ProxyLinkHandler *handler,
                          gpointer data);
void proxy_link_free(ProxyLink *link);
ProxyMirror *proxy_link_mirror(ProxyLink *link);
gboolean proxy_link_is_ready(ProxyLink *link);
/* While wanted, a lost connection is made again; else it ends after a while, and comes back with the next
 * proxy_link_when_ready(). */
void proxy_link_set_wanted(ProxyLink *link, gboolean is_wanted);
/* Runs @callback as soon as the mirror is true: at once if it is now, with an error if that takes too long. */
void proxy_link_when_ready(ProxyLink *link, ProxyLinkReady callback, gpointer data);
/* The same as soon as the mirror has the properties of the root: what is about the host, not about guests. */
void proxy_link_when_root_known(ProxyLink *link, ProxyLinkReady callback, gpointer data);
/* Runs @callback when all that the daemon had sent before has been handled here. */
void proxy_link_barrier(ProxyLink *link, ProxyLinkPassed callback, gpointer data);
/* The same after a reply that was settled: all of it has arrived, and it is handled without asking the daemon. */
void proxy_link_settle(ProxyLink *link, ProxyLinkPassed callback, gpointer data);
