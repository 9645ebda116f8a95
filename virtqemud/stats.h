/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers about guests, from the last known facts and /proc: nothing here waits for an emulator. Who wants fresher facts
 * asks qemu_facts_refresh() for qemu_stats_needs() first. Variants are floating and have the shape of org.virtbus.Domain1. */
#pragma once
#include "manager.h"

/* virDomainStatsTypes -> QemuFactsKind */
guint qemu_stats_needs(guint stats);
/* virConnectGetAllDomainStatsFlags; unknown groups are refused with ENFORCE_STATS only */
gboolean qemu_stats_check(guint stats, guint flags, GError **error);
GVariant *qemu_domain_get_stats(QemuDomain *domain, guint stats,
                                guint flags); /* a{sv}, libvirt's names and order */
/* For who keeps the statistics of guests that do not run: what they are made of, besides @stats and @flags. They are
 * the same as long as this is. Ask for many in one go: then read ahead for them first. */
void qemu_domain_append_stats_inputs(QemuDomain *domain, guint stats, GByteArray *inputs);
void qemu_stats_read_ahead(GPtrArray *domains, guint stats); /* of QemuDomain */

typedef struct {
    int state;
    guint64 max_memory_kib, memory_kib;
    guint n_vcpus;
    guint64 cpu_time_ns;
} QemuDomainInfo;
void qemu_domain_get_info(QemuDomain *domain, QemuDomainInfo *ret_info);
GVariant *qemu_domain_get_control_info(QemuDomain *domain, guint flags, GError **error); /* (uut) */

/* NULL with @error: not running, no such device, unknown flags */
GVariant *qemu_domain_get_memory_stats(QemuDomain *domain, guint flags, GError **error); /* a(it) */
GVariant *qemu_domain_get_block_stats(QemuDomain *domain, const char *path,
                                      GError **error); /* (xxxxx) */
GVariant *qemu_domain_get_block_stats_flags(QemuDomain *domain, const char *path, guint flags,
                                            GError **error); /* a{sv} */
GVariant *qemu_domain_get_block_info(QemuDomain *domain, const char *path, guint flags,
                                     GError **error); /* (ttt) */
GVariant *qemu_domain_get_interface_stats(QemuDomain *domain, const char *device,
                                          GError **error);           /* (xxxxxxxx) */
GVariant *qemu_domain_get_vcpus(QemuDomain *domain, GError **error); /* (a(uiti)aay) */
GVariant *qemu_domain_get_cpu_stats(QemuDomain *domain, int start_cpu, guint n_cpus, guint flags,
                                    GError **error); /* aa{sv} */
int qemu_domain_get_vcpu_count(QemuDomain *domain, guint flags,
                               GError **error); /* -1 with @error */
char **qemu_domain_get_messages(QemuDomain *domain, guint flags,
                                GError **error); /* (transfer full) */

void qemu_domain_start_dirty_rate(QemuDomain *domain, int seconds, guint flags, QemuDone done,
                                  gpointer data);

/* sizes: live by the monitor, stored durably; @done as everywhere */
void qemu_domain_set_memory(QemuDomain *domain, guint64 kib, guint flags, QemuDone done,
                            gpointer data); /* virDomainMemoryModFlags */
void qemu_domain_set_vcpus(QemuDomain *domain, guint n_vcpus, guint flags, QemuDone done,
                           gpointer data); /* virDomainVcpuFlags */
void qemu_domain_set_stats_period(QemuDomain *domain, int period_s, guint flags, QemuDone done,
                                  gpointer data);
