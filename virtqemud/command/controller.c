/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Controllers and USB hubs. What the machine brings along by itself (root buses, the first IDE or SATA controller) gets
 * no -device. */
#include "command/build.h"

static const char *const usb_drivers[VB_DOMAIN_USB_MODEL_LAST] = {
    [VB_DOMAIN_USB_MODEL_PIIX3_UHCI] = "piix3-usb-uhci",
    [VB_DOMAIN_USB_MODEL_PIIX4_UHCI] = "piix4-usb-uhci",
    [VB_DOMAIN_USB_MODEL_EHCI] = "usb-ehci",
    [VB_DOMAIN_USB_MODEL_ICH9_EHCI1] = "ich9-usb-ehci1",
    [VB_DOMAIN_USB_MODEL_ICH9_UHCI1] = "ich9-usb-uhci1",
    [VB_DOMAIN_USB_MODEL_ICH9_UHCI2] = "ich9-usb-uhci2",
    [VB_DOMAIN_USB_MODEL_ICH9_UHCI3] = "ich9-usb-uhci3",
    [VB_DOMAIN_USB_MODEL_VT82C686B_UHCI] = "vt82c686b-usb-uhci",
    [VB_DOMAIN_USB_MODEL_PCI_OHCI] = "pci-ohci",
    [VB_DOMAIN_USB_MODEL_NEC_XHCI] = "nec-usb-xhci",
    [VB_DOMAIN_USB_MODEL_QEMU_XHCI] = "qemu-xhci",
};

static const char *const scsi_drivers[VB_DOMAIN_SCSI_MODEL_LAST] = {
    [VB_DOMAIN_SCSI_MODEL_LSILOGIC] = "lsi",      [VB_DOMAIN_SCSI_MODEL_LSISAS1068] = "mptsas1068",
    [VB_DOMAIN_SCSI_MODEL_VMPVSCSI] = "pvscsi",   [VB_DOMAIN_SCSI_MODEL_LSISAS1078] = "megasas",
    [VB_DOMAIN_SCSI_MODEL_NCR53C90] = "esp",      [VB_DOMAIN_SCSI_MODEL_DC390] = "dc390",
    [VB_DOMAIN_SCSI_MODEL_AM53C974] = "am53c974", [VB_DOMAIN_SCSI_MODEL_IBMVSCSI] = "spapr-vscsi",
};

typedef struct {
    const char *driver; /* default <model name=>, and what QEMU has when the two differ */
    const char *number; /* property for the chassis */
} PciDriver;

static const PciDriver pci_drivers[VB_DOMAIN_PCI_MODEL_LAST] = {
    [VB_DOMAIN_PCI_MODEL_BRIDGE] = {"pci-bridge", NULL},
    [VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE] = {"i82801b11-bridge", NULL},
    [VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE] = {"pcie-pci-bridge", NULL},
    [VB_DOMAIN_PCI_MODEL_ROOT_PORT] = {"pcie-root-port", "chassis"},
    [VB_DOMAIN_PCI_MODEL_SWITCH_UPSTREAM_PORT] = {"x3130-upstream", NULL},
    [VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT] = {"xio3130-downstream", "chassis"},
    [VB_DOMAIN_PCI_MODEL_EXPANDER_BUS] = {"pxb", NULL},
    [VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS] = {"pxb-pcie", NULL},
};

static gboolean
finish_controller(QemuBuild *build, VbJsonWriter *json, const VbDomainController *controller,
                  GError **error)
{
    if (!qemu_build_add_address(build, json, &controller->info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
take_pci(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    const PciDriver *driver = &pci_drivers[controller->pci_model];
    const char *name = controller->pci_model_name ? controller->pci_model_name : driver->driver;
    VbJsonWriter *json;

    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT &&
        controller->target.hotplug != VB_TRISTATE_ABSENT && vb_domain_is_i440fx(build->def))
        qemu_build_option(build, "-global",
                          controller->target.hotplug == VB_TRISTATE_YES
                              ? "PIIX4_PM.acpi-root-pci-hotplug=on"
                              : "PIIX4_PM.acpi-root-pci-hotplug=off");
    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT ||
        controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT)
        return TRUE;
    if (!name || !qemu_build_need_device(build, name, error))
        return name ? FALSE
                    : vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                                   "PCI controller with index=%u has no model", controller->index);
    json = qemu_build_device_new(name);
    if (controller->target.has_chassis_nr)
        vb_json_add_uint(json, "chassis_nr", controller->target.chassis_nr);
    if (controller->target.has_bus_nr)
        vb_json_add_uint(json, "bus_nr", controller->target.bus_nr);
    if (controller->target.has_port)
        vb_json_add_uint(json, "port", controller->target.port);
    if (controller->target.has_chassis && driver->number)
        vb_json_add_uint(json, driver->number, controller->target.chassis);
    vb_json_add_string(json, "id", controller->info.alias);
    if (controller->target.has_numa_node)
        vb_json_add_uint(json, "numa_node", controller->target.numa_node);
    qemu_build_add_tristate(json, "hotplug", controller->target.hotplug);
    return finish_controller(build, json, controller, error);
}

static void
add_companion(QemuBuild *build, VbJsonWriter *json, const VbDomainController *controller)
{
    const char *master = NULL;
    g_autofree char *bus = NULL;

    /* companions share the index of their EHCI controller, and its alias names the bus */
    VB_DOMAIN_EACH(VbDomainController, other, build->def->controllers)
    if (other->type == VB_DOMAIN_CONTROLLER_USB && other->index == controller->index &&
        !other->info.has_usb_startport)
        master = other->info.alias;
    bus = g_strdup_printf("%s.0", master ? master : controller->info.alias);
    vb_json_add_string(json, "masterbus", bus);
    vb_json_add_uint(json, "firstport", controller->info.usb_startport);
}

static gboolean
take_usb(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    const char *driver = usb_drivers[controller->usb_model];
    VbJsonWriter *json;

    if (controller->usb_model == VB_DOMAIN_USB_MODEL_NONE)
        return TRUE;
    if (!driver)
        driver = "piix3-usb-uhci";
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    if (controller->has_ports && (controller->usb_model == VB_DOMAIN_USB_MODEL_NEC_XHCI ||
                                  controller->usb_model == VB_DOMAIN_USB_MODEL_QEMU_XHCI)) {
        vb_json_add_uint(json, "p2", controller->ports);
        vb_json_add_uint(json, "p3", controller->ports);
    }
    if (controller->info.has_usb_startport)
        add_companion(build, json, controller);
    else
        vb_json_add_string(json, "id", controller->info.alias);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_virtio_scsi(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    QemuVirtioKind kind = controller->scsi_model == VB_DOMAIN_SCSI_MODEL_VIRTIO_TRANSITIONAL
                              ? QEMU_VIRTIO_TRANSITIONAL
                          : controller->scsi_model == VB_DOMAIN_SCSI_MODEL_VIRTIO_NON_TRANSITIONAL
                              ? QEMU_VIRTIO_NON_TRANSITIONAL
                              : QEMU_VIRTIO_PLAIN;
    g_autofree char *driver = qemu_build_virtio_driver("virtio-scsi", &controller->info, kind);
    g_autofree char *thread =
        controller->iothread ? g_strdup_printf("iothread%u", controller->iothread) : NULL;
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &controller->virtio);
    vb_json_add_string(json, "iothread", thread);
    vb_json_add_string(json, "id", controller->info.alias);
    if (controller->queues)
        vb_json_add_uint(json, "num_queues", controller->queues);
    if (controller->cmd_per_lun)
        vb_json_add_uint(json, "cmd_per_lun", controller->cmd_per_lun);
    if (controller->max_sectors)
        vb_json_add_uint(json, "max_sectors", controller->max_sectors);
    qemu_build_add_tristate(json, "ioeventfd", controller->ioeventfd);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_scsi(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    const char *driver = scsi_drivers[controller->scsi_model];
    VbJsonWriter *json;

    if (controller->scsi_model == VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI ||
        controller->scsi_model == VB_DOMAIN_SCSI_MODEL_VIRTIO_TRANSITIONAL ||
        controller->scsi_model == VB_DOMAIN_SCSI_MODEL_VIRTIO_NON_TRANSITIONAL)
        return take_virtio_scsi(build, controller, error);
    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported controller model: %s",
                            vb_enum_to_nick(&vb_domain_scsi_model_enum, controller->scsi_model));
    /* of Power machines: a guest with it does not start here, but can be shown */
    if ((controller->scsi_model != VB_DOMAIN_SCSI_MODEL_IBMVSCSI ||
         build->options->monitor_fd >= 0) &&
        !qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    vb_json_add_string(json, "id", controller->info.alias);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_virtio_serial(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    static const QemuVirtioKind kinds[] = {
        [VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO_TRANSITIONAL] = QEMU_VIRTIO_TRANSITIONAL,
        [VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO_NON_TRANSITIONAL] = QEMU_VIRTIO_NON_TRANSITIONAL,
    };
    g_autofree char *driver = qemu_build_virtio_driver("virtio-serial", &controller->info,
                                                       kinds[controller->virtio_serial_model]);
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &controller->virtio);
    vb_json_add_string(json, "id", controller->info.alias);
    if (controller->has_ports)
        vb_json_add_uint(json, "max_ports", controller->ports);
    if (controller->has_vectors)
        vb_json_add_uint(json, "vectors", controller->vectors);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_sata(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    VbJsonWriter *json;

    if (controller->index == 0 && vb_domain_is_q35(build->def))
        return TRUE;
    json = qemu_build_device_new("ahci");
    vb_json_add_string(json, "id", controller->info.alias);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_ccid(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    VbJsonWriter *json = qemu_build_device_new("usb-ccid");

    vb_json_add_string(json, "id", controller->info.alias);
    return finish_controller(build, json, controller, error);
}

static gboolean
take_ide(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    VbJsonWriter *json;

    if (controller->index == 0 && vb_domain_is_i440fx(build->def))
        return TRUE;
    if (controller->index == 0 && !vb_domain_has_pci(build->def))
        return TRUE;
    if (vb_domain_is_i440fx(build->def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only a single IDE controller is supported for this "
                            "machine type");
    if (controller->ide_model == VB_DOMAIN_IDE_MODEL_DEFAULT)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IDE controllers are unsupported for this QEMU binary or machine type");
    json = qemu_build_device_new(controller->ide_model == VB_DOMAIN_IDE_MODEL_PIIX4 ? "piix4-ide"
                                                                                    : "piix3-ide");
    vb_json_add_string(json, "id", controller->info.alias);
    return finish_controller(build, json, controller, error);
}

/* Q35 has no floppy controller of its own; drives are named on the device there, on the machine elsewhere */
static gboolean
take_fdc(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    VbJsonWriter *json = vb_domain_is_q35(build->def) ? qemu_build_device_new("isa-fdc") : NULL;

    VB_DOMAIN_EACH(VbDomainDisk, disk, build->def->disks)
    {
        guint index = disk->bus == VB_DOMAIN_DISK_BUS_FDC
                          ? qemu_build_find_boot_index(build, &disk->info)
                          : 0;
        char letter = disk->info.address.drive.unit ? 'B' : 'A';
        g_autofree char *text = NULL;

        if (index == 0)
            continue;
        text = json ? g_strdup_printf("bootindex%c", letter)
                    : g_strdup_printf("isa-fdc.bootindex%c=%u", letter, index);
        if (json)
            vb_json_add_uint(json, text, index);
        else
            qemu_build_option(build, "-global", text);
    }
    if (json)
        qemu_build_take_json(build, "-device", json);
    return TRUE;
}

/* QEMU wants a serial number: the alias, which stays what it is, where none was given */
static gboolean
take_nvme(QemuBuild *build, const VbDomainController *controller, GError **error)
{
    const char *serial = VB_XML_READ(controller->more)->serial;
    VbJsonWriter *json = qemu_build_device_new("nvme");

    vb_json_add_string(json, "id", controller->info.alias);
    vb_json_add_string(json, "serial", serial ? serial : controller->info.alias);
    return finish_controller(build, json, controller, error);
}

static gboolean (*const takers[VB_DOMAIN_CONTROLLER_LAST])(QemuBuild *, const VbDomainController *,
                                                           GError **) = {
    [VB_DOMAIN_CONTROLLER_PCI] = take_pci,
    [VB_DOMAIN_CONTROLLER_USB] = take_usb,
    [VB_DOMAIN_CONTROLLER_SCSI] = take_scsi,
    [VB_DOMAIN_CONTROLLER_IDE] = take_ide,
    [VB_DOMAIN_CONTROLLER_SATA] = take_sata,
    [VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL] = take_virtio_serial,
    [VB_DOMAIN_CONTROLLER_CCID] = take_ccid,
    [VB_DOMAIN_CONTROLLER_FDC] = take_fdc,
    [VB_DOMAIN_CONTROLLER_NVME] = take_nvme,
};

/* buses before what sits on them; inside a kind, the definition's order */
static const int order[] = {
    VB_DOMAIN_CONTROLLER_PCI,  VB_DOMAIN_CONTROLLER_USB,  VB_DOMAIN_CONTROLLER_SCSI,
    VB_DOMAIN_CONTROLLER_IDE,  VB_DOMAIN_CONTROLLER_SATA, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL,
    VB_DOMAIN_CONTROLLER_CCID, VB_DOMAIN_CONTROLLER_FDC,  VB_DOMAIN_CONTROLLER_NVME,
};

static void
take_pci_hole(QemuBuild *build)
{
    VB_DOMAIN_EACH(VbDomainController, controller, build->def->controllers)
    {
        g_autofree char *text = NULL;

        if (controller->type != VB_DOMAIN_CONTROLLER_PCI || !controller->has_pcihole64)
            continue;
        text = g_strdup_printf("%s-pcihost.pci-hole64-size=%" G_GUINT64_FORMAT "K",
                               vb_domain_is_q35(build->def) ? "q35" : "i440FX",
                               controller->pcihole64_kib);
        qemu_build_option(build, "-global", text);
    }
}

/* A machine without PCI has no USB controller that could be named. */
static gboolean
needs_usb_option(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_USB)
            return FALSE;
    }
    return g_strcmp0(def->os.machine, "isapc") == 0;
}

gboolean
qemu_build_controllers(QemuBuild *build, GError **error)
{
    take_pci_hole(build);
    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        VB_DOMAIN_EACH(VbDomainController, controller, build->def->controllers)
    if (controller->type == order[i] && !takers[order[i]](build, controller, error))
        return FALSE;
    if (needs_usb_option(build->def))
        qemu_build_option(build, "-usb", NULL);
    return TRUE;
}

gboolean
qemu_build_hubs(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainHub, hub, build->def->hubs)
    {
        VbJsonWriter *json = qemu_build_device_new("usb-hub");

        vb_json_add_string(json, "id", hub->info.alias);
        if (!qemu_build_add_address(build, json, &hub->info, error)) {
            vb_json_writer_free(json);
            return FALSE;
        }
        qemu_build_take_json(build, "-device", json);
    }
    return TRUE;
}

static gboolean
take_virtio_iommu(QemuBuild *build, const VbDomainIommu *iommu, GError **error)
{
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, "virtio-iommu-pci", error))
        return FALSE;
    json = qemu_build_device_new("virtio-iommu");
    vb_json_add_string(json, "id", iommu->info.alias);
    if (!qemu_build_add_address(build, json, &iommu->info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

gboolean
qemu_build_iommu(QemuBuild *build, GError **error)
{
    const VbDomainIommu *iommu = build->def->iommu;
    VbJsonWriter *json;

    if (!iommu)
        return TRUE;
    if (g_strcmp0(iommu->model, "virtio") == 0)
        return take_virtio_iommu(build, iommu, error);
    if (g_strcmp0(iommu->model, "intel") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOMMU device: '%s' is not supported with this machine "
                            "type",
                            iommu->model);
    if (iommu->dma_translation != VB_TRISTATE_ABSENT &&
        !qemu_caps_has_property(build->caps, "intel-iommu", "dma-translation"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "iommu: dma translation is not supported with this QEMU binary");
    json = qemu_build_device_new("intel-iommu");
    vb_json_add_string(json, "id", iommu->info.alias);
    qemu_build_add_switch(json, "intremap", iommu->intremap);
    qemu_build_add_tristate(json, "caching-mode", iommu->caching_mode);
    qemu_build_add_switch(json, "eim", iommu->eim);
    qemu_build_add_tristate(json, "device-iotlb", iommu->iotlb);
    if (iommu->aw_bits)
        vb_json_add_uint(json, "aw-bits", iommu->aw_bits);
    qemu_build_add_tristate(json, "dma-translation", iommu->dma_translation);
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}
