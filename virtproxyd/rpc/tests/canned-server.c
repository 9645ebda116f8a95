/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The RPC server with a make-believe hypervisor behind it: one guest, whose console echoes, whose screen is a megabyte,
 * whose graphics say hello. For tests that put stock clients in front of the transport alone.
 *
 * usage: canned-server SOCKET [none|polkit] */
#include "rpc/rpc.h"

#include "base/error.h"
#include "proxy-protocol.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SCREEN_SIZE (1024 * 1024 + 17)
#define GUEST "('guest', [byte 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15], 1)"

typedef void (*AnswerFunc)(ProxyRequest *request, GVariant *args);

static GVariant *
guest(void)
{
    return g_variant_new_parsed(GUEST);
}

static void
answer_nothing(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request, NULL);
}

static void
answer_one(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request, g_variant_new("(i)", 1));
}

static void
answer_guest(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request, g_variant_new("(@(sayi))", guest()));
}

static void
answer_info(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request,
                        g_variant_new("(yttqt)", 1, (guint64)65536, (guint64)32768, 2, (guint64)5));
}

static void
answer_type(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request, g_variant_new("(s)", "QEMU"));
}

static void
answer_hostname(ProxyRequest *request, GVariant *args)
{
    proxy_request_reply(request, g_variant_new("(s)", g_get_host_name()));
}

static void
answer_capabilities(ProxyRequest *request, GVariant *args)
{
    g_autofree char *text = g_strnfill(20000, 'x');
    proxy_request_reply(request, g_variant_new("(s)", text));
}

/* @name: what is wrong with it comes back as the error's text */
static void
answer_lookup(ProxyRequest *request, GVariant *args)
{
    g_autoptr(GError) error = NULL;
    const char *name;
    g_variant_get(args, "(&s)", &name);
    if (g_str_equal(name, "guest")) {
        answer_guest(request, args);
        return;
    }
    vb_error_set(&error, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", name);
    proxy_request_fail(request, error);
}

/* the event of a change leaves before the change's reply */
static void
answer_suspend(ProxyRequest *request, GVariant *args)
{
    proxy_client_send_event(proxy_request_client(request),
                            proxy_procedure_by_name("DOMAIN_EVENT_CALLBACK_LIFECYCLE"),
                            g_variant_new("(i(@(sayi)ii))", 1, guest(), 3, 0));
    proxy_request_reply(request, NULL);
}

/* The guest's end of a console, in a thread of its own: it may have to wait until somebody reads. */
static gpointer
echo(gpointer data)
{
    const int fd = GPOINTER_TO_INT(data);
    char buffer[4096];
    gssize length;
    do {
        length = read(fd, buffer, sizeof buffer);
        if (length > 0 && memchr(buffer, '\4', (gsize)length)) /* ^D: the guest goes away */
            length = 0;
    } while (length > 0 && send(fd, buffer, (gsize)length, MSG_NOSIGNAL) == length);
    close(fd);
    return NULL;
}

static void
answer_console(ProxyRequest *request, GVariant *args)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    g_thread_unref(g_thread_new("echo", echo, GINT_TO_POINTER(pair[0])));
    proxy_request_reply_stream(request, NULL, pair[1], TRUE);
}

static void
answer_screenshot(ProxyRequest *request, GVariant *args)
{
    int fd = memfd_create("screen", MFD_CLOEXEC);
    g_autofree char *screen = g_malloc(SCREEN_SIZE);
    for (gsize i = 0; i < SCREEN_SIZE; i++)
        screen[i] = (char)(i * 7 % 251);
    if (fd >= 0 && write(fd, screen, SCREEN_SIZE) == SCREEN_SIZE && lseek(fd, 0, SEEK_SET) == 0)
        proxy_request_reply_stream(request, g_variant_new("(ms)", "image/x-test"), fd, FALSE);
}

static void
answer_graphics(ProxyRequest *request, GVariant *args)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    if (write(pair[0], "hello", 5) == 5)
        proxy_request_reply_fds(request, NULL, &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
}

/* writes to each descriptor that came with the call how many there were */
static void
answer_files(ProxyRequest *request, GVariant *args)
{
    guint n_fds;
    const int *fds = proxy_request_fds(request, &n_fds);
    for (guint i = 0; i < n_fds; i++)
        g_warn_if_fail(dprintf(fds[i], "%u of %u", i + 1, n_fds) > 0);
    answer_guest(request, args);
}

/* a call that takes long, for those that overtake it */
static gboolean
answer_late(gpointer data)
{
    ProxyRequest *request = data;
    proxy_request_reply(request, g_variant_new("(s)", "<domain/>"));
    proxy_request_unref(request);
    return G_SOURCE_REMOVE;
}

static void
answer_slowly(ProxyRequest *request, GVariant *args)
{
    g_timeout_add(300, answer_late, proxy_request_ref(request));
}

static const struct {
    const char *name;
    AnswerFunc answer;
} answers[] = {
    {"CONNECT_OPEN", answer_nothing},
    {"CONNECT_GET_TYPE", answer_type},
    {"CONNECT_GET_HOSTNAME", answer_hostname},
    {"CONNECT_GET_CAPABILITIES", answer_capabilities},
    {"CONNECT_CLOSE", answer_nothing},
    {"CONNECT_SUPPORTS_FEATURE", answer_one},
    {"CONNECT_REGISTER_CLOSE_CALLBACK", answer_nothing},
    {"CONNECT_UNREGISTER_CLOSE_CALLBACK", answer_nothing},
    {"CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", answer_one},
    {"CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", answer_nothing},
    {"DOMAIN_LOOKUP_BY_NAME", answer_lookup},
    {"DOMAIN_GET_INFO", answer_info},
    {"DOMAIN_GET_XML_DESC", answer_slowly},
    {"DOMAIN_SUSPEND", answer_suspend},
    {"DOMAIN_OPEN_CONSOLE", answer_console},
    {"DOMAIN_SCREENSHOT", answer_screenshot},
    {"DOMAIN_OPEN_GRAPHICS_FD", answer_graphics},
    {"DOMAIN_CREATE_WITH_FILES", answer_files},
};

static void
handle_call(ProxyRequest *request, gpointer data)
{
    const char *name = proxy_request_procedure(request)->name;
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        if (g_str_equal(answers[i].name, name)) {
            answers[i].answer(request, proxy_request_args(request));
            return;
        }
    }
    vb_error_set(&error, VIR_ERR_NO_SUPPORT, "%s", name);
    proxy_request_fail(request, error);
}

/* everybody is let in who asks */
static void
handle_authenticate(ProxyClient *client, ProxyRequest *request, gpointer data)
{
    proxy_client_set_authenticated(client);
    proxy_request_reply(request, g_variant_new("(i)", 1));
}

static const ProxyServerHandler handler = {
    .call = handle_call,
    .authenticate = handle_authenticate,
};

int
main(int argc, char **argv)
{
    g_autoptr(ProxyServer) server = proxy_server_new(NULL, &handler, NULL);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (argc < 2)
        return 2;
    g_strlcpy(address.sun_path, argv[1], sizeof address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 100) < 0) {
        perror(argv[1]);
        return 1;
    }
    if (!proxy_server_listen(server, fd, argv[1], FALSE, argc > 2 && g_str_equal(argv[2], "polkit"),
                             &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    g_main_loop_run(loop);
    return 0;
}
