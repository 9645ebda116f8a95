/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to a call. The policy, in order:
 *
 * 1. Before CONNECT_OPEN only the set-up procedures are answered (features are asked before open).
 * 2. A client that may only read, because of its socket or because it opened so, gets nothing that changes anything.
 *    The daemon decides the same again, for every caller: this check only gives libvirt's words at once.
 * 3. A procedure in the table of handlers is answered by hand, most of those from the mirror.
 * 4. A procedure with a route becomes a D-Bus call on the client's own connection. If it may have changed something,
 *    its reply waits until the mirror has seen all that the daemon said before: a client reads what it wrote.
 * 5. Everything else is not supported, in libvirt's words.
 */
#include "backend/backend.h"
#include "backend/events.h"
#include "backend/events-named.h"
#include "backend/handlers.h"
#include <string.h>
#include "base/error.h"
#include "base/log.h"

/* ---- verdict ---- */

/**
 * proxy_decide:
 * @handler: (nullable): row of the procedure, if it is answered by hand
 * @route: (nullable): its generated route
 * @is_allowed_readonly: the protocol's table lets a read-only client call it
 *
 * Returns: what to do with the call
 */
ProxyVerdict
proxy_decide(const ProxyHandler *handler, const ProxyRoute *route, gboolean is_open,
             gboolean is_readonly, gboolean is_allowed_readonly)
{
    if (!is_open && !(handler && handler->needs == PROXY_NEEDS_NOTHING))
        return PROXY_VERDICT_NOT_OPEN;
    if (!handler && !route)
        return PROXY_VERDICT_UNSUPPORTED;
    if (is_readonly && !is_allowed_readonly)
        return PROXY_VERDICT_DENIED;
    return handler ? PROXY_VERDICT_ANSWER : PROXY_VERDICT_ROUTE;
}

/* ---- routes ---- */

static gboolean
is_of_nodedev(const ProxyRoute *route)
{
    return route->target == PROXY_TARGET_NODEDEVS || route->target == PROXY_TARGET_NODEDEV;
}

static gboolean
is_of_host(const ProxyRoute *route)
{
    return route->target == PROXY_TARGET_ROOT && route->kind == PROXY_ROUTE_MIRROR;
}

static gboolean
names_a_domain(const ProxyRoute *route)
{
    for (guint i = 0; i < route->n_out; i++)
        if (route->out[i].conv == PROXY_CONV_DOMAIN || route->out[i].conv == PROXY_CONV_DOMAINS ||
            route->out[i].conv == PROXY_CONV_SNAPSHOT ||
            route->out[i].conv == PROXY_CONV_SNAPSHOTS || route->out[i].conv == PROXY_CONV_SELF)
            return TRUE;
    return FALSE;
}

static void
reply_with_fd(ProxyCall *call, GVariant *wire)
{
    const ProxyRoute *route = call->entry->route;
    GError *error = NULL;
    int fd;

    if (route->fd_use == PROXY_FD_FDS) {
        proxy_call_reply_fds(call, wire);
        return;
    }
    fd = call->fds ? g_unix_fd_list_get(call->fds, 0, &error) : -1;
    if (fd < 0) {
        if (wire)
            g_variant_unref(g_variant_ref_sink(wire));
        g_clear_error(&error);
        proxy_call_fail_code(call, VIR_ERR_OPERATION_FAILED, "%s",
                             "no file descriptor came with the reply");
        return;
    }
    proxy_call_reply_stream(call, wire, fd, route->fd_use == PROXY_FD_DUPLEX);
}

/* The mirror has caught up: call->reply can be said in wire terms. */
static void
route_finish(gpointer data)
{
    ProxyCall *call = data;
    const ProxyRoute *route = call->entry->route;
    GError *error = NULL;
    GVariant *wire = NULL;

    if (route->n_out > 0)
        wire = proxy_convert_out(route, &call->session->backend->names, proxy_call_args(call),
                                 call->reply, &error);
    if (error)
        proxy_call_fail(call, error);
    else if (route->fd_use == PROXY_FD_NONE)
        proxy_call_reply(call, wire);
    else
        reply_with_fd(call, wire);
}

/* Properties.Get gives (v); the steps want the value itself in a tuple. */
static GVariant *
unpack_property(const ProxyRoute *route, GVariant *reply)
{
    g_autoptr(GVariant) value = NULL;

    if (route->kind == PROXY_ROUTE_METHOD || route->kind == PROXY_ROUTE_SET)
        return g_variant_ref(reply);
    g_variant_get(reply, "(v)", &value);
    return g_variant_ref_sink(g_variant_new_tuple(&value, 1));
}

/* The daemon's signals left before the reply; where it says that none of them waits to leave, they are here. */
static void
wait_for_mirror(ProxyCall *call, ProxyLink *link)
{
    if (call->is_settled)
        proxy_link_settle(link, route_finish, call);
    else
        proxy_link_barrier(link, route_finish, call);
}

static void
on_route_reply(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error)
{
    const ProxyRoute *route = call->entry->route;

    if (error) {
        proxy_call_fail(call, error);
        return;
    }
    if (!g_variant_is_of_type(reply, G_VARIANT_TYPE(route->reply_type))) {
        proxy_call_fail_code(call, VIR_ERR_RPC, "unexpected reply of type '%s' from %s.%s",
                             g_variant_get_type_string(reply), route->interface, route->member);
        return;
    }
    call->reply = unpack_property(route, reply);
    call->fds = fds ? g_object_ref(fds) : NULL;
    if (is_of_nodedev(route)) {
        /* what changed was told before the reply; it waits only for a client that listens */
        if (!route->is_read && proxy_link_is_ready(call->session->backend->nodedev_link))
            wait_for_mirror(call, call->session->backend->nodedev_link);
        else
            route_finish(call);
    } else if (!route->is_read || names_a_domain(route))
        wait_for_mirror(call, call->session->backend->link);
    else
        route_finish(call);
}

/* TRUE when the mirror knew all that the route asks for, and the call has been answered */
static gboolean
route_from_mirror(ProxyCall *call, const char *path)
{
    const ProxyRoute *route = call->entry->route;
    ProxyMirror *mirror = proxy_call_mirror(call);
    GVariant *values[8];

    g_assert(route->n_out <= G_N_ELEMENTS(values));
    for (guint i = 0; i < route->n_out; i++)
        if (!(values[i] = proxy_mirror_property(mirror, path, route->out[i].name)))
            return FALSE;
    call->reply = g_variant_ref_sink(g_variant_new_tuple(values, route->n_out));
    route_finish(call);
    return TRUE;
}

/* Names of node devices consist of what may stand in an object path; no device has another one. */
static char *
nodedev_path(ProxyCall *call)
{
    const char *name;

    g_variant_get_child(proxy_call_args(call), 0, "&s", &name);
    for (const char *at = name; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '_')
            return NULL;
    return *name ? g_strconcat("/org/virtbus/nodedev/device/", name, NULL) : NULL;
}

static void
fail_no_nodedev(ProxyCall *call)
{
    const char *name;

    g_variant_get_child(proxy_call_args(call), 0, "&s", &name);
    proxy_call_fail_code(call, VIR_ERR_NO_NODE_DEVICE, "no node device with matching name '%s'",
                         name);
}

static char *
route_path(ProxyCall *call)
{
    if (call->entry->route->target == PROXY_TARGET_NODEDEVS)
        return g_strdup(call->session->backend->nodedev.root_path);
    if (call->entry->route->target == PROXY_TARGET_NODEDEV)
        return nodedev_path(call);
    if (call->entry->route->target == PROXY_TARGET_DOMAIN)
        return proxy_call_domain_path(call);
    if (call->entry->route->target == PROXY_TARGET_SNAPSHOT) {
        g_autoptr(GVariant) snapshot = g_variant_get_child_value(proxy_call_args(call), 0);

        return proxy_convert_snapshot_path(&call->session->backend->names, snapshot);
    }
    return g_strdup(call->session->backend->daemon.root_path);
}

/* ---- replies that go to the wire as they came ---- */

/* A reply whose members are the wire's, in their order. What changed something waits for the mirror, and goes the other
 * way: its reply must be kept. */
static gboolean
is_straight(const ProxyRoute *route)
{
    if (route->kind != PROXY_ROUTE_METHOD || !route->is_read || route->fd_use != PROXY_FD_NONE ||
        route->n_out == 0 ||
        route->n_out != g_variant_type_n_items(G_VARIANT_TYPE(route->reply_type)))
        return FALSE;
    for (guint i = 0; i < route->n_out; i++) {
        const ProxyStep *step = &route->out[i];

        if (step->source != (int)i || step->limit >= 0 ||
            (step->conv != PROXY_CONV_COPY && step->conv != PROXY_CONV_PARAMS &&
             step->conv != PROXY_CONV_RECORDS))
            return FALSE;
    }
    return TRUE;
}

static gboolean
name_domain(gpointer data, const char *path, GByteArray *out)
{
    return proxy_mirror_write(data, path, out);
}

typedef struct {
    ProxyMirror *mirror;
    ProxyBody body;
} Straight;

static gboolean
encode_straight(const ProxyProcedure *procedure, gpointer data, GByteArray *out, GError **error)
{
    Straight *straight = data;

    return proxy_codec_transcode(procedure->ret, &straight->body, name_domain, straight->mirror,
                                 out, error);
}

void
proxy_route_reply_body(ProxyCall *call, const guint8 *body, gsize length)
{
    const char *type = call->entry->route->reply_type;
    g_autofree char *signature = g_strndup(type + 1, strlen(type) - 2);
    Straight straight = {proxy_call_mirror(call), {signature, body, length}};

    proxy_call_reply_encoded(call, encode_straight, &straight);
}

static void
route_call_method(ProxyCall *call, const char *path, GVariant *args)
{
    const ProxyRoute *route = call->entry->route;
    const ProxyPeerCall what = {
        .path = path,
        .interface = route->interface,
        .member = route->member,
        .args = args,
        .done = on_route_reply,
        .body = !is_straight(route) ? NULL
                : call->body        ? call->body
                                    : proxy_route_reply_body,
        .body_type = route->reply_type,
    };

    proxy_call_peer(call, &what);
}

static void
route_call(ProxyCall *call, const char *path)
{
    static const char *const properties = "org.freedesktop.DBus.Properties";
    const ProxyRoute *route = call->entry->route;
    GVariant *args;
    GError *error = NULL;

    if (route->kind == PROXY_ROUTE_GET || route->kind == PROXY_ROUTE_MIRROR) {
        args = g_variant_new("(ss)", route->interface, route->member);
        proxy_call_dbus(call, path, properties, "Get", args, on_route_reply);
        return;
    }
    args = proxy_convert_in(route, &call->session->backend->names, proxy_call_args(call), &error);
    if (!args) {
        proxy_call_fail(call, error);
        return;
    }
    if (route->kind == PROXY_ROUTE_SET) {
        g_autoptr(GVariant) tuple = g_variant_ref_sink(args);
        g_autoptr(GVariant) value = g_variant_get_child_value(tuple, 0);

        args = g_variant_new("(ssv)", route->interface, route->member, value);
        proxy_call_dbus(call, path, properties, "Set", args, on_route_reply);
        return;
    }
    route_call_method(call, path, args);
}

static gboolean
route_has_domain(ProxyCall *call, const char *path)
{
    return call->entry->route->target != PROXY_TARGET_DOMAIN ||
           proxy_mirror_by_path(proxy_call_mirror(call), path);
}

/* The guest's story in the journal names the libvirt call too; the daemon tells who is behind it. */
static void
log_change(ProxyCall *call, const char *path)
{
    const ProxyMirrorDomain *domain;

    if (call->entry->route->target != PROXY_TARGET_DOMAIN || call->entry->is_read)
        return;
    domain = proxy_mirror_by_path(proxy_call_mirror(call), path);
    if (domain)
        vb_log_info(domain->name, "%s", call->entry->api_name);
}

void
proxy_route_run(ProxyCall *call)
{
    const ProxyRoute *route = call->entry->route;
    g_autofree char *path = route_path(call);

    call->daemon = is_of_nodedev(route) ? PROXY_DAEMON_NODEDEV : PROXY_DAEMON_QEMU;
    if (!path) {
        fail_no_nodedev(call);
        return;
    }
    log_change(call, path);
    if (route->kind == PROXY_ROUTE_MIRROR && route_has_domain(call, path) &&
        route_from_mirror(call, path))
        return;
    /* a reply of several properties comes from the mirror alone; the domain is not there then */
    if (route->kind == PROXY_ROUTE_MIRROR && route->n_out != 1)
        proxy_call_fail_code(call, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'",
                             g_strdelimit(strrchr(path, '/') + 1, "_", '-'));
    else
        route_call(call, path);
}

void
proxy_route_run_body(ProxyCall *call, ProxyCallBody body)
{
    call->body = body;
    proxy_route_run(call);
}

/* ---- the server's handler ---- */

static void
on_mirror_ready(gpointer data, const GError *error)
{
    ProxyCall *call = data;
    const ProxyHandler *handler;

    if (error) {
        proxy_call_fail(call, g_error_copy(error));
        return;
    }
    handler = g_hash_table_lookup(call->session->backend->handlers,
                                  proxy_request_procedure(call->request));
    if (handler)
        handler->answer(call);
    else
        proxy_route_run(call);
}

static void
on_call(ProxyRequest *request, gpointer data)
{
    ProxyBackend *backend = data;
    const ProxyProcedure *procedure = proxy_request_procedure(request);
    ProxySession *session = proxy_session_of(backend, proxy_request_client(request));
    const ProxyHandler *handler = g_hash_table_lookup(backend->handlers, procedure);
    ProxyCall *call = proxy_call_new(session, request);

    switch (proxy_decide(handler, call->entry ? call->entry->route : NULL, session->is_open,
                         session->is_readonly, procedure->is_allowed_readonly)) {
    case PROXY_VERDICT_NOT_OPEN:
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "%s", "connection not open");
        break;
    case PROXY_VERDICT_DENIED:
        proxy_call_fail_code(call, VIR_ERR_OPERATION_DENIED, "read only access prevents %s",
                             call->entry->api_name);
        break;
    case PROXY_VERDICT_UNSUPPORTED:
        proxy_call_fail_code(call, VIR_ERR_NO_SUPPORT, "%s",
                             call->entry ? call->entry->api_name : procedure->name);
        break;
    case PROXY_VERDICT_ANSWER:
        if (handler->needs == PROXY_NEEDS_MIRROR)
            proxy_link_when_ready(backend->link, on_mirror_ready, call);
        else if (handler->needs == PROXY_NEEDS_ROOT)
            proxy_link_when_root_known(backend->link, on_mirror_ready, call);
        else
            handler->answer(call);
        break;
    case PROXY_VERDICT_ROUTE:
        if (is_of_nodedev(call->entry->route))
            proxy_route_run(call); /* nothing of it is mirrored */
        else if (is_of_host(call->entry->route))
            proxy_link_when_root_known(backend->link, on_mirror_ready, call);
        else
            proxy_link_when_ready(backend->link, on_mirror_ready, call);
        break;
    }
}

/* Peer1.Authorize: the daemon asks polkit for the client's process. */
static void
on_authorized(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error)
{
    if (error) {
        proxy_call_fail(call, error);
        return;
    }
    if (call->session->client)
        proxy_client_set_authenticated(call->session->client);
    proxy_call_reply(call, g_variant_new("(i)", 1)); /* complete */
}

static void
on_authenticate(ProxyClient *client, ProxyRequest *request, gpointer data)
{
    ProxyBackend *backend = data;
    ProxyCall *call = proxy_call_new(proxy_session_of(backend, client), request);
    const char *action =
        proxy_client_is_readonly(client) ? "org.libvirt.unix.monitor" : "org.libvirt.unix.manage";

    call->is_patient = TRUE; /* polkit may ask the user */
    proxy_call_dbus(call, backend->daemon.root_path, "org.virtbus.Peer1", "Authorize",
                    g_variant_new("(s)", action), on_authorized);
}

static void
on_client_gone(ProxyClient *client, gpointer data)
{
    ProxySession *session = proxy_client_get_data(client);

    if (session)
        proxy_session_end(session);
}

const ProxyServerHandler proxy_backend_handler = {on_call, on_authenticate, on_client_gone};

/* ---- the backend ---- */

static GVariant *
domain_of(gpointer data, const char *path)
{
    ProxyBackend *backend = data;

    return proxy_mirror_wire(proxy_link_mirror(backend->link), path);
}

static const ProxyLinkHandler link_handler = {proxy_events_dispatch, proxy_events_dispatch_monitor};
static const ProxyLinkHandler nodedev_handler = {proxy_named_events_dispatch, NULL};

static void
add_nodedev(ProxyBackend *backend, const char *socket_path, const char *bus_address)
{
    g_autofree char *folder = g_path_get_dirname(socket_path);

    backend->nodedev = (ProxyDaemon){
        .name = "virtnodedevd",
        .bus_name = "org.virtbus.NodeDev",
        .root_path = "/org/virtbus/nodedev",
        .root_interface = "org.virtbus.NodeDevices1",
        .socket_path = g_build_filename(folder, "virtnodedevd.sock", NULL),
        .bus_address = g_strdup(bus_address),
    };
    backend->nodedev_link = proxy_link_new(&backend->nodedev, &nodedev_handler, backend);
}

ProxyBackend *
proxy_backend_new(const char *socket_path, const char *bus_address, gboolean is_session)
{
    ProxyBackend *backend = g_new0(ProxyBackend, 1);

    backend->daemon.name = "virtqemud";
    backend->daemon.bus_name = "org.virtbus.Qemu";
    backend->daemon.root_path = "/org/virtbus/qemu";
    backend->daemon.root_interface = "org.virtbus.Hypervisor1";
    backend->daemon.has_mirror = TRUE;
    backend->daemon.socket_path = g_strdup(socket_path);
    backend->daemon.bus_address = g_strdup(bus_address);
    backend->names = (ProxyNames){"/org/virtbus/qemu/domain/", domain_of, backend};
    backend->is_session = is_session;
    backend->link = proxy_link_new(&backend->daemon, &link_handler, backend);
    add_nodedev(backend, socket_path, bus_address);
    backend->texts = proxy_texts_new();
    backend->handlers = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < proxy_n_handlers; i++) {
        const ProxyProcedure *procedure = proxy_procedure_by_name(proxy_handlers[i].procedure);

        g_assert(procedure);
        g_hash_table_insert(backend->handlers, (gpointer)procedure, (gpointer)&proxy_handlers[i]);
    }
    return backend;
}

void
proxy_backend_watch(ProxyBackend *backend, ProxyBusy busy, gpointer data)
{
    backend->busy = busy;
    backend->busy_data = data;
}

void
proxy_backend_free(ProxyBackend *backend)
{
    if (!backend)
        return;
    g_clear_pointer(&backend->link, proxy_link_free);
    g_clear_pointer(&backend->nodedev_link, proxy_link_free);
    g_hash_table_unref(backend->handlers);
    proxy_texts_free(backend->texts);
    g_free(backend->daemon.bus_address);
    g_free(backend->daemon.socket_path);
    g_free(backend->nodedev.bus_address);
    g_free(backend->nodedev.socket_path);
    g_free(backend);
}
