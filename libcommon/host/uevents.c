/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's uevents, heard directly: they are there without udev, too, and nothing that udev adds is needed. Source:
 * kernel, lib/kobject_uevent.c; netlink(7): messages of the kernel come from port 0. */
#include "host/uevents.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define KERNEL_GROUP 1
#define MESSAGE_MAX 8192 /* the kernel's UEVENT_BUFFER_SIZE is 2048 */
#define SETTLE_MS 100    /* one memory module is many blocks, one event each */

struct _VbHostWatch {
    VbHost *host;
    VbHostChanged changed;
    gpointer data;
    int fd;
    guint source, timer;
};

gboolean
vb_host_uevent_matters(const char *message, gsize length)
{
    static const char *const subsystems[] = {"SUBSYSTEM=cpu", "SUBSYSTEM=memory", "SUBSYSTEM=node"};
    gsize at = 0;

    while (at < length) {
        const gsize size = strnlen(message + at, length - at);

        for (guint i = 0; i < G_N_ELEMENTS(subsystems); i++) {
            if (size == strlen(subsystems[i]) && memcmp(message + at, subsystems[i], size) == 0)
                return TRUE;
        }
        at += size + 1;
    }
    return FALSE;
}

static gboolean
settle(gpointer data)
{
    VbHostWatch *watch = data;

    watch->timer = 0;
    vb_host_invalidate(watch->host);
    watch->changed(watch->host, watch->data);
    return G_SOURCE_REMOVE;
}

void
vb_host_watch_trigger(VbHostWatch *watch)
{
    vb_host_invalidate(watch->host);
    g_clear_handle_id(&watch->timer, g_source_remove);
    watch->timer = g_timeout_add(SETTLE_MS, settle, watch);
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    VbHostWatch *watch = data;
    char message[MESSAGE_MAX];
    struct sockaddr_nl from = {0};
    socklen_t from_size = sizeof(from);
    const gssize n =
        recvfrom(fd, message, sizeof(message), MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);

    if (n < 0 && errno == ENOBUFS) /* some were lost: they may have been ours */
        vb_host_watch_trigger(watch);
    else if (n > 0 && from.nl_pid == 0 && vb_host_uevent_matters(message, (gsize)n))
        vb_host_watch_trigger(watch);
    return G_SOURCE_CONTINUE;
}

static int
open_socket(GError **error)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    const int fd =
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    vb_error_set_errno(error, errno, "cannot listen to the kernel's device events");
    if (fd >= 0)
        close(fd);
    return -1;
}

VbHostWatch *
vb_host_watch_new(VbHost *host, VbHostChanged changed, gpointer data, GError **error)
{
    const gboolean is_recorded = strcmp(vb_host_get_sysfs(host), "/sys") != 0;
    const int fd = is_recorded ? -1 : open_socket(error);
    VbHostWatch *watch;

    if (fd < 0 && !is_recorded)
        return NULL;
    watch = g_new0(VbHostWatch, 1);
    watch->host = host;
    watch->changed = changed;
    watch->data = data;
    watch->fd = fd;
    if (fd >= 0)
        watch->source = g_unix_fd_add(fd, G_IO_IN, on_readable, watch);
    return watch;
}

void
vb_host_watch_free(VbHostWatch *watch)
{
    if (!watch)
        return;
    g_clear_handle_id(&watch->timer, g_source_remove);
    g_clear_handle_id(&watch->source, g_source_remove);
    if (watch->fd >= 0)
        close(watch->fd);
    g_free(watch);
}
