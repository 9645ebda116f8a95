/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as signals. One client of ours, which may only look, listens to all of them. */
#include "base/error.h"
#include "bus/private.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    const ProxyBusKind *kind;
    const GDBusSignalInfo *info;
    ProxyBusRoute *route;
} Signal;

struct _ProxyBusSignals {
    GDBusConnection *connection;
    ProxyBusClient *client;
    GPtrArray *signals; /* of Signal */
    gboolean has_devices;
};

static void
signal_free(gpointer data)
{
    Signal *signal = data;

    proxy_bus_route_free(signal->route);
    g_free(signal);
}

/* ---- sending ---- */

/* a signal of an object names that first */
static char *
path_of(const Signal *signal, GVariant *value, GError **error)
{
    g_autoptr(GVariant) path = NULL;

    if (!signal->kind->folder)
        return g_strdup(PROXY_BUS_ROOT);
    path = proxy_bus_route_out_one(signal->route, value, 0, G_VARIANT_TYPE_OBJECT_PATH, error);
    return path ? g_variant_dup_string(path, NULL) : NULL;
}

static GVariant *
params_of(const Signal *signal, GVariant *value, GError **error)
{
    guint n = 0;
    g_autofree const GVariantType **types = NULL;

    while (signal->info->args && signal->info->args[n])
        n++;
    types = g_new(const GVariantType *, n + 1);
    for (guint i = 0; i < n; i++)
        types[i] = G_VARIANT_TYPE(signal->info->args[i]->signature);
    return proxy_bus_route_out(signal->route, value, signal->kind->folder ? 1 : 0, types, n, error);
}

static void
on_event(const ProxyProcedure *event, GVariant *value, gpointer data)
{
    ProxyBusSignals *signals = data;

    for (guint i = 0; i < signals->signals->len; i++) {
        const Signal *signal = signals->signals->pdata[i];
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL;
        g_autoptr(GVariant) params = NULL;

        if (signal->route->procedure != event)
            continue;
        path = path_of(signal, value, &error);
        params = path ? params_of(signal, value, &error) : NULL;
        if (params)
            g_dbus_connection_emit_signal(signals->connection, NULL, path, signal->kind->info->name,
                                          signal->info->name, params, NULL);
        else
            g_warning("signal %s is lost: %s", signal->info->name, error->message);
    }
}

/* ---- listening ---- */

static void
on_registered(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    if (error)
        g_debug("no events for signal %s: %s", (const char *)data, error->message);
}

static gboolean
is_of_devices(const Signal *signal)
{
    return g_str_has_prefix(signal->route->procedure->name, "NODE_DEVICE_");
}

static void
listen_to(ProxyBusSignals *signals, gboolean wants_devices)
{
    for (guint i = 0; i < signals->signals->len; i++) {
        const Signal *signal = signals->signals->pdata[i];
        g_autoptr(GVariant) args = NULL;

        if (is_of_devices(signal) != wants_devices)
            continue;
        args = g_variant_ref_sink(
            wants_devices
                ? g_variant_new("(im(s))", proxy_bus_route_event_id(signal->route), FALSE, NULL)
                : g_variant_new("(im(sayi))", proxy_bus_route_event_id(signal->route), FALSE, NULL,
                                NULL, 0));
        proxy_bus_client_call(signals->client,
                              proxy_procedure_by_name(
                                  wants_devices ? "CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY"
                                                : "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY"),
                              args, on_registered, signal->info->name);
    }
}

void
proxy_bus_signals_want_devices(ProxyBusSignals *signals)
{
    if (signals->has_devices)
        return;
    signals->has_devices = TRUE;
    listen_to(signals, TRUE);
}

static void
add_signals(ProxyBusSignals *signals, const ProxyBusKind *kind)
{
    for (guint i = 0; kind->info->signals && kind->info->signals[i]; i++) {
        const GDBusSignalInfo *info = kind->info->signals[i];
        ProxyBusRoute *route = proxy_bus_route_new(info->annotations, 0, NULL);
        Signal *signal;

        if (!route)
            continue; /* nothing sends it yet */
        signal = g_new(Signal, 1);
        *signal = (Signal){kind, info, route};
        g_ptr_array_add(signals->signals, signal);
    }
}

ProxyBusSignals *
proxy_bus_signals_new(ProxyServer *server, GDBusConnection *connection)
{
    const ProxyBusIdentity self = {getuid(), getgid(), getpid(), TRUE};
    ProxyBusSignals *signals = g_new0(ProxyBusSignals, 1);
    g_autoptr(GError) error = NULL;

    signals->connection = g_object_ref(connection);
    signals->signals = g_ptr_array_new_with_free_func(signal_free);
    for (guint i = 0; i < proxy_bus_n_kinds; i++)
        add_signals(signals, &proxy_bus_kinds[i]);
    signals->client = proxy_bus_client_new(server, &self, on_event, signals, &error);
    if (signals->client)
        listen_to(signals, FALSE);
    else
        g_warning("no signals on the bus: %s", error->message);
    return signals;
}

void
proxy_bus_signals_free(ProxyBusSignals *signals)
{
    if (!signals)
        return;
    proxy_bus_client_free(signals->client);
    g_ptr_array_unref(signals->signals);
    g_object_unref(signals->connection);
    g_free(signals);
}
