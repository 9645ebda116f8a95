/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a guest would run best: a pure function of what the host is and what is free on it. docs/advice.md explains it. */
#pragma once
#include "host/host.h"

typedef struct {
    guint cell;
    guint64 free_kib; /* memory that a guest could have */
    double idle_cpus; /* CPUs that had nothing to do: 3.5 of 4 */
} VbHostLoad;

/* (transfer full) VbHostLoad for each cell, as of now; idle CPUs on average since the last call that was at least a
 * second ago, the first time since the host started */
GArray *vb_host_read_loads(VbHost *host);

typedef struct {
    const VbHostTopology *topology;
    const GArray *loads; /* VbHostLoad; a cell without one has nothing to give */
    guint n_vcpus;       /* 0 counts as 1 */
    guint64 memory_kib;
} VbPlacementQuery;

typedef struct {
    VbBitset *cells;    /* where its memory should be */
    VbBitset *cpus;     /* where its vCPUs should run: all of those cells */
    gboolean is_enough; /* FALSE: no set of cells has that much, these are all there are */
    char *explanation;  /* lines that people can read */
} VbPlacementAdvice;

VbPlacementAdvice *vb_placement_advise(const VbPlacementQuery *query);
void vb_placement_advice_free(VbPlacementAdvice *advice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbPlacementAdvice, vb_placement_advice_free)

/* How far memory of @to is for CPUs of @from: 10 is its own, 20 takes twice as long. HMAT's latencies where there are
 * any, else the distance, else 20. */
double vb_placement_distance(const VbHostTopology *topology, guint from, guint to);
