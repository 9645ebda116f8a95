/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice on placement: a row per rule of docs/advice.md, on small hosts that are described here. */
#include "host/placement.h"

#define MIB 1024
#define MAX_CELLS 4

typedef struct {
    const char *cpus;
    const char *distances; /* to all cells; NULL: unknown */
    guint64 free_mib;
    double idle_cpus;
    guint latency_ns, bandwidth_mib; /* of its own memory; 0: unknown */
    const char *reads;               /* latencies to all cells, 0 unknown; NULL: none */
} Cell;

typedef struct {
    const char *rule;
    Cell cells[MAX_CELLS];
    guint n_vcpus;
    guint64 memory_mib;
    const char *advice, *cpus;
    gboolean is_enough;
} Row;

static GArray *
parse_numbers(const char *text)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);

    for (guint i = 0; words[i] && *words[i]; i++) {
        const guint n = (guint)g_ascii_strtoull(words[i], NULL, 10);

        g_array_append_val(numbers, n);
    }
    return numbers;
}

static void
add_interconnect(VbHostTopology *topology, VbHostInterconnectType type, guint from, guint to,
                 guint64 value)
{
    const VbHostInterconnect row = {.type = type,
                                    .initiator = from,
                                    .target = to,
                                    .access = VB_HOST_ACCESS_READ,
                                    .value = value};

    if (value > 0)
        g_array_append_val(topology->interconnects, row);
}

/* A topology from a tree with nothing in it: the host's own reader makes the arrays. */
static VbHostTopology *
make_topology(const Row *row, GArray *loads)
{
    VbHost *host = vb_host_new("/nonexistent", "/nonexistent");
    VbHostTopology *topology = vb_host_topology_read(host);

    vb_host_free(host);
    g_array_set_size(topology->cells, 0);
    for (guint i = 0; i < MAX_CELLS && row->cells[i].cpus; i++) {
        const Cell *from = &row->cells[i];
        g_autoptr(GArray) distances = parse_numbers(from->distances);
        g_autoptr(GArray) reads = parse_numbers(from->reads);
        const VbHostLoad load = {i, from->free_mib * MIB, from->idle_cpus};
        VbHostCell cell = {.id = i,
                           .cpus = vb_bitset_parse(from->cpus),
                           .distances = g_array_new(FALSE, TRUE, sizeof(VbHostDistance)),
                           .caches = g_array_new(FALSE, TRUE, sizeof(VbHostMemoryCache))};

        for (guint k = 0; k < distances->len; k++) {
            const VbHostDistance distance = {k, g_array_index(distances, guint, k)};

            g_array_append_val(cell.distances, distance);
        }
        for (guint k = 0; k < reads->len; k++)
            add_interconnect(topology, VB_HOST_INTERCONNECT_LATENCY, i, k,
                             g_array_index(reads, guint, k));
        add_interconnect(topology, VB_HOST_INTERCONNECT_BANDWIDTH, i, i, from->bandwidth_mib);
        g_array_append_val(topology->cells, cell);
        g_array_append_val(loads, load);
    }
    return topology;
}

static const Row rows[] = {
    {"one node that fits, though together they would be idler",
     {{"0-3", "10 20", 1000, 3}, {"4-7", "20 10", 4000, 3}},
     4,
     2000,
     "1",
     "4-7",
     TRUE},
    {"of nodes that fit, the one where nobody has to share a CPU",
     {{"0-3", "10 20", 4000, 1}, {"4-7", "20 10", 4000, 4}},
     2,
     1000,
     "1",
     "4-7",
     TRUE},
    {"of idle nodes, the one whose memory is faster",
     {{"0-3", "10 20", 4000, 4, .bandwidth_mib = 20000},
      {"4-7", "20 10", 4000, 4, .bandwidth_mib = 40000}},
     2,
     1000,
     "1",
     "4-7",
     TRUE},
    {"of equal nodes, the idler one",
     {{"0-3", "10 20", 4000, 3}, {"4-7", "20 10", 4000, 3.5}},
     2,
     1000,
     "1",
     "4-7",
     TRUE},
    {"of equally idle nodes, the emptier one",
     {{"0-3", "10 20", 4000, 4}, {"4-7", "20 10", 5000, 4}},
     2,
     1000,
     "1",
     "4-7",
     TRUE},
    {"more vCPUs than a node has: the nearest two",
     {{"0-3", "10 30 20", 4000, 4}, {"4-7", "30 10 30", 4000, 4}, {"8-11", "20 30 10", 4000, 4}},
     6,
     1000,
     "0,2",
     "0-3,8-11",
     TRUE},
    {"more memory than a node has: the nearest memory, which needs no CPUs",
     {{"0-3", "10 31 17", 1000, 4}, {"4-7", "31 10 28", 1000, 1}, {"", "17 28 10", 9000, 0}},
     2,
     5000,
     "0,2",
     "0-3",
     TRUE},
    {"HMAT's latencies count for more than distances",
     {{"0-3", "10 17 31", 1000, 4, .reads = "100 900 200"},
      {"", "17 10 40", 9000, 0},
      {"", "31 40 10", 9000, 0}},
     2,
     5000,
     "0,2",
     "0-3",
     TRUE},
    {"distances that nobody knows are all the same",
     {{"0-1", NULL, 1000, 2}, {"2-3", NULL, 1500, 2}, {"4-5", NULL, 2000, 2}},
     2,
     3000,
     "1-2",
     "2-5",
     TRUE},
    {"more than there is: all of it, and the advice says so",
     {{"0-3", "10 20", 1000, 4}, {"4-7", "20 10", 1000, 4}},
     4,
     9000,
     "0-1",
     "0-7",
     FALSE},
    {"more vCPUs than CPUs: all of them",
     {{"0-1", "10 20", 1000, 2}, {"2-3", "20 10", 1000, 2}},
     64,
     100,
     "0-1",
     "0-3",
     FALSE},
    {"a node without memory lends its CPUs only together with memory",
     {{"0-3", "10 20", 0, 4}, {"4-5", "20 10", 4000, 0}},
     2,
     1000,
     "1",
     "4-5",
     TRUE},
    {"nothing wanted is one vCPU", {{"0", NULL, 10, 1}}, 0, 0, "0", "0", TRUE},
};

static void
test_rules(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GArray) loads = g_array_new(FALSE, TRUE, sizeof(VbHostLoad));
        g_autoptr(VbHostTopology) topology = make_topology(&rows[i], loads);
        const VbPlacementQuery query = {topology, loads, rows[i].n_vcpus, rows[i].memory_mib * MIB};
        g_autoptr(VbPlacementAdvice) advice = vb_placement_advise(&query);
        g_autofree char *cells = vb_bitset_format(advice->cells);
        g_autofree char *cpus = vb_bitset_format(advice->cpus);

        g_test_message("%s\n%s", rows[i].rule, advice->explanation);
        g_assert_cmpstr(cells, ==, rows[i].advice);
        g_assert_cmpstr(cpus, ==, rows[i].cpus);
        g_assert_cmpint(advice->is_enough, ==, rows[i].is_enough);
    }
}

static void
test_explanation(void)
{
    static const Row row = {.cells = {{"0-3", "10 21", 100, 1}, {"4-7", "21 10", 4000, 1}},
                            .n_vcpus = 4,
                            .memory_mib = 1000};
    g_autoptr(GArray) loads = g_array_new(FALSE, TRUE, sizeof(VbHostLoad));
    g_autoptr(VbHostTopology) topology = make_topology(&row, loads);
    const VbPlacementQuery query = {topology, loads, row.n_vcpus, row.memory_mib * MIB};
    g_autoptr(VbPlacementAdvice) advice = vb_placement_advise(&query);

    g_assert_cmpstr(advice->explanation, ==,
                    "node 0: 4 CPUs, 1.0 idle, 100 MiB free, distance 21 from node 1\n"
                    "node 1: 4 CPUs, 1.0 idle, 4000 MiB free\n"
                    "4 vCPUs and 1000 MiB fit on node 1 alone; 3.0 vCPUs will share busy CPUs");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/placement/rules", test_rules);
    g_test_add_func("/placement/explanation", test_explanation);
    return g_test_run();
}
