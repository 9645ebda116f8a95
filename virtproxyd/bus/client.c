/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's side of a socket pair whose other end the server has adopted. Opens the connection by itself, and anew with
 * the next call when that failed or the server hung up; a reply finds its call by the serial number. Owns both the socket
 * and the calls under way. */
#include "bus/client.h"

#include "base/error.h"
#include "rpc/input.h"
#include "rpc/message.h"
#include "rpc/output.h"
#include "rpc/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)

typedef struct {
    const ProxyProcedure *procedure;
    ProxyBusDone done;
    gpointer data;
} Waiting;

typedef struct {
    const ProxyProcedure *procedure;
    GVariant *args; /* (nullable) */
    ProxyBusDone done;
    gpointer data;
} Held;

struct _ProxyBusClient {
    ProxyServer *server; /* NULL: it is being freed */
    ProxyBusIdentity identity;
    int fd; /* -1: no call yet, or the server hung up */
    ProxyWatch *watch;
    ProxyOutput out;
    GByteArray *in;
    GArray *in_fds;      /* int */
    GHashTable *waiting; /* serial -> Waiting */
    GQueue held;         /* of Held: for the connection to be opened */
    gboolean is_open;
    guint32 serial;
    ProxyBusEvent event;
    ProxyBusClosed closed;
    gpointer data;
};

/* ---- the end of a call ---- */

static void
finish(ProxyBusClient *client, guint32 serial, GVariant *reply, GUnixFDList *fds,
       const GError *error)
{
    gpointer key, value;

    if (!g_hash_table_steal_extended(client->waiting, GUINT_TO_POINTER(serial), &key, &value))
        return;
    g_autofree Waiting *waiting = value;
    waiting->done(reply, fds, error, waiting->data);
}

/* The callbacks may call again, and so open a new connection: they see nothing of the old one. */
static void
fail_all(ProxyBusClient *client, const GError *error)
{
    g_autoptr(GHashTable) waiting = g_steal_pointer(&client->waiting);
    GQueue held = client->held;
    GHashTableIter iter;
    gpointer value;
    Held *call;

    client->waiting = g_hash_table_new(NULL, NULL);
    g_queue_init(&client->held);
    g_hash_table_iter_init(&iter, waiting);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_autofree Waiting *under_way = value;
        under_way->done(NULL, NULL, error, under_way->data);
    }
    while ((call = g_queue_pop_head(&held))) {
        call->done(NULL, NULL, error, call->data);
        g_clear_pointer(&call->args, g_variant_unref);
        g_free(call);
    }
}

static void
hang_up(ProxyBusClient *client, const GError *error)
{
    if (client->fd < 0)
        return;
    g_clear_pointer(&client->watch, proxy_watch_free);
    close(client->fd);
    client->fd = -1;
    client->is_open = FALSE;
    proxy_output_clear(&client->out);
    g_byte_array_set_size(client->in, 0);
    for (guint i = 0; i < client->in_fds->len; i++)
        close(g_array_index(client->in_fds, int, i));
    g_array_set_size(client->in_fds, 0);
    fail_all(client, error);
    if (client->closed && client->server)
        client->closed(client->data);
}

static void
hang_up_closed(ProxyBusClient *client)
{
    g_autoptr(GError) error = NULL;

    vb_error_set(&error, VIR_ERR_RPC, "the connection was closed");
    hang_up(client, error);
}

/* ---- receiving ---- */

static GError *
read_error(const ProxyFrame *frame)
{
    g_autoptr(GVariant) value =
        proxy_codec_decode(proxy_xdr_message_error, frame->payload, frame->payload_size, NULL);
    GError *error = NULL;
    int code = VIR_ERR_INTERNAL_ERROR;
    const char *text = NULL;

    if (value) {
        g_variant_get_child(value, 0, "i", &code);
        g_variant_get_child(value, 2, "m&s", &text);
    }
    /* the words are whole already: they get no prefix */
    vb_error_set(&error, code, "%s", "");
    g_free(error->message);
    error->message = g_strdup(text ? text : "an error without words");
    return error;
}

/* (nullable): the descriptors that came with a frame */
static GUnixFDList *
claim_fds(ProxyBusClient *client, guint n)
{
    GUnixFDList *list;

    if (n == 0 || client->in_fds->len < n)
        return NULL;
    list = g_unix_fd_list_new_from_array((const int *)(gpointer)client->in_fds->data, (int)n);
    g_array_remove_range(client->in_fds, 0, n);
    return list;
}

static void
take_reply(ProxyBusClient *client, const ProxyFrame *frame)
{
    const ProxyProcedure *procedure =
        proxy_procedure_find(frame->header.program, frame->header.procedure);
    g_autoptr(GUnixFDList) fds = claim_fds(client, frame->n_fds);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = NULL;

    if (frame->header.status == VIR_NET_ERROR)
        error = read_error(frame);
    else if (procedure && procedure->ret)
        reply = proxy_codec_decode(procedure->ret, frame->payload, frame->payload_size, &error);
    finish(client, frame->header.serial, reply, fds, error);
}

static void
take_message(ProxyBusClient *client, const ProxyFrame *frame)
{
    const ProxyProcedure *event =
        proxy_procedure_find(frame->header.program, frame->header.procedure);
    g_autoptr(GVariant) value = NULL;

    if (event && event->is_event && event->args)
        value = proxy_codec_decode(event->args, frame->payload, frame->payload_size, NULL);
    if (value && client->event)
        client->event(event, value, client->data);
}

static void
take_frame(ProxyBusClient *client, const ProxyFrame *frame)
{
    if (frame->header.type == VIR_NET_REPLY || frame->header.type == VIR_NET_REPLY_WITH_FDS)
        take_reply(client, frame);
    else if (frame->header.type == VIR_NET_MESSAGE)
        take_message(client, frame);
}

/* FALSE: the server hung up */
static gboolean
receive(ProxyBusClient *client)
{
    guint8 buffer[READ_SIZE];
    const gssize length = proxy_input_receive(client->fd, buffer, sizeof buffer, client->in_fds);

    if (length > 0)
        g_byte_array_append(client->in, buffer, (guint)length);
    return length >= 0;
}

/* Nobody frees a client from inside its callbacks; a frame is copied, since they may call again. */
static void
take_frames(ProxyBusClient *client)
{
    while (client->fd >= 0) {
        ProxyFrame frame;
        g_autoptr(GByteArray) bytes = NULL;

        /* descriptors follow their frame a byte each: it is whole only with them */
        if (proxy_frame_parse(client->in->data, client->in->len, G_MAXUINT32, &frame) !=
            PROXY_FRAME_WHOLE)
            return;
        bytes = g_byte_array_sized_new((guint)frame.size);
        g_byte_array_append(bytes, client->in->data, (guint)frame.size);
        g_byte_array_remove_range(client->in, 0, (guint)frame.size);
        frame.payload = bytes->data + (frame.payload - client->in->data);
        take_frame(client, &frame);
    }
}

static void
update(ProxyBusClient *client)
{
    if (client->watch)
        proxy_watch_set(client->watch, G_IO_IN | G_IO_HUP | G_IO_ERR |
                                           (proxy_output_is_empty(&client->out) ? 0 : G_IO_OUT));
}

static void
on_ready(GIOCondition condition, gpointer data)
{
    ProxyBusClient *client = data;

    if ((condition & G_IO_OUT) && !proxy_output_flush(&client->out, client->fd)) {
        hang_up_closed(client);
        return;
    }
    update(client);
    if ((condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) && !receive(client))
        hang_up_closed(client);
    else
        take_frames(client);
}

/* ---- sending ---- */

static gboolean
send_call(ProxyBusClient *client, const ProxyProcedure *procedure, GVariant *args, GError **error)
{
    const ProxyHeader header = {procedure->program, 1,         procedure->number, VIR_NET_CALL,
                                ++client->serial,   VIR_NET_OK};
    g_autoptr(GByteArray) message = g_byte_array_new();

    proxy_message_begin(message, &header);
    if (procedure->args && !proxy_codec_encode(procedure->args, args, message, error))
        return FALSE;
    proxy_message_end(message);
    if (client->fd < 0 || !proxy_output_send(&client->out, client->fd, message->data, message->len))
        return vb_error_set(error, VIR_ERR_RPC, "the connection was closed");
    update(client);
    return TRUE;
}

static void
call_now(ProxyBusClient *client, const ProxyProcedure *procedure, GVariant *args, ProxyBusDone done,
         gpointer data)
{
    g_autoptr(GError) error = NULL;
    Waiting *waiting;

    if (!send_call(client, procedure, args, &error)) {
        done(NULL, NULL, error, data);
        return;
    }
    waiting = g_new(Waiting, 1);
    *waiting = (Waiting){procedure, done, data};
    g_hash_table_insert(client->waiting, GUINT_TO_POINTER(client->serial), waiting);
}

static void
on_opened(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    ProxyBusClient *client = data;
    Held *held;

    if (error) {
        hang_up(client, error);
        return;
    }
    client->is_open = TRUE;
    while (client->is_open && (held = g_queue_pop_head(&client->held))) {
        call_now(client, held->procedure, held->args, held->done, held->data);
        g_clear_pointer(&held->args, g_variant_unref);
        g_free(held);
    }
}

static gboolean
open_connection(ProxyBusClient *client, GError **error)
{
    const ProxyBusIdentity *identity = &client->identity;
    g_autoptr(GVariant) args = g_variant_ref_sink(
        g_variant_new("(msu)", NULL, identity->is_readonly ? VIR_CONNECT_RO : 0));
    int fds[2];

    if (!client->server)
        return vb_error_set(error, VIR_ERR_RPC, "the connection was closed");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return vb_error_set_errno(error, errno, "%s", "unable to create a socket pair");
    proxy_server_adopt_for(client->server, fds[1], identity->uid, identity->pid,
                           identity->is_readonly);
    client->fd = fds[0];
    client->watch = proxy_watch_new(client->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_ready, client);
    call_now(client, proxy_procedure_by_name("CONNECT_OPEN"), args, on_opened, client);
    return TRUE;
}

void
proxy_bus_client_call(ProxyBusClient *client, const ProxyProcedure *procedure, GVariant *args,
                      ProxyBusDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    Held *held;

    if (client->is_open) {
        call_now(client, procedure, args, done, data);
        return;
    }
    if (client->fd < 0 && !open_connection(client, &error)) {
        done(NULL, NULL, error, data);
        return;
    }
    held = g_new(Held, 1);
    *held = (Held){procedure, args ? g_variant_ref(args) : NULL, done, data};
    g_queue_push_tail(&client->held, held);
}

gboolean
proxy_bus_client_is_open(const ProxyBusClient *client)
{
    return client->is_open;
}

ProxyBusClient *
proxy_bus_client_new(ProxyServer *server, const ProxyBusIdentity *identity, ProxyBusEvent event,
                     ProxyBusClosed closed, gpointer data)
{
    ProxyBusClient *client = g_new0(ProxyBusClient, 1);

    client->server = server;
    client->identity = *identity;
    client->fd = -1;
    client->in = g_byte_array_new();
    client->in_fds = g_array_new(FALSE, FALSE, sizeof(int));
    client->waiting = g_hash_table_new(NULL, NULL);
    g_queue_init(&client->held);
    client->event = event;
    client->closed = closed;
    client->data = data;
    return client;
}

void
proxy_bus_client_free(ProxyBusClient *client)
{
    if (!client)
        return;
    client->server = NULL;
    hang_up_closed(client);
    g_array_unref(client->in_fds);
    g_byte_array_unref(client->in);
    g_hash_table_unref(client->waiting);
    g_free(client);
}
