/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's XML, read from sysfs when somebody asks for it. */
#pragma once
#include "device.h"

/* @raw: what udev says now, NULL for devices that are not running. (transfer full) free with vb_xml_free(). */
NodedevDef *nodedev_describe(const NodedevHost *host, const NodedevDevice *device,
                             const NodedevRaw *raw);
/* the definition of a mediated device instead of its state; @device has one */
NodedevDef *nodedev_describe_defined(const NodedevDevice *device);

/* the parts, one per kind; each fills the capability */
typedef struct {
    const NodedevHost *host;
    const NodedevDevice *device;
    const NodedevRaw *raw;
    NodedevCapability *to;
} NodedevDescription;
void nodedev_describe_system(const NodedevDescription *d);
void nodedev_describe_pci(const NodedevDescription *d);
void nodedev_describe_usb_device(const NodedevDescription *d);
void nodedev_describe_usb(const NodedevDescription *d);
void nodedev_describe_net(const NodedevDescription *d);
void nodedev_describe_scsi_host(const NodedevDescription *d);
void nodedev_describe_scsi_target(const NodedevDescription *d);
void nodedev_describe_scsi(const NodedevDescription *d);
void nodedev_describe_storage(const NodedevDescription *d);
void nodedev_describe_ccw(const NodedevDescription *d);
void nodedev_describe_ccwgroup(const NodedevDescription *d);
void nodedev_describe_ap(const NodedevDescription *d);
void nodedev_describe_mdev_types(const NodedevDescription *d);

/* names of features of a network interface, from the kernel: describe-net-features.c */
void nodedev_net_features(const NodedevDescription *d);

/* vital product data: pci-vpd.c. FALSE: not in the shape of the PCI specification */
gboolean nodedev_vpd_parse(GBytes *bytes, NodedevSub *to);

/* names of vendors and products, from hwdata: ids.c; (transfer full), NULL: not known */
typedef enum { NODEDEV_IDS_PCI, NODEDEV_IDS_USB } NodedevIds;
char *nodedev_ids_vendor(NodedevIds ids, guint vendor);
char *nodedev_ids_product(NodedevIds ids, guint vendor, guint product);
