/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a restart makes of an operation on snapshots that was cut short: the journal says which, and how far it may have got;
 * the images, the emulator and the records say the rest. It is the guest's job again while it lasts. */
#include "base/error.h"
#include "command/command.h"
#include "define.h"
#include "domain-private.h"
#include "snapshot-journal.h"
#include "snapshot-op.h"

#include <string.h>

static void
on_done(QemuDomain *domain, const char *name, GError *error, gpointer data)
{
    if (error)
        g_warning("domain %s: finishing what a restart interrupted: %s", domain->name,
                  error->message);
}

/* ---- steps ---- */

static void
step_forget_journal(QemuSnapshotOp *op)
{
    if (op->domain->manager)
        qemu_journal_remove(op->domain);
    qemu_snapshot_op_next(op);
}

static void
step_remove_data(QemuSnapshotOp *op)
{
    op->ignores_failures = TRUE;
    qemu_snapshot_add_image_commands(op, "-d", op->def->name, op->def);
    qemu_snapshot_op_run_commands(op);
}

static void
step_commit_revert(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (qemu_snapshot_commit_revert(op->domain, op->def, &error))
        qemu_snapshot_op_next(op);
    else
        qemu_snapshot_op_fail(op, error);
}

/* An emulator that is still at it is waited for; the one job it can have is ours. */
static void
step_delete_saved(QemuSnapshotOp *op)
{
    op->ignores_failures = TRUE;
    qemu_snapshot_run_job(op, "snapshot-delete", op->def);
}

static void
step_run_on(QemuSnapshotOp *op)
{
    qemu_snapshot_undo_stop(op);
}

static gboolean
is_in_use(const QemuSnapshotOp *op, const VbJson *devices)
{
    for (const VbJson *device = vb_json_first(devices); device; device = vb_json_next(device)) {
        const char *node = vb_json_as_string(vb_json_get_path(device, "inserted/node-name"));
        VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
        {
            g_autofree char *name = qemu_command_image_node(&entry->source);
            if (entry->source.index > 0 && g_strcmp0(node, name) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

static void
on_block(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error) {
        qemu_snapshot_op_fail(op, g_error_copy(error));
    } else if (op->domain) {
        op->has_switched = is_in_use(op, result);
        qemu_snapshot_op_next(op);
    }
    qemu_snapshot_op_unref(op);
}

/* images that were opened and never used */
static void
drop_nodes(QemuSnapshotOp *op)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        static const char *const kinds[] = {"format", "storage"};
        for (guint i = 0; entry->source.index > 0 && i < G_N_ELEMENTS(kinds); i++) {
            g_autofree char *name = g_strdup_printf("libvirt-%u-%s", entry->source.index, kinds[i]);
            g_autofree char *arguments = vb_json_object("s:node-name", name, NULL);
            qemu_qmp_execute(op->domain->qmp, "blockdev-del", arguments, 0, NULL, NULL);
        }
    }
}

static void
step_ask_block(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (qemu_snapshot_op_has_monitor(op)) {
        qemu_qmp_execute(op->domain->qmp, "query-block", NULL, QEMU_QMP_TIMEOUT_MS, on_block,
                         qemu_snapshot_op_ref(op));
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    qemu_snapshot_op_fail(op, error);
}

static void
step_remove_files(QemuSnapshotOp *op)
{
    g_autoptr(QemuJournal) journal = qemu_journal_read(op->domain);
    if (journal)
        qemu_journal_remove_files(journal);
    qemu_snapshot_op_next(op);
}

static void
step_take(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (qemu_snapshot_commit(op->domain, op->def, op->flags, &error))
        qemu_snapshot_op_next(op);
    else
        qemu_snapshot_op_fail(op, error);
}

/* All disks moved over in one transaction, or none did. */
static void
step_take_or_remove(QemuSnapshotOp *op)
{
    if (op->has_switched) {
        step_take(op);
        return;
    }
    if (qemu_snapshot_op_has_monitor(op))
        drop_nodes(op);
    step_remove_files(op);
}

static const QemuSnapshotStepRow undo_offline[] = {{step_remove_data, NULL},
                                                   {step_remove_files, NULL},
                                                   {step_forget_journal, NULL}};
static const QemuSnapshotStepRow take_offline[] = {{step_take, NULL}, {step_forget_journal, NULL}};
static const QemuSnapshotStepRow apply_offline[] = {{qemu_snapshot_step_images_apply, NULL},
                                                    {step_commit_revert, NULL},
                                                    {step_forget_journal, NULL}};
static const QemuSnapshotStepRow forget[] = {{step_forget_journal, NULL}};
static const QemuSnapshotStepRow undo_live_internal[] = {{step_delete_saved, NULL},
                                                         {step_run_on, NULL},
                                                         {step_forget_journal, NULL}};
static const QemuSnapshotStepRow settle_live_external[] = {{step_ask_block, NULL},
                                                           {qemu_snapshot_step_thaw, NULL},
                                                           {step_take_or_remove, NULL},
                                                           {step_run_on, NULL},
                                                           {step_forget_journal, NULL}};
static const QemuSnapshotStepRow go_on_live[] = {{step_run_on, NULL}, {step_forget_journal, NULL}};
static const QemuSnapshotStepRow loaded_live[] = {{step_commit_revert, NULL},
                                                  {step_run_on, NULL},
                                                  {step_forget_journal, NULL}};

/* ---- which ---- */

#define STEPS(table) (*ret_n = G_N_ELEMENTS(table), table)

static const QemuSnapshotStepRow *
choose_offline(const QemuDomain *domain, const QemuJournal *journal, guint *ret_n)
{
    const gboolean is_recorded = qemu_snapshot_find(domain, journal->def->name, NULL) != NULL;
    switch (journal->kind) {
    case QEMU_JOURNAL_CREATE:
        return is_recorded ? STEPS(forget) : STEPS(undo_offline);
    case QEMU_JOURNAL_SWITCHING:
        return STEPS(take_offline);
    case QEMU_JOURNAL_APPLY:
        return is_recorded ? STEPS(apply_offline) : STEPS(forget);
    }
    return STEPS(forget);
}

static const QemuSnapshotStepRow *
choose_live(const QemuDomain *domain, const QemuJournal *journal, guint *ret_n)
{
    const gboolean is_recorded = qemu_snapshot_find(domain, journal->def->name, NULL) != NULL;
    switch (journal->kind) {
    case QEMU_JOURNAL_CREATE:
        if (is_recorded)
            return STEPS(go_on_live);
        return vb_snapshot_is_external(journal->def) ? STEPS(settle_live_external)
                                                     : STEPS(undo_live_internal);
    case QEMU_JOURNAL_SWITCHING:
        return STEPS(settle_live_external);
    case QEMU_JOURNAL_LOAD:
        return is_recorded ? STEPS(loaded_live) : STEPS(go_on_live);
    }
    return STEPS(forget);
}

/**
 * qemu_snapshot_recover:
 *
 * For each guest once the definitions and the running guests are known, and again when the monitor of a running one
 * answers. Without a journal there is nothing to do.
 */
void
qemu_snapshot_recover(QemuDomain *domain)
{
    QemuSnapshotRequest request = {.subject = "/"};
    const gboolean is_live = qemu_domain_is_active(domain);
    QemuSnapshotOpSpec spec = {.job = "snapshot",
                               .operation = VIR_DOMAIN_JOB_OPERATION_SNAPSHOT,
                               .done = on_done};
    g_autoptr(GError) error = NULL;
    if (domain->snapshot_op || domain->starting || !domain->manager ||
        (is_live && (!domain->qmp || !qemu_qmp_is_ready(domain->qmp))))
        return;
    g_autoptr(QemuJournal) journal = qemu_journal_read(domain);
    if (!journal)
        return;
    request.flags = journal->flags;
    spec.steps = is_live ? choose_live(domain, journal, &spec.n_steps)
                         : choose_offline(domain, journal, &spec.n_steps);
    QemuSnapshotOp *op =
        qemu_snapshot_op_new(domain, g_steal_pointer(&journal->def), &request, &spec, &error);
    if (!op) {
        g_warning("domain %s: %s", domain->name, error->message);
        return;
    }
    op->is_frozen = (journal->flags & VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE) != 0;
    op->was_running = journal->was_running &&
                      (domain->state == VIR_DOMAIN_PAUSED || domain->state == VIR_DOMAIN_RUNNING);
    qemu_snapshot_op_begin(op);
}

void
qemu_snapshots_recover_all(QemuManager *manager)
{
    g_autoptr(GList) domains = g_hash_table_get_values(manager->by_uuid);
    for (GList *at = domains; at; at = at->next)
        qemu_snapshot_recover(at->data);
}
