/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices: found, watched, told of. Owns them, the event log, and the definitions of mediated devices. Main loop only. */
#pragma once
#include "device.h"
#include "events/events.h"

typedef struct _NodedevManager NodedevManager;

typedef struct {
    void (*added)(NodedevDevice *device, gpointer data);
    void (*removed)(NodedevDevice *device, gpointer data); /* still valid during the call */
    void (*changed)(NodedevDevice *device, gpointer data);
    void (*event)(const VbEvent *event, gpointer data);
} NodedevListener;

struct _NodedevManager {
    NodedevHost host;
    NodedevBackend *backend;
    GPtrArray *devices; /* of NodedevDevice, owned */
    GHashTable *by_name;
    GHashTable *by_path;
    VbEvents *events;
    guint64 told; /* sequence number up to which the list on disk is true */
    NodedevListener listener;
    gpointer data;
    gboolean is_quiet;        /* the first look at everything */
    GPtrArray *waits;         /* for devices that somebody makes */
    gpointer definitions;     /* mdev.c: what is watched */
    gboolean has_definitions; /* they have been read */
    GHashTable *claims;       /* claims.c: address -> claim of a guest */
    GQueue hand_overs;        /* hand-over.c: what waits for a device */
};

/* @sysfs: "/sys", or a recorded tree; (transfer full) NULL with @error */
NodedevManager *nodedev_manager_new(const char *root, const char *sysfs, const char *procfs,
                                    GError **error);
void nodedev_manager_free(NodedevManager *manager);
void nodedev_manager_set_listener(NodedevManager *manager, const NodedevListener *listener,
                                  gpointer data);
/* Looks at all devices, and compares with what was last told: the difference becomes late events. */
gboolean nodedev_manager_start(NodedevManager *manager, GError **error);
/* Looks at all devices again; the difference becomes events. */
void nodedev_manager_rescan(NodedevManager *manager);
/* Looks at one device again; it is still there afterwards, or not. */
void nodedev_manager_refresh(NodedevManager *manager, NodedevDevice *device);

/* Errors: NO_NODE_DEVICE */
NodedevDevice *nodedev_manager_find(NodedevManager *manager, const char *name, GError **error);
/* by "0000:3b:00.0", "0.0.0052", "matrix", or its name; NULL: none */
NodedevDevice *nodedev_manager_find_parent(NodedevManager *manager, const char *address);
/* Errors: NO_NODE_DEVICE; INVALID_ARG not a WWN */
NodedevDevice *nodedev_manager_find_wwn(NodedevManager *manager, const char *wwnn, const char *wwpn,
                                        GError **error);
/* (transfer container) devices that match virConnectListAllNodeDeviceFlags */
GPtrArray *nodedev_manager_list(NodedevManager *manager, guint flags);
/* (transfer container) active devices with capability @cap; NULL or "": all */
GPtrArray *nodedev_manager_list_cap(NodedevManager *manager, const char *cap);

char *nodedev_manager_get_xml(NodedevManager *manager, NodedevDevice *device,
                              gboolean is_inactive); /* (transfer full) */

/* for mdev.c and vport.c: a device that is not (or no longer) in sysfs */
void nodedev_manager_add(NodedevManager *manager, NodedevDevice *device); /* (transfer full) */
void nodedev_manager_remove(NodedevManager *manager, NodedevDevice *device);
void nodedev_manager_tell(NodedevManager *manager, const NodedevDevice *device, const char *kind,
                          int event);
void nodedev_manager_tell_late(NodedevManager *manager, const char *name, int event);
void nodedev_manager_tell_changed(NodedevManager *manager, NodedevDevice *device);
/* Runs @done when a device of that name is there (NULL @error), or when @timeout_ms have passed. */
typedef void (*NodedevWaitDone)(NodedevDevice *device, gpointer data);
void nodedev_manager_wait(NodedevManager *manager, const char *name, guint timeout_ms,
                          NodedevWaitDone done, gpointer data);
