/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving on a socket, the same for both ends of a connection. */
#include "rpc/input.h"

#include "proxy-protocol.h"

#include <errno.h>
#include <sys/socket.h>

#define MAX_UNCLAIMED_FDS (2 * VIR_NET_MESSAGE_NUM_FDS_MAX)

static void
take_fds(GArray *fds, struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        gsize count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        g_array_append_vals(fds, CMSG_DATA(header), (guint)count);
    }
}

gssize
proxy_input_receive(int fd, guint8 *buffer, gsize size, GArray *fds)
{
    struct iovec iov = {buffer, size};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * VIR_NET_MESSAGE_NUM_FDS_MAX)];
    } control;
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    gssize length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (length == 0)
        return -1;
    take_fds(fds, &message);
    if (message.msg_flags & MSG_CTRUNC || fds->len > MAX_UNCLAIMED_FDS)
        return -1;
    return length;
}
