/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire in both roles, with itself, with GDBus and with bare bytes at the other end. */
#include "wire/body.h"
#include "wire/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_MS 5000
#define GUID "0123456789abcdef0123456789abcdef"
#define PEER "org.freedesktop.DBus.Peer"

/* one side: a wire and what it was told */
typedef struct {
    VbWire *wire;
    GPtrArray *seen; /* what came, in order */
    GDBusMessage *last_call;
    gboolean is_closed;
    gboolean is_mute; /* does not answer */
    guint n_answers;  /* signals that an answer is preceded by */
} Side;

static gboolean
on_late(gpointer data)
{
    g_error("deadline exceeded");
    return G_SOURCE_REMOVE;
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        guint late_ = g_timeout_add(DEADLINE_MS, on_late, NULL);                                   \
        while (!(condition))                                                                       \
            g_main_context_iteration(NULL, TRUE);                                                  \
        g_source_remove(late_);                                                                    \
    } while (0)

static void
make_pair(int ends[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==,
                    0);
}

static GDBusMessage *
make_signal(const char *member, GVariant *args)
{
    GDBusMessage *message =
        g_dbus_message_new_signal("/org/virtbus/test", "org.virtbus.Test1", member);
    g_dbus_message_set_body(message, args);
    return message;
}

/* Echo gives its arguments back, descriptors too; Fail fails; Close closes. */
static void
on_call(VbWire *wire, GDBusMessage *message, gpointer data)
{
    Side *side = data;
    const char *member = g_dbus_message_get_member(message);
    g_autoptr(GDBusMessage) reply = NULL;
    g_ptr_array_add(side->seen, g_strdup(member));
    g_set_object(&side->last_call, message);
    if (side->is_mute)
        return;
    for (guint i = 0; i < side->n_answers; i++) {
        g_autoptr(GDBusMessage) signal = make_signal("Changed", g_variant_new("(u)", i));
        vb_wire_send(wire, signal);
    }
    if (g_str_equal(member, "Close")) {
        vb_wire_close(wire);
        return;
    }
    if (g_str_equal(member, "Fail")) {
        reply = g_dbus_message_new_method_error_literal(message, "org.virtbus.Error.NoDomain",
                                                        "Domain not found");
    } else {
        reply = g_dbus_message_new_method_reply(message);
        if (g_dbus_message_get_body(message))
            g_dbus_message_set_body(reply, g_dbus_message_get_body(message));
        if (g_dbus_message_get_unix_fd_list(message))
            g_dbus_message_set_unix_fd_list(reply, g_dbus_message_get_unix_fd_list(message));
    }
    vb_wire_send(wire, reply);
}

static void
on_signal(VbWire *wire, GDBusMessage *message, gpointer data)
{
    Side *side = data;
    g_ptr_array_add(side->seen, g_strdup(g_dbus_message_get_member(message)));
}

static void
on_closed(VbWire *wire, const GError *error, gpointer data)
{
    Side *side = data;
    g_assert_nonnull(error);
    g_assert_false(side->is_closed);
    side->is_closed = TRUE;
}

static const VbWireHandler handler = {on_call, on_signal, on_closed};

static Side *
side_new(int fd, VbWireRole role)
{
    Side *side = g_new0(Side, 1);
    side->seen = g_ptr_array_new_with_free_func(g_free);
    side->wire = vb_wire_new(fd, role, role == VB_WIRE_SERVER ? GUID : NULL);
    vb_wire_set_handler(side->wire, &handler, side);
    return side;
}

static void
side_free(Side *side)
{
    vb_wire_close(side->wire);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    vb_wire_unref(side->wire);
    g_clear_object(&side->last_call);
    g_ptr_array_unref(side->seen);
    g_free(side);
}

typedef struct {
    Side *server, *client;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    int ends[2];
    make_pair(ends);
    fixture->server = side_new(ends[0], VB_WIRE_SERVER);
    fixture->client = side_new(ends[1], VB_WIRE_CLIENT);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    side_free(fixture->client);
    side_free(fixture->server);
}

/* an answer */
typedef struct {
    gboolean is_there;
    GVariant *reply;
    GUnixFDList *fds;
    GError *error;
    GPtrArray *seen; /* of the side that called; may be NULL */
} Answer;

static void
on_reply(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    Answer *answer = data;
    g_assert_false(answer->is_there);
    g_assert_true((reply == NULL) != (error == NULL));
    answer->is_there = TRUE;
    answer->reply = reply ? g_variant_ref(reply) : NULL;
    answer->fds = fds ? g_object_ref(fds) : NULL;
    answer->error = error ? g_error_copy(error) : NULL;
    if (answer->seen)
        g_ptr_array_add(answer->seen, g_strdup("reply"));
}

static void
answer_clear(Answer *answer)
{
    g_clear_pointer(&answer->reply, g_variant_unref);
    g_clear_object(&answer->fds);
    g_clear_error(&answer->error);
    answer->is_there = FALSE;
}

static void
call(Side *side, const char *member, GVariant *args, Answer *answer)
{
    const VbWireCall what = {"/org/virtbus/test", "org.virtbus.Test1", member, args, NULL,
                             DEADLINE_MS};
    vb_wire_call(side->wire, &what, on_reply, answer);
}

static void
assert_answer(Answer *answer, const char *expected)
{
    WAIT_FOR(answer->is_there);
    g_autofree char *text =
        answer->reply ? g_variant_print(answer->reply, FALSE) : g_strdup(answer->error->message);
    g_assert_cmpstr(text, ==, expected);
    answer_clear(answer);
}

static void
test_calls(Fixture *fixture, gconstpointer data)
{
    Answer answers[300] = {0};
    Answer answer = {0};
    call(fixture->client, "Echo", g_variant_new("(su)", "text", 7), &answer);
    assert_answer(&answer, "('text', 7)");
    call(fixture->client, "Fail", NULL, &answer);
    WAIT_FOR(answer.is_there);
    g_autofree char *name = g_dbus_error_get_remote_error(answer.error);
    g_assert_cmpstr(name, ==, "org.virtbus.Error.NoDomain");
    g_assert_true(g_dbus_error_strip_remote_error(answer.error));
    assert_answer(&answer, "Domain not found");
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        call(fixture->client, "Echo", g_variant_new("(u)", i), &answers[i]);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *expected = g_strdup_printf("(%u,)", i);
        assert_answer(&answers[i], expected);
    }
    /* in the other direction */
    call(fixture->server, "Echo", NULL, &answer);
    assert_answer(&answer, "()");
}

static void
test_reply_type(Fixture *fixture, gconstpointer data)
{
    const VbWireCall what = {"/a",  "org.virtbus.Test1", "Echo", g_variant_new("(u)", 1),
                             "(s)", DEADLINE_MS};
    Answer answer = {0};
    vb_wire_call(fixture->client->wire, &what, on_reply, &answer);
    WAIT_FOR(answer.is_there);
    g_assert_error(answer.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    answer_clear(&answer);
}

typedef struct {
    Answer answer;
    VbWire *wire; /* to be closed while the body is read; may be NULL */
    char *text;
} BodyAnswer;

static void
on_body(gpointer data, const guint8 *body, gsize length)
{
    BodyAnswer *self = data;
    VbBodyReader reader = {body, length, 0, FALSE};
    gsize n;
    g_assert_false(self->answer.is_there);
    self->answer.is_there = TRUE;
    if (self->wire)
        vb_wire_close(self->wire);
    self->text = g_strdup(vb_body_get_string(&reader, &n));
}

/* a reply of the wanted type comes as it is, any other as ever */
static void
test_body(Fixture *fixture, gconstpointer data)
{
    VbWireCall what = {.path = "/a",
                       .interface = "org.virtbus.Test1",
                       .member = "Echo",
                       .timeout_ms = DEADLINE_MS,
                       .body = on_body,
                       .body_type = "(s)"};
    BodyAnswer answers[3] = {0};
    static const char *const args[] = {"('as it is',)", "(uint32 7,)", "('last',)"};
    answers[2].wire = fixture->client->wire;
    for (guint i = 0; i < G_N_ELEMENTS(args); i++) {
        what.args = g_variant_new_parsed(args[i]);
        vb_wire_call(fixture->client->wire, &what, on_reply, &answers[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(args); i++)
        WAIT_FOR(answers[i].answer.is_there);
    g_assert_cmpstr(answers[0].text, ==, "as it is");
    g_assert_null(answers[1].text);
    assert_answer(&answers[1].answer, "(7,)");
    g_assert_cmpstr(answers[2].text, ==, "last");
    g_free(answers[0].text);
    g_free(answers[2].text);
}

static void
test_order(Fixture *fixture, gconstpointer data)
{
    Answer answer = {.seen = fixture->client->seen};
    fixture->server->n_answers = 100;
    call(fixture->client, "Echo", NULL, &answer);
    WAIT_FOR(answer.is_there);
    g_assert_cmpuint(fixture->client->seen->len, ==, 101);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpstr(fixture->client->seen->pdata[i], ==, "Changed");
    answer_clear(&answer);
}

/* much more than a socket holds, in both directions */
static void
test_large(Fixture *fixture, gconstpointer data)
{
    gsize size = 5 * 1000 * 1000 + 3;
    g_autofree char *text = g_malloc(size + 1);
    Answer answers[3] = {0};
    memset(text, 'x', size);
    text[size] = '\0';
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        call(fixture->client, "Echo", g_variant_new("(ss)", text, "end"), &answers[i]);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        const char *echo, *end;
        WAIT_FOR(answers[i].is_there);
        g_assert_no_error(answers[i].error);
        g_variant_get(answers[i].reply, "(&s&s)", &echo, &end);
        g_assert_true(g_str_equal(echo, text));
        g_assert_cmpstr(end, ==, "end");
        answer_clear(&answers[i]);
    }
}

static GDBusMessage *
make_fd_call(const char *text, guint n)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    GDBusMessage *message =
        g_dbus_message_new_method_call(NULL, "/org/virtbus/test", "org.virtbus.Test1", "Keep");
    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        int ends[2];
        g_assert_cmpint(pipe(ends), ==, 0);
        g_assert_cmpint(write(ends[1], text, strlen(text)), ==, (gssize)strlen(text));
        g_unix_fd_list_append(fds, ends[0], &error);
        g_assert_no_error(error);
        close(ends[0]);
        close(ends[1]);
    }
    g_dbus_message_set_body(message, g_variant_new("(h)", n - 1));
    g_dbus_message_set_unix_fd_list(message, fds);
    return message;
}

static void
assert_fd(GDBusMessage *message, int index, const char *text)
{
    g_autoptr(GError) error = NULL;
    char buffer[16] = "";
    int fd = g_unix_fd_list_get(g_dbus_message_get_unix_fd_list(message), index, &error);
    g_assert_no_error(error);
    g_assert_cmpint(read(fd, buffer, sizeof buffer - 1), ==, (gssize)strlen(text));
    g_assert_cmpstr(buffer, ==, text);
    close(fd);
}

static void
test_fds(Fixture *fixture, gconstpointer data)
{
    Answer answer = {0};
    fixture->server->is_mute = TRUE;
    call(fixture->client, "Hello", NULL, &answer);
    WAIT_FOR(fixture->server->seen->len == 1); /* descriptors are agreed on now */
    for (guint n = 1; n <= 4; n++) {
        g_autofree char *text = g_strdup_printf("pipe%u", n);
        g_autoptr(GDBusMessage) message = make_fd_call(text, n * 50);
        vb_wire_send(fixture->client->wire, message);
        WAIT_FOR(fixture->server->seen->len == 1 + n);
        assert_fd(fixture->server->last_call, (int)n * 50 - 1, text);
    }
    vb_wire_close(fixture->server->wire);
    WAIT_FOR(answer.is_there);
    answer_clear(&answer);
}

static void
test_peer(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *interface, *member;
        gboolean is_known;
    } rows[] = {{PEER, "Ping", TRUE}, {PEER, "Nonsense", FALSE}, {NULL, "Ping", FALSE}};
    vb_wire_set_handler(fixture->server->wire, NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const VbWireCall what = {"/", rows[i].interface, rows[i].member, NULL, NULL, DEADLINE_MS};
        Answer answer = {0};
        vb_wire_call(fixture->client->wire, &what, on_reply, &answer);
        WAIT_FOR(answer.is_there);
        if (rows[i].is_known)
            g_assert_no_error(answer.error);
        else
            g_assert_error(answer.error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
        answer_clear(&answer);
    }
}

static void
test_timeout(Fixture *fixture, gconstpointer data)
{
    VbWireCall what = {"/a", "org.virtbus.Test1", "Echo", NULL, NULL, 4000};
    Answer slow = {0}, quick = {0};
    fixture->server->is_mute = TRUE;
    vb_wire_call(fixture->client->wire, &what, on_reply, &slow);
    what.timeout_ms = 20;
    vb_wire_call(fixture->client->wire, &what, on_reply, &quick);
    WAIT_FOR(quick.is_there);
    g_assert_error(quick.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    g_assert_false(slow.is_there);
    answer_clear(&quick);
    /* an answer that comes too late is nobody's */
    g_autoptr(GDBusMessage) late = g_dbus_message_new_method_reply(fixture->server->last_call);
    vb_wire_send(fixture->server->wire, late);
    vb_wire_close(fixture->server->wire);
    WAIT_FOR(slow.is_there);
    g_assert_error(slow.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
    answer_clear(&slow);
}

static void
test_disconnect(Fixture *fixture, gconstpointer data)
{
    Answer pending = {0}, answer = {0}, after = {0};
    fixture->server->is_mute = TRUE;
    call(fixture->client, "Echo", NULL, &pending);
    WAIT_FOR(fixture->server->seen->len == 1);
    fixture->server->is_mute = FALSE;
    call(fixture->client, "Close", NULL, &answer);
    WAIT_FOR(pending.is_there && answer.is_there);
    g_assert_error(pending.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
    g_assert_error(answer.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
    g_assert_true(fixture->client->is_closed);
    g_assert_true(vb_wire_is_closed(fixture->client->wire));
    g_assert_false(fixture->server->is_closed); /* it closed itself */
    call(fixture->client, "Echo", NULL, &after);
    g_assert_false(after.is_there); /* from the loop */
    WAIT_FOR(after.is_there);
    g_assert_error(after.error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
    answer_clear(&pending);
    answer_clear(&answer);
    answer_clear(&after);
}

/* The other end has gone, but that was not heard of yet: what it had sent is still handled. */
static void
test_unnoticed_disconnect(Fixture *fixture, gconstpointer data)
{
    Answer answer = {0};
    g_autoptr(GDBusMessage) signal = make_signal("Changed", g_variant_new("(u)", 1));
    call(fixture->client, "Echo", NULL, &answer);
    assert_answer(&answer, "()");
    vb_wire_send(fixture->server->wire, signal);
    vb_wire_close(fixture->server->wire);
    call(fixture->client, "Echo", NULL, &answer);
    WAIT_FOR(answer.is_there);
    g_assert_error(answer.error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
    g_assert_cmpuint(fixture->client->seen->len, ==, 1);
    g_assert_true(fixture->client->is_closed);
    answer_clear(&answer);
}

static void
test_close_during_call(Fixture *fixture, gconstpointer data)
{
    Answer answer = {0};
    fixture->server->is_mute = TRUE;
    call(fixture->client, "Echo", NULL, &answer);
    vb_wire_close(fixture->client->wire);
    g_assert_false(answer.is_there);
    WAIT_FOR(answer.is_there);
    g_assert_false(fixture->client->is_closed);
    answer_clear(&answer);
}

/* One that listens and does not read is let go when too much waits for it. */
static void
test_queue_bound(Fixture *fixture, gconstpointer data)
{
    Answer answer = {0};
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');
    guint n = 0;
    call(fixture->client, "Echo", NULL, &answer);
    assert_answer(&answer, "()");
    while (!fixture->server->is_closed && n++ < 2 * VB_WIRE_MAX_QUEUED / (1024 * 1024)) {
        g_autoptr(GDBusMessage) signal = make_signal("Changed", g_variant_new("(s)", text));
        vb_wire_send(fixture->server->wire, signal);
    }
    WAIT_FOR(fixture->server->is_closed);
    g_assert_cmpuint(n, >=, VB_WIRE_MAX_QUEUED / (1024 * 1024));
    WAIT_FOR(fixture->client->is_closed);
}

/* GDBus at the other end */

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    *(GDBusConnection **)data = g_dbus_connection_new_finish(result, &error);
    g_assert_no_error(error);
}

static GDBusConnection *
start_gdbus(int fd, GDBusConnectionFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
    g_assert_no_error(error);
    g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
    GDBusConnection *connection = NULL;
    g_dbus_connection_new(G_IO_STREAM(stream),
                          flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER ? GUID : NULL,
                          flags | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, NULL,
                          on_connected, &connection);
    WAIT_FOR(connection != NULL);
    /* GDBus's thread would answer a call before the connection counts as set up */
    g_dbus_connection_start_message_processing(connection);
    return connection;
}

typedef struct {
    gboolean is_there;
    GVariant *reply;
    GUnixFDList *fds;
    GError *error;
} GdbusAnswer;

static void
on_gdbus_reply(GObject *source, GAsyncResult *result, gpointer data)
{
    GdbusAnswer *answer = data;
    answer->reply =
        g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), &answer->fds,
                                                        result, &answer->error);
    answer->is_there = TRUE;
}

static void
call_gdbus(GDBusConnection *connection, const char *member, GVariant *args, GUnixFDList *fds,
           GdbusAnswer *answer)
{
    g_dbus_connection_call_with_unix_fd_list(connection, NULL, "/org/virtbus/test",
                                             "org.virtbus.Test1", member, args, NULL,
                                             G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, fds, NULL,
                                             on_gdbus_reply, answer);
    WAIT_FOR(answer->is_there);
}

static void
on_gdbus_closed(GDBusConnection *connection, gboolean was_remote, GError *error, gpointer data)
{
    *(gboolean *)data = TRUE;
}

static void
test_gdbus_client(void)
{
    int ends[2];
    make_pair(ends);
    Side *server = side_new(ends[0], VB_WIRE_SERVER);
    g_autoptr(GDBusConnection) client =
        start_gdbus(ends[1], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT);
    GdbusAnswer echo = {0}, fail = {0};
    g_autoptr(GDBusMessage) message = make_fd_call("gdbus", 1);
    gboolean is_closed = FALSE;
    call_gdbus(client, "Echo", g_variant_new("(h)", 0), g_dbus_message_get_unix_fd_list(message),
               &echo);
    g_assert_no_error(echo.error);
    g_assert_cmpint(g_unix_fd_list_get_length(echo.fds), ==, 1);
    g_assert_cmpstr(g_dbus_connection_get_guid(client), ==, GUID);
    call_gdbus(client, "Fail", NULL, NULL, &fail);
    g_autofree char *name = g_dbus_error_get_remote_error(fail.error);
    g_assert_cmpstr(name, ==, "org.virtbus.Error.NoDomain");
    g_signal_connect(client, "closed", G_CALLBACK(on_gdbus_closed), &is_closed);
    vb_wire_close(server->wire);
    WAIT_FOR(is_closed);
    g_variant_unref(echo.reply);
    g_object_unref(echo.fds);
    g_error_free(fail.error);
    side_free(server);
}

static void
test_gdbus_server(void)
{
    int ends[2];
    make_pair(ends);
    Side *client = side_new(ends[1], VB_WIRE_CLIENT);
    const VbWireCall ping = {"/", PEER, "Ping", NULL, "()", DEADLINE_MS};
    Answer answer = {0};
    vb_wire_call(client->wire, &ping, on_reply, &answer); /* before the handshake is through */
    g_autoptr(GDBusConnection) server =
        start_gdbus(ends[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER);
    assert_answer(&answer, "()");
    call(client, "Echo", NULL, &answer);
    WAIT_FOR(answer.is_there);
    g_assert_error(answer.error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
    answer_clear(&answer);
    g_dbus_connection_emit_signal(server, NULL, "/a", "org.virtbus.Test1", "Changed", NULL, NULL);
    WAIT_FOR(client->seen->len == 1);
    g_dbus_connection_close(server, NULL, NULL, NULL);
    WAIT_FOR(client->is_closed);
    side_free(client);
}

/* bare bytes at the other end */

static void
assert_dialogue(const char *say, gsize length, const char *expected)
{
    int ends[2];
    char heard[256] = "";
    gsize n = 0;
    make_pair(ends);
    Side *server = side_new(ends[0], VB_WIRE_SERVER);
    g_assert_cmpint(write(ends[1], say, length), ==, (gssize)length);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    for (gssize got = 1; got > 0 && n < sizeof heard - 1; n += (gsize)MAX(got, 0))
        got = read(ends[1], heard + n, sizeof heard - 1 - n);
    g_assert_cmpstr(heard, ==, expected);
    close(ends[1]);
    WAIT_FOR(server->is_closed);
    side_free(server);
}

#define SAY(text, expected) assert_dialogue(text, sizeof(text) - 1, expected)
#define OK "OK " GUID "\r\n"

static void
test_handshake(void)
{
    g_autofree char *digits = g_strdup_printf("%u", (guint)geteuid());
    g_autoptr(GString) mine = g_string_new_len("\0AUTH EXTERNAL ", 15);
    for (const char *c = digits; *c; c++)
        g_string_append_printf(mine, "%02X", (guint)*c);
    g_string_append(mine, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
    assert_dialogue(mine->str, mine->len, OK "AGREE_UNIX_FD\r\n");
    /* sd-bus says all at once, and lets the kernel say who it is */
    SAY("\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
        "DATA\r\n" OK "AGREE_UNIX_FD\r\n");
    SAY("\0AUTH\r\n", "REJECTED EXTERNAL\r\n");
    SAY("\0AUTH ANONYMOUS 00\r\nAUTH EXTERNAL\r\nDATA\r\n", "REJECTED EXTERNAL\r\nDATA\r\n" OK);
    SAY("\0AUTH EXTERNAL 3939393939\r\n", "REJECTED EXTERNAL\r\n");
    SAY("\0AUTH EXTERNAL 3\r\n", "REJECTED EXTERNAL\r\n");
    SAY("\0AUTH EXTERNAL zz\r\n", "REJECTED EXTERNAL\r\n");
    SAY("\0BEGIN\r\n", "ERROR\r\n");
    SAY("\0NEGOTIATE_UNIX_FD\r\n", "ERROR\r\n");
    SAY("\0AUTH EXTERNAL\r\nBEGIN\r\n", "DATA\r\nERROR\r\n");
    SAY("\0AUTH EXTERNAL\r\nDATA\r\nCANCEL\r\nBEGIN\r\n",
        "DATA\r\n" OK "REJECTED EXTERNAL\r\nERROR\r\n");
    SAY("AUTH EXTERNAL\r\n", "");
}

#define HELLO "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"

/* Returns: whether the server closed the connection because of @bytes */
static gboolean
is_refused(const void *bytes, gsize length)
{
    int ends[2];
    make_pair(ends);
    Side *server = side_new(ends[0], VB_WIRE_SERVER);
    g_assert_cmpint(write(ends[1], HELLO, sizeof HELLO - 1), ==, sizeof HELLO - 1);
    g_assert_cmpint(write(ends[1], bytes, length), ==, (gssize)length);
    for (guint i = 0; i < 100 && !server->is_closed; i++)
        g_main_context_iteration(NULL, FALSE);
    gboolean is_closed = server->is_closed;
    close(ends[1]);
    WAIT_FOR(server->is_closed);
    side_free(server);
    return is_closed;
}

static void
test_bad_input(void)
{
    g_autoptr(GDBusMessage) message =
        g_dbus_message_new_method_call(NULL, "/a", "org.virtbus.Test1", "Echo");
    g_autoptr(GDBusMessage) with_fds = make_fd_call("x", 2);
    gsize size, fd_size;
    g_dbus_message_set_body(message, g_variant_new("(s)", "text"));
    g_dbus_message_set_serial(message, 1);
    g_dbus_message_set_serial(with_fds, 1);
    g_autofree guchar *blob = g_dbus_message_to_blob(message, &size, 0, NULL);
    g_autofree guchar *fd_blob =
        g_dbus_message_to_blob(with_fds, &fd_size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
    g_assert_false(is_refused(blob, size));
    for (gsize n = 1; n < size; n++)
        g_assert_false(is_refused(blob, n));     /* the rest may come */
    g_assert_true(is_refused(fd_blob, fd_size)); /* without descriptors */
    g_assert_true(is_refused("garbage garbage garbage", 23));
    static const guint8 huge[16] = {'l', 1, 0, 1, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0, 0, 0, 0};
    g_assert_true(is_refused(huge, sizeof huge));
    blob[size - 2] = 0xff; /* inside the text: not UTF-8 */
    blob[size - 3] = 0xff;
    is_refused(blob, size);
    blob[3] = 9; /* no such protocol */
    g_assert_true(is_refused(blob, size));
    /* a handshake without end */
    g_autofree char *flood = g_strnfill(20000, 'A');
    int ends[2];
    make_pair(ends);
    Side *server = side_new(ends[0], VB_WIRE_SERVER);
    flood[0] = '\0';
    g_assert_cmpint(write(ends[1], flood, 20000), ==, 20000);
    WAIT_FOR(server->is_closed);
    close(ends[1]);
    side_free(server);
}

/* byte by byte, and several at once, at all alignments */
static void
test_pieces(void)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    int ends[2];
    for (guint i = 0; i < 20; i++) {
        gsize size;
        g_autofree char *text = g_strnfill(i, 'x');
        g_autoptr(GDBusMessage) message = make_signal("Changed", g_variant_new("(s)", text));
        g_dbus_message_set_serial(message, i + 1);
        g_autofree guchar *blob = g_dbus_message_to_blob(message, &size, 0, NULL);
        g_byte_array_append(stream, blob, (guint)size);
    }
    make_pair(ends);
    Side *server = side_new(ends[0], VB_WIRE_SERVER);
    g_assert_cmpint(write(ends[1], HELLO, sizeof HELLO - 1), ==, sizeof HELLO - 1);
    for (guint i = 0; i < stream->len; i++) {
        g_assert_cmpint(write(ends[1], stream->data + i, 1), ==, 1);
        while (g_main_context_iteration(NULL, FALSE))
            continue;
    }
    g_assert_cmpuint(server->seen->len, ==, 20);
    g_assert_cmpint(write(ends[1], stream->data, stream->len), ==, stream->len);
    close(ends[1]);
    WAIT_FOR(server->is_closed);
    g_assert_cmpuint(server->seen->len, ==, 40);
    side_free(server);
}

#define ADD(name, function) g_test_add("/wire/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("calls", test_calls);
    ADD("reply-type", test_reply_type);
    ADD("body", test_body);
    ADD("order", test_order);
    ADD("large", test_large);
    ADD("fds", test_fds);
    ADD("peer", test_peer);
    ADD("timeout", test_timeout);
    ADD("disconnect", test_disconnect);
    ADD("unnoticed-disconnect", test_unnoticed_disconnect);
    ADD("close-during-call", test_close_during_call);
    ADD("queue-bound", test_queue_bound);
    g_test_add_func("/wire/gdbus-client", test_gdbus_client);
    g_test_add_func("/wire/gdbus-server", test_gdbus_server);
    g_test_add_func("/wire/handshake", test_handshake);
    g_test_add_func("/wire/bad-input", test_bad_input);
    g_test_add_func("/wire/pieces", test_pieces);
    return g_test_run();
}
