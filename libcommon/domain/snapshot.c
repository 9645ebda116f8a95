/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <domainsnapshot>, and text <-> struct for it. Order is that in which libvirt writes. */
#include "domain/snapshot.h"
#include <string.h>
#include "base/error.h"

VB_ENUM(vb_snapshot_state_enum, "domain snapshot state", NULL, "running", "blocked", "paused",
        "shutdown", "shutoff", "crashed", "pmsuspended", "disk-snapshot");
VB_ENUM(vb_snapshot_location_enum, "snapshot", NULL, "no", "internal", "external", "manual");

/* Made from the guest's own tables at first use: a <domain> without type= (old snapshots know the UUID alone), and a
 * source without what has no meaning for an image that does not exist yet. */
static VbXmlType guest_type, image_type;

static const VbXmlField disk_fields[] = {
    VB_XML_STR(VbSnapshotDisk, name, "@name", .flags = VB_XML_REQUIRED,
               .doc = "The guest's disk: its target, or the path of its image."),
    VB_XML_ENUMV(VbSnapshotDisk, snapshot, "@snapshot", vb_snapshot_location_enum),
    VB_XML_ENUMV(VbSnapshotDisk, source.type, "@type", vb_domain_storage_type_enum),
    VB_XML_ENUMV(VbSnapshotDisk, format, "driver/@type", vb_domain_image_format_enum,
                 .flags = VB_XML_UNSUPPORTED),
    VB_XML_SIZE(VbSnapshotDisk, metadata_cache_size, "driver/metadata_cache/max_size", .unit = 1,
                .unit_name = "bytes"),
    VB_XML_EMBED(VbSnapshotDisk, source, ".", image_type),
};

/* without type= it is a file */
static void
disk_init(gpointer self)
{
    ((VbSnapshotDisk *)self)->source.type = VB_DOMAIN_STORAGE_FILE;
}

static VB_XML_TYPE(disk_type, VbSnapshotDisk, "disk", disk_fields, .init = disk_init,
                   .doc = "How one disk takes part.");

/* of a guest that is not known: its UUID alone */
static const VbXmlField bare_guest_fields[] = {VB_XML_UUIDV(VbDomainDef, uuid, "uuid")};
static VB_XML_TYPE(bare_guest_type, VbDomainDef, "domain", bare_guest_fields);

#define S VbSnapshotDef
#define SNAPSHOT_FIELDS(guest)                                                                     \
    VB_XML_STR(S, name, "name"), VB_XML_STR(S, description, "description"),                        \
        VB_XML_ENUMV(S, state, "state", vb_snapshot_state_enum, .flags = VB_XML_UNSUPPORTED),      \
        VB_XML_STR(S, parent, "parent/name"),                                                      \
        VB_XML_INT64(S, creation_time, "creationTime", VB_XML_HAS(S, has_creation_time),           \
                     .flags = VB_XML_ZERO_IS_VALUE, .doc = "Seconds since 1970."),                 \
        VB_XML_ENUMV(S, memory, "memory/@snapshot", vb_snapshot_location_enum),                    \
        VB_XML_STR(S, memory_file, "memory/@file"),                                                \
        VB_XML_LIST(S, disks, "disks/disk", disk_type),                                            \
        VB_XML_LIST(S, revert_disks, "revertDisks/disk", disk_type),                               \
        VB_XML_STRUCT(S, domain, "domain", guest),                                                 \
        VB_XML_STRUCT(S, inactive_domain, "inactiveDomain", guest_type),                           \
        VB_XML_RAW(S, cookie, "cookie"),                                                           \
        VB_XML_UINT(S, active, "active", VB_XML_HAS(S, has_active), .flags = VB_XML_ZERO_IS_VALUE)
static const VbXmlField snapshot_fields[] = {SNAPSHOT_FIELDS(guest_type)};
VB_XML_TYPE(vb_snapshot_type, S, "domainsnapshot", snapshot_fields, .document = "domain_snapshot",
            .doc = "A snapshot of a guest.");
static const VbXmlField bare_fields[] = {SNAPSHOT_FIELDS(bare_guest_type)};
static VB_XML_TYPE(bare_type, S, "domainsnapshot", bare_fields);
#undef S

/* ---- the types made from others ---- */

static gboolean
is_left_out(const VbXmlType *from, const VbXmlField *field)
{
    return from == &vb_domain_disk_source_type &&
           (strcmp(field->path, "source/@startupPolicy") == 0 ||
            strcmp(field->path, "source/@index") == 0);
}

static void
derive(VbXmlType *type, const VbXmlType *from)
{
    VbXmlField *fields = g_new0(VbXmlField, from->n_fields); /* lives as long as the process */
    guint n = 0;

    for (guint i = 0; i < from->n_fields; i++) {
        if (is_left_out(from, &from->fields[i]))
            continue;
        fields[n] = from->fields[i];
        if (strcmp(fields[n].path, "@type") == 0)
            fields[n].flags &= ~(guint)VB_XML_REQUIRED;
        n++;
    }
    *type = *from;
    type->fields = fields;
    type->n_fields = n;
}

static void
make_types(void)
{
    static gsize is_made;

    if (!g_once_init_enter(&is_made))
        return;
    derive(&guest_type, &vb_domain_type);
    derive(&image_type, &vb_domain_disk_source_type);
    g_once_init_leave(&is_made, 1);
}

/* ---- life ---- */

VbSnapshotDef *
vb_snapshot_new(void)
{
    make_types();
    return vb_xml_new(&vb_snapshot_type);
}

VbSnapshotDisk *
vb_snapshot_disk_new(void)
{
    make_types();
    return vb_xml_new(&disk_type);
}

void
vb_snapshot_disk_copy_source(const VbSnapshotDisk *disk, VbDomainDiskSource *ret_source)
{
    VbSnapshotDisk *copy;

    make_types();
    copy = vb_xml_copy(&disk_type, disk);
    *ret_source = copy->source;
    memset(&copy->source, 0, sizeof(copy->source));
    vb_xml_free(&disk_type, copy);
}

VbSnapshotDef *
vb_snapshot_copy(const VbSnapshotDef *def)
{
    make_types();
    return vb_xml_copy(&vb_snapshot_type, def);
}

void
vb_snapshot_free(VbSnapshotDef *def)
{
    make_types();
    vb_xml_free(&vb_snapshot_type, def);
}

/* ---- text to struct ---- */

/* Source: libvirt writes type= and driver of a new image only once one of them says something */
static void
settle_disks(GPtrArray *disks)
{
    VB_DOMAIN_EACH(VbSnapshotDisk, disk, disks)
    {
        if (!disk->format && vb_domain_source_is_empty(&disk->source) &&
            disk->source.type != VB_DOMAIN_STORAGE_NETWORK)
            disk->source.type = VB_DOMAIN_STORAGE_NONE;
    }
}

/* what a user's new snapshot cannot say */
static void
drop_history(VbSnapshotDef *def)
{
    def->state = 0;
    def->has_creation_time = FALSE;
    g_clear_pointer(&def->parent, g_free);
    g_clear_pointer(&def->domain, vb_domain_free);
    g_clear_pointer(&def->inactive_domain, vb_domain_free);
    VB_DOMAIN_EACH(VbSnapshotDisk, disk, def->revert_disks)
    {
        vb_xml_free(&disk_type, disk);
    }
    if (def->revert_disks)
        g_ptr_array_set_size(def->revert_disks, 0);
}

static gboolean
check_memory(const VbSnapshotDef *def, GError **error)
{
    if (def->memory_file && def->memory == VB_SNAPSHOT_EXTERNAL && *def->memory_file != '/')
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "memory snapshot file path (%s) must be absolute", def->memory_file);
    if (def->memory_file && def->memory != VB_SNAPSHOT_EXTERNAL &&
        def->memory != VB_SNAPSHOT_DEFAULT)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "memory filename '%s' requires external snapshot", def->memory_file);
    if (def->memory == VB_SNAPSHOT_EXTERNAL && !def->memory_file)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "external memory snapshots require a filename");
    return TRUE;
}

/* Source: libvirt's defaults for snapshots without <memory>, and its words */
static gboolean
settle_memory(VbSnapshotDef *def, GError **error)
{
    const gboolean is_offline =
        def->state == VIR_DOMAIN_SHUTOFF || def->state == VB_SNAPSHOT_STATE_DISK_ONLY;

    if (def->memory == VB_SNAPSHOT_DEFAULT && def->memory_file)
        def->memory = VB_SNAPSHOT_EXTERNAL;
    else if (def->memory == VB_SNAPSHOT_DEFAULT && def->state)
        def->memory = is_offline ? VB_SNAPSHOT_NO : VB_SNAPSHOT_INTERNAL;
    if (is_offline && def->memory > VB_SNAPSHOT_NO)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "memory state cannot be saved with offline or disk-only snapshot");
    return check_memory(def, error);
}

static gboolean
check_history(const VbSnapshotDef *def, GError **error)
{
    if (!def->name)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "a redefined snapshot must have a name");
    if (!def->has_creation_time)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "missing creationTime from existing snapshot");
    if (!def->state)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing state from existing snapshot");
    return TRUE;
}

/**
 * vb_snapshot_parse:
 * @text: XML of a <domainsnapshot>
 * @flags: VB_SNAPSHOT_PARSE_*
 * @error: return location
 *
 * Reads what is written. A new snapshot's history (state, time, parent, guest) is dropped: it is the daemon's to say.
 *
 * Returns: (transfer full): the snapshot, or NULL with @error set
 * Errors: XML_ERROR, XML_DETAIL, CONFIG_UNSUPPORTED malformed text, unknown values, contradictions
 */
VbSnapshotDef *
vb_snapshot_parse(const char *text, guint flags, GError **error)
{
    g_autoptr(VbSnapshotDef) def = NULL;

    make_types();
    def = vb_xml_parse_full(&vb_snapshot_type, text, -1, VB_XML_PARSE_INACTIVE, error);
    if (!def)
        return NULL;
    settle_disks(def->disks);
    settle_disks(def->revert_disks);
    if (!(flags & VB_SNAPSHOT_PARSE_REDEFINE))
        drop_history(def);
    else if (!check_history(def, error))
        return NULL;
    if (!(flags & VB_SNAPSHOT_PARSE_STORED))
        def->has_active = FALSE;
    if (!settle_memory(def, error))
        return NULL;
    return g_steal_pointer(&def);
}

/**
 * vb_snapshot_format:
 * @def: a snapshot
 * @uuid: (nullable): of its guest, for snapshots that know no guest
 * @flags: VB_SNAPSHOT_FORMAT_*
 *
 * Returns: (transfer full): its XML; without SECURE without passwords
 */
char *
vb_snapshot_format(const VbSnapshotDef *def, const char *uuid, guint flags)
{
    g_autoptr(VbDomainDef) stand_in = NULL;
    VbSnapshotDef shown = *def;
    gboolean is_bare;

    make_types();
    if (!shown.domain && uuid) {
        shown.domain = stand_in = vb_domain_new();
        (void)vb_uuid_parse(uuid, &stand_in->uuid);
    }
    if (!(flags & VB_SNAPSHOT_FORMAT_STORED))
        shown.has_active = FALSE;
    is_bare = shown.domain && !shown.domain->virt_type;
    return vb_xml_format(is_bare ? &bare_type : &vb_snapshot_type, &shown,
                         flags & VB_SNAPSHOT_FORMAT_SECURE ? VB_XML_FORMAT_SECURE : 0);
}

/**
 * vb_snapshot_validate:
 * @text: XML of a <domainsnapshot>
 *
 * Against the schema, and against what the schema cannot say.
 *
 * Errors: XML_INVALID_SCHEMA; as vb_xml_parse()
 */
gboolean
vb_snapshot_validate(const char *text, GError **error)
{
    g_autoptr(VbSnapshotDef) def = NULL;

    make_types();
    if (!vb_xml_validate(&vb_snapshot_type, text, -1, error))
        return FALSE;
    def = vb_xml_parse(&vb_snapshot_type, text, -1, error);
    if (!def)
        return FALSE;
    VB_DOMAIN_EACH(VbSnapshotDisk, disk, def->disks)
    {
        if (disk->source.type == VB_DOMAIN_STORAGE_NETWORK &&
            VB_DOMAIN_COUNT(disk->source.seclabels) > 0)
            return vb_error_set(error, VIR_ERR_XML_INVALID_SCHEMA,
                                "a network disk image has no security label");
    }
    return TRUE;
}
