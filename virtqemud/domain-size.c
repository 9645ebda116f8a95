/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory and how many vCPUs a guest has: changed live through the monitor, stored durably. */
#include "base/error.h"
#include "define.h"
#include "status.h"
#include "stats.h"
#include "vcpus.h"

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* a change that is made in a running guest first and stored when that worked */
typedef struct {
    void (*apply)(VbDomainDef *def, guint64 value);
    guint64 value;
    gboolean is_stored;
    QemuDone done;
    gpointer data;
} Change;

static gboolean
store(QemuDomain *domain, const Change *change, GError **error)
{
    g_autoptr(VbDomainDef) copy = NULL;

    if (!domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "transient domains do not have any persistent config");
    copy = vb_domain_copy(domain->config);
    change->apply(copy, change->value);
    if (!qemu_manager_store(domain->manager, copy, error))
        return FALSE;
    qemu_domain_set_config(domain, g_steal_pointer(&copy));
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    return TRUE;
}

static void
finish(QemuDomain *domain, const Change *change)
{
    g_autoptr(GError) error = NULL;

    if (change->is_stored)
        (void)store(domain, change, &error);
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
    if (domain->live) {
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
    Change change = {is_max ? apply_max_memory : apply_memory, kib, FALSE, done, data};
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
    def->current_vcpus = n == def->vcpus ? 0 : (guint)n;
}

static void
apply_max_vcpus(VbDomainDef *def, guint64 n)
{
    def->vcpus = (guint)n;
    if (def->current_vcpus >= def->vcpus)
        def->current_vcpus = 0;
}

static gboolean
check_max_vcpus(const VbDomainDef *live, const VbDomainDef *config, guint n, GError **error)
{
    const VbDomainCpu *cpu = config ? config->cpu : NULL;

    if (live)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "maximum vcpu count of a live domain can't be modified");
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
    Change change = {is_max ? apply_max_vcpus : apply_vcpus, n_vcpus, FALSE, done, data};
    VbDomainDef *live = NULL;
    VbDomainDef *config = NULL;
    GError *error = NULL;

    if (!qemu_check_flags(flags, IMPACT | VIR_DOMAIN_VCPU_MAXIMUM, "qemuDomainSetVcpusFlags",
                          &error) ||
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
    Change change = {apply_period, (guint64)period_s, FALSE, done, data};
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
