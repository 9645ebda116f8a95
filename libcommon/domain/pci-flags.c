/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kind of PCI slot each device needs. Source: behaviour of libvirt 9.0 with QEMU. */
#include <string.h>
#include "domain/devices.h"
#include "domain/pci-buses.h"

typedef struct {
    guint pci;     /* conventional devices */
    guint express; /* devices that work as PCI Express */
} Needs;

static guint
virtio_flags(const Needs *needs, gboolean is_transitional)
{
    return is_transitional ? needs->pci : needs->express;
}

static guint
usb_flags(const Needs *needs, int model)
{
    if (model == VB_DOMAIN_USB_MODEL_NONE || model == VB_DOMAIN_USB_MODEL_QUSB1 ||
        model == VB_DOMAIN_USB_MODEL_QUSB2)
        return 0;
    if (model == VB_DOMAIN_USB_MODEL_NEC_XHCI || model == VB_DOMAIN_USB_MODEL_QEMU_XHCI)
        return needs->express;
    return needs->pci;
}

static guint
scsi_flags(const Needs *needs, int model)
{
    if (model == VB_DOMAIN_SCSI_MODEL_IBMVSCSI || model == VB_DOMAIN_SCSI_MODEL_NCR53C90)
        return 0;
    if (model == VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI ||
        model == VB_DOMAIN_SCSI_MODEL_VIRTIO_NON_TRANSITIONAL)
        return needs->express;
    return needs->pci;
}

static guint
bridge_flags(int model)
{
    static const guint flags[VB_DOMAIN_PCI_MODEL_LAST] = {
        [VB_DOMAIN_PCI_MODEL_BRIDGE] = VB_PCI_BRIDGE,
        [VB_DOMAIN_PCI_MODEL_EXPANDER_BUS] = VB_PCI_EXPANDER,
        [VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS] = VB_PCI_EXPRESS_EXPANDER,
        [VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE] = VB_PCI_DMI_BRIDGE,
        [VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE] = VB_PCI_EXPRESS_TO_PCI | VB_PCI_HOTPLUG,
        [VB_DOMAIN_PCI_MODEL_ROOT_PORT] = VB_PCI_ROOT_PORT | VB_PCI_AGGREGATE,
        [VB_DOMAIN_PCI_MODEL_SWITCH_UPSTREAM_PORT] = VB_PCI_UPSTREAM_PORT,
        [VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT] = VB_PCI_DOWNSTREAM_PORT,
    };

    return flags[model];
}

static guint
controller_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainController *controller = device;

    switch ((VbDomainControllerType)controller->type) {
    case VB_DOMAIN_CONTROLLER_PCI:
        return bridge_flags(controller->pci_model);
    case VB_DOMAIN_CONTROLLER_USB:
        return usb_flags(needs, controller->usb_model);
    case VB_DOMAIN_CONTROLLER_SCSI:
        return scsi_flags(needs, controller->scsi_model);
    case VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL:
        return virtio_flags(needs, controller->virtio_serial_model ==
                                       VB_DOMAIN_VIRTIO_SERIAL_MODEL_VIRTIO_TRANSITIONAL);
    case VB_DOMAIN_CONTROLLER_IDE:
    case VB_DOMAIN_CONTROLLER_SATA:
        return needs->pci;
    case VB_DOMAIN_CONTROLLER_NVME:
        return needs->express;
    case VB_DOMAIN_CONTROLLER_FDC:
    case VB_DOMAIN_CONTROLLER_CCID:
    case VB_DOMAIN_CONTROLLER_XENBUS:
    case VB_DOMAIN_CONTROLLER_ISA:
    case VB_DOMAIN_CONTROLLER_LAST:
        return 0;
    }
    return 0;
}

static guint
disk_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainDisk *disk = device;

    if (disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO)
        return 0;
    return virtio_flags(needs, disk->model == VB_DOMAIN_DISK_MODEL_VIRTIO_TRANSITIONAL);
}

static guint
filesystem_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainFilesystem *filesystem = device;

    return virtio_flags(needs, g_strcmp0(filesystem->model, "virtio-transitional") == 0);
}

static guint
net_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainNet *net = device;

    if (net->type == VB_DOMAIN_NET_HOSTDEV)
        return needs->express;
    if (!net->model || strcmp(net->model, "usb-net") == 0)
        return 0;
    if (strcmp(net->model, "virtio") == 0 || strcmp(net->model, "virtio-non-transitional") == 0 ||
        strcmp(net->model, "e1000e") == 0 || strcmp(net->model, "igb") == 0)
        return needs->express;
    return needs->pci;
}

static guint
sound_flags(const Needs *needs, gconstpointer device)
{
    const int model = ((const VbDomainSound *)device)->model;

    return model == VB_DOMAIN_SOUND_SB16 || model == VB_DOMAIN_SOUND_PCSPK ||
                   model == VB_DOMAIN_SOUND_USB
               ? 0
               : needs->pci;
}

static guint
video_flags(const Needs *needs, gconstpointer device)
{
    const int model = ((const VbDomainVideo *)device)->model;

    if (model == VB_DOMAIN_VIDEO_NONE || model == VB_DOMAIN_VIDEO_RAMFB)
        return 0;
    return model == VB_DOMAIN_VIDEO_VIRTIO || model == VB_DOMAIN_VIDEO_BOCHS ? needs->express
                                                                             : needs->pci;
}

static guint
hostdev_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainHostdev *hostdev = device;

    if (hostdev->type == VB_DOMAIN_HOSTDEV_MDEV)
        return g_strcmp0(hostdev->mdev_model, "vfio-pci") == 0 ? needs->express : 0;
    if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI_HOST)
        return virtio_flags(needs, g_strcmp0(hostdev->scsi_host_model, "virtio-transitional") == 0);
    return hostdev->type == VB_DOMAIN_HOSTDEV_PCI ? needs->express : 0;
}

static guint
input_flags(const Needs *needs, gconstpointer device)
{
    const VbDomainInput *input = device;

    if (input->bus != VB_DOMAIN_INPUT_BUS_VIRTIO)
        return 0;
    return virtio_flags(needs, input->model == VB_DOMAIN_INPUT_MODEL_VIRTIO_TRANSITIONAL);
}

static guint
memballoon_flags(const Needs *needs, gconstpointer device)
{
    const int model = ((const VbDomainMemballoon *)device)->model;

    if (model == VB_DOMAIN_MEMBALLOON_NONE || model == VB_DOMAIN_MEMBALLOON_XEN)
        return 0;
    return virtio_flags(needs, model == VB_DOMAIN_MEMBALLOON_VIRTIO_TRANSITIONAL);
}

static guint
rng_flags(const Needs *needs, gconstpointer device)
{
    return virtio_flags(needs,
                        ((const VbDomainRng *)device)->model == VB_DOMAIN_RNG_VIRTIO_TRANSITIONAL);
}

static guint
watchdog_flags(const Needs *needs, gconstpointer device)
{
    return ((const VbDomainWatchdog *)device)->model == VB_DOMAIN_WATCHDOG_I6300ESB ? needs->pci
                                                                                    : 0;
}

static guint
serial_flags(const Needs *needs, gconstpointer device)
{
    return ((const VbDomainChr *)device)->serial_target == VB_DOMAIN_SERIAL_TARGET_PCI ? needs->pci
                                                                                       : 0;
}

static guint
vsock_flags(const Needs *needs, gconstpointer device)
{
    return virtio_flags(needs, g_strcmp0(((const VbDomainVsock *)device)->model,
                                         "virtio-transitional") == 0);
}

static guint
shmem_flags(const Needs *needs, gconstpointer device)
{
    return needs->pci;
}

static guint
panic_flags(const Needs *needs, gconstpointer device)
{
    return ((const VbDomainPanic *)device)->model == VB_DOMAIN_PANIC_PVPANIC ? needs->pci : 0;
}

static guint
iommu_flags(const Needs *needs, gconstpointer device)
{
    return g_strcmp0(((const VbDomainIommu *)device)->model, "virtio") == 0
               ? VB_PCI_INTEGRATED | (needs->express & ~(guint)VB_PCI_HOTPLUG)
               : 0;
}

static guint
crypto_flags(const Needs *needs, gconstpointer device)
{
    return needs->express;
}

static guint
pstore_flags(const Needs *needs, gconstpointer device)
{
    return needs->pci;
}

static guint
memory_flags(const Needs *needs, gconstpointer device)
{
    const char *model = ((const VbDomainMemoryDevice *)device)->model;

    return g_strcmp0(model, "virtio-pmem") == 0 || g_strcmp0(model, "virtio-mem") == 0
               ? needs->express
               : 0;
}

static guint (*const class_flags[VB_DOMAIN_CLASS_LAST])(const Needs *needs,
                                                        gconstpointer device) = {
    [VB_DOMAIN_CLASS_DISK] = disk_flags,
    [VB_DOMAIN_CLASS_CONTROLLER] = controller_flags,
    [VB_DOMAIN_CLASS_FILESYSTEM] = filesystem_flags,
    [VB_DOMAIN_CLASS_NET] = net_flags,
    [VB_DOMAIN_CLASS_SERIAL] = serial_flags,
    [VB_DOMAIN_CLASS_INPUT] = input_flags,
    [VB_DOMAIN_CLASS_SOUND] = sound_flags,
    [VB_DOMAIN_CLASS_VIDEO] = video_flags,
    [VB_DOMAIN_CLASS_HOSTDEV] = hostdev_flags,
    [VB_DOMAIN_CLASS_WATCHDOG] = watchdog_flags,
    [VB_DOMAIN_CLASS_MEMBALLOON] = memballoon_flags,
    [VB_DOMAIN_CLASS_RNG] = rng_flags,
    [VB_DOMAIN_CLASS_PANIC] = panic_flags,
    [VB_DOMAIN_CLASS_SHMEM] = shmem_flags,
    [VB_DOMAIN_CLASS_IOMMU] = iommu_flags,
    [VB_DOMAIN_CLASS_VSOCK] = vsock_flags,
    [VB_DOMAIN_CLASS_MEMORY] = memory_flags,
    [VB_DOMAIN_CLASS_CRYPTO] = crypto_flags,
    [VB_DOMAIN_CLASS_PSTORE] = pstore_flags,
};

guint
vb_pci_device_flags(const VbDomainDef *def, int class, gconstpointer device)
{
    Needs needs = {VB_PCI_HOTPLUG | VB_PCI_DEVICE, VB_PCI_HOTPLUG | VB_PCI_DEVICE};

    if (vb_domain_is_q35(def))
        needs.express = VB_PCI_HOTPLUG | VB_PCI_EXPRESS_DEVICE;
    return class_flags[class] ? class_flags[class](&needs, device) : 0;
}
