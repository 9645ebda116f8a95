/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets: accepts clients while the limits allow it. Owns the sockets and the list of clients. All sockets
 * are behind one epoll descriptor: clients come seldom, and the loop would look at each of them for every message. */
#include "rpc/private.h"

#include "base/error.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    ProxyServer *server;
    int fd;
    char *name;
    gboolean is_readonly;
    gboolean needs_polkit;
    gboolean is_open; /* waited for */
    guint retry;      /* accepts again after the process ran out of descriptors */
} Listener;

#define ACCEPTS_PER_ROUND 16
#define DOORS_PER_ROUND 16
#define ACCEPT_RETRY_MS 200

/* Source: the defaults of libvirtd.conf */
const ProxyLimits proxy_limits_default = {
    .max_clients = 5000,
    .max_anonymous_clients = 20,
    .max_client_requests = 5,
    .keepalive_interval_s = 5,
    .keepalive_count = 5,
    .max_outgoing = 4 * 1024 * 1024,
};

static void
listener_open(Listener *listener, gboolean is_open)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    if (listener->is_open == is_open)
        return;
    listener->is_open = is_open;
    if (epoll_ctl(listener->server->door_fd, is_open ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener->fd,
                  &event) < 0)
        g_warning("cannot watch socket '%s': %s", listener->name, g_strerror(errno));
}

static void
listener_free(Listener *listener)
{
    g_clear_handle_id(&listener->retry, g_source_remove);
    listener_open(listener, FALSE);
    close(listener->fd);
    g_free(listener->name);
    g_free(listener);
}

static gboolean
listener_has_room(const Listener *listener)
{
    ProxyServer *server = listener->server;
    return !listener->retry && server->clients.length < server->limits.max_clients &&
           (!listener->needs_polkit || server->n_anonymous < server->limits.max_anonymous_clients);
}

static gboolean
retry_accept(gpointer data)
{
    Listener *listener = data;
    listener->retry = 0;
    proxy_server_update(listener->server);
    return G_SOURCE_REMOVE;
}

static void
accept_clients(Listener *listener)
{
    for (guint i = 0; i < ACCEPTS_PER_ROUND && listener_has_room(listener); i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            proxy_server_adopt(listener->server, fd, listener->is_readonly, listener->needs_polkit);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            g_warning("cannot accept a client on '%s': %s", listener->name, g_strerror(errno));
            listener->retry = g_timeout_add(ACCEPT_RETRY_MS, retry_accept, listener);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            break;
        }
    }
}

static void
doors_ready(GIOCondition condition, gpointer data)
{
    ProxyServer *server = data;
    struct epoll_event events[DOORS_PER_ROUND];
    int n = epoll_wait(server->door_fd, events, DOORS_PER_ROUND, 0);
    for (int i = 0; i < n; i++)
        accept_clients(events[i].data.ptr);
    proxy_server_update(server);
}

/* to be called when a limit may have been reached or left */
void
proxy_server_update(ProxyServer *server)
{
    for (guint i = 0; i < server->listeners->len; i++) {
        Listener *listener = server->listeners->pdata[i];
        listener_open(listener, listener_has_room(listener));
    }
}

/**
 * proxy_server_new:
 * @limits: (nullable): NULL for proxy_limits_default; copied
 * @handler: what to do with calls; must outlive the server
 * @data: for @handler
 */
ProxyServer *
proxy_server_new(const ProxyLimits *limits, const ProxyServerHandler *handler, gpointer data)
{
    ProxyServer *server = g_new0(ProxyServer, 1);
    /* a stream's descriptor may be a pipe whose reader is gone */
    (void)signal(SIGPIPE, SIG_IGN);
    server->limits = limits ? *limits : proxy_limits_default;
    server->handler = handler;
    server->data = data;
    server->second_ms = 1000;
    server->door_fd = -1;
    server->listeners = g_ptr_array_new_with_free_func((GDestroyNotify)listener_free);
    server->scratch = g_byte_array_new();
    server->inbox = g_malloc(PROXY_ENVELOPE_SIZE + PROXY_INBOX_SIZE);
    return server;
}

void
proxy_server_free(ProxyServer *server)
{
    if (!server)
        return;
    g_ptr_array_set_size(server->listeners, 0);
    while (server->clients.head)
        proxy_client_destroy(server->clients.head->data);
    g_ptr_array_unref(server->listeners);
    proxy_watch_free(server->door_watch);
    if (server->door_fd >= 0)
        close(server->door_fd);
    g_byte_array_unref(server->scratch);
    g_free(server->inbox);
    g_free(server);
}

static gboolean
make_doors(ProxyServer *server)
{
    if (server->door_fd >= 0)
        return TRUE;
    server->door_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->door_fd < 0)
        return FALSE;
    server->door_watch = proxy_watch_new(server->door_fd, G_IO_IN, doors_ready, server);
    return TRUE;
}

/**
 * proxy_server_listen:
 * @fd: listening stream socket; owned by the server from here on, also on failure
 * @name: for the log
 * @is_readonly: clients get a read-only connection at most
 * @needs_polkit: clients other than root must authenticate first
 *
 * Errors: SYSTEM_ERROR the descriptor cannot be made non-blocking or watched
 */
gboolean
proxy_server_listen(ProxyServer *server, int fd, const char *name, gboolean is_readonly,
                    gboolean needs_polkit, GError **error)
{
    Listener *listener;
    if (!make_doors(server) || !g_unix_set_fd_nonblocking(fd, TRUE, NULL)) {
        vb_error_set_errno(error, errno, "cannot listen on socket '%s'", name);
        close(fd);
        return FALSE;
    }
    listener = g_new0(Listener, 1);
    listener->server = server;
    listener->fd = fd;
    listener->name = g_strdup(name);
    listener->is_readonly = is_readonly;
    listener->needs_polkit = needs_polkit;
    g_ptr_array_add(server->listeners, listener);
    proxy_server_update(server);
    return TRUE;
}

guint
proxy_server_n_clients(ProxyServer *server)
{
    return server->clients.length;
}
