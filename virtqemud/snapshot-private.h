/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files about snapshots share. */
#pragma once
#include "snapshot.h"

struct _QemuSnapshots {
    GPtrArray *all;        /* QemuSnapshot, oldest first; owns them */
    GHashTable *by_name;   /* name of the definition -> QemuSnapshot */
    QemuSnapshot *current; /* NULL: none */
};

QemuSnapshots *qemu_snapshots_get(QemuDomain *domain); /* made at the first use */
QemuSnapshot *qemu_snapshots_add(QemuDomain *domain, VbSnapshotDef *def);
gboolean qemu_snapshot_is_below(const QemuSnapshot *snapshot, const QemuSnapshot *above);

/* snapshot-store.c: var/lib/libvirt/qemu/snapshot/GUEST/NAME.xml; durable */
gboolean qemu_snapshot_store(const QemuDomain *domain, const VbSnapshotDef *def, GError **error);
gboolean qemu_snapshot_unstore(const QemuDomain *domain, const char *name, GError **error);

/* snapshot-redefine.c */
gboolean qemu_snapshot_redefine(QemuDomain *domain, VbSnapshotDef *def, guint flags,
                                GError **error);
