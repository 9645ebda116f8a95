/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <controller>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(pci_model_name_words, "PCI controller model name", "pci-bridge", "i82801b11-bridge",
      "pcie-pci-bridge", "ioh3420", "x3130-upstream", "xio3130-downstream", "pxb", "pxb-pcie",
      "pcie-root-port", "spapr-pci-host-bridge", "none");

VB_ENUM(vb_domain_controller_type_enum, "controller type", "ide", "fdc", "scsi", "sata",
        "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa", "nvme");
VB_ENUM(vb_domain_usb_model_enum, "controller model", NULL, "piix3-uhci", "piix4-uhci", "ehci",
        "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "vt82c686b-uhci", "pci-ohci",
        "nec-xhci", "qusb1", "qusb2", "qemu-xhci", "none");
VB_ENUM(vb_domain_pci_model_enum, "controller model", NULL, "pci-root", "pcie-root", "pci-bridge",
        "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port", "pcie-switch-upstream-port",
        "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus");
VB_ENUM(vb_domain_scsi_model_enum, "controller model", NULL, "auto", "buslogic", "lsilogic",
        "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi", "lsisas1078", "virtio-transitional",
        "virtio-non-transitional", "ncr53c90", "dc390", "am53c974");
VB_ENUM(vb_domain_ide_model_enum, "controller model", NULL, "piix3", "piix4", "ich6");
VB_ENUM(vb_domain_virtio_serial_model_enum, "controller model", NULL, "virtio",
        "virtio-transitional", "virtio-non-transitional");

#define C VbDomainController
#define WHEN(kind) VB_XML_WHEN(VbDomainController, type, VB_XML_BIT(VB_DOMAIN_CONTROLLER_##kind))
#define ZERO .flags = VB_XML_ZERO_IS_VALUE
#define TARGET(member, path, ...)                                                                  \
    VB_XML_UINT(C, target.member, path, VB_XML_HAS(C, target.has_##member), WHEN(PCI),             \
                ##__VA_ARGS__)

#define M VbDomainControllerMore
#define PIECE(name, ...)                                                                           \
    static const VbXmlField name##_fields[] = {__VA_ARGS__};                                       \
    static VB_XML_TYPE(name##_type, M, "controller", name##_fields)
PIECE(xenbus, VB_XML_UINT(M, max_grant_frames, "@maxGrantFrames"),
      VB_XML_UINT(M, max_event_channels, "@maxEventChannels"));
PIECE(reserve, VB_XML_UINT64(M, mem_reserve_kib, "target/@memReserve"));
PIECE(serial, VB_XML_STR(M, serial, "serial"));
#define MORE(piece, ...) VB_XML_PART(C, more, ".", piece##_type, ##__VA_ARGS__)

static const VbXmlField controller_fields[] = {
    VB_XML_ENUMV(C, type, "@type", vb_domain_controller_type_enum, ZERO, .abi = "controller type"),
    VB_XML_UINT(C, index, "@index", VB_XML_HAS(C, has_index), ZERO, .abi = "controller index"),
    VB_XML_ENUMV(C, usb_model, "@model", vb_domain_usb_model_enum, WHEN(USB),
                 .flags = VB_XML_UNSUPPORTED, .abi = "controller model"),
    VB_XML_ENUMV(C, pci_model, "@model", vb_domain_pci_model_enum, WHEN(PCI),
                 .flags = VB_XML_UNSUPPORTED, .abi = "controller model"),
    VB_XML_ENUMV(C, scsi_model, "@model", vb_domain_scsi_model_enum, WHEN(SCSI),
                 .flags = VB_XML_UNSUPPORTED, .abi = "controller model"),
    VB_XML_ENUMV(C, ide_model, "@model", vb_domain_ide_model_enum, WHEN(IDE),
                 .flags = VB_XML_UNSUPPORTED, .abi = "controller model"),
    VB_XML_ENUMV(C, virtio_serial_model, "@model", vb_domain_virtio_serial_model_enum,
                 WHEN(VIRTIO_SERIAL), .flags = VB_XML_UNSUPPORTED, .abi = "controller model"),
    VB_XML_UINT(C, ports, "@ports", VB_XML_HAS(C, has_ports), ZERO,
                VB_XML_WHEN(C, type,
                            VB_XML_BIT(VB_DOMAIN_CONTROLLER_USB) |
                                VB_XML_BIT(VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL)),
                .doc = "How many ports the controller has (xhci, virtio-serial).",
                .abi = "controller ports"),
    VB_XML_UINT(C, vectors, "@vectors", VB_XML_HAS(C, has_vectors), ZERO, WHEN(VIRTIO_SERIAL),
                .abi = "controller vectors"),
    MORE(xenbus, WHEN(XENBUS)),
    VB_XML_STR(C, pci_model_name, "model/@name", WHEN(PCI),
               .doc = "The device that QEMU uses for the controller.",
               .enumeration = &pci_model_name_words, .abi = "PCI controller model name"),
    TARGET(chassis_nr, "target/@chassisNr", .min = 1, .max = 255),
    TARGET(chassis, "target/@chassis", .max = 255, ZERO),
    TARGET(port, "target/@port", .max = 255, .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE,
           .width = 1),
    TARGET(bus_nr, "target/@busNr", .min = 1, .max = 254),
    TARGET(index, "target/@index", .max = 30, ZERO),
    VB_XML_SWITCH(C, target.hotplug, "target/@hotplug", WHEN(PCI)),
    MORE(reserve, WHEN(PCI)),
    TARGET(numa_node, "target/node", ZERO),
    MORE(serial, WHEN(NVME)),
    VB_XML_UINT(C, queues, "driver/@queues"),
    VB_XML_UINT(C, cmd_per_lun, "driver/@cmd_per_lun"),
    VB_XML_UINT(C, max_sectors, "driver/@max_sectors"),
    VB_XML_SWITCH(C, ioeventfd, "driver/@ioeventfd"),
    VB_XML_UINT(C, iothread, "driver/@iothread"),
    VB_XML_EMBED(C, virtio, "driver", vb_domain_virtio_type),
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
    VB_XML_SIZE(C, pcihole64_kib, "pcihole64", VB_XML_HAS(C, has_pcihole64), WHEN(PCI), ZERO),
};
VB_XML_TYPE(vb_domain_controller_type, VbDomainController, "controller", controller_fields,
            .doc = "A bus of the guest that other devices sit on.");
