/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel tells of processes and network interfaces, read below a given procfs. */
#pragma once
#include <glib.h>

typedef struct {
    guint64 user_ns, system_ns;
    guint64 rss_kib;
    int cpu; /* it ran on last; -1 unknown */
} QemuProcStat;

/* @tid 0: the whole process. FALSE: it is gone */
gboolean qemu_procfs_read_stat(const char *procfs, pid_t pid, pid_t tid, QemuProcStat *ret_stat);
/* nanoseconds waited on a run queue and, with scheduler statistics on, waited at all; 0 unknown */
void qemu_procfs_read_delays(const char *procfs, pid_t pid, pid_t tid, guint64 *ret_wait_ns,
                             guint64 *ret_delay_ns);
/* (transfer full): a bit per CPU that the thread may use, @n_bytes long */
guint8 *qemu_procfs_read_affinity(const char *procfs, pid_t pid, pid_t tid, guint n_bytes);

typedef struct {
    gint64 rx_bytes, rx_packets, rx_errs, rx_drop;
    gint64 tx_bytes, tx_packets, tx_errs, tx_drop;
} QemuNetStat;
/* (transfer full): interface name -> QemuNetStat */
GHashTable *qemu_procfs_read_net(const char *procfs);
/* "0-3,5" -> bits set in @bits (up to @n_bits); returns how many */
guint qemu_procfs_parse_list(const char *list, guint8 *bits, guint n_bits);
