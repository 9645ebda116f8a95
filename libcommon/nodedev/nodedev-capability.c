/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <capability>, of what it holds, and of the capabilities inside it. Order is libvirt's. */
#include "nodedev/nodedev.h"

VB_ENUM(nodedev_cap_enum, "capability type", NULL, "system", "pci", "usb_device", "usb", "net",
        "scsi_host", "scsi_target", "scsi", "storage", "fc_host", "vports", "scsi_generic", "drm",
        "mdev_types", "mdev", "ccw", "css", "vdpa", "ap_card", "ap_queue", "ap_matrix", "vpd",
        "ccwgroup", "ccwgroup_member");
VB_ENUM(nodedev_sub_enum, "capability type", NULL, "phys_function", "virt_functions", "pci-bridge",
        "cardbus-bridge", "mdev_types", "vpd", "80203", "80211", "fc_host", "vport_ops",
        "fc_remote_port", "removable", "hotpluggable", "zoned", "qeth_generic", "ccwgroup_member");

#define BIT(kind) VB_XML_BIT(NODEDEV_CAP_##kind)
#define WHEN(mask) VB_XML_WHEN(NodedevCapability, type, mask)
#define SUB(mask) VB_XML_WHEN(NodedevSub, type, mask)
#define SBIT(kind) VB_XML_BIT(NODEDEV_SUB_##kind)
#define HEX(digits) .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits)
#define ZERO .flags = VB_XML_ZERO_IS_VALUE
#define HAS(member) VB_XML_HAS(NodedevCapability, member)

static const VbXmlField pci_address_fields[] = {
    VB_XML_UINT(NodedevPciAddress, domain, "@domain", HEX(4)),
    VB_XML_UINT(NodedevPciAddress, bus, "@bus", HEX(2)),
    VB_XML_UINT(NodedevPciAddress, slot, "@slot", HEX(2)),
    VB_XML_UINT(NodedevPciAddress, function, "@function", HEX(1)),
};
VB_XML_TYPE(nodedev_pci_address_type, NodedevPciAddress, "address", pci_address_fields);

static const VbXmlField mdev_type_fields[] = {
    VB_XML_STR(NodedevMdevType, id, "@id", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY),
    VB_XML_STR(NodedevMdevType, name, "name"),
    VB_XML_STR(NodedevMdevType, device_api, "deviceAPI"),
    VB_XML_UINT(NodedevMdevType, available, "availableInstances",
                VB_XML_HAS(NodedevMdevType, has_available)),
};
VB_XML_TYPE(nodedev_mdev_type_type, NodedevMdevType, "type", mdev_type_fields,
            .doc = "A kind of mediated device that can be made.");

static const VbXmlField vpd_field_fields[] = {
    VB_XML_STR(NodedevVpdField, index, "@index", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY),
    VB_XML_STR(NodedevVpdField, text, "."),
};
VB_XML_TYPE(nodedev_vpd_field_type, NodedevVpdField, "vendor_field", vpd_field_fields);

#define V NodedevVpdFields
static const VbXmlField vpd_fields_fields[] = {
    VB_XML_STR(V, access, "@access", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY),
    VB_XML_STR(V, change_level, "change_level"),
    VB_XML_STR(V, manufacture_id, "manufacture_id"),
    VB_XML_STR(V, part_number, "part_number"),
    VB_XML_STR(V, serial_number, "serial_number"),
    VB_XML_STR(V, asset_tag, "asset_tag"),
    VB_XML_LIST(V, vendor_fields, "vendor_field", nodedev_vpd_field_type),
    VB_XML_LIST(V, system_fields, "system_field", nodedev_vpd_field_type),
};
VB_XML_TYPE(nodedev_vpd_fields_type, V, "fields", vpd_fields_fields);

#define S NodedevSub
static const VbXmlField sub_fields[] = {
    VB_XML_ENUMV(S, type, "@type", nodedev_sub_enum, .flags = VB_XML_REQUIRED),
    VB_XML_UINT(S, max_count, "@maxCount", SUB(SBIT(VIRT_FUNCTIONS))),
    VB_XML_LIST(S, addresses, "address", nodedev_pci_address_type,
                SUB(SBIT(PHYS_FUNCTION) | SBIT(VIRT_FUNCTIONS))),
    VB_XML_LIST(S, mdev_types, "type", nodedev_mdev_type_type, SUB(SBIT(MDEV_TYPES))),
    VB_XML_STR(S, vpd_name, "name", SUB(SBIT(VPD))),
    VB_XML_LIST(S, vpd_fields, "fields", nodedev_vpd_fields_type, SUB(SBIT(VPD))),
    VB_XML_STR(S, wwnn, "wwnn", SUB(SBIT(FC_HOST))),
    VB_XML_STR(S, rport, "rport", SUB(SBIT(FC_REMOTE_PORT))),
    VB_XML_STR(S, wwpn, "wwpn", SUB(SBIT(FC_HOST) | SBIT(FC_REMOTE_PORT))),
    VB_XML_STR(S, fabric_wwn, "fabric_wwn", SUB(SBIT(FC_HOST))),
    VB_XML_UINT(S, max_vports, "max_vports", VB_XML_HAS(S, has_vports), SUB(SBIT(VPORT_OPS))),
    VB_XML_UINT(S, vports, "vports", VB_XML_HAS(S, has_vports), SUB(SBIT(VPORT_OPS))),
    VB_XML_UINT(S, media_available, "media_available", VB_XML_HAS(S, has_media),
                SUB(SBIT(REMOVABLE))),
    VB_XML_UINT64(S, media_size, "media_size", VB_XML_HAS(S, has_media), SUB(SBIT(REMOVABLE)),
                  .doc = "Bytes."),
    VB_XML_STR(S, media_label, "media_label", SUB(SBIT(REMOVABLE))),
    VB_XML_UINT64(S, logical_block_size, "logical_block_size", SUB(SBIT(REMOVABLE))),
    VB_XML_UINT64(S, num_blocks, "num_blocks", SUB(SBIT(REMOVABLE))),
    VB_XML_STR(S, card_type, "card_type", SUB(SBIT(QETH_GENERIC))),
    VB_XML_STR(S, chpid, "chpid", SUB(SBIT(QETH_GENERIC))),
    VB_XML_STR(S, group_device, "group_device", SUB(SBIT(CCWGROUP_MEMBER))),
};
VB_XML_TYPE(nodedev_sub_type, S, "capability", sub_fields,
            .doc = "Something that the device can do beside what it is.");

#define L NodedevPcieLink
static const VbXmlField pcie_link_fields[] = {
    VB_XML_STR(L, validity, "@validity", .doc = "cap: what it can; sta: what it does."),
    VB_XML_UINT(L, port, "@port", VB_XML_HAS(L, has_port)),
    VB_XML_STR(L, speed, "@speed", .doc = "GT/s per lane."),
    VB_XML_UINT(L, width, "@width", ZERO),
};
VB_XML_TYPE(nodedev_pcie_link_type, L, "link", pcie_link_fields);

static const VbXmlField feature_fields[] = {
    VB_XML_STR(NodedevFeature, name, "@name", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY),
};
VB_XML_TYPE(nodedev_feature_type, NodedevFeature, "feature", feature_fields);

static const VbXmlField attr_fields[] = {
    VB_XML_STR(NodedevAttr, name, "@name"),
    VB_XML_STR(NodedevAttr, value, "@value", .flags = VB_XML_EMIT_EMPTY),
};
VB_XML_TYPE(nodedev_attr_type, NodedevAttr, "attr", attr_fields,
            .doc = "Written to the mediated device's sysfs attribute, in this order.");

static const VbXmlField ccw_member_fields[] = {
    VB_XML_STR(NodedevCcwMember, ref, "@ref"),
    VB_XML_STR(NodedevCcwMember, device, "."),
};
VB_XML_TYPE(nodedev_ccw_member_type, NodedevCcwMember, "ccw_device", ccw_member_fields);

#define C NodedevCapability
#define CCW (BIT(CCW) | BIT(CSS) | BIT(CCWGROUP))
static const VbXmlField capability_fields[] = {
    /* Fields of one name stand at the place of the first, whatever their kind: this order serves all of them. */
    VB_XML_ENUMV(C, type, "@type", nodedev_cap_enum, .flags = VB_XML_REQUIRED),
    VB_XML_UINT(C, number, "number", HAS(has_number), WHEN(BIT(USB))),
    VB_XML_UINT(C, pci_class, "class", HAS(has_class), .flags = VB_XML_HEX, .width = 6,
                WHEN(BIT(PCI))),
    VB_XML_UINT(C, usb_class, "class", HAS(has_number), WHEN(BIT(USB))),
    VB_XML_UINT(C, subclass, "subclass", HAS(has_number), WHEN(BIT(USB))),
    VB_XML_UINT(C, protocol, "protocol", HAS(has_number), WHEN(BIT(USB))),
    VB_XML_STR(C, description, "description", WHEN(BIT(USB))),
    VB_XML_UINT(C, pci.domain, "domain", HAS(has_pci), WHEN(BIT(PCI))),
    VB_XML_UINT(C, host, "host", HAS(has_host), WHEN(BIT(SCSI_HOST) | BIT(SCSI))),
    VB_XML_INT(C, unique_id, "unique_id", HAS(has_unique_id), WHEN(BIT(SCSI_HOST))),
    VB_XML_STR(C, block, "block", WHEN(BIT(STORAGE))),
    VB_XML_UINT(C, scsi_bus, "bus", HAS(has_scsi), WHEN(BIT(SCSI))),
    VB_XML_STR(C, storage_bus, "bus", WHEN(BIT(STORAGE))),
    VB_XML_UINT(C, pci.bus, "bus", HAS(has_pci), WHEN(BIT(PCI))),
    VB_XML_UINT(C, bus, "bus", HAS(has_bus), WHEN(BIT(USB_DEVICE))),
    VB_XML_UINT(C, device, "device", HAS(has_bus), WHEN(BIT(USB_DEVICE))),
    VB_XML_UINT(C, pci.slot, "slot", HAS(has_pci), WHEN(BIT(PCI))),
    VB_XML_UINT(C, pci.function, "function", HAS(has_pci), WHEN(BIT(PCI))),
    VB_XML_UINT(C, target, "target", HAS(has_scsi), WHEN(BIT(SCSI))),
    VB_XML_STR(C, target_name, "target", WHEN(BIT(SCSI_TARGET))),
    VB_XML_UINT(C, lun, "lun", HAS(has_scsi), WHEN(BIT(SCSI))),
    VB_XML_STR(C, drive_type, "drive_type", WHEN(BIT(STORAGE))),
    VB_XML_STR(C, model, "model", WHEN(BIT(STORAGE))),
    VB_XML_STR(C, product, "product", WHEN(BIT(SYSTEM))),
    VB_XML_UINT(C, product_id, "product/@id", HAS(has_ids), .flags = VB_XML_HEX, .width = 4,
                WHEN(BIT(PCI) | BIT(USB_DEVICE))),
    VB_XML_STR(C, product, "product", WHEN(BIT(PCI) | BIT(USB_DEVICE))),
    VB_XML_STR(C, hw_vendor, "hardware/vendor", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, hw_version, "hardware/version", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, hw_serial, "hardware/serial", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, hw_uuid, "hardware/uuid", WHEN(BIT(SYSTEM))),
    VB_XML_PRESENT(C, has_firmware, "firmware", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, fw_vendor, "firmware/vendor", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, fw_version, "firmware/version", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, fw_date, "firmware/release_date", WHEN(BIT(SYSTEM))),
    VB_XML_STR(C, vendor, "vendor", WHEN(BIT(STORAGE))),
    VB_XML_UINT(C, vendor_id, "vendor/@id", HAS(has_ids), .flags = VB_XML_HEX, .width = 4,
                WHEN(BIT(PCI) | BIT(USB_DEVICE))),
    VB_XML_STR(C, vendor, "vendor", WHEN(BIT(PCI) | BIT(USB_DEVICE))),
    VB_XML_STR(C, serial, "serial", WHEN(BIT(STORAGE))),
    VB_XML_STR(C, interface, "interface", WHEN(BIT(NET))),
    VB_XML_STR(C, address, "address", WHEN(BIT(NET))),
    VB_XML_INT64(C, link_speed, "link/@speed", WHEN(BIT(NET)), .doc = "Mb/s."),
    VB_XML_STR(C, link_state, "link/@state", WHEN(BIT(NET))),
    VB_XML_LIST(C, features, "feature", nodedev_feature_type, WHEN(BIT(NET))),
    VB_XML_STR(C, scsi_type, "type", WHEN(BIT(SCSI))),
    VB_XML_STR(C, char_dev, "char", WHEN(BIT(SCSI_GENERIC))),
    VB_XML_STR(C, char_dev, "chardev", WHEN(BIT(VDPA))),
    VB_XML_STR(C, drm_type, "type", WHEN(BIT(DRM))),
    VB_XML_STR(C, mdev_type, "type/@id", WHEN(BIT(MDEV))),
    VB_XML_STR(C, mdev_uuid, "uuid", WHEN(BIT(MDEV))),
    VB_XML_STR(C, mdev_parent_addr, "parent_addr", WHEN(BIT(MDEV))),
    VB_XML_STR(C, state, "state", WHEN(BIT(CCWGROUP))),
    VB_XML_UINT(C, cssid, "cssid", HAS(has_ccw), .flags = VB_XML_HEX, WHEN(CCW)),
    VB_XML_UINT(C, ssid, "ssid", HAS(has_ccw), .flags = VB_XML_HEX, WHEN(CCW)),
    VB_XML_UINT(C, devno, "devno", HAS(has_ccw), .flags = VB_XML_HEX, .width = 4, WHEN(CCW)),
    VB_XML_UINT(C, channel_cssid, "channel_dev_addr/cssid", HAS(has_channel), .flags = VB_XML_HEX,
                WHEN(BIT(CSS))),
    VB_XML_UINT(C, channel_ssid, "channel_dev_addr/ssid", HAS(has_channel), .flags = VB_XML_HEX,
                WHEN(BIT(CSS))),
    VB_XML_UINT(C, channel_devno, "channel_dev_addr/devno", HAS(has_channel), .flags = VB_XML_HEX,
                .width = 4, WHEN(BIT(CSS))),
    VB_XML_LIST(C, members, "members/ccw_device", nodedev_ccw_member_type, WHEN(BIT(CCWGROUP))),
    VB_XML_UINT(C, adapter, "ap-adapter", HAS(has_adapter), .flags = VB_XML_HEX, .width = 2,
                .max = 255, WHEN(BIT(AP_CARD) | BIT(AP_QUEUE))),
    VB_XML_UINT(C, ap_domain, "ap-domain", HAS(has_ap_domain), .flags = VB_XML_HEX, .width = 4,
                .max = 255, WHEN(BIT(AP_QUEUE))),
    VB_XML_LIST(C, subs, "capability", nodedev_sub_type),
    VB_XML_UINT64(C, size, "size", HAS(has_size), WHEN(BIT(STORAGE)), .doc = "Bytes."),
    VB_XML_UINT64(C, logical_block_size, "logical_block_size", HAS(has_size), WHEN(BIT(STORAGE))),
    VB_XML_UINT64(C, num_blocks, "num_blocks", HAS(has_size), WHEN(BIT(STORAGE))),
    VB_XML_UINT(C, iommu_group, "iommuGroup/@number", HAS(has_iommu_group),
                WHEN(BIT(PCI) | BIT(MDEV))),
    VB_XML_LIST(C, iommu_addresses, "iommuGroup/address", nodedev_pci_address_type, WHEN(BIT(PCI))),
    VB_XML_INT(C, numa_node, "numa/@node", HAS(has_numa_node), WHEN(BIT(PCI))),
    VB_XML_PRESENT(C, has_pcie, "pci-express", WHEN(BIT(PCI))),
    VB_XML_LIST(C, pcie_links, "pci-express/link", nodedev_pcie_link_type, WHEN(BIT(PCI))),
    VB_XML_LIST(C, attrs, "attr", nodedev_attr_type, WHEN(BIT(MDEV))),
};
VB_XML_TYPE(nodedev_capability_type, C, "capability", capability_fields,
            .doc = "What kind of device it is.");
