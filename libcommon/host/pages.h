/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of NUMA nodes by page size. Page counts change without a word from the kernel: nothing is kept. */
#pragma once
#include "host/host.h"

typedef struct {
    guint64 size_kib;
    guint64 total, free; /* pages; of the base size: what huge pages leave */
} VbHostPages;

/* (transfer full) VbHostPages by size, the base size first; @cell -1: the host. */
GArray *vb_host_read_pages(const VbHost *host, int cell);

/* Free pages of each size in @sizes_kib (guint) for each of @n_cells cells from @start on, which may be -1: the host.
 * (transfer full) guint64 for each size of the first cell, then the next. Cells that do not exist in between are left
 * out. Errors: INVALID_ARG no such first cell; OPERATION_FAILED no pages of that size, or a cell below -1 */
GArray *vb_host_read_free_pages(const VbHost *host, const GArray *sizes_kib, int start,
                                guint n_cells, GError **error);
/* Free bytes of at most @max cells from @start on: guint64. Errors: INVALID_ARG no such first cell */
GArray *vb_host_read_cells_free(const VbHost *host, int start, int max, GError **error);

typedef struct {
    const GArray *sizes_kib; /* guint */
    const GArray *counts;    /* guint64, as many */
    int start;               /* first cell; -1: let the kernel choose the nodes */
    guint n_cells;
    gboolean is_added; /* to what there is, else the new total */
} VbHostPageRequest;
/* Resizes pools of huge pages, as far as the kernel finds the memory: may take seconds, so not from the main loop.
 * Returns how many pool-and-cell pairs were changed, -1 with @error.
 * Errors: OPERATION_FAILED no pages of that size, a cell below -1, or the kernel has not enough memory; INVALID_ARG no such
 * first cell; OPERATION_UNSUPPORTED base pages */
int vb_host_alloc_pages(const VbHost *host, const VbHostPageRequest *request, GError **error);
