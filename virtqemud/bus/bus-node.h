/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Hypervisor1 about the host; data: the QemuBus. */
#pragma once
#include "bus/bus.h"

GVariant *qemu_bus_node_get_max_vcpus(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_info(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_cpu_stats(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_memory_stats(gpointer data, VbCall *call, GVariant *args,
                                         GError **error);
GVariant *qemu_bus_node_get_free_memory(gpointer data, VbCall *call, GVariant *args,
                                        GError **error);
GVariant *qemu_bus_node_get_cpu_map(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_security_model(gpointer data, VbCall *call, GVariant *args,
                                           GError **error);
GVariant *qemu_bus_node_get_sysinfo(gpointer data, VbCall *call, GVariant *args, GError **error);

/* bus-node-memory.c */
GVariant *qemu_bus_node_get_cells_free(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_free_pages(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_alloc_pages(gpointer data, VbCall *call, GVariant *args, GError **error);
GVariant *qemu_bus_node_get_memory_parameters(gpointer data, VbCall *call, GVariant *args,
                                              GError **error);
GVariant *qemu_bus_node_set_memory_parameters(gpointer data, VbCall *call, GVariant *args,
                                              GError **error);
