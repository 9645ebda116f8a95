/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions and calls. A session owns its client's connection to the daemon; a call owns its request until replied.
 * The client may go at any moment: its calls go on, their replies are dropped by the request. */
#include "backend/session.h"
#include "base/error.h"
#include "backend/events.h"
#include "backend/events-named.h"

#define READ_TIMEOUT_MS 30000
/* A change may take long (a guest that saves its memory), and its outcome must be told. */
#define WRITE_TIMEOUT_MS G_MAXINT

/* what is to be called, kept so that it can be repeated */
typedef struct {
    ProxyCall *call;
    char *path;
    const char *interface;
    const char *member;
    GVariant *args;
    ProxyCallDone done;
    ProxyCallBody body;
    const char *body_type;
} PeerCall;

static void peer_call_send(PeerCall *peer_call);

/* ---- sessions ---- */

static void
session_unref(gpointer data)
{
    ProxySession *session = data;

    if (--session->ref_count > 0)
        return;
    for (guint i = 0; i < PROXY_N_DAEMONS; i++)
        g_clear_pointer(&session->lines[i].peer, vb_wire_unref);
    g_free(session);
}

ProxySession *
proxy_session_of(ProxyBackend *backend, ProxyClient *client)
{
    ProxySession *session = proxy_client_get_data(client);

    if (session)
        return session;
    session = g_new0(ProxySession, 1);
    session->ref_count = 1;
    session->backend = backend;
    session->client = client;
    session->is_readonly = proxy_client_is_readonly(client);
    for (guint i = 0; i < PROXY_N_DAEMONS; i++) {
        session->lines[i].session = session;
        session->lines[i].daemon = i == PROXY_DAEMON_QEMU ? &backend->daemon : &backend->nodedev;
        g_queue_init(&session->lines[i].waiting);
    }
    proxy_client_set_data(client, session, session_unref);
    if (!backend->sessions && backend->busy)
        backend->busy(TRUE, backend->busy_data);
    backend->sessions = g_list_prepend(backend->sessions, session);
    proxy_link_set_wanted(backend->link, TRUE);
    return session;
}

/**
 * proxy_session_end:
 *
 * The client has gone: its connection to the daemon ends, and with it all that was registered there.
 */
void
proxy_session_end(ProxySession *session)
{
    ProxyBackend *backend = session->backend;

    session->client = NULL;
    backend->sessions = g_list_remove(backend->sessions, session);
    g_clear_pointer(&session->events, proxy_events_free);
    proxy_named_events_clear(session);
    for (guint i = 0; i < PROXY_N_DAEMONS; i++)
        if (session->lines[i].peer)
            vb_wire_close(session->lines[i].peer);
    if (backend->sessions)
        return;
    proxy_texts_drop(backend->texts);
    proxy_link_set_wanted(backend->link, FALSE);
    if (backend->busy)
        backend->busy(FALSE, backend->busy_data);
}

/* ---- calls ---- */

ProxyCall *
proxy_call_new(ProxySession *session, ProxyRequest *request)
{
    const ProxyProcedure *procedure = proxy_request_procedure(request);
    ProxyCall *call = g_new0(ProxyCall, 1);

    call->request = proxy_request_ref(request);
    call->session = session;
    session->ref_count++;
    call->entry = proxy_route_find(procedure->program, procedure->number);
    return call;
}

static void
call_free(ProxyCall *call)
{
    proxy_request_unref(call->request);
    g_clear_pointer(&call->reply, g_variant_unref);
    g_clear_object(&call->fds);
    session_unref(call->session);
    g_free(call);
}

GVariant *
proxy_call_args(ProxyCall *call)
{
    return proxy_request_args(call->request);
}

ProxyMirror *
proxy_call_mirror(ProxyCall *call)
{
    return proxy_link_mirror(call->session->backend->link);
}

const ProxyMirrorDomain *
proxy_call_domain(ProxyCall *call)
{
    g_autoptr(GVariant) domain = g_variant_get_child_value(proxy_call_args(call), 0);
    g_autoptr(GVariant) uuid = g_variant_get_child_value(domain, 1);
    gsize length;
    const guint8 *bytes = g_variant_get_fixed_array(uuid, &length, 1);

    return length == 16 ? proxy_mirror_by_uuid(proxy_call_mirror(call), bytes) : NULL;
}

char *
proxy_call_domain_path(ProxyCall *call)
{
    g_autoptr(GVariant) domain = g_variant_get_child_value(proxy_call_args(call), 0);

    return proxy_convert_domain_path(&call->session->backend->names, domain);
}

void
proxy_call_reply(ProxyCall *call, GVariant *wire)
{
    g_autoptr(GVariant) owned = wire ? g_variant_ref_sink(wire) : NULL;

    proxy_request_reply(call->request, owned);
    call_free(call);
}

void
proxy_call_reply_encoded(ProxyCall *call, ProxyEncode encode, gpointer data)
{
    proxy_request_reply_encoded(call->request, encode, data);
    call_free(call);
}

void
proxy_call_reply_fds(ProxyCall *call, GVariant *wire)
{
    g_autoptr(GVariant) owned = wire ? g_variant_ref_sink(wire) : NULL;
    int n = 0;
    const int *fds = call->fds ? g_unix_fd_list_peek_fds(call->fds, &n) : NULL;

    proxy_request_reply_fds(call->request, owned, fds, (guint)n);
    call_free(call);
}

void
proxy_call_reply_stream(ProxyCall *call, GVariant *wire, int fd, gboolean is_duplex)
{
    g_autoptr(GVariant) owned = wire ? g_variant_ref_sink(wire) : NULL;

    proxy_request_reply_stream(call->request, owned, fd, is_duplex);
    call_free(call);
}

void
proxy_call_fail(ProxyCall *call, GError *error)
{
    proxy_request_fail(call->request, error);
    g_error_free(error);
    call_free(call);
}

void
proxy_call_fail_code(ProxyCall *call, int code, const char *format, ...)
{
    g_autofree char *detail = NULL;
    GError *error = NULL;
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    vb_error_set(&error, code, "%s", detail);
    proxy_call_fail(call, error);
}

/* ---- calls to the daemon ---- */

static ProxyLine *
line_of(const ProxyCall *call)
{
    return &call->session->lines[call->daemon];
}

static void
peer_call_free(PeerCall *peer_call)
{
    g_free(peer_call->path);
    if (peer_call->args)
        g_variant_unref(peer_call->args);
    g_free(peer_call);
}

static const struct {
    int code; /* G_DBUS_ERROR */
    int vir_code;
} dbus_codes[] = {
    {G_DBUS_ERROR_ACCESS_DENIED, VIR_ERR_ACCESS_DENIED},
    {G_DBUS_ERROR_AUTH_FAILED, VIR_ERR_AUTH_FAILED},
    {G_DBUS_ERROR_INVALID_ARGS, VIR_ERR_INVALID_ARG},
    {G_DBUS_ERROR_NO_MEMORY, VIR_ERR_NO_MEMORY},
    {G_DBUS_ERROR_TIMEOUT, VIR_ERR_OPERATION_TIMEOUT},
    {G_DBUS_ERROR_NOT_SUPPORTED, VIR_ERR_NO_SUPPORT},
};

/* A method, interface or object that is not there: the guest has gone, or the daemon is older than the proxy. */
static GError *
missing_error(PeerCall *peer_call)
{
    const ProxyRouteEntry *entry = peer_call->call->entry;
    const char *slash = strrchr(peer_call->path, '/');
    g_autofree char *uuid = g_strdelimit(g_strdup(slash + 1), "_", '-');
    GError *error = NULL;
    guint8 bytes[16];

    if (proxy_convert_uuid_parse(uuid, bytes) &&
        !proxy_mirror_by_path(proxy_call_mirror(peer_call->call), peer_call->path))
        vb_error_set(&error, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
    else
        vb_error_set(&error, VIR_ERR_NO_SUPPORT, "%s", entry->api_name);
    return error;
}

/* (transfer full) the daemon's error as libvirt's code and text; @cause is consumed in spirit: its text is stripped */
static GError *
translate_error(PeerCall *peer_call, GError *cause)
{
    g_autofree char *name = g_dbus_error_get_remote_error(cause);
    int code = name ? vb_error_code_from_dbus(name) : -1;
    GError *error = NULL;

    if (name)
        g_dbus_error_strip_remote_error(cause);
    if (code >= 0)
        return g_error_new_literal(VB_ERROR, code, cause->message);
    if (proxy_peer_is_lost(cause)) {
        vb_error_set(&error, VIR_ERR_SYSTEM_ERROR,
                     "Cannot recv data: %s went away during the call, its outcome is unknown",
                     line_of(peer_call->call)->daemon->name);
        return error;
    }
    if (g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
        vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT, "%s did not answer within %d seconds",
                     line_of(peer_call->call)->daemon->name, READ_TIMEOUT_MS / 1000);
        return error;
    }
    if (g_error_matches(cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
        g_error_matches(cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT) ||
        g_error_matches(cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE) ||
        g_error_matches(cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY))
        return missing_error(peer_call);
    for (guint i = 0; i < G_N_ELEMENTS(dbus_codes); i++)
        if (g_error_matches(cause, G_DBUS_ERROR, dbus_codes[i].code)) {
            vb_error_set(&error, dbus_codes[i].vir_code, "%s", cause->message);
            return error;
        }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", cause->message);
    return error;
}

/* What only reads is repeated once when the daemon goes away; a change only if it had not left yet. */
static gboolean
is_to_repeat(ProxyCall *call, const GError *cause)
{
    if (call->attempts > 0 || !call->session->client)
        return FALSE;
    return g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED) ||
           (call->entry->is_read && proxy_peer_is_lost(cause));
}

static void
on_peer_reply(gpointer data, GVariant *reply, GUnixFDList *fds, GError *cause)
{
    PeerCall *peer_call = data;
    ProxyCall *call = peer_call->call;

    if (!reply && is_to_repeat(call, cause)) {
        call->attempts++;
        peer_call_send(peer_call);
        return;
    }
    call->is_settled = line_of(call)->peer && vb_wire_is_reply_settled(line_of(call)->peer);
    peer_call->done(call, reply, fds, reply ? NULL : translate_error(peer_call, cause));
    peer_call_free(peer_call);
}

static void
on_peer_body(gpointer data, const guint8 *body, gsize length)
{
    PeerCall *peer_call = data;

    peer_call->body(peer_call->call, body, length);
    peer_call_free(peer_call);
}

static void
on_peer_connected(gpointer data, VbWire *wire, const GError *cause)
{
    ProxyLine *line = data;
    ProxySession *session = line->session;
    g_autoptr(GError) error = cause ? g_error_copy(cause) : NULL;
    GQueue waiting = line->waiting;

    line->is_connecting = FALSE;
    g_queue_init(&line->waiting);
    if (wire && !session->client) {
        g_clear_pointer(&wire, vb_wire_unref);
        vb_error_set(&error, VIR_ERR_SYSTEM_ERROR, "%s", "Cannot recv data: the client has gone");
    }
    line->peer = wire;
    while (!g_queue_is_empty(&waiting)) {
        PeerCall *peer_call = g_queue_pop_head(&waiting);

        if (wire) {
            peer_call_send(peer_call);
        } else {
            peer_call->done(peer_call->call, NULL, NULL, g_error_copy(error));
            peer_call_free(peer_call);
        }
    }
    session_unref(session);
}

static void
line_connect(ProxyLine *line)
{
    ProxySession *session = line->session;
    ProxyClient *client = session->client;

    line->is_connecting = TRUE;
    session->ref_count++;
    proxy_peer_connect(line->daemon,
                       proxy_peer_identity(proxy_client_uid(client), proxy_client_pid(client),
                                           session->is_readonly),
                       on_peer_connected, line);
}

static int
peer_call_timeout(const PeerCall *peer_call)
{
    const ProxyCall *call = peer_call->call;

    return call->entry->is_read && !call->is_patient ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS;
}

static void
peer_call_send(PeerCall *peer_call)
{
    ProxyLine *line = line_of(peer_call->call);
    const VbWireCall call = {
        .path = peer_call->path,
        .interface = peer_call->interface,
        .member = peer_call->member,
        .args = peer_call->args,
        .timeout_ms = peer_call_timeout(peer_call),
        .body = peer_call->body ? on_peer_body : NULL,
        .body_type = peer_call->body_type,
    };

    if (line->peer && vb_wire_is_closed(line->peer))
        g_clear_pointer(&line->peer, vb_wire_unref);
    if (line->peer) {
        vb_wire_call(line->peer, &call, on_peer_reply, peer_call);
        return;
    }
    g_queue_push_tail(&line->waiting, peer_call);
    if (!line->is_connecting)
        line_connect(line);
}

/**
 * proxy_call_peer:
 *
 * Calls the daemon as the client. One of @what's functions runs once, from the loop.
 */
void
proxy_call_peer(ProxyCall *call, const ProxyPeerCall *what)
{
    PeerCall *peer_call;

    if (!call->session->client) {
        proxy_call_fail_code(call, VIR_ERR_SYSTEM_ERROR, "%s",
                             "Cannot recv data: the client has gone");
        return;
    }
    peer_call = g_new0(PeerCall, 1);
    peer_call->call = call;
    peer_call->path = g_strdup(what->path);
    peer_call->interface = what->interface;
    peer_call->member = what->member;
    peer_call->args = what->args ? g_variant_ref_sink(what->args) : NULL;
    peer_call->done = what->done;
    peer_call->body = what->body;
    peer_call->body_type = what->body_type;
    peer_call_send(peer_call);
}

/**
 * proxy_call_dbus:
 * @interface: static
 * @member: static
 * @args: (nullable): tuple; floating references are taken
 *
 * proxy_call_peer() for a reply that becomes a GVariant.
 */
void
proxy_call_dbus(ProxyCall *call, const char *path, const char *interface, const char *member,
                GVariant *args, ProxyCallDone done)
{
    const ProxyPeerCall what = {path, interface, member, args, done, NULL, NULL};

    proxy_call_peer(call, &what);
}
