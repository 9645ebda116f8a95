/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory by page size: the pools of huge pages that the kernel keeps, for the host and per NUMA node, and what is left of
 * ordinary pages. Source: kernel, Documentation/admin-guide/mm/hugetlbpage.rst. */
#include "host/pages.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "host/host-private.h"

static guint64
base_size_kib(void)
{
    return (guint64)sysconf(_SC_PAGESIZE) / 1024;
}

/* (transfer full): the folder with "hugepages-SIZEkB" */
static char *
pools_path(const VbHost *host, int node)
{
    if (node < 0)
        return g_build_filename(host->sysfs, "kernel/mm/hugepages", NULL);
    return g_strdup_printf("%s/devices/system/node/node%d/hugepages", host->sysfs, node);
}

static guint64
read_count(const char *pools, const char *entry, const char *name)
{
    g_autofree char *folder = g_build_filename(pools, entry, NULL);
    g_autofree char *text = vb_host_read_word(folder, name);

    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static int
compare_sizes(gconstpointer a, gconstpointer b)
{
    const VbHostPages *x = a;
    const VbHostPages *y = b;

    return x->size_kib < y->size_kib ? -1 : x->size_kib > y->size_kib;
}

static void
read_pools(const char *pools, GArray *pages)
{
    g_autoptr(GDir) dir = g_dir_open(pools, 0, NULL);
    const char *entry;

    while (dir && (entry = g_dir_read_name(dir))) {
        VbHostPages pool = {0};

        if (g_str_has_prefix(entry, "hugepages-"))
            pool.size_kib = g_ascii_strtoull(entry + strlen("hugepages-"), NULL, 10);
        if (pool.size_kib == 0)
            continue;
        pool.total = read_count(pools, entry, "nr_hugepages");
        pool.free = read_count(pools, entry, "free_hugepages");
        g_array_append_val(pages, pool);
    }
    g_array_sort(pages, compare_sizes);
}

/* A host without NUMA nodes is its own cell 0. */
static int
pick_node(const VbHost *host, int cell)
{
    g_autoptr(VbBitset) nodes = cell >= 0 ? vb_host_read_nodes(host) : NULL;

    return nodes && vb_bitset_count(nodes) == 0 ? -1 : cell;
}

GArray *
vb_host_read_pages(const VbHost *host, int cell)
{
    const int node = pick_node(host, cell);
    GArray *pages = g_array_new(FALSE, TRUE, sizeof(VbHostPages));
    g_autofree char *pools = pools_path(host, node);
    VbHostPages base = {.size_kib = base_size_kib()};
    guint64 total_kib = 0;
    guint64 free_kib = 0;
    guint64 huge_kib = 0;

    read_pools(pools, pages);
    VB_HOST_EACH(VbHostPages, pool, pages) huge_kib += pool->total * pool->size_kib;
    (void)vb_host_read_memory_kib(host, node, "MemTotal", &total_kib);
    (void)vb_host_read_memory_kib(host, node, "MemFree", &free_kib);
    base.total = total_kib > huge_kib ? (total_kib - huge_kib) / base.size_kib : 0;
    base.free = free_kib / base.size_kib;
    g_array_prepend_val(pages, base);
    return pages;
}

/* ---- cells ---- */

static gboolean
check_start(const VbHost *host, int start, int *ret_last, GError **error)
{
    g_autoptr(VbBitset) nodes = vb_host_read_nodes(host);
    int last = 0;

    VB_BITSET_EACH(node, nodes) last = node;
    *ret_last = last;
    if (start < -1)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "NUMA node %d is not available",
                            start);
    if (start <= last)
        return TRUE;
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "start cell %d out of range (0-%d)", start,
                        last);
}

static gboolean
fail_size(const VbHost *host, guint64 size_kib, int node, GError **error)
{
    g_autoptr(VbBitset) nodes = vb_host_read_nodes(host);

    if (node >= 0 && vb_bitset_count(nodes) > 0 && !vb_bitset_has(nodes, (guint)node))
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "NUMA node %d is not available", node);
    if (node < 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "page size %" G_GUINT64_FORMAT " is not available", size_kib);
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                        "page size %" G_GUINT64_FORMAT " is not available on node %d", size_kib,
                        node);
}

/* A node without memory has no pools, but the host's other nodes may have. */
static gboolean
has_pool(const VbHost *host, guint size_kib)
{
    g_autofree char *pools = pools_path(host, -1);
    g_autofree char *path = g_strdup_printf("%s/hugepages-%ukB", pools, size_kib);

    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static gboolean
append_free(const VbHost *host, int cell, const GArray *sizes_kib, GArray *counts, GError **error)
{
    g_autoptr(GArray) pages = vb_host_read_pages(host, cell);

    for (guint i = 0; i < sizes_kib->len; i++) {
        const guint size_kib = g_array_index(sizes_kib, guint, i);
        const guint64 none = 0;
        gboolean is_found = FALSE;

        VB_HOST_EACH(VbHostPages, row, pages)
        {
            if (row->size_kib != size_kib)
                continue;
            is_found = TRUE;
            g_array_append_val(counts, row->free);
        }
        if (is_found)
            continue;
        if (cell < 0 || !has_pool(host, size_kib))
            return fail_size(host, size_kib, cell, error);
        g_array_append_val(counts, none);
    }
    return TRUE;
}

GArray *
vb_host_read_free_pages(const VbHost *host, const GArray *sizes_kib, int start, guint n_cells,
                        GError **error)
{
    g_autoptr(GArray) counts = g_array_new(FALSE, TRUE, sizeof(guint64));
    g_autoptr(VbBitset) nodes = vb_host_read_nodes(host);
    int last;

    if (!check_start(host, start, &last, error))
        return NULL;
    for (gint64 cell = start; cell <= last && cell < (gint64)start + n_cells; cell++) {
        if (cell >= 0 && vb_bitset_count(nodes) > 0 && !vb_bitset_has(nodes, (guint)cell))
            continue;
        if (!append_free(host, (int)cell, sizes_kib, counts, error))
            return NULL;
    }
    if (counts->len == 0) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "no suitable info found");
        return NULL;
    }
    return g_steal_pointer(&counts);
}

GArray *
vb_host_read_cells_free(const VbHost *host, int start, int max, GError **error)
{
    GArray *cells = NULL;
    int last;

    if (start < 0) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "start cell %d is negative", start);
        return NULL;
    }
    if (!check_start(host, start, &last, error))
        return NULL;
    cells = g_array_new(FALSE, TRUE, sizeof(guint64));
    for (gint64 cell = start; cell <= last && cell < (gint64)start + max; cell++) {
        guint64 kib = 0;
        guint64 bytes;

        (void)vb_host_read_memory_kib(host, pick_node(host, (int)cell), "MemFree", &kib);
        bytes = kib * 1024;
        g_array_append_val(cells, bytes);
    }
    return cells;
}

/* ---- pools ---- */

static gboolean
resize_pool(const VbHost *host, int cell, guint size_kib, guint64 wanted, gboolean is_added,
            GError **error)
{
    g_autofree char *pools = pools_path(host, pick_node(host, cell));
    g_autofree char *entry = g_strdup_printf("hugepages-%ukB", size_kib);
    g_autofree char *path = g_build_filename(pools, entry, "nr_hugepages", NULL);
    const guint64 before = read_count(pools, entry, "nr_hugepages");
    guint64 after;
    int errsv;

    if (size_kib == base_size_kib())
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "system pages pool can't be modified");
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return fail_size(host, size_kib, cell, error);
    if (is_added)
        wanted += before;
    if (wanted == before)
        return TRUE;
    errsv = vb_host_write_number(path, wanted);
    if (errsv != 0)
        return vb_error_set_errno(error, errsv, "Unable to write to: %s", path);
    after = read_count(pools, entry, "nr_hugepages"); /* the kernel takes what it can get */
    if (after >= wanted)
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                        "Unable to allocate %" G_GUINT64_FORMAT
                        " pages. Allocated only %" G_GUINT64_FORMAT,
                        wanted, after);
}

int
vb_host_alloc_pages(const VbHost *host, const VbHostPageRequest *request, GError **error)
{
    int n = 0;
    int last;

    if (!check_start(host, request->start, &last, error))
        return -1;
    for (gint64 cell = request->start;
         cell <= last && cell < (gint64)request->start + request->n_cells; cell++) {
        for (guint i = 0; i < request->sizes_kib->len; i++, n++) {
            if (!resize_pool(host, (int)cell, g_array_index(request->sizes_kib, guint, i),
                             g_array_index(request->counts, guint64, i), request->is_added, error))
                return -1;
        }
    }
    return n;
}
