/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recording a snapshot whose data exists already, or changing what is recorded of one. Source of the rules and words:
 * libvirt 9.0. */
#include "base/error.h"
#include "define.h"
#include "snapshot-private.h"

#include <string.h>

static gboolean
check_parent(const QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    const QemuSnapshot *parent;
    const QemuSnapshot *old = qemu_snapshot_find(domain, def->name, NULL);
    if (!def->parent)
        return TRUE;
    if (strcmp(def->parent, def->name) == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "cannot set moment %s as its own parent",
                            def->name);
    parent = qemu_snapshot_find(domain, def->parent, NULL);
    if (!parent)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "parent %s for moment %s not found",
                            def->parent, def->name);
    if (old && qemu_snapshot_is_below(parent, old))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "parent %s would create cycle to %s",
                            def->parent, def->name);
    return TRUE;
}

static gboolean
is_online(const VbSnapshotDef *def)
{
    return def->state == VIR_DOMAIN_RUNNING || def->state == VIR_DOMAIN_PAUSED;
}

static gboolean
is_disk_only(const VbSnapshotDef *def)
{
    return def->state == VB_SNAPSHOT_STATE_DISK_ONLY;
}

static gboolean
knows_guest(const VbSnapshotDef *def)
{
    return def->domain && def->domain->virt_type;
}

static gboolean
check_against_old(const QemuDomain *domain, VbSnapshotDef *def, GError **error)
{
    const QemuSnapshot *old = qemu_snapshot_find(domain, def->name, NULL);
    if (!old)
        return TRUE;
    if (is_online(old->def) != is_online(def))
        return vb_error_set(
            error, VIR_ERR_INVALID_ARG,
            "cannot change between online and offline snapshot state in snapshot %s", def->name);
    if (is_disk_only(old->def) != is_disk_only(def))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "cannot change between disk only and full system in snapshot %s",
                            def->name);
    if (!knows_guest(old->def))
        return TRUE;
    if (knows_guest(def))
        return vb_domain_check_abi(old->def->domain, def->domain, error);
    vb_domain_free(def->domain);
    def->domain = vb_domain_copy(old->def->domain);
    if (!def->inactive_domain)
        def->inactive_domain = vb_domain_copy(old->def->inactive_domain);
    return TRUE;
}

static gboolean
check_guest(const QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    char uuid[37] = "";
    if (!knows_guest(def))
        return TRUE;
    vb_uuid_format(&def->domain->uuid, uuid);
    return strcmp(uuid, domain->uuid_text) == 0 ||
           vb_error_set(error, VIR_ERR_INVALID_ARG, "definition for snapshot %s must use uuid %s",
                        def->name, domain->uuid_text);
}

/* a definition as somebody wrote it becomes one that can be started */
static gboolean
complete_guest(QemuDomain *domain, VbDomainDef *def, GError **error)
{
    VbDomainCapsHints hints;
    if (!def || !def->virt_type)
        return TRUE;
    qemu_manager_fill_hints(domain->manager, &hints);
    return vb_domain_defaults(def, &hints, error) && vb_domain_assign_addresses(def, error);
}

static gboolean
align(VbSnapshotDef *def, GError **error)
{
    const gboolean is_external = is_disk_only(def) || vb_snapshot_is_external(def);
    if (!knows_guest(def))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing domain in snapshot");
    return vb_snapshot_align_disks(def, def->domain,
                                   is_external ? VB_SNAPSHOT_EXTERNAL : VB_SNAPSHOT_INTERNAL,
                                   !is_external, error);
}

/**
 * qemu_snapshot_redefine:
 * @def: (transfer full)
 * @flags: virDomainSnapshotCreateFlags
 *
 * Errors: INVALID_ARG parents that make no tree, another guest's, a change of kind; CONFIG_UNSUPPORTED; XML_ERROR
 */
gboolean
qemu_snapshot_redefine(QemuDomain *domain, VbSnapshotDef *def, guint flags, GError **error)
{
    g_autoptr(VbSnapshotDef) owned = def;
    const gboolean is_current = (flags & VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT) != 0;
    if ((flags & VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY) && !is_disk_only(def))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "disk-only flag for snapshot %s requires disk-snapshot state",
                            def->name);
    if (!check_parent(domain, def, error) || !check_guest(domain, def, error) ||
        !complete_guest(domain, def->domain, error) ||
        !complete_guest(domain, def->inactive_domain, error) ||
        !check_against_old(domain, def, error) || !align(def, error))
        return FALSE;
    return qemu_snapshot_record(domain, g_steal_pointer(&owned), is_current, error) != NULL;
}
