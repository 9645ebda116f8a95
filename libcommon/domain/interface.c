/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <interface>. */
#include "domain/domain.h"

VB_ENUM(vb_domain_net_type_enum, "interface type", "user", "ethernet", "vhostuser", "server",
        "client", "mcast", "network", "bridge", "internal", "direct", "hostdev", "udp", "vdpa",
        "null", "vds");
VB_ENUM(vb_domain_net_driver_enum, "interface driver", NULL, "qemu", "vhost");
VB_ENUM(vb_domain_net_backend_enum, "interface backend", NULL, "passt");

#define BIT(kind) VB_XML_BIT(VB_DOMAIN_NET_##kind)
#define N VbDomainNet
#define WHEN(mask) VB_XML_WHEN(VbDomainNet, type, (mask))
#define ZERO .flags = VB_XML_ZERO_IS_VALUE

static const VbXmlField ip_fields[] = {
    VB_XML_STR(VbDomainNetIp, address, "@address"),
    VB_XML_STR(VbDomainNetIp, family, "@family"),
    VB_XML_UINT(VbDomainNetIp, prefix, "@prefix"),
    VB_XML_STR(VbDomainNetIp, peer, "@peer"),
};
static VB_XML_TYPE(ip_type, VbDomainNetIp, "ip", ip_fields);

static const VbXmlField route_fields[] = {
    VB_XML_STR(VbDomainNetRoute, family, "@family"),
    VB_XML_STR(VbDomainNetRoute, address, "@address"),
    VB_XML_STR(VbDomainNetRoute, netmask, "@netmask"),
    VB_XML_STR(VbDomainNetRoute, prefix, "@prefix"),
    VB_XML_STR(VbDomainNetRoute, gateway, "@gateway"),
    VB_XML_STR(VbDomainNetRoute, metric, "@metric"),
};
static VB_XML_TYPE(route_type, VbDomainNetRoute, "route", route_fields);

static const VbXmlField range_fields[] = {
    VB_XML_UINT(VbDomainPortRange, start, "@start"),
    VB_XML_UINT(VbDomainPortRange, end, "@end"),
    VB_XML_UINT(VbDomainPortRange, to, "@to"),
    VB_XML_BOOL(VbDomainPortRange, exclude, "@exclude"),
};
static VB_XML_TYPE(range_type, VbDomainPortRange, "range", range_fields);

static const VbXmlField forward_fields[] = {
    VB_XML_STR(VbDomainPortForward, protocol, "@proto"),
    VB_XML_STR(VbDomainPortForward, address, "@address"),
    VB_XML_STR(VbDomainPortForward, dev, "@dev"),
    VB_XML_LIST(VbDomainPortForward, ranges, "range", range_type),
};
static VB_XML_TYPE(forward_type, VbDomainPortForward, "portForward", forward_fields);

static const VbXmlField bandwidth_fields[] = {
    VB_XML_UINT64(VbDomainBandwidth, average, "@average"),
    VB_XML_UINT64(VbDomainBandwidth, peak, "@peak"),
    VB_XML_UINT64(VbDomainBandwidth, floor, "@floor"),
    VB_XML_UINT64(VbDomainBandwidth, burst, "@burst"),
};
static VB_XML_TYPE(bandwidth_type, VbDomainBandwidth, "inbound", bandwidth_fields);

static const VbXmlField tag_fields[] = {
    VB_XML_UINT(VbDomainVlanTag, id, "@id", VB_XML_HAS(VbDomainVlanTag, has_id), ZERO, .max = 4095),
    VB_XML_STR(VbDomainVlanTag, native_mode, "@nativeMode"),
};
static VB_XML_TYPE(tag_type, VbDomainVlanTag, "tag", tag_fields);

static const VbXmlField parameter_fields[] = {
    VB_XML_STR(VbDomainFilterParameter, name, "@name"),
    VB_XML_STR(VbDomainFilterParameter, value, "@value"),
};
static VB_XML_TYPE(parameter_type, VbDomainFilterParameter, "parameter", parameter_fields);

static const VbXmlField offload_fields[] = {
    VB_XML_SWITCH(VbDomainNetOffload, csum, "@csum"),
    VB_XML_SWITCH(VbDomainNetOffload, gso, "@gso"),
    VB_XML_SWITCH(VbDomainNetOffload, tso4, "@tso4"),
    VB_XML_SWITCH(VbDomainNetOffload, tso6, "@tso6"),
    VB_XML_SWITCH(VbDomainNetOffload, ecn, "@ecn"),
    VB_XML_SWITCH(VbDomainNetOffload, ufo, "@ufo"),
    VB_XML_SWITCH(VbDomainNetOffload, mrg_rxbuf, "@mrg_rxbuf"),
};
static VB_XML_TYPE(offload_type, VbDomainNetOffload, "host", offload_fields);

#define PCI(member, path, digits)                                                                  \
    VB_XML_UINT(N, source_pci.member, "source/address/" path, VB_XML_HAS(N, has_source_pci),       \
                WHEN(BIT(HOSTDEV)), .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits))
#define SOCKET (BIT(SERVER) | BIT(CLIENT) | BIT(MCAST) | BIT(UDP))

static const VbXmlField net_fields[] = {
    VB_XML_ENUMV(N, type, "@type", vb_domain_net_type_enum, ZERO),
    VB_XML_BOOL(N, managed, "@managed", WHEN(BIT(HOSTDEV))),
    VB_XML_BOOL(N, trust_guest_rx_filters, "@trustGuestRxFilters"),
    VB_XML_MACV(N, mac, "mac/@address"),
    VB_XML_STR(N, mac_type, "mac/@type"),
    VB_XML_STR(N, mac_check, "mac/@check"),
    VB_XML_STR(N, source_network, "source/@network", WHEN(BIT(NETWORK))),
    VB_XML_STR(N, source_portgroup, "source/@portgroup", WHEN(BIT(NETWORK))),
    VB_XML_STR(N, source_portid, "source/@portid", WHEN(BIT(NETWORK)), .flags = VB_XML_LIVE_ONLY),
    VB_XML_STR(N, source_live_bridge, "source/@bridge", WHEN(BIT(NETWORK)),
               .flags = VB_XML_LIVE_ONLY),
    VB_XML_STR(N, source_bridge, "source/@bridge", WHEN(BIT(BRIDGE))),
    VB_XML_STR(N, source_name, "source/@name", WHEN(BIT(INTERNAL))),
    VB_XML_STR(N, vds_switch_id, "source/@switchid", WHEN(BIT(VDS))),
    VB_XML_STR(N, vds_port_id, "source/@portid", WHEN(BIT(VDS))),
    VB_XML_STR(N, vds_port_group_id, "source/@portgroupid", WHEN(BIT(VDS))),
    VB_XML_STR(N, vds_connection_id, "source/@connectionid", WHEN(BIT(VDS))),
    VB_XML_STR(N, source_dev, "source/@dev", WHEN(BIT(DIRECT) | BIT(VDPA) | BIT(USER))),
    VB_XML_STR(N, source_mode, "source/@mode", WHEN(BIT(DIRECT))),
    VB_XML_STR(N, source_chr_type, "source/@type", WHEN(BIT(VHOSTUSER))),
    VB_XML_STR(N, source_path, "source/@path", WHEN(BIT(VHOSTUSER))),
    VB_XML_STR(N, source_chr_mode, "source/@mode", WHEN(BIT(VHOSTUSER))),
    VB_XML_BOOL(N, source_reconnect, "source/reconnect/@enabled", WHEN(BIT(VHOSTUSER))),
    VB_XML_UINT(N, source_reconnect_timeout, "source/reconnect/@timeout", WHEN(BIT(VHOSTUSER))),
    VB_XML_STR(N, source_address, "source/@address", WHEN(SOCKET)),
    VB_XML_UINT(N, source_port, "source/@port", WHEN(SOCKET), .max = 65535),
    VB_XML_STR(N, source_local_address, "source/local/@address", WHEN(BIT(UDP))),
    VB_XML_UINT(N, source_local_port, "source/local/@port", WHEN(BIT(UDP)), .max = 65535),
    VB_XML_STR(N, source_pci_type, "source/address/@type", WHEN(BIT(HOSTDEV))),
    PCI(domain, "@domain", 4),
    PCI(bus, "@bus", 2),
    PCI(slot, "@slot", 2),
    PCI(function, "@function", 1),
    VB_XML_LIST(N, source_ips, "source/ip", ip_type),
    VB_XML_LIST(N, source_routes, "source/route", route_type),
    VB_XML_BOOL(N, vlan_trunk, "vlan/@trunk"),
    VB_XML_LIST(N, vlan_tags, "vlan/tag", tag_type),
    VB_XML_STR(N, virtualport_type, "virtualport/@type"),
    VB_XML_STR(N, virtualport_managerid, "virtualport/parameters/@managerid"),
    VB_XML_STR(N, virtualport_typeid, "virtualport/parameters/@typeid"),
    VB_XML_STR(N, virtualport_typeidversion, "virtualport/parameters/@typeidversion"),
    VB_XML_STR(N, virtualport_instanceid, "virtualport/parameters/@instanceid"),
    VB_XML_STR(N, virtualport_interfaceid, "virtualport/parameters/@interfaceid"),
    VB_XML_STR(N, virtualport_profileid, "virtualport/parameters/@profileid"),
    VB_XML_STRUCT(N, bandwidth_in, "bandwidth/inbound", bandwidth_type),
    VB_XML_STRUCT(N, bandwidth_out, "bandwidth/outbound", bandwidth_type),
    VB_XML_LIST(N, ips, "ip", ip_type),
    VB_XML_LIST(N, routes, "route", route_type),
    VB_XML_LIST(N, port_forwards, "portForward", forward_type),
    VB_XML_STR(N, script, "script/@path"),
    VB_XML_STR(N, downscript, "downscript/@path"),
    VB_XML_STR(N, backend_domain, "backenddomain/@name"),
    VB_XML_STR(N, target_dev, "target/@dev"),
    VB_XML_BOOL(N, target_managed, "target/@managed"),
    VB_XML_STR(N, guest_dev, "guest/@dev"),
    VB_XML_STR(N, model, "model/@type"),
    VB_XML_STR(N, hostdev_driver, "driver/@name", WHEN(BIT(HOSTDEV))),
    VB_XML_ENUMV(N, driver, "driver/@name", vb_domain_net_driver_enum, WHEN(~BIT(HOSTDEV)),
                 .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(N, txmode, "driver/@txmode"),
    VB_XML_SWITCH(N, ioeventfd, "driver/@ioeventfd"),
    VB_XML_SWITCH(N, event_idx, "driver/@event_idx"),
    VB_XML_UINT(N, queues, "driver/@queues"),
    VB_XML_UINT(N, rx_queue_size, "driver/@rx_queue_size"),
    VB_XML_UINT(N, tx_queue_size, "driver/@tx_queue_size"),
    VB_XML_EMBED(N, virtio, "driver", vb_domain_virtio_type),
    VB_XML_SWITCH(N, rss, "driver/@rss"),
    VB_XML_SWITCH(N, rss_hash_report, "driver/@rss_hash_report"),
    VB_XML_EMBED(N, host_offload, "driver/host", offload_type),
    VB_XML_EMBED(N, guest_offload, "driver/guest", offload_type),
    VB_XML_ENUMV(N, backend, "backend/@type", vb_domain_net_backend_enum),
    VB_XML_STR(N, backend_tap, "backend/@tap"),
    VB_XML_STR(N, backend_vhost, "backend/@vhost"),
    VB_XML_STR(N, backend_log_file, "backend/@logFile"),
    VB_XML_STR(N, filter, "filterref/@filter", WHEN(~BIT(VHOSTUSER))),
    VB_XML_LIST(N, filter_parameters, "filterref/parameter", parameter_type, WHEN(~BIT(VHOSTUSER))),
    VB_XML_UINT64(N, sndbuf, "tune/sndbuf", VB_XML_HAS(N, has_sndbuf), ZERO),
    VB_XML_STR(N, link_state, "link/@state"),
    VB_XML_UINT(N, mtu, "mtu/@size"),
    VB_XML_UINT(N, coalesce_rx_frames_max, "coalesce/rx/frames/@max"),
    VB_XML_STR(N, teaming_type, "teaming/@type"),
    VB_XML_STR(N, teaming_persistent, "teaming/@persistent"),
    VB_XML_BOOL(N, port_isolated, "port/@isolated"),
    VB_XML_EMBED(N, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_net_type, VbDomainNet, "interface", net_fields,
            .doc = "A network card of the guest.");

/**
 * vb_domain_net_model_is_virtio:
 * @net: a network card
 *
 * Returns: TRUE for virtio and its transitional and non-transitional variants
 */
gboolean
vb_domain_net_model_is_virtio(const VbDomainNet *net)
{
    static const char *const models[] = {"virtio", "virtio-transitional", "virtio-non-transitional",
                                         NULL};

    return net->model && g_strv_contains(models, net->model);
}
