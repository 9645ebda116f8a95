/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The backend between a twin of rpc/ and a small daemon: routes, mirror, barrier, events, restarts. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "backend/handlers.h"
#include "backend/tests/fake-daemon.h"
#include "backend/tests/fake-rpc.h"
#include "vb-constants.h"

#define UUID_1 "0x00, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x01"
#define DOMAIN_1 "('a', [byte " UUID_1 "], -1)"
#define PATH_1 "/org/virtbus/qemu/domain/00000000_0000_4000_8000_000000000001"
#define WIRE_1                                                                                     \
    "[0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, "  \
    "0x01]"

typedef struct {
    char *folder;
    FakeDaemon *daemon;
    ProxyBackend *backend;
    ProxyClient *client;
} Fixture;

static char *
ask(Fixture *f, const char *procedure, const char *args)
{
    return fake_ask(f->backend, f->client, procedure, args);
}

static void
expect(Fixture *f, const char *procedure, const char *args, const char *answer)
{
    g_autofree char *got = ask(f, procedure, args);

    g_assert_cmpstr(got, ==, answer);
}

static void
setup_closed(Fixture *f, gconstpointer data)
{
    g_autofree char *path = NULL;

    f->folder = g_dir_make_tmp("vbt-XXXXXX", NULL);
    path = g_build_filename(f->folder, "s", NULL);
    f->daemon = fake_daemon_new(path);
    f->backend = proxy_backend_new(path, NULL, FALSE);
    f->client = fake_client_new(FALSE);
}

static void
setup(Fixture *f, gconstpointer data)
{
    setup_closed(f, data);
    expect(f, "CONNECT_OPEN", "(just 'qemu:///system', 0)", "void");
}

static void
teardown(Fixture *f, gconstpointer data)
{
    if (f->client)
        fake_client_free(f->client, f->backend);
    proxy_backend_free(f->backend);
    fake_daemon_free(f->daemon);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_rmdir(f->folder);
    g_free(f->folder);
}

static void
define(Fixture *f, const char *name)
{
    g_autofree char *args = g_strdup_printf("('%s',)", name);
    g_autofree char *answer = ask(f, "DOMAIN_DEFINE_XML", args);

    g_assert_true(g_str_has_prefix(answer, "(('"));
}

/* ---- opening ---- */

static void
test_before_open(Fixture *f, gconstpointer data)
{
    expect(f, "DOMAIN_LOOKUP_BY_NAME", "('a',)", "error 1: internal error: connection not open");
    expect(f, "CONNECT_SUPPORTS_FEATURE", "(14,)", "(1,)");
    expect(f, "CONNECT_SUPPORTS_FEATURE", "(999,)", "(0,)");
    expect(f, "CONNECT_OPEN", "(just 'xen:///system', 0)",
           "error 5: no connection driver available for xen:///system");
    expect(f, "CONNECT_OPEN", "(just 'qemu:///elsewhere', 0)",
           "error 1: internal error: unexpected QEMU URI path 'qemu:///elsewhere', try "
           "qemu:///system");
    expect(f, "CONNECT_OPEN", "(nothing, 0)", "void");
    expect(f, "CONNECT_OPEN", "(nothing, 0)", "error 1: internal error: connection already open");
    expect(f, "CONNECT_GET_URI", NULL, "('Uri',)");
    expect(f, "CONNECT_GET_TYPE", NULL, "('Type',)");
    expect(f, "CONNECT_GET_HOSTNAME", NULL, "('Hostname',)");
    expect(f, "CONNECT_GET_LIB_VERSION", NULL, "(11003000,)");
}

static void
test_open_with_parameters(Fixture *f, gconstpointer data)
{
    expect(f, "CONNECT_OPEN", "(just 'qemu:///system?socket=/x', 0)", "void");
}

/* What is about the host is answered while the guests are still being told; what is about guests waits. */
static void
test_host_before_guests(Fixture *f, gconstpointer data)
{
    ProxyRequest *list;

    fake_daemon_hold_at(f->daemon, "GetManagedObjects");
    expect(f, "CONNECT_OPEN", "(nothing, 0)", "void");
    expect(f, "CONNECT_GET_TYPE", NULL, "('Type',)");
    expect(f, "CONNECT_GET_URI", NULL, "('Uri',)");
    list = fake_call(f->backend, f->client, "CONNECT_LIST_ALL_DOMAINS", "(1, 0)");
    while (fake_daemon_n_calls(f->daemon, "GetManagedObjects") == 0)
        g_main_context_iteration(NULL, TRUE);
    expect(f, "CONNECT_GET_TYPE", NULL, "('Type',)");
    g_assert_false(list->is_answered);
    fake_daemon_release(f->daemon);
    fake_wait(list);
    g_assert_no_error(list->error);
    proxy_request_unref(list);
}

static void
test_unsupported(Fixture *f, gconstpointer data)
{
    expect(f, "CONNECT_LIST_ALL_NETWORKS", "(1, 0)",
           "error 3: this function is not supported by the connection driver: "
           "virConnectListAllNetworks");
    expect(f, "DOMAIN_GET_OS_TYPE", "(('a', [byte " UUID_1 "], -1),)",
           "error 42: Domain not found: no domain with matching uuid "
           "'00000000-0000-4000-8000-000000000001'");
}

static void
test_readonly(Fixture *f, gconstpointer data)
{
    ProxyClient *client = fake_client_new(TRUE);
    g_autofree char *opened = fake_ask(f->backend, client, "CONNECT_OPEN", "(nothing, 0)");
    g_autofree char *denied = fake_ask(f->backend, client, "DOMAIN_DEFINE_XML", "('a',)");
    g_autofree char *listed = fake_ask(f->backend, client, "CONNECT_LIST_ALL_DOMAINS", "(1, 0)");

    g_assert_cmpstr(opened, ==, "void");
    g_assert_cmpstr(denied, ==,
                    "error 29: operation forbidden: read only access prevents virDomainDefineXML");
    g_assert_cmpstr(listed, ==, "([], 0)");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "DefineDomain"), ==, 0);
    fake_client_free(client, f->backend);
}

static void
test_verdict(void)
{
    static const ProxyHandler early = {"X", NULL, PROXY_NEEDS_NOTHING},
                              late = {"X", NULL, PROXY_NEEDS_OPEN};
    static const ProxyRoute route = {"X"};

    g_assert_cmpint(proxy_decide(&early, NULL, FALSE, TRUE, TRUE), ==, PROXY_VERDICT_ANSWER);
    g_assert_cmpint(proxy_decide(&late, NULL, FALSE, FALSE, TRUE), ==, PROXY_VERDICT_NOT_OPEN);
    g_assert_cmpint(proxy_decide(NULL, &route, FALSE, FALSE, TRUE), ==, PROXY_VERDICT_NOT_OPEN);
    g_assert_cmpint(proxy_decide(NULL, NULL, TRUE, TRUE, FALSE), ==, PROXY_VERDICT_UNSUPPORTED);
    g_assert_cmpint(proxy_decide(NULL, &route, TRUE, TRUE, FALSE), ==, PROXY_VERDICT_DENIED);
    g_assert_cmpint(proxy_decide(&late, NULL, TRUE, TRUE, FALSE), ==, PROXY_VERDICT_DENIED);
    g_assert_cmpint(proxy_decide(NULL, &route, TRUE, FALSE, FALSE), ==, PROXY_VERDICT_ROUTE);
    g_assert_cmpint(proxy_decide(NULL, &route, TRUE, TRUE, TRUE), ==, PROXY_VERDICT_ROUTE);
}

/* ---- mirror and routes ---- */

static void
test_read_your_writes(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("guest%u", i);
        g_autofree char *args = g_strdup_printf("('%s',)", name);
        g_autofree char *answer = NULL;

        define(f, name);
        answer = ask(f, "DOMAIN_LOOKUP_BY_NAME", args);
        g_assert_nonnull(strstr(answer, name));
    }
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "LookupDomainByName"), ==, 0);
    expect(
        f, "DOMAIN_LOOKUP_BY_NAME", "('other',)",
        "error 55: Requested operation is not valid: domain is not running"); /* the fake's answer: it was asked */
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "LookupDomainByName"), ==, 1);
}

static void
test_domain(Fixture *f, gconstpointer data)
{
    define(f, "a");
    expect(f, "DOMAIN_LOOKUP_BY_UUID", "([byte " UUID_1 "],)", "(('a', " WIRE_1 ", -1),)");
    expect(f, "DOMAIN_GET_STATE", "(" DOMAIN_1 ", 0)", "(5, 1)");
    expect(f, "DOMAIN_GET_INFO", "(" DOMAIN_1 ",)", "(0x05, 65536, 32768, 2, 0)");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "GetInfo"), ==, 0);
    expect(f, "DOMAIN_GET_XML_DESC", "(" DOMAIN_1 ", 0)", "('a',)");
    expect(f, "DOMAIN_CREATE_WITH_FLAGS", "(" DOMAIN_1 ", 0)", "(('a', " WIRE_1 ", 7),)");
    expect(f, "DOMAIN_GET_STATE", "(" DOMAIN_1 ", 0)", "(1, 1)");
    expect(f, "DOMAIN_IS_ACTIVE", "(" DOMAIN_1 ",)", "(1,)");
    expect(f, "DOMAIN_GET_INFO", "(" DOMAIN_1 ",)", "(0x01, 65536, 1, 2, 99)");
    expect(f, "DOMAIN_SET_AUTOSTART", "(" DOMAIN_1 ", 1)", "void");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "SetAutostart"), ==, 1);
    expect(f, "DOMAIN_SHUTDOWN", "(" DOMAIN_1 ",)",
           "error 55: Requested operation is not valid: domain is not running");
    expect(f, "DOMAIN_UNDEFINE", "(" DOMAIN_1 ",)", "void");
    expect(f, "CONNECT_LIST_ALL_DOMAINS", "(1, 0)", "([], 0)");
}

static void
test_lists(Fixture *f, gconstpointer data)
{
    define(f, "a");
    define(f, "b");
    fake_daemon_set_state(f->daemon, PATH_1, 1);
    expect(f, "DOMAIN_DESTROY", "(" DOMAIN_1 ",)",
           "void"); /* its barrier lets the mirror catch up */
    expect(f, "CONNECT_LIST_ALL_DOMAINS", "(0, 0)", "([], 2)");
    expect(f, "CONNECT_LIST_ALL_DOMAINS", "(1, 1)", "([('a', " WIRE_1 ", 7)], 1)");
    expect(f, "CONNECT_LIST_ALL_DOMAINS", "(0, 17)", "([], 1)");
    expect(f, "CONNECT_LIST_ALL_DOMAINS", "(0, 18)", "([], 0)");
    expect(f, "CONNECT_NUM_OF_DOMAINS", NULL, "(1,)");
    expect(f, "CONNECT_LIST_DOMAINS", "(10,)", "([7],)");
    expect(f, "CONNECT_LIST_DEFINED_DOMAINS", "(10,)", "(['b'],)");
    expect(f, "CONNECT_LIST_DEFINED_DOMAINS", "(0,)", "([],)");
    expect(f, "DOMAIN_LOOKUP_BY_ID", "(7,)", "(('a', " WIRE_1 ", 7),)");
}

static void
expect_xml(Fixture *f, ProxyClient *client, const char *flags, guint n_asked)
{
    g_autofree char *args = g_strdup_printf("(" DOMAIN_1 ", %s)", flags);
    g_autofree char *got = fake_ask(f->backend, client, "DOMAIN_GET_XML_DESC", args);

    g_assert_cmpstr(got, ==, "('a',)");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "GetXml"), ==, n_asked);
}

/* The XML of a guest that does not run is asked for once, until something is heard of the guest. */
static void
test_kept_xml(Fixture *f, gconstpointer data)
{
    ProxyClient *other = fake_client_new(FALSE);
    g_autofree char *opened =
        fake_ask(f->backend, other, "CONNECT_OPEN", "(just 'qemu:///system', 0)");

    g_assert_cmpstr(opened, ==, "void");
    define(f, "a");
    expect_xml(f, f->client, "0", 1);
    expect_xml(f, f->client, "0", 1);
    expect_xml(f, f->client, "2", 1); /* the stored one is the same */
    expect_xml(f, f->client, "1", 2); /* with secrets */
    expect_xml(f, f->client, "8", 3); /* migratable */
    expect_xml(f, f->client, "0", 3);
    expect_xml(f, other, "0", 4); /* the daemon has not let it look yet */
    expect_xml(f, other, "0", 4);
    fake_daemon_set_state(f->daemon, PATH_1, 5);
    expect(f, "DOMAIN_SET_AUTOSTART", "(" DOMAIN_1 ", 1)", "void"); /* the mirror has it */
    expect_xml(f, f->client, "0", 5);
    expect_xml(f, other, "0", 5);
    expect(f, "DOMAIN_CREATE_WITH_FLAGS", "(" DOMAIN_1 ", 0)", "(('a', " WIRE_1 ", 7),)");
    expect_xml(f, f->client, "0", 6); /* it runs */
    expect_xml(f, f->client, "0", 7);
    fake_client_free(other, f->backend);
}

static void
test_statistics(Fixture *f, gconstpointer data)
{
    define(f, "a");
    expect(f, "NODE_GET_CPU_STATS", "(-1, 0, 0)", "([], 3)");
    expect(f, "NODE_GET_CPU_STATS", "(-1, 2, 0)", "([('kernel', 1), ('user', 2)], 2)");
    expect(f, "CONNECT_GET_ALL_DOMAIN_STATS", "(@a(sayi) [], 0, 0)",
           "([(('a', " WIRE_1 ", -1), [('state.state', <5>), ('balloon.current', <uint64 7>)])],)");
}

static void
test_console(Fixture *f, gconstpointer data)
{
    ProxyRequest *request;
    char text[8] = "";

    define(f, "a");
    request = fake_call(f->backend, f->client, "DOMAIN_OPEN_CONSOLE", "(" DOMAIN_1 ", nothing, 0)");
    fake_wait(request);
    g_assert_no_error(request->error);
    g_assert_cmpint(request->stream_fd, >=, 0);
    g_assert_cmpint(read(request->stream_fd, text, sizeof(text)), ==, 5);
    g_assert_cmpstr(text, ==, "hello");
    proxy_request_unref(request);
}

/* ---- events ---- */

static const char *
event_of(Fixture *f, guint index)
{
    g_assert_cmpuint(f->client->events->len, >, index);
    return f->client->events->pdata[index];
}

static void
test_events(Fixture *f, gconstpointer data)
{
    ProxyRequest *request;

    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "(0, nothing)", "(0,)");
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "(0, just " DOMAIN_1 ")", "(1,)");
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "(77, nothing)",
           "error 1: internal error: unsupported event ID 77");
    request = fake_call(f->backend, f->client, "DOMAIN_DEFINE_XML", "('a',)");
    fake_wait(request);
    g_assert_cmpuint(request->n_events_before, ==,
                     2); /* what a call caused comes before its reply */
    proxy_request_unref(request);
    g_assert_cmpstr(event_of(f, 0), ==,
                    "DOMAIN_EVENT_CALLBACK_LIFECYCLE (0, (('a', " WIRE_1 ", -1), 0, 0))");
    g_assert_cmpstr(event_of(f, 1), ==,
                    "DOMAIN_EVENT_CALLBACK_LIFECYCLE (1, (('a', " WIRE_1 ", -1), 0, 0))");
    define(f, "b");
    g_assert_cmpuint(f->client->events->len, ==, 3);
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", "(0,)", "void");
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", "(0,)",
           "error 1: internal error: domain event callback 0 not registered");
    define(f, "c");
    g_assert_cmpuint(f->client->events->len, ==, 3);
}

static void
test_legacy_events(Fixture *f, gconstpointer data)
{
    expect(f, "CONNECT_DOMAIN_EVENT_REGISTER", NULL, "(1,)");
    expect(f, "CONNECT_DOMAIN_EVENT_REGISTER_ANY", "(1,)", "void");
    expect(f, "CONNECT_DOMAIN_EVENT_REGISTER_ANY", "(1,)",
           "error 1: internal error: domain event 1 already registered");
    define(f, "a");
    g_assert_cmpstr(event_of(f, 0), ==, "DOMAIN_EVENT_LIFECYCLE (('a', " WIRE_1 ", -1), 0, 0)");
    expect(f, "CONNECT_DOMAIN_EVENT_DEREGISTER", NULL, "(0,)");
    define(f, "b");
    g_assert_cmpuint(f->client->events->len, ==, 1);
}

#define DOM_1 "('a', " WIRE_1 ", -1)"

/* every kind, with the details that virtqemud gives; the message must have the wire's type (fake-rpc.c) */
static const struct {
    int id;
    const char *kind, *details, *message;
} kinds[] = {
    {1, "reboot", "{}", "DOMAIN_EVENT_CALLBACK_REBOOT (0, (" DOM_1 ",))"},
    {2, "rtc-change", "{'offset': <int64 9>}",
     "DOMAIN_EVENT_CALLBACK_RTC_CHANGE (0, (" DOM_1 ", 9))"},
    {4, "io-error", "{'srcPath': <'/x'>, 'devAlias': <'d'>, 'action': <1>, 'reason': <'enospc'>}",
     "DOMAIN_EVENT_CALLBACK_IO_ERROR (0, (" DOM_1 ", '/x', 'd', 1))"},
    {6, "io-error", "{'srcPath': <'/x'>, 'devAlias': <'d'>, 'action': <1>, 'reason': <'enospc'>}",
     "DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON (0, (" DOM_1 ", '/x', 'd', 1, 'enospc'))"},
    {5, "graphics",
     "{'phase': <2>, 'local': <(0, 'l', '1')>, 'remote': <(2, 'r', '2')>, 'authScheme': <'vnc'>, "
     "'subject': <[('saslUsername', 'u')]>}",
     "DOMAIN_EVENT_CALLBACK_GRAPHICS (0, (" DOM_1
     ", 2, (0, 'l', '1'), (2, 'r', '2'), 'vnc', [('saslUsername', 'u')]))"},
    {9, "disk-change",
     "{'oldSrcPath': <'/x'>, 'newSrcPath': <''>, 'devAlias': <'d'>, 'reason': <1>}",
     "DOMAIN_EVENT_CALLBACK_DISK_CHANGE (0, (" DOM_1 ", '/x', nothing, 'd', 1))"},
    {11, "pmwakeup", "{'reason': <0>}", "DOMAIN_EVENT_CALLBACK_PMWAKEUP (0, 0, (" DOM_1 ",))"},
    {13, "balloon-change", "{'actual': <uint64 5>}",
     "DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE (0, (" DOM_1 ", 5))"},
    {16, "block-job", "{'path': <'/x'>, 'dst': <'vda'>, 'type': <1>, 'status': <2>}",
     "DOMAIN_EVENT_BLOCK_JOB_2 (0, " DOM_1 ", 'vda', 1, 2)"},
    {17, "tunable", "{'params': <{'a': <uint64 1>}>}",
     "DOMAIN_EVENT_CALLBACK_TUNABLE (0, " DOM_1 ", {'a': <uint64 1>})"},
    {23, "metadata-change", "{'type': <1>, 'nsuri': <''>}",
     "DOMAIN_EVENT_CALLBACK_METADATA_CHANGE (0, " DOM_1 ", 1, nothing)"},
    {25, "memory-failure", "{'recipient': <0>, 'action': <1>, 'flags': <uint32 3>}",
     "DOMAIN_EVENT_MEMORY_FAILURE (0, " DOM_1 ", 0, 1, 3)"},
    {27, "nic-mac-change", "{'alias': <'net0'>, 'oldMAC': <'m1'>, 'newMAC': <'m2'>}",
     "DOMAIN_EVENT_NIC_MAC_CHANGE (0, " DOM_1 ", 'net0', 'm1', 'm2')"},
};

static void
test_event_kinds(Fixture *f, gconstpointer data)
{
    define(f, "a");
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *args = g_strdup_printf("(%d, nothing)", kinds[i].id);
        g_autofree char *id = ask(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", args);
        g_autofree char *wanted = NULL;

        fake_daemon_emit(f->daemon, PATH_1, kinds[i].kind, kinds[i].details);
        fake_wait_events(f->client, i + 1);
        wanted = g_strdup_printf("(%u,)", i);
        g_assert_cmpstr(id, ==, wanted);
        g_free(wanted);
        wanted = g_strdup_printf("(%u, ", i);
        g_assert_nonnull(strstr(event_of(f, i), wanted));
        /* the callback's number apart, it is the message of the table */
        g_assert_cmpstr(strchr(event_of(f, i), ','), ==, strchr(kinds[i].message, ','));
        g_assert_true(strncmp(event_of(f, i), kinds[i].message, strcspn(kinds[i].message, " ")) ==
                      0);
        expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", id, "void");
    }
    g_assert_cmpuint(f->client->events->len, ==, G_N_ELEMENTS(kinds));
}

/* ---- restarts ---- */

static void
test_restart(Fixture *f, gconstpointer data)
{
    define(f, "a");
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "(0, nothing)", "(0,)");
    for (guint round = 0; round < 5; round++) {
        fake_daemon_set_state(f->daemon, PATH_1, 1);
        fake_daemon_stop(f->daemon);
        fake_daemon_set_state(f->daemon, PATH_1, 5); /* while nobody listened */
        fake_daemon_start(f->daemon);
        fake_wait_events(f->client, 2 * round + 2);
        expect(f, "DOMAIN_GET_STATE", "(" DOMAIN_1 ", 0)", "(5, 1)");
        g_assert_cmpuint(f->client->events->len, ==, 2 * round + 2);
        g_assert_nonnull(strstr(event_of(f, 2 * round), ", 7), 2, 0))"));
        g_assert_nonnull(strstr(event_of(f, 2 * round + 1), ", -1), 5, 0))"));
    }
}

static void
test_resync(Fixture *f, gconstpointer data)
{
    define(f, "a");
    define(f, "b");
    expect(f, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", "(0, nothing)", "(0,)");
    fake_daemon_stop(f->daemon);
    fake_daemon_set_state(f->daemon, PATH_1, 1);
    fake_daemon_forget_events(f->daemon);
    fake_daemon_start(f->daemon);
    fake_wait_events(f->client, 1);
    g_assert_nonnull(strstr(event_of(f, 0), "(('a', " WIRE_1 ", 7), 2, 0))"));
    define(f, "c"); /* numbering starts again, events go on */
    g_assert_cmpuint(f->client->events->len, ==, 2);
}

static gboolean
start_again(gpointer data)
{
    fake_daemon_start(data);
    return G_SOURCE_REMOVE;
}

static void
test_read_is_repeated(Fixture *f, gconstpointer data)
{
    define(f, "a");
    fake_daemon_die_at(f->daemon, "GetXml");
    g_timeout_add(50, start_again, f->daemon);
    expect(f, "DOMAIN_GET_XML_DESC", "(" DOMAIN_1 ", 0)", "('a',)");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "GetXml"), ==, 2);
}

static void
test_change_is_not_repeated(Fixture *f, gconstpointer data)
{
    define(f, "a");
    fake_daemon_die_at(f->daemon, "Create");
    g_timeout_add(50, start_again, f->daemon);
    expect(
        f, "DOMAIN_CREATE", "(" DOMAIN_1 ",)",
        "error 38: Cannot recv data: virtqemud went away during the call, its outcome is unknown");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "Create"), ==, 1);
    expect(f, "DOMAIN_CREATE", "(" DOMAIN_1 ",)", "void");
}

/* The mirror is not true when the reply of a change comes: the reply waits for it. */
static void
test_change_during_resync(Fixture *f, gconstpointer data)
{
    g_autofree char *answer = NULL;

    define(f, "a");
    fake_daemon_leave_at(f->daemon, "DefineDomain");
    answer = ask(f, "DOMAIN_DEFINE_XML", "('b',)");
    if (!g_str_has_prefix(answer, "(('b', "))
        g_error("answer: %s", answer);
}

static void
test_calls_wait_for_the_daemon(Fixture *f, gconstpointer data)
{
    define(f, "a");
    fake_daemon_stop(f->daemon);
    g_timeout_add(100, start_again, f->daemon);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    expect(f, "DOMAIN_CREATE", "(" DOMAIN_1 ",)", "void");
}

/* It is known that the daemon never saw it, though nobody had heard yet that the connection was gone. */
static void
test_unsent_change_is_repeated(Fixture *f, gconstpointer data)
{
    define(f, "a");
    fake_daemon_stop(f->daemon);
    g_timeout_add(50, start_again, f->daemon);
    expect(f, "DOMAIN_CREATE", "(" DOMAIN_1 ",)", "void");
    g_assert_cmpuint(fake_daemon_n_calls(f->daemon, "Create"), ==, 1);
}

static void
test_client_goes_during_a_call(Fixture *f, gconstpointer data)
{
    ProxyRequest *request = fake_call(f->backend, f->client, "DOMAIN_DEFINE_XML", "('a',)");
    ProxyClient *client = g_steal_pointer(&f->client);

    proxy_backend_handler.client_gone(client, f->backend);
    fake_wait(request);
    proxy_request_unref(request);
    if (client->destroy)
        client->destroy(client->data);
    g_ptr_array_unref(client->events);
    g_free(client);
}

#define ADD(name, function, up) g_test_add("/backend/" name, Fixture, NULL, up, function, teardown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backend/verdict", test_verdict);
    ADD("before-open", test_before_open, setup_closed);
    ADD("open-with-parameters", test_open_with_parameters, setup_closed);
    ADD("host-before-guests", test_host_before_guests, setup_closed);
    ADD("unsupported", test_unsupported, setup);
    ADD("readonly", test_readonly, setup);
    ADD("read-your-writes", test_read_your_writes, setup);
    ADD("domain", test_domain, setup);
    ADD("lists", test_lists, setup);
    ADD("kept-xml", test_kept_xml, setup);
    ADD("statistics", test_statistics, setup);
    ADD("console", test_console, setup);
    ADD("events", test_events, setup);
    ADD("event-kinds", test_event_kinds, setup);
    ADD("legacy-events", test_legacy_events, setup);
    ADD("restart", test_restart, setup);
    ADD("resync", test_resync, setup);
    ADD("read-is-repeated", test_read_is_repeated, setup);
    ADD("change-is-not-repeated", test_change_is_not_repeated, setup);
    ADD("unsent-change-is-repeated", test_unsent_change_is_repeated, setup);
    ADD("change-during-resync", test_change_during_resync, setup);
    ADD("calls-wait-for-the-daemon", test_calls_wait_for_the_daemon, setup);
    ADD("client-goes-during-a-call", test_client_goes_during_a_call, setup);
    return g_test_run();
}
