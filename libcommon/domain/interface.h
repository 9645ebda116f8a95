/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface>: the guest's network cards. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_NET_USER,
    VB_DOMAIN_NET_ETHERNET,
    VB_DOMAIN_NET_VHOSTUSER,
    VB_DOMAIN_NET_SERVER,
    VB_DOMAIN_NET_CLIENT,
    VB_DOMAIN_NET_MCAST,
    VB_DOMAIN_NET_NETWORK,
    VB_DOMAIN_NET_BRIDGE,
    VB_DOMAIN_NET_INTERNAL,
    VB_DOMAIN_NET_DIRECT,
    VB_DOMAIN_NET_HOSTDEV,
    VB_DOMAIN_NET_UDP,
    VB_DOMAIN_NET_VDPA,
    VB_DOMAIN_NET_NULL,
    VB_DOMAIN_NET_VDS,
    VB_DOMAIN_NET_LAST,
} VbDomainNetType;

typedef enum { VB_DOMAIN_NET_BACKEND_DEFAULT, VB_DOMAIN_NET_BACKEND_PASST } VbDomainNetBackend;
typedef enum {
    VB_DOMAIN_NET_DRIVER_DEFAULT,
    VB_DOMAIN_NET_DRIVER_QEMU,
    VB_DOMAIN_NET_DRIVER_VHOST
} VbDomainNetDriver;

typedef struct {
    char *family, *address; /* "ipv4", "10.0.0.2" */
    guint prefix;           /* 0 = not given */
    char *peer;
} VbDomainNetIp;

typedef struct {
    guint64 average, peak, floor, burst; /* KiB/s, KiB */
    gboolean has_average;                /* 0 may be written */
} VbDomainBandwidth;

typedef struct {
    char *family, *address, *netmask, *prefix, *gateway, *metric;
} VbDomainNetRoute;
typedef struct {
    VbTristate csum, gso, tso4, tso6, ecn, ufo, mrg_rxbuf;
} VbDomainNetOffload;
typedef struct {
    guint start, end, to;
    VbTristate exclude;
} VbDomainPortRange; /* 0 = not given */
typedef struct {
    char *protocol, *address, *dev;
    GPtrArray *ranges; /* VbDomainPortRange */
} VbDomainPortForward;

typedef struct {
    guint id;
    gboolean has_id;
    char *native_mode;
} VbDomainVlanTag;

/* what few cards have: vb_domain_net_more() */
typedef struct {
    char *mac_type, *mac_check;
    /* <source> */
    char *source_portid;
    char *source_live_bridge; /* network, live only: the bridge it turned out to be */
    char *source_name;        /* internal */
    char *vds_switch_id, *vds_port_id, *vds_port_group_id, *vds_connection_id; /* vds */
    char *source_mode;                                                         /* direct */
    char *source_path, *source_chr_type, *source_chr_mode; /* vhostuser: unix socket */
    guint source_reconnect_timeout;
    VbTristate source_reconnect;
    bool has_source_pci;
    char *source_address;
    guint source_port;
    guint source_local_port;
    char *source_local_address;
    VbDomainPciAddress source_pci;
    char *source_pci_type;                 /* hostdev */
    char *hostdev_driver;                  /* hostdev: <driver name='vfio'> */
    GPtrArray *source_ips, *source_routes; /* VbDomainNetIp, VbDomainNetRoute: on the host side */
    GPtrArray *vlan_tags;
    /* <virtualport> */
    char *virtualport_type, *virtualport_profileid, *virtualport_interfaceid,
        *virtualport_instanceid;
    char *virtualport_managerid, *virtualport_typeid, *virtualport_typeidversion;
    VbDomainBandwidth *bandwidth_in, *bandwidth_out;
    GPtrArray *ips, *routes; /* VbDomainNetIp, VbDomainNetRoute: inside the guest (user) */
    GPtrArray *port_forwards;
    char *script, *downscript;
    char *backend_domain;
    char *guest_dev, *guest_actual;
    char *txmode;
    char *backend_log_file, *backend_hostname, *backend_fqdn;
    char *backend_tap, *backend_vhost;
    GPtrArray *filter_parameters;
    guint64 sndbuf;
    guint coalesce_rx_frames_max;
    bool has_sndbuf;
    VbTristate vlan_trunk;
    VbDomainNetOffload host_offload, guest_offload;
    char *teaming_type, *teaming_persistent;
} VbDomainNetMore;

typedef struct {
    guint8 type; /* VbDomainNetType */
    VbTristate managed;
    VbTristate trust_guest_rx_filters;
    VbMac mac;
    /* <driver> */
    guint8 driver; /* VbDomainNetDriver: name= */
    guint8 backend;
    VbTristate ioeventfd, event_idx, rss, rss_hash_report;
    VbTristate target_managed, port_isolated;
    VbDomainVirtioOptions virtio;
    guint queues, rx_queue_size, tx_queue_size;
    guint mtu;
    char *source_network, *source_portgroup;
    char *source_bridge;
    char *source_dev; /* direct, vdpa, user with passt */
    char *target_dev;
    char *model; /* "virtio", "e1000", "rtl8139" ... as given */
    char *filter;
    char *link_state; /* "up", "down" */
    VbDomainNetMore *more;
    VbDomainDeviceInfo info;
} VbDomainNet;

typedef struct {
    char *name, *value;
} VbDomainFilterParameter;

extern const VbEnum vb_domain_net_type_enum, vb_domain_net_driver_enum, vb_domain_net_backend_enum;
extern const VbXmlType vb_domain_net_type;
/* zeros while nothing is in it; VB_XML_NEED(net->more) makes it */
static inline const VbDomainNetMore *
vb_domain_net_more(const VbDomainNet *net)
{
    return VB_XML_READ(net->more);
}
void vb_domain_net_generate_mac(VbDomainNet *net); /* one of those that QEMU and libvirt make up */
gboolean vb_domain_net_model_is_virtio(const VbDomainNet *net);
