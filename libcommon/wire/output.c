/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From messages to bytes. What the socket takes leaves at once, the rest when the socket can take more. Owns the queue,
 * whose length is bounded. */
#include "wire/wire-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_SEGMENTS_AT_ONCE 32
#define MAX_CORKED (256u * 1024)   /* then it leaves before the turn's end */
#define STALL_ABOVE (1024u * 1024) /* a caller that does not read replies is not read from */
#define FLAGS_AT 2                 /* Source: D-Bus specification, "Message Format" */
#define MAX_FDS_AT_ONCE 253        /* Source: linux/include/net/scm.h, SCM_MAX_FD */

/* connections of this process that something waits to leave on */
static int n_waiting;

typedef struct {
    guint8 *bytes;
    gsize size, sent;
    guint32 serial;
    GUnixFDList *fds; /* NULL: none, or sent */
} Segment;

static void
segment_free(gpointer data)
{
    Segment *segment = data;
    g_free(segment->bytes);
    g_clear_object(&segment->fds);
    g_free(segment);
}

static void
note_waiting(VbWire *wire)
{
    const gboolean is_waiting = !g_queue_is_empty(&wire->out);
    if (is_waiting == wire->is_waiting)
        return;
    wire->is_waiting = is_waiting;
    g_atomic_int_add(&n_waiting, is_waiting ? 1 : -1);
}

/* whether all that was sent on other connections has left */
static gboolean
is_settled(VbWire *wire)
{
    return g_atomic_int_get(&n_waiting) == (wire->is_waiting ? 1 : 0);
}

void
vb_wire_clear_output(VbWire *wire)
{
    g_queue_clear_full(&wire->out, segment_free);
    wire->out_bytes = 0;
    note_waiting(wire);
}

gboolean
vb_wire_is_stalled(VbWire *wire)
{
    return wire->role == VB_WIRE_SERVER && wire->out_bytes > STALL_ABOVE;
}

/* Polls for what is wanted now. Changing it costs a system call, so it is only done when it changes. */
void
vb_wire_update(VbWire *wire)
{
    GIOCondition condition = vb_wire_is_stalled(wire) ? 0 : G_IO_IN;
    if (wire->fd < 0)
        return;
    if (wire->auth == VB_AUTH_DONE && !g_queue_is_empty(&wire->out))
        condition |= G_IO_OUT;
    if (condition == wire->condition)
        return;
    wire->condition = condition;
    g_source_modify_unix_fd(wire->source, wire->fd_tag, condition);
}

static void
attach_fds(struct msghdr *header, GUnixFDList *list)
{
    int n = 0;
    const int *fds = g_unix_fd_list_peek_fds(list, &n);
    struct cmsghdr *c = header->msg_control;
    header->msg_controllen = CMSG_SPACE((gsize)n * sizeof(int));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN((gsize)n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, (gsize)n * sizeof(int));
}

/* A message with descriptors leaves alone, so that they go with its first byte. */
static gssize
send_some(VbWire *wire)
{
    union {
        char bytes[CMSG_SPACE(MAX_FDS_AT_ONCE * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov[MAX_SEGMENTS_AT_ONCE];
    struct msghdr header = {.msg_iov = iov};
    Segment *first = wire->out.head->data;
    for (GList *l = wire->out.head; l && header.msg_iovlen < MAX_SEGMENTS_AT_ONCE; l = l->next) {
        Segment *segment = l->data;
        if (segment != first && (segment->fds || first->fds))
            break;
        iov[header.msg_iovlen++] =
            (struct iovec){segment->bytes + segment->sent, segment->size - segment->sent};
    }
    if (first->fds) {
        header.msg_control = &control;
        attach_fds(&header, first->fds);
    }
    gssize n = sendmsg(wire->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        g_clear_object(&first->fds);
    return n;
}

static void
count_sent(VbWire *wire, gsize n)
{
    wire->out_bytes -= n;
    while (n > 0) {
        Segment *segment = wire->out.head->data;
        gsize part = MIN(n, segment->size - segment->sent);
        segment->sent += part;
        n -= part;
        if (segment->sent < segment->size)
            return;
        wire->sent_serial = segment->serial;
        segment_free(g_queue_pop_head(&wire->out));
    }
    note_waiting(wire);
}

/* The peer may have sent something before it went: that is read first. */
static void
break_off(VbWire *wire)
{
    wire->is_broken = TRUE;
    vb_wire_clear_output(wire);
    g_source_set_ready_time(wire->source, 0);
}

void
vb_wire_write(VbWire *wire)
{
    while (wire->fd >= 0 && wire->auth == VB_AUTH_DONE && !g_queue_is_empty(&wire->out)) {
        gssize n = send_some(wire);
        if (n > 0)
            count_sent(wire, (gsize)n);
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            break_off(wire);
    }
    vb_wire_update(wire);
}

static guint32
next_serial(VbWire *wire)
{
    if (++wire->last_serial == 0)
        wire->last_serial = 1;
    return wire->last_serial;
}

/* @bytes: (transfer full): the message of the last serial number */
static Segment *
queue_bytes(VbWire *wire, guint8 *bytes, gsize size)
{
    Segment *segment = g_new0(Segment, 1);
    segment->bytes = bytes;
    segment->size = size;
    segment->serial = wire->last_serial;
    g_queue_push_tail(&wire->out, segment);
    wire->out_bytes += size;
    note_waiting(wire);
    return segment;
}

static gboolean
push(VbWire *wire, GDBusMessage *message, GError **error)
{
    GUnixFDList *fds = g_dbus_message_get_unix_fd_list(message);
    int n_fds = fds ? g_unix_fd_list_get_length(fds) : 0;
    gsize size;
    if (n_fds > MAX_FDS_AT_ONCE || (n_fds > 0 && !wire->can_pass_fds)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                    "The connection cannot pass %d file descriptors", n_fds);
        return FALSE;
    }
    g_dbus_message_set_serial(message, next_serial(wire));
    if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_RETURN &&
        is_settled(wire))
        g_dbus_message_set_flags(message, g_dbus_message_get_flags(message) | VB_WIRE_FLAG_SETTLED);
    guint8 *bytes =
        g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, error);
    if (!bytes)
        return FALSE;
    queue_bytes(wire, bytes, size)->fds = n_fds > 0 ? g_object_ref(fds) : NULL;
    return TRUE;
}

/* A reply that cannot be sent is an error reply: its caller must not wait for ever. */
static void
push_instead(VbWire *wire, GDBusMessage *message, GError *cause)
{
    g_autoptr(GError) owned = cause;
    g_autoptr(GDBusMessage) instead = NULL;
    if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_RETURN)
        return;
    g_autofree char *name = g_dbus_error_encode_gerror(cause);
    instead = g_dbus_message_new();
    g_dbus_message_set_message_type(instead, G_DBUS_MESSAGE_TYPE_ERROR);
    g_dbus_message_set_reply_serial(instead, g_dbus_message_get_reply_serial(message));
    g_dbus_message_set_error_name(instead, name);
    g_dbus_message_set_body(instead, g_variant_new("(s)", cause->message));
    push(wire, instead, NULL);
}

static gboolean
can_post(VbWire *wire)
{
    if (wire->fd < 0 || wire->is_broken || wire->failure)
        return FALSE;
    if (wire->out_bytes <= VB_WIRE_MAX_QUEUED)
        return TRUE;
    vb_wire_fail(wire, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                                           "the peer does not read what it is sent"));
    return FALSE;
}

/**
 * vb_wire_post_bytes:
 * @message: (transfer full): as libcommon/wire/message.c begins them
 * @reply_serial: 0: it is a call
 *
 * Returns: FALSE when it will not leave
 */
gboolean
vb_wire_post_bytes(VbWire *wire, GByteArray *message, guint32 reply_serial)
{
    gsize size = message->len;
    if (!can_post(wire) || !vb_body_finish(message, next_serial(wire), reply_serial)) {
        g_byte_array_unref(message);
        return FALSE;
    }
    if (reply_serial && is_settled(wire))
        message->data[FLAGS_AT] |= VB_WIRE_FLAG_SETTLED;
    queue_bytes(wire, g_byte_array_free(message, FALSE), size);
    if (!wire->is_corked || wire->out_bytes > MAX_CORKED)
        vb_wire_write(wire);
    return TRUE;
}

/* Returns: FALSE when it will not leave */
gboolean
vb_wire_post(VbWire *wire, GDBusMessage *message)
{
    GError *error = NULL;
    if (!can_post(wire))
        return FALSE;
    gboolean is_pushed = push(wire, message, &error);
    if (!is_pushed)
        push_instead(wire, message, error);
    if (!wire->is_corked || wire->out_bytes > MAX_CORKED)
        vb_wire_write(wire);
    return is_pushed;
}

/**
 * vb_wire_flush:
 * @timeout_ms: at most
 */
void
vb_wire_flush(VbWire *wire, guint timeout_ms)
{
    gint64 end_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    vb_wire_write(wire);
    while (wire->fd >= 0 && wire->auth == VB_AUTH_DONE && !g_queue_is_empty(&wire->out)) {
        gint64 left_us = end_us - g_get_monotonic_time();
        struct pollfd pollfd = {wire->fd, POLLOUT, 0};
        if (left_us <= 0 || poll(&pollfd, 1, (int)(left_us / 1000) + 1) == 0)
            return;
        vb_wire_write(wire);
    }
}
