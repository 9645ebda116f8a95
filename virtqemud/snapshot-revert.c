/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Back to a snapshot: an emulator that runs is ended; images go back, or a new emulator loads the memory; the definition of
 * then counts again. Source of the rules and words: libvirt 9.0. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "snapshot-journal.h"
#include "snapshot-op.h"

#include <string.h>

#define REVERT_FLAGS                                                                               \
    (VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING | VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED |                      \
     VIR_DOMAIN_SNAPSHOT_REVERT_FORCE | VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM)

static gboolean
is_online(const VbSnapshotDef *def)
{
    return def->state == VIR_DOMAIN_RUNNING || def->state == VIR_DOMAIN_PAUSED;
}

static gboolean
wants_start(guint flags)
{
    return (flags & (VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING | VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED)) != 0;
}

/* ---- steps ---- */

static void
on_ended(QemuDomain *domain, GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_error_copy(error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

/* Whatever it was doing is given up; a guest that hangs is ended all the same. */
static void
step_end_guest(QemuSnapshotOp *op)
{
    if (!qemu_domain_is_active(op->domain)) {
        qemu_snapshot_op_next(op);
        return;
    }
    op->domain->is_kept = TRUE;
    qemu_domain_end_softly(op->domain, VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT,
                           VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT, on_ended, qemu_snapshot_op_ref(op));
}

static void
note(QemuSnapshotOp *op, int kind)
{
    GError *error = NULL;
    op->has_journal = qemu_journal_write(op, kind, &error);
    if (!op->has_journal) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    qemu_crash_point("snapshot-noted");
    qemu_snapshot_op_next(op);
}

static void
step_note_apply(QemuSnapshotOp *op)
{
    note(op, QEMU_JOURNAL_APPLY);
}

static void
step_note_load(QemuSnapshotOp *op)
{
    op->was_running =
        !(op->flags & VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED) &&
        (op->def->state == VIR_DOMAIN_RUNNING || (op->flags & VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING));
    note(op, QEMU_JOURNAL_LOAD);
}

static gboolean
set_config(QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    const VbDomainDef *then = def->inactive_domain ? def->inactive_domain : def->domain;
    if (!domain->config || !then || !then->virt_type)
        return TRUE;
    if (!qemu_manager_store(domain->manager, then, error))
        return FALSE;
    qemu_domain_set_config(domain, vb_domain_copy(then));
    domain->is_updated = FALSE;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_DEFINED,
                               VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT);
    return TRUE;
}

/**
 * qemu_snapshot_commit_revert:
 * @def: of the snapshot that the guest is at
 *
 * The definition of then is stored, the snapshot is the current one. Doing it again is fine.
 */
gboolean
qemu_snapshot_commit_revert(QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    QemuSnapshot *snapshot = qemu_snapshot_find(domain, def->name, error);
    return snapshot && set_config(domain, def, error) &&
           qemu_snapshot_set_current(domain, snapshot, error);
}

static void
step_commit(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (!qemu_snapshot_commit_revert(op->domain, op->def, &error)) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    qemu_crash_point("snapshot-reverted");
    qemu_journal_remove(op->domain);
    op->has_journal = FALSE;
    qemu_snapshot_op_next(op);
}

static void
on_started(QemuDomain *domain, GError *error, gpointer data)
{
    on_ended(domain, error, data);
}

static void
start(QemuSnapshotOp *op, const VbSnapshotDef *memory)
{
    QemuStartPlan plan = {.live = g_steal_pointer(&op->plan), .snapshot = memory};
    const gboolean stays_paused =
        memory ? !op->was_running : op->flags & VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED;
    if (stays_paused)
        plan.flags = VIR_DOMAIN_START_PAUSED;
    if (op->flags & VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM)
        plan.flags |= VIR_DOMAIN_START_RESET_NVRAM;
    qemu_domain_start_plan(op->domain, &plan, on_started, qemu_snapshot_op_ref(op));
}

static void
step_load(QemuSnapshotOp *op)
{
    start(op, op->def);
}

static void
step_boot(QemuSnapshotOp *op)
{
    if (wants_start(op->flags))
        start(op, NULL);
    else
        qemu_snapshot_op_next(op);
}

/* what libvirt stored may leave out what its machine has anyway: as any definition, it is filled in */
static void
on_prepared(gpointer data)
{
    QemuSnapshotOp *op = data;
    GError *error = NULL;
    if (op->domain && !op->domain->manager)
        vb_error_set_plain(&error, VIR_ERR_NO_DOMAIN);
    else if (op->domain) {
        g_autofree char *xml = vb_domain_format(op->def->domain, VB_DOMAIN_FORMAT_SECURE);
        op->plan = qemu_manager_parse_image(op->domain->manager, xml, &error);
    }
    if (op->domain && error)
        qemu_snapshot_op_fail(op, error);
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

static void
step_prepare(QemuSnapshotOp *op)
{
    if (!is_online(op->def) && !wants_start(op->flags)) {
        qemu_snapshot_op_next(op);
        return;
    }
    g_autofree char *xml = vb_domain_format(op->def->domain, VB_DOMAIN_FORMAT_SECURE);
    qemu_manager_prepare(op->domain->manager, xml, on_prepared, qemu_snapshot_op_ref(op));
}

static void
step_apply(QemuSnapshotOp *op)
{
    qemu_crash_point("snapshot-apply");
    qemu_snapshot_step_images_apply(op);
}

static const QemuSnapshotStepRow to_online[] = {
    {step_prepare, NULL}, {step_end_guest, NULL}, {step_note_load, qemu_snapshot_undo_journal},
    {step_load, NULL},    {step_commit, NULL},
};
/* Images that went back half way are brought back wholly by whoever tries again; nothing can undo it. */
static const QemuSnapshotStepRow to_offline[] = {
    {step_prepare, NULL}, {step_end_guest, NULL}, {step_note_apply, qemu_snapshot_undo_journal},
    {step_apply, NULL},   {step_commit, NULL},    {step_boot, NULL},
};

/* ---- the beginning ---- */

static gboolean
check_flags(guint flags, GError **error)
{
    const guint both = VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING | VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED;
    if (!qemu_check_flags(flags, REVERT_FLAGS, "qemuDomainRevertToSnapshot", error))
        return FALSE;
    if ((flags & both) == both)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "Flags 'VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING' and "
                            "'VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED' are mutually exclusive");
    return TRUE;
}

/* what only FORCE may do */
static gboolean
check_risk(const QemuDomain *domain, const VbSnapshotDef *def, guint flags, GError **error)
{
    if (flags & VIR_DOMAIN_SNAPSHOT_REVERT_FORCE)
        return TRUE;
    if (qemu_domain_is_active(domain) && !is_online(def) && wants_start(flags))
        return vb_error_set(error, VIR_ERR_SNAPSHOT_REVERT_RISKY,
                            "must respawn guest to start inactive snapshot");
    if (qemu_domain_has_managed_save(domain) && !is_online(def))
        return vb_error_set(
            error, VIR_ERR_SNAPSHOT_REVERT_RISKY,
            "snapshot without memory state, removal of existing managed saved state "
            "strongly recommended to avoid corruption");
    return TRUE;
}

static gboolean
check_revert(QemuDomain *domain, const VbSnapshotDef *def, guint flags, GError **error)
{
    if (!check_flags(flags, error))
        return FALSE;
    if (domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    if (!domain->config && !is_online(def) && !wants_start(flags))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "transient domain needs to request run or pause to revert to inactive "
                            "snapshot");
    if (vb_snapshot_is_external(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "revert to external snapshot not supported yet");
    if (!def->domain || !def->domain->virt_type)
        return vb_error_set(error, VIR_ERR_SNAPSHOT_REVERT_RISKY,
                            "snapshot '%s' lacks domain '%s' rollback info", def->name,
                            domain->name);
    if (!is_online(def) && def->state != VIR_DOMAIN_SHUTOFF && def->state != VIR_DOMAIN_CRASHED &&
        def->state != VIR_DOMAIN_SHUTDOWN)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Invalid target domain state '%s'. Refusing snapshot reversion",
                            vb_enum_to_nick(&vb_snapshot_state_enum, def->state));
    return check_risk(domain, def, flags, error);
}

typedef struct {
    QemuDone done;
    gpointer data;
} Caller;

static void
on_done(QemuDomain *domain, const char *name, GError *error, gpointer data)
{
    g_autofree Caller *caller = data;
    caller->done(domain, error, caller->data);
}

/**
 * qemu_snapshot_revert:
 * @request: flags: virDomainSnapshotRevertFlags
 *
 * Errors: INVALID_ARG; OPERATION_INVALID; CONFIG_UNSUPPORTED it is an external one; SNAPSHOT_REVERT_RISKY FORCE is missing;
 *   OPERATION_FAILED qemu-img's or the emulator's words; OPERATION_TIMEOUT another job; as qemu_domain_start()
 */
void
qemu_snapshot_revert(QemuSnapshot *snapshot, const QemuSnapshotRequest *request, QemuDone done,
                     gpointer data)
{
    QemuDomain *domain = snapshot->domain;
    const gboolean is_load = is_online(snapshot->def);
    Caller *caller = g_new(Caller, 1);
    *caller = (Caller){done, data};
    const QemuSnapshotOpSpec spec = {
        .job = "snapshot-revert",
        .operation = VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT,
        .steps = is_load ? to_online : to_offline,
        .n_steps = is_load ? G_N_ELEMENTS(to_online) : G_N_ELEMENTS(to_offline),
        .done = on_done,
        .data = caller,
    };
    GError *error = NULL;
    QemuSnapshotOp *op = NULL;
    if (check_revert(domain, snapshot->def, request->flags, &error))
        op = qemu_snapshot_op_new(domain, vb_snapshot_copy(snapshot->def), request, &spec, &error);
    if (op)
        qemu_snapshot_op_begin(op);
    else
        qemu_snapshot_op_refuse(domain, error, on_done, caller);
}
