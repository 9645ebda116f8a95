/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening: clients come in, the limits keep some waiting, patience with the unauthenticated ends. */
#include "rpc-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HOSTNAME PROXY_PROC_CONNECT_GET_HOSTNAME

typedef struct {
    Fixture fixture;
    char *folder;
    char *path;
} Listening;

static struct sockaddr_un
address(const char *path)
{
    struct sockaddr_un out = {.sun_family = AF_UNIX};
    g_strlcpy(out.sun_path, path, sizeof out.sun_path);
    return out;
}

static void
listening_init(Listening *listening, const ProxyLimits *limits, gboolean needs_polkit)
{
    g_autoptr(GError) error = NULL;
    listening->folder = g_dir_make_tmp("rpc.XXXXXX", &error);
    g_assert_no_error(error);
    listening->path = g_build_filename(listening->folder, "sock", NULL);
    struct sockaddr_un name = address(listening->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_no_errno(bind(fd, (struct sockaddr *)&name, sizeof name));
    g_assert_no_errno(listen(fd, 10));
    fixture_init(&listening->fixture, limits);
    g_assert_true(
        proxy_server_listen(listening->fixture.server, fd, "sock", FALSE, needs_polkit, &error));
    g_assert_no_error(error);
}

static void
listening_clear(Listening *listening)
{
    fixture_clear(&listening->fixture);
    g_unlink(listening->path);
    g_rmdir(listening->folder);
    g_free(listening->path);
    g_free(listening->folder);
}

static int
connect_to(const Listening *listening)
{
    struct sockaddr_un name = address(listening->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_no_errno(connect(fd, (struct sockaddr *)&name, sizeof name));
    return fd;
}

static void
test_accept(void)
{
    Listening listening;
    listening_init(&listening, NULL, TRUE);
    listening.fixture.server->asks_root = FALSE;
    int fd = connect_to(&listening);
    if (geteuid() == 0) { /* who is not asked */
        send_call(fd, HOSTNAME, 1, NULL, 0);
        assert_reply(fd, 1);
    }
    spin();
    ProxyClient *client = listening.fixture.server->clients.head->data;
    g_assert_cmpuint(proxy_client_uid(client), ==, getuid());
    g_assert_cmpint(proxy_client_pid(client), ==, getpid());
    close(fd);
    listening_clear(&listening);
}

/* clients above the limit wait at the door until one leaves */
static void
test_max_clients(void)
{
    Listening listening;
    ProxyLimits limits = proxy_limits_default;
    limits.max_clients = 2;
    listening_init(&listening, &limits, FALSE);
    int fds[4];
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = connect_to(&listening);
        send_call(fds[i], HOSTNAME, i, NULL, 0);
        spin();
    }
    g_assert_cmpuint(proxy_server_n_clients(listening.fixture.server), ==, 2);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        assert_reply(fds[i], i);
        close(fds[i]);
        spin();
    }
    g_assert_cmpuint(proxy_server_n_clients(listening.fixture.server), ==, 0);
    g_assert_cmpuint(listening.fixture.n_gone, ==, 4);
    listening_clear(&listening);
}

/* the unauthenticated keep out their own kind only, and not for ever */
static void
test_anonymous(void)
{
    Listening listening;
    ProxyLimits limits = proxy_limits_default;
    limits.max_anonymous_clients = 2;
    listening_init(&listening, &limits, TRUE);
    ProxyServer *server = listening.fixture.server;
    server->second_ms = 1;
    int idle = fixture_connect(&listening.fixture, FALSE, TRUE);
    int asking = fixture_connect(&listening.fixture, FALSE, TRUE);
    proxy_server_update(server);
    send_call(asking, PROXY_PROC_AUTH_POLKIT, 1, NULL, 0);
    int waiting = connect_to(&listening);
    spin();
    g_assert_cmpuint(server->clients.length, ==, 2);
    assert_closed(idle); /* after its time */
    spin();
    g_assert_cmpuint(server->clients.length, ==, 2);
    g_assert_cmpuint(listening.fixture.held->len, ==, 1);
    proxy_client_set_authenticated(proxy_request_client(listening.fixture.held->pdata[0]));
    proxy_request_reply(listening.fixture.held->pdata[0], g_variant_new("(i)", 1));
    assert_reply(asking, 1);
    close(idle);
    close(asking);
    close(waiting);
    spin();
    g_assert_cmpuint(server->clients.length, ==, 0);
    g_assert_cmpuint(server->n_anonymous, ==, 0);
    listening_clear(&listening);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/accept", test_accept);
    g_test_add_func("/server/max-clients", test_max_clients);
    g_test_add_func("/server/anonymous", test_anonymous);
    return g_test_run();
}
