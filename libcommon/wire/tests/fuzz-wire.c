/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: any bytes are handled or end the connection, before and after the handshake, in both roles. */
#include "wire/body.h"
#include "wire/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#define AS_CLIENT 1
#define AFTER_HANDSHAKE 2

static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
static const char accepted[] = "OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
on_reply(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    (*(guint *)data)++;
}

static void
on_body(gpointer data, const guint8 *body, gsize length)
{
    VbBodyReader reader = {body, length, 0, FALSE};
    gsize text_length;
    (void)vb_body_get_string(&reader, &text_length);
    (*(guint *)data)++;
}

/* What the socket does not take is not needed. */
static void
say(int fd, const void *bytes, gsize length)
{
    if (send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const VbWireCall call = {"/",  "org.virtbus.Test1", "Echo", NULL, NULL, G_MAXINT, on_body,
                             "(s)"};
    guint n_replies = 0;
    int ends[2];
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return 0;
    gboolean is_client = (data[0] & AS_CLIENT) != 0;
    VbWire *wire = vb_wire_new(ends[0], is_client ? VB_WIRE_CLIENT : VB_WIRE_SERVER,
                               "0123456789abcdef0123456789abcdef");
    vb_wire_call(wire, &call, on_reply, &n_replies);
    if (data[0] & AFTER_HANDSHAKE)
        say(ends[1], is_client ? accepted : hello,
            is_client ? sizeof accepted - 1 : sizeof hello - 1);
    say(ends[1], data + 1, size - 1);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    close(ends[1]);
    while (!vb_wire_is_closed(wire))
        g_main_context_iteration(NULL, TRUE);
    vb_wire_unref(wire);
    g_assert_cmpuint(n_replies, ==, 1);
    return 0;
}
