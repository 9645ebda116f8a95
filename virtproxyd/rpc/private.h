/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the RPC server share with each other, and with its tests. */
#pragma once
#include "rpc/input.h"
#include "rpc/message.h"
#include "rpc/output.h"
#include "rpc/rpc.h"
#include "rpc/watch.h"

#define PROXY_INBOX_SIZE (64 * 1024) /* one read takes at most this */

struct _ProxyServer {
    ProxyLimits limits;
    const ProxyServerHandler *handler;
    gpointer data;
    GPtrArray *listeners;
    int door_fd; /* epoll: the listening sockets; -1: none yet */
    ProxyWatch *door_watch;
    GQueue clients;
    guint n_anonymous;
    guint second_ms;     /* 1000; tests have shorter ones */
    gboolean asks_root;  /* for tests, which often are root */
    GByteArray *scratch; /* a message being built */
    guint8 *inbox;       /* PROXY_ENVELOPE_SIZE + PROXY_INBOX_SIZE bytes being read */
};

struct _ProxyClient {
    int ref_count;
    ProxyServer *server; /* NULL once gone */
    GList link;          /* in server->clients */
    int fd;
    ProxyWatch *watch;
    uid_t uid;
    pid_t pid;
    gboolean is_readonly;
    gboolean is_authenticated;
    gboolean is_closing;  /* to be taken down in the loop's next round */
    gboolean is_draining; /* the same when everything queued has been sent */
    GByteArray *in;       /* bytes of an unfinished frame, or what a pause left */
    gboolean has_backlog; /* the latter */
    GArray *in_fds;       /* int: descriptors received, not yet claimed by a frame */
    GQueue deferred;      /* calls above the limit, see dispatch.c */
    gsize deferred_size;
    guint n_requests; /* under way */
    ProxyOutput out;
    GPtrArray *streams;
    guint timer; /* keepalive, or the patience with an unauthenticated client */
    guint n_pings;
    gint64 last_heard_us;
    gpointer data;
    GDestroyNotify destroy;
};

struct _ProxyRequest {
    int ref_count;
    ProxyClient *client;
    ProxyHeader header;
    const ProxyProcedure *procedure;
    GVariant *args;
    GArray *fds;
    gboolean is_replied;
};

/* client.c */
ProxyClient *proxy_server_adopt(ProxyServer *server, int fd, gboolean is_readonly,
                                gboolean needs_polkit);
void proxy_client_send(ProxyClient *client, GByteArray *message);
void proxy_client_send_bytes(ProxyClient *client, const guint8 *data, gsize length);
void proxy_client_send_fds(ProxyClient *client, const int *fds, guint n_fds);
void proxy_client_update(ProxyClient *client);
gboolean proxy_client_is_blocked(const ProxyClient *client);
gboolean proxy_client_is_paused(ProxyClient *client);
void proxy_client_destroy(ProxyClient *client);

/* server.c */
void proxy_server_update(ProxyServer *server);

/* dispatch.c */
gssize proxy_dispatch(ProxyClient *client, const guint8 *data, gsize length);
void proxy_dispatch_deferred(ProxyClient *client);
gboolean proxy_dispatch_can_resume(ProxyClient *client);
void proxy_dispatch_drop_deferred(ProxyClient *client);
void proxy_send_error(ProxyClient *client, const ProxyHeader *to, const GError *error, int domain);

/* error-domain.c */
int proxy_error_domain(int code, const ProxyProcedure *procedure);

/* request.c */
ProxyRequest *proxy_request_new(ProxyClient *client, const ProxyHeader *header,
                                const ProxyProcedure *procedure);
void proxy_fds_close(GArray *fds);

/* auth.c */
gboolean proxy_auth_answers(ProxyRequest *request);

/* keepalive.c */
gboolean proxy_keepalive_message(ProxyClient *client, const ProxyHeader *header);
void proxy_keepalive_start(ProxyClient *client);

/* stream.c */
#define PROXY_STREAM_MAX_PENDING                                                                   \
    (1024 * 1024) /* bytes on the way to a descriptor that is not written fast enough */
#define PROXY_STREAM_MAX_OUTGOING                                                                  \
    (256 * 1024) /* bytes on the way to a client, above which nothing more is read */
#define PROXY_STREAM_MAX_COUNT 64 /* open at a time for one client */
typedef enum {
    PROXY_STREAM_FROM_FD = 1,
    PROXY_STREAM_TO_FD = 2,
    PROXY_STREAM_DUPLEX = 3,
} ProxyStreamDirection;
void proxy_stream_start(ProxyClient *client, const ProxyHeader *header, int fd,
                        ProxyStreamDirection direction);
void proxy_stream_packet(ProxyClient *client, const ProxyFrame *frame);
gboolean proxy_streams_are_full(ProxyClient *client);
void proxy_streams_update(ProxyClient *client);
void proxy_stream_free(ProxyStream *stream);
