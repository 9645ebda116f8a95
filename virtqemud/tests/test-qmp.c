/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP client against a scripted emulator on a socket pair: order, time-outs, events, descriptors, broken peers. */
#include "qmp.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7}},\"capabilities\":[]}}\r\n"

typedef struct {
    QemuQmp *qmp;
    int peer;
    GString *story; /* what the callbacks saw */
    gboolean frees_on_event;
} Fixture;

static void
on_ready(QemuQmp *qmp, const VbJson *greeting, gpointer data)
{
    Fixture *fixture = data;
    const VbJson *major = vb_json_get_path(greeting, "version/qemu/major");
    g_string_append_printf(fixture->story, "ready%d ", (int)vb_json_as_int(major, 0));
}

static void
on_event(QemuQmp *qmp, const char *name, const VbJson *event_data, gint64 time_us, gpointer data)
{
    Fixture *fixture = data;
    g_string_append_printf(fixture->story, "%s@%" G_GINT64_FORMAT " ", name, time_us);
    if (fixture->frees_on_event)
        g_clear_pointer(&fixture->qmp, qemu_qmp_free);
}

static void
on_closed(QemuQmp *qmp, const GError *reason, gpointer data)
{
    Fixture *fixture = data;
    g_string_append_printf(fixture->story, "closed(%s) ", reason->message);
}

static void
on_done(const VbJson *result, const GError *error, gpointer data)
{
    Fixture *fixture = data;
    g_autofree char *text = result ? vb_json_to_string(result) : NULL;
    if (error)
        g_string_append_printf(fixture->story, "error%d(%s) ", error->code, error->message);
    else
        g_string_append_printf(fixture->story, "%s ", text);
}

static void
setup(Fixture *fixture, gconstpointer data)
{
    static const QemuQmpHandlers handlers = {on_ready, on_event, on_closed};
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    fixture->peer = pair[1];
    fixture->story = g_string_new(NULL);
    fixture->qmp = qemu_qmp_new(pair[0], &handlers, fixture);
}

static void
teardown(Fixture *fixture, gconstpointer data)
{
    qemu_qmp_free(fixture->qmp);
    close(fixture->peer);
    g_string_free(fixture->story, TRUE);
}

static void
say(Fixture *fixture, const char *text)
{
    g_assert_cmpint(write(fixture->peer, text, strlen(text)), ==, (gssize)strlen(text));
}

static void
run_until(Fixture *fixture, const char *end)
{
    gint64 deadline = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
    while (!strstr(fixture->story->str, end)) {
        if (g_get_monotonic_time() > deadline)
            g_error("waited for \"%s\", have \"%s\"", end, fixture->story->str);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
expect_sent(Fixture *fixture, const char *expected)
{
    char buffer[512];
    gsize have = 0;
    while (have < strlen(expected)) {
        gssize n = read(fixture->peer, buffer + have, sizeof buffer - have - 1);
        g_assert_cmpint(n, >, 0);
        have += (gsize)n;
    }
    buffer[have] = '\0';
    g_assert_cmpstr(buffer, ==, expected);
}

static void
test_order(Fixture *fixture, gconstpointer data)
{
    qemu_qmp_execute(fixture->qmp, "one", NULL, 0, on_done, fixture);
    qemu_qmp_execute(fixture->qmp, "two", "{\"a\":1}", 0, on_done, fixture);
    g_assert_false(qemu_qmp_is_ready(fixture->qmp));
    say(fixture, GREETING);
    run_until(fixture, "ready7 ");
    expect_sent(fixture, "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"one\",\"id\":1}"
                         "{\"execute\":\"two\",\"arguments\":{\"a\":1},\"id\":2}");
    say(fixture, "{\"return\": {}}\r\n{\"return\": \"second\", \"id\": 2}\r\n{\"id\": 77, "
                 "\"return\": {}}\r\n{\"error\":");
    say(fixture, "{\"class\":\"GenericError\",\"desc\":\"no such thing\"},\"id\":1}\r\n");
    run_until(fixture, "thing");
    g_assert_cmpstr(fixture->story->str, ==,
                    "ready7 \"second\" error9(operation failed: no such thing) ");
    g_assert_cmpuint(qemu_qmp_get_n_pending(fixture->qmp), ==, 0);
}

static void
test_event(Fixture *fixture, gconstpointer data)
{
    say(fixture, GREETING
        "{\"timestamp\": {\"seconds\": 12, \"microseconds\": 345}, \"event\": \"STOP\"}\r\n");
    run_until(fixture, "STOP@12000345 ");
    fixture->frees_on_event = TRUE;
    qemu_qmp_execute(fixture->qmp, "pending", NULL, 0, on_done, fixture);
    say(fixture, "{\"event\": \"RESUME\"}\r\n{\"event\": \"NEVER\"}\r\n");
    run_until(fixture, "error9(operation failed: the monitor was closed) ");
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_null(strstr(fixture->story->str, "NEVER"));
    g_assert_null(fixture->qmp);
}

static void
test_timeout(Fixture *fixture, gconstpointer data)
{
    say(fixture, GREETING);
    qemu_qmp_execute(fixture->qmp, "slow", NULL, 5, on_done, fixture);
    run_until(fixture, "error68");
    g_assert_true(qemu_qmp_is_stalled(fixture->qmp));
    say(fixture, "{\"return\": \"too late\", \"id\": 1}\r\n{\"event\": \"X\"}\r\n");
    run_until(fixture, "X@");
    g_assert_false(qemu_qmp_is_stalled(fixture->qmp));
    g_assert_null(strstr(fixture->story->str, "too late"));
}

static void
test_closed(Fixture *fixture, gconstpointer data)
{
    qemu_qmp_execute(fixture->qmp, "waiting", NULL, 0, on_done, fixture);
    say(fixture, GREETING);
    run_until(fixture, "ready");
    shutdown(fixture->peer, SHUT_RDWR);
    run_until(fixture, "closed(");
    g_assert_cmpstr(fixture->story->str, ==,
                    "ready7 error9(operation failed: End of file from qemu monitor) "
                    "closed(operation failed: End of file from qemu monitor) ");
    qemu_qmp_execute(fixture->qmp, "afterwards", NULL, 0, on_done, fixture);
    g_string_truncate(fixture->story, 0);
    run_until(fixture, "error9");
}

static void
test_garbage(Fixture *fixture, gconstpointer data)
{
    say(fixture, "SSH-2.0-OpenSSH\r\n");
    run_until(fixture, "closed(");
    g_assert_nonnull(strstr(fixture->story->str, "no QMP"));
}

static void
test_descriptor(Fixture *fixture, gconstpointer data)
{
    int pair[2];
    char byte = 0;
    union {
        char buffer[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char text[128];
    struct iovec iov = {text, sizeof text};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buffer,
                             .msg_controllen = sizeof control.buffer};
    g_assert_cmpint(pipe(pair), ==, 0);
    say(fixture, GREETING);
    run_until(fixture, "ready");
    expect_sent(fixture, "{\"execute\":\"qmp_capabilities\"}");
    QemuQmpRequest request = {.command = "getfd", .arguments = "{\"fdname\":\"f\"}", .fd = pair[1]};
    qemu_qmp_execute_request(fixture->qmp, &request, on_done, fixture);
    close(pair[1]);
    g_assert_cmpint(recvmsg(fixture->peer, &message, 0), >, 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    g_assert_nonnull(header);
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    g_assert_cmpint(write(fd, "x", 1), ==, 1);
    close(fd);
    g_assert_cmpint(read(pair[0], &byte, 1), ==, 1);
    g_assert_cmpint(read(pair[0], &byte, 1), ==, 0); /* our duplicate is closed */
    close(pair[0]);
}

static void
test_raw(Fixture *fixture, gconstpointer data)
{
    g_autoptr(VbJson) command = vb_json_parse("{\"execute\":\"x\",\"id\":\"mine\"}", -1, NULL);
    say(fixture, GREETING);
    run_until(fixture, "ready");
    expect_sent(fixture, "{\"execute\":\"qmp_capabilities\"}");
    qemu_qmp_execute_raw(fixture->qmp, command, -1, 0, on_done, fixture);
    expect_sent(fixture, "{\"execute\":\"x\",\"id\":1}");
    say(fixture, "{\"error\":{\"class\":\"C\",\"desc\":\"D\"},\"id\":1}\n");
    run_until(fixture, "{\"error\":{\"class\":\"C\",\"desc\":\"D\"},\"id\":1} ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/qmp/order", Fixture, NULL, setup, test_order, teardown);
    g_test_add("/qmp/event", Fixture, NULL, setup, test_event, teardown);
    g_test_add("/qmp/timeout", Fixture, NULL, setup, test_timeout, teardown);
    g_test_add("/qmp/closed", Fixture, NULL, setup, test_closed, teardown);
    g_test_add("/qmp/garbage", Fixture, NULL, setup, test_garbage, teardown);
    g_test_add("/qmp/descriptor", Fixture, NULL, setup, test_descriptor, teardown);
    g_test_add("/qmp/raw", Fixture, NULL, setup, test_raw, teardown);
    return g_test_run();
}
