/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of devices while the guest runs. Source: libvirt's names; management software and QEMU's ids depend on them. */
#include <string.h>
#include "domain/defaults.h"
#include "domain/devices.h"

typedef char *(*MakeAlias)(const VbDomainDef *def, const VbDomainDevice *device);

static char *
disk_alias(const VbDomainDef *def, const VbDomainDevice *device)
{
    const VbDomainDisk *disk = device->device;
    const VbDomainAddress *address = &disk->info.address;
    const char *bus = vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus);
    const VbDomainController *controller;

    if (address->type != VB_DOMAIN_ADDRESS_DRIVE)
        return g_strdup_printf("%s-disk%d", bus, vb_domain_disk_name_to_index(disk->dst));
    controller =
        vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_SCSI, address->drive.controller);
    if (disk->bus != VB_DOMAIN_DISK_BUS_SCSI ||
        (controller && controller->scsi_model == VB_DOMAIN_SCSI_MODEL_LSILOGIC))
        return g_strdup_printf("%s%u-%u-%u", bus, address->drive.controller, address->drive.bus,
                               address->drive.unit);
    return g_strdup_printf("%s%u-%u-%u-%u", bus, address->drive.controller, address->drive.bus,
                           address->drive.target, address->drive.unit);
}

/* buses that QEMU itself makes have names of their own */
static const char *
builtin_alias(const VbDomainDef *def, const VbDomainController *controller)
{
    if (controller->index != 0)
        return NULL;
    if (controller->type == VB_DOMAIN_CONTROLLER_USB)
        return "usb";
    if (controller->type == VB_DOMAIN_CONTROLLER_PCI &&
        controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT)
        return "pcie.0";
    if (controller->type == VB_DOMAIN_CONTROLLER_SATA && vb_domain_is_q35(def))
        return "ide";
    if (controller->type == VB_DOMAIN_CONTROLLER_IDE && !vb_domain_is_q35(def))
        return "ide";
    return NULL;
}

static char *
controller_alias(const VbDomainDef *def, const VbDomainDevice *device)
{
    const VbDomainController *controller = device->device;
    const char *builtin = builtin_alias(def, controller);

    if (builtin)
        return g_strdup(builtin);
    return g_strdup_printf(controller->type == VB_DOMAIN_CONTROLLER_PCI ? "%s.%u" : "%s%u",
                           vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type),
                           controller->index);
}

/* a network card that is a host device counts with those */
static char *
net_alias(const VbDomainDef *def, const VbDomainDevice *device)
{
    const VbDomainNet *net = device->device;
    guint index = VB_DOMAIN_COUNT(def->hostdevs);

    if (net->type != VB_DOMAIN_NET_HOSTDEV)
        return g_strdup_printf("net%u", device->index);
    VB_DOMAIN_EACH(VbDomainNet, other, def->nets)
    {
        if (other == net)
            break;
        index += other->type == VB_DOMAIN_NET_HOSTDEV;
    }
    return g_strdup_printf("hostdev%u", index);
}

static char *
memory_alias(const VbDomainDef *def, const VbDomainDevice *device)
{
    static const struct {
        const char *model, *prefix;
    } prefixes[] = {{"dimm", "dimm"},
                    {"nvdimm", "nvdimm"},
                    {"virtio-mem", "virtiomem"},
                    {"virtio-pmem", "virtiopmem"}};
    const VbDomainMemoryDevice *memory = device->device;
    const gboolean has_slot =
        memory->info.address.type == VB_DOMAIN_ADDRESS_DIMM && memory->info.address.dimm.has_slot;
    guint nth = 0;

    for (guint i = 0; i < device->index; i++) {
        const VbDomainMemoryDevice *other = g_ptr_array_index(def->memories, i);

        nth += strcmp(other->model, memory->model) == 0;
    }
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (strcmp(prefixes[i].model, memory->model) == 0)
            return g_strdup_printf("%s%u", prefixes[i].prefix,
                                   has_slot ? memory->info.address.dimm.slot : nth);
    }
    return g_strdup_printf("memory%u", device->index);
}

static const struct {
    const char *prefix; /* and the index among those of the class */
    MakeAlias make;     /* or something else */
} rules[VB_DOMAIN_CLASS_LAST] = {
    [VB_DOMAIN_CLASS_DISK] = {NULL, disk_alias},
    [VB_DOMAIN_CLASS_CONTROLLER] = {NULL, controller_alias},
    [VB_DOMAIN_CLASS_FILESYSTEM] = {"fs", NULL},
    [VB_DOMAIN_CLASS_NET] = {NULL, net_alias},
    [VB_DOMAIN_CLASS_SMARTCARD] = {"smartcard", NULL},
    [VB_DOMAIN_CLASS_SERIAL] = {"serial", NULL},
    [VB_DOMAIN_CLASS_PARALLEL] = {"parallel", NULL},
    [VB_DOMAIN_CLASS_CONSOLE] = {"console", NULL},
    [VB_DOMAIN_CLASS_CHANNEL] = {"channel", NULL},
    [VB_DOMAIN_CLASS_INPUT] = {"input", NULL},
    [VB_DOMAIN_CLASS_TPM] = {"tpm", NULL},
    [VB_DOMAIN_CLASS_SOUND] = {"sound", NULL},
    [VB_DOMAIN_CLASS_VIDEO] = {"video", NULL},
    [VB_DOMAIN_CLASS_HOSTDEV] = {"hostdev", NULL},
    [VB_DOMAIN_CLASS_REDIRDEV] = {"redir", NULL},
    [VB_DOMAIN_CLASS_HUB] = {"hub", NULL},
    [VB_DOMAIN_CLASS_WATCHDOG] = {"watchdog", NULL},
    [VB_DOMAIN_CLASS_MEMBALLOON] = {"balloon", NULL},
    [VB_DOMAIN_CLASS_RNG] = {"rng", NULL},
    [VB_DOMAIN_CLASS_SHMEM] = {"shmem", NULL},
    [VB_DOMAIN_CLASS_MEMORY] = {NULL, memory_alias},
    [VB_DOMAIN_CLASS_IOMMU] = {"iommu", NULL},
    [VB_DOMAIN_CLASS_VSOCK] = {"vsock", NULL},
    [VB_DOMAIN_CLASS_CRYPTO] = {"crypto", NULL},
    [VB_DOMAIN_CLASS_PSTORE] = {"pstore", NULL},
    [VB_DOMAIN_CLASS_NVRAM] = {"nvram", NULL},
};

static gboolean
assign(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const MakeAlias make = rules[device->class].make;

    if (device->info->alias ||
        (!make && !rules[device->class].prefix)) /* panic devices have no name */
        return TRUE;
    device->info->alias = make
                              ? make(def, device)
                              : g_strdup_printf("%s%u", rules[device->class].prefix, device->index);
    return TRUE;
}

/**
 * vb_domain_assign_aliases:
 * @def: a domain with defaults and addresses
 *
 * Names every device that has no name yet: virtio-disk0, net0, serial0, pci.1 ... The first console carries the name of
 * the serial port that it is.
 */
void
vb_domain_assign_aliases(VbDomainDef *def)
{
    vb_domain_each_device(def, assign, NULL);
    vb_domain_sync_console(def);
}
