/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <domain> itself. Order is that in which libvirt writes. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(seclabel_kind_words, "seclabel type", "none", "dynamic", "static");
WORDS(perf_event_words, "perf event", "cmt", "mbmt", "mbml", "cpu_cycles", "instructions",
      "cache_references", "cache_misses", "branch_instructions", "branch_misses", "bus_cycles",
      "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles", "cpu_clock",
      "task_clock", "page_faults", "context_switches", "cpu_migrations", "page_faults_min",
      "page_faults_maj", "alignment_faults", "emulation_faults");
WORDS(placement_words, "placement", "static", "auto");

VB_ENUM(vb_domain_virt_type_enum, "domain type", NULL, "qemu", "kqemu", "kvm", "xen", "lxc", "uml",
        "openvz", "test", "vmware", "hyperv", "vbox", "phyp", "parallels", "bhyve", "vz", "hvf");
VB_ENUM(vb_domain_action_enum, "life cycle action", NULL, "destroy", "restart", "rename-restart",
        "preserve", "coredump-destroy", "coredump-restart");

#define D VbDomainDef
#define ZERO .flags = VB_XML_ZERO_IS_VALUE
#define DEVICES(member, name, table, ...)                                                          \
    VB_XML_LIST(D, member, "devices/" name, table, ##__VA_ARGS__)

static const VbXmlField seclabel_fields[] = {
    VB_XML_STR(VbDomainSeclabel, type, "@type", .enumeration = &seclabel_kind_words),
    VB_XML_STR(VbDomainSeclabel, model, "@model"),
    VB_XML_BOOL(VbDomainSeclabel, relabel, "@relabel"),
    VB_XML_STR(VbDomainSeclabel, label, "label"),
    VB_XML_STR(VbDomainSeclabel, baselabel, "baselabel"),
    VB_XML_STR(VbDomainSeclabel, imagelabel, "imagelabel", .flags = VB_XML_LIVE_ONLY),
};
VB_XML_TYPE(vb_domain_seclabel_type, VbDomainSeclabel, "seclabel", seclabel_fields);

static const VbXmlField idmap_fields[] = {
    VB_XML_UINT(VbDomainIdmap, start, "@start", .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
    VB_XML_UINT(VbDomainIdmap, target, "@target", .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
    VB_XML_UINT(VbDomainIdmap, count, "@count", .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
};
VB_XML_TYPE(vb_domain_idmap_uid_type, VbDomainIdmap, "uid", idmap_fields);
VB_XML_TYPE(vb_domain_idmap_gid_type, VbDomainIdmap, "gid", idmap_fields);

static const VbXmlField perf_event_fields[] = {
    VB_XML_STR(VbDomainPerfEvent, name, "@name", .flags = VB_XML_REQUIRED,
               .enumeration = &perf_event_words),
    VB_XML_BOOL(VbDomainPerfEvent, enabled, "@enabled", .flags = VB_XML_REQUIRED),
};
static VB_XML_TYPE(perf_event_type, VbDomainPerfEvent, "event", perf_event_fields);

static const VbXmlField domain_fields[] = {
    VB_XML_ENUMV(D, virt_type, "@type", vb_domain_virt_type_enum,
                 .flags = VB_XML_REQUIRED | VB_XML_UNSUPPORTED, .abi = "domain virt type"),
    VB_XML_INT(D, id, "@id", VB_XML_HAS(D, has_id),
               .flags = VB_XML_ZERO_IS_VALUE | VB_XML_LIVE_ONLY),
    VB_XML_STR(D, name, "name", .abi = "domain name '"),
    VB_XML_UUIDV(D, uuid, "uuid", .abi = "domain UUID"),
    VB_XML_PRESENT(D, has_genid, "genid"),
    VB_XML_STR(D, genid, "genid"),
    VB_XML_STR(D, title, "title"),
    VB_XML_STR(D, description, "description"),
    VB_XML_RAW(D, metadata, "metadata"),
    VB_XML_UINT(D, memory_slots, "maxMemory/@slots", .abi = "domain memory slots count"),
    VB_XML_SIZE(D, max_memory_kib, "maxMemory", .abi = "maximum memory size '"),
    VB_XML_SIZE(D, memory_kib, "memory", .abi = "domain max memory"),
    VB_XML_SWITCH(D, dump_core, "memory/@dumpCore"),
    VB_XML_SIZE(D, current_memory_kib, "currentMemory"),
    VB_XML_STRUCT(D, blkiotune, "blkiotune", vb_domain_blkiotune_type),
    VB_XML_SIZE(D, memtune_hard_kib, "memtune/hard_limit", VB_XML_HAS(D, has_memtune_hard), ZERO),
    VB_XML_SIZE(D, memtune_soft_kib, "memtune/soft_limit", VB_XML_HAS(D, has_memtune_soft), ZERO),
    VB_XML_SIZE(D, memtune_min_guarantee_kib, "memtune/min_guarantee"),
    VB_XML_SIZE(D, memtune_swap_hard_kib, "memtune/swap_hard_limit",
                VB_XML_HAS(D, has_memtune_swap_hard), ZERO),
    VB_XML_STRUCT(D, memory_backing, "memoryBacking", vb_domain_memory_backing_type),
    VB_XML_UINT(D, vcpus, "vcpu", VB_XML_HAS(D, has_vcpus), ZERO, .abi = "domain vCPU max"),
    VB_XML_STR(D, vcpu_placement, "vcpu/@placement", .enumeration = &placement_words),
    VB_XML_BITMAP(D, cpuset, "vcpu/@cpuset"),
    VB_XML_UINT(D, current_vcpus, "vcpu/@current"),
    VB_XML_LIST(D, vcpu_list, "vcpus/vcpu", vb_domain_vcpu_type),
    VB_XML_UINT(D, iothreads, "iothreads"),
    VB_XML_LIST(D, iothread_ids, "iothreadids/iothread", vb_domain_iothread_type),
    VB_XML_UINT(D, default_iothread.thread_pool_min, "defaultiothread/@thread_pool_min",
                VB_XML_HAS(D, default_iothread.has_pool_min), ZERO),
    VB_XML_UINT(D, default_iothread.thread_pool_max, "defaultiothread/@thread_pool_max",
                VB_XML_HAS(D, default_iothread.has_pool_max), ZERO),
    VB_XML_LIST(D, throttle_groups, "throttlegroups/throttlegroup", vb_domain_throttle_group_type),
    VB_XML_STRUCT(D, cputune, "cputune", vb_domain_cputune_type),
    VB_XML_STRUCT(D, numatune, "numatune", vb_domain_numatune_type),
    VB_XML_STR(D, resource_partition, "resource/partition"),
    VB_XML_STR(D, resource_appid, "resource/fibrechannel/@appid"),
    VB_XML_LIST(D, sysinfo, "sysinfo", vb_domain_sysinfo_type),
    VB_XML_STR(D, bootloader, "bootloader"),
    VB_XML_STR(D, bootloader_args, "bootloader_args"),
    VB_XML_EMBED(D, os, "os", vb_domain_os_type),
    VB_XML_LIST(D, idmap_uids, "idmap/uid", vb_domain_idmap_uid_type),
    VB_XML_LIST(D, idmap_gids, "idmap/gid", vb_domain_idmap_gid_type),
    VB_XML_EMBED(D, features, "features", vb_domain_features_type),
    VB_XML_STRUCT(D, cpu, "cpu", vb_domain_cpu_type, .abi = "CPU"),
    VB_XML_EMBED(D, clock, "clock", vb_domain_clock_type),
    VB_XML_ENUMV(D, on_poweroff, "on_poweroff", vb_domain_action_enum),
    VB_XML_ENUMV(D, on_reboot, "on_reboot", vb_domain_action_enum),
    VB_XML_ENUMV(D, on_crash, "on_crash", vb_domain_action_enum),
    VB_XML_STR(D, on_lockfailure, "on_lockfailure"),
    VB_XML_BOOL(D, pm_suspend_to_mem, "pm/suspend-to-mem/@enabled"),
    VB_XML_BOOL(D, pm_suspend_to_disk, "pm/suspend-to-disk/@enabled"),
    VB_XML_LIST(D, perf_events, "perf/event", perf_event_type),
    VB_XML_STR(D, emulator, "devices/emulator"),
    DEVICES(disks, "disk", vb_domain_disk_type, .abi = "domain disk"),
    DEVICES(controllers, "controller", vb_domain_controller_type, .abi = "domain controller"),
    DEVICES(leases, "lease", vb_domain_lease_type),
    DEVICES(filesystems, "filesystem", vb_domain_filesystem_type, .abi = "domain filesystem"),
    DEVICES(nets, "interface", vb_domain_net_type, .abi = "domain net card"),
    DEVICES(smartcards, "smartcard", vb_domain_smartcard_type, .abi = "domain smartcard"),
    DEVICES(serials, "serial", vb_domain_serial_type, .abi = "domain serial port"),
    DEVICES(parallels, "parallel", vb_domain_parallel_type, .abi = "domain parallel port"),
    DEVICES(consoles, "console", vb_domain_console_type, .abi = "domain console"),
    DEVICES(channels, "channel", vb_domain_channel_type, .abi = "domain channel"),
    DEVICES(inputs, "input", vb_domain_input_type, .abi = "domain input device"),
    DEVICES(tpms, "tpm", vb_domain_tpm_type, .abi = "domain TPM device"),
    DEVICES(graphics, "graphics", vb_domain_graphics_type),
    DEVICES(sounds, "sound", vb_domain_sound_type, .abi = "domain sound card"),
    DEVICES(audios, "audio", vb_domain_audio_type),
    DEVICES(videos, "video", vb_domain_video_type, .abi = "domain video card"),
    DEVICES(hostdevs, "hostdev", vb_domain_hostdev_type, .abi = "domain host device"),
    DEVICES(redirdevs, "redirdev", vb_domain_redirdev_type, .abi = "domain redirected devices"),
    VB_XML_STRUCT(D, redir_filter, "devices/redirfilter", vb_domain_redir_filter_type),
    DEVICES(hubs, "hub", vb_domain_hub_type, .abi = "domain hub device"),
    DEVICES(watchdogs, "watchdog", vb_domain_watchdog_type, .abi = "domain watchdog"),
    VB_XML_STRUCT(D, nvram, "devices/nvram", vb_domain_nvram_device_type,
                  .only = "only a single nvram device is supported"),
    VB_XML_STRUCT(D, memballoon, "devices/memballoon", vb_domain_memballoon_type,
                  .only = "only a single memory balloon device is supported",
                  .abi = "domain memory balloon"),
    DEVICES(rngs, "rng", vb_domain_rng_type, .abi = "domain RNG device"),
    DEVICES(panics, "panic", vb_domain_panic_type, .abi = "domain panic device"),
    DEVICES(shmems, "shmem", vb_domain_shmem_type, .abi = "domain shared memory device"),
    DEVICES(memories, "memory", vb_domain_memory_device_type, .abi = "domain memory device"),
    VB_XML_STRUCT(D, iommu, "devices/iommu", vb_domain_iommu_type,
                  .only = "only a single IOMMU device is supported", .abi = "domain IOMMU device"),
    VB_XML_STRUCT(D, vsock, "devices/vsock", vb_domain_vsock_type,
                  .only = "only a single vsock device is supported", .abi = "domain vsock device"),
    DEVICES(cryptos, "crypto", vb_domain_crypto_type),
    VB_XML_STRUCT(D, pstore, "devices/pstore", vb_domain_pstore_type),
    VB_XML_LIST(D, seclabels, "seclabel", vb_domain_seclabel_type),
    VB_XML_LIST(D, keywrap, "keywrap/cipher", vb_domain_cipher_type),
    VB_XML_STRUCT(D, launch_security, "launchSecurity", vb_domain_launch_security_type),
    VB_XML_LIST(D, qemu_args, "qemu:commandline/qemu:arg", vb_domain_qemu_arg_type),
    VB_XML_LIST(D, qemu_env, "qemu:commandline/qemu:env", vb_domain_qemu_env_type),
    VB_XML_LIST(D, qemu_add, "qemu:capabilities/qemu:add", vb_domain_qemu_capability_type),
    VB_XML_LIST(D, qemu_del, "qemu:capabilities/qemu:del", vb_domain_qemu_capability_type),
    VB_XML_STR(D, qemu_deprecation, "qemu:deprecation/@behavior"),
    VB_XML_LIST(D, qemu_overrides, "qemu:override/qemu:device", vb_domain_device_override_type),
};
VB_XML_TYPE(vb_domain_type, D, "domain", domain_fields, .document = "domain_definition",
            .doc = "A virtual machine.");
