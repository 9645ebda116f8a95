/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libcommon/service share. Everything but the inbox's queue belongs to the main loop's thread. */
#pragma once
#include "service/service.h"
#include "wire/body.h"
#include "wire/wire.h"

#include <sys/types.h>
#include <unistd.h>

typedef struct _VbClient VbClient;
typedef struct _VbLink VbLink;

/* index.c: a VbInterface prepared for look-ups */
typedef enum { VB_EMITS_VALUE, VB_EMITS_INVALIDATES, VB_EMITS_NOTHING } VbEmits;

typedef struct {
    const GDBusMethodInfo *info;
    const VbMethod *row;
    char *in_type; /* "(su)" */
    char *out_type;
} VbMethodEntry;

typedef struct {
    const GDBusPropertyInfo *info;
    const VbProperty *row;
    VbEmits emits;
    GVariant *key; /* its name, for all dictionaries */
} VbPropertyEntry;

typedef struct {
    const VbInterface *interface;
    GHashTable *methods;         /* name -> VbMethodEntry */
    VbPropertyEntry *properties; /* in the table's order, at most 64 */
} VbIndex;

#define VB_INDEX_MAX_PROPERTIES 64

const VbIndex *
vb_index_get(const VbInterface *interface); /* built once; aborts on a table that its XML refutes */
const VbPropertyEntry *vb_index_find_property(const VbIndex *index, const char *name);

/* objects.c */
struct _VbObject {
    guint refs;
    VbService *service; /* NULL: unexported */
    char *path;
    gpointer data;
    guint64 *dirty; /* per interface: bit per property */
    gboolean is_dirty;
    gboolean is_new; /* not announced yet */
    guint n_interfaces;
    const VbIndex *interfaces[];
};

VbObject *vb_object_ref(VbObject *object);
void vb_object_unref(VbObject *object);
const VbIndex *vb_object_find_interface(VbObject *object, const char *name);
GVariant *vb_object_get_properties(VbObject *object, const VbIndex *index); /* a{sv} */

/* standard.c: the interfaces that come with every object, or with the root */
extern const VbInterface vb_properties_interface, vb_introspectable_interface;
extern const VbInterface vb_object_manager_interface, vb_peer_interface;
GVariant *vb_standard_describe(VbObject *object); /* a{sa{sv}} */
GVariant *vb_standard_names(VbObject *object);    /* as */
char *vb_standard_introspect(VbService *service, const char *path);

extern const VbInterface vb_job_interface; /* job-object.c */

/* link.c: connections and what arrives on them */
struct _VbLink {
    gatomicrefcount refs;
    VbService *service;
    gboolean is_closed;
    GDBusConnection *connection; /* the bus's; NULL: a peer's */
    guint filter;
    GQueue
        outbox; /* GDBusMessage: signals for the bus that leave with the next reply, or in the next turn */
    GSource *outbox_source;
    VbWire *wire;           /* a peer's; NULL: the bus's */
    VbClient *client;       /* a peer's; NULL on the bus */
    gboolean is_subscribed; /* gets signals */
};

typedef struct {
    GMutex lock;
    GQueue queue; /* of GDBusMessage */
    GSource *source;
} VbInbox;

VbLink *vb_link_new_bus(VbService *service, GDBusConnection *connection);
VbLink *vb_link_new_peer(VbService *service, VbWire *wire);
VbLink *vb_link_ref(VbLink *link);
void vb_link_unref(VbLink *link);
void vb_link_close(VbLink *link);
void vb_link_send(VbLink *link, GDBusMessage *message);
void vb_link_flush(VbLink *link); /* hands what waits in the outbox to the bus's thread */
void vb_link_send_body(VbLink *link, GDBusMessage *call, GByteArray *reply);
void vb_inbox_init(VbService *service);
void vb_inbox_drain(VbService *service);
void vb_inbox_clear(VbService *service);
gboolean vb_inbox_is_empty(VbService *service);

/* client.c: who calls */
struct _VbClient {
    guint refs;
    VbService *service;
    VbLink *link;
    VbCaller caller;
    char *bus_name;
    char *remote;
    gboolean is_known;      /* identity is settled */
    gboolean must_identify; /* the proxy's own process: speaks for others only */
    gboolean is_stated;     /* Identify was called */
    gboolean has_spoken;    /* something else was */
    gboolean is_gone;
    guint watch;    /* of its bus name */
    GQueue waiting; /* of GDBusMessage, until it is known */
    GSList *hooks;
    GVariant *last_error;
    GHashTable *granted; /* actions that polkit allowed */
};

VbClient *vb_client_new_peer(VbLink *link, const VbCaller *process, gboolean must_identify);
VbClient *vb_client_get_bus(VbLink *link, const char *sender);
VbClient *vb_client_ref(VbClient *client);
void vb_client_unref(VbClient *client);
void vb_client_go(VbClient *client); /* its connection or name is gone: runs the hooks */
guint vb_client_add_hook(VbClient *client, GDestroyNotify func, gpointer data);

/* policy.c: may this caller do this */
typedef enum { VB_VERDICT_ALLOW, VB_VERDICT_ASK, VB_VERDICT_READONLY, VB_VERDICT_DENY } VbVerdict;

typedef struct {
    uid_t own_uid;
    uid_t proxy_uid; /* (uid_t)-1: none */
    gboolean has_polkit;
    gboolean is_stated; /* FALSE: the proxy has not said for whom it speaks */
} VbPolicy;

VbVerdict vb_policy_decide(const VbPolicy *policy, const VbCaller *caller, const char *action);

typedef void (*VbPolicyDone)(gpointer data,
                             GError *error); /* @error: (transfer full) why not; NULL: allowed */
void vb_policy_check(VbClient *client, const char *action, const char *what, VbPolicyDone done,
                     gpointer data);
void vb_policy_watch(VbService *service); /* forget grants when polkit's rules change */

/* dispatch.c */
struct _VbCall {
    guint refs;
    VbService *service;
    VbClient *client;
    GDBusMessage *message;
    VbObject *object;
    const VbIndex *index;
    const VbMethodEntry *entry;
    GVariant *args;
    GUnixFDList *reply_fds;
    gboolean is_deferred;
    gboolean is_done;
};

void vb_dispatch(VbClient *client, GDBusMessage *message);

/* peer.c: the private socket */
gboolean vb_peer_listen(VbService *service, GError **error);
void vb_peer_drain(VbService *service);
void vb_peer_close(VbService *service);

/* bus.c: the bus connection and the name */
gboolean vb_bus_connect(VbService *service, GError **error);
gboolean vb_bus_own_name(VbService *service, GError **error);
gboolean vb_bus_release_name(VbService *service);
void vb_bus_close(VbService *service);

/* service.c */
typedef struct {
    char *root;
    char *bus_address;
    char *sysfs;
    char *procfs;
    char *resctrl;
    char *proxy_user;
    int idle_timeout_s;
    gboolean no_polkit;
    gboolean is_session;
    gboolean is_verbose;
    gboolean wants_version;
} VbServiceOptions;

struct _VbService {
    const VbServiceInfo *info;
    gpointer data;
    VbServiceOptions options;
    GMainLoop *loop;
    int status;
    gboolean is_running; /* from here on objects' comings and goings are announced */
    gboolean is_stopping;

    VbInbox inbox;
    VbLink *bus;
    GPtrArray *peers;    /* of VbLink */
    GHashTable *clients; /* unique bus name -> VbClient */
    guint n_calls;       /* under way */

    GHashTable *objects; /* path -> VbObject */
    GQueue dirty;        /* of VbObject, in the order of their first mark */
    GSource *flush_source;
    VbObject *root;

    uid_t proxy_uid; /* (uid_t)-1: none */
    gid_t proxy_gid;
    int lock_fd;
    int listen_fd;
    guint listen_source;
    char *socket_path; /* ours to remove */
    char *guid;
    GPtrArray *passed_names; /* FileDescriptorName of each passed socket, NULL once taken */

    guint n_holds;
    gint64 active_us; /* monotonic: when there last was something to do */
    guint watchdog_source;
};

void vb_service_touch(VbService *service); /* looks whether the daemon has become idle */
VbObject *vb_service_export_root(VbService *service);
void vb_service_drop_objects(VbService *service);
void vb_service_broadcast(VbService *service, GDBusMessage *message);
