/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joins the manager and the bus: objects come and go with devices, changes become signals. Owns the NodedevBus. */
#include <string.h>

#include "bus/bus-private.h"

/* ---- paths ---- */

char *
nodedev_bus_path(const char *name)
{
    return g_strconcat(NODEDEV_PREFIX, name, NULL);
}

GVariant *
nodedev_bus_paths(GPtrArray *devices)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
    for (guint i = 0; i < devices->len; i++) {
        const NodedevDevice *device = devices->pdata[i];
        g_autofree char *path = nodedev_bus_path(device->name);
        g_variant_builder_add(&builder, "o", path);
    }
    return g_variant_builder_end(&builder);
}

void
nodedev_bus_explain_missing(const char *path, GError **error)
{
    if (g_str_has_prefix(path, NODEDEV_PREFIX))
        vb_error_set(error, VIR_ERR_NO_NODE_DEVICE, "no node device with matching name '%s'",
                     path + strlen(NODEDEV_PREFIX));
}

/* one daemon, one bus: handlers of devices find it by the root object */
NodedevBus *
nodedev_bus_of(VbCall *call)
{
    return vb_object_get_data(vb_service_find(vb_call_get_service(call), NODEDEV_BUS_ROOT));
}

/* ---- events ---- */

/* Shape: (tsoa{sv}): sequence, kind, device, details with name and, when found later, late */
static GVariant *
pack(const VbEvent *event)
{
    GVariantDict details;
    g_autofree char *path = nodedev_bus_path(event->name);
    g_variant_dict_init(&details, event->details);
    g_variant_dict_insert(&details, "name", "s", event->name);
    if (event->is_late)
        g_variant_dict_insert(&details, "late", "b", TRUE);
    return g_variant_new("(tso@a{sv})", event->sequence, event->kind, path,
                         g_variant_dict_end(&details));
}

void
nodedev_bus_send_event(NodedevBus *bus, const VbEvent *event)
{
    vb_object_emit(bus->root, NODEDEVS_INTERFACE, "Event", pack(event));
}

static void
add_event(const VbEvent *event, gpointer data)
{
    g_variant_builder_add_value(data, pack(event));
}

GVariant *
nodedev_bus_method_events_since(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbEvents *events = ((NodedevBus *)data)->manager->events;
    const char *epoch;
    guint64 sequence;
    GVariantBuilder builder;
    g_variant_get(args, "(&st)", &epoch, &sequence);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(tsoa{sv})"));
    gboolean is_resync = !vb_events_since(events, epoch, sequence, add_event, &builder);
    return g_variant_new("(bsa(tsoa{sv}))", is_resync, vb_events_get_epoch(events), &builder);
}

/* ---- the manager's listener ---- */

static void
device_added(NodedevDevice *device, gpointer data)
{
    static const VbInterface *const interfaces[] = {&nodedev_bus_device_interface, NULL};
    NodedevBus *bus = data;
    g_autofree char *path = nodedev_bus_path(device->name);
    device->object = vb_service_export(bus->service, path, interfaces, device);
}

static void
device_removed(NodedevDevice *device, gpointer data)
{
    if (device->object)
        vb_object_unexport(device->object);
    device->object = NULL;
}

static void
device_changed(NodedevDevice *device, gpointer data)
{
    static const char *const properties[] = {"Parent",   "ParentObject", "Capabilities",
                                             "Driver",   "SysfsPath",    "DevNode",
                                             "DevLinks", "IommuGroup",   "NumaNode",
                                             "Active",   "Persistent",   "Autostart"};
    for (guint i = 0; device->object && i < G_N_ELEMENTS(properties); i++)
        vb_object_notify(device->object, NODEDEV_INTERFACE, properties[i]);
}

static void
event_happened(const VbEvent *event, gpointer data)
{
    nodedev_bus_send_event(data, event);
}

static const NodedevListener listener = {device_added, device_removed, device_changed,
                                         event_happened};

NodedevBus *
nodedev_bus_new(VbService *service, NodedevManager *manager)
{
    static const VbInterface *const interfaces[] = {&nodedev_bus_devices_interface, NULL};
    NodedevBus *bus = g_new0(NodedevBus, 1);
    bus->service = service;
    bus->manager = manager;
    bus->root = vb_service_export(service, NODEDEV_BUS_ROOT, interfaces, bus);
    nodedev_manager_set_listener(manager, &listener, bus);
    return bus;
}

void
nodedev_bus_free(NodedevBus *bus)
{
    static const NodedevListener nobody;
    if (!bus)
        return;
    nodedev_manager_set_listener(bus->manager, &nobody, NULL);
    g_free(bus);
}
