/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtnodedevd: wiring only. */
#include "base/error.h"
#include "bus/bus.h"

typedef struct {
    NodedevManager *manager;
    NodedevBus *bus;
} Daemon;

static gboolean
start(VbService *service, gpointer data, GError **error)
{
    Daemon *daemon = data;
    g_autofree char *root = vb_service_path(service, "");
    daemon->manager =
        nodedev_manager_new(root, vb_service_sysfs(service), vb_service_procfs(service), error);
    if (!daemon->manager)
        return FALSE;
    daemon->bus = nodedev_bus_new(service, daemon->manager);
    return nodedev_manager_start(daemon->manager, error);
}

static void
stop(VbService *service, gpointer data)
{
    Daemon *daemon = data;
    g_clear_pointer(&daemon->bus, nodedev_bus_free);
    g_clear_pointer(&daemon->manager, nodedev_manager_free);
}

static void
reload(VbService *service, gpointer data)
{
    nodedev_manager_rescan(((Daemon *)data)->manager);
}

int
main(int argc, char **argv)
{
    Daemon daemon = {0};
    const VbServiceInfo info = {
        .name = "virtnodedevd",
        .bus_name = NODEDEV_BUS_NAME,
        .root_path = NODEDEV_BUS_ROOT,
        .has_peer_socket = TRUE,
        .start = start,
        .stop = stop,
        .reload = reload,
        .explain_missing = nodedev_bus_explain_missing,
    };
    int status = vb_service_run(&info, argc, argv, &daemon);
    g_clear_pointer(&daemon.bus, nodedev_bus_free); /* a start that failed half way */
    g_clear_pointer(&daemon.manager, nodedev_manager_free);
    return status;
}
