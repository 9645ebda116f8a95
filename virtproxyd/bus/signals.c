/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as signals. One client of ours, which may only look, listens to all of them. */
#include "base/error.h"
#include "bus/private.h"

#include <string.h>
#include <unistd.h>

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 60000

typedef struct {
    ProxyBusSignals *signals;
    const ProxyBusKind *kind;
    const GDBusSignalInfo *info;
    ProxyBusRoute *route;
    gboolean is_registered; /* or asked for, or never to be had */
} Signal;

struct _ProxyBusSignals {
    GDBusConnection *connection;
    ProxyBusClient *client;
    GPtrArray *signals; /* of Signal */
    gboolean has_devices;
    guint timer, delay_ms; /* registers again what failed */
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

static void listen_to_all(ProxyBusSignals *signals);

static gboolean
on_retry(gpointer data)
{
    ProxyBusSignals *signals = data;

    signals->timer = 0;
    listen_to_all(signals);
    return G_SOURCE_REMOVE;
}

static void
try_later(ProxyBusSignals *signals)
{
    if (signals->timer)
        return;
    signals->delay_ms = CLAMP(2 * signals->delay_ms, RETRY_MIN_MS, RETRY_MAX_MS);
    signals->timer = g_timeout_add(signals->delay_ms, on_retry, signals);
}

static void
on_registered(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Signal *signal = data;

    if (!error) {
        signal->signals->delay_ms = 0;
        return;
    }
    g_debug("no events for signal %s: %s", signal->info->name, error->message);
    if (vb_error_matches(error, VIR_ERR_NO_SUPPORT))
        return;
    signal->is_registered = FALSE;
    try_later(signal->signals);
}

static void
on_closed(gpointer data)
{
    ProxyBusSignals *signals = data;

    for (guint i = 0; i < signals->signals->len; i++)
        ((Signal *)signals->signals->pdata[i])->is_registered = FALSE;
    try_later(signals);
}

static gboolean
is_of_devices(const Signal *signal)
{
    return g_str_has_prefix(signal->route->procedure->name, "NODE_DEVICE_");
}

static void
listen_to(ProxyBusSignals *signals, Signal *signal)
{
    const int id = proxy_bus_route_event_id(signal->route);
    g_autoptr(GVariant) args = g_variant_ref_sink(
        is_of_devices(signal) ? g_variant_new("(im(s))", id, FALSE, NULL)
                              : g_variant_new("(im(sayi))", id, FALSE, NULL, NULL, 0));

    signal->is_registered = TRUE;
    proxy_bus_client_call(signals->client,
                          proxy_procedure_by_name(
                              is_of_devices(signal) ? "CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY"
                                                    : "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY"),
                          args, on_registered, signal);
}

static void
listen_to_all(ProxyBusSignals *signals)
{
    for (guint i = 0; i < signals->signals->len; i++) {
        Signal *signal = signals->signals->pdata[i];

        if (!signal->is_registered && (signals->has_devices || !is_of_devices(signal)))
            listen_to(signals, signal);
    }
}

void
proxy_bus_signals_want_devices(ProxyBusSignals *signals)
{
    if (signals->has_devices)
        return;
    signals->has_devices = TRUE;
    listen_to_all(signals);
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
        *signal = (Signal){signals, kind, info, route, FALSE};
        g_ptr_array_add(signals->signals, signal);
    }
}

ProxyBusSignals *
proxy_bus_signals_new(ProxyServer *server, GDBusConnection *connection)
{
    const ProxyBusIdentity self = {getuid(), getpid(), TRUE};
    ProxyBusSignals *signals = g_new0(ProxyBusSignals, 1);

    signals->connection = g_object_ref(connection);
    signals->signals = g_ptr_array_new_with_free_func(signal_free);
    for (guint i = 0; i < proxy_bus_n_kinds; i++)
        add_signals(signals, &proxy_bus_kinds[i]);
    signals->client = proxy_bus_client_new(server, &self, on_event, on_closed, signals);
    listen_to_all(signals);
    return signals;
}

void
proxy_bus_signals_free(ProxyBusSignals *signals)
{
    if (!signals)
        return;
    proxy_bus_client_free(signals->client);
    g_clear_handle_id(&signals->timer, g_source_remove);
    g_ptr_array_unref(signals->signals);
    g_object_unref(signals->connection);
    g_free(signals);
}
