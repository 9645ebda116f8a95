/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server with canned answers, and a client that knows bytes only. */
#include "rpc-fixture.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_US (5 * G_USEC_PER_SEC)

static void
reply_stream(Fixture *fixture, ProxyRequest *request, gboolean is_duplex)
{
    GVariant *ret =
        proxy_request_procedure(request)->ret ? g_variant_new("(ms)", "image/png") : NULL;
    int fd = fixture->stream_fd >= 0 ? fixture->stream_fd : open("/dev/null", O_RDWR | O_CLOEXEC);
    fixture->stream_fd = -1;
    proxy_request_reply_stream(request, ret, fd, is_duplex);
}

/* GET_HOSTNAME and NODE_GET_INFO are answered at once, DOMAIN_CREATE fails, NUM_OF_DOMAINS and all others are held */
static void
handle_call(ProxyRequest *request, gpointer data)
{
    Fixture *fixture = data;
    const char *name = proxy_request_procedure(request)->name;
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(fixture->names, g_strdup(name));
    if (g_str_equal(name, "CONNECT_GET_HOSTNAME")) {
        proxy_request_reply(request, g_variant_new("(s)", "host"));
    } else if (g_str_equal(name, "CONNECT_OPEN") || g_str_equal(name, "CONNECT_CLOSE")) {
        proxy_request_reply(request, NULL);
    } else if (g_str_equal(name, "DOMAIN_CREATE")) {
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "domain is already running");
        proxy_request_fail(request, error);
    } else if (g_str_equal(name, "DOMAIN_OPEN_CONSOLE")) {
        reply_stream(fixture, request, TRUE);
    } else if (proxy_request_procedure(request)->stream != PROXY_STREAM_NONE) {
        reply_stream(fixture, request, FALSE);
    } else if (!g_str_equal(name, "CONNECT_GET_TYPE")) { /* which is forgotten */
        g_ptr_array_add(fixture->held, proxy_request_ref(request));
    }
}

static void
handle_authenticate(ProxyClient *client, ProxyRequest *request, gpointer data)
{
    Fixture *fixture = data;
    g_ptr_array_add(fixture->held, proxy_request_ref(request));
}

static void
handle_gone(ProxyClient *client, gpointer data)
{
    Fixture *fixture = data;
    fixture->n_gone++;
}

const ProxyServerHandler fixture_handler = {
    .call = handle_call,
    .authenticate = handle_authenticate,
    .client_gone = handle_gone,
};

void
fixture_init(Fixture *fixture, const ProxyLimits *limits)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->stream_fd = -1;
    fixture->held = g_ptr_array_new_with_free_func((GDestroyNotify)proxy_request_unref);
    fixture->names = g_ptr_array_new_with_free_func(g_free);
    fixture->server = proxy_server_new(limits, &fixture_handler, fixture);
    fixture->server->asks_root = TRUE;
}

void
fixture_clear(Fixture *fixture)
{
    proxy_server_free(fixture->server);
    g_ptr_array_unref(fixture->held);
    g_ptr_array_unref(fixture->names);
}

int
fixture_connect(Fixture *fixture, gboolean is_readonly, gboolean needs_polkit)
{
    int pair[2];
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    proxy_server_adopt(fixture->server, pair[1], is_readonly, needs_polkit);
    return pair[0];
}

GByteArray *
message_bytes(const ProxyHeader *header, const void *payload, gsize size)
{
    GByteArray *message = g_byte_array_new();
    proxy_message_begin(message, header);
    if (size)
        g_byte_array_append(message, payload, (guint)size);
    proxy_message_end(message);
    return message;
}

/* runs the loop while the socket is full */
void
send_raw(int fd, const void *data, gsize size)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_US;
    while (size > 0) {
        gssize sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            g_assert_cmpint(g_get_monotonic_time(), <, deadline);
            spin();
            continue;
        }
        data = (const guint8 *)data + sent;
        size -= (gsize)sent;
    }
}

void
send_message(int fd, const ProxyHeader *header, const void *payload, gsize size)
{
    g_autoptr(GByteArray) message = message_bytes(header, payload, size);
    send_raw(fd, message->data, message->len);
}

void
send_call(int fd, int procedure, guint32 serial, const void *payload, gsize size)
{
    ProxyHeader header = {PROXY_PROGRAM_REMOTE, 1, procedure, VIR_NET_CALL, serial, VIR_NET_OK};
    send_message(fd, &header, payload, size);
}

void
send_stream(int fd, int procedure, guint32 serial, guint32 status, const void *data, gsize size)
{
    ProxyHeader header = {PROXY_PROGRAM_REMOTE, 1, procedure, VIR_NET_STREAM, serial, status};
    send_message(fd, &header, data, size);
}

void
spin(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

gboolean
wait_readable(int fd)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_US;
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    while (g_get_monotonic_time() < deadline) {
        spin();
        if (poll(&poller, 1, 1) > 0)
            return TRUE;
    }
    return FALSE;
}

static void
receive_exactly(int fd, guint8 *data, gsize size)
{
    while (size > 0) {
        g_assert_true(wait_readable(fd));
        gssize got = recv(fd, data, size, 0);
        g_assert_cmpint(got, >, 0);
        data += got;
        size -= (gsize)got;
    }
}

Message *
receive_message(int fd)
{
    Message *message = g_new0(Message, 1);
    ProxyFrame frame;
    guint32 size;
    receive_exactly(fd, (guint8 *)&size, sizeof size);
    g_autofree guint8 *data = g_malloc(GUINT32_FROM_BE(size));
    memcpy(data, &size, sizeof size);
    receive_exactly(fd, data + sizeof size, GUINT32_FROM_BE(size) - sizeof size);
    g_assert_cmpint(proxy_frame_parse(data, GUINT32_FROM_BE(size) + 32, G_MAXUINT32, &frame), ==,
                    PROXY_FRAME_WHOLE);
    message->header = frame.header;
    message->payload = g_memdup2(frame.payload, frame.payload_size);
    message->payload_size = frame.payload_size;
    return message;
}

void
message_free(Message *message)
{
    g_free(message->payload);
    g_free(message);
}

guint32
message_word(const Message *message, gsize index)
{
    guint32 word;
    g_assert_cmpuint(message->payload_size, >=, 4 * index + 4);
    memcpy(&word, message->payload + 4 * index, sizeof word);
    return GUINT32_FROM_BE(word);
}

void
assert_reply(int fd, guint32 serial)
{
    g_autoptr(Message) message = receive_message(fd);
    g_assert_cmpuint(message->header.type, ==, VIR_NET_REPLY);
    g_assert_cmpuint(message->header.serial, ==, serial);
    g_assert_cmpuint(message->header.status, ==, VIR_NET_OK);
}

void
assert_error(int fd, guint32 serial, int code, const char *text)
{
    g_autoptr(Message) message = receive_message(fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = proxy_codec_decode(proxy_xdr_message_error, message->payload,
                                                   message->payload_size, &error);
    gint32 got_code, domain, level;
    const char *got_text;
    g_assert_no_error(error);
    g_variant_get(value, "(iim&si@m(sayi)@ms@ms@msii@m(say))", &got_code, &domain, &got_text,
                  &level, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    g_assert_cmpuint(message->header.serial, ==, serial);
    g_assert_cmpuint(message->header.status, ==, VIR_NET_ERROR);
    g_assert_cmpstr(got_text, ==, text);
    g_assert_cmpint(got_code, ==, code);
    g_assert_cmpint(level, ==, VIR_ERR_ERROR);
}

void
assert_closed(int fd)
{
    guint8 bytes[256];
    gssize got;
    do {
        g_assert_true(wait_readable(fd));
        got = recv(fd, bytes, sizeof bytes, 0);
    } while (got > 0);
    g_assert_true(got == 0 || errno == ECONNRESET);
}
