/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of a disk: options that its device, bus, format or source cannot have. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

/**
 * vb_domain_validate_virtio:
 * @options: what <driver> of a device says
 * @is_virtio: whether the device is a virtio one
 * @error: return location
 *
 * Returns: TRUE, or FALSE with @error set when another device has virtio's options
 */
gboolean
vb_domain_validate_virtio(const VbDomainVirtioOptions *options, gboolean is_virtio, GError **error)
{
#define ONLY_VIRTIO(name) UNSUPPORTED, name " driver option is only supported for virtio devices"
    const VbDomainRule rules[] = {
        {!is_virtio && options->iommu, ONLY_VIRTIO("iommu")},
        {!is_virtio && options->ats, ONLY_VIRTIO("ats")},
        {!is_virtio && options->packed, ONLY_VIRTIO("packed")},
        {!is_virtio && options->page_per_vq, ONLY_VIRTIO("page_per_vq")},
    };

    return VB_DOMAIN_CHECK(rules, error);
}

/* what only some buses have */
static gboolean
validate_bus_options(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_virtio = disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO;
    const gboolean is_rotating = disk->bus == VB_DOMAIN_DISK_BUS_SCSI ||
                                 disk->bus == VB_DOMAIN_DISK_BUS_IDE ||
                                 disk->bus == VB_DOMAIN_DISK_BUS_SATA;
    const gboolean is_disk =
        disk->device == VB_DOMAIN_DISK_DEVICE_DISK || disk->device == VB_DOMAIN_DISK_DEVICE_LUN;
    const gboolean is_ejectable =
        disk->device == VB_DOMAIN_DISK_DEVICE_CDROM || disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY;
    const VbDomainRule rules[] = {
        {disk->tray && !is_ejectable, UNSUPPORTED, "tray is only valid for cdrom and floppy"},
        {disk->rotation_rate && !is_disk, VIR_ERR_INTERNAL_ERROR,
         "rotation rate is only valid for disk device"},
        {disk->rotation_rate && !is_rotating, VIR_ERR_INTERNAL_ERROR,
         "rotation rate is only valid for SCSI/IDE/SATA bus"},
        {disk->queues && !is_virtio, UNSUPPORTED,
         "queues attribute in disk driver element is only supported by virtio-blk"},
        {disk->queue_size && !is_virtio, UNSUPPORTED,
         "queue_size attribute in disk driver element is only supported by virtio-blk"},
        {disk->event_idx && !is_virtio, UNSUPPORTED,
         "disk event_idx mode supported only for virtio bus"},
        {disk->ioeventfd && !is_virtio, UNSUPPORTED,
         "disk ioeventfd mode supported only for virtio bus"},
        {disk->bus == VB_DOMAIN_DISK_BUS_USB && disk->info.address.type &&
             disk->info.address.type != VB_DOMAIN_ADDRESS_USB,
         VIR_ERR_INTERNAL_ERROR, "unexpected address type for usb disk"},
        {disk->is_readonly && disk->device == VB_DOMAIN_DISK_DEVICE_DISK &&
             disk->bus == VB_DOMAIN_DISK_BUS_IDE,
         UNSUPPORTED, "readonly ide disks are not supported"},
        {disk->is_readonly && disk->device == VB_DOMAIN_DISK_DEVICE_DISK &&
             disk->bus == VB_DOMAIN_DISK_BUS_SATA,
         UNSUPPORTED, "readonly sata disks are not supported"},
    };

    if (disk->model && !is_virtio)
        return vb_error_set(error, UNSUPPORTED, "disk model '%s' not supported for bus '%s'",
                            vb_enum_to_nick(&vb_domain_disk_model_enum, disk->model),
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    return VB_DOMAIN_CHECK(rules, error) &&
           vb_domain_validate_virtio(&disk->virtio, is_virtio, error);
}

static gboolean
validate_lun_options(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_lun = disk->device == VB_DOMAIN_DISK_DEVICE_LUN;
    const VbDomainDiskSource *source = &disk->source;
    const VbDomainRule rules[] = {
        {!is_lun && disk->rawio, UNSUPPORTED, "rawio can be used only with device='lun'"},
        {!is_lun && vb_domain_disk_more(disk)->sgio, UNSUPPORTED,
         "sgio can be used only with device='lun'"},
        {!is_lun && (vb_domain_source_more(source)->reservations_managed ||
                     vb_domain_source_more(source)->reservations_path),
         UNSUPPORTED, "<reservations/> allowed only for lun devices"},
        {is_lun && (vb_domain_disk_more(disk)->vendor || vb_domain_disk_more(disk)->product),
         UNSUPPORTED, "Setting vendor or product is not supported for lun device"},
        {is_lun && disk->wwn, UNSUPPORTED, "Setting wwn is not supported for lun device"},
        {is_lun && disk->format && disk->format != VB_DOMAIN_FORMAT_RAW, UNSUPPORTED,
         "disk device 'lun' must use 'raw' format"},
    };

    if (is_lun && source->type == VB_DOMAIN_STORAGE_NETWORK &&
        source->protocol != VB_DOMAIN_NET_PROTOCOL_ISCSI)
        return vb_error_set(error, UNSUPPORTED,
                            "disk device='lun' is not supported for protocol='%s'",
                            vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol));
    return VB_DOMAIN_CHECK(rules, error);
}

static gboolean
validate_format_options(const VbDomainDisk *disk, GError **error)
{
    const gboolean is_direct =
        disk->cache == VB_DOMAIN_DISK_CACHE_NONE || disk->cache == VB_DOMAIN_DISK_CACHE_DIRECTSYNC;
    const gboolean is_encryptable =
        disk->format == VB_DOMAIN_FORMAT_RAW || disk->format == VB_DOMAIN_FORMAT_QCOW2;
    const VbDomainRule rules[] = {
        {vb_domain_disk_more(disk)->metadata_cache_size && disk->format != VB_DOMAIN_FORMAT_QCOW2,
         UNSUPPORTED, "metadata cache max size control is supported only with qcow2 images"},
        {disk->io == VB_DOMAIN_DISK_IO_NATIVE && !is_direct, UNSUPPORTED,
         "io='native' needs either no disk cache or directsync cache mode"},
        {disk->source.type == VB_DOMAIN_STORAGE_DIR && disk->format != VB_DOMAIN_FORMAT_FAT,
         UNSUPPORTED, "storage type 'dir' requires use of storage format 'fat'"},
        {disk->source.encryption && !is_encryptable, UNSUPPORTED,
         "encryption is supported only with 'raw' and 'qcow2' image format"},
    };

    if (disk->driver_name && strcmp(disk->driver_name, "qemu") != 0)
        return vb_error_set(error, UNSUPPORTED, "unsupported driver name '%s' for disk '%s'",
                            disk->driver_name, disk->dst);
    if (vb_domain_disk_more(disk)->transient_share == VB_TRISTATE_YES &&
        disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO && disk->bus != VB_DOMAIN_DISK_BUS_SCSI &&
        disk->bus != VB_DOMAIN_DISK_BUS_USB)
        return vb_error_set(error, UNSUPPORTED,
                            "disk bus '%s' doesn't support transiend disk backing image sharing",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    return VB_DOMAIN_CHECK(rules, error);
}

/* a chain names the format of each image, and where it is */
static gboolean
validate_chain(const VbDomainBackingStore *backing, GError **error)
{
    for (; backing && backing->source.type != VB_DOMAIN_STORAGE_NONE; backing = backing->backing) {
        if (!backing->format)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing disk backing store format");
        if (!vb_domain_validate_source(&backing->source, error))
            return FALSE;
    }
    return TRUE;
}

/**
 * vb_domain_validate_disk_options:
 * @def: a domain
 * @disk: one of its disks
 * @error: return location
 *
 * Returns: TRUE, or FALSE with @error set when the disk has options that do not fit its device, bus, format or source
 * Errors: CONFIG_UNSUPPORTED, XML_ERROR, INTERNAL_ERROR as libvirt has them
 */
gboolean
vb_domain_validate_disk_options(const VbDomainDef *def, const VbDomainDisk *disk, GError **error)
{
    return validate_chain(disk->backing, error) && validate_bus_options(disk, error) &&
           validate_lun_options(disk, error) && validate_format_options(disk, error);
}
