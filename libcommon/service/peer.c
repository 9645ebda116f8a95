/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The private socket: D-Bus without a bus, for the proxy. The kernel says who connects (SO_PEERCRED); only root, the
 * daemon's own user and the proxy's user are let in. Owns the listening socket and the peers' links. */
#include "service/service-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"

#define BACKLOG 1024
#define MAX_PEERS 8192 /* far above the proxy's own limit of clients */

#define FLUSH_MS 1000 /* for a peer that does not read, when the daemon stops */

static void
peer_called(VbWire *wire, GDBusMessage *message, gpointer data)
{
    VbLink *link = data;
    if (!link->service->is_stopping)
        vb_dispatch(link->client, message);
}

static void
drop_peer(VbLink *link)
{
    VbService *service = link->service;
    VbClient *client = link->client;
    vb_link_close(link);
    link->client = NULL;
    vb_client_go(client);
    vb_client_unref(client);
    vb_service_touch(service);
    g_ptr_array_remove_fast(service->peers, link);
}

static void
peer_closed(VbWire *wire, const GError *error, gpointer data)
{
    VbLink *link = data;
    vb_log_debug(NULL, "peer of pid %d: %s", (int)link->client->caller.pid, error->message);
    drop_peer(link);
}

static const VbWireHandler handler = {.call = peer_called, .closed = peer_closed};

static void
add_peer(VbService *service, int fd, const struct ucred *who)
{
    const VbCaller process = {.uid = who->uid, .pid = who->pid};
    VbWire *wire = vb_wire_new(fd, VB_WIRE_SERVER, service->guid);
    VbLink *link = vb_link_new_peer(service, wire);
    link->client = vb_client_new_peer(link, &process, who->uid != 0 && who->uid != geteuid());
    g_ptr_array_add(service->peers, link);
    vb_wire_set_handler(wire, &handler, link);
    vb_service_touch(service);
}

static gboolean
may_connect(VbService *service, uid_t uid)
{
    return uid == 0 || uid == geteuid() || (uid == service->proxy_uid && uid != (uid_t)-1);
}

static gboolean
accept_peer(int fd, GIOCondition condition, gpointer data)
{
    VbService *service = data;
    struct ucred who;
    socklen_t length = sizeof who;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer < 0)
        return G_SOURCE_CONTINUE;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0 ||
        !may_connect(service, who.uid) || service->peers->len >= MAX_PEERS) {
        vb_log_warning(NULL, "refused a connection to the private socket");
        close(peer);
        return G_SOURCE_CONTINUE;
    }
    add_peer(service, peer, &who);
    return G_SOURCE_CONTINUE;
}

/* Nobody serves a socket that is there: the lock below the same root is ours. */
static int
open_socket(VbService *service, const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "path of socket is too long: %s", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        vb_error_set_errno(error, errno, "cannot create socket");
        return -1;
    }
    (void)unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0660) < 0 ||
        (service->proxy_uid != (uid_t)-1 && geteuid() == 0 &&
         chown(path, (uid_t)-1, service->proxy_gid) < 0) ||
        listen(fd, BACKLOG) < 0) {
        vb_error_set_errno(error, errno, "cannot listen on '%s'", path);
        close(fd);
        return -1;
    }
    return fd;
}

static int
take_passed_socket(VbService *service)
{
    g_autofree char *unit = g_strconcat(service->info->name, ".socket", NULL);
    /* "unknown": handed over without a name, as systemd-socket-activate does */
    const char *const names[] = {"peer", unit, "unknown"};
    int fd = -1;
    for (gsize i = 0; i < G_N_ELEMENTS(names) && fd < 0; i++)
        fd = vb_service_take_fd(service, names[i]);
    return fd;
}

/**
 * vb_peer_listen:
 *
 * Serves the socket that systemd handed over, or ROOT/run/virtbus/NAME.sock.
 */
gboolean
vb_peer_listen(VbService *service, GError **error)
{
    service->guid = g_dbus_generate_guid();
    service->listen_fd = take_passed_socket(service);
    if (service->listen_fd < 0) {
        g_autofree char *name = g_strdup_printf("/run/virtbus/%s.sock", service->info->name);
        service->socket_path = vb_service_path(service, name);
        service->listen_fd = open_socket(service, service->socket_path, error);
        if (service->listen_fd < 0)
            return FALSE;
    }
    g_unix_set_fd_nonblocking(service->listen_fd, TRUE, NULL);
    service->listen_source = g_unix_fd_add(service->listen_fd, G_IO_IN, accept_peer, service);
    return TRUE;
}

/* What has arrived is still answered. No peer goes meanwhile: that happens in its own turn. */
void
vb_peer_drain(VbService *service)
{
    for (guint i = 0; i < service->peers->len; i++)
        vb_wire_drain(((VbLink *)service->peers->pdata[i])->wire);
}

void
vb_peer_close(VbService *service)
{
    if (service->listen_source)
        g_source_remove(service->listen_source);
    service->listen_source = 0;
    if (service->socket_path && service->listen_fd >= 0)
        (void)unlink(service->socket_path);
    if (service->listen_fd >= 0)
        close(service->listen_fd);
    service->listen_fd = -1;
    while (service->peers->len > 0) {
        VbLink *link = service->peers->pdata[0];
        vb_wire_flush(link->wire, FLUSH_MS);
        drop_peer(link);
    }
}
