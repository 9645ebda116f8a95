/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of an operation on snapshots: one small file per guest, written before images or the emulator are touched,
 * removed when everything is recorded. */
#include "snapshot-journal.h"

#include "base/error.h"
#include "domain-private.h"
#include "store/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_FILE (10 * 1024 * 1024)
#define FILE_MODE 0600
#define FOLDER_MODE 0700

VB_ENUM(journal_kind_enum, "operation", NULL, "create", "switch", "apply", "load");

typedef struct {
    char *path;
} JournalFile;

static const VbXmlField file_fields[] = {VB_XML_STR(JournalFile, path, "@path")};
static VB_XML_TYPE(file_type, JournalFile, "made", file_fields);

static const VbXmlField overlay_fields[] = {
    VB_XML_STR(QemuJournalOverlay, disk, "@disk"),
    VB_XML_UINT(QemuJournalOverlay, index, "@index"),
};
static VB_XML_TYPE(overlay_type, QemuJournalOverlay, "overlay", overlay_fields);

static const VbXmlField journal_fields[] = {
    VB_XML_ENUMV(QemuJournal, kind, "@operation", journal_kind_enum, .flags = VB_XML_REQUIRED),
    VB_XML_UINT(QemuJournal, flags, "@flags"),
    VB_XML_PRESENT(QemuJournal, was_running, "running"),
    VB_XML_LIST(QemuJournal, overlays, "overlay", overlay_type),
    VB_XML_LIST(QemuJournal, made, "made", file_type),
    VB_XML_STRUCT(QemuJournal, def, "domainsnapshot", vb_snapshot_type),
};
static VB_XML_TYPE(journal_type, QemuJournal, "unfinishedSnapshot", journal_fields);

static char *
path_of(const QemuDomain *domain)
{
    return g_strdup_printf("%s/virtbus/%s.xml", domain->manager->lib_dir, domain->uuid_text);
}

static QemuJournal *
new_journal(const QemuSnapshotOp *op, int kind)
{
    QemuJournal *journal = vb_xml_new(&journal_type);
    journal->kind = kind;
    journal->flags = op->flags;
    journal->was_running = op->was_running;
    journal->def = vb_snapshot_copy(op->def);
    for (guint i = 0; i < op->made->len; i++) {
        JournalFile *file = vb_domain_list_add(&journal->made, vb_xml_new(&file_type));
        file->path = g_strdup(op->made->pdata[i]);
    }
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        if (entry->source.index == 0)
            continue;
        QemuJournalOverlay *overlay =
            vb_domain_list_add(&journal->overlays, vb_xml_new(&overlay_type));
        overlay->disk = g_strdup(entry->name);
        overlay->index = entry->source.index;
    }
    return journal;
}

/**
 * qemu_journal_write:
 * @kind: QemuJournalKind
 *
 * Errors: SYSTEM_ERROR
 */
gboolean
qemu_journal_write(const QemuSnapshotOp *op, int kind, GError **error)
{
    g_autofree char *path = path_of(op->domain);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(QemuJournal) journal = new_journal(op, kind);
    g_autofree char *text = vb_xml_format(&journal_type, journal, VB_XML_FORMAT_SECURE);
    return vb_store_mkdir(folder, FOLDER_MODE, error) &&
           vb_store_write(path, text, strlen(text), FILE_MODE, error);
}

gboolean
qemu_journal_exists(const QemuDomain *domain)
{
    g_autofree char *path = path_of(domain);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

void
qemu_journal_remove(const QemuDomain *domain)
{
    g_autofree char *path = path_of(domain);
    g_autoptr(GError) error = NULL;
    if (!vb_store_remove(path, &error))
        g_warning("domain %s: %s", domain->name, error->message);
}

static void
number_overlays(const QemuJournal *journal)
{
    VB_DOMAIN_EACH(QemuJournalOverlay, overlay, journal->overlays)
    {
        VbSnapshotDisk *entry = vb_snapshot_find_disk(journal->def, overlay->disk);
        if (entry)
            entry->source.index = overlay->index;
    }
}

QemuJournal *
qemu_journal_read(const QemuDomain *domain)
{
    g_autofree char *path = path_of(domain);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    QemuJournal *journal = NULL;
    if (!qemu_journal_exists(domain))
        return NULL;
    vb_snapshot_free(vb_snapshot_new()); /* makes the tables that are joined here */
    if (vb_store_read(path, MAX_FILE, &text, NULL, &error))
        journal = vb_xml_parse(&journal_type, text, -1, &error);
    if (journal && (!journal->def || !journal->def->name)) {
        vb_error_set(&error, VIR_ERR_XML_ERROR, "it names no snapshot");
        g_clear_pointer(&journal, qemu_journal_free);
    }
    if (!journal)
        g_warning("'%s' is left alone: %s", path, error->message);
    else
        number_overlays(journal);
    return journal;
}

void
qemu_journal_free(QemuJournal *journal)
{
    vb_xml_free(&journal_type, journal);
}

void
qemu_journal_remove_files(const QemuJournal *journal)
{
    VB_DOMAIN_EACH(JournalFile, file, journal->made)
    {
        if (g_unlink(file->path) < 0 && errno != ENOENT)
            g_warning("cannot remove '%s': %s", file->path, g_strerror(errno));
    }
}

/* ---- as steps ---- */

/* What a new snapshot will make is named before it is there. */
void
qemu_snapshot_step_journal(QemuSnapshotOp *op)
{
    GError *error = NULL;
    const gboolean will_run = op->domain->state == VIR_DOMAIN_RUNNING;
    const gboolean was_running = op->was_running;
    op->was_running = op->was_running || will_run;
    op->has_journal = qemu_journal_write(op, QEMU_JOURNAL_CREATE, &error);
    op->was_running = was_running;
    if (!op->has_journal) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    qemu_crash_point("snapshot-noted");
    qemu_snapshot_op_next(op);
}

/* A guest whose monitor is lost could not be brought back: that is done once it answers again. */
void
qemu_snapshot_undo_journal(QemuSnapshotOp *op)
{
    const gboolean is_mute = op->domain->live && !op->domain->is_exited && !op->domain->qmp;
    if (op->has_journal && op->domain->manager && !is_mute)
        qemu_journal_remove(op->domain);
    op->has_journal = FALSE;
    qemu_snapshot_op_next(op);
}
