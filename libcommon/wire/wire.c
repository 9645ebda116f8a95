/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection's life, what becomes of a message, and calls that wait for their reply. One turn of the loop reads once,
 * handles what came, and writes once. Owns the socket. */
#include "wire/wire-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_PER_TURN 64 /* then others get their turn */
#define DRAIN_TURNS 64
#define AUTH_TIMEOUT_MS 30000
#define PEER_INTERFACE "org.freedesktop.DBus.Peer"

typedef struct {
    GSource source;
    VbWire *wire;
} WireSource;

typedef struct {
    VbWireReply done;
    VbWireBody body;
    gpointer data;
    const char *reply_type, *body_type;
    gboolean is_unsendable; /* cannot be a message */
    gint64 deadline_us;     /* G_MAXINT64: none */
    guint32 serial;
} Pending;

/* calls */

static void
finish_pending(Pending *pending, GVariant *reply, GUnixFDList *fds, GError *error)
{
    pending->done(pending->data, reply, fds, error);
    g_free(pending);
}

/* Signed distance: serial numbers start again. */
static GError *
lost_error(VbWire *wire, const Pending *pending)
{
    gboolean has_left = (gint32)(pending->serial - wire->sent_serial) <= 0;
    return g_error_new_literal(G_IO_ERROR, has_left ? G_IO_ERROR_CLOSED : G_IO_ERROR_NOT_CONNECTED,
                               "The connection is closed");
}

static void
fail_pending(VbWire *wire, Pending *pending)
{
    g_autoptr(GError) error = lost_error(wire, pending);
    finish_pending(pending, NULL, NULL, error);
}

static int
compare_serials(gconstpointer a, gconstpointer b)
{
    const Pending *first = a, *second = b;
    return (gint32)(first->serial - second->serial) < 0 ? -1 : 1;
}

/* In the order in which they were made. */
static void
fail_all_pending(VbWire *wire)
{
    GList *list = g_list_sort(g_hash_table_get_values(wire->pending), compare_serials);
    g_hash_table_steal_all(wire->pending);
    for (GList *l = list; l; l = l->next)
        fail_pending(wire, l->data);
    g_list_free(list);
}

static gboolean
fail_later(gpointer data)
{
    fail_all_pending(data);
    return G_SOURCE_REMOVE;
}

static void
unref_wire(gpointer data)
{
    vb_wire_unref(data);
}

static void arm_timer(VbWire *wire, gint64 deadline_us);

static void
finish_late(Pending *pending)
{
    g_autoptr(GError) error =
        pending->is_unsendable
            ? g_error_new_literal(G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                  "The call cannot be made a D-Bus message")
            : g_error_new_literal(G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Timeout was reached");
    finish_pending(pending, NULL, NULL, error);
}

static gboolean
look_for_late(gpointer data)
{
    g_autoptr(VbWire) wire = vb_wire_ref(data);
    gint64 now_us = g_get_monotonic_time(), next_us = G_MAXINT64;
    g_autoptr(GPtrArray) late = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    wire->timer = 0;
    g_hash_table_iter_init(&iter, wire->pending);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Pending *pending = value;
        if (pending->deadline_us <= now_us) {
            g_ptr_array_add(late, pending);
            g_hash_table_iter_steal(&iter);
        } else {
            next_us = MIN(next_us, pending->deadline_us);
        }
    }
    if (next_us < G_MAXINT64)
        arm_timer(wire, next_us);
    for (guint i = 0; i < late->len; i++)
        finish_late(late->pdata[i]);
    return G_SOURCE_REMOVE;
}

/* One timer for all calls. It is left to run when its call is answered: looking once in vain is cheaper than a timer
 * for each call. */
static void
arm_timer(VbWire *wire, gint64 deadline_us)
{
    if (wire->timer && wire->timer_us <= deadline_us)
        return;
    if (wire->timer)
        g_source_remove(wire->timer);
    gint64 left_us = MAX(deadline_us - g_get_monotonic_time(), 0);
    wire->timer_us = deadline_us;
    wire->timer = g_timeout_add((guint)(left_us / 1000) + 1, look_for_late, wire);
}

/* What D-Bus cannot carry gets a number too, in front of those that may still be sent. */
static gboolean
post_call(VbWire *wire, const VbWireCall *call)
{
    g_autoptr(GVariant) args = call->args ? g_variant_ref_sink(call->args) : NULL;
    const VbBodyCall parts = {call->path, call->interface, call->member, args};
    GByteArray *message = vb_body_new_call(&parts);
    guint32 before = wire->last_serial;
    gboolean is_posted = message && vb_wire_post_bytes(wire, message, 0);
    if (wire->last_serial == before && ++wire->last_serial == 0)
        wire->last_serial = 1;
    return is_posted;
}

void
vb_wire_call(VbWire *wire, const VbWireCall *call, VbWireReply done, gpointer data)
{
    Pending *pending = g_new0(Pending, 1);
    gboolean is_posted = post_call(wire, call);
    *pending =
        (Pending){done,       call->body,       data, call->reply_type, call->body_type, FALSE,
                  G_MAXINT64, wire->last_serial};
    g_hash_table_insert(wire->pending, GUINT_TO_POINTER(pending->serial), pending);
    if (wire->fd < 0) {
        g_idle_add_full(G_PRIORITY_DEFAULT, fail_later, vb_wire_ref(wire), unref_wire);
        return;
    }
    pending->is_unsendable = !is_posted && !wire->is_broken && !wire->failure;
    if (pending->is_unsendable)
        pending->deadline_us = 0;
    else if (call->timeout_ms != G_MAXINT)
        pending->deadline_us = g_get_monotonic_time() + (gint64)call->timeout_ms * 1000;
    if (pending->deadline_us != G_MAXINT64)
        arm_timer(wire, pending->deadline_us);
}

static void
handle_reply(VbWire *wire, GDBusMessage *message)
{
    gpointer key = GUINT_TO_POINTER(g_dbus_message_get_reply_serial(message)), value;
    GVariant *body = g_dbus_message_get_body(message);
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_hash_table_steal_extended(wire->pending, key, NULL, &value))
        return; /* nobody waits any more */
    Pending *pending = value;
    if (!g_dbus_message_to_gerror(message, &error)) {
        reply = body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
        if (pending->reply_type &&
            !g_str_equal(g_variant_get_type_string(reply), pending->reply_type)) {
            g_set_error(&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                        "The reply is of type '%s', not '%s'", g_variant_get_type_string(reply),
                        pending->reply_type);
            g_clear_pointer(&reply, g_variant_unref);
        }
    }
    wire->is_reply_settled = (g_dbus_message_get_flags(message) & VB_WIRE_FLAG_SETTLED) != 0;
    finish_pending(pending, reply, g_dbus_message_get_unix_fd_list(message), error);
    wire->is_reply_settled = FALSE;
}

gboolean
vb_wire_is_reply_settled(VbWire *wire)
{
    return wire->is_reply_settled;
}

/* "(s)" and "s" */
static gboolean
is_type_of(const char *tuple, const char *signature)
{
    gsize length = strlen(signature);
    return tuple && strlen(tuple) == length + 2 && memcmp(tuple + 1, signature, length) == 0;
}

/* Hands a reply over as it came. Returns: FALSE: its caller does not want it so, or there is none */
static gboolean
lend_reply(VbWire *wire)
{
    VbBodyReply reply;
    gsize size;
    if (g_hash_table_size(wire->pending) == 0 || !vb_wire_peek_reply(wire, &reply, &size))
        return FALSE;
    gpointer key = GUINT_TO_POINTER(reply.reply_serial);
    g_autofree Pending *pending = g_hash_table_lookup(wire->pending, key);
    if (!pending || !pending->body || !is_type_of(pending->body_type, reply.signature)) {
        (void)g_steal_pointer(&pending);
        return FALSE;
    }
    guint8 *lent = wire->in;
    g_hash_table_steal(wire->pending, key);
    wire->is_lent = TRUE;
    pending->body(pending->data, reply.body, reply.length);
    wire->is_lent = FALSE;
    if (wire->in == lent)
        vb_wire_forget(wire, size);
    else
        g_free(lent);
    return TRUE;
}

/* messages */

static GDBusMessage *
answer_machine_id(GDBusMessage *message)
{
    g_autofree char *id = NULL;
    if (!g_file_get_contents("/etc/machine-id", &id, NULL, NULL))
        return g_dbus_message_new_method_error_literal(message, "org.freedesktop.DBus.Error.Failed",
                                                       "This machine has no id");
    GDBusMessage *reply = g_dbus_message_new_method_reply(message);
    g_dbus_message_set_body(reply, g_variant_new("(s)", g_strstrip(id)));
    return reply;
}

/* Returns: (transfer full): what D-Bus has every peer answer */
static GDBusMessage *
answer(GDBusMessage *message)
{
    const char *interface = g_dbus_message_get_interface(message);
    const char *member = g_dbus_message_get_member(message);
    if (g_strcmp0(interface, PEER_INTERFACE) == 0 && g_strcmp0(member, "Ping") == 0)
        return g_dbus_message_new_method_reply(message);
    if (g_strcmp0(interface, PEER_INTERFACE) == 0 && g_strcmp0(member, "GetMachineId") == 0)
        return answer_machine_id(message);
    return g_dbus_message_new_method_error(message, "org.freedesktop.DBus.Error.UnknownMethod",
                                           "No method '%s' on interface '%s'", member,
                                           interface ? interface : "");
}

static void
handle_call(VbWire *wire, GDBusMessage *message)
{
    if (wire->handler && wire->handler->call &&
        g_strcmp0(g_dbus_message_get_interface(message), PEER_INTERFACE) != 0) {
        wire->handler->call(wire, message, wire->data);
    } else if (!(g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED)) {
        g_autoptr(GDBusMessage) reply = answer(message);
        vb_wire_post(wire, reply);
    }
}

/* Types of messages that later versions of D-Bus may add are ignored, as it demands. */
static void
handle(VbWire *wire, GDBusMessage *message)
{
    GDBusMessageType type = g_dbus_message_get_message_type(message);
    if (type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN || type == G_DBUS_MESSAGE_TYPE_ERROR)
        handle_reply(wire, message);
    else if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        handle_call(wire, message);
    else if (type == G_DBUS_MESSAGE_TYPE_SIGNAL && wire->handler && wire->handler->signal)
        wire->handler->signal(wire, message, wire->data);
}

/* turns */

static void
authenticate(VbWire *wire)
{
    GError *error = NULL;
    if (!vb_wire_auth_run(wire, &error))
        vb_wire_fail(wire, error);
    else if (wire->auth == VB_AUTH_DONE)
        g_clear_handle_id(&wire->auth_timer, g_source_remove);
}

static void
handle_arrived(VbWire *wire)
{
    GError *error = NULL;
    guint n = 0;
    for (; n < MESSAGES_PER_TURN && wire->fd >= 0 && !vb_wire_is_stalled(wire); n++) {
        if (lend_reply(wire))
            continue;
        g_autoptr(GDBusMessage) message = vb_wire_take(wire, &error);
        if (!message)
            break;
        handle(wire, message);
    }
    if (error)
        vb_wire_fail(wire, error);
    wire->has_backlog = n == MESSAGES_PER_TURN || (wire->fd >= 0 && vb_wire_is_stalled(wire));
}

/* Returns: FALSE when nothing was there */
static gboolean
turn(VbWire *wire)
{
    GError *error = NULL;
    if (wire->is_lent)
        return FALSE;
    gssize n = wire->has_backlog ? 1 : vb_wire_fill(wire, &error);
    if (n < 0)
        vb_wire_fail(wire, error);
    if (n <= 0)
        return FALSE;
    if (wire->auth != VB_AUTH_DONE)
        authenticate(wire);
    if (wire->auth == VB_AUTH_DONE && !wire->failure)
        handle_arrived(wire);
    return TRUE;
}

static void
shut(VbWire *wire)
{
    if (wire->fd < 0)
        return;
    g_source_destroy(wire->source);
    g_clear_pointer(&wire->source, g_source_unref);
    close(wire->fd);
    wire->fd = -1;
    g_clear_handle_id(&wire->auth_timer, g_source_remove);
    vb_wire_clear_input(wire);
    vb_wire_clear_output(wire);
}

static void
lose(VbWire *wire)
{
    g_autoptr(GError) error = g_steal_pointer(&wire->failure);
    shut(wire);
    if (wire->handler && wire->handler->closed)
        wire->handler->closed(wire, error, wire->data);
    fail_all_pending(wire);
    g_clear_handle_id(&wire->timer, g_source_remove);
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    g_autoptr(VbWire) wire = vb_wire_ref(((WireSource *)source)->wire);
    GIOCondition seen = g_source_query_unix_fd(source, wire->fd_tag);
    g_source_set_ready_time(source, -1);
    wire->is_corked = TRUE;
    if (seen & (G_IO_OUT | G_IO_ERR | G_IO_HUP))
        vb_wire_write(wire);
    if (!wire->failure && !vb_wire_is_stalled(wire) &&
        (wire->has_backlog || wire->is_broken || (seen & (G_IO_IN | G_IO_HUP | G_IO_ERR))))
        turn(wire);
    wire->is_corked = FALSE;
    vb_wire_write(wire);
    if (wire->fd < 0)
        return G_SOURCE_REMOVE;
    if (wire->failure)
        lose(wire);
    else if (wire->is_broken || (wire->has_backlog && !vb_wire_is_stalled(wire)))
        g_source_set_ready_time(source, 0);
    return wire->fd < 0 ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {.dispatch = dispatch};

/* It is closed at its next turn, so that nobody loses it from under what he does. */
void
vb_wire_fail(VbWire *wire, GError *error)
{
    if (wire->fd < 0 || wire->failure) {
        g_error_free(error);
        return;
    }
    wire->failure = error;
    g_source_set_ready_time(wire->source, 0);
}

/**
 * vb_wire_drain:
 *
 * Handles what has arrived. Bounded, for a peer may send without end.
 *
 * Returns: FALSE when there may be more, or the connection goes
 */
gboolean
vb_wire_drain(VbWire *wire)
{
    g_autoptr(VbWire) held = vb_wire_ref(wire);
    for (guint n = 0; n < DRAIN_TURNS && wire->fd >= 0 && !wire->failure; n++)
        if (!turn(wire) && !wire->is_broken)
            return wire->fd >= 0 && !wire->failure && !wire->is_lent;
    return FALSE;
}

/* life */

static gboolean
on_auth_late(gpointer data)
{
    VbWire *wire = data;
    wire->auth_timer = 0;
    vb_wire_fail(wire, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                           "the handshake takes too long"));
    return G_SOURCE_REMOVE;
}

/**
 * vb_wire_new:
 * @fd: taken
 *
 * Returns: (transfer full): a connection that begins its handshake; what is sent meanwhile follows it
 */
VbWire *
vb_wire_new(int fd, VbWireRole role, const char *guid)
{
    VbWire *wire = g_new0(VbWire, 1);
    GError *error = NULL;
    wire->refs = 1;
    wire->fd = fd;
    wire->role = role;
    wire->guid = g_strdup(guid);
    wire->condition = G_IO_IN;
    wire->pending = g_hash_table_new(NULL, NULL);
    g_queue_init(&wire->out);
    wire->source = g_source_new(&source_funcs, sizeof(WireSource));
    ((WireSource *)wire->source)->wire = wire;
    g_source_set_static_name(wire->source, "virtbus wire");
    wire->fd_tag = g_source_add_unix_fd(wire->source, fd, G_IO_IN);
    /* Nobody runs the loop inside a callback. Saying so spares GLib from taking the descriptor out of the poll set for
     * the callback's time and putting it back, which wakes the loop each time. */
    g_source_set_can_recurse(wire->source, TRUE);
    g_source_attach(wire->source, NULL);
    wire->auth_timer = g_timeout_add(AUTH_TIMEOUT_MS, on_auth_late, wire);
    if (!vb_wire_auth_start(wire, &error))
        vb_wire_fail(wire, error);
    return wire;
}

VbWire *
vb_wire_ref(VbWire *wire)
{
    wire->refs++;
    return wire;
}

void
vb_wire_unref(VbWire *wire)
{
    if (--wire->refs > 0)
        return;
    wire->refs = 1; /* for those who hear now that their calls fail */
    shut(wire);
    fail_all_pending(wire);
    g_clear_handle_id(&wire->timer, g_source_remove);
    g_clear_error(&wire->failure);
    g_hash_table_unref(wire->pending);
    g_free(wire->guid);
    g_free(wire);
}

void
vb_wire_set_handler(VbWire *wire, const VbWireHandler *handler, gpointer data)
{
    wire->handler = handler;
    wire->data = data;
}

/**
 * vb_wire_close:
 *
 * Nothing is handed on from here on. Calls that wait fail, from the loop.
 */
void
vb_wire_close(VbWire *wire)
{
    wire->handler = NULL;
    if (wire->fd < 0)
        return;
    if (wire->auth == VB_AUTH_DONE)
        vb_wire_write(wire);
    shut(wire);
    if (g_hash_table_size(wire->pending) > 0)
        g_idle_add_full(G_PRIORITY_DEFAULT, fail_later, vb_wire_ref(wire), unref_wire);
}

gboolean
vb_wire_is_closed(VbWire *wire)
{
    return wire->fd < 0;
}

void
vb_wire_send(VbWire *wire, GDBusMessage *message)
{
    vb_wire_post(wire, message);
}

/* A reply that is too long to be sent is an error reply: its caller must not wait for ever. */
void
vb_wire_send_body(VbWire *wire, GDBusMessage *call, GByteArray *reply)
{
    if (vb_wire_post_bytes(wire, reply, g_dbus_message_get_serial(call)))
        return;
    g_autoptr(GDBusMessage) instead =
        g_dbus_message_new_method_error_literal(call, "org.freedesktop.DBus.Error.LimitsExceeded",
                                                "The reply is too long");
    vb_wire_post(wire, instead);
}
