/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <hostdev>, <filesystem> and <memory> devices. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(fs_type_words, "filesystem type", "mount", "block", "file", "template", "ram", "bind",
      "volume");
WORDS(fs_accessmode_words, "access mode", "passthrough", "mapped", "squash");
WORDS(fs_driver_words, "filesystem driver", "path", "handle", "loop", "nbd", "ploop", "virtiofs",
      "mtp");
WORDS(fs_wrpolicy_words, "write policy", "immediate");
WORDS(fs_cache_words, "cache mode", "none", "always", "metadata");
WORDS(fs_sandbox_words, "sandbox mode", "namespace", "chroot");
WORDS(fs_multidevs_words, "multidevs", "remap", "forbid", "warn");
WORDS(virtio_model_words, "model", "virtio", "virtio-transitional", "virtio-non-transitional");
WORDS(hostdev_driver_words, "host device driver", "kvm", "vfio", "xen");
WORDS(teaming_words, "teaming type", "persistent", "transient");
WORDS(sgio_words, "sgio", "filtered", "unfiltered");
WORDS(startup_words_words, "startup policy", "mandatory", "requisite", "optional");
WORDS(guest_reset_words, "guest reset", "off", "on", "uninitialized");

VB_ENUM(vb_domain_hostdev_type_enum, "host device type", "usb", "pci", "scsi", "scsi_host", "mdev");

static const char *const mode_nicks[] = {"subsystem", "capabilities"};
static const VbEnum mode_enum = {"hostdev mode", mode_nicks, G_N_ELEMENTS(mode_nicks)};

#define H VbDomainHostdev
#define WHEN(kind) VB_XML_WHEN(VbDomainHostdev, type, VB_XML_BIT(VB_DOMAIN_HOSTDEV_##kind))
#define ZERO .flags = VB_XML_ZERO_IS_VALUE
#define HEX(digits) .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = (digits)
#define PCI(member, path, digits)                                                                  \
    VB_XML_UINT(H, pci.member, "source/address/" path, VB_XML_HAS(H, has_pci), WHEN(PCI),          \
                HEX(digits))

static const VbXmlField hostdev_fields[] = {
    VB_XML_STR(H, mode, "@mode", .enumeration = &mode_enum, .flags = VB_XML_UNSUPPORTED,
               .abi = "host device mode"),
    VB_XML_ENUMV(H, type, "@type", vb_domain_hostdev_type_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_UNSUPPORTED,
                 .abi = "host device subsystem type"),
    VB_XML_BOOL(H, managed, "@managed"),
    VB_XML_STR(H, sgio, "@sgio", WHEN(SCSI), .enumeration = &sgio_words),
    VB_XML_BOOL(H, rawio, "@rawio", WHEN(SCSI)),
    VB_XML_STR(H, mdev_model, "@model", WHEN(MDEV)),
    VB_XML_STR(H, scsi_host_model, "@model", WHEN(SCSI_HOST)),
    VB_XML_SWITCH(H, display, "@display", WHEN(MDEV)),
    VB_XML_SWITCH(H, ramfb, "@ramfb", WHEN(MDEV)),
    VB_XML_STR(H, driver_name, "driver/@name", WHEN(PCI), .enumeration = &hostdev_driver_words),
    VB_XML_STR(H, driver_model, "driver/@model", WHEN(PCI)),
    VB_XML_BOOL(H, write_filtering, "source/@writeFiltering", WHEN(PCI)),
    VB_XML_STR(H, startup_policy, "source/@startupPolicy", WHEN(USB),
               .enumeration = &startup_words_words),
    VB_XML_STR(H, guest_reset, "source/@guestReset", WHEN(USB), .enumeration = &guest_reset_words),
    VB_XML_STR(H, vhost_protocol, "source/@protocol", WHEN(SCSI_HOST)),
    VB_XML_STR(H, vhost_wwpn, "source/@wwpn", WHEN(SCSI_HOST)),
    VB_XML_STR(H, iscsi_protocol, "source/@protocol", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_name, "source/@name", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_host, "source/host/@name", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_port, "source/host/@port", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_auth_username, "source/auth/@username", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_auth_secret_type, "source/auth/secret/@type", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_auth_secret_usage, "source/auth/secret/@usage", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_auth_secret_uuid, "source/auth/secret/@uuid", WHEN(SCSI)),
    VB_XML_STR(H, iscsi_initiator, "source/initiator/iqn/@name", WHEN(SCSI)),
    VB_XML_STR(H, scsi_adapter, "source/adapter/@name", WHEN(SCSI)),
    VB_XML_UINT(H, usb_vendor, "source/vendor/@id", VB_XML_HAS(H, has_usb_vendor), WHEN(USB),
                .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT,
                .width = (4)),
    VB_XML_UINT(H, usb_product, "source/product/@id", VB_XML_HAS(H, has_usb_vendor), WHEN(USB),
                .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT,
                .width = (4)),
    VB_XML_UINT(H, usb_bus, "source/address/@bus", VB_XML_HAS(H, has_usb_bus), WHEN(USB),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(H, usb_device, "source/address/@device", VB_XML_HAS(H, has_usb_bus), WHEN(USB),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    PCI(domain, "@domain", 4),
    PCI(bus, "@bus", 2),
    PCI(slot, "@slot", 2),
    PCI(function, "@function", 1),
    VB_XML_UINT(H, scsi_bus, "source/address/@bus", VB_XML_HAS(H, has_scsi), WHEN(SCSI), ZERO),
    VB_XML_UINT(H, scsi_target, "source/address/@target", VB_XML_HAS(H, has_scsi), WHEN(SCSI),
                ZERO),
    VB_XML_UINT64(H, scsi_unit, "source/address/@unit", VB_XML_HAS(H, has_scsi), WHEN(SCSI), ZERO),
    VB_XML_STR(H, mdev_uuid, "source/address/@uuid", WHEN(MDEV)),
    VB_XML_STR(H, teaming_type, "teaming/@type", .enumeration = &teaming_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(H, teaming_persistent, "teaming/@persistent"),
    VB_XML_PRESENT(H, is_readonly, "readonly"),
    VB_XML_PRESENT(H, is_shareable, "shareable"),
    VB_XML_EMBED(H, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_hostdev_type, H, "hostdev", hostdev_fields,
            .doc = "A device of the host given to the guest.");

#define F VbDomainFilesystem
static const VbXmlField filesystem_fields[] = {
    VB_XML_STR(F, type, "@type", .enumeration = &fs_type_words),
    VB_XML_STR(F, accessmode, "@accessmode", .enumeration = &fs_accessmode_words),
    VB_XML_STR(F, model, "@model", .enumeration = &virtio_model_words, .abi = "filesystem model"),
    VB_XML_STR(F, multidevs, "@multidevs", .enumeration = &fs_multidevs_words),
    VB_XML_STR(F, fmode, "@fmode"),
    VB_XML_STR(F, dmode, "@dmode"),
    VB_XML_STR(F, driver_type, "driver/@type", .enumeration = &fs_driver_words),
    VB_XML_STR(F, driver_format, "driver/@format"),
    VB_XML_STR(F, driver_wrpolicy, "driver/@wrpolicy", .enumeration = &fs_wrpolicy_words),
    VB_XML_UINT(F, driver_queue, "driver/@queue"),
    VB_XML_EMBED(F, virtio, "driver", vb_domain_virtio_type),
    VB_XML_STR(F, binary_path, "binary/@path"),
    VB_XML_SWITCH(F, xattr, "binary/@xattr"),
    VB_XML_STR(F, cache_mode, "binary/cache/@mode", .enumeration = &fs_cache_words),
    VB_XML_STR(F, sandbox_mode, "binary/sandbox/@mode", .enumeration = &fs_sandbox_words),
    VB_XML_SWITCH(F, lock_posix, "binary/lock/@posix"),
    VB_XML_SWITCH(F, lock_flock, "binary/lock/@flock"),
    VB_XML_UINT(F, thread_pool, "binary/thread_pool/@size", VB_XML_HAS(F, has_thread_pool), ZERO),
    VB_XML_UINT64(F, openfiles_max, "binary/openfiles/@max"),
    VB_XML_STR(F, source_dir, "source/@dir"),
    VB_XML_STR(F, source_file, "source/@file"),
    VB_XML_STR(F, source_dev, "source/@dev"),
    VB_XML_STR(F, source_name, "source/@name"),
    VB_XML_STR(F, source_socket, "source/@socket"),
    VB_XML_STR(F, source_usage, "source/@usage"),
    VB_XML_STR(F, source_units, "source/@units"),
    VB_XML_LIST(F, idmap_uids, "idmap/uid", vb_domain_idmap_uid_type),
    VB_XML_LIST(F, idmap_gids, "idmap/gid", vb_domain_idmap_gid_type),
    VB_XML_STR(F, target_dir, "target/@dir", .abi = "filesystem guest target"),
    VB_XML_PRESENT(F, is_readonly, "readonly"),
    VB_XML_EMBED(F, info, ".", vb_domain_info_type),
    VB_XML_SIZE(F, hard_limit, "space_hard_limit", .unit = 1),
    VB_XML_SIZE(F, soft_limit, "space_soft_limit", .unit = 1),
};
VB_XML_TYPE(vb_domain_filesystem_type, F, "filesystem", filesystem_fields,
            .doc = "A folder of the host in the guest.");

#define M VbDomainMemoryDevice
static const VbXmlField memory_fields[] = {
    VB_XML_STR(M, model, "@model", .flags = VB_XML_REQUIRED, .abi = "memory device model '"),
    VB_XML_STR(M, access, "@access", .enumeration = &vb_domain_memory_access_enum),
    VB_XML_BOOL(M, discard, "@discard"),
    VB_XML_UUIDV(M, uuid, "uuid"),
    VB_XML_BITMAP(M, source_nodes, "source/nodemask"),
    VB_XML_SIZE(M, source_pagesize_kib, "source/pagesize"),
    VB_XML_STR(M, source_path, "source/path"),
    VB_XML_SIZE(M, source_alignsize_kib, "source/alignsize"),
    VB_XML_PRESENT(M, source_pmem, "source/pmem"),
    VB_XML_SIZE(M, size_kib, "target/size", .abi = "memory device size '"),
    VB_XML_UINT(M, node, "target/node", VB_XML_HAS(M, has_node), ZERO,
                .abi = "memory device target node '"),
    VB_XML_SIZE(M, label_size_kib, "target/label/size", .abi = "NVDIMM label size '"),
    VB_XML_SIZE(M, block_kib, "target/block"),
    VB_XML_SIZE(M, requested_kib, "target/requested", VB_XML_HAS(M, has_requested), ZERO),
    VB_XML_SIZE(M, current_kib, "target/current", .flags = VB_XML_LIVE_ONLY),
    VB_XML_PRESENT(M, is_readonly, "target/readonly"),
    VB_XML_UINT64(M, target_base, "target/address/@base", VB_XML_HAS(M, has_target_base),
                  .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = 1),
    VB_XML_BOOL(M, dynamic_memslots, "target/@dynamicMemslots"),
    VB_XML_EMBED(M, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_memory_device_type, M, "memory", memory_fields, .doc = "A memory module.");
