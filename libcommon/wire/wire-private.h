/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libcommon/wire share. */
#pragma once
#include <sys/types.h>
#include "wire/body.h"
#include "wire/wire.h"

typedef enum {
    VB_AUTH_NUL,     /* server: the first byte is awaited */
    VB_AUTH_COMMAND, /* server: AUTH is awaited */
    VB_AUTH_DATA,    /* server: the identity is awaited */
    VB_AUTH_BEGIN,   /* server: accepted, BEGIN is awaited */
    VB_AUTH_OK,      /* client: OK is awaited */
    VB_AUTH_AGREE,   /* client: the answer to NEGOTIATE_UNIX_FD is awaited */
    VB_AUTH_DONE
} VbAuthState;

struct _VbWire {
    guint refs;
    int fd; /* -1: closed */
    VbWireRole role;
    VbAuthState auth;
    gsize auth_bytes;
    guint auth_timer;
    char *guid;
    gboolean can_pass_fds;
    const VbWireHandler *handler;
    gpointer data;

    GSource *source;
    gpointer fd_tag;
    GIOCondition condition; /* what is polled for */
    gboolean is_corked;     /* sent at the end of the turn */
    gboolean has_backlog;   /* complete messages may be left in the buffer */
    gboolean is_broken;     /* cannot be written to: what has arrived is read, then it is closed */
    GError *failure;        /* closed at its next turn */

    guint8 *in;
    gsize in_size, in_start, in_end;
    gboolean is_lent; /* somebody reads in it: it must outlive the connection's end */
    GArray *in_fds;   /* of int; NULL: none */

    GQueue out;                /* of Segment */
    gboolean is_waiting;       /* something is in it */
    gboolean is_reply_settled; /* of the reply that is being handed over */
    gsize out_bytes;

    guint32 last_serial;
    guint32 sent_serial; /* of the last message that has left as a whole */
    GHashTable *pending; /* serial -> Pending */
    guint timer;
    gint64 timer_us;
};

/* auth.c: each returns FALSE when the connection must end */
gboolean vb_wire_auth_start(VbWire *wire, GError **error);
gboolean vb_wire_auth_run(VbWire *wire, GError **error);

/* input.c */
gssize vb_wire_fill(VbWire *wire, GError **error); /* 0: nothing there; -1: the end */
GDBusMessage *vb_wire_take(VbWire *wire, GError **error);
gboolean vb_wire_peek_reply(VbWire *wire, VbBodyReply *ret_reply, gsize *ret_size);
void vb_wire_forget(VbWire *wire, gsize size);
void vb_wire_clear_input(VbWire *wire);

/* Set in replies: nothing waited to leave on any other connection of the sender. A flag of D-Bus that says nothing in a
 * reply; who does not know it takes no notice. */
#define VB_WIRE_FLAG_SETTLED G_DBUS_MESSAGE_FLAGS_NO_AUTO_START

/* output.c */
gboolean vb_wire_post(VbWire *wire, GDBusMessage *message);
gboolean vb_wire_post_bytes(VbWire *wire, GByteArray *message, guint32 reply_serial);
void vb_wire_write(VbWire *wire);
void vb_wire_clear_output(VbWire *wire);
gboolean vb_wire_is_stalled(VbWire *wire);
void vb_wire_update(VbWire *wire);

/* wire.c */
void vb_wire_fail(VbWire *wire, GError *error); /* (transfer full) */
