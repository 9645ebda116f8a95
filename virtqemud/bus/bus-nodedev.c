/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of virtnodedevd: PCI devices for guests. The bus starts it when it does not run. */
#include "base/error.h"
#include "bus/bus-private.h"

#define NODEDEV "org.virtbus.NodeDev"
#define NODEDEV_PATH "/org/virtbus/nodedev"
#define NODEDEVS NODEDEV "ices1"
#define CALL_TIMEOUT_MS 90000 /* it answers within 60 s, of which a driver may take all */
#define DRIVER "QEMU"         /* as libvirt calls the hypervisor */

struct _QemuBusNodedev {
    GDBusConnection *connection;
    GPtrArray *calls; /* of Call: the answer is to come */
};

typedef struct {
    QemuBusNodedev *nodedev; /* NULL: the daemon ends, nobody waits */
    QemuHandedOver done;
    gpointer data;
} Call;

/* Its own errors keep code and words; what else went wrong is the way there. */
static GError *
convert(GError *remote)
{
    g_autofree char *name = g_dbus_error_get_remote_error(remote);
    int code = name ? vb_error_code_from_dbus(name) : -1;
    GError *error = NULL;
    g_dbus_error_strip_remote_error(remote);
    if (code >= 0)
        error = g_error_new_literal(VB_ERROR, code, remote->message);
    else
        vb_error_set(&error, VIR_ERR_RPC, "virtnodedevd cannot be reached: %s", remote->message);
    g_error_free(remote);
    return error;
}

static void
on_reply(GObject *source, GAsyncResult *result, gpointer data)
{
    Call *call = data;
    GError *remote = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &remote);
    g_autoptr(GError) error = reply ? NULL : convert(remote);
    if (call->nodedev) {
        g_ptr_array_remove(call->nodedev->calls, call);
        call->done(error, call->data);
    }
    g_free(call);
}

QemuBusNodedev *
qemu_bus_nodedev_new(GDBusConnection *connection)
{
    QemuBusNodedev *nodedev = g_new0(QemuBusNodedev, 1);
    nodedev->connection = connection ? g_object_ref(connection) : NULL;
    nodedev->calls = g_ptr_array_new();
    return nodedev;
}

/* Who waits is told; what is owed stays on disk for the next daemon. */
void
qemu_bus_nodedev_free(QemuBusNodedev *nodedev)
{
    g_autoptr(GError) error = NULL;
    if (!nodedev)
        return;
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "the daemon ends");
    while (nodedev->calls->len > 0) {
        Call *call = g_ptr_array_steal_index(nodedev->calls, 0);
        call->nodedev = NULL;
        call->done(error, call->data);
    }
    g_ptr_array_unref(nodedev->calls);
    g_clear_object(&nodedev->connection);
    g_free(nodedev);
}

void
qemu_bus_hand_over(QemuBusNodedev *nodedev, const QemuHandOver *request, QemuHandedOver done,
                   gpointer data)
{
    g_autoptr(GError) error = NULL;
    GVariant *args;
    if (!nodedev->connection) {
        vb_error_set(&error, VIR_ERR_RPC, "virtnodedevd cannot be reached: there is no bus");
        done(error, data);
        return;
    }
    if (request->devices)
        args = g_variant_new("(ss@a(sb)u)", DRIVER, request->domain, request->devices,
                             request->is_noted ? 1 : 0);
    else
        args = g_variant_new("(ss^as)", DRIVER, request->domain, request->addresses);
    Call *call = g_new0(Call, 1);
    call->nodedev = nodedev;
    call->done = done;
    call->data = data;
    g_ptr_array_add(nodedev->calls, call);
    g_dbus_connection_call(nodedev->connection, NODEDEV, NODEDEV_PATH, NODEDEVS,
                           request->devices ? "Assign" : "Release", args, NULL,
                           G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, on_reply, call);
}
