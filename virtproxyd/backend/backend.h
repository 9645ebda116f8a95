/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The backend: what legacy calls mean. Given to the RPC server as its handler. */
#pragma once
#include <gio/gio.h>
#include "rpc/rpc.h"

typedef struct _ProxyBackend ProxyBackend;

/* @socket_path: the daemon's private socket; @bus_address: for its activation, may be NULL */
ProxyBackend *proxy_backend_new(const char *socket_path, const char *bus_address,
                                gboolean is_session);
void proxy_backend_free(ProxyBackend *backend);
/* @busy is told when the first client makes its first call, and when the last one has gone */
typedef void (*ProxyBusy)(gboolean is_busy, gpointer data);
void proxy_backend_watch(ProxyBackend *backend, ProxyBusy busy, gpointer data);
/* to be given to proxy_server_new() with the backend as data; the server must be freed first */
extern const ProxyServerHandler proxy_backend_handler;
