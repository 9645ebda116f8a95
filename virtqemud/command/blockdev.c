/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images as block nodes: -blockdev for the storage (protocol) and the format on top of it, and their names. */
#include "command/build.h"

/* ---- names ---- */

static void
number_source(VbDomainDiskSource *source, guint *next)
{
    if (source->index == 0)
        source->index = (*next)++;
}

static guint
highest_number(const VbDomainDef *def)
{
    guint highest = 0;

    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        highest = MAX(highest, disk->source.index);
        for (VbDomainBackingStore *at = disk->backing; at; at = at->backing)
            highest = MAX(highest, MAX(at->index, at->source.index));
    }
    return highest;
}

/**
 * qemu_command_number_images:
 * @def: a guest that is about to start; changed
 *
 * Gives every image a number, the last disk first as libvirt does; a backing image follows the one on top of it.
 */
void
qemu_command_number_images(VbDomainDef *def)
{
    guint next = highest_number(def) + 1;

    for (guint i = VB_DOMAIN_COUNT(def->disks); i > 0; i--) {
        VbDomainDisk *disk = def->disks->pdata[i - 1];

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

static void
add_inet_server(VbJsonWriter *json, const VbDomainStorageHost *host, const char *type)
{
    vb_json_begin_object(json, "server");
    vb_json_add_string(json, "type", type);
    vb_json_add_string(json, "host", host->name);
    vb_json_add_string(json, "port", host->port ? host->port : "10809");
    vb_json_end(json);
}

static gboolean
add_nbd(VbJsonWriter *json, const VbDomainDiskSource *source, GError **error)
{
    const VbDomainStorageHost *host =
        VB_DOMAIN_COUNT(source->hosts) == 1 ? source->hosts->pdata[0] : NULL;

    if (!host)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "protocol 'nbd' accepts only one host");
    if (source->tls == VB_TRISTATE_YES)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "TLS transport for NBD is not supported");
    vb_json_add_string(json, "driver", "nbd");
    if (host->socket) {
        vb_json_begin_object(json, "server");
        vb_json_add_string(json, "type", "unix");
        vb_json_add_string(json, "path", host->socket);
        vb_json_end(json);
    } else {
        add_inet_server(json, host, "inet");
    }
    vb_json_add_string(json, "export", source->name);
    return TRUE;
}

static gboolean
add_url(VbJsonWriter *json, const VbDomainDiskSource *source, GError **error)
{
    static const char *const ports[] = {
        [VB_DOMAIN_NET_PROTOCOL_HTTP] = "80", [VB_DOMAIN_NET_PROTOCOL_HTTPS] = "443",
        [VB_DOMAIN_NET_PROTOCOL_FTP] = "21",  [VB_DOMAIN_NET_PROTOCOL_FTPS] = "990",
        [VB_DOMAIN_NET_PROTOCOL_TFTP] = "69",
    };
    const VbDomainStorageHost *host =
        VB_DOMAIN_COUNT(source->hosts) == 1 ? source->hosts->pdata[0] : NULL;
    const char *scheme = vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol);
    g_autofree char *url = NULL;

    if (!host || !host->name)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "protocol '%s' accepts only one host", scheme);
    url = g_strdup_printf("%s://%s:%s/%s%s%s", scheme, host->name,
                          host->port ? host->port : ports[source->protocol],
                          source->name ? source->name : "", source->query ? "?" : "",
                          source->query ? source->query : "");
    vb_json_add_string(json, "driver", scheme);
    vb_json_add_string(json, "url", url);
    qemu_build_add_tristate(json, "sslverify", source->ssl_verify);
    if (source->readahead)
        vb_json_add_uint(json, "readahead", source->readahead);
    if (source->timeout_s)
        vb_json_add_uint(json, "timeout", source->timeout_s);
    return TRUE;
}

static gboolean
add_network(VbJsonWriter *json, const VbDomainDiskSource *source, GError **error)
{
    if (source->protocol == VB_DOMAIN_NET_PROTOCOL_NBD)
        return add_nbd(json, source, error);
    if (source->protocol >= VB_DOMAIN_NET_PROTOCOL_HTTP &&
        source->protocol <= VB_DOMAIN_NET_PROTOCOL_TFTP)
        return add_url(json, source, error);
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "disks with protocol '%s' are not supported",
                        vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol));
}

static gboolean
add_local(VbJsonWriter *json, const VbDomainDiskSource *source, const QemuImage *image)
{
    const char *aio = image->disk ? aio_word(image->disk->io) : NULL;
    gboolean is_block = source->type == VB_DOMAIN_STORAGE_BLOCK;
    gboolean is_host_cdrom =
        is_block && image->disk && image->disk->device == VB_DOMAIN_DISK_DEVICE_CDROM &&
        (g_str_has_prefix(source->dev, "/dev/cdrom") || g_str_has_prefix(source->dev, "/dev/sr")) &&
        g_file_test(source->dev, G_FILE_TEST_EXISTS);

    vb_json_add_string(json, "driver",
                       is_host_cdrom ? "host_cdrom"
                       : is_block    ? "host_device"
                                     : "file");
    vb_json_add_string(json, "filename", vb_domain_source_path(source));
    vb_json_add_string(json, "aio", aio);
    return TRUE;
}

/* Secrets need the emulator's master key: refused instead of left out. */
static gboolean
check_secrets(const VbDomainDiskSource *source, GError **error)
{
    if (source->encryption)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "encrypted disks are not supported");
    if (source->auth_username)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disks with authentication are not supported");
    if (VB_DOMAIN_COUNT(source->cookies) > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disks with HTTP cookies are not supported");
    return TRUE;
}

static gboolean
take_storage(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
             GError **error)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *name = g_strdup_printf("%s-storage", image->node);

    if (!check_secrets(source, error))
        return FALSE;
    vb_json_begin_object(json, NULL);
    if (source->type == VB_DOMAIN_STORAGE_NETWORK) {
        if (!add_network(json, source, error))
            return FALSE;
    } else if (source->type == VB_DOMAIN_STORAGE_FILE || source->type == VB_DOMAIN_STORAGE_BLOCK) {
        add_local(json, source, image);
    } else {
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disks of type '%s' are not supported",
                            vb_enum_to_nick(&vb_domain_storage_type_enum, source->type));
    }
    vb_json_add_string(json, "node-name", name);
    add_cache(json, image->cache);
    vb_json_add_bool(json, "auto-read-only", TRUE);
    vb_json_add_string(json, "discard", "unmap");
    qemu_build_take_json(build, "-blockdev", g_steal_pointer(&json));
    return TRUE;
}

/* ---- format node ---- */

static const char *const format_drivers[VB_DOMAIN_FORMAT_LAST] = {
    [VB_DOMAIN_FORMAT_NONE] = "raw",        [VB_DOMAIN_FORMAT_RAW] = "raw",
    [VB_DOMAIN_FORMAT_ISO] = "raw",         [VB_DOMAIN_FORMAT_BOCHS] = "bochs",
    [VB_DOMAIN_FORMAT_CLOOP] = "cloop",     [VB_DOMAIN_FORMAT_DMG] = "dmg",
    [VB_DOMAIN_FORMAT_VPC] = "vpc",         [VB_DOMAIN_FORMAT_VDI] = "vdi",
    [VB_DOMAIN_FORMAT_PLOOP] = "parallels", [VB_DOMAIN_FORMAT_QCOW] = "qcow",
    [VB_DOMAIN_FORMAT_QCOW2] = "qcow2",     [VB_DOMAIN_FORMAT_QED] = "qed",
    [VB_DOMAIN_FORMAT_VMDK] = "vmdk",
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

static gboolean
take_format(QemuBuild *build, const VbDomainDiskSource *source, const QemuImage *image,
            GError **error)
{
    const char *driver = format_drivers[image->format];
    g_autofree char *name = g_strdup_printf("%s-format", image->node);
    g_autofree char *file = g_strdup_printf("%s-storage", image->node);
    VbJsonWriter *json;

    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported disk driver type '%s'",
                            vb_enum_to_nick(&vb_domain_image_format_enum, image->format));
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "node-name", name);
    vb_json_add_bool(json, "read-only", image->is_readonly);
    if (image->disk) {
        add_guest_options(json, image->disk);
        add_cache(json, image->cache);
    }
    vb_json_add_string(json, "driver", driver);
    if (source->has_slice) {
        vb_json_add_uint(json, "offset", source->slice_offset);
        vb_json_add_uint(json, "size", source->slice_size);
    }
    if (image->disk && image->disk->metadata_cache_size && image->format == VB_DOMAIN_FORMAT_QCOW2)
        vb_json_add_uint(json, "cache-size", image->disk->metadata_cache_size);
    vb_json_add_string(json, "file", file);
    if (has_backing[image->format] && image->backing && *image->backing)
        vb_json_add_string(json, "backing", image->backing);
    else if (has_backing[image->format] && image->backing)
        vb_json_add_raw(json, "backing", "null");
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
