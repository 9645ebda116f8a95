/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the statistics only: groups of numbers, one function each. */
#pragma once
#include "stats.h"

/* Adds a field; @name is a format */
void qemu_stats_add(GVariantBuilder *values, GVariant *value, const char *name, ...)
    G_GNUC_PRINTF(3, 4);
void qemu_stats_add_interfaces(QemuDomain *domain, GVariantBuilder *values, guint flags);
void qemu_stats_add_blocks(QemuDomain *domain, GVariantBuilder *values, guint flags);
/* stats-monitor.c */
void qemu_stats_add_iothreads(QemuDomain *domain, GVariantBuilder *values, guint flags);
void qemu_stats_add_dirty_rate(QemuDomain *domain, GVariantBuilder *values, guint flags);
void qemu_stats_add_perf(QemuDomain *domain, GVariantBuilder *values, guint flags);
void qemu_stats_add_vm(QemuDomain *domain, GVariantBuilder *values, guint flags);
/* resctrl-stats.c */
void qemu_stats_add_cache_monitors(QemuDomain *domain, GVariantBuilder *values);
void qemu_stats_add_bandwidth_monitors(QemuDomain *domain, GVariantBuilder *values, guint flags);
void qemu_stats_append_image_sizes(QemuDomain *domain, GByteArray *inputs);
void qemu_stats_read_images_ahead(GPtrArray *domains);
guint64 qemu_stats_balloon_kib(const QemuDomain *domain);
