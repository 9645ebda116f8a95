/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internal snapshots of a guest that does not run: qemu-img works on its images, one after the other. */
#include "snapshot-op.h"

#include "base/error.h"
#include "domain-private.h"

#include <string.h>

/**
 * qemu_snapshot_add_image_commands:
 * @option: "-c", "-a", "-d"
 * @name: of the snapshot
 * @def: says which disks have it
 *
 * The images are those that the guest had when the snapshot was made.
 */
void
qemu_snapshot_add_image_commands(QemuSnapshotOp *op, const char *option, const char *name,
                                 const VbSnapshotDef *def)
{
    const gboolean is_known = def->domain && def->domain->virt_type;
    const VbDomainDef *config = is_known ? def->domain : qemu_domain_get_def(op->domain);
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, def->disks)
    {
        const VbDomainDisk *disk = config ? vb_domain_find_disk(config, entry->name) : NULL;
        const char *path = disk ? vb_domain_source_path(&disk->source) : NULL;
        if (entry->snapshot == VB_SNAPSHOT_INTERNAL && path)
            qemu_snapshot_op_add_command(op, "qemu-img", "snapshot", option, name, "--", path,
                                         NULL);
    }
}

void
qemu_snapshot_step_images_create(QemuSnapshotOp *op)
{
    qemu_snapshot_add_image_commands(op, "-c", op->def->name, op->def);
    qemu_snapshot_op_run_commands(op);
}

/* also of images that were not reached: deleting what is not there fails, and does not matter */
void
qemu_snapshot_undo_images_create(QemuSnapshotOp *op)
{
    g_ptr_array_set_size(op->commands, 0);
    qemu_snapshot_add_image_commands(op, "-d", op->def->name, op->def);
    qemu_snapshot_op_run_commands(op);
}

void
qemu_snapshot_step_images_apply(QemuSnapshotOp *op)
{
    qemu_snapshot_add_image_commands(op, "-a", op->def->name, op->def);
    qemu_snapshot_op_run_commands(op);
}
