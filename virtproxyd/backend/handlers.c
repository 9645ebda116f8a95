/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of procedures that are answered by hand, and the answers that concern the connection itself. */
#include "backend/handlers.h"
#include <string.h>
#include "backend/events.h"
#include "backend/events-named.h"
#include "base/error.h"

/* The version of the protocol table that is served: clients look at it to know which procedures may exist. */
#define PROTOCOL_VERSION G_GUINT64_CONSTANT(11003000)

/* virDrvFeature numbers that clients ask for (libvirt's src/libvirt_internal.h); they are part of the protocol */
static const struct {
    int number;
    const char *what;
} features[] = {
    {8, "file descriptor passing"},
    {9, "strings as typed parameters"},
    {10, "keepalive"},
    {11, "migratable XML"},
    {14, "event callbacks filtered by the server"},
    {15, "close callback"},
    {16, "network updates with command and section in the right order"},
};

static void
answer_supports_feature(ProxyCall *call)
{
    gboolean is_supported = FALSE;
    int number;

    g_variant_get(proxy_call_args(call), "(i)", &number);
    for (guint i = 0; i < G_N_ELEMENTS(features); i++)
        if (features[i].number == number)
            is_supported = TRUE;
    proxy_call_reply(call, g_variant_new("(i)", is_supported));
}

/* ---- open and close ---- */

/* "qemu:///system?socket=..." is the same as "qemu:///system": parameters concern the client */
static gboolean
is_own_uri(const ProxyBackend *backend, const char *uri)
{
    static const char *const names[][2] = {{"qemu:///system", "qemu:///session"}};
    gsize length = strcspn(uri, "?#");
    const char *own = names[0][backend->is_session ? 1 : 0];

    return length == 0 || (length == strlen(own) && strncmp(uri, own, length) == 0);
}

static void
on_open_ready(gpointer data, const GError *error)
{
    ProxyCall *call = data;

    if (error) {
        proxy_call_fail(call, g_error_copy(error));
        return;
    }
    call->session->is_open = TRUE;
    proxy_call_reply(call, NULL);
}

static void
answer_open(ProxyCall *call)
{
    ProxyBackend *backend = call->session->backend;
    g_autofree char *uri = NULL;
    guint flags;

    g_variant_get(proxy_call_args(call), "(msu)", &uri, &flags);
    if (call->session->is_open) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "%s", "connection already open");
        return;
    }
    if (uri && g_str_has_prefix(uri, "qemu://") && !is_own_uri(backend, uri)) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "unexpected QEMU URI path '%s', try %s",
                             uri, backend->is_session ? "qemu:///session" : "qemu:///system");
        return;
    }
    if (uri && !is_own_uri(backend, uri)) {
        proxy_call_fail_code(call, VIR_ERR_NO_CONNECT, "%s", uri);
        return;
    }
    if (flags & VIR_CONNECT_RO)
        call->session->is_readonly = TRUE;
    proxy_link_when_root_known(backend->link, on_open_ready, call);
}

static void
answer_close(ProxyCall *call)
{
    ProxySession *session = call->session;

    session->is_open = FALSE;
    g_clear_pointer(&session->events, proxy_events_free);
    proxy_named_events_clear(session);
    proxy_call_reply(call, NULL);
}

/* ---- facts ---- */

static void
answer_get_uri(ProxyCall *call)
{
    ProxyBackend *backend = call->session->backend;
    GVariant *uri =
        proxy_mirror_property(proxy_call_mirror(call), backend->daemon.root_path, "Uri");

    if (uri && g_variant_is_of_type(uri, G_VARIANT_TYPE_STRING))
        proxy_call_reply(call, g_variant_new("(s)", g_variant_get_string(uri, NULL)));
    else
        proxy_call_reply(call, g_variant_new("(s)", backend->is_session ? "qemu:///session"
                                                                        : "qemu:///system"));
}

/* ---- version of the hypervisor: known once the daemon has probed its emulator, which a first start has to ---- */

#define VERSION_POLL_MS 25
#define VERSION_POLLS 120

static guint64
hypervisor_version(ProxyCall *call)
{
    const char *root = call->session->backend->daemon.root_path;
    GVariant *version = proxy_mirror_property(proxy_call_mirror(call), root, "Version");

    return version && g_variant_is_of_type(version, G_VARIANT_TYPE_UINT64)
               ? g_variant_get_uint64(version)
               : 0;
}

static gboolean
poll_version(gpointer data)
{
    ProxyCall *call = data;
    guint64 version = hypervisor_version(call);

    if (version == 0 && call->session->client && call->attempts++ < VERSION_POLLS)
        return G_SOURCE_CONTINUE;
    proxy_call_reply(call, g_variant_new("(t)", version)); /* 0: there is no emulator */
    return G_SOURCE_REMOVE;
}

static void
answer_get_version(ProxyCall *call)
{
    guint64 version = hypervisor_version(call);

    if (version == 0)
        g_timeout_add(VERSION_POLL_MS, poll_version, call);
    else
        proxy_call_reply(call, g_variant_new("(t)", version));
}

static void
answer_get_lib_version(ProxyCall *call)
{
    proxy_call_reply(call, g_variant_new("(t)", PROTOCOL_VERSION));
}

/* clients come over unix sockets only */
static void
answer_is_secure(ProxyCall *call)
{
    proxy_call_reply(call, g_variant_new("(i)", 1));
}

/* The event that it asks for, the driver's connection to a remote hypervisor closing, cannot happen here. */
static void
answer_close_callback(ProxyCall *call)
{
    proxy_call_reply(call, NULL);
}

const ProxyHandler proxy_handlers[] = {
    {"CONNECT_SUPPORTS_FEATURE", answer_supports_feature, PROXY_NEEDS_NOTHING},
    {"CONNECT_OPEN", answer_open, PROXY_NEEDS_NOTHING},
    {"CONNECT_CLOSE", answer_close, PROXY_NEEDS_NOTHING},
    {"CONNECT_GET_URI", answer_get_uri, PROXY_NEEDS_ROOT},
    {"CONNECT_GET_VERSION", answer_get_version, PROXY_NEEDS_ROOT},
    {"CONNECT_GET_LIB_VERSION", answer_get_lib_version, PROXY_NEEDS_OPEN},
    {"CONNECT_IS_SECURE", answer_is_secure, PROXY_NEEDS_OPEN},
    {"CONNECT_REGISTER_CLOSE_CALLBACK", answer_close_callback, PROXY_NEEDS_OPEN},
    {"CONNECT_UNREGISTER_CLOSE_CALLBACK", answer_close_callback, PROXY_NEEDS_OPEN},
    {"DOMAIN_LOOKUP_BY_NAME", proxy_answer_lookup_by_name, PROXY_NEEDS_MIRROR},
    {"DOMAIN_LOOKUP_BY_UUID", proxy_answer_lookup_by_uuid, PROXY_NEEDS_MIRROR},
    {"DOMAIN_LOOKUP_BY_ID", proxy_answer_lookup_by_id, PROXY_NEEDS_MIRROR},
    {"CONNECT_LIST_ALL_DOMAINS", proxy_answer_list_all_domains, PROXY_NEEDS_MIRROR},
    {"CONNECT_NUM_OF_DOMAINS", proxy_answer_num_of_domains, PROXY_NEEDS_MIRROR},
    {"CONNECT_LIST_DOMAINS", proxy_answer_list_domains, PROXY_NEEDS_MIRROR},
    {"CONNECT_NUM_OF_DEFINED_DOMAINS", proxy_answer_num_of_defined_domains, PROXY_NEEDS_MIRROR},
    {"CONNECT_LIST_DEFINED_DOMAINS", proxy_answer_list_defined_domains, PROXY_NEEDS_MIRROR},
    {"DOMAIN_GET_INFO", proxy_answer_get_info, PROXY_NEEDS_MIRROR},
    {"DOMAIN_GET_XML_DESC", proxy_answer_get_xml, PROXY_NEEDS_MIRROR},
    {"DOMAIN_GET_VCPUS", proxy_answer_get_vcpus, PROXY_NEEDS_MIRROR},
    {"DOMAIN_GET_CPU_STATS", proxy_answer_get_cpu_stats, PROXY_NEEDS_MIRROR},
    {"DOMAIN_INTERFACE_ADDRESSES", proxy_answer_interface_addresses, PROXY_NEEDS_MIRROR},
    {"CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", proxy_answer_event_callback_register,
     PROXY_NEEDS_MIRROR},
    {"CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", proxy_answer_event_callback_deregister,
     PROXY_NEEDS_OPEN},
    {"CONNECT_DOMAIN_EVENT_REGISTER_ANY", proxy_answer_event_register_any, PROXY_NEEDS_MIRROR},
    {"CONNECT_DOMAIN_EVENT_DEREGISTER_ANY", proxy_answer_event_deregister_any, PROXY_NEEDS_OPEN},
    {"CONNECT_DOMAIN_EVENT_REGISTER", proxy_answer_event_register, PROXY_NEEDS_MIRROR},
    {"CONNECT_DOMAIN_EVENT_DEREGISTER", proxy_answer_event_deregister, PROXY_NEEDS_OPEN},
    {"CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY", proxy_answer_named_event_register, PROXY_NEEDS_OPEN},
    {"CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY", proxy_answer_named_event_deregister,
     PROXY_NEEDS_OPEN},
    {"QEMU:CONNECT_DOMAIN_MONITOR_EVENT_REGISTER", proxy_answer_monitor_event_register,
     PROXY_NEEDS_MIRROR},
    {"QEMU:CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER", proxy_answer_monitor_event_deregister,
     PROXY_NEEDS_OPEN},
};

const guint proxy_n_handlers = G_N_ELEMENTS(proxy_handlers);
