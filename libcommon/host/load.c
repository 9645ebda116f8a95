/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is free on the host right now, cell by cell: memory from meminfo, CPU time from /proc/stat. */
#include <string.h>

#include "host/host-private.h"
#include "host/placement.h"

#define SAMPLE_US G_USEC_PER_SEC /* a shorter time says nothing: the kernel counts in 1/100 s */

typedef struct {
    guint64 idle, total; /* clock ticks */
} Ticks;

struct _VbHostSample {
    gint64 taken_us;
    GArray *ticks; /* Ticks by CPU id, 0 for those that are not there */
    GArray *idle;  /* double by CPU id: part of the time before */
};

void
vb_host_sample_free(VbHostSample *sample)
{
    if (!sample)
        return;
    g_array_unref(sample->ticks);
    g_array_unref(sample->idle);
    g_free(sample);
}

/* "cpu3 user nice system idle iowait irq softirq steal ...". Source: proc(5) */
static void
read_line(const char *line, GArray *ticks)
{
    char *end;
    const guint64 cpu = g_ascii_strtoull(line, &end, 10);
    Ticks *row;

    if (end == line || cpu >= VB_BITSET_MAX)
        return;
    if (cpu >= ticks->len)
        g_array_set_size(ticks, (guint)cpu + 1);
    row = &g_array_index(ticks, Ticks, cpu);
    for (guint i = 0; i < 8; i++) {
        const guint64 n = g_ascii_strtoull(end, &end, 10);

        row->total += n;
        if (i == 3 || i == 4)
            row->idle += n;
    }
}

static GArray *
read_ticks(const VbHost *host)
{
    g_autofree char *text = vb_host_read_word(host->procfs, "stat");
    GArray *ticks = g_array_new(FALSE, TRUE, sizeof(Ticks));

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!g_str_has_prefix(line, "cpu"))
            break;
        read_line(line + strlen("cpu"), ticks);
    }
    return ticks;
}

static void
take_sample(VbHost *host)
{
    static const Ticks none;
    VbHostSample *old = host->sample;
    VbHostSample *sample = g_new0(VbHostSample, 1);

    sample->taken_us = g_get_monotonic_time();
    sample->ticks = read_ticks(host);
    sample->idle = g_array_new(FALSE, TRUE, sizeof(double));
    for (guint i = 0; i < sample->ticks->len; i++) {
        const Ticks *now = &g_array_index(sample->ticks, Ticks, i);
        const Ticks *then =
            old && i < old->ticks->len ? &g_array_index(old->ticks, Ticks, i) : &none;
        const guint64 total = now->total > then->total ? now->total - then->total : 0;
        const guint64 idle = now->idle > then->idle ? now->idle - then->idle : 0;
        const double part = total > 0 ? (double)MIN(idle, total) / (double)total : 1.0;

        g_array_append_val(sample->idle, part);
    }
    vb_host_sample_free(old);
    host->sample = sample;
}

/* What the kernel gives back without writing anything counts as free. */
static guint64
read_free_kib(const VbHost *host, int node)
{
    static const char *const names[] = {"MemFree", "Inactive(file)", "SReclaimable"};
    guint64 sum = 0;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        guint64 kib;

        if (vb_host_read_memory_kib(host, node, names[i], &kib))
            sum += kib;
    }
    return sum;
}

GArray *
vb_host_read_loads(VbHost *host)
{
    const VbHostTopology *topology = vb_host_get_topology(host);
    GArray *loads = g_array_new(FALSE, TRUE, sizeof(VbHostLoad));

    if (!host->sample || g_get_monotonic_time() - host->sample->taken_us >= SAMPLE_US)
        take_sample(host);
    VB_HOST_EACH(VbHostCell, cell, topology->cells)
    {
        VbHostLoad load = {.cell = cell->id};

        load.free_kib = read_free_kib(host, topology->has_nodes ? (int)cell->id : -1);
        VB_BITSET_EACH(cpu, cell->cpus)
        {
            const gboolean is_known = (guint)cpu < host->sample->idle->len;

            load.idle_cpus += is_known ? g_array_index(host->sample->idle, double, cpu) : 1.0;
        }
        g_array_append_val(loads, load);
    }
    return loads;
}
