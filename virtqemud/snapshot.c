/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of a guest's snapshots, in memory. Owns QemuSnapshots. Parents are known by name: a snapshot whose parent is not
 * recorded is a root. */
#include "snapshot.h"

#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "snapshot-private.h"

#include <string.h>

#define FILTERS_METADATA (VIR_DOMAIN_SNAPSHOT_LIST_METADATA | VIR_DOMAIN_SNAPSHOT_LIST_NO_METADATA)
#define FILTERS_LEAVES (VIR_DOMAIN_SNAPSHOT_LIST_LEAVES | VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES)
#define FILTERS_STATE                                                                              \
    (VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE | VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE |                         \
     VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY)
#define FILTERS_LOCATION (VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL | VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL)
#define LIST_FLAGS                                                                                 \
    (VIR_DOMAIN_SNAPSHOT_LIST_ROOTS | VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL | FILTERS_METADATA |    \
     FILTERS_LEAVES | FILTERS_STATE | FILTERS_LOCATION)

static void
snapshot_free(gpointer data)
{
    QemuSnapshot *snapshot = data;
    vb_snapshot_free(snapshot->def);
    g_free(snapshot);
}

QemuSnapshots *
qemu_snapshots_get(QemuDomain *domain)
{
    if (!domain->snapshots) {
        domain->snapshots = g_new0(QemuSnapshots, 1);
        domain->snapshots->all = g_ptr_array_new_with_free_func(snapshot_free);
        domain->snapshots->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    }
    return domain->snapshots;
}

void
qemu_snapshots_free(QemuDomain *domain)
{
    QemuSnapshots *snapshots = g_steal_pointer(&domain->snapshots);
    if (!snapshots)
        return;
    g_hash_table_unref(snapshots->by_name);
    g_ptr_array_unref(snapshots->all);
    g_free(snapshots);
}

void
qemu_snapshots_drop(QemuDomain *domain)
{
    QemuManager *manager = domain->manager;
    for (guint i = 0; domain->snapshots && manager && i < domain->snapshots->all->len; i++) {
        if (manager->listener.snapshot_removed)
            manager->listener.snapshot_removed(domain->snapshots->all->pdata[i],
                                               manager->listener_data);
    }
    qemu_snapshots_free(domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_SNAPSHOTS);
}

/* ---- looking ---- */

static QemuSnapshot *
peek(const QemuDomain *domain, const char *name)
{
    return domain->snapshots && name ? g_hash_table_lookup(domain->snapshots->by_name, name) : NULL;
}

QemuSnapshot *
qemu_snapshot_find(const QemuDomain *domain, const char *name, GError **error)
{
    QemuSnapshot *snapshot = peek(domain, name);
    if (!snapshot)
        vb_error_set(error, VIR_ERR_NO_DOMAIN_SNAPSHOT,
                     "no domain snapshot with matching name '%s'", name);
    return snapshot;
}

QemuSnapshot *
qemu_snapshot_get_current(const QemuDomain *domain)
{
    return domain->snapshots ? domain->snapshots->current : NULL;
}

QemuSnapshot *
qemu_snapshot_get_parent(const QemuSnapshot *snapshot)
{
    return peek(snapshot->domain, snapshot->def->parent);
}

guint
qemu_snapshot_count(const QemuDomain *domain)
{
    return domain->snapshots ? domain->snapshots->all->len : 0;
}

guint
qemu_snapshot_count_children(const QemuSnapshot *snapshot)
{
    guint n = 0;
    for (guint i = 0; i < qemu_snapshot_count(snapshot->domain); i++)
        n += qemu_snapshot_get_parent(snapshot->domain->snapshots->all->pdata[i]) == snapshot;
    return n;
}

const char *
qemu_snapshot_state_name(const QemuSnapshot *snapshot)
{
    const char *name = vb_enum_to_nick(&vb_snapshot_state_enum, snapshot->def->state);
    return name ? name : "nostate";
}

gboolean
qemu_snapshot_is_below(const QemuSnapshot *snapshot, const QemuSnapshot *above)
{
    const QemuSnapshot *at = qemu_snapshot_get_parent(snapshot);
    for (guint steps = qemu_snapshot_count(snapshot->domain); at && steps > 0; steps--) {
        if (at == above)
            return TRUE;
        at = qemu_snapshot_get_parent(at);
    }
    return FALSE;
}

/* ---- lists ---- */

static guint
state_flag(const VbSnapshotDef *def)
{
    if (def->state == VIR_DOMAIN_SHUTOFF)
        return VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE;
    if (def->state == VB_SNAPSHOT_STATE_DISK_ONLY)
        return VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY;
    return VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE;
}

/* Flags of one group mean "any of these"; a group that is not mentioned does not matter. */
static gboolean
passes(const QemuSnapshot *snapshot, guint flags)
{
    guint traits = VIR_DOMAIN_SNAPSHOT_LIST_METADATA | state_flag(snapshot->def);
    const guint groups[] = {FILTERS_METADATA, FILTERS_LEAVES, FILTERS_STATE, FILTERS_LOCATION};
    traits |= vb_snapshot_is_external(snapshot->def) ? VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL
                                                     : VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL;
    if (flags & FILTERS_LEAVES)
        traits |= qemu_snapshot_count_children(snapshot) ? VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES
                                                         : VIR_DOMAIN_SNAPSHOT_LIST_LEAVES;
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        if ((flags & groups[i]) && !(flags & groups[i] & traits))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_in_place(const QemuSnapshot *snapshot, const QemuSnapshot *above, guint flags)
{
    const gboolean has_first = (flags & VIR_DOMAIN_SNAPSHOT_LIST_ROOTS) != 0; /* or DESCENDANTS */
    if (!above)
        return !has_first || !qemu_snapshot_get_parent(snapshot);
    return has_first ? qemu_snapshot_is_below(snapshot, above)
                     : qemu_snapshot_get_parent(snapshot) == above;
}

static guint
depth(const QemuSnapshot *snapshot)
{
    guint n = 0;
    while (n < qemu_snapshot_count(snapshot->domain) &&
           (snapshot = qemu_snapshot_get_parent(snapshot)))
        n++;
    return n;
}

static int
compare_depth(gconstpointer a, gconstpointer b)
{
    const QemuSnapshot *const *first = a;
    const QemuSnapshot *const *second = b;
    return (int)depth(*first) - (int)depth(*second);
}

GPtrArray *
qemu_snapshot_list(const QemuDomain *domain, const QemuSnapshot *above, guint flags,
                   const char *function, GError **error)
{
    if (!qemu_check_flags(flags, LIST_FLAGS, function, error))
        return NULL;
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < qemu_snapshot_count(domain); i++) {
        QemuSnapshot *snapshot = domain->snapshots->all->pdata[i];
        if (is_in_place(snapshot, above, flags) && passes(snapshot, flags))
            g_ptr_array_add(list, snapshot);
    }
    if (flags & VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL)
        g_ptr_array_sort(list, compare_depth); /* stable: a merge sort */
    return list;
}

/**
 * qemu_snapshot_get_xml:
 * @flags: virDomainSnapshotXMLFlags: 1 with secrets
 *
 * Errors: INVALID_ARG unknown flags
 */
char *
qemu_snapshot_get_xml(const QemuSnapshot *snapshot, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, VIR_DOMAIN_XML_SECURE, "qemuDomainSnapshotGetXMLDesc", error))
        return NULL;
    return vb_snapshot_format(snapshot->def, snapshot->domain->uuid_text,
                              flags & VIR_DOMAIN_XML_SECURE ? VB_SNAPSHOT_FORMAT_SECURE : 0);
}

/* ---- changing it ---- */

static void
tell(QemuSnapshot *snapshot, guint changes)
{
    QemuManager *manager = snapshot->domain->manager;
    if (manager && manager->listener.snapshot_changed)
        manager->listener.snapshot_changed(snapshot, changes, manager->listener_data);
}

/* takes @def */
QemuSnapshot *
qemu_snapshots_add(QemuDomain *domain, VbSnapshotDef *def)
{
    QemuSnapshots *snapshots = qemu_snapshots_get(domain);
    QemuManager *manager = domain->manager;
    QemuSnapshot *snapshot = peek(domain, def->name);
    if (snapshot) {
        /* the key is the old definition's name */
        g_hash_table_remove(snapshots->by_name, def->name);
        vb_snapshot_free(snapshot->def);
        snapshot->def = def;
        g_hash_table_insert(snapshots->by_name, def->name, snapshot);
        tell(snapshot, QEMU_SNAPSHOT_CHANGED_DEFINITION);
        return snapshot;
    }
    snapshot = g_new0(QemuSnapshot, 1);
    snapshot->domain = domain;
    snapshot->def = def;
    g_ptr_array_add(snapshots->all, snapshot);
    g_hash_table_insert(snapshots->by_name, def->name, snapshot);
    if (manager && manager->listener.snapshot_added)
        manager->listener.snapshot_added(snapshot, manager->listener_data);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_SNAPSHOTS);
    return snapshot;
}

static gboolean
mark(QemuSnapshot *snapshot, gboolean is_current, GError **error)
{
    VbSnapshotDef *def = snapshot->def;
    const guint before = def->has_active && def->active;
    if (before == (guint)is_current)
        return TRUE;
    def->active = is_current;
    def->has_active = is_current;
    if (qemu_snapshot_store(snapshot->domain, def, error))
        return TRUE;
    def->active = def->has_active = before;
    return FALSE;
}

/* Killed in between, the next start finds two marks, and takes the one below, or none: a revert is finished then. */
static gboolean
move_mark(QemuSnapshot *from, QemuSnapshot *to, GError **error)
{
    const gboolean is_below = from && to && qemu_snapshot_is_below(to, from);
    if (from && !is_below && !mark(from, FALSE, error))
        return FALSE;
    if (to && !mark(to, TRUE, error))
        return FALSE;
    qemu_crash_point("snapshot-marked");
    return !is_below || mark(from, FALSE, error);
}

gboolean
qemu_snapshot_set_current(QemuDomain *domain, QemuSnapshot *snapshot, GError **error)
{
    QemuSnapshots *snapshots = qemu_snapshots_get(domain);
    QemuSnapshot *old = snapshots->current;
    if (old == snapshot)
        return TRUE;
    if (!move_mark(old, snapshot, error))
        return FALSE;
    snapshots->current = snapshot;
    if (old)
        tell(old, QEMU_SNAPSHOT_CHANGED_CURRENT);
    if (snapshot)
        tell(snapshot, QEMU_SNAPSHOT_CHANGED_CURRENT);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_SNAPSHOTS);
    return TRUE;
}

/**
 * qemu_snapshot_record:
 * @def: (transfer full): also on failure
 * @is_current: from now on
 *
 * Returns: (transfer none): once it is on disk; NULL with @error set
 * Errors: SYSTEM_ERROR
 */
QemuSnapshot *
qemu_snapshot_record(QemuDomain *domain, VbSnapshotDef *def, gboolean is_current, GError **error)
{
    QemuSnapshot *old = peek(domain, def->name);
    const gboolean was_current = old && old == qemu_snapshot_get_current(domain);
    def->active = def->has_active = was_current || is_current;
    if (!qemu_snapshot_store(domain, def, error)) {
        vb_snapshot_free(def);
        return NULL;
    }
    qemu_crash_point("snapshot-stored");
    QemuSnapshot *snapshot = qemu_snapshots_add(domain, def);
    if (is_current && !qemu_snapshot_set_current(domain, snapshot, error))
        return NULL;
    return snapshot;
}

static gboolean
adopt_children(QemuSnapshot *snapshot, GError **error)
{
    const QemuDomain *domain = snapshot->domain;
    for (guint i = 0; i < qemu_snapshot_count(domain); i++) {
        QemuSnapshot *child = domain->snapshots->all->pdata[i];
        if (qemu_snapshot_get_parent(child) != snapshot)
            continue;
        g_autofree char *before = child->def->parent;
        child->def->parent = g_strdup(snapshot->def->parent);
        if (!qemu_snapshot_store(snapshot->domain, child->def, error)) {
            g_free(child->def->parent);
            child->def->parent = g_steal_pointer(&before);
            return FALSE;
        }
        tell(child, QEMU_SNAPSHOT_CHANGED_DEFINITION);
    }
    return TRUE;
}

/**
 * qemu_snapshot_forget:
 * @snapshot: freed
 *
 * Its children become its parent's, which becomes the current one if this one was. The file goes last: killed in between,
 * a snapshot without data or children is left, which can be deleted again.
 */
gboolean
qemu_snapshot_forget(QemuSnapshot *snapshot, GError **error)
{
    QemuDomain *domain = snapshot->domain;
    QemuManager *manager = domain->manager;
    QemuSnapshot *parent = qemu_snapshot_get_parent(snapshot);
    if (!adopt_children(snapshot, error))
        return FALSE;
    if (qemu_snapshot_get_current(domain) == snapshot &&
        !qemu_snapshot_set_current(domain, parent, error))
        return FALSE;
    if (!qemu_snapshot_unstore(domain, snapshot->def->name, error))
        return FALSE;
    if (manager && manager->listener.snapshot_removed)
        manager->listener.snapshot_removed(snapshot, manager->listener_data);
    g_hash_table_remove(domain->snapshots->by_name, snapshot->def->name);
    g_ptr_array_remove(domain->snapshots->all, snapshot);
    if (parent)
        tell(parent, QEMU_SNAPSHOT_CHANGED_DEFINITION);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_SNAPSHOTS);
    return TRUE;
}
