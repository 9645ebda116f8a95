/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The name org.libvirt, its objects, and who calls them. Each caller on the bus is a client of our own RPC server, with
 * the identity that the bus vouches for, until it leaves the bus. What a call means is not known here. */
#include "bus/bus.h"

#include "base/error.h"
#include "base/log.h"
#include "bus/private.h"
#include "vb-libvirt-info.h"

#include <string.h>

#define BUS_NAME "org.libvirt"
#define MAX_CALLERS 1024 /* connections of one user are limited by the bus */
#define MAX_WAITING 64   /* calls of one caller before it is known who it is */

typedef struct {
    ProxyBus *bus;
    char *name;             /* unique */
    ProxyBusClient *client; /* NULL: not known yet who it is */
    GQueue waiting;         /* of GDBusMethodInvocation */
    guint watch;
} Caller;

struct _ProxyBus {
    ProxyServer *server;
    GDBusConnection *connection; /* NULL: not yet, or lost */
    GCancellable *cancellable;
    GHashTable *callers; /* name -> Caller */
    ProxyBusSignals *signals;
    guint name_id;
    guint filter;
    int *n_arrived; /* calls, of whatever kind; GDBus' thread counts them. g_atomic_rc_box */
    int n_seen;     /* of them, when it was last asked whether we may go */
};

const ProxyBusKind proxy_bus_kinds[] = {
    {NULL, (GDBusInterfaceInfo *)&org_libvirt_connect_interface},
    {PROXY_BUS_DOMAIN, (GDBusInterfaceInfo *)&org_libvirt_domain_interface},
    {PROXY_BUS_SNAPSHOT, (GDBusInterfaceInfo *)&org_libvirt_domain_snapshot_interface},
    {PROXY_BUS_NODEDEV, (GDBusInterfaceInfo *)&org_libvirt_node_device_interface},
};
const guint proxy_bus_n_kinds = G_N_ELEMENTS(proxy_bus_kinds);

/* ---- callers ---- */

static void
refuse(gpointer data)
{
    g_dbus_method_invocation_return_error(data, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                                          "it is not known who is calling");
}

static void
caller_free(gpointer data)
{
    Caller *caller = data;

    g_bus_unwatch_name(caller->watch);
    g_queue_clear_full(&caller->waiting, refuse);
    proxy_bus_client_free(caller->client);
    g_free(caller->name);
    g_free(caller);
}

static void
drop_caller(ProxyBus *bus, const char *name)
{
    g_hash_table_remove(bus->callers, name);
    if (g_hash_table_size(bus->callers) == 0)
        g_clear_pointer(&bus->signals, proxy_bus_signals_free);
}

static void
on_caller_gone(GDBusConnection *connection, const char *name, gpointer data)
{
    drop_caller(data, name);
}

static gboolean
read_identity(GVariant *reply, ProxyBusIdentity *ret_identity, GError **error)
{
    g_autoptr(GVariant) facts = g_variant_get_child_value(reply, 0);
    guint32 uid, pid = 0;

    if (!g_variant_lookup(facts, "UnixUserID", "u", &uid))
        return vb_error_set(error, VIR_ERR_AUTH_FAILED, "%s", "the bus does not know its user");
    g_variant_lookup(facts, "ProcessID", "u", &pid);
    *ret_identity = (ProxyBusIdentity){uid, (pid_t)pid, FALSE};
    return TRUE;
}

static void
run(Caller *caller, GDBusMethodInvocation *invocation)
{
    const char *path = g_dbus_method_invocation_get_object_path(invocation);
    const char *method = g_dbus_method_invocation_get_method_name(invocation);

    if (caller->bus->signals &&
        (g_str_has_prefix(path, PROXY_BUS_NODEDEV) || strstr(method, "NodeDevice")))
        proxy_bus_signals_want_devices(caller->bus->signals);
    proxy_bus_call(caller->client, invocation);
}

typedef struct {
    ProxyBus *bus;
    char *name;
} Question;

static void
on_identified(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autofree Question *question = data;
    g_autofree char *name = question->name;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    ProxyBusIdentity identity;
    Caller *caller;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return; /* the bus face is gone */
    caller = g_hash_table_lookup(question->bus->callers, name);
    if (!caller)
        return;
    if (reply && read_identity(reply, &identity, &error))
        caller->client = proxy_bus_client_new(question->bus->server, &identity, NULL, NULL, NULL);
    if (!caller->client) {
        vb_log_warning(NULL, "a caller on the bus is not known: %s", error->message);
        drop_caller(question->bus, name);
        return;
    }
    while (!g_queue_is_empty(&caller->waiting))
        run(caller, g_queue_pop_head(&caller->waiting));
}

static Caller *
caller_new(ProxyBus *bus, const char *name)
{
    Caller *caller = g_new0(Caller, 1);
    Question *question = g_new(Question, 1);

    caller->bus = bus;
    caller->name = g_strdup(name);
    g_queue_init(&caller->waiting);
    g_hash_table_insert(bus->callers, caller->name, caller);
    caller->watch =
        g_bus_watch_name_on_connection(bus->connection, name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                       on_caller_gone, bus, NULL);
    *question = (Question){bus, g_strdup(name)};
    g_dbus_connection_call(bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "GetConnectionCredentials",
                           g_variant_new("(s)", name), G_VARIANT_TYPE("(a{sv})"),
                           G_DBUS_CALL_FLAGS_NONE, -1, bus->cancellable, on_identified, question);
    if (!bus->signals)
        bus->signals = proxy_bus_signals_new(bus->server, bus->connection);
    return caller;
}

static void
on_method(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
          const char *method, GVariant *params, GDBusMethodInvocation *invocation, gpointer data)
{
    ProxyBus *bus = data;
    Caller *caller = sender ? g_hash_table_lookup(bus->callers, sender) : NULL;

    if (!sender || (!caller && g_hash_table_size(bus->callers) >= MAX_CALLERS) ||
        (caller && caller->waiting.length >= MAX_WAITING)) {
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR,
                                              G_DBUS_ERROR_LIMITS_EXCEEDED, "too many calls");
        return;
    }
    if (!caller)
        caller = caller_new(bus, sender);
    if (caller->client)
        run(caller, invocation);
    else
        g_queue_push_tail(&caller->waiting, invocation);
}

/* ---- objects: those that are there are named by the calls that list them ---- */

static const GDBusInterfaceVTable vtable = {.method_call = on_method};

static char **
enumerate(GDBusConnection *connection, const char *sender, const char *path, gpointer data)
{
    return g_new0(char *, 1);
}

/* @path: the folder, or the object in it: GLib gives now the one and now the other */
static const ProxyBusKind *
kind_at(const char *path, const char *node)
{
    for (guint i = 0; node && i < proxy_bus_n_kinds; i++) {
        const char *folder = proxy_bus_kinds[i].folder;
        const gsize length = folder ? strlen(folder) : 0;

        if (length > 0 && strncmp(path, folder, length) == 0 &&
            (!path[length] || (path[length] == '/' && g_str_equal(path + length + 1, node))))
            return &proxy_bus_kinds[i];
    }
    return NULL;
}

static GDBusInterfaceInfo **
introspect(GDBusConnection *connection, const char *sender, const char *path, const char *node,
           gpointer data)
{
    const ProxyBusKind *kind = kind_at(path, node);
    GDBusInterfaceInfo **infos = g_new0(GDBusInterfaceInfo *, 2);

    if (kind)
        infos[0] = g_dbus_interface_info_ref(kind->info);
    return infos;
}

static const GDBusInterfaceVTable *
dispatch(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
         const char *node, gpointer *ret_data, gpointer data)
{
    const ProxyBusKind *kind = kind_at(path, node);

    if (!kind || !g_str_equal(kind->info->name, interface))
        return NULL;
    *ret_data = data;
    return &vtable;
}

static const GDBusSubtreeVTable subtree = {enumerate, introspect, dispatch, {NULL}};

static gboolean export(ProxyBus *bus, GError **error)
{
    for (guint i = 0; i < proxy_bus_n_kinds; i++) {
        const ProxyBusKind *kind = &proxy_bus_kinds[i];
        guint id = kind->folder
                       ? g_dbus_connection_register_subtree(
                             bus->connection, kind->folder, &subtree,
                             G_DBUS_SUBTREE_FLAGS_DISPATCH_TO_UNENUMERATED_NODES, bus, NULL, error)
                       : g_dbus_connection_register_object(bus->connection, PROXY_BUS_ROOT,
                                                           kind->info, &vtable, bus, NULL, error);
        if (id == 0)
            return FALSE;
    }
    return TRUE;
}

/* ---- the name ---- */

/* in GDBus' thread: the call itself has its turn on the loop later */
static GDBusMessage *
count_call(GDBusConnection *connection, GDBusMessage *message, gboolean is_incoming, gpointer data)
{
    if (is_incoming && g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        g_atomic_int_inc((int *)data);
    return message;
}

/* since this was asked last; none of them need have had its turn */
static gboolean
has_calls(ProxyBus *bus)
{
    const int n = g_atomic_int_get(bus->n_arrived);
    const gboolean has_new = n != bus->n_seen;
    GHashTableIter iter;
    gpointer caller;

    bus->n_seen = n;
    g_hash_table_iter_init(&iter, bus->callers);
    while (g_hash_table_iter_next(&iter, NULL, &caller))
        if (!g_queue_is_empty(&((Caller *)caller)->waiting))
            return TRUE;
    return has_new;
}

static void
on_name_lost(GDBusConnection *connection, const char *name, gpointer data)
{
    vb_log_warning(NULL, "the bus name %s belongs to somebody else, or the bus has gone", name);
}

static void
own_name(ProxyBus *bus)
{
    bus->name_id =
        g_bus_own_name_on_connection(bus->connection, BUS_NAME, G_BUS_NAME_OWNER_FLAGS_NONE, NULL,
                                     on_name_lost, bus, NULL);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *connection = g_dbus_connection_new_for_address_finish(result, &error);
    ProxyBus *bus = data;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return; /* the bus face is gone */
    bus->connection = connection;
    if (!connection || !export(bus, &error)) {
        vb_log_warning(NULL, "%s is not served: %s", BUS_NAME, error->message);
        return;
    }
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    bus->filter = g_dbus_connection_add_filter(connection, count_call,
                                               g_atomic_rc_box_acquire(bus->n_arrived),
                                               g_atomic_rc_box_release);
    own_name(bus);
}

/* The bus sends what came for the name before it confirms that nobody has it. */
gboolean
proxy_bus_let_go(ProxyBus *bus)
{
    if (bus->name_id == 0)
        return TRUE;
    if (has_calls(bus))
        return FALSE;
    g_clear_handle_id(&bus->name_id, g_bus_unown_name);
    if (!has_calls(bus))
        return TRUE;
    own_name(bus);
    return FALSE;
}

ProxyBus *
proxy_bus_new(ProxyServer *server, const char *address)
{
    ProxyBus *bus = g_new0(ProxyBus, 1);

    bus->server = server;
    bus->n_arrived = g_atomic_rc_box_new0(int);
    bus->cancellable = g_cancellable_new();
    bus->callers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, caller_free);
    g_dbus_connection_new_for_address(address,
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                      NULL, bus->cancellable, on_connected, bus);
    return bus;
}

void
proxy_bus_free(ProxyBus *bus)
{
    if (!bus)
        return;
    g_cancellable_cancel(bus->cancellable);
    g_clear_handle_id(&bus->name_id, g_bus_unown_name);
    g_clear_pointer(&bus->signals, proxy_bus_signals_free);
    g_hash_table_unref(bus->callers);
    if (bus->filter)
        g_dbus_connection_remove_filter(bus->connection, bus->filter);
    if (bus->connection)
        g_dbus_connection_close_sync(bus->connection, NULL, NULL);
    g_clear_object(&bus->connection);
    g_object_unref(bus->cancellable);
    g_atomic_rc_box_release(bus->n_arrived);
    g_free(bus);
}
