/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of libcommon/host share. */
#pragma once
#include "cpu/cpu.h"
#include "host/host.h"
#include "host/topology.h"

typedef struct _VbHostSample VbHostSample;

typedef struct {
    gboolean has_features; /* CPUID answered */
    gboolean is_decoded;   /* choice is set */
    VbCpuData data;
    VbCpuChoice choice;     /* the model that describes it best, and what it has beyond that */
    guint microcode;        /* 0: unknown */
    guint64 tsc_hz;         /* 0: unknown */
    gboolean is_tsc_scaled; /* a guest's may have another frequency */
} VbHostProcessor;

struct _VbHost {
    char *sysfs, *procfs;
    VbHostSample *sample;       /* of CPU time; NULL: none yet */
    VbHostTopology *topology;   /* NULL: not read, or old */
    VbHostProcessor *processor; /* so too */
};

/* read.c: small files. (transfer full), NULL: not there */
char *vb_host_read_word(const char *folder, const char *name);    /* without blanks around it */
VbBitset *vb_host_read_set(const char *folder, const char *name); /* never NULL */
int vb_host_open_folder(int parent, const char *path);            /* -1: not there; close() it */
char *vb_host_read_at(int folder, const char *name, char *buffer, gsize size);
gboolean vb_host_read_number_at(int folder, const char *name, gint64 *ret_value);
char *vb_host_read_cpuinfo(const VbHost *host);
VbBitset *vb_host_list_entries(const char *folder, const char *prefix);
int vb_host_write_number(const char *path, guint64 value); /* 0 or errno */

/* hmat.c */
void vb_host_read_memory_caches(int node_folder, const char *node_path, GArray *caches);
void vb_host_read_interconnects(int node_folder, const char *node_path, guint target,
                                GArray *interconnects);
void vb_host_sort_interconnects(GArray *interconnects);

/* topology.c: (transfer full) NUMA nodes that are online; empty: the kernel knows none */
VbBitset *vb_host_read_nodes(const VbHost *host);

/* banks.c */
void vb_host_read_banks(const VbHost *host, VbHostTopology *topology);

/* memory.c; @node -1: the system */
gboolean vb_host_read_memory_kib(const VbHost *host, int node, const char *name, guint64 *ret_kib);
guint64 vb_host_sum_memory_kib(VbHost *host, const char *name); /* "MemTotal" of all nodes */

/* identity.c */
char *vb_host_read_uuid(const VbHost *host); /* (transfer full) */
gboolean vb_host_has_iommu(const VbHost *host);
guint vb_host_read_suspend_targets(const VbHost *host); /* a bit per virNodeSuspendTarget */

/* processor.c */
VbHostProcessor *vb_host_processor_read(const VbHost *host);
void vb_host_write_identity(GString *text, guint depth, const VbHostProcessor *processor);
void vb_host_write_features(GString *text, guint depth, const VbHostProcessor *processor);

/* load.c */
void vb_host_sample_free(VbHostSample *sample); /* NULL is fine */
