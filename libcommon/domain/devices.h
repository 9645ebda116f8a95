/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All devices of a guest, whatever their class. */
#pragma once
#include "domain/domain.h"

typedef enum {
    VB_DOMAIN_CLASS_DISK,
    VB_DOMAIN_CLASS_CONTROLLER,
    VB_DOMAIN_CLASS_FILESYSTEM,
    VB_DOMAIN_CLASS_NET,
    VB_DOMAIN_CLASS_SMARTCARD,
    VB_DOMAIN_CLASS_SERIAL,
    VB_DOMAIN_CLASS_PARALLEL,
    VB_DOMAIN_CLASS_CONSOLE,
    VB_DOMAIN_CLASS_CHANNEL,
    VB_DOMAIN_CLASS_INPUT,
    VB_DOMAIN_CLASS_TPM,
    VB_DOMAIN_CLASS_SOUND,
    VB_DOMAIN_CLASS_VIDEO,
    VB_DOMAIN_CLASS_HOSTDEV,
    VB_DOMAIN_CLASS_REDIRDEV,
    VB_DOMAIN_CLASS_HUB,
    VB_DOMAIN_CLASS_WATCHDOG,
    VB_DOMAIN_CLASS_MEMBALLOON,
    VB_DOMAIN_CLASS_RNG,
    VB_DOMAIN_CLASS_PANIC,
    VB_DOMAIN_CLASS_SHMEM,
    VB_DOMAIN_CLASS_MEMORY,
    VB_DOMAIN_CLASS_IOMMU,
    VB_DOMAIN_CLASS_VSOCK,
    VB_DOMAIN_CLASS_CRYPTO,
    VB_DOMAIN_CLASS_PSTORE,
    VB_DOMAIN_CLASS_NVRAM,
    VB_DOMAIN_CLASS_LAST,
} VbDomainDeviceClass;

typedef struct {
    VbDomainDeviceClass class;
    guint index;     /* among those of its class */
    gpointer device; /* VbDomainDisk ... */
    VbDomainDeviceInfo *info;
} VbDomainDevice;

/* Returns FALSE to stop. */
typedef gboolean (*VbDomainDeviceVisit)(VbDomainDef *def, const VbDomainDevice *device,
                                        gpointer data);

/* in the order of the XML; FALSE when a visit stopped */
gboolean vb_domain_each_device(VbDomainDef *def, VbDomainDeviceVisit visit, gpointer data);
/* those of one class alone */
gboolean vb_domain_each_of_class(VbDomainDef *def, VbDomainDeviceClass class,
                                 VbDomainDeviceVisit visit, gpointer data);
VbDomainDeviceInfo *vb_domain_device_info(VbDomainDeviceClass class, gpointer device);
