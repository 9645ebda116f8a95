/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handlers of org.virtbus.Hypervisor1 that are about CPU models; data: the QemuBus. */
#pragma once
#include "service/service.h"

GVariant *qemu_bus_cpu_get_model_names(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_cpu_compare(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_cpu_compare_hypervisor(gpointer data, VbCall *call, GVariant *args,
                                          GError **error);
GVariant *qemu_bus_cpu_baseline(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_cpu_baseline_hypervisor(gpointer data, VbCall *call, GVariant *args,
                                           GError **error);
