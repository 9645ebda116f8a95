/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detach, reattach, reset. A thread does the writing, since unbinding a driver can take as long as the driver likes; it has
 * copies of all it needs. Source: Documentation/ABI/testing/sysfs-bus-pci: driver_override, drivers_probe, reset. */
#include "assign.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vb-constants.h"
#include "work.h"

#define STUB "vfio-pci"
#define LIMIT_MS 60000
#define DRIVERS "/sys/bus/pci/drivers/"

typedef struct {
    NodedevHost host; /* copies */
    char *path;       /* of the device in sysfs */
    char *address;    /* 0000:3b:00.0 */
} Request;

typedef struct {
    NodedevManager *manager;
    char *name;
    NodedevDone done;
    gpointer data;
} Change;

static void
request_free(gpointer data)
{
    Request *request = data;
    g_free(request->host.sysfs);
    g_free(request->host.procfs);
    g_free(request->path);
    g_free(request->address);
    g_free(request);
}

/* ---- in the thread ---- */

static gboolean
write_attribute(const Request *request, const char *path, const char *attribute, const char *text,
                GError **error)
{
    g_autofree char *file = nodedev_sysfs_path(&request->host, path, attribute);
    return nodedev_work_write(file, text, error);
}

static char *
driver_of(const Request *request)
{
    return nodedev_sysfs_link_name(&request->host, request->path, "driver");
}

static gboolean
unbind(const Request *request, GError **error)
{
    g_autofree char *driver = driver_of(request);
    return !driver ||
           write_attribute(request, request->path, "driver/unbind", request->address, error);
}

static gboolean
probe(const Request *request, GError **error)
{
    return write_attribute(request, "/sys/bus/pci", "drivers_probe", request->address, error);
}

/* The override decides which driver a device gets when it is probed; "\n" lifts it. */
static gboolean
bind_with(const Request *request, const char *override, GError **error)
{
    return write_attribute(request, request->path, "driver_override", override, error) &&
           unbind(request, error) && probe(request, error);
}

static gboolean
check_free(const Request *request, GError **error)
{
    return nodedev_in_use_check_mounts(&request->host, request->path, request->address, error) &&
           nodedev_in_use_check_group(&request->host, request->path, request->address, error);
}

static gboolean
has_stub(const Request *request)
{
    return nodedev_sysfs_exists(&request->host, DRIVERS STUB, NULL);
}

/* Under systemd the unit asks for the module; this is for everywhere else. */
static void
load_stub(const Request *request)
{
    const char *argv[] = {"modprobe", STUB, NULL};
    if (!has_stub(request) && request->host.is_real)
        g_spawn_sync(NULL, (char **)argv, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     NULL, NULL, NULL, NULL, NULL, NULL);
}

static gboolean
check_vfio(const Request *request, GError **error)
{
    g_autofree char *group = nodedev_sysfs_link_name(&request->host, request->path, "iommu_group");
    if (group)
        load_stub(request);
    if (!group || !has_stub(request))
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "%s",
                            "VFIO device assignment is currently not supported on this system");
    return TRUE;
}

static gboolean
detach(gpointer data, GError **error)
{
    const Request *request = data;
    g_autofree char *before = driver_of(request);
    if (g_strcmp0(before, STUB) == 0)
        return TRUE;
    if (!check_free(request, error) || !check_vfio(request, error))
        return FALSE;
    gboolean is_done = bind_with(request, STUB, error);
    g_autofree char *after = driver_of(request);
    if (is_done && g_strcmp0(after, STUB) != 0)
        is_done = vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                               "Failed to bind PCI device '%s' to %s", request->address, STUB);
    if (!is_done)
        (void)bind_with(request, "\n", NULL); /* its own driver takes it again */
    return is_done;
}

static gboolean
reattach(gpointer data, GError **error)
{
    const Request *request = data;
    g_autofree char *before = driver_of(request);
    if (g_strcmp0(before, STUB) != 0 && before)
        return write_attribute(request, request->path, "driver_override", "\n", error);
    return nodedev_in_use_check_group(&request->host, request->path, request->address, error) &&
           bind_with(request, "\n", error);
}

/* A reset of a device reaches what shares its group: nobody may need any of them. */
static gboolean
check_group_free(const Request *request, GError **error)
{
    g_autoptr(GPtrArray) names =
        nodedev_sysfs_list(&request->host, request->path, "iommu_group/devices", 4096);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *link =
            g_strdup_printf("/sys/bus/pci/devices/%s", (const char *)names->pdata[i]);
        if (!nodedev_in_use_check_mounts(&request->host, link, names->pdata[i], error))
            return FALSE;
    }
    return check_free(request, error);
}

static gboolean
reset(gpointer data, GError **error)
{
    const Request *request = data;
    if (!check_group_free(request, error))
        return FALSE;
    if (!nodedev_sysfs_exists(&request->host, request->path, "reset"))
        return vb_error_set(
            error, VIR_ERR_INTERNAL_ERROR,
            "Unable to reset PCI device %s: no FLR, PM reset or bus reset available",
            request->address);
    return write_attribute(request, request->path, "reset", "1", error);
}

/* ---- on the loop ---- */

static void
on_ended(const GError *error, gpointer data)
{
    Change *change = data;
    NodedevDevice *device = g_hash_table_lookup(change->manager->by_name, change->name);
    if (device)
        device->is_busy = FALSE;
    if (!change->done) { /* its caller was answered long ago */
        g_free(change->name);
        g_free(change);
    }
}

/* The kernel's event may still be on its way: what changed is looked at before the answer. */
static void
on_done(const GError *error, gpointer data)
{
    Change *change = data;
    NodedevDevice *device = g_hash_table_lookup(change->manager->by_name, change->name);
    if (device)
        nodedev_manager_refresh(change->manager, device);
    change->done(error ? NULL : device, error, change->data);
    if (error && g_error_matches(error, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT)) {
        change->done = NULL; /* on_ended() frees the rest */
        return;
    }
    g_free(change->name);
    g_free(change);
}

static void
run(NodedevManager *manager, NodedevDevice *device, const NodedevWork *what, NodedevDone done,
    gpointer data)
{
    g_autoptr(GError) error = NULL;
    NodedevWork work = *what;
    if (device->kind != NODEDEV_CAP_PCI)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "device %s is not a PCI device", device->name);
    else if (device->is_busy)
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID,
                     "another operation on device %s is under way", device->name);
    if (error) {
        done(NULL, error, data);
        return;
    }
    Request *request = g_new0(Request, 1);
    request->host.sysfs = g_strdup(manager->host.sysfs);
    request->host.procfs = g_strdup(manager->host.procfs);
    request->host.is_real = manager->host.is_real;
    request->path = g_strdup(device->syspath);
    request->address = nodedev_pci_format(&device->pci);
    Change *change = g_new0(Change, 1);
    change->manager = manager;
    change->name = g_strdup(device->name);
    change->done = done;
    change->data = data;
    device->is_busy = TRUE;
    work.request = request;
    nodedev_work_run(&work, on_done, on_ended, change);
}

void
nodedev_assign_detach(NodedevManager *manager, NodedevDevice *device, const char *driver,
                      NodedevDone done, gpointer data)
{
    static const NodedevWork work = {detach, NULL, request_free, LIMIT_MS, "detaching the device"};
    g_autoptr(GError) error = NULL;
    gboolean is_vfio = !*driver || g_str_equal(driver, "vfio") || g_str_equal(driver, STUB);
    if (g_str_equal(driver, "kvm") || g_str_equal(driver, "xen"))
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                     "%s device assignment is not supported on this system", driver);
    else if (!is_vfio)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "unknown driver name '%s'", driver);
    if (error)
        done(NULL, error, data);
    else
        run(manager, device, &work, done, data);
}

void
nodedev_assign_reattach(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                        gpointer data)
{
    static const NodedevWork work = {reattach, NULL, request_free, LIMIT_MS,
                                     "giving the device back"};
    run(manager, device, &work, done, data);
}

void
nodedev_assign_reset(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                     gpointer data)
{
    static const NodedevWork work = {reset, NULL, request_free, LIMIT_MS, "resetting the device"};
    run(manager, device, &work, done, data);
}
