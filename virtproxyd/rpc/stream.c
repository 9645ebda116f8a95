/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: pumps between a descriptor and a client's stream packets, both ways, with bounded buffers. Owns the
 * descriptor. When the client does not read, the descriptor is not read; when the descriptor does not take the client's
 * bytes, the client is not read.
 *
 * The end, as libvirt's clients expect it:
 *   end of file on the descriptor   an empty packet; the stream stays until the client finishes or aborts it
 *   client finishes (OK)            what it sent is written out, then OK goes back
 *   client aborts (ERROR)           OK goes back
 *   descriptor fails                an error packet, and the stream is gone
 * Packets for a stream that is gone are ignored: they were on their way. */
#include "rpc/private.h"

#include "base/error.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

struct _ProxyStream {
    ProxyClient *client;
    ProxyHeader header;
    ProxyStreamDirection direction;
    int fd; /* -1: hung up */
    ProxyWatch *watch;
    GByteArray *pending; /* from the client, not yet written */
    gboolean is_at_end;  /* nothing more to read */
    gboolean is_finishing;
};

void
proxy_stream_free(ProxyStream *stream)
{
    proxy_watch_free(stream->watch);
    if (stream->fd >= 0)
        close(stream->fd);
    g_byte_array_unref(stream->pending);
    g_free(stream);
}

static void
update(ProxyStream *stream)
{
    GIOCondition condition = 0;
    if (stream->fd < 0)
        return;
    if (stream->direction & PROXY_STREAM_FROM_FD && !stream->is_at_end &&
        stream->client->out.size <= PROXY_STREAM_MAX_OUTGOING)
        condition |= G_IO_IN;
    if (stream->pending->len > 0)
        condition |= G_IO_OUT;
    proxy_watch_set(stream->watch, condition);
}

static void
drop_fd(ProxyStream *stream)
{
    g_clear_pointer(&stream->watch, proxy_watch_free);
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
    g_byte_array_set_size(stream->pending, 0);
}

/* sends a packet of @length bytes, which follow PROXY_ENVELOPE_SIZE bytes of room in @buffer */
static void
send_packet(ProxyStream *stream, guint32 status, guint8 *buffer, gsize length)
{
    ProxyHeader header = stream->header;
    header.status = status;
    proxy_header_write(&header, PROXY_ENVELOPE_SIZE + length, buffer);
    proxy_client_send_bytes(stream->client, buffer, PROXY_ENVELOPE_SIZE + length);
}

static void
send_empty(ProxyStream *stream, guint32 status)
{
    guint8 envelope[PROXY_ENVELOPE_SIZE];
    send_packet(stream, status, envelope, 0);
}

static void
remove_stream(ProxyStream *stream)
{
    ProxyClient *client = stream->client;
    g_ptr_array_remove_fast(client->streams, stream);
    proxy_client_update(client);
}

static void
fail(ProxyStream *stream, const GError *error, int domain)
{
    proxy_send_error(stream->client, &stream->header, error, domain);
    remove_stream(stream);
}

static void
fail_errno(ProxyStream *stream, int errsv, const char *what)
{
    g_autoptr(GError) error = NULL;
    vb_error_set_errno(&error, errsv, "%s", what);
    fail(stream, error, VIR_FROM_STREAMS);
}

/* A pseudoterminal reports EIO when its other side is closed; sockets and pipes EPIPE or ECONNRESET. */
static gboolean
is_hang_up(int errsv)
{
    return errsv == EIO || errsv == EPIPE || errsv == ECONNRESET;
}

static void
finish_if_flushed(ProxyStream *stream)
{
    if (!stream->is_finishing || stream->pending->len > 0)
        return;
    drop_fd(stream);
    send_empty(stream, VIR_NET_OK);
    remove_stream(stream);
}

/* Returns: FALSE when the stream is gone */
static gboolean
write_pending(ProxyStream *stream)
{
    GByteArray *pending = stream->pending;
    gsize done = 0;
    while (done < pending->len) {
        gssize written = write(stream->fd, pending->data + done, pending->len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0 && is_hang_up(errno) && stream->direction == PROXY_STREAM_DUPLEX) {
            done = pending->len; /* nobody is there to read it; the reading side sees the end */
            break;
        }
        if (written < 0) {
            fail_errno(stream, errno, "cannot write to stream");
            return FALSE;
        }
        done += (gsize)written;
    }
    if (done > 0)
        g_byte_array_remove_range(pending, 0, (guint)done);
    return TRUE;
}

static void
end_reading(ProxyStream *stream, gboolean has_hung_up)
{
    stream->is_at_end = TRUE;
    send_empty(stream, VIR_NET_CONTINUE);
    if (has_hung_up || stream->direction == PROXY_STREAM_FROM_FD)
        drop_fd(stream);
}

/* Returns: FALSE when the stream is gone */
static gboolean
read_some(ProxyStream *stream)
{
    guint8 *buffer = stream->client->server->inbox;
    gssize length = read(stream->fd, buffer + PROXY_ENVELOPE_SIZE, PROXY_INBOX_SIZE);
    if (length > 0) {
        send_packet(stream, VIR_NET_CONTINUE, buffer, (gsize)length);
    } else if (length == 0 || is_hang_up(errno)) {
        end_reading(stream, length < 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        fail_errno(stream, errno, "cannot read from stream");
        return FALSE;
    }
    return TRUE;
}

static void
stream_ready(GIOCondition condition, gpointer data)
{
    ProxyStream *stream = data;
    ProxyClient *client = stream->client;
    gboolean wants_in = stream->direction & PROXY_STREAM_FROM_FD && !stream->is_at_end;
    if (proxy_client_is_closed(client)) {
        proxy_watch_set(stream->watch, 0);
        return;
    }
    if (stream->pending->len > 0 && condition & (G_IO_OUT | G_IO_ERR | G_IO_HUP) &&
        !write_pending(stream))
        return;
    if (wants_in && condition & (G_IO_IN | G_IO_HUP | G_IO_ERR) && !read_some(stream))
        return;
    update(stream);
    proxy_client_update(client);
    finish_if_flushed(stream);
}

/**
 * proxy_stream_start:
 * @header: of the call that opened the stream; its packets carry the same numbers
 * @fd: owned from here on; made non-blocking
 */
void
proxy_stream_start(ProxyClient *client, const ProxyHeader *header, int fd,
                   ProxyStreamDirection direction)
{
    ProxyStream *stream = g_new0(ProxyStream, 1);
    stream->client = client;
    stream->header = *header;
    stream->header.type = VIR_NET_STREAM;
    stream->direction = direction;
    stream->fd = fd;
    stream->pending = g_byte_array_new();
    (void)g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    stream->watch = proxy_watch_new(fd, 0, stream_ready, stream);
    g_ptr_array_add(client->streams, stream);
    update(stream);
}

static ProxyStream *
find_stream(ProxyClient *client, const ProxyHeader *header)
{
    for (guint i = 0; i < client->streams->len; i++) {
        ProxyStream *stream = client->streams->pdata[i];
        if (stream->header.serial == header->serial && stream->header.program == header->program &&
            stream->header.procedure == header->procedure)
            return stream;
    }
    return NULL;
}

static void
take_data(ProxyStream *stream, const guint8 *data, gsize length)
{
    if (!(stream->direction & PROXY_STREAM_TO_FD) || stream->fd < 0 || stream->is_finishing)
        return;
    g_byte_array_append(stream->pending, data, (guint)length);
    if (stream->pending->len == length && !write_pending(stream))
        return;
    update(stream);
}

static void
refuse(ProxyStream *stream, const char *text)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_RPC, "%s", text);
    fail(stream, error, VIR_FROM_RPC);
}

/* A console that nobody reads must not keep the client from leaving: what it typed last is lost. */
static void
take_finish(ProxyStream *stream)
{
    if (stream->direction == PROXY_STREAM_DUPLEX)
        g_byte_array_set_size(stream->pending, 0);
    stream->is_finishing = TRUE;
    finish_if_flushed(stream);
}

static void
take_abort(ProxyStream *stream)
{
    drop_fd(stream);
    send_empty(stream, VIR_NET_OK);
    remove_stream(stream);
}

void
proxy_stream_packet(ProxyClient *client, const ProxyFrame *frame)
{
    ProxyStream *stream = find_stream(client, &frame->header);
    if (!stream)
        return;
    if (frame->header.type == VIR_NET_STREAM_HOLE)
        refuse(stream, "unexpected stream hole");
    else if (frame->header.status == VIR_NET_CONTINUE)
        take_data(stream, frame->payload, frame->payload_size);
    else if (frame->header.status == VIR_NET_OK)
        take_finish(stream);
    else if (frame->header.status == VIR_NET_ERROR)
        take_abort(stream);
    else
        refuse(stream, "stream aborted with unexpected status");
}

/* whether a descriptor is so slow that no more packets are to be taken from the client */
gboolean
proxy_streams_are_full(ProxyClient *client)
{
    for (guint i = 0; i < client->streams->len; i++) {
        const ProxyStream *stream = client->streams->pdata[i];
        if (stream->pending->len > PROXY_STREAM_MAX_PENDING)
            return TRUE;
    }
    return FALSE;
}

/* the client has taken bytes: there may be room for more */
void
proxy_streams_update(ProxyClient *client)
{
    for (guint i = 0; i < client->streams->len; i++)
        update(client->streams->pdata[i]);
}
