/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <disk>, its sources and backing stores. */
#include <string.h>
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(transport_words, "protocol transport type", "tcp", "unix", "rdma");
WORDS(encryption_engine_words, "encryption engine", "qemu", "librbd");
WORDS(tray_words, "tray", "closed", "open");
WORDS(sgio_words, "sgio", "filtered", "unfiltered");
WORDS(geometry_trans_words, "geometry translation", "none", "auto", "lba");

VB_ENUM(vb_domain_storage_type_enum, "storage type", NULL, "file", "block", "dir", "network",
        "volume", "nvme", "vhostuser", "vhostvdpa");
VB_ENUM(vb_domain_disk_device_enum, "disk device", "disk", "cdrom", "floppy", "lun");
VB_ENUM(vb_domain_disk_bus_enum, "disk bus", NULL, "ide", "fdc", "scsi", "virtio", "xen", "usb",
        "uml", "sata", "sd");
VB_ENUM(vb_domain_image_format_enum, "driver format value", NULL, "raw", "dir", "bochs", "cloop",
        "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow", "qcow2", "qed", "vmdk");
VB_ENUM(vb_domain_disk_cache_enum, "cache", "default", "none", "writethrough", "writeback",
        "directsync", "unsafe");
VB_ENUM(vb_domain_disk_io_enum, "io", "default", "native", "threads", "io_uring");
VB_ENUM(vb_domain_disk_error_policy_enum, "error policy", "default", "stop", "report", "ignore",
        "enospace");
VB_ENUM(vb_domain_disk_discard_enum, "discard", "default", "unmap", "ignore");
VB_ENUM(vb_domain_disk_detect_zeroes_enum, "detect_zeroes", "default", "off", "on", "unmap");
VB_ENUM(vb_domain_disk_model_enum, "disk model", NULL, "virtio", "virtio-transitional",
        "virtio-non-transitional");
VB_ENUM(vb_domain_net_protocol_enum, "protocol", NULL, "nbd", "rbd", "sheepdog", "gluster", "iscsi",
        "http", "https", "ftp", "ftps", "tftp", "ssh", "vxhs", "nfs");
VB_ENUM(vb_domain_startup_policy_enum, "startup policy", NULL, "mandatory", "requisite",
        "optional");

/* source */
static const VbXmlField host_fields[] = {
    VB_XML_STR(VbDomainStorageHost, name, "@name"),
    VB_XML_STR(VbDomainStorageHost, port, "@port"),
    VB_XML_STR(VbDomainStorageHost, transport, "@transport", .enumeration = &transport_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(VbDomainStorageHost, socket, "@socket"),
};
static VB_XML_TYPE(host_type, VbDomainStorageHost, "host", host_fields);

static const VbXmlField cookie_fields[] = {
    VB_XML_STR(VbDomainStorageCookie, name, "@name"),
    VB_XML_STR(VbDomainStorageCookie, value, "."),
};
static VB_XML_TYPE(cookie_type, VbDomainStorageCookie, "cookie", cookie_fields);

static const VbXmlField encryption_secret_fields[] = {
    VB_XML_STR(VbDomainEncryptionSecret, type, "@type"),
    VB_XML_STR(VbDomainEncryptionSecret, uuid, "@uuid"),
    VB_XML_STR(VbDomainEncryptionSecret, usage, "@usage"),
};
static VB_XML_TYPE(encryption_secret_type, VbDomainEncryptionSecret, "secret",
                   encryption_secret_fields);

static const VbXmlField encryption_fields[] = {
    VB_XML_STR(VbDomainEncryption, format, "@format"),
    VB_XML_STR(VbDomainEncryption, engine, "@engine", .enumeration = &encryption_engine_words),
    VB_XML_LIST(VbDomainEncryption, secrets, "secret", encryption_secret_type),
    VB_XML_PRESENT(VbDomainEncryption, has_cipher, "cipher"),
    VB_XML_STR(VbDomainEncryption, cipher_name, "cipher/@name"),
    VB_XML_STR(VbDomainEncryption, cipher_size, "cipher/@size"),
    VB_XML_STR(VbDomainEncryption, cipher_mode, "cipher/@mode"),
    VB_XML_STR(VbDomainEncryption, cipher_hash, "cipher/@hash"),
    VB_XML_STR(VbDomainEncryption, ivgen_name, "ivgen/@name"),
    VB_XML_STR(VbDomainEncryption, ivgen_hash, "ivgen/@hash"),
};
static VB_XML_TYPE(encryption_type, VbDomainEncryption, "encryption", encryption_fields);

static const VbXmlField source_seclabel_fields[] = {
    VB_XML_STR(VbDomainSourceSeclabel, model, "@model", .abi = "disk model"),
    VB_XML_BOOL(VbDomainSourceSeclabel, labelskip, "@labelskip"),
    VB_XML_BOOL(VbDomainSourceSeclabel, relabel, "@relabel"),
    VB_XML_STR(VbDomainSourceSeclabel, label, "label"),
};
VB_XML_TYPE(vb_domain_source_seclabel_type, VbDomainSourceSeclabel, "seclabel",
            source_seclabel_fields);

/* backing stores and data files hold a source, and a source may hold a data file */
static const VbXmlType backing_type, data_store_type;

/* The rarely given part of a source comes in pieces, one for each place in the order of the attributes and elements. */
#define M VbDomainSourceMore
#define PIECE(name, ...)                                                                           \
    static const VbXmlField name##_fields[] = {__VA_ARGS__};                                       \
    static VB_XML_TYPE(name##_type, M, "source", name##_fields)
#define ADDRESS(member, path, digits)                                                              \
    VB_XML_UINT(M, nvme.member, path, VB_XML_HAS(M, has_nvme),                                     \
                .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits))

PIECE(query, VB_XML_STR(M, query, "source/@query"));
PIECE(tls, VB_XML_STR(M, tls_hostname, "source/@tlsHostname"));
PIECE(volume, VB_XML_STR(M, pool, "source/@pool"), VB_XML_STR(M, volume, "source/@volume"),
      VB_XML_STR(M, volume_mode, "source/@mode"));
PIECE(nvme, VB_XML_STR(M, nvme_type, "source/@type"),
      VB_XML_BOOL(M, nvme_managed, "source/@managed"),
      VB_XML_UINT64(M, nvme_namespace, "source/@namespace"),
      ADDRESS(domain, "source/address/@domain", 4), ADDRESS(bus, "source/address/@bus", 2),
      ADDRESS(slot, "source/address/@slot", 2), ADDRESS(function, "source/address/@function", 1));
PIECE(vhost, VB_XML_STR(M, vhost_type, "source/@type"), VB_XML_STR(M, vhost_path, "source/@path"));
PIECE(reconnect, VB_XML_BOOL(M, reconnect, "source/reconnect/@enabled"),
      VB_XML_UINT(M, reconnect_timeout_s, "source/reconnect/@timeout"));
PIECE(link, VB_XML_UINT(M, reconnect_delay_s, "source/reconnect/@delay"),
      VB_XML_STR(M, known_hosts, "source/knownHosts/@path"));
PIECE(data_file, VB_XML_STRUCT(M, data_store, "source/dataStore", data_store_type));
PIECE(network, VB_XML_STR(M, snapshot, "source/snapshot/@name"),
      VB_XML_STR(M, config_file, "source/config/@file"));
PIECE(transport, VB_XML_STR(M, initiator_iqn, "source/initiator/iqn/@name"),
      VB_XML_BOOL(M, ssl_verify, "source/ssl/@verify"),
      VB_XML_LIST(M, cookies, "source/cookies/cookie", cookie_type),
      VB_XML_UINT64(M, readahead, "source/readahead/@size"),
      VB_XML_UINT64(M, timeout_s, "source/timeout/@seconds"));
PIECE(auth, VB_XML_STR(M, auth_username, "source/auth/@username"),
      VB_XML_STR(M, auth_secret_type, "source/auth/secret/@type"),
      VB_XML_STR(M, auth_secret_usage, "source/auth/secret/@usage"),
      VB_XML_STR(M, auth_secret_uuid, "source/auth/secret/@uuid"));
PIECE(reservations,
      VB_XML_BOOL(M, reservations_managed, "source/reservations/@managed",
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
      VB_XML_STR(M, reservations_type, "source/reservations/source/@type"),
      VB_XML_STR(M, reservations_path, "source/reservations/source/@path"),
      VB_XML_STR(M, reservations_mode, "source/reservations/source/@mode"));
PIECE(identity, VB_XML_STR(M, identity_user, "source/identity/@user"),
      VB_XML_STR(M, identity_group, "source/identity/@group"));
PIECE(slice, VB_XML_STR(M, slice_type, "source/slices/slice/@type"),
      VB_XML_UINT64(M, slice_offset, "source/slices/slice/@offset", VB_XML_HAS(M, has_slice),
                    .flags = VB_XML_ZERO_IS_VALUE),
      VB_XML_UINT64(M, slice_size, "source/slices/slice/@size"));
PIECE(fdgroup, VB_XML_STR(M, fdgroup, "source/@fdgroup"));
#undef M

#define S VbDomainDiskSource
#define WHEN(kind) VB_XML_WHEN(VbDomainDiskSource, type, VB_XML_BIT(VB_DOMAIN_STORAGE_##kind))
#define MORE(piece, ...) VB_XML_PART(S, more, ".", piece##_type, ##__VA_ARGS__)
/* its @type is an attribute of the element around it, whose table reads it */
static const VbXmlField source_fields[] = {
    VB_XML_STR(S, file, "source/@file", WHEN(FILE)),
    VB_XML_STR(S, dev, "source/@dev",
               VB_XML_WHEN(S, type,
                           VB_XML_BIT(VB_DOMAIN_STORAGE_BLOCK) |
                               VB_XML_BIT(VB_DOMAIN_STORAGE_VHOST_VDPA))),
    VB_XML_STR(S, dir, "source/@dir", WHEN(DIR)),
    VB_XML_ENUMV(S, protocol, "source/@protocol", vb_domain_net_protocol_enum, WHEN(NETWORK),
                 .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(S, name, "source/@name", WHEN(NETWORK)),
    MORE(query, WHEN(NETWORK)),
    VB_XML_BOOL(S, tls, "source/@tls", WHEN(NETWORK)),
    MORE(tls, WHEN(NETWORK)),
    MORE(volume, WHEN(VOLUME)),
    MORE(nvme, WHEN(NVME)),
    MORE(vhost, WHEN(VHOST_USER)),
    VB_XML_ENUMV(S, startup_policy, "source/@startupPolicy", vb_domain_startup_policy_enum),
    VB_XML_UINT(S, index, "source/@index", .flags = VB_XML_LIVE_ONLY),
    VB_XML_LIST(S, hosts, "source/host", host_type, WHEN(NETWORK)),
    MORE(network, WHEN(NETWORK)),
    VB_XML_LIST(S, seclabels, "source/seclabel", vb_domain_source_seclabel_type),
    MORE(transport, WHEN(NETWORK)),
    MORE(reconnect),
    MORE(link, WHEN(NETWORK)),
    MORE(auth),
    VB_XML_STRUCT(S, encryption, "source/encryption", encryption_type),
    MORE(reservations),
    MORE(identity, WHEN(NETWORK)),
    MORE(slice),
    MORE(fdgroup, WHEN(FILE)),
    MORE(data_file),
    VB_XML_RAW(S, private_data, "source/privateData",
               .flags = VB_XML_STATUS_ONLY | VB_XML_NOT_COMPARED),
};
VB_XML_TYPE(vb_domain_disk_source_type, VbDomainDiskSource, "source", source_fields,
            .doc = "Where a disk's data lies on the host.");
#undef S

/* backing store: the type contains itself */
static const VbXmlField backing_fields[] = {
    VB_XML_ENUMV(VbDomainBackingStore, source.type, "@type", vb_domain_storage_type_enum),
    VB_XML_UINT(VbDomainBackingStore, index, "@index", .flags = VB_XML_LIVE_ONLY),
    VB_XML_ENUMV(VbDomainBackingStore, format, "format/@type", vb_domain_image_format_enum),
    VB_XML_SIZE(VbDomainBackingStore, metadata_cache_size, "format/metadata_cache/max_size",
                .unit = 1, .unit_name = "bytes"),
    VB_XML_EMBED(VbDomainBackingStore, source, ".", vb_domain_disk_source_type),
    VB_XML_STRUCT(VbDomainBackingStore, backing, "backingStore", backing_type),
};
static VB_XML_TYPE(backing_type, VbDomainBackingStore, "backingStore", backing_fields,
                   .doc = "The image below this one; an empty element ends the chain.");
static VB_XML_TYPE(data_store_type, VbDomainBackingStore, "dataStore", backing_fields,
                   .doc = "The file that holds the data of a qcow2 image.");

/* limits */
#define LIMIT(name) VB_XML_UINT64(VbDomainDiskIotune, name, #name)
static const VbXmlField iotune_fields[] = {
    LIMIT(total_bytes_sec),
    LIMIT(read_bytes_sec),
    LIMIT(write_bytes_sec),
    LIMIT(total_iops_sec),
    LIMIT(read_iops_sec),
    LIMIT(write_iops_sec),
    LIMIT(total_bytes_sec_max),
    LIMIT(read_bytes_sec_max),
    LIMIT(write_bytes_sec_max),
    LIMIT(total_iops_sec_max),
    LIMIT(read_iops_sec_max),
    LIMIT(write_iops_sec_max),
    LIMIT(size_iops_sec),
    VB_XML_STR(VbDomainDiskIotune, group_name, "group_name"),
    LIMIT(total_bytes_sec_max_length),
    LIMIT(read_bytes_sec_max_length),
    LIMIT(write_bytes_sec_max_length),
    LIMIT(total_iops_sec_max_length),
    LIMIT(read_iops_sec_max_length),
    LIMIT(write_iops_sec_max_length),
};
static VB_XML_TYPE(iotune_type, VbDomainDiskIotune, "iotune", iotune_fields);
VB_XML_TYPE(vb_domain_throttle_group_type, VbDomainDiskIotune, "throttlegroup", iotune_fields,
            .doc = "Limits that several disks share.");

static const VbXmlField filter_fields[] = {
    VB_XML_STR(VbDomainThrottleFilter, group, "@group", .flags = VB_XML_REQUIRED),
};
static VB_XML_TYPE(filter_type, VbDomainThrottleFilter, "throttlefilter", filter_fields);

/* threads */
static const VbXmlField queue_fields[] = {
    VB_XML_UINT(VbDomainDiskQueue, id, "@id", .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
};
static VB_XML_TYPE(queue_type, VbDomainDiskQueue, "queue", queue_fields);
static const VbXmlField iothread_fields[] = {
    VB_XML_UINT(VbDomainDiskIothread, id, "@id", .flags = VB_XML_REQUIRED | VB_XML_NOT_ZERO),
    VB_XML_LIST(VbDomainDiskIothread, queues, "queue", queue_type),
};
static VB_XML_TYPE(iothread_type, VbDomainDiskIothread, "iothread", iothread_fields);

/* copy in the making */
#define M VbDomainDiskMirror
static const VbXmlField mirror_fields[] = {
    VB_XML_ENUMV(M, source.type, "@type", vb_domain_storage_type_enum),
    VB_XML_STR(M, file, "@file"),
    VB_XML_ENUMV(M, old_format, "@format", vb_domain_image_format_enum),
    VB_XML_STR(M, job, "@job"),
    VB_XML_STR(M, ready, "@ready"),
    VB_XML_ENUMV(M, format, "format/@type", vb_domain_image_format_enum),
    VB_XML_EMBED(M, source, ".", vb_domain_disk_source_type),
    VB_XML_STRUCT(M, backing, "backingStore", backing_type),
};
static VB_XML_TYPE(mirror_type, M, "mirror", mirror_fields,
                   .doc = "A copy of the disk that a job is writing.");
#undef M

/* the device; its rarely given part in pieces, as above */
#undef PIECE
#undef MORE
#define M VbDomainDiskMore
#define PIECE(name, ...)                                                                           \
    static const VbXmlField name##_fields[] = {__VA_ARGS__};                                       \
    static VB_XML_TYPE(name##_type, M, "disk", name##_fields)
PIECE(sgio, VB_XML_STR(M, sgio, "@sgio", .enumeration = &sgio_words));
PIECE(threads, VB_XML_LIST(M, iothreads, "driver/iothreads/iothread", iothread_type));
PIECE(copy, VB_XML_STRUCT(M, mirror, "mirror", mirror_type, .flags = VB_XML_LIVE_ONLY));
PIECE(filters, VB_XML_LIST(M, throttle_filters, "throttlefilters/throttlefilter", filter_type));
PIECE(cache_and_auth,
      VB_XML_SIZE(M, metadata_cache_size, "driver/metadata_cache/max_size", .unit = 1,
                  .unit_name = "bytes"),
      VB_XML_STR(M, old_auth_username, "auth/@username"),
      VB_XML_STR(M, old_auth_secret_type, "auth/secret/@type"),
      VB_XML_STR(M, old_auth_secret_usage, "auth/secret/@usage"),
      VB_XML_STR(M, old_auth_secret_uuid, "auth/secret/@uuid"));
PIECE(geometry, VB_XML_STR(M, backend_domain, "backenddomain/@name"),
      VB_XML_UINT(M, geometry_cyls, "geometry/@cyls"),
      VB_XML_UINT(M, geometry_heads, "geometry/@heads"),
      VB_XML_UINT(M, geometry_secs, "geometry/@secs"),
      VB_XML_STR(M, geometry_trans, "geometry/@trans", .enumeration = &geometry_trans_words),
      VB_XML_UINT(M, logical_block_size, "blockio/@logical_block_size"),
      VB_XML_UINT(M, physical_block_size, "blockio/@physical_block_size"),
      VB_XML_UINT(M, discard_granularity, "blockio/@discard_granularity",
                  VB_XML_HAS(M, has_discard_granularity), .flags = VB_XML_ZERO_IS_VALUE));
PIECE(transient, VB_XML_BOOL(M, transient_share, "transient/@shareBacking"));
PIECE(vendor, VB_XML_STR(M, vendor, "vendor"), VB_XML_STR(M, product, "product"),
      VB_XML_STRUCT(M, old_encryption, "encryption", encryption_type));
#undef M

#define D VbDomainDisk
#define MORE(piece) VB_XML_PART(D, more, ".", piece##_type)
static const VbXmlField disk_fields[] = {
    VB_XML_ENUMV(D, source.type, "@type", vb_domain_storage_type_enum),
    VB_XML_ENUMV(D, device, "@device", vb_domain_disk_device_enum, .flags = VB_XML_ZERO_IS_VALUE,
                 .abi = "disk device"),
    VB_XML_ENUMV(D, model, "@model", vb_domain_disk_model_enum, .abi = "disk model"),
    VB_XML_BOOL(D, rawio, "@rawio"),
    MORE(sgio),
    VB_XML_STR(D, snapshot, "@snapshot"),
    VB_XML_STR(D, driver_name, "driver/@name"),
    VB_XML_ENUMV(D, format, "driver/@type", vb_domain_image_format_enum,
                 .flags = VB_XML_UNSUPPORTED),
    VB_XML_ENUMV(D, cache, "driver/@cache", vb_domain_disk_cache_enum),
    VB_XML_ENUMV(D, error_policy, "driver/@error_policy", vb_domain_disk_error_policy_enum),
    VB_XML_ENUMV(D, rerror_policy, "driver/@rerror_policy", vb_domain_disk_error_policy_enum),
    VB_XML_ENUMV(D, io, "driver/@io", vb_domain_disk_io_enum),
    VB_XML_SWITCH(D, ioeventfd, "driver/@ioeventfd"),
    VB_XML_SWITCH(D, event_idx, "driver/@event_idx"),
    VB_XML_SWITCH(D, copy_on_read, "driver/@copy_on_read"),
    VB_XML_ENUMV(D, discard, "driver/@discard", vb_domain_disk_discard_enum),
    VB_XML_UINT(D, iothread, "driver/@iothread", .min = 1, .max = G_MAXUINT32),
    VB_XML_ENUMV(D, detect_zeroes, "driver/@detect_zeroes", vb_domain_disk_detect_zeroes_enum),
    VB_XML_SWITCH(D, discard_no_unref, "driver/@discard_no_unref"),
    VB_XML_UINT(D, queues, "driver/@queues"),
    VB_XML_UINT(D, queue_size, "driver/@queue_size"),
    VB_XML_EMBED(D, virtio, "driver", vb_domain_virtio_type),
    MORE(threads),
    MORE(cache_and_auth),
    VB_XML_EMBED(D, source, ".", vb_domain_disk_source_type),
    VB_XML_STRUCT(D, backing, "backingStore", backing_type),
    MORE(copy),
    MORE(geometry),
    VB_XML_STR(D, dst, "target/@dev", .doc = "The disk's name: vda, sdb, hdc, fda.", .abi = "disk"),
    VB_XML_ENUMV(D, bus, "target/@bus", vb_domain_disk_bus_enum, .abi = "disk bus"),
    VB_XML_STR(D, tray, "target/@tray", .enumeration = &tray_words),
    VB_XML_SWITCH(D, removable, "target/@removable"),
    VB_XML_UINT(D, rotation_rate, "target/@rotation_rate"),
    VB_XML_PART(D, iotune, "iotune", iotune_type),
    MORE(filters),
    VB_XML_PRESENT(D, is_readonly, "readonly", .abi = "disk access mode."),
    VB_XML_PRESENT(D, is_shareable, "shareable"),
    VB_XML_PRESENT(D, is_transient, "transient"),
    MORE(transient),
    VB_XML_STR(D, serial, "serial", .abi = "disk serial"),
    VB_XML_STR(D, wwn, "wwn", .abi = "disk wwn '"),
    MORE(vendor),
    VB_XML_EMBED(D, info, ".", vb_domain_info_type),
    VB_XML_RAW(D, private_data, "privateData", .flags = VB_XML_STATUS_ONLY | VB_XML_NOT_COMPARED),
};

/* without type= it is a file, and which attributes of <source> count depends on that */
static void
disk_init(gpointer self)
{
    ((VbDomainDisk *)self)->source.type = VB_DOMAIN_STORAGE_FILE;
}

VB_XML_TYPE(vb_domain_disk_type, VbDomainDisk, "disk", disk_fields, .init = disk_init,
            .doc = "A hard disk, CD-ROM or floppy drive of the guest.");

/**
 * vb_domain_source_path:
 * @source: where a disk's data lies
 *
 * Returns: (transfer none) (nullable): file, device node or directory; NULL for other kinds and for empty drives
 */
const char *
vb_domain_source_path(const VbDomainDiskSource *source)
{
    const char *const paths[VB_DOMAIN_STORAGE_LAST] = {
        [VB_DOMAIN_STORAGE_FILE] = source->file,
        [VB_DOMAIN_STORAGE_BLOCK] = source->dev,
        [VB_DOMAIN_STORAGE_DIR] = source->dir,
    };

    if (source->type <= VB_DOMAIN_STORAGE_NONE || source->type >= VB_DOMAIN_STORAGE_LAST)
        return NULL;
    return paths[source->type];
}

/**
 * vb_domain_source_is_empty:
 * @source: where a disk's data lies
 *
 * Returns: TRUE when nothing is inserted into the drive
 */
gboolean
vb_domain_source_is_empty(const VbDomainDiskSource *source)
{
    const char *path = vb_domain_source_path(source);

    if (source->type >= VB_DOMAIN_STORAGE_NETWORK)
        return source->type == VB_DOMAIN_STORAGE_VOLUME && !vb_domain_source_more(source)->pool;
    return !path || !*path;
}

void
vb_domain_disk_stack(VbDomainDisk *disk)
{
    VbDomainBackingStore *below = g_new0(VbDomainBackingStore, 1);

    below->source = disk->source;
    below->format = disk->format;
    below->backing = disk->backing;
    below->index = disk->source.index;
    below->source.startup_policy = VB_DOMAIN_STARTUP_POLICY_NONE;
    memset(&disk->source, 0, sizeof(disk->source));
    disk->backing = below;
}

/**
 * vb_domain_iotune_is_set:
 * @tune: limits of a disk
 *
 * Returns: TRUE when one of them is given
 */
gboolean
vb_domain_iotune_is_set(const VbDomainDiskIotune *tune)
{
    VbDomainDiskIotune limits = *tune;
    const VbDomainDiskIotune none = {0};

    limits.group_name = NULL;
    return memcmp(&limits, &none, sizeof limits) != 0;
}
