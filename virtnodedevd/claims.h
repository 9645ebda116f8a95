/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest holds which PCI device, of whichever hypervisor; on disk, so that the next daemon knows. Main loop only. */
#pragma once
#include "manager.h"

typedef struct {
    char *driver; /* the hypervisor, as libvirt calls it: "QEMU" */
    char *domain; /* its guest */
} NodedevHolder;

typedef struct {
    char *address; /* 0000:3b:00.0 */
    NodedevHolder holder;
    gboolean is_owed; /* its own driver gets it back when the guest is done with it */
} NodedevClaim;

/* FALSE: they cannot be read, and who has what is not known; the file is left as it is. Errors: SYSTEM_ERROR */
gboolean nodedev_claims_load(NodedevManager *manager, GError **error);
void nodedev_claims_free(NodedevManager *manager);
/* FALSE: they could not be written */
gboolean nodedev_claims_save(NodedevManager *manager, GError **error);
NodedevClaim *nodedev_claims_find(NodedevManager *manager, const char *address); /* NULL: nobody */
gboolean nodedev_claim_is_of(const NodedevClaim *claim, const NodedevHolder *holder);
NodedevClaim *nodedev_claims_add(NodedevManager *manager, const char *address,
                                 const NodedevHolder *holder);
void nodedev_claims_remove(NodedevManager *manager, const char *address);
/* (transfer full) addresses, sorted; @holder NULL: of all */
GPtrArray *nodedev_claims_list(NodedevManager *manager, const NodedevHolder *holder);
/* Whether nobody but @holder (NULL: nobody at all) has @device or what shares its IOMMU group. Errors: OPERATION_INVALID */
gboolean nodedev_claims_check(NodedevManager *manager, const NodedevDevice *device,
                              const NodedevHolder *holder, GError **error);
/* the device at a PCI address; NULL: not there */
NodedevDevice *nodedev_claims_device(NodedevManager *manager, const char *address);
