/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proxy's own connection to a daemon. Owns the mirror, the event position (epoch, sequence) and who waits.
 *
 * Connecting asks, in this order: Subscribe, EventsSince, the root's properties; when these are there, GetManagedObjects,
 * which takes a while where there are many guests: what is about the host alone need not wait for it. The daemon answers
 * a connection's calls in order, so that every event is either in the reply of EventsSince or arrives as a signal behind
 * it; sequence numbers sort out what arrives twice. */
#include "backend/link.h"
#include <unistd.h>
#include "backend/known.h"
#include "backend/resync.h"
#include "base/error.h"
#include "base/log.h"

#define DOMAIN_INTERFACE "org.virtbus.Domain1"
#define PEER_INTERFACE "org.virtbus.Peer1"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"
#define CALL_TIMEOUT_MS 10000
#define RECONNECT_MS 500
#define UNWANTED_MS 20000 /* then the daemon may exit for being idle */

typedef enum { LINK_DOWN, LINK_CONNECTING, LINK_SYNCING, LINK_READY } LinkState;

typedef struct {
    ProxyLink *link;
    ProxyLinkReady callback;
    gpointer data;
    gboolean needs_root_only;
    guint deadline_source;
} Waiter;

struct _ProxyLink {
    int ref_count;
    gboolean is_closed;
    const ProxyDaemon *daemon;
    ProxyLinkHandler handler;
    gpointer data;
    ProxyMirror *mirror;
    LinkState state;
    gboolean
        is_root_known; /* the mirror has the root's properties, as long as the connection stands */
    gboolean is_wanted;
    VbWire *wire;
    guint retry_source;
    guint unwanted_source;
    GQueue waiters;
    /* events */
    char *epoch;
    guint64 sequence; /* of the last event handed on */
    gboolean
        is_position_open; /* any next event is the next one: the position was lost or never known */
    gboolean is_catching_up; /* EventsSince is under way */
    gboolean is_resync;      /* events were lost: the next snapshot tells the difference */
    ProxyKnown known;        /* without a mirror: what clients were told of */
};

/* one of the calls of this connection; @wire tells whether it is still the current one */
typedef struct {
    ProxyLink *link;
    VbWire *wire;
    void (*done)(ProxyLink *link, GVariant *reply);
} LinkCall;

typedef struct {
    ProxyLink *link;
    ProxyLinkPassed callback;
    gpointer data;
} Barrier;

static void ask_lists(ProxyLink *link);
static void link_connect(ProxyLink *link);
static void link_lost(ProxyLink *link);
static void link_refused(ProxyLink *link, GError *error);

static void
link_unref(ProxyLink *link)
{
    if (--link->ref_count > 0)
        return;
    proxy_mirror_free(link->mirror);
    proxy_known_clear(&link->known);
    g_free(link->epoch);
    g_free(link);
}

/* ---- waiting ---- */

/* @waiter is in no queue any more */
static void
waiter_call(Waiter *waiter, const GError *error)
{
    g_clear_handle_id(&waiter->deadline_source, g_source_remove);
    waiter->callback(waiter->data, error);
    g_free(waiter);
}

static gboolean
on_waiter_deadline(gpointer data)
{
    Waiter *waiter = data;
    g_autoptr(GError) error = NULL;

    waiter->deadline_source = 0;
    vb_error_set(&error, VIR_ERR_SYSTEM_ERROR, "Cannot recv data: %s does not answer",
                 waiter->link->daemon->name);
    g_queue_remove(&waiter->link->waiters, waiter);
    waiter_call(waiter, error);
    return G_SOURCE_REMOVE;
}

/* those who wait for the root alone, or everybody */
static void
wake_some(ProxyLink *link, gboolean is_root_only, const GError *error)
{
    GQueue due = G_QUEUE_INIT;

    for (GList *item = link->waiters.head, *next; item; item = next) {
        Waiter *waiter = item->data;

        next = item->next;
        if (is_root_only && !waiter->needs_root_only)
            continue;
        g_clear_handle_id(&waiter->deadline_source, g_source_remove);
        g_queue_unlink(&link->waiters, item);
        g_queue_push_tail_link(&due, item);
    }
    while (!g_queue_is_empty(&due))
        waiter_call(g_queue_pop_head(&due), error);
}

static void
wake(ProxyLink *link, const GError *error)
{
    wake_some(link, FALSE, error);
}

gboolean
proxy_link_is_ready(ProxyLink *link)
{
    return link->state == LINK_READY;
}

static void
link_wait(ProxyLink *link, gboolean needs_root_only, ProxyLinkReady callback, gpointer data)
{
    Waiter *waiter = g_new0(Waiter, 1);

    waiter->needs_root_only = needs_root_only;
    waiter->callback = callback;
    waiter->data = data;
    waiter->link = link;
    waiter->deadline_source = g_timeout_add(PROXY_PEER_DEADLINE_MS, on_waiter_deadline, waiter);
    g_queue_push_tail(&link->waiters, waiter);
    if (link->state == LINK_DOWN)
        link_connect(link);
}

void
proxy_link_when_ready(ProxyLink *link, ProxyLinkReady callback, gpointer data)
{
    if (link->state == LINK_READY)
        callback(data, NULL);
    else
        link_wait(link, FALSE, callback, data);
}

void
proxy_link_when_root_known(ProxyLink *link, ProxyLinkReady callback, gpointer data)
{
    if (link->is_root_known)
        callback(data, NULL);
    else
        link_wait(link, TRUE, callback, data);
}

static void
barrier_passed(gpointer data, const GError *error)
{
    g_autofree Barrier *barrier = data;

    barrier->callback(barrier->data);
    link_unref(barrier->link);
}

static void
on_pong(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    Barrier *barrier = data;

    /* without a reply the connection is gone: the next one begins with all that there is */
    if (reply || barrier->link->is_closed)
        barrier_passed(barrier, NULL);
    else
        proxy_link_when_ready(barrier->link, barrier_passed, barrier);
}

void
proxy_link_barrier(ProxyLink *link, ProxyLinkPassed callback, gpointer data)
{
    const VbWireCall call = {
        .path = link->daemon->root_path,
        .interface = "org.freedesktop.DBus.Peer",
        .member = "Ping",
        .timeout_ms = CALL_TIMEOUT_MS,
    };
    Barrier *barrier = g_new0(Barrier, 1);

    link->ref_count++;
    barrier->link = link;
    barrier->callback = callback;
    barrier->data = data;
    if (link->state == LINK_READY)
        vb_wire_call(link->wire, &call, on_pong, barrier);
    else
        proxy_link_when_ready(link, barrier_passed, barrier);
}

void
proxy_link_settle(ProxyLink *link, ProxyLinkPassed callback, gpointer data)
{
    gboolean is_through;

    link->ref_count++;
    is_through = link->state == LINK_READY && vb_wire_drain(link->wire) &&
                 link->state == LINK_READY && !link->is_catching_up;
    if (is_through)
        callback(data);
    else
        proxy_link_barrier(link, callback, data);
    link_unref(link);
}

/* ---- calls of the link itself ---- */

static void
on_called(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    g_autofree LinkCall *call = data;
    ProxyLink *link = call->link;

    if (link->wire == call->wire && !link->is_closed) {
        if (reply) {
            call->done(link, reply);
        } else {
            vb_log_debug(NULL, "%s: %s", link->daemon->name, error->message);
            link_refused(link, error);
        }
    }
    vb_wire_unref(call->wire);
    link_unref(link);
}

static void
link_call(ProxyLink *link, const VbWireCall *wire_call,
          void (*done)(ProxyLink *link, GVariant *reply))
{
    LinkCall *call = g_new0(LinkCall, 1);

    call->link = link;
    call->wire = vb_wire_ref(link->wire);
    call->done = done;
    link->ref_count++;
    vb_wire_call(link->wire, wire_call, on_called, call);
}

/* ---- events ---- */

static void
hand_on(ProxyLink *link, guint64 sequence, const char *kind, const char *path, GVariant *details)
{
    link->sequence = sequence;
    link->is_position_open = FALSE;
    proxy_known_follow(&link->known, kind, path, details);
    link->handler.event(link->data, kind, path, details);
}

static void
on_events_since(ProxyLink *link, GVariant *reply)
{
    g_autoptr(GVariant) events = NULL;
    gboolean is_resync;
    const char *epoch, *kind, *path;
    guint64 sequence;
    GVariantIter iter;
    GVariant *details;

    g_variant_get(reply, "(b&s@a(tsoa{sv}))", &is_resync, &epoch, &events);
    link->is_catching_up = FALSE;
    if (is_resync || g_strcmp0(epoch, link->epoch) != 0) {
        link->is_resync = link->epoch != NULL;
        g_free(link->epoch);
        link->epoch = g_strdup(epoch);
        link->sequence = 0;
        link->is_position_open = TRUE;
    }
    g_variant_iter_init(&iter, events);
    while (g_variant_iter_loop (&iter, "(t&s&o@a{sv})", &sequence, &kind, &path, &details))
        if (sequence > link->sequence)
            hand_on(link, sequence, kind, path, details);
    if (link->is_resync && link->state == LINK_READY && !link->daemon->has_mirror)
        ask_lists(link);
}

static void
catch_up(ProxyLink *link)
{
    const VbWireCall call = {
        link->daemon->root_path,
        link->daemon->root_interface,
        "EventsSince",
        g_variant_new("(st)", link->epoch ? link->epoch : "", link->sequence),
        "(bsa(tsoa{sv}))",
        CALL_TIMEOUT_MS,
    };

    link->is_catching_up = TRUE;
    link_call(link, &call, on_events_since);
}

static void
on_event(ProxyLink *link, const char *path, GVariant *args)
{
    g_autoptr(GVariant) details = NULL;
    const char *kind, *domain;
    guint64 sequence;

    if (link->is_catching_up)
        return; /* it is in the log already, hence in the reply that is awaited */
    g_variant_get(args, "(t&s&o@a{sv})", &sequence, &kind, &domain, &details);
    if (link->is_position_open || sequence == link->sequence + 1)
        hand_on(link, sequence, kind, domain, details);
    else if (sequence > link->sequence)
        catch_up(link); /* a gap: the log has what is missing */
}

/* ---- signals ---- */

static void
on_monitor_event(ProxyLink *link, const char *path, GVariant *args)
{
    link->handler.monitor_event(link->data, path, args);
}

static void
on_interfaces_added(ProxyLink *link, const char *path, GVariant *args)
{
    g_autoptr(GVariant) interfaces = NULL;
    const char *object;

    if (!link->daemon->has_mirror)
        return;
    g_variant_get(args, "(&o@a{sa{sv}})", &object, &interfaces);
    proxy_mirror_add(link->mirror, object, interfaces);
}

static void
on_interfaces_removed(ProxyLink *link, const char *path, GVariant *args)
{
    g_autofree const char **interfaces = NULL;
    const char *object;

    g_variant_get(args, "(&o^a&s)", &object, &interfaces);
    if (g_strv_contains(interfaces, DOMAIN_INTERFACE))
        proxy_mirror_remove(link->mirror, object);
}

static void
on_properties_changed(ProxyLink *link, const char *path, GVariant *args)
{
    g_autoptr(GVariant) changed = NULL;
    g_autofree const char **invalidated = NULL;
    const char *interface;

    g_variant_get(args, "(&s@a{sv}^a&s)", &interface, &changed, &invalidated);
    if (g_str_equal(interface, DOMAIN_INTERFACE) ||
        g_str_equal(interface, link->daemon->root_interface))
        proxy_mirror_change(link->mirror, path, changed, invalidated);
}

static const struct {
    const char *interface, *signal, *type;
    void (*handle)(ProxyLink *link, const char *path, GVariant *args);
} signals[] = {
    {PROPERTIES_INTERFACE, "PropertiesChanged", "(sa{sv}as)", on_properties_changed},
    {MANAGER_INTERFACE, "InterfacesAdded", "(oa{sa{sv}})", on_interfaces_added},
    {MANAGER_INTERFACE, "InterfacesRemoved", "(oas)", on_interfaces_removed},
    {NULL, "Event", "(tsoa{sv})", on_event}, /* the daemon's root interface */
    {DOMAIN_INTERFACE, "MonitorEvent", "(sxus)", on_monitor_event},
};

static void
on_signal(VbWire *wire, GDBusMessage *message, gpointer data)
{
    ProxyLink *link = data;
    const char *interface = g_dbus_message_get_interface(message);
    const char *member = g_dbus_message_get_member(message);
    GVariant *args = g_dbus_message_get_body(message);

    for (guint i = 0; args && i < G_N_ELEMENTS(signals); i++)
        if (g_str_equal(signals[i].signal, member) &&
            g_str_equal(signals[i].interface ? signals[i].interface : link->daemon->root_interface,
                        interface) &&
            g_variant_is_of_type(args, G_VARIANT_TYPE(signals[i].type)))
            signals[i].handle(link, g_dbus_message_get_path(message), args);
}

/* ---- life cycle ---- */

static void
on_subscribed(ProxyLink *link, GVariant *reply)
{
}

static void
on_managed_objects(ProxyLink *link, GVariant *reply)
{
    g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
    g_autoptr(GHashTable) before = link->is_resync ? proxy_resync_remember(link->mirror) : NULL;

    proxy_mirror_replace(link->mirror, objects);
    link->state = LINK_READY;
    link->is_resync = FALSE;
    if (before)
        proxy_resync_tell(before, link->mirror, &link->handler, link->data);
    wake(link, NULL);
}

static void
on_root_properties(ProxyLink *link, GVariant *reply)
{
    const VbWireCall objects = {link->daemon->root_path, MANAGER_INTERFACE,
                                "GetManagedObjects",     NULL,
                                "(a{oa{sa{sv}}})",       CALL_TIMEOUT_MS};
    g_autoptr(GVariant) properties = g_variant_get_child_value(reply, 0);

    proxy_mirror_replace_root(link->mirror, properties);
    link->is_root_known = TRUE;
    link_call(link, &objects, on_managed_objects);
    wake_some(link, TRUE, NULL);
}

/* Without a mirror the position in the event log is found, and it is known what there is. */
static void
take_list(ProxyLink *link, ProxyKnownList list, GVariant *reply)
{
    g_autoptr(GVariant) paths = g_variant_get_child_value(reply, 0);

    proxy_known_take(&link->known, list, paths, link->is_resync ? link->handler.event : NULL,
                     link->data);
}

static void
on_active(ProxyLink *link, GVariant *reply)
{
    take_list(link, PROXY_KNOWN_ACTIVE, reply);
}

static void
on_defined(ProxyLink *link, GVariant *reply)
{
    take_list(link, PROXY_KNOWN_DEFINED, reply);
    link->state = LINK_READY;
    link->is_resync = FALSE;
    wake(link, NULL);
}

static void
ask_list(ProxyLink *link, ProxyKnownList list, void (*done)(ProxyLink *link, GVariant *reply))
{
    const VbWireCall call = {link->daemon->root_path,
                             link->daemon->root_interface,
                             "ListDevices",
                             g_variant_new("(u)", proxy_known_flags(list)),
                             "(ao)",
                             CALL_TIMEOUT_MS};

    link_call(link, &call, done);
}

static void
ask_lists(ProxyLink *link)
{
    ask_list(link, PROXY_KNOWN_ACTIVE, on_active);
    ask_list(link, PROXY_KNOWN_DEFINED, on_defined);
}

static void
on_closed(VbWire *wire, const GError *error, gpointer data)
{
    link_lost(data);
}

static const VbWireHandler wire_handler = {.signal = on_signal, .closed = on_closed};

static void
link_sync(ProxyLink *link)
{
    const char *root = link->daemon->root_path;
    const VbWireCall subscribe = {root, PEER_INTERFACE, "Subscribe", NULL, "()", CALL_TIMEOUT_MS};
    const VbWireCall properties = {root,      PROPERTIES_INTERFACE,
                                   "GetAll",  g_variant_new("(s)", link->daemon->root_interface),
                                   "(a{sv})", CALL_TIMEOUT_MS};

    link->state = LINK_SYNCING;
    vb_wire_set_handler(link->wire, &wire_handler, link);
    link_call(link, &subscribe, on_subscribed);
    catch_up(link);
    if (link->daemon->has_mirror) {
        link_call(link, &properties, on_root_properties);
    } else {
        g_variant_unref(g_variant_ref_sink(properties.args));
        ask_lists(link);
    }
}

static gboolean
on_retry(gpointer data)
{
    ProxyLink *link = data;

    link->retry_source = 0;
    if (link->state == LINK_DOWN)
        link_connect(link);
    return G_SOURCE_REMOVE;
}

static void
on_connected(gpointer data, VbWire *wire, const GError *error)
{
    ProxyLink *link = data;

    if (link->is_closed) {
        g_clear_pointer(&wire, vb_wire_unref);
    } else if (wire) {
        link->wire = wire;
        link_sync(link);
    } else {
        link->state = LINK_DOWN;
        if (link->is_wanted && !link->retry_source)
            link->retry_source = g_timeout_add(RECONNECT_MS, on_retry, link);
        wake(link, error);
    }
    link_unref(link);
}

static void
link_connect(ProxyLink *link)
{
    g_clear_handle_id(&link->retry_source, g_source_remove);
    link->state = LINK_CONNECTING;
    link->ref_count++;
    proxy_peer_connect(link->daemon, proxy_peer_identity(getuid(), getpid(), FALSE), on_connected,
                       link);
}

static void
link_disconnect(ProxyLink *link)
{
    g_autoptr(VbWire) wire = g_steal_pointer(&link->wire);

    link->is_root_known = FALSE;

    if (wire)
        vb_wire_close(wire);
}

static void
link_lost(ProxyLink *link)
{
    link_disconnect(link);
    link->state = LINK_DOWN;
    link->is_catching_up = FALSE;
    if (link->is_wanted || !g_queue_is_empty(&link->waiters))
        link_connect(link);
}

/* A call of the link failed. Where the daemon went away, it is looked for at once. One that answers with an error would
 * do so again: it is tried later, and who waits does so until its deadline. */
static void
link_refused(ProxyLink *link, GError *error)
{
    if (!g_dbus_error_is_remote_error(error) || proxy_peer_is_lost(error)) {
        link_lost(link);
        return;
    }
    vb_log_warning(NULL, "%s refuses its proxy: %s", link->daemon->name, error->message);
    link_disconnect(link);
    link->state = LINK_DOWN;
    link->is_catching_up = FALSE;
    if (!link->retry_source)
        link->retry_source = g_timeout_add(RECONNECT_MS, on_retry, link);
}

static gboolean
on_unwanted(gpointer data)
{
    ProxyLink *link = data;

    link->unwanted_source = 0;
    if (link->state == LINK_READY) {
        link_disconnect(link);
        link->state = LINK_DOWN;
        proxy_known_clear(&link->known);
    }
    return G_SOURCE_REMOVE;
}

void
proxy_link_set_wanted(ProxyLink *link, gboolean is_wanted)
{
    link->is_wanted = is_wanted;
    g_clear_handle_id(&link->unwanted_source, g_source_remove);
    if (!is_wanted)
        link->unwanted_source = g_timeout_add(UNWANTED_MS, on_unwanted, link);
    if (is_wanted && link->state == LINK_DOWN && !link->retry_source)
        link_connect(link);
}

ProxyMirror *
proxy_link_mirror(ProxyLink *link)
{
    return link->mirror;
}

/**
 * proxy_link_new:
 * @daemon: outlives the link
 *
 * Returns: (transfer full): a link that is not connected yet
 */
ProxyLink *
proxy_link_new(const ProxyDaemon *daemon, const ProxyLinkHandler *handler, gpointer data)
{
    ProxyLink *link = g_new0(ProxyLink, 1);

    link->ref_count = 1;
    link->daemon = daemon;
    link->handler = *handler;
    link->data = data;
    link->mirror = proxy_mirror_new(daemon->root_path);
    g_queue_init(&link->waiters);
    return link;
}

void
proxy_link_free(ProxyLink *link)
{
    g_autoptr(GError) error = NULL;

    if (!link)
        return;
    link->is_closed = TRUE;
    link->is_wanted = FALSE;
    link_disconnect(link);
    g_clear_handle_id(&link->retry_source, g_source_remove);
    g_clear_handle_id(&link->unwanted_source, g_source_remove);
    vb_error_set(&error, VIR_ERR_SYSTEM_ERROR, "%s",
                 "Cannot recv data: the proxy is shutting down");
    wake(link, error);
    link_unref(link);
}
