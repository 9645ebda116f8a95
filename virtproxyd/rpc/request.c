/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call under way: holds its client's place in the limits until it is answered, and answers it once. */
#include "rpc/private.h"

#include "base/error.h"

#include <string.h>
#include <unistd.h>

/* @fds: (transfer full) (nullable): of int */
void
proxy_fds_close(GArray *fds)
{
    if (!fds)
        return;
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    g_array_unref(fds);
}

ProxyRequest *
proxy_request_new(ProxyClient *client, const ProxyHeader *header, const ProxyProcedure *procedure)
{
    ProxyRequest *request = g_new0(ProxyRequest, 1);
    request->ref_count = 1;
    request->client = proxy_client_ref(client);
    request->header = *header;
    request->procedure = procedure;
    client->n_requests++;
    return request;
}

ProxyRequest *
proxy_request_ref(ProxyRequest *request)
{
    request->ref_count++;
    return request;
}

/* a call that nobody answered must not hang */
static void
answer_forgotten(ProxyRequest *request)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_INTERNAL_ERROR, "no answer to %s", request->procedure->name);
    if (request->client->server)
        g_warning("%s", error->message);
    proxy_request_fail(request, error);
}

void
proxy_request_unref(ProxyRequest *request)
{
    if (request->ref_count == 1 && !request->is_replied)
        answer_forgotten(request);
    if (--request->ref_count > 0)
        return;
    if (request->args)
        g_variant_unref(request->args);
    proxy_fds_close(request->fds);
    proxy_client_unref(request->client);
    g_free(request);
}

ProxyClient *
proxy_request_client(ProxyRequest *request)
{
    return request->client;
}

const ProxyProcedure *
proxy_request_procedure(ProxyRequest *request)
{
    return request->procedure;
}

GVariant *
proxy_request_args(ProxyRequest *request)
{
    return request->args;
}

const int *
proxy_request_fds(ProxyRequest *request, guint *ret_n_fds)
{
    *ret_n_fds = request->fds ? request->fds->len : 0;
    return request->fds ? (const int *)(gpointer)request->fds->data : NULL;
}

/* The place in the limits is free again. Libvirt's clients expect the server to hang up after CONNECT_CLOSE. */
static void
finish(ProxyRequest *request)
{
    ProxyClient *client = request->client;
    request->is_replied = TRUE;
    client->n_requests--;
    if (!client->server)
        return;
    if (request->procedure->program == PROXY_PROGRAM_REMOTE &&
        request->procedure->number == PROXY_PROC_CONNECT_CLOSE) {
        client->is_draining = TRUE;
        if (proxy_output_is_empty(&client->out))
            proxy_client_close(client);
    }
    proxy_client_update(client);
}

/* Returns: FALSE with @error set when @ret cannot go over the wire */
static gboolean
send_reply(ProxyRequest *request, GVariant *ret, const int *fds, guint n_fds, GError **error)
{
    ProxyClient *client = request->client;
    GByteArray *message = client->server->scratch;
    ProxyHeader header = request->header;
    header.type = fds ? VIR_NET_REPLY_WITH_FDS : VIR_NET_REPLY;
    header.status = VIR_NET_OK;
    proxy_message_begin(message, &header);
    if (fds)
        proxy_message_add_word(message, n_fds);
    if (ret && request->procedure->ret &&
        !proxy_codec_encode(request->procedure->ret, ret, message, error))
        return FALSE;
    if (!ret != !request->procedure->ret || message->len > VIR_NET_MESSAGE_MAX)
        return vb_error_set(error, VIR_ERR_RPC, "Unable to encode message payload");
    proxy_client_send(client, message);
    if (fds)
        proxy_client_send_fds(client, fds, n_fds);
    return TRUE;
}

/* Returns: whether the reply, not an error in its place, was sent */
static gboolean
reply(ProxyRequest *request, GVariant *ret, const int *fds, guint n_fds)
{
    g_autoptr(GVariant) owned = ret ? g_variant_ref_sink(ret) : NULL;
    g_autoptr(GError) error = NULL;
    g_return_val_if_fail(!request->is_replied, FALSE);
    if (request->client->server && !send_reply(request, owned, fds, n_fds, &error)) {
        g_warning("%s: %s", request->procedure->name, error->message);
        proxy_request_fail(request, error);
        return FALSE;
    }
    finish(request);
    return TRUE;
}

/**
 * proxy_request_reply:
 * @ret: (nullable): wire tuple, consumed when floating; NULL for a procedure that returns nothing
 *
 * What cannot be encoded (too many elements, wrong type) becomes the error that libvirt gives.
 */
void
proxy_request_reply(ProxyRequest *request, GVariant *ret)
{
    (void)reply(request, ret, NULL, 0);
}

static gboolean
send_encoded(ProxyRequest *request, ProxyEncode encode, gpointer data, GError **error)
{
    ProxyClient *client = request->client;
    GByteArray *message = client->server->scratch;
    ProxyHeader header = request->header;
    header.type = VIR_NET_REPLY;
    header.status = VIR_NET_OK;
    proxy_message_begin(message, &header);
    if (!encode(request->procedure, data, message, error))
        return FALSE;
    if (message->len > VIR_NET_MESSAGE_MAX)
        return vb_error_set(error, VIR_ERR_RPC, "Unable to encode message payload");
    proxy_client_send(client, message);
    return TRUE;
}

/**
 * proxy_request_reply_encoded:
 * @encode: appends the reply in wire form, and does nothing else; not called when the client has gone
 */
void
proxy_request_reply_encoded(ProxyRequest *request, ProxyEncode encode, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_return_if_fail(!request->is_replied);
    if (request->client->server && !send_encoded(request, encode, data, &error)) {
        g_warning("%s: %s", request->procedure->name, error->message);
        proxy_request_fail(request, error);
        return;
    }
    finish(request);
}

/**
 * proxy_request_reply_fds:
 * @fds: borrowed; at most VIR_NET_MESSAGE_NUM_FDS_MAX
 */
void
proxy_request_reply_fds(ProxyRequest *request, GVariant *ret, const int *fds, guint n_fds)
{
    g_return_if_fail(n_fds <= VIR_NET_MESSAGE_NUM_FDS_MAX);
    (void)reply(request, ret, fds, n_fds);
}

void
proxy_request_fail(ProxyRequest *request, const GError *error)
{
    g_return_if_fail(!request->is_replied);
    proxy_send_error(request->client, &request->header, error,
                     proxy_error_domain(vb_error_get_code(error), request->procedure));
    finish(request);
}

/**
 * proxy_request_reply_stream:
 * @fd: owned from here on
 * @is_duplex: a console; otherwise one way, as the procedure's row says
 */
void
proxy_request_reply_stream(ProxyRequest *request, GVariant *ret, int fd, gboolean is_duplex)
{
    ProxyClient *client = request->client;
    g_autoptr(GError) error = NULL;
    if (client->server && client->streams->len >= PROXY_STREAM_MAX_COUNT) {
        g_clear_pointer(&ret, g_variant_unref);
        vb_error_set(&error, VIR_ERR_RPC, "Too many streams '%u' for limit '%d'",
                     client->streams->len + 1, PROXY_STREAM_MAX_COUNT);
        proxy_request_fail(request, error);
        close(fd);
        return;
    }
    if (!reply(request, ret, NULL, 0) || !client->server) {
        close(fd);
        return;
    }
    proxy_stream_start(client, &request->header, fd,
                       is_duplex                                          ? PROXY_STREAM_DUPLEX
                       : request->procedure->stream == PROXY_STREAM_WRITE ? PROXY_STREAM_TO_FD
                                                                          : PROXY_STREAM_FROM_FD);
}
