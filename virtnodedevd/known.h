/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was told last, on disk: with it a daemon that comes back tells what it missed. */
#pragma once
#include "manager.h"

/* Compares the devices that there are with those that were told of; TRUE also when nothing was told before. */
gboolean nodedev_known_compare(NodedevManager *manager, GError **error);
void nodedev_known_follow(NodedevManager *manager); /* after each event */
void nodedev_known_write(NodedevManager *manager);
