/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots go, one after the other, those below first: the data in the images, then what is recorded. Killed in between,
 * one is left that can be deleted again. Source of the rules and words: libvirt 9.0. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "snapshot-op.h"

#include <string.h>

#define DELETE_FLAGS                                                                               \
    (VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN | VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY |              \
     VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY)

/* ---- which ---- */

/* (transfer full): of QemuSnapshot, those below first */
static GPtrArray *
choose(QemuSnapshot *snapshot, guint flags)
{
    const guint with_children =
        VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN | VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY;
    GPtrArray *chosen = g_ptr_array_new();
    if (flags & with_children) {
        g_autoptr(GPtrArray) below = qemu_snapshot_list(snapshot->domain, snapshot,
                                                        VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS |
                                                            VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL,
                                                        "", NULL);
        for (guint i = below->len; i > 0; i--)
            g_ptr_array_add(chosen, below->pdata[i - 1]);
    }
    if (!(flags & VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY))
        g_ptr_array_add(chosen, snapshot);
    return chosen;
}

/* An internal snapshot lies in the image that the disk had then. */
static gboolean
check_images(const QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    const VbDomainDef *now = qemu_domain_get_def(domain);
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, def->disks)
    {
        const VbDomainDisk *then =
            def->domain ? vb_domain_find_disk(def->domain, entry->name) : NULL;
        const VbDomainDisk *disk = vb_domain_find_disk(now, entry->name);
        if (entry->snapshot != VB_SNAPSHOT_INTERNAL || !then || !disk)
            continue;
        if (g_strcmp0(vb_domain_source_path(&then->source), vb_domain_source_path(&disk->source)))
            return vb_error_set(
                error, VIR_ERR_OPERATION_UNSUPPORTED,
                "disk image '%s' for internal snapshot '%s' is not the same as disk "
                "image currently used by VM",
                entry->name, def->name);
    }
    return TRUE;
}

static gboolean
check_chosen(const QemuDomain *domain, const GPtrArray *chosen, GError **error)
{
    guint n_external = 0;
    for (guint i = 0; i < chosen->len; i++)
        n_external += vb_snapshot_is_external(((QemuSnapshot *)chosen->pdata[i])->def);
    if (n_external > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "deletion of %u external disk snapshots not supported yet", n_external);
    for (guint i = 0; i < chosen->len; i++) {
        if (!check_images(domain, ((QemuSnapshot *)chosen->pdata[i])->def, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_delete(QemuSnapshot *snapshot, guint flags, GError **error)
{
    const guint both =
        VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN | VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY;
    if (!qemu_check_flags(flags, DELETE_FLAGS, "qemuDomainSnapshotDelete", error))
        return FALSE;
    if ((flags & both) == both)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "Flags 'VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN' and "
                            "'VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY' are mutually exclusive");
    if (snapshot->domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    return TRUE;
}

/* ---- the data, then the record, of one after the other ---- */

static void delete_next(QemuSnapshotOp *op);

static QemuSnapshot *
peek_next(QemuSnapshotOp *op)
{
    while (op->names->len > 0) {
        QemuSnapshot *snapshot = qemu_snapshot_find(op->domain, op->names->pdata[0], NULL);
        if (snapshot)
            return snapshot;
        g_ptr_array_remove_index(op->names, 0);
    }
    return NULL;
}

/* this one's data is gone */
static void
step_forget(QemuSnapshotOp *op)
{
    QemuSnapshot *snapshot = peek_next(op);
    GError *error = NULL;
    qemu_crash_point("snapshot-data-deleted");
    if (snapshot && !qemu_snapshot_forget(snapshot, &error)) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    if (op->names->len > 0)
        g_ptr_array_remove_index(op->names, 0);
    qemu_crash_point("snapshot-forgotten");
    if (op->names->len == 0) {
        qemu_snapshot_op_next(op);
        return;
    }
    op->at--; /* the next one's data */
    delete_next(op);
}

/* What is not there cannot be deleted: that does not keep the record. */
static void
delete_next(QemuSnapshotOp *op)
{
    QemuSnapshot *snapshot = peek_next(op);
    op->ignores_failures = TRUE;
    if (!snapshot) {
        qemu_snapshot_op_next(op);
        return;
    }
    if (qemu_domain_is_active(op->domain)) {
        qemu_snapshot_run_job(op, "snapshot-delete", snapshot->def);
        return;
    }
    qemu_snapshot_add_image_commands(op, "-d", snapshot->def->name, snapshot->def);
    qemu_snapshot_op_run_commands(op);
}

static void
step_probe(QemuSnapshotOp *op)
{
    if (qemu_domain_is_active(op->domain))
        qemu_snapshot_step_probe(op);
    else
        qemu_snapshot_op_next(op);
}

static const QemuSnapshotStepRow steps[] = {
    {step_probe, NULL},
    {delete_next, NULL},
    {step_forget, NULL},
};

/* ---- the beginning ---- */

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

static GPtrArray *
names_of(const GPtrArray *chosen)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < chosen->len; i++)
        g_ptr_array_add(names, g_strdup(((QemuSnapshot *)chosen->pdata[i])->def->name));
    return names;
}

static gboolean
forget_all(const GPtrArray *chosen, GError **error)
{
    for (guint i = 0; i < chosen->len; i++) {
        if (!qemu_snapshot_forget(chosen->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/**
 * qemu_snapshot_delete:
 * @request: flags: virDomainSnapshotDeleteFlags; METADATA_ONLY leaves the data in the images
 *
 * Errors: INVALID_ARG; CONFIG_UNSUPPORTED external ones; OPERATION_UNSUPPORTED the image has been replaced since;
 *   OPERATION_TIMEOUT another job, or an emulator that does not answer; SYSTEM_ERROR
 */
void
qemu_snapshot_delete(QemuSnapshot *snapshot, const QemuSnapshotRequest *request, QemuDone done,
                     gpointer data)
{
    QemuDomain *domain = snapshot->domain;
    Caller *caller = g_new(Caller, 1);
    *caller = (Caller){done, data};
    const QemuSnapshotOpSpec spec = {.job = "snapshot-delete",
                                     .operation = VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE,
                                     .steps = steps,
                                     .n_steps = G_N_ELEMENTS(steps),
                                     .done = on_done,
                                     .data = caller};
    const gboolean is_record_only =
        (request->flags & VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) != 0;
    GError *error = NULL;
    QemuSnapshotOp *op = NULL;
    g_autoptr(GPtrArray) chosen = choose(snapshot, request->flags);
    if (!check_delete(snapshot, request->flags, &error)) {
        /* refused below */
    } else if (is_record_only) {
        if (qemu_job_check_none(domain, &error))
            (void)forget_all(chosen, &error);
    } else if (check_chosen(domain, chosen, &error)) {
        g_autoptr(GPtrArray) names = names_of(chosen);
        op = qemu_snapshot_op_new(domain, vb_snapshot_copy(snapshot->def), request, &spec, &error);
        if (op)
            op->names = g_steal_pointer(&names);
    }
    if (op)
        qemu_snapshot_op_begin(op);
    else
        qemu_snapshot_op_refuse(domain, error, on_done, caller);
}
