/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device that lies: attribute values are cut out of the input, which is read as lines "name=value", with \0 and all; its
 * XML must come out, be valid and be readable again. Written to a tree in a temporary folder. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "describe.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#define DEVICE "/sys/devices/pci0000:00/0000:00:01.0"

/* the attributes that anything reads of a device itself */
static const char *const attributes[] = {
    "uevent",
    "config",
    "vendor",

    "numa_node",
    "sriov_totalvfs",
    "address",
    "operstate",
    "speed",
    "size",
    "idVendor",
    "idProduct",
    "manufacturer",
    "product",
    "bInterfaceNumber",
    "bInterfaceClass",
    "type",
    "dev_busid",
    "card_type",
    "chpid",
    "online",
    "vpd",
    "queue/zoned",
    "device/model",
    "device/vendor",
    "device/type",
    "queue/logical_block_size",
    "mdev_supported_types/t/name",
    "mdev_supported_types/t/available_instances",
};

static const char *const subsystems[] = {"pci",      "usb",    "net",          "scsi", "block",
                                         "drm",      "mdev",   "ccw",          "css",  "ap",
                                         "ccwgroup", "matrix", "scsi_generic", "vdpa"};

static NodedevHost host;

static void
make_tree(void)
{
    g_autofree char *folder = g_dir_make_tmp("fuzz-nodedev-XXXXXX", NULL);
    host = (NodedevHost){g_strdup(folder), g_strdup("/nonexistent"), g_strdup(""), FALSE};
    for (guint i = 0; i < G_N_ELEMENTS(attributes); i++) {
        g_autofree char *path = nodedev_sysfs_path(&host, DEVICE, attributes[i]);
        g_autofree char *dir = g_path_get_dirname(path);
        g_mkdir_with_parents(dir, 0700);
    }
}

static void
put(const char *attribute, const guint8 *data, gsize size)
{
    g_autofree char *path = nodedev_sysfs_path(&host, DEVICE, attribute);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (gssize)size)
        g_error("cannot write %s", path);
    close(fd);
}

static void
check(NodedevBackend *backend, const char *subsystem)
{
    g_autoptr(NodedevRaw) raw = backend->lookup(backend, DEVICE);
    if (!raw)
        return;
    g_free(raw->subsystem);
    raw->subsystem = g_strdup(subsystem);
    g_autoptr(NodedevDevice) device = nodedev_device_identify(&host, raw);
    if (!device)
        return;
    device->vpd = nodedev_sysfs_read_bytes(&host, DEVICE, "vpd", 32768);
    NodedevDef *def = nodedev_describe(&host, device, raw);
    g_autofree char *text = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    NodedevDef *again = vb_xml_parse(&nodedev_def_type, text, -1, NULL);
    if (!again || !g_utf8_validate(text, -1, NULL))
        g_error("not readable: %s", text);
    vb_xml_free(&nodedev_def_type, again);
    vb_xml_free(&nodedev_def_type, def);
}

/* The first byte chooses the subsystem; parts are divided by 0xff, one per attribute in turn. */
int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (!host.sysfs)
        make_tree();
    if (size == 0)
        return 0;
    const char *subsystem = subsystems[data[0] % G_N_ELEMENTS(subsystems)];
    const guint8 *at = data + 1, *end = data + size;
    for (guint i = 0; i < G_N_ELEMENTS(attributes); i++) {
        const guint8 *stop = at < end ? memchr(at, 0xff, (gsize)(end - at)) : NULL;
        if (!stop)
            stop = end;
        put(attributes[i], at, (gsize)(stop - at));
        at = stop < end ? stop + 1 : end;
    }
    NodedevBackend *backend = nodedev_backend_tree_new(&host);
    check(backend, subsystem);
    backend->free(backend);
    return 0;
}
