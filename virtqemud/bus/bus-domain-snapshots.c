/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 about snapshots, and what there is to say of checkpoints. */
#include "bus/bus-private.h"

static void
created(QemuDomain *domain, const char *name, GError *error, gpointer data)
{
    if (error) {
        vb_call_fail(data, g_error_copy(error));
        return;
    }
    g_autofree char *path = qemu_bus_snapshot_path(domain, name);
    vb_call_return(data, g_variant_new("(o)", path));
}

GVariant *
qemu_bus_domain_create_snapshot(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuDomain *domain = data;
    g_autofree char *subject = qemu_bus_domain_path(domain->uuid_text);
    QemuSnapshotRequest request = {.subject = subject, .owner = vb_call_get_caller(call)->uid};
    const char *xml;
    g_variant_get(args, "(&su)", &xml, &request.flags);
    vb_call_defer(call);
    qemu_snapshot_create(domain, xml, &request, created, call);
    return NULL;
}

/* ---- looking ---- */

static GPtrArray *
list(gpointer data, GVariant *args, const char *function, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_snapshot_list(data, NULL, flags, function, error);
}

GVariant *
qemu_bus_domain_list_snapshots(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) found = list(data, args, "qemuDomainListAllSnapshots", error);
    return found ? qemu_bus_snapshot_paths(found) : NULL;
}

GVariant *
qemu_bus_domain_list_snapshot_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) found = list(data, args, "qemuDomainSnapshotListNames", error);
    return found ? qemu_bus_snapshot_names(found) : NULL;
}

GVariant *
qemu_bus_domain_count_snapshots(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) found = list(data, args, "qemuDomainSnapshotNum", error);
    return found ? g_variant_new("(u)", found->len) : NULL;
}

static GVariant *
reply_path(const QemuSnapshot *snapshot)
{
    g_autofree char *path =
        snapshot ? qemu_bus_snapshot_path(snapshot->domain, snapshot->def->name) : NULL;
    return path ? g_variant_new("(o)", path) : NULL;
}

GVariant *
qemu_bus_domain_lookup_snapshot(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *name;
    guint flags;
    g_variant_get(args, "(&su)", &name, &flags);
    if (!qemu_check_flags(flags, 0, "qemuDomainSnapshotLookupByName", error))
        return NULL;
    return reply_path(qemu_snapshot_find(data, name, error));
}

GVariant *
qemu_bus_domain_get_current_snapshot(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const QemuSnapshot *current = qemu_snapshot_get_current(data);
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, 0, "qemuDomainSnapshotCurrent", error))
        return NULL;
    if (!current)
        vb_error_set(error, VIR_ERR_NO_DOMAIN_SNAPSHOT,
                     "the domain does not have a current snapshot");
    return reply_path(current);
}

/* ---- checkpoints: none can be made, but a daemon that was here before may have left some ---- */

GVariant *
qemu_bus_domain_list_checkpoints(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const guint known = VIR_DOMAIN_CHECKPOINT_LIST_ROOTS | VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL |
                        VIR_DOMAIN_CHECKPOINT_LIST_LEAVES | VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES;
    QemuDomain *domain = data;
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, known, "qemuDomainListAllCheckpoints", error))
        return NULL;
    if (qemu_manager_count_metadata(domain->manager, "checkpoint", domain->name) > 0) {
        vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "checkpoints that another daemon has recorded");
        return NULL;
    }
    return g_variant_new_parsed("(@ao [],)");
}

GVariant *
qemu_bus_domain_lookup_checkpoint(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *name;
    guint flags;
    g_variant_get(args, "(&su)", &name, &flags);
    if (qemu_check_flags(flags, 0, "qemuDomainCheckpointLookupByName", error))
        vb_error_set(error, VIR_ERR_NO_DOMAIN_CHECKPOINT,
                     "no domain checkpoint with matching name '%s'", name);
    return NULL;
}
