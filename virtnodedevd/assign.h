/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handing PCI devices to guests and back: driver override, reset, and what forbids them. */
#pragma once
#include "mdev.h"

/* @driver: "" or "vfio": vfio-pci */
void nodedev_assign_detach(NodedevManager *manager, NodedevDevice *device, const char *driver,
                           NodedevDone done, gpointer data);
void nodedev_assign_reattach(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                             gpointer data);
void nodedev_assign_reset(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                          gpointer data);

/* in-use.c; any thread: @path is the device's syspath. FALSE with OPERATION_INVALID. */
gboolean nodedev_in_use_check_mounts(const NodedevHost *host, const char *path, const char *address,
                                     GError **error);
gboolean nodedev_in_use_check_group(const NodedevHost *host, const char *path, const char *address,
                                    GError **error);
