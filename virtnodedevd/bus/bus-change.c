/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods that change something, of both interfaces: each is answered when it is done. */
#include "assign.h"
#include "bus/bus-private.h"
#include "create.h"

static void
reply_done(NodedevDevice *device, const GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, NULL);
}

static void
reply_path(NodedevDevice *device, const GError *error, gpointer data)
{
    if (error) {
        vb_call_fail(data, g_error_copy(error));
        return;
    }
    g_autofree char *path = nodedev_bus_path(device->name);
    vb_call_return(data, g_variant_new("(o)", path));
}

/* For calls without flags so far: TRUE when there are none. */
static gboolean
check_flags(guint flags, const char *function, GError **error)
{
    return vb_error_check_flags(error, flags, 0, function);
}

GVariant *
nodedev_bus_method_create(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *xml;
    guint flags;
    g_variant_get(args, "(&su)", &xml, &flags);
    vb_call_defer(call);
    nodedev_create(((NodedevBus *)data)->manager, xml, flags, reply_path, call);
    return NULL;
}

GVariant *
nodedev_bus_method_define(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *xml;
    guint flags;
    g_variant_get(args, "(&su)", &xml, &flags);
    vb_call_defer(call);
    nodedev_define(((NodedevBus *)data)->manager, xml, flags, reply_path, call);
    return NULL;
}

GVariant *
nodedev_bus_method_detach(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *driver;
    guint flags;
    g_variant_get(args, "(&su)", &driver, &flags);
    if (!check_flags(flags, "virNodeDeviceDetachFlags", error))
        return NULL;
    vb_call_defer(call);
    nodedev_assign_detach(nodedev_bus_of(call)->manager, data, driver, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_reattach(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    nodedev_assign_reattach(nodedev_bus_of(call)->manager, data, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_reset(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    nodedev_assign_reset(nodedev_bus_of(call)->manager, data, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_start(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!check_flags(flags, "virNodeDeviceCreate", error))
        return NULL;
    vb_call_defer(call);
    nodedev_start(nodedev_bus_of(call)->manager, data, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_destroy(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    nodedev_destroy(nodedev_bus_of(call)->manager, data, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_undefine(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!check_flags(flags, "virNodeDeviceUndefine", error))
        return NULL;
    vb_call_defer(call);
    nodedev_undefine(nodedev_bus_of(call)->manager, data, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_set_autostart(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    gboolean is_autostart;
    g_variant_get(args, "(b)", &is_autostart);
    vb_call_defer(call);
    nodedev_set_autostart(nodedev_bus_of(call)->manager, data, is_autostart, reply_done, call);
    return NULL;
}

GVariant *
nodedev_bus_method_update(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *xml;
    guint flags;
    g_variant_get(args, "(&su)", &xml, &flags);
    vb_call_defer(call);
    nodedev_update(nodedev_bus_of(call)->manager, data, xml, flags, reply_done, call);
    return NULL;
}
