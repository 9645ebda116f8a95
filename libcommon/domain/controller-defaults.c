/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Controllers that every guest of its machine type has, controllers that other devices need, models of those that were
 * given without one. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

static gboolean
is_companion(const VbDomainController *controller)
{
    return controller->info.has_usb_startport;
}

/* where a given controller of @type and @index goes: behind the last one of its type that is not above it; companions follow
 * their EHCI */
static guint
insert_position(const VbDomainDef *def, int type, guint index, gboolean is_new_companion)
{
    const guint n = VB_DOMAIN_COUNT(def->controllers);
    guint at = n;
    gboolean is_found = FALSE;

    for (guint i = n; i > 0; i--) {
        const VbDomainController *current = g_ptr_array_index(def->controllers, i - 1);

        if (current->type != type)
            continue;
        if (current->index > index ||
            (current->index == index && !is_new_companion && is_companion(current))) {
            at = i - 1;
            is_found = TRUE;
        } else if (!is_found) {
            at = i;
            is_found = TRUE;
        }
    }
    return at;
}

/**
 * vb_domain_add_controller:
 * @def: a domain
 * @type: VbDomainControllerType
 * @index: its index
 *
 * Returns: (transfer none): a new controller, at the end, where libvirt puts those that it adds
 */
VbDomainController *
vb_domain_add_controller(VbDomainDef *def, int type, guint index)
{
    VbDomainController *controller = vb_xml_new(&vb_domain_controller_type);

    controller->type = type;
    controller->index = index;
    controller->has_index = TRUE;
    return vb_domain_list_add(&def->controllers, controller);
}

static void
add_ich9_companions(VbDomainDef *def, guint index)
{
    for (guint i = 0; i < 3; i++) {
        VbDomainController *uhci = vb_xml_new(&vb_domain_controller_type);

        uhci->type = VB_DOMAIN_CONTROLLER_USB;
        uhci->index = index;
        uhci->has_index = TRUE;
        uhci->usb_model = VB_DOMAIN_USB_MODEL_ICH9_UHCI1 + (int)i;
        uhci->info.usb_startport = 2 * i;
        uhci->info.has_usb_startport = TRUE;
        vb_domain_list_add(&def->controllers, uhci);
    }
}

static void
fill_default_usb(const VbDomainFill *fill)
{
    static const struct {
        const char *device;
        VbDomainUsbModel model;
    } q35_models[] = {
        {"qemu-xhci", VB_DOMAIN_USB_MODEL_QEMU_XHCI},
        {"nec-usb-xhci", VB_DOMAIN_USB_MODEL_NEC_XHCI},
        {"ich9-usb-ehci1", VB_DOMAIN_USB_MODEL_ICH9_EHCI1},
    };
    VbDomainDef *def = fill->def;

    if (vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_USB, 0))
        return;
    if (vb_domain_is_i440fx(def)) {
        vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_USB, 0);
        return;
    }
    for (guint i = 0; vb_domain_is_q35(def) && i < G_N_ELEMENTS(q35_models); i++) {
        if (!vb_domain_fill_has_device(fill, q35_models[i].device))
            continue;
        vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_USB, 0)->usb_model =
            (int)q35_models[i].model;
        if (q35_models[i].model == VB_DOMAIN_USB_MODEL_ICH9_EHCI1)
            add_ich9_companions(def, 0);
        return;
    }
}

/* units of the host that sit on no controller yet: the lowest place that is free */
static gboolean
is_scsi_taken(const VbDomainDef *def, const VbDomainHostdev *self, guint controller, guint unit)
{
    VB_DOMAIN_EACH(VbDomainHostdev, other, def->hostdevs)
    {
        const VbDomainAddress *at = &other->info.address;

        if (other != self && other->type == VB_DOMAIN_HOSTDEV_SCSI &&
            at->type == VB_DOMAIN_ADDRESS_DRIVE && at->drive.controller == controller &&
            at->drive.unit == unit && at->drive.target == 0)
            return TRUE;
    }
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        const int index = disk->bus == VB_DOMAIN_DISK_BUS_SCSI && disk->dst
                              ? vb_domain_disk_name_to_index(disk->dst)
                              : -1;

        if (index >= 0 && (guint)index / 7 == controller && (guint)index % 7 == unit)
            return TRUE;
    }
    return FALSE;
}

/* Source: libvirt gives each controller seven units, and makes the controllers before all others that it adds */
static void
fill_scsi_hostdevs(VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, def->hostdevs)
    {
        VbDomainAddress *at = &hostdev->info.address;
        guint place = 0;

        if (hostdev->type != VB_DOMAIN_HOSTDEV_SCSI)
            continue;
        if (at->type == VB_DOMAIN_ADDRESS_NONE) {
            while (is_scsi_taken(def, hostdev, place / 7, place % 7))
                place++;
            vb_domain_address_become(at, VB_DOMAIN_ADDRESS_DRIVE);
            at->drive.controller = place / 7;
            at->drive.unit = place % 7;
            at->drive.has_value = TRUE;
        }
        if (at->type == VB_DOMAIN_ADDRESS_DRIVE &&
            !vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_SCSI, at->drive.controller))
            vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_SCSI, at->drive.controller);
    }
}

static gboolean
fill_pci_root(VbDomainDef *def, GError **error)
{
    const int model =
        vb_domain_is_q35(def) ? VB_DOMAIN_PCI_MODEL_PCIE_ROOT : VB_DOMAIN_PCI_MODEL_ROOT;
    VbDomainController *root = vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_PCI, 0);

    if (!vb_domain_has_pci(def))
        return TRUE;
    if (!root) {
        vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_PCI, 0)->pci_model = model;
        return TRUE;
    }
    if (root->pci_model == model)
        return TRUE;
    return vb_error_set(error, VIR_ERR_XML_ERROR,
                        "The PCI controller with index='0' must be model='%s' for this machine "
                        "type, but model='%s' "
                        "was found instead",
                        vb_enum_to_nick(&vb_domain_pci_model_enum, model),
                        root->pci_model
                            ? vb_enum_to_nick(&vb_domain_pci_model_enum, root->pci_model)
                            : "");
}

static gboolean
is_ich9_companion(const VbDomainController *controller)
{
    return controller->type == VB_DOMAIN_CONTROLLER_USB &&
           controller->usb_model >= VB_DOMAIN_USB_MODEL_ICH9_UHCI1 &&
           controller->usb_model <= VB_DOMAIN_USB_MODEL_ICH9_UHCI3;
}

/* libvirt counts the controllers of one type from 0 where no index is given; USB companions share their EHCI's */
static void
fill_indices(VbDomainDef *def)
{
    const VbDomainController *ehci = NULL;

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        guint index = 0;

        if (ehci && !controller->has_index && is_ich9_companion(controller)) {
            controller->index = ehci->index;
            controller->has_index = TRUE;
        }
        if (controller->type == VB_DOMAIN_CONTROLLER_USB &&
            controller->usb_model == VB_DOMAIN_USB_MODEL_ICH9_EHCI1)
            ehci = controller;
        if (controller->has_index)
            continue;
        while (vb_domain_find_controller(def, controller->type, index) != NULL) {
            const VbDomainController *other =
                vb_domain_find_controller(def, controller->type, index);

            if (!other->has_index)
                break;
            index++;
        }
        controller->index = index;
        controller->has_index = TRUE;
    }
}

/* Source: QEMU's models of ICH9: which part of the USB 2 function serves which ports */
static void
fill_companion(VbDomainController *controller)
{
    const int first = VB_DOMAIN_USB_MODEL_ICH9_UHCI1;

    if (controller->type != VB_DOMAIN_CONTROLLER_USB || controller->usb_model < first ||
        controller->usb_model > VB_DOMAIN_USB_MODEL_ICH9_UHCI3 ||
        controller->info.has_usb_startport)
        return;
    controller->info.usb_startport = 2 * (guint)(controller->usb_model - first);
    controller->info.has_usb_startport = TRUE;
}

static void
fill_usb(const VbDomainFill *fill, VbDomainController *controller)
{
    if (controller->usb_model == VB_DOMAIN_USB_MODEL_DEFAULT && fill->is_x86 &&
        vb_domain_fill_has_device(fill, "piix3-usb-uhci"))
        controller->usb_model = VB_DOMAIN_USB_MODEL_PIIX3_UHCI;
}

static void
fill_scsi(const VbDomainFill *fill, VbDomainController *controller)
{
    if (controller->scsi_model > VB_DOMAIN_SCSI_MODEL_AUTO)
        return;
    controller->scsi_model = vb_domain_fill_has_device(fill, "lsi53c895a")
                                 ? VB_DOMAIN_SCSI_MODEL_LSILOGIC
                                 : VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI;
}

static void
fill_models(const VbDomainFill *fill)
{
    VB_DOMAIN_EACH(VbDomainController, controller, fill->def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_USB)
            fill_usb(fill, controller);
        else if (controller->type == VB_DOMAIN_CONTROLLER_SCSI)
            fill_scsi(fill, controller);
    }
}

/* libvirt keeps the controllers of one type in the order of their indices */
static void
sort_controllers(VbDomainDef *def)
{
    GPtrArray *given = def->controllers;

    def->controllers = NULL;
    VB_DOMAIN_EACH(VbDomainController, controller, given)
    {
        const guint at =
            insert_position(def, controller->type, controller->index, is_companion(controller));

        vb_domain_list_insert(&def->controllers, at, controller);
    }
    if (given)
        g_ptr_array_free(given, TRUE);
}

gboolean
vb_domain_fill_controllers(const VbDomainFill *fill, GError **error)
{
    VbDomainDef *def = fill->def;

    fill_indices(def);
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    fill_companion(controller);
    sort_controllers(def);
    fill_scsi_hostdevs(def);
    if (!fill->is_x86)
        return TRUE;
    fill_default_usb(fill);
    if (vb_domain_is_q35(def) && !vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_SATA, 0))
        vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_SATA, 0);
    if (!fill_pci_root(def, error))
        return FALSE;
    fill_models(fill);
    return TRUE;
}

/* controllers that other devices need */
static void
need_controllers(VbDomainDef *def, int type, guint count)
{
    for (guint i = 0; i < count; i++) {
        if (!vb_domain_find_controller(def, type, i))
            vb_domain_add_controller(def, type, i);
    }
}

static void
need_disk_controllers(VbDomainDef *def, VbDomainDiskBus bus, int type)
{
    guint count = 0;

    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (disk->bus == (int)bus && disk->info.address.type == VB_DOMAIN_ADDRESS_DRIVE)
            count = MAX(count, MIN(disk->info.address.drive.controller, 255u) + 1);
    }
    need_controllers(def, type, count);
}

static void
need_controller(VbDomainDef *def, int type, guint index)
{
    if (index < 256 && !vb_domain_find_controller(def, type, index))
        vb_domain_add_controller(def, type, index);
}

static void
need_serial_controller(VbDomainDef *def, const VbDomainAddress *address)
{
    need_controller(def, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL,
                    address->type == VB_DOMAIN_ADDRESS_VIRTIO_SERIAL
                        ? address->virtio_serial.controller
                        : 0);
}

static void
need_serial_controllers(VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainChr, channel, def->channels)
    {
        if (channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO)
            need_serial_controller(def, &channel->info.address);
    }
    VB_DOMAIN_EACH(VbDomainChr, console, def->consoles)
    {
        if (console->console_target == VB_DOMAIN_CONSOLE_TARGET_VIRTIO)
            need_serial_controller(def, &console->info.address);
    }
}

static guint
count_hostdev_scsi(const VbDomainDef *def)
{
    guint count = 0;

    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, def->hostdevs)
    {
        if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI &&
            hostdev->info.address.type == VB_DOMAIN_ADDRESS_DRIVE)
            count = MAX(count, MIN(hostdev->info.address.drive.controller, 255u) + 1);
        else if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI)
            count = MAX(count, 1u);
    }
    return count;
}

void
vb_domain_fill_implicit_controllers(const VbDomainFill *fill)
{
    VbDomainDef *def = fill->def;

    need_disk_controllers(def, VB_DOMAIN_DISK_BUS_SCSI, VB_DOMAIN_CONTROLLER_SCSI);
    need_disk_controllers(def, VB_DOMAIN_DISK_BUS_FDC, VB_DOMAIN_CONTROLLER_FDC);
    need_disk_controllers(def, VB_DOMAIN_DISK_BUS_IDE, VB_DOMAIN_CONTROLLER_IDE);
    need_disk_controllers(def, VB_DOMAIN_DISK_BUS_SATA, VB_DOMAIN_CONTROLLER_SATA);
    need_serial_controllers(def);
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    need_controller(def, VB_DOMAIN_CONTROLLER_CCID,
                    card->info.address.type == VB_DOMAIN_ADDRESS_CCID
                        ? card->info.address.ccid.controller
                        : 0);
    need_controllers(def, VB_DOMAIN_CONTROLLER_SCSI, count_hostdev_scsi(def));
    fill_models(fill);
}
