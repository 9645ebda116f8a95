/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits that several disks share: groups as objects, and the filters above a disk's image that pass through them. */
#include "command/build.h"

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

    vb_json_begin_object(json, "limits");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].value || !rows[i].may_be_left_out)
            vb_json_add_uint(json, rows[i].key, rows[i].value);
    vb_json_end(json);
}

gboolean
qemu_build_throttle_groups(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDiskIotune, group, build->def->throttle_groups)
    {
        g_autofree char *id = g_strdup_printf("throttle-%s", group->group_name);
        VbJsonWriter *json = qemu_build_object_new("throttle-group", id);

        add_limits(json, group);
        qemu_build_take_json(build, "-object", json);
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
