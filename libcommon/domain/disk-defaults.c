/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of disks: bus and target, driver, address on the drive's bus. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

static const struct {
    const char *prefix;
    VbDomainDiskBus bus;
} bus_prefixes[] = {
    {"fd", VB_DOMAIN_DISK_BUS_FDC},    {"hd", VB_DOMAIN_DISK_BUS_IDE},
    {"vd", VB_DOMAIN_DISK_BUS_VIRTIO}, {"sd", VB_DOMAIN_DISK_BUS_SCSI},
    {"xvd", VB_DOMAIN_DISK_BUS_XEN},   {"ubd", VB_DOMAIN_DISK_BUS_UML},
};

/**
 * vb_domain_disk_name_to_index:
 * @name: (nullable): a disk's target
 *
 * Returns: the number that the letters after the bus' prefix stand for (a is 0, z 25, aa 26), or -1
 */
int
vb_domain_disk_name_to_index(const char *name)
{
    const char *letters = NULL;
    int index = 0;

    for (guint i = 0; name && !letters && i < G_N_ELEMENTS(bus_prefixes); i++) {
        /* the first letter is all it takes to leave most out, and definitions have many disks */
        if (name[0] == bus_prefixes[i].prefix[0] && g_str_has_prefix(name, bus_prefixes[i].prefix))
            letters = name + strlen(bus_prefixes[i].prefix);
    }
    if (!letters || !g_ascii_islower(*letters))
        return -1;
    for (; g_ascii_islower(*letters); letters++) {
        index = index * 26 + (*letters - 'a') + 1;
        if (index > 1000000)
            return -1;
    }
    return *letters ? -1 : index - 1;
}

static void
fill_bus(VbDomainDisk *disk)
{
    if (disk->bus)
        return;
    if (disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY) {
        disk->bus = VB_DOMAIN_DISK_BUS_FDC;
        return;
    }
    for (guint i = 1; disk->dst && i < G_N_ELEMENTS(bus_prefixes); i++) {
        if (g_str_has_prefix(disk->dst, bus_prefixes[i].prefix))
            disk->bus = (int)bus_prefixes[i].bus;
    }
    if (!disk->bus)
        disk->bus = VB_DOMAIN_DISK_BUS_IDE;
}

/* how many drives hang on one controller, and how a drive's number is spread over it; Source: libvirt's mapping of
 * target names to drive addresses */
static const struct {
    guint per_controller, per_bus;
} drive_layout[VB_DOMAIN_DISK_BUS_LAST] = {
    [VB_DOMAIN_DISK_BUS_IDE] = {4, 2},
    [VB_DOMAIN_DISK_BUS_FDC] = {2, 2},
    [VB_DOMAIN_DISK_BUS_SCSI] = {7, 7},
    [VB_DOMAIN_DISK_BUS_SATA] = {6, 6},
};

static gboolean
fill_drive_address(VbDomainDisk *disk, GError **error)
{
    VbDomainAddress *address = &disk->info.address;
    const guint per_controller = drive_layout[disk->bus].per_controller;
    int index;

    if (address->type != VB_DOMAIN_ADDRESS_NONE)
        return TRUE;
    index = vb_domain_disk_name_to_index(disk->dst);
    /* a name that ends in a digit is a partition's, which vb_domain_validate() refuses by name */
    if (index < 0 && !per_controller && g_ascii_isdigit(disk->dst[strlen(disk->dst) - 1]))
        return TRUE;
    if (index < 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Unknown disk name '%s' and no address specified",
                            disk->dst ? disk->dst : "");
    if (!per_controller)
        return TRUE;
    vb_domain_address_become(address, VB_DOMAIN_ADDRESS_DRIVE);
    address->drive.controller = (guint)index / per_controller;
    address->drive.bus = (guint)index % per_controller / drive_layout[disk->bus].per_bus;
    address->drive.unit = (guint)index % drive_layout[disk->bus].per_bus;
    address->drive.has_value = TRUE;
    return TRUE;
}

static void
fill_encryption(VbDomainEncryption *encryption)
{
    if (encryption && g_strcmp0(encryption->format, "luks") == 0)
        vb_domain_fill_string(&encryption->engine, "qemu");
}

static const char *const default_ports[] = {
    [VB_DOMAIN_NET_PROTOCOL_NBD] = "10809",     [VB_DOMAIN_NET_PROTOCOL_SHEEPDOG] = "7000",
    [VB_DOMAIN_NET_PROTOCOL_GLUSTER] = "24007", [VB_DOMAIN_NET_PROTOCOL_ISCSI] = "3260",
    [VB_DOMAIN_NET_PROTOCOL_HTTP] = "80",       [VB_DOMAIN_NET_PROTOCOL_HTTPS] = "443",
    [VB_DOMAIN_NET_PROTOCOL_FTP] = "21",        [VB_DOMAIN_NET_PROTOCOL_FTPS] = "990",
    [VB_DOMAIN_NET_PROTOCOL_TFTP] = "69",       [VB_DOMAIN_NET_PROTOCOL_SSH] = "22",
};

static void
fill_network(VbDomainDiskSource *source)
{
    const char *port = (guint)source->protocol < G_N_ELEMENTS(default_ports)
                           ? default_ports[source->protocol]
                           : NULL;

    VB_DOMAIN_EACH(VbDomainStorageHost, host, source->hosts)
    {
        const gboolean is_tcp = !host->transport || strcmp(host->transport, "tcp") == 0;

        if (!host->socket && is_tcp && port)
            vb_domain_fill_string(&host->port, port);
        if (host->transport && strcmp(host->transport, "unix") == 0) {
            g_clear_pointer(&host->name, g_free);
            g_clear_pointer(&host->port, g_free);
        }
    }
}

/* Source: a target without a unit means its first */
static void
fill_unit(VbDomainDiskSource *source)
{
    if (source->type == VB_DOMAIN_STORAGE_NETWORK &&
        source->protocol == VB_DOMAIN_NET_PROTOCOL_ISCSI && source->name &&
        !strchr(source->name, '/')) {
        char *with_lun = g_strconcat(source->name, "/0", NULL);

        g_free(source->name);
        source->name = with_lun;
    }
}

/* labels that are left out are what a running guest says of itself */
static void
drop_skipped_labels(VbDomainDiskSource *source)
{
    for (guint i = VB_DOMAIN_COUNT(source->seclabels); i > 0; i--) {
        VbDomainSourceSeclabel *label = source->seclabels->pdata[i - 1];

        if (label->labelskip != VB_TRISTATE_YES)
            continue;
        g_ptr_array_remove_index(source->seclabels, i - 1);
        vb_xml_free(&vb_domain_source_seclabel_type, label);
    }
}

void
vb_domain_fill_source(VbDomainDiskSource *source)
{
    if (source->type == VB_DOMAIN_STORAGE_VOLUME && !vb_domain_source_more(source)->pool)
        source->type = VB_DOMAIN_STORAGE_FILE;
    drop_skipped_labels(source);
    fill_encryption(source->encryption);
    if (source->type == VB_DOMAIN_STORAGE_NETWORK)
        fill_network(source);
}

/* libvirt keeps the disks of one bus in the order of their names; a bus that is not given counts as one of its own */
static void
insert_disk(VbDomainDef *def, VbDomainDisk *disk)
{
    const int index = vb_domain_disk_name_to_index(disk->dst);
    guint at = VB_DOMAIN_COUNT(def->disks);
    gboolean is_found = FALSE;

    for (guint i = at; i > 0; i--) {
        const VbDomainDisk *other = g_ptr_array_index(def->disks, i - 1);

        if (other->bus != disk->bus)
            continue;
        if (vb_domain_disk_name_to_index(other->dst) > index)
            at = i - 1;
        else if (!is_found)
            at = i;
        is_found = TRUE;
    }
    vb_domain_list_insert(&def->disks, at, disk);
}

void
vb_domain_add_disk(VbDomainDef *def, VbDomainDisk *disk)
{
    fill_bus(disk);
    insert_disk(def, disk);
}

static void
sort_disks(VbDomainDef *def)
{
    GPtrArray *given = def->disks;

    def->disks = NULL;
    VB_DOMAIN_EACH(VbDomainDisk, disk, given)
    insert_disk(def, disk);
    if (given)
        g_ptr_array_free(given, TRUE);
}

static void
fill_driver(VbDomainDisk *disk)
{
    vb_domain_fill_string(&disk->driver_name, "qemu");
    if (!disk->format && disk->source.type != VB_DOMAIN_STORAGE_VOLUME &&
        disk->source.type != VB_DOMAIN_STORAGE_VHOST_USER)
        disk->format = VB_DOMAIN_FORMAT_RAW;
    if (disk->source.type == VB_DOMAIN_STORAGE_VHOST_USER && !disk->format)
        disk->format = VB_DOMAIN_FORMAT_RAW;
}

static gboolean
fill_disk(VbDomainDisk *disk, GError **error)
{
    if (!disk->source.type)
        disk->source.type = VB_DOMAIN_STORAGE_FILE;
    if (disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY)
        vb_domain_fill_string(&disk->dst, "fda");
    if (!disk->dst || !*disk->dst)
        return vb_error_set(error, VIR_ERR_NO_TARGET, "%s",
                            vb_domain_source_path(&disk->source)
                                ? vb_domain_source_path(&disk->source)
                                : "");
    fill_bus(disk);
    if (disk->device == VB_DOMAIN_DISK_DEVICE_CDROM)
        disk->is_readonly = TRUE;
    fill_driver(disk);
    vb_domain_fill_source(&disk->source);
    fill_unit(&disk->source);
    fill_encryption(vb_domain_disk_more(disk)->old_encryption);
    for (VbDomainBackingStore *backing = disk->backing; backing; backing = backing->backing) {
        vb_domain_fill_source(&backing->source);
        fill_unit(&backing->source);
    }
    if (disk->source.type == VB_DOMAIN_STORAGE_VHOST_USER)
        vb_domain_fill_string(&disk->snapshot, "no");
    return fill_drive_address(disk, error);
}

gboolean
vb_domain_fill_disks(const VbDomainFill *fill, GError **error)
{
    sort_disks(fill->def);
    VB_DOMAIN_EACH(VbDomainDisk, disk, fill->def->disks)
    {
        if (!fill_disk(disk, error))
            return FALSE;
    }
    return TRUE;
}
