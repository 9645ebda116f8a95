/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks: their block nodes, then the device that the guest sees. */
#include "command/build.h"

/* Writers that share an image must see each other's writes: no host cache unless one was asked for. */
static int
effective_cache(const VbDomainDisk *disk)
{
    if (disk->cache == VB_DOMAIN_DISK_CACHE_DEFAULT && disk->is_shareable && !disk->is_readonly)
        return VB_DOMAIN_DISK_CACHE_NONE;
    return disk->cache;
}

/* ---- nodes ---- */

/* The data of a qcow2 image may lie in a file of its own, which has nodes like any image. */
static gboolean
take_image(QemuBuild *build, const VbDomainDiskSource *source, QemuImage *image, GError **error)
{
    const VbDomainBackingStore *store = vb_domain_source_more(source)->data_store;
    g_autofree char *node = NULL;
    g_autofree char *format = NULL;
    QemuImage data = {.is_readonly = image->is_readonly,
                      .disk = image->disk,
                      .cache = image->cache};

    if (!store)
        return qemu_build_image(build, source, image, error);
    if (image->format != VB_DOMAIN_FORMAT_QCOW2)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only qcow2 disk images can have a separate data file");
    data.node = node = g_strdup_printf("libvirt-%u", store->source.index);
    data.format = store->format;
    format = qemu_command_image_node(&store->source);
    image->data_file = format;
    return qemu_build_image(build, &store->source, &data, error) &&
           qemu_build_image(build, source, image, error);
}

static gboolean
take_backing_chain(QemuBuild *build, const VbDomainDisk *disk, const VbDomainBackingStore *store,
                   GError **error)
{
    g_autofree char *node = NULL;
    g_autofree char *below = NULL;
    QemuImage image = {.is_readonly = TRUE, .disk = disk, .cache = effective_cache(disk)};

    if (!store || store->source.type == VB_DOMAIN_STORAGE_NONE)
        return TRUE;
    if (!take_backing_chain(build, disk, store->backing, error))
        return FALSE;
    node = g_strdup_printf("libvirt-%u", store->source.index);
    if (store->backing)
        below = store->backing->source.type == VB_DOMAIN_STORAGE_NONE
                    ? g_strdup("")
                    : qemu_command_image_node(&store->backing->source);
    image.node = node;
    image.format = store->format;
    image.backing = below;
    image.metadata_cache_size = store->metadata_cache_size;
    return take_image(build, &store->source, &image, error);
}

static char *
copy_on_read_node(const VbDomainDisk *disk)
{
    return g_strdup_printf("libvirt-CoR-%s", disk->dst);
}

static void
take_copy_on_read(QemuBuild *build, const VbDomainDisk *disk)
{
    g_autofree char *name = copy_on_read_node(disk);
    g_autofree char *file = qemu_command_image_node(&disk->source);
    VbJsonWriter *json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "driver", "copy-on-read");
    vb_json_add_string(json, "node-name", name);
    vb_json_add_string(json, "file", file);
    vb_json_add_string(json, "discard", "unmap");
    qemu_build_take_json(build, "-blockdev", json);
}

static gboolean
take_nodes(QemuBuild *build, const VbDomainDisk *disk, GError **error)
{
    g_autofree char *node = g_strdup_printf("libvirt-%u", disk->source.index);
    g_autofree char *below = NULL;
    QemuImage image = {.node = node,
                       .format = disk->format,
                       .disk = disk,
                       .cache = effective_cache(disk)};

    if (!take_backing_chain(build, disk, disk->backing, error))
        return FALSE;
    if (disk->backing)
        below = disk->backing->source.type == VB_DOMAIN_STORAGE_NONE
                    ? g_strdup("")
                    : qemu_command_image_node(&disk->backing->source);
    image.backing = below;
    image.metadata_cache_size = vb_domain_disk_more(disk)->metadata_cache_size;
    image.is_readonly = disk->is_readonly || disk->device == VB_DOMAIN_DISK_DEVICE_CDROM;
    if (!take_image(build, &disk->source, &image, error))
        return FALSE;
    if (disk->copy_on_read == VB_TRISTATE_YES)
        take_copy_on_read(build, disk);
    return TRUE;
}

/* ---- bus addresses ---- */

static gboolean
add_ide(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    g_autofree char *bus = NULL;

    if (vb_domain_is_i440fx(build->def) || !vb_domain_has_pci(build->def)) {
        bus = g_strdup_printf("ide.%u", disk->info.address.drive.bus);
    } else {
        const char *alias = qemu_build_controller_alias(build, VB_DOMAIN_CONTROLLER_IDE,
                                                        disk->info.address.drive.controller, error);

        if (!alias)
            return FALSE;
        bus = g_strdup_printf("%s.%u", alias, disk->info.address.drive.bus);
    }
    vb_json_add_string(json, "bus", bus);
    vb_json_add_uint(json, "unit", disk->info.address.drive.unit);
    return TRUE;
}

static gboolean
add_sata(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    const char *alias = qemu_build_controller_alias(build, VB_DOMAIN_CONTROLLER_SATA,
                                                    disk->info.address.drive.controller, error);
    g_autofree char *bus = NULL;

    if (!alias)
        return FALSE;
    /* Q35's own controller has no id: its buses are called ide.N */
    if (vb_domain_is_q35(build->def) && disk->info.address.drive.controller == 0)
        alias = "ide";
    bus = g_strdup_printf("%s.%u", alias, disk->info.address.drive.unit);
    vb_json_add_string(json, "bus", bus);
    return TRUE;
}

static gboolean
add_scsi(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    guint index = disk->info.address.drive.controller;
    const VbDomainController *controller =
        vb_domain_find_controller(build->def, VB_DOMAIN_CONTROLLER_SCSI, index);
    const char *alias = qemu_build_controller_alias(build, VB_DOMAIN_CONTROLLER_SCSI, index, error);
    g_autofree char *bus = NULL;
    g_autofree char *device_id = NULL;

    if (!alias)
        return FALSE;
    bus = g_strdup_printf("%s.0", alias);
    vb_json_add_string(json, "bus", bus);
    if (controller->scsi_model == VB_DOMAIN_SCSI_MODEL_LSILOGIC) {
        vb_json_add_uint(json, "scsi-id", disk->info.address.drive.unit);
    } else {
        vb_json_add_uint(json, "channel", disk->info.address.drive.bus);
        vb_json_add_uint(json, "scsi-id", disk->info.address.drive.target);
        vb_json_add_uint(json, "lun", disk->info.address.drive.unit);
    }
    /* what the guest reads as identification page: fixed, whatever the node is called */
    if (disk->device != VB_DOMAIN_DISK_DEVICE_LUN) {
        device_id =
            disk->serial ? g_strdup(disk->serial) : g_strdup_printf("drive-%s", disk->info.alias);
        vb_json_add_string(json, "device_id", device_id);
    }
    return TRUE;
}

static gboolean
add_fdc(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    vb_json_add_uint(json, "unit", disk->info.address.drive.unit);
    return TRUE;
}

static gboolean
add_iothreads(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    if (VB_DOMAIN_COUNT(vb_domain_disk_more(disk)->iothreads) == 0)
        return TRUE;
    if (!qemu_caps_has_property(build->caps, "virtio-blk-pci", "iothread-vq-mapping"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOThread mapping for disk '%s' is not available with this QEMU binary",
                            disk->dst);
    vb_json_begin_array(json, "iothread-vq-mapping");
    VB_DOMAIN_EACH(VbDomainDiskIothread, thread, vb_domain_disk_more(disk)->iothreads)
    {
        g_autofree char *id = g_strdup_printf("iothread%u", thread->id);

        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "iothread", id);
        if (VB_DOMAIN_COUNT(thread->queues) > 0) {
            vb_json_begin_array(json, "vqs");
            VB_DOMAIN_EACH(VbDomainDiskQueue, queue, thread->queues)
            vb_json_add_uint(json, NULL, queue->id);
            vb_json_end(json);
        }
        vb_json_end(json);
    }
    vb_json_end(json);
    return TRUE;
}

static gboolean
add_virtio(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    g_autofree char *thread = disk->iothread ? g_strdup_printf("iothread%u", disk->iothread) : NULL;

    vb_json_add_string(json, "iothread", thread);
    qemu_build_add_tristate(json, "ioeventfd", disk->ioeventfd);
    qemu_build_add_tristate(json, "event_idx", disk->event_idx);
    if (disk->queues)
        vb_json_add_uint(json, "num-queues", disk->queues);
    if (disk->queue_size)
        vb_json_add_uint(json, "queue-size", disk->queue_size);
    qemu_build_add_virtio(json, &disk->virtio);
    return add_iothreads(build, json, disk, error) &&
           qemu_build_add_address(build, json, &disk->info, error);
}

static gboolean
add_usb(QemuBuild *build, VbJsonWriter *json, const VbDomainDisk *disk, GError **error)
{
    return qemu_build_add_address(build, json, &disk->info, error);
}

static gboolean (*const bus_writers[VB_DOMAIN_DISK_BUS_LAST])(QemuBuild *, VbJsonWriter *,
                                                              const VbDomainDisk *, GError **) = {
    [VB_DOMAIN_DISK_BUS_IDE] = add_ide,       [VB_DOMAIN_DISK_BUS_SATA] = add_sata,
    [VB_DOMAIN_DISK_BUS_SCSI] = add_scsi,     [VB_DOMAIN_DISK_BUS_FDC] = add_fdc,
    [VB_DOMAIN_DISK_BUS_VIRTIO] = add_virtio, [VB_DOMAIN_DISK_BUS_USB] = add_usb,
};

/* ---- device ---- */

static char *
device_driver(const VbDomainDisk *disk)
{
    static const QemuVirtioKind kinds[] = {
        [VB_DOMAIN_DISK_MODEL_VIRTIO_TRANSITIONAL] = QEMU_VIRTIO_TRANSITIONAL,
        [VB_DOMAIN_DISK_MODEL_VIRTIO_NON_TRANSITIONAL] = QEMU_VIRTIO_NON_TRANSITIONAL,
    };
    gboolean is_cdrom = disk->device == VB_DOMAIN_DISK_DEVICE_CDROM;

    if (disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO)
        return qemu_build_virtio_driver("virtio-blk", &disk->info, kinds[disk->model]);
    if (disk->bus == VB_DOMAIN_DISK_BUS_IDE || disk->bus == VB_DOMAIN_DISK_BUS_SATA)
        return g_strdup(is_cdrom ? "ide-cd" : "ide-hd");
    if (disk->bus == VB_DOMAIN_DISK_BUS_SCSI)
        return g_strdup(disk->device == VB_DOMAIN_DISK_DEVICE_LUN ? "scsi-block"
                        : is_cdrom                                ? "scsi-cd"
                                                                  : "scsi-hd");
    if (disk->bus == VB_DOMAIN_DISK_BUS_USB)
        return g_strdup("usb-storage");
    return g_strdup(disk->bus == VB_DOMAIN_DISK_BUS_FDC ? "floppy" : NULL);
}

static void
add_wwn(VbJsonWriter *json, const VbDomainDisk *disk)
{
    const char *wwn = disk->wwn;

    if (!wwn)
        return;
    if (g_str_has_prefix(wwn, "0x"))
        wwn += 2;
    vb_json_add_uint(json, "wwn", g_ascii_strtoull(wwn, NULL, 16));
}

static void
add_write_cache(VbJsonWriter *json, const VbDomainDisk *disk)
{
    int cache = effective_cache(disk);
    gboolean is_through =
        cache == VB_DOMAIN_DISK_CACHE_WRITETHROUGH || cache == VB_DOMAIN_DISK_CACHE_DIRECTSYNC;

    if (cache == VB_DOMAIN_DISK_CACHE_DEFAULT || disk->bus == VB_DOMAIN_DISK_BUS_FDC)
        return;
    vb_json_add_string(json, "write-cache", is_through ? "off" : "on");
}

static void
add_error_policy(VbJsonWriter *json, const VbDomainDisk *disk)
{
    static const char *const words[] = {
        [VB_DOMAIN_DISK_ERROR_STOP] = "stop",
        [VB_DOMAIN_DISK_ERROR_REPORT] = "report",
        [VB_DOMAIN_DISK_ERROR_IGNORE] = "ignore",
        [VB_DOMAIN_DISK_ERROR_ENOSPACE] = "enospc",
    };
    const char *on_write = words[disk->error_policy];
    const char *on_read = words[disk->rerror_policy];

    /* reads know no "enospc" */
    if (!on_read && on_write)
        on_read = disk->error_policy == VB_DOMAIN_DISK_ERROR_ENOSPACE ? NULL : on_write;
    vb_json_add_string(json, "werror", on_write);
    vb_json_add_string(json, "rerror", on_read);
}

static void
add_geometry(VbJsonWriter *json, const VbDomainDisk *disk)
{
    if (vb_domain_disk_more(disk)->geometry_cyls) {
        vb_json_add_uint(json, "cyls", vb_domain_disk_more(disk)->geometry_cyls);
        vb_json_add_uint(json, "heads", vb_domain_disk_more(disk)->geometry_heads);
        vb_json_add_uint(json, "secs", vb_domain_disk_more(disk)->geometry_secs);
        if (disk->bus == VB_DOMAIN_DISK_BUS_IDE)
            vb_json_add_string(json, "bios-chs-trans", vb_domain_disk_more(disk)->geometry_trans);
    }
}

static void
add_block_sizes(VbJsonWriter *json, const VbDomainDisk *disk)
{
    if (vb_domain_disk_more(disk)->logical_block_size)
        vb_json_add_uint(json, "logical_block_size", vb_domain_disk_more(disk)->logical_block_size);
    if (vb_domain_disk_more(disk)->physical_block_size)
        vb_json_add_uint(json, "physical_block_size",
                         vb_domain_disk_more(disk)->physical_block_size);
    if (vb_domain_disk_more(disk)->has_discard_granularity)
        vb_json_add_uint(json, "discard_granularity",
                         vb_domain_disk_more(disk)->discard_granularity);
}

static gboolean
take_device(QemuBuild *build, const VbDomainDisk *disk, GError **error)
{
    g_autofree char *driver = device_driver(disk);
    g_autofree char *node = NULL;
    g_autoptr(VbJsonWriter) json = NULL;

    if (!driver || !bus_writers[disk->bus])
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unsupported disk bus '%s' with device setup",
                            vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    node = disk->copy_on_read == VB_TRISTATE_YES ? copy_on_read_node(disk)
                                                 : qemu_command_image_node(&disk->source);
    if (!vb_domain_source_is_empty(&disk->source))
        node = qemu_build_take_filters(build, disk, g_steal_pointer(&node));
    json = qemu_build_device_new(driver);
    if (!bus_writers[disk->bus](build, json, disk, error))
        return FALSE;
    if (disk->device == VB_DOMAIN_DISK_DEVICE_LUN && disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO)
        vb_json_add_bool(json, "scsi", TRUE);
    if (disk->is_shareable && disk->bus != VB_DOMAIN_DISK_BUS_FDC)
        vb_json_add_bool(json, "share-rw", TRUE);
    if (!vb_domain_source_is_empty(&disk->source))
        vb_json_add_string(json, "drive", node);
    vb_json_add_string(json, "id", disk->info.alias);
    if (disk->bus != VB_DOMAIN_DISK_BUS_FDC)
        qemu_build_add_boot_index(build, json, &disk->info);
    add_geometry(json, disk);
    add_block_sizes(json, disk);
    add_wwn(json, disk);
    if (disk->rotation_rate)
        vb_json_add_uint(json, "rotation_rate", disk->rotation_rate);
    vb_json_add_string(json, "vendor", vb_domain_disk_more(disk)->vendor);
    vb_json_add_string(json, "product", vb_domain_disk_more(disk)->product);
    if (disk->bus == VB_DOMAIN_DISK_BUS_USB)
        qemu_build_add_tristate(json, "removable", disk->removable);
    add_write_cache(json, disk);
    vb_json_add_string(json, "serial", disk->serial);
    add_error_policy(json, disk);
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

/* The card of boards that have a slot for one. */
static void
take_sd(QemuBuild *build, const VbDomainDisk *disk)
{
    GString *text = g_string_new("file=");

    qemu_build_append_escaped(text, vb_domain_source_path(&disk->source));
    qemu_build_append(text, "format",
                      disk->format ? vb_enum_to_nick(&vb_domain_image_format_enum, disk->format)
                                   : "raw");
    g_string_append_printf(text, ",if=sd,index=%d", vb_domain_disk_name_to_index(disk->dst));
    qemu_build_take_option(build, "-drive", g_string_free(text, FALSE));
}

/* Another process serves the disk: QEMU only shares the guest's memory with it. */
static gboolean
take_vhost_user(QemuBuild *build, const VbDomainDisk *disk, GError **error)
{
    g_autofree char *driver =
        qemu_build_virtio_driver("vhost-user-blk", &disk->info, QEMU_VIRTIO_PLAIN);
    g_autofree char *chardev = g_strdup_printf("chr-vu-%s", disk->info.alias);
    g_autoptr(VbJsonWriter) json = NULL;
    GString *text;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    text = g_string_new("socket");
    qemu_build_append(text, "id", chardev);
    qemu_build_append(text, "path", vb_domain_source_more(&disk->source)->vhost_path);
    if (vb_domain_source_more(&disk->source)->reconnect == VB_TRISTATE_YES)
        g_string_append_printf(text, ",reconnect=%u",
                               vb_domain_source_more(&disk->source)->reconnect_timeout_s);
    qemu_build_take_option(build, "-chardev", g_string_free(text, FALSE));
    json = qemu_build_device_new(driver);
    if (!add_virtio(build, json, disk, error))
        return FALSE;
    vb_json_add_string(json, "chardev", chardev);
    vb_json_add_string(json, "id", disk->info.alias);
    qemu_build_add_boot_index(build, json, &disk->info);
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_command_is_covered(const VbDomainDef *def, const VbDomainDisk *disk)
{
    g_autofree char *suffix = g_strconcat(".TRANSIENT-", def->name, NULL);

    return disk->source.file && g_str_has_suffix(disk->source.file, suffix);
}

static gboolean
take_disk(QemuBuild *build, const VbDomainDisk *disk, GError **error)
{
    if (disk->source.type == VB_DOMAIN_STORAGE_VHOST_USER)
        return take_vhost_user(build, disk, error);
    if (disk->bus == VB_DOMAIN_DISK_BUS_SD && vb_domain_source_path(&disk->source)) {
        take_sd(build, disk);
        return TRUE;
    }
    if (disk->is_transient && build->options->monitor_fd >= 0) {
        /* without its overlay the guest would write into the image itself */
        if (!qemu_command_is_covered(build->def, disk))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "transient disk '%s' cannot be plugged into a running guest",
                                disk->dst);
    } else if (disk->is_transient && vb_domain_disk_more(disk)->transient_share == VB_TRISTATE_YES)
        return TRUE; /* plugged once its overlay is there */
    if (!vb_domain_source_is_empty(&disk->source) && !take_nodes(build, disk, error))
        return FALSE;
    return take_device(build, disk, error);
}

gboolean
qemu_build_disks(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, build->def->disks)
    {
        if (!take_disk(build, disk, error))
            return FALSE;
    }
    return TRUE;
}
