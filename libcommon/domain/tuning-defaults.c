/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of tuning: pins and schedulers as libvirt shows them, placement, memory backing, the clock's old spellings. */
#include <string.h>
#include "domain/defaults.h"
#include "domain/tables.h"

#define MAX_LISTED 16384u /* Source: libvirt's limit on vcpus and iothreads in lists */

/* Real-time schedulers are shown for each of their CPUs. */
static gboolean
is_shown_alone(const VbDomainSched *sched)
{
    return sched->has_priority && sched->ids && strpbrk(sched->ids, "-,");
}

static void
add_alone(GPtrArray *list, const VbDomainSched *sched, guint number)
{
    VbDomainSched *one = g_new0(VbDomainSched, 1);

    *one = *sched;
    one->ids = g_strdup_printf("%u", number);
    one->scheduler = g_strdup(sched->scheduler);
    g_ptr_array_add(list, one);
}

static void
split_sched(GPtrArray *list, const VbDomainSched *sched)
{
    g_auto(GStrv) parts = g_strsplit(sched->ids, ",", -1);

    for (guint i = 0; parts[i]; i++) {
        const char *dash = strchr(parts[i], '-');
        const guint64 first = g_ascii_strtoull(parts[i], NULL, 10);
        const guint64 last = dash ? g_ascii_strtoull(dash + 1, NULL, 10) : first;

        for (guint64 n = first; n <= MIN(last, MAX_LISTED); n++)
            add_alone(list, sched, (guint)n);
    }
}

/* what overlaps stays as it is: it is refused later, with what was written */
static gboolean
has_overlap(GPtrArray *scheds)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    VB_DOMAIN_EACH(VbDomainSched, sched, scheds)
    if (!g_hash_table_add(seen, g_strdup(sched->ids ? sched->ids : "")))
        return TRUE;
    return FALSE;
}

static void
free_sched(gpointer data)
{
    VbDomainSched *sched = data;

    g_free(sched->ids);
    g_free(sched->scheduler);
    g_free(sched);
}

static void
fill_scheds(GPtrArray **scheds)
{
    GPtrArray *split;

    if (VB_DOMAIN_COUNT(*scheds) == 0)
        return;
    split = g_ptr_array_new();
    VB_DOMAIN_EACH(VbDomainSched, sched, *scheds)
    {
        if (is_shown_alone(sched)) {
            split_sched(split, sched);
        } else {
            VbDomainSched *copy = g_new0(VbDomainSched, 1);

            *copy = *sched;
            copy->ids = g_strdup(sched->ids);
            copy->scheduler = g_strdup(sched->scheduler);
            g_ptr_array_add(split, copy);
        }
    }
    if (has_overlap(split)) {
        g_ptr_array_set_free_func(split, free_sched);
        g_ptr_array_unref(split);
        return;
    }
    g_ptr_array_set_free_func(*scheds, free_sched);
    g_ptr_array_unref(*scheds);
    *scheds = split;
}

/* pins of CPUs that the guest does not have are forgotten */
static void
drop_far_pins(VbDomainDef *def)
{
    GPtrArray *pins = def->cputune->vcpupins;

    for (guint i = VB_DOMAIN_COUNT(pins); i > 0; i--) {
        VbDomainVcpuPin *pin = pins->pdata[i - 1];

        if (!pin->has_vcpu || pin->vcpu < def->vcpus)
            continue;
        g_ptr_array_remove_index(pins, i - 1);
        g_free(pin->cpuset);
        g_free(pin);
    }
}

static gboolean
is_empty_cputune(const VbDomainCputune *cputune)
{
    g_autofree char *text = vb_xml_format(&vb_domain_cputune_type, cputune, 0);

    return strchr(text, '\n') == NULL || !strstr(text, "</cputune>");
}

/* Memory that goes where the host finds best takes the CPUs along, unless somebody said where they run. */
static void
fill_placement(VbDomainDef *def)
{
    const VbDomainCputune *cputune = def->cputune;
    const gboolean is_auto = def->numatune && g_strcmp0(def->numatune->placement, "auto") == 0;
    const gboolean has_pins =
        cputune && (VB_DOMAIN_COUNT(cputune->vcpupins) > 0 ||
                    VB_DOMAIN_COUNT(cputune->iothreadpins) > 0 || cputune->emulatorpin);

    if (!is_auto || def->cpuset || has_pins)
        return;
    g_free(def->vcpu_placement);
    def->vcpu_placement = g_strdup("auto");
}

/* "utc" with a number is "variable" in the old spelling */
static void
fill_clock(VbDomainClock *clock)
{
    gint64 seconds;

    if ((clock->offset != VB_DOMAIN_CLOCK_UTC && clock->offset != VB_DOMAIN_CLOCK_LOCALTIME) ||
        !clock->adjustment ||
        !g_ascii_string_to_signed(clock->adjustment, 10, G_MININT64, G_MAXINT64, &seconds, NULL))
        return;
    vb_domain_fill_string(&clock->basis,
                          clock->offset == VB_DOMAIN_CLOCK_UTC ? "utc" : "localtime");
    clock->offset = VB_DOMAIN_CLOCK_VARIABLE;
}

static void
fill_memory_backing(VbDomainDef *def)
{
    const VbDomainMemoryBacking *backing = def->memory_backing;

    if (!backing || backing->has_hugepages || backing->nosharepages || backing->locked ||
        backing->discard || backing->source_type || backing->access_mode ||
        backing->allocation_mode || backing->allocation_threads)
        return;
    vb_xml_free(&vb_domain_memory_backing_type, def->memory_backing);
    def->memory_backing = NULL;
}

/* which CPUs are there at boot may be said one by one */
static void
fill_current_vcpus(VbDomainDef *def)
{
    guint online = 0;

    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    online += vcpu->enabled == VB_TRISTATE_YES;
    if (online > 0 && online < def->vcpus && VB_DOMAIN_COUNT(def->vcpu_list) == def->vcpus)
        def->current_vcpus = online;
}

void
vb_domain_fill_tuning(VbDomainDef *def)
{
    if (def->cputune) {
        fill_scheds(&def->cputune->vcpuscheds);
        fill_scheds(&def->cputune->iothreadscheds);
        drop_far_pins(def);
        if (is_empty_cputune(def->cputune)) {
            vb_xml_free(&vb_domain_cputune_type, def->cputune);
            def->cputune = NULL;
        }
    }
    fill_placement(def);
    fill_clock(&def->clock);
    fill_memory_backing(def);
    fill_current_vcpus(def);
}
