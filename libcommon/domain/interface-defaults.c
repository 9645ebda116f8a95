/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of network cards: MAC address, model. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

/* Source: 52:54:00 is the prefix that QEMU and libvirt use for made-up addresses */
void
vb_domain_net_generate_mac(VbDomainNet *net)
{
    static const guint8 prefix[] = {0x52, 0x54, 0x00};

    memcpy(net->mac.bytes, prefix, sizeof(prefix));
    for (guint i = sizeof(prefix); i < sizeof(net->mac.bytes); i++)
        net->mac.bytes[i] = (guint8)g_random_int_range(0, 256);
    net->mac.is_set = TRUE;
}

static const char *
default_model(const VbDomainFill *fill)
{
    static const struct {
        const char *device, *model;
    } models[] = {{"rtl8139", "rtl8139"}, {"e1000", "e1000"}, {"virtio-net-pci", "virtio"}};

    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        if (vb_domain_fill_has_device(fill, models[i].device))
            return models[i].model;
    }
    return NULL;
}

/* What tunes virtio means nothing to other cards: libvirt does not keep it. */
static void
drop_virtio_options(VbDomainNet *net)
{
    net->driver = VB_DOMAIN_NET_DRIVER_DEFAULT;
    net->queues = net->rx_queue_size = net->tx_queue_size = 0;
    net->ioeventfd = net->event_idx = net->rss = net->rss_hash_report = VB_TRISTATE_ABSENT;
    if (!net->more)
        return;
    net->more->host_offload = net->more->guest_offload = (VbDomainNetOffload){0};
    g_clear_pointer(&net->more->txmode, g_free);
    g_clear_pointer(&net->more->backend_vhost, g_free);
}

static void
make_uuid(char **member)
{
    char text[37];
    VbUuid uuid;

    if (*member)
        return;
    vb_uuid_generate(&uuid);
    vb_uuid_format(&uuid, text);
    *member = g_strdup(text);
}

/* who the port is to its switch: made up where the switch wants to know */
static void
fill_virtualport(VbDomainNetMore *port)
{
    const gboolean has_any = port->virtualport_profileid || port->virtualport_interfaceid ||
                             port->virtualport_instanceid || port->virtualport_managerid;

    if (!port->virtualport_type && !has_any)
        return;
    if (!port->virtualport_type || strcmp(port->virtualport_type, "openvswitch") == 0)
        make_uuid(&port->virtualport_interfaceid);
    if (!port->virtualport_type || strcmp(port->virtualport_type, "802.1Qbg") == 0)
        make_uuid(&port->virtualport_instanceid);
}

/* libvirt writes which kind of address it is */
static void
fill_addresses(VbDomainNetMore *more)
{
    GPtrArray *const lists[] = {more->ips, more->source_ips};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainNetIp, ip, lists[i])
        {
            if (!ip->family && ip->address)
                ip->family = g_strdup(strchr(ip->address, ':') ? "ipv6" : "ipv4");
        }
    }
}

/* libvirt does not keep a limit of nothing */
static void
drop_empty_rate(VbDomainBandwidth **rate)
{
    if (*rate && (*rate)->has_average && !(*rate)->average && !(*rate)->floor)
        g_clear_pointer(rate, g_free);
}

/* Source: libvirt: several tags are a trunk's, and one that is none says so by its number */
static void
fill_trunk(VbDomainNetMore *more)
{
    const guint n_tags = VB_DOMAIN_COUNT(more->vlan_tags);

    if (n_tags > 1 && more->vlan_trunk == VB_TRISTATE_ABSENT)
        more->vlan_trunk = VB_TRISTATE_YES;
    else if (n_tags == 1 && more->vlan_trunk == VB_TRISTATE_NO)
        more->vlan_trunk = VB_TRISTATE_ABSENT;
}

gboolean
vb_domain_fill_nets(const VbDomainFill *fill, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, fill->def->nets)
    {
        if (!net->mac.is_set)
            vb_domain_net_generate_mac(net);
        if (net->queues == 1)
            net->queues = 0; /* one is what every card has */
        if (!net->model && net->type == VB_DOMAIN_NET_VDPA)
            net->model = g_strdup("virtio");
        if (!net->model && net->type != VB_DOMAIN_NET_HOSTDEV)
            net->model = g_strdup(default_model(fill));
        if (!vb_domain_net_model_is_virtio(net) && net->type != VB_DOMAIN_NET_HOSTDEV)
            drop_virtio_options(net);
        if (net->type == VB_DOMAIN_NET_DIRECT && !vb_domain_net_more(net)->source_mode)
            VB_XML_NEED(net->more)->source_mode = g_strdup("vepa");
        if (net->more) {
            fill_virtualport(net->more);
            fill_addresses(net->more);
            fill_trunk(net->more);
            drop_empty_rate(&net->more->bandwidth_in);
            drop_empty_rate(&net->more->bandwidth_out);
        }
    }
    return TRUE;
}
