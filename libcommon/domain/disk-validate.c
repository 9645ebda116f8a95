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
    letters[length] = '\0';
    if (vb_domain_disk_name_to_index(letters) < 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "invalid disk target '%s'",
                            disk->dst);
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
    if (vb_domain_disk_more(disk)->vendor && strlen(vb_domain_disk_more(disk)->vendor) > MAX_VENDOR)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk vendor is more than %d characters", MAX_VENDOR);
    if (vb_domain_disk_more(disk)->product &&
        strlen(vb_domain_disk_more(disk)->product) > MAX_PRODUCT)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk product is more than %d characters", MAX_PRODUCT);
    if ((vb_domain_disk_more(disk)->vendor || vb_domain_disk_more(disk)->product) &&
        disk->bus != VB_DOMAIN_DISK_BUS_SCSI)
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
    const VbDomainEncryption *given[] = {disk->source.encryption,
                                         vb_domain_disk_more(disk)->old_encryption};

    if (given[0] && given[1])
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "an <encryption> definition already found for disk source");
    for (guint i = 0; i < G_N_ELEMENTS(given); i++) {
        if (given[i] && given[i]->format && !g_strv_contains(formats, given[i]->format))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "unknown volume encryption format type %s", given[i]->format);
        if (given[i] && g_strcmp0(given[i]->format, "qcow") == 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "old qcow/qcow2 encryption is not supported");
        if (given[i] && given[i]->has_cipher)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "supplying <cipher> for domain disk definition is unnecessary");
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

/* what QEMU and its drives can do */
static gboolean
validate_format(const VbDomainDisk *disk, GError **error)
{
    if (disk->format == VB_DOMAIN_FORMAT_COW || disk->format == VB_DOMAIN_FORMAT_DIR ||
        disk->format == VB_DOMAIN_FORMAT_VHD)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "'%s' storage format is not supported",
                            vb_enum_to_nick(&vb_domain_image_format_enum, disk->format));
    if (disk->format == VB_DOMAIN_FORMAT_FAT && disk->source.type != VB_DOMAIN_STORAGE_DIR &&
        disk->source.type != VB_DOMAIN_STORAGE_VOLUME)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "storage format 'fat' is supported only with 'dir' storage type");
    if (disk->format == VB_DOMAIN_FORMAT_FAT && !disk->is_readonly)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "virtual FAT storage can't be accessed in read-write mode");
    return TRUE;
}

static gboolean
validate_network(const VbDomainDiskSource *source, GError **error)
{
    if (source->type != VB_DOMAIN_STORAGE_NETWORK)
        return TRUE;
    if (source->protocol == VB_DOMAIN_NET_PROTOCOL_TFTP)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "'%s' protocol is not supported with this QEMU binary",
                            vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol));
    if (source->protocol == VB_DOMAIN_NET_PROTOCOL_GLUSTER &&
        (!source->name || !strchr(source->name, '/')))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "can't split path '%s' into pool name and image name",
                            source->name ? source->name : "");
    return TRUE;
}

static gboolean
validate_bus(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_ide = disk->bus == VB_DOMAIN_DISK_BUS_IDE;

    if (disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY && disk->bus != VB_DOMAIN_DISK_BUS_FDC)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Invalid bus type '%s' for floppy disk",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    if (disk->device == VB_DOMAIN_DISK_DEVICE_CDROM && disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk type of '%s' does not support ejectable media", disk->dst);
    if (disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO &&
        disk->info.address.type == VB_DOMAIN_ADDRESS_DRIVE)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "virtio disk cannot have an address of type 'drive'");
    if (vb_domain_disk_more(disk)->geometry_trans && !is_ide)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "CHS translation mode can only be set for 'ide' bus not '%s'",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    if (vb_domain_disk_more(disk)->sgio &&
        strcmp(vb_domain_disk_more(disk)->sgio, "unfiltered") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unfiltered sgio is no longer supported");
    return TRUE;
}

/* Source: what libvirt takes as a serial number */
#define SERIAL_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+- "

static gboolean
validate_numbers(const VbDomainDisk *disk, GError **error)
{
    const char *wwn = disk->wwn;

    if (disk->serial && strspn(disk->serial, SERIAL_CHARS) != strlen(disk->serial))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "driver serial '%s' contains unsafe characters", disk->serial);
    if (!wwn)
        return TRUE;
    if (g_str_has_prefix(wwn, "0x"))
        wwn += 2;
    if (strlen(wwn) != 16 || strspn(wwn, "0123456789abcdefABCDEF") != 16)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Malformed wwn: %s", disk->wwn);
    if (disk->bus != VB_DOMAIN_DISK_BUS_IDE && disk->bus != VB_DOMAIN_DISK_BUS_SCSI)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only ide and scsi disk support wwn");
    return TRUE;
}

/* limits */
static gboolean
validate_iotune(const VbDomainDiskIotune *t, GError **error)
{
    const struct {
        guint64 total, read, write;
        const char *name;
    } rows[] = {
        {t->total_bytes_sec, t->read_bytes_sec, t->write_bytes_sec, "bytes_sec"},
        {t->total_iops_sec, t->read_iops_sec, t->write_iops_sec, "iops_sec"},
        {t->total_bytes_sec_max, t->read_bytes_sec_max, t->write_bytes_sec_max, "bytes_sec_max"},
        {t->total_iops_sec_max, t->read_iops_sec_max, t->write_iops_sec_max, "iops_sec_max"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].total && (rows[i].read || rows[i].write))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "total and read/write %s cannot be set at the same time",
                                rows[i].name);
    }
    return TRUE;
}

static const VbDomainDiskIotune *
find_throttle_group(const VbDomainDef *def, const char *name)
{
    VB_DOMAIN_EACH(VbDomainDiskIotune, group, def->throttle_groups)
    {
        if (g_strcmp0(group->group_name, name) == 0)
            return group;
    }
    return NULL;
}

static gboolean
validate_throttle_groups(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDiskIotune, group, def->throttle_groups)
    {
        if (!group->group_name || !*group->group_name)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing throttle group name");
        if (find_throttle_group(def, group->group_name) != group)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "duplicate group_name '%s' found",
                                group->group_name);
        if (!validate_iotune(group, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
validate_filters(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    if (VB_DOMAIN_COUNT(vb_domain_disk_more(disk)->throttle_filters) == 0)
        return TRUE;
    if (vb_domain_iotune_is_set(vb_domain_disk_iotune(disk)))
        return vb_error_set(
            error, VIR_ERR_OPERATION_UNSUPPORTED,
            "block 'throttlefilters' can't be used together with 'iotune' for disk '%s'",
            disk->dst);
    if (disk->device == VB_DOMAIN_DISK_DEVICE_CDROM || disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "%s device with throttle filters isn't supported",
                            vb_enum_to_nick(&vb_domain_disk_device_enum, disk->device));
    VB_DOMAIN_EACH(VbDomainThrottleFilter, filter, vb_domain_disk_more(disk)->throttle_filters)
    {
        if (!find_throttle_group(def, filter->group))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "throttle group '%s' not found",
                                filter->group);
    }
    return TRUE;
}

static gboolean
validate_threads(const VbDomainDisk *disk, GError **error)
{
    if (VB_DOMAIN_COUNT(vb_domain_disk_more(disk)->iothreads) == 0)
        return TRUE;
    if (disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOThread mapping is available only for virtio disks");
    if (disk->iothread)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "disk driver 'iothread' attribute can't be used together with "
                            "'iothreads' subelement");
    return TRUE;
}

/* disks of one group share its limits */
static gboolean
is_same_iotune(const VbDomainDiskIotune *a, const VbDomainDiskIotune *b)
{
    VbDomainDiskIotune left = *a, right = *b;

    left.group_name = right.group_name = NULL;
    return memcmp(&left, &right, sizeof(left)) == 0;
}

static gboolean
validate_groups(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->disks); i++) {
        const VbDomainDisk *disk = g_ptr_array_index(def->disks, i);

        for (guint j = 0; j < i && vb_domain_disk_iotune(disk)->group_name; j++) {
            const VbDomainDisk *other = g_ptr_array_index(def->disks, j);

            if (g_strcmp0(vb_domain_disk_iotune(other)->group_name,
                          vb_domain_disk_iotune(disk)->group_name) == 0 &&
                !is_same_iotune(vb_domain_disk_iotune(other), vb_domain_disk_iotune(disk)))
                return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                    "different iotunes for disks %s and %s", other->dst, disk->dst);
        }
    }
    return TRUE;
}

gboolean
vb_domain_validate_disks(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (!validate_target(disk, error) || !vb_domain_validate_place(def, disk, error) ||
            !validate_address(disk, error) || !validate_lun(disk, error) ||
            !validate_identity(disk, error) || !validate_sharing(disk, error) ||
            !validate_source(disk, error) || !validate_encryption(disk, error) ||
            !validate_iothread(def, disk, error) || !validate_format(disk, error) ||
            !validate_network(&disk->source, error) || !validate_bus(disk, error) ||
            !validate_numbers(disk, error) ||
            !validate_iotune(vb_domain_disk_iotune(disk), error) ||
            !validate_threads(disk, error) || !validate_filters(def, disk, error) ||
            !vb_domain_validate_source(&disk->source, error) ||
            !vb_domain_validate_disk_options(def, disk, error))
            return FALSE;
        if (disk->source.type == VB_DOMAIN_STORAGE_VHOST_USER && !vb_domain_has_shared_memory(def))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "'vhostuser' requires shared memory");
    }
    return validate_groups(def, error) && validate_throttle_groups(def, error) &&
           validate_targets(def, error) && validate_drives(def, error);
}
