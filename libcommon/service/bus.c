/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to the message bus and the name on it. Owns both; the calls here that wait are made before the main loop
 * runs and after it ended. */
#include "service/service-private.h"

#include "base/error.h"

/* Source: D-Bus specification, RequestName */
#define NAME_FLAG_DO_NOT_QUEUE 4u
#define NAME_REPLY_PRIMARY_OWNER 1u
#define NAME_REPLY_ALREADY_OWNER 4u
#define BUS_TIMEOUT_MS 10000

static void
bus_closed(GDBusConnection *connection, gboolean was_vanished, GError *error, gpointer data)
{
    VbService *service = data;
    if (service->is_stopping)
        return;
    vb_log_warning(NULL, "lost the connection to the message bus: %s",
                   error ? error->message : "closed");
    vb_service_quit(service, 1);
}

static char *
get_address(VbService *service, GError **error)
{
    if (service->options.bus_address)
        return g_strdup(service->options.bus_address);
    return g_dbus_address_get_for_bus_sync(service->options.is_session ? G_BUS_TYPE_SESSION
                                                                       : G_BUS_TYPE_SYSTEM,
                                           NULL, error);
}

/**
 * vb_bus_connect:
 *
 * Connects to --bus, else to the session's bus or the system's (DBUS_SYSTEM_BUS_ADDRESS); "none" connects to none.
 */
gboolean
vb_bus_connect(VbService *service, GError **error)
{
    if (!service->info->bus_name || g_strcmp0(service->options.bus_address, "none") == 0)
        return TRUE;
    g_autofree char *address = get_address(service, error);
    if (!address)
        return FALSE;
    g_autoptr(GDBusConnection) connection =
        g_dbus_connection_new_for_address_sync(address,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, error);
    if (!connection) {
        g_prefix_error(error, "cannot connect to the message bus at %s: ", address);
        return FALSE;
    }
    g_dbus_connection_set_exit_on_close(connection, FALSE);
    g_signal_connect(connection, "closed", G_CALLBACK(bus_closed), service);
    service->bus = vb_link_new_bus(service, connection);
    vb_policy_watch(service);
    return TRUE;
}

static GVariant *
call_bus(VbService *service, const char *method, GVariant *params, GError **error)
{
    return g_dbus_connection_call_sync(service->bus->connection, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus", method,
                                       params, G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE,
                                       BUS_TIMEOUT_MS, NULL, error);
}

/**
 * vb_bus_own_name:
 *
 * Errors: OPERATION_FAILED: another process has the name
 */
gboolean
vb_bus_own_name(VbService *service, GError **error)
{
    guint32 answer = 0;
    if (!service->bus)
        return TRUE;
    g_autoptr(GVariant) reply =
        call_bus(service, "RequestName",
                 g_variant_new("(su)", service->info->bus_name, NAME_FLAG_DO_NOT_QUEUE), error);
    if (!reply) {
        g_prefix_error(error, "cannot own bus name %s: ", service->info->bus_name);
        return FALSE;
    }
    g_variant_get(reply, "(u)", &answer);
    if (answer == NAME_REPLY_PRIMARY_OWNER || answer == NAME_REPLY_ALREADY_OWNER)
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "bus name %s is owned by another process",
                        service->info->bus_name);
}

/* Returns: FALSE when somebody called meanwhile: the daemon is wanted, and has its name again. */
gboolean
vb_bus_release_name(VbService *service)
{
    g_autoptr(GError) error = NULL;
    if (!service->bus)
        return vb_inbox_is_empty(service);
    g_autoptr(GVariant) reply =
        call_bus(service, "ReleaseName", g_variant_new("(s)", service->info->bus_name), &error);
    if (vb_inbox_is_empty(service))
        return TRUE;
    if (!vb_bus_own_name(service, &error))
        vb_log_warning(NULL, "%s", error->message);
    return FALSE;
}

void
vb_bus_close(VbService *service)
{
    if (!service->bus)
        return;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->clients);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        vb_client_go(value);
    g_hash_table_remove_all(service->clients);
    vb_link_flush(service->bus);
    g_dbus_connection_flush_sync(service->bus->connection, NULL, NULL);
    g_signal_handlers_disconnect_by_data(service->bus->connection, service);
    vb_link_close(service->bus);
    g_clear_pointer(&service->bus, vb_link_unref);
}
