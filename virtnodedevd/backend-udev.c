/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libudev: the devices of this machine and their events. Where udevd runs, its events are waited for, since they come when
 * its database is complete; elsewhere (containers, small systems) the kernel's own are taken. Owns context and monitor. */
#include "backend.h"

#include <errno.h>
#include <glib-unix.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

/* what a burst of some 100,000 events needs in the kernel; setting it needs CAP_NET_ADMIN and is tried only */
#define RECEIVE_BUFFER (128 * 1024 * 1024)
#define EVENTS_PER_TURN 256

typedef struct {
    NodedevBackend base;
    const NodedevHost *host;
    struct udev *udev;
    struct udev_monitor *monitor;
    guint source;
    const NodedevBackendListener *listener;
    gpointer data;
} UdevBackend;

static NodedevRaw *
raw_of(struct udev_device *device)
{
    NodedevRaw *raw = nodedev_raw_new(udev_device_get_syspath(device));
    struct udev_list_entry *entry;
    raw->subsystem = g_strdup(udev_device_get_subsystem(device));
    raw->devtype = g_strdup(udev_device_get_devtype(device));
    raw->devnode = g_strdup(udev_device_get_devnode(device));
    udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(
                                       device)) if (udev_list_entry_get_value(entry))
        nodedev_raw_set(raw, udev_list_entry_get_name(entry), udev_list_entry_get_value(entry));
    GStrvBuilder *links = g_strv_builder_new();
    gboolean has_links = FALSE;
    udev_list_entry_foreach(entry, udev_device_get_devlinks_list_entry(device))
    {
        g_strv_builder_add(links, udev_list_entry_get_name(entry));
        has_links = TRUE;
    }
    if (has_links)
        raw->devlinks = g_strv_builder_end(links);
    g_strv_builder_unref(links);
    return raw;
}

/* Only these subsystems hold devices that are shown, and whatever can make mediated devices. */
static const char *const subsystems[] = {"pci",     "usb",          "net",      "scsi",
                                         "block",   "scsi_generic", "drm",      "mdev",
                                         "vdpa",    "ccw",          "css",      "ap",
                                         "vfio_ap", "matrix",       "ccwgroup", NULL};

/* Source: Documentation/ABI/testing/sysfs-bus-vfio-mdev: links to all that can make mediated devices */
static void
add_mdev_parents(UdevBackend *backend, GFunc func, gpointer data)
{
    g_autoptr(GPtrArray) names =
        nodedev_sysfs_list(backend->host, "/sys/class/mdev_bus", NULL, 4096);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat("/sys/class/mdev_bus/", names->pdata[i], NULL);
        g_autofree char *real = realpath(path, NULL);
        struct udev_device *device =
            real ? udev_device_new_from_syspath(backend->udev, real) : NULL;
        if (!device)
            continue;
        g_autoptr(NodedevRaw) raw = raw_of(device);
        if (!raw->subsystem || !g_strv_contains(subsystems, raw->subsystem))
            func(raw, data);
        udev_device_unref(device);
    }
}

/* of a mediated device, where its subsystem is none that is listed */
static void
add_parent(struct udev_device *device, GFunc func, gpointer data)
{
    struct udev_device *parent = udev_device_get_parent(device); /* the device owns it */
    if (!parent)
        return;
    g_autoptr(NodedevRaw) raw = raw_of(parent);
    if (raw->subsystem && !g_strv_contains(subsystems, raw->subsystem))
        func(raw, data);
}

static gboolean
udev_enumerate(NodedevBackend *base, GFunc func, gpointer data, GError **error)
{
    UdevBackend *backend = (UdevBackend *)base;
    struct udev_enumerate *enumerate = udev_enumerate_new(backend->udev);
    struct udev_list_entry *entry;
    for (guint i = 0; subsystems[i]; i++)
        udev_enumerate_add_match_subsystem(enumerate, subsystems[i]);
    int status = udev_enumerate_scan_devices(enumerate);
    add_mdev_parents(backend, func, data);
    /* sorted by path, hence parents first */
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerate))
    {
        struct udev_device *device =
            udev_device_new_from_syspath(backend->udev, udev_list_entry_get_name(entry));
        if (!device)
            continue; /* gone meanwhile */
        g_autoptr(NodedevRaw) raw = raw_of(device);
        if (g_strcmp0(raw->subsystem, "mdev") == 0)
            add_parent(device, func, data);
        func(raw, data);
        udev_device_unref(device);
    }
    udev_enumerate_unref(enumerate);
    return status >= 0 || vb_error_set_errno(error, -status, "cannot list the devices of udev");
}

static NodedevRaw *
udev_lookup(NodedevBackend *base, const char *syspath)
{
    UdevBackend *backend = (UdevBackend *)base;
    struct udev_device *device = udev_device_new_from_syspath(backend->udev, syspath);
    if (!device)
        return NULL;
    NodedevRaw *raw = raw_of(device);
    udev_device_unref(device);
    return raw;
}

static void
tell_removed(UdevBackend *backend, const char *devpath)
{
    g_autofree char *syspath = g_strconcat("/sys", devpath, NULL);
    g_autoptr(NodedevRaw) raw = nodedev_raw_new(syspath);
    backend->listener->event(NODEDEV_ACTION_REMOVE, raw, backend->data);
}

static void
handle(UdevBackend *backend, struct udev_device *device)
{
    const char *action = udev_device_get_action(device);
    const char *old = udev_device_get_property_value(device, "DEVPATH_OLD");
    NodedevAction what = NODEDEV_ACTION_CHANGE; /* change, bind, unbind, online, offline */
    if (g_strcmp0(action, "remove") == 0)
        what = NODEDEV_ACTION_REMOVE;
    else if (g_strcmp0(action, "add") == 0 || g_strcmp0(action, "move") == 0)
        what = NODEDEV_ACTION_ADD;
    if (g_strcmp0(action, "move") == 0 && old)
        tell_removed(backend, old);
    g_autoptr(NodedevRaw) raw = raw_of(device);
    backend->listener->event(what, raw, backend->data);
}

/* A bounded number per turn of the loop: others are served between them. */
static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    UdevBackend *backend = data;
    for (guint i = 0; i < EVENTS_PER_TURN; i++) {
        errno = 0;
        struct udev_device *device = udev_monitor_receive_device(backend->monitor);
        if (device) {
            handle(backend, device);
            udev_device_unref(device);
        } else if (errno == ENOBUFS) {
            vb_log_warning(NULL, "device events were lost: looking at all devices again");
            backend->listener->lost(backend->data);
        } else if (errno == EAGAIN || errno == 0) {
            break;
        }
    }
    return G_SOURCE_CONTINUE;
}

/* VIRTBUS_UEVENT_BUFFER: bytes, for tests that want it to overflow */
static int
receive_buffer(void)
{
    const char *given = g_getenv("VIRTBUS_UEVENT_BUFFER");
    guint64 bytes;
    return given && nodedev_parse_uint(given, 10, RECEIVE_BUFFER, &bytes) ? (int)bytes
                                                                          : RECEIVE_BUFFER;
}

static gboolean
udev_watch(NodedevBackend *base, const NodedevBackendListener *listener, gpointer data,
           GError **error)
{
    UdevBackend *backend = (UdevBackend *)base;
    /* Source: udevd makes this socket as long as it runs; libudev itself looks for it */
    gboolean has_udevd = access("/run/udev/control", F_OK) == 0;
    backend->listener = listener;
    backend->data = data;
    backend->monitor = udev_monitor_new_from_netlink(backend->udev, has_udevd ? "udev" : "kernel");
    if (!backend->monitor)
        return vb_error_set_errno(error, errno ? errno : ENOMEM, "cannot watch device events");
    udev_monitor_set_receive_buffer_size(backend->monitor, receive_buffer());
    if (udev_monitor_enable_receiving(backend->monitor) < 0)
        return vb_error_set_errno(error, errno, "cannot watch device events");
    backend->source = g_unix_fd_add(udev_monitor_get_fd(backend->monitor), G_IO_IN | G_IO_ERR,
                                    on_readable, backend);
    return TRUE;
}

static void
udev_free(NodedevBackend *base)
{
    UdevBackend *backend = (UdevBackend *)base;
    g_clear_handle_id(&backend->source, g_source_remove);
    if (backend->monitor)
        udev_monitor_unref(backend->monitor);
    udev_unref(backend->udev);
    g_free(backend);
}

NodedevBackend *
nodedev_backend_udev_new(const NodedevHost *host)
{
    UdevBackend *backend = g_new0(UdevBackend, 1);
    backend->base = (NodedevBackend){udev_watch, udev_enumerate, udev_lookup, udev_free};
    backend->host = host;
    backend->udev = udev_new();
    return &backend->base;
}
