/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's processors, NUMA nodes, caches and what the firmware says of memory's speed (HMAT), as one snapshot that
 * never changes once it is made. */
#pragma once
#include <glib.h>
#include "base/bitset.h"

typedef struct _VbHost VbHost;

typedef struct {
    guint id;
    gboolean is_online; /* what follows is only known of a CPU that is online */
    int cell;           /* its NUMA node, -1: none */
    int socket_id, die_id, cluster_id, core_id;
    VbBitset *siblings; /* threads of its core, itself included */
} VbHostCpu;

typedef enum {
    VB_HOST_CACHE_ASSOCIATIVITY_NONE = 0,
    VB_HOST_CACHE_ASSOCIATIVITY_DIRECT,
    VB_HOST_CACHE_ASSOCIATIVITY_FULL,
    VB_HOST_N_CACHE_ASSOCIATIVITIES
} VbHostCacheAssociativity;

typedef enum {
    VB_HOST_CACHE_POLICY_NONE = 0,
    VB_HOST_CACHE_POLICY_WRITEBACK,
    VB_HOST_CACHE_POLICY_WRITETHROUGH,
    VB_HOST_N_CACHE_POLICIES
} VbHostCachePolicy;

typedef struct { /* in front of a node's memory */
    guint level;
    VbHostCacheAssociativity associativity;
    VbHostCachePolicy policy;
    guint64 size_b;
    guint line_b;
} VbHostMemoryCache;

typedef struct {
    guint id;
    VbBitset *cpus;    /* without those offline, where the kernel tells them apart */
    GArray *distances; /* VbHostDistance, by cell; empty: unknown */
    GArray *caches;    /* VbHostMemoryCache, by level */
} VbHostCell;

typedef struct {
    guint cell;
    guint value; /* 10: itself (ACPI SLIT) */
} VbHostDistance;

typedef enum {
    VB_HOST_INTERCONNECT_LATENCY = 0, /* ns */
    VB_HOST_INTERCONNECT_BANDWIDTH,   /* KiB/s */
    VB_HOST_N_INTERCONNECTS
} VbHostInterconnectType;

typedef enum {
    VB_HOST_ACCESS_BOTH = 0, /* reads and writes are equal */
    VB_HOST_ACCESS_READ,
    VB_HOST_ACCESS_WRITE,
    VB_HOST_N_ACCESSES
} VbHostAccess;

typedef struct {
    VbHostInterconnectType type;
    guint initiator, target; /* cells */
    guint cache;             /* level of the memory-side cache that is meant, 0: the memory */
    VbHostAccess access;
    guint64 value;
} VbHostInterconnect;

typedef enum {
    VB_HOST_BANK_BOTH = 0,
    VB_HOST_BANK_CODE,
    VB_HOST_BANK_DATA,
    VB_HOST_N_BANKS
} VbHostBankType;

typedef struct { /* a processor's cache, level 2 and up */
    guint id, level;
    VbHostBankType type;
    guint64 size_b;
    VbBitset *cpus;
} VbHostCacheBank;

typedef struct {
    VbBitset *online, *present;
    GArray *cpus;          /* VbHostCpu, by id */
    GArray *cells;         /* VbHostCell, by id; never empty */
    gboolean has_nodes;    /* FALSE: the kernel knows no NUMA nodes, one cell stands for the host */
    GArray *interconnects; /* VbHostInterconnect: latencies first, by initiator and target */
    GArray *banks;         /* VbHostCacheBank, by level, type, id */
} VbHostTopology;

/* Reads the whole of it now; from any thread, @host is only looked at. (transfer full) */
VbHostTopology *vb_host_topology_read(const VbHost *host);
VbHostTopology *vb_host_topology_ref(VbHostTopology *topology);
void vb_host_topology_unref(VbHostTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbHostTopology, vb_host_topology_unref)

/* (transfer none), NULL: no such */
const VbHostCpu *vb_host_topology_find_cpu(const VbHostTopology *topology, guint id);
const VbHostCell *vb_host_topology_find_cell(const VbHostTopology *topology, guint id);

#define VB_HOST_EACH(T, item, array)                                                               \
    for (const T *item = (const T *)(gpointer)(array)->data, *item##_end = item + (array)->len;    \
         item < item##_end; item++)

/* the words of the capabilities document and of D-Bus */
extern const char *const vb_host_associativity_words[VB_HOST_N_CACHE_ASSOCIATIVITIES];
extern const char *const vb_host_policy_words[VB_HOST_N_CACHE_POLICIES];
extern const char *const vb_host_interconnect_words[VB_HOST_N_INTERCONNECTS];
extern const char *const vb_host_access_words[VB_HOST_N_ACCESSES];
extern const char *const vb_host_bank_words[VB_HOST_N_BANKS];
