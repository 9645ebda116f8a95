/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device is and is called: decided from what the kernel and udev say of it. Names are libvirt's. */
#include "device.h"

#include <stdio.h>
#include <string.h>

#define BIT(kind) (1u << NODEDEV_CAP_##kind)

void
nodedev_mdev_free(NodedevMdev *mdev)
{
    if (!mdev)
        return;
    g_free(mdev->uuid);
    g_free(mdev->parent_addr);
    g_free(mdev->type);
    for (guint i = 0; mdev->attrs && i < mdev->attrs->len; i++)
        vb_xml_free(&nodedev_attr_type, mdev->attrs->pdata[i]);
    g_clear_pointer(&mdev->attrs, g_ptr_array_unref);
    g_free(mdev);
}

void
nodedev_device_free(NodedevDevice *device)
{
    if (!device)
        return;
    g_free(device->name);
    g_free(device->syspath);
    g_free(device->parent);
    g_free(device->driver);
    g_free(device->devnode);
    g_strfreev(device->devlinks);
    nodedev_mdev_free(device->definition);
    g_clear_pointer(&device->vpd, g_bytes_unref);
    g_free(device);
}

gboolean
nodedev_device_has_cap(const NodedevDevice *device, NodedevCap cap)
{
    return (device->caps & (1u << cap)) != 0;
}

char *
nodedev_device_name(const char *prefix, const char *sysname, const char *suffix)
{
    char *name = suffix ? g_strconcat(prefix, "_", sysname, "_", suffix, NULL)
                        : g_strconcat(prefix, "_", sysname, NULL);
    for (char *at = name; *at; at++)
        if (!g_ascii_isalnum(*at))
            *at = '_';
    return name;
}

char *
nodedev_device_mdev_name(const char *uuid, const char *parent_addr)
{
    return nodedev_device_name("mdev", uuid, parent_addr);
}

static NodedevDevice *
device_new(NodedevCap kind)
{
    NodedevDevice *device = g_new0(NodedevDevice, 1);
    device->kind = kind;
    device->caps = 1u << kind;
    device->iommu_group = -1;
    device->numa_node = -1;
    return device;
}

/* ---- which kind ---- */

static const struct {
    const char *devtype;
    NodedevCap kind;
} by_devtype[] = {
    {"usb_device", NODEDEV_CAP_USB_DEVICE}, {"usb_interface", NODEDEV_CAP_USB},
    {"scsi_host", NODEDEV_CAP_SCSI_HOST},   {"scsi_target", NODEDEV_CAP_SCSI_TARGET},
    {"scsi_device", NODEDEV_CAP_SCSI},      {"disk", NODEDEV_CAP_STORAGE},
    {"drm_minor", NODEDEV_CAP_DRM},
};

static const struct {
    const char *subsystem;
    NodedevCap kind;
} by_subsystem[] = {
    {"scsi_generic", NODEDEV_CAP_SCSI_GENERIC},
    {"mdev", NODEDEV_CAP_MDEV},
    {"ccw", NODEDEV_CAP_CCW},
    {"css", NODEDEV_CAP_CSS},
    {"ccwgroup", NODEDEV_CAP_CCWGROUP},
    {"vdpa", NODEDEV_CAP_VDPA},
    {"matrix", NODEDEV_CAP_AP_MATRIX},
    {"vfio_ap", NODEDEV_CAP_AP_MATRIX},
};

/* Whatever else can make mediated devices, the kernel's samples among it: it is nothing but that. */
static NodedevCap
kind_of_others(const NodedevHost *host, const NodedevRaw *raw)
{
    return nodedev_sysfs_exists(host, raw->syspath, "mdev_supported_types") ? NODEDEV_CAP_MDEV_TYPES
                                                                            : NODEDEV_CAP_NONE;
}

static NodedevCap
kind_of(const NodedevRaw *raw)
{
    for (guint i = 0; raw->devtype && i < G_N_ELEMENTS(by_devtype); i++)
        if (g_str_equal(by_devtype[i].devtype, raw->devtype))
            return by_devtype[i].kind;
    if (g_strcmp0(raw->devtype, "ap_card") == 0)
        return NODEDEV_CAP_AP_CARD;
    if (g_strcmp0(raw->devtype, "ap_queue") == 0)
        return NODEDEV_CAP_AP_QUEUE;
    if (g_strcmp0(raw->subsystem, "pci") == 0 && raw->values[NODEDEV_PROP_PCI_CLASS])
        return NODEDEV_CAP_PCI;
    if (g_strcmp0(raw->subsystem, "net") == 0 && raw->values[NODEDEV_PROP_INTERFACE])
        return NODEDEV_CAP_NET;
    for (guint i = 0; raw->subsystem && i < G_N_ELEMENTS(by_subsystem); i++)
        if (g_str_equal(by_subsystem[i].subsystem, raw->subsystem))
            return by_subsystem[i].kind;
    return NODEDEV_CAP_NONE;
}

/* ---- storage: what kind of drive ---- */

/* Where udev's ID_TYPE is missing: by the driver's own naming of its disks (Documentation/admin-guide/devices.txt) */
static gboolean
is_disk_by_name(const char *sysname)
{
    static const char *const prefixes[] = {"vd", "nvme", "pmem", "mmcblk"};
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(sysname, prefixes[i]))
            return TRUE;
    return FALSE;
}

/* SCSI peripheral device types, SPC-4 6.4.2: 0 disk, 5 CD/DVD, 0xe simplified disk */
static const char *
drive_type_by_scsi(const NodedevHost *host, const NodedevRaw *raw)
{
    guint64 type;
    if (!nodedev_sysfs_read_uint(host, raw->syspath, "device/type", 10, &type))
        return NULL;
    return type == 5 ? "cdrom" : type == 0 || type == 0xe ? "disk" : NULL;
}

static gboolean
is_set(const char *property)
{
    return property && g_str_equal(property, "1");
}

/**
 * nodedev_drive_type:
 *
 * Returns: (nullable): disk, cdrom, floppy, sd; NULL: none that is shown
 */
const char *
nodedev_drive_type(const NodedevHost *host, const NodedevRaw *raw)
{
    static const char *const known[] = {"disk", "cdrom", "floppy", "sd"};
    const char *type = raw->values[NODEDEV_PROP_ID_TYPE];
    for (guint i = 0; type && i < G_N_ELEMENTS(known); i++)
        if (g_str_equal(known[i], type))
            return known[i];
    if (type && !g_str_equal(type, "generic"))
        return NULL;
    if (is_set(raw->values[NODEDEV_PROP_ID_DRIVE_FLOPPY]))
        return "floppy";
    if (is_set(raw->values[NODEDEV_PROP_ID_CDROM]))
        return "cdrom";
    if (is_set(raw->values[NODEDEV_PROP_ID_DRIVE_FLASH_SD]))
        return "sd";
    if (is_disk_by_name(nodedev_raw_sysname(raw)))
        return "disk";
    /* a loop device is a disk as long as a file stands behind it */
    if (g_str_has_prefix(nodedev_raw_sysname(raw), "loop"))
        return nodedev_sysfs_exists(host, raw->syspath, "loop/backing_file") ? "disk" : NULL;
    return drive_type_by_scsi(host, raw);
}

/* ---- facts that are always known ---- */

static void
note_mdev_types(const NodedevHost *host, NodedevDevice *device)
{
    if (nodedev_sysfs_exists(host, device->syspath, "mdev_supported_types"))
        device->caps |= BIT(MDEV_TYPES);
}

static int
group_of(const NodedevHost *host, const char *syspath)
{
    g_autofree char *name = nodedev_sysfs_link_name(host, syspath, "iommu_group");
    guint64 number;
    return name && nodedev_parse_uint(name, 10, G_MAXINT32, &number) ? (int)number : -1;
}

static void
facts_pci(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    const char *id = raw->values[NODEDEV_PROP_PCI_ID];
    const char *slot = raw->values[NODEDEV_PROP_PCI_SLOT_NAME];
    guint64 number;
    gint64 node;
    nodedev_pci_parse(slot ? slot : nodedev_raw_sysname(raw), &device->pci);
    if (nodedev_parse_uint(raw->values[NODEDEV_PROP_PCI_CLASS], 16, 0xffffff, &number))
        device->pci_class = (guint)number;
    if (!id || sscanf(id, "%4x:%4x", &device->vendor_id, &device->product_id) != 2) {
        if (nodedev_sysfs_read_uint(host, raw->syspath, "vendor", 16, &number))
            device->vendor_id = (guint)(number & 0xffff);
        if (nodedev_sysfs_read_uint(host, raw->syspath, "device", 16, &number))
            device->product_id = (guint)(number & 0xffff);
    }
    device->iommu_group = group_of(host, raw->syspath);
    if (nodedev_sysfs_read_int(host, raw->syspath, "numa_node", &node))
        device->numa_node = (int)CLAMP(node, -1, G_MAXINT32);
    if (nodedev_sysfs_exists(host, raw->syspath, "vpd"))
        device->caps |= BIT(VPD);
    note_mdev_types(host, device);
}

static void
facts_scsi_host(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    static const char *const classes[] = {"fc_host", "scsi_host"};
    const char *sysname = nodedev_raw_sysname(raw);
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        g_autofree char *folder = g_strdup_printf("/sys/class/%s/%s", classes[i], sysname);
        if (i == 0 && nodedev_sysfs_exists(host, folder, NULL))
            device->caps |= BIT(FC_HOST);
        if (nodedev_sysfs_exists(host, folder, "vport_create"))
            device->caps |= BIT(VPORTS);
    }
}

static void
facts_usb(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    guint64 number;
    if (nodedev_sysfs_read_uint(host, raw->syspath, "idVendor", 16, &number))
        device->vendor_id = (guint)(number & 0xffff);
    if (nodedev_sysfs_read_uint(host, raw->syspath, "idProduct", 16, &number))
        device->product_id = (guint)(number & 0xffff);
}

static void
facts_mdev(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    device->iommu_group = group_of(host, raw->syspath);
}

static void
facts_mdev_parent(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    note_mdev_types(host, device);
}

static void
facts_ccw(const NodedevHost *host, const NodedevRaw *raw, NodedevDevice *device)
{
    if (nodedev_sysfs_exists(host, raw->syspath, "group_device"))
        device->caps |= BIT(CCWGROUP_MEMBER);
}

static void (*const facts[NODEDEV_CAP_N])(const NodedevHost *host, const NodedevRaw *raw,
                                          NodedevDevice *device) = {
    [NODEDEV_CAP_PCI] = facts_pci,
    [NODEDEV_CAP_USB_DEVICE] = facts_usb,
    [NODEDEV_CAP_SCSI_HOST] = facts_scsi_host,
    [NODEDEV_CAP_MDEV] = facts_mdev,
    [NODEDEV_CAP_CSS] = facts_mdev_parent,
    [NODEDEV_CAP_AP_MATRIX] = facts_mdev_parent,
    [NODEDEV_CAP_CCW] = facts_ccw,
};

/* ---- names ---- */

static char *
name_of(const NodedevHost *host, const NodedevRaw *raw, NodedevCap kind)
{
    const char *sysname = nodedev_raw_sysname(raw);
    g_autofree char *suffix = NULL;
    if (kind == NODEDEV_CAP_NET)
        suffix = nodedev_sysfs_read(host, raw->syspath, "address");
    else if (kind == NODEDEV_CAP_STORAGE)
        suffix = g_strdup(raw->values[NODEDEV_PROP_ID_SERIAL]);
    else if (kind == NODEDEV_CAP_AP_MATRIX)
        return nodedev_device_name("ap", sysname, NULL);
    else if (kind == NODEDEV_CAP_MDEV) {
        g_autofree char *parent = g_path_get_dirname(raw->syspath);
        suffix = g_path_get_basename(parent);
    }
    return nodedev_device_name(raw->subsystem ? raw->subsystem : "device", sysname, suffix);
}

static gboolean
is_shown(const NodedevHost *host, const NodedevRaw *raw, NodedevCap kind)
{
    VbUuid uuid;
    if (kind == NODEDEV_CAP_STORAGE)
        return nodedev_drive_type(host, raw) != NULL;
    if (kind == NODEDEV_CAP_MDEV)
        return vb_uuid_parse(nodedev_raw_sysname(raw), &uuid);
    /* its name has its address in it: without that it would be another device */
    if (kind == NODEDEV_CAP_NET)
        return !nodedev_sysfs_is_leaving(host, raw->syspath, "address");
    return kind != NODEDEV_CAP_NONE;
}

/**
 * nodedev_device_identify:
 *
 * Returns: (transfer full) (nullable): the device, without a parent; NULL: of no kind that is shown
 */
NodedevDevice *
nodedev_device_identify(const NodedevHost *host, const NodedevRaw *raw)
{
    NodedevCap kind = kind_of(raw);
    if (kind == NODEDEV_CAP_NONE && raw->subsystem)
        kind = kind_of_others(host, raw);
    if (!is_shown(host, raw, kind))
        return NULL;
    NodedevDevice *device = device_new(kind);
    device->syspath = g_strdup(raw->syspath);
    device->is_active = TRUE;
    device->driver = g_strdup(raw->values[NODEDEV_PROP_DRIVER]);
    device->devnode = g_strdup(raw->devnode);
    device->devlinks = g_strdupv(raw->devlinks);
    device->name = name_of(host, raw, kind);
    if (facts[kind])
        facts[kind](host, raw, device);
    return device;
}

NodedevDevice *
nodedev_device_new_computer(void)
{
    NodedevDevice *device = device_new(NODEDEV_CAP_SYSTEM);
    device->name = g_strdup("computer");
    device->is_active = TRUE;
    return device;
}

NodedevDevice *
nodedev_device_new_defined(NodedevMdev *mdev)
{
    NodedevDevice *device = device_new(NODEDEV_CAP_MDEV);
    device->name = nodedev_device_mdev_name(mdev->uuid, mdev->parent_addr);
    device->definition = mdev;
    return device;
}

gboolean
nodedev_facts_equal(const NodedevDevice *a, const NodedevDevice *b)
{
    return a->caps == b->caps && g_strcmp0(a->driver, b->driver) == 0 &&
           g_strcmp0(a->devnode, b->devnode) == 0 && a->iommu_group == b->iommu_group &&
           a->numa_node == b->numa_node && g_strcmp0(a->syspath, b->syspath) == 0;
}
