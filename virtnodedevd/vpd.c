/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads /sys/.../vpd in a thread that has its own copy of all it needs. An answer that takes too long is not waited for; it
 * is kept for the next one who asks. */
#include "vpd.h"

#include <gio/gio.h>

#define MAX_VPD 32768 /* PCI 2.2, I.1: a 15-bit address */
#define PATIENCE_MS 5000

typedef struct {
    NodedevHost host; /* copies */
    char *syspath;
} Request;

typedef struct {
    NodedevManager *manager;
    char *name;
    NodedevVpdDone done; /* NULL: has been called */
    gpointer data;
    guint timer;
} Reading;

static void
request_free(gpointer data)
{
    Request *request = data;
    g_free(request->host.sysfs);
    g_free(request->syspath);
    g_free(request);
}

static void
read_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Request *request = data;
    g_task_return_pointer(task,
                          nodedev_sysfs_read_bytes(&request->host, request->syspath, "vpd",
                                                   MAX_VPD),
                          (GDestroyNotify)g_bytes_unref);
}

static void
reading_done(Reading *reading)
{
    NodedevVpdDone done = g_steal_pointer(&reading->done);
    g_clear_handle_id(&reading->timer, g_source_remove);
    if (done)
        done(reading->name, reading->data);
}

static gboolean
on_too_long(gpointer data)
{
    Reading *reading = data;
    reading->timer = 0;
    reading_done(reading);
    return G_SOURCE_REMOVE;
}

static void
on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    Reading *reading = data;
    g_autoptr(GBytes) bytes = g_task_propagate_pointer(G_TASK(result), NULL);
    NodedevDevice *device = g_hash_table_lookup(reading->manager->by_name, reading->name);
    if (device && !device->is_vpd_read) {
        device->is_vpd_read = TRUE;
        device->vpd = g_steal_pointer(&bytes);
    }
    reading_done(reading);
    g_free(reading->name);
    g_free(reading);
}

void
nodedev_vpd_read(NodedevManager *manager, NodedevDevice *device, NodedevVpdDone done, gpointer data)
{
    if (device->is_vpd_read || !nodedev_device_has_cap(device, NODEDEV_CAP_VPD) ||
        !device->syspath) {
        done(device->name, data);
        return;
    }
    Reading *reading = g_new0(Reading, 1);
    Request *request = g_new0(Request, 1);
    reading->manager = manager;
    reading->name = g_strdup(device->name);
    reading->done = done;
    reading->data = data;
    reading->timer = g_timeout_add(PATIENCE_MS, on_too_long, reading);
    request->host.sysfs = g_strdup(manager->host.sysfs);
    request->syspath = g_strdup(device->syspath);
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_read, reading);
    g_task_set_task_data(task, request, request_free);
    g_task_run_in_thread(task, read_in_thread);
}
