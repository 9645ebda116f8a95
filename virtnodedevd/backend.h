/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the manager needs from the system: which devices there are, and which come and go. backend-udev.c asks libudev,
 * backend-tree.c reads a recorded sysfs tree. All on the main loop. */
#pragma once
#include <glib.h>
#include "sysfs.h"

/* properties that anything here looks at, from the kernel's uevent or from udev's database */
typedef enum {
    NODEDEV_PROP_PCI_CLASS,
    NODEDEV_PROP_PCI_SLOT_NAME,
    NODEDEV_PROP_PCI_ID,
    NODEDEV_PROP_INTERFACE,
    NODEDEV_PROP_DRIVER,
    NODEDEV_PROP_BUSNUM,
    NODEDEV_PROP_DEVNUM,
    NODEDEV_PROP_MINOR,
    NODEDEV_PROP_ID_VENDOR_ID,
    NODEDEV_PROP_ID_MODEL_ID,
    NODEDEV_PROP_ID_VENDOR_FROM_DATABASE,
    NODEDEV_PROP_ID_MODEL_FROM_DATABASE,
    NODEDEV_PROP_ID_BUS,
    NODEDEV_PROP_ID_SERIAL,
    NODEDEV_PROP_ID_TYPE,
    NODEDEV_PROP_ID_DRIVE_FLOPPY,
    NODEDEV_PROP_ID_CDROM,
    NODEDEV_PROP_ID_DRIVE_FLASH_SD,
    NODEDEV_PROP_ID_CDROM_MEDIA,
    NODEDEV_PROP_ID_FS_LABEL,
    NODEDEV_PROP_N
} NodedevProp;
extern const char *const nodedev_prop_names[NODEDEV_PROP_N];

typedef struct {
    char *syspath;   /* "/sys/devices/..." */
    char *subsystem; /* NULL: none */
    char *devtype;   /* NULL: none */
    char *devnode;   /* "/dev/sda"; NULL: none */
    GStrv devlinks;  /* NULL: none */
    char *values[NODEDEV_PROP_N];
} NodedevRaw;
NodedevRaw *nodedev_raw_new(const char *syspath);
void nodedev_raw_free(NodedevRaw *raw);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NodedevRaw, nodedev_raw_free)
void nodedev_raw_set(NodedevRaw *raw, const char *name,
                     const char *value); /* cleaned; unknown names are ignored */
const char *nodedev_raw_sysname(const NodedevRaw *raw);

typedef enum { NODEDEV_ACTION_ADD, NODEDEV_ACTION_CHANGE, NODEDEV_ACTION_REMOVE } NodedevAction;

typedef struct _NodedevBackend NodedevBackend;
typedef struct {
    /* @raw: (transfer none). A move is told as the old path's REMOVE and the new one's ADD. */
    void (*event)(NodedevAction action, const NodedevRaw *raw, gpointer data);
    void (*lost)(gpointer data); /* events were lost: look at everything again */
} NodedevBackendListener;

struct _NodedevBackend {
    /* before enumerate(), so that nothing is lost in between; FALSE with @error */
    gboolean (*watch)(NodedevBackend *backend, const NodedevBackendListener *listener,
                      gpointer data, GError **error);
    /* parents before their children */
    gboolean (*enumerate)(NodedevBackend *backend, GFunc func, gpointer data, GError **error);
    NodedevRaw *(*lookup)(NodedevBackend *backend, const char *syspath); /* NULL: not there */
    void (*free)(NodedevBackend *backend);
};

NodedevBackend *nodedev_backend_udev_new(const NodedevHost *host);
NodedevBackend *nodedev_backend_tree_new(const NodedevHost *host);
