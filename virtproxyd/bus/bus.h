/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.libvirt on D-Bus: what clients of libvirt-dbus call, answered by the same daemons as everything else. */
#pragma once
#include "rpc/rpc.h"

typedef struct _ProxyBus ProxyBus;

/* @address: of the bus; connecting goes on in the background: without a bus, or where somebody else owns the name, the
 * proxy serves its sockets alone, and says so. */
ProxyBus *proxy_bus_new(ProxyServer *server, const char *address);
/* Gives the name up, for good: FALSE when somebody has called before it was: the proxy is wanted, and has its name again. */
gboolean proxy_bus_let_go(ProxyBus *bus);
void proxy_bus_free(ProxyBus *bus);
