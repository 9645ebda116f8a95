/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client has not yet taken: bytes and file descriptors in order. Sends at once what the socket takes; owns what
 * is left, and the descriptors. */
#include "rpc/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    GByteArray *bytes;
    gsize sent;
    int passed_fd; /* rides on the chunk's only byte; -1: none */
} Chunk;

#define MERGE_LIMIT (64 * 1024) /* small messages share a chunk, and so a system call */

static void
chunk_free(Chunk *chunk)
{
    g_byte_array_unref(chunk->bytes);
    if (chunk->passed_fd >= 0)
        close(chunk->passed_fd);
    g_free(chunk);
}

static Chunk *
add_chunk(ProxyOutput *output, int passed_fd)
{
    Chunk *chunk = g_new0(Chunk, 1);
    chunk->bytes = g_byte_array_new();
    chunk->passed_fd = passed_fd;
    g_queue_push_tail(&output->chunks, chunk);
    return chunk;
}

static void
add_bytes(ProxyOutput *output, const guint8 *data, gsize length)
{
    Chunk *chunk = g_queue_peek_tail(&output->chunks);
    if (!chunk || chunk->passed_fd >= 0 || chunk->bytes->len + length > MERGE_LIMIT)
        chunk = add_chunk(output, -1);
    g_byte_array_append(chunk->bytes, data, (guint)length);
    output->size += length;
}

/* Returns: bytes taken, 0 when the socket is full, -1 when it is broken */
static gssize
send_some(int fd, const guint8 *data, gsize length, int passed_fd)
{
    struct iovec iov = {(void *)data, length};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    gssize sent;
    if (passed_fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof passed_fd);
    }
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/**
 * proxy_output_send:
 * @fd: the client's socket, non-blocking
 *
 * Sends, or queues what the socket does not take now.
 *
 * Returns: FALSE when the socket is broken
 */
gboolean
proxy_output_send(ProxyOutput *output, int fd, const guint8 *data, gsize length)
{
    gssize sent = 0;
    if (proxy_output_is_empty(output) && (sent = send_some(fd, data, length, -1)) < 0)
        return FALSE;
    if ((gsize)sent < length)
        add_bytes(output, data + sent, length - (gsize)sent);
    return TRUE;
}

/**
 * proxy_output_add_fd:
 * @passed_fd: owned by the queue from here on
 *
 * A descriptor travels on a byte of its own that belongs to no message.
 * Source: libvirt passes each with one byte 0 after the message that announces it.
 */
void
proxy_output_add_fd(ProxyOutput *output, int passed_fd)
{
    g_byte_array_append(add_chunk(output, passed_fd)->bytes, (const guint8 *)"", 1);
    output->size++;
}

/* Returns: FALSE when the socket is broken */
gboolean
proxy_output_flush(ProxyOutput *output, int fd)
{
    Chunk *chunk;
    while ((chunk = g_queue_peek_head(&output->chunks))) {
        gssize sent = send_some(fd, chunk->bytes->data + chunk->sent,
                                chunk->bytes->len - chunk->sent, chunk->passed_fd);
        if (sent <= 0)
            return sent == 0;
        chunk->sent += (gsize)sent;
        output->size -= (gsize)sent;
        if (chunk->sent < chunk->bytes->len)
            return TRUE;
        chunk_free(g_queue_pop_head(&output->chunks));
    }
    return TRUE;
}

gboolean
proxy_output_is_empty(const ProxyOutput *output)
{
    return g_queue_is_empty((GQueue *)&output->chunks);
}

void
proxy_output_clear(ProxyOutput *output)
{
    g_queue_clear_full(&output->chunks, (GDestroyNotify)chunk_free);
    output->size = 0;
}
