/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From bytes to messages. One read takes as many messages as there are. Owns the buffer, which exists only while
 * something is in it, and descriptors that have arrived. */
#include "wire/wire-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_SIZE 16384
#define KEEP_FREE 4096      /* room that a read has at least */
#define HEADER_BYTES 16     /* what the length of a message is known from */
#define MAX_FDS_AT_ONCE 253 /* Source: linux/include/net/scm.h, SCM_MAX_FD */
#define ALIGNMENT 8         /* of a message; GLib reads numbers where they lie */

static void
fail(GError **error, int code, const char *text)
{
    g_set_error_literal(error, G_IO_ERROR, code, text);
}

/* The buffer grows with what arrives, not with what a header announces. */
static void
make_room(VbWire *wire)
{
    gsize used = wire->in_end - wire->in_start;
    if (wire->in_start == wire->in_end)
        wire->in_start = wire->in_end = 0;
    if (wire->in_size - wire->in_end >= KEEP_FREE)
        return;
    if (wire->in_start > 0 && used <= wire->in_size / 2) {
        memmove(wire->in, wire->in + wire->in_start, used);
        wire->in_start = 0;
        wire->in_end = used;
        return;
    }
    wire->in_size = wire->in_size ? wire->in_size * 2 : FIRST_SIZE;
    wire->in = g_realloc(wire->in, wire->in_size);
}

static void
keep_fds(VbWire *wire, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        if (!wire->in_fds)
            wire->in_fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_array_append_vals(wire->in_fds, CMSG_DATA(c),
                            (guint)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)));
    }
}

/* Without consent, descriptors are not asked for, and the kernel drops them. */
static gssize
receive(VbWire *wire)
{
    union {
        char bytes[CMSG_SPACE(MAX_FDS_AT_ONCE * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {wire->in + wire->in_end, wire->in_size - wire->in_end};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    if (wire->can_pass_fds) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control;
    }
    gssize n = recvmsg(wire->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n > 0 && header.msg_controllen > 0)
        keep_fds(wire, &header);
    return n;
}

gssize
vb_wire_fill(VbWire *wire, GError **error)
{
    make_room(wire);
    gssize n = receive(wire);
    if (n > 0) {
        wire->in_end += (gsize)n;
        if (!wire->in_fds || wire->in_fds->len <= 2 * MAX_FDS_AT_ONCE)
            return n;
        fail(error, G_IO_ERROR_INVALID_DATA, "too many file descriptors");
        return -1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && !wire->is_broken) {
        if (wire->in_start == wire->in_end)
            vb_wire_clear_input(wire);
        return 0;
    }
    if (n == 0 || wire->is_broken || errno == ECONNRESET)
        fail(error, G_IO_ERROR_CLOSED, "The connection is closed");
    else
        fail(error, (int)g_io_error_from_errno(errno), g_strerror(errno));
    return -1;
}

static GDBusMessage *
parse(VbWire *wire, gsize size, GError **error)
{
    const guint8 *at = wire->in + wire->in_start;
    g_autofree guint8 *copy = (gsize)at % ALIGNMENT ? g_memdup2(at, size) : NULL;
    return g_dbus_message_new_from_blob(copy ? copy : (guint8 *)at, size,
                                        G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, error);
}

static gboolean
attach_fds(VbWire *wire, GDBusMessage *message, GError **error)
{
    guint n = g_dbus_message_get_num_unix_fds(message);
    if (n == 0)
        return TRUE;
    if (!wire->in_fds || wire->in_fds->len < n) {
        fail(error, G_IO_ERROR_INVALID_DATA, "a message announces descriptors that did not come");
        return FALSE;
    }
    g_autoptr(GUnixFDList) list =
        g_unix_fd_list_new_from_array(&g_array_index(wire->in_fds, int, 0), (gint)n);
    g_array_remove_range(wire->in_fds, 0, n);
    g_dbus_message_set_unix_fd_list(message, list);
    return TRUE;
}

/* what has been handled */
void
vb_wire_forget(VbWire *wire, gsize size)
{
    wire->in_start += size;
    if (wire->in_start == wire->in_end)
        vb_wire_clear_input(wire);
}

/* Returns: the size of the message that comes next; 0: it has not arrived as a whole; -1 with @error */
static gssize
next_size(VbWire *wire, GError **error)
{
    gsize length = wire->in_end - wire->in_start;
    guint64 header[HEADER_BYTES / sizeof(guint64)];
    if (length < HEADER_BYTES)
        return 0;
    memcpy(header, wire->in + wire->in_start, sizeof header);
    gssize size = g_dbus_message_bytes_needed((guint8 *)header, sizeof header, error);
    return size > 0 && (gsize)size > length ? 0 : size;
}

/**
 * vb_wire_peek_reply:
 * @ret_reply: (out): lies in the buffer
 * @ret_size: (out): for vb_wire_forget()
 *
 * Returns: whether the next message has arrived and is a reply that can be read as it is
 */
gboolean
vb_wire_peek_reply(VbWire *wire, VbBodyReply *ret_reply, gsize *ret_size)
{
    gssize size = next_size(wire, NULL);
    if (size <= 0)
        return FALSE;
    *ret_size = (gsize)size;
    return vb_body_read_reply(wire->in + wire->in_start, (gsize)size, ret_reply);
}

/**
 * vb_wire_take:
 *
 * Returns: (transfer full): the next message, or NULL: it has not arrived as a whole, or with @error it never will
 */
GDBusMessage *
vb_wire_take(VbWire *wire, GError **error)
{
    gssize size = next_size(wire, error);
    if (size <= 0)
        return NULL;
    g_autoptr(GDBusMessage) message = parse(wire, (gsize)size, error);
    if (!message || !attach_fds(wire, message, error))
        return NULL;
    vb_wire_forget(wire, (gsize)size);
    return g_steal_pointer(&message);
}

/* Descriptors go with the first byte of their message: what is left without bytes belongs to none. */
void
vb_wire_clear_input(VbWire *wire)
{
    for (guint i = 0; wire->in_fds && i < wire->in_fds->len; i++)
        close(g_array_index(wire->in_fds, int, i));
    g_clear_pointer(&wire->in_fds, g_array_unref);
    if (!wire->is_lent)
        g_free(wire->in);
    wire->in = NULL;
    wire->in_size = wire->in_start = wire->in_end = 0;
}
