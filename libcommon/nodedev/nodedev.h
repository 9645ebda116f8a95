/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML of a node device, <device>: one struct per element, one table per struct. Nothing here knows sysfs. */
#pragma once
#include "xml/xml.h"

/* what a device is, and what it can do beside that; the order is the table's of nicks */
typedef enum {
    NODEDEV_CAP_NONE,
    NODEDEV_CAP_SYSTEM,
    NODEDEV_CAP_PCI,
    NODEDEV_CAP_USB_DEVICE,
    NODEDEV_CAP_USB,
    NODEDEV_CAP_NET,
    NODEDEV_CAP_SCSI_HOST,
    NODEDEV_CAP_SCSI_TARGET,
    NODEDEV_CAP_SCSI,
    NODEDEV_CAP_STORAGE,
    NODEDEV_CAP_FC_HOST,
    NODEDEV_CAP_VPORTS, /* <capability type='vport_ops'> */
    NODEDEV_CAP_SCSI_GENERIC,
    NODEDEV_CAP_DRM,
    NODEDEV_CAP_MDEV_TYPES,
    NODEDEV_CAP_MDEV,
    NODEDEV_CAP_CCW,
    NODEDEV_CAP_CSS,
    NODEDEV_CAP_VDPA,
    NODEDEV_CAP_AP_CARD,
    NODEDEV_CAP_AP_QUEUE,
    NODEDEV_CAP_AP_MATRIX,
    NODEDEV_CAP_VPD,
    NODEDEV_CAP_CCWGROUP,
    NODEDEV_CAP_CCWGROUP_MEMBER,
    NODEDEV_CAP_N
} NodedevCap;
extern const VbEnum nodedev_cap_enum; /* names as lists take them: "pci", "vports" */

/* an element <capability type=...> inside the capability */
typedef enum {
    NODEDEV_SUB_NONE,
    NODEDEV_SUB_PHYS_FUNCTION,
    NODEDEV_SUB_VIRT_FUNCTIONS,
    NODEDEV_SUB_PCI_BRIDGE,
    NODEDEV_SUB_CARDBUS_BRIDGE,
    NODEDEV_SUB_MDEV_TYPES,
    NODEDEV_SUB_VPD,
    NODEDEV_SUB_80203,
    NODEDEV_SUB_80211,
    NODEDEV_SUB_FC_HOST,
    NODEDEV_SUB_VPORT_OPS,
    NODEDEV_SUB_FC_REMOTE_PORT,
    NODEDEV_SUB_REMOVABLE,
    NODEDEV_SUB_HOTPLUGGABLE,
    NODEDEV_SUB_ZONED,
    NODEDEV_SUB_QETH_GENERIC,
    NODEDEV_SUB_CCWGROUP_MEMBER,
} NodedevSubType;
extern const VbEnum nodedev_sub_enum;

typedef struct {
    guint domain, bus, slot, function;
} NodedevPciAddress;

typedef struct {
    char *id;
    char *name;
    char *device_api;
    guint available;
    gboolean has_available;
} NodedevMdevType;

typedef struct {
    char *index; /* one letter or digit */
    char *text;
} NodedevVpdField;

typedef struct {
    char *access; /* "readonly", "readwrite" */
    char *change_level, *manufacture_id, *part_number, *serial_number, *asset_tag;
    GPtrArray *vendor_fields; /* NodedevVpdField */
    GPtrArray *system_fields;
} NodedevVpdFields;

typedef struct {
    int type; /* NodedevSubType */
    guint max_count;
    GPtrArray *addresses;  /* NodedevPciAddress */
    GPtrArray *mdev_types; /* NodedevMdevType */
    char *vpd_name;
    GPtrArray *vpd_fields; /* NodedevVpdFields */
    char *wwnn, *wwpn, *fabric_wwn;
    guint max_vports, vports;
    gboolean has_vports;
    char *rport;
    guint media_available;
    guint64 media_size;
    gboolean has_media;
    char *media_label;
    guint64 logical_block_size, num_blocks;
    char *card_type, *chpid;
    char *group_device;
} NodedevSub;

typedef struct {
    char *validity; /* "cap", "sta" */
    guint port;
    gboolean has_port;
    char *speed; /* Gb/s per lane as PCI-SIG writes it: "2.5" */
    guint width;
} NodedevPcieLink;

typedef struct {
    char *name;
} NodedevFeature;

typedef struct {
    char *name, *value;
} NodedevAttr;

typedef struct {
    char *type, *path;
} NodedevDevnode;

typedef struct {
    char *ref, *device;
} NodedevCcwMember;

typedef struct {
    int type; /* NodedevCap */
    /* system */
    char *product;
    char *hw_vendor, *hw_version, *hw_serial, *hw_uuid;
    char *fw_vendor, *fw_version, *fw_date;
    gboolean has_firmware;
    /* pci */
    guint pci_class;
    gboolean has_class;
    NodedevPciAddress pci;
    gboolean has_pci;
    guint product_id, vendor_id; /* usb_device too */
    gboolean has_ids;
    char *vendor;
    /* several kinds */
    GPtrArray *subs; /* NodedevSub */
    guint iommu_group;
    gboolean has_iommu_group;
    GPtrArray *iommu_addresses; /* NodedevPciAddress */
    int numa_node;
    gboolean has_numa_node;
    gboolean has_pcie;
    GPtrArray *pcie_links; /* NodedevPcieLink */
    /* usb_device, usb */
    guint bus, device;
    gboolean has_bus;
    guint number, usb_class, subclass, protocol;
    gboolean has_number;
    char *description;
    /* net */
    char *interface, *address;
    gint64 link_speed; /* Mb/s */
    char *link_state;
    GPtrArray *features; /* NodedevFeature */
    /* scsi, scsi_host, scsi_target */
    guint host, scsi_bus, target, lun;
    gboolean has_host, has_scsi;
    int unique_id;
    gboolean has_unique_id;
    char *target_name;
    char *scsi_type;
    /* storage */
    char *block, *storage_bus, *drive_type, *model, *serial;
    guint64 size, logical_block_size, num_blocks;
    gboolean has_size;
    /* scsi_generic, drm, vdpa */
    char *char_dev;
    char *drm_type;
    /* mdev */
    char *mdev_type, *mdev_uuid, *mdev_parent_addr;
    GPtrArray *attrs; /* NodedevAttr */
    /* ccw, css, ccwgroup */
    guint cssid, ssid, devno;
    gboolean has_ccw;
    guint channel_cssid, channel_ssid, channel_devno;
    gboolean has_channel;
    char *state;
    GPtrArray *members; /* NodedevCcwMember */
    /* ap */
    guint adapter, ap_domain;
    gboolean has_adapter, has_ap_domain;
} NodedevCapability;

typedef struct {
    char *name;
    char *path;
    GPtrArray *devnodes; /* NodedevDevnode */
    char *parent;
    char *parent_wwnn, *parent_wwpn, *parent_fabric_wwn; /* of a vport that is to be made */
    char *driver;
    NodedevCapability *capability;
} NodedevDef;

extern const VbXmlType nodedev_def_type;
extern const VbXmlType nodedev_capability_type, nodedev_sub_type, nodedev_pci_address_type,
    nodedev_mdev_type_type, nodedev_vpd_field_type, nodedev_vpd_fields_type, nodedev_pcie_link_type,
    nodedev_feature_type, nodedev_attr_type, nodedev_devnode_type, nodedev_ccw_member_type;

/* A fresh entry at the end of a list member; *list is made when it is NULL. */
gpointer nodedev_list_add(GPtrArray **list, const VbXmlType *type);
NodedevSub *nodedev_sub_add(NodedevCapability *capability, NodedevSubType type);
const NodedevSub *nodedev_sub_find(const NodedevCapability *capability, NodedevSubType type);
/* Refusals that no table can say: fields that a kind needs, numbers out of their range. */
gboolean nodedev_def_validate(const NodedevDef *def, GError **error);
