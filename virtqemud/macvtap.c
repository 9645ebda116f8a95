/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* macvtap interfaces by rtnetlink. Source: linux/rtnetlink.h, linux/if_link.h (IFLA_LINKINFO, IFLA_MACVLAN_MODE), netlink(7);
 * the node of interface number N is /dev/tapN, which devtmpfs makes before the kernel answers. */
#include "macvtap.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[512];
} LinkMessage;

static void
message_init(LinkMessage *message, guint16 type, guint16 flags)
{
    memset(message, 0, sizeof *message);
    message->header.nlmsg_len = NLMSG_LENGTH(sizeof message->info);
    message->header.nlmsg_type = type;
    message->header.nlmsg_flags = (guint16)(NLM_F_REQUEST | NLM_F_ACK | flags);
    message->header.nlmsg_seq = 1;
    message->info.ifi_family = AF_UNSPEC;
}

/* Returns: the attribute, to be closed when others go into it. All fit: the longest text is an interface's name. */
static struct rtattr *
add_attribute(LinkMessage *message, guint16 type, gconstpointer data, gsize length)
{
    struct rtattr *attribute =
        (struct rtattr *)(gpointer)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (guint16)RTA_LENGTH(length);
    if (length > 0)
        memcpy(RTA_DATA(attribute), data, length);
    message->header.nlmsg_len =
        (guint32)(NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static void
close_attribute(LinkMessage *message, struct rtattr *attribute)
{
    attribute->rta_len = (guint16)((char *)message + message->header.nlmsg_len - (char *)attribute);
}

/* Sends it and reads the kernel's answer, which is there at once. Returns: 0, or what errno would be. */
static int
exchange(LinkMessage *message)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int code = EIO;
    ssize_t n;
    if (fd < 0)
        return errno;
    if (sendto(fd, message, message->header.nlmsg_len, 0, (const struct sockaddr *)&kernel,
               sizeof kernel) < 0) {
        code = errno;
    } else {
        n = recv(fd, &answer, sizeof answer, 0);
        if (n >= (ssize_t)NLMSG_LENGTH(sizeof answer.error) &&
            answer.header.nlmsg_type == NLMSG_ERROR)
            code = -answer.error.error;
    }
    close(fd);
    return code;
}

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
    LinkMessage message;
    struct rtattr *info, *data;
    message_init(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    add_attribute(&message, IFLA_LINK, &lower, sizeof lower);
    add_attribute(&message, IFLA_ADDRESS, wanted->mac.bytes, sizeof wanted->mac.bytes);
    add_attribute(&message, IFLA_IFNAME, name, strlen(name) + 1);
    info = add_attribute(&message, IFLA_LINKINFO, NULL, 0);
    add_attribute(&message, IFLA_INFO_KIND, "macvtap", strlen("macvtap"));
    data = add_attribute(&message, IFLA_INFO_DATA, NULL, 0);
    add_attribute(&message, IFLA_MACVLAN_MODE, &mode, sizeof mode);
    close_attribute(&message, data);
    close_attribute(&message, info);
    return exchange(&message);
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
    LinkMessage message;
    int code;
    if (!split(what, name, &mac) || !qemu_macvtap_get_mac(name, &now) ||
        memcmp(mac.bytes, now.bytes, sizeof mac.bytes) != 0)
        return; /* gone, or somebody else's of that name */
    message_init(&message, RTM_DELLINK, 0);
    message.info.ifi_index = (int)if_nametoindex(name);
    code = exchange(&message);
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
