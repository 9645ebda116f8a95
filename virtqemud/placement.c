/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Affinity and scheduling of a guest's threads, as its definition says. System calls only, which do not wait. */
#include "placement.h"

#include "base/error.h"
#include "manager.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <string.h>

/* ---- what the definition says ---- */

VbBitset *
qemu_placement_of_process(const VbDomainDef *def)
{
    const char *list =
        def->cputune && def->cputune->emulatorpin ? def->cputune->emulatorpin : def->cpuset;
    return list ? vb_bitset_parse(list) : NULL;
}

static gboolean
is_auto_memory(const VbDomainDef *def)
{
    const VbDomainNumatune *tune = def->numatune;
    if (tune && tune->placement)
        return strcmp(tune->placement, "auto") == 0;
    return g_strcmp0(def->vcpu_placement, "auto") == 0 && !(tune && tune->nodeset);
}

gboolean
qemu_placement_is_auto(const VbDomainDef *def)
{
    return g_strcmp0(def->vcpu_placement, "auto") == 0 || is_auto_memory(def);
}

VbBitset *
qemu_placement_of_emulator(const QemuDomain *domain)
{
    VbBitset *said = qemu_placement_of_process(domain->live);
    if (said || !domain->auto_cpus || g_strcmp0(domain->live->vcpu_placement, "auto") != 0)
        return said;
    return vb_bitset_parse(domain->auto_cpus);
}

/* Source: linux/mempolicy.h */
static int
policy_of(const char *mode)
{
    static const struct {
        const char *mode;
        int policy;
    } rows[] = {{"strict", MPOL_BIND},
                {"preferred", MPOL_PREFERRED},
                {"interleave", MPOL_INTERLEAVE}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_strcmp0(mode ? mode : "strict", rows[i].mode) == 0)
            return rows[i].policy;
    }
    return MPOL_DEFAULT; /* restrictive */
}

VbBitset *
qemu_placement_of_memory(const QemuDomain *domain, int *ret_policy)
{
    const VbDomainNumatune *tune = domain->live->numatune;
    const VbHostTopology *topology = vb_host_get_topology(domain->manager->host);
    const char *list = is_auto_memory(domain->live) ? domain->auto_nodes
                       : tune                       ? tune->nodeset
                                                    : NULL;
    g_autoptr(VbBitset) nodes = list ? vb_bitset_parse(list) : NULL;
    *ret_policy = policy_of(tune ? tune->mode : NULL);
    if (!nodes || !topology->has_nodes)
        return NULL;
    VB_HOST_EACH(VbHostCell, cell, topology->cells)
    {
        if (!vb_bitset_has(nodes, cell->id) &&
            vb_host_read_cell_memory_kib(domain->manager->host, cell) > 0)
            return g_steal_pointer(&nodes); /* there is memory that is not meant */
    }
    return NULL;
}

const char *
qemu_placement_of_vcpu(const VbDomainDef *def, guint vcpu)
{
    VB_DOMAIN_EACH(VbDomainVcpuPin, pin, def->cputune ? def->cputune->vcpupins : NULL)
    {
        if (pin->vcpu == vcpu)
            return pin->cpuset;
    }
    return def->cpuset;
}

const char *
qemu_placement_of_iothread(const VbDomainDef *def, guint iothread)
{
    VB_DOMAIN_EACH(VbDomainIothreadPin, pin, def->cputune ? def->cputune->iothreadpins : NULL)
    {
        if (pin->iothread == iothread)
            return pin->cpuset;
    }
    return def->cpuset;
}

guint
qemu_placement_count_iothreads(const VbDomainDef *def)
{
    return MAX(def->iothreads, VB_DOMAIN_COUNT(def->iothread_ids));
}

guint
qemu_placement_iothread_id(const VbDomainDef *def, guint index)
{
    if (index < VB_DOMAIN_COUNT(def->iothread_ids))
        return ((const VbDomainIothread *)def->iothread_ids->pdata[index])->id;
    return index + 1;
}

guint
qemu_placement_last_cpu(const QemuDomain *domain)
{
    g_autoptr(VbBitset) present = vb_host_read_present_cpus(domain->manager->host);
    guint last = 0;
    VB_BITSET_EACH(cpu, present)
    {
        last = (guint)cpu;
    }
    return last;
}

gboolean
qemu_placement_is_wanted(const VbDomainDef *def)
{
    const VbDomainCputune *tune = def->cputune;
    return def->cpuset ||
           (tune &&
            (tune->emulatorpin || tune->emulator_scheduler || VB_DOMAIN_COUNT(tune->vcpupins) > 0 ||
             VB_DOMAIN_COUNT(tune->iothreadpins) > 0 || VB_DOMAIN_COUNT(tune->vcpuscheds) > 0 ||
             VB_DOMAIN_COUNT(tune->iothreadscheds) > 0));
}

/* ---- checking ---- */

static gboolean
check_list(const VbBitset *present, const char *list, const char *element, GError **error)
{
    g_autoptr(VbBitset) set = vb_bitset_parse(list);
    VB_BITSET_EACH(cpu, set)
    {
        if (!vb_bitset_has(present, (guint)cpu))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "CPU %d of %s cpuset='%s' does not exist on this host", cpu,
                                element, list);
    }
    return TRUE;
}

gboolean
qemu_placement_check_nodes(const QemuDomain *domain, const char *nodeset, GError **error)
{
    const VbHostTopology *topology = vb_host_get_topology(domain->manager->host);
    g_autoptr(VbBitset) nodes = vb_bitset_parse(nodeset);
    VB_BITSET_EACH(node, nodes)
    {
        if (!vb_host_topology_find_cell(topology, (guint)node))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "NUMA node %d of <numatune> is unavailable on this host", node);
    }
    return TRUE;
}

static gboolean
check_numatune(const QemuDomain *domain, const VbDomainNumatune *tune, GError **error)
{
    if (!qemu_placement_check_nodes(domain, tune ? tune->nodeset : NULL, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainMemnode, memnode, tune ? tune->memnodes : NULL)
    {
        if (!qemu_placement_check_nodes(domain, memnode->nodeset, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
qemu_placement_check(QemuDomain *domain, const VbDomainDef *def, GError **error)
{
    const VbDomainCputune *tune = def->cputune;
    g_autoptr(VbBitset) present = NULL;
    if (!check_numatune(domain, def->numatune, error))
        return FALSE;
    if (!qemu_placement_is_wanted(def))
        return TRUE;
    if (tune && tune->emulatorpin && g_strcmp0(def->vcpu_placement, "auto") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "<emulatorpin> cannot be used with <vcpu placement='auto'>");
    present = vb_host_read_present_cpus(domain->manager->host);
    if (def->cpuset && !check_list(present, def->cpuset, "<vcpu>", error))
        return FALSE;
    if (tune && tune->emulatorpin &&
        !check_list(present, tune->emulatorpin, "<emulatorpin>", error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainVcpuPin, pin, tune ? tune->vcpupins : NULL)
    {
        g_autofree char *element = g_strdup_printf("<vcpupin vcpu='%u'>", pin->vcpu);
        if (!check_list(present, pin->cpuset, element, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainIothreadPin, pin, tune ? tune->iothreadpins : NULL)
    {
        g_autofree char *element = g_strdup_printf("<iothreadpin iothread='%u'>", pin->iothread);
        if (!check_list(present, pin->cpuset, element, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- affinity ---- */

gboolean
qemu_placement_bind(pid_t tid, const VbBitset *cpus, GError **error)
{
    g_autofree cpu_set_t *set = qemu_cpu_set_new(cpus);
    const int errsv = sched_setaffinity(tid, QEMU_CPU_SET_SIZE, set) == 0 ? 0 : errno;
    return errsv == 0 || errsv == ESRCH ||
           vb_error_set_errno(error, errsv, "cannot set CPU affinity on process %d", (int)tid);
}

static gboolean
bind_list(pid_t tid, const char *list, GError **error)
{
    g_autoptr(VbBitset) cpus = list && tid > 0 ? vb_bitset_parse(list) : NULL;
    return !cpus || qemu_placement_bind(tid, cpus, error);
}

static gboolean
has_own_rule(const QemuDomain *domain, pid_t tid)
{
    for (guint i = 0; i < domain->vcpu_tids->len; i++) {
        if (g_array_index(domain->vcpu_tids, pid_t, i) == tid)
            return TRUE;
    }
    for (guint i = 0; i < domain->iothread_tids->len; i++) {
        if (g_array_index(domain->iothread_tids, QemuIothread, i).tid == tid)
            return TRUE;
    }
    return FALSE;
}

/* calls for each of the emulator's own threads; FALSE stops */
typedef gboolean (*ThreadFunc)(pid_t tid, gconstpointer data, GError **error);

static gboolean
each_emulator_thread(QemuDomain *domain, ThreadFunc func, gconstpointer data, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%d/task", domain->manager->procfs,
                                            (int)qemu_process_get_pid(domain->process));
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        const pid_t tid = (pid_t)g_ascii_strtoll(name, NULL, 10);
        if (tid > 0 && !has_own_rule(domain, tid) && !func(tid, data, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
bind_one(pid_t tid, gconstpointer data, GError **error)
{
    return qemu_placement_bind(tid, data, error);
}

gboolean
qemu_placement_bind_emulator(QemuDomain *domain, const VbBitset *cpus, GError **error)
{
    return each_emulator_thread(domain, bind_one, cpus, error);
}

/* ---- scheduling ---- */

typedef struct {
    const char *name;
    int policy;
} Policy;

static gboolean
schedule(pid_t tid, const char *scheduler, guint priority, GError **error)
{
    static const Policy policies[] = {{"batch", SCHED_BATCH},
                                      {"idle", SCHED_IDLE},
                                      {"fifo", SCHED_FIFO},
                                      {"rr", SCHED_RR}};
    struct sched_param param = {0};
    for (guint i = 0; tid > 0 && i < G_N_ELEMENTS(policies); i++) {
        if (strcmp(policies[i].name, scheduler) != 0)
            continue;
        if (policies[i].policy == SCHED_FIFO || policies[i].policy == SCHED_RR)
            param.sched_priority = (int)priority;
        if (sched_setscheduler(tid, policies[i].policy, &param) < 0 && errno != ESRCH)
            return vb_error_set_errno(error, errno, "Cannot set scheduler parameters for pid %d",
                                      (int)tid);
    }
    return TRUE;
}

static const VbDomainSched *
find_sched(GPtrArray *list, guint number)
{
    VB_DOMAIN_EACH(VbDomainSched, sched, list)
    {
        g_autoptr(VbBitset) ids = vb_bitset_parse(sched->ids);
        if (vb_bitset_has(ids, number))
            return sched;
    }
    return NULL;
}

static gboolean
schedule_from(GPtrArray *list, guint number, pid_t tid, GError **error)
{
    const VbDomainSched *sched = find_sched(list, number);
    return !sched || !sched->scheduler || schedule(tid, sched->scheduler, sched->priority, error);
}

static gboolean
schedule_one(pid_t tid, gconstpointer data, GError **error)
{
    const VbDomainCputune *tune = data;
    return schedule(tid, tune->emulator_scheduler, tune->emulator_priority, error);
}

/* ---- all of it ---- */

gboolean
qemu_placement_apply_vcpu(QemuDomain *domain, guint vcpu, pid_t tid, GError **error)
{
    const VbDomainDef *def = domain->live;
    return bind_list(tid, qemu_placement_of_vcpu(def, vcpu), error) &&
           (!def->cputune || schedule_from(def->cputune->vcpuscheds, vcpu, tid, error));
}

gboolean
qemu_placement_apply_iothread(QemuDomain *domain, guint iothread, pid_t tid, GError **error)
{
    const VbDomainDef *def = domain->live;
    return bind_list(tid, qemu_placement_of_iothread(def, iothread), error) &&
           (!def->cputune || schedule_from(def->cputune->iothreadscheds, iothread, tid, error));
}

gboolean
qemu_placement_apply(QemuDomain *domain, GError **error)
{
    const VbDomainDef *def = domain->live;
    const VbDomainCputune *tune = def->cputune;
    for (guint i = 0; i < domain->vcpu_tids->len; i++) {
        if (!qemu_placement_apply_vcpu(domain, i, g_array_index(domain->vcpu_tids, pid_t, i),
                                       error))
            return FALSE;
    }
    for (guint i = 0; i < domain->iothread_tids->len; i++) {
        const QemuIothread *thread = &g_array_index(domain->iothread_tids, QemuIothread, i);
        if (!qemu_placement_apply_iothread(domain, thread->id, thread->tid, error))
            return FALSE;
    }
    return !tune || !tune->emulator_scheduler ||
           each_emulator_thread(domain, schedule_one, tune, error);
}
