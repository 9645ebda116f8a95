/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a frame. In this order:
 *
 *   keepalive message                     answered here
 *   stream packet                         to its stream; ignored when there is none (it may have ended just now)
 *   not a call                            ignored
 *   call of an unknown program, version   "Cannot find program N version M"
 *   call above the client's limit         waits its turn; those of high priority have a reserve
 *   call with a status                    "Unexpected message status N"
 *   call of an unknown procedure          "unknown procedure: N"
 *   call before authentication            "authentication required"
 *   arguments that cannot be read         "Unable to decode message payload"
 *   what the transport answers itself     auth.c
 *   all others                            to the handler
 *
 * Source for orders and words: how libvirtd 9.0 answers such messages. */
#include "rpc/private.h"

#include "base/error.h"

#include <string.h>
#include <unistd.h>

/* A call that waits: its bytes and descriptors. */
typedef struct {
    GBytes *bytes;
    GArray *fds;
} Deferred;

/* calls of high priority that are served although the client is at its limit */
#define HIGH_PRIORITY_RESERVE 5

static void
deferred_free(Deferred *deferred)
{
    g_bytes_unref(deferred->bytes);
    proxy_fds_close(deferred->fds);
    g_free(deferred);
}

/* the next @count descriptors that the client has sent; NULL when there are fewer */
static GArray *
claim_fds(ProxyClient *client, guint count)
{
    GArray *fds;
    if (client->in_fds->len < count)
        return NULL;
    fds = g_array_sized_new(FALSE, FALSE, sizeof(int), count);
    g_array_append_vals(fds, client->in_fds->data, count);
    g_array_remove_range(client->in_fds, 0, count);
    return fds;
}

void
proxy_send_error(ProxyClient *client, const ProxyHeader *to, const GError *error, int domain)
{
    ProxyHeader header = *to;
    if (!client->server)
        return;
    GByteArray *message = client->server->scratch;
    header.type = to->type == VIR_NET_STREAM || to->type == VIR_NET_STREAM_HOLE ? VIR_NET_STREAM
                                                                                : VIR_NET_REPLY;
    header.status = VIR_NET_ERROR;
    proxy_message_begin(message, &header);
    proxy_message_add_error(message, error, domain);
    proxy_client_send(client, message);
}

static void refuse(ProxyClient *client, const ProxyHeader *header, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
refuse(ProxyClient *client, const ProxyHeader *header, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    vb_error_set(&error, VIR_ERR_RPC, "%s", text);
    proxy_send_error(client, header, error, VIR_FROM_RPC);
}

static gboolean
is_before_authentication(int number)
{
    return number == PROXY_PROC_AUTH_LIST || number == PROXY_PROC_AUTH_POLKIT ||
           number == PROXY_PROC_AUTH_SASL_INIT || number == PROXY_PROC_AUTH_SASL_START ||
           number == PROXY_PROC_AUTH_SASL_STEP;
}

static gboolean
check_call(ProxyClient *client, const ProxyFrame *frame, const ProxyProcedure *procedure)
{
    const ProxyHeader *header = &frame->header;
    if (header->status != VIR_NET_OK)
        refuse(client, header, "Unexpected message status %u", header->status);
    else if (!procedure || procedure->is_event)
        refuse(client, header, "unknown procedure: %d", header->procedure);
    else if (!client->is_authenticated && !(procedure->program == PROXY_PROGRAM_REMOTE &&
                                            is_before_authentication(procedure->number)))
        refuse(client, header, "authentication required");
    else
        return TRUE;
    return FALSE;
}

/* @fds: (transfer full) */
static void
start_call(ProxyClient *client, const ProxyFrame *frame, GArray *fds)
{
    const ProxyHeader *header = &frame->header;
    const ProxyProcedure *procedure = proxy_procedure_find(header->program, header->procedure);
    g_autoptr(ProxyRequest) request = NULL;
    g_autoptr(GVariant) args = NULL;
    if (!check_call(client, frame, procedure)) {
        proxy_fds_close(fds);
        return;
    }
    if (procedure->args &&
        !(args = proxy_codec_decode(procedure->args, frame->payload, frame->payload_size, NULL))) {
        refuse(client, header, "Unable to decode message payload");
        proxy_fds_close(fds);
        return;
    }
    request = proxy_request_new(client, header, procedure);
    request->args = g_steal_pointer(&args);
    request->fds = fds;
    if (!proxy_auth_answers(request))
        client->server->handler->call(request, client->server->data);
}

static void
defer_call(ProxyClient *client, const guint8 *data, const ProxyFrame *frame, GArray *fds)
{
    Deferred *deferred = g_new0(Deferred, 1);
    deferred->bytes = g_bytes_new(data, frame->size);
    deferred->fds = fds;
    client->deferred_size += frame->size;
    g_queue_push_tail(&client->deferred, deferred);
}

static gboolean
has_room(ProxyClient *client, const ProxyHeader *header)
{
    guint limit = client->server->limits.max_client_requests;
    const ProxyProcedure *procedure = proxy_procedure_find(header->program, header->procedure);
    if (procedure && procedure->is_high_priority)
        return client->n_requests < limit + HIGH_PRIORITY_RESERVE;
    return client->n_requests < limit && g_queue_is_empty(&client->deferred);
}

static gboolean
is_served(const ProxyHeader *header)
{
    return header->version == PROXY_PROGRAM_VERSION &&
           (header->program == PROXY_PROGRAM_REMOTE || header->program == PROXY_PROGRAM_QEMU);
}

/* Returns: FALSE when the client is to be closed */
static gboolean
dispatch_frame(ProxyClient *client, const guint8 *data, const ProxyFrame *frame)
{
    const ProxyHeader *header = &frame->header;
    gboolean is_call = header->type == VIR_NET_CALL || header->type == VIR_NET_CALL_WITH_FDS;
    GArray *fds;
    if (proxy_keepalive_message(client, header))
        return TRUE;
    if (header->type == VIR_NET_STREAM || header->type == VIR_NET_STREAM_HOLE) {
        proxy_stream_packet(client, frame);
        return TRUE;
    }
    if (!(fds = claim_fds(client, frame->n_fds)))
        return FALSE;
    if (!is_call) {
        proxy_fds_close(fds);
    } else if (!is_served(header)) {
        refuse(client, header, "Cannot find program %u version %u", header->program,
               header->version);
        proxy_fds_close(fds);
    } else if (has_room(client, header)) {
        start_call(client, frame, fds);
    } else {
        defer_call(client, data, frame, fds);
    }
    return TRUE;
}

static gsize
max_frame_size(const ProxyClient *client)
{
    return client->is_authenticated ? VIR_NET_MESSAGE_LEN_MAX + VIR_NET_MESSAGE_MAX
                                    : VIR_NET_MESSAGE_INITIAL;
}

/**
 * proxy_dispatch:
 * @data: @length bytes, the first of them the first of a frame
 *
 * Handles the whole frames in @data, as long as the client is not paused.
 *
 * Returns: number of bytes handled; -1 when the client is to be closed
 */
gssize
proxy_dispatch(ProxyClient *client, const guint8 *data, gsize length)
{
    gsize used = 0;
    while (!client->is_closing) {
        ProxyFrame frame;
        ProxyFrameState state;
        if (proxy_client_is_paused(client)) {
            client->has_backlog = used < length;
            break;
        }
        state = proxy_frame_parse(data + used, length - used, max_frame_size(client), &frame);
        if (state == PROXY_FRAME_PARTIAL)
            break;
        if (state == PROXY_FRAME_BAD || !dispatch_frame(client, data + used, &frame))
            return -1;
        used += frame.size;
    }
    return (gssize)used;
}

gboolean
proxy_dispatch_can_resume(ProxyClient *client)
{
    return !g_queue_is_empty(&client->deferred) &&
           client->n_requests < client->server->limits.max_client_requests;
}

/* starts calls that waited, in their order, as far as the limit allows now */
void
proxy_dispatch_deferred(ProxyClient *client)
{
    while (!client->is_closing && !proxy_client_is_blocked(client) &&
           proxy_dispatch_can_resume(client)) {
        Deferred *deferred = g_queue_pop_head(&client->deferred);
        gsize size;
        const guint8 *data = g_bytes_get_data(deferred->bytes, &size);
        ProxyFrame frame;
        client->deferred_size -= size;
        if (proxy_frame_parse(data, size, G_MAXUINT32, &frame) == PROXY_FRAME_WHOLE)
            start_call(client, &frame, g_steal_pointer(&deferred->fds));
        deferred_free(deferred);
    }
}

void
proxy_dispatch_drop_deferred(ProxyClient *client)
{
    g_queue_clear_full(&client->deferred, (GDestroyNotify)deferred_free);
    client->deferred_size = 0;
}
