/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who calls: one record per peer connection and per bus name, with what is registered on it. The bus is asked once per
 * name, without waiting; what the name sends meanwhile waits in order. */
#include "service/service-private.h"

typedef struct {
    guint id;
    GDestroyNotify func;
    gpointer data;
} Hook;

VbClient *
vb_client_ref(VbClient *client)
{
    client->refs++;
    return client;
}

void
vb_client_unref(VbClient *client)
{
    if (--client->refs > 0)
        return;
    vb_link_unref(client->link);
    g_free(client->bus_name);
    g_free(client->remote);
    g_clear_pointer(&client->last_error, g_variant_unref);
    g_clear_pointer(&client->granted, g_hash_table_unref);
    g_queue_clear_full(&client->waiting, g_object_unref);
    g_free(client);
}

static VbClient *
new_client(VbLink *link)
{
    VbClient *client = g_new0(VbClient, 1);
    client->refs = 1;
    client->service = link->service;
    client->link = vb_link_ref(link);
    client->caller.uid = (uid_t)-1;
    g_queue_init(&client->waiting);
    return client;
}

/**
 * vb_client_new_peer:
 * @process: who is at the other end of the socket
 * @must_identify: that process is the proxy, which never calls for itself
 *
 * Returns: (transfer full)
 */
VbClient *
vb_client_new_peer(VbLink *link, const VbCaller *process, gboolean must_identify)
{
    VbClient *client = new_client(link);
    client->caller = *process;
    client->caller.bus_name = NULL;
    client->caller.remote = client->remote = g_strdup("unix");
    client->must_identify = must_identify;
    client->is_known = TRUE;
    return client;
}

/**
 * vb_client_go:
 *
 * Its connection or name is gone: what is registered on it runs, once, newest first.
 */
void
vb_client_go(VbClient *client)
{
    if (client->is_gone)
        return;
    client->is_gone = TRUE;
    if (client->watch)
        g_dbus_connection_signal_unsubscribe(client->link->connection, client->watch);
    client->watch = 0;
    g_queue_clear_full(&client->waiting, g_object_unref);
    while (client->hooks) {
        Hook *hook = client->hooks->data;
        client->hooks = g_slist_delete_link(client->hooks, client->hooks);
        hook->func(hook->data);
        g_free(hook);
    }
}

/**
 * vb_client_add_hook:
 *
 * Returns: id, > 0. A client that is gone already runs @func at once.
 */
guint
vb_client_add_hook(VbClient *client, GDestroyNotify func, gpointer data)
{
    static guint last_id;
    if (client->is_gone) {
        func(data);
        return ++last_id;
    }
    Hook *hook = g_new(Hook, 1);
    *hook = (Hook){++last_id, func, data};
    client->hooks = g_slist_prepend(client->hooks, hook);
    return hook->id;
}

/* the bus */

static void
forget(VbClient *client)
{
    VbService *service = client->service;
    vb_client_ref(client);
    if (g_hash_table_lookup(service->clients, client->bus_name) == client)
        g_hash_table_remove(service->clients, client->bus_name);
    vb_client_go(client);
    vb_client_unref(client);
}

static void
name_lost(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
          const char *signal, GVariant *params, gpointer data)
{
    const char *new_owner;
    VbClient *client = data;
    g_variant_get(params, "(&s&s&s)", NULL, NULL, &new_owner);
    if (*new_owner)
        return;
    vb_inbox_drain(client->service);
    if (!client->is_gone)
        forget(client);
}

static void
read_credentials(VbClient *client, GVariant *reply)
{
    guint32 uid = (guint32)-1, pid = 0;
    g_autoptr(GVariant) credentials = g_variant_get_child_value(reply, 0);
    g_variant_lookup(credentials, "UnixUserID", "u", &uid);
    g_variant_lookup(credentials, "ProcessID", "u", &pid);
    client->caller.uid = uid;
    client->caller.pid = (pid_t)pid;
}

static void
credentials_arrived(GObject *source, GAsyncResult *result, gpointer data)
{
    VbClient *client = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    GDBusMessage *message;
    if (reply) {
        read_credentials(client, reply);
        client->is_known = TRUE;
        while (!client->is_gone && (message = g_queue_pop_head(&client->waiting))) {
            vb_dispatch(client, message);
            g_object_unref(message);
        }
    } else if (!client->is_gone) {
        forget(client); /* gone before the bus could say who it was */
    }
    vb_client_unref(client);
}

/**
 * vb_client_get_bus:
 * @sender: a unique name
 *
 * Returns: (transfer none): its record; the first time, the bus is asked who it is
 */
VbClient *
vb_client_get_bus(VbLink *link, const char *sender)
{
    VbService *service = link->service;
    VbClient *client = g_hash_table_lookup(service->clients, sender);
    if (client)
        return client;
    client = new_client(link);
    client->bus_name = g_strdup(sender);
    client->caller.bus_name = client->bus_name;
    client->caller.remote = client->remote = g_strdup("unix");
    g_hash_table_insert(service->clients, client->bus_name, client);
    client->watch =
        g_dbus_connection_signal_subscribe(link->connection, "org.freedesktop.DBus",
                                           "org.freedesktop.DBus", "NameOwnerChanged",
                                           "/org/freedesktop/DBus", sender,
                                           G_DBUS_SIGNAL_FLAGS_NONE, name_lost, client, NULL);
    g_dbus_connection_call(link->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "GetConnectionCredentials",
                           g_variant_new("(s)", sender), G_VARIANT_TYPE("(a{sv})"),
                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, credentials_arrived,
                           vb_client_ref(client));
    return client;
}
