/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of a guest: set when it starts, changed while it runs, told. Groups are owed until the guest ends. */
#include "tuning.h"

#include "base/error.h"
#include "confine.h"
#include "define.h"
#include "domain-private.h"
#include "placement.h"
#include "tuning-params.h"

#include <gio/gio.h>
#include <linux/mempolicy.h>
#include <string.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static gboolean
has_cpu_limits(const VbDomainCputune *tune)
{
    return tune && (tune->has_shares || tune->period || tune->quota || tune->global_period ||
                    tune->global_quota || tune->emulator_period || tune->emulator_quota ||
                    tune->iothread_period || tune->iothread_quota);
}

static gboolean
has_memory_limits(const VbDomainDef *def)
{
    return def->has_memtune_hard || def->has_memtune_soft || def->has_memtune_swap_hard;
}

/* ---- groups ---- */

static QemuCgroup *
find_groups(const QemuDomain *domain)
{
    g_autofree char *name = g_strdup_printf("qemu-%d-%s.libvirt-qemu", domain->id, domain->name);
    const pid_t pid = domain->process ? qemu_process_get_pid(domain->process) : 0;
    return qemu_cgroup_find(domain->manager->procfs, pid, name);
}

char *
qemu_tuning_nodes(const QemuDomain *domain)
{
    int policy;
    g_autoptr(VbBitset) nodes = qemu_placement_of_memory(domain, &policy);
    g_autoptr(QemuCgroup) cgroup = NULL;
    if (!nodes || (policy != MPOL_BIND && policy != MPOL_DEFAULT))
        return NULL;
    cgroup = find_groups(domain);
    return qemu_cgroup_check(cgroup, QEMU_CGROUP_CPUSET, NULL) ? vb_bitset_format(nodes) : NULL;
}

gboolean
qemu_tuning_is_wanted(const QemuDomain *domain)
{
    const VbDomainDef *def = domain->live;
    g_autofree char *nodes = NULL;
    if (has_cpu_limits(def->cputune) || has_memory_limits(def) ||
        (def->blkiotune &&
         (def->blkiotune->weight || VB_DOMAIN_COUNT(def->blkiotune->devices) > 0)))
        return TRUE;
    nodes = qemu_tuning_nodes(domain);
    return nodes != NULL;
}

/* what a thread of ours needs to know of a guest */
typedef struct {
    QemuCgroup *cgroup;
    gboolean is_new; /* the groups have to be made */
    char *procfs;
    pid_t pid;
    GArray *vcpus;     /* pid_t */
    GArray *iothreads; /* QemuIothread */
} Guest;

static void
guest_take(Guest *guest, QemuDomain *domain)
{
    g_autoptr(GPtrArray) owned = NULL;
    guest->cgroup = find_groups(domain);
    guest->procfs = g_strdup(domain->manager->procfs);
    guest->pid = qemu_process_get_pid(domain->process);
    guest->vcpus = g_array_copy(domain->vcpu_tids);
    guest->iothreads = g_array_copy(domain->iothread_tids);
    owned = qemu_cgroup_owned(guest->cgroup);
    for (guint i = 0; i < owned->len; i++) {
        g_autofree char *owed = g_strconcat("cgroup ", (const char *)owned->pdata[i], NULL);
        if (g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, NULL))
            continue;
        qemu_domain_owe(domain, "cgroup", owned->pdata[i]);
        guest->is_new = TRUE;
    }
    if (guest->is_new)
        qemu_domain_save(domain);
    guest->is_new = guest->is_new || !qemu_cgroup_is_made(guest->cgroup);
}

static void
guest_clear(Guest *guest)
{
    qemu_cgroup_free(guest->cgroup);
    g_free(guest->procfs);
    g_clear_pointer(&guest->vcpus, g_array_unref);
    g_clear_pointer(&guest->iothreads, g_array_unref);
}

/* ---- processor ---- */

static gboolean
limit_thread(const QemuCgroup *cgroup, const char *child, pid_t tid, const VbDomainCputune *tune,
             GError **error)
{
    const gboolean is_vcpu = g_str_has_prefix(child, "vcpu");
    const guint64 period = is_vcpu ? tune->period : tune->iothread_period;
    const gint64 quota = is_vcpu ? tune->quota : tune->iothread_quota;
    if (tid <= 0 || (!period && !quota))
        return TRUE;
    return qemu_cgroup_add_thread(cgroup, child, tid, error) &&
           qemu_cgroup_set_bandwidth(cgroup, child, period, quota, error);
}

static gboolean
limit_vcpu(const Guest *guest, const VbDomainCputune *tune, guint vcpu, GError **error)
{
    g_autofree char *child = g_strdup_printf("vcpu%u", vcpu);
    return limit_thread(guest->cgroup, child, g_array_index(guest->vcpus, pid_t, vcpu), tune,
                        error);
}

static gboolean
has_own_group(const Guest *guest, pid_t tid)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        if (g_array_index(guest->vcpus, pid_t, i) == tid)
            return TRUE;
    }
    for (guint i = 0; i < guest->iothreads->len; i++) {
        if (g_array_index(guest->iothreads, QemuIothread, i).tid == tid)
            return TRUE;
    }
    return FALSE;
}

/* the emulator's own threads; one that ends meanwhile is no error */
static gboolean
limit_emulator(const Guest *guest, const VbDomainCputune *tune, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%d/task", guest->procfs, (int)guest->pid);
    g_autoptr(GDir) folder = NULL;
    const char *name;
    if (!tune->emulator_period && !tune->emulator_quota)
        return TRUE;
    folder = g_dir_open(path, 0, NULL);
    while (folder && (name = g_dir_read_name(folder))) {
        const pid_t tid = (pid_t)g_ascii_strtoll(name, NULL, 10);
        g_autoptr(GError) failure = NULL;
        if (tid <= 0 || has_own_group(guest, tid) ||
            qemu_cgroup_add_thread(guest->cgroup, "emulator", tid, &failure))
            continue;
        if (tid == guest->pid) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return qemu_cgroup_set_bandwidth(guest->cgroup, "emulator", tune->emulator_period,
                                     tune->emulator_quota, error);
}

static gboolean
limit_cpu(const Guest *guest, const VbDomainDef *def, GError **error)
{
    const VbDomainCputune *tune = def->cputune;
    const QemuCgroup *cgroup = guest->cgroup;
    if (!has_cpu_limits(tune))
        return TRUE;
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_CPU, error) ||
        (tune->has_shares && !qemu_cgroup_set_shares(cgroup, tune->shares, error)) ||
        ((tune->global_period || tune->global_quota) &&
         !qemu_cgroup_set_bandwidth(cgroup, NULL, tune->global_period, tune->global_quota, error)))
        return FALSE;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        if (!limit_vcpu(guest, tune, i, error))
            return FALSE;
    }
    for (guint i = 0; i < guest->iothreads->len; i++) {
        const QemuIothread *thread = &g_array_index(guest->iothreads, QemuIothread, i);
        g_autofree char *child = g_strdup_printf("iothread%u", thread->id);
        if (!limit_thread(cgroup, child, thread->tid, tune, error))
            return FALSE;
    }
    return limit_emulator(guest, tune, error);
}

/* ---- memory, block devices ---- */

static guint64
to_bytes(guint64 kib, gboolean has)
{
    return has && kib < G_MAXUINT64 / 1024 ? kib * 1024 : QEMU_CGROUP_UNLIMITED;
}

/* @is_change: what is not limited was, perhaps */
static gboolean
limit_memory(const QemuCgroup *cgroup, const VbDomainDef *def, gboolean is_change, GError **error)
{
    const QemuCgroupMemory memory = {
        .hard = to_bytes(def->memtune_hard_kib, def->has_memtune_hard),
        .soft = to_bytes(def->memtune_soft_kib, def->has_memtune_soft),
        .swap_hard = to_bytes(def->memtune_swap_hard_kib, def->has_memtune_swap_hard),
        .has_hard = def->has_memtune_hard || is_change,
        .has_soft = def->has_memtune_soft || is_change,
        .has_swap_hard = def->has_memtune_swap_hard,
    };
    return (!has_memory_limits(def) && !is_change) ||
           qemu_cgroup_set_memory(cgroup, &memory, error);
}

static gboolean
limit_device(const QemuCgroup *cgroup, const VbDomainBlkioDevice *device, gboolean has_weight,
             GError **error)
{
    const guint64 values[] = {device->read_bytes, device->write_bytes, device->read_iops,
                              device->write_iops};
    if ((device->weight || has_weight) &&
        !qemu_cgroup_set_device_weight(cgroup, device->path, device->weight, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        if (!qemu_cgroup_set_throttle(cgroup, device->path, (QemuCgroupThrottle)i, values[i],
                                      error))
            return FALSE;
    }
    return TRUE;
}

/* TRUE: it has to be taken away when there is none any more */
static gboolean
had_weight(const VbDomainDef *def, const char *path)
{
    VB_DOMAIN_EACH(VbDomainBlkioDevice, device,
                   def && def->blkiotune ? def->blkiotune->devices : NULL)
    {
        if (g_strcmp0(device->path, path) == 0)
            return device->weight > 0;
    }
    return FALSE;
}

static gboolean
limit_devices(const QemuCgroup *cgroup, const VbDomainDef *def, const VbDomainDef *before,
              GError **error)
{
    if (!def->blkiotune)
        return TRUE;
    if (def->blkiotune->weight && !qemu_cgroup_set_io_weight(cgroup, def->blkiotune->weight, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainBlkioDevice, device, def->blkiotune->devices)
    {
        if (!limit_device(cgroup, device, had_weight(before, device->path), error))
            return FALSE;
    }
    return TRUE;
}

/* ---- in a thread: moving threads between groups waits for the kernel ---- */

#define EVERY_KIND -1

typedef struct {
    QemuDomain *domain; /* a reference; main loop only, as the next two */
    QemuDone done;
    gpointer data;
    Guest guest;
    int kind;                   /* QemuTuningKind, EVERY_KIND */
    char *nodes, *nodes_before; /* of its memory; NULL: it may be anywhere */
    VbDomainDef *next;          /* what is to be */
    VbDomainDef *before;        /* what was: set again when something is refused; NULL: nothing */
    GError *refusal;
} Work;

/* what the kernel has where nobody said anything (Linux: Documentation/admin-guide/cgroup-v1, -v2) */
enum { KERNEL_SHARES = 1024, KERNEL_WEIGHT = 100, KERNEL_PERIOD_US = 100000 };

static void
name_unlimited_cpu(VbDomainCputune *before, const VbDomainCputune *next, guint64 shares)
{
    const struct {
        guint64 *period;
        gint64 *quota;
        guint64 next_period;
        gint64 next_quota;
    } bandwidths[] = {
        {&before->period, &before->quota, next->period, next->quota},
        {&before->global_period, &before->global_quota, next->global_period, next->global_quota},
        {&before->emulator_period, &before->emulator_quota, next->emulator_period,
         next->emulator_quota},
        {&before->iothread_period, &before->iothread_quota, next->iothread_period,
         next->iothread_quota},
    };
    if (next->has_shares && !before->has_shares) {
        before->has_shares = TRUE;
        before->shares = shares;
    }
    for (guint i = 0; i < G_N_ELEMENTS(bandwidths); i++) {
        if (bandwidths[i].next_period && !*bandwidths[i].period)
            *bandwidths[i].period = KERNEL_PERIOD_US;
        if (bandwidths[i].next_quota && !*bandwidths[i].quota)
            *bandwidths[i].quota = -1;
    }
}

static void
name_unlimited_io(VbDomainBlkiotune *before, const VbDomainBlkiotune *next)
{
    if (next->weight && !before->weight)
        before->weight = KERNEL_WEIGHT;
    VB_DOMAIN_EACH(VbDomainBlkioDevice, device, next->devices)
    {
        VbDomainBlkioDevice *free_one;
        gboolean is_there = FALSE;
        VB_DOMAIN_EACH(VbDomainBlkioDevice, old, before->devices)
        {
            is_there = is_there || g_strcmp0(old->path, device->path) == 0;
        }
        if (is_there)
            continue;
        free_one = vb_domain_list_add(&before->devices, g_new0(VbDomainBlkioDevice, 1));
        free_one->path = g_strdup(device->path);
    }
}

/* Says in @before that there was no limit where @next brings one: else nothing would take it away again. */
static void
name_unlimited(VbDomainDef *before, const VbDomainDef *next, const QemuCgroup *cgroup)
{
    if (next->cputune)
        name_unlimited_cpu(VB_XML_NEED(before->cputune), next->cputune,
                           cgroup->places[QEMU_CGROUP_CPU].is_v2 ? KERNEL_WEIGHT : KERNEL_SHARES);
    if (next->blkiotune)
        name_unlimited_io(VB_XML_NEED(before->blkiotune), next->blkiotune);
    if (next->has_memtune_swap_hard && !before->has_memtune_swap_hard) {
        before->has_memtune_swap_hard = TRUE;
        before->memtune_swap_hard_kib = G_MAXUINT64;
    }
}

/* @is_change: as in limit_memory() */
static gboolean
limit_nodes(const Guest *guest, const char *nodes, gboolean is_change, GError **error)
{
    return (!nodes && !is_change) ||
           qemu_cgroup_set_nodes(guest->cgroup, guest->procfs, guest->pid, nodes, error);
}

static gboolean
limit_kind(const Guest *guest, const VbDomainDef *def, const VbDomainDef *before, int kind,
           GError **error)
{
    return ((kind != EVERY_KIND && kind != QEMU_TUNING_SCHEDULER) ||
            limit_cpu(guest, def, error)) &&
           ((kind != EVERY_KIND && kind != QEMU_TUNING_MEMORY) ||
            limit_memory(guest->cgroup, def, kind == QEMU_TUNING_MEMORY, error)) &&
           ((kind != EVERY_KIND && kind != QEMU_TUNING_BLKIO) ||
            limit_devices(guest->cgroup, def, before, error));
}

static void
run_work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const Work *work = data;
    const Guest *guest = &work->guest;
    GError *error = NULL;
    if ((!guest->is_new || qemu_cgroup_join(guest->cgroup, guest->pid, &error)) &&
        limit_kind(guest, work->next, work->before, work->kind, &error) &&
        ((work->kind != EVERY_KIND && work->kind != QEMU_TUNING_NUMA) ||
         limit_nodes(guest, work->nodes, work->kind == QEMU_TUNING_NUMA, &error))) {
        qemu_cgroup_drop_vcpus(guest->cgroup, guest->vcpus);
        g_task_return_boolean(task, TRUE);
        return;
    }
    g_task_return_error(task, error);
}

/* As far as the kernel lets us: what was refused is told, not this. */
static void
run_back(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const Work *work = data;
    (void)limit_kind(&work->guest, work->before, work->next, work->kind, NULL);
    if (work->kind == QEMU_TUNING_NUMA)
        (void)limit_nodes(&work->guest, work->nodes_before, TRUE, NULL);
    g_task_return_boolean(task, TRUE);
}

static void
work_end(Work *work)
{
    work->done(work->domain, work->refusal, work->data);
    g_clear_error(&work->refusal);
    qemu_domain_unref(work->domain);
    guest_clear(&work->guest);
    vb_domain_free(work->next);
    vb_domain_free(work->before);
    g_free(work->nodes);
    g_free(work->nodes_before);
    g_free(work);
}

static void
on_back(GObject *source, GAsyncResult *result, gpointer data)
{
    work_end(data);
}

static void
on_limited(QemuDomain *domain, GError *refusal, gpointer data)
{
    Work *work = data;
    g_autoptr(GTask) task = NULL;
    work->refusal = refusal ? g_error_copy(refusal) : NULL;
    if (!refusal || !work->before) {
        work_end(work);
        return;
    }
    task = g_task_new(NULL, NULL, on_back, work);
    g_task_set_task_data(task, work, NULL);
    g_task_run_in_thread(task, run_back);
}

/* Weights are last: what they count among is systemd's, which may refuse. */
static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    Work *work = data;
    const VbDomainDef *def = work->next;
    g_autoptr(GError) error = NULL;
    const gboolean has_cpu = work->kind == EVERY_KIND || work->kind == QEMU_TUNING_SCHEDULER;
    const gboolean has_io = work->kind == EVERY_KIND || work->kind == QEMU_TUNING_BLKIO;
    if (!g_task_propagate_boolean(G_TASK(result), &error)) {
        on_limited(work->domain, error, work);
        return;
    }
    qemu_confine_set_weights(work->domain, work->guest.cgroup->unit,
                             has_cpu && def->cputune && def->cputune->has_shares
                                 ? def->cputune->shares
                                 : 0,
                             has_io && def->blkiotune ? def->blkiotune->weight : 0, on_limited,
                             work);
}

/* takes @next and @before */
static void
work_begin(QemuDomain *domain, int kind, VbDomainDef *next, VbDomainDef *before, QemuDone done,
           gpointer data)
{
    Work *work = g_new0(Work, 1);
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_worked, work);
    *work = (Work){.domain = qemu_domain_ref(domain),
                   .done = done,
                   .data = data,
                   .kind = kind,
                   .next = next,
                   .before = before};
    work->nodes_before = qemu_tuning_nodes(domain);
    work->nodes = kind == QEMU_TUNING_NUMA && next->numatune ? g_strdup(next->numatune->nodeset)
                                                             : g_strdup(work->nodes_before);
    guest_take(&work->guest, domain);
    if (before)
        name_unlimited(before, next, work->guest.cgroup);
    g_task_set_task_data(task, work, NULL);
    g_task_run_in_thread(task, run_work);
}

void
qemu_tuning_apply(QemuDomain *domain, QemuDone done, gpointer data)
{
    work_begin(domain, EVERY_KIND, vb_domain_copy(domain->live), NULL, done, data);
}

void
qemu_tuning_add_threads(QemuDomain *domain, QemuDone done, gpointer data)
{
    if (has_cpu_limits(domain->live->cputune))
        work_begin(domain, QEMU_TUNING_SCHEDULER, vb_domain_copy(domain->live), NULL, done, data);
    else
        qemu_domain_finish_later(domain, NULL, done, data);
}

void
qemu_tuning_remove_thread(const QemuDomain *domain, const char *child)
{
    g_autoptr(QemuCgroup) cgroup = find_groups(domain);
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_CPU];
    g_autofree char *folder = place->folder ? g_build_filename(place->folder, child, NULL) : NULL;
    if (folder && g_file_test(folder, G_FILE_TEST_IS_DIR))
        qemu_cgroup_remove(folder);
}

/* ---- getting and setting ---- */

static const struct {
    QemuCgroupController controller;
    const char *get, *set; /* names of the calls, for refused flags */
    const char *event;     /* prefix of the tunable event's fields */
} kinds[] = {
    {QEMU_CGROUP_CPU, "qemuDomainGetSchedulerParametersFlags",
     "qemuDomainSetSchedulerParametersFlags", "cputune."},
    {QEMU_CGROUP_MEMORY, "qemuDomainGetMemoryParameters", "qemuDomainSetMemoryParameters", NULL},
    {QEMU_CGROUP_IO, "qemuDomainGetBlkioParameters", "qemuDomainSetBlkioParameters", "blkiotune."},
    {QEMU_CGROUP_CPUSET, "qemuDomainGetNumaParameters", "qemuDomainSetNumaParameters", NULL},
};

static gboolean
check_live(const QemuDomain *domain, QemuTuningKind kind, GError **error)
{
    g_autoptr(QemuCgroup) cgroup = NULL;
    if (!domain->process || domain->is_starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is not running");
    cgroup = find_groups(domain);
    return qemu_cgroup_check(cgroup, kinds[kind].controller, error);
}

GVariant *
qemu_tuning_get(QemuDomain *domain, QemuTuningKind kind, guint flags, GError **error)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autoptr(VbDomainDef) advised = NULL;
    GVariantBuilder values;
    guint n;
    const QemuTuningParam *params = qemu_tuning_params(kind, &n);
    if (!qemu_check_flags(flags & ~(guint)VIR_TYPED_PARAM_STRING_OKAY, IMPACT, kinds[kind].get,
                          error) ||
        !qemu_domain_pick_defs(domain, flags & IMPACT, &live, &config, error) ||
        (live && kind != QEMU_TUNING_NUMA && !check_live(domain, kind, error)))
        return NULL;
    if (live && kind == QEMU_TUNING_NUMA)
        live = advised = qemu_tuning_advised(domain);
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < n; i++)
        g_variant_builder_add(&values, "{sv}", params[i].name,
                              params[i].get(&params[i], live ? live : config));
    return g_variant_builder_end(&values);
}

static void
tell(QemuDomain *domain, QemuTuningKind kind, GVariant *params)
{
    GVariantBuilder told;
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    if (!kinds[kind].event)
        return;
    g_variant_builder_init(&told, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        g_autofree char *full = g_strconcat(kinds[kind].event, name, NULL);
        g_variant_builder_add(&told, "{sv}", full, value);
    }
    qemu_domain_emit(domain, "tunable",
                     g_variant_new_parsed("{'params': <%v>}", g_variant_builder_end(&told)));
}

typedef struct {
    QemuTuningKind kind;
    GVariant *params;
    gboolean is_stored;
    QemuDone done;
    gpointer data;
} Set;

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const Set *set = data;
    return qemu_tuning_write(set->kind, next, set->params, error);
}

/* The running guest was first: what the kernel refused is not kept. */
static void
on_set(QemuDomain *domain, GError *refusal, gpointer data)
{
    g_autofree Set *set = data;
    g_autoptr(GVariant) params = set->params;
    g_autoptr(GError) error = refusal ? g_error_copy(refusal) : NULL;
    if (!error && domain->live) {
        (void)qemu_tuning_write(set->kind, domain->live, params, NULL); /* as it did for the copy */
        qemu_domain_save(domain);
        tell(domain, set->kind, params);
    }
    if (!error && set->is_stored)
        (void)qemu_domain_change_config(domain, write_config, set, &error);
    set->done(domain, error, set->data);
}

/* Nothing is changed: whether @def takes the change. Returns: (transfer full): with it */
static VbDomainDef *
make_next(const VbDomainDef *def, const QemuTuningChange *change, GError **error)
{
    g_autoptr(VbDomainDef) next = vb_domain_copy(def);
    return qemu_tuning_write(change->kind, next, change->params, error) ? g_steal_pointer(&next)
                                                                        : NULL;
}

static gboolean
check_change(QemuDomain *domain, const QemuTuningChange *change, VbDomainDef **ret_live,
             VbDomainDef **ret_config, GError **error)
{
    return qemu_check_flags(change->flags, IMPACT, kinds[change->kind].set, error) &&
           qemu_domain_pick_defs(domain, change->flags, ret_live, ret_config, error) &&
           qemu_tuning_check(change->kind, change->params, error) &&
           (!*ret_live || check_live(domain, change->kind, error)) &&
           (change->kind != QEMU_TUNING_NUMA ||
            qemu_tuning_check_numa(domain, *ret_live, *ret_config, change->params, error));
}

void
qemu_tuning_set(QemuDomain *domain, const QemuTuningChange *change, QemuDone done, gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL, *next = NULL;
    g_autoptr(VbDomainDef) next_config = NULL;
    GError *error = NULL;
    Set *set;
    if (check_change(domain, change, &live, &config, &error) &&
        (!config || (next_config = make_next(config, change, &error))) && live)
        next = make_next(live, change, &error);
    if (!next) {
        if (!error)
            (void)qemu_domain_store_config(domain, g_steal_pointer(&next_config), &error);
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    set = g_new(Set, 1);
    *set = (Set){change->kind, g_variant_ref(change->params), config != NULL, done, data};
    work_begin(domain, (int)change->kind, next, vb_domain_copy(live), on_set, set);
}
