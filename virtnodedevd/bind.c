/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drivers of PCI devices: bound, unbound, by way of the driver override; resets.
 * Source: Documentation/ABI/testing/sysfs-bus-pci: driver_override, drivers_probe, reset. */
#include "bind.h"

#include <string.h>

#include "assign.h"
#include "base/error.h"
#include "vb-constants.h"
#include "work.h"

#define STUB "vfio-pci"
#define DRIVERS "/sys/bus/pci/drivers/"

NodedevBind *
nodedev_bind_new(const NodedevManager *manager, const NodedevDevice *device)
{
    NodedevBind *bind = g_new0(NodedevBind, 1);
    bind->host.sysfs = g_strdup(manager->host.sysfs);
    bind->host.procfs = g_strdup(manager->host.procfs);
    bind->host.is_real = manager->host.is_real;
    bind->path = g_strdup(device->syspath);
    bind->address = nodedev_pci_format(&device->pci);
    return bind;
}

void
nodedev_bind_free(gpointer data)
{
    NodedevBind *bind = data;
    if (!bind)
        return;
    g_free(bind->host.sysfs);
    g_free(bind->host.procfs);
    g_free(bind->path);
    g_free(bind->address);
    g_free(bind);
}

static gboolean
write_attribute(const NodedevBind *bind, const char *path, const char *attribute, const char *text,
                GError **error)
{
    g_autofree char *file = nodedev_sysfs_path(&bind->host, path, attribute);
    return nodedev_work_write(file, text, error);
}

static char *
driver_of(const NodedevBind *bind)
{
    return nodedev_sysfs_link_name(&bind->host, bind->path, "driver");
}

static gboolean
unbind(const NodedevBind *bind, GError **error)
{
    g_autofree char *driver = driver_of(bind);
    return !driver || write_attribute(bind, bind->path, "driver/unbind", bind->address, error);
}

static gboolean
probe(const NodedevBind *bind, GError **error)
{
    return write_attribute(bind, "/sys/bus/pci", "drivers_probe", bind->address, error);
}

/* The override decides which driver a device gets when it is probed; "\n" lifts it. */
static gboolean
bind_with(const NodedevBind *bind, const char *override, GError **error)
{
    return write_attribute(bind, bind->path, "driver_override", override, error) &&
           unbind(bind, error) && probe(bind, error);
}

static gboolean
check_free(const NodedevBind *bind, GError **error)
{
    return nodedev_in_use_check_mounts(&bind->host, bind->path, bind->address, error) &&
           (bind->is_group_shared ||
            nodedev_in_use_check_group(&bind->host, bind->path, bind->address, error));
}

static gboolean
has_stub(const NodedevBind *bind)
{
    return nodedev_sysfs_exists(&bind->host, DRIVERS STUB, NULL);
}

/* Under systemd the unit asks for the module; this is for everywhere else. */
static void
load_stub(const NodedevBind *bind)
{
    const char *argv[] = {"modprobe", STUB, NULL};
    if (!has_stub(bind) && bind->host.is_real)
        g_spawn_sync(NULL, (char **)argv, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     NULL, NULL, NULL, NULL, NULL, NULL);
}

static gboolean
check_vfio(const NodedevBind *bind, GError **error)
{
    g_autofree char *group = nodedev_sysfs_link_name(&bind->host, bind->path, "iommu_group");
    if (group)
        load_stub(bind);
    if (!group || !has_stub(bind))
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "%s",
                            "VFIO device assignment is currently not supported on this system");
    return TRUE;
}

gboolean
nodedev_bind_detach(const NodedevBind *bind, GError **error)
{
    g_autofree char *before = driver_of(bind);
    if (g_strcmp0(before, STUB) == 0)
        return TRUE;
    if (!check_free(bind, error) || !check_vfio(bind, error))
        return FALSE;
    gboolean is_done = bind_with(bind, STUB, error);
    g_autofree char *after = driver_of(bind);
    if (is_done && g_strcmp0(after, STUB) != 0)
        is_done = vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                               "Failed to bind PCI device '%s' to %s", bind->address, STUB);
    if (!is_done)
        (void)bind_with(bind, "\n", NULL); /* its own driver takes it again */
    return is_done;
}

gboolean
nodedev_bind_reattach(const NodedevBind *bind, GError **error)
{
    g_autofree char *before = driver_of(bind);
    if (g_strcmp0(before, STUB) != 0 && before)
        return write_attribute(bind, bind->path, "driver_override", "\n", error);
    return nodedev_in_use_check_group(&bind->host, bind->path, bind->address, error) &&
           bind_with(bind, "\n", error);
}

gboolean
nodedev_bind_has_vfio(const NodedevBind *bind)
{
    g_autofree char *driver = driver_of(bind);
    return g_strcmp0(driver, STUB) == 0;
}

gboolean
nodedev_bind_can_reset(const NodedevBind *bind)
{
    return nodedev_sysfs_exists(&bind->host, bind->path, "reset");
}

/* A reset of a device reaches what shares its group: nobody may need any of them. */
static gboolean
check_group_free(const NodedevBind *bind, GError **error)
{
    g_autoptr(GPtrArray) names =
        nodedev_sysfs_list(&bind->host, bind->path, "iommu_group/devices", 4096);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *link =
            g_strdup_printf("/sys/bus/pci/devices/%s", (const char *)names->pdata[i]);
        if (!nodedev_in_use_check_mounts(&bind->host, link, names->pdata[i], error))
            return FALSE;
    }
    return check_free(bind, error);
}

gboolean
nodedev_bind_reset(const NodedevBind *bind, GError **error)
{
    if (!check_group_free(bind, error))
        return FALSE;
    if (!nodedev_bind_can_reset(bind))
        return vb_error_set(
            error, VIR_ERR_INTERNAL_ERROR,
            "Unable to reset PCI device %s: no FLR, PM reset or bus reset available",
            bind->address);
    return write_attribute(bind, bind->path, "reset", "1", error);
}
