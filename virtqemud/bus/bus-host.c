/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host1 on the root object: the host's topology as typed values, and advice on placement. */
#include "bus/bus-host.h"

#include "base/error.h"
#include "bus/bus-private.h"
#include "host/pages.h"

#define HOST_INTERFACE "org.virtbus.Host1"

static VbHost *
get_host(gpointer data)
{
    return ((QemuBus *)data)->manager->host;
}

/* (transfer floating) au */
static GVariant *
numbers(const VbBitset *set)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("au"));
    VB_BITSET_EACH(n, set) g_variant_builder_add(&builder, "u", (guint32)n);
    return g_variant_builder_end(&builder);
}

/* ---- properties ---- */

static GVariant *
memory_caches(const VbHostCell *cell)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(usstu)"));
    VB_HOST_EACH(VbHostMemoryCache, cache, cell->caches)
    {
        g_variant_builder_add(&builder, "(usstu)", cache->level,
                              vb_host_associativity_words[cache->associativity],
                              vb_host_policy_words[cache->policy], cache->size_b, cache->line_b);
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
prop_cells(gpointer data)
{
    VbHost *host = get_host(data);
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(utaua(usstu))"));
    VB_HOST_EACH(VbHostCell, cell, vb_host_get_topology(host)->cells)
    {
        g_variant_builder_add(&builder, "(ut@au@a(usstu))", cell->id,
                              vb_host_read_cell_memory_kib(host, cell), numbers(cell->cpus),
                              memory_caches(cell));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
prop_cpus(gpointer data)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ubiiiiiau)"));
    VB_HOST_EACH(VbHostCpu, cpu, vb_host_get_topology(get_host(data))->cpus)
    {
        g_variant_builder_add(&builder, "(ubiiiii@au)", cpu->id, cpu->is_online, cpu->cell,
                              cpu->socket_id, cpu->die_id, cpu->cluster_id, cpu->core_id,
                              numbers(cpu->siblings));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
prop_distances(gpointer data)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(uuu)"));
    VB_HOST_EACH(VbHostCell, cell, vb_host_get_topology(get_host(data))->cells)
    {
        VB_HOST_EACH(VbHostDistance, row, cell->distances)
        {
            g_variant_builder_add(&builder, "(uuu)", cell->id, row->cell, row->value);
        }
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
prop_interconnects(gpointer data)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(suuust)"));
    VB_HOST_EACH(VbHostInterconnect, row, vb_host_get_topology(get_host(data))->interconnects)
    {
        g_variant_builder_add(&builder, "(suuust)", vb_host_interconnect_words[row->type],
                              row->initiator, row->target, row->cache,
                              vb_host_access_words[row->access], row->value);
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
prop_caches(gpointer data)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(uustau)"));
    VB_HOST_EACH(VbHostCacheBank, bank, vb_host_get_topology(get_host(data))->banks)
    {
        g_variant_builder_add(&builder, "(uust@au)", bank->id, bank->level,
                              vb_host_bank_words[bank->type], bank->size_b, numbers(bank->cpus));
    }
    return g_variant_builder_end(&builder);
}

static const VbProperty properties[] = {
    {"Cells", prop_cells, NULL, NULL},         {"Cpus", prop_cpus, NULL, NULL},
    {"Distances", prop_distances, NULL, NULL}, {"Interconnects", prop_interconnects, NULL, NULL},
    {"Caches", prop_caches, NULL, NULL},
};

/* ---- methods ---- */

static GVariant *
method_get_pages(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbHost *host = get_host(data);
    g_autoptr(GArray) pages = NULL;
    GVariantBuilder builder;
    int cell;

    g_variant_get(args, "(i)", &cell);
    if (cell < -1 ||
        (cell >= 0 && !vb_host_topology_find_cell(vb_host_get_topology(host), (guint)cell))) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "there is no cell %d", cell);
        return NULL;
    }
    pages = vb_host_read_pages(host, cell);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ttt)"));
    VB_HOST_EACH(VbHostPages, row, pages)
    {
        g_variant_builder_add(&builder, "(ttt)", row->size_kib, row->total, row->free);
    }
    return g_variant_new("(a(ttt))", &builder);
}

static void
advised(const QemuAdvice *advice, gpointer data)
{
    vb_call_return(data, g_variant_new("(@au@aubss)", numbers(advice->cells), numbers(advice->cpus),
                                       advice->is_enough, advice->source, advice->explanation));
}

static GVariant *
method_advise(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint n_vcpus;
    guint64 memory_kib;

    g_variant_get(args, "(ut)", &n_vcpus, &memory_kib);
    if (n_vcpus == 0 || memory_kib == 0) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "a guest has vCPUs and memory, not %u and %" G_GUINT64_FORMAT " KiB", n_vcpus,
                     memory_kib);
        return NULL;
    }
    vb_call_defer(call);
    qemu_advice_ask(((QemuBus *)data)->manager, n_vcpus, memory_kib, advised, call);
    return NULL;
}

static GVariant *
method_refresh(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_host_invalidate(get_host(data));
    qemu_bus_host_changed(data);
    return g_variant_new("()");
}

static const VbMethod methods[] = {
    {"GetPages", method_get_pages, VB_ACTION_READ},
    {"Advise", method_advise, VB_ACTION_READ},
    {"Refresh", method_refresh, VB_ACTION_MANAGE},
};

const VbInterface qemu_bus_host_interface = {
    .info = &org_virtbus_host1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};

void
qemu_bus_host_changed(QemuBus *bus)
{
    for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
        vb_object_notify(bus->root, HOST_INTERFACE, properties[i].name);
}
