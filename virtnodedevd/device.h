/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device of the host: what is always known of it. Everything else is read when somebody asks (describe.h). */
#pragma once
#include "backend.h"
#include "nodedev/nodedev.h"

/* a mediated device as mdevctl keeps it */
typedef struct {
    char *uuid;
    char *parent_addr;
    char *type;
    GPtrArray *attrs; /* NodedevAttr */
    gboolean is_autostart;
} NodedevMdev;
void nodedev_mdev_free(NodedevMdev *mdev);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NodedevMdev, nodedev_mdev_free)

typedef struct {
    char *name;
    char *syspath; /* NULL: the computer itself, and mediated devices that are not running */
    NodedevCap kind;
    guint caps;   /* bit per NodedevCap */
    char *parent; /* name; NULL: the computer itself */
    char *driver;
    char *devnode;
    GStrv devlinks;
    NodedevPciAddress pci; /* kind PCI */
    guint pci_class, vendor_id, product_id;
    int iommu_group, numa_node; /* -1: none */
    gboolean is_active;
    gboolean is_busy;        /* detach, reattach or reset is under way */
    gboolean is_stale;       /* while all are looked at again: not found yet */
    NodedevMdev *definition; /* NULL: not defined */
    GBytes *vpd;             /* read once, by a thread */
    gboolean is_vpd_read;
    gpointer object; /* the bus's */
} NodedevDevice;

/* @raw as a device; NULL: of no kind that is shown. Its parent is the manager's affair. */
NodedevDevice *nodedev_device_identify(const NodedevHost *host, const NodedevRaw *raw);
void nodedev_device_free(NodedevDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NodedevDevice, nodedev_device_free)
gboolean nodedev_device_has_cap(const NodedevDevice *device, NodedevCap cap);
/* (transfer full) letters and digits stay, everything else becomes "_" */
char *nodedev_device_name(const char *prefix, const char *sysname, const char *suffix);
char *nodedev_device_mdev_name(const char *uuid, const char *parent_addr);
NodedevDevice *
nodedev_device_new_defined(NodedevMdev *mdev); /* (transfer full) @mdev; not running */
NodedevDevice *nodedev_device_new_computer(void);
const char *nodedev_drive_type(const NodedevHost *host, const NodedevRaw *raw);
gboolean nodedev_facts_equal(const NodedevDevice *a, const NodedevDevice *b);
