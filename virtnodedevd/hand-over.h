/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's PCI devices as a whole: all are handed over, or none; and they come back. What a driver is owed is on disk
 * before it loses the device. */
#pragma once
#include "claims.h"

typedef void (*NodedevHanded)(const GError *error, gpointer data);

typedef enum {
    NODEDEV_HAND_OVER_NOTE = 1 << 0, /* the guest has them already: nothing but the claim is made */
} NodedevHandOverFlags;

/* @devices: a(sb): PCI address; managed: taken from its driver, to be given back. Errors: OPERATION_INVALID in use, not
 * managed and not on vfio-pci; OPERATION_ABORTED all was given back while it waited; SYSTEM_ERROR no such device; those of
 * a detach and a reset. */
void nodedev_hand_over(NodedevManager *manager, const NodedevHolder *holder, GVariant *devices,
                       guint flags, NodedevHanded done, gpointer data);
/* @addresses: NULL-terminated, what others hold is passed over; empty: all that @holder has. Errors: OPERATION_INVALID the
 * guest still has a group open; it holds the device then. Whatever else fails is told, and the device is not held any more. */
void nodedev_take_back(NodedevManager *manager, const NodedevHolder *holder,
                       const char *const *addresses, NodedevHanded done, gpointer data);
/* a device is not busy any more: who waits for it goes on */
void nodedev_hand_over_poke(NodedevManager *manager);
