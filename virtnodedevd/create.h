/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one asks of a device, or for a new one: checks, and hands on to who can do it. */
#pragma once
#include "mdev.h"

void nodedev_create(NodedevManager *manager, const char *xml, guint flags, NodedevDone done,
                    gpointer data);
void nodedev_define(NodedevManager *manager, const char *xml, guint flags, NodedevDone done,
                    gpointer data);
void nodedev_start(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data);
void nodedev_destroy(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                     gpointer data);
void nodedev_undefine(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                      gpointer data);
void nodedev_set_autostart(NodedevManager *manager, NodedevDevice *device, gboolean is_autostart,
                           NodedevDone done, gpointer data);
void nodedev_update(NodedevManager *manager, NodedevDevice *device, const char *xml, guint flags,
                    NodedevDone done, gpointer data);
