/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vsock>: the kernel's side of sockets between host and guest. A guest's number (CID) is taken before its emulator runs, so
 * that no two guests get the same. Source: linux/vhost.h, VHOST_VSOCK_SET_GUEST_CID; vsock(7): numbers below 3 are taken */
#include "prepare.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FIRST_CID 3
#define LAST_CID (FIRST_CID + 65535) /* so many guests no host has */

static gboolean
take_cid(int fd, guint64 cid)
{
    return ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0;
}

static gboolean
find_cid(int fd, VbDomainVsock *vsock, GError **error)
{
    for (guint cid = FIRST_CID; cid <= LAST_CID; cid++) {
        if (take_cid(fd, cid)) {
            vsock->cid = cid;
            return TRUE;
        }
        if (errno != EADDRINUSE)
            return vb_error_set_errno(error, errno, "%s", "failed to acquire guest cid");
    }
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "failed to acquire guest cid");
}

gboolean
qemu_prepare_vsock(VbDomainVsock *vsock, QemuPrepared *prepared, GError **error)
{
    const int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return vb_error_set_errno(error, errno, "%s", "unable to open vhost-vsock device");
    qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_VHOST, vsock->info.alias, fd);
    if (vsock->cid_auto == VB_TRISTATE_YES)
        return find_cid(fd, vsock, error);
    return take_cid(fd, vsock->cid) ||
           vb_error_set_errno(error, errno, "%s", "failed to set guest cid");
}
