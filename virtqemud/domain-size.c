/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory and how many vCPUs a guest has: changed live through the monitor, stored durably. */
#include "base/error.h"
#include "define.h"
#include "status.h"
#include "stats.h"
#include "vcpus.h"
#include "xml/xml.h"

#include <string.h>

#define MAX_VCPU 4095u /* no machine of QEMU has more */
#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* a change that is made in a running guest first and stored when that worked */
typedef struct {
    void (*apply)(VbDomainDef *def, guint64 value);
    guint64 value;
    gboolean is_stored;
    gboolean is_written; /* the running guest's definition is right already */
    QemuDone done;
    gpointer data;
} Change;

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const Change *change = data;

    change->apply(next, change->value);
    return TRUE;
}

static void
finish(QemuDomain *domain, Change *change)
{
    g_autoptr(GError) error = NULL;

    if (change->is_stored)
        (void)qemu_domain_change_config(domain, write_config, change, &error);
    change->done(domain, error, change->data);
}

static void
on_live_done(QemuDomain *domain, GError *error, gpointer data)
{
    g_autofree Change *change = data;

    if (error) {
        change->done(domain, error, change->data);
        return;
    }
    if (domain->live && !change->is_written) {
        change->apply(domain->live, change->value);
        (void)qemu_status_write(domain, NULL); /* the monitor's facts have it too */
    }
    finish(domain, change);
}

static void
fail(QemuDomain *domain, GError *error, QemuDone done, gpointer data)
{
    done(domain, error, data);
    g_error_free(error);
}

/* ---- memory ---- */

static void
apply_memory(VbDomainDef *def, guint64 kib)
{
    def->current_memory_kib = kib;
}

static void
apply_max_memory(VbDomainDef *def, guint64 kib)
{
    def->memory_kib = kib;
    def->current_memory_kib = MIN(def->current_memory_kib, kib);
}

static gboolean
check_max_memory(QemuDomain *domain, const VbDomainDef *live, GError **error)
{
    if (live)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot resize the maximum memory on an active domain");
    if (domain->config->cpu && VB_DOMAIN_COUNT(domain->config->cpu->numa))
        return vb_error_set(
            error, VIR_ERR_OPERATION_INVALID,
            "initial memory size of a domain with NUMA nodes cannot be modified with this API");
    return TRUE;
}

static gboolean
check_memory(const VbDomainDef *live, const VbDomainDef *config, guint64 kib, GError **error)
{
    if ((live && kib > live->memory_kib) || (config && kib > config->memory_kib))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "cannot set memory higher than max memory");
    if (live && (!live->memballoon || live->memballoon->model == VB_DOMAIN_MEMBALLOON_NONE))
        return vb_error_set(
            error, VIR_ERR_OPERATION_INVALID,
            "Unable to change memory of active domain without the balloon device and guest OS "
            "balloon driver");
    return TRUE;
}

/**
 * qemu_domain_set_memory:
 * @domain: the guest
 * @kib: how much it is to have
 * @flags: virDomainMemoryModFlags: virDomainModificationImpact, 4: the maximum
 * @done: called once
 * @data: for @done
 *
 * Errors: OPERATION_INVALID not running, transient, maximum of a running guest, no balloon; INVALID_ARG over the maximum
 */
void
qemu_domain_set_memory(QemuDomain *domain, guint64 kib, guint flags, QemuDone done, gpointer data)
{
    const gboolean is_max = (flags & VIR_DOMAIN_MEM_MAXIMUM) != 0;
    Change change = {is_max ? apply_max_memory : apply_memory, kib, FALSE, FALSE, done, data};
    VbDomainDef *live = NULL;
    VbDomainDef *config = NULL;
    GError *error = NULL;

    if (!qemu_check_flags(flags, IMPACT | VIR_DOMAIN_MEM_MAXIMUM, "qemuDomainSetMemoryFlags",
                          &error) ||
        (kib == 0 && !vb_error_set(&error, VIR_ERR_INVALID_ARG,
                                   "memory in virDomainSetMemory must not be zero")) ||
        !qemu_domain_pick_defs(domain, flags & IMPACT, &live, &config, &error) ||
        !(is_max ? check_max_memory(domain, live, &error)
                 : check_memory(live, config, kib, &error))) {
        fail(domain, error, done, data);
        return;
    }
    change.is_stored = config != NULL;
    if (live)
        qemu_domain_set_balloon(domain, kib, on_live_done, g_memdup2(&change, sizeof(change)));
    else
        finish(domain, &change);
}

/* ---- vCPUs ---- */

static void
apply_vcpus(VbDomainDef *def, guint64 n)
{
    qemu_vcpus_set_count(def, (guint)n, FALSE);
}

static void
apply_hotpluggable(VbDomainDef *def, guint64 n)
{
    qemu_vcpus_set_count(def, (guint)n, TRUE);
}

static void
apply_max_vcpus(VbDomainDef *def, guint64 n)
{
    qemu_vcpus_set_max(def, (guint)n);
}

static gboolean
check_max_vcpus(const VbDomainDef *live, const VbDomainDef *config, guint n, GError **error)
{
    const VbDomainCpu *cpu = config ? config->cpu : NULL;

    if (live)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "maximum vcpu count of a live domain can't be modified");
    if (n > MAX_VCPU + 1)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "requested cpu amount exceeds maximum supported amount (%u > %u)", n,
                            MAX_VCPU + 1);
    if (cpu && cpu->sockets &&
        n != cpu->sockets * MAX(cpu->dies, 1) * MAX(cpu->cores, 1) * MAX(cpu->threads, 1))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "CPU topology doesn't match the desired vcpu count");
    return TRUE;
}

static gboolean
check_vcpus(const VbDomainDef *live, const VbDomainDef *config, guint n, GError **error)
{
    if (live && n > live->vcpus)
        return vb_error_set(
            error, VIR_ERR_INVALID_ARG,
            "requested vcpus is greater than max allowable vcpus for the live domain: %u > %u", n,
            live->vcpus);
    if (config && n > config->vcpus)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "requested vcpus is greater than max allowable vcpus for the "
                            "persistent domain: %u > %u",
                            n, config->vcpus);
    return TRUE;
}

/**
 * qemu_domain_set_vcpus:
 * @domain: the guest
 * @n_vcpus: how many it is to have
 * @flags: virDomainVcpuFlags: virDomainModificationImpact, 4: the maximum
 * @done: called once
 * @data: for @done
 *
 * Errors: OPERATION_INVALID not running, transient; INVALID_ARG over the maximum; those of qemu_domain_plug_vcpus()
 */
void
qemu_domain_set_vcpus(QemuDomain *domain, guint n_vcpus, guint flags, QemuDone done, gpointer data)
{
    const gboolean is_max = (flags & VIR_DOMAIN_VCPU_MAXIMUM) != 0;
    Change change = {is_max                                   ? apply_max_vcpus
                     : (flags & VIR_DOMAIN_VCPU_HOTPLUGGABLE) ? apply_hotpluggable
                                                              : apply_vcpus,
                     n_vcpus,
                     FALSE,
                     TRUE,
                     done,
                     data};
    VbDomainDef *live = NULL;
    VbDomainDef *config = NULL;
    GError *error = NULL;

    if (!qemu_check_flags(flags, IMPACT | VIR_DOMAIN_VCPU_MAXIMUM | VIR_DOMAIN_VCPU_HOTPLUGGABLE,
                          "qemuDomainSetVcpusFlags", &error) ||
        (n_vcpus == 0 && !vb_error_set(&error, VIR_ERR_INVALID_ARG,
                                       "nvcpus in virDomainSetVcpus must not be zero")) ||
        !qemu_domain_pick_defs(domain, flags & IMPACT, &live, &config, &error) ||
        !(is_max ? check_max_vcpus(live, config, n_vcpus, &error)
                 : check_vcpus(live, config, n_vcpus, &error))) {
        fail(domain, error, done, data);
        return;
    }
    change.is_stored = config != NULL;
    if (live && n_vcpus != vb_domain_online_vcpus(live))
        qemu_domain_plug_vcpus(domain, n_vcpus, on_live_done, g_memdup2(&change, sizeof(change)));
    else
        finish(domain, &change);
}

/* ---- single vCPUs ---- */

typedef struct {
    VbBitset *map;
    gboolean is_on;
    gboolean is_stored;
    QemuDone done;
    gpointer data;
} Switch;

static gboolean
write_switch(VbDomainDef *next, gpointer data, GError **error)
{
    const Switch *change = data;

    if (!qemu_vcpus_check_switch(next, change->map, error))
        return FALSE;
    qemu_vcpus_switch(next, change->map, change->is_on);
    return TRUE;
}

static void
on_switched(QemuDomain *domain, GError *refusal, gpointer data)
{
    g_autofree Switch *change = data;
    g_autoptr(GError) error = refusal ? g_error_copy(refusal) : NULL;

    if (!error && change->is_stored)
        (void)qemu_domain_change_config(domain, write_switch, change, &error);
    vb_bitset_free(change->map);
    change->done(domain, error, change->data);
}

static VbBitset *
read_list(const char *list, GError **error)
{
    g_autofree char *plain = vb_bitmap_normalise(list, MAX_VCPU);
    VbBitset *map;

    if (!plain && strspn(list, "0123456789,^-") < strlen(list)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "Failed to parse bitmap '%s'", list);
        return NULL;
    }
    map = vb_bitset_parse(plain);
    if (vb_bitset_count(map) > 0)
        return map;
    vb_bitset_free(map);
    vb_error_set(error, VIR_ERR_INVALID_ARG, "no vcpus selected for modification");
    return NULL;
}

static gboolean
check_live_map(const VbDomainDef *live, const VbBitset *map, GError **error)
{
    VB_BITSET_EACH(id, map)
    {
        if ((guint)id >= live->vcpus)
            return vb_error_set(error, VIR_ERR_INVALID_ARG, "vcpu %d is not present in live config",
                                id);
    }
    return TRUE;
}

static gboolean
check_switch(QemuDomain *domain, const QemuVcpuSwitch *what, Switch *change, VbDomainDef **ret_live,
             GError **error)
{
    VbDomainDef *config = NULL;

    if (!qemu_check_flags(what->flags, IMPACT, "qemuDomainSetVcpu", error))
        return FALSE;
    if (what->state != 0 && what->state != 1)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "unsupported state value");
    change->map = read_list(what->list, error);
    if (!change->map || !qemu_domain_pick_defs(domain, what->flags, ret_live, &config, error) ||
        (*ret_live && !check_live_map(*ret_live, change->map, error)) ||
        (config && !qemu_vcpus_check_switch(config, change->map, error)))
        return FALSE;
    change->is_stored = config != NULL;
    return TRUE;
}

/**
 * qemu_domain_set_vcpu:
 * @what: is not kept
 * @done: called once
 *
 * Errors: INVALID_ARG no such vCPU, the first one, a state that it has; OPERATION_UNSUPPORTED it cannot go; those of
 *   qemu_domain_plug_vcpus()
 */
void
qemu_domain_set_vcpu(QemuDomain *domain, const QemuVcpuSwitch *what, QemuDone done, gpointer data)
{
    Switch *change = g_new0(Switch, 1);
    VbDomainDef *live = NULL;
    g_autoptr(GError) error = NULL;

    change->is_on = what->state == 1;
    change->done = done;
    change->data = data;
    if (check_switch(domain, what, change, &live, &error) && live)
        qemu_domain_switch_vcpus(domain, change->map, change->is_on, on_switched, change);
    else
        on_switched(domain, error, change);
}

/* ---- how often the balloon driver reports ---- */

static void
apply_period(VbDomainDef *def, guint64 seconds)
{
    if (def->memballoon)
        def->memballoon->stats_period_s = (guint)seconds;
}

static gboolean
is_virtio_balloon(const VbDomainDef *def)
{
    return !def || (def->memballoon && def->memballoon->model != VB_DOMAIN_MEMBALLOON_NONE &&
                    def->memballoon->model != VB_DOMAIN_MEMBALLOON_XEN);
}

/**
 * qemu_domain_set_stats_period:
 * @domain: the guest
 * @period_s: seconds between two reports of the balloon driver, 0: none
 * @flags: virDomainModificationImpact
 * @done: called once
 * @data: for @done
 *
 * Errors: INVALID_ARG negative; OPERATION_INVALID no virtio balloon, not running, transient
 */
void
qemu_domain_set_stats_period(QemuDomain *domain, int period_s, guint flags, QemuDone done,
                             gpointer data)
{
    Change change = {apply_period, (guint64)period_s, FALSE, FALSE, done, data};
    VbDomainDef *live = NULL;
    VbDomainDef *config = NULL;
    GError *error = NULL;

    if (!qemu_check_flags(flags, IMPACT, "qemuDomainSetMemoryStatsPeriod", &error) ||
        (period_s < 0 &&
         !vb_error_set(&error, VIR_ERR_INVALID_ARG,
                       "period in virDomainSetMemoryStatsPeriod must be zero or greater")) ||
        !qemu_domain_pick_defs(domain, flags, &live, &config, &error) ||
        (!(is_virtio_balloon(live) && is_virtio_balloon(config)) &&
         !vb_error_set(&error, VIR_ERR_OPERATION_INVALID,
                       "Memory balloon model must be virtio to set the collection period"))) {
        fail(domain, error, done, data);
        return;
    }
    change.is_stored = config != NULL;
    if (live)
        qemu_domain_set_memory_stats_period(domain, (guint)period_s, on_live_done,
                                            g_memdup2(&change, sizeof(change)));
    else
        finish(domain, &change);
}
