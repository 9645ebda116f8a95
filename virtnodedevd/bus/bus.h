/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtnodedevd's D-Bus objects: all devices at the root, one object per device. They translate and delegate. */
#pragma once
#include "manager.h"
#include "service/service.h"

#define NODEDEV_BUS_NAME "org.virtbus.NodeDev"
#define NODEDEV_BUS_ROOT "/org/virtbus/nodedev"

typedef struct _NodedevBus NodedevBus;

/* Becomes the manager's listener and exports the root; devices that the manager finds afterwards follow. */
NodedevBus *nodedev_bus_new(VbService *service, NodedevManager *manager);
void nodedev_bus_free(NodedevBus *bus);
void nodedev_bus_explain_missing(const char *path,
                                 GError **error); /* VbServiceInfo.explain_missing */
