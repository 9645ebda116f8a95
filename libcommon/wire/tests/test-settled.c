/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reply says whether something waits to leave on another connection; what does not is at its listener, unread. */
#include <string.h>
#include <sys/socket.h>
#include "wire/wire.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define DEADLINE_MS 20000

typedef struct {
    VbWire *server, *client;
    guint n_seen;
} Pair;

typedef struct {
    VbWire *client;
    gboolean is_there, is_settled;
} Asked;

static void
on_signal(VbWire *wire, GDBusMessage *message, gpointer data)
{
    ((Pair *)data)->n_seen++;
}

static const VbWireHandler handler = {.signal = on_signal};

static void
on_reply(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    Asked *asked = data;
    g_assert_no_error(error);
    asked->is_settled = vb_wire_is_reply_settled(asked->client);
    asked->is_there = TRUE;
}

/* @is_alone: without the loop, so that nobody else's turn comes */
static gboolean
ask(Pair *pair, gboolean is_alone)
{
    const VbWireCall ping = {"/", "org.freedesktop.DBus.Peer", "Ping", NULL, "()", DEADLINE_MS};
    Asked asked = {pair->client, FALSE, FALSE};
    vb_wire_call(pair->client, &ping, on_reply, &asked);
    if (is_alone) {
        (void)vb_wire_drain(pair->server);
        (void)vb_wire_drain(pair->client);
        g_assert_true(asked.is_there);
    }
    while (!asked.is_there)
        g_main_context_iteration(NULL, TRUE);
    return asked.is_settled;
}

static void
open_pair(Pair *pair)
{
    int ends[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==,
                    0);
    pair->n_seen = 0;
    pair->server = vb_wire_new(ends[0], VB_WIRE_SERVER, GUID);
    pair->client = vb_wire_new(ends[1], VB_WIRE_CLIENT, NULL);
    vb_wire_set_handler(pair->client, &handler, pair);
    (void)ask(pair, FALSE); /* the handshake is through */
}

static void
close_pair(Pair *pair)
{
    vb_wire_close(pair->client);
    vb_wire_close(pair->server);
    vb_wire_unref(pair->client);
    vb_wire_unref(pair->server);
}

static void
tell(Pair *pair)
{
    g_autoptr(GDBusMessage) signal =
        g_dbus_message_new_signal("/a", "org.virtbus.Test1", "Changed");
    vb_wire_send(pair->server, signal);
}

static void
test_settled(void)
{
    Pair asking, told;
    guint n_told = 1;
    open_pair(&asking);
    open_pair(&told);
    tell(&told);
    g_assert_true(ask(&asking, TRUE));
    g_assert_cmpuint(told.n_seen, ==, 0);
    g_assert_true(vb_wire_drain(told.client));
    g_assert_cmpuint(told.n_seen, ==, 1);
    /* more than the socket takes while nobody reads it */
    for (; n_told < 20000; n_told++)
        tell(&told);
    g_assert_false(ask(&asking, TRUE));
    while (told.n_seen < n_told)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(ask(&asking, FALSE));
    /* what a connection takes with it waits no more */
    for (guint i = 0; i < 20000; i++)
        tell(&told);
    g_assert_false(ask(&asking, TRUE));
    close_pair(&told);
    g_assert_true(ask(&asking, TRUE));
    close_pair(&asking);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/settled", test_settled);
    return g_test_run();
}
