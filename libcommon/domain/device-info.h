/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every device has: alias, address on its bus, boot order, ACPI index, ROM, virtio driver options. */
#pragma once
#include "xml/xml.h"

typedef enum {
    VB_DOMAIN_ADDRESS_NONE,
    VB_DOMAIN_ADDRESS_PCI,
    VB_DOMAIN_ADDRESS_DRIVE,
    VB_DOMAIN_ADDRESS_VIRTIO_SERIAL,
    VB_DOMAIN_ADDRESS_CCID,
    VB_DOMAIN_ADDRESS_USB,
    VB_DOMAIN_ADDRESS_SPAPR_VIO,
    VB_DOMAIN_ADDRESS_VIRTIO_S390,
    VB_DOMAIN_ADDRESS_CCW,
    VB_DOMAIN_ADDRESS_VIRTIO_MMIO,
    VB_DOMAIN_ADDRESS_ISA,
    VB_DOMAIN_ADDRESS_DIMM,
    VB_DOMAIN_ADDRESS_UNASSIGNED,
    VB_DOMAIN_ADDRESS_MDEV,
    VB_DOMAIN_ADDRESS_LAST,
} VbDomainAddressType;

typedef struct {
    guint domain, bus, slot, function;
    VbTristate multifunction;
} VbDomainPciAddress;

/* Only the member of @type may be looked at; vb_domain_address_become() changes the type. */
typedef struct {
    guint8 type; /* VbDomainAddressType */
    bool
        has_pci; /* bus/slot/function were given; <address type='pci'/> alone asks for a PCI address */
    bool has_zpci; /* s390x: <zpci> */
    union {
        struct {
            VbDomainPciAddress pci;
            guint zpci_uid, zpci_fid;
        };
        struct {
            guint controller, bus, target, unit;
            bool has_value;
        } drive;
        struct {
            guint controller, bus, port;
            bool has_value, has_port;
        } virtio_serial;
        struct {
            guint controller, slot;
            bool has_value;
        } ccid;
        struct {
            char *port; /* "1" or, behind hubs, "1.2" */
            guint bus;
            bool has_bus;
        } usb;
        struct {
            guint iobase, irq;
            bool has_iobase, has_irq;
        } isa;
        struct {
            guint64 base;
            guint slot;
            bool has_slot, has_base;
        } dimm;
        struct {
            guint cssid, ssid, devno; /* s390x */
            bool has_value;
        } ccw;
        struct {
            guint64 reg; /* Power */
            bool has_reg;
        } spapr;
    };
} VbDomainAddress;

typedef struct {
    char *alias; /* net0, or the user's own ua-... */
    VbDomainAddress address;
    guint boot_order; /* 1..; 0 = none */
    char *loadparm;
    guint usb_startport; /* companion USB controllers: <master startport=> */
    guint acpi_index;    /* 0 = none */
    bool has_usb_startport;
    VbTristate rom_enabled, rom_bar;
    char *rom_file;
} VbDomainDeviceInfo;

/* <driver iommu= ats= packed= page_per_vq=> of virtio devices */
typedef struct {
    VbTristate iommu, ats, packed, page_per_vq;
} VbDomainVirtioOptions;

/* <seclabel> of one source */
typedef struct {
    char *model;
    VbTristate labelskip, relabel;
    char *label;
} VbDomainSourceSeclabel;

extern const VbEnum vb_domain_address_type_enum;
extern const VbXmlType vb_domain_address_type, vb_domain_info_type, vb_domain_virtio_type;
extern const VbXmlType vb_domain_source_seclabel_type;

#define VB_DOMAIN_USER_ALIAS_PREFIX "ua-"
/* Makes @address one of @type, empty unless it was one already. */
void vb_domain_address_become(VbDomainAddress *address, VbDomainAddressType type);
gboolean vb_domain_alias_is_user(const char *alias); /* NULL: FALSE */
