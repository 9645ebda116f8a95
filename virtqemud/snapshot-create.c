/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new snapshot: what is refused, what of the guest takes part, which steps lead there. Source of the rules and words:
 * libvirt 9.0. */
#include "agent.h"
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "snapshot-journal.h"
#include "snapshot-op.h"
#include "transient.h"

#include <string.h>

#define CREATE_FLAGS                                                                               \
    (VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT |                    \
     VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA | VIR_DOMAIN_SNAPSHOT_CREATE_HALT |                    \
     VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT |                 \
     VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC |                      \
     VIR_DOMAIN_SNAPSHOT_CREATE_LIVE | VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE)

/* ---- flags ---- */

static const struct {
    guint flag, needs, excludes;
    const char *name, *other;
} rules[] = {
    {VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE, VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY, 0,
     "VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE", "VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY"},
    {VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE, 0,
     "VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT", "VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE"},
    {VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE, 0, VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA,
     "VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE", "VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA"},
    {VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE, 0, VIR_DOMAIN_SNAPSHOT_CREATE_HALT,
     "VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE", "VIR_DOMAIN_SNAPSHOT_CREATE_HALT"},
    {VIR_DOMAIN_SNAPSHOT_CREATE_LIVE, 0, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE,
     "VIR_DOMAIN_SNAPSHOT_CREATE_LIVE", "VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE"},
};

static gboolean
check_flags(const QemuDomain *domain, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, CREATE_FLAGS, "qemuDomainSnapshotCreateXML", error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (!(flags & rules[i].flag))
            continue;
        if (rules[i].needs && !(flags & rules[i].needs))
            return vb_error_set(error, VIR_ERR_INVALID_ARG, "Flag '%s' is required by flag '%s'",
                                rules[i].other, rules[i].name);
        if (flags & rules[i].excludes)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "Flags '%s' and '%s' are mutually exclusive", rules[i].name,
                                rules[i].other);
    }
    if (!domain->config && (flags & VIR_DOMAIN_SNAPSHOT_CREATE_HALT))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot halt after transient domain snapshot");
    return TRUE;
}

/* ---- the definition ---- */

static gboolean
check_name(const char *name, guint flags, GError **error)
{
    if (flags & VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA)
        return TRUE;
    if (strchr(name, '/'))
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "invalid snapshot name '%s': name can't contain '/'", name);
    if (*name == '.')
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "invalid snapshot name '%s': name can't start with '.'", name);
    return *name || vb_error_set(error, VIR_ERR_XML_ERROR, "a snapshot's name cannot be empty");
}

static VbSnapshotDef *
parse(const char *xml, guint flags, GError **error)
{
    const gboolean is_redefined = (flags & VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE) != 0;
    if ((flags & VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE) && !vb_snapshot_validate(xml, error))
        return NULL;
    g_autoptr(VbSnapshotDef) def =
        vb_snapshot_parse(xml, is_redefined ? VB_SNAPSHOT_PARSE_REDEFINE : 0, error);
    if (!def)
        return NULL;
    if (!is_redefined) {
        def->creation_time = g_get_real_time() / G_USEC_PER_SEC;
        def->has_creation_time = TRUE;
    }
    if (!def->name)
        def->name = g_strdup_printf("%" G_GINT64_FORMAT, def->creation_time);
    return check_name(def->name, flags, error) ? g_steal_pointer(&def) : NULL;
}

static gboolean
check_state(const QemuDomain *domain, GError **error)
{
    if (domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    if (domain->state == VIR_DOMAIN_PMSUSPENDED)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "qemu doesn't support taking snapshots of PMSUSPENDED guests");
    return TRUE;
}

/* ---- what takes part ---- */

static gboolean
check_internal_disk(const VbSnapshotDisk *entry, const VbDomainDisk *disk, gboolean is_disk_only,
                    GError **error)
{
    if (is_disk_only)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "active qemu domains require external disk snapshots; disk %s "
                            "requested internal",
                            entry->name);
    if (disk->source.type != VB_DOMAIN_STORAGE_FILE && disk->source.type != VB_DOMAIN_STORAGE_BLOCK)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "internal snapshots are not supported on '%s' disks",
                            vb_enum_to_nick(&vb_domain_storage_type_enum, disk->source.type));
    if (disk->format != VB_DOMAIN_FORMAT_QCOW2 && disk->format != VB_DOMAIN_FORMAT_NONE)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "internal snapshot for disk %s unsupported for storage type %s",
                            entry->name,
                            vb_enum_to_nick(&vb_domain_image_format_enum, disk->format));
    return TRUE;
}

static gboolean
check_external_disk(const QemuDomain *domain, const VbSnapshotDisk *entry, const VbDomainDisk *disk,
                    GError **error)
{
    if (disk->is_transient && domain->live)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "block jobs are not supported on transient disk '%s'", disk->dst);
    if (entry->format != VB_DOMAIN_FORMAT_QCOW2 && entry->format != VB_DOMAIN_FORMAT_QED)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "external snapshot format for disk %s is unsupported: %s", entry->name,
                            vb_enum_to_nick(&vb_domain_image_format_enum, entry->format));
    if (!vb_domain_source_path(&entry->source) || entry->source.type == VB_DOMAIN_STORAGE_DIR)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "external snapshots are not supported on '%s' disks",
                            vb_enum_to_nick(&vb_domain_storage_type_enum, entry->source.type));
    if (!vb_domain_source_path(&disk->source))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "external snapshots are not supported on '%s' disks",
                            vb_enum_to_nick(&vb_domain_storage_type_enum, disk->source.type));
    return TRUE;
}

typedef struct {
    gboolean has_internal, has_external, is_partial;
} Parts;

static gboolean
check_disks(const QemuDomain *domain, const VbSnapshotDef *def, Parts *parts, GError **error)
{
    const gboolean is_disk_only = def->state == VB_SNAPSHOT_STATE_DISK_ONLY;
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->disks); i++) {
        const VbSnapshotDisk *entry = def->disks->pdata[i];
        const VbDomainDisk *disk = def->domain->disks->pdata[i];
        if (entry->snapshot == VB_SNAPSHOT_INTERNAL) {
            parts->has_internal = TRUE;
            if (!check_internal_disk(entry, disk, is_disk_only, error))
                return FALSE;
        } else if (entry->snapshot == VB_SNAPSHOT_EXTERNAL) {
            parts->has_external = TRUE;
            if (!check_external_disk(domain, entry, disk, error))
                return FALSE;
        } else if (entry->snapshot == VB_SNAPSHOT_MANUAL && domain->state == VIR_DOMAIN_RUNNING) {
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "disk '%s': snapshot mode 'manual' requires a paused domain",
                                entry->name);
        } else {
            parts->is_partial |= !vb_domain_source_is_empty(&disk->source) && !disk->is_readonly;
        }
    }
    return TRUE;
}

/* Source: libvirt's order of complaints */
static gboolean
check_parts(const QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    Parts parts = {0};
    const VbDomainLoader *loader = def->domain->os.loader;
    if (!check_disks(domain, def, &parts, error))
        return FALSE;
    if (!parts.has_internal && !parts.has_external && def->memory <= VB_SNAPSHOT_NO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "nothing selected for snapshot");
    if (def->memory == VB_SNAPSHOT_INTERNAL && !parts.has_internal)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "internal snapshots require at least one disk to be selected for "
                            "snapshot");
    if (def->memory == VB_SNAPSHOT_INTERNAL && parts.is_partial)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "internal and full system snapshots require all disks to be selected "
                            "for snapshot");
    if (def->state == VB_SNAPSHOT_STATE_DISK_ONLY && !parts.has_external)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk-only snapshots require at least one disk to be selected for "
                            "snapshot");
    if (parts.has_internal && parts.has_external)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "mixing internal and external targets for a snapshot is not yet "
                            "supported");
    if (parts.has_internal && loader && loader->type == VB_DOMAIN_LOADER_PFLASH)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "internal snapshots of a VM with pflash based firmware are not "
                            "supported");
    return !domain->live || def->memory <= VB_SNAPSHOT_NO ||
           qemu_transient_check_none(domain->live, error);
}

/* What is recorded of the guest is a definition: what only a running one has is left out. */
static VbDomainDef *
copy_guest(const VbDomainDef *def)
{
    VbDomainDef *copy = vb_domain_copy(def);
    if (copy)
        vb_domain_clear_live(copy);
    return copy;
}

static gboolean
complete(QemuDomain *domain, VbSnapshotDef *def, guint flags, GError **error)
{
    const gboolean is_active = qemu_domain_is_active(domain);
    const QemuSnapshot *current = qemu_snapshot_get_current(domain);
    gboolean is_external = TRUE;
    def->parent = current ? g_strdup(current->def->name) : NULL;
    def->state = is_active ? domain->state : VIR_DOMAIN_SHUTOFF;
    def->domain = copy_guest(qemu_domain_get_def(domain));
    def->inactive_domain = is_active ? copy_guest(domain->config) : NULL;
    if ((flags & VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY) || !is_active) {
        if (def->memory > VB_SNAPSHOT_NO)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "memory state cannot be saved with offline or disk-only snapshot");
        def->memory = VB_SNAPSHOT_NO;
    }
    if (flags & VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
        def->state = is_active ? VB_SNAPSHOT_STATE_DISK_ONLY : VIR_DOMAIN_SHUTOFF;
    else
        is_external = def->memory == VB_SNAPSHOT_EXTERNAL;
    if (is_active && !is_external)
        def->memory = VB_SNAPSHOT_INTERNAL;
    return vb_snapshot_align_disks(def, def->domain,
                                   is_external ? VB_SNAPSHOT_EXTERNAL : VB_SNAPSHOT_INTERNAL,
                                   !is_external, error);
}

/* ---- the end ---- */

static gboolean
store_config(QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    if (!domain->config || !vb_snapshot_is_external(def))
        return TRUE;
    g_autoptr(VbDomainDef) next = vb_domain_copy(domain->config);
    qemu_snapshot_point_to_overlays(next, def, FALSE);
    return qemu_domain_store_config(domain, g_steal_pointer(&next), error);
}

/**
 * qemu_snapshot_commit:
 * @def: of a snapshot whose data is there
 *
 * Makes definitions point to the new images and records the snapshot, as the current one. Doing it again is fine.
 */
gboolean
qemu_snapshot_commit(QemuDomain *domain, const VbSnapshotDef *def, guint flags, GError **error)
{
    if (domain->live && vb_snapshot_is_external(def)) {
        qemu_snapshot_point_to_overlays(domain->live, def, TRUE);
        qemu_domain_save(domain);
    }
    if (!(flags & VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA) &&
        !qemu_snapshot_record(domain, vb_snapshot_copy(def), TRUE, error))
        return FALSE;
    return store_config(domain, def, error);
}

/* Once overlays may be in use there is no way back: the failure is told, and the next start of the daemon tries again. */
void
qemu_snapshot_step_commit(QemuSnapshotOp *op)
{
    const gboolean is_switched = op->domain->live && vb_snapshot_is_external(op->def);
    GError *error = NULL;
    QemuSnapshot *half;
    if (qemu_snapshot_commit(op->domain, op->def, op->flags, &error)) {
        qemu_crash_point("snapshot-recorded");
        qemu_journal_remove(op->domain);
        op->has_journal = FALSE;
        qemu_snapshot_op_next(op);
        return;
    }
    if (is_switched) {
        op->error = error;
        qemu_snapshot_op_next(op);
        return;
    }
    half = qemu_snapshot_find(op->domain, op->def->name, NULL);
    if (half)
        (void)qemu_snapshot_forget(half, NULL);
    qemu_snapshot_op_fail(op, error);
}

/* ---- which steps ---- */

static const QemuSnapshotStepRow offline_internal[] = {
    {qemu_snapshot_step_journal, qemu_snapshot_undo_journal},
    {qemu_snapshot_step_images_create, qemu_snapshot_undo_images_create},
    {qemu_snapshot_step_commit, NULL},
};
static const QemuSnapshotStepRow offline_external[] = {
    {qemu_snapshot_step_check_files, NULL},
    {qemu_snapshot_step_plan_files, NULL},
    {qemu_snapshot_step_journal, qemu_snapshot_undo_journal},
    {qemu_snapshot_step_make_overlays, qemu_snapshot_undo_make_overlays},
    {qemu_snapshot_step_sync_overlays, NULL},
    {qemu_snapshot_step_switch, NULL},
    {qemu_snapshot_step_commit, NULL},
};
static const QemuSnapshotStepRow live_internal[] = {
    {qemu_snapshot_step_probe, NULL},
    {qemu_snapshot_step_journal, qemu_snapshot_undo_journal},
    {qemu_snapshot_step_stop, qemu_snapshot_undo_stop},
    {qemu_snapshot_step_save, NULL},
    {qemu_snapshot_step_commit, NULL},
    {qemu_snapshot_step_go_on, NULL},
};
static const QemuSnapshotStepRow live_disks[] = {
    {qemu_snapshot_step_probe, NULL},
    {qemu_snapshot_step_check_files, NULL},
    {qemu_snapshot_step_sizes, NULL},
    {qemu_snapshot_step_plan_files, NULL},
    {qemu_snapshot_step_journal, qemu_snapshot_undo_journal},
    {qemu_snapshot_step_make_overlays, qemu_snapshot_undo_make_overlays},
    {qemu_snapshot_step_sync_overlays, NULL},
    {qemu_snapshot_step_add_nodes, qemu_snapshot_undo_add_nodes},
    {qemu_snapshot_step_freeze, qemu_snapshot_undo_freeze},
    {qemu_snapshot_step_switch, NULL},
    {qemu_snapshot_step_thaw, NULL},
    {qemu_snapshot_step_commit, NULL},
    {qemu_snapshot_step_go_on, NULL},
};
static const QemuSnapshotStepRow live_full[] = {
    {qemu_snapshot_step_probe, NULL},
    {qemu_snapshot_step_check_files, NULL},
    {qemu_snapshot_step_sizes, NULL},
    {qemu_snapshot_step_plan_files, NULL},
    {qemu_snapshot_step_journal, qemu_snapshot_undo_journal},
    {qemu_snapshot_step_make_overlays, qemu_snapshot_undo_make_overlays},
    {qemu_snapshot_step_pause, qemu_snapshot_undo_stop},
    {qemu_snapshot_step_memory, NULL},
    {qemu_snapshot_step_sync_overlays, NULL},
    {qemu_snapshot_step_add_nodes, qemu_snapshot_undo_add_nodes},
    {qemu_snapshot_step_switch, NULL},
    {qemu_snapshot_step_commit, NULL},
    {qemu_snapshot_step_go_on, NULL},
};

static void
choose_steps(const QemuDomain *domain, const VbSnapshotDef *def, QemuSnapshotOpSpec *spec)
{
#define STEPS(table) spec->steps = table, spec->n_steps = G_N_ELEMENTS(table)
    if (!qemu_domain_is_active(domain) && vb_snapshot_is_external(def))
        STEPS(offline_external);
    else if (!qemu_domain_is_active(domain))
        STEPS(offline_internal);
    else if (def->memory == VB_SNAPSHOT_EXTERNAL)
        STEPS(live_full);
    else if (vb_snapshot_is_external(def))
        STEPS(live_disks);
    else
        STEPS(live_internal);
#undef STEPS
}

/* ---- the beginning ---- */

static gboolean
check_new(QemuDomain *domain, VbSnapshotDef *def, guint flags, GError **error)
{
    const gboolean is_active = qemu_domain_is_active(domain);
    if ((flags & VIR_DOMAIN_SNAPSHOT_CREATE_LIVE) &&
        (!is_active || def->memory != VB_SNAPSHOT_EXTERNAL))
        return vb_error_set(
            error, VIR_ERR_OPERATION_UNSUPPORTED,
            "live snapshot creation is supported only during full system snapshots");
    if (!check_state(domain, error))
        return FALSE;
    if (qemu_snapshot_find(domain, def->name, NULL))
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "domain moment %s already exists",
                            def->name);
    if (is_active && (flags & VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE) &&
        !qemu_agent_check(domain, error))
        return FALSE;
    return complete(domain, def, flags, error) && check_parts(domain, def, error);
}

typedef struct {
    QemuSnapshotDone done;
    gpointer data;
    char *name;
} Redefined;

static void
on_redefined(QemuDomain *domain, GError *error, gpointer data)
{
    Redefined *result = data;
    result->done(domain, result->name, error, result->data);
    g_free(result->name);
    g_free(result);
}

static void
finish_redefine(QemuDomain *domain, const char *name, QemuSnapshotDone done, gpointer data)
{
    Redefined *result = g_new(Redefined, 1);
    *result = (Redefined){done, data, g_strdup(name)};
    qemu_domain_finish_later(domain, NULL, on_redefined, result);
}

/**
 * qemu_snapshot_create:
 * @xml: <domainsnapshot>
 * @request: flags: virDomainSnapshotCreateFlags
 * @done: with the snapshot's name, once it survives a power cut
 *
 * Errors: those of the XML; INVALID_ARG flags that contradict; CONFIG_UNSUPPORTED, OPERATION_UNSUPPORTED what cannot be in
 *   a snapshot; OPERATION_FAILED the name is taken, qemu-img's or the emulator's words; OPERATION_TIMEOUT another job, or
 *   an emulator that does not answer; SYSTEM_ERROR; AGENT_UNRESPONSIVE, ARGUMENT_UNSUPPORTED no agent to quiesce
 */
void
qemu_snapshot_create(QemuDomain *domain, const char *xml, const QemuSnapshotRequest *request,
                     QemuSnapshotDone done, gpointer data)
{
    QemuSnapshotOpSpec spec = {.job = "snapshot",
                               .operation = VIR_DOMAIN_JOB_OPERATION_SNAPSHOT,
                               .done = done,
                               .data = data};
    const gboolean is_redefined = (request->flags & VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE) != 0;
    QemuSnapshotOp *op = NULL;
    GError *error = NULL;
    g_autoptr(VbSnapshotDef) def =
        check_flags(domain, request->flags, &error) ? parse(xml, request->flags, &error) : NULL;
    g_autofree char *name = def ? g_strdup(def->name) : NULL;
    if (def && !qemu_job_check_none(domain, &error)) {
        /* refused below */
    } else if (def && is_redefined) {
        if (qemu_snapshot_redefine(domain, g_steal_pointer(&def), request->flags, &error)) {
            finish_redefine(domain, name, done, data);
            return;
        }
    } else if (def && check_new(domain, def, request->flags, &error)) {
        choose_steps(domain, def, &spec);
        op = qemu_snapshot_op_new(domain, g_steal_pointer(&def), request, &spec, &error);
    }
    if (op)
        qemu_snapshot_op_begin(op);
    else
        qemu_snapshot_op_refuse(domain, error, done, data);
}
