/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the backend: one session per legacy client, one call per request. */
#pragma once
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include "backend/backend.h"
#include "backend/convert.h"
#include "backend/link.h"
#include "backend/peer.h"
#include "backend/texts.h"
#include "rpc/rpc.h"

typedef struct _ProxyEvents ProxyEvents;
typedef struct _ProxyNamedEvents ProxyNamedEvents;

typedef enum { PROXY_DAEMON_QEMU, PROXY_DAEMON_NODEDEV, PROXY_N_DAEMONS } ProxyDaemonId;

struct _ProxyBackend {
    ProxyDaemon daemon; /* the hypervisor's */
    ProxyDaemon nodedev;
    ProxyNames names;
    ProxyLink *link;         /* to the hypervisor's daemon */
    ProxyLink *nodedev_link; /* for events only: wanted while a client listens */
    gboolean is_session;     /* serves qemu:///session */
    GList *sessions;
    GHashTable *handlers; /* ProxyProcedure -> ProxyHandler */
    ProxyTexts *texts;
    ProxyBusy busy;
    gpointer busy_data;
};

/* a client's own connection to one daemon */
typedef struct {
    struct _ProxySession *session;
    const ProxyDaemon *daemon;
    VbWire *peer; /* with the client's identity; NULL: none yet, or lost */
    gboolean is_connecting;
    GQueue waiting; /* of PeerCall: for the peer connection */
} ProxyLine;

typedef struct _ProxySession {
    int ref_count;
    ProxyBackend *backend;
    ProxyClient *client; /* NULL once it has gone */
    gboolean is_open;
    gboolean is_readonly;
    gboolean may_look; /* the daemon has answered it a call that only looks */
    ProxyLine lines[PROXY_N_DAEMONS];
    ProxyEvents *events;            /* what the client listens to; NULL: nothing */
    ProxyNamedEvents *node_devices; /* the same of node devices */
} ProxySession;

typedef struct _ProxyCall ProxyCall;
/* @body: the reply as D-Bus has it, of the call's route's type; valid during the call */
typedef void (*ProxyCallBody)(ProxyCall *call, const guint8 *body, gsize length);

/* a request on its way; ends with exactly one of proxy_call_reply*, proxy_call_fail */
struct _ProxyCall {
    ProxyRequest *request;
    ProxySession *session;
    const ProxyRouteEntry *entry;
    ProxyDaemonId daemon; /* that proxy_call_dbus() calls */
    guint attempts;
    gboolean is_patient; /* a human is asked: no deadline */
    gboolean is_settled; /* its reply came after all signals: vb_wire_is_reply_settled() */
    ProxyCallBody body;  /* see proxy_route_run_body() */
    guint64 version;     /* of the guest when it was asked about */
    GVariant *reply;     /* D-Bus reply that waits for the barrier */
    GUnixFDList *fds;
};

/* sessions */
ProxySession *proxy_session_of(ProxyBackend *backend,
                               ProxyClient *client); /* made at the first call */
void proxy_session_end(ProxySession *session);

/* calls */
ProxyCall *proxy_call_new(ProxySession *session, ProxyRequest *request);
GVariant *proxy_call_args(ProxyCall *call);
ProxyMirror *proxy_call_mirror(ProxyCall *call);
char *proxy_call_domain_path(ProxyCall *call); /* of the first argument; (transfer full) */
const ProxyMirrorDomain *
proxy_call_domain(ProxyCall *call);                     /* the same, looked up; NULL: not known */
void proxy_call_reply(ProxyCall *call, GVariant *wire); /* takes floating references; NULL: void */
void proxy_call_reply_encoded(ProxyCall *call, ProxyEncode encode, gpointer data);
void proxy_call_reply_fds(ProxyCall *call, GVariant *wire);
void proxy_call_reply_stream(ProxyCall *call, GVariant *wire, int fd, gboolean is_duplex);
void proxy_call_fail(ProxyCall *call, GError *error); /* (transfer full) */
void proxy_call_fail_code(ProxyCall *call, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* @reply is NULL when it failed; @error is in VB_ERROR then, (transfer full) */
typedef void (*ProxyCallDone)(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error);
/* what is called, and who gets the answer; strings but the path are static */
typedef struct {
    const char *path, *interface, *member;
    GVariant *args; /* (nullable) tuple; floating references are taken */
    ProxyCallDone done;
    ProxyCallBody body;    /* (nullable) gets a reply of body_type in place of @done */
    const char *body_type; /* a tuple */
} ProxyPeerCall;
void proxy_call_peer(ProxyCall *call, const ProxyPeerCall *what);
/* Calls the daemon on the client's own connection. A call that only reads is repeated once when the daemon goes away. */
void proxy_call_dbus(ProxyCall *call, const char *path, const char *interface, const char *member,
                     GVariant *args, ProxyCallDone done);
