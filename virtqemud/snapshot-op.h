/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An operation on snapshots: a list of steps, each of which may take its time; when one fails, what was done is undone, last
 * step first. It is the guest's job while it lasts. */
#pragma once
#include "guest-job.h"
#include "snapshot-private.h"

typedef struct _QemuSnapshotOp QemuSnapshotOp;
/* Ends with qemu_snapshot_op_next() or qemu_snapshot_op_fail(), at once or later. An undo ends with the same. */
typedef void (*QemuSnapshotStep)(QemuSnapshotOp *op);
typedef struct {
    QemuSnapshotStep run;
    QemuSnapshotStep undo; /* also of the step that failed; NULL: nothing to undo */
} QemuSnapshotStepRow;

struct _QemuSnapshotOp {
    int ref_count;
    QemuDomain *domain; /* a reference; NULL: it is over */
    guint flags;        /* libvirt's */
    VbSnapshotDef *def; /* of the snapshot in question; its own copy */
    QemuSnapshotDone done;
    gpointer data;
    /* where it is */
    const QemuSnapshotStepRow *steps;
    guint n_steps, at;
    gboolean is_undoing;
    GError *error; /* the first */
    /* what steps remember */
    gboolean was_running; /* it was stopped by us, and has to go on */
    gboolean has_journal;
    GPtrArray *names;    /* delete: snapshots to go, in order; char * */
    GPtrArray *made;     /* char *: files that exist because of us */
    GHashTable *sizes;   /* disk target -> guint64 *: bytes */
    GPtrArray *nodes;    /* QemuPlugStep: of the overlays */
    guint n_nodes;       /* of them in the emulator */
    guint index;         /* loops inside a step */
    GPtrArray *commands; /* GStrv: of the child processes that a step runs */
    char *job;           /* id of the emulator's job */
    guint poll_source;
    gboolean is_asking, ignores_failures, has_switched, is_frozen;
    VbDomainDef *plan; /* revert: the definition that is started */
};

/* what a step says */
void qemu_snapshot_op_next(QemuSnapshotOp *op);
void qemu_snapshot_op_fail(QemuSnapshotOp *op, GError *error); /* takes @error */

typedef struct {
    const char *job; /* "snapshot", in errors and as the Job1's Operation */
    int operation;   /* virDomainJobOperation */
    const QemuSnapshotStepRow *steps;
    guint n_steps;
    QemuSnapshotDone done;
    gpointer data;
} QemuSnapshotOpSpec;
/* takes @def; FALSE: not begun, @done is not called */
QemuSnapshotOp *qemu_snapshot_op_new(QemuDomain *domain, VbSnapshotDef *def,
                                     const QemuSnapshotRequest *request,
                                     const QemuSnapshotOpSpec *spec, GError **error);
void qemu_snapshot_op_begin(QemuSnapshotOp *op);
QemuSnapshotOp *qemu_snapshot_op_ref(QemuSnapshotOp *op);
void qemu_snapshot_op_unref(QemuSnapshotOp *op);
void qemu_snapshot_op_refuse(QemuDomain *domain, GError *error, QemuSnapshotDone done,
                             gpointer data); /* later; takes @error */

/* ---- tools of steps ---- */
/* one QMP command, then the next step or the end; @timeout_ms 0: as long as it takes */
void qemu_snapshot_op_execute(QemuSnapshotOp *op, const char *command, const char *arguments,
                              guint timeout_ms);
/* Runs op->commands one after the other and then the next step. */
void qemu_snapshot_op_run_commands(QemuSnapshotOp *op);
void qemu_snapshot_op_add_command(QemuSnapshotOp *op, const char *first,
                                  ...) G_GNUC_NULL_TERMINATED;
/* in a thread, on a private copy */
typedef gboolean (*QemuSnapshotWork)(const GPtrArray *paths, gboolean flag, GError **error);
void qemu_snapshot_op_work(QemuSnapshotOp *op, QemuSnapshotWork work, GPtrArray *paths,
                           gboolean flag); /* takes @paths: strings */
gboolean qemu_snapshot_op_has_monitor(const QemuSnapshotOp *op);

/* ---- steps that several operations share ---- */
void qemu_snapshot_step_probe(QemuSnapshotOp *op); /* the monitor answers */
void qemu_snapshot_step_stop(QemuSnapshotOp *op);  /* the guest is paused */
void qemu_snapshot_step_pause(QemuSnapshotOp *op); /* the same, unless LIVE */
void
qemu_snapshot_step_go_on(QemuSnapshotOp *op); /* ... and runs again, if it did; or ends (HALT) */
/* QUIESCE: the guest's agent flushes and holds its file systems, and lets go of them */
void qemu_snapshot_step_freeze(QemuSnapshotOp *op);
void qemu_snapshot_step_thaw(QemuSnapshotOp *op);
void qemu_snapshot_undo_freeze(QemuSnapshotOp *op);
void qemu_snapshot_undo_stop(QemuSnapshotOp *op);
void
qemu_snapshot_step_journal(QemuSnapshotOp *op); /* from here on a restart finishes or undoes it */
void qemu_snapshot_undo_journal(QemuSnapshotOp *op);

/* snapshot-images.c: of a guest that does not run */
void qemu_snapshot_step_images_create(QemuSnapshotOp *op);
void qemu_snapshot_undo_images_create(QemuSnapshotOp *op);
void qemu_snapshot_step_images_apply(QemuSnapshotOp *op);
void qemu_snapshot_add_image_commands(QemuSnapshotOp *op, const char *option, const char *name,
                                      const VbSnapshotDef *def);
/* snapshot-live.c: jobs of the emulator */
void qemu_snapshot_step_save(QemuSnapshotOp *op);
/* kind: "snapshot-save", "snapshot-load", "snapshot-delete" */
char *qemu_snapshot_job_arguments(const VbDomainDef *live, const VbSnapshotDef *def,
                                  const char *kind, const char *job);
void qemu_snapshot_run_job(QemuSnapshotOp *op, const char *kind, const VbSnapshotDef *def);

/* snapshot-external.c */
void qemu_snapshot_step_check_files(QemuSnapshotOp *op);
void qemu_snapshot_step_plan_files(QemuSnapshotOp *op);
void qemu_snapshot_step_make_overlays(QemuSnapshotOp *op);
void qemu_snapshot_undo_make_overlays(QemuSnapshotOp *op);
void qemu_snapshot_step_sync_overlays(QemuSnapshotOp *op);
void qemu_snapshot_step_sizes(QemuSnapshotOp *op);
void qemu_snapshot_step_memory(QemuSnapshotOp *op);
void qemu_snapshot_step_add_nodes(QemuSnapshotOp *op);
void qemu_snapshot_undo_add_nodes(QemuSnapshotOp *op);
void qemu_snapshot_step_switch(QemuSnapshotOp *op);
void qemu_snapshot_point_to_overlays(VbDomainDef *target, const VbSnapshotDef *def,
                                     gboolean is_live);
/* snapshot-create.c */
void qemu_snapshot_step_commit(QemuSnapshotOp *op);
gboolean qemu_snapshot_commit(QemuDomain *domain, const VbSnapshotDef *def, guint flags,
                              GError **error);
/* snapshot-revert.c */
gboolean qemu_snapshot_commit_revert(QemuDomain *domain, const VbSnapshotDef *def, GError **error);
