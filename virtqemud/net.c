/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taps for <interface type='bridge', 'ethernet', 'network'>: made, joined to their bridge, and owed to be removed. A tap of
 * ours is persistent only through the emulator's descriptor: the kernel removes it with the process. */
#include "prepare.h"

#include "bandwidth.h"
#include "base/error.h"
#include "base/log.h"
#include "bridge-port.h"
#include "domain-private.h"
#include "macvtap.h"
#include "passt.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#define MAX_QUEUES 256 /* Source: linux/if_tun.h, tun's MAX_TAP_QUEUES */

static gboolean
request(int command, struct ifreq *ifr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean is_done = fd >= 0 && ioctl(fd, (unsigned long)command, ifr) == 0;
    int errsv = errno;
    if (fd >= 0)
        close(fd);
    errno = errsv;
    return is_done;
}

static void
name_request(struct ifreq *ifr, const char *name)
{
    memset(ifr, 0, sizeof *ifr);
    g_strlcpy(ifr->ifr_name, name, sizeof ifr->ifr_name);
}

/* ---- networks: the bridge behind a name ---- */

/* Source: libvirt keeps running networks in run/libvirt/network/NAME.xml (<networkstatus><network>), definitions in
 * etc/libvirt/qemu/networks/NAME.xml (<network>) */
static char *
bridge_in_file(const char *path)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    char *bridge = NULL;
    if (!g_file_get_contents(path, &text, &length, NULL) || length > 1024 * 1024)
        return NULL;
    xmlDoc *doc = xmlReadMemory(text, (int)length, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *node = doc ? xmlDocGetRootElement(doc) : NULL;
    for (xmlNode *at = node ? node->children : NULL; at; at = at->next) {
        if (xmlStrEqual(at->name, BAD_CAST "network"))
            node = at;
    }
    for (xmlNode *at = node ? node->children : NULL; at && !bridge; at = at->next) {
        xmlChar *name =
            xmlStrEqual(at->name, BAD_CAST "bridge") ? xmlGetProp(at, BAD_CAST "name") : NULL;
        bridge = g_strdup((const char *)name);
        xmlFree(name);
    }
    xmlFreeDoc(doc);
    return bridge;
}

static char *
find_bridge(QemuManager *manager, const char *network, GError **error)
{
    static const char *const folders[] = {"/run/libvirt/network", "/etc/libvirt/qemu/networks"};
    gboolean is_known = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(folders) && !strchr(network, '/'); i++) {
        g_autofree char *path = g_strdup_printf("%s%s/%s.xml", manager->root, folders[i], network);
        char *bridge = bridge_in_file(path);
        if (bridge)
            return bridge;
        is_known = is_known || g_file_test(path, G_FILE_TEST_EXISTS);
    }
    if (is_known)
        vb_error_set(error, VIR_ERR_OPERATION_INVALID, "network '%s' has no bridge", network);
    else
        vb_error_set(error, VIR_ERR_NO_NETWORK, "no network with matching name '%s'", network);
    return NULL;
}

/* ---- taps ---- */

static int
open_tap(char name[IFNAMSIZ], gboolean is_multiqueue, GError **error)
{
    struct ifreq ifr;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        vb_error_set_errno(error, errno, "Unable to open /dev/net/tun, is tun module loaded?");
        return -1;
    }
    name_request(&ifr, name);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (is_multiqueue ? IFF_MULTI_QUEUE : 0);
    if (ioctl(fd, TUNSETIFF, &ifr) == 0) {
        g_strlcpy(name, ifr.ifr_name, IFNAMSIZ);
        return fd;
    }
    vb_error_set_errno(error, errno, "Unable to create tap device %s", name);
    close(fd);
    return -1;
}

/* Source: libvirt gives the host's side the guest's MAC with fe in front, so that a bridge never takes it as its own */
static void
set_mac(const char *name, const VbMac *mac)
{
    struct ifreq ifr;
    name_request(&ifr, name);
    ifr.ifr_hwaddr.sa_family = 1; /* ARPHRD_ETHER */
    memcpy(ifr.ifr_hwaddr.sa_data, mac->bytes, 6);
    ifr.ifr_hwaddr.sa_data[0] = (char)0xfe;
    if (!request(SIOCSIFHWADDR, &ifr))
        g_warning("cannot set MAC address of %s: %s", name, g_strerror(errno));
}

static gboolean
join_bridge(const char *name, const char *bridge, GError **error)
{
    struct ifreq ifr;
    name_request(&ifr, bridge);
    if (!request(SIOCGIFMTU, &ifr))
        return vb_error_set_errno(error, errno, "Cannot get interface MTU on '%s'", bridge);
    int mtu = ifr.ifr_mtu;
    name_request(&ifr, name);
    ifr.ifr_mtu = mtu;
    if (!request(SIOCSIFMTU, &ifr))
        return vb_error_set_errno(error, errno, "Cannot set interface MTU on '%s'", name);
    name_request(&ifr, bridge);
    ifr.ifr_ifindex = (int)if_nametoindex(name);
    if (!request(SIOCBRADDIF, &ifr))
        return vb_error_set_errno(error, errno, "Unable to add bridge %s port %s", bridge, name);
    return TRUE;
}

static gboolean
set_up(const char *name, GError **error)
{
    struct ifreq ifr;
    name_request(&ifr, name);
    if (request(SIOCGIFFLAGS, &ifr)) {
        ifr.ifr_flags |= IFF_UP;
        if (request(SIOCSIFFLAGS, &ifr))
            return TRUE;
    }
    return vb_error_set_errno(error, errno, "Cannot set interface flags on '%s'", name);
}

static gboolean
set_mtu(const char *name, guint mtu, GError **error)
{
    struct ifreq ifr;
    name_request(&ifr, name);
    ifr.ifr_mtu = (int)mtu;
    return request(SIOCSIFMTU, &ifr) ||
           vb_error_set_errno(error, errno, "Cannot set interface MTU on '%s'", name);
}

/* how many packets may gather before the guest is told. Source: linux/ethtool.h */
static gboolean
set_coalesce(const char *name, guint n_frames, GError **error)
{
    struct ethtool_coalesce coalesce = {.cmd = ETHTOOL_GCOALESCE};
    struct ifreq ifr;
    name_request(&ifr, name);
    ifr.ifr_data = (char *)&coalesce;
    if (!request(SIOCETHTOOL, &ifr))
        return vb_error_set_errno(error, errno, "Cannot get coalesce info on '%s'", name);
    coalesce.cmd = ETHTOOL_SCOALESCE;
    coalesce.rx_max_coalesced_frames = n_frames;
    return request(SIOCETHTOOL, &ifr) ||
           vb_error_set_errno(error, errno, "Cannot set coalesce info on '%s'", name);
}

static gboolean
set_bandwidth(QemuDomain *domain, const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    return (!more->bandwidth_in && !more->bandwidth_out) ||
           qemu_bandwidth_set(domain, net, more->bandwidth_in, more->bandwidth_out, error);
}

/* what the definition says of the host's side */
static gboolean
set_options(QemuDomain *domain, const char *name, const VbDomainNet *net, GError **error)
{
    const guint n_frames = vb_domain_net_more(net)->coalesce_rx_frames_max;
    return (net->mtu == 0 || set_mtu(name, net->mtu, error)) &&
           (n_frames == 0 || set_coalesce(name, n_frames, error)) &&
           set_bandwidth(domain, net, error);
}

static gboolean
open_queues(VbDomainNet *net, char name[IFNAMSIZ], QemuPrepared *prepared, GError **error)
{
    guint n_queues = CLAMP(net->queues, 1, MAX_QUEUES);
    gboolean wants_vhost =
        vb_domain_net_model_is_virtio(net) && net->driver != VB_DOMAIN_NET_DRIVER_QEMU;
    for (guint i = 0; i < n_queues; i++) {
        int fd = net->type == VB_DOMAIN_NET_DIRECT ? qemu_macvtap_open(name, n_queues > 1, error)
                                                   : open_tap(name, n_queues > 1, error);
        if (fd < 0)
            return FALSE;
        qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_TAP, net->info.alias, fd);
        int vhost = wants_vhost ? open("/dev/vhost-net", O_RDWR | O_CLOEXEC) : -1;
        if (vhost >= 0)
            qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_VHOST, net->info.alias, vhost);
        else if (wants_vhost && net->driver == VB_DOMAIN_NET_DRIVER_VHOST)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "vhost-net was requested for an interface, but is unavailable");
    }
    return TRUE;
}

static gboolean
prepare_direct(QemuDomain *domain, VbDomainNet *net, QemuPrepared *prepared, GError **error)
{
    char name[IFNAMSIZ];
    if (!qemu_prepare_direct(domain, net, error))
        return FALSE;
    g_strlcpy(name, net->target_dev, sizeof name);
    return open_queues(net, name, prepared, error) &&
           (net->mtu == 0 || set_mtu(name, net->mtu, error)) && set_bandwidth(domain, net, error) &&
           set_up(name, error);
}

static gboolean
open_vdpa(const VbDomainNet *net, QemuPrepared *prepared, GError **error)
{
    const int fd = open(net->source_dev ? net->source_dev : "", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return vb_error_set_errno(error, errno, "Unable to open '%s' for vdpa device",
                                  net->source_dev ? net->source_dev : "");
    qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_VDPA, net->info.alias, fd);
    return TRUE;
}

/* A guest that was meant to be kept apart must not run without. Source: libvirt's words */
static gboolean
check_tags(const VbDomainNet *net, GError **error)
{
    const guint has_port = 1u << VB_DOMAIN_NET_NETWORK | 1u << VB_DOMAIN_NET_BRIDGE;
    char mac[18];
    if (VB_DOMAIN_COUNT(vb_domain_net_more(net)->vlan_tags) == 0 || (has_port & 1u << net->type))
        return TRUE;
    vb_mac_format(&net->mac, mac);
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "interface %s - vlan tag not supported for this connection type", mac);
}

/* cut to what fits it would be another's */
static gboolean
check_name(const char *name, GError **error)
{
    return !name || strlen(name) < IFNAMSIZ ||
           vb_error_set_errno(error, ERANGE, "Network interface name '%s' is too long", name);
}

/* Source: libvirt, which starts the guest as well */
static void
warn_of_bandwidth(const QemuDomain *domain, const VbDomainNet *net)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    if (more->bandwidth_in || more->bandwidth_out)
        vb_log_warning(domain->name,
                       "setting bandwidth on interfaces of type '%s' is not implemented yet",
                       vb_enum_to_nick(&vb_domain_net_type_enum, net->type));
}

/* libvirt 9.0 stores forwards that nobody serves, so we do; a guest without them would not be what was asked for */
static gboolean
check_forwards(const VbDomainNet *net, GError **error)
{
    return VB_DOMAIN_COUNT(vb_domain_net_more(net)->port_forwards) == 0 || qemu_passt_serves(net) ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "The <portForward> element can only be used with <interface "
                        "type='user'> and its 'passt' backend");
}

gboolean
qemu_prepare_net(QemuDomain *domain, VbDomainNet *net, QemuPrepared *prepared, GError **error)
{
    g_autofree char *bridge = NULL;
    char name[IFNAMSIZ] = "vnet%d"; /* the kernel counts */
    if (!check_tags(net, error) || !check_forwards(net, error))
        return FALSE;
    if (net->type == VB_DOMAIN_NET_DIRECT)
        return prepare_direct(domain, net, prepared, error);
    if (net->type == VB_DOMAIN_NET_VDPA)
        return open_vdpa(net, prepared, error);
    if (net->type != VB_DOMAIN_NET_NETWORK && net->type != VB_DOMAIN_NET_BRIDGE &&
        net->type != VB_DOMAIN_NET_ETHERNET) {
        warn_of_bandwidth(domain, net);
        return TRUE;
    }
    if (net->type == VB_DOMAIN_NET_NETWORK) {
        bridge = find_bridge(domain->manager, net->source_network, error);
        if (!bridge)
            return FALSE;
    } else if (net->type == VB_DOMAIN_NET_BRIDGE) {
        bridge = g_strdup(net->source_bridge);
    }
    if (!check_name(bridge, error) || !check_name(net->target_dev, error))
        return FALSE;
    if (net->target_dev)
        g_strlcpy(name, net->target_dev, sizeof name);
    gboolean is_ours = if_nametoindex(name) == 0; /* else an administrator's: it stays */
    if (!open_queues(net, name, prepared, error))
        return FALSE;
    if (is_ours)
        qemu_domain_owe(domain, "tap", name);
    g_free(net->target_dev);
    net->target_dev = g_strdup(name);
    set_mac(name, &net->mac);
    if (bridge && (!join_bridge(name, bridge, error) || !qemu_bridge_port_set(bridge, net, error)))
        return FALSE;
    if (!set_options(domain, name, net, error))
        return FALSE;
    if (net->type == VB_DOMAIN_NET_NETWORK && !net->source_bridge)
        net->source_bridge = g_steal_pointer(&bridge);
    return g_strcmp0(net->link_state, "down") == 0 || set_up(name, error);
}

/* As a rule the tap has gone with the emulator's descriptor, and there is nothing to do. */
void
qemu_net_remove_tap(const char *name)
{
    struct ifreq ifr;
    if (if_nametoindex(name) == 0)
        return;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    name_request(&ifr, name);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr) == 0)
        (void)ioctl(fd, TUNSETPERSIST, 0);
    if (fd >= 0)
        close(fd);
}
