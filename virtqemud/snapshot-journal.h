/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on disk of an operation on snapshots while it is under way, so that a restart finishes it or undoes it:
 * var/lib/libvirt/qemu/virtbus/UUID.xml. It survives the host's restart, as images do. */
#pragma once
#include "snapshot-op.h"

typedef enum {
    QEMU_JOURNAL_NONE,
    QEMU_JOURNAL_CREATE, /* undone, unless it is recorded already */
    QEMU_JOURNAL_SWITCHING, /* overlays are whole, and may be in use: finished, unless the emulator says that they are not */
    QEMU_JOURNAL_APPLY, /* images go back to a snapshot: finished */
    QEMU_JOURNAL_LOAD,  /* a guest is started from a snapshot: finished if it runs */
} QemuJournalKind;

typedef struct {
    char *disk;
    guint index; /* of its new image in the emulator */
} QemuJournalOverlay;

typedef struct {
    int kind;             /* QemuJournalKind */
    guint flags;          /* libvirt's, of the operation */
    gboolean was_running; /* and goes on when it is undone */
    GPtrArray *overlays;  /* QemuJournalOverlay */
    GPtrArray *made;      /* QemuJournalFile */
    VbSnapshotDef *def;
} QemuJournal;

gboolean qemu_journal_write(const QemuSnapshotOp *op, int kind, GError **error);
void qemu_journal_remove(const QemuDomain *domain);
gboolean qemu_journal_exists(const QemuDomain *domain);
QemuJournal *qemu_journal_read(const QemuDomain *domain); /* NULL: there is none */
void qemu_journal_free(QemuJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuJournal, qemu_journal_free)
void qemu_journal_remove_files(const QemuJournal *journal);
