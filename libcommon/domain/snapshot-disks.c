/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the disks of a guest take part in a snapshot: each gets an entry, what is left open is filled in, what contradicts
 * is refused, new images get names. */
#include "domain/snapshot.h"
#include <string.h>
#include "base/error.h"

typedef struct {
    VbSnapshotDef *def;
    const VbDomainDef *domain;
    int fallback;        /* VbSnapshotLocation of disks that say nothing */
    gboolean must_match; /* no disk may say anything else than @fallback */
} Align;

/**
 * vb_snapshot_is_external:
 * @def: a snapshot
 *
 * Returns: TRUE when its memory or a disk of it lies in a file of its own
 */
gboolean
vb_snapshot_is_external(const VbSnapshotDef *def)
{
    if (def->memory == VB_SNAPSHOT_EXTERNAL)
        return TRUE;
    VB_DOMAIN_EACH(VbSnapshotDisk, disk, def->disks)
    {
        if (disk->snapshot == VB_SNAPSHOT_EXTERNAL)
            return TRUE;
    }
    return FALSE;
}

/**
 * vb_snapshot_find_disk:
 * @def: a snapshot
 * @name: target of a disk
 *
 * Returns: (transfer none) (nullable)
 */
VbSnapshotDisk *
vb_snapshot_find_disk(const VbSnapshotDef *def, const char *name)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, disk, def->disks)
    {
        if (strcmp(disk->name, name) == 0)
            return disk;
    }
    return NULL;
}

/* what <disk snapshot=> of the guest says; Source: read-only disks are left out by libvirt unless they say otherwise */
static int
own_wish(const VbDomainDisk *disk)
{
    const int wish = disk->snapshot ? vb_enum_from_nick(&vb_snapshot_location_enum, disk->snapshot)
                                    : VB_SNAPSHOT_DEFAULT;

    if (wish > VB_SNAPSHOT_DEFAULT)
        return wish;
    return disk->is_readonly || vb_domain_source_is_empty(&disk->source) ? VB_SNAPSHOT_NO
                                                                         : VB_SNAPSHOT_DEFAULT;
}

static gboolean
check_entry(const Align *align, VbSnapshotDisk *entry, const VbDomainDisk *disk, GError **error)
{
    const int wish = own_wish(disk);
    const char *needed = vb_enum_to_nick(&vb_snapshot_location_enum, align->fallback);

    if (entry->snapshot == VB_SNAPSHOT_DEFAULT) {
        const gboolean is_own = wish && (!align->must_match || wish == VB_SNAPSHOT_NO);

        entry->snapshot = is_own ? wish : align->fallback;
    } else if (align->must_match && entry->snapshot != align->fallback &&
               !(entry->snapshot == VB_SNAPSHOT_NO && wish == VB_SNAPSHOT_NO)) {
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disk '%s' must use snapshot mode '%s'", entry->name, needed);
    }
    if (!vb_domain_source_is_empty(&entry->source) && entry->snapshot != VB_SNAPSHOT_EXTERNAL)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "file '%s' for disk '%s' requires use of external snapshot mode",
                            vb_domain_source_path(&entry->source), entry->name);
    return TRUE;
}

/* entries that were given: each belongs to one disk of the guest and is called as that one is */
static gboolean
take_given(const Align *align, GHashTable *by_disk, GError **error)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, entry, align->def->disks)
    {
        VbDomainDisk *disk = vb_domain_find_disk(align->domain, entry->name);

        if (!disk)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "no disk named '%s'",
                                entry->name);
        if (g_hash_table_contains(by_disk, disk))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "disk '%s' specified twice",
                                disk->dst);
        g_hash_table_insert(by_disk, disk, entry);
        if (!check_entry(align, entry, disk, error))
            return FALSE;
        if (strcmp(entry->name, disk->dst) != 0) {
            g_free(entry->name);
            entry->name = g_strdup(disk->dst);
        }
    }
    return TRUE;
}

static VbSnapshotDisk *
make_entry(const Align *align, const VbDomainDisk *disk)
{
    VbSnapshotDisk *entry = vb_snapshot_disk_new();

    entry->name = g_strdup(disk->dst);
    entry->source.type = VB_DOMAIN_STORAGE_NONE;
    (void)check_entry(align, entry, disk, NULL);
    return entry;
}

/* Source: libvirt: the image's path with its suffix replaced by the snapshot's name */
static gboolean
name_image(const VbSnapshotDef *def, VbSnapshotDisk *entry, const VbDomainDisk *disk,
           GError **error)
{
    const char *path = vb_domain_source_path(&disk->source);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *dot = path ? strrchr(path, '.') : NULL;
    gsize length;

    if (disk->source.type != VB_DOMAIN_STORAGE_FILE || !path)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "cannot generate external snapshot name for disk '%s' on a '%s' device",
                            entry->name,
                            vb_enum_to_nick(&vb_domain_storage_type_enum, disk->source.type));
    if (strchr(def->name, '/'))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "snapshot name '%s' cannot be part of a file name", def->name);
    length = dot && (!slash || dot > slash + 1) ? (gsize)(dot - path) : strlen(path);
    entry->source.type = VB_DOMAIN_STORAGE_FILE;
    entry->source.file = g_strdup_printf("%.*s.%s", (int)length, path, def->name);
    return TRUE;
}

static gboolean
complete_images(const Align *align, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(align->domain->disks); i++) {
        VbSnapshotDisk *entry = align->def->disks->pdata[i];

        if (entry->snapshot != VB_SNAPSHOT_EXTERNAL)
            continue;
        if (vb_domain_source_is_empty(&entry->source) &&
            entry->source.type != VB_DOMAIN_STORAGE_NETWORK &&
            !name_image(align->def, entry, align->domain->disks->pdata[i], error))
            return FALSE;
        if (!entry->format)
            entry->format = VB_DOMAIN_FORMAT_QCOW2;
    }
    return TRUE;
}

/**
 * vb_snapshot_align_disks:
 * @def: a snapshot with a name; changed
 * @domain: its guest
 * @fallback: VbSnapshotLocation of disks that say nothing
 * @must_match: no disk may say anything else
 *
 * Errors: CONFIG_UNSUPPORTED no such disk, named twice, contradictions, no name for a new image
 */
gboolean
vb_snapshot_align_disks(VbSnapshotDef *def, const VbDomainDef *domain, int fallback,
                        gboolean must_match, GError **error)
{
    const Align align = {def, domain, fallback, must_match};
    g_autoptr(GHashTable) by_disk = g_hash_table_new(NULL, NULL);
    GPtrArray *sorted;

    if (VB_DOMAIN_COUNT(def->disks) > VB_DOMAIN_COUNT(domain->disks))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "too many disk snapshot requests for domain");
    if (!take_given(&align, by_disk, error))
        return FALSE;
    sorted = g_ptr_array_new();
    VB_DOMAIN_EACH(VbDomainDisk, disk, domain->disks)
    {
        VbSnapshotDisk *entry = g_hash_table_lookup(by_disk, disk);

        g_ptr_array_add(sorted, entry ? entry : make_entry(&align, disk));
    }
    if (def->disks)
        g_ptr_array_unref(def->disks);
    def->disks = sorted;
    return complete_images(&align, error);
}
