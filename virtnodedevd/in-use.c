/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a PCI device is needed: by a mounted file system or swap, by a guest. Owns nothing; runs in a thread. */
#include "assign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "vb-constants.h"

#define MAX_DEPTH 8 /* of drives on drives: LVM on RAID on partitions */
#define MAX_MOUNTS (16 * 1024 * 1024)

/* ---- file systems ---- */

static gboolean
is_below(const char *path, const char *device)
{
    gsize length = strlen(device);
    return strncmp(path, device, length) == 0 && (path[length] == '/' || !path[length]);
}

/* Whether the block device at @folder (really, not as the kernel names it) stands on @device: itself, or what it is made of */
static gboolean
stands_on(const char *folder, const char *device, guint depth)
{
    g_autofree char *real = realpath(folder, NULL);
    if (!real || depth > MAX_DEPTH)
        return FALSE;
    if (is_below(real, device))
        return TRUE;
    g_autofree char *slaves = g_build_filename(real, "slaves", NULL);
    g_autoptr(GDir) dir = g_dir_open(slaves, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *slave = g_build_filename(slaves, name, NULL);
        if (stands_on(slave, device, depth + 1))
            return TRUE;
    }
    return FALSE;
}

static gboolean
number_stands_on(const NodedevHost *host, guint major_number, guint minor_number,
                 const char *device)
{
    g_autofree char *folder =
        g_strdup_printf("%s/dev/block/%u:%u", host->sysfs, major_number, minor_number);
    return major_number > 0 && stands_on(folder, device, 0);
}

static gboolean
file_stands_on(const NodedevHost *host, const char *path, const char *device)
{
    struct stat info;
    return path[0] == '/' && stat(path, &info) == 0 && S_ISBLK(info.st_mode) &&
           number_stands_on(host, major(info.st_rdev), minor(info.st_rdev), device);
}

/* Source: proc(5), mountinfo: the number is that of the drive, but for file systems on several, whose source is looked at */
static gboolean
mount_stands_on(const NodedevHost *host, const char *line, const char *device)
{
    guint major_number, minor_number;
    const char *rest = strstr(line, " - ");
    g_auto(GStrv) words = rest ? g_strsplit(rest + 3, " ", 3) : NULL;
    if (sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 &&
        number_stands_on(host, major_number, minor_number, device))
        return TRUE;
    return words && words[0] && words[1] && file_stands_on(host, words[1], device);
}

static GStrv
lines_of(const NodedevHost *host, const char *name)
{
    g_autofree char *path = g_build_filename(host->procfs, name, NULL);
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, NULL) || length > MAX_MOUNTS)
        return NULL;
    return g_strsplit(text, "\n", -1);
}

/**
 * nodedev_in_use_check_mounts:
 * @path: of the device in sysfs
 *
 * Errors: OPERATION_INVALID a mounted file system or swap space is on it
 */
gboolean
nodedev_in_use_check_mounts(const NodedevHost *host, const char *path, const char *address,
                            GError **error)
{
    g_autofree char *folder = nodedev_sysfs_path(host, path, NULL);
    g_autofree char *device = realpath(folder, NULL);
    g_auto(GStrv) mounts = lines_of(host, "self/mountinfo");
    g_auto(GStrv) swaps = lines_of(host, "swaps");
    for (guint i = 0; device && mounts && mounts[i]; i++) {
        if (!mount_stands_on(host, mounts[i], device))
            continue;
        g_auto(GStrv) words = g_strsplit(mounts[i], " ", 6);
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "PCI device %s carries the file system mounted on '%s'", address,
                            words[4]);
    }
    for (guint i = 0; device && swaps && swaps[i]; i++) {
        g_auto(GStrv) words = g_strsplit(swaps[i], " ", 2);
        if (words[0] && file_stands_on(host, words[0], device))
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "PCI device %s carries the swap space '%s'", address, words[0]);
    }
    return TRUE;
}

/* ---- guests ---- */

/**
 * nodedev_in_use_check_group:
 *
 * The kernel lets one process at a time open a VFIO group: who has it open drives the devices in it.
 *
 * Errors: OPERATION_INVALID a guest has the device's IOMMU group
 */
gboolean
nodedev_in_use_check_group(const NodedevHost *host, const char *path, const char *address,
                           GError **error)
{
    g_autofree char *group = nodedev_sysfs_link_name(host, path, "iommu_group");
    g_autofree char *file = group ? g_strconcat("/dev/vfio/", group, NULL) : NULL;
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0)
        close(fd);
    else if (file && errno == EBUSY)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "PCI device %s is in use: a guest has its IOMMU group %s", address,
                            group);
    return TRUE;
}
