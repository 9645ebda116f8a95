/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The skeleton as a client sees it: a private bus, a daemon below a fresh root, real sockets. argv[1]: test-daemon. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "org.virtbus.Test"
#define ROOT "/org/virtbus/test"
#define IFACE "org.virtbus.Test1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define MANAGER "org.freedesktop.DBus.ObjectManager"
#define DEADLINE_MS 5000

static const char *daemon_path;

typedef struct {
    GTestDBus *dbus;
    GDBusConnection *bus;
    GSubprocess *daemon;
    char *root;
    GPtrArray *seen; /* "Member args" of every signal, in order, and what note() adds */
} Fixture;

static void
sleep_turn(void)
{
    g_main_context_iteration(NULL, FALSE);
    g_usleep(2000);
}

static GSubprocess *
spawn_daemon(Fixture *fixture, const char *extra)
{
    const char *argv[] = {
        daemon_path, "--root", fixture->root, "--bus", g_test_dbus_get_bus_address(fixture->dbus),
        extra,       NULL};
    g_autoptr(GError) error = NULL;
    GSubprocess *daemon = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_NONE, &error);
    g_assert_no_error(error);
    return daemon;
}

static gboolean
has_owner(Fixture *fixture)
{
    gboolean answer = FALSE;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_sync(fixture->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                    "org.freedesktop.DBus", "NameHasOwner",
                                    g_variant_new("(s)", NAME), NULL, G_DBUS_CALL_FLAGS_NONE,
                                    DEADLINE_MS, NULL, NULL);
    g_assert_nonnull(reply);
    g_variant_get(reply, "(b)", &answer);
    return answer;
}

static void
wait_owner(Fixture *fixture)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000;
    while (!has_owner(fixture)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(2000);
    }
}

static GDBusConnection *
connect_bus(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *bus =
        g_dbus_connection_new_for_address_sync(g_test_dbus_get_bus_address(fixture->dbus),
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    g_assert_no_error(error);
    return bus;
}

static void
set_up(Fixture *fixture, gconstpointer extra)
{
    fixture->root = g_dir_make_tmp("vb-service-XXXXXX", NULL);
    fixture->dbus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(fixture->dbus);
    fixture->bus = connect_bus(fixture);
    fixture->seen = g_ptr_array_new_with_free_func(g_free);
    fixture->daemon = spawn_daemon(fixture, extra);
    wait_owner(fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    g_assert_true(g_subprocess_wait_check(fixture->daemon, NULL, &error));
    g_assert_no_error(error);
    g_autofree char *socket = g_build_filename(fixture->root, "run/virtbus/virttestd.sock", NULL);
    g_autofree char *lock = g_build_filename(fixture->root, "run/virtbus/virttestd.lock", NULL);
    g_autofree char *folder = g_path_get_dirname(lock);
    g_autofree char *run = g_path_get_dirname(folder);
    g_assert_false(g_file_test(socket, G_FILE_TEST_EXISTS));
    g_assert_cmpint(g_unlink(lock) | g_rmdir(folder) | g_rmdir(run) | g_rmdir(fixture->root), ==,
                    0);
    g_dbus_connection_close_sync(fixture->bus, NULL, NULL);
    g_object_unref(fixture->bus);
    g_object_unref(fixture->daemon);
    g_test_dbus_down(fixture->dbus);
    g_object_unref(fixture->dbus);
    g_ptr_array_unref(fixture->seen);
    g_free(fixture->root);
}

static GDBusConnection *
connect_peer(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address =
        g_strdup_printf("unix:path=%s/run/virtbus/virttestd.sock", fixture->root);
    GDBusConnection *peer =
        g_dbus_connection_new_for_address_sync(address,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                               NULL, &error);
    g_assert_no_error(error);
    return peer;
}

/* Returns the reply printed, or the error as "NAME: message" */
static char *
call_on(GDBusConnection *connection, const char *path, const char *interface, const char *method,
        GVariant *args)
{
    g_autoptr(GError) error = NULL;
    const char *destination = g_dbus_connection_get_unique_name(connection) ? NAME : NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_sync(connection, destination, path, interface, method, args, NULL,
                                    G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);
    if (reply)
        return g_variant_print(reply, FALSE);
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    g_dbus_error_strip_remote_error(error);
    return g_strdup_printf("%s: %s", name, error->message);
}

static void
assert_call(GDBusConnection *connection, const char *method, GVariant *args, const char *expected)
{
    g_autofree char *answer = call_on(connection, ROOT, IFACE, method, args);
    g_assert_cmpstr(answer, ==, expected);
}

static void
assert_peer(GDBusConnection *connection, const char *method, GVariant *args, const char *expected)
{
    g_autofree char *answer = call_on(connection, ROOT, "org.virtbus.Peer1", method, args);
    g_assert_cmpstr(answer, ==, expected);
}

static GVariant *
identity(guint uid, gboolean is_readonly)
{
    return g_variant_new_parsed("({'uid': <%u>, 'pid': <uint32 4711>, "
                                "'readonly': <%b>, 'remote': <'unix'>},)",
                                uid, is_readonly);
}

/* Runs in the connection's thread, so that signals and replies are noted in the order they came. */
static GDBusMessage *
record(GDBusConnection *connection, GDBusMessage *message, gboolean is_incoming, gpointer data)
{
    static GMutex lock;
    GPtrArray *seen = data;
    GVariant *body = g_dbus_message_get_body(message);
    const char *member = g_dbus_message_get_member(message);
    GDBusMessageType type = g_dbus_message_get_message_type(message);
    if (!is_incoming || (type == G_DBUS_MESSAGE_TYPE_SIGNAL && g_str_has_prefix(member, "Name")))
        return message;
    g_autofree char *text = body ? g_variant_print(body, FALSE) : g_strdup("()");
    g_mutex_lock(&lock);
    g_ptr_array_add(seen, type == G_DBUS_MESSAGE_TYPE_SIGNAL ? g_strdup_printf("%s%s", member, text)
                                                             : g_strdup_printf("reply%s", text));
    g_mutex_unlock(&lock);
    return message;
}

static void
assert_seen(GPtrArray *seen, const char *const *expected)
{
    for (guint i = 0; expected[i]; i++) {
        g_assert_cmpuint(i, <, seen->len);
        g_assert_cmpstr(seen->pdata[i], ==, expected[i]);
    }
    g_assert_cmpuint(seen->len, ==, g_strv_length((char **)expected));
}

static void
subscribe_bus(Fixture *fixture)
{
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_sync(fixture->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                    "org.freedesktop.DBus", "AddMatch",
                                    g_variant_new("(s)", "type='signal',path_namespace='" ROOT "'"),
                                    NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, NULL);
    g_assert_nonnull(reply);
}

static void
test_ordering(Fixture *fixture, gconstpointer extra)
{
    static const char *const expected[] = {
        "PropertiesChanged('org.virtbus.Test1', {'Count': <uint32 3>, 'Name': <'n3'>}, [])",
        "Bumped(3,)",
        "PropertiesChanged('org.virtbus.Test1', {'Count': <uint32 4>}, [])",
        "reply()",
        NULL,
    };
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    subscribe_bus(fixture);
    assert_peer(peer, "Subscribe", NULL, "()");
    guint bus_filter = g_dbus_connection_add_filter(fixture->bus, record, fixture->seen, NULL);
    assert_call(fixture->bus, "Bump", g_variant_new("(u)", 3), "()");
    assert_seen(fixture->seen, expected);
    g_dbus_connection_remove_filter(fixture->bus, bus_filter);

    static const char *const on_peer[] = {
        "PropertiesChanged('org.virtbus.Test1', {'Count': <uint32 6>, 'Name': <'n6'>}, [])",
        "Bumped(6,)",
        "PropertiesChanged('org.virtbus.Test1', {'Count': <uint32 7>}, [])",
        "reply()",
        NULL,
    };
    /* what the bus's caller did has arrived once this is answered */
    assert_call(peer, "Later", g_variant_new("(u)", 0), "()");
    g_ptr_array_set_size(fixture->seen, 0);
    guint peer_filter = g_dbus_connection_add_filter(peer, record, fixture->seen, NULL);
    assert_call(peer, "Bump", g_variant_new("(u)", 2), "()");
    assert_seen(fixture->seen, on_peer);
    g_dbus_connection_remove_filter(peer, peer_filter);
}

static void
test_objects(Fixture *fixture, gconstpointer extra)
{
    static const char *const added[] = {
        "InterfacesAdded('/org/virtbus/test/child/a', {'org.virtbus.Test1': {'Count': "
        "<uint32 0>, 'Name': <'n0'>, 'Fixed': <'fixed'>}})",
        "reply()",
        "PropertiesChanged('org.virtbus.Test1', {'Count': <uint32 1>}, [])",
        "InterfacesRemoved('/org/virtbus/test/child/a', ['org.virtbus.Test1'])",
        "reply()",
        NULL,
    };
    subscribe_bus(fixture);
    guint filter = g_dbus_connection_add_filter(fixture->bus, record, fixture->seen, NULL);
    assert_call(fixture->bus, "AddChild", g_variant_new("(s)", "a"), "()");
    g_ptr_array_ref(fixture->seen);
    assert_call(fixture->bus, "RemoveChild", g_variant_new("(s)", "a"), "()");
    g_dbus_connection_remove_filter(fixture->bus, filter);
    assert_seen(fixture->seen, added);
    g_ptr_array_unref(fixture->seen);

    g_autofree char *gone = call_on(fixture->bus, ROOT "/child/a", IFACE, "WhoAmI", NULL);
    g_assert_cmpstr(gone, ==,
                    "org.virtbus.Error.NoDomain: Domain not found: no child at "
                    "'/org/virtbus/test/child/a'");
    assert_call(fixture->bus, "AddChild", g_variant_new("(s)", "b"), "()");
    g_autofree char *all = call_on(fixture->bus, ROOT, MANAGER, "GetManagedObjects", NULL);
    g_assert_cmpstr(all, ==,
                    "({'/org/virtbus/test/child/b': {'org.virtbus.Test1': {'Count': "
                    "<uint32 1>, 'Name': <'n1'>, 'Fixed': <'fixed'>}}},)");
}

static void
test_introspect(Fixture *fixture, gconstpointer extra)
{
    static const struct {
        const char *path, *child;
        gboolean has_test, has_manager;
    } nodes[] = {
        {"/", "<node name=\"org\"/>", FALSE, FALSE},
        {"/org/virtbus", "<node name=\"test\"/>", FALSE, FALSE},
        {ROOT, "<node name=\"child\"/>", TRUE, TRUE},
        {ROOT "/child", "<node name=\"a\"/>", FALSE, FALSE},
        {ROOT "/child/a", "</node>", TRUE, FALSE},
    };
    assert_call(fixture->bus, "AddChild", g_variant_new("(s)", "a"), "()");
    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *xml = call_on(fixture->bus, nodes[i].path,
                                       "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
        g_assert_nonnull(strstr(xml, nodes[i].child));
        g_assert_cmpint(strstr(xml, "\"" IFACE "\"") != NULL, ==, nodes[i].has_test);
        g_assert_cmpint(strstr(xml, MANAGER) != NULL, ==, nodes[i].has_manager);
    }
    g_autofree char *nothing = call_on(fixture->bus, "/org/other",
                                       "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    g_assert_true(g_str_has_prefix(nothing, "org.freedesktop.DBus.Error.UnknownObject: "));
}

static char *
set_property(GDBusConnection *connection, const char *name, GVariant *value)
{
    return call_on(connection, ROOT, PROPERTIES, "Set", g_variant_new("(ssv)", IFACE, name, value));
}

static void
test_properties(Fixture *fixture, gconstpointer extra)
{
    g_autofree char *set = set_property(fixture->bus, "Count", g_variant_new_uint32(9));
    g_assert_cmpstr(set, ==, "()");
    g_autofree char *get =
        call_on(fixture->bus, ROOT, PROPERTIES, "Get", g_variant_new("(ss)", IFACE, "Count"));
    g_assert_cmpstr(get, ==, "(<uint32 9>,)");
    g_autofree char *all =
        call_on(fixture->bus, ROOT, PROPERTIES, "GetAll", g_variant_new("(s)", IFACE));
    g_assert_cmpstr(all, ==, "({'Count': <uint32 9>, 'Name': <'n9'>, 'Fixed': <'fixed'>},)");
    g_autofree char *large = set_property(fixture->bus, "Count", g_variant_new_uint32(1001));
    g_assert_cmpstr(large, ==,
                    "org.virtbus.Error.InvalidArg: invalid argument: count is too large");
    g_autofree char *type = set_property(fixture->bus, "Count", g_variant_new_string("x"));
    g_assert_true(g_str_has_prefix(type, "org.freedesktop.DBus.Error.InvalidArgs: "));
    g_autofree char *fixed = set_property(fixture->bus, "Fixed", g_variant_new_string("x"));
    g_assert_true(g_str_has_prefix(fixed, "org.freedesktop.DBus.Error.PropertyReadOnly: "));
    g_autofree char *other = set_property(fixture->bus, "Other", g_variant_new_string("x"));
    g_assert_true(g_str_has_prefix(other, "org.freedesktop.DBus.Error.UnknownProperty: "));
}

static void
test_errors(Fixture *fixture, gconstpointer extra)
{
    assert_call(fixture->bus, "LastError", NULL, "({},)");
    assert_call(fixture->bus, "Fail", g_variant_new("(is)", 55, "domain is not running"),
                "org.virtbus.Error.OperationInvalid: Requested operation is not valid: "
                "domain is not running");
    assert_call(fixture->bus, "LastError", NULL,
                "({'code': <55>, 'name': <'org.virtbus.Error.OperationInvalid'>, 'message': "
                "<'Requested operation is not valid: domain is not running'>, 'reason': <'Asked'>, "
                "'object': <'vda'>, 'causes': <@as []>},)");
    g_autoptr(GDBusConnection) other = connect_bus(fixture);
    assert_call(other, "LastError", NULL, "({},)");
    g_autofree char *method = call_on(fixture->bus, ROOT, IFACE, "Nonsense", NULL);
    g_assert_true(g_str_has_prefix(method, "org.freedesktop.DBus.Error.UnknownMethod: "));
    g_autofree char *args = call_on(fixture->bus, ROOT, IFACE, "Bump", g_variant_new("(s)", "x"));
    g_assert_true(g_str_has_prefix(args, "org.freedesktop.DBus.Error.InvalidArgs: "));
}

static void
test_wrong_reply(Fixture *fixture, gconstpointer extra)
{
    /* with G_DEBUG=fatal-warnings the daemon dies of such a bug; the caller hears of it in either case */
    g_autofree char *answer = NULL;
    g_unsetenv("G_DEBUG");
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    g_assert_true(g_subprocess_wait(fixture->daemon, NULL, NULL));
    g_object_unref(fixture->daemon);
    fixture->daemon = spawn_daemon(fixture, NULL);
    wait_owner(fixture);
    answer = call_on(fixture->bus, ROOT, IFACE, "WrongReply", NULL);
    g_assert_cmpstr(answer, ==,
                    "org.virtbus.Error.InternalError: internal error: reply of WrongReply is "
                    "malformed");
}

static void
test_identity(Fixture *fixture, gconstpointer extra)
{
    g_autofree char *me = g_strdup_printf("(%u, %u, false)", (guint)getuid(), (guint)getpid());
    g_autoptr(GDBusConnection) plain = connect_peer(fixture);
    g_autoptr(GDBusConnection) stated = connect_peer(fixture);
    assert_call(fixture->bus, "WhoAmI", NULL, me);
    assert_call(plain, "WhoAmI", NULL, me);
    assert_peer(plain, "Identify", identity(0, FALSE),
                "org.virtbus.Error.OperationInvalid: Requested operation is not valid: "
                "identity is settled already");
    assert_peer(stated, "Identify", identity(0, TRUE), "()");
    assert_peer(stated, "Identify", identity(0, FALSE),
                "org.virtbus.Error.OperationInvalid: Requested operation is not valid: "
                "identity is settled already");
    assert_call(stated, "WhoAmI", NULL, "(0, 4711, true)");
    assert_peer(fixture->bus, "Identify", identity(0, FALSE),
                "org.virtbus.Error.AccessDenied: access denied: the bus says who calls");
}

static void
test_readonly(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    assert_peer(peer, "Identify", identity(0, TRUE), "()");
    assert_call(peer, "Bump", g_variant_new("(u)", 1),
                "org.virtbus.Error.OperationDenied: operation forbidden: "
                "read only access prevents Bump");
    g_autofree char *set = set_property(peer, "Count", g_variant_new_uint32(5));
    g_assert_cmpstr(set, ==,
                    "org.virtbus.Error.OperationDenied: operation forbidden: "
                    "read only access prevents Set");
    assert_call(peer, "WhoAmI", NULL, "(0, 4711, true)");
    assert_peer(peer, "Authorize", g_variant_new("(s)", "org.libvirt.unix.manage"),
                "org.virtbus.Error.OperationDenied: operation forbidden: "
                "read only access prevents Authorize");
    assert_peer(peer, "Authorize", g_variant_new("(s)", "org.libvirt.unix.monitor"), "()");
}

/* --no-polkit: everyone but root is denied, also looking */
static void
test_denied(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    assert_peer(peer, "Identify", identity(12345, FALSE), "()");
    assert_call(peer, "WhoAmI", NULL,
                "org.virtbus.Error.AccessDenied: access denied: 'WhoAmI' denied access");
    assert_peer(peer, "Subscribe", NULL,
                "org.virtbus.Error.AccessDenied: access denied: 'Subscribe' denied access");
    assert_peer(peer, "Authorize", g_variant_new("(s)", "org.libvirt.unix.manage"),
                "org.virtbus.Error.AuthFailed: authentication failed: access denied by policy");
}

/* a connection that states no uid is nobody's */
static void
test_no_uid(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    assert_peer(peer, "Identify", g_variant_new_parsed("({'readonly': <false>},)"), "()");
    assert_call(peer, "Bump", g_variant_new("(u)", 1),
                "org.virtbus.Error.AccessDenied: access denied: 'Bump' denied access");
}

/* A polkit that answers from its connection's thread, so that the test may wait for its own calls. */
typedef struct {
    GDBusConnection *bus;
    gint answer; /* 'y', 'n', 'c' challenge, 'd' dismissed */
    gint n_asked;
    char *question; /* of the last call */
} Polkit;

static GVariant *
polkit_verdict(gint answer)
{
    static const char dismissed[] = "((false, true, {'polkit.dismissed': 'true'}),)";
    if (answer == 'd')
        return g_variant_new_parsed(dismissed);
    return g_variant_new_parsed("((%b, %b, @a{ss} {}),)", answer == 'y', answer == 'c');
}

static GDBusMessage *
polkit_receive(GDBusConnection *connection, GDBusMessage *message, gboolean is_incoming,
               gpointer data)
{
    Polkit *polkit = data;
    if (!is_incoming || g_strcmp0(g_dbus_message_get_member(message), "CheckAuthorization") != 0)
        return message;
    g_autoptr(GDBusMessage) call = message;
    g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_reply(call);
    g_free(polkit->question);
    polkit->question = g_variant_print(g_dbus_message_get_body(call), FALSE);
    g_dbus_message_set_body(reply, polkit_verdict(g_atomic_int_get(&polkit->answer)));
    g_atomic_int_inc(&polkit->n_asked);
    g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    return NULL;
}

static void
polkit_start(Fixture *fixture, Polkit *polkit)
{
    polkit->bus = connect_bus(fixture);
    g_dbus_connection_add_filter(polkit->bus, polkit_receive, polkit, NULL);
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_sync(polkit->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                    "org.freedesktop.DBus", "RequestName",
                                    g_variant_new("(su)", "org.freedesktop.PolicyKit1", 4), NULL,
                                    G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, NULL);
    g_assert_nonnull(reply);
}

static void
polkit_stop(Polkit *polkit)
{
    g_dbus_connection_close_sync(polkit->bus, NULL, NULL);
    g_clear_object(&polkit->bus);
    g_clear_pointer(&polkit->question, g_free);
}

static void
test_polkit(Fixture *fixture, gconstpointer extra)
{
    static const struct {
        gint answer;
        const char *expected;
    } rows[] = {
        {'n', "org.virtbus.Error.AuthFailed: authentication failed: access denied by policy"},
        {'c', "org.virtbus.Error.AuthUnavailable: authentication unavailable: no polkit agent "
              "available to authenticate action 'org.libvirt.unix.manage'"},
        {'d', "org.virtbus.Error.AuthCancelled: authentication cancelled: user cancelled "
              "authentication process"},
        {'y', "()"},
        {'n', "()"}, /* not asked again on this connection */
    };
    Polkit polkit = {0};
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    polkit_start(fixture, &polkit);
    assert_peer(peer, "Identify", identity(12345, FALSE), "()");
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_atomic_int_set(&polkit.answer, rows[i].answer);
        assert_call(peer, "Bump", g_variant_new("(u)", 1), rows[i].expected);
    }
    g_assert_cmpint(g_atomic_int_get(&polkit.n_asked), ==, 4);
    g_assert_cmpstr(polkit.question, ==,
                    "(('unix-process', {'pid': <uint32 4711>, 'start-time': <uint64 0>, "
                    "'uid': <12345>}), 'org.libvirt.unix.manage', {}, 1, '')");
    /* who may change things may look at them */
    assert_call(peer, "WhoAmI", NULL, "(12345, 4711, false)");
    g_assert_cmpint(g_atomic_int_get(&polkit.n_asked), ==, 4);
    /* the rules change, or a password's time is over: a connection that was let in stays in */
    g_dbus_connection_emit_signal(polkit.bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                  "org.freedesktop.PolicyKit1.Authority", "Changed", NULL, NULL);
    g_dbus_connection_flush_sync(polkit.bus, NULL, NULL);
    assert_call(fixture->bus, "Later", g_variant_new("(u)", 50), "()");
    assert_call(peer, "Bump", g_variant_new("(u)", 1), "()");
    g_autoptr(GDBusConnection) next = connect_peer(fixture);
    assert_peer(next, "Identify", identity(12345, FALSE), "()");
    assert_call(next, "Bump", g_variant_new("(u)", 1), rows[0].expected);
    polkit_stop(&polkit);
}

/* nobody to ask: denied */
static void
test_no_polkit_service(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    assert_peer(peer, "Identify", identity(12345, FALSE), "()");
    assert_call(peer, "WhoAmI", NULL,
                "org.virtbus.Error.AuthUnavailable: authentication unavailable: cannot ask polkit "
                "about action 'org.libvirt.unix.monitor'");
}

static int
connect_as_stranger(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte;
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 2;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return 3;
    (void)!write(fd, "\0AUTH EXTERNAL 3635353334\r\n", 27);
    return read(fd, &byte, 1) <= 0 ? 0 : 1;
}

static void
test_stranger(Fixture *fixture, gconstpointer extra)
{
    int status;
    if (getuid() != 0) {
        g_test_skip("needs root, to become somebody else");
        return;
    }
    g_autofree char *path = g_build_filename(fixture->root, "run/virtbus/virttestd.sock", NULL);
    /* the file's mode would do already; what counts here is what the daemon does */
    g_assert_cmpint(g_chmod(fixture->root, 0755) | g_chmod(path, 0666), ==, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(connect_as_stranger(path));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static void
wait_count(Fixture *fixture, const char *expected)
{
    gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000;
    for (;;) {
        g_autofree char *get =
            call_on(fixture->bus, ROOT, PROPERTIES, "Get", g_variant_new("(ss)", IFACE, "Count"));
        if (g_str_equal(get, expected))
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        sleep_turn();
    }
}

static void
test_disconnect(Fixture *fixture, gconstpointer extra)
{
    GDBusConnection *peer = connect_peer(fixture);
    GDBusConnection *other = connect_bus(fixture);
    assert_call(peer, "BumpAtEnd", NULL, "()");
    assert_call(other, "BumpAtEnd", NULL, "()");
    wait_count(fixture, "(<uint32 0>,)");
    g_dbus_connection_close_sync(peer, NULL, NULL);
    wait_count(fixture, "(<uint32 1>,)");
    g_dbus_connection_close_sync(other, NULL, NULL);
    wait_count(fixture, "(<uint32 2>,)");
    g_object_unref(peer);
    g_object_unref(other);
}

static char *
get_job_state(Fixture *fixture, const char *path)
{
    return call_on(fixture->bus, path, PROPERTIES, "Get",
                   g_variant_new("(ss)", "org.virtbus.Job1", "State"));
}

static void
test_jobs(Fixture *fixture, gconstpointer extra)
{
    assert_call(fixture->bus, "StartJob", NULL, "()");
    g_autofree char *running = get_job_state(fixture, ROOT "/job/1");
    g_assert_cmpstr(running, ==, "(<'running'>,)");
    g_autofree char *cancel =
        call_on(fixture->bus, ROOT "/job/1", "org.virtbus.Job1", "Cancel", NULL);
    g_assert_cmpstr(cancel, ==, "()");
    g_autofree char *cancelled = get_job_state(fixture, ROOT "/job/1");
    g_assert_cmpstr(cancelled, ==, "(<'cancelled'>,)");
    g_autofree char *again =
        call_on(fixture->bus, ROOT "/job/1", "org.virtbus.Job1", "Cancel", NULL);
    g_assert_cmpstr(again, ==,
                    "org.virtbus.Error.OperationInvalid: Requested operation is not valid: job has "
                    "ended");
    assert_call(fixture->bus, "StartJob", NULL, "()");
    assert_call(fixture->bus, "CompleteJob", NULL, "()");
    g_autofree char *completed = get_job_state(fixture, ROOT "/job/2");
    g_assert_cmpstr(completed, ==, "(<'completed'>,)");
}

static void
later_done(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    g_assert_no_error(error);
    *(gboolean *)data = TRUE;
}

static void
test_deferred(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    gboolean is_done = FALSE;
    g_dbus_connection_call(peer, NULL, ROOT, IFACE, "Later", g_variant_new("(u)", 100), NULL,
                           G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, later_done, &is_done);
    assert_call(peer, "Bump", g_variant_new("(u)", 0), "()"); /* overtakes it */
    g_assert_false(is_done);
    while (!is_done)
        g_main_context_iteration(NULL, TRUE);
    /* gone before its reply: the work is done, nobody is hurt */
    g_dbus_connection_call(peer, NULL, ROOT, IFACE, "Later", g_variant_new("(u)", 20), NULL,
                           G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, NULL, NULL);
    g_dbus_connection_flush_sync(peer, NULL, NULL);
    g_dbus_connection_close_sync(peer, NULL, NULL);
    assert_call(fixture->bus, "Later", g_variant_new("(u)", 60), "()");
}

static void
assert_exits(Fixture *fixture, GSubprocess *daemon, int expected)
{
    g_assert_true(g_subprocess_wait(daemon, NULL, NULL));
    g_assert_true(g_subprocess_get_if_exited(daemon));
    g_assert_cmpint(g_subprocess_get_exit_status(daemon), ==, expected);
    g_object_unref(daemon);
}

static void
test_second_daemon(Fixture *fixture, gconstpointer extra)
{
    /* below the same root: the lock; below another: the name */
    assert_exits(fixture, spawn_daemon(fixture, NULL), 1);
    g_autofree char *root = fixture->root;
    fixture->root = g_strconcat(root, "/other", NULL);
    assert_exits(fixture, spawn_daemon(fixture, NULL), 1);
    g_autofree char *command = g_strdup_printf("rm -r '%s'", fixture->root);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(fixture->root);
    fixture->root = g_steal_pointer(&root);
    assert_call(fixture->bus, "Bump", g_variant_new("(u)", 0), "()");
}

static void
test_idle(Fixture *fixture, gconstpointer extra)
{
    g_autoptr(GDBusConnection) peer = connect_peer(fixture);
    g_usleep(1300000);
    g_assert_true(has_owner(fixture)); /* a peer holds it */
    g_dbus_connection_close_sync(peer, NULL, NULL);
    g_assert_true(g_subprocess_wait(fixture->daemon, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(fixture->daemon), ==, 0);
    g_object_unref(fixture->daemon);
    fixture->daemon = spawn_daemon(fixture, NULL);
    wait_owner(fixture);
}

/* The daemon tells its supervisor: datagrams of sd_notify(3) */
static void
wait_notice(int fd, const char *expected)
{
    char text[256];
    struct timeval limit = {.tv_sec = DEADLINE_MS / 1000};
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), ==, 0);
    for (;;) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        g_assert_cmpint(n, >, 0);
        text[n] = '\0';
        if (g_str_has_prefix(text, expected))
            return;
    }
}

static int
open_notify_socket(Fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *path = g_build_filename(fixture->root, "notify", NULL);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    g_setenv("WATCHDOG_USEC", "100000", TRUE);
    return fd;
}

static void
test_supervised(Fixture *fixture, gconstpointer extra)
{
    g_autofree char *path = g_build_filename(fixture->root, "notify", NULL);
    int fd = open_notify_socket(fixture);
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    g_assert_true(g_subprocess_wait(fixture->daemon, NULL, NULL));
    g_object_unref(fixture->daemon);
    fixture->daemon = spawn_daemon(fixture, NULL);
    wait_notice(fd, "READY=1");
    g_assert_true(has_owner(fixture)); /* ready means that it serves */
    wait_notice(fd, "WATCHDOG=1");
    g_subprocess_send_signal(fixture->daemon, SIGHUP);
    wait_notice(fd, "RELOADING=1\nMONOTONIC_USEC=");
    wait_notice(fd, "READY=1");
    g_subprocess_send_signal(fixture->daemon, SIGTERM);
    wait_notice(fd, "STOPPING=1");
    g_unsetenv("NOTIFY_SOCKET");
    g_unsetenv("WATCHDOG_USEC");
    close(fd);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

#define ADD(path, function, extra) g_test_add(path, Fixture, extra, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    daemon_path = argv[1];
    ADD("/service/ordering", test_ordering, NULL);
    ADD("/service/objects", test_objects, NULL);
    ADD("/service/introspect", test_introspect, NULL);
    ADD("/service/properties", test_properties, NULL);
    ADD("/service/errors", test_errors, NULL);
    ADD("/service/identity", test_identity, NULL);
    ADD("/service/readonly", test_readonly, NULL);
    ADD("/service/denied", test_denied, "--no-polkit");
    ADD("/service/polkit", test_polkit, NULL);
    ADD("/service/no-polkit-service", test_no_polkit_service, NULL);
    ADD("/service/no-uid", test_no_uid, NULL);
    ADD("/service/stranger", test_stranger, NULL);
    ADD("/service/disconnect", test_disconnect, NULL);
    ADD("/service/deferred", test_deferred, NULL);
    ADD("/service/jobs", test_jobs, NULL);
    ADD("/service/second-daemon", test_second_daemon, NULL);
    ADD("/service/idle", test_idle, "--idle-timeout=1");
    ADD("/service/supervised", test_supervised, NULL);
    ADD("/service/wrong-reply", test_wrong_reply, NULL);
    return g_test_run();
}
