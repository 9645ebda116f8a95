/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SCSI hosts, targets, devices, and drives. Sources: Documentation/ABI/stable/sysfs-block, scsi_transport_fc. */
#include "describe.h"

#include <stdio.h>
#include <string.h>

/* ---- hosts ---- */

static char *
wwn_of(const NodedevDescription *d, const char *folder, const char *attribute)
{
    g_autofree char *text = nodedev_sysfs_read(d->host, folder, attribute);
    if (!text)
        return NULL;
    return g_strdup(g_str_has_prefix(text, "0x") ? text + 2 : text);
}

static guint
count_of(const NodedevDescription *d, const char *folder, const char *attribute)
{
    guint64 number = 0;
    return nodedev_sysfs_read_uint(d->host, folder, attribute, 10, &number)
               ? (guint)MIN(number, G_MAXUINT32)
               : 0;
}

static void
describe_fc_host(const NodedevDescription *d, const char *folder)
{
    NodedevSub *sub = nodedev_sub_add(d->to, NODEDEV_SUB_FC_HOST);
    sub->wwnn = wwn_of(d, folder, "node_name");
    sub->wwpn = wwn_of(d, folder, "port_name");
    sub->fabric_wwn = wwn_of(d, folder, "fabric_name");
}

void
nodedev_describe_scsi_host(const NodedevDescription *d)
{
    const char *sysname = nodedev_raw_sysname(d->raw);
    g_autofree char *scsi = g_strconcat("/sys/class/scsi_host/", sysname, NULL);
    g_autofree char *fc = g_strconcat("/sys/class/fc_host/", sysname, NULL);
    guint64 number;
    d->to->has_host = g_str_has_prefix(sysname, "host") &&
                      nodedev_parse_uint(sysname + strlen("host"), 10, G_MAXUINT32, &number);
    if (d->to->has_host)
        d->to->host = (guint)number;
    d->to->has_unique_id =
        nodedev_sysfs_read_uint(d->host, scsi, "unique_id", 10, &number) && number <= G_MAXINT32;
    if (d->to->has_unique_id)
        d->to->unique_id = (int)number;
    if (nodedev_device_has_cap(d->device, NODEDEV_CAP_FC_HOST))
        describe_fc_host(d, fc);
    if (nodedev_device_has_cap(d->device, NODEDEV_CAP_VPORTS)) {
        const char *folder = nodedev_sysfs_exists(d->host, fc, "vport_create") ? fc : scsi;
        NodedevSub *sub = nodedev_sub_add(d->to, NODEDEV_SUB_VPORT_OPS);
        sub->has_vports = TRUE;
        sub->max_vports = count_of(d, folder, "max_npiv_vports");
        sub->vports = count_of(d, folder, "npiv_vports_inuse");
    }
}

void
nodedev_describe_scsi_target(const NodedevDescription *d)
{
    g_autofree char *parent = g_path_get_dirname(d->device->syspath);
    g_autofree char *rport = g_path_get_basename(parent);
    g_autofree char *folder = g_strconcat("/sys/class/fc_remote_ports/", rport, NULL);
    d->to->target_name = g_strdup(nodedev_raw_sysname(d->raw));
    if (!nodedev_sysfs_exists(d->host, folder, NULL))
        return;
    NodedevSub *sub = nodedev_sub_add(d->to, NODEDEV_SUB_FC_REMOTE_PORT);
    sub->rport = g_steal_pointer(&rport);
    sub->wwpn = nodedev_sysfs_read(d->host, folder, "port_name");
}

/* Peripheral device types, SPC-4 table 138, in libvirt's words */
static const char *const scsi_types[] = {
    [0x0] = "disk",    [0x1] = "tape",  [0x2] = "printer",   [0x3] = "processor",
    [0x4] = "worm",    [0x5] = "cdrom", [0x6] = "scanner",   [0x7] = "mod",
    [0x8] = "changer", [0xc] = "raid",  [0xd] = "enclosure",
};

void
nodedev_describe_scsi(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    guint64 type;
    to->has_host = to->has_scsi = sscanf(nodedev_raw_sysname(d->raw), "%9u:%9u:%9u:%9u", &to->host,
                                         &to->scsi_bus, &to->target, &to->lun) == 4;
    if (nodedev_sysfs_read_uint(d->host, d->device->syspath, "type", 10, &type) &&
        type < G_N_ELEMENTS(scsi_types))
        to->scsi_type = g_strdup(scsi_types[type]);
}

/* ---- drives ---- */

/* sysfs counts in sectors of 512 bytes, whatever the drive's blocks are (linux/blk_types.h, SECTOR_SIZE) */
static void
read_size(const NodedevDescription *d, guint64 *ret_size, guint64 *ret_block_size)
{
    guint64 sectors = 0;
    *ret_block_size = 0;
    nodedev_sysfs_read_uint(d->host, d->device->syspath, "size", 10, &sectors);
    nodedev_sysfs_read_uint(d->host, d->device->syspath, "queue/logical_block_size", 10,
                            ret_block_size);
    *ret_size = sectors <= G_MAXUINT64 / 512 ? sectors * 512 : 0;
}

static void
describe_media(const NodedevDescription *d, gboolean is_available)
{
    NodedevSub *sub = nodedev_sub_add(d->to, NODEDEV_SUB_REMOVABLE);
    guint64 size, block_size;
    sub->has_media = TRUE;
    if (!is_available)
        return;
    read_size(d, &size, &block_size);
    sub->media_available = 1;
    sub->media_label = g_strdup(d->raw->values[NODEDEV_PROP_ID_FS_LABEL]);
    sub->num_blocks = block_size ? size / block_size : 0;
    sub->logical_block_size = block_size;
    sub->media_size = size;
}

static void
describe_size(const NodedevDescription *d)
{
    g_autofree char *zoned = nodedev_sysfs_read(d->host, d->device->syspath, "queue/zoned");
    d->to->has_size = TRUE;
    read_size(d, &d->to->size, &d->to->logical_block_size);
    d->to->num_blocks = d->to->logical_block_size ? d->to->size / d->to->logical_block_size : 0;
    if (zoned && !g_str_equal(zoned, "none"))
        nodedev_sub_add(d->to, NODEDEV_SUB_ZONED);
}

void
nodedev_describe_storage(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    const char *const *values = (const char *const *)d->raw->values;
    const char *type = nodedev_drive_type(d->host, d->raw);
    to->block = g_strdup(d->raw->devnode);
    to->storage_bus = g_strdup(values[NODEDEV_PROP_ID_BUS]);
    to->serial = g_strdup(values[NODEDEV_PROP_ID_SERIAL]);
    to->drive_type = g_strdup(type ? type : "disk");
    to->model = nodedev_sysfs_read(d->host, d->device->syspath, "device/model");
    to->vendor = nodedev_sysfs_read(d->host, d->device->syspath, "device/vendor");
    if (g_strcmp0(type, "cdrom") == 0)
        describe_media(d, g_strcmp0(values[NODEDEV_PROP_ID_CDROM_MEDIA], "1") == 0);
    else if (g_strcmp0(type, "floppy") == 0)
        describe_media(d, values[NODEDEV_PROP_ID_FS_LABEL] != NULL);
    else
        describe_size(d);
}
