/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of snapshots: libvirt's folder, names and format, so that a host can move over and back. */
#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "snapshot-journal.h"
#include "snapshot-private.h"
#include "store/store.h"

#include <string.h>

#define MAX_FILE (10 * 1024 * 1024)
#define FILE_MODE 0600
#define FOLDER_MODE 0755

static char *
folder_of(const QemuDomain *domain)
{
    return g_build_filename(domain->manager->lib_dir, "snapshot", domain->name, NULL);
}

static char *
path_of(const QemuDomain *domain, const char *name)
{
    return g_strdup_printf("%s/snapshot/%s/%s.xml", domain->manager->lib_dir, domain->name, name);
}

/* Source: the head of libvirt's files */
static const char head[] =
    "<!--\n"
    "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
    "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
    "  virsh snapshot-edit\n"
    "or other application using the libvirt API.\n"
    "-->\n\n";

gboolean
qemu_snapshot_store(const QemuDomain *domain, const VbSnapshotDef *def, GError **error)
{
    g_autofree char *folder = folder_of(domain);
    g_autofree char *path = path_of(domain, def->name);
    g_autofree char *xml =
        vb_snapshot_format(def, domain->uuid_text,
                           VB_SNAPSHOT_FORMAT_SECURE | VB_SNAPSHOT_FORMAT_STORED);
    g_autofree char *text = g_strconcat(head, xml, NULL);
    return vb_store_mkdir(folder, FOLDER_MODE, error) &&
           vb_store_write(path, text, strlen(text), FILE_MODE, error);
}

gboolean
qemu_snapshot_unstore(const QemuDomain *domain, const char *name, GError **error)
{
    g_autofree char *path = path_of(domain, name);
    return vb_store_remove(path, error);
}

/* ---- loading ---- */

static VbSnapshotDef *
read_file(const QemuDomain *domain, const char *file, GError **error)
{
    g_autofree char *folder = folder_of(domain);
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_autofree char *expected = NULL;
    g_autofree char *text = NULL;
    if (!vb_store_read(path, MAX_FILE, &text, NULL, error))
        return NULL;
    g_autoptr(VbSnapshotDef) def =
        vb_snapshot_parse(text, VB_SNAPSHOT_PARSE_REDEFINE | VB_SNAPSHOT_PARSE_STORED, error);
    if (!def)
        return NULL;
    expected = g_strconcat(def->name, ".xml", NULL);
    if (strcmp(expected, file) != 0) {
        vb_error_set(error, VIR_ERR_XML_ERROR, "it calls itself '%s'", def->name);
        return NULL;
    }
    return g_steal_pointer(&def);
}

static int
compare_time(gconstpointer a, gconstpointer b)
{
    const VbSnapshotDef *const *first = a;
    const VbSnapshotDef *const *second = b;
    if ((*first)->creation_time != (*second)->creation_time)
        return (*first)->creation_time < (*second)->creation_time ? -1 : 1;
    return strcmp((*first)->name, (*second)->name);
}

/* A circle of parents is cut where it is found: that one is a root then. */
static void
cut_circles(QemuDomain *domain)
{
    for (guint i = 0; i < qemu_snapshot_count(domain); i++) {
        QemuSnapshot *snapshot = domain->snapshots->all->pdata[i];
        if (!qemu_snapshot_is_below(snapshot, snapshot))
            continue;
        vb_log_warning(domain->name, "Snapshots have inconsistent relations for domain %s: '%s'",
                       domain->name, snapshot->def->name);
        g_clear_pointer(&snapshot->def->parent, g_free);
    }
}

/* Killed while the mark moved on, two have it: the new one was marked first, so it is below, or the later. */
static gboolean
replaces(const QemuSnapshot *snapshot, const QemuSnapshot *current)
{
    return !current || qemu_snapshot_is_below(snapshot, current) ||
           (!qemu_snapshot_is_below(current, snapshot) &&
            snapshot->def->creation_time >= current->def->creation_time);
}

static void
find_current(QemuDomain *domain)
{
    QemuSnapshots *snapshots = domain->snapshots;
    for (guint i = 0; i < qemu_snapshot_count(domain); i++) {
        QemuSnapshot *snapshot = snapshots->all->pdata[i];
        if (snapshot->def->has_active && snapshot->def->active &&
            replaces(snapshot, snapshots->current))
            snapshots->current = snapshot;
    }
}

/**
 * qemu_snapshots_load:
 * @domain: a guest that the manager knows
 *
 * Reads what is recorded of its snapshots. A file that cannot be read is logged and left alone.
 */
void
qemu_snapshots_load(QemuDomain *domain)
{
    g_autofree char *folder = folder_of(domain);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    vb_store_sweep(folder);
    g_autoptr(GPtrArray) files = vb_store_list(folder, ".xml", NULL);
    for (guint i = 0; files && i < files->len; i++) {
        g_autoptr(GError) error = NULL;
        VbSnapshotDef *def = read_file(domain, files->pdata[i], &error);
        if (def)
            g_ptr_array_add(found, def);
        else
            vb_log_warning(domain->name, "ignoring snapshot file '%s/%s': %s", folder,
                           (const char *)files->pdata[i], error->message);
    }
    g_ptr_array_sort(found, compare_time);
    for (guint i = 0; i < found->len; i++)
        (void)qemu_snapshots_add(domain, found->pdata[i]);
    cut_circles(domain);
    find_current(domain);
}

/* Guests that are known by now; what is there of others is left alone. */
void
qemu_snapshots_load_all(QemuManager *manager)
{
    g_autofree char *base = g_build_filename(manager->lib_dir, "snapshot", NULL);
    g_autoptr(GDir) folders = g_dir_open(base, 0, NULL);
    const char *name;
    while (folders && (name = g_dir_read_name(folders))) {
        QemuDomain *domain = g_hash_table_lookup(manager->by_name, name);
        if (domain)
            qemu_snapshots_load(domain);
    }
}

void
qemu_snapshots_discard(QemuDomain *domain)
{
    if (qemu_journal_exists(domain))
        qemu_journal_remove(domain);
    qemu_manager_remove_metadata(domain->manager, "snapshot", domain->name);
    if (qemu_snapshot_count(domain))
        qemu_snapshots_drop(domain);
}
