/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtbusctl numa: the host's NUMA cells, their distances and interconnects as tables. */
#include <stdio.h>

#include "ctl.h"

static GVariant *
lookup(GVariant *properties, const char *name, const char *type)
{
    return g_variant_lookup_value(properties, name, G_VARIANT_TYPE(type));
}

/* (transfer full) "16 MiB" */
static char *
size_text(guint64 bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    guint i = 0;

    for (; bytes > 0 && bytes % 1024 == 0 && i + 1 < G_N_ELEMENTS(units); i++)
        bytes /= 1024;
    return g_strdup_printf("%" G_GUINT64_FORMAT " %s", bytes, units[i]);
}

/* (transfer full) "L1 16 MiB direct writeback", several with commas */
static char *
caches_text(GVariant *caches)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < g_variant_n_children(caches); i++) {
        const char *associativity, *policy;
        g_autofree char *size = NULL;
        guint32 level;
        guint64 bytes;

        g_variant_get_child(caches, i, "(u&s&stu)", &level, &associativity, &policy, &bytes, NULL);
        size = size_text(bytes);
        g_string_append_printf(text, "%sL%u %s %s %s", i ? ", " : "", level, size, associativity,
                               policy);
    }
    return g_string_free(text, FALSE);
}

/* bytes; FALSE: with @error */
static gboolean
get_free(Ctl *ctl, guint32 cell, guint64 *ret_bytes, GError **error)
{
    g_autoptr(GVariant) reply =
        ctl_call(ctl, ctl->root, "org.virtbus.Hypervisor1.GetNodeCellsFreeMemory",
                 g_variant_new("(ii)", (gint32)cell, 1), "(at)", error);
    g_autoptr(GVariant) bytes = reply ? g_variant_get_child_value(reply, 0) : NULL;

    *ret_bytes = 0;
    if (bytes && g_variant_n_children(bytes) > 0)
        g_variant_get_child(bytes, 0, "t", ret_bytes);
    return bytes != NULL;
}

static gboolean
print_cells(Ctl *ctl, GVariant *cells, GError **error)
{
    static const char *const headings[] = {"node", "memory MiB", "free MiB", "CPUs", "caches"};
    g_autoptr(CtlTable) table = ctl_table_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(headings); i++)
        ctl_table_add(table, "%s", headings[i]);
    ctl_table_end_row(table);
    for (gsize i = 0; i < g_variant_n_children(cells); i++) {
        g_autoptr(GVariant) cpus = NULL;
        g_autoptr(GVariant) caches = NULL;
        g_autofree char *cpu_text = NULL;
        g_autofree char *cache_text = NULL;
        guint32 id;
        guint64 kib, free_bytes;

        g_variant_get_child(cells, i, "(ut@au@a(usstu))", &id, &kib, &cpus, &caches);
        if (!get_free(ctl, id, &free_bytes, error))
            return FALSE;
        cpu_text = ctl_ranges(cpus);
        cache_text = caches_text(caches);
        ctl_table_add(table, "%u", id);
        ctl_table_add(table, "%" G_GUINT64_FORMAT, kib / 1024);
        ctl_table_add(table, "%" G_GUINT64_FORMAT, free_bytes >> 20);
        ctl_table_add(table, "%s", cpu_text);
        ctl_table_add(table, "%s", cache_text);
        ctl_table_end_row(table);
    }
    ctl_table_print(table);
    return TRUE;
}

/* a matrix: the rows come cell by cell, each with as many columns as the first */
static void
print_distances(GVariant *distances)
{
    g_autoptr(CtlTable) table = ctl_table_new("Distances: 10 is the node itself");
    const gsize n = g_variant_n_children(distances);
    guint32 first = G_MAXUINT32;
    guint32 from, to, value;

    ctl_table_add(table, "node");
    for (gsize i = 0; i < n; i++) {
        g_variant_get_child(distances, i, "(uuu)", &from, &to, &value);
        if (first == G_MAXUINT32)
            first = from;
        if (from == first)
            ctl_table_add(table, "%u", to);
    }
    first = G_MAXUINT32;
    for (gsize i = 0; i < n; i++) {
        g_variant_get_child(distances, i, "(uuu)", &from, &to, &value);
        if (from != first) {
            ctl_table_end_row(table);
            ctl_table_add(table, "%u", from);
        }
        ctl_table_add(table, "%u", value);
        first = from;
    }
    ctl_table_end_row(table);
    ctl_table_print(table);
}

static void
print_interconnects(GVariant *interconnects)
{
    static const char *const headings[] = {"what", "from", "to", "cache", "of", "value", "unit"};
    g_autoptr(CtlTable) table =
        ctl_table_new("Interconnects: from CPUs of a node to memory of a node");

    for (guint i = 0; i < G_N_ELEMENTS(headings); i++)
        ctl_table_add(table, "%s", headings[i]);
    ctl_table_end_row(table);
    for (gsize i = 0; i < g_variant_n_children(interconnects); i++) {
        const char *type, *access;
        guint32 initiator, target, cache;
        guint64 value;
        gboolean is_latency;

        g_variant_get_child(interconnects, i, "(&suuu&st)", &type, &initiator, &target, &cache,
                            &access, &value);
        is_latency = g_str_equal(type, "latency");
        ctl_table_add(table, "%s", type);
        ctl_table_add(table, "%u", initiator);
        ctl_table_add(table, "%u", target);
        if (cache > 0)
            ctl_table_add(table, "L%u", cache);
        else
            ctl_table_add(table, "-");
        ctl_table_add(table, "%s", g_str_equal(access, "access") ? "read and write" : access);
        ctl_table_add(table, "%" G_GUINT64_FORMAT, is_latency ? value : value / 1024);
        ctl_table_add(table, "%s", is_latency ? "ns" : "MiB/s");
        ctl_table_end_row(table);
    }
    ctl_table_print(table);
}

static CtlStatus
run(Ctl *ctl, char **argv, GError **error)
{
    g_autoptr(GVariant) all = NULL;
    g_autoptr(GVariant) cells = NULL;
    g_autoptr(GVariant) distances = NULL;
    g_autoptr(GVariant) interconnects = NULL;

    if (argv[0])
        return CTL_USAGE;
    all = ctl_get_all(ctl, ctl->root, "org.virtbus.Host1", error);
    if (!all)
        return CTL_FAILED;
    cells = lookup(all, "Cells", "a(utaua(usstu))");
    distances = lookup(all, "Distances", "a(uuu)");
    interconnects = lookup(all, "Interconnects", "a(suuust)");
    if (!cells || !distances || !interconnects) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "the daemon does not describe its host");
        return CTL_FAILED;
    }
    if (!print_cells(ctl, cells, error))
        return CTL_FAILED;
    print_distances(distances);
    print_interconnects(interconnects);
    return CTL_OK;
}

const CtlCommand ctl_command_numa = {
    .name = "numa",
    .arguments = "",
    .summary = "The host's NUMA nodes, their distances and interconnects",
    .run = run,
};
