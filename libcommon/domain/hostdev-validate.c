/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of host devices and file systems. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static gboolean
is_same_pci(const VbDomainPciAddress *a, const VbDomainPciAddress *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot &&
           a->function == b->function;
}

static gboolean
is_same_usb(const VbDomainHostdev *a, const VbDomainHostdev *b)
{
    if (a->has_usb_bus && b->has_usb_bus)
        return a->usb_bus == b->usb_bus && a->usb_device == b->usb_device;
    return a->has_usb_vendor && b->has_usb_vendor && !a->has_usb_bus && !b->has_usb_bus &&
           a->usb_vendor == b->usb_vendor && a->usb_product == b->usb_product;
}

static gboolean
is_same_scsi(const VbDomainHostdev *a, const VbDomainHostdev *b)
{
    if (a->iscsi_name || b->iscsi_name)
        return g_strcmp0(a->iscsi_name, b->iscsi_name) == 0 &&
               g_strcmp0(a->iscsi_host, b->iscsi_host) == 0;
    return g_strcmp0(a->scsi_adapter, b->scsi_adapter) == 0 && a->scsi_bus == b->scsi_bus &&
           a->scsi_target == b->scsi_target && a->scsi_unit == b->scsi_unit;
}

gboolean
vb_domain_hostdev_is_same(const VbDomainHostdev *a, const VbDomainHostdev *b)
{
    if (a->type != b->type)
        return FALSE;
    switch ((VbDomainHostdevType)a->type) {
    case VB_DOMAIN_HOSTDEV_PCI:
        return is_same_pci(&a->pci, &b->pci);
    case VB_DOMAIN_HOSTDEV_USB:
        return is_same_usb(a, b);
    case VB_DOMAIN_HOSTDEV_SCSI:
        return is_same_scsi(a, b);
    case VB_DOMAIN_HOSTDEV_SCSI_HOST:
        return a->vhost_wwpn && g_strcmp0(a->vhost_wwpn, b->vhost_wwpn) == 0;
    case VB_DOMAIN_HOSTDEV_MDEV:
        return g_strcmp0(a->mdev_uuid, b->mdev_uuid) == 0;
    case VB_DOMAIN_HOSTDEV_LAST:
        return FALSE;
    }
    return FALSE;
}

static gboolean
validate_mdev(const VbDomainDef *def, const VbDomainHostdev *hostdev, GError **error)
{
    const int address = hostdev->info.address.type;

    if (hostdev->type != VB_DOMAIN_HOSTDEV_MDEV)
        return TRUE;
    if (g_strcmp0(hostdev->mdev_model, "vfio-ap") == 0 ||
        g_strcmp0(hostdev->mdev_model, "vfio-ccw") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "VFIO %s device assignment is not supported by this version of QEMU",
                            strcmp(hostdev->mdev_model, "vfio-ap") == 0 ? "AP" : "CCW");
    if (!hostdev->mdev_uuid)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Missing 'uuid' attribute for element <address>");
    if (g_strcmp0(hostdev->mdev_model, "vfio-pci") == 0 && address != VB_DOMAIN_ADDRESS_NONE &&
        address != VB_DOMAIN_ADDRESS_PCI)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Unsupported address type '%s' with mediated device model 'vfio-pci'",
                            vb_enum_to_nick(&vb_domain_address_type_enum, address));
    if (hostdev->display == VB_TRISTATE_YES && VB_DOMAIN_COUNT(def->graphics) == 0)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "graphics device is needed for attribute value 'display=on' in <hostdev>");
    return TRUE;
}

static gboolean
validate_hostdev_source(const VbDomainHostdev *h, GError **error)
{
    const gboolean is_scsi = h->type == VB_DOMAIN_HOSTDEV_SCSI;
    const gboolean is_iscsi = g_strcmp0(h->iscsi_protocol, "iscsi") == 0;
    const VbDomainRule rules[] = {
        {h->type == VB_DOMAIN_HOSTDEV_PCI && !h->has_pci, VIR_ERR_XML_ERROR,
         "Missing <source> element in hostdev device"},
        {is_scsi && is_iscsi && !h->iscsi_name, VIR_ERR_XML_ERROR,
         "missing iSCSI hostdev source path name"},
        {is_scsi && is_iscsi && !h->iscsi_host, VIR_ERR_XML_ERROR,
         "missing the host address for the iSCSI hostdev"},
        {is_scsi && !is_iscsi && h->has_scsi && !h->scsi_adapter, VIR_ERR_XML_ERROR,
         "'adapter' must be specified for scsi hostdev source"},
        {is_scsi && !is_iscsi && h->scsi_adapter && !h->has_scsi, VIR_ERR_XML_ERROR,
         "'address' must be specified for scsi hostdev source"},
    };

    if (is_scsi && h->iscsi_protocol && !is_iscsi)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Unknown SCSI subsystem protocol '%s'", h->iscsi_protocol);
    return VB_DOMAIN_CHECK(rules, error);
}

static gboolean
validate_one(const VbDomainDef *def, guint i, GError **error)
{
    const VbDomainHostdev *hostdev = g_ptr_array_index(def->hostdevs, i);

    for (guint j = 0; j < i; j++) {
        const VbDomainHostdev *other = g_ptr_array_index(def->hostdevs, j);

        if (vb_domain_hostdev_is_same(hostdev, other))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Hostdev already exists in the domain configuration");
        if (hostdev->ramfb == VB_TRISTATE_YES && other->ramfb == VB_TRISTATE_YES)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Only one vgpu device can have 'ramfb' enabled");
    }
    if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI_HOST && hostdev->info.boot_order)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "booting from assigned devices is not supported by vhost SCSI devices");
    if (hostdev->write_filtering)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Write filtering of PCI device configuration space is not supported "
                            "by qemu");
    if (g_strcmp0(hostdev->sgio, "unfiltered") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unfiltered sgio is no longer supported");
    return validate_hostdev_source(hostdev, error) && validate_mdev(def, hostdev, error);
}

static gboolean
validate_filesystem(const VbDomainDef *def, const VbDomainFilesystem *fs, GError **error)
{
    const gboolean is_virtiofs = g_strcmp0(fs->driver_type, "virtiofs") == 0;

    if (!fs->target_dir && !fs->source_socket)
        return vb_error_set(error, VIR_ERR_NO_TARGET, "%s", fs->source_dir ? fs->source_dir : "");
    if (!fs->source_dir && !fs->source_file && !fs->source_dev && !fs->source_name &&
        !fs->source_socket && g_strcmp0(fs->type, "ram") != 0)
        return vb_error_set(error, VIR_ERR_NO_SOURCE, "%s", fs->target_dir);
    if (g_strcmp0(fs->type, "mount") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only supports mount filesystem type");
    if (!is_virtiofs)
        return TRUE;
    if (fs->is_readonly)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "virtiofs does not yet support read-only mode");
    if (fs->accessmode && strcmp(fs->accessmode, "passthrough") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "virtiofs only supports passthrough accessmode");
    if (!vb_domain_has_shared_memory(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "'virtiofs' requires shared memory");
    return TRUE;
}

gboolean
vb_domain_validate_hostdevs(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->hostdevs); i++) {
        if (!validate_one(def, i, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainFilesystem, filesystem, def->filesystems)
    {
        if (!validate_filesystem(def, filesystem, error))
            return FALSE;
    }
    return TRUE;
}
