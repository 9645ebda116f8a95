/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server, seen from a client's socket: the first byte says who the client is and in which pieces the rest arrives.
 * Calls and streams are answered by the fixture; what it holds is answered when the client has said everything. */
#include "rpc-fixture.h"

#include "base/error.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
answer_all(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_NO_SUPPORT, "%s", "");
    for (guint i = 0; i < fixture->held->len; i++)
        proxy_request_fail(fixture->held->pdata[i], error);
    g_ptr_array_set_size(fixture->held, 0);
}

static GLogWriterOutput
no_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    return G_LOG_WRITER_HANDLED;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static gboolean is_silent;
    Fixture fixture;
    int pair[2];
    if (size < 1)
        return 0;
    if (!is_silent)
        g_log_set_writer_func(no_log, NULL, NULL);
    is_silent = TRUE;
    fixture_init(&fixture, NULL);
    int fd = fixture_connect(&fixture, FALSE, data[0] & 1);
    gsize piece = data[0] & 2 ? size : 1 + (data[0] >> 2);
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    fixture.stream_fd = pair[0];
    for (gsize at = 1; at < size && fixture.n_gone == 0; at += piece) {
        if (send(fd, data + at, MIN(piece, size - at), MSG_NOSIGNAL) < 0)
            break;
        spin();
    }
    answer_all(&fixture);
    spin();
    answer_all(&fixture);
    close(fd);
    spin();
    g_assert_cmpuint(fixture.n_gone, ==, 1);
    answer_all(&fixture);
    if (fixture.stream_fd >= 0)
        close(fixture.stream_fd);
    close(pair[1]);
    fixture_clear(&fixture);
    return 0;
}
