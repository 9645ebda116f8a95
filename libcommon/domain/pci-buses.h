/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: which slots of the guest's PCI buses are taken. */
#pragma once
#include "domain/domain.h"

enum { /* what a device needs and what a bus offers */
       VB_PCI_DEVICE = 1 << 0,
       VB_PCI_EXPRESS_DEVICE = 1 << 1,
       VB_PCI_BRIDGE = 1 << 2,
       VB_PCI_ROOT_PORT = 1 << 3,
       VB_PCI_UPSTREAM_PORT = 1 << 4,
       VB_PCI_DOWNSTREAM_PORT = 1 << 5,
       VB_PCI_DMI_BRIDGE = 1 << 6,
       VB_PCI_EXPANDER = 1 << 7,
       VB_PCI_EXPRESS_EXPANDER = 1 << 8,
       VB_PCI_EXPRESS_TO_PCI = 1 << 9,
       VB_PCI_TYPES = (1 << 10) - 1,
       VB_PCI_ENDPOINTS = VB_PCI_DEVICE | VB_PCI_EXPRESS_DEVICE,
       VB_PCI_HOTPLUG = 1 << 10,
       VB_PCI_AGGREGATE = 1 << 11,  /* several such devices may share a slot: root ports */
       VB_PCI_INTEGRATED = 1 << 12, /* on bus 0 only */
};

typedef struct {
    int model; /* VbDomainPciModel; DEFAULT: not known yet */
    guint flags;
    guint min_slot, max_slot;
    struct {
        guint8 functions; /* a bit each */
        gboolean is_aggregate;
    } slots[32];
} VbPciBus;

typedef struct {
    GArray *buses;       /* VbPciBus */
    gboolean is_dry_run; /* grows when it is full; devices are not told their addresses */
} VbPciBuses;

VbPciBuses *vb_pci_buses_new(const VbDomainDef *def, gboolean is_dry_run);
void vb_pci_buses_free(VbPciBuses *buses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbPciBuses, vb_pci_buses_free)

gboolean vb_pci_slot_in_use(const VbPciBuses *buses, guint bus, guint slot);
gboolean vb_pci_reserve(VbPciBuses *buses, const VbDomainPciAddress *address, guint flags,
                        gboolean is_from_config, GError **error);
/* @function: -1 = a slot of its own (function 0) */
gboolean vb_pci_find_next(VbPciBuses *buses, guint flags, int function,
                          VbDomainPciAddress *ret_address, GError **error);
/* finds, reserves, and tells @info unless it is a dry run */
gboolean vb_pci_reserve_next(VbPciBuses *buses, VbDomainDeviceInfo *info, guint flags, int function,
                             GError **error);
void vb_pci_set_address(VbDomainDeviceInfo *info, const VbDomainPciAddress *address);
gboolean vb_pci_is_wanted(const VbDomainDeviceInfo *info); /* none, or <address type='pci'/> */
gboolean vb_pci_is_present(const VbDomainDeviceInfo *info);

/* pci-flags.c: what the device needs; 0: it is no PCI device */
guint vb_pci_device_flags(const VbDomainDef *def, int class, gconstpointer device);
