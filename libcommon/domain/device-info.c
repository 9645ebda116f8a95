/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of what every device has: alias, address, boot order, ROM, virtio options. */
#include <string.h>
#include "domain/domain.h"

/* Order is VbDomainAddressType's. */
VB_ENUM(vb_domain_address_type_enum, "address type", NULL, "pci", "drive", "virtio-serial", "ccid",
        "usb", "spapr-vio", "virtio-s390", "ccw", "virtio-mmio", "isa", "dimm", "unassigned",
        "mdev");

#define WHEN(kind) VB_XML_WHEN(VbDomainAddress, type, VB_XML_BIT(VB_DOMAIN_ADDRESS_##kind))
#define NUMBER(kind, member, has, path, ...)                                                       \
    VB_XML_UINT(VbDomainAddress, member, path, VB_XML_HAS(VbDomainAddress, has), WHEN(kind),       \
                ##__VA_ARGS__)
#define HEX(digits) .flags = VB_XML_UNION | VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits)
#define ZERO .flags = VB_XML_UNION | VB_XML_ZERO_IS_VALUE

static const VbXmlField address_fields[] = {
    VB_XML_ENUMV(VbDomainAddress, type, "@type", vb_domain_address_type_enum,
                 .flags = VB_XML_REQUIRED_IN_ELEMENT | VB_XML_UNSUPPORTED),
    NUMBER(PCI, pci.domain, has_pci, "@domain", HEX(4), .max = 0xffffffff),
    NUMBER(PCI, pci.bus, has_pci, "@bus", HEX(2)),
    NUMBER(PCI, pci.slot, has_pci, "@slot", HEX(2)),
    NUMBER(PCI, pci.function, has_pci, "@function", HEX(1)),
    VB_XML_SWITCH(VbDomainAddress, pci.multifunction, "@multifunction", WHEN(PCI),
                  .flags = VB_XML_UNION),
    NUMBER(PCI, zpci_uid, has_zpci, "zpci/@uid", HEX(4)),
    NUMBER(PCI, zpci_fid, has_zpci, "zpci/@fid", HEX(8)),
    NUMBER(DRIVE, drive.controller, drive.has_value, "@controller", ZERO),
    NUMBER(DRIVE, drive.bus, drive.has_value, "@bus", ZERO),
    NUMBER(DRIVE, drive.target, drive.has_value, "@target", ZERO),
    NUMBER(DRIVE, drive.unit, drive.has_value, "@unit", ZERO),
    NUMBER(VIRTIO_SERIAL, virtio_serial.controller, virtio_serial.has_value, "@controller", ZERO),
    NUMBER(VIRTIO_SERIAL, virtio_serial.bus, virtio_serial.has_value, "@bus", ZERO),
    NUMBER(VIRTIO_SERIAL, virtio_serial.port, virtio_serial.has_port, "@port", ZERO),
    NUMBER(CCID, ccid.controller, ccid.has_value, "@controller", ZERO),
    NUMBER(CCID, ccid.slot, ccid.has_value, "@slot", ZERO),
    NUMBER(USB, usb.bus, usb.has_bus, "@bus", ZERO),
    VB_XML_STR(VbDomainAddress, usb.port, "@port", WHEN(USB), .flags = VB_XML_UNION),
    NUMBER(ISA, isa.iobase, isa.has_iobase, "@iobase", HEX(1)),
    NUMBER(ISA, isa.irq, isa.has_irq, "@irq", HEX(1)),
    NUMBER(DIMM, dimm.slot, dimm.has_slot, "@slot", ZERO),
    VB_XML_UINT64(VbDomainAddress, dimm.base, "@base", VB_XML_HAS(VbDomainAddress, dimm.has_base),
                  WHEN(DIMM), HEX(1)),
    NUMBER(CCW, ccw.cssid, ccw.has_value, "@cssid", HEX(1)),
    NUMBER(CCW, ccw.ssid, ccw.has_value, "@ssid", HEX(1)),
    NUMBER(CCW, ccw.devno, ccw.has_value, "@devno", HEX(4)),
    VB_XML_UINT64(VbDomainAddress, spapr.reg, "@reg", VB_XML_HAS(VbDomainAddress, spapr.has_reg),
                  WHEN(SPAPR_VIO), HEX(8)),
};
VB_XML_TYPE(vb_domain_address_type, VbDomainAddress, "address", address_fields,
            .doc = "Where on which bus of the guest the device sits.");

static const VbXmlField info_fields[] = {
    VB_XML_UINT(VbDomainDeviceInfo, boot_order, "boot/@order", .min = 1, .max = G_MAXINT,
                .doc = "Place in the order in which the firmware tries to boot.",
                .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(VbDomainDeviceInfo, loadparm, "boot/@loadparm"),
    VB_XML_STR(
        VbDomainDeviceInfo, alias, "alias/@name", .flags = VB_XML_NOT_COMPARED,
        .doc = "Name of the device in the hypervisor; in a definition only the user's own, ua-..."),
    VB_XML_UINT(VbDomainDeviceInfo, usb_startport, "master/@startport",
                VB_XML_HAS(VbDomainDeviceInfo, has_usb_startport), .flags = VB_XML_ZERO_IS_VALUE,
                .doc = "First port of the EHCI controller that this companion serves."),
    VB_XML_BOOL(VbDomainDeviceInfo, rom_enabled, "rom/@enabled"),
    VB_XML_SWITCH(VbDomainDeviceInfo, rom_bar, "rom/@bar"),
    VB_XML_STR(VbDomainDeviceInfo, rom_file, "rom/@file"),
    VB_XML_UINT(VbDomainDeviceInfo, acpi_index, "acpi/@index", .abi = "device ACPI index '"),
    VB_XML_EMBED(VbDomainDeviceInfo, address, "address", vb_domain_address_type),
};
VB_XML_TYPE(vb_domain_info_type, VbDomainDeviceInfo, "info", info_fields);

static const VbXmlField virtio_fields[] = {
    VB_XML_SWITCH(VbDomainVirtioOptions, iommu, "@iommu", .abi = "device iommu option '"),
    VB_XML_SWITCH(VbDomainVirtioOptions, ats, "@ats", .abi = "device ats option '"),
    VB_XML_SWITCH(VbDomainVirtioOptions, packed, "@packed", .abi = "device packed option '"),
    VB_XML_SWITCH(VbDomainVirtioOptions, page_per_vq, "@page_per_vq"),
};
VB_XML_TYPE(vb_domain_virtio_type, VbDomainVirtioOptions, "driver", virtio_fields);

/**
 * vb_domain_address_become:
 * @address: an address
 * @type: what it is to be
 *
 * Empties @address unless it is of @type already: members of the types share their bytes.
 */
void
vb_domain_address_become(VbDomainAddress *address, VbDomainAddressType type)
{
    if (address->type == type)
        return;
    if (address->type == VB_DOMAIN_ADDRESS_USB)
        g_free(address->usb.port);
    memset(address, 0, sizeof(*address));
    address->type = (guint8)type;
}

/**
 * vb_domain_alias_is_user:
 * @alias: (nullable): a device's alias
 *
 * Returns: TRUE when the user chose the alias (it begins with "ua-") and it is part of the definition
 */
gboolean
vb_domain_alias_is_user(const char *alias)
{
    return alias && g_str_has_prefix(alias, VB_DOMAIN_USER_ALIAS_PREFIX);
}
