/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the command line's files share: the line under construction, and the parts that every device has. Private to
 * this folder. */
#pragma once
#include "base/error.h"
#include "base/json.h"
#include "command/command.h"

typedef struct {
    const VbDomainDef *def;
    const QemuCaps *caps;
    const QemuCommandOptions *options;
    const QemuMachine *machine;
    GPtrArray *argv;
    GHashTable *boot_index; /* VbDomainDeviceInfo * -> guint */
    guint n_fdsets;
    gboolean has_pr_helper; /* the helper for persistent reservations is on the line */
} QemuBuild;

/* options */
void qemu_build_option(QemuBuild *build, const char *option,
                       const char *value); /* @value NULL: none */
void qemu_build_take_option(QemuBuild *build, const char *option,
                            char *value); /* (transfer full value) */
/* appends ",key=value" with commas in @value doubled; nothing when @value is NULL */
void qemu_build_append(GString *text, const char *key, const char *value);
void qemu_build_append_escaped(GString *text, const char *value);
const char *qemu_build_on_off(VbTristate value); /* "on", "off"; NULL when absent */

/* -device and -object in JSON */
VbJsonWriter *qemu_build_device_new(const char *driver);
VbJsonWriter *qemu_build_object_new(const char *qom_type, const char *id);
void qemu_build_take_json(QemuBuild *build, const char *option,
                          VbJsonWriter *json); /* closes and frees it */
void qemu_build_add_tristate(VbJsonWriter *json, const char *key,
                             VbTristate value); /* true or false */
void qemu_build_add_switch(VbJsonWriter *json, const char *key,
                           VbTristate value); /* "on" or "off" */
void qemu_build_add_virtio(VbJsonWriter *json, const VbDomainVirtioOptions *virtio);
void qemu_build_add_rom(VbJsonWriter *json, const VbDomainDeviceInfo *info);
void qemu_build_add_boot_index(QemuBuild *build, VbJsonWriter *json,
                               const VbDomainDeviceInfo *info);
/* bus, slot, port, ... in QEMU's words; nothing for devices without an address */
gboolean qemu_build_add_address(QemuBuild *build, VbJsonWriter *json,
                                const VbDomainDeviceInfo *info, GError **error);
/* "virtio-net" -> "virtio-net-pci-transitional" (transfer full) */
typedef enum {
    QEMU_VIRTIO_PLAIN,
    QEMU_VIRTIO_TRANSITIONAL,
    QEMU_VIRTIO_NON_TRANSITIONAL
} QemuVirtioKind;
char *qemu_build_virtio_driver(const char *base, const VbDomainDeviceInfo *info,
                               QemuVirtioKind kind);
/* CONFIG_UNSUPPORTED unless the emulator has @type */
gboolean qemu_build_need_device(QemuBuild *build, const char *type, GError **error);
/* alias of the controller that a device sits on; NULL with @error when there is none */
const char *qemu_build_controller_alias(QemuBuild *build, int type, guint index, GError **error);
guint64 qemu_build_scale(guint64 number, const char *unit,
                         guint64 default_unit); /* bytes; checked by validation */
guint qemu_build_find_boot_index(QemuBuild *build, const VbDomainDeviceInfo *info);
int qemu_build_find_fd(QemuBuild *build, QemuCommandFdKind kind, const char *alias,
                       guint nth); /* -1: none */
/* (transfer full): its number, or the name that the monitor knows it by; NULL: none */
char *qemu_build_find_fd_name(QemuBuild *build, QemuCommandFdKind kind, const char *alias,
                              guint nth);

/* one per device class, called in libvirt's order (command.c) */
gboolean qemu_build_firmware_nodes(QemuBuild *build, GError **error);
gboolean qemu_build_machine(QemuBuild *build, GError **error);
gboolean qemu_build_cpu(QemuBuild *build, GError **error);
gboolean qemu_build_loader(QemuBuild *build, GError **error);
gboolean qemu_build_memory(QemuBuild *build, GError **error);
gboolean qemu_build_smp(QemuBuild *build, GError **error);
gboolean qemu_build_numa(QemuBuild *build, GError **error);
gboolean qemu_build_sysinfo(QemuBuild *build, GError **error);
gboolean qemu_build_clock(QemuBuild *build, GError **error);
gboolean qemu_build_power(QemuBuild *build, GError **error);
gboolean qemu_build_boot(QemuBuild *build, GError **error);
gboolean qemu_build_iommu(QemuBuild *build, GError **error);
gboolean qemu_build_controllers(QemuBuild *build, GError **error);
gboolean qemu_build_hubs(QemuBuild *build, GError **error);
gboolean qemu_build_disks(QemuBuild *build, GError **error);
gboolean qemu_build_filesystems(QemuBuild *build, GError **error);
gboolean qemu_build_nets(QemuBuild *build, GError **error);
gboolean qemu_build_serials(QemuBuild *build, GError **error);
gboolean qemu_build_parallels(QemuBuild *build, GError **error);
gboolean qemu_build_channels(QemuBuild *build, GError **error);
gboolean qemu_build_consoles(QemuBuild *build, GError **error);
gboolean qemu_build_inputs(QemuBuild *build, GError **error);
gboolean qemu_build_audios(QemuBuild *build, GError **error);
gboolean qemu_build_graphics(QemuBuild *build, GError **error);
gboolean qemu_build_videos(QemuBuild *build, GError **error);
gboolean qemu_build_sounds(QemuBuild *build, GError **error);
gboolean qemu_build_watchdogs(QemuBuild *build, GError **error);
gboolean qemu_build_redirdevs(QemuBuild *build, GError **error);
gboolean qemu_build_memballoon(QemuBuild *build, GError **error);
gboolean qemu_build_rngs(QemuBuild *build, GError **error);
gboolean qemu_build_panics(QemuBuild *build, GError **error);
gboolean qemu_build_vsock(QemuBuild *build, GError **error);
gboolean qemu_build_cryptos(QemuBuild *build, GError **error);
gboolean qemu_build_pstore(QemuBuild *build, GError **error);
gboolean qemu_build_throttle_groups(QemuBuild *build, GError **error);
/* (transfer full node): the node on top of it and of the disk's filters */
char *qemu_build_take_filters(QemuBuild *build, const VbDomainDisk *disk, char *node);
gboolean qemu_build_override(QemuBuild *build, GError **error); /* on the finished line */
gboolean qemu_build_hostdevs(QemuBuild *build, GError **error);
gboolean qemu_build_smartcards(QemuBuild *build, GError **error);
gboolean qemu_build_tpms(QemuBuild *build, GError **error);
gboolean qemu_build_shmems(QemuBuild *build, GError **error);
gboolean qemu_build_refused(QemuBuild *build, GError **error); /* what this build cannot make */
void qemu_build_graphics_none(QemuBuild *build);

gboolean qemu_build_memory_devices(QemuBuild *build, GError **error);
gboolean qemu_build_has_nvdimm(const VbDomainDef *def);
gboolean qemu_build_has_hmat(const VbDomainDef *def);

/* a piece of the guest's memory */
typedef struct {
    const char *id;   /* "pc.ram", "ram-node0", "memdimm0" */
    const char *name; /* of its file; NULL: @id */
    guint64 size_kib;
    const char *access; /* "shared", "private", NULL: the guest's */
    VbTristate discard; /* ABSENT: the guest's */
    int cell;           /* of the guest, -1: of none */
    gboolean is_main;   /* the machine's one block */
    const char *path;   /* a file that the user named */
    const char *nodes;  /* of the host; NULL: as the guest's tuning says */
    guint64 page_kib;   /* 0: as the guest's backing says */
    guint64 align_kib;
    gboolean is_pmem;
    gboolean is_sparse;      /* grows as the guest takes it: nothing is reserved */
    gboolean is_unallocated; /* not even when memory is to be allocated at once */
} QemuMemoryBlock;
void qemu_build_take_memory(QemuBuild *build, const QemuMemoryBlock *block);
gboolean qemu_build_is_plain_memory(QemuBuild *build, const QemuMemoryBlock *block);
guint64 qemu_build_align_mib(guint64 kib);

/* the host's side of a character device: the value of -chardev (transfer full), NULL with @error */
typedef struct {
    const char *id;           /* "charserial0" */
    const char *alias;        /* of the device, for descriptors */
    const char *default_path; /* of a unix socket without a path; may be NULL */
    const char *spice_name;   /* "vdagent", "usbredir" */
    gboolean is_parallel;
} QemuChardevInfo;
char *qemu_build_chardev(QemuBuild *build, const VbDomainChrSource *source,
                         const QemuChardevInfo *info, GError **error);
/* also used by firmware: -blockdev pairs of one image; @node is "libvirt-1" */
typedef struct {
    const char *node; /* "libvirt-1", "libvirt-pflash0" */
    int format;       /* VbDomainImageFormat; NONE: raw */
    gboolean is_readonly;
    const char *backing;   /* format node of the backing image; NULL: QEMU's own; "": ends here */
    const char *data_file; /* node of the file that holds the data; NULL: the image itself */
    const VbDomainDisk *disk;    /* cache, discard, ...; NULL for firmware */
    int cache;                   /* VbDomainDiskCache in effect */
    guint64 metadata_cache_size; /* bytes; 0: QEMU's own */
} QemuImage;
gboolean qemu_build_image(QemuBuild *build, const VbDomainDiskSource *source,
                          const QemuImage *image, GError **error);
/* driver and location of @source as members of an open -blockdev; objects that it needs are on the line before it */
gboolean qemu_build_add_protocol(QemuBuild *build, VbJsonWriter *json,
                                 const VbDomainDiskSource *source, const char *node,
                                 GError **error);
gboolean qemu_build_take_secret(QemuBuild *build, const QemuSecret *secret, GError **error);
char *qemu_build_take_tls(QemuBuild *build, const char *owner, gboolean is_server);
