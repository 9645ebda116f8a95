/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections to a daemon's private socket: connect, activate the daemon where it does not run, state an identity. */
#pragma once
#include "wire/wire.h"

/* one of the daemons that calls are routed to */
typedef struct {
    const char *name;           /* "virtqemud" */
    const char *bus_name;       /* "org.virtbus.Qemu" */
    const char *root_path;      /* "/org/virtbus/qemu" */
    const char *root_interface; /* the one with Event and EventsSince */
    gboolean
        has_mirror; /* its objects are domains, which the proxy keeps a mirror of; else node devices */
    char *socket_path; /* ROOT/run/virtbus/virtqemud.sock */
    char *bus_address; /* of the message bus, for activation; NULL: none */
} ProxyDaemon;

#define PROXY_PEER_DEADLINE_MS 10000

/* who calls; a{sv} as Peer1.Identify takes it, (transfer floating) */
GVariant *proxy_peer_identity(uid_t uid, pid_t pid, gboolean is_readonly);

/* @wire: (transfer full) an identified connection; NULL with @error, (transfer none) */
typedef void (*ProxyPeerDone)(gpointer data, VbWire *wire, const GError *error);
/* Tries, and lets the bus start the daemon, until PROXY_PEER_DEADLINE_MS have passed. @done runs once, from the loop. */
void proxy_peer_connect(const ProxyDaemon *daemon, GVariant *identity, ProxyPeerDone done,
                        gpointer data);

/* TRUE for errors that mean "the connection or the daemon went away", not "the call failed" */
gboolean proxy_peer_is_lost(const GError *error);
