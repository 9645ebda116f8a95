/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host that guests run on, read below a sysfs and a procfs root, so that any recorded host can stand for this one. */
#pragma once
#include <glib.h>
#include "base/bitset.h"
#include "host/topology.h"

typedef struct _VbHost VbHost;

VbHost *vb_host_new(const char *sysfs, const char *procfs); /* NULL: "/sys", "/proc" */
void vb_host_free(VbHost *host);
const char *vb_host_get_sysfs(const VbHost *host);
const char *vb_host_get_procfs(const VbHost *host);

/* ---- what changes only with the hardware: read once, and again when the kernel says that it changed ---- */

/* (transfer none): until the next call. Reads it now if that has not been done. */
const VbHostTopology *vb_host_get_topology(VbHost *host);
/* What was read is old. */
void vb_host_invalidate(VbHost *host);

/* ---- facts: read anew by each call ---- */

typedef struct {
    guint64 memory_kib;
    guint cpus;    /* active */
    guint mhz;     /* 0: unknown */
    guint nodes;   /* NUMA nodes */
    guint sockets; /* per node */
    guint cores;   /* per socket */
    guint threads; /* per core */
} VbHostInfo;
void vb_host_read_info(VbHost *host, VbHostInfo *ret_info);

typedef struct {
    guint64 kernel_ns, user_ns, idle_ns, iowait_ns; /* since the host started */
} VbHostCpuStats;
gboolean vb_host_read_cpu_stats(VbHost *host, int cpu, VbHostCpuStats *ret_stats, GError **error);

typedef struct {
    const char *name; /* as libvirt names it */
    guint64 kib;
} VbHostMemoryStat;
#define VB_HOST_N_MEMORY_STATS 4
guint vb_host_read_memory_stats(VbHost *host, int cell, VbHostMemoryStat *ret_stats,
                                GError **error); /* how many; 0 with @error */
guint64 vb_host_read_free_memory_kib(VbHost *host);
guint64 vb_host_read_cell_memory_kib(VbHost *host, const VbHostCell *cell); /* all of it */

/* (transfer full) CPUs: those that take work; those that are there at all */
VbBitset *vb_host_read_online_cpus(const VbHost *host);
VbBitset *vb_host_read_present_cpus(const VbHost *host);

char *vb_host_read_sysinfo(VbHost *host, GError **error); /* (transfer full) XML */
