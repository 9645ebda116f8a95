/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports of Linux bridges. Source: linux/if_bridge.h, linux/if_link.h (IFLA_BRPORT_*), bridge(8). As libvirt 11 does it: one tag
 * that is not a trunk's makes an access port; a trunk's tags stay on the frames, but for a native one. */
#include "bridge-port.h"

#include "base/error.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <net/if.h>
#include <string.h>

#define FIRST_VLAN 1
#define LAST_VLAN 4094

static void
message_init(QemuLinkMessage *message, const char *port, guint16 type)
{
    qemu_link_message_init(message, type, 0);
    message->info.ifi_family = AF_BRIDGE;
    message->info.ifi_index = (int)if_nametoindex(port);
}

static gboolean
set_isolated(const char *bridge, const char *port, gboolean is_isolated, GError **error)
{
    const guint8 value = is_isolated ? 1 : 0;
    QemuLinkMessage message;
    struct rtattr *info;
    int code;
    message_init(&message, port, RTM_SETLINK);
    info = qemu_link_message_add(&message, IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
    qemu_link_message_add(&message, IFLA_BRPORT_ISOLATED, &value, sizeof value);
    qemu_link_message_close(&message, info);
    code = qemu_link_message_send(&message);
    return code == 0 || vb_error_set_errno(error, code, "Unable to set bridge %s port %s %s to %d",
                                           bridge, port, "isolated", value);
}

/* ---- VLANs ---- */

/* a number that the kernel tells of a bridge; -1: it does not */
static int
read_bridge(const char *bridge, const char *file)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/bridge/%s", bridge, file);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? (int)g_ascii_strtoll(text, NULL, 10) : -1;
}

/* @first to @last, equal or the ends of a range */
static gboolean
change_vlans(const char *port, guint16 type, const struct bridge_vlan_info *first,
             const struct bridge_vlan_info *last, GError **error)
{
    QemuLinkMessage message;
    struct rtattr *spec;
    int code;
    message_init(&message, port, type);
    spec = qemu_link_message_add(&message, IFLA_AF_SPEC | NLA_F_NESTED, NULL, 0);
    qemu_link_message_add(&message, IFLA_BRIDGE_VLAN_INFO, first, sizeof *first);
    if (last)
        qemu_link_message_add(&message, IFLA_BRIDGE_VLAN_INFO, last, sizeof *last);
    qemu_link_message_close(&message, spec);
    code = qemu_link_message_send(&message);
    return code == 0 ||
           vb_error_set_errno(error, code, "error setting the VLANs of bridge port %s", port);
}

static gboolean
remove_vlans(const char *port, GError **error)
{
    const struct bridge_vlan_info first = {.vid = FIRST_VLAN,
                                           .flags = BRIDGE_VLAN_INFO_RANGE_BEGIN};
    const struct bridge_vlan_info last = {.vid = LAST_VLAN, .flags = BRIDGE_VLAN_INFO_RANGE_END};
    return change_vlans(port, RTM_DELLINK, &first, &last, error);
}

static gboolean
add_vlan(const char *port, guint id, gboolean is_native, gboolean is_tagged, GError **error)
{
    const struct bridge_vlan_info info = {
        .vid = (guint16)id,
        .flags = (guint16)((is_native ? BRIDGE_VLAN_INFO_PVID : 0) |
                           (is_native && !is_tagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0))};
    return change_vlans(port, RTM_SETLINK, &info, NULL, error);
}

static gboolean
add_tags(const char *port, const VbDomainNetMore *more, GError **error)
{
    const gboolean is_access =
        more->vlan_trunk != VB_TRISTATE_YES && VB_DOMAIN_COUNT(more->vlan_tags) == 1;
    VB_DOMAIN_EACH(VbDomainVlanTag, tag, more->vlan_tags)
    {
        if (!add_vlan(port, tag->id, is_access || tag->native_mode,
                      g_strcmp0(tag->native_mode, "tagged") == 0, error))
            return FALSE;
    }
    return TRUE;
}

/* Without tags: as the bridge has its ports. */
static gboolean
set_vlans(const char *bridge, const VbDomainNet *net, GError **error)
{
    const char *port = net->target_dev;
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const gboolean has_tags = VB_DOMAIN_COUNT(more->vlan_tags) > 0;
    const int standard = read_bridge(bridge, "default_pvid");
    if (has_tags && read_bridge(bridge, "vlan_filtering") != 1)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "vlan tags on interface %s need a bridge that filters VLANs, and bridge "
            "%s does not (vlan_filtering)",
            port, bridge);
    if (!remove_vlans(port, error))
        return FALSE;
    if (has_tags)
        return add_tags(port, more, error);
    return standard <= 0 || add_vlan(port, (guint)standard, TRUE, FALSE, error);
}

/* ---- both ---- */

gboolean
qemu_bridge_port_set(const char *bridge, const VbDomainNet *net, GError **error)
{
    return (VB_DOMAIN_COUNT(vb_domain_net_more(net)->vlan_tags) == 0 ||
            set_vlans(bridge, net, error)) &&
           (net->port_isolated != VB_TRISTATE_YES ||
            set_isolated(bridge, net->target_dev, TRUE, error));
}

static gboolean
has_same_tags(const VbDomainNet *a, const VbDomainNet *b)
{
    const GPtrArray *ours = vb_domain_net_more(a)->vlan_tags;
    const GPtrArray *theirs = vb_domain_net_more(b)->vlan_tags;
    if (VB_DOMAIN_COUNT(ours) != VB_DOMAIN_COUNT(theirs) ||
        (vb_domain_net_more(a)->vlan_trunk == VB_TRISTATE_YES) !=
            (vb_domain_net_more(b)->vlan_trunk == VB_TRISTATE_YES))
        return FALSE;
    for (guint i = 0; i < VB_DOMAIN_COUNT(ours); i++) {
        const VbDomainVlanTag *one = ours->pdata[i], *other = theirs->pdata[i];
        if (one->id != other->id || g_strcmp0(one->native_mode, other->native_mode) != 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_same_isolation(const VbDomainNet *a, const VbDomainNet *b)
{
    return (a->port_isolated == VB_TRISTATE_YES) == (b->port_isolated == VB_TRISTATE_YES);
}

gboolean
qemu_bridge_port_is_same(const VbDomainNet *a, const VbDomainNet *b)
{
    return has_same_tags(a, b) && has_same_isolation(a, b);
}

static void
swap_tags(VbDomainNet *a, VbDomainNet *b)
{
    VbDomainNetMore *ours = VB_XML_NEED(a->more), *theirs = VB_XML_NEED(b->more);
    GPtrArray *tags = ours->vlan_tags;
    const VbTristate trunk = ours->vlan_trunk;
    ours->vlan_tags = theirs->vlan_tags;
    ours->vlan_trunk = theirs->vlan_trunk;
    theirs->vlan_tags = tags;
    theirs->vlan_trunk = trunk;
}

static gboolean
change_tags(const char *bridge, VbDomainNet *net, VbDomainNet *wanted, GError **error)
{
    if (has_same_tags(net, wanted))
        return TRUE;
    swap_tags(net, wanted);
    if (set_vlans(bridge, net, error))
        return TRUE;
    swap_tags(net, wanted);
    (void)set_vlans(bridge, net, NULL);
    return FALSE;
}

gboolean
qemu_bridge_port_change(VbDomainNet *net, VbDomainNet *wanted, GError **error)
{
    const gboolean is_isolated = wanted->port_isolated == VB_TRISTATE_YES;
    g_autofree char *link = g_strdup_printf("/sys/class/net/%s/master", net->target_dev);
    g_autofree char *master = g_file_read_link(link, NULL);
    g_autofree char *bridge = master ? g_path_get_basename(master) : NULL;
    if (!bridge)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "interface %s is no port of a bridge",
                            net->target_dev);
    if (!change_tags(bridge, net, wanted, error))
        return FALSE;
    if (!has_same_isolation(net, wanted) &&
        !set_isolated(bridge, net->target_dev, is_isolated, error))
        return FALSE;
    net->port_isolated = wanted->port_isolated;
    return TRUE;
}
