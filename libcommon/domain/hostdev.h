/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <hostdev> (host devices given to the guest), <filesystem> (host folders), <memory> (DIMMs). */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_HOSTDEV_USB,
    VB_DOMAIN_HOSTDEV_PCI,
    VB_DOMAIN_HOSTDEV_SCSI,
    VB_DOMAIN_HOSTDEV_SCSI_HOST,
    VB_DOMAIN_HOSTDEV_MDEV,
    VB_DOMAIN_HOSTDEV_LAST
} VbDomainHostdevType;
typedef struct {
    char *mode; /* "subsystem" */
    int type;   /* VbDomainHostdevType */
    VbTristate managed;
    char *driver_name, *driver_model; /* "vfio", a variant of its driver */
    VbDomainPciAddress pci;
    gboolean has_pci;
    guint usb_vendor, usb_product, usb_bus, usb_device;
    gboolean has_usb_vendor, has_usb_bus;
    char *startup_policy;
    char *guest_reset;
    VbTristate write_filtering; /* pci */
    char *scsi_adapter;
    guint scsi_bus, scsi_target;
    guint64 scsi_unit;
    gboolean has_scsi;
    char *sgio;
    VbTristate rawio;
    char *iscsi_protocol, *iscsi_name, *iscsi_host, *iscsi_port, *iscsi_initiator;
    char *iscsi_auth_username, *iscsi_auth_secret_type, *iscsi_auth_secret_usage,
        *iscsi_auth_secret_uuid;
    char *scsi_host_model, *teaming_type, *teaming_persistent;
    char *vhost_protocol, *vhost_wwpn;
    char *mdev_model, *mdev_uuid;
    VbTristate display, ramfb;
    gboolean is_readonly, is_shareable;
    VbDomainDeviceInfo info;
} VbDomainHostdev;

typedef struct {
    char *type, *accessmode, *model, *multidevs, *fmode, *dmode;
    char *driver_type, *driver_wrpolicy, *driver_format;
    guint driver_queue;
    char *binary_path;
    VbTristate xattr;
    char *cache_mode, *sandbox_mode;
    guint thread_pool;
    gboolean has_thread_pool;
    guint64 openfiles_max;
    GPtrArray *idmap_uids, *idmap_gids; /* VbDomainIdmap */
    char *source_usage, *source_units;  /* ram */
    VbTristate lock_posix, lock_flock;
    char *source_dir, *source_file, *source_dev, *source_socket, *source_name;
    char *target_dir;
    gboolean is_readonly;
    guint64 hard_limit, soft_limit; /* bytes */
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainFilesystem;

typedef struct {
    char *model; /* "dimm", "nvdimm", "virtio-mem", "virtio-pmem" */
    char *access;
    VbTristate discard;
    VbUuid uuid;
    char *source_nodes;
    guint64 source_pagesize_kib;
    char *source_path;
    guint64 source_alignsize_kib;
    gboolean source_pmem;
    guint64 size_kib;
    guint node;
    gboolean has_node;
    guint64 label_size_kib, block_kib, requested_kib, current_kib;
    gboolean has_requested;
    gboolean is_readonly;
    VbTristate dynamic_memslots;
    guint64 target_base; /* virtio-mem, virtio-pmem: where in the guest's memory */
    gboolean has_target_base;
    VbDomainDeviceInfo info;
} VbDomainMemoryDevice;

/* the same device of the host */
gboolean vb_domain_hostdev_is_same(const VbDomainHostdev *a, const VbDomainHostdev *b);
extern const VbEnum vb_domain_hostdev_type_enum;
extern const VbXmlType vb_domain_hostdev_type, vb_domain_filesystem_type,
    vb_domain_memory_device_type;
