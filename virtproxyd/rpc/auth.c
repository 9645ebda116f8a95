/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls that concern the transport: authentication, and whether the server speaks keepalive. */
#include "rpc/private.h"

#include "base/error.h"

/* Source: the number that libvirt's clients ask for before they open a connection */
#define FEATURE_PROGRAM_KEEPALIVE 10

static void
list_methods(ProxyRequest *request)
{
    gint32 method = request->client->is_authenticated ? REMOTE_AUTH_NONE : REMOTE_AUTH_POLKIT;
    proxy_request_reply(request,
                        g_variant_new("(@ai)",
                                      g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, &method, 1,
                                                                sizeof method)));
}

static void
refuse_authentication(ProxyRequest *request)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_AUTH_FAILED, "authentication failed");
    proxy_request_fail(request, error);
}

/* asking for polkit where it is not offered is an error of the client */
static void
authenticate(ProxyRequest *request)
{
    ProxyClient *client = request->client;
    const ProxyServerHandler *handler = client->server->handler;
    if (client->is_authenticated || !handler->authenticate)
        refuse_authentication(request);
    else
        handler->authenticate(client, request, client->server->data);
}

/* Returns: FALSE when it is about another feature, which is the handler's business */
static gboolean
answer_feature(ProxyRequest *request)
{
    gint32 feature;
    g_variant_get(request->args, "(i)", &feature);
    if (feature != FEATURE_PROGRAM_KEEPALIVE)
        return FALSE;
    proxy_keepalive_start(request->client);
    proxy_request_reply(request, g_variant_new("(i)", 1));
    return TRUE;
}

/* Returns: whether the call is the transport's, and so has been taken care of */
gboolean
proxy_auth_answers(ProxyRequest *request)
{
    if (request->procedure->program != PROXY_PROGRAM_REMOTE)
        return FALSE;
    switch (request->procedure->number) {
    case PROXY_PROC_AUTH_LIST:
        list_methods(request);
        return TRUE;
    case PROXY_PROC_AUTH_POLKIT:
        authenticate(request);
        return TRUE;
    case PROXY_PROC_AUTH_SASL_INIT:
    case PROXY_PROC_AUTH_SASL_START:
    case PROXY_PROC_AUTH_SASL_STEP:
        refuse_authentication(request);
        return TRUE;
    case PROXY_PROC_CONNECT_SUPPORTS_FEATURE:
        return answer_feature(request);
    }
    return FALSE;
}
