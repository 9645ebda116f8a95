/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all kinds have in common, and the kinds that need no file of their own. */
#include "describe.h"

#include <string.h>

/* ---- the computer ---- */

/* Source: Documentation/ABI/testing/sysfs-class-dmi (the kernel shows what SMBIOS says) */
#define DMI "/sys/devices/virtual/dmi/id"

void
nodedev_describe_system(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    VbUuid uuid;
    char text[37] = "00000000-0000-0000-0000-000000000000";
    g_autofree char *uuid_text = nodedev_sysfs_read(d->host, DMI, "product_uuid");
    to->product = nodedev_sysfs_read(d->host, DMI, "product_name");
    to->hw_vendor = nodedev_sysfs_read(d->host, DMI, "sys_vendor");
    to->hw_version = nodedev_sysfs_read(d->host, DMI, "product_version");
    to->hw_serial = nodedev_sysfs_read(d->host, DMI, "product_serial");
    if (uuid_text && vb_uuid_parse(uuid_text, &uuid))
        vb_uuid_format(&uuid, text);
    to->hw_uuid = g_strdup(text);
    to->has_firmware = TRUE;
    to->fw_vendor = nodedev_sysfs_read(d->host, DMI, "bios_vendor");
    to->fw_version = nodedev_sysfs_read(d->host, DMI, "bios_version");
    to->fw_date = nodedev_sysfs_read(d->host, DMI, "bios_date");
}

/* ---- usb ---- */

static char *
first_of(const NodedevDescription *d, NodedevProp property, const char *attribute)
{
    if (d->raw->values[property])
        return g_strdup(d->raw->values[property]);
    return nodedev_sysfs_read(d->host, d->device->syspath, attribute);
}

static guint
number_of(const char *text, guint base)
{
    guint64 number = 0;
    return text && nodedev_parse_uint(text, base, G_MAXUINT32, &number) ? (guint)number : 0;
}

void
nodedev_describe_usb_device(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    to->bus = number_of(d->raw->values[NODEDEV_PROP_BUSNUM], 10);
    to->device = number_of(d->raw->values[NODEDEV_PROP_DEVNUM], 10);
    to->has_bus = to->has_ids = TRUE;
    to->vendor_id = d->device->vendor_id;
    to->product_id = d->device->product_id;
    if (d->raw->values[NODEDEV_PROP_ID_VENDOR_ID])
        to->vendor_id = number_of(d->raw->values[NODEDEV_PROP_ID_VENDOR_ID], 16) & 0xffff;
    if (d->raw->values[NODEDEV_PROP_ID_MODEL_ID])
        to->product_id = number_of(d->raw->values[NODEDEV_PROP_ID_MODEL_ID], 16) & 0xffff;
    to->vendor = first_of(d, NODEDEV_PROP_ID_VENDOR_FROM_DATABASE, "manufacturer");
    to->product = first_of(d, NODEDEV_PROP_ID_MODEL_FROM_DATABASE, "product");
    if (!to->vendor)
        to->vendor = nodedev_ids_vendor(NODEDEV_IDS_USB, to->vendor_id);
    if (!to->product)
        to->product = nodedev_ids_product(NODEDEV_IDS_USB, to->vendor_id, to->product_id);
}

static guint
attribute_number(const NodedevDescription *d, const char *attribute, guint base)
{
    guint64 number = 0;
    return nodedev_sysfs_read_uint(d->host, d->device->syspath, attribute, base, &number) &&
                   number <= G_MAXUINT32
               ? (guint)number
               : 0;
}

void
nodedev_describe_usb(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    to->has_number = TRUE;
    to->number = attribute_number(d, "bInterfaceNumber", 16);
    to->usb_class = attribute_number(d, "bInterfaceClass", 16);
    to->subclass = attribute_number(d, "bInterfaceSubClass", 16);
    to->protocol = attribute_number(d, "bInterfaceProtocol", 16);
}

/* ---- drm, vdpa, scsi_generic, mdev ---- */

/* Source: drivers/gpu/drm/drm_drv.c: 64 minors each */
static void
describe_drm(const NodedevDescription *d)
{
    static const char *const types[] = {"primary", "control", "render"};
    guint which = number_of(d->raw->values[NODEDEV_PROP_MINOR], 10) / 64;
    d->to->drm_type = g_strdup(which < G_N_ELEMENTS(types) ? types[which] : "render");
}

static void
describe_scsi_generic(const NodedevDescription *d)
{
    d->to->char_dev = g_strdup(d->raw->devnode);
}

static void
describe_vdpa(const NodedevDescription *d)
{
    g_autoptr(GPtrArray) names = nodedev_sysfs_list(d->host, d->device->syspath, NULL, G_MAXUINT16);
    for (guint i = 0; i < names->len && !d->to->char_dev; i++)
        if (g_str_has_prefix(names->pdata[i], "vhost-vdpa"))
            d->to->char_dev = g_strconcat("/dev/", names->pdata[i], NULL);
}

static void
copy_attrs(NodedevCapability *to, const NodedevMdev *mdev)
{
    for (guint i = 0; mdev->attrs && i < mdev->attrs->len; i++) {
        const NodedevAttr *from = mdev->attrs->pdata[i];
        NodedevAttr *attr = nodedev_list_add(&to->attrs, &nodedev_attr_type);
        attr->name = g_strdup(from->name);
        attr->value = g_strdup(from->value);
    }
}

static void
describe_mdev(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    g_autofree char *parent = g_path_get_dirname(d->device->syspath);
    to->mdev_type = nodedev_sysfs_link_name(d->host, d->device->syspath, "mdev_type");
    to->mdev_uuid = g_path_get_basename(d->device->syspath);
    to->mdev_parent_addr = g_path_get_basename(parent);
    to->has_iommu_group = TRUE; /* 0 where there is none, as libvirt shows it */
    to->iommu_group = d->device->iommu_group >= 0 ? (guint)d->device->iommu_group : 0;
    if (d->device->definition)
        copy_attrs(to, d->device->definition);
}

/**
 * nodedev_describe_mdev_types:
 *
 * The kinds of mediated devices that the device can make, where it can make any.
 */
void
nodedev_describe_mdev_types(const NodedevDescription *d)
{
    g_autofree char *folder = g_strconcat(d->device->syspath, "/mdev_supported_types", NULL);
    g_autoptr(GPtrArray) names = nodedev_sysfs_list(d->host, folder, NULL, 4096);
    NodedevSub *sub = NULL;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        guint64 available;
        if (!sub)
            sub = nodedev_sub_add(d->to, NODEDEV_SUB_MDEV_TYPES);
        NodedevMdevType *type = nodedev_list_add(&sub->mdev_types, &nodedev_mdev_type_type);
        type->id = nodedev_sysfs_clean(names->pdata[i], strlen(names->pdata[i]));
        type->name = nodedev_sysfs_read(d->host, path, "name");
        type->device_api = nodedev_sysfs_read(d->host, path, "device_api");
        type->has_available =
            nodedev_sysfs_read_uint(d->host, path, "available_instances", 10, &available);
        type->available = type->has_available ? (guint)MIN(available, G_MAXUINT32) : 0;
    }
}

/* ---- whole devices ---- */

static void (*const describers[NODEDEV_CAP_N])(const NodedevDescription *d) = {
    [NODEDEV_CAP_SYSTEM] = nodedev_describe_system,
    [NODEDEV_CAP_PCI] = nodedev_describe_pci,
    [NODEDEV_CAP_USB_DEVICE] = nodedev_describe_usb_device,
    [NODEDEV_CAP_USB] = nodedev_describe_usb,
    [NODEDEV_CAP_NET] = nodedev_describe_net,
    [NODEDEV_CAP_SCSI_HOST] = nodedev_describe_scsi_host,
    [NODEDEV_CAP_SCSI_TARGET] = nodedev_describe_scsi_target,
    [NODEDEV_CAP_SCSI] = nodedev_describe_scsi,
    [NODEDEV_CAP_STORAGE] = nodedev_describe_storage,
    [NODEDEV_CAP_SCSI_GENERIC] = describe_scsi_generic,
    [NODEDEV_CAP_DRM] = describe_drm,
    [NODEDEV_CAP_MDEV] = describe_mdev,
    [NODEDEV_CAP_MDEV_TYPES] = nodedev_describe_mdev_types,
    [NODEDEV_CAP_VDPA] = describe_vdpa,
    [NODEDEV_CAP_CCW] = nodedev_describe_ccw,
    [NODEDEV_CAP_CSS] = nodedev_describe_ccw,
    [NODEDEV_CAP_CCWGROUP] = nodedev_describe_ccwgroup,
    [NODEDEV_CAP_AP_CARD] = nodedev_describe_ap,
    [NODEDEV_CAP_AP_QUEUE] = nodedev_describe_ap,
    [NODEDEV_CAP_AP_MATRIX] = nodedev_describe_mdev_types,
};

static NodedevDef *
def_new(const NodedevDevice *device)
{
    NodedevDef *def = vb_xml_new(&nodedev_def_type);
    def->name = g_strdup(device->name);
    def->parent = g_strdup(device->parent);
    def->capability = vb_xml_new(&nodedev_capability_type);
    def->capability->type = (int)device->kind;
    return def;
}

static void
add_devnode(NodedevDef *def, const char *type, const char *path)
{
    NodedevDevnode *node = nodedev_list_add(&def->devnodes, &nodedev_devnode_type);
    node->type = g_strdup(type);
    node->path = g_strdup(path);
}

/**
 * nodedev_describe:
 * @raw: (nullable): what udev says now; without it the device is not there (any more)
 *
 * Reads what the kernel says now. Missing and broken attributes are left out.
 *
 * Returns: (transfer full)
 */
NodedevDef *
nodedev_describe(const NodedevHost *host, const NodedevDevice *device, const NodedevRaw *raw)
{
    if (!raw && device->kind != NODEDEV_CAP_SYSTEM && device->definition)
        return nodedev_describe_defined(device);
    NodedevDef *def = def_new(device);
    const NodedevDescription d = {host, device, raw, def->capability};
    def->path = g_strdup(device->syspath);
    def->driver = g_strdup(device->driver);
    if (raw && raw->devnode)
        add_devnode(def, "dev", raw->devnode);
    for (guint i = 0; raw && raw->devlinks && raw->devlinks[i]; i++)
        add_devnode(def, "link", raw->devlinks[i]);
    if (describers[device->kind] && (raw || device->kind == NODEDEV_CAP_SYSTEM))
        describers[device->kind](&d);
    return def;
}

NodedevDef *
nodedev_describe_defined(const NodedevDevice *device)
{
    const NodedevMdev *mdev = device->definition;
    NodedevDef *def = def_new(device);
    NodedevCapability *to = def->capability;
    to->mdev_type = g_strdup(mdev->type);
    to->mdev_uuid = g_strdup(mdev->uuid);
    to->mdev_parent_addr = g_strdup(mdev->parent_addr);
    to->has_iommu_group = TRUE;
    copy_attrs(to, mdev);
    return def;
}
