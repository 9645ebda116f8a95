/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits that several disks share: groups as objects, and the filters above a disk's image that pass through them. */
#include "command/build.h"
#include "command/plug.h"

/* Source: QEMU's ThrottleLimits (qapi/block-core.json); libvirt writes all members but the lengths */
static void
add_limits(VbJsonWriter *json, const VbDomainDiskIotune *tune)
{
    const struct {
        const char *key;
        guint64 value;
        gboolean may_be_left_out;
    } rows[] = {
        {"bps-total", tune->total_bytes_sec, FALSE},
        {"bps-read", tune->read_bytes_sec, FALSE},
        {"bps-write", tune->write_bytes_sec, FALSE},
        {"iops-total", tune->total_iops_sec, FALSE},
        {"iops-read", tune->read_iops_sec, FALSE},
        {"iops-write", tune->write_iops_sec, FALSE},
        {"bps-total-max", tune->total_bytes_sec_max, FALSE},
        {"bps-read-max", tune->read_bytes_sec_max, FALSE},
        {"bps-write-max", tune->write_bytes_sec_max, FALSE},
        {"iops-total-max", tune->total_iops_sec_max, FALSE},
        {"iops-read-max", tune->read_iops_sec_max, FALSE},
        {"iops-write-max", tune->write_iops_sec_max, FALSE},
        {"iops-size", tune->size_iops_sec, FALSE},
        {"bps-total-max-length", tune->total_bytes_sec_max_length, TRUE},
        {"bps-read-max-length", tune->read_bytes_sec_max_length, TRUE},
        {"bps-write-max-length", tune->write_bytes_sec_max_length, TRUE},
        {"iops-total-max-length", tune->total_iops_sec_max_length, TRUE},
        {"iops-read-max-length", tune->read_iops_sec_max_length, TRUE},
        {"iops-write-max-length", tune->write_iops_sec_max_length, TRUE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].value || !rows[i].may_be_left_out)
            vb_json_add_uint(json, rows[i].key, rows[i].value);
}

/**
 * qemu_command_throttle_group:
 * @group: limits with a name
 *
 * Returns: (transfer full): arguments of object-add
 */
char *
qemu_command_throttle_group(const VbDomainDiskIotune *group)
{
    g_autofree char *id = g_strdup_printf("throttle-%s", group->group_name);
    g_autoptr(VbJsonWriter) json = qemu_build_object_new("throttle-group", id);

    vb_json_begin_object(json, "limits");
    add_limits(json, group);
    vb_json_end(json);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

/**
 * qemu_command_throttle_limits:
 * @group: limits with a name
 *
 * Returns: (transfer full): arguments of qom-set that change the group of a running guest
 */
char *
qemu_command_throttle_limits(const VbDomainDiskIotune *group)
{
    g_autofree char *path = g_strdup_printf("/objects/throttle-%s", group->group_name);
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "path", path);
    vb_json_add_string(json, "property", "limits");
    vb_json_begin_object(json, "value");
    add_limits(json, group);
    vb_json_end(json);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

/* the same in the words of block_set_io_throttle */
static void
add_throttle(VbJsonWriter *json, const VbDomainDiskIotune *tune)
{
    const struct {
        const char *key;
        guint64 value;
        gboolean may_be_left_out;
    } rows[] = {
        {"bps", tune->total_bytes_sec, FALSE},
        {"bps_rd", tune->read_bytes_sec, FALSE},
        {"bps_wr", tune->write_bytes_sec, FALSE},
        {"iops", tune->total_iops_sec, FALSE},
        {"iops_rd", tune->read_iops_sec, FALSE},
        {"iops_wr", tune->write_iops_sec, FALSE},
        {"bps_max", tune->total_bytes_sec_max, FALSE},
        {"bps_rd_max", tune->read_bytes_sec_max, FALSE},
        {"bps_wr_max", tune->write_bytes_sec_max, FALSE},
        {"iops_max", tune->total_iops_sec_max, FALSE},
        {"iops_rd_max", tune->read_iops_sec_max, FALSE},
        {"iops_wr_max", tune->write_iops_sec_max, FALSE},
        {"iops_size", tune->size_iops_sec, FALSE},
        {"bps_max_length", tune->total_bytes_sec_max_length, TRUE},
        {"bps_rd_max_length", tune->read_bytes_sec_max_length, TRUE},
        {"bps_wr_max_length", tune->write_bytes_sec_max_length, TRUE},
        {"iops_max_length", tune->total_iops_sec_max_length, TRUE},
        {"iops_rd_max_length", tune->read_iops_sec_max_length, TRUE},
        {"iops_wr_max_length", tune->write_iops_sec_max_length, TRUE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].value || !rows[i].may_be_left_out)
            vb_json_add_uint(json, rows[i].key, rows[i].value);
}

/* where the emulator finds the block back end of a disk: on the device, or on one inside it */
static char *
backend_path(const VbDomainDisk *disk)
{
    const char *alias = disk->info.alias;

    if (disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO)
        return g_strdup_printf("/machine/peripheral/%s/virtio-backend", alias);
    if (disk->bus == VB_DOMAIN_DISK_BUS_USB)
        return g_strdup_printf("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
    return g_strdup(alias);
}

/**
 * qemu_command_iotune_arguments:
 * @disk: of a running guest
 * @is_change: limits that are not there are taken away
 *
 * Returns: (transfer full) (nullable): arguments of block_set_io_throttle; NULL: there is nothing to limit
 */
char *
qemu_command_iotune_arguments(const VbDomainDisk *disk, gboolean is_change)
{
    const VbDomainDiskIotune *tune = vb_domain_disk_iotune(disk);
    g_autofree char *path = NULL;
    g_autoptr(VbJsonWriter) json = NULL;

    if (!disk->info.alias || disk->bus == VB_DOMAIN_DISK_BUS_SD ||
        vb_domain_source_is_empty(&disk->source) || (!is_change && !vb_domain_iotune_is_set(tune)))
        return NULL;
    path = backend_path(disk);
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "id", path);
    add_throttle(json, tune);
    vb_json_add_string(json, "group",
                       tune->group_name && *tune->group_name ? tune->group_name : NULL);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

gboolean
qemu_build_throttle_groups(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDiskIotune, group, build->def->throttle_groups)
    {
        qemu_build_take_option(build, "-object", qemu_command_throttle_group(group));
    }
    return TRUE;
}

static char *
filter_node(const VbDomainDisk *disk, guint index)
{
    return g_strdup_printf("libvirt-%s-filter%u", disk->dst, index);
}

/**
 * qemu_build_take_filters:
 * @build: the line under construction
 * @disk: a disk
 * @node: (transfer full): the node on top of its image
 *
 * Puts the disk's throttle filters above @node. Their names are made of the disk's target: nothing has to be kept.
 *
 * Returns: (transfer full): the node that the device reads and writes
 */
char *
qemu_build_take_filters(QemuBuild *build, const VbDomainDisk *disk, char *node)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(vb_domain_disk_more(disk)->throttle_filters); i++) {
        const VbDomainThrottleFilter *filter =
            vb_domain_disk_more(disk)->throttle_filters->pdata[i];
        g_autofree char *group = g_strdup_printf("throttle-%s", filter->group);
        g_autofree char *below = node;
        VbJsonWriter *json = vb_json_writer_new();

        node = filter_node(disk, i);
        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "driver", "throttle");
        vb_json_add_string(json, "node-name", node);
        vb_json_add_string(json, "throttle-group", group);
        vb_json_add_string(json, "file", below);
        qemu_build_take_json(build, "-blockdev", json);
    }
    return node;
}
