/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vital product data are read from the device itself, which can take seconds: by a thread, once per device. */
#pragma once
#include "manager.h"

typedef void (*NodedevVpdDone)(const char *name, gpointer data);
/* @done runs once, at once where nothing is to be read; @name: of the device, which may have gone. */
void nodedev_vpd_read(NodedevManager *manager, NodedevDevice *device, NodedevVpdDone done,
                      gpointer data);
