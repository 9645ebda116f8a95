/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* External snapshots: a new image on top of each disk, and the memory in a file of its own. The images are made by
 * qemu-img; a running emulator opens them and moves over to all of them in one transaction. */
#include "snapshot-op.h"

#include "base/error.h"
#include "caps/caps.h"
#include "command/plug.h"
#include "domain-private.h"
#include "hotplug-private.h"
#include "save.h"
#include "snapshot-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_MODE 0600

static const char *
overlay_of(const VbSnapshotDisk *entry)
{
    return entry->snapshot == VB_SNAPSHOT_EXTERNAL ? vb_domain_source_path(&entry->source) : NULL;
}

static VbDomainDisk *
disk_of(const VbDomainDef *def, const VbSnapshotDisk *entry)
{
    return def ? vb_domain_find_disk(def, entry->name) : NULL;
}

static const char *
format_name(int format)
{
    const gboolean is_plain = format == VB_DOMAIN_FORMAT_NONE || format == VB_DOMAIN_FORMAT_ISO;
    return is_plain ? "raw" : vb_enum_to_nick(&vb_domain_image_format_enum, format);
}

/* ---- the files, before ---- */

static gboolean
check_file(const char *disk, const char *path, gboolean is_reused, GError **error)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        if (is_reused)
            return vb_error_set_errno(error, errno, "missing existing file for disk %s: %s", disk,
                                      path);
        return errno == ENOENT ||
               vb_error_set_errno(error, errno, "unable to stat for disk %s: %s", disk, path);
    }
    /* an empty file may have been made for the image by whoever may do so */
    return is_reused || S_ISBLK(info.st_mode) || info.st_size == 0 ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "external snapshot file for disk %s already exists and is not a block "
                        "device: %s",
                        disk, path);
}

/* pairs: disk, path */
static gboolean
check_files(const GPtrArray *pairs, gboolean is_reused, GError **error)
{
    for (guint i = 0; i + 1 < pairs->len; i += 2) {
        if (!check_file(pairs->pdata[i], pairs->pdata[i + 1], is_reused, error))
            return FALSE;
    }
    return TRUE;
}

void
qemu_snapshot_step_check_files(QemuSnapshotOp *op)
{
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        if (!overlay_of(entry))
            continue;
        g_ptr_array_add(pairs, g_strdup(entry->name));
        g_ptr_array_add(pairs, g_strdup(overlay_of(entry)));
    }
    qemu_snapshot_op_work(op, check_files, pairs,
                          (op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT) != 0);
}

/* Files that will be ours: named in the journal before they exist. */
void
qemu_snapshot_step_plan_files(QemuSnapshotOp *op)
{
    if (op->def->memory == VB_SNAPSHOT_EXTERNAL)
        g_ptr_array_add(op->made, g_strdup(op->def->memory_file));
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        if (overlay_of(entry) && entry->source.type == VB_DOMAIN_STORAGE_FILE &&
            !(op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT))
            g_ptr_array_add(op->made, g_strdup(overlay_of(entry)));
    }
    qemu_snapshot_op_next(op);
}

/* ---- the images ---- */

/* The emulator has the base open, and locked: its size is known from there, and qemu-img need not look (-u). */
static void
add_create(QemuSnapshotOp *op, const VbSnapshotDisk *entry, const VbDomainDisk *disk)
{
    const guint64 *size = op->sizes ? g_hash_table_lookup(op->sizes, entry->name) : NULL;
    const char *base = vb_domain_source_path(&disk->source);
    const char *options[] = {"-f", format_name(entry->format), "-F", format_name(disk->format)};
    g_autofree char *bytes = size ? g_strdup_printf("%" G_GUINT64_FORMAT, *size) : NULL;
    if (size)
        qemu_snapshot_op_add_command(op, "qemu-img", "create", "-q", options[0], options[1],
                                     options[2], options[3], "-b", base, "-u", "--",
                                     overlay_of(entry), bytes, NULL);
    else
        qemu_snapshot_op_add_command(op, "qemu-img", "create", "-q", options[0], options[1],
                                     options[2], options[3], "-b", base, "--", overlay_of(entry),
                                     NULL);
}

void
qemu_snapshot_step_make_overlays(QemuSnapshotOp *op)
{
    const VbDomainDef *def = qemu_domain_get_def(op->domain);
    qemu_crash_point("snapshot-overlays");
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        const VbDomainDisk *disk = disk_of(def, entry);
        if (overlay_of(entry) && disk && !(op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT))
            add_create(op, entry, disk);
    }
    qemu_snapshot_op_run_commands(op);
}

static gboolean
remove_files(const GPtrArray *paths, gboolean flag, GError **error)
{
    for (guint i = 0; i < paths->len; i++) {
        if (g_unlink(paths->pdata[i]) < 0 && errno != ENOENT)
            return vb_error_set_errno(error, errno, "cannot remove '%s'",
                                      (const char *)paths->pdata[i]);
    }
    return TRUE;
}

static GPtrArray *
copy_made(const QemuSnapshotOp *op)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < op->made->len; i++)
        g_ptr_array_add(paths, g_strdup(op->made->pdata[i]));
    return paths;
}

void
qemu_snapshot_undo_make_overlays(QemuSnapshotOp *op)
{
    g_ptr_array_set_size(op->commands, 0);
    qemu_snapshot_op_work(op, remove_files, copy_made(op), FALSE);
}

static gboolean
sync_path(const char *path, int flags, GError **error)
{
    int fd = open(path, flags | O_CLOEXEC);
    gboolean is_done =
        fd >= 0 && (flags & O_DIRECTORY || fchmod(fd, IMAGE_MODE) == 0) && fsync(fd) == 0;
    if (!is_done)
        vb_error_set_errno(error, errno, "cannot sync '%s'", path);
    if (fd >= 0)
        close(fd);
    return is_done;
}

static gboolean
sync_files(const GPtrArray *paths, gboolean flag, GError **error)
{
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *folder = g_path_get_dirname(paths->pdata[i]);
        if (!sync_path(paths->pdata[i], O_RDONLY, error) ||
            !sync_path(folder, O_RDONLY | O_DIRECTORY, error))
            return FALSE;
    }
    return TRUE;
}

/* A definition must not speak of an image that a power cut takes away. Source: libvirt's mode of images that it makes */
void
qemu_snapshot_step_sync_overlays(QemuSnapshotOp *op)
{
    qemu_snapshot_op_work(op, sync_files, copy_made(op), FALSE);
}

/* ---- what the emulator knows of its disks ---- */

static void
take_size(QemuSnapshotOp *op, const VbSnapshotDisk *entry, const VbJson *nodes)
{
    VbDomainDisk *disk = disk_of(op->domain->live, entry);
    g_autofree char *name = disk ? qemu_command_image_node(&disk->source) : NULL;
    for (const VbJson *node = vb_json_first(nodes); node && name; node = vb_json_next(node)) {
        const VbJson *image = vb_json_get(node, "image");
        if (g_strcmp0(vb_json_get_string(node, "node-name"), name) != 0)
            continue;
        const guint64 size = vb_json_get_uint(image, "virtual-size", 0);
        if (size > 0)
            g_hash_table_insert(op->sizes, g_strdup(entry->name), g_memdup2(&size, sizeof size));
        if (!disk->backing && !vb_json_get(image, "backing-filename"))
            disk->backing = g_new0(VbDomainBackingStore, 1); /* the chain ends here */
    }
}

static gboolean
knows_sizes(const QemuSnapshotOp *op, GError **error)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        if (overlay_of(entry) && !g_hash_table_contains(op->sizes, entry->name))
            return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                                "the emulator does not know the size of disk '%s'", entry->name);
    }
    return TRUE;
}

static void
on_nodes(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    GError *failure = error ? g_error_copy(error) : NULL;
    if (op->domain && op->domain->live && !failure) {
        VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
        {
            if (overlay_of(entry))
                take_size(op, entry, result);
        }
        (void)knows_sizes(op, &failure);
    }
    if (op->domain && failure)
        qemu_snapshot_op_fail(op, g_steal_pointer(&failure));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    g_clear_error(&failure);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_step_sizes(QemuSnapshotOp *op)
{
    GError *error = NULL;
    op->sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!qemu_snapshot_op_has_monitor(op)) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        qemu_snapshot_op_fail(op, error);
        return;
    }
    qemu_qmp_execute(op->domain->qmp, "query-named-block-nodes", "{\"flat\":true}",
                     QEMU_QMP_TIMEOUT_MS, on_nodes, qemu_snapshot_op_ref(op));
}

/* ---- memory ---- */

static void
on_saved(QemuDomain *domain, GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error)
        qemu_snapshot_op_fail(op, g_error_copy(error));
    else if (op->domain)
        qemu_snapshot_op_next(op);
    qemu_snapshot_op_unref(op);
}

/* The guest is paused when it is over, also one that ran meanwhile (LIVE). */
void
qemu_snapshot_step_memory(QemuSnapshotOp *op)
{
    const gboolean is_live = (op->flags & VIR_DOMAIN_SNAPSHOT_CREATE_LIVE) != 0 &&
                             op->domain->state == VIR_DOMAIN_RUNNING;
    GError *error = NULL;
    if (op->def->memory != VB_SNAPSHOT_EXTERNAL) {
        qemu_snapshot_op_next(op);
    } else if (!qemu_snapshot_op_has_monitor(op)) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        qemu_snapshot_op_fail(op, error);
    } else {
        op->was_running = op->was_running || is_live;
        qemu_domain_write_image(op->domain, op->def->memory_file, is_live,
                                op->def->state == VIR_DOMAIN_RUNNING, on_saved,
                                qemu_snapshot_op_ref(op));
    }
}

/* ---- the emulator opens the images ---- */

static void add_node(QemuSnapshotOp *op);

static void
on_node_added(const VbJson *result, const GError *error, gpointer data)
{
    QemuSnapshotOp *op = data;
    if (op->domain && error) {
        qemu_snapshot_op_fail(op, g_error_copy(error));
    } else if (op->domain) {
        op->n_nodes++;
        add_node(op);
    }
    qemu_snapshot_op_unref(op);
}

static void
add_node(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (op->n_nodes == op->nodes->len) {
        qemu_snapshot_op_next(op);
        return;
    }
    if (!qemu_snapshot_op_has_monitor(op)) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
        qemu_snapshot_op_fail(op, error);
        return;
    }
    const QemuPlugStep *step = op->nodes->pdata[op->n_nodes];
    qemu_qmp_execute(op->domain->qmp, step->command, step->arguments, 0, on_node_added,
                     qemu_snapshot_op_ref(op));
}

/* the disk as it will be, without what lies below: that is joined by the transaction */
static gboolean
plan_nodes(QemuSnapshotOp *op, const QemuCaps *caps, GError **error)
{
    VbDomainDef *live = op->domain->live;
    guint number = qemu_plug_next_number(live);
    const QemuCommandOptions options = {.domain_dir = "/", .monitor_fd = -1};
    op->nodes = qemu_command_plug_steps_new();
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        VbDomainBackingStore end = {0};
        const VbDomainDisk *disk = disk_of(live, entry);
        if (!overlay_of(entry) || !disk)
            continue;
        VbDomainDisk drive = *disk;
        entry->source.index = number++;
        drive.source = entry->source;
        drive.format = entry->format;
        drive.backing = &end;
        g_autoptr(GPtrArray) nodes = qemu_command_plug_medium(live, caps, &options, &drive, error);
        if (!nodes)
            return FALSE;
        while (nodes->len > 0)
            g_ptr_array_add(op->nodes, g_ptr_array_steal_index(nodes, 0));
    }
    return TRUE;
}

static void
on_caps(QemuCaps *caps, const GError *reason, gpointer data)
{
    QemuSnapshotOp *op = data;
    GError *error = reason ? g_error_copy(reason) : NULL;
    if (op->domain && !error && !op->domain->live)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    /* their numbers are noted, so that a restart finds them in the emulator */
    if (op->domain && !error && plan_nodes(op, caps, &error) &&
        qemu_journal_write(op, QEMU_JOURNAL_CREATE, &error))
        add_node(op);
    else if (op->domain)
        qemu_snapshot_op_fail(op, g_steal_pointer(&error));
    g_clear_error(&error);
    qemu_snapshot_op_unref(op);
}

void
qemu_snapshot_step_add_nodes(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (qemu_snapshot_op_has_monitor(op)) {
        qemu_caps_cache_get(op->domain->manager->caps, op->domain->live->emulator, QEMU_ACCEL_TCG,
                            on_caps, qemu_snapshot_op_ref(op));
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is no longer running");
    qemu_snapshot_op_fail(op, error);
}

void
qemu_snapshot_undo_add_nodes(QemuSnapshotOp *op)
{
    if (qemu_snapshot_op_has_monitor(op) && op->nodes)
        qemu_plug_undo(op->domain, op->nodes, op->n_nodes);
    op->n_nodes = 0;
    qemu_snapshot_op_next(op);
}

/* ---- moving over ---- */

static char *
transaction(const QemuSnapshotOp *op)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_begin_array(json, "actions");
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, op->def->disks)
    {
        const VbDomainDisk *disk = disk_of(op->domain->live, entry);
        if (!overlay_of(entry) || !disk)
            continue;
        g_autofree char *node = qemu_command_image_node(&disk->source);
        g_autofree char *overlay = qemu_command_image_node(&entry->source);
        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "type", "blockdev-snapshot");
        vb_json_begin_object(json, "data");
        vb_json_add_string(json, "node", node);
        vb_json_add_string(json, "overlay", overlay);
        vb_json_end(json);
        vb_json_end(json);
    }
    vb_json_end(json);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

/* From here on overlays may hold what exists nowhere else. */
void
qemu_snapshot_step_switch(QemuSnapshotOp *op)
{
    GError *error = NULL;
    if (!qemu_journal_write(op, QEMU_JOURNAL_SWITCHING, &error)) {
        qemu_snapshot_op_fail(op, error);
        return;
    }
    qemu_crash_point("snapshot-switch");
    if (!op->domain->live) {
        qemu_snapshot_op_next(op);
        return;
    }
    g_autofree char *arguments = transaction(op);
    qemu_snapshot_op_execute(op, "transaction", arguments, 0);
}

/**
 * qemu_snapshot_point_to_overlays:
 * @target: a definition of the guest; changed
 * @def: the snapshot
 * @is_live: the running guest's: images keep their numbers
 *
 * Each disk moves to its new image, what it had becomes the backing store. A second time changes nothing.
 */
void
qemu_snapshot_point_to_overlays(VbDomainDef *target, const VbSnapshotDef *def, gboolean is_live)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, def->disks)
    {
        VbDomainDisk *disk = disk_of(target, entry);
        if (!overlay_of(entry) || !disk ||
            g_strcmp0(vb_domain_source_path(&disk->source), overlay_of(entry)) == 0)
            continue;
        if (!is_live)
            disk->source.index = 0;
        vb_domain_disk_stack(disk);
        vb_snapshot_disk_copy_source(entry, &disk->source);
        disk->source.index = is_live ? entry->source.index : 0;
        disk->source.startup_policy = VB_DOMAIN_STARTUP_POLICY_NONE;
        disk->format = entry->format;
    }
}
