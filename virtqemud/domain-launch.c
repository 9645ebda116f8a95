/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The middle of a start: firmware and placement are chosen, what the guest needs is made, the emulator is forked. What may
 * take its time happens in threads or processes; a start that fails meanwhile is finished when they come back. */
#include "advice.h"
#include "base/error.h"
#include "command/command.h"
#include "confine.h"
#include "domain-start.h"
#include "firmware/firmware.h"
#include "guest-bus.h"
#include "hostdev.h"
#include "monitor.h"
#include "passt.h"
#include "perf.h"
#include "placement.h"
#include "secret.h"
#include "status.h"
#include "taint.h"
#include "tpm.h"
#include "transient.h"
#include "tuning.h"
#include "virtiofs.h"

#include <gio/gio.h>
#include <linux/mempolicy.h>

static gboolean
spawn(QemuTransition *start, const QemuCommand *command, QemuPrepared *prepared, GError **error)
{
    QemuDomain *domain = start->domain;
    g_autofree char *log = qemu_manager_log_path(domain->manager, domain->name);
    g_autofree char *pidfile = qemu_manager_pidfile_path(domain->manager, domain->name);
    g_autoptr(VbBitset) cpus = qemu_placement_of_emulator(domain);
    int memory_policy = 0;
    g_autoptr(VbBitset) nodes = qemu_placement_of_memory(domain, &memory_policy);
    g_autofree char *grouped = qemu_tuning_nodes(domain);
    QemuProcessSpec spec = {
        .argv = (const char *const *)command->argv->pdata,
        .env = (const char *const *)command->env->pdata,
        .log_path = log,
        .pidfile_path = pidfile,
        .cpus = cpus,
        .nodes = grouped || memory_policy == MPOL_DEFAULT ? NULL : nodes,
        .memory_policy = memory_policy,
        .fds = (const QemuProcessFd *)(gpointer)prepared->process_fds->data,
        .n_fds = prepared->process_fds->len,
        .is_held = TRUE,
    };
    domain->process = qemu_process_spawn(&spec, qemu_domain_on_exited, domain, error);
    return domain->process != NULL;
}

/* What the guest needs, and the command line: nothing runs yet. */
static gboolean
prepare(QemuTransition *start, GError **error)
{
    QemuDomain *domain = start->domain;
    vb_domain_assign_aliases(domain->live);
    qemu_command_number_images(domain->live);
    qemu_crash_point("start-begin");
    if (!qemu_placement_check(domain, domain->live, error))
        return FALSE;
    qemu_taint_started(domain);
    if (!qemu_status_write(domain, error)) /* from here on a restart cleans up */
        return FALSE;
    qemu_crash_point("start-status");
    start->prepared = qemu_prepare(domain, error);
    if (!start->prepared)
        return FALSE;
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    QemuCommandOptions options = {
        .domain_dir = folder,
        .run_dir = domain->manager->run_dir,
        .monitor_fd = start->prepared->monitor_target,
        .fds = (const QemuCommandFd *)(gpointer)start->prepared->command_fds->data,
        .n_fds = start->prepared->command_fds->len,
        .incoming = start->image ? "defer" : NULL,
        .has_master_key = TRUE,
        .has_sandbox = TRUE,
        .find_scsi = qemu_hostdev_find_scsi,
        .scsi_data = domain->manager,
        .find_secret = qemu_secret_provide,
        .secret_data = domain,
    };
    start->command = qemu_command_build(domain->live, start->caps, &options, error);
    if (!start->command || !qemu_status_write(domain, error))
        return FALSE;
    qemu_crash_point("start-prepared");
    return TRUE;
}

static gboolean
launch(QemuTransition *start, GError **error)
{
    QemuDomain *domain = start->domain;
    if (!qemu_virtiofs_start(domain, error))
        return FALSE;
    qemu_crash_point("start-helpers");
    start->log_offset = qemu_prepare_log(domain, start->command, start->caps);
    if (!spawn(start, start->command, start->prepared, error))
        return FALSE;
    g_clear_pointer(&start->prepared, qemu_prepared_free);
    g_clear_pointer(&start->command, qemu_command_free);
    qemu_crash_point("start-spawned");
    if (!qemu_status_write(domain, error) || !qemu_perf_start(domain, error) ||
        !qemu_monitor_open(domain, error))
        return FALSE;
    qemu_confine_and_release(domain);
    return TRUE;
}

static void
launch_or_fail(QemuTransition *start)
{
    GError *failure = NULL;
    if (!launch(start, &failure))
        qemu_start_fail(start, failure);
}

static void
on_helper_ready(QemuDomain *domain, const GError *error, gpointer data)
{
    QemuTransition *start = data;
    start->awaits_helper = --start->n_unready > 0;
    if (error && !start->error)
        qemu_start_fail(start, g_error_copy(error));
    else if (!start->awaits_helper && start->error)
        qemu_start_finish_failure(start);
    else if (!start->awaits_helper)
        launch_or_fail(start);
}

void
qemu_launch_go_on(QemuTransition *start)
{
    QemuDomain *domain = start->domain;
    GError *failure = NULL;
    if (qemu_guest_bus_is_needed(domain) &&
        qemu_guest_bus_start(domain, on_helper_ready, start, &failure))
        start->awaits_helper = ++start->n_unready > 0;
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        if (failure || !qemu_passt_serves(net) ||
            !qemu_passt_start(domain, net, on_helper_ready, start, &failure))
            continue;
        start->awaits_helper = ++start->n_unready > 0;
    }
    if (failure)
        qemu_start_fail(start, failure);
    else if (!start->awaits_helper)
        launch_or_fail(start);
}

void
qemu_launch_prepare(QemuTransition *start)
{
    GError *failure = NULL;
    if (prepare(start, &failure) && qemu_tpm_start(start, &failure))
        return; /* it goes on later */
    if (failure)
        qemu_start_fail(start, failure);
    else
        qemu_launch_go_on(start);
}

static void
cover_disks(QemuTransition *start)
{
    GError *failure = NULL;
    if (qemu_transient_start(start, &failure))
        return; /* it goes on later */
    if (failure)
        qemu_start_fail(start, failure);
    else
        qemu_launch_prepare(start);
}

/* ---- devices of the host; what was taken goes back when the start fails ---- */

static void
on_devices(QemuDomain *domain, GError *error, gpointer data)
{
    QemuTransition *start = data;
    start->awaits_caps = FALSE;
    if (start->error) { /* failed meanwhile: destroyed, or too late */
        qemu_start_finish_failure(start);
    } else if (error) {
        qemu_start_fail(start, g_error_copy(error));
    } else {
        cover_disks(start);
    }
}

static void
go_on(QemuTransition *start)
{
    start->awaits_caps = TRUE;
    qemu_hostdevs_take(start->domain, on_devices, start);
}

/* ---- advice on placement ---- */

static void
on_advice(const QemuAdvice *advice, gpointer data)
{
    QemuTransition *start = data;
    start->awaits_caps = FALSE;
    if (start->error) { /* failed meanwhile: destroyed, or too late */
        qemu_start_finish_failure(start);
        return;
    }
    start->domain->auto_cpus = vb_bitset_format(advice->cpus);
    start->domain->auto_nodes = vb_bitset_format(advice->cells);
    go_on(start);
}

static void
ask_advice(QemuTransition *start)
{
    const VbDomainDef *live = start->domain->live;
    start->awaits_caps = TRUE;
    qemu_advice_ask(start->domain->manager, live->current_vcpus ? live->current_vcpus : live->vcpus,
                    live->memory_kib, on_advice, start);
}

/* ---- firmware, programs: descriptors are read and variables copied in a thread, on a copy of the definition ---- */

typedef struct {
    QemuTransition *start; /* NULL: nobody waits any more */
    VbDomainDef *def;
    char *root, *nvram_dir;
    gboolean is_session, is_reset;
} Furnishing;

static void
furnishing_free(gpointer data)
{
    Furnishing *furnishing = data;
    vb_domain_free(furnishing->def);
    g_free(furnishing->root);
    g_free(furnishing->nvram_dir);
    g_free(furnishing);
}

static void
furnish_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Furnishing *furnishing = data;
    const QemuInteropPlace place = {.root = furnishing->root, .is_session = furnishing->is_session};
    GError *error = NULL;
    if (qemu_firmware_is_open(furnishing->def)) {
        g_autoptr(GPtrArray) all = qemu_firmware_read_all(&place);
        (void)qemu_firmware_fill(furnishing->def, all, furnishing->nvram_dir, &error);
    }
    if (!error)
        (void)qemu_virtiofs_fill(furnishing->def, &place, &error);
    if (!error)
        (void)qemu_nvram_make(furnishing->def, furnishing->nvram_dir, furnishing->is_reset, &error);
    if (error)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

static void
take_furnished(VbDomainDef *live, VbDomainDef *furnished)
{
    const VbDomainOs os = live->os;
    live->os = furnished->os;
    furnished->os = os;
    live->features.smm = furnished->features.smm;
    live->features.has_smm = furnished->features.has_smm;
    for (guint i = 0; i < VB_DOMAIN_COUNT(live->filesystems); i++) {
        VbDomainFilesystem *to = live->filesystems->pdata[i];
        VbDomainFilesystem *from = furnished->filesystems->pdata[i];
        if (!to->binary_path)
            to->binary_path = g_steal_pointer(&from->binary_path);
    }
}

static void
on_furnished(GObject *source, GAsyncResult *result, gpointer data)
{
    Furnishing *furnishing = g_task_get_task_data(G_TASK(result));
    QemuTransition *start = furnishing->start;
    GError *failure = NULL;
    const gboolean is_done = g_task_propagate_boolean(G_TASK(result), &failure);
    if (!start) {
        g_clear_error(&failure);
        return;
    }
    start->awaits_caps = FALSE;
    start->abandoned_by = NULL;
    if (start->error) {
        g_clear_error(&failure);
        qemu_start_finish_failure(start);
        return;
    }
    if (!is_done) {
        qemu_start_fail(start, failure);
        return;
    }
    VbDomainDef *live = start->domain->live;
    take_furnished(live, furnishing->def);
    if (qemu_placement_is_auto(live))
        ask_advice(start);
    else
        go_on(start);
}

static void
furnish(QemuTransition *start)
{
    QemuManager *manager = start->domain->manager;
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_furnished, NULL);
    Furnishing *furnishing = g_new0(Furnishing, 1);
    furnishing->start = start;
    furnishing->def = vb_domain_copy(start->domain->live);
    furnishing->root = g_strdup(manager->root);
    furnishing->nvram_dir = g_build_filename(manager->lib_dir, "nvram", NULL);
    furnishing->is_session = manager->is_session;
    furnishing->is_reset = (start->flags & VIR_DOMAIN_START_RESET_NVRAM) != 0;
    start->awaits_caps = TRUE;
    start->abandoned_by = &furnishing->start;
    g_task_set_task_data(task, furnishing, furnishing_free);
    g_task_run_in_thread(task, furnish_in_thread);
}

void
qemu_launch_on_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    QemuTransition *start = data;
    const VbDomainDef *live = start->domain->live;
    start->awaits_caps = FALSE;
    if (start->error) { /* failed meanwhile: destroyed, or too late */
        qemu_start_finish_failure(start);
        return;
    }
    if (error) {
        qemu_start_fail(start, g_error_copy(error));
        return;
    }
    start->caps = qemu_caps_ref(caps);
    if (qemu_firmware_is_open(live) || live->os.nvram || qemu_virtiofs_is_open(live))
        furnish(start);
    else if (qemu_placement_is_auto(live))
        ask_advice(start);
    else
        go_on(start);
}
