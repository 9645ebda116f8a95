/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <interface>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(vhost_mode_words, "mode", "client", "server");
WORDS(hostdev_driver_words, "host device driver", "kvm", "vfio", "xen");
WORDS(link_state_words, "interface link state", "up", "down");
WORDS(teaming_words, "teaming type", "persistent", "transient");
WORDS(port_protocol_words, "protocol", "tcp", "udp");
WORDS(native_mode_words, "native mode", "tagged", "untagged");
WORDS(txmode_words, "tx mode", "iothread", "timer");
WORDS(mac_kind_words, "MAC address type", "generated", "static");
WORDS(yes_no_words, "check", "yes", "no");

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
    VB_XML_STR(VbDomainPortForward, protocol, "@proto", .enumeration = &port_protocol_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(VbDomainPortForward, address, "@address"),
    VB_XML_STR(VbDomainPortForward, dev, "@dev"),
    VB_XML_LIST(VbDomainPortForward, ranges, "range", range_type),
};
static VB_XML_TYPE(forward_type, VbDomainPortForward, "portForward", forward_fields);

static const VbXmlField bandwidth_fields[] = {
    VB_XML_UINT64(VbDomainBandwidth, average, "@average",
                  VB_XML_HAS(VbDomainBandwidth, has_average), .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_UINT64(VbDomainBandwidth, peak, "@peak"),
    VB_XML_UINT64(VbDomainBandwidth, floor, "@floor"),
    VB_XML_UINT64(VbDomainBandwidth, burst, "@burst"),
};
static VB_XML_TYPE(bandwidth_type, VbDomainBandwidth, "inbound", bandwidth_fields);

static const VbXmlField tag_fields[] = {
    VB_XML_UINT(VbDomainVlanTag, id, "@id", VB_XML_HAS(VbDomainVlanTag, has_id),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT, .max = 4095),
    VB_XML_STR(VbDomainVlanTag, native_mode, "@nativeMode", .enumeration = &native_mode_words),
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
    VB_XML_UINT(M, source_pci.member, "source/address/" path, VB_XML_HAS(M, has_source_pci),       \
                .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits))
#define SOCKET (BIT(SERVER) | BIT(CLIENT) | BIT(MCAST) | BIT(UDP))

/* The rarely given part of a card comes in pieces, one for each place in the order of the attributes and elements, which
 * the conditions split further. */
#define PIECE(name, ...)                                                                           \
    static const VbXmlField name##_fields[] = {__VA_ARGS__};                                       \
    static VB_XML_TYPE(name##_type, M, "interface", name##_fields)
#define M VbDomainNetMore
PIECE(mac, VB_XML_STR(M, mac_type, "mac/@type", .enumeration = &mac_kind_words),
      VB_XML_STR(M, mac_check, "mac/@check", .enumeration = &yes_no_words));
PIECE(network_live, VB_XML_STR(M, source_portid, "source/@portid", .flags = VB_XML_LIVE_ONLY),
      VB_XML_STR(M, source_live_bridge, "source/@bridge", .flags = VB_XML_LIVE_ONLY));
PIECE(internal, VB_XML_STR(M, source_name, "source/@name"));
PIECE(vds, VB_XML_STR(M, vds_switch_id, "source/@switchid", .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_STR(M, vds_port_id, "source/@portid", .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_STR(M, vds_port_group_id, "source/@portgroupid", .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_STR(M, vds_connection_id, "source/@connectionid",
                 .flags = VB_XML_REQUIRED_IN_ELEMENT));
PIECE(direct, VB_XML_STR(M, source_mode, "source/@mode"));
PIECE(vhostuser,
      VB_XML_STR(M, source_chr_type, "source/@type", .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_STR(M, source_path, "source/@path"),
      VB_XML_STR(M, source_chr_mode, "source/@mode", .enumeration = &vhost_mode_words,
                 .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_BOOL(M, source_reconnect, "source/reconnect/@enabled"),
      VB_XML_UINT(M, source_reconnect_timeout, "source/reconnect/@timeout"));
PIECE(socket, VB_XML_STR(M, source_address, "source/@address"),
      VB_XML_UINT(M, source_port, "source/@port", .max = 65535,
                  .flags = VB_XML_REQUIRED_IN_ELEMENT));
PIECE(local,
      VB_XML_STR(M, source_local_address, "source/local/@address",
                 .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_UINT(M, source_local_port, "source/local/@port", .max = 65535,
                  .flags = VB_XML_REQUIRED_IN_ELEMENT));
PIECE(hostdev, VB_XML_STR(M, source_pci_type, "source/address/@type"), PCI(domain, "@domain", 4),
      PCI(bus, "@bus", 2), PCI(slot, "@slot", 2), PCI(function, "@function", 1));
PIECE(link, VB_XML_LIST(M, source_ips, "source/ip", ip_type),
      VB_XML_LIST(M, source_routes, "source/route", route_type),
      VB_XML_BOOL(M, vlan_trunk, "vlan/@trunk"), VB_XML_LIST(M, vlan_tags, "vlan/tag", tag_type),
      VB_XML_STR(M, virtualport_type, "virtualport/@type"),
      VB_XML_STR(M, virtualport_managerid, "virtualport/parameters/@managerid"),
      VB_XML_STR(M, virtualport_typeid, "virtualport/parameters/@typeid"),
      VB_XML_STR(M, virtualport_typeidversion, "virtualport/parameters/@typeidversion"),
      VB_XML_STR(M, virtualport_instanceid, "virtualport/parameters/@instanceid"),
      VB_XML_STR(M, virtualport_interfaceid, "virtualport/parameters/@interfaceid"),
      VB_XML_STR(M, virtualport_profileid, "virtualport/parameters/@profileid"),
      VB_XML_STRUCT(M, bandwidth_in, "bandwidth/inbound", bandwidth_type),
      VB_XML_STRUCT(M, bandwidth_out, "bandwidth/outbound", bandwidth_type),
      VB_XML_LIST(M, ips, "ip", ip_type), VB_XML_LIST(M, routes, "route", route_type),
      VB_XML_LIST(M, port_forwards, "portForward", forward_type),
      VB_XML_STR(M, script, "script/@path"), VB_XML_STR(M, downscript, "downscript/@path"),
      VB_XML_STR(M, backend_domain, "backenddomain/@name"));
PIECE(guest, VB_XML_STR(M, guest_dev, "guest/@dev"),
      VB_XML_STR(M, guest_actual, "guest/@actual", .flags = VB_XML_LIVE_ONLY));
PIECE(hostdev_driver,
      VB_XML_STR(M, hostdev_driver, "driver/@name", .enumeration = &hostdev_driver_words));
PIECE(txmode, VB_XML_STR(M, txmode, "driver/@txmode", .enumeration = &txmode_words));
PIECE(offloads, VB_XML_EMBED(M, host_offload, "driver/host", offload_type),
      VB_XML_EMBED(M, guest_offload, "driver/guest", offload_type));
PIECE(backend, VB_XML_STR(M, backend_tap, "backend/@tap"),
      VB_XML_STR(M, backend_vhost, "backend/@vhost"),
      VB_XML_STR(M, backend_log_file, "backend/@logFile"),
      VB_XML_STR(M, backend_hostname, "backend/@hostname"),
      VB_XML_STR(M, backend_fqdn, "backend/@fqdn"));
PIECE(parameters, VB_XML_LIST(M, filter_parameters, "filterref/parameter", parameter_type));
PIECE(tune, VB_XML_UINT64(M, sndbuf, "tune/sndbuf", VB_XML_HAS(M, has_sndbuf), ZERO));
PIECE(teaming, VB_XML_UINT(M, coalesce_rx_frames_max, "coalesce/rx/frames/@max"),
      VB_XML_STR(M, teaming_type, "teaming/@type", .enumeration = &teaming_words,
                 .flags = VB_XML_UNSUPPORTED),
      VB_XML_STR(M, teaming_persistent, "teaming/@persistent"));
#undef M
#define MORE(piece, ...) VB_XML_PART(N, more, ".", piece##_type, ##__VA_ARGS__)

static const VbXmlField net_fields[] = {
    VB_XML_ENUMV(N, type, "@type", vb_domain_net_type_enum, ZERO),
    VB_XML_BOOL(N, managed, "@managed", WHEN(BIT(HOSTDEV))),
    VB_XML_BOOL(N, trust_guest_rx_filters, "@trustGuestRxFilters"),
    VB_XML_MACV(N, mac, "mac/@address", .abi = "network card mac"),
    MORE(mac),
    VB_XML_STR(N, source_network, "source/@network", WHEN(BIT(NETWORK))),
    VB_XML_STR(N, source_portgroup, "source/@portgroup", WHEN(BIT(NETWORK))),
    MORE(network_live, WHEN(BIT(NETWORK))),
    VB_XML_STR(N, source_bridge, "source/@bridge", WHEN(BIT(BRIDGE))),
    MORE(internal, WHEN(BIT(INTERNAL))),
    MORE(vds, WHEN(BIT(VDS))),
    VB_XML_STR(N, source_dev, "source/@dev",
               WHEN(BIT(DIRECT) | BIT(VDPA) | BIT(USER) | BIT(VHOSTUSER))),
    MORE(direct, WHEN(BIT(DIRECT))),
    MORE(vhostuser, WHEN(BIT(VHOSTUSER))),
    MORE(socket, WHEN(SOCKET)),
    MORE(local, WHEN(BIT(UDP))),
    MORE(hostdev, WHEN(BIT(HOSTDEV))),
    MORE(link),
    VB_XML_STR(N, target_dev, "target/@dev"),
    VB_XML_BOOL(N, target_managed, "target/@managed"),
    MORE(guest),
    VB_XML_STR(N, model, "model/@type", .abi = "network card model"),
    MORE(hostdev_driver, WHEN(BIT(HOSTDEV))),
    VB_XML_ENUMV(N, driver, "driver/@name", vb_domain_net_driver_enum, WHEN(~BIT(HOSTDEV)),
                 .flags = VB_XML_UNSUPPORTED),
    MORE(txmode),
    VB_XML_SWITCH(N, ioeventfd, "driver/@ioeventfd"),
    VB_XML_SWITCH(N, event_idx, "driver/@event_idx"),
    VB_XML_UINT(N, queues, "driver/@queues"),
    VB_XML_UINT(N, rx_queue_size, "driver/@rx_queue_size"),
    VB_XML_UINT(N, tx_queue_size, "driver/@tx_queue_size"),
    VB_XML_EMBED(N, virtio, "driver", vb_domain_virtio_type),
    VB_XML_SWITCH(N, rss, "driver/@rss"),
    VB_XML_SWITCH(N, rss_hash_report, "driver/@rss_hash_report"),
    MORE(offloads),
    VB_XML_ENUMV(N, backend, "backend/@type", vb_domain_net_backend_enum),
    MORE(backend),
    VB_XML_STR(N, filter, "filterref/@filter", WHEN(~BIT(VHOSTUSER))),
    MORE(parameters, WHEN(~BIT(VHOSTUSER))),
    MORE(tune),
    VB_XML_STR(N, link_state, "link/@state", .enumeration = &link_state_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_UINT(N, mtu, "mtu/@size", .abi = "network card MTU"),
    MORE(teaming),
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
