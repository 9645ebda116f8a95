/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network interfaces: address, link, features. Source: Documentation/ABI/testing/sysfs-class-net. */
#include "describe.h"

static void
describe_link(const NodedevDescription *d)
{
    const char *path = d->device->syspath;
    gint64 speed;
    d->to->link_state = nodedev_sysfs_read(d->host, path, "operstate");
    /* A speed that is not known is -1, which libvirt shows as the unsigned number; tools know that. */
    if (g_strcmp0(d->to->link_state, "up") == 0 &&
        nodedev_sysfs_read_int(d->host, path, "speed", &speed))
        d->to->link_speed = (gint64)(guint32)speed;
}

void
nodedev_describe_net(const NodedevDescription *d)
{
    d->to->interface = g_strdup(d->raw->values[NODEDEV_PROP_INTERFACE]);
    d->to->address = nodedev_sysfs_read(d->host, d->device->syspath, "address");
    describe_link(d);
    if (d->host->is_real)
        nodedev_net_features(d);
    nodedev_sub_add(d->to, g_strcmp0(d->raw->devtype, "wlan") == 0 ? NODEDEV_SUB_80211
                                                                   : NODEDEV_SUB_80203);
}
