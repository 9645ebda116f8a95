/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal snapshots of a running guest: jobs of the emulator, which are watched until they are over. Source: QEMU 7.2
 * qapi/migration.json (snapshot-save, snapshot-load, snapshot-delete), qapi/job.json. */
#include "snapshot-op.h"

#include "base/error.h"
#include "command/command.h"
#include "domain-private.h"

#include <string.h>

#define POLL_MS 100

/**
 * qemu_snapshot_job_arguments:
 * @live: the running guest
 * @def: says which disks take part
 * @kind: "snapshot-save", "snapshot-load", "snapshot-delete"
 * @job: its id
 *
 * Returns: (transfer full): the command's arguments; the first disk has the memory
 */
char *
qemu_snapshot_job_arguments(const VbDomainDef *live, const VbSnapshotDef *def, const char *kind,
                            const char *job)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *first = NULL;
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "job-id", job);
    vb_json_add_string(json, "tag", def->name);
    vb_json_begin_array(json, "devices");
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, def->disks)
    {
        const VbDomainDisk *disk = vb_domain_find_disk(live, entry->name);
        if (entry->snapshot != VB_SNAPSHOT_INTERNAL || !disk)
            continue;
        g_autofree char *node = qemu_command_image_node(&disk->source);
        vb_json_add_string(json, NULL, node);
        if (!first)
            first = g_steal_pointer(&node);
    }
    vb_json_end(json);
    if (strcmp(kind, "snapshot-delete") != 0)
        vb_json_add_string(json, "vmstate", first);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

/* ---- one job ---- */

static void
job_over(QemuSnapshotOp *op, const VbJson *job)
{
    const char *why = vb_json_get_string(job, "error");
    g_autofree char *arguments = vb_json_object("s:id", op->job, NULL);
    GError *error = NULL;
    g_clear_handle_id(&op->poll_source, g_source_remove);
    qemu_qmp_execute(op->domain->qmp, "job-dismiss", arguments, 0, NULL, NULL);
    if (why && op->ignores_failures)
        g_message("domain %s: %s", op->domain->name, why);
    if (!why || op->ignores_failures) {
        qemu_snapshot_op_next(op);
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s", why);
    qemu_snapshot_op_fail(op, error);
}

static void
on_jobs(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    op->is_asking = FALSE;
    if (op->domain && op->job && error && !vb_error_matches(error, VIR_ERR_OPERATION_TIMEOUT)) {
        g_clear_handle_id(&op->poll_source, g_source_remove);
        qemu_snapshot_op_fail(op, g_error_copy(error));
    }
    for (const VbJson *job = vb_json_first(result); job && op->domain && op->poll_source;
         job = vb_json_next(job)) {
        if (g_strcmp0(vb_json_get_string(job, "id"), op->job) == 0 &&
            g_strcmp0(vb_json_get_string(job, "status"), "concluded") == 0) {
            job_over(op, job);
            break;
        }
    }
    qemu_snapshot_op_unref(op);
}

static gboolean
ask_jobs(gpointer data)
{
    QemuSnapshotOp *op = data;
    GError *error = NULL;
    if (op->is_asking)
        return G_SOURCE_CONTINUE;
    if (!qemu_snapshot_op_has_monitor(op)) {
        g_clear_handle_id(&op->poll_source, g_source_remove);
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        qemu_snapshot_op_fail(op, error);
        return G_SOURCE_REMOVE;
    }
    op->is_asking = TRUE;
    qemu_qmp_execute(op->domain->qmp, "query-jobs", NULL, 0, on_jobs, qemu_snapshot_op_ref(op));
    return G_SOURCE_CONTINUE;
}

static void
on_begun(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error && op->ignores_failures) {
        g_message("domain %s: %s", op->domain->name, error->message);
        qemu_snapshot_op_next(op);
    } else if (op->domain && error) {
        qemu_snapshot_op_fail(op, g_error_copy(error));
    } else if (op->domain) {
        op->poll_source = g_timeout_add(POLL_MS, ask_jobs, op);
        (void)ask_jobs(op);
    }
    qemu_snapshot_op_unref(op);
}

/**
 * qemu_snapshot_run_job:
 * @kind: "snapshot-save", "snapshot-load", "snapshot-delete"
 * @def: which snapshot
 *
 * Then the next step. The emulator may be mute until the job is over.
 */
void
qemu_snapshot_run_job(QemuSnapshotOp *op, const char *kind, const VbSnapshotDef *def)
{
    GError *error = NULL;
    if (!qemu_snapshot_op_has_monitor(op)) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        qemu_snapshot_op_fail(op, error);
        return;
    }
    g_free(op->job);
    op->job = g_strdup_printf("virtbus-%s-%08x", kind, g_random_int());
    g_autofree char *arguments = qemu_snapshot_job_arguments(op->domain->live, def, kind, op->job);
    qemu_qmp_execute(op->domain->qmp, kind, arguments, 0, on_begun, qemu_snapshot_op_ref(op));
}

void
qemu_snapshot_step_save(QemuSnapshotOp *op)
{
    qemu_crash_point("snapshot-save");
    qemu_snapshot_run_job(op, "snapshot-save", op->def);
}

/* The emulator said that a job changed: no need to wait for the next look. */
void
qemu_snapshot_job_event(QemuDomain *domain, const VbJson *details)
{
    QemuSnapshotOp *op = domain->snapshot_op;
    if (op && op->poll_source && g_strcmp0(vb_json_get_string(details, "id"), op->job) == 0 &&
        g_strcmp0(vb_json_get_string(details, "status"), "concluded") == 0)
        (void)ask_jobs(op);
}
