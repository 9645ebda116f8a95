/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images as block nodes: -blockdev for the storage (protocol) and the format on top of it, and their names. */
#include "command/build.h"

/* ---- names ---- */

static void
number_source(VbDomainDiskSource *source, guint *next)
{
    if (source->index == 0)
        source->index = (*next)++;
    if (vb_domain_source_more(source)->data_store)
        number_source(&vb_domain_source_more(source)->data_store->source, next);
}

static guint
highest_of(const VbDomainDiskSource *source)
{
    return vb_domain_source_more(source)->data_store
               ? MAX(source->index, vb_domain_source_more(source)->data_store->source.index)
               : source->index;
}

static guint
highest_number(const VbDomainDef *def)
{
    guint highest = 0;

    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        highest = MAX(highest, highest_of(&disk->source));
        for (VbDomainBackingStore *at = disk->backing; at; at = at->backing)
            highest = MAX(highest, MAX(at->index, highest_of(&at->source)));
    }
    return highest;
}

/**
 * qemu_command_number_images:
 * @def: a guest that is about to start; changed
 *
 * Gives every image a number, the last disk first as libvirt does; a backing image follows the one on top of it. An
 * empty drive has no image and no format; a number is left out for it when the guest starts.
 */
void
qemu_command_number_images(VbDomainDef *def)
{
    guint next = highest_number(def) + 1;
    const gboolean is_first = next == 1;

    for (guint i = VB_DOMAIN_COUNT(def->disks); i > 0; i--) {
        VbDomainDisk *disk = def->disks->pdata[i - 1];

        if (vb_domain_source_is_empty(&disk->source)) {
            disk->format = 0;
            next += is_first;
            continue;
        }
        number_source(&disk->source, &next);
        for (VbDomainBackingStore *at = disk->backing;
             at && at->source.type != VB_DOMAIN_STORAGE_NONE; at = at->backing) {
            at->source.index = at->index ? at->index : at->source.index;
            number_source(&at->source, &next);
            at->index = at->source.index;
        }
    }
}

/**
 * qemu_command_image_node:
 * @source: an image with a number
 *
 * Returns: (transfer full): the name of its format node, "libvirt-2-format"
 */
char *
qemu_command_image_node(const VbDomainDiskSource *source)
{
    return g_strdup_printf("libvirt-%u-format", source->index);
}

/* ---- storage node ---- */

static const char *
aio_word(int io)
{
    static const char *const words[] = {
        [VB_DOMAIN_DISK_IO_NATIVE] = "native",
        [VB_DOMAIN_DISK_IO_THREADS] = "threads",
        [VB_DOMAIN_DISK_IO_URING] = "io_uring",
    };

    return words[io];
}

static void
add_cache(VbJsonWriter *json, int cache)
{
    gboolean is_direct =
        cache == VB_DOMAIN_DISK_CACHE_NONE || cache == VB_DOMAIN_DISK_CACHE_DIRECTSYNC;

    if (cache == VB_DOMAIN_DISK_CACHE_DEFAULT)
        return;
    vb_json_begin_object(json, "cache");
    vb_json_add_bool(json, "direct", is_direct);
    vb_json_add_bool(json, "no-flush", cache == VB_DOMAIN_DISK_CACHE_UNSAFE);
    vb_json_end(json);
}

/* what a node of local storage may know besides: how the host reads it, what the guest takes it for */
static void
add_local_options(VbJsonWriter *json, const VbDomainDiskSource *source, const QemuImage *image)
{
    if (source->type == VB_DOMAIN_STORAGE_DIR) {
        vb_json_add_bool(json, "floppy",
                         image->disk && image->disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY);
        vb_json_add_bool(json, "rw", FALSE);
    }
    if (image->disk &&
        (source->type == VB_DOMAIN_STORAGE_FILE || source->type == VB_DOMAIN_STORAGE_BLOCK))
        vb_json_add_string(json, "aio", aio_word(image->disk->io));
}

/* a drive of the host, given to the guest as one */
static gboolean
is_host_cdrom(const VbDomainDiskSource *source, const QemuImage *image)
{
    return source->type == VB_DOMAIN_STORAGE_BLOCK && source->dev && image->disk &&
           image->disk->device == VB_DOMAIN_DISK_DEVICE_CDROM &&
           (g_str_has_prefix(source->dev, "/dev/cdrom") ||
            g_str_has_prefix(source->dev, "/dev/sr")) &&
           g_file_test(source->dev, G_FILE_TEST_EXISTS);
}

static gboolean
take_storage(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
             GError **error)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *name = g_strdup_printf("%s-storage", image->node);

    vb_json_begin_object(json, NULL);
    if (is_host_cdrom(source, image)) {
        vb_json_add_string(json, "driver", "host_cdrom");
        vb_json_add_string(json, "filename", source->dev);
    } else if (!qemu_build_add_protocol(build, json, source, name, error)) {
        return FALSE;
    }
    add_local_options(json, source, image);
    vb_json_add_string(json, "node-name", name);
    add_cache(json, image->cache);
    vb_json_add_bool(json, "auto-read-only", TRUE);
    vb_json_add_string(json, "discard", "unmap");
    qemu_build_take_json(build, "-blockdev", g_steal_pointer(&json));
    return TRUE;
}

/* a part of the storage, below a format that knows nothing of parts */
static void
take_slice(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
           const char *file)
{
    g_autofree char *name = g_strdup_printf("%s-slice-sto", image->node);
    VbJsonWriter *json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "driver", "raw");
    vb_json_add_string(json, "node-name", name);
    vb_json_add_uint(json, "offset", vb_domain_source_more(source)->slice_offset);
    vb_json_add_uint(json, "size", vb_domain_source_more(source)->slice_size);
    vb_json_add_bool(json, "auto-read-only", TRUE);
    vb_json_add_string(json, "discard", "unmap");
    vb_json_add_string(json, "file", file);
    qemu_build_take_json(build, "-blockdev", json);
}

/* ---- format node ---- */

static const char *const format_drivers[VB_DOMAIN_FORMAT_LAST] = {
    [VB_DOMAIN_FORMAT_NONE] = "raw",        [VB_DOMAIN_FORMAT_RAW] = "raw",
    [VB_DOMAIN_FORMAT_ISO] = "raw",         [VB_DOMAIN_FORMAT_BOCHS] = "bochs",
    [VB_DOMAIN_FORMAT_CLOOP] = "cloop",     [VB_DOMAIN_FORMAT_DMG] = "dmg",
    [VB_DOMAIN_FORMAT_VPC] = "vpc",         [VB_DOMAIN_FORMAT_VDI] = "vdi",
    [VB_DOMAIN_FORMAT_PLOOP] = "parallels", [VB_DOMAIN_FORMAT_QCOW] = "qcow",
    [VB_DOMAIN_FORMAT_QCOW2] = "qcow2",     [VB_DOMAIN_FORMAT_QED] = "qed",
    [VB_DOMAIN_FORMAT_VMDK] = "vmdk",       [VB_DOMAIN_FORMAT_FAT] = "raw",
};

static const gboolean has_backing[VB_DOMAIN_FORMAT_LAST] = {
    [VB_DOMAIN_FORMAT_QCOW] = TRUE,
    [VB_DOMAIN_FORMAT_QCOW2] = TRUE,
    [VB_DOMAIN_FORMAT_QED] = TRUE,
    [VB_DOMAIN_FORMAT_VMDK] = TRUE,
};

static void
add_guest_options(VbJsonWriter *json, const VbDomainDisk *disk)
{
    static const char *const detect[] = {
        [VB_DOMAIN_DISK_DETECT_ZEROES_OFF] = "off",
        [VB_DOMAIN_DISK_DETECT_ZEROES_ON] = "on",
        [VB_DOMAIN_DISK_DETECT_ZEROES_UNMAP] = "unmap",
    };
    gboolean does_discard = disk->discard == VB_DOMAIN_DISK_DISCARD_UNMAP;

    if (disk->discard != VB_DOMAIN_DISK_DISCARD_DEFAULT)
        vb_json_add_string(json, "discard", does_discard ? "unmap" : "ignore");
    /* zeroes become holes only where discarding is on */
    vb_json_add_string(json, "detect-zeroes",
                       disk->detect_zeroes == VB_DOMAIN_DISK_DETECT_ZEROES_UNMAP && !does_discard
                           ? "on"
                           : detect[disk->detect_zeroes]);
}

/* QEMU decrypts, unless the storage itself does */
static const VbDomainEncryption *
format_encryption(const VbDomainDiskSource *source)
{
    const VbDomainEncryption *encryption = source->encryption;

    return encryption && g_strcmp0(encryption->engine, "librbd") != 0 ? encryption : NULL;
}

static gboolean
take_encryption_secret(QemuBuild *build, const VbDomainEncryption *encryption, const char *id,
                       GError **error)
{
    const VbDomainEncryptionSecret *given =
        VB_DOMAIN_COUNT(encryption->secrets) > 0 ? encryption->secrets->pdata[0] : NULL;
    QemuSecret secret = {.id = id, .type = "volume"};

    if (g_strcmp0(encryption->format, "luks") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "old qcow/qcow2 encryption is not supported");
    secret.uuid = given ? given->uuid : NULL;
    secret.usage = given ? given->usage : NULL;
    return qemu_build_take_secret(build, &secret, error);
}

static void
add_encryption(VbJsonWriter *json, int format, const char *secret)
{
    if (format != VB_DOMAIN_FORMAT_QCOW2) { /* the whole image is one LUKS container */
        vb_json_add_string(json, "key-secret", secret);
        return;
    }
    vb_json_begin_object(json, "encrypt");
    vb_json_add_string(json, "format", "luks");
    vb_json_add_string(json, "key-secret", secret);
    vb_json_end(json);
}

static void
add_format(VbJsonWriter *json, const VbDomainDiskSource *source, const QemuImage *image)
{
    guint64 cache_size = image->metadata_cache_size;

    if (vb_domain_source_more(source)->has_slice && image->format != VB_DOMAIN_FORMAT_QCOW2) {
        vb_json_add_uint(json, "offset", vb_domain_source_more(source)->slice_offset);
        vb_json_add_uint(json, "size", vb_domain_source_more(source)->slice_size);
    }
    if (cache_size && image->format == VB_DOMAIN_FORMAT_QCOW2)
        vb_json_add_uint(json, "cache-size", cache_size);
}

static void
add_layers(VbJsonWriter *json, const QemuImage *image, const char *file)
{
    vb_json_add_string(json, "data-file", image->data_file);
    vb_json_add_string(json, "file", file);
    if (has_backing[image->format] && image->backing && *image->backing)
        vb_json_add_string(json, "backing", image->backing);
    else if (has_backing[image->format] && image->backing)
        vb_json_add_raw(json, "backing", "null");
}

static gboolean
take_format(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
            GError **error)
{
    const VbDomainEncryption *encryption = format_encryption(source);
    const char *driver = format_drivers[image->format];
    g_autofree char *name = g_strdup_printf("%s-format", image->node);
    g_autofree char *secret = g_strdup_printf("%s-encryption-secret0", name);
    gboolean is_sliced =
        vb_domain_source_more(source)->has_slice && image->format == VB_DOMAIN_FORMAT_QCOW2;
    g_autofree char *file = g_strdup_printf(is_sliced ? "%s-slice-sto" : "%s-storage", image->node);
    g_autofree char *storage = g_strdup_printf("%s-storage", image->node);
    VbJsonWriter *json;

    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported disk driver type '%s'",
                            vb_enum_to_nick(&vb_domain_image_format_enum, image->format));
    if (encryption && !take_encryption_secret(build, encryption, secret, error))
        return FALSE;
    if (is_sliced)
        take_slice(build, source, image, storage);
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "node-name", name);
    vb_json_add_bool(json, "read-only", image->is_readonly);
    if (image->disk) {
        add_guest_options(json, image->disk);
        add_cache(json, image->cache);
    }
    if (encryption && image->format != VB_DOMAIN_FORMAT_QCOW2)
        driver = "luks";
    vb_json_add_string(json, "driver", driver);
    add_format(json, source, image);
    if (encryption)
        add_encryption(json, image->format, secret);
    add_layers(json, image, file);
    qemu_build_take_json(build, "-blockdev", json);
    return TRUE;
}

/* Storage node, then the format node on top of it. */
gboolean
qemu_build_image(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
                 GError **error)
{
    return take_storage(build, source, image, error) && take_format(build, source, image, error);
}
