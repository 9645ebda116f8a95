/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of virtnodedevd/bus share. */
#pragma once
#include "base/error.h"
#include "bus/bus.h"
#include "vb-dbus-info.h"

#define NODEDEVS_INTERFACE "org.virtbus.NodeDevices1"
#define NODEDEV_INTERFACE "org.virtbus.NodeDevice1"
#define NODEDEV_PREFIX NODEDEV_BUS_ROOT "/device/"

struct _NodedevBus {
    VbService *service;
    NodedevManager *manager;
    VbObject *root;
};

extern const VbInterface nodedev_bus_devices_interface; /* its handlers get the NodedevBus */
extern const VbInterface nodedev_bus_device_interface;  /* its handlers get the NodedevDevice */

char *nodedev_bus_path(const char *name);
GVariant *nodedev_bus_paths(GPtrArray *devices); /* (transfer floating) ao, of NodedevDevice */
NodedevBus *nodedev_bus_of(VbCall *call);
void nodedev_bus_send_event(NodedevBus *bus, const VbEvent *event);
GVariant *nodedev_bus_method_events_since(gpointer data, VbCall *call, GVariant *args,
                                          GError **error);

/* bus-hand-over.c */
GVariant *nodedev_bus_method_assign(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_release(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_list_holders(gpointer data, VbCall *call, GVariant *args,
                                          GError **error);

/* bus-change.c */
GVariant *nodedev_bus_method_create(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_define(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_detach(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_reattach(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_reset(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_start(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_destroy(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_undefine(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *nodedev_bus_method_set_autostart(gpointer data, VbCall *call, GVariant *args,
                                           GError **error);
GVariant *nodedev_bus_method_update(gpointer data, VbCall *call, GVariant *args, GError **error);
