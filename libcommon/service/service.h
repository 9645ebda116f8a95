/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon skeleton that all daemons share: options, bus name, private peer socket, objects, dispatch, authorisation,
 * watchdog, idle exit, signals, logging. All of it runs on the main loop. */
#pragma once
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include "base/log.h"
#include "job/job.h"

typedef struct _VbService VbService;
typedef struct _VbObject VbObject;
typedef struct _VbCall VbCall;

/* who calls: from the bus's credentials, the peer socket's SO_PEERCRED, or what the proxy stated on its peer socket */
typedef struct {
    uid_t uid;
    pid_t pid;
    guint64 pid_start_time; /* for polkit's unix-process subject; 0 unknown */
    gboolean is_readonly;   /* proxied client of a read-only socket */
    const char *bus_name;   /* unique name, NULL on a peer connection */
    const char *remote;     /* "unix" or remote address */
} VbCaller;

/* methods: a row without an action is an error at start-up */
#define VB_ACTION_READ "org.libvirt.unix.monitor"  /* look */
#define VB_ACTION_MANAGE "org.libvirt.unix.manage" /* change */
#define VB_ACTION_NONE "" /* harmless for everyone, e.g. Peer1.Identify checks by itself */

/* Returns the reply's tuple (floating is fine), NULL with @error, or NULL after vb_call_defer(). */
typedef GVariant *(*VbMethodFunc)(gpointer object, VbCall *call, GVariant *args, GError **error);
typedef struct {
    const char *name;
    VbMethodFunc func;
    const char *action;
} VbMethod;

typedef GVariant *(*VbPropertyGet)(gpointer object);
typedef gboolean (*VbPropertySet)(gpointer object, VbCall *call, GVariant *value, GError **error);
typedef struct {
    const char *name;
    VbPropertyGet get; /* must not block and must not fail */
    VbPropertySet set; /* NULL: read-only */
    const char *set_action;
} VbProperty;

typedef struct {
    const GDBusInterfaceInfo *info; /* generated from dbus/ by gdbus-codegen */
    const VbMethod *methods;
    guint n_methods;
    const VbProperty *properties;
    guint n_properties;
} VbInterface;

/* calls */
const VbCaller *vb_call_get_caller(VbCall *call);
VbService *vb_call_get_service(VbCall *call);
GVariant *vb_call_get_args(VbCall *call);   /* (transfer none), for handlers that deferred */
GUnixFDList *vb_call_get_fds(VbCall *call); /* may be NULL */
void vb_call_set_reply_fds(VbCall *call, GUnixFDList *fds);
/* Asynchronous handlers: "return vb_call_defer(call);" then exactly one of vb_call_return / vb_call_fail, later.
 * The caller's connection may be gone by then: the reply is dropped, the work is not. */
GVariant *vb_call_defer(VbCall *call);              /* takes a reference, returns NULL */
void vb_call_return(VbCall *call, GVariant *tuple); /* NULL = () ; drops the deferral's reference */
void vb_call_fail(VbCall *call, GError *error);     /* (transfer full) */
/* The same for replies that are big or frequent, without GVariants (wire/body.h): begins the reply's message, to which
 * the handler appends the members; then (transfer full) sends it. */
GByteArray *vb_call_new_body(VbCall *call);
void vb_call_return_body(VbCall *call, GByteArray *message);
/* Called once when the caller's connection (or bus name) goes: for what is registered on it. */
guint vb_call_on_disconnect(VbCall *call, GDestroyNotify func, gpointer data);
/* Whether the caller may do a further thing; @done runs on the loop, at once when polkit need not be asked. */
typedef void (*VbAuthorizeDone)(VbCall *call, GError *error,
                                gpointer data); /* @error: why not, (transfer full) */
void vb_call_authorize(VbCall *call, const char *action, VbAuthorizeDone done,
                       gpointer data); /* after vb_call_defer() */
GVariant *vb_call_get_last_error(
    VbCall *call); /* (transfer none) a{sv} of the caller's last failed call; empty: none */

/* objects: one registry, shown on the bus connection and on every peer connection; ObjectManager on the root */
VbObject *vb_service_export(
    VbService *service, const char *path, const VbInterface *const *interfaces,
    gpointer
        object); /* InterfacesAdded leaves with the next flush once the service runs; @interfaces NULL-terminated, static */
void vb_object_unexport(VbObject *object); /* emits InterfacesRemoved, frees */
const char *vb_object_get_path(VbObject *object);
gpointer vb_object_get_data(VbObject *object);
VbObject *vb_service_find(VbService *service, const char *path);
/* Marks a property as changed. All marks of one object and interface leave as one PropertiesChanged before the next
 * signal of that object, the next reply, or the end of this loop iteration, whichever is first. */
void vb_object_notify(VbObject *object, const char *interface, const char *property);
void vb_object_emit(VbObject *object, const char *interface, const char *signal, GVariant *params);
void vb_service_flush(VbService *service);

/* Job1 objects for all jobs of a registry; at ROOT_PATH/job/NUMBER */
void vb_service_export_jobs(VbService *service, VbJobs *jobs);

/* the daemon */
typedef struct {
    const char *name;            /* "virtqemud" */
    const char *bus_name;        /* "org.virtbus.Qemu"; NULL: none */
    const char *root_path;       /* "/org/virtbus/qemu" */
    gboolean has_peer_socket;    /* serve ROOT/run/virtbus/NAME.sock */
    const GOptionEntry *options; /* extra options, may be NULL */
    gboolean (*start)(VbService *service, gpointer data,
                      GError **error); /* before the name is taken: export objects here */
    void (*stop)(VbService *service,
                 gpointer data); /* nothing is asked of objects any more: free them */
    void (*reload)(VbService *service, gpointer data); /* SIGHUP; may be NULL */
    /* Idle: gives up a name that the daemon has got by itself. FALSE: it is wanted, and has its name again; may be NULL */
    gboolean (*let_go)(VbService *service, gpointer data);
    /* the guest that @object stands for, for the journal: FALSE when it is none; may be NULL */
    gboolean (*name_guest)(VbObject *object, const char **ret_name, const char **ret_uuid);
    void (*explain_missing)(
        const char *path, GError **error); /* words for an object that is not there; may be NULL */
} VbServiceInfo;

/* Options of every daemon: --root DIR, --bus ADDRESS, --sysfs DIR, --procfs DIR, --resctrl DIR, --idle-timeout SECONDS
 * (0 = never), --no-polkit (root and the daemon's own user only), --proxy-user NAME, --session, --verbose, --version. */
int vb_service_run(const VbServiceInfo *info, int argc, char **argv, gpointer data);

/* ROOT + @path ("/etc/libvirt/qemu" -> "/tmp/x/etc/libvirt/qemu"); (transfer full) */
char *vb_service_path(VbService *service, const char *path);
const char *vb_service_sysfs(VbService *service);
const char *vb_service_procfs(VbService *service);
const char *vb_service_resctrl(VbService *service);
GDBusConnection *vb_service_bus(VbService *service); /* NULL without a bus */
gboolean vb_service_is_session(VbService *service);
/* Idle exit: every hold keeps the daemon; connections of the proxy and running guests count as holds. */
void vb_service_hold(VbService *service, const char *why);
void vb_service_release(VbService *service, const char *why);
void vb_service_quit(VbService *service, int status);
/* Where the bus is, to be asked for what needs no name on it; (transfer full), NULL: none */
char *vb_service_bus_address(VbService *service);
/* Sockets handed over by systemd under FileDescriptorName @name, one per call; -1 when there is none left. */
int vb_service_take_fd(VbService *service, const char *name);

/* unit-test helper: compares @interface's rows with its XML both ways; returns a complaint or NULL (transfer full) */
char *vb_interface_check(const VbInterface *interface);
