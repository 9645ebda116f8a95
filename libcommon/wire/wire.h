/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A D-Bus connection without a bus, over a unix socket, that lives on the main loop alone: no threads, hence nothing to
 * hand over between them. GLib makes and reads the messages; this moves them. */
#pragma once
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

typedef struct _VbWire VbWire;

typedef enum { VB_WIRE_SERVER, VB_WIRE_CLIENT } VbWireRole;

/* All run from the loop, each may be NULL. org.freedesktop.DBus.Peer is answered before @call is asked. */
typedef struct {
    void (*call)(VbWire *wire, GDBusMessage *message, gpointer data);
    void (*signal)(VbWire *wire, GDBusMessage *message, gpointer data);
    /* once, after all that had arrived; not after vb_wire_close() */
    void (*closed)(VbWire *wire, const GError *error, gpointer data);
} VbWireHandler;

/* Takes the connected socket @fd. @guid: the server's, 32 hexadecimal digits; NULL for a client. */
VbWire *vb_wire_new(int fd, VbWireRole role, const char *guid);
VbWire *vb_wire_ref(VbWire *wire);
void vb_wire_unref(VbWire *wire);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbWire, vb_wire_unref)
void vb_wire_set_handler(VbWire *wire, const VbWireHandler *handler, gpointer data);
void vb_wire_close(VbWire *wire);
gboolean vb_wire_is_closed(VbWire *wire);

/* Sends @message, (transfer none), which gets its serial number here. Never waits. */
void vb_wire_send(VbWire *wire, GDBusMessage *message);
/* The same for the reply to @call that vb_body_new_reply() (wire/body.h) began, (transfer full). */
void vb_wire_send_body(VbWire *wire, GDBusMessage *call, GByteArray *reply);

/* @body: a reply's, in D-Bus marshalling and this machine's byte order; valid during the call */
typedef void (*VbWireBody)(gpointer data, const guint8 *body, gsize length);

typedef struct {
    const char *path, *interface, *member;
    GVariant *args;         /* tuple; NULL: none; floating references are taken */
    const char *reply_type; /* static; NULL: any */
    int timeout_ms;         /* G_MAXINT: none */
    /* (nullable) gets a reply of body_type without descriptors as it came; for all others "done" runs */
    VbWireBody body;
    const char *body_type; /* static; a tuple */
} VbWireCall;

/* @reply: tuple, NULL with @error; @fds may be NULL; all (transfer none) */
typedef void (*VbWireReply)(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error);
/* @done (or the call's "body" in its place) runs exactly once, from the loop. Errors: the remote error; G_IO_ERROR: TIMED_OUT; CLOSED: the connection went,
 * outcome unknown; NOT_CONNECTED: it went before the call had left; INVALID_ARGUMENT: the reply is of another type. */
void vb_wire_call(VbWire *wire, const VbWireCall *call, VbWireReply done, gpointer data);

/* Within "done": when the reply was made, whatever its sender had sent to others before had left. What of it is for this
 * process has arrived, and vb_wire_drain() on the connection that it came by handles it. */
gboolean vb_wire_is_reply_settled(VbWire *wire);

/* Handles what has arrived, without waiting. FALSE: there may be more of it. */
gboolean vb_wire_drain(VbWire *wire);
/* for the end of a daemon's life */
void vb_wire_flush(VbWire *wire, guint timeout_ms); /* waits until all has left */

/* Bytes that may wait for a peer that does not read, before it is disconnected */
#define VB_WIRE_MAX_QUEUED (64u * 1024 * 1024)
