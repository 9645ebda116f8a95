/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections, and the bus's inbox. A peer's connection lives on the main loop. GDBus reads the bus in its own thread;
 * method calls go straight from there into one queue that the main loop empties in order. */
#include "service/service-private.h"

#define LETTERS_PER_TURN 64 /* then timers and monitors get their turn */

typedef struct {
    GSource source;
    VbService *service;
} InboxSource;

/* links */

VbLink *
vb_link_ref(VbLink *link)
{
    g_atomic_ref_count_inc(&link->refs);
    return link;
}

void
vb_link_unref(VbLink *link)
{
    if (!g_atomic_ref_count_dec(&link->refs))
        return;
    g_queue_clear_full(&link->outbox, g_object_unref);
    g_clear_object(&link->connection);
    g_clear_pointer(&link->wire, vb_wire_unref);
    g_free(link);
}

static void
unref_link(gpointer data)
{
    vb_link_unref(data);
}

static gboolean
is_for_us(GDBusMessage *message)
{
    return g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
           g_strcmp0(g_dbus_message_get_interface(message), "org.freedesktop.DBus.Peer") != 0;
}

/* GDBus's thread. The service outlives its connection's filter: it is removed before it goes. */
static GDBusMessage *
receive(GDBusConnection *connection, GDBusMessage *message, gboolean is_incoming, gpointer data)
{
    VbLink *link = data;
    if (!is_incoming || !is_for_us(message))
        return message;
    VbInbox *inbox = &link->service->inbox;
    g_mutex_lock(&inbox->lock);
    gboolean was_empty = g_queue_is_empty(&inbox->queue);
    g_queue_push_tail(&inbox->queue, message);
    g_mutex_unlock(&inbox->lock);
    if (was_empty)
        g_source_set_ready_time(inbox->source, 0);
    return NULL;
}

static VbLink *
new_link(VbService *service)
{
    VbLink *link = g_new0(VbLink, 1);
    g_atomic_ref_count_init(&link->refs);
    g_queue_init(&link->outbox);
    link->service = service;
    return link;
}

typedef struct {
    GSource source;
    VbLink *link;
} OutboxSource;

static gboolean
dispatch_outbox(GSource *source, GSourceFunc callback, gpointer data)
{
    vb_link_flush(((OutboxSource *)source)->link);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs outbox_funcs = {.dispatch = dispatch_outbox};

/**
 * vb_link_new_bus:
 *
 * Returns: (transfer full): vb_link_close() and vb_link_unref() when done
 */
VbLink *
vb_link_new_bus(VbService *service, GDBusConnection *connection)
{
    VbLink *link = new_link(service);
    link->connection = g_object_ref(connection);
    link->outbox_source = g_source_new(&outbox_funcs, sizeof(OutboxSource));
    ((OutboxSource *)link->outbox_source)->link = link;
    g_source_set_static_name(link->outbox_source, "virtbus outbox");
    g_source_attach(link->outbox_source, NULL);
    link->filter = g_dbus_connection_add_filter(connection, receive, vb_link_ref(link), unref_link);
    return link;
}

/**
 * vb_link_new_peer:
 * @wire: (transfer full): its calls are the caller's to hand to vb_dispatch()
 *
 * Returns: (transfer full): vb_link_close() and vb_link_unref() when done
 */
VbLink *
vb_link_new_peer(VbService *service, VbWire *wire)
{
    VbLink *link = new_link(service);
    link->wire = wire;
    return link;
}

/**
 * vb_link_close:
 *
 * Nothing is received or sent on it from here on; what came before is still answered, to nobody.
 */
void
vb_link_close(VbLink *link)
{
    if (link->is_closed)
        return;
    vb_link_flush(link);
    link->is_closed = TRUE;
    link->is_subscribed = FALSE;
    if (link->wire) {
        vb_wire_close(link->wire);
    } else {
        g_source_destroy(link->outbox_source);
        g_clear_pointer(&link->outbox_source, g_source_unref);
        g_dbus_connection_remove_filter(link->connection, link->filter);
        g_dbus_connection_close(link->connection, NULL, NULL, NULL);
    }
}

/* GDBus numbers a message for good: what may go elsewhere too is copied. */
static void
send_on_bus(VbLink *link, GDBusMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) copy = NULL;
    if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL)
        message = copy = g_dbus_message_copy(message, &error);
    if (message && !g_dbus_connection_is_closed(link->connection))
        g_dbus_connection_send_message(link->connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                       NULL, &error);
    if (error)
        vb_log_debug(NULL, "cannot send on a D-Bus connection: %s", error->message);
}

/**
 * vb_link_flush:
 *
 * Everything that was sent on @link is on its way.
 */
void
vb_link_flush(VbLink *link)
{
    GDBusMessage *message;
    while ((message = g_queue_pop_head(&link->outbox))) {
        send_on_bus(link, message);
        g_object_unref(message);
    }
    if (link->outbox_source)
        g_source_set_ready_time(link->outbox_source, -1);
}

/* Waking the bus's thread takes longer than answering a peer: the bus's signals wait until the peers have been served,
 * yet never behind a reply of the bus's own. */
static void
post_on_bus(VbLink *link, GDBusMessage *message)
{
    if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL) {
        g_queue_push_tail(&link->outbox, g_object_ref(message));
        g_source_set_ready_time(link->outbox_source, 0);
        return;
    }
    vb_link_flush(link);
    send_on_bus(link, message);
}

/**
 * vb_link_send:
 * @message: (transfer none): a reply of this connection, or a signal, which may go to several
 */
void
vb_link_send(VbLink *link, GDBusMessage *message)
{
    if (link->is_closed)
        return;
    if (link->wire)
        vb_wire_send(link->wire, message);
    else
        post_on_bus(link, message);
}

/* GDBus wants an object, and numbers it itself. */
static void
send_body_on_bus(VbLink *link, GDBusMessage *call, GByteArray *reply)
{
    g_autoptr(GByteArray) owned = reply;
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) message = NULL;
    if (vb_body_finish(owned, 1, g_dbus_message_get_serial(call)))
        message = g_dbus_message_new_from_blob(owned->data, owned->len,
                                               G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    if (!message)
        message =
            g_dbus_message_new_method_error_literal(call,
                                                    "org.freedesktop.DBus.Error.LimitsExceeded",
                                                    "The reply is too long");
    g_dbus_message_set_destination(message, g_dbus_message_get_sender(call));
    post_on_bus(link, message);
}

/**
 * vb_link_send_body:
 * @reply: (transfer full): to @call, of vb_body_new_reply()
 */
void
vb_link_send_body(VbLink *link, GDBusMessage *call, GByteArray *reply)
{
    if (link->is_closed)
        g_byte_array_unref(reply);
    else if (link->wire)
        vb_wire_send_body(link->wire, call, reply);
    else
        send_body_on_bus(link, call, reply);
}

/* inbox */

/* Returns: (transfer full) (nullable): the next */
static GDBusMessage *
take_letter(VbInbox *inbox)
{
    g_mutex_lock(&inbox->lock);
    GDBusMessage *message = g_queue_pop_head(&inbox->queue);
    g_mutex_unlock(&inbox->lock);
    return message;
}

static void
deliver(VbService *service, GDBusMessage *letter)
{
    g_autoptr(GDBusMessage) message = letter;
    const char *sender = g_dbus_message_get_sender(message);
    if (!service->is_stopping && service->bus && sender)
        vb_dispatch(vb_client_get_bus(service->bus, sender), message);
}

static gboolean
dispatch_inbox(GSource *source, GSourceFunc callback, gpointer data)
{
    VbService *service = ((InboxSource *)source)->service;
    GDBusMessage *letter;
    g_source_set_ready_time(source, -1);
    for (guint n = 0; n < LETTERS_PER_TURN; n++) {
        letter = take_letter(&service->inbox);
        if (!letter)
            return G_SOURCE_CONTINUE;
        deliver(service, letter);
    }
    g_source_set_ready_time(source, 0);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs inbox_funcs = {.dispatch = dispatch_inbox};

/* Everything that has arrived, before it is taken note of that its sender went. */
void
vb_inbox_drain(VbService *service)
{
    GDBusMessage *letter;
    while ((letter = take_letter(&service->inbox)))
        deliver(service, letter);
}

void
vb_inbox_init(VbService *service)
{
    g_mutex_init(&service->inbox.lock);
    g_queue_init(&service->inbox.queue);
    service->inbox.source = g_source_new(&inbox_funcs, sizeof(InboxSource));
    ((InboxSource *)service->inbox.source)->service = service;
    g_source_set_static_name(service->inbox.source, "virtbus inbox");
    g_source_attach(service->inbox.source, NULL);
}

void
vb_inbox_clear(VbService *service)
{
    g_queue_clear_full(&service->inbox.queue, g_object_unref);
    g_source_destroy(service->inbox.source);
    g_clear_pointer(&service->inbox.source, g_source_unref);
    g_mutex_clear(&service->inbox.lock);
}

gboolean
vb_inbox_is_empty(VbService *service)
{
    g_mutex_lock(&service->inbox.lock);
    gboolean is_empty = g_queue_is_empty(&service->inbox.queue);
    g_mutex_unlock(&service->inbox.lock);
    return is_empty;
}
