/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.NodeDevices1 on the root object: devices as a whole. */
#include "bus/bus-private.h"

static NodedevManager *
manager_of(gpointer data)
{
    return ((NodedevBus *)data)->manager;
}

static GVariant *
names_of(GPtrArray *devices)
{
    g_autofree const char **names = g_new(const char *, devices->len + 1);
    for (guint i = 0; i < devices->len; i++)
        names[i] = ((const NodedevDevice *)devices->pdata[i])->name;
    return g_variant_new_strv(names, (gssize)devices->len);
}

static GVariant *
method_list_devices(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    g_autoptr(GPtrArray) devices = nodedev_manager_list(manager_of(data), flags);
    return g_variant_new("(@ao)", nodedev_bus_paths(devices));
}

static GVariant *
method_list_device_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    g_autoptr(GPtrArray) devices = nodedev_manager_list(manager_of(data), flags);
    return g_variant_new("(@as)", names_of(devices));
}

/* (transfer container) devices of ListNames and CountNames; NULL with @error */
static GPtrArray *
names_asked(gpointer data, GVariant *args, GError **error)
{
    const char *capability;
    guint flags;
    g_variant_get(args, "(&su)", &capability, &flags);
    if (!vb_error_check_flags(error, flags, 0, "virNodeListDevices"))
        return NULL;
    return nodedev_manager_list_cap(manager_of(data), capability);
}

static GVariant *
method_list_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) devices = names_asked(data, args, error);
    return devices ? g_variant_new("(@as)", names_of(devices)) : NULL;
}

static GVariant *
method_count_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) devices = names_asked(data, args, error);
    return devices ? g_variant_new("(i)", (gint32)devices->len) : NULL;
}

static GVariant *
reply_path(const NodedevDevice *device)
{
    if (!device)
        return NULL;
    g_autofree char *path = nodedev_bus_path(device->name);
    return g_variant_new("(o)", path);
}

static GVariant *
method_lookup_by_name(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *name;
    g_variant_get(args, "(&s)", &name);
    return reply_path(nodedev_manager_find(manager_of(data), name, error));
}

static GVariant *
method_lookup_by_wwn(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *wwnn, *wwpn;
    guint flags;
    g_variant_get(args, "(&s&su)", &wwnn, &wwpn, &flags);
    return reply_path(nodedev_manager_find_wwn(manager_of(data), wwnn, wwpn, error));
}

static GVariant *
method_get_last_error(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(@a{sv})", vb_call_get_last_error(call));
}

static const VbMethod methods[] = {
    {"ListDevices", method_list_devices, VB_ACTION_READ},
    {"ListDeviceNames", method_list_device_names, VB_ACTION_READ},
    {"ListNames", method_list_names, VB_ACTION_READ},
    {"CountNames", method_count_names, VB_ACTION_READ},
    {"LookupByName", method_lookup_by_name, VB_ACTION_READ},
    {"LookupByWwn", method_lookup_by_wwn, VB_ACTION_READ},
    {"CreateDevice", nodedev_bus_method_create, VB_ACTION_MANAGE},
    {"DefineDevice", nodedev_bus_method_define, VB_ACTION_MANAGE},
    {"Assign", nodedev_bus_method_assign, VB_ACTION_MANAGE},
    {"Release", nodedev_bus_method_release, VB_ACTION_MANAGE},
    {"ListHolders", nodedev_bus_method_list_holders, VB_ACTION_READ},
    {"EventsSince", nodedev_bus_method_events_since, VB_ACTION_READ},
    {"GetLastError", method_get_last_error, VB_ACTION_READ},
};

static GVariant *
prop_event_epoch(gpointer data)
{
    return g_variant_new_string(vb_events_get_epoch(manager_of(data)->events));
}

static GVariant *
prop_event_sequence(gpointer data)
{
    return g_variant_new_uint64(vb_events_get_sequence(manager_of(data)->events));
}

static const VbProperty properties[] = {
    {"EventEpoch", prop_event_epoch, NULL, NULL},
    {"EventSequence", prop_event_sequence, NULL, NULL},
};

const VbInterface nodedev_bus_devices_interface = {
    .info = &org_virtbus_node_devices1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};
