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

/* One struct, not a union: the tables copy and free members by path. Only the member of @type means anything. */
typedef struct {
    int type; /* VbDomainAddressType */
    gboolean
        has_pci; /* bus/slot/function were given; <address type='pci'/> alone asks for a PCI address */
    VbDomainPciAddress pci;
    guint zpci_uid, zpci_fid; /* s390x: <zpci> */
    gboolean has_zpci;
    struct {
        guint controller, bus, target, unit;
        gboolean has_value;
    } drive;
    struct {
        guint controller, bus, port;
        gboolean has_value, has_port;
    } virtio_serial;
    struct {
        guint controller, slot;
        gboolean has_value;
    } ccid;
    struct {
        guint bus;
        char *port;
        gboolean has_bus;
    } usb; /* port: "1" or, behind hubs, "1.2" */
    struct {
        guint iobase, irq;
        gboolean has_iobase, has_irq;
    } isa;
    struct {
        guint slot;
        guint64 base;
        gboolean has_slot, has_base;
    } dimm;
} VbDomainAddress;

typedef struct {
    char *alias; /* net0, or the user's own ua-... */
    VbDomainAddress address;
    guint boot_order; /* 1..; 0 = none */
    char *loadparm;
    guint usb_startport;
    gboolean has_usb_startport; /* companion USB controllers: <master startport=> */
    guint acpi_index;           /* 0 = none */
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
gboolean vb_domain_alias_is_user(const char *alias); /* NULL: FALSE */
