/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtqemud's D-Bus objects: the hypervisor at the root, one object per guest. They translate and delegate; what they
 * show comes from the manager, and what the manager tells goes out as signals. */
#pragma once
#include "caps/caps.h"
#include "manager.h"
#include "service/service.h"

#define QEMU_BUS_NAME "org.virtbus.Qemu"
#define QEMU_BUS_ROOT "/org/virtbus/qemu"

typedef struct _QemuBus QemuBus;

/* Becomes the manager's listener and exports the root; guests that the manager loads afterwards follow. */
QemuBus *qemu_bus_new(VbService *service, QemuManager *manager);
void qemu_bus_free(QemuBus *bus); /* NULL is fine */
gboolean qemu_bus_name_guest(VbObject *object, const char **ret_name, const char **ret_uuid);
void qemu_bus_explain_missing(const char *path, GError **error); /* VbServiceInfo.explain_missing */
