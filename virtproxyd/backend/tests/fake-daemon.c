/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small virtqemud for the backend's tests. */
#include "backend/tests/fake-daemon.h"
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>
#include "vb-dbus-info.h"

#define ROOT "/org/virtbus/qemu"

typedef struct {
    char *path;
    char *name;
    char *uuid;
    int state;
} Guest;

struct _FakeDaemon {
    char *socket_path;
    GDBusServer *server;
    GPtrArray *connections;
    GPtrArray *subscribed;
    GPtrArray *guests;
    GPtrArray *log; /* GVariant (tsoa{sv}) */
    GHashTable *n_calls;
    char *die_at;
    char *leave_at;
    char *hold_at;
    GDBusMethodInvocation *held;
    const char *epoch;
};

static const char manager_xml[] =
    "<node><interface name='org.freedesktop.DBus.ObjectManager'>"
    "<method name='GetManagedObjects'><arg type='a{oa{sa{sv}}}' direction='out'/></method>"
    "<signal name='InterfacesAdded'><arg type='o'/><arg type='a{sa{sv}}'/></signal>"
    "<signal name='InterfacesRemoved'><arg type='o'/><arg type='as'/></signal>"
    "</interface></node>";

static void register_guest(FakeDaemon *daemon, GDBusConnection *connection, Guest *guest);

static void
guest_free(gpointer data)
{
    Guest *guest = data;

    g_free(guest->path);
    g_free(guest->name);
    g_free(guest->uuid);
    g_free(guest);
}

static Guest *
find_guest(FakeDaemon *daemon, const char *path)
{
    for (guint i = 0; i < daemon->guests->len; i++)
        if (g_str_equal(((Guest *)daemon->guests->pdata[i])->path, path))
            return daemon->guests->pdata[i];
    return NULL;
}

static GVariant *
guest_properties(Guest *guest)
{
    GVariantDict dict;
    gboolean is_active = guest->state == 1 || guest->state == 3;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "Name", "s", guest->name);
    g_variant_dict_insert(&dict, "Uuid", "s", guest->uuid);
    g_variant_dict_insert(&dict, "Id", "i", is_active ? 7 : -1);
    g_variant_dict_insert(&dict, "State", "i", guest->state);
    g_variant_dict_insert(&dict, "StateReason", "i", 1);
    g_variant_dict_insert(&dict, "Active", "b", is_active);
    g_variant_dict_insert(&dict, "Persistent", "b", TRUE);
    g_variant_dict_insert(&dict, "Autostart", "b", FALSE);
    g_variant_dict_insert(&dict, "Revision", "t", G_GUINT64_CONSTANT(1));
    g_variant_dict_insert(&dict, "MaxMemory", "t", G_GUINT64_CONSTANT(65536));
    g_variant_dict_insert(&dict, "Memory", "t", G_GUINT64_CONSTANT(32768));
    g_variant_dict_insert(&dict, "Vcpus", "u", 2);
    return g_variant_dict_end(&dict);
}

/* ---- signals ---- */

static void
emit(FakeDaemon *daemon, const char *path, const char *interface, const char *signal,
     GVariant *args)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(args);

    for (guint i = 0; i < daemon->subscribed->len; i++)
        g_dbus_connection_emit_signal(daemon->subscribed->pdata[i], NULL, path, interface, signal,
                                      owned, NULL);
}

static void
emit_lifecycle(FakeDaemon *daemon, Guest *guest, int event)
{
    GVariantDict dict;
    GVariant *entry;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", guest->name);
    g_variant_dict_insert(&dict, "uuid", "s", guest->uuid);
    g_variant_dict_insert(&dict, "id", "i", guest->state == 1 ? 7 : -1);
    g_variant_dict_insert(&dict, "event", "i", event);
    g_variant_dict_insert(&dict, "detail", "i", 0);
    entry = g_variant_ref_sink(g_variant_new("(tso@a{sv})", (guint64)daemon->log->len + 1,
                                             "lifecycle", guest->path, g_variant_dict_end(&dict)));
    g_ptr_array_add(daemon->log, entry);
    emit(daemon, ROOT, "org.virtbus.Hypervisor1", "Event", entry);
}

void
fake_daemon_set_state(FakeDaemon *daemon, const char *path, int state)
{
    Guest *guest = find_guest(daemon, path);

    guest->state = state;
    emit(daemon, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
         g_variant_new("(s@a{sv}as)", "org.virtbus.Domain1", guest_properties(guest), NULL));
    emit_lifecycle(daemon, guest, state == 1 ? 2 : 5);
}

/* ---- methods ---- */

static GVariant *
call_define(FakeDaemon *daemon, const char *path, GVariant *args)
{
    Guest *guest = g_new0(Guest, 1);
    GVariantBuilder interfaces;
    const char *xml;

    g_variant_get(args, "(&su)", &xml, NULL);
    guest->name = g_strdup(xml); /* the "XML" of the tests is the name */
    guest->uuid = g_strdup_printf("00000000-0000-4000-8000-%012x", daemon->guests->len + 1);
    guest->path = g_strdelimit(g_strconcat(ROOT "/domain/", guest->uuid, NULL), "-", '_');
    guest->state = 5;
    g_ptr_array_add(daemon->guests, guest);
    for (guint i = 0; i < daemon->connections->len; i++)
        register_guest(daemon, daemon->connections->pdata[i], guest);
    g_variant_builder_init(&interfaces, G_VARIANT_TYPE("a{sa{sv}}"));
    g_variant_builder_add(&interfaces, "{s@a{sv}}", "org.virtbus.Domain1", guest_properties(guest));
    emit(daemon, ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded",
         g_variant_new("(oa{sa{sv}})", guest->path, &interfaces));
    emit_lifecycle(daemon, guest, 0);
    return g_variant_new("(o)", guest->path);
}

static GVariant *
call_undefine(FakeDaemon *daemon, const char *path, GVariant *args)
{
    static const char *const gone[] = {"org.virtbus.Domain1", NULL};
    Guest *guest = find_guest(daemon, path);

    emit_lifecycle(daemon, guest, 1);
    emit(daemon, ROOT, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
         g_variant_new("(o^as)", path, gone));
    g_ptr_array_remove(daemon->guests, guest);
    return NULL;
}

static GVariant *
call_create(FakeDaemon *daemon, const char *path, GVariant *args)
{
    fake_daemon_set_state(daemon, path, 1);
    return NULL;
}

static GVariant *
call_get_xml(FakeDaemon *daemon, const char *path, GVariant *args)
{
    return g_variant_new("(s)", find_guest(daemon, path)->name);
}

static GVariant *
call_get_info(FakeDaemon *daemon, const char *path, GVariant *args)
{
    return g_variant_new("(yttqt)", find_guest(daemon, path)->state, (guint64)65536, (guint64)1, 2,
                         (guint64)99);
}

static GVariant *
call_nothing(FakeDaemon *daemon, const char *path, GVariant *args)
{
    return NULL;
}

static GVariant *
call_events_since(FakeDaemon *daemon, const char *path, GVariant *args)
{
    const char *epoch;
    guint64 sequence;
    gboolean is_known;
    GVariantBuilder events;

    g_variant_get(args, "(&st)", &epoch, &sequence);
    is_known = g_str_equal(epoch, daemon->epoch);
    g_variant_builder_init(&events, G_VARIANT_TYPE("a(tsoa{sv})"));
    for (guint64 i = sequence; is_known && i < daemon->log->len; i++)
        g_variant_builder_add_value(&events, daemon->log->pdata[i]);
    return g_variant_new("(bsa(tsoa{sv}))", !is_known, daemon->epoch, &events);
}

static GVariant *
call_managed_objects(FakeDaemon *daemon, const char *path, GVariant *args)
{
    GVariantBuilder objects;

    g_variant_builder_init(&objects, G_VARIANT_TYPE("a{oa{sa{sv}}}"));
    for (guint i = 0; i < daemon->guests->len; i++) {
        Guest *guest = daemon->guests->pdata[i];
        GVariantBuilder interfaces;

        g_variant_builder_init(&interfaces, G_VARIANT_TYPE("a{sa{sv}}"));
        g_variant_builder_add(&interfaces, "{s@a{sv}}", "org.virtbus.Domain1",
                              guest_properties(guest));
        g_variant_builder_add(&objects, "{oa{sa{sv}}}", guest->path, &interfaces);
    }
    return g_variant_new("(a{oa{sa{sv}}})", &objects);
}

static GVariant *
call_node_cpu_stats(FakeDaemon *daemon, const char *path, GVariant *args)
{
    return g_variant_new_parsed("([('kernel', uint64 1), ('user', 2), ('idle', 3)],)");
}

static GVariant *
call_all_stats(FakeDaemon *daemon, const char *path, GVariant *args)
{
    return g_variant_new_parsed("([(%o, {'state.state': <5>, 'balloon.current': <uint64 7>})],)",
                                ((Guest *)daemon->guests->pdata[0])->path);
}

static const struct {
    const char *method;
    GVariant *(*call)(FakeDaemon *daemon, const char *path, GVariant *args);
} methods[] = {
    {"Identify", call_nothing},
    {"Authorize", call_nothing},
    {"GetManagedObjects", call_managed_objects},
    {"EventsSince", call_events_since},
    {"DefineDomain", call_define},
    {"Undefine", call_undefine},
    {"Create", call_create},
    {"Destroy", call_nothing},
    {"GetXml", call_get_xml},
    {"GetInfo", call_get_info},
    {"GetNodeCpuStats", call_node_cpu_stats},
    {"GetAllDomainStats", call_all_stats},
};

static void
answer_console(GDBusMethodInvocation *invocation)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    int ends[2];

    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(write(ends[1], "hello", 5), ==, 5);
    g_unix_fd_list_append(fds, ends[0], NULL);
    close(ends[0]);
    close(ends[1]);
    g_dbus_method_invocation_return_value_with_unix_fd_list(invocation, g_variant_new("(h)", 0),
                                                            fds);
}

static void
answer(FakeDaemon *daemon, GDBusMethodInvocation *invocation)
{
    const char *path = g_dbus_method_invocation_get_object_path(invocation);
    GVariant *args = g_dbus_method_invocation_get_parameters(invocation);

    for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_str_equal(methods[i].method, g_dbus_method_invocation_get_method_name(invocation))) {
            g_dbus_method_invocation_return_value(invocation, methods[i].call(daemon, path, args));
            return;
        }
    g_dbus_method_invocation_return_dbus_error(
        invocation, "org.virtbus.Error.OperationInvalid",
        "Requested operation is not valid: domain is not running");
}

void
fake_daemon_hold_at(FakeDaemon *daemon, const char *method)
{
    g_free(daemon->hold_at);
    daemon->hold_at = g_strdup(method);
}

void
fake_daemon_release(FakeDaemon *daemon)
{
    answer(daemon, g_steal_pointer(&daemon->held));
}

static void
close_others(FakeDaemon *daemon, GDBusConnection *kept)
{
    for (guint i = daemon->connections->len; i-- > 0;) {
        GDBusConnection *connection = daemon->connections->pdata[i];

        if (connection == kept)
            continue;
        g_dbus_connection_close_sync(connection, NULL, NULL);
        g_ptr_array_remove(daemon->subscribed, connection);
        g_ptr_array_remove_index(daemon->connections, i);
    }
}

static void
on_method_call(GDBusConnection *connection, const char *sender, const char *path,
               const char *interface, const char *method, GVariant *args,
               GDBusMethodInvocation *invocation, gpointer data)
{
    FakeDaemon *daemon = data;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(daemon->n_calls, method));

    g_hash_table_replace(daemon->n_calls, g_strdup(method), GUINT_TO_POINTER(n + 1));
    if (g_strcmp0(daemon->die_at, method) == 0) {
        g_clear_pointer(&daemon->die_at, g_free);
        g_object_unref(invocation);
        fake_daemon_stop(daemon);
        return;
    }
    if (g_strcmp0(daemon->leave_at, method) == 0) {
        g_clear_pointer(&daemon->leave_at, g_free);
        close_others(daemon, connection);
    }
    if (g_strcmp0(daemon->hold_at, method) == 0) {
        g_clear_pointer(&daemon->hold_at, g_free);
        daemon->held = invocation;
        return;
    }
    if (g_str_equal(method, "Subscribe")) {
        g_ptr_array_add(daemon->subscribed, g_object_ref(connection));
        g_dbus_method_invocation_return_value(invocation, NULL);
        return;
    }
    if (g_str_equal(method, "OpenConsole")) {
        answer_console(invocation);
        return;
    }
    answer(daemon, invocation);
}

static GVariant *
on_get_property(GDBusConnection *connection, const char *sender, const char *path,
                const char *interface, const char *name, GError **error, gpointer data)
{
    FakeDaemon *daemon = data;
    Guest *guest = find_guest(daemon, path);

    if (guest) {
        g_autoptr(GVariant) all = g_variant_ref_sink(guest_properties(guest));

        return g_variant_lookup_value(all, name, NULL);
    }
    if (g_str_equal(name, "Version") || g_str_equal(name, "EventSequence"))
        return g_variant_new_uint64(daemon->log->len);
    return g_variant_new_string(name);
}

static gboolean
on_set_property(GDBusConnection *connection, const char *sender, const char *path,
                const char *interface, const char *name, GVariant *value, GError **error,
                gpointer data)
{
    FakeDaemon *daemon = data;

    g_hash_table_replace(daemon->n_calls, g_strconcat("Set", name, NULL), GUINT_TO_POINTER(1));
    return TRUE;
}

static const GDBusInterfaceVTable vtable = {on_method_call, on_get_property, on_set_property, {0}};

static void export(FakeDaemon *daemon, GDBusConnection *connection, const char *path,
                   const GDBusInterfaceInfo *info)
{
    g_autoptr(GError) error = NULL;

    g_dbus_connection_register_object(connection, path, (GDBusInterfaceInfo *)info, &vtable, daemon,
                                      NULL, &error);
    g_assert_no_error(error);
}

static void
register_guest(FakeDaemon *daemon, GDBusConnection *connection, Guest *guest)
{
    export(daemon, connection, guest->path, &org_virtbus_domain1_interface);
}

static gboolean
on_new_connection(GDBusServer *server, GDBusConnection *connection, gpointer data)
{
    FakeDaemon *daemon = data;
    g_autoptr(GDBusNodeInfo) manager = g_dbus_node_info_new_for_xml(manager_xml, NULL);

    g_ptr_array_add(daemon->connections, g_object_ref(connection));
    export(daemon, connection, ROOT, &org_virtbus_hypervisor1_interface);
    export(daemon, connection, ROOT, &org_virtbus_peer1_interface);
    export(daemon, connection, ROOT, manager->interfaces[0]);
    for (guint i = 0; i < daemon->guests->len; i++)
        register_guest(daemon, connection, daemon->guests->pdata[i]);
    return TRUE;
}

/* ---- life ---- */

void
fake_daemon_start(FakeDaemon *daemon)
{
    g_autofree char *address = g_strconcat("unix:path=", daemon->socket_path, NULL);
    g_autofree char *guid = g_dbus_generate_guid();
    g_autoptr(GError) error = NULL;

    unlink(daemon->socket_path);
    daemon->server =
        g_dbus_server_new_sync(address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, &error);
    g_assert_no_error(error);
    g_signal_connect(daemon->server, "new-connection", G_CALLBACK(on_new_connection), daemon);
    g_dbus_server_start(daemon->server);
}

void
fake_daemon_stop(FakeDaemon *daemon)
{
    g_dbus_server_stop(daemon->server);
    g_clear_object(&daemon->server);
    unlink(daemon->socket_path);
    for (guint i = 0; i < daemon->connections->len; i++)
        g_dbus_connection_close_sync(daemon->connections->pdata[i], NULL, NULL);
    g_ptr_array_set_size(daemon->connections, 0);
    g_ptr_array_set_size(daemon->subscribed, 0);
}

FakeDaemon *
fake_daemon_new(const char *socket_path)
{
    FakeDaemon *daemon = g_new0(FakeDaemon, 1);

    daemon->socket_path = g_strdup(socket_path);
    daemon->epoch = "e1";
    daemon->connections = g_ptr_array_new_with_free_func(g_object_unref);
    daemon->subscribed = g_ptr_array_new_with_free_func(g_object_unref);
    daemon->guests = g_ptr_array_new_with_free_func(guest_free);
    daemon->log = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    daemon->n_calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fake_daemon_start(daemon);
    return daemon;
}

void
fake_daemon_free(FakeDaemon *daemon)
{
    if (daemon->server)
        fake_daemon_stop(daemon);
    /* calls that had come in before the connections closed are still queued with our address */
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_ptr_array_unref(daemon->connections);
    g_ptr_array_unref(daemon->subscribed);
    g_ptr_array_unref(daemon->guests);
    g_ptr_array_unref(daemon->log);
    g_hash_table_unref(daemon->n_calls);
    g_free(daemon->die_at);
    g_free(daemon->leave_at);
    g_free(daemon->hold_at);
    g_free(daemon->socket_path);
    g_free(daemon);
}

void
fake_daemon_emit(FakeDaemon *daemon, const char *path, const char *kind, const char *details)
{
    g_autoptr(GVariant) fields = g_variant_parse(G_VARIANT_TYPE_VARDICT, details, NULL, NULL, NULL);
    GVariant *entry = g_variant_ref_sink(
        g_variant_new("(tso@a{sv})", (guint64)daemon->log->len + 1, kind, path, fields));

    g_ptr_array_add(daemon->log, entry);
    emit(daemon, ROOT, "org.virtbus.Hypervisor1", "Event", entry);
}

void
fake_daemon_forget_events(FakeDaemon *daemon)
{
    daemon->epoch = "e2";
    g_ptr_array_set_size(daemon->log, 0);
}

guint
fake_daemon_n_calls(FakeDaemon *daemon, const char *method)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(daemon->n_calls, method));
}

void
fake_daemon_die_at(FakeDaemon *daemon, const char *method)
{
    g_free(daemon->die_at);
    daemon->die_at = g_strdup(method);
}

void
fake_daemon_leave_at(FakeDaemon *daemon, const char *method)
{
    g_free(daemon->leave_at);
    daemon->leave_at = g_strdup(method);
}
