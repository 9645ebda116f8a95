/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network cards: -netdev (the host's side), then the device. Taps are opened by the caller. */
#include "command/build.h"

#include <string.h>

/* ---- host side ---- */

static void
add_user(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net)
{
    vb_json_add_string(json, "type", "user");
    VB_DOMAIN_EACH(VbDomainNetIp, ip, vb_domain_net_more(net)->ips)
    {
        gboolean is_v6 = g_strcmp0(ip->family, "ipv6") == 0;
        g_autofree char *text = NULL;

        if (is_v6) {
            vb_json_add_string(json, "ipv6-prefix", ip->address);
            if (ip->prefix)
                vb_json_add_uint(json, "ipv6-prefixlen", ip->prefix);
            continue;
        }
        if (ip->prefix)
            text = g_strdup_printf("%s/%u", ip->address, ip->prefix);
        vb_json_add_string(json, "net", text ? text : ip->address);
    }
}

/* Source: libvirt's name; the folder of the guest is "domain-7-NAME" */
char *
qemu_command_passt_socket(const char *run_dir, const char *domain_dir, const char *alias)
{
    g_autofree char *guest = g_path_get_basename(domain_dir);
    const char *name = g_str_has_prefix(guest, "domain-") ? guest + strlen("domain-") : guest;
    g_autofree char *file = g_strdup_printf("%s-%s.socket", name, alias);

    return g_build_filename(run_dir ? run_dir : "/run/libvirt/qemu", "passt", file, NULL);
}

static gboolean
add_passt(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net, GError **error)
{
    const QemuCommandOptions *options = build->options;
    g_autofree char *path =
        qemu_command_passt_socket(options->run_dir, options->domain_dir, net->info.alias);

    if (!qemu_caps_has_schema(build->caps, "netdev_add/arg-type/+stream"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "the passt network backend is not supported with this QEMU binary");
    vb_json_add_string(json, "type", "stream");
    vb_json_begin_object(json, "addr");
    vb_json_add_string(json, "type", "unix");
    vb_json_add_string(json, "path", path);
    vb_json_end(json);
    vb_json_add_bool(json, "server", FALSE);
    return TRUE;
}

/* "3:4:5", or "3" when there is one queue; NULL when the caller gave none */
static char *
join_fds(QemuBuild *build, const VbDomainNet *net, QemuCommandFdKind kind, guint *ret_count)
{
    GString *text = g_string_new(NULL);
    guint count = 0;
    char *fd;

    while ((fd = qemu_build_find_fd_name(build, kind, net->info.alias, count))) {
        g_string_append_printf(text, "%s%s", count++ ? ":" : "", fd);
        g_free(fd);
    }
    *ret_count = count;
    return g_string_free(text, count == 0);
}

static gboolean
add_tap(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net, GError **error)
{
    guint n_taps, n_vhosts;
    g_autofree char *taps = join_fds(build, net, QEMU_COMMAND_FD_TAP, &n_taps);
    g_autofree char *vhosts = join_fds(build, net, QEMU_COMMAND_FD_VHOST, &n_vhosts);

    vb_json_add_string(json, "type", "tap");
    if (taps) {
        vb_json_add_string(json, n_taps > 1 ? "fds" : "fd", taps);
    } else if (build->options->monitor_fd >= 0) {
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "no tap device for interface '%s'",
                            net->info.alias);
    }
    if (vhosts) {
        vb_json_add_bool(json, "vhost", TRUE);
        vb_json_add_string(json, n_vhosts > 1 ? "vhostfds" : "vhostfd", vhosts);
    }
    if (vb_domain_net_more(net)->has_sndbuf)
        vb_json_add_uint(json, "sndbuf", vb_domain_net_more(net)->sndbuf);
    return TRUE;
}

static void
add_socket(VbJsonWriter *json, const VbDomainNet *net)
{
    static const char *const keys[VB_DOMAIN_NET_LAST] = {
        [VB_DOMAIN_NET_SERVER] = "listen",
        [VB_DOMAIN_NET_CLIENT] = "connect",
        [VB_DOMAIN_NET_MCAST] = "mcast",
        [VB_DOMAIN_NET_UDP] = "udp",
    };
    const char *address =
        vb_domain_net_more(net)->source_address ? vb_domain_net_more(net)->source_address : "";
    g_autofree char *there =
        g_strdup_printf("%s:%u", address, vb_domain_net_more(net)->source_port);
    g_autofree char *here = NULL;

    vb_json_add_string(json, "type", "socket");
    vb_json_add_string(json, keys[net->type], there);
    if (net->type == VB_DOMAIN_NET_UDP) {
        here = g_strdup_printf("%s:%u",
                               vb_domain_net_more(net)->source_local_address
                                   ? vb_domain_net_more(net)->source_local_address
                                   : "",
                               vb_domain_net_more(net)->source_local_port);
        vb_json_add_string(json, "localaddr", here);
    }
}

/* Another process moves the packets: the emulator shares the guest's memory with it over a socket. */
static gboolean
add_vhost_user(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    g_autofree char *chardev = g_strdup_printf("char%s", net->info.alias);
    GString *text;

    if (net->backend != VB_DOMAIN_NET_BACKEND_DEFAULT || !more->source_path)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "interfaces of type 'vhostuser' need a unix socket");
    if (!vb_domain_net_model_is_virtio(net))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "vhost-user is only supported for virtio network interface");
    text = g_string_new("socket");
    qemu_build_append(text, "id", chardev);
    qemu_build_append(text, "path", more->source_path);
    if (g_strcmp0(more->source_chr_mode, "server") == 0)
        g_string_append(text, ",server=on");
    else if (more->source_reconnect == VB_TRISTATE_YES)
        g_string_append_printf(text, ",reconnect=%u", more->source_reconnect_timeout);
    else if (more->source_reconnect == VB_TRISTATE_NO)
        g_string_append(text, ",reconnect=0");
    qemu_build_take_option(build, "-chardev", g_string_free(text, FALSE));
    vb_json_add_string(json, "type", "vhost-user");
    vb_json_add_string(json, "chardev", chardev);
    if (net->queues > 1)
        vb_json_add_uint(json, "queues", net->queues);
    return TRUE;
}

/* The device was opened by the caller; the emulator finds it in a set of descriptors. */
static gboolean
add_vdpa(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net, GError **error)
{
    const int fd = qemu_build_find_fd(build, QEMU_COMMAND_FD_VDPA, net->info.alias, 0);
    g_autofree char *node = NULL;
    GString *text;

    if (fd < 0 && build->options->monitor_fd >= 0)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "live attach of interfaces of type 'vdpa' is not supported");
    if (fd >= 0) {
        text = g_string_new(NULL);
        g_string_append_printf(text, "set=%u,fd=%d", build->n_fdsets, fd);
        qemu_build_append(text, "opaque", net->source_dev);
        qemu_build_take_option(build, "-add-fd", g_string_free(text, FALSE));
    }
    node = g_strdup_printf("/dev/fdset/%u", build->n_fdsets++);
    vb_json_add_string(json, "type", "vhost-vdpa");
    vb_json_add_string(json, "vhostdev", node);
    return TRUE;
}

static gboolean
add_host_side(QemuBuild *build, VbJsonWriter *json, const VbDomainNet *net, GError **error)
{
    static const gboolean is_tap[VB_DOMAIN_NET_LAST] = {
        [VB_DOMAIN_NET_ETHERNET] = TRUE,
        [VB_DOMAIN_NET_NETWORK] = TRUE,
        [VB_DOMAIN_NET_BRIDGE] = TRUE,
        [VB_DOMAIN_NET_DIRECT] = TRUE,
    };
    static const gboolean is_socket[VB_DOMAIN_NET_LAST] = {
        [VB_DOMAIN_NET_SERVER] = TRUE,
        [VB_DOMAIN_NET_CLIENT] = TRUE,
        [VB_DOMAIN_NET_MCAST] = TRUE,
        [VB_DOMAIN_NET_UDP] = TRUE,
    };

    if (net->type == VB_DOMAIN_NET_USER && net->backend == VB_DOMAIN_NET_BACKEND_DEFAULT) {
        add_user(build, json, net);
        return TRUE;
    }
    if (net->type == VB_DOMAIN_NET_USER)
        return add_passt(build, json, net, error);
    if (is_tap[net->type])
        return add_tap(build, json, net, error);
    if (is_socket[net->type]) {
        add_socket(json, net);
        return TRUE;
    }
    if (net->type == VB_DOMAIN_NET_VHOSTUSER)
        return add_vhost_user(build, json, net, error);
    if (net->type == VB_DOMAIN_NET_VDPA)
        return add_vdpa(build, json, net, error);
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "interfaces of type '%s' are not supported",
                        vb_enum_to_nick(&vb_domain_net_type_enum, net->type));
}

static gboolean
take_netdev(QemuBuild *build, const VbDomainNet *net, GError **error)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *id = g_strdup_printf("host%s", net->info.alias);

    vb_json_begin_object(json, NULL);
    if (!add_host_side(build, json, net, error))
        return FALSE;
    vb_json_add_string(json, "id", id);
    qemu_build_take_json(build, "-netdev", g_steal_pointer(&json));
    return TRUE;
}

/* ---- device ---- */

static char *
net_driver(const VbDomainNet *net)
{
    if (!vb_domain_net_model_is_virtio(net))
        return g_strdup(net->model ? net->model : "rtl8139");
    return qemu_build_virtio_driver("virtio-net", &net->info,
                                    g_str_equal(net->model, "virtio-transitional")
                                        ? QEMU_VIRTIO_TRANSITIONAL
                                    : g_str_equal(net->model, "virtio-non-transitional")
                                        ? QEMU_VIRTIO_NON_TRANSITIONAL
                                        : QEMU_VIRTIO_PLAIN);
}

static void
add_offloads(VbJsonWriter *json, const VbDomainNet *net)
{
    qemu_build_add_tristate(json, "csum", vb_domain_net_more(net)->host_offload.csum);
    qemu_build_add_tristate(json, "gso", vb_domain_net_more(net)->host_offload.gso);
    qemu_build_add_tristate(json, "host_tso4", vb_domain_net_more(net)->host_offload.tso4);
    qemu_build_add_tristate(json, "host_tso6", vb_domain_net_more(net)->host_offload.tso6);
    qemu_build_add_tristate(json, "host_ecn", vb_domain_net_more(net)->host_offload.ecn);
    qemu_build_add_tristate(json, "host_ufo", vb_domain_net_more(net)->host_offload.ufo);
    qemu_build_add_tristate(json, "mrg_rxbuf", vb_domain_net_more(net)->host_offload.mrg_rxbuf);
    qemu_build_add_tristate(json, "guest_csum", vb_domain_net_more(net)->guest_offload.csum);
    qemu_build_add_tristate(json, "guest_tso4", vb_domain_net_more(net)->guest_offload.tso4);
    qemu_build_add_tristate(json, "guest_tso6", vb_domain_net_more(net)->guest_offload.tso6);
    qemu_build_add_tristate(json, "guest_ecn", vb_domain_net_more(net)->guest_offload.ecn);
    qemu_build_add_tristate(json, "guest_ufo", vb_domain_net_more(net)->guest_offload.ufo);
}

static void
add_virtio_net(VbJsonWriter *json, const VbDomainNet *net)
{
    qemu_build_add_virtio(json, &net->virtio);
    if (vb_domain_net_more(net)->txmode)
        vb_json_add_string(json, "tx",
                           g_str_equal(vb_domain_net_more(net)->txmode, "iothread")
                               ? "bh"
                               : vb_domain_net_more(net)->txmode);
    qemu_build_add_tristate(json, "ioeventfd", net->ioeventfd);
    qemu_build_add_tristate(json, "event_idx", net->event_idx);
    add_offloads(json, net);
    if (net->queues > 1) {
        vb_json_add_bool(json, "mq", TRUE);
        vb_json_add_uint(json, "vectors", 2 * net->queues + 2);
    }
    qemu_build_add_tristate(json, "rss", net->rss);
    qemu_build_add_tristate(json, "hash", net->rss_hash_report);
    if (net->rx_queue_size)
        vb_json_add_uint(json, "rx_queue_size", net->rx_queue_size);
    if (net->tx_queue_size)
        vb_json_add_uint(json, "tx_queue_size", net->tx_queue_size);
    if (net->mtu)
        vb_json_add_uint(json, "host_mtu", net->mtu);
    if (g_strcmp0(vb_domain_net_more(net)->teaming_type, "persistent") == 0)
        vb_json_add_bool(json, "failover", TRUE);
}

static gboolean
take_card(QemuBuild *build, const VbDomainNet *net, GError **error)
{
    g_autofree char *driver = net_driver(net);
    g_autofree char *netdev = g_strdup_printf("host%s", net->info.alias);
    g_autoptr(VbJsonWriter) json = NULL;
    char mac[18];

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    vb_mac_format(&net->mac, mac);
    json = qemu_build_device_new(driver);
    if (vb_domain_net_model_is_virtio(net))
        add_virtio_net(json, net);
    vb_json_add_string(json, "netdev", netdev);
    vb_json_add_string(json, "id", net->info.alias);
    vb_json_add_string(json, "mac", mac);
    qemu_build_add_boot_index(build, json, &net->info);
    if (!qemu_build_add_address(build, json, &net->info, error))
        return FALSE;
    qemu_build_add_rom(json, &net->info);
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_nets(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, build->def->nets)
    if (!take_netdev(build, net, error) || !take_card(build, net, error))
        return FALSE;
    return TRUE;
}
