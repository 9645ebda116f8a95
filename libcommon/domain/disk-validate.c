/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of disks. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"
#include "domain/validate.h"

#define MAX_PRODUCT 16 /* Source: SCSI INQUIRY */
#define MAX_VENDOR 8

static const char *
shown_path(const VbDomainDisk *disk)
{
    const char *path = vb_domain_source_path(&disk->source);

    return path ? path : disk->source.name ? disk->source.name : "(null)";
}

static gboolean
validate_targets(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->disks); i++) {
        const VbDomainDisk *disk = g_ptr_array_index(def->disks, i);

        for (guint j = 0; j < i; j++) {
            const VbDomainDisk *other = g_ptr_array_index(def->disks, j);

            if (strcmp(other->dst, disk->dst) == 0)
                return vb_error_set(error, VIR_ERR_XML_ERROR,
                                    "target '%s' duplicated for disk sources '%s' and '%s'",
                                    disk->dst, shown_path(other), shown_path(disk));
        }
    }
    return TRUE;
}

static gboolean
is_same_drive(const VbDomainDisk *a, const VbDomainDisk *b)
{
    const VbDomainAddress *left = &a->info.address, *right = &b->info.address;

    return a->bus == b->bus && left->type == VB_DOMAIN_ADDRESS_DRIVE &&
           right->type == VB_DOMAIN_ADDRESS_DRIVE &&
           left->drive.controller == right->drive.controller &&
           left->drive.bus == right->drive.bus && left->drive.target == right->drive.target &&
           left->drive.unit == right->drive.unit;
}

static gboolean
validate_drives(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->disks); i++) {
        const VbDomainDisk *disk = g_ptr_array_index(def->disks, i);

        for (guint j = i + 1; j < def->disks->len; j++) {
            const VbDomainDisk *other = g_ptr_array_index(def->disks, j);

            if (!is_same_drive(disk, other))
                continue;
            return vb_error_set(
                error, VIR_ERR_CONFIG_UNSUPPORTED,
                "Found duplicate drive address for disk with target name '%s' controller='%u' "
                "bus='%u' target='%u' unit='%u'",
                disk->dst, disk->info.address.drive.controller, disk->info.address.drive.bus,
                disk->info.address.drive.target, disk->info.address.drive.unit);
        }
    }
    return TRUE;
}

/* partitions: a name that goes on with digits */
static gboolean
validate_target(const VbDomainDisk *disk, GError **error)
{
    g_autofree char *letters = g_strdup(disk->dst);
    const gsize length = strcspn(letters, "0123456789");

    if (letters[length] && letters[length + strspn(letters + length, "0123456789")] == '\0') {
        letters[length] = '\0';
        if (vb_domain_disk_name_to_index(letters) >= 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "invalid disk target '%s', partitions can't appear in disk targets",
                                disk->dst);
    }
    if (disk->removable && disk->bus != VB_DOMAIN_DISK_BUS_USB)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "removable is only valid for usb disks");
    return TRUE;
}

static gboolean
validate_address(const VbDomainDisk *disk, GError **error)
{
    const int type = disk->info.address.type;
    const gboolean wants_drive =
        disk->bus == VB_DOMAIN_DISK_BUS_IDE || disk->bus == VB_DOMAIN_DISK_BUS_FDC ||
        disk->bus == VB_DOMAIN_DISK_BUS_SCSI || disk->bus == VB_DOMAIN_DISK_BUS_SATA;

    if (wants_drive && type != VB_DOMAIN_ADDRESS_DRIVE && type != VB_DOMAIN_ADDRESS_NONE)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Invalid address type '%s' for the disk '%s' with the bus type '%s'",
                            vb_enum_to_nick(&vb_domain_address_type_enum, type), disk->dst,
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    return TRUE;
}

static gboolean
validate_lun(const VbDomainDisk *disk, GError **error)
{
    if (disk->device != VB_DOMAIN_DISK_DEVICE_LUN)
        return TRUE;
    if (disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO && disk->bus != VB_DOMAIN_DISK_BUS_SCSI)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk device='lun' is not supported for bus='%s'",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    if (disk->source.type != VB_DOMAIN_STORAGE_BLOCK &&
        disk->source.type != VB_DOMAIN_STORAGE_NETWORK &&
        disk->source.type != VB_DOMAIN_STORAGE_VOLUME)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk device='lun' is only valid for block type disk source");
    return TRUE;
}

static gboolean
validate_identity(const VbDomainDisk *disk, GError **error)
{
    if (disk->vendor && strlen(disk->vendor) > MAX_VENDOR)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk vendor is more than %d characters", MAX_VENDOR);
    if (disk->product && strlen(disk->product) > MAX_PRODUCT)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk product is more than %d characters", MAX_PRODUCT);
    if ((disk->vendor || disk->product) && disk->bus != VB_DOMAIN_DISK_BUS_SCSI)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only scsi disk supports vendor and product");
    return TRUE;
}

static gboolean
validate_sharing(const VbDomainDisk *disk, GError **error)
{
    if (disk->is_shareable && disk->format != VB_DOMAIN_FORMAT_RAW &&
        disk->format != VB_DOMAIN_FORMAT_NONE)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "shared access for disk '%s' requires use of supported storage format",
                            disk->dst);
    return TRUE;
}

static gboolean
validate_encryption(const VbDomainDisk *disk, GError **error)
{
    static const char *const formats[] = {"default", "qcow", "luks", "luks2", NULL};
    const VbDomainEncryption *given[] = {disk->source.encryption, disk->old_encryption};

    if (given[0] && given[1])
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "an <encryption> definition already found for disk source");
    for (guint i = 0; i < G_N_ELEMENTS(given); i++) {
        if (given[i] && given[i]->format && !g_strv_contains(formats, given[i]->format))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "unknown volume encryption format type %s", given[i]->format);
    }
    return TRUE;
}

static gboolean
validate_source(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_removable =
        disk->device == VB_DOMAIN_DISK_DEVICE_CDROM || disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY;

    if (vb_domain_source_is_empty(&disk->source) && !is_removable &&
        disk->source.startup_policy != VB_DOMAIN_STARTUP_POLICY_OPTIONAL)
        return vb_error_set(error, VIR_ERR_NO_SOURCE, "%s", disk->dst);
    return TRUE;
}

static gboolean
validate_iothread(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    if (!disk->iothread)
        return TRUE;
    if (disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOThreads not available for bus %s target %s",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus), disk->dst);
    VB_DOMAIN_EACH(VbDomainIothread, iothread, def->iothread_ids)
    {
        if (iothread->id == disk->iothread)
            return TRUE;
    }
    if (disk->iothread <= def->iothreads)
        return TRUE;
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "Disk iothread '%u' not defined in iothreadid", disk->iothread);
}

gboolean
vb_domain_validate_disks(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (!validate_target(disk, error) || !validate_address(disk, error) ||
            !validate_lun(disk, error) || !validate_identity(disk, error) ||
            !validate_sharing(disk, error) || !validate_source(disk, error) ||
            !validate_encryption(disk, error) || !validate_iothread(def, disk, error))
            return FALSE;
    }
    return validate_targets(def, error) && validate_drives(def, error);
}
