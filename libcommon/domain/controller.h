/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <controller>: buses of the guest. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_CONTROLLER_IDE,
    VB_DOMAIN_CONTROLLER_FDC,
    VB_DOMAIN_CONTROLLER_SCSI,
    VB_DOMAIN_CONTROLLER_SATA,
    VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL,
    VB_DOMAIN_CONTROLLER_CCID,
    VB_DOMAIN_CONTROLLER_USB,
    VB_DOMAIN_CONTROLLER_PCI,
    VB_DOMAIN_CONTROLLER_XENBUS,
    VB_DOMAIN_CONTROLLER_ISA,
    VB_DOMAIN_CONTROLLER_NVME,
    VB_DOMAIN_CONTROLLER_LAST,
} VbDomainControllerType;

/* <controller type='usb' model=>; 0 = not given */
typedef enum {
    VB_DOMAIN_USB_MODEL_DEFAULT,
    VB_DOMAIN_USB_MODEL_PIIX3_UHCI,
    VB_DOMAIN_USB_MODEL_PIIX4_UHCI,
    VB_DOMAIN_USB_MODEL_EHCI,
    VB_DOMAIN_USB_MODEL_ICH9_EHCI1,
    VB_DOMAIN_USB_MODEL_ICH9_UHCI1,
    VB_DOMAIN_USB_MODEL_ICH9_UHCI2,
    VB_DOMAIN_USB_MODEL_ICH9_UHCI3,
    VB_DOMAIN_USB_MODEL_VT82C686B_UHCI,
    VB_DOMAIN_USB_MODEL_PCI_OHCI,
    VB_DOMAIN_USB_MODEL_NEC_XHCI,
    VB_DOMAIN_USB_MODEL_QUSB1,
    VB_DOMAIN_USB_MODEL_QUSB2,
    VB_DOMAIN_USB_MODEL_QEMU_XHCI,
    VB_DOMAIN_USB_MODEL_NONE,
    VB_DOMAIN_USB_MODEL_LAST,
} VbDomainUsbModel;

/* <controller type='pci' model=> */
typedef enum {
    VB_DOMAIN_PCI_MODEL_DEFAULT,
    VB_DOMAIN_PCI_MODEL_ROOT,
    VB_DOMAIN_PCI_MODEL_PCIE_ROOT,
    VB_DOMAIN_PCI_MODEL_BRIDGE,
    VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE,
    VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE,
    VB_DOMAIN_PCI_MODEL_ROOT_PORT,
    VB_DOMAIN_PCI_MODEL_SWITCH_UPSTREAM_PORT,
    VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT,
    VB_DOMAIN_PCI_MODEL_EXPANDER_BUS,
    VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS,
    VB_DOMAIN_PCI_MODEL_LAST,
} VbDomainPciModel;

/* <controller type='scsi' model=> */
typedef enum {
    VB_DOMAIN_SCSI_MODEL_DEFAULT,
    VB_DOMAIN_SCSI_MODEL_AUTO,
    VB_DOMAIN_SCSI_MODEL_BUSLOGIC,
    VB_DOMAIN_SCSI_MODEL_LSILOGIC,
    VB_DOMAIN_SCSI_MODEL_LSISAS1068,
    VB_DOMAIN_SCSI_MODEL_VMPVSCSI,
    VB_DOMAIN_SCSI_MODEL_IBMVSCSI,
    VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI,
    VB_DOMAIN_SCSI_MODEL_LSISAS1078,
    VB_DOMAIN_SCSI_MODEL_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_SCSI_MODEL_VIRTIO_NON_TRANSITIONAL,
    VB_DOMAIN_SCSI_MODEL_NCR53C90,
    VB_DOMAIN_SCSI_MODEL_DC390,
    VB_DOMAIN_SCSI_MODEL_AM53C974,
    VB_DOMAIN_SCSI_MODEL_LAST,
} VbDomainScsiModel;

typedef enum {
    VB_DOMAIN_IDE_MODEL_DEFAULT,
    VB_DOMAIN_IDE_MODEL_PIIX3,
    VB_DOMAIN_IDE_MODEL_PIIX4,
    VB_DOMAIN_IDE_MODEL_ICH6
} VbDomainIdeModel;
typedef enum {
    VB_DOMAIN_VIRTIO_SERIAL_MODEL_DEFAULT,
    VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO,
    VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO_NON_TRANSITIONAL
} VbDomainVirtioSerialModel;

/* what few controllers have */
typedef struct {
    guint max_grant_frames, max_event_channels; /* xenbus */
    guint64 mem_reserve_kib;                    /* pci */
    char *serial;                               /* nvme */
} VbDomainControllerMore;

typedef struct {
    guint8 type; /* VbDomainControllerType */
    /* the one of @type is used; 0 in it = not given */
    guint8 usb_model, pci_model, scsi_model, ide_model, virtio_serial_model;
    bool has_index, has_ports, has_vectors, has_pcihole64;
    VbTristate ioeventfd; /* scsi <driver> */
    VbDomainVirtioOptions virtio;
    guint index;
    guint ports; /* usb (xhci), virtio-serial; see has_ports */
    guint vectors;
    /* pci */
    struct {
        guint chassis_nr, chassis, port, bus_nr, index, numa_node;
        bool has_chassis_nr, has_chassis, has_port, has_bus_nr, has_index, has_numa_node;
        VbTristate hotplug;
    } target;
    char *pci_model_name; /* "pcie-root-port", "i82801b11-bridge", "pci-bridge" ... */
    guint64 pcihole64_kib;
    VbDomainControllerMore *more;
    /* scsi <driver> */
    guint queues, cmd_per_lun, max_sectors, iothread;
    VbDomainDeviceInfo info;
} VbDomainController;

extern const VbEnum vb_domain_controller_type_enum, vb_domain_usb_model_enum,
    vb_domain_pci_model_enum;
extern const VbEnum vb_domain_scsi_model_enum, vb_domain_ide_model_enum,
    vb_domain_virtio_serial_model_enum;
extern const VbXmlType vb_domain_controller_type;
