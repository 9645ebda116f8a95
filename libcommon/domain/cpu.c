/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <cpu> and <features>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(msrs_words, "msrs", "ignore", "fault");
WORDS(caps_policy_words, "capabilities policy", "default", "allow", "deny");
WORDS(cfpc_words, "cfpc", "broken", "workaround", "fixed");
WORDS(ibs_words, "ibs", "broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na");

VB_ENUM(vb_domain_cpu_mode_enum, "CPU mode", NULL, "custom", "host-model", "host-passthrough",
        "maximum");
VB_ENUM(vb_domain_cpu_match_enum, "CPU match", NULL, "minimum", "exact", "strict");
VB_ENUM(vb_domain_cpu_check_enum, "CPU check", NULL, "none", "partial", "full");
VB_ENUM(vb_domain_cpu_policy_enum, "CPU feature policy", NULL, "force", "require", "optional",
        "disable", "forbid");

/* words of attributes that stay text */
VB_ENUM(vb_domain_memory_access_enum, "memory access", "shared", "private");
WORDS(cache_mode_enum, "CPU cache mode", "emulate", "passthrough", "disable");
WORDS(physical_bits_enum, "CPU physical bits mode", "emulate", "passthrough");
WORDS(fallback_enum, "CPU fallback", "allow", "forbid");
WORDS(link_type_enum, "access", "access", "read", "write");
WORDS(associativity_enum, "cache associativity", "none", "direct", "full");
WORDS(cache_policy_enum, "cache policy", "none", "writeback", "writethrough");
WORDS(hyperv_mode_enum, "HyperV mode", "custom", "passthrough");
WORDS(ioapic_enum, "ioapic driver", "kvm", "qemu");

#define ZERO .flags = VB_XML_ZERO_IS_VALUE

static const VbXmlField feature_fields[] = {
    VB_XML_ENUMV(VbDomainCpuFeature, policy, "@policy", vb_domain_cpu_policy_enum,
                 .abi = "CPU feature policy"),
    VB_XML_STR(VbDomainCpuFeature, name, "@name", .flags = VB_XML_REQUIRED, .abi = "CPU feature"),
};
static VB_XML_TYPE(feature_type, VbDomainCpuFeature, "feature", feature_fields);

static const VbXmlField distance_fields[] = {
    VB_XML_UINT(VbDomainNumaDistance, id, "@id", VB_XML_HAS(VbDomainNumaDistance, has_id),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(VbDomainNumaDistance, value, "@value"),
};
static VB_XML_TYPE(distance_type, VbDomainNumaDistance, "sibling", distance_fields);

static const VbXmlField cell_cache_fields[] = {
    VB_XML_UINT(VbDomainNumaCache, level, "@level"),
    VB_XML_STR(VbDomainNumaCache, associativity, "@associativity",
               .enumeration = &associativity_enum),
    VB_XML_STR(VbDomainNumaCache, policy, "@policy", .enumeration = &cache_policy_enum),
    VB_XML_UINT64(VbDomainNumaCache, size, "size/@value"),
    VB_XML_STR(VbDomainNumaCache, size_unit, "size/@unit"),
    VB_XML_UINT64(VbDomainNumaCache, line, "line/@value"),
    VB_XML_STR(VbDomainNumaCache, line_unit, "line/@unit"),
};
static VB_XML_TYPE(cell_cache_type, VbDomainNumaCache, "cache", cell_cache_fields);

#define C VbDomainNumaCell
static const VbXmlField cell_fields[] = {
    VB_XML_UINT(C, id, "@id", VB_XML_HAS(C, has_id), ZERO),
    VB_XML_BITMAP(C, cpus, "@cpus", .abi = "NUMA node processor mask"),
    VB_XML_SIZE(C, memory_kib, "@memory", VB_XML_HAS(C, has_memory), ZERO, .abi = "NUMA node size"),
    VB_XML_STR(C, mem_access, "@memAccess", .enumeration = &vb_domain_memory_access_enum),
    VB_XML_BOOL(C, discard, "@discard"),
    VB_XML_LIST(C, distances, "distances/sibling", distance_type),
    VB_XML_LIST(C, caches, "cache", cell_cache_type),
};
static VB_XML_TYPE(cell_type, C, "cell", cell_fields);
#undef C

static const VbXmlField link_fields[] = {
    VB_XML_UINT(VbDomainNumaLink, initiator, "@initiator",
                VB_XML_HAS(VbDomainNumaLink, has_initiator),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(VbDomainNumaLink, target, "@target", VB_XML_HAS(VbDomainNumaLink, has_initiator),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(VbDomainNumaLink, cache, "@cache"),
    VB_XML_STR(VbDomainNumaLink, type, "@type", .enumeration = &link_type_enum,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT64(VbDomainNumaLink, value, "@value", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(VbDomainNumaLink, unit, "@unit"),
};
static VB_XML_TYPE(latency_type, VbDomainNumaLink, "latency", link_fields);
static VB_XML_TYPE(bandwidth_type, VbDomainNumaLink, "bandwidth", link_fields);

#define C VbDomainCpu
static const VbXmlField cpu_fields[] = {
    VB_XML_ENUMV(C, mode, "@mode", vb_domain_cpu_mode_enum, .abi = "CPU mode"),
    VB_XML_ENUMV(C, match, "@match", vb_domain_cpu_match_enum),
    VB_XML_ENUMV(C, check, "@check", vb_domain_cpu_check_enum),
    VB_XML_SWITCH(C, migratable, "@migratable"),
    VB_XML_SWITCH(C, deprecated_features, "@deprecated_features"),
    VB_XML_STR(C, model, "model", .abi = "CPU model"),
    VB_XML_STR(C, fallback, "model/@fallback", .enumeration = &fallback_enum),
    VB_XML_STR(C, model_vendor_id, "model/@vendor_id"),
    VB_XML_STR(C, vendor, "vendor", .abi = "CPU vendor"),
    VB_XML_UINT(C, sockets, "topology/@sockets",
                .flags = VB_XML_REQUIRED_IN_ELEMENT | VB_XML_NOT_ZERO, .abi = "CPU sockets"),
    VB_XML_UINT(C, dies, "topology/@dies", .flags = VB_XML_NOT_ZERO, .abi = "CPU dies"),
    VB_XML_UINT(C, clusters, "topology/@clusters", .flags = VB_XML_NOT_ZERO),
    VB_XML_UINT(C, cores, "topology/@cores", .flags = VB_XML_REQUIRED_IN_ELEMENT | VB_XML_NOT_ZERO,
                .abi = "CPU cores"),
    VB_XML_UINT(C, threads, "topology/@threads",
                .flags = VB_XML_REQUIRED_IN_ELEMENT | VB_XML_NOT_ZERO, .abi = "CPU threads"),
    VB_XML_INT(C, cache_level, "cache/@level", VB_XML_HAS(C, has_cache_level), ZERO),
    VB_XML_STR(C, cache_mode, "cache/@mode", .enumeration = &cache_mode_enum,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(C, maxphysaddr_mode, "maxphysaddr/@mode", .enumeration = &physical_bits_enum,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(C, maxphysaddr_bits, "maxphysaddr/@bits"),
    VB_XML_UINT(C, maxphysaddr_limit, "maxphysaddr/@limit"),
    VB_XML_LIST(C, features, "feature", feature_type, .abi = "CPU feature"),
    VB_XML_LIST(C, numa, "numa/cell", cell_type, .abi = "NUMA node"),
    VB_XML_LIST(C, numa_latencies, "numa/interconnects/latency", latency_type),
    VB_XML_LIST(C, numa_bandwidths, "numa/interconnects/bandwidth", bandwidth_type),
};
VB_XML_TYPE(vb_domain_cpu_type, C, "cpu", cpu_fields,
            .doc = "The guest's CPU: model, features, topology, NUMA.");
#undef C

#define H VbDomainHyperv
#define SWITCH(name) VB_XML_SWITCH(H, name, #name "/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT)
static const VbXmlField hyperv_fields[] = {
    VB_XML_STR(H, mode, "@mode", .enumeration = &hyperv_mode_enum),
    SWITCH(relaxed),
    SWITCH(vapic),
    SWITCH(spinlocks),
    VB_XML_UINT(H, spinlocks_retries, "spinlocks/@retries"),
    SWITCH(vpindex),
    SWITCH(runtime),
    SWITCH(synic),
    SWITCH(stimer),
    VB_XML_SWITCH(H, stimer_direct, "stimer/direct/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    SWITCH(reset),
    SWITCH(vendor_id),
    VB_XML_STR(H, vendor_id_value, "vendor_id/@value"),
    SWITCH(frequencies),
    SWITCH(reenlightenment),
    SWITCH(tlbflush),
    VB_XML_SWITCH(H, tlbflush_direct, "tlbflush/direct/@state",
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(H, tlbflush_extended, "tlbflush/extended/@state",
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
    SWITCH(ipi),
    SWITCH(evmcs),
    SWITCH(avic),
    SWITCH(emsr_bitmap),
    SWITCH(xmm_input),
};
static VB_XML_TYPE(hyperv_type, H, "hyperv", hyperv_fields, .doc = "Hyper-V enlightenments.");

#define K VbDomainKvm
static const VbXmlField kvm_fields[] = {
    VB_XML_SWITCH(K, hidden, "hidden/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT,
                  .abi = "=KVM feature 'hidden'"),
    VB_XML_SWITCH(K, hint_dedicated, "hint-dedicated/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(K, poll_control, "poll-control/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(K, pv_ipi, "pv-ipi/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(K, dirty_ring, "dirty-ring/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(K, dirty_ring_size, "dirty-ring/@size"),
};
static VB_XML_TYPE(kvm_type, K, "kvm", kvm_fields);

static const VbXmlField xen_fields[] = {
    VB_XML_SWITCH(VbDomainXenFeatures, e820_host, "e820_host/@state",
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(VbDomainXenFeatures, passthrough, "passthrough/@state",
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(VbDomainXenFeatures, passthrough_mode, "passthrough/@mode"),
};
static VB_XML_TYPE(xen_type, VbDomainXenFeatures, "xen", xen_fields);

static const VbXmlField hpt_fields[] = {
    VB_XML_STR(VbDomainHpt, resizing, "@resizing"),
    VB_XML_SIZE(VbDomainHpt, max_page_size_kib, "maxpagesize"),
};
static VB_XML_TYPE(hpt_type, VbDomainHpt, "hpt", hpt_fields);

#define CAP(number, name) VB_XML_SWITCH(VbDomainContainerCaps, states[number], name "/@state")
static const VbXmlField container_caps_fields[] = {
    VB_XML_STR(VbDomainContainerCaps, policy, "@policy", .enumeration = &caps_policy_words),
    CAP(0, "audit_control"),
    CAP(1, "audit_write"),
    CAP(2, "block_suspend"),
    CAP(3, "chown"),
    CAP(4, "dac_override"),
    CAP(5, "dac_read_search"),
    CAP(6, "fowner"),
    CAP(7, "fsetid"),
    CAP(8, "ipc_lock"),
    CAP(9, "ipc_owner"),
    CAP(10, "kill"),
    CAP(11, "lease"),
    CAP(12, "linux_immutable"),
    CAP(13, "mac_admin"),
    CAP(14, "mac_override"),
    CAP(15, "mknod"),
    CAP(16, "net_admin"),
    CAP(17, "net_bind_service"),
    CAP(18, "net_broadcast"),
    CAP(19, "net_raw"),
    CAP(20, "setgid"),
    CAP(21, "setfcap"),
    CAP(22, "setpcap"),
    CAP(23, "setuid"),
    CAP(24, "sys_admin"),
    CAP(25, "sys_boot"),
    CAP(26, "sys_chroot"),
    CAP(27, "sys_module"),
    CAP(28, "sys_nice"),
    CAP(29, "sys_pacct"),
    CAP(30, "sys_ptrace"),
    CAP(31, "sys_rawio"),
    CAP(32, "sys_resource"),
    CAP(33, "sys_time"),
    CAP(34, "sys_tty_config"),
    CAP(35, "syslog"),
    CAP(36, "wake_alarm"),
};
static VB_XML_TYPE(container_caps_type, VbDomainContainerCaps, "capabilities",
                   container_caps_fields);

#define F VbDomainFeatures
static const VbXmlField features_fields[] = {
    VB_XML_PRESENT(F, acpi, "acpi", .abi = "=feature 'acpi'"),
    VB_XML_PRESENT(F, apic, "apic", .abi = "=feature 'apic'"),
    VB_XML_SWITCH(F, apic_eoi, "apic/@eoi"),
    VB_XML_PRESENT(F, pae, "pae", .abi = "=feature 'pae'"),
    VB_XML_PRESENT(F, hap, "hap"),
    VB_XML_SWITCH(F, hap_state, "hap/@state"),
    VB_XML_PRESENT(F, viridian, "viridian"),
    VB_XML_PRESENT(F, privnet, "privnet"),
    VB_XML_STRUCT(F, hyperv, "hyperv", hyperv_type),
    VB_XML_STRUCT(F, kvm, "kvm", kvm_type),
    VB_XML_STRUCT(F, xen, "xen", xen_type),
    VB_XML_PRESENT(F, has_pvspinlock, "pvspinlock"),
    VB_XML_SWITCH(F, pvspinlock, "pvspinlock/@state", .abi = "=feature 'pvspinlock'"),
    VB_XML_PRESENT(F, has_pmu, "pmu"),
    VB_XML_SWITCH(F, pmu, "pmu/@state", .abi = "=feature 'pmu'"),
    VB_XML_PRESENT(F, has_vmport, "vmport"),
    VB_XML_SWITCH(F, vmport, "vmport/@state", .abi = "=feature 'vmport'"),
    VB_XML_PRESENT(F, gic, "gic"),
    VB_XML_STR(F, gic_version, "gic/@version"),
    VB_XML_PRESENT(F, has_smm, "smm"),
    VB_XML_SWITCH(F, smm, "smm/@state", .abi = "=feature 'smm'"),
    VB_XML_UINT64(F, tseg_size, "smm/tseg"),
    VB_XML_STR(F, tseg_unit, "smm/tseg/@unit"),
    VB_XML_STR(F, ioapic_driver, "ioapic/@driver", .enumeration = &ioapic_enum),
    VB_XML_STRUCT(F, hpt, "hpt", hpt_type),
    VB_XML_SWITCH(F, htm, "htm/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(F, nested_hv, "nested-hv/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_PRESENT(F, has_vmcoreinfo, "vmcoreinfo"),
    VB_XML_SWITCH(F, vmcoreinfo, "vmcoreinfo/@state", .abi = "=feature 'vmcoreinfo'"),
    VB_XML_STR(F, msrs_unknown, "msrs/@unknown", .enumeration = &msrs_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(F, ccf_assist, "ccf-assist/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(F, cfpc, "cfpc/@value", .enumeration = &cfpc_words),
    VB_XML_STR(F, sbbc, "sbbc/@value", .enumeration = &cfpc_words),
    VB_XML_STR(F, ibs, "ibs/@value", .enumeration = &ibs_words),
    VB_XML_SIZE(F, tcg_tb_cache_kib, "tcg/tb-cache"),
    VB_XML_PRESENT(F, has_async_teardown, "async-teardown"),
    VB_XML_BOOL(F, async_teardown, "async-teardown/@enabled"),
    VB_XML_SWITCH(F, ps2, "ps2/@state"),
    VB_XML_SWITCH(F, ras, "ras/@state", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STRUCT(F, capabilities, "capabilities", container_caps_type),
};
VB_XML_TYPE(vb_domain_features_type, F, "features", features_fields,
            .doc = "What the machine can do.", .strict_children = "unexpected feature");
