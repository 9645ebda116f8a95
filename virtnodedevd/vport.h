/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual ports of Fibre Channel hosts (NPIV). */
#pragma once
#include "mdev.h"

void nodedev_vport_create(NodedevManager *manager, const NodedevDef *def, NodedevDone done,
                          gpointer data);
void nodedev_vport_delete(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                          gpointer data);
