/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <disk>: where its data lies, how the guest sees it. */
#pragma once
#include "domain/device-info.h"

typedef enum { /* <disk type=> */
               VB_DOMAIN_STORAGE_NONE,
               VB_DOMAIN_STORAGE_FILE,
               VB_DOMAIN_STORAGE_BLOCK,
               VB_DOMAIN_STORAGE_DIR,
               VB_DOMAIN_STORAGE_NETWORK,
               VB_DOMAIN_STORAGE_VOLUME,
               VB_DOMAIN_STORAGE_NVME,
               VB_DOMAIN_STORAGE_VHOST_USER,
               VB_DOMAIN_STORAGE_VHOST_VDPA,
               VB_DOMAIN_STORAGE_LAST,
} VbDomainStorageType;

typedef enum { /* <disk device=>; 0 is the default, a disk */
               VB_DOMAIN_DISK_DEVICE_DISK,
               VB_DOMAIN_DISK_DEVICE_CDROM,
               VB_DOMAIN_DISK_DEVICE_FLOPPY,
               VB_DOMAIN_DISK_DEVICE_LUN,
               VB_DOMAIN_DISK_DEVICE_LAST,
} VbDomainDiskDevice;

typedef enum { /* <target bus=> */
               VB_DOMAIN_DISK_BUS_NONE,
               VB_DOMAIN_DISK_BUS_IDE,
               VB_DOMAIN_DISK_BUS_FDC,
               VB_DOMAIN_DISK_BUS_SCSI,
               VB_DOMAIN_DISK_BUS_VIRTIO,
               VB_DOMAIN_DISK_BUS_XEN,
               VB_DOMAIN_DISK_BUS_USB,
               VB_DOMAIN_DISK_BUS_UML,
               VB_DOMAIN_DISK_BUS_SATA,
               VB_DOMAIN_DISK_BUS_SD,
               VB_DOMAIN_DISK_BUS_LAST,
} VbDomainDiskBus;

typedef enum { /* image formats, <driver type=>, <format type=> */
               VB_DOMAIN_FORMAT_NONE,
               VB_DOMAIN_FORMAT_RAW,
               VB_DOMAIN_FORMAT_DIR,
               VB_DOMAIN_FORMAT_BOCHS,
               VB_DOMAIN_FORMAT_CLOOP,
               VB_DOMAIN_FORMAT_DMG,
               VB_DOMAIN_FORMAT_ISO,
               VB_DOMAIN_FORMAT_VPC,
               VB_DOMAIN_FORMAT_VDI,
               VB_DOMAIN_FORMAT_FAT,
               VB_DOMAIN_FORMAT_VHD,
               VB_DOMAIN_FORMAT_PLOOP,
               VB_DOMAIN_FORMAT_COW,
               VB_DOMAIN_FORMAT_QCOW,
               VB_DOMAIN_FORMAT_QCOW2,
               VB_DOMAIN_FORMAT_QED,
               VB_DOMAIN_FORMAT_VMDK,
               VB_DOMAIN_FORMAT_LAST,
} VbDomainImageFormat;

typedef enum {
    VB_DOMAIN_DISK_CACHE_DEFAULT,
    VB_DOMAIN_DISK_CACHE_NONE,
    VB_DOMAIN_DISK_CACHE_WRITETHROUGH,
    VB_DOMAIN_DISK_CACHE_WRITEBACK,
    VB_DOMAIN_DISK_CACHE_DIRECTSYNC,
    VB_DOMAIN_DISK_CACHE_UNSAFE
} VbDomainDiskCache;
typedef enum {
    VB_DOMAIN_DISK_IO_DEFAULT,
    VB_DOMAIN_DISK_IO_NATIVE,
    VB_DOMAIN_DISK_IO_THREADS,
    VB_DOMAIN_DISK_IO_URING
} VbDomainDiskIo;
typedef enum {
    VB_DOMAIN_DISK_ERROR_DEFAULT,
    VB_DOMAIN_DISK_ERROR_STOP,
    VB_DOMAIN_DISK_ERROR_REPORT,
    VB_DOMAIN_DISK_ERROR_IGNORE,
    VB_DOMAIN_DISK_ERROR_ENOSPACE
} VbDomainDiskErrorPolicy;
typedef enum {
    VB_DOMAIN_DISK_DISCARD_DEFAULT,
    VB_DOMAIN_DISK_DISCARD_UNMAP,
    VB_DOMAIN_DISK_DISCARD_IGNORE
} VbDomainDiskDiscard;
typedef enum {
    VB_DOMAIN_DISK_DETECT_ZEROES_DEFAULT,
    VB_DOMAIN_DISK_DETECT_ZEROES_OFF,
    VB_DOMAIN_DISK_DETECT_ZEROES_ON,
    VB_DOMAIN_DISK_DETECT_ZEROES_UNMAP
} VbDomainDiskDetectZeroes;
typedef enum {
    VB_DOMAIN_DISK_MODEL_NONE,
    VB_DOMAIN_DISK_MODEL_VIRTIO,
    VB_DOMAIN_DISK_MODEL_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_DISK_MODEL_VIRTIO_NON_TRANSITIONAL
} VbDomainDiskModel;
typedef enum {
    VB_DOMAIN_STARTUP_POLICY_NONE,
    VB_DOMAIN_STARTUP_POLICY_MANDATORY,
    VB_DOMAIN_STARTUP_POLICY_REQUISITE,
    VB_DOMAIN_STARTUP_POLICY_OPTIONAL
} VbDomainStartupPolicy;
typedef enum {
    VB_DOMAIN_NET_PROTOCOL_NONE,
    VB_DOMAIN_NET_PROTOCOL_NBD,
    VB_DOMAIN_NET_PROTOCOL_RBD,
    VB_DOMAIN_NET_PROTOCOL_SHEEPDOG,
    VB_DOMAIN_NET_PROTOCOL_GLUSTER,
    VB_DOMAIN_NET_PROTOCOL_ISCSI,
    VB_DOMAIN_NET_PROTOCOL_HTTP,
    VB_DOMAIN_NET_PROTOCOL_HTTPS,
    VB_DOMAIN_NET_PROTOCOL_FTP,
    VB_DOMAIN_NET_PROTOCOL_FTPS,
    VB_DOMAIN_NET_PROTOCOL_TFTP,
    VB_DOMAIN_NET_PROTOCOL_SSH,
    VB_DOMAIN_NET_PROTOCOL_VXHS,
    VB_DOMAIN_NET_PROTOCOL_NFS
} VbDomainNetProtocol;

typedef struct {
    char *name, *port, *transport, *socket;
} VbDomainStorageHost;

typedef struct {
    char *name, *value;
} VbDomainStorageCookie;
typedef struct {
    char *type, *uuid, *usage;
} VbDomainEncryptionSecret;
typedef struct {
    char *format, *engine;
    gboolean has_cipher; /* of volumes: refused here */
    char *cipher_name, *cipher_size, *cipher_mode, *cipher_hash, *ivgen_name, *ivgen_hash;
    GPtrArray *secrets;
} VbDomainEncryption; /* VbDomainEncryptionSecret */

typedef struct _VbDomainBackingStore VbDomainBackingStore;

/* what few sources have: vb_domain_source_more() */
typedef struct {
    char *pool, *volume, *volume_mode;
    char *query, *tls_hostname, *snapshot, *config_file;
    char *auth_username, *auth_secret_type, *auth_secret_usage, *auth_secret_uuid;
    char *initiator_iqn;
    char *slice_type;
    guint64 slice_offset, slice_size;
    char *reservations_type, *reservations_path, *reservations_mode;
    char *identity_user, *identity_group;
    GPtrArray *cookies; /* VbDomainStorageCookie */
    guint64 readahead, timeout_s;
    char *fdgroup;
    char *nvme_type;
    guint64 nvme_namespace;
    VbDomainPciAddress nvme;
    char *vhost_type, *vhost_path;
    guint reconnect_timeout_s, reconnect_delay_s; /* delay: nbd */
    char *known_hosts;                            /* ssh: a file */
    VbDomainBackingStore *data_store;             /* qcow2: the file that holds the data */
    bool has_slice, has_nvme;
    VbTristate reservations_managed, ssl_verify, nvme_managed, reconnect;
} VbDomainSourceMore;

/* <source> of a disk or of a backing store */
typedef struct {
    guint8 type;           /* VbDomainStorageType */
    guint8 protocol;       /* VbDomainNetProtocol */
    guint8 startup_policy; /* VbDomainStartupPolicy */
    VbTristate tls;
    guint index;            /* live only */
    char *file, *dev, *dir; /* the one of @type */
    char *name;
    GPtrArray *hosts;     /* VbDomainStorageHost */
    GPtrArray *seclabels; /* VbDomainSourceSeclabel */
    VbDomainEncryption *encryption;
    char *private_data; /* in status files only, libvirt's: names of the nodes, of secrets */
    VbDomainSourceMore *more;
} VbDomainDiskSource;

/* <backingStore>; the empty element ends a chain and has source.type NONE */
struct _VbDomainBackingStore {
    guint index;                 /* live only */
    guint8 format;               /* VbDomainImageFormat */
    guint64 metadata_cache_size; /* bytes; 0 = not given */
    VbDomainDiskSource source;
    VbDomainBackingStore *backing;
};

typedef struct {
    guint64 total_bytes_sec, read_bytes_sec, write_bytes_sec;
    guint64 total_iops_sec, read_iops_sec, write_iops_sec;
    guint64 total_bytes_sec_max, read_bytes_sec_max, write_bytes_sec_max;
    guint64 total_iops_sec_max, read_iops_sec_max, write_iops_sec_max;
    guint64 size_iops_sec;
    char *group_name;
    guint64 total_bytes_sec_max_length, read_bytes_sec_max_length, write_bytes_sec_max_length;
    guint64 total_iops_sec_max_length, read_iops_sec_max_length, write_iops_sec_max_length;
} VbDomainDiskIotune;

typedef struct {
    guint id;
} VbDomainDiskQueue;
typedef struct {
    guint id;
    GPtrArray *queues; /* VbDomainDiskQueue; none: the emulator spreads them */
} VbDomainDiskIothread;
typedef struct {
    char *group;
} VbDomainThrottleFilter;

/* a copy that a job is writing; live only */
typedef struct {
    char *file, *job;  /* @file: as old versions wrote it too */
    guint8 old_format; /* VbDomainImageFormat */
    guint8 format;
    char *ready; /* "yes", "abort", "pivot" */
    VbDomainDiskSource source;
    VbDomainBackingStore *backing;
} VbDomainDiskMirror;

/* what few disks have: vb_domain_disk_more() */
typedef struct {
    char *sgio;
    guint64 metadata_cache_size; /* bytes; 0 = not given */
    char *old_auth_username, *old_auth_secret_type, *old_auth_secret_usage,
        *old_auth_secret_uuid; /* <auth> beside <source>, where older definitions have it: counts as @source's */
    VbDomainEncryption *old_encryption; /* beside <source>: counts as @source's */
    char *backend_domain;
    guint geometry_cyls, geometry_heads, geometry_secs;
    char *geometry_trans;
    guint logical_block_size, physical_block_size, discard_granularity;
    bool has_discard_granularity;
    VbTristate transient_share;
    char *vendor, *product;
    GPtrArray *iothreads;        /* VbDomainDiskIothread: several instead of the one */
    GPtrArray *throttle_filters; /* VbDomainThrottleFilter */
    VbDomainDiskMirror *mirror;
} VbDomainDiskMore;

typedef struct {
    guint8 device; /* VbDomainDiskDevice */
    guint8 model;  /* VbDomainDiskModel */
    VbTristate rawio;
    /* <driver> */
    guint8 format;                      /* VbDomainImageFormat */
    guint8 cache;                       /* VbDomainDiskCache */
    guint8 error_policy, rerror_policy; /* VbDomainDiskErrorPolicy */
    guint8 io;                          /* VbDomainDiskIo */
    VbTristate ioeventfd, event_idx, copy_on_read, discard_no_unref;
    guint8 discard;       /* VbDomainDiskDiscard */
    guint8 detect_zeroes; /* VbDomainDiskDetectZeroes */
    VbDomainVirtioOptions virtio;
    guint8 bus; /* VbDomainDiskBus */
    VbTristate removable;
    bool is_readonly, is_shareable, is_transient;
    guint iothread, queues, queue_size;
    guint rotation_rate;
    char *driver_name; /* "qemu" */
    char *snapshot;
    VbDomainDiskSource source;
    VbDomainBackingStore *backing;
    char *dst;  /* "vda" */
    char *tray; /* "open"; closed is not written */
    char *serial, *wwn;
    VbDomainDiskIotune *iotune; /* vb_domain_disk_iotune() */
    VbDomainDiskMore *more;
    char *private_data; /* in status files only, libvirt's: QEMU's name of the drive */
    VbDomainDeviceInfo info;
} VbDomainDisk;

extern const VbEnum vb_domain_storage_type_enum, vb_domain_disk_device_enum,
    vb_domain_disk_bus_enum;
extern const VbEnum vb_domain_image_format_enum, vb_domain_disk_cache_enum, vb_domain_disk_io_enum;
extern const VbEnum vb_domain_disk_error_policy_enum, vb_domain_disk_discard_enum,
    vb_domain_disk_model_enum;
extern const VbEnum vb_domain_disk_detect_zeroes_enum, vb_domain_net_protocol_enum;
extern const VbEnum vb_domain_startup_policy_enum;
extern const VbXmlType vb_domain_disk_type, vb_domain_disk_source_type,
    vb_domain_throttle_group_type;

/* parts that are not allocated while nothing is in them; VB_XML_NEED() makes them */
static inline const VbDomainSourceMore *
vb_domain_source_more(const VbDomainDiskSource *source)
{
    return VB_XML_READ(source->more);
}
static inline const VbDomainDiskIotune *
vb_domain_disk_iotune(const VbDomainDisk *disk)
{
    return VB_XML_READ(disk->iotune);
}
static inline const VbDomainDiskMore *
vb_domain_disk_more(const VbDomainDisk *disk)
{
    return VB_XML_READ(disk->more);
}
/* file path, device node or directory of @source; NULL for network and empty drives */
const char *vb_domain_source_path(const VbDomainDiskSource *source);
/* TRUE: some limit is there */
gboolean vb_domain_iotune_is_set(const VbDomainDiskIotune *tune);
gboolean vb_domain_source_is_empty(const VbDomainDiskSource *source);
/* What the disk has becomes its backing store; its own source is empty, for the image that comes on top. */
void vb_domain_disk_stack(VbDomainDisk *disk);
/* disk names: "sdb" -> 1, "vdaa" -> 26; -1 when it is no such name */
int vb_domain_disk_name_to_index(const char *name);
