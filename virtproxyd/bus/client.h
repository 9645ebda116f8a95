/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of our own RPC server, in the same process: what a caller on the bus does goes the way of every other client,
 * with its limits, its identity and its words. */
#pragma once
#include "rpc/rpc.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

typedef struct _ProxyBusClient ProxyBusClient;

typedef struct {
    uid_t uid;
    pid_t pid;
    gboolean is_readonly;
} ProxyBusIdentity;

/* @reply: wire tuple, NULL: void or failed; @fds: (nullable); @error: NULL: done. Exactly once, from the loop. */
typedef void (*ProxyBusDone)(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data);
typedef void (*ProxyBusEvent)(const ProxyProcedure *event, GVariant *value, gpointer data);
/* the connection is gone, and what was registered on it; the next call opens a new one */
typedef void (*ProxyBusClosed)(gpointer data);

/* @event, @closed: (nullable); connects with the first call */
ProxyBusClient *proxy_bus_client_new(ProxyServer *server, const ProxyBusIdentity *identity,
                                     ProxyBusEvent event, ProxyBusClosed closed, gpointer data);
void proxy_bus_client_free(ProxyBusClient *client); /* what is under way fails first */
/* @args: (nullable) wire tuple */
void proxy_bus_client_call(ProxyBusClient *client, const ProxyProcedure *procedure, GVariant *args,
                           ProxyBusDone done, gpointer data);
/* FALSE: not opened yet, or no more: what failed then is no answer to the call itself */
gboolean proxy_bus_client_is_open(const ProxyBusClient *client);
