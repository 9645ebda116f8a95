/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channel subsystem and adjunct processors of s390. Source: Documentation/arch/s390/driver-model.rst and vfio-ap.rst. */
#include "describe.h"

#include <stdio.h>

static gboolean
parse_bus_id(const char *text, guint *ret_cssid, guint *ret_ssid, guint *ret_devno)
{
    return text && sscanf(text, "%2x.%1x.%4x", ret_cssid, ret_ssid, ret_devno) == 3;
}

void
nodedev_describe_ccw(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    g_autofree char *channel = nodedev_sysfs_read(d->host, d->device->syspath, "dev_busid");
    g_autofree char *group = nodedev_sysfs_link_name(d->host, d->device->syspath, "group_device");
    to->has_ccw = parse_bus_id(nodedev_raw_sysname(d->raw), &to->cssid, &to->ssid, &to->devno);
    to->has_channel =
        to->type == NODEDEV_CAP_CSS &&
        parse_bus_id(channel, &to->channel_cssid, &to->channel_ssid, &to->channel_devno);
    if (to->type == NODEDEV_CAP_CSS)
        nodedev_describe_mdev_types(d);
    if (group)
        nodedev_sub_add(to, NODEDEV_SUB_CCWGROUP_MEMBER)->group_device =
            nodedev_device_name("ccwgroup", group, NULL);
}

static void
add_members(const NodedevDescription *d)
{
    for (guint i = 0; i < 16; i++) {
        g_autofree char *ref = g_strdup_printf("cdev%u", i);
        g_autofree char *name = nodedev_sysfs_link_name(d->host, d->device->syspath, ref);
        if (!name)
            return;
        NodedevCcwMember *member = nodedev_list_add(&d->to->members, &nodedev_ccw_member_type);
        member->ref = g_steal_pointer(&ref);
        member->device = nodedev_device_name("ccw", name, NULL);
    }
}

void
nodedev_describe_ccwgroup(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    const char *path = d->device->syspath;
    g_autofree char *online = nodedev_sysfs_read(d->host, path, "online");
    to->state = g_strdup(g_strcmp0(online, "1") == 0 ? "online" : "offline");
    to->has_ccw = parse_bus_id(nodedev_raw_sysname(d->raw), &to->cssid, &to->ssid, &to->devno);
    add_members(d);
    if (g_strcmp0(d->device->driver, "qeth") == 0) {
        NodedevSub *sub = nodedev_sub_add(to, NODEDEV_SUB_QETH_GENERIC);
        sub->card_type = nodedev_sysfs_read(d->host, path, "card_type");
        sub->chpid = nodedev_sysfs_read(d->host, path, "chpid");
    }
}

/* "card07" or "07.0038" */
void
nodedev_describe_ap(const NodedevDescription *d)
{
    NodedevCapability *to = d->to;
    const char *sysname = nodedev_raw_sysname(d->raw);
    if (to->type == NODEDEV_CAP_AP_CARD)
        to->has_adapter = sscanf(sysname, "card%2x", &to->adapter) == 1;
    else
        to->has_adapter = to->has_ap_domain =
            sscanf(sysname, "%2x.%4x", &to->adapter, &to->ap_domain) == 2;
}
