/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a network interface can do, from the kernel's ethtool interface (linux/ethtool.h) and from sysfs. */
#include "describe.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURE_WORDS 4 /* 128 features; the kernel has some 60 */

static gboolean
ask(int fd, const char *interface, gpointer command)
{
    struct ifreq request = {0};
    g_strlcpy(request.ifr_name, interface, sizeof request.ifr_name);
    request.ifr_data = command;
    return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

static void
add(const NodedevDescription *d, const char *name)
{
    NodedevFeature *feature = nodedev_list_add(&d->to->features, &nodedev_feature_type);
    feature->name = g_strdup(name);
}

/* Commands that answer yes or no; the order is libvirt's. */
static void
add_simple(const NodedevDescription *d, int fd)
{
    static const struct {
        guint32 command;
        const char *name;
    } rows[] = {
        {ETHTOOL_GRXCSUM, "rx"}, {ETHTOOL_GTXCSUM, "tx"}, {ETHTOOL_GSG, "sg"},
        {ETHTOOL_GTSO, "tso"},   {ETHTOOL_GUFO, "ufo"},   {ETHTOOL_GGSO, "gso"},
        {ETHTOOL_GGRO, "gro"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct ethtool_value value = {.cmd = rows[i].command};
        if (ask(fd, d->to->interface, &value) && value.data)
            add(d, rows[i].name);
    }
}

static void
add_flags(const NodedevDescription *d, int fd)
{
    static const struct {
        guint32 flag;
        const char *name;
    } rows[] = {
        {ETH_FLAG_LRO, "lro"},       {ETH_FLAG_RXVLAN, "rxvlan"}, {ETH_FLAG_TXVLAN, "txvlan"},
        {ETH_FLAG_NTUPLE, "ntuple"}, {ETH_FLAG_RXHASH, "rxhash"},
    };
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    if (!ask(fd, d->to->interface, &value))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (value.data & rows[i].flag)
            add(d, rows[i].name);
}

/* an InfiniBand or RoCE device on the same hardware */
static void
add_rdma(const NodedevDescription *d)
{
    g_autoptr(GPtrArray) names =
        nodedev_sysfs_list(d->host, d->device->syspath, "device/infiniband", 16);
    if (names->len > 0)
        add(d, "rdma");
}

/* the number that the kernel gives a feature: its place in the list of names; -1: not there */
static int
find_feature(int fd, const char *interface, const char *name)
{
    struct {
        struct ethtool_sset_info info;
        guint32 count;
    } set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
    if (!ask(fd, interface, &set) || set.count == 0 || set.count > FEATURE_WORDS * 32)
        return -1;
    g_autofree struct ethtool_gstrings *strings =
        g_malloc0(sizeof *strings + (gsize)set.count * ETH_GSTRING_LEN);
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = set.count;
    if (!ask(fd, interface, strings))
        return -1;
    for (guint i = 0; i < set.count; i++)
        if (strncmp((const char *)strings->data + i * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN) == 0)
            return (int)i;
    return -1;
}

static void
add_tunnel(const NodedevDescription *d, int fd)
{
    int bit = find_feature(fd, d->to->interface, "tx-udp_tnl-segmentation");
    g_autofree struct ethtool_gfeatures *features =
        g_malloc0(sizeof *features + FEATURE_WORDS * sizeof(struct ethtool_get_features_block));
    features->cmd = ETHTOOL_GFEATURES;
    features->size = FEATURE_WORDS;
    if (bit >= 0 && ask(fd, d->to->interface, features) &&
        features->features[bit / 32].active & 1u << bit % 32)
        add(d, "txudptnl");
}

/**
 * nodedev_net_features:
 *
 * Asks the kernel about the interface in this network namespace; none are shown where it cannot say.
 */
void
nodedev_net_features(const NodedevDescription *d)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !d->to->interface) {
        if (fd >= 0)
            close(fd);
        return;
    }
    add_simple(d, fd);
    add_flags(d, fd);
    add_rdma(d);
    add_tunnel(d, fd);
    close(fd);
}
