/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of network cards. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

typedef struct {
    const char *value;
    guint types;
    const char *type;
} SourceRule;

static gboolean
validate_source(const VbDomainNet *net, GError **error)
{
    const SourceRule rules[] = {
        {net->source_network, 1u << VB_DOMAIN_NET_NETWORK, "network"},
        {net->source_bridge, 1u << VB_DOMAIN_NET_BRIDGE, "bridge"},
        {net->source_dev, 1u << VB_DOMAIN_NET_DIRECT, "direct"},
        {vb_domain_net_more(net)->source_name, 1u << VB_DOMAIN_NET_INTERNAL, "internal"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *value = rules[i].value;

        if (rules[i].types & 1u << net->type && (!value || !*value))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "interface type='%s' requires a 'source' element", rules[i].type);
    }
    if (net->type == VB_DOMAIN_NET_VHOSTUSER && !vb_domain_net_more(net)->source_path)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "interface type='vhostuser' requires a 'source' element");
    return TRUE;
}

static gboolean
validate_mac(const VbDomainNet *net, GError **error)
{
    const guint8 *b = net->mac.bytes;

    if (b[0] & 1)
        return vb_error_set(
            error, VIR_ERR_XML_ERROR,
            "expected unicast mac address, found multicast '%02x:%02x:%02x:%02x:%02x:%02x'", b[0],
            b[1], b[2], b[3], b[4], b[5]);
    return TRUE;
}

/* Source: libvirt's NET_MODEL_CHARS */
#define MODEL_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static gboolean
validate_model(const VbDomainNet *net, GError **error)
{
    if (net->model && strspn(net->model, MODEL_CHARS) != strlen(net->model))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "Model name contains invalid characters");
    if (net->type == VB_DOMAIN_NET_VHOSTUSER && !vb_domain_net_model_is_virtio(net))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Wrong or no <model> 'type' attribute specified with <interface "
                            "type='vhostuser'/>. vhostuser requires the virtio-net* frontend");
    if (g_strcmp0(net->model, "usb-net") == 0 && net->info.address.type == VB_DOMAIN_ADDRESS_NONE)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Cannot automatically add a new PCI bus for a device with connect "
                            "flags 00");
    return TRUE;
}

static gboolean
validate_queues(const VbDomainNet *net, GError **error)
{
    if (net->rx_queue_size & (net->rx_queue_size - 1))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "rx_queue_size has to be a power of two");
    if (net->tx_queue_size & (net->tx_queue_size - 1))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "tx_queue_size has to be a power of two");
    return TRUE;
}

/* what only SLIRP can tell the guest */
static gboolean
validate_guest_side(const VbDomainNet *net, GError **error)
{
    const gboolean is_user = net->type == VB_DOMAIN_NET_USER;
    guint v4 = 0, v6 = 0;

    if (VB_DOMAIN_COUNT(vb_domain_net_more(net)->routes) > 0 ||
        (!is_user && VB_DOMAIN_COUNT(vb_domain_net_more(net)->ips) > 0))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Invalid attempt to set network interface guest-side IP route and/or "
                            "address info, not supported by QEMU");
    VB_DOMAIN_EACH(VbDomainNetIp, ip, vb_domain_net_more(net)->ips)
    *(g_strcmp0(ip->family, "ipv6") == 0 ? &v6 : &v4) += 1;
    if (v4 > 1)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only one IPv4 address per interface is allowed");
    if (v6 > 1)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only one IPv6 address per interface is allowed");
    return TRUE;
}

#define TYPE(type) (1u << (type))
/* those that have a device on the host */
#define HAS_TAP                                                                                    \
    (TYPE(VB_DOMAIN_NET_NETWORK) | TYPE(VB_DOMAIN_NET_BRIDGE) | TYPE(VB_DOMAIN_NET_ETHERNET))

static gboolean
validate_host_side(const VbDomainNet *net, GError **error)
{
    const guint type = TYPE(net->type);
    const char *name = vb_enum_to_nick(&vb_domain_net_type_enum, net->type);
    const guint8 *b = net->mac.bytes;

    if (net->mtu && !(type & (HAS_TAP | TYPE(VB_DOMAIN_NET_VHOSTUSER))))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "setting MTU on interface type %s is not supported yet", name);
    if (vb_domain_net_more(net)->coalesce_rx_frames_max &&
        !(type & (TYPE(VB_DOMAIN_NET_NETWORK) | TYPE(VB_DOMAIN_NET_BRIDGE))))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "coalesce settings on interface type %s are not supported", name);
    if (net->port_isolated && !(type & (TYPE(VB_DOMAIN_NET_NETWORK) | TYPE(VB_DOMAIN_NET_BRIDGE))))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "interface %02x:%02x:%02x:%02x:%02x:%02x - <port isolated='yes'/> is "
                            "not supported for network interfaces with type='%s'",
                            b[0], b[1], b[2], b[3], b[4], b[5], name);
    return TRUE;
}

static gboolean
validate_backend(const VbDomainNet *net, GError **error)
{
    return net->backend != VB_DOMAIN_NET_BACKEND_PASST || net->type == VB_DOMAIN_NET_USER ||
           vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                        "The 'passt' backend can only be used with interface type='user'");
}

static gboolean
validate_rate(const VbDomainBandwidth *rate, GError **error)
{
    if (!rate)
        return TRUE;
    if (!rate->has_average && !rate->floor)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "Missing mandatory average or floor attributes");
    if (!rate->has_average && (rate->peak || rate->burst))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "'peak' and 'burst' require 'average' attribute");
    return TRUE;
}

static gboolean
validate_bandwidth(const VbDomainNet *net, GError **error)
{
    const VbDomainBandwidth *in = vb_domain_net_more(net)->bandwidth_in;
    const VbDomainBandwidth *out = vb_domain_net_more(net)->bandwidth_out;

    if (!validate_rate(in, error))
        return FALSE;
    if (in && in->floor && net->type != VB_DOMAIN_NET_NETWORK)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "floor attribute is not supported for this config");
    if (!validate_rate(out, error))
        return FALSE;
    return !out || !out->floor ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "'floor' attribute allowed only in <inbound> element");
}

static gboolean
validate_net(const VbDomainNet *net, GError **error)
{
    if (!validate_source(net, error) || !validate_mac(net, error) || !validate_model(net, error) ||
        !validate_queues(net, error) || !validate_guest_side(net, error) ||
        !validate_host_side(net, error) || !validate_backend(net, error) ||
        !validate_bandwidth(net, error))
        return FALSE;
    return vb_domain_validate_net_options(net, error);
}

gboolean
vb_domain_validate_nets(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    {
        if (!validate_net(net, error))
            return FALSE;
    }
    return TRUE;
}
