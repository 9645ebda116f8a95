/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice for placement='auto'. Every cell with CPUs is tried as the first of a set that grows by its nearest neighbours
 * until guest and set fit; then the sets are compared. Knows no files and keeps no state. */
#include "host/placement.h"

#define LOCAL 10.0   /* ACPI SLIT: a node's own memory */
#define UNKNOWN 20.0 /* Linux' REMOTE_DISTANCE */

typedef struct {
    const VbPlacementQuery *query;
    guint n_vcpus;
} Problem;

/* a set of cells and what speaks for it; in the order in which it counts */
typedef struct {
    VbBitset *cells;
    guint n_cpus;
    guint64 free_kib;
    double idle_cpus;
    gboolean is_enough;
    guint n_cells;
    double distance;   /* the longest from a CPU of the set to memory of it */
    double shortage;   /* vCPUs that would share a busy CPU */
    guint64 bandwidth; /* of its first cell's own memory, KiB/s; 0: unknown */
    guint first;
} Candidate;

/* ---- distances ---- */

static guint64
find_interconnect(const VbHostTopology *topology, VbHostInterconnectType type, guint from, guint to)
{
    VB_HOST_EACH(VbHostInterconnect, row, topology->interconnects)
    {
        if (row->type == type && row->initiator == from && row->target == to && row->cache == 0 &&
            row->access != VB_HOST_ACCESS_WRITE)
            return row->value;
    }
    return 0;
}

double
vb_placement_distance(const VbHostTopology *topology, guint from, guint to)
{
    const guint64 here = find_interconnect(topology, VB_HOST_INTERCONNECT_LATENCY, from, from);
    const guint64 there = find_interconnect(topology, VB_HOST_INTERCONNECT_LATENCY, from, to);
    const VbHostCell *cell = vb_host_topology_find_cell(topology, from);

    if (here && there)
        return LOCAL * (double)there / (double)here;
    if (cell) {
        VB_HOST_EACH(VbHostDistance, row, cell->distances)
        {
            if (row->cell == to)
                return row->value;
        }
    }
    return from == to ? LOCAL : UNKNOWN;
}

/* ---- sets ---- */

static const VbHostLoad *
find_load(const Problem *problem, guint cell)
{
    static const VbHostLoad none;

    VB_HOST_EACH(VbHostLoad, load, problem->query->loads)
    {
        if (load->cell == cell)
            return load;
    }
    return &none;
}

static gboolean
has_cpus(const VbHostCell *cell)
{
    return vb_bitset_next(cell->cpus, -1) >= 0;
}

static void
add_cell(const Problem *problem, Candidate *candidate, const VbHostCell *cell)
{
    const VbHostLoad *load = find_load(problem, cell->id);

    vb_bitset_add(candidate->cells, cell->id);
    candidate->n_cells++;
    candidate->n_cpus += vb_bitset_count(cell->cpus);
    candidate->free_kib += load->free_kib;
    candidate->idle_cpus += load->idle_cpus;
    candidate->is_enough =
        candidate->n_cpus >= problem->n_vcpus && candidate->free_kib >= problem->query->memory_kib;
}

/* the longest way from a CPU of @cells to memory of @to, and the other way round where @to has CPUs */
static double
distance_to_set(const VbHostTopology *topology, const VbBitset *cells, const VbHostCell *to)
{
    double longest = 0;

    VB_HOST_EACH(VbHostCell, cell, topology->cells)
    {
        if (!vb_bitset_has(cells, cell->id))
            continue;
        if (has_cpus(cell))
            longest = MAX(longest, vb_placement_distance(topology, cell->id, to->id));
        if (has_cpus(to))
            longest = MAX(longest, vb_placement_distance(topology, to->id, cell->id));
    }
    return longest;
}

/* Does @cell have something of what @candidate lacks? */
static gboolean
is_of_use(const Problem *problem, const Candidate *candidate, const VbHostCell *cell)
{
    const gboolean lacks_cpus = candidate->n_cpus < problem->n_vcpus;
    const gboolean lacks_memory = candidate->free_kib < problem->query->memory_kib;

    return (lacks_cpus && has_cpus(cell)) ||
           (lacks_memory && find_load(problem, cell->id)->free_kib > 0);
}

static const VbHostCell *
find_nearest(const Problem *problem, const Candidate *candidate)
{
    const VbHostTopology *topology = problem->query->topology;
    const VbHostCell *nearest = NULL;
    double best = 0;

    VB_HOST_EACH(VbHostCell, cell, topology->cells)
    {
        double distance;

        if (vb_bitset_has(candidate->cells, cell->id) || !is_of_use(problem, candidate, cell))
            continue;
        distance = distance_to_set(topology, candidate->cells, cell);
        if (nearest && (distance > best ||
                        (distance == best && find_load(problem, cell->id)->free_kib <=
                                                 find_load(problem, nearest->id)->free_kib)))
            continue;
        nearest = cell;
        best = distance;
    }
    return nearest;
}

static Candidate
grow(const Problem *problem, const VbHostCell *first)
{
    const VbHostTopology *topology = problem->query->topology;
    Candidate candidate = {.cells = vb_bitset_new(), .first = first->id, .distance = LOCAL};
    const VbHostCell *next = first;

    candidate.bandwidth =
        find_interconnect(topology, VB_HOST_INTERCONNECT_BANDWIDTH, first->id, first->id);
    while (next) {
        if (candidate.n_cells > 0)
            candidate.distance =
                MAX(candidate.distance, distance_to_set(topology, candidate.cells, next));
        add_cell(problem, &candidate, next);
        next = candidate.is_enough ? NULL : find_nearest(problem, &candidate);
    }
    candidate.shortage = MAX(0.0, problem->n_vcpus - candidate.idle_cpus);
    return candidate;
}

static gboolean
is_better(const Candidate *a, const Candidate *b)
{
    if (a->is_enough != b->is_enough)
        return a->is_enough;
    if (a->n_cells != b->n_cells) /* of sets that are not enough, the bigger */
        return a->is_enough ? a->n_cells < b->n_cells : a->n_cells > b->n_cells;
    if (a->distance != b->distance)
        return a->distance < b->distance;
    if (a->shortage != b->shortage)
        return a->shortage < b->shortage;
    if (a->bandwidth != b->bandwidth)
        return a->bandwidth > b->bandwidth;
    if (a->idle_cpus != b->idle_cpus)
        return a->idle_cpus > b->idle_cpus;
    return a->free_kib > b->free_kib;
}

/* ---- the answer ---- */

static char *
explain(const Problem *problem, const Candidate *best)
{
    g_autofree char *cells = vb_bitset_format(best->cells);
    GString *text = g_string_new(NULL);

    VB_HOST_EACH(VbHostCell, cell, problem->query->topology->cells)
    {
        const VbHostLoad *load = find_load(problem, cell->id);

        g_string_append_printf(text, "node %u: %u CPUs, %.1f idle, %" G_GUINT64_FORMAT " MiB free",
                               cell->id, vb_bitset_count(cell->cpus), load->idle_cpus,
                               load->free_kib / 1024);
        if (cell->id != best->first && has_cpus(cell))
            g_string_append_printf(text, ", distance %.0f from node %u",
                                   vb_placement_distance(problem->query->topology, best->first,
                                                         cell->id),
                                   best->first);
        g_string_append_c(text, '\n');
    }
    g_string_append_printf(text, "%u vCPUs and %" G_GUINT64_FORMAT " MiB ", problem->n_vcpus,
                           problem->query->memory_kib / 1024);
    if (!best->is_enough)
        g_string_append_printf(text, "are more than nodes %s have", cells);
    else if (best->n_cells == 1)
        g_string_append_printf(text, "fit on node %s alone", cells);
    else
        g_string_append_printf(text, "need nodes %s, which are within distance %.0f", cells,
                               best->distance);
    if (best->shortage >= 0.5)
        g_string_append_printf(text, "; %.1f vCPUs will share busy CPUs", best->shortage);
    return g_string_free(text, FALSE);
}

/**
 * vb_placement_advise:
 * @query: the host, what is free, what is wanted
 *
 * Returns: (transfer full): never empty, as long as the host has a CPU
 */
VbPlacementAdvice *
vb_placement_advise(const VbPlacementQuery *query)
{
    const Problem problem = {query, MAX(query->n_vcpus, 1)};
    VbPlacementAdvice *advice = g_new0(VbPlacementAdvice, 1);
    Candidate best = {.cells = vb_bitset_new()};

    VB_HOST_EACH(VbHostCell, cell, query->topology->cells)
    {
        Candidate candidate;

        if (!has_cpus(cell))
            continue;
        candidate = grow(&problem, cell);
        if (best.n_cells == 0 || is_better(&candidate, &best)) {
            vb_bitset_free(best.cells);
            best = candidate;
        } else {
            vb_bitset_free(candidate.cells);
        }
    }
    advice->explanation = explain(&problem, &best);
    advice->is_enough = best.is_enough;
    advice->cells = best.cells;
    advice->cpus = vb_bitset_new();
    VB_HOST_EACH(VbHostCell, cell, query->topology->cells)
    {
        if (vb_bitset_has(best.cells, cell->id))
            vb_bitset_union(advice->cpus, cell->cpus);
    }
    return advice;
}

void
vb_placement_advice_free(VbPlacementAdvice *advice)
{
    if (!advice)
        return;
    vb_bitset_free(advice->cells);
    vb_bitset_free(advice->cpus);
    g_free(advice->explanation);
    g_free(advice);
}
