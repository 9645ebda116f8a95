/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client's connection: who it is, its life, its bytes in and out. Owns the socket and what is queued on it.
 *
 * A client is taken down only from its own watch, never inside a call of the handler, so that a handler need not expect
 * its client to vanish under it. */
#include "rpc/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_DEFERRED 256                /* calls */
#define MAX_DEFERRED_SIZE (1024 * 1024) /* bytes */
#define ANONYMOUS_PATIENCE_S 60
#define MAX_SCRATCH (256 * 1024) /* bytes kept for the next message */

static void client_ready(GIOCondition condition, gpointer data);

/* whether no call is to be started: its client does not read, or leaves */
gboolean
proxy_client_is_blocked(const ProxyClient *client)
{
    return client->out.size > client->server->limits.max_outgoing || client->is_draining;
}

/* whether nothing more is to be taken from the client for now */
gboolean
proxy_client_is_paused(ProxyClient *client)
{
    return client->deferred.length >= MAX_DEFERRED || client->deferred_size >= MAX_DEFERRED_SIZE ||
           proxy_client_is_blocked(client) || proxy_streams_are_full(client);
}

/* sets what the loop waits for; to be called when any of it may have changed */
void
proxy_client_update(ProxyClient *client)
{
    GIOCondition condition = G_IO_HUP | G_IO_ERR;
    if (!client->server)
        return;
    if (!proxy_client_is_paused(client)) {
        condition |= G_IO_IN;
        if (client->has_backlog)
            proxy_watch_wake(client->watch);
    }
    if (!proxy_client_is_blocked(client) && proxy_dispatch_can_resume(client))
        proxy_watch_wake(client->watch);
    if (!proxy_output_is_empty(&client->out))
        condition |= G_IO_OUT;
    proxy_watch_set(client->watch, condition);
}

/* a client that does not authenticate keeps others of its kind out: it may do so for a while only */
static gboolean
patience_is_over(gpointer data)
{
    ProxyClient *client = data;
    if (client->is_authenticated) {
        client->timer = 0;
        return G_SOURCE_REMOVE;
    }
    if (client->n_requests == 0)
        proxy_client_close(client);
    return G_SOURCE_CONTINUE;
}

/**
 * proxy_server_adopt:
 * @fd: connected, non-blocking stream socket; owned by the client from here on
 */
ProxyClient *
proxy_server_adopt(ProxyServer *server, int fd, gboolean is_readonly, gboolean needs_polkit)
{
    ProxyClient *client = g_new0(ProxyClient, 1);
    struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        g_debug("no credentials of a client: %s", g_strerror(errno));
    client->ref_count = 1;
    client->server = server;
    client->fd = fd;
    client->uid = peer.uid;
    client->pid = peer.pid;
    client->is_readonly = is_readonly;
    /* root is never asked, so that a broken polkit does not lock it out */
    client->is_authenticated = !needs_polkit || (peer.uid == 0 && !server->asks_root);
    client->in = g_byte_array_new();
    client->in_fds = g_array_new(FALSE, FALSE, sizeof(int));
    client->streams = g_ptr_array_new_with_free_func((GDestroyNotify)proxy_stream_free);
    client->link.data = client;
    g_queue_push_tail_link(&server->clients, &client->link);
    client->watch = proxy_watch_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, client_ready, client);
    if (!client->is_authenticated) {
        server->n_anonymous++;
        client->timer =
            g_timeout_add(ANONYMOUS_PATIENCE_S * server->second_ms, patience_is_over, client);
    }
    return client;
}

/**
 * proxy_server_adopt_for:
 * @fd: as for proxy_server_adopt()
 * @uid: who is behind it, as somebody who knows has told us; likewise @pid
 *
 * Takes a client in that needs no authentication of its own: every call of it is authorised by the daemon anyway.
 */
void
proxy_server_adopt_for(ProxyServer *server, int fd, uid_t uid, pid_t pid, gboolean is_readonly)
{
    ProxyClient *client = proxy_server_adopt(server, fd, is_readonly, FALSE);

    client->uid = uid;
    client->pid = pid;
}

/* takes the client down: the socket is closed, the handler told, what is left are references */
void
proxy_client_destroy(ProxyClient *client)
{
    ProxyServer *server = client->server;
    if (!server)
        return;
    client->is_closing = TRUE;
    g_ptr_array_set_size(client->streams, 0);
    client->server = NULL;
    proxy_watch_free(g_steal_pointer(&client->watch));
    g_clear_handle_id(&client->timer, g_source_remove);
    close(client->fd);
    client->fd = -1;
    proxy_output_clear(&client->out);
    proxy_dispatch_drop_deferred(client);
    g_byte_array_set_size(client->in, 0);
    g_queue_unlink(&server->clients, &client->link);
    if (!client->is_authenticated)
        server->n_anonymous--;
    if (server->handler->client_gone)
        server->handler->client_gone(client, server->data);
    proxy_server_update(server);
    proxy_client_unref(client);
}

ProxyClient *
proxy_client_ref(ProxyClient *client)
{
    client->ref_count++;
    return client;
}

void
proxy_client_unref(ProxyClient *client)
{
    if (--client->ref_count > 0)
        return;
    if (client->destroy)
        client->destroy(client->data);
    for (guint i = 0; i < client->in_fds->len; i++)
        close(g_array_index(client->in_fds, int, i));
    g_array_unref(client->in_fds);
    g_byte_array_unref(client->in);
    g_ptr_array_unref(client->streams);
    g_free(client);
}

/* --- input --- */

/* Returns: FALSE when the bytes are no messages */
static gboolean
consume(ProxyClient *client, const guint8 *data, gsize length)
{
    gssize used;
    gboolean is_kept = client->in->len > 0;
    if (is_kept) {
        /* bytes are gathered before they are looked at: an announced length reserves nothing */
        g_byte_array_append(client->in, data, (guint)length);
        data = client->in->data;
        length = client->in->len;
    }
    used = proxy_dispatch(client, data, length);
    if (used < 0)
        return FALSE;
    if (!is_kept) {
        g_byte_array_append(client->in, data + used, (guint)(length - (gsize)used));
    } else if ((gsize)used == length) {
        /* an idle client must not keep the memory of its largest message */
        g_byte_array_unref(client->in);
        client->in = g_byte_array_new();
    } else if (used > 0) {
        g_byte_array_remove_range(client->in, 0, (guint)used);
    }
    /* descriptors that no message has announced */
    return client->in->len > 0 || client->in_fds->len == 0;
}

static gboolean
read_client(ProxyClient *client)
{
    gssize length =
        proxy_input_receive(client->fd, client->server->inbox, PROXY_INBOX_SIZE, client->in_fds);
    if (length <= 0)
        return length == 0;
    client->last_heard_us = g_get_monotonic_time();
    client->n_pings = 0;
    return consume(client, client->server->inbox, (gsize)length);
}

/* What was left while the client was paused goes first. */
static gboolean
handle_input(ProxyClient *client, GIOCondition condition)
{
    if (!proxy_client_is_blocked(client))
        proxy_dispatch_deferred(client);
    if (client->has_backlog && !proxy_client_is_paused(client)) {
        client->has_backlog = FALSE;
        if (!consume(client, NULL, 0))
            return FALSE;
    }
    if (condition & G_IO_IN && !proxy_client_is_paused(client))
        return read_client(client);
    return !(condition & (G_IO_HUP | G_IO_ERR));
}

static gboolean
handle_output(ProxyClient *client)
{
    if (!proxy_output_flush(&client->out, client->fd))
        return FALSE;
    proxy_streams_update(client);
    return !(client->is_draining && proxy_output_is_empty(&client->out));
}

static void
client_ready(GIOCondition condition, gpointer data)
{
    ProxyClient *client = data;
    gboolean is_alive = !client->is_closing;
    proxy_client_ref(client);
    if (is_alive && condition & G_IO_OUT)
        is_alive = handle_output(client);
    if (is_alive)
        is_alive = handle_input(client, condition) && !client->is_closing;
    if (is_alive)
        proxy_client_update(client);
    else
        proxy_client_destroy(client);
    proxy_client_unref(client);
}

/* --- output --- */

void
proxy_client_send_bytes(ProxyClient *client, const guint8 *data, gsize length)
{
    if (!client->server || client->is_closing)
        return;
    if (!proxy_output_send(&client->out, client->fd, data, length))
        proxy_client_close(client);
    else if (!proxy_output_is_empty(&client->out))
        proxy_client_update(client);
}

/* @message: the server's scratch, as proxy_message_begin() started it; its length is filled in. Not to be used after. */
void
proxy_client_send(ProxyClient *client, GByteArray *message)
{
    proxy_message_end(message);
    proxy_client_send_bytes(client, message->data, message->len);
    if (message->len > MAX_SCRATCH && client->server) {
        g_byte_array_unref(client->server->scratch);
        client->server->scratch = g_byte_array_new();
    }
}

/* @fds: borrowed; follow the message that announced them */
void
proxy_client_send_fds(ProxyClient *client, const int *fds, guint n_fds)
{
    if (!client->server || client->is_closing)
        return;
    for (guint i = 0; i < n_fds; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            g_warning("cannot pass a descriptor: %s", g_strerror(errno));
            proxy_client_close(client);
            return;
        }
        proxy_output_add_fd(&client->out, copy);
    }
    if (!proxy_output_flush(&client->out, client->fd))
        proxy_client_close(client);
    else
        proxy_client_update(client);
}

/**
 * proxy_client_send_event:
 * @event: which message
 * @value: in wire form; consumed when floating
 *
 * A client that does not read its events is closed: dropping some would tell it lies about the rest.
 */
void
proxy_client_send_event(ProxyClient *client, const ProxyProcedure *event, GVariant *value)
{
    g_autoptr(GVariant) owned = value ? g_variant_ref_sink(value) : NULL;
    g_autoptr(GError) error = NULL;
    /* serial: libvirtd numbers every event 1 */
    ProxyHeader header = {event->program, PROXY_PROGRAM_VERSION, event->number, VIR_NET_MESSAGE, 1,
                          VIR_NET_OK};
    if (!client->server || client->is_closing)
        return;
    GByteArray *message = client->server->scratch;
    proxy_message_begin(message, &header);
    if (owned && !proxy_codec_encode(event->args, owned, message, &error)) {
        g_warning("event %s is lost: %s", event->name, error->message);
        return;
    }
    proxy_client_send(client, message);
    if (client->out.size > client->server->limits.max_outgoing)
        proxy_client_close(client);
}

/* --- the handler's view --- */

uid_t
proxy_client_uid(ProxyClient *client)
{
    return client->uid;
}

pid_t
proxy_client_pid(ProxyClient *client)
{
    return client->pid;
}

gboolean
proxy_client_is_readonly(ProxyClient *client)
{
    return client->is_readonly;
}

void
proxy_client_set_authenticated(ProxyClient *client)
{
    if (client->is_authenticated || !client->server)
        return;
    client->is_authenticated = TRUE;
    client->server->n_anonymous--;
    proxy_server_update(client->server);
}

void
proxy_client_close(ProxyClient *client)
{
    if (!client->server)
        return;
    client->is_closing = TRUE;
    proxy_watch_wake(client->watch);
}

gboolean
proxy_client_is_closed(ProxyClient *client)
{
    return !client->server || client->is_closing;
}

gpointer
proxy_client_get_data(ProxyClient *client)
{
    return client->data;
}

/* @destroy: called when the last reference to the client is gone, or when the data is replaced */
void
proxy_client_set_data(ProxyClient *client, gpointer data, GDestroyNotify destroy)
{
    if (client->destroy)
        client->destroy(client->data);
    client->data = data;
    client->destroy = destroy;
}
