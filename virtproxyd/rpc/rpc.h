/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The RPC server: sockets, clients, framing, limits, authentication, keepalive, streams. It knows libvirt's wire protocol
 * and nothing of D-Bus; what a call means is decided by the handler given to it (backend/). */
#pragma once
#include <gio/gio.h>
#include "codec/codec.h"

typedef struct _ProxyServer ProxyServer;
typedef struct _ProxyClient ProxyClient;
typedef struct _ProxyRequest ProxyRequest; /* reference counted; replied exactly once */
typedef struct _ProxyStream ProxyStream;

typedef struct {
    /* called on the loop for each decoded call; several may be under way per client. Never called for what the transport
     * answers itself: AUTH_LIST, AUTH_SASL_*, AUTH_POLKIT, keepalive and CONNECT_SUPPORTS_FEATURE(PROGRAM_KEEPALIVE).
     * A client is closed when its CONNECT_CLOSE has been answered. To go on after returning, take a reference. */
    void (*call)(ProxyRequest *request, gpointer data);
    /* authentication decision for a client of an "auth=polkit" socket; answers with proxy_client_set_authenticated()
     * and proxy_request_reply(request, "(i)" 1), or with proxy_request_fail() */
    void (*authenticate)(ProxyClient *client, ProxyRequest *request, gpointer data);
    /* called once, from the loop; what is answered to its requests from here on is dropped */
    void (*client_gone)(ProxyClient *client, gpointer data);
} ProxyServerHandler;

typedef struct {
    guint max_clients;           /* 5000, as libvirtd.conf's max_clients */
    guint max_anonymous_clients; /* 20, unauthenticated */
    guint max_client_requests; /* 5 in flight per client, as in libvirtd.conf; further calls wait */
    guint keepalive_interval_s; /* 5 */
    guint keepalive_count;      /* 5 */
    gsize max_outgoing; /* bytes queued for a client above which its calls wait, events close it */
} ProxyLimits;
extern const ProxyLimits proxy_limits_default;

/* server; @limits: NULL for the defaults; @handler is borrowed, a member may be NULL */
ProxyServer *proxy_server_new(const ProxyLimits *limits, const ProxyServerHandler *handler,
                              gpointer data);
void proxy_server_free(ProxyServer *server);
/* @fd: listening socket (owned by the server from here on) */
gboolean proxy_server_listen(ProxyServer *server, int fd, const char *name, gboolean is_readonly,
                             gboolean needs_polkit, GError **error);
void proxy_server_adopt_for(ProxyServer *server, int fd, uid_t uid, pid_t pid,
                            gboolean is_readonly);
guint proxy_server_n_clients(ProxyServer *server);

/* clients */
uid_t proxy_client_uid(ProxyClient *client);
pid_t proxy_client_pid(ProxyClient *client);
gboolean proxy_client_is_readonly(ProxyClient *client);
void proxy_client_set_authenticated(ProxyClient *client);
void proxy_client_close(ProxyClient *client); /* from the loop's next round on it is gone */
gboolean proxy_client_is_closed(ProxyClient *client);
ProxyClient *proxy_client_ref(ProxyClient *client);
void proxy_client_unref(ProxyClient *client);
gpointer proxy_client_get_data(ProxyClient *client); /* for the backend: per-client state */
void proxy_client_set_data(ProxyClient *client, gpointer data, GDestroyNotify destroy);
/* sends an event message; @value in wire form, consumed when floating */
void proxy_client_send_event(ProxyClient *client, const ProxyProcedure *event, GVariant *value);

/* requests */
ProxyClient *proxy_request_client(ProxyRequest *request);
const ProxyProcedure *proxy_request_procedure(ProxyRequest *request);
GVariant *
proxy_request_args(ProxyRequest *request); /* wire tuple, NULL when the procedure has none */
/* descriptors that came with the call; borrowed, closed with the request */
const int *proxy_request_fds(ProxyRequest *request, guint *ret_n_fds);
ProxyRequest *proxy_request_ref(ProxyRequest *request);
void proxy_request_unref(ProxyRequest *request);
/* @ret: wire tuple, consumed when floating; NULL: void. A request that is freed unanswered answers with an error. */
void proxy_request_reply(ProxyRequest *request, GVariant *ret);
/* The same for a reply that @encode appends in wire form: FALSE with @error when it cannot go over the wire. */
typedef gboolean (*ProxyEncode)(const ProxyProcedure *procedure, gpointer data, GByteArray *out,
                                GError **error);
void proxy_request_reply_encoded(ProxyRequest *request, ProxyEncode encode, gpointer data);
/* @fds: borrowed, duplicated */
void proxy_request_reply_fds(ProxyRequest *request, GVariant *ret, const int *fds, guint n_fds);
void proxy_request_fail(ProxyRequest *request, const GError *error);
/* Replies and then joins the request's stream with @fd (owned): pumped both ways with bounded buffers until either side
 * ends it. @is_duplex: console; otherwise read until end of file, then finish. */
void proxy_request_reply_stream(ProxyRequest *request, GVariant *ret, int fd, gboolean is_duplex);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProxyServer, proxy_server_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProxyRequest, proxy_request_unref)
