/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host in numbers, read below the manager's sysfs and procfs. Variants are floating and have the shape of
 * org.virtbus.Hypervisor1. */
#pragma once
#include "manager.h"

GVariant *qemu_host_get_info(QemuManager *manager, GError **error); /* (stiiiiii) */
GVariant *qemu_host_get_cpu_stats(QemuManager *manager, int cpu, guint flags,
                                  GError **error); /* a(st) */
GVariant *qemu_host_get_memory_stats(QemuManager *manager, int cell, guint flags,
                                     GError **error); /* a(st) */
gboolean qemu_host_get_free_memory(QemuManager *manager, guint64 *ret_bytes, GError **error);
GVariant *qemu_host_get_cpu_map(QemuManager *manager, guint flags, GError **error); /* (ayui) */
char *qemu_host_get_sysinfo(QemuManager *manager, guint flags, GError **error);
char *qemu_host_get_hostname(GError **error);
int qemu_host_get_max_vcpus(QemuManager *manager, const char *type,
                            GError **error); /* -1 with @error */
