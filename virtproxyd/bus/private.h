/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the bus face share. */
#pragma once
#include "bus/bus.h"
#include "bus/client.h"
#include "bus/route.h"
#include "bus/values.h"

/* signals.c: the events of all domains and devices as signals, while somebody on the bus uses us */
typedef struct _ProxyBusSignals ProxyBusSignals;
ProxyBusSignals *proxy_bus_signals_new(ProxyServer *server, GDBusConnection *connection);
void proxy_bus_signals_want_devices(ProxyBusSignals *signals); /* asks the device daemon too */
void proxy_bus_signals_free(ProxyBusSignals *signals);

/* bus.c */
typedef struct {
    const char *folder; /* of the objects that have it; NULL: the root object */
    GDBusInterfaceInfo *info;
} ProxyBusKind;
extern const ProxyBusKind proxy_bus_kinds[];
extern const guint proxy_bus_n_kinds;

/* call.c: @client: the caller's */
void proxy_bus_call(ProxyBusClient *client, GDBusMethodInvocation *invocation);
