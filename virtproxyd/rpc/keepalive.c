/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keepalive program: answers a client's pings; pings clients that asked for it, and closes those that are dead. */
#include "rpc/private.h"

static void
send_keepalive(ProxyClient *client, gint32 procedure)
{
    ProxyHeader header = {
        .program = PROXY_PROGRAM_KEEPALIVE,
        .version = PROXY_PROGRAM_VERSION,
        .procedure = procedure,
        .type = VIR_NET_MESSAGE,
        .status = VIR_NET_OK,
    };
    guint8 envelope[PROXY_ENVELOPE_SIZE];
    proxy_header_write(&header, sizeof envelope, envelope);
    proxy_client_send_bytes(client, envelope, sizeof envelope);
}

/**
 * proxy_keepalive_message:
 *
 * That the client lives was noted when its bytes were read; only a ping needs an answer.
 *
 * Returns: whether @header belongs to the keepalive program
 */
gboolean
proxy_keepalive_message(ProxyClient *client, const ProxyHeader *header)
{
    if (header->program != PROXY_PROGRAM_KEEPALIVE || header->version != PROXY_PROGRAM_VERSION ||
        header->type != VIR_NET_MESSAGE)
        return FALSE;
    if (header->procedure == PROXY_PROC_KEEPALIVE_PING)
        send_keepalive(client, PROXY_PROC_KEEPALIVE_PONG);
    return TRUE;
}

/* While the client is paused its pongs are not read: that is not its fault. */
static gboolean
tick(gpointer data)
{
    ProxyClient *client = data;
    const ProxyLimits *limits = &client->server->limits;
    gint64 silent_us = g_get_monotonic_time() - client->last_heard_us;
    if (proxy_client_is_paused(client) ||
        silent_us < (gint64)limits->keepalive_interval_s * client->server->second_ms * 1000 / 2)
        return G_SOURCE_CONTINUE;
    if (client->n_pings >= limits->keepalive_count) {
        g_debug("a client does not answer %u keepalive messages", client->n_pings);
        proxy_client_close(client);
        return G_SOURCE_CONTINUE;
    }
    client->n_pings++;
    send_keepalive(client, PROXY_PROC_KEEPALIVE_PING);
    return G_SOURCE_CONTINUE;
}

/* from here on the client answers pings */
void
proxy_keepalive_start(ProxyClient *client)
{
    guint interval_s = client->server->limits.keepalive_interval_s;
    if (interval_s == 0)
        return;
    g_clear_handle_id(&client->timer, g_source_remove);
    client->timer = g_timeout_add(interval_s * client->server->second_ms, tick, client);
}
