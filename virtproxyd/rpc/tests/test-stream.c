/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: both directions, their ends, back-pressure. And descriptors that travel with messages. */
#include "rpc-fixture.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pty.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONSOLE PROXY_PROC_DOMAIN_OPEN_CONSOLE
#define SCREENSHOT PROXY_PROC_DOMAIN_SCREENSHOT
#define UPLOAD PROXY_PROC_STORAGE_VOL_UPLOAD

static const char console_wire[] = "\0\0\0\1x\0\0\0"
                                   "0123456789abcdef"
                                   "\377\377\377\377"
                                   "\0\0\0\0"
                                   "\0\0\0\0";
static const char screenshot_wire[] = "\0\0\0\1x\0\0\0"
                                      "0123456789abcdef"
                                      "\377\377\377\377"
                                      "\0\0\0\0"
                                      "\0\0\0\0";
static const char upload_wire[] = "\0\0\0\1p\0\0\0"
                                  "\0\0\0\1v\0\0\0"
                                  "\0\0\0\1k\0\0\0"
                                  "\0\0\0\0\0\0\0\0"
                                  "\0\0\0\0\0\0\0\0"
                                  "\0\0\0\0";

typedef struct {
    Fixture fixture;
    int fd;    /* the client's */
    int guest; /* the far end of the stream's descriptor */
} Console;

static void
open_stream(Console *console, int procedure, int stream_fd, const char *wire, gsize size)
{
    fixture_init(&console->fixture, NULL);
    console->fd = fixture_connect(&console->fixture, FALSE, FALSE);
    console->fixture.stream_fd = stream_fd;
    send_call(console->fd, procedure, 3, wire, size);
    assert_reply(console->fd, 3);
}

static void
open_pty(Console *console)
{
    int master, slave;
    struct termios raw;
    g_assert_no_errno(openpty(&master, &slave, NULL, NULL, NULL));
    g_assert_no_errno(tcgetattr(slave, &raw));
    cfmakeraw(&raw);
    g_assert_no_errno(tcsetattr(slave, TCSANOW, &raw));
    console->guest = master;
    open_stream(console, CONSOLE, slave, console_wire, sizeof console_wire - 1);
}

static void
open_socket(Console *console, int procedure, const char *wire, gsize size)
{
    int pair[2];
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    g_assert_true(g_unix_set_fd_nonblocking(pair[0], TRUE, NULL));
    console->guest = pair[0];
    open_stream(console, procedure, pair[1], wire, size);
}

static void
close_console(Console *console)
{
    close(console->fd);
    if (console->guest >= 0)
        close(console->guest);
    fixture_clear(&console->fixture);
}

static guint
n_streams(Console *console)
{
    spin();
    return ((ProxyClient *)console->fixture.server->clients.head->data)->streams->len;
}

static void
assert_packet(Console *console, guint32 status, const char *text)
{
    g_autoptr(Message) message = receive_message(console->fd);
    g_assert_cmpuint(message->header.type, ==, VIR_NET_STREAM);
    g_assert_cmpuint(message->header.serial, ==, 3);
    g_assert_cmpuint(message->header.status, ==, status);
    g_assert_cmpmem(message->payload, message->payload_size, text, strlen(text));
}

static void
assert_guest_reads(Console *console, const char *text)
{
    char buffer[64];
    g_assert_true(wait_readable(console->guest));
    gssize length = read(console->guest, buffer, sizeof buffer);
    g_assert_cmpmem(buffer, length, text, strlen(text));
}

static void
test_console(void)
{
    Console console;
    open_pty(&console);
    send_stream(console.fd, CONSOLE, 3, VIR_NET_CONTINUE, "ls\n", 3);
    assert_guest_reads(&console, "ls\n");
    g_assert_cmpint(write(console.guest, "bin etc\n", 8), ==, 8);
    assert_packet(&console, VIR_NET_CONTINUE, "bin etc\n");
    send_stream(console.fd, CONSOLE, 4, VIR_NET_CONTINUE, "other stream", 12);
    send_stream(console.fd, UPLOAD, 3, VIR_NET_CONTINUE, "other stream", 12);
    send_stream(console.fd, CONSOLE, 3, VIR_NET_OK, NULL, 0);
    assert_packet(&console, VIR_NET_OK, "");
    g_assert_cmpuint(n_streams(&console), ==, 0);
    char byte;
    g_assert_cmpint(read(console.guest, &byte, 1), <, 0);
    g_assert_cmpint(errno, ==, EIO);
    close_console(&console);
}

/* The guest goes away: a pseudoterminal says EIO, the client gets the end of the stream, and may still type. */
static void
test_console_hang_up(void)
{
    Console console;
    open_pty(&console);
    g_assert_cmpint(write(console.guest, "bye", 3), ==, 3);
    assert_packet(&console, VIR_NET_CONTINUE, "bye");
    close(console.guest);
    console.guest = -1;
    assert_packet(&console, VIR_NET_CONTINUE, "");
    send_stream(console.fd, CONSOLE, 3, VIR_NET_CONTINUE, "anyone?", 7);
    g_assert_cmpuint(n_streams(&console), ==, 1);
    send_stream(console.fd, CONSOLE, 3, VIR_NET_OK, NULL, 0);
    assert_packet(&console, VIR_NET_OK, "");
    g_assert_cmpuint(n_streams(&console), ==, 0);
    close_console(&console);
}

static void
test_abort(void)
{
    Console console;
    open_pty(&console);
    send_stream(console.fd, CONSOLE, 3, VIR_NET_ERROR, NULL, 0);
    assert_packet(&console, VIR_NET_OK, "");
    g_assert_cmpuint(n_streams(&console), ==, 0);
    send_stream(console.fd, CONSOLE, 3, VIR_NET_CONTINUE, "late", 4);
    send_call(console.fd, PROXY_PROC_CONNECT_GET_HOSTNAME, 5, NULL, 0);
    assert_reply(console.fd, 5);
    close_console(&console);
}

static void
test_hole(void)
{
    Console console;
    ProxyHeader hole = {PROXY_PROGRAM_REMOTE, 1, CONSOLE, VIR_NET_STREAM_HOLE, 3, VIR_NET_CONTINUE};
    open_pty(&console);
    send_message(console.fd, &hole, "\0\0\0\0\0\0\1\0\0\0\0\0", 12);
    assert_error(console.fd, 3, VIR_ERR_RPC, "unexpected stream hole");
    g_assert_cmpuint(n_streams(&console), ==, 0);
    close_console(&console);
}

/* the client goes: its descriptors are closed */
static void
test_client_gone(void)
{
    Console console;
    open_socket(&console, CONSOLE, console_wire, sizeof console_wire - 1);
    close(console.fd);
    spin();
    g_assert_cmpuint(console.fixture.n_gone, ==, 1);
    char byte;
    g_assert_cmpint(read(console.guest, &byte, 1), ==, 0);
    console.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close_console(&console);
}

static void
test_download(void)
{
    Console console;
    guint8 block[4096];
    gsize total = 0, size = 3 * 1024 * 1024;
    int file = memfd_create("screenshot", MFD_CLOEXEC);
    for (gsize i = 0; i < size; i += sizeof block) {
        memset(block, (int)(i / sizeof block), sizeof block);
        g_assert_cmpint(write(file, block, sizeof block), ==, sizeof block);
    }
    g_assert_cmpint(lseek(file, 0, SEEK_SET), ==, 0);
    console.guest = -1;
    open_stream(&console, SCREENSHOT, file, screenshot_wire, sizeof screenshot_wire - 1);
    for (;;) {
        g_autoptr(Message) message = receive_message(console.fd);
        g_assert_cmpuint(message->header.status, ==, VIR_NET_CONTINUE);
        if (message->payload_size == 0)
            break;
        for (gsize i = 0; i < message->payload_size; i++)
            g_assert_cmpuint(message->payload[i], ==, (guint8)((total + i) / sizeof block));
        total += message->payload_size;
    }
    g_assert_cmpuint(total, ==, size);
    send_stream(console.fd, SCREENSHOT, 3, VIR_NET_OK, NULL, 0);
    assert_packet(&console, VIR_NET_OK, "");
    close_console(&console);
}

/* A client that does not read: the descriptor is not read any more, and nothing is lost afterwards. */
static void
test_slow_client(void)
{
    Console console;
    guint8 block[4096];
    gsize written = 0, received = 0;
    open_socket(&console, CONSOLE, console_wire, sizeof console_wire - 1);
    ProxyClient *client = console.fixture.server->clients.head->data;
    for (guint idle = 0; idle < 3;) {
        memset(block, (int)(written / sizeof block), sizeof block);
        gssize length = write(console.guest, block, sizeof block);
        idle = length < 0 ? idle + 1 : 0;
        g_assert_cmpint(length, !=, 0);
        if (length > 0)
            written += (gsize)length;
        g_assert_cmpuint(written, <, 8 * 1024 * 1024);
        spin();
    }
    g_assert_cmpuint(client->out.size, <=, PROXY_STREAM_MAX_OUTGOING + PROXY_INBOX_SIZE + 100);
    shutdown(console.guest, SHUT_WR);
    for (;;) {
        g_autoptr(Message) message = receive_message(console.fd);
        if (message->payload_size == 0)
            break;
        g_assert_cmpuint(message->payload[0], ==, (guint8)(received / sizeof block));
        received += message->payload_size;
    }
    g_assert_cmpuint(received, ==, written);
    close_console(&console);
}

/* A descriptor that takes nothing: the client is not read any more; then all arrives, and finish waits for it. */
static void
test_slow_upload(void)
{
    Console console;
    ProxyHeader header = {PROXY_PROGRAM_REMOTE, 1, UPLOAD, VIR_NET_STREAM, 3, VIR_NET_CONTINUE};
    g_autofree guint8 *block = g_malloc0(32 * 1024);
    g_autoptr(GByteArray) packet = message_bytes(&header, block, 32 * 1024);
    g_autofree guint8 *sink = g_malloc(256 * 1024);
    gsize offset = 0, sent = 0, arrived = 0;
    open_socket(&console, UPLOAD, upload_wire, sizeof upload_wire - 1);
    ProxyClient *client = console.fixture.server->clients.head->data;
    for (guint idle = 0; idle < 3;) {
        gssize length = send(console.fd, packet->data + offset, packet->len - offset, MSG_NOSIGNAL);
        idle = length < 0 ? idle + 1 : 0;
        offset = length < 0 ? offset : (offset + (gsize)length) % packet->len;
        sent += length > 0 && offset == 0;
        g_assert_cmpuint(sent, <, 256);
        spin();
    }
    g_assert_true(proxy_client_is_paused(client));
    if (offset > 0) {
        while (arrived < 32 * 1024) { /* room for the rest of the packet */
            gssize length = read(console.guest, sink, 256 * 1024);
            arrived += length > 0 ? (gsize)length : 0;
            spin();
        }
        send_raw(console.fd, packet->data + offset, packet->len - offset);
        sent++;
    }
    header.status = VIR_NET_OK;
    for (gboolean is_finished = FALSE; arrived < sent * 32 * 1024;) {
        gssize length = read(console.guest, sink, 256 * 1024);
        arrived += length > 0 ? (gsize)length : 0;
        if (!is_finished && arrived > sent * 16 * 1024) {
            send_message(console.fd, &header, NULL, 0);
            is_finished = TRUE;
        }
        spin();
    }
    assert_packet(&console, VIR_NET_OK, "");
    g_assert_cmpint(read(console.guest, sink, 1), ==, 0);
    close_console(&console);
}

static void
test_upload_fails(void)
{
    Console console;
    console.guest = -1;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    open_stream(&console, UPLOAD, full, upload_wire, sizeof upload_wire - 1);
    send_stream(console.fd, UPLOAD, 3, VIR_NET_CONTINUE, "data", 4);
    assert_error(console.fd, 3, VIR_ERR_SYSTEM_ERROR,
                 "cannot write to stream: No space left on device");
    g_assert_cmpuint(n_streams(&console), ==, 0);
    close_console(&console);
}

static void
test_upload_hangs_up(void)
{
    Console console;
    int pipe_fds[2];
    console.guest = -1;
    g_assert_no_errno(pipe2(pipe_fds, O_CLOEXEC));
    open_stream(&console, UPLOAD, pipe_fds[1], upload_wire, sizeof upload_wire - 1);
    close(pipe_fds[0]);
    send_stream(console.fd, UPLOAD, 3, VIR_NET_CONTINUE, "data", 4);
    assert_error(console.fd, 3, VIR_ERR_SYSTEM_ERROR, "cannot write to stream: Broken pipe");
    close_console(&console);
}

static void
test_reply_fds(void)
{
    Fixture fixture;
    int pipe_fds[2];
    char byte;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    send_call(fd, PROXY_PROC_DOMAIN_OPEN_GRAPHICS_FD, 1, screenshot_wire,
              sizeof screenshot_wire - 1);
    spin();
    g_assert_no_errno(pipe2(pipe_fds, O_CLOEXEC));
    proxy_request_reply_fds(fixture.held->pdata[0], NULL, &pipe_fds[1], 1);
    close(pipe_fds[1]);
    g_autoptr(Message) reply = receive_message(fd);
    g_assert_cmpuint(reply->header.type, ==, VIR_NET_REPLY_WITH_FDS);
    g_assert_cmpuint(reply->payload_size, ==, 0);
    g_assert_cmpint(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), ==, 1);
    g_assert_cmpint(byte, ==, 0);
    int passed;
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    g_assert_cmpint(write(passed, "!", 1), ==, 1);
    g_assert_cmpint(read(pipe_fds[0], &byte, 1), ==, 1);
    close(passed);
    close(pipe_fds[0]);
    send_call(fd, PROXY_PROC_CONNECT_GET_HOSTNAME, 2, NULL, 0);
    assert_reply(fd, 2);
    close(fd);
    fixture_clear(&fixture);
}

/* @passed_fd rides on one byte of its own */
static void
send_fd(int fd, int passed_fd)
{
    ProxyOutput output = {0};
    proxy_output_add_fd(&output, passed_fd);
    g_assert_true(proxy_output_flush(&output, fd));
    g_assert_true(proxy_output_is_empty(&output));
}

static void
test_call_fds(void)
{
    Fixture fixture;
    int pipe_fds[2];
    ProxyHeader header = {PROXY_PROGRAM_REMOTE,  1, PROXY_PROC_DOMAIN_CREATE_WITH_FILES,
                          VIR_NET_CALL_WITH_FDS, 1, VIR_NET_OK};
    g_autoptr(GByteArray) payload = g_byte_array_new();
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, FALSE);
    g_assert_no_errno(pipe2(pipe_fds, O_CLOEXEC));
    g_byte_array_append(payload, (const guint8 *)"\0\0\0\2", 4);
    g_byte_array_append(payload, (const guint8 *)screenshot_wire, 32);
    send_message(fd, &header, payload->data, payload->len);
    spin();
    send_fd(fd, pipe_fds[1]);
    spin();
    g_assert_cmpuint(fixture.held->len, ==, 0);
    send_fd(fd, open("/dev/null", O_RDONLY | O_CLOEXEC));
    send_call(fd, PROXY_PROC_CONNECT_GET_HOSTNAME, 2, NULL, 0);
    assert_reply(fd, 2);
    g_assert_cmpuint(fixture.held->len, ==, 1);
    guint n_fds;
    const int *fds = proxy_request_fds(fixture.held->pdata[0], &n_fds);
    g_assert_cmpuint(n_fds, ==, 2);
    g_assert_cmpint(write(fds[0], "!", 1), ==, 1);
    proxy_request_reply(fixture.held->pdata[0],
                        g_variant_new_parsed(
                            "(('x', [byte 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], 1),)"));
    assert_reply(fd, 1);
    g_ptr_array_set_size(fixture.held, 0);
    char bytes[2];
    g_assert_cmpint(read(pipe_fds[0], bytes, 2), ==, 1);
    g_assert_cmpint(read(pipe_fds[0], bytes, 2), ==, 0);  /* closed with the request */
    send_fd(fd, open("/dev/null", O_RDONLY | O_CLOEXEC)); /* announced by nothing */
    send_call(fd, PROXY_PROC_CONNECT_GET_HOSTNAME, 3, NULL, 0);
    assert_closed(fd);
    close(fd);
    close(pipe_fds[0]);
    fixture_clear(&fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/console", test_console);
    g_test_add_func("/stream/console-hang-up", test_console_hang_up);
    g_test_add_func("/stream/abort", test_abort);
    g_test_add_func("/stream/hole", test_hole);
    g_test_add_func("/stream/client-gone", test_client_gone);
    g_test_add_func("/stream/download", test_download);
    g_test_add_func("/stream/slow-client", test_slow_client);
    g_test_add_func("/stream/slow-upload", test_slow_upload);
    g_test_add_func("/stream/upload-fails", test_upload_fails);
    g_test_add_func("/stream/upload-hangs-up", test_upload_hangs_up);
    g_test_add_func("/stream/reply-fds", test_reply_fds);
    g_test_add_func("/stream/call-fds", test_call_fds);
    return g_test_run();
}
