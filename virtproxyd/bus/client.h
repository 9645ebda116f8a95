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
    gid_t gid;
    pid_t pid;
    gboolean is_readonly;
} ProxyBusIdentity;

/* @reply: wire tuple, NULL: void or failed; @fds: (nullable); @error: NULL: done. Exactly once, from the loop. */
typedef void (*ProxyBusDone)(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data);
typedef void (*ProxyBusEvent)(const ProxyProcedure *event, GVariant *value, gpointer data);

ProxyBusClient *proxy_bus_client_new(ProxyServer *server, const ProxyBusIdentity *identity,
                                     ProxyBusEvent event, gpointer data, GError **error);
void proxy_bus_client_free(ProxyBusClient *client); /* what is under way fails first */
/* @args: (nullable) wire tuple */
void proxy_bus_client_call(ProxyBusClient *client, const ProxyProcedure *procedure, GVariant *args,
                           ProxyBusDone done, gpointer data);
