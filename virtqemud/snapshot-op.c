/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the steps of an operation on snapshots, and undoes them. Owns QemuSnapshotOp. Nothing in here blocks: the emulator,
 * child processes and threads answer later. */
#include "snapshot-op.h"

#include "agent.h"
#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <gio/gio.h>
#include <string.h>

QemuSnapshotOp *
qemu_snapshot_op_ref(QemuSnapshotOp *op)
{
    op->ref_count++;
    return op;
}

void
qemu_snapshot_op_unref(QemuSnapshotOp *op)
{
    if (--op->ref_count > 0)
        return;
    vb_snapshot_free(op->def);
    vb_domain_free(op->plan);
    g_clear_error(&op->error);
    g_clear_handle_id(&op->poll_source, g_source_remove);
    g_clear_pointer(&op->names, g_ptr_array_unref);
    g_clear_pointer(&op->made, g_ptr_array_unref);
    g_clear_pointer(&op->sizes, g_hash_table_unref);
    g_clear_pointer(&op->nodes, g_ptr_array_unref);
    g_ptr_array_unref(op->commands);
    g_free(op->job);
    g_free(op);
}

/* ---- beginning and end ---- */

QemuSnapshotOp *
qemu_snapshot_op_new(QemuDomain *domain, VbSnapshotDef *def, const QemuSnapshotRequest *request,
                     const QemuSnapshotOpSpec *spec, GError **error)
{
    g_autoptr(VbSnapshotDef) owned = def;
    const QemuJobSpec job = {.name = spec->job,
                             .operation = spec->operation,
                             .subject = request->subject,
                             .owner = request->owner};
    if (domain->plugs && domain->plugs->length > 0) {
        vb_error_set(error, VIR_ERR_OPERATION_TIMEOUT,
                     "cannot acquire state change lock (held by a change of devices)");
        return NULL;
    }
    if (!qemu_job_begin(domain, &job, error))
        return NULL;
    QemuSnapshotOp *op = g_new0(QemuSnapshotOp, 1);
    op->ref_count = 1;
    op->domain = qemu_domain_ref(domain);
    op->flags = request->flags;
    op->def = g_steal_pointer(&owned);
    op->done = spec->done;
    op->data = spec->data;
    op->steps = spec->steps;
    op->n_steps = spec->n_steps;
    op->commands = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    op->made = g_ptr_array_new_with_free_func(g_free);
    domain->snapshot_op = op;
    return op;
}

static void
op_end(QemuSnapshotOp *op)
{
    g_autoptr(QemuDomain) domain = g_steal_pointer(&op->domain);
    domain->snapshot_op = NULL;
    g_clear_handle_id(&op->poll_source, g_source_remove);
    if (domain->live)
        qemu_domain_save(domain);
    qemu_job_end(domain, op->error);
    op->done(domain, op->error ? NULL : op->def->name, op->error, op->data);
    if (domain->is_kept) { /* a transient guest between its end and its new beginning */
        domain->is_kept = FALSE;
        if (!domain->live && !domain->config && domain->manager)
            qemu_manager_remove(domain->manager, domain);
    }
    qemu_snapshot_op_unref(op);
}

static void
op_step(QemuSnapshotOp *op)
{
    for (;;) {
        if (op->is_undoing && op->at == 0) {
            op_end(op);
            return;
        }
        if (!op->is_undoing && op->at == op->n_steps) {
            op_end(op);
            return;
        }
        const QemuSnapshotStepRow *row = &op->steps[op->is_undoing ? --op->at : op->at];
        QemuSnapshotStep step = op->is_undoing ? row->undo : row->run;
        op->index = 0;
        if (step) {
            step(op);
            return;
        }
        if (!op->is_undoing)
            op->at++;
    }
}

void
qemu_snapshot_op_begin(QemuSnapshotOp *op)
{
    op_step(op);
}

void
qemu_snapshot_op_next(QemuSnapshotOp *op)
{
    if (!op->is_undoing)
        op->at++;
    op_step(op);
}

/* What fails while undoing is logged, and undoing goes on. */
void
qemu_snapshot_op_fail(QemuSnapshotOp *op, GError *error)
{
    if (op->is_undoing) {
        g_warning("domain %s: undoing a snapshot operation: %s", op->domain->name, error->message);
        g_error_free(error);
        op_step(op);
        return;
    }
    op->error = error;
    op->is_undoing = TRUE;
    op->at++; /* the step that failed is undone too */
    op_step(op);
}

/* The daemon ends: the next one finds the journal. */
void
qemu_snapshot_op_drop(QemuDomain *domain)
{
    QemuSnapshotOp *op = g_steal_pointer(&domain->snapshot_op);
    g_autoptr(GError) error = NULL;
    if (!op)
        return;
    g_autoptr(QemuDomain) held = g_steal_pointer(&op->domain);
    g_clear_handle_id(&op->poll_source, g_source_remove);
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED,
                 "the daemon ends while a snapshot of domain '%s' is worked on", held->name);
    op->done(held, NULL, error, op->data);
    qemu_snapshot_op_unref(op);
}

/* ---- refusals ---- */

typedef struct {
    QemuSnapshotDone done;
    gpointer data;
} Refusal;

static void
on_refused(QemuDomain *domain, GError *error, gpointer data)
{
    g_autofree Refusal *refusal = data;
    refusal->done(domain, NULL, error, refusal->data);
}

void
qemu_snapshot_op_refuse(QemuDomain *domain, GError *error, QemuSnapshotDone done, gpointer data)
{
    Refusal *refusal = g_new(Refusal, 1);
    *refusal = (Refusal){done, data};
    qemu_domain_finish_later(domain, error, on_refused, refusal);
}

/* ---- the emulator ---- */

gboolean
qemu_snapshot_op_has_monitor(const QemuSnapshotOp *op)
{
    const QemuDomain *domain = op->domain;
    return domain->live && domain->qmp && !domain->is_exited && domain->manager;
}

static void
on_executed(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_error_copy(error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_op_execute(QemuSnapshotOp *op, const char *command, const char *arguments,
                         guint timeout_ms)
{
    GError *error = NULL;
    if (qemu_snapshot_op_has_monitor(op)) {
        qemu_qmp_execute(op->domain->qmp, command, arguments, timeout_ms, on_executed,
                         qemu_snapshot_op_ref(op));
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    qemu_snapshot_op_fail(op, error);
}

void
qemu_snapshot_step_probe(QemuSnapshotOp *op)
{
    qemu_snapshot_op_execute(op, "query-status", NULL, QEMU_QMP_TIMEOUT_MS);
}

void
qemu_snapshot_step_stop(QemuSnapshotOp *op)
{
    if (op->domain->state != VIR_DOMAIN_RUNNING) {
        qemu_snapshot_op_next(op);
        return;
    }
    op->was_running = TRUE;
    qemu_monitor_set_pause_reason(op->domain, VIR_DOMAIN_PAUSED_SNAPSHOT);
    qemu_snapshot_op_execute(op, "stop", NULL, 0);
}

/* before the memory is written; LIVE: it runs on until all of it is */
void
qemu_snapshot_step_pause(QemuSnapshotOp *op)
{
    if (op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_LIVE)
        qemu_snapshot_op_next(op);
    else
        qemu_snapshot_step_stop(op);
}

static void
run_on(QemuSnapshotOp *op)
{
    op->was_running = FALSE;
    qemu_monitor_set_run_reason(op->domain, VIR_DOMAIN_RUNNING_UNPAUSED);
    qemu_snapshot_op_execute(op, "cont", NULL, 0);
}

void
qemu_snapshot_undo_stop(QemuSnapshotOp *op)
{
    if (op->was_running && qemu_snapshot_op_has_monitor(op))
        run_on(op);
    else
        qemu_snapshot_op_next(op);
}

static void
on_halted(QemuDomain *domain, GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_error_copy(error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_step_go_on(QemuSnapshotOp *op)
{
    if (!qemu_snapshot_op_has_monitor(op))
        qemu_snapshot_op_next(op);
    else if (op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_HALT)
        qemu_domain_end_softly(op->domain, VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT,
                               VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT, on_halted,
                               qemu_snapshot_op_ref(op));
    else if (op->was_running)
        run_on(op);
    else
        qemu_snapshot_op_next(op);
}

/* ---- the guest's file systems ---- */

static void
ask_agent(QemuSnapshotOp *op, const char *command, QemuAgentDone done)
{
    const QemuAgentRequest request = {.command = command,
                                      .timeout_s = VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT};
    qemu_agent_execute(op->domain, &request, done, qemu_snapshot_op_ref(op));
}

/* A freeze that failed may have frozen some: it is undone. */
static void
on_frozen(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_error_copy(error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_step_freeze(QemuSnapshotOp *op)
{
    if (!(op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE)) {
        qemu_snapshot_op_next(op);
        return;
    }
    op->is_frozen = TRUE;
    ask_agent(op, "guest-fsfreeze-freeze", on_frozen);
}

/* The disks have moved over by now: a guest that does not thaw is worth a word, and no more can be done about it. */
static void
on_thawed(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (error)
        g_warning("domain %s: its file systems may still be frozen: %s", domain->name,
                  error->message);
    if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_step_thaw(QemuSnapshotOp *op)
{
    const gboolean is_frozen = op->is_frozen;
    op->is_frozen = FALSE;
    if (is_frozen && qemu_snapshot_op_has_monitor(op))
        ask_agent(op, "guest-fsfreeze-thaw", on_thawed);
    else
        qemu_snapshot_op_next(op);
}

void
qemu_snapshot_undo_freeze(QemuSnapshotOp *op)
{
    qemu_snapshot_step_thaw(op);
}

/* ---- child processes ---- */

void
qemu_snapshot_op_add_command(QemuSnapshotOp *op, const char *first, ...)
{
    GPtrArray *words = g_ptr_array_new();
    va_list list;
    va_start(list, first);
    for (const char *word = first; word; word = va_arg(list, const char *))
        g_ptr_array_add(words, g_strdup(word));
    va_end(list);
    g_ptr_array_add(words, NULL);
    g_ptr_array_add(op->commands, g_ptr_array_free(words, FALSE));
}

static void run_command(QemuSnapshotOp *op);

/* Source: libvirt's words for a child that fails */
static void
set_exit_error(GError **error, GSubprocess *child, const char *const *argv, const char *words)
{
    g_autofree char *line = g_strjoinv(" ", (char **)argv);
    const char *text = words ? words : "";
    if (g_subprocess_get_if_exited(child))
        vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                     "Child process (%s) unexpected exit status %d: %s", line,
                     g_subprocess_get_exit_status(child), text);
    else
        vb_error_set(error, VIR_ERR_OPERATION_FAILED, "Child process (%s) ended by a signal: %s",
                     line, text);
}

static void
command_done(QemuSnapshotOp *op, GError *error)
{
    if (error && (op->ignores_failures || op->is_undoing)) {
        g_message("domain %s: %s", op->domain->name, error->message);
        g_clear_error(&error);
    }
    if (error) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    op->index++;
    run_command(op);
}

static void
on_child_ended(GObject *source, GAsyncResult *result, gpointer data)
{
    QemuSnapshotOp *op = data;
    GSubprocess *child = G_SUBPROCESS(source);
    g_autofree char *words = NULL;
    g_autoptr(GError) reason = NULL;
    GError *error = NULL;
    gboolean is_read = g_subprocess_communicate_utf8_finish(child, result, NULL, &words, &reason);
    if (op->domain) {
        if (!is_read)
            vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", reason->message);
        else if (!g_subprocess_get_successful(child))
            set_exit_error(&error, child, op->commands->pdata[op->index], g_strstrip(words));
        command_done(op, error);
    }
    qemu_snapshot_op_unref(op);
}

static void
run_command(QemuSnapshotOp *op)
{
    g_autoptr(GError) reason = NULL;
    GError *error = NULL;
    if (op->index == op->commands->len) {
        g_ptr_array_set_size(op->commands, 0);
        qemu_snapshot_op_next(op);
        return;
    }
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_setenv(launcher, "LC_ALL", "C", TRUE);
    g_autoptr(GSubprocess) child =
        g_subprocess_launcher_spawnv(launcher, op->commands->pdata[op->index], &reason);
    if (child) {
        g_subprocess_communicate_utf8_async(child, NULL, NULL, on_child_ended,
                                            qemu_snapshot_op_ref(op));
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", reason->message);
    command_done(op, error);
}

void
qemu_snapshot_op_run_commands(QemuSnapshotOp *op)
{
    op->index = 0;
    run_command(op);
}

/* ---- threads ---- */

typedef struct {
    QemuSnapshotOp *op;
    QemuSnapshotWork work;
    GPtrArray *paths;
    gboolean flag;
} Work;

static void
run_work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Work *work = data;
    GError *error = NULL;
    if (work->work(work->paths, work->flag, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autofree Work *work = data;
    QemuSnapshotOp *op = work->op;
    GError *error = NULL;
    (void)g_task_propagate_boolean(G_TASK(result), &error);
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_steal_pointer(&error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    g_clear_error(&error);
    g_ptr_array_unref(work->paths);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_op_work(QemuSnapshotOp *op, QemuSnapshotWork work, GPtrArray *paths, gboolean flag)
{
    Work *task_data = g_new(Work, 1);
    *task_data = (Work){qemu_snapshot_op_ref(op), work, paths, flag};
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_worked, task_data);
    g_task_set_task_data(task, task_data, NULL);
    g_task_run_in_thread(task, run_work);
}
