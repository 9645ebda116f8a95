/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Hypervisor1 about the host's memory by cell and page size. */
#include "base/error.h"
#include "bus/bus-node.h"
#include "bus/bus-private.h"
#include "define.h"
#include "host/ksm.h"
#include "host/pages.h"

static VbHost *
get_host(gpointer data)
{
    return ((QemuBus *)data)->manager->host;
}

/* (transfer full) the reply "(at)" */
static GVariant *
reply_numbers(GArray *numbers)
{
    GVariant *reply = g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, numbers->data, numbers->len,
                                                sizeof(guint64));

    g_array_unref(numbers);
    return g_variant_new_tuple(&reply, 1);
}

/* (transfer full): elements of @type, "au" or "at" */
static GArray *
take_numbers(GVariant *value, guint size)
{
    GArray *numbers = g_array_new(FALSE, FALSE, size);
    gsize n;
    gconstpointer data = g_variant_get_fixed_array(value, &n, size);

    if (n > 0)
        g_array_append_vals(numbers, data, (guint)n);
    return numbers;
}

GVariant *
qemu_bus_node_get_cells_free(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    GArray *cells;
    int start;
    int max;

    g_variant_get(args, "(ii)", &start, &max);
    cells = vb_host_read_cells_free(get_host(data), start, max, error);
    return cells ? reply_numbers(cells) : NULL;
}

GVariant *
qemu_bus_node_get_free_pages(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) list = NULL;
    g_autoptr(GArray) sizes = NULL;
    GArray *counts;
    int start;
    guint n_cells;
    guint flags;

    g_variant_get(args, "(@auiuu)", &list, &start, &n_cells, &flags);
    if (!qemu_check_flags(flags, 0, "qemuNodeGetFreePages", error))
        return NULL;
    sizes = take_numbers(list, sizeof(guint32));
    counts = vb_host_read_free_pages(get_host(data), sizes, start, n_cells, error);
    return counts ? reply_numbers(counts) : NULL;
}

/* ---- pools of huge pages: the kernel may have to move memory about, so a thread asks it ---- */

typedef struct {
    VbHost *host; /* of the thread alone */
    GArray *sizes, *counts;
    VbHostPageRequest request;
    VbCall *call;
} Allocation;

static void
allocation_free(gpointer data)
{
    Allocation *allocation = data;

    vb_host_free(allocation->host);
    g_array_unref(allocation->sizes);
    g_array_unref(allocation->counts);
    g_free(allocation);
}

static void
allocate(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Allocation *allocation = data;
    GError *error = NULL;
    const int n = vb_host_alloc_pages(allocation->host, &allocation->request, &error);

    if (n < 0)
        g_task_return_error(task, error);
    else
        g_task_return_int(task, n);
}

static void
allocated(GObject *source, GAsyncResult *result, gpointer data)
{
    GError *error = NULL;
    const gssize n = g_task_propagate_int(G_TASK(result), &error);

    if (error)
        vb_call_fail(data, error);
    else
        vb_call_return(data, g_variant_new("(i)", (int)n));
}

static gboolean
check_allocation(const Allocation *allocation, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, VIR_NODE_ALLOC_PAGES_SET, "qemuNodeAllocPages", error))
        return FALSE;
    if (allocation->sizes->len == allocation->counts->len && allocation->sizes->len > 0)
        return TRUE;
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "as many page counts as page sizes are needed");
}

GVariant *
qemu_bus_node_alloc_pages(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHost *host = get_host(data);
    g_autoptr(GVariant) sizes = NULL;
    g_autoptr(GVariant) counts = NULL;
    g_autoptr(GTask) task = NULL;
    Allocation *allocation = g_new0(Allocation, 1);
    guint flags;

    g_variant_get(args, "(@au@atiuu)", &sizes, &counts, &allocation->request.start,
                  &allocation->request.n_cells, &flags);
    allocation->host = vb_host_new(vb_host_get_sysfs(host), vb_host_get_procfs(host));
    allocation->sizes = take_numbers(sizes, sizeof(guint32));
    allocation->counts = take_numbers(counts, sizeof(guint64));
    allocation->request.sizes_kib = allocation->sizes;
    allocation->request.counts = allocation->counts;
    allocation->request.is_added = !(flags & VIR_NODE_ALLOC_PAGES_SET);
    if (!check_allocation(allocation, flags, error)) {
        allocation_free(allocation);
        return NULL;
    }
    vb_call_defer(call);
    task = g_task_new(NULL, NULL, allocated, call);
    g_task_set_task_data(task, allocation, allocation_free);
    g_task_run_in_thread(task, allocate);
    return NULL;
}

/* ---- same-page merging ---- */

GVariant *
qemu_bus_node_get_memory_parameters(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GArray) parameters = NULL;
    GVariantBuilder builder;
    guint flags;

    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, 0, "virHostMemGetParameters", error))
        return NULL;
    parameters = vb_host_read_ksm(get_host(data));
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
    VB_HOST_EACH(VbHostKsmParameter, row, parameters)
    {
        g_variant_builder_add(&builder, "{sv}", row->name,
                              row->is_long ? g_variant_new_uint64(row->value)
                                           : g_variant_new_uint32((guint32)row->value));
    }
    return g_variant_new("(a{sv})", &builder);
}

/* All names and types are looked at before the first is written. */
static gboolean
check_parameters(VbHost *host, GVariant *parameters, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, parameters);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!vb_host_check_ksm(host, name, error))
            return FALSE;
        if (!g_variant_is_of_type(owned, G_VARIANT_TYPE_UINT32))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "invalid type of parameter '%s', expected an unsigned int", name);
    }
    return TRUE;
}

GVariant *
qemu_bus_node_set_memory_parameters(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHost *host = get_host(data);
    g_autoptr(GVariant) parameters = NULL;
    GVariantIter iter;
    const char *name;
    GVariant *value;
    guint flags;

    g_variant_get(args, "(@a{sv}u)", &parameters, &flags);
    if (!qemu_check_flags(flags, 0, "virHostMemSetParameters", error) ||
        !check_parameters(host, parameters, error))
        return NULL;
    g_variant_iter_init(&iter, parameters);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!vb_host_set_ksm(host, name, g_variant_get_uint32(owned), error))
            return NULL;
    }
    return g_variant_new("()");
}
