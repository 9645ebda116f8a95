/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* macvtap interfaces by rtnetlink. Source: linux/rtnetlink.h, linux/if_link.h (IFLA_LINKINFO, IFLA_MACVLAN_MODE), netlink(7);
 * the node of interface number N is /dev/tapN, which devtmpfs makes before the kernel answers. */
#include "macvtap.h"

#include "base/error.h"
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static guint32
mode_number(const char *mode)
{
    static const struct {
        const char *name;
        guint32 number;
    } modes[] = {{"bridge", MACVLAN_MODE_BRIDGE},
                 {"private", MACVLAN_MODE_PRIVATE},
                 {"passthrough", MACVLAN_MODE_PASSTHRU}};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (g_strcmp0(modes[i].name, mode) == 0)
            return modes[i].number;
    }
    return MACVLAN_MODE_VEPA;
}

/* @name: shorter than IFNAMSIZ. Returns: 0, or what errno would be */
static int
ask_for(const char *name, guint32 lower, const QemuMacvtap *wanted)
{
    const guint32 mode = mode_number(wanted->mode);
    QemuLinkMessage message;
    struct rtattr *info, *data;
    qemu_link_message_init(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    qemu_link_message_add(&message, IFLA_LINK, &lower, sizeof lower);
    qemu_link_message_add(&message, IFLA_ADDRESS, wanted->mac.bytes, sizeof wanted->mac.bytes);
    qemu_link_message_add(&message, IFLA_IFNAME, name, strlen(name) + 1);
    info = qemu_link_message_add(&message, IFLA_LINKINFO, NULL, 0);
    qemu_link_message_add(&message, IFLA_INFO_KIND, "macvtap", strlen("macvtap"));
    data = qemu_link_message_add(&message, IFLA_INFO_DATA, NULL, 0);
    qemu_link_message_add(&message, IFLA_MACVLAN_MODE, &mode, sizeof mode);
    qemu_link_message_close(&message, data);
    qemu_link_message_close(&message, info);
    return qemu_link_message_send(&message);
}

gboolean
qemu_macvtap_create(const char *name, const QemuMacvtap *wanted, GError **error)
{
    const guint32 lower = wanted->lower ? if_nametoindex(wanted->lower) : 0;
    int code;
    if (lower == 0)
        return vb_error_set_errno(error, ENODEV, "Unable to get index for interface %s",
                                  wanted->lower ? wanted->lower : "");
    code = strlen(name) < IFNAMSIZ ? ask_for(name, lower, wanted) : ERANGE;
    return code == 0 ||
           vb_error_set_errno(error, code, "error creating macvtap interface %s@%s (%s)", name,
                              wanted->lower, wanted->mode ? wanted->mode : "vepa");
}

int
qemu_macvtap_open(const char *name, gboolean is_multiqueue, GError **error)
{
    g_autofree char *node = g_strdup_printf("/dev/tap%u", if_nametoindex(name));
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                                 (is_multiqueue ? IFF_MULTI_QUEUE : 0))};
    const int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        vb_error_set_errno(error, errno, "cannot open macvtap tap device %s", node);
        return -1;
    }
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    vb_error_set_errno(error, errno, "%s", "unable to set vnet or multiqueue flags on macvtap");
    close(fd);
    return -1;
}

/* ---- addresses ---- */

static gboolean
mac_request(unsigned long command, const char *name, struct ifreq *request)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean is_done;
    int code;
    g_strlcpy(request->ifr_name, name, sizeof request->ifr_name);
    is_done = fd >= 0 && ioctl(fd, command, request) == 0;
    code = errno;
    if (fd >= 0)
        close(fd);
    errno = code;
    return is_done;
}

gboolean
qemu_macvtap_get_mac(const char *name, VbMac *ret_mac)
{
    struct ifreq request = {0};
    if (!mac_request(SIOCGIFHWADDR, name, &request))
        return FALSE;
    memcpy(ret_mac->bytes, request.ifr_hwaddr.sa_data, sizeof ret_mac->bytes);
    ret_mac->is_set = TRUE;
    return TRUE;
}

gboolean
qemu_macvtap_set_mac(const char *name, const VbMac *mac, GError **error)
{
    struct ifreq request = {.ifr_hwaddr.sa_family = 1}; /* ARPHRD_ETHER */
    memcpy(request.ifr_hwaddr.sa_data, mac->bytes, sizeof mac->bytes);
    return mac_request(SIOCSIFHWADDR, name, &request) ||
           vb_error_set_errno(error, errno, "Cannot set interface MAC on '%s'", name);
}

/* ---- what is owed ---- */

/* "NAME MAC" */
static gboolean
split(const char *what, char name[IFNAMSIZ], VbMac *ret_mac)
{
    const char *space = strchr(what, ' ');
    if (!space || space - what >= IFNAMSIZ || !vb_mac_parse(space + 1, ret_mac))
        return FALSE;
    g_strlcpy(name, what, (gsize)(space - what) + 1);
    return TRUE;
}

void
qemu_macvtap_remove(const char *what)
{
    char name[IFNAMSIZ];
    VbMac mac, now;
    QemuLinkMessage message;
    int code;
    if (!split(what, name, &mac) || !qemu_macvtap_get_mac(name, &now) ||
        memcmp(mac.bytes, now.bytes, sizeof mac.bytes) != 0)
        return; /* gone, or somebody else's of that name */
    qemu_link_message_init(&message, RTM_DELLINK, 0);
    message.info.ifi_index = (int)if_nametoindex(name);
    code = qemu_link_message_send(&message);
    if (code != 0 && code != ENODEV)
        g_warning("cannot remove %s: %s", name, g_strerror(code));
}

void
qemu_macvtap_restore_mac(const char *what)
{
    char name[IFNAMSIZ];
    VbMac mac;
    g_autoptr(GError) error = NULL;
    if (split(what, name, &mac) && if_nametoindex(name) != 0 &&
        !qemu_macvtap_set_mac(name, &mac, &error))
        g_warning("%s", error->message);
}
