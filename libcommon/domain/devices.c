/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks all devices of a guest: one row per class says where they are and where their common part lies. */
#include "domain/devices.h"

typedef struct {
    gsize member; /* of the list, or of the pointer, in VbDomainDef */
    gsize info;   /* in the device */
    gboolean is_single;
} ClassRow;

#define LIST(member, type)                                                                         \
    {                                                                                              \
        G_STRUCT_OFFSET(VbDomainDef, member), G_STRUCT_OFFSET(type, info), FALSE                   \
    }
#define SINGLE(member, type)                                                                       \
    {                                                                                              \
        G_STRUCT_OFFSET(VbDomainDef, member), G_STRUCT_OFFSET(type, info), TRUE                    \
    }

static const ClassRow classes[VB_DOMAIN_CLASS_LAST] = {
    [VB_DOMAIN_CLASS_DISK] = LIST(disks, VbDomainDisk),
    [VB_DOMAIN_CLASS_CONTROLLER] = LIST(controllers, VbDomainController),
    [VB_DOMAIN_CLASS_FILESYSTEM] = LIST(filesystems, VbDomainFilesystem),
    [VB_DOMAIN_CLASS_NET] = LIST(nets, VbDomainNet),
    [VB_DOMAIN_CLASS_SMARTCARD] = LIST(smartcards, VbDomainSmartcard),
    [VB_DOMAIN_CLASS_SERIAL] = LIST(serials, VbDomainChr),
    [VB_DOMAIN_CLASS_PARALLEL] = LIST(parallels, VbDomainChr),
    [VB_DOMAIN_CLASS_CONSOLE] = LIST(consoles, VbDomainChr),
    [VB_DOMAIN_CLASS_CHANNEL] = LIST(channels, VbDomainChr),
    [VB_DOMAIN_CLASS_INPUT] = LIST(inputs, VbDomainInput),
    [VB_DOMAIN_CLASS_TPM] = LIST(tpms, VbDomainTpm),
    [VB_DOMAIN_CLASS_SOUND] = LIST(sounds, VbDomainSound),
    [VB_DOMAIN_CLASS_VIDEO] = LIST(videos, VbDomainVideo),
    [VB_DOMAIN_CLASS_HOSTDEV] = LIST(hostdevs, VbDomainHostdev),
    [VB_DOMAIN_CLASS_REDIRDEV] = LIST(redirdevs, VbDomainRedirdev),
    [VB_DOMAIN_CLASS_HUB] = LIST(hubs, VbDomainHub),
    [VB_DOMAIN_CLASS_WATCHDOG] = LIST(watchdogs, VbDomainWatchdog),
    [VB_DOMAIN_CLASS_MEMBALLOON] = SINGLE(memballoon, VbDomainMemballoon),
    [VB_DOMAIN_CLASS_RNG] = LIST(rngs, VbDomainRng),
    [VB_DOMAIN_CLASS_PANIC] = LIST(panics, VbDomainPanic),
    [VB_DOMAIN_CLASS_SHMEM] = LIST(shmems, VbDomainShmem),
    [VB_DOMAIN_CLASS_MEMORY] = LIST(memories, VbDomainMemoryDevice),
    [VB_DOMAIN_CLASS_IOMMU] = SINGLE(iommu, VbDomainIommu),
    [VB_DOMAIN_CLASS_VSOCK] = SINGLE(vsock, VbDomainVsock),
    [VB_DOMAIN_CLASS_CRYPTO] = LIST(cryptos, VbDomainCrypto),
    [VB_DOMAIN_CLASS_PSTORE] = SINGLE(pstore, VbDomainPstore),
    [VB_DOMAIN_CLASS_NVRAM] = SINGLE(nvram, VbDomainNvramDevice),
};

/**
 * vb_domain_device_info:
 * @class: what kind of device it is
 * @device: the device
 *
 * Returns: (transfer none): the part of @device that all classes share
 */
VbDomainDeviceInfo *
vb_domain_device_info(VbDomainDeviceClass class, gpointer device)
{
    return (VbDomainDeviceInfo *)((char *)device + classes[class].info);
}

static gboolean
visit_list(VbDomainDef *def, VbDomainDeviceClass class, VbDomainDeviceVisit visit, gpointer data)
{
    GPtrArray *list = *(GPtrArray **)((char *)def + classes[class].member);

    for (guint i = 0; list && i < list->len; i++) {
        const VbDomainDevice device = {class, i, list->pdata[i],
                                       vb_domain_device_info(class, list->pdata[i])};

        if (!visit(def, &device, data))
            return FALSE;
    }
    return TRUE;
}

static gboolean
visit_single(VbDomainDef *def, VbDomainDeviceClass class, VbDomainDeviceVisit visit, gpointer data)
{
    gpointer single = *(gpointer *)((char *)def + classes[class].member);
    VbDomainDevice device = {class, 0, single, NULL};

    if (!single)
        return TRUE;
    device.info = vb_domain_device_info(class, single);
    return visit(def, &device, data);
}

/**
 * vb_domain_each_of_class:
 * @def: a guest
 * @class: what kind of device
 * @visit: called once for each device of the class, in the order of the XML
 * @data: for @visit
 *
 * Returns: FALSE when a visit returned FALSE, which ends the walk
 */
gboolean
vb_domain_each_of_class(VbDomainDef *def, VbDomainDeviceClass class, VbDomainDeviceVisit visit,
                        gpointer data)
{
    return (classes[class].is_single ? visit_single : visit_list)(def, class, visit, data);
}

/**
 * vb_domain_each_device:
 * @def: a guest
 * @visit: called once for each device, in the order of the XML
 * @data: for @visit
 *
 * Returns: FALSE when a visit returned FALSE, which ends the walk
 */
gboolean
vb_domain_each_device(VbDomainDef *def, VbDomainDeviceVisit visit, gpointer data)
{
    for (guint i = 0; i < VB_DOMAIN_CLASS_LAST; i++) {
        if (!vb_domain_each_of_class(def, (VbDomainDeviceClass)i, visit, data))
            return FALSE;
    }
    return TRUE;
}
