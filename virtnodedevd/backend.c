/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the backends tell of a device: a copy of the few properties that are looked at. */
#include "backend.h"

#include <string.h>

const char *const nodedev_prop_names[NODEDEV_PROP_N] = {
    [NODEDEV_PROP_PCI_CLASS] = "PCI_CLASS",
    [NODEDEV_PROP_PCI_SLOT_NAME] = "PCI_SLOT_NAME",
    [NODEDEV_PROP_PCI_ID] = "PCI_ID",
    [NODEDEV_PROP_INTERFACE] = "INTERFACE",
    [NODEDEV_PROP_DRIVER] = "DRIVER",
    [NODEDEV_PROP_BUSNUM] = "BUSNUM",
    [NODEDEV_PROP_DEVNUM] = "DEVNUM",
    [NODEDEV_PROP_MINOR] = "MINOR",
    [NODEDEV_PROP_ID_VENDOR_ID] = "ID_VENDOR_ID",
    [NODEDEV_PROP_ID_MODEL_ID] = "ID_MODEL_ID",
    [NODEDEV_PROP_ID_VENDOR_FROM_DATABASE] = "ID_VENDOR_FROM_DATABASE",
    [NODEDEV_PROP_ID_MODEL_FROM_DATABASE] = "ID_MODEL_FROM_DATABASE",
    [NODEDEV_PROP_ID_BUS] = "ID_BUS",
    [NODEDEV_PROP_ID_SERIAL] = "ID_SERIAL",
    [NODEDEV_PROP_ID_TYPE] = "ID_TYPE",
    [NODEDEV_PROP_ID_DRIVE_FLOPPY] = "ID_DRIVE_FLOPPY",
    [NODEDEV_PROP_ID_CDROM] = "ID_CDROM",
    [NODEDEV_PROP_ID_DRIVE_FLASH_SD] = "ID_DRIVE_FLASH_SD",
    [NODEDEV_PROP_ID_CDROM_MEDIA] = "ID_CDROM_MEDIA",
    [NODEDEV_PROP_ID_FS_LABEL] = "ID_FS_LABEL",
};

NodedevRaw *
nodedev_raw_new(const char *syspath)
{
    NodedevRaw *raw = g_new0(NodedevRaw, 1);
    raw->syspath = g_strdup(syspath);
    return raw;
}

void
nodedev_raw_free(NodedevRaw *raw)
{
    if (!raw)
        return;
    g_free(raw->syspath);
    g_free(raw->subsystem);
    g_free(raw->devtype);
    g_free(raw->devnode);
    g_strfreev(raw->devlinks);
    for (guint i = 0; i < NODEDEV_PROP_N; i++)
        g_free(raw->values[i]);
    g_free(raw);
}

static void
set_clean(char **member, const char *value)
{
    g_free(*member);
    *member = value ? nodedev_sysfs_clean(value, strnlen(value, NODEDEV_SYSFS_MAX)) : NULL;
}

void
nodedev_raw_set(NodedevRaw *raw, const char *name, const char *value)
{
    if (g_str_equal(name, "DEVTYPE"))
        set_clean(&raw->devtype, value);
    else if (g_str_equal(name, "SUBSYSTEM"))
        set_clean(&raw->subsystem, value);
    for (guint i = 0; i < NODEDEV_PROP_N; i++)
        if (g_str_equal(nodedev_prop_names[i], name))
            set_clean(&raw->values[i], value);
}

const char *
nodedev_raw_sysname(const NodedevRaw *raw)
{
    const char *slash = strrchr(raw->syspath, '/');
    return slash ? slash + 1 : raw->syspath;
}
