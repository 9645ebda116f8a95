/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots of a guest: what is recorded of them, and making, reverting to and deleting them. One tree per guest; one of
 * it may be the current one. snapshot.c: the tree; snapshot-store.c: the files; the other files: the operations. */
#pragma once
#include <sys/types.h>
#include "domain.h"
#include "domain/snapshot.h"

typedef struct _QemuSnapshot QemuSnapshot;
struct _QemuSnapshot {
    QemuDomain *domain; /* borrowed: a guest owns its snapshots */
    VbSnapshotDef *def;
};

/* what changed, for the bus's properties */
enum {
    QEMU_SNAPSHOT_CHANGED_DEFINITION = 1 << 0,
    QEMU_SNAPSHOT_CHANGED_CURRENT = 1 << 1,
};

/* ---- the tree ---- */
/* NO_DOMAIN_SNAPSHOT "no domain snapshot with matching name 'x'" */
QemuSnapshot *qemu_snapshot_find(const QemuDomain *domain, const char *name, GError **error);
QemuSnapshot *qemu_snapshot_get_current(const QemuDomain *domain); /* NULL: none */
QemuSnapshot *qemu_snapshot_get_parent(const QemuSnapshot *snapshot);
guint qemu_snapshot_count(const QemuDomain *domain);
guint qemu_snapshot_count_children(const QemuSnapshot *snapshot);
const char *qemu_snapshot_state_name(const QemuSnapshot *snapshot);
/* (transfer container): of QemuSnapshot, oldest first, with TOPOLOGICAL parents before children. @above NULL: of the whole
 * guest; @flags: virDomainSnapshotListFlags; @function: in errors */
GPtrArray *qemu_snapshot_list(const QemuDomain *domain, const QemuSnapshot *above, guint flags,
                              const char *function, GError **error);
char *qemu_snapshot_get_xml(const QemuSnapshot *snapshot, guint flags, GError **error);

/* ---- what changes the tree; on disk before anybody is told ---- */
/* takes @def, which has a name that is free or replaces the one of this name */
QemuSnapshot *qemu_snapshot_record(QemuDomain *domain, VbSnapshotDef *def, gboolean is_current,
                                   GError **error);
gboolean qemu_snapshot_set_current(QemuDomain *domain, QemuSnapshot *snapshot, GError **error);
/* Its children become its parent's. */
gboolean qemu_snapshot_forget(QemuSnapshot *snapshot, GError **error);
void qemu_snapshots_load_all(QemuManager *manager);
void qemu_snapshots_load(QemuDomain *domain); /* bad files are logged and left alone */
void qemu_snapshots_drop(QemuDomain *domain); /* from memory: the guest goes, or its files have */
void qemu_snapshots_free(QemuDomain *domain); /* the same, and nobody is told */
/* A transient guest has gone: nothing is left that could be reverted to. */
void qemu_snapshots_discard(QemuDomain *domain);

/* The daemon ends: whoever waits is told, the next start goes on. */
void qemu_snapshot_op_drop(QemuDomain *domain);
/* of the emulator: a job of it changed */
void qemu_snapshot_job_event(QemuDomain *domain, const VbJson *details);
/* What a restart finds unfinished: of a guest that does not run at once, else when its monitor answers. */
void qemu_snapshot_recover(QemuDomain *domain);
void qemu_snapshots_recover_all(QemuManager *manager);

/* ---- operations ---- */
typedef struct {
    guint flags;         /* libvirt's, of the operation */
    const char *subject; /* the guest, as the API names it */
    uid_t owner;
} QemuSnapshotRequest;

/* @name: of the new snapshot; NULL with @error */
typedef void (*QemuSnapshotDone)(QemuDomain *domain, const char *name, GError *error,
                                 gpointer data);
void qemu_snapshot_create(QemuDomain *domain, const char *xml, const QemuSnapshotRequest *request,
                          QemuSnapshotDone done, gpointer data);
void qemu_snapshot_revert(QemuSnapshot *snapshot, const QemuSnapshotRequest *request, QemuDone done,
                          gpointer data);
void qemu_snapshot_delete(QemuSnapshot *snapshot, const QemuSnapshotRequest *request, QemuDone done,
                          gpointer data);
