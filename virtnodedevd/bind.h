/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which driver a PCI device has. For threads: the kernel takes as long for these writes as the drivers like. */
#pragma once
#include "manager.h"

/* all that a thread needs of one device, as copies */
typedef struct {
    NodedevHost host;
    char *path;               /* of the device in sysfs */
    char *address;            /* 0000:3b:00.0 */
    gboolean is_group_shared; /* the guest that gets it has the IOMMU group open already */
} NodedevBind;
NodedevBind *nodedev_bind_new(const NodedevManager *manager, const NodedevDevice *device);
void nodedev_bind_free(gpointer bind);

gboolean nodedev_bind_has_vfio(const NodedevBind *bind);
/* To vfio-pci; nothing changes when it is there. Errors: OPERATION_INVALID somebody needs it; ARGUMENT_UNSUPPORTED no
 * VFIO; OPERATION_FAILED, SYSTEM_ERROR, and its own driver has it again */
gboolean nodedev_bind_detach(const NodedevBind *bind, GError **error);
/* To its own driver. Errors: OPERATION_INVALID a guest has its group; SYSTEM_ERROR */
gboolean nodedev_bind_reattach(const NodedevBind *bind, GError **error);
/* Errors: OPERATION_INVALID it, or what shares its group, is needed; INTERNAL_ERROR it knows no reset; SYSTEM_ERROR */
gboolean nodedev_bind_reset(const NodedevBind *bind, GError **error);
gboolean nodedev_bind_can_reset(const NodedevBind *bind);
