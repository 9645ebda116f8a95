/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Framing, calls, limits, authentication, keepalive: what a client sees on the wire. */
#include "rpc-fixture.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTNAME PROXY_PROC_CONNECT_GET_HOSTNAME

static const char domain_wire[] = "\0\0\0\1x\0\0\0"
                                  "0123456789abcdef"
                                  "\377\377\377\377";
#define DOMAIN_SIZE (sizeof domain_wire - 1)

static void
test_call(void)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    send_call(fd, HOSTNAME, 7, NULL, 0);
    g_autoptr(Message) message = receive_message(fd);
    g_assert_cmpuint(message->header.program, ==, PROXY_PROGRAM_REMOTE);
    g_assert_cmpuint(message->header.version, ==, 1);
    g_assert_cmpint(message->header.procedure, ==, HOSTNAME);
    g_assert_cmpuint(message->header.type, ==, VIR_NET_REPLY);
    g_assert_cmpuint(message->header.serial, ==, 7);
    g_assert_cmpuint(message->header.status, ==, VIR_NET_OK);
    g_assert_cmpmem(message->payload, message->payload_size, "\0\0\0\4host", 8);
    send_call(fd, PROXY_PROC_DOMAIN_CREATE, 8, domain_wire, DOMAIN_SIZE);
    assert_error(fd, 8, VIR_ERR_OPERATION_INVALID,
                 "Requested operation is not valid: domain is already running");
    send_call(fd, PROXY_PROC_CONNECT_GET_TYPE, 9, NULL, 0);
    assert_error(fd, 9, VIR_ERR_INTERNAL_ERROR, "internal error: no answer to CONNECT_GET_TYPE");
    close(fd);
    spin();
    g_assert_cmpuint(fixture.n_gone, ==, 1);
    g_assert_cmpuint(proxy_server_n_clients(fixture.server), ==, 0);
    fixture_clear(&fixture);
}

static void
check_error(int code, const char *text, const char *str1, const char *str2, int int1)
{
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GError) error = g_error_new_literal(VB_ERROR, code, text);
    gint32 got_int1;
    const char *got_str1, *got_str2;
    proxy_message_add_error(wire, error, VIR_FROM_QEMU);
    g_autoptr(GVariant) value =
        proxy_codec_decode(proxy_xdr_message_error, wire->data, wire->len, NULL);
    g_assert_nonnull(value);
    g_variant_get(value, "(iim&si@m(sayi)m&sm&s@msii@m(say))", NULL, NULL, NULL, NULL, NULL,
                  &got_str1, &got_str2, NULL, &got_int1, NULL, NULL);
    g_assert_cmpstr(got_str1, ==, str1);
    g_assert_cmpstr(got_str2, ==, str2);
    g_assert_cmpint(got_int1, ==, int1);
}

/* the parts of an error that some clients look at, as libvirtd fills them in */
static void
test_error_parts(void)
{
    check_error(VIR_ERR_NO_DOMAIN, "Domain not found: no domain with matching name 'abc'",
                "Domain not found: %s", "no domain with matching name 'abc'", -1);
    check_error(VIR_ERR_NO_DOMAIN, "Domain not found", "Domain not found", NULL, -1);
    check_error(VIR_ERR_RPC, "unknown procedure: 5", "%s", "unknown procedure: 5", -1);
    check_error(VIR_ERR_SYSTEM_ERROR, "Failed to terminate process 1: Device or resource busy",
                "%s", "Failed to terminate process 1: Device or resource busy", EBUSY);
    check_error(VIR_ERR_SYSTEM_ERROR, "Input/output error", "%s", "Input/output error", -1);
}

static void
check_domain(int code, const char *procedure, int domain)
{
    g_assert_cmpint(proxy_error_domain(code, proxy_procedure_by_name(procedure)), ==, domain);
}

/* as libvirtd 9.0 answers */
static void
test_error_domains(void)
{
    check_domain(VIR_ERR_NO_DOMAIN, "DOMAIN_LOOKUP_BY_NAME", VIR_FROM_QEMU);
    check_domain(VIR_ERR_NO_NAME, "DOMAIN_DEFINE_XML", VIR_FROM_DOMAIN);
    check_domain(VIR_ERR_XML_DETAIL, "DOMAIN_DEFINE_XML", VIR_FROM_DOMAIN);
    check_domain(VIR_ERR_NO_NETWORK, "NETWORK_LOOKUP_BY_NAME", VIR_FROM_NETWORK);
    check_domain(VIR_ERR_NO_STORAGE_POOL, "STORAGE_POOL_LOOKUP_BY_NAME", VIR_FROM_STORAGE);
    check_domain(VIR_ERR_OPERATION_DENIED, "DOMAIN_CREATE", VIR_FROM_DOMAIN);
    check_domain(VIR_ERR_OPERATION_DENIED, "NETWORK_CREATE", VIR_FROM_NETWORK);
    check_domain(VIR_ERR_OPERATION_DENIED, "QEMU:DOMAIN_MONITOR_COMMAND", VIR_FROM_NONE);
    check_domain(VIR_ERR_RPC, "DOMAIN_CREATE", VIR_FROM_RPC);
}

static void
test_protocol_errors(void)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    ProxyHeader header = {1234, 1, 5, VIR_NET_CALL, 1, VIR_NET_OK};
    send_message(fd, &header, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "Cannot find program 1234 version 1");
    header.program = PROXY_PROGRAM_REMOTE;
    header.version = 2;
    send_message(fd, &header, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "Cannot find program 536903814 version 2");
    header.version = 1;
    header.procedure = 9999;
    send_message(fd, &header, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "unknown procedure: 9999");
    header.procedure = PROXY_PROC_DOMAIN_EVENT_LIFECYCLE;
    send_message(fd, &header, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "unknown procedure: 107");
    header.procedure = HOSTNAME;
    header.status = VIR_NET_CONTINUE;
    send_message(fd, &header, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "Unexpected message status 2");
    send_call(fd, PROXY_PROC_DOMAIN_CREATE, 2, domain_wire, DOMAIN_SIZE - 4);
    assert_error(fd, 2, VIR_ERR_RPC, "Unable to decode message payload");
    send_stream(fd, PROXY_PROC_DOMAIN_OPEN_CONSOLE, 3, VIR_NET_CONTINUE, "late", 4);
    header = (ProxyHeader){1234, 1, 5, VIR_NET_MESSAGE, 1, VIR_NET_OK};
    send_message(fd, &header, NULL, 0);
    send_call(fd, HOSTNAME, 4, NULL, 0);
    assert_reply(fd, 4);
    header = (ProxyHeader){PROXY_PROGRAM_REMOTE, 1, 5, VIR_NET_REPLY, 1, VIR_NET_OK};
    send_message(fd, &header, NULL, 0);
    header.type = 99;
    send_message(fd, &header, NULL, 0);
    send_call(fd, HOSTNAME, 5, NULL, 0);
    assert_reply(fd, 5);
    g_assert_cmpuint(fixture.names->len, ==, 2);
    close(fd);
    fixture_clear(&fixture);
}

static void
check_closed_by(const void *bytes, gsize size)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    int other = fixture_connect(&fixture, FALSE, FALSE);
    send_raw(fd, bytes, size);
    assert_closed(fd);
    send_call(other, HOSTNAME, 1, NULL, 0);
    assert_reply(other, 1);
    close(fd);
    close(other);
    fixture_clear(&fixture);
}

static void
test_bad_frames(void)
{
    static const char fds[] =
        "\0\0\0\40\40\0\200\206\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0\41";
    check_closed_by("\0\0\0\0", 4);
    check_closed_by("\0\0\0\3", 4);
    check_closed_by("\0\0\0\4", 4);
    check_closed_by("\0\0\0\33", 4);
    check_closed_by("\377\377\377\377", 4);
    check_closed_by("\2\0\0\5", 4);       /* the largest frame is 32 MiB and a word */
    check_closed_by(fds, sizeof fds - 1); /* 33 descriptors */
    check_closed_by("GET / HTTP/1.1\r\n\r\n", 18);
}

/* every way of cutting the bytes gives the same replies */
static void
test_cuts(void)
{
    Fixture fixture;
    ProxyHeader header = {PROXY_PROGRAM_REMOTE, 1, HOSTNAME, VIR_NET_CALL, 1, VIR_NET_OK};
    g_autoptr(GByteArray) bytes = message_bytes(&header, NULL, 0);
    g_autoptr(GByteArray) second = NULL;
    header.procedure = PROXY_PROC_DOMAIN_CREATE;
    header.serial = 2;
    second = message_bytes(&header, domain_wire, DOMAIN_SIZE);
    g_byte_array_append(bytes, second->data, second->len);
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    for (guint cut = 0; cut <= bytes->len; cut++) {
        send_raw(fd, bytes->data, cut);
        spin();
        send_raw(fd, bytes->data + cut, bytes->len - cut);
        assert_reply(fd, 1);
        assert_error(fd, 2, VIR_ERR_OPERATION_INVALID,
                     "Requested operation is not valid: domain is already running");
    }
    for (guint i = 0; i < bytes->len; i++) {
        send_raw(fd, bytes->data + i, 1);
        spin();
    }
    assert_reply(fd, 1);
    close(fd);
    fixture_clear(&fixture);
}

static void
test_random_bytes(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    Fixture fixture;
    fixture_init(&fixture, NULL);
    for (guint round = 0; round < 300; round++) {
        int fd = fixture_connect(&fixture, FALSE, FALSE);
        guint words[64];
        guint count = (guint)g_rand_int_range(rand, 8, 64);
        for (guint i = 0; i < count; i++)
            words[i] = g_rand_boolean(rand) ? GUINT32_TO_BE(g_rand_int_range(rand, 0, 8))
                                            : g_rand_int(rand);
        words[0] = GUINT32_TO_BE(g_rand_int_range(rand, 20, 200));
        words[1] = GUINT32_TO_BE(PROXY_PROGRAM_REMOTE);
        words[2] = GUINT32_TO_BE(1);
        words[3] = GUINT32_TO_BE(g_rand_int_range(rand, 0, 460));
        send_raw(fd, words, count * 4);
        spin();
        close(fd);
        spin();
    }
    g_assert_cmpuint(proxy_server_n_clients(fixture.server), ==, 0);
    fixture_clear(&fixture);
}

static void
test_large_call(void)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    gsize size = 3 * 1024 * 1024;
    g_autofree char *xml = g_malloc(size + 4);
    memset(xml, 'x', size + 4);
    *(guint32 *)(gpointer)xml = GUINT32_TO_BE(size);
    send_call(fd, PROXY_PROC_DOMAIN_DEFINE_XML, 1, xml, size + 4);
    while (fixture.held->len == 0)
        g_main_context_iteration(NULL, TRUE);
    ProxyRequest *request = fixture.held->pdata[0];
    g_autoptr(GVariant) text = g_variant_get_child_value(proxy_request_args(request), 0);
    g_assert_cmpuint(strlen(g_variant_get_string(text, NULL)), ==, size);
    proxy_request_reply(
        request, g_variant_new("(@(sayi))",
                               g_variant_new_parsed(
                                   "('x', [byte 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], -1)")));
    assert_reply(fd, 1);
    close(fd);
    fixture_clear(&fixture);
}

static void
hold(Fixture *fixture, int fd, guint32 first, guint32 count)
{
    for (guint32 i = 0; i < count; i++)
        send_call(fd, PROXY_PROC_DOMAIN_GET_INFO, first + i, domain_wire, DOMAIN_SIZE);
    spin();
}

static void
answer_held(Fixture *fixture, guint index)
{
    ProxyRequest *request = fixture->held->pdata[index];
    proxy_request_reply(request, g_variant_new("(yttqt)", 1, G_GUINT64_CONSTANT(2),
                                               G_GUINT64_CONSTANT(3), 4, G_GUINT64_CONSTANT(5)));
    g_ptr_array_remove_index(fixture->held, index);
    spin();
}

/* several calls at a time, answered in any order; more wait, those of high priority pass */
static void
test_parallel(void)
{
    Fixture fixture;
    ProxyHeader ping = {PROXY_PROGRAM_KEEPALIVE, 1, PROXY_PROC_KEEPALIVE_PING,
                        VIR_NET_MESSAGE,         0, 0};
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    hold(&fixture, fd, 1, 8);
    g_assert_cmpuint(fixture.held->len, ==, 5);
    send_call(fd, HOSTNAME, 20, NULL, 0);
    assert_reply(fd, 20);
    send_message(fd, &ping, NULL, 0);
    g_autoptr(Message) pong = receive_message(fd);
    g_assert_cmpuint(pong->header.program, ==, PROXY_PROGRAM_KEEPALIVE);
    g_assert_cmpint(pong->header.procedure, ==, PROXY_PROC_KEEPALIVE_PONG);
    g_assert_cmpuint(pong->header.type, ==, VIR_NET_MESSAGE);
    answer_held(&fixture, 4);
    assert_reply(fd, 5);
    g_assert_cmpuint(fixture.held->len, ==, 5);
    answer_held(&fixture, 0);
    assert_reply(fd, 1);
    g_assert_cmpuint(fixture.held->len, ==, 5);
    while (fixture.held->len)
        answer_held(&fixture, 0);
    for (guint32 serial = 2; serial <= 8; serial++) {
        if (serial != 5)
            assert_reply(fd, serial);
    }
    close(fd);
    fixture_clear(&fixture);
}

/* a client that sends calls without end is not read without end */
static void
test_flood(void)
{
    Fixture fixture;
    ProxyHeader header = {PROXY_PROGRAM_REMOTE, 1, PROXY_PROC_DOMAIN_GET_INFO, VIR_NET_CALL, 1, 0};
    g_autoptr(GByteArray) call = message_bytes(&header, domain_wire, DOMAIN_SIZE);
    guint sent = 0;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    while (sent < 100000 && send(fd, call->data, call->len, MSG_NOSIGNAL) == (gssize)call->len) {
        sent++;
        if (sent % 100 == 0)
            spin();
    }
    spin();
    g_assert_cmpuint(sent, <, 100000);
    ProxyClient *client = fixture.server->clients.head->data;
    g_assert_cmpuint(client->n_requests, ==, 5);
    g_assert_cmpuint(client->deferred.length, ==, 256);
    g_assert_cmpuint(client->in->len, <=, PROXY_INBOX_SIZE);
    for (guint i = 0; i < sent && fixture.held->len; i++) {
        answer_held(&fixture, 0);
        assert_reply(fd, 1);
    }
    g_assert_cmpuint(fixture.names->len, >=, sent);
    close(fd);
    spin();
    g_assert_cmpuint(fixture.n_gone, ==, 1);
    fixture_clear(&fixture);
}

static void
test_authentication(void)
{
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, TRUE);
    send_call(fd, HOSTNAME, 1, NULL, 0);
    assert_error(fd, 1, VIR_ERR_RPC, "authentication required");
    send_call(fd, PROXY_PROC_AUTH_LIST, 2, NULL, 0);
    g_autoptr(Message) list = receive_message(fd);
    g_assert_cmpmem(list->payload, list->payload_size, "\0\0\0\1\0\0\0\2", 8);
    send_call(fd, PROXY_PROC_AUTH_POLKIT, 3, NULL, 0);
    spin();
    vb_error_set(&error, VIR_ERR_AUTH_UNAVAILABLE, "no polkit agent available");
    proxy_request_fail(fixture.held->pdata[0], error);
    assert_error(fd, 3, VIR_ERR_AUTH_UNAVAILABLE, error->message);
    send_call(fd, HOSTNAME, 4, NULL, 0);
    assert_error(fd, 4, VIR_ERR_RPC, "authentication required");
    send_call(fd, PROXY_PROC_AUTH_POLKIT, 5, NULL, 0);
    spin();
    g_assert_cmpuint(fixture.server->n_anonymous, ==, 1);
    proxy_client_set_authenticated(proxy_request_client(fixture.held->pdata[1]));
    proxy_request_reply(fixture.held->pdata[1], g_variant_new("(i)", 1));
    assert_reply(fd, 5);
    g_assert_cmpuint(fixture.server->n_anonymous, ==, 0);
    send_call(fd, HOSTNAME, 6, NULL, 0);
    assert_reply(fd, 6);
    send_call(fd, PROXY_PROC_AUTH_LIST, 7, NULL, 0);
    g_autoptr(Message) none = receive_message(fd);
    g_assert_cmpmem(none->payload, none->payload_size, "\0\0\0\1\0\0\0\0", 8);
    send_call(fd, PROXY_PROC_AUTH_POLKIT, 8, NULL, 0);
    assert_error(fd, 8, VIR_ERR_AUTH_FAILED, "authentication failed: authentication failed");
    close(fd);
    int large = fixture_connect(&fixture, FALSE, TRUE);
    send_raw(large, "\0\1\0\1", 4);
    assert_closed(large);
    close(large);
    fixture_clear(&fixture);
}

static void
test_connect_close(void)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    send_call(fd, PROXY_PROC_CONNECT_CLOSE, 1, NULL, 0);
    send_call(fd, HOSTNAME, 2, NULL, 0);
    assert_reply(fd, 1);
    assert_closed(fd);
    g_assert_cmpuint(fixture.names->len, ==, 1);
    close(fd);
    fixture_clear(&fixture);
}

static GVariant *
monitor_event(gsize size)
{
    g_autofree char *details = g_strnfill(size, 'x');
    GVariant *domain =
        g_variant_new_parsed("('x', [byte 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], 3)");
    return g_variant_new("(i@(sayi)sxums)", 1, domain, "RTC_CHANGE", G_GINT64_CONSTANT(1), 2,
                         details);
}

/* events arrive in order; a client that never reads is closed and leaves the others alone */
static void
test_events(void)
{
    Fixture fixture;
    const ProxyProcedure *event = proxy_procedure_by_name("QEMU:DOMAIN_MONITOR_EVENT");
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    int deaf = fixture_connect(&fixture, FALSE, FALSE);
    ProxyClient *hearing = fixture.server->clients.head->data;
    ProxyClient *not_reading = fixture.server->clients.tail->data;
    for (guint i = 0; i < 100 && fixture.n_gone == 0; i++) {
        proxy_client_send_event(not_reading, event, monitor_event(100000));
        proxy_client_send_event(hearing, event, monitor_event(i));
        spin();
    }
    g_assert_cmpuint(fixture.n_gone, ==, 1);
    for (guint i = 0; i < 40; i++) {
        g_autoptr(Message) message = receive_message(fd);
        g_assert_cmpuint(message->header.type, ==, VIR_NET_MESSAGE);
        g_autoptr(GVariant) value =
            proxy_codec_decode(event->args, message->payload, message->payload_size, NULL);
        g_autoptr(GVariant) expected = g_variant_ref_sink(monitor_event(i));
        g_assert_cmpvariant(value, expected);
    }
    close(fd);
    close(deaf);
    fixture_clear(&fixture);
}

/* replies pile up to the limit only: then the client's further calls wait */
static void
test_client_does_not_read(void)
{
    Fixture fixture;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');
    for (guint32 serial = 1; serial <= 20; serial++)
        send_call(fd, PROXY_PROC_CONNECT_GET_CAPABILITIES, serial, NULL, 0);
    spin();
    ProxyClient *client = fixture.server->clients.head->data;
    guint answered = 0;
    while (fixture.held->len) {
        proxy_request_reply(fixture.held->pdata[0], g_variant_new("(s)", text));
        g_ptr_array_remove_index(fixture.held, 0);
        answered++;
        spin();
    }
    g_assert_cmpuint(answered, <, 20);
    g_assert_cmpuint(client->out.size, <, 11 * 1024 * 1024);
    for (guint32 serial = 1; serial <= 20; serial++) {
        assert_reply(fd, serial);
        while (fixture.held->len) {
            proxy_request_reply(fixture.held->pdata[0], g_variant_new("(s)", text));
            g_ptr_array_remove_index(fixture.held, 0);
            spin();
        }
    }
    close(fd);
    fixture_clear(&fixture);
}

static void
test_keepalive(void)
{
    Fixture fixture;
    ProxyLimits limits = proxy_limits_default;
    limits.keepalive_interval_s = 1;
    limits.keepalive_count = 1;
    fixture_init(&fixture, &limits);
    fixture.server->second_ms = 20;
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    int quiet = fixture_connect(&fixture, FALSE, FALSE);
    send_call(fd, PROXY_PROC_CONNECT_SUPPORTS_FEATURE, 1, "\0\0\0\12", 4);
    g_autoptr(Message) reply = receive_message(fd);
    g_assert_cmpuint(message_word(reply, 0), ==, 1);
    g_autoptr(Message) ping = receive_message(fd);
    g_assert_cmpuint(ping->header.program, ==, PROXY_PROGRAM_KEEPALIVE);
    g_assert_cmpint(ping->header.procedure, ==, PROXY_PROC_KEEPALIVE_PING);
    assert_closed(fd);
    g_assert_cmpuint(proxy_server_n_clients(fixture.server), ==, 1);
    close(fd);
    close(quiet);
    fixture_clear(&fixture);
}

/* one byte, and @n descriptors with it */
static void
send_fds(int fd, guint n)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * 100)];
    } control = {0};
    struct iovec iov = {(char[]){'x'}, 1};
    const gsize size = sizeof(int) * n;
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (guint i = 0; i < n; i++)
        memcpy(CMSG_DATA(header) + sizeof fd * i, &fd, sizeof fd);
    g_assert_cmpint(sendmsg(fd, &message, 0), ==, 1);
}

/* a peer's descriptors are taken up to a limit, per message and in all; none is lost sight of */
static void
test_input(void)
{
    static const struct {
        guint n[3], n_taken;
        gssize last;
    } rows[] = {
        {{1, 2, 3}, 6, 1},
        {{32, 32}, 64, 1},
        {{32, 32, 1}, 65, -1},
        {{33}, 32, -1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        int pair[2];
        guint8 byte;
        g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
        g_assert_cmpint(proxy_input_receive(pair[0], &byte, 1, fds), ==, 0);
        gssize last = 0;
        for (guint j = 0; j < G_N_ELEMENTS(rows[i].n) && rows[i].n[j]; j++) {
            send_fds(pair[1], rows[i].n[j]);
            last = proxy_input_receive(pair[0], &byte, 1, fds);
        }
        g_assert_cmpint(last, ==, rows[i].last);
        g_assert_cmpuint(fds->len, ==, rows[i].n_taken);
        for (guint j = 0; j < fds->len; j++)
            g_assert_no_errno(close(g_array_index(fds, int, j)));
        close(pair[1]);
        g_assert_cmpint(proxy_input_receive(pair[0], &byte, 1, fds), ==, -1);
        close(pair[0]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR |
                           G_LOG_LEVEL_CRITICAL); /* some tests provoke warnings */
    g_test_add_func("/rpc/input", test_input);
    g_test_add_func("/rpc/call", test_call);
    g_test_add_func("/rpc/protocol-errors", test_protocol_errors);
    g_test_add_func("/rpc/error-parts", test_error_parts);
    g_test_add_func("/rpc/error-domains", test_error_domains);
    g_test_add_func("/rpc/bad-frames", test_bad_frames);
    g_test_add_func("/rpc/cuts", test_cuts);
    g_test_add_func("/rpc/random-bytes", test_random_bytes);
    g_test_add_func("/rpc/large-call", test_large_call);
    g_test_add_func("/rpc/parallel", test_parallel);
    g_test_add_func("/rpc/flood", test_flood);
    g_test_add_func("/rpc/authentication", test_authentication);
    g_test_add_func("/rpc/connect-close", test_connect_close);
    g_test_add_func("/rpc/events", test_events);
    g_test_add_func("/rpc/client-does-not-read", test_client_does_not_read);
    g_test_add_func("/rpc/keepalive", test_keepalive);
    return g_test_run();
}
