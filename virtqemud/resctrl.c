/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups of running guests: which there are, and making and removing them. Names are libvirt's: "qemu-ID-NAME-vcpus_LIST"
 * for an allocation, and for a monitor below it or below the default group. Reading: resctrl-stats.c. */
#include "resctrl.h"

#include "base/bitset.h"
#include "base/error.h"
#include "domain-private.h"
#include "resctrl-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#define OWED "resctrl "

const char *
qemu_resctrl_state_nick(QemuResctrlState state)
{
    static const char *const nicks[] = {"disabled", "enabled", "forced"};
    return nicks[state];
}

/* ---- which groups a definition means ---- */

static gboolean
has_allocation(const VbDomainResctrl *tune)
{
    return VB_DOMAIN_COUNT(tune->caches) + VB_DOMAIN_COUNT(tune->nodes) > 0;
}

gboolean
qemu_resctrl_is_wanted(const VbDomainDef *def)
{
    return def->cputune &&
           VB_DOMAIN_COUNT(def->cputune->cachetunes) + VB_DOMAIN_COUNT(def->cputune->memorytunes) >
               0;
}

static gboolean
is_allocated(const VbDomainDef *def, const char *vcpus)
{
    GPtrArray *const lists[] = {def->cputune->cachetunes, def->cputune->memorytunes};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainResctrl, tune, lists[i])
        {
            if (has_allocation(tune) && strcmp(tune->vcpus, vcpus) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

char *
qemu_resctrl_group_name(const QemuDomain *domain, const char *vcpus)
{
    return g_strdup_printf("qemu-%d-%s%s%s", domain->id, domain->name, vcpus ? "-vcpus_" : "",
                           vcpus ? vcpus : "");
}

char *
qemu_resctrl_monitor_path(const QemuDomain *domain, const VbDomainResctrl *tune,
                          const VbDomainResctrlMonitor *monitor)
{
    const char *root = domain->manager->resctrl;
    const gboolean is_own = is_allocated(domain->live, tune->vcpus);
    g_autofree char *group = qemu_resctrl_group_name(domain, tune->vcpus);
    g_autofree char *name = qemu_resctrl_group_name(domain, monitor->vcpus);
    if (is_own && strcmp(tune->vcpus, monitor->vcpus) == 0)
        return vb_resctrl_path(root, NULL, group);
    return vb_resctrl_path(root, is_own ? group : "", name);
}

static void
add_threads(const QemuDomain *domain, const char *vcpus, GArray *tids)
{
    g_autoptr(VbBitset) set = vb_bitset_parse(vcpus);
    for (guint i = 0; i < domain->vcpu_tids->len; i++) {
        const pid_t tid = g_array_index(domain->vcpu_tids, pid_t, i);
        if (tid > 0 && vb_bitset_has(set, i))
            g_array_append_val(tids, tid);
    }
}

static VbResctrlGroup *
find_group(const GPtrArray *groups, const char *name, const char *parent)
{
    for (guint i = 0; i < groups->len; i++) {
        VbResctrlGroup *group = groups->pdata[i];
        if (strcmp(group->name, name) == 0 && g_strcmp0(group->parent, parent) == 0)
            return group;
    }
    return NULL;
}

static VbResctrlGroup *
need_group(const QemuDomain *domain, GPtrArray *groups, const char *vcpus, const char *parent)
{
    g_autofree char *name = qemu_resctrl_group_name(domain, vcpus);
    VbResctrlGroup *group = find_group(groups, name, parent);
    if (!group) {
        group = vb_resctrl_group_new(name, parent);
        add_threads(domain, vcpus, group->tids);
        g_ptr_array_add(groups, group);
    }
    return group;
}

static void
add_wishes(const VbDomainResctrl *tune, GArray *wishes)
{
    VB_DOMAIN_EACH(VbDomainCacheShare, share, tune->caches)
    {
        VbResctrlWish wish = {share->level, (VbResctrlScope)share->scope, share->id, 0};
        (void)vb_size_scale(share->size, share->unit, 1024, &wish.amount); /* checked on define */
        g_array_append_val(wishes, wish);
    }
    VB_DOMAIN_EACH(VbDomainBandwidthShare, share, tune->nodes)
    {
        const VbResctrlWish wish = {0, VB_RESCTRL_BOTH, share->node, share->bandwidth};
        g_array_append_val(wishes, wish);
    }
}

/* Allocations stand before the monitors below them. (transfer full) of VbResctrlGroup */
static GPtrArray *
plan_groups(const QemuDomain *domain)
{
    const VbDomainDef *def = domain->live;
    GPtrArray *const lists[] = {def->cputune->cachetunes, def->cputune->memorytunes};
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)vb_resctrl_group_free);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainResctrl, tune, lists[i])
        {
            if (has_allocation(tune))
                add_wishes(tune, need_group(domain, groups, tune->vcpus, NULL)->wishes);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainResctrl, tune, lists[i])
        {
            const gboolean is_own = is_allocated(def, tune->vcpus);
            g_autofree char *group = qemu_resctrl_group_name(domain, tune->vcpus);
            VB_DOMAIN_EACH(VbDomainResctrlMonitor, monitor, tune->monitors)
            {
                if (!is_own || strcmp(monitor->vcpus, tune->vcpus) != 0)
                    need_group(domain, groups, monitor->vcpus, is_own ? group : "");
            }
        }
    }
    return groups;
}

/* ---- work in a thread ---- */

typedef struct {
    QemuDomain *domain; /* a reference; main loop only */
    QemuDone done;
    gpointer data;
    char *root;
    GArray *banks;
    GPtrArray *groups; /* made; NULL: @removed goes */
    char *removed;     /* a monitor of the default group */
} Work;

static void
work_free(Work *work)
{
    qemu_domain_unref(work->domain);
    g_free(work->root);
    g_clear_pointer(&work->banks, g_array_unref);
    g_clear_pointer(&work->groups, g_ptr_array_unref);
    g_free(work->removed);
    g_free(work);
}

static void
run_work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const Work *work = data;
    GError *error = NULL;
    const gboolean is_done = work->groups
                                 ? vb_resctrl_create(work->root, work->banks, work->groups, &error)
                                 : vb_resctrl_remove(work->root, "", work->removed, &error);
    if (is_done)
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    Work *work = data;
    g_autoptr(GError) error = NULL;
    (void)g_task_propagate_boolean(G_TASK(result), &error);
    work->done(work->domain, error, work->data);
    work_free(work);
}

static Work *
work_new(QemuDomain *domain, QemuDone done, gpointer data)
{
    Work *work = g_new0(Work, 1);
    work->domain = qemu_domain_ref(domain);
    work->done = done;
    work->data = data;
    work->root = g_strdup(domain->manager->resctrl);
    return work;
}

static void
work_begin(Work *work)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_worked, work);
    g_task_set_task_data(task, work, NULL);
    g_task_run_in_thread(task, run_work);
}

static GArray *
list_banks(QemuManager *manager)
{
    GArray *banks = g_array_new(FALSE, TRUE, sizeof(VbResctrlBank));
    const VbHostTopology *topology = vb_host_get_topology(manager->host);
    VB_HOST_EACH(VbHostCacheBank, found, topology->banks)
    {
        const VbResctrlBank bank = {found->level, found->id, found->size_b};
        g_array_append_val(banks, bank);
    }
    return banks;
}

static void
owe_groups(QemuDomain *domain, const GPtrArray *groups)
{
    for (guint i = 0; i < groups->len; i++) {
        const VbResctrlGroup *group = groups->pdata[i];
        g_autofree char *path =
            vb_resctrl_path(domain->manager->resctrl, group->parent, group->name);
        qemu_domain_owe(domain, "resctrl", path);
    }
}

void
qemu_resctrl_create(QemuDomain *domain, QemuDone done, gpointer data)
{
    Work *work = work_new(domain, done, data);
    work->banks = list_banks(domain->manager);
    work->groups = plan_groups(domain);
    owe_groups(domain, work->groups);
    qemu_domain_save(domain);
    work_begin(work);
}

void
qemu_resctrl_add_vcpu(QemuDomain *domain, guint vcpu, pid_t tid)
{
    g_autoptr(GPtrArray) groups = NULL;
    if (!domain->live || !qemu_resctrl_is_wanted(domain->live))
        return;
    groups = plan_groups(domain);
    for (guint i = 0; i < groups->len; i++) {
        const VbResctrlGroup *group = groups->pdata[i];
        g_autofree char *path =
            vb_resctrl_path(domain->manager->resctrl, group->parent, group->name);
        g_autoptr(GError) error = NULL;
        for (guint j = 0; j < group->tids->len; j++) {
            if (g_array_index(group->tids, pid_t, j) == tid &&
                !vb_resctrl_add_thread(path, tid, &error))
                g_warning("vcpu %u of domain '%s': %s", vcpu, domain->name, error->message);
        }
    }
}

/* Without the lock: a group that goes leaves room, and takes none. */
void
qemu_resctrl_remove_owed(const char *path)
{
    if (rmdir(path) < 0 && errno != ENOENT && errno != ENOTDIR)
        g_warning("cannot remove %s: %s", path, g_strerror(errno));
}

/* ---- the monitor of the whole guest ---- */

char *
qemu_resctrl_guest_monitor_path(const QemuDomain *domain)
{
    g_autofree char *name = qemu_resctrl_group_name(domain, NULL);
    return vb_resctrl_path(domain->manager->resctrl, "", name);
}

static char *
guest_monitor_owed(const QemuDomain *domain)
{
    g_autofree char *path = qemu_resctrl_guest_monitor_path(domain);
    return g_strconcat(OWED, path, NULL);
}

QemuResctrlState
qemu_resctrl_get_state(const QemuDomain *domain)
{
    g_autofree char *owed = NULL;
    if (!domain->live || !domain->manager)
        return QEMU_RESCTRL_DISABLED;
    if (qemu_resctrl_is_wanted(domain->live))
        return QEMU_RESCTRL_FORCED;
    owed = guest_monitor_owed(domain);
    return g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, NULL)
               ? QEMU_RESCTRL_ENABLED
               : QEMU_RESCTRL_DISABLED;
}

static void
forget_monitor(QemuDomain *domain)
{
    g_autofree char *owed = guest_monitor_owed(domain);
    guint at;
    if (g_ptr_array_find_with_equal_func(domain->owed, owed, g_str_equal, &at))
        g_ptr_array_remove_index(domain->owed, at);
    domain->resctrl_before = (QemuResctrlBefore){0};
    qemu_domain_save(domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RESCTRL);
}

typedef struct {
    QemuDone done;
    gpointer data;
    gboolean is_enabled;
} Switch;

static void
on_switched(QemuDomain *domain, GError *error, gpointer data)
{
    g_autofree Switch *change = data;
    /* enabled and failed, or disabled and done; the guest may have ended meanwhile */
    if (domain->live && domain->manager && change->is_enabled == (error != NULL))
        forget_monitor(domain);
    else if (domain->live)
        qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RESCTRL);
    change->done(domain, error, change->data);
}

/* every thread of the emulator */
static void
add_every_thread(const QemuDomain *domain, GArray *tids)
{
    g_autofree char *path = g_strdup_printf("%s/%d/task", domain->manager->procfs,
                                            (int)qemu_process_get_pid(domain->process));
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        const pid_t tid = (pid_t)g_ascii_strtoll(name, NULL, 10);
        if (tid > 0)
            g_array_append_val(tids, tid);
    }
}

static void
enable(QemuDomain *domain, Work *work)
{
    g_autofree char *name = qemu_resctrl_group_name(domain, NULL);
    VbResctrlGroup *group = vb_resctrl_group_new(name, "");
    add_every_thread(domain, group->tids);
    work->banks = list_banks(domain->manager);
    work->groups = g_ptr_array_new_with_free_func((GDestroyNotify)vb_resctrl_group_free);
    g_ptr_array_add(work->groups, group);
    owe_groups(domain, work->groups);
    qemu_domain_save(domain);
}

static gboolean
check_switch(QemuDomain *domain, gboolean is_enabled, GError **error)
{
    const QemuResctrlState state = qemu_resctrl_get_state(domain);
    g_autoptr(VbResctrlInfo) info = NULL;
    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    if (!domain->process || domain->is_starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is not running");
    if (state == QEMU_RESCTRL_FORCED && !is_enabled)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "monitoring of domain '%s' is forced by cachetune", domain->name);
    info = vb_resctrl_info_read(domain->manager->resctrl);
    if (!info->has_monitor && is_enabled)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Monitor is not supported in host");
    return TRUE;
}

void
qemu_resctrl_set_monitoring(QemuDomain *domain, gboolean is_enabled, QemuDone done, gpointer data)
{
    GError *error = NULL;
    Switch *change;
    Work *work;
    if (!check_switch(domain, is_enabled, &error) ||
        is_enabled == (qemu_resctrl_get_state(domain) != QEMU_RESCTRL_DISABLED)) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    change = g_new(Switch, 1);
    *change = (Switch){done, data, is_enabled};
    work = work_new(domain, on_switched, change);
    if (is_enabled)
        enable(domain, work);
    else
        work->removed = qemu_resctrl_group_name(domain, NULL);
    work_begin(work);
}
