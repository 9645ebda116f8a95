/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mediated devices: mdevctl makes them and keeps their definitions; this asks it, and shows what it has. */
#pragma once
#include "manager.h"

/* @device: NULL with @error; (transfer none) */
typedef void (*NodedevDone)(NodedevDevice *device, const GError *error, gpointer data);

/* Reads the definitions before anybody is served, and watches them. */
void nodedev_mdev_start(NodedevManager *manager);
void nodedev_mdev_stop(NodedevManager *manager);

void nodedev_mdev_create(NodedevManager *manager, const NodedevDef *def, NodedevDone done,
                         gpointer data);
void nodedev_mdev_define(NodedevManager *manager, const NodedevDef *def, NodedevDone done,
                         gpointer data);
void nodedev_mdev_begin(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                        gpointer data); /* what is defined */
void nodedev_mdev_end(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                      gpointer data);
void nodedev_mdev_undefine(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                           gpointer data);
void nodedev_mdev_set_autostart(NodedevManager *manager, NodedevDevice *device,
                                gboolean is_autostart, NodedevDone done, gpointer data);
/* @flags: virNodeDeviceUpdateFlags */
void nodedev_mdev_update(NodedevManager *manager, NodedevDevice *device, const NodedevDef *def,
                         guint flags, NodedevDone done, gpointer data);

/* for tests: mdevctl's command line and standard input; (transfer full) */
GStrv nodedev_mdev_argv(const char *verb, const char *parent, const char *uuid, gboolean has_json,
                        const char *const *more);
char *nodedev_mdev_json(const NodedevCapability *capability, gboolean is_autostart);
GPtrArray *nodedev_mdev_parse_list(const char *json, GError **error); /* of NodedevMdev */
