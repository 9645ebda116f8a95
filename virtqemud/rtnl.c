/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests about network interfaces to the kernel. Source: linux/rtnetlink.h, netlink(7). */
#include "rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
qemu_link_message_init(QemuLinkMessage *message, guint16 type, guint16 flags)
{
    memset(message, 0, sizeof *message);
    message->header.nlmsg_len = NLMSG_LENGTH(sizeof message->info);
    message->header.nlmsg_type = type;
    message->header.nlmsg_flags = (guint16)(NLM_F_REQUEST | NLM_F_ACK | flags);
    message->header.nlmsg_seq = 1;
    message->info.ifi_family = AF_UNSPEC;
}

struct rtattr *
qemu_link_message_add(QemuLinkMessage *message, guint16 type, gconstpointer data, gsize length)
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

void
qemu_link_message_close(QemuLinkMessage *message, struct rtattr *attribute)
{
    attribute->rta_len = (guint16)((char *)message + message->header.nlmsg_len - (char *)attribute);
}

int
qemu_link_message_send(QemuLinkMessage *message)
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
