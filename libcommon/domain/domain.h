/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain model: what <domain> says, as structs. Parsing, filling in, addressing and refusing are four steps:
 *
 *     def = vb_domain_parse(text, 0, &error)            what is written, nothing more
 *     vb_domain_defaults(def, &hints, &error)           what libvirt fills in
 *     vb_domain_assign_addresses(def, &error)           buses, slots, ports
 *     vb_domain_validate(def, &error)                   what libvirt refuses
 *     vb_domain_assign_aliases(def)                     at start only: names of devices in QEMU
 *
 * vb_domain_prepare() does the first four. Strings are owned by the struct that holds them; lists are GPtrArrays of
 * structs without a free function of their own: vb_domain_free() and vb_xml_free() free what is in them.
 */
#pragma once
#include "domain/controller.h"
#include "domain/chardev.h"
#include "domain/disk.h"
#include "domain/extras.h"
#include "domain/graphics.h"
#include "domain/hostdev.h"
#include "domain/input.h"
#include "domain/interface.h"
#include "domain/platform.h"
#include "domain/sound.h"
#include "domain/video.h"

typedef enum {
    VB_DOMAIN_VIRT_NONE,
    VB_DOMAIN_VIRT_QEMU,
    VB_DOMAIN_VIRT_KQEMU,
    VB_DOMAIN_VIRT_KVM,
    VB_DOMAIN_VIRT_XEN,
    VB_DOMAIN_VIRT_LXC,
    VB_DOMAIN_VIRT_UML,
    VB_DOMAIN_VIRT_OPENVZ,
    VB_DOMAIN_VIRT_TEST,
    VB_DOMAIN_VIRT_VMWARE,
    VB_DOMAIN_VIRT_HYPERV,
    VB_DOMAIN_VIRT_VBOX,
    VB_DOMAIN_VIRT_PHYP,
    VB_DOMAIN_VIRT_PARALLELS,
    VB_DOMAIN_VIRT_BHYVE,
    VB_DOMAIN_VIRT_VZ,
    VB_DOMAIN_VIRT_HVF,
    VB_DOMAIN_VIRT_LAST,
} VbDomainVirtType;

typedef enum {
    VB_DOMAIN_BOOT_FLOPPY,
    VB_DOMAIN_BOOT_CDROM,
    VB_DOMAIN_BOOT_DISK,
    VB_DOMAIN_BOOT_NET,
    VB_DOMAIN_BOOT_LAST
} VbDomainBootDevice;
typedef struct {
    int dev;
} VbDomainBoot;

typedef enum {
    VB_DOMAIN_LOADER_DEFAULT,
    VB_DOMAIN_LOADER_ROM,
    VB_DOMAIN_LOADER_PFLASH
} VbDomainLoaderType;
typedef struct {
    char *path; /* NULL: <loader .../> with attributes alone */
    VbTristate readonly, secure, stateless;
    int type; /* VbDomainLoaderType */
    char *format;
} VbDomainLoader;
typedef struct {
    char *path; /* old spelling: the element's text */
    char *template_path, *template_format, *format;
    VbDomainDiskSource source; /* <nvram type='file'><source .../>; type NONE: path holds it */
} VbDomainNvram;
typedef struct {
    VbTristate enabled;
    char *name;
} VbDomainFirmwareFeature;
typedef struct {
    char *type, *path;
} VbDomainAcpiTable;
typedef struct {
    char *text;
} VbDomainInitArg;
typedef struct {
    char *name, *value;
} VbDomainInitEnv;

typedef struct {
    char *firmware;               /* "bios", "efi", or NULL */
    char *type;                   /* "hvm" */
    char *arch;                   /* "x86_64" */
    char *machine;                /* "pc-i440fx-7.2"; "pc" before vb_domain_defaults() */
    GPtrArray *firmware_features; /* VbDomainFirmwareFeature */
    VbDomainLoader *loader;
    VbDomainNvram *nvram;
    GPtrArray *boot; /* VbDomainBoot */
    VbTristate bootmenu;
    guint bootmenu_timeout_ms;
    gboolean has_bootmenu_timeout;
    char *smbios_mode; /* "emulate", "host", "sysinfo" */
    VbTristate bios_useserial;
    int bios_reboot_timeout_ms;
    gboolean has_bios_reboot_timeout;
    char *kernel, *initrd, *cmdline, *dtb, *shim, *root;
    GPtrArray *acpi_tables; /* VbDomainAcpiTable */
    char *init;
    GPtrArray *init_args; /* type 'exe'; VbDomainInitArg */
    GPtrArray *init_env;  /* VbDomainInitEnv */
    char *init_dir, *init_user, *init_group;
} VbDomainOs;

typedef struct {
    char *mode; /* "custom", "passthrough" */
    VbTristate relaxed, vapic, spinlocks, vpindex, runtime, synic, stimer, stimer_direct, reset,
        vendor_id;
    VbTristate frequencies, reenlightenment, tlbflush, tlbflush_direct, tlbflush_extended, ipi,
        evmcs, avic;
    VbTristate emsr_bitmap, xmm_input;
    guint spinlocks_retries;
    char *vendor_id_value;
} VbDomainHyperv;
typedef struct {
    VbTristate hidden, hint_dedicated, poll_control, pv_ipi, dirty_ring;
    guint dirty_ring_size;
} VbDomainKvm;
typedef struct {
    VbTristate e820_host, passthrough;
    char *passthrough_mode;
} VbDomainXenFeatures;
typedef struct {
    char *resizing;
    guint64 max_page_size_kib;
} VbDomainHpt;
#define VB_DOMAIN_N_CONTAINER_CAPS 37
typedef struct { /* <capabilities>: of containers */
    char *policy;
    VbTristate states[VB_DOMAIN_N_CONTAINER_CAPS];
} VbDomainContainerCaps;
typedef struct {
    gboolean acpi, apic, pae, viridian, privnet;
    VbTristate apic_eoi;
    gboolean hap;
    VbTristate hap_state; /* <hap/> is "on" */
    VbDomainHyperv *hyperv;
    VbDomainKvm *kvm;
    VbTristate pvspinlock, pmu, vmport, smm, vmcoreinfo;
    gboolean has_pvspinlock, has_pmu, has_vmport, has_smm,
        has_vmcoreinfo; /* the element is there: "on" without state= */
    guint64 tseg_size;
    char *tseg_unit; /* 0: not given; unit as written, the largest that fits */
    char *gic_version;
    gboolean gic;
    char *ioapic_driver; /* "kvm", "qemu" */
    char *msrs_unknown;  /* "ignore", "fault" */
    char *ibs;
    guint64 tcg_tb_cache_kib;
    VbTristate async_teardown;
    gboolean has_async_teardown;
    VbTristate ps2; /* newer than 9.0: <ps2 state=> */
    VbDomainXenFeatures *xen;
    VbDomainHpt *hpt;
    VbTristate htm, nested_hv, ccf_assist, ras;
    char *cfpc, *sbbc;
    VbDomainContainerCaps *capabilities;
} VbDomainFeatures;

typedef enum {
    VB_DOMAIN_CPU_MODE_DEFAULT,
    VB_DOMAIN_CPU_MODE_CUSTOM,
    VB_DOMAIN_CPU_MODE_HOST_MODEL,
    VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH,
    VB_DOMAIN_CPU_MODE_MAXIMUM
} VbDomainCpuMode;
typedef enum {
    VB_DOMAIN_CPU_MATCH_NONE,
    VB_DOMAIN_CPU_MATCH_MINIMUM,
    VB_DOMAIN_CPU_MATCH_EXACT,
    VB_DOMAIN_CPU_MATCH_STRICT
} VbDomainCpuMatch;
typedef enum {
    VB_DOMAIN_CPU_CHECK_DEFAULT,
    VB_DOMAIN_CPU_CHECK_NONE,
    VB_DOMAIN_CPU_CHECK_PARTIAL,
    VB_DOMAIN_CPU_CHECK_FULL
} VbDomainCpuCheck;
typedef enum {
    VB_DOMAIN_CPU_POLICY_NONE,
    VB_DOMAIN_CPU_POLICY_FORCE,
    VB_DOMAIN_CPU_POLICY_REQUIRE,
    VB_DOMAIN_CPU_POLICY_OPTIONAL,
    VB_DOMAIN_CPU_POLICY_DISABLE,
    VB_DOMAIN_CPU_POLICY_FORBID
} VbDomainCpuPolicy;
typedef struct {
    int policy;
    char *name;
} VbDomainCpuFeature;
typedef struct {
    guint id;
    gboolean has_id;
    guint value;
} VbDomainNumaDistance;
typedef struct {
    guint level;
    char *associativity, *policy;
    guint64 size, line;
    char *size_unit, *line_unit;
} VbDomainNumaCache;
typedef struct { /* <latency>, <bandwidth> */
    guint initiator, target, cache;
    gboolean has_initiator;
    char *type;
    guint64 value;
    char *unit;
} VbDomainNumaLink;
typedef struct {
    guint id;
    gboolean has_id;
    char *cpus; /* range list; NULL: none */
    guint64 memory_kib;
    gboolean has_memory;
    char *mem_access;
    VbTristate discard;
    GPtrArray *distances; /* VbDomainNumaDistance */
    GPtrArray *caches;    /* VbDomainNumaCache */
} VbDomainNumaCell;
typedef struct {
    int mode, match, check;
    VbTristate migratable;
    char *model;
    char *fallback; /* "allow", "forbid" */
    char *model_vendor_id;
    char *vendor;
    VbTristate deprecated_features;
    guint sockets, dies, clusters, cores, threads; /* 0 = not given */
    int cache_level;
    gboolean has_cache_level;
    char *cache_mode;
    char *maxphysaddr_mode;
    guint maxphysaddr_bits, maxphysaddr_limit;
    GPtrArray *features;                         /* VbDomainCpuFeature */
    GPtrArray *numa;                             /* VbDomainNumaCell */
    GPtrArray *numa_latencies, *numa_bandwidths; /* VbDomainNumaLink */
} VbDomainCpu;

typedef enum {
    VB_DOMAIN_CLOCK_UTC,
    VB_DOMAIN_CLOCK_LOCALTIME,
    VB_DOMAIN_CLOCK_VARIABLE,
    VB_DOMAIN_CLOCK_TIMEZONE,
    VB_DOMAIN_CLOCK_ABSOLUTE
} VbDomainClockOffset;
typedef struct {
    char *name; /* "rtc", "pit", "hpet", "kvmclock", "hypervclock", "tsc", "platform" */
    char *track, *tickpolicy, *mode;
    VbTristate present;
    guint64 frequency_hz;
    guint64 catchup_threshold, catchup_slew, catchup_limit;
} VbDomainTimer;
typedef struct {
    int offset;       /* VbDomainClockOffset */
    char *adjustment; /* "reset" or seconds */
    char *basis, *timezone;
    gint64 start;
    gboolean has_start;
    GPtrArray *timers; /* VbDomainTimer */
} VbDomainClock;

typedef enum {
    VB_DOMAIN_ACTION_NOT_GIVEN,
    VB_DOMAIN_ACTION_DESTROY,
    VB_DOMAIN_ACTION_RESTART,
    VB_DOMAIN_ACTION_RENAME_RESTART,
    VB_DOMAIN_ACTION_PRESERVE,
    VB_DOMAIN_ACTION_COREDUMP_DESTROY,
    VB_DOMAIN_ACTION_COREDUMP_RESTART
} VbDomainAction;

typedef struct {
    guint64 size_kib;
    char *nodeset;
} VbDomainHugepage;
typedef struct {
    gboolean has_hugepages;
    GPtrArray *hugepages; /* VbDomainHugepage; none: the default size */
    gboolean nosharepages, locked, discard;
    char *source_type, *access_mode, *allocation_mode;
    guint allocation_threads;
} VbDomainMemoryBacking;

typedef struct {
    guint vcpu;
    gboolean has_vcpu;
    char *cpuset;
} VbDomainVcpuPin;
typedef struct {
    guint iothread;
    char *cpuset;
} VbDomainIothreadPin;
typedef struct {
    char *ids;
    char *scheduler;
    guint priority;
    gboolean has_priority;
} VbDomainSched;
/* Allocation and monitoring by resource control, of caches (<cachetune>) or of memory bandwidth (<memorytune>). */
typedef enum {
    VB_DOMAIN_CACHE_BOTH,
    VB_DOMAIN_CACHE_CODE,
    VB_DOMAIN_CACHE_DATA
} VbDomainCacheScope;
typedef struct {
    guint id, level; /* of the host's cache */
    int scope;       /* VbDomainCacheScope */
    guint64 size;    /* in @unit; in the largest that keeps it whole once defaults were filled in */
    char *unit;
} VbDomainCacheShare;
typedef struct {
    guint node; /* of the host: the id of its cache of level 3 */
    guint bandwidth;
} VbDomainBandwidthShare;
typedef struct {
    guint level;
    char *vcpus;
} VbDomainResctrlMonitor;
typedef struct {
    char *vcpus;
    char *id;            /* live only: of the group */
    GPtrArray *caches;   /* VbDomainCacheShare */
    GPtrArray *nodes;    /* VbDomainBandwidthShare */
    GPtrArray *monitors; /* VbDomainResctrlMonitor */
} VbDomainResctrl;
typedef struct {
    guint64 shares;
    gboolean has_shares;
    guint64 period, global_period, emulator_period,
        iothread_period; /* microseconds; 0 = not given */
    gint64 quota, global_quota, emulator_quota,
        iothread_quota; /* microseconds, -1 = no limit; 0 = not given */
    char *emulator_scheduler;
    guint emulator_priority;
    GPtrArray *vcpupins, *iothreadpins; /* VbDomainVcpuPin, VbDomainIothreadPin */
    char *emulatorpin;
    GPtrArray *vcpuscheds, *iothreadscheds; /* VbDomainSched */
    GPtrArray *cachetunes, *memorytunes;    /* VbDomainResctrl */
} VbDomainCputune;

typedef struct {
    guint cellid;
    gboolean has_cellid;
    char *mode, *nodeset;
} VbDomainMemnode;
typedef struct {
    char *mode, *nodeset, *placement;
    gboolean has_memory;
    GPtrArray *memnodes;
} VbDomainNumatune;

typedef struct {
    guint id;
    guint thread_pool_min, thread_pool_max;
    gboolean has_pool_min, has_pool_max;
    guint64 poll_max, poll_grow, poll_shrink; /* ns, factors */
    gboolean has_poll_max, has_poll_grow, has_poll_shrink;
} VbDomainIothread;
typedef struct {
    guint id;
    gboolean has_id;
    VbTristate enabled, hotpluggable;
    guint order;
} VbDomainVcpu;

typedef struct {
    char *path;
    guint weight, read_iops, write_iops;
    guint64 read_bytes, write_bytes;
} VbDomainBlkioDevice;
typedef struct {
    guint weight;
    GPtrArray *devices;
} VbDomainBlkiotune; /* VbDomainBlkioDevice */

typedef struct {
    char *name, *text, *file;
} VbDomainSysinfoEntry;
typedef struct {
    char *type;                               /* "smbios", "fwcfg" */
    GPtrArray *bios, *system, *chassis, *oem; /* VbDomainSysinfoEntry */
    GPtrArray *boards;                        /* VbDomainSysinfoBoard */
    GPtrArray *entries;                       /* fwcfg */
} VbDomainSysinfo;
typedef struct {
    GPtrArray *entries;
} VbDomainSysinfoBoard;

typedef struct {
    guint start, target, count;
} VbDomainIdmap;
typedef struct {
    char *name;
    VbTristate enabled;
} VbDomainPerfEvent;
typedef struct {
    char *type, *model;
    VbTristate relabel;
    char *label, *baselabel, *imagelabel;
} VbDomainSeclabel;
typedef struct {
    int virt_type; /* VbDomainVirtType */
    int id;
    gboolean has_id; /* live only */
    char *name;
    VbUuid uuid;
    char *genid;
    gboolean has_genid; /* <genid/>: generated at start */
    char *title, *description;
    char *metadata; /* the inside of <metadata>, verbatim */
    guint64 max_memory_kib;
    guint memory_slots;
    guint64 memory_kib; /* what the guest has at most (without maxMemory) */
    VbTristate dump_core;
    guint64 current_memory_kib;
    guint64 memtune_hard_kib, memtune_soft_kib, memtune_swap_hard_kib, memtune_min_guarantee_kib;
    gboolean has_memtune_hard, has_memtune_soft, has_memtune_swap_hard;
    VbDomainMemoryBacking *memory_backing;
    VbDomainBlkiotune *blkiotune;
    guint vcpus;
    gboolean has_vcpus;   /* maximum */
    guint current_vcpus;  /* 0 = not given: as many as @vcpus */
    char *vcpu_placement; /* "static", "auto" */
    char *cpuset;
    GPtrArray *vcpu_list; /* VbDomainVcpu: <vcpus> */
    guint iothreads;
    GPtrArray *iothread_ids;           /* VbDomainIothread */
    VbDomainIothread default_iothread; /* the main loop's pool; its id means nothing */
    GPtrArray *throttle_groups;        /* VbDomainDiskIotune, by name */
    VbDomainCputune *cputune;
    VbDomainNumatune *numatune;
    char *resource_partition;
    char *resource_appid;
    GPtrArray *sysinfo;                 /* VbDomainSysinfo */
    GPtrArray *idmap_uids, *idmap_gids; /* VbDomainIdmap */
    GPtrArray *perf_events;             /* VbDomainPerfEvent */
    char *bootloader, *bootloader_args;
    VbDomainOs os;
    VbDomainFeatures features;
    VbDomainCpu *cpu;
    VbDomainClock clock;
    int on_poweroff, on_reboot, on_crash; /* VbDomainAction */
    char *on_lockfailure;
    VbTristate pm_suspend_to_mem, pm_suspend_to_disk;
    /* devices: lists of the struct named, NULL or empty when there is none */
    char *emulator;
    GPtrArray *disks;                                     /* VbDomainDisk */
    GPtrArray *controllers;                               /* VbDomainController */
    GPtrArray *leases;                                    /* VbDomainLease */
    GPtrArray *filesystems;                               /* VbDomainFilesystem */
    GPtrArray *nets;                                      /* VbDomainNet */
    GPtrArray *smartcards;                                /* VbDomainSmartcard */
    GPtrArray *serials, *parallels, *consoles, *channels; /* VbDomainChr */
    GPtrArray *inputs;                                    /* VbDomainInput */
    GPtrArray *tpms;                                      /* VbDomainTpm */
    GPtrArray *graphics;                                  /* VbDomainGraphics */
    GPtrArray *sounds;                                    /* VbDomainSound */
    GPtrArray *audios;                                    /* VbDomainAudio */
    GPtrArray *videos;                                    /* VbDomainVideo */
    GPtrArray *hostdevs;                                  /* VbDomainHostdev */
    GPtrArray *redirdevs;                                 /* VbDomainRedirdev */
    VbDomainRedirFilter *redir_filter;
    GPtrArray *hubs;      /* VbDomainHub */
    GPtrArray *watchdogs; /* VbDomainWatchdog */
    VbDomainMemballoon *memballoon;
    GPtrArray *rngs;     /* VbDomainRng */
    GPtrArray *panics;   /* VbDomainPanic */
    GPtrArray *shmems;   /* VbDomainShmem */
    GPtrArray *memories; /* VbDomainMemoryDevice */
    VbDomainIommu *iommu;
    VbDomainVsock *vsock;
    GPtrArray *cryptos; /* VbDomainCrypto */
    VbDomainPstore *pstore;
    VbDomainNvramDevice *nvram;
    GPtrArray *seclabels;           /* VbDomainSeclabel */
    GPtrArray *qemu_args;           /* VbDomainCommandEnv: <qemu:commandline> */
    GPtrArray *qemu_env;            /* VbDomainCommandEnv */
    GPtrArray *qemu_add, *qemu_del; /* VbDomainText: capabilities */
    char *qemu_deprecation;         /* "allow", "hide", "deny", "omit", "reject", "crash" */
    GPtrArray *qemu_overrides;      /* VbDomainDeviceOverride */
    GPtrArray *keywrap;             /* VbDomainCipher */
    VbDomainLaunchSecurity *launch_security;
} VbDomainDef;

extern const VbXmlType vb_domain_seclabel_type;
extern const VbXmlType vb_domain_type;
/* takes @disk: it comes before the disks of its bus that have later names */
void vb_domain_add_disk(VbDomainDef *def, VbDomainDisk *disk);
extern const VbEnum vb_domain_virt_type_enum, vb_domain_boot_device_enum,
    vb_domain_loader_type_enum;
extern const VbEnum vb_domain_cpu_mode_enum, vb_domain_cpu_match_enum, vb_domain_cpu_check_enum;
extern const VbEnum vb_domain_cpu_policy_enum, vb_domain_clock_offset_enum, vb_domain_action_enum;

/* walking lists: VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks) { ... } -- NULL is an empty list; break and continue work;
 * do not add to or remove from the list inside. */
#define VB_DOMAIN_EACH(T, item, list)                                                              \
    for (T **item##_at = (list) ? (T **)(list)->pdata : NULL, *item;                               \
         item##_at && item##_at < (T **)(list)->pdata + (list)->len &&                             \
         ((item = *item##_at), TRUE);                                                              \
         item##_at++)
#define VB_DOMAIN_COUNT(list) ((list) ? (list)->len : 0)
/* (transfer full item): appends, makes the list when it is NULL. Returns @item. */
gpointer vb_domain_list_add(GPtrArray **list, gpointer item);
gpointer vb_domain_list_insert(GPtrArray **list, guint at, gpointer item);

/* text <-> struct */
enum {
    VB_DOMAIN_PARSE_INACTIVE =
        1 << 0, /* ids, aliases (but ua-), pty paths and other live facts are dropped */
    VB_DOMAIN_PARSE_RAN =
        1 << 1, /* of a guest that ran: what its start chose is beside what was asked for */
};
enum {
    VB_DOMAIN_FORMAT_LIVE = 1 << 0,   /* ids, aliases, real ports, pty paths */
    VB_DOMAIN_FORMAT_SECURE = 1 << 1, /* passwords */
    VB_DOMAIN_FORMAT_MIGRATABLE =
        1 << 2, /* without what older libvirts would not expect: migratable.c */
};
VbDomainDef *vb_domain_parse(const char *text, guint flags, GError **error);
char *vb_domain_format(const VbDomainDef *def, guint flags);
VbDomainDef *vb_domain_copy(const VbDomainDef *def);
void vb_domain_free(VbDomainDef *def); /* NULL is fine */
VbDomainDef *vb_domain_new(void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbDomainDef, vb_domain_free)

/* What only the hypervisor daemon knows; it fills this in from its capabilities. Strings are borrowed. */
typedef struct VbDomainCapsHints {
    const char *default_arch; /* host's: "x86_64" */
    int default_virt_type;    /* when <domain type=> could be left out (it cannot): unused, 0 */
    /* Returns (transfer full) the emulator's path for the arch, or NULL when there is none. */
    char *(*find_emulator)(const char *arch, int virt_type, gpointer data);
    /* Returns (transfer full) what @machine (NULL: the default one) of @emulator really is ("pc" -> "pc-i440fx-7.2"),
     * or NULL when the emulator has no such machine. */
    char *(*expand_machine)(const char *emulator, const char *arch, int virt_type,
                            const char *machine, gpointer data);
    /* Returns (transfer full) the machine's default CPU model ("qemu64"), or NULL. */
    char *(*default_cpu)(const char *emulator, const char *machine, int virt_type, gpointer data);
    /* TRUE: the emulator has this -device / object; used where a default depends on it ("qemu-xhci") */
    gboolean (*has_device)(const char *emulator, const char *device, gpointer data);
    /* TRUE: the emulator runs guests of @arch */
    gboolean (*serves_arch)(const char *emulator, const char *arch, gpointer data);
    /* how many vCPUs the machine may have; 0: nobody knows */
    guint (*max_vcpus)(const char *emulator, const char *machine, gpointer data);
    /* TRUE: the host has the program ("swtpm") */
    gboolean (*has_program)(const char *name, gpointer data);
    const char *nvram_dir;   /* "/var/lib/libvirt/qemu/nvram" */
    const char *channel_dir; /* "/var/lib/libvirt/qemu/channel/target" */
    gboolean virt_kvm_ok;    /* domains of type kvm can start */
    gpointer data;
} VbDomainCapsHints;

/* In their own files: domain-defaults.c, addresses-*.c, domain-validate.c, aliases.c. @hints may be NULL: then what
 * needs it stays as it is. */
gboolean vb_domain_defaults(VbDomainDef *def, const VbDomainCapsHints *hints, GError **error);
gboolean vb_domain_assign_addresses(VbDomainDef *def, GError **error);
/* CONFIG_UNSUPPORTED: what a guest that goes on under @target would notice */
gboolean vb_domain_check_abi(const VbDomainDef *source, const VbDomainDef *target, GError **error);
gboolean vb_domain_validate(const VbDomainDef *def, GError **error);
gboolean vb_domain_check_memory_sum(const VbDomainDef *def, GError **error);
void vb_domain_assign_aliases(VbDomainDef *def);
/* after a path or port was chosen: the first console is the first serial port under another name */
void vb_domain_sync_console(VbDomainDef *def);
void vb_domain_make_migratable(VbDomainDef *def); /* drops what machines have unsaid */
void vb_domain_clear_live(
    VbDomainDef *def); /* back to inactive: ids, aliases (but ua-), pty paths, auto ports */
gboolean vb_domain_complete(VbDomainDef *def, const VbDomainCapsHints *hints, GError **error);
VbDomainDef *vb_domain_prepare(const char *text, guint parse_flags, const VbDomainCapsHints *hints,
                               GError **error);

/* questions that several parts ask */
gboolean vb_domain_is_q35(const VbDomainDef *def);
gboolean vb_domain_is_i440fx(const VbDomainDef *def);
gboolean vb_domain_has_pci(const VbDomainDef *def);
guint vb_domain_online_vcpus(const VbDomainDef *def);
VbDomainDisk *vb_domain_find_disk(const VbDomainDef *def, const char *target_or_path);
VbDomainNet *vb_domain_find_net(const VbDomainDef *def, const char *target_or_mac);
VbDomainController *vb_domain_find_controller(const VbDomainDef *def, int type, guint index);
