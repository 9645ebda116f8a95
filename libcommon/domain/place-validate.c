/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where drives may be: the bus of a disk against its device, its name and its address. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"
#include "domain/validate.h"

static const char *
bus_name(const VbDomainDisk *disk)
{
    return vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus);
}

/* the model that a SCSI disk is behind; auto when nothing says */
static int
scsi_model(const VbDomainDef *def, const VbDomainDisk *disk)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_SCSI &&
            controller->index == disk->info.address.drive.controller)
            return controller->scsi_model;
    }
    return VB_DOMAIN_SCSI_MODEL_AUTO;
}

static gboolean
validate_scsi(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    if (disk->info.address.drive.bus != 0)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "SCSI controller only supports 1 bus");
    if (disk->info.address.drive.target != 0 &&
        scsi_model(def, disk) == VB_DOMAIN_SCSI_MODEL_LSILOGIC)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "target must be 0 for controller model 'lsilogic'");
    return TRUE;
}

static gboolean
validate_address(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    const VbDomainAddress *address = &disk->info.address;

    if (address->type != VB_DOMAIN_ADDRESS_DRIVE)
        return TRUE;
    if (disk->bus == VB_DOMAIN_DISK_BUS_SCSI)
        return validate_scsi(def, disk, error);
    if (disk->bus == VB_DOMAIN_DISK_BUS_SATA && address->drive.bus != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "bus must be 0 for sata controller");
    if ((disk->bus == VB_DOMAIN_DISK_BUS_SATA || disk->bus == VB_DOMAIN_DISK_BUS_IDE) &&
        address->drive.target != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "target must be 0 for %s controller",
                            bus_name(disk));
    return TRUE;
}

/* Source: the names that libvirt takes for disks */
static gboolean
validate_name(const VbDomainDisk *disk, GError **error)
{
    static const char *const prefixes[] = {"fd", "hd", "sd", "vd", "xvd", "ubd"};

    if (disk->device != VB_DOMAIN_DISK_DEVICE_DISK && disk->device != VB_DOMAIN_DISK_DEVICE_LUN)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(disk->dst, prefixes[i]))
            return TRUE;
    }
    return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Invalid harddisk device name: %s",
                        disk->dst);
}

static gboolean
validate_device(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_floppy = disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY;
    const gboolean is_cdrom = disk->device == VB_DOMAIN_DISK_DEVICE_CDROM;

    if (!is_floppy && disk->bus == VB_DOMAIN_DISK_BUS_FDC)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Invalid bus type '%s' for disk",
                            bus_name(disk));
    if (is_cdrom && disk->bus == VB_DOMAIN_DISK_BUS_SD)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk type of '%s' does not support ejectable media", disk->dst);
    if (is_cdrom && disk->copy_on_read == VB_TRISTATE_YES)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "copy_on_read is not compatible with read-only disk '%s'", disk->dst);
    if (g_strcmp0(vb_enum_to_nick(&vb_domain_disk_error_policy_enum, disk->rerror_policy),
                  "enospace") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Invalid disk read error policy: '%s'", "enospace");
    return TRUE;
}

/**
 * vb_domain_validate_place:
 * @def: a definition
 * @disk: one of its disks
 *
 * Returns: TRUE, or FALSE with @error set: CONFIG_UNSUPPORTED, INTERNAL_ERROR where libvirt has that
 */
gboolean
vb_domain_validate_place(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    return validate_name(disk, error) && validate_device(disk, error) &&
           validate_address(def, disk, error);
}
