/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A caller's connection to our own server that cannot be opened, or is closed: calls end with the reason, and the next one
 * opens it anew; what signals need is registered again. */
#include "base/error.h"
#include "bus/private.h"

#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_US (20 * G_USEC_PER_SEC)

typedef struct {
    ProxyServer *server;
    ProxyClient *client; /* of the newest call */
    ProxyRequest *held;  /* never answered */
    guint n_refused;     /* openings still to be refused */
    guint n_opened, n_registered, n_unregistered;
    GQueue texts; /* of char: how calls ended */
} Bed;

static void
handle_call(ProxyRequest *request, gpointer data)
{
    Bed *bed = data;
    const char *name = proxy_request_procedure(request)->name;
    g_autoptr(GError) error = NULL;

    bed->client = proxy_request_client(request);
    if (g_str_equal(name, "CONNECT_OPEN") && bed->n_refused > 0) {
        bed->n_refused--;
        vb_error_set(&error, VIR_ERR_RPC, "nobody is there");
        proxy_request_fail(request, error);
    } else if (g_str_equal(name, "CONNECT_OPEN")) {
        bed->n_opened++;
        proxy_request_reply(request, NULL);
    } else if (g_str_equal(name, "CONNECT_GET_HOSTNAME")) {
        proxy_request_reply(request, g_variant_new("(s)", "host"));
    } else if (g_str_equal(name, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY") &&
               bed->n_unregistered > 0) {
        bed->n_unregistered--;
        vb_error_set(&error, VIR_ERR_RPC, "not now");
        proxy_request_fail(request, error);
    } else if (g_str_equal(name, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY")) {
        bed->n_registered++;
        proxy_request_reply(request, g_variant_new("(i)", 1));
    } else if (g_str_equal(name, "DOMAIN_CREATE")) {
        bed->held = proxy_request_ref(request);
        proxy_client_close(bed->client);
    } else {
        g_assert_not_reached();
    }
}

static const ProxyServerHandler handler = {.call = handle_call};

static void
bed_init(Bed *bed)
{
    *bed = (Bed){.server = proxy_server_new(NULL, &handler, bed)};
    g_queue_init(&bed->texts);
}

static void
bed_clear(Bed *bed)
{
    g_queue_clear_full(&bed->texts, g_free);
    proxy_server_free(bed->server);
    g_clear_pointer(&bed->held, proxy_request_unref);
}

static gboolean
wake_up(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static void
wait_until(const guint *value, guint least)
{
    const gint64 deadline = g_get_monotonic_time() + DEADLINE_US;
    const guint timer = g_timeout_add(100, wake_up, NULL);

    while (*value < least) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
}

static void
on_done(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Bed *bed = data;
    const char *text = error ? error->message : "done";

    if (reply)
        g_variant_get_child(reply, 0, "&s", &text);
    g_queue_push_tail(&bed->texts, g_strdup(text));
}

static void
call(Bed *bed, ProxyBusClient *client, const char *name)
{
    static const guint8 uuid[16] = {1};
    const ProxyProcedure *procedure = proxy_procedure_by_name(name);
    g_autoptr(GVariant) args = NULL;

    if (procedure->args)
        args = g_variant_ref_sink(
            g_variant_new("((s@ayi))", "guest",
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, uuid, sizeof uuid, 1), 0));
    proxy_bus_client_call(client, procedure, args, on_done, bed);
}

static void
assert_end(Bed *bed, const char *text)
{
    wait_until(&bed->texts.length, 1);
    g_autofree char *end = g_queue_pop_head(&bed->texts);
    g_assert_cmpstr(end, ==, text);
}

static const ProxyBusIdentity self = {.is_readonly = FALSE};

/* those that wait for it as well as those after it */
static void
test_open_fails(void)
{
    Bed bed;
    ProxyBusClient *client;

    bed_init(&bed);
    bed.n_refused = 2;
    client = proxy_bus_client_new(bed.server, &self, NULL, NULL, NULL);
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    assert_end(&bed, "nobody is there");
    assert_end(&bed, "nobody is there");
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    assert_end(&bed, "nobody is there");
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    assert_end(&bed, "host");
    g_assert_cmpuint(bed.n_opened, ==, 1);
    proxy_bus_client_free(client);
    bed_clear(&bed);
}

static void
test_hang_up(void)
{
    Bed bed;
    ProxyBusClient *client;

    bed_init(&bed);
    client = proxy_bus_client_new(bed.server, &self, NULL, NULL, NULL);
    call(&bed, client, "DOMAIN_CREATE");
    assert_end(&bed, "the connection was closed");
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    assert_end(&bed, "host");
    g_assert_cmpuint(bed.n_opened, ==, 2);
    call(&bed, client, "CONNECT_GET_HOSTNAME");
    proxy_bus_client_free(client);
    assert_end(&bed, "the connection was closed");
    bed_clear(&bed);
}

/* ---- signals ---- */

static GDBusConnection *
make_connection(int *ret_other)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket = NULL;
    g_autoptr(GSocketConnection) stream = NULL;
    GDBusConnection *connection;

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    socket = g_socket_new_from_fd(pair[0], &error);
    g_assert_no_error(error);
    stream = g_socket_connection_factory_create_connection(socket);
    connection = g_dbus_connection_new_sync(G_IO_STREAM(stream), NULL,
                                            G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL,
                                            NULL, &error);
    g_assert_no_error(error);
    *ret_other = pair[1];
    return connection;
}

static void
test_signals(void)
{
    Bed bed;
    ProxyBusSignals *signals;
    int other;
    g_autoptr(GDBusConnection) connection = make_connection(&other);
    guint n;

    /* as many as there are, when all goes well */
    bed_init(&bed);
    signals = proxy_bus_signals_new(bed.server, connection);
    wait_until(&bed.n_registered, 1);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    n = bed.n_registered;

    /* the connection is lost */
    proxy_client_close(bed.client);
    wait_until(&bed.n_registered, 2 * n);
    proxy_bus_signals_free(signals);
    bed_clear(&bed);

    /* it cannot be opened, and one of them cannot be had at once */
    bed_init(&bed);
    bed.n_refused = 1;
    bed.n_unregistered = 1;
    signals = proxy_bus_signals_new(bed.server, connection);
    wait_until(&bed.n_registered, n);
    g_assert_cmpuint(bed.n_opened, ==, 1);
    g_assert_cmpuint(bed.n_unregistered, ==, 0);
    proxy_bus_signals_free(signals);
    bed_clear(&bed);
    close(other);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/client/open-fails", test_open_fails);
    g_test_add_func("/bus/client/hang-up", test_hang_up);
    g_test_add_func("/bus/client/signals", test_signals);
    return g_test_run();
}
