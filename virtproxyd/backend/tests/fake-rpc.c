/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A twin of rpc/ for the backend's tests: no wire, no sockets. */
#include "backend/tests/fake-rpc.h"
#include <string.h>
#include <unistd.h>

#define DEADLINE_S 15

uid_t
proxy_client_uid(ProxyClient *client)
{
    return getuid();
}

pid_t
proxy_client_pid(ProxyClient *client)
{
    return getpid();
}

gboolean
proxy_client_is_readonly(ProxyClient *client)
{
    return client->is_readonly;
}

void
proxy_client_set_authenticated(ProxyClient *client)
{
    client->is_authenticated = TRUE;
}

gpointer
proxy_client_get_data(ProxyClient *client)
{
    return client->data;
}

void
proxy_client_set_data(ProxyClient *client, gpointer data, GDestroyNotify destroy)
{
    client->data = data;
    client->destroy = destroy;
}

void
proxy_client_send_event(ProxyClient *client, const ProxyProcedure *event, GVariant *value)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(value);
    g_autofree char *text = g_variant_print(owned, FALSE);

    g_assert_true(proxy_codec_fits(event->args, owned));
    g_ptr_array_add(client->events, g_strdup_printf("%s %s", event->name, text));
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

ProxyRequest *
proxy_request_ref(ProxyRequest *request)
{
    request->ref_count++;
    return request;
}

void
proxy_request_unref(ProxyRequest *request)
{
    if (--request->ref_count > 0)
        return;
    g_assert_true(request->is_answered);
    g_clear_pointer(&request->args, g_variant_unref);
    g_clear_pointer(&request->reply, g_variant_unref);
    g_clear_error(&request->error);
    if (request->stream_fd >= 0)
        close(request->stream_fd);
    g_free(request);
}

void
proxy_request_reply(ProxyRequest *request, GVariant *ret)
{
    g_assert_false(request->is_answered);
    request->is_answered = TRUE;
    request->n_events_before = request->client->events->len;
    request->reply = ret ? g_variant_ref_sink(ret) : NULL;
    g_assert_true(request->procedure->ret ? ret != NULL
                                          : ret == NULL || g_variant_n_children(ret) == 0);
    if (request->procedure->ret)
        g_assert_true(proxy_codec_fits(request->procedure->ret, ret));
}

void
proxy_request_reply_encoded(ProxyRequest *request, ProxyEncode encode, gpointer data)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;

    if (!encode(request->procedure, data, bytes, &error)) {
        proxy_request_fail(request, error);
        return;
    }
    reply = proxy_codec_decode(request->procedure->ret, bytes->data, bytes->len, &error);
    g_assert_no_error(error);
    proxy_request_reply(request, reply);
}

void
proxy_request_reply_fds(ProxyRequest *request, GVariant *ret, const int *fds, guint n_fds)
{
    g_assert_cmpuint(n_fds, ==, 1);
    request->stream_fd = dup(fds[0]);
    proxy_request_reply(request, ret);
}

void
proxy_request_reply_stream(ProxyRequest *request, GVariant *ret, int fd, gboolean is_duplex)
{
    request->stream_fd = fd;
    proxy_request_reply(request, ret);
}

void
proxy_request_fail(ProxyRequest *request, const GError *error)
{
    g_assert_false(request->is_answered);
    request->is_answered = TRUE;
    request->error = g_error_copy(error);
}

/* ---- the tests' side ---- */

ProxyClient *
fake_client_new(gboolean is_readonly)
{
    ProxyClient *client = g_new0(ProxyClient, 1);

    client->is_readonly = is_readonly;
    client->events = g_ptr_array_new_with_free_func(g_free);
    return client;
}

void
fake_client_free(ProxyClient *client, ProxyBackend *backend)
{
    proxy_backend_handler.client_gone(client, backend);
    if (client->destroy)
        client->destroy(client->data);
    g_ptr_array_unref(client->events);
    g_free(client);
}

ProxyRequest *
fake_call(ProxyBackend *backend, ProxyClient *client, const char *procedure, const char *args)
{
    ProxyRequest *request = g_new0(ProxyRequest, 1);
    g_autoptr(GError) error = NULL;

    request->ref_count = 1;
    request->client = client;
    request->stream_fd = -1;
    request->procedure = proxy_procedure_by_name(procedure);
    g_assert_nonnull(request->procedure);
    if (args) {
        request->args =
            g_variant_parse(proxy_codec_gtype(request->procedure->args), args, NULL, NULL, &error);
        g_assert_no_error(error);
    }
    proxy_backend_handler.call(request, backend);
    return request;
}

static gboolean
on_deadline(gpointer data)
{
    g_error("the test waits in vain");
    return G_SOURCE_REMOVE;
}

void
fake_wait(ProxyRequest *request)
{
    guint deadline = g_timeout_add_seconds(DEADLINE_S, on_deadline, NULL);

    while (!request->is_answered)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(deadline);
}

void
fake_wait_events(ProxyClient *client, guint n)
{
    guint deadline = g_timeout_add_seconds(DEADLINE_S, on_deadline, NULL);

    while (client->events->len < n)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(deadline);
}

char *
fake_ask(ProxyBackend *backend, ProxyClient *client, const char *procedure, const char *args)
{
    ProxyRequest *request = fake_call(backend, client, procedure, args);
    char *text;

    fake_wait(request);
    if (request->error)
        text = g_strdup_printf("error %d: %s", request->error->code, request->error->message);
    else
        text = request->reply ? g_variant_print(request->reply, FALSE) : g_strdup("void");
    proxy_request_unref(request);
    return text;
}
