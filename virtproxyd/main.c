/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtproxyd: serves libvirt's wire protocol to unmodified clients and forwards their calls over D-Bus. Wiring only:
 * sockets, the RPC server, the backend. It owns no state and needs no privilege. */
#include "backend/backend.h"
#include "bus/bus.h"
#include "base/error.h"
#include "listen.h"
#include "rpc/rpc.h"
#include "service/service.h"

typedef struct {
    char *socket_dir;
    char *auth;
    int max_clients;
    int max_anonymous_clients;
    int max_client_requests;
    ProxyBackend *backend;
    ProxyServer *server;
    ProxyListen *listen;
    ProxyBus *bus; /* NULL: there is none */
} Proxy;

/* ---- start and stop ---- */

static ProxyLimits
limits_of(const Proxy *proxy)
{
    ProxyLimits limits = proxy_limits_default;

    if (proxy->max_clients > 0)
        limits.max_clients = (guint)proxy->max_clients;
    if (proxy->max_anonymous_clients > 0)
        limits.max_anonymous_clients = (guint)proxy->max_anonymous_clients;
    if (proxy->max_client_requests > 0)
        limits.max_client_requests = (guint)proxy->max_client_requests;
    return limits;
}

/* A proxy with clients does not exit for being idle. */
static void
on_busy(gboolean is_busy, gpointer data)
{
    if (is_busy)
        vb_service_hold(data, "clients");
    else
        vb_service_release(data, "clients");
}

static gboolean
start(VbService *service, gpointer data, GError **error)
{
    Proxy *proxy = data;
    ProxyLimits limits = limits_of(proxy);
    g_autofree char *peer = vb_service_path(service, "/run/virtbus/virtqemud.sock");
    g_autofree char *bus = vb_service_bus_address(service);

    if (!proxy->auth)
        proxy->auth = g_strdup("polkit");
    if (!g_str_equal(proxy->auth, "polkit") && !g_str_equal(proxy->auth, "none"))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown authentication '%s'", proxy->auth);
    proxy->backend = proxy_backend_new(peer, bus, vb_service_is_session(service));
    proxy_backend_watch(proxy->backend, on_busy, service);
    proxy->server = proxy_server_new(&limits, &proxy_backend_handler, proxy->backend);
    proxy->listen = proxy_listen_new(proxy->server, service, proxy->socket_dir,
                                     g_str_equal(proxy->auth, "polkit"), error);
    if (proxy->listen && bus)
        proxy->bus = proxy_bus_new(proxy->server, bus);
    return proxy->listen != NULL;
}

static gboolean
let_go(VbService *service, gpointer data)
{
    const Proxy *proxy = data;

    return !proxy->bus || proxy_bus_let_go(proxy->bus);
}

static void
stop(VbService *service, gpointer data)
{
    Proxy *proxy = data;

    g_clear_pointer(&proxy->bus, proxy_bus_free);
    g_clear_pointer(&proxy->server, proxy_server_free);
    g_clear_pointer(&proxy->backend, proxy_backend_free);
    g_clear_pointer(&proxy->listen, proxy_listen_free);
}

int
main(int argc, char **argv)
{
    static Proxy proxy;
    const GOptionEntry options[] = {
        {"socket-dir", 0, 0, G_OPTION_ARG_FILENAME, &proxy.socket_dir,
         "Folder of the sockets, where none is handed over", "DIR"},
        {"auth", 0, 0, G_OPTION_ARG_STRING, &proxy.auth, "polkit (default) or none", "METHOD"},
        {"max-clients", 0, 0, G_OPTION_ARG_INT, &proxy.max_clients, "Clients at a time", "N"},
        {"max-anonymous-clients", 0, 0, G_OPTION_ARG_INT, &proxy.max_anonymous_clients,
         "Clients that have not authenticated yet", "N"},
        {"max-client-requests", 0, 0, G_OPTION_ARG_INT, &proxy.max_client_requests,
         "Calls of one client under way at a time", "N"},
        G_OPTION_ENTRY_NULL,
    };
    const VbServiceInfo info = {
        .name = "virtproxyd",
        .root_path = "/org/libvirt",
        .options = options,
        .start = start,
        .stop = stop,
        .let_go = let_go,
    };
    int status;

    status = vb_service_run(&info, argc, argv, &proxy);
    g_free(proxy.socket_dir);
    g_free(proxy.auth);
    return status;
}
