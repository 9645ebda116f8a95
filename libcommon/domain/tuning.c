/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of memory backing, CPU, NUMA and block tuning, vcpus and iothreads. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(memory_source_words, "memoryBacking/source/type", "file", "anonymous", "memfd");
WORDS(memory_mode_words, "memoryBacking/access/mode", "shared", "private");
WORDS(memory_allocation_words, "memoryBacking/allocation/mode", "immediate", "ondemand");
WORDS(scheduler_words, "scheduler", "other", "batch", "idle", "fifo", "rr");
WORDS(placement_words, "placement", "static", "auto");

#define ZERO .flags = VB_XML_ZERO_IS_VALUE

static const VbXmlField page_fields[] = {
    VB_XML_SIZE(VbDomainHugepage, size_kib, "@size"),
    VB_XML_BITMAP(VbDomainHugepage, nodeset, "@nodeset"),
};
static VB_XML_TYPE(page_type, VbDomainHugepage, "page", page_fields);

#define B VbDomainMemoryBacking
static const VbXmlField backing_fields[] = {
    VB_XML_PRESENT(B, has_hugepages, "hugepages"),
    VB_XML_LIST(B, hugepages, "hugepages/page", page_type),
    VB_XML_PRESENT(B, nosharepages, "nosharepages"),
    VB_XML_PRESENT(B, locked, "locked"),
    VB_XML_STR(B, source_type, "source/@type", .enumeration = &memory_source_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(B, access_mode, "access/@mode", .enumeration = &memory_mode_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(B, allocation_mode, "allocation/@mode", .enumeration = &memory_allocation_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_UINT(B, allocation_threads, "allocation/@threads"),
    VB_XML_PRESENT(B, discard, "discard"),
};
VB_XML_TYPE(vb_domain_memory_backing_type, B, "memoryBacking", backing_fields);

static const VbXmlField vcpupin_fields[] = {
    VB_XML_UINT(VbDomainVcpuPin, vcpu, "@vcpu", VB_XML_HAS(VbDomainVcpuPin, has_vcpu),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BITMAP(VbDomainVcpuPin, cpuset, "@cpuset"),
};
static VB_XML_TYPE(vcpupin_type, VbDomainVcpuPin, "vcpupin", vcpupin_fields);

static const VbXmlField iothreadpin_fields[] = {
    VB_XML_UINT(VbDomainIothreadPin, iothread, "@iothread", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BITMAP(VbDomainIothreadPin, cpuset, "@cpuset"),
};
static VB_XML_TYPE(iothreadpin_type, VbDomainIothreadPin, "iothreadpin", iothreadpin_fields);

#define S VbDomainSched
static const VbXmlField vcpusched_fields[] = {
    VB_XML_BITMAP(S, ids, "@vcpus"),
    VB_XML_STR(S, scheduler, "@scheduler", .enumeration = &scheduler_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(S, priority, "@priority", VB_XML_HAS(S, has_priority), ZERO),
};
static VB_XML_TYPE(vcpusched_type, S, "vcpusched", vcpusched_fields);
static const VbXmlField iothreadsched_fields[] = {
    VB_XML_BITMAP(S, ids, "@iothreads"),
    VB_XML_STR(S, scheduler, "@scheduler", .enumeration = &scheduler_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(S, priority, "@priority", VB_XML_HAS(S, has_priority), ZERO),
};
static VB_XML_TYPE(iothreadsched_type, S, "iothreadsched", iothreadsched_fields);

#define C VbDomainCputune
static const VbXmlField cputune_fields[] = {
    VB_XML_UINT64(C, shares, "shares", VB_XML_HAS(C, has_shares), ZERO),
    VB_XML_UINT64(C, period, "period"),
    VB_XML_INT64(C, quota, "quota"),
    VB_XML_UINT64(C, global_period, "global_period"),
    VB_XML_INT64(C, global_quota, "global_quota"),
    VB_XML_UINT64(C, emulator_period, "emulator_period"),
    VB_XML_INT64(C, emulator_quota, "emulator_quota"),
    VB_XML_UINT64(C, iothread_period, "iothread_period"),
    VB_XML_INT64(C, iothread_quota, "iothread_quota"),
    VB_XML_LIST(C, vcpupins, "vcpupin", vcpupin_type),
    VB_XML_BITMAP(C, emulatorpin, "emulatorpin/@cpuset"),
    VB_XML_LIST(C, iothreadpins, "iothreadpin", iothreadpin_type),
    VB_XML_STR(C, emulator_scheduler, "emulatorsched/@scheduler", .enumeration = &scheduler_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(C, emulator_priority, "emulatorsched/@priority"),
    VB_XML_LIST(C, vcpuscheds, "vcpusched", vcpusched_type),
    VB_XML_LIST(C, iothreadscheds, "iothreadsched", iothreadsched_type),
    VB_XML_LIST(C, cachetunes, "cachetune", vb_domain_cachetune_type),
    VB_XML_LIST(C, memorytunes, "memorytune", vb_domain_memorytune_type),
};
VB_XML_TYPE(vb_domain_cputune_type, C, "cputune", cputune_fields);

static const VbXmlField memnode_fields[] = {
    VB_XML_UINT(VbDomainMemnode, cellid, "@cellid", VB_XML_HAS(VbDomainMemnode, has_cellid), ZERO),
    VB_XML_STR(VbDomainMemnode, mode, "@mode"),
    VB_XML_BITMAP(VbDomainMemnode, nodeset, "@nodeset"),
};
static VB_XML_TYPE(memnode_type, VbDomainMemnode, "memnode", memnode_fields);

#define N VbDomainNumatune
static const VbXmlField numatune_fields[] = {
    VB_XML_PRESENT(N, has_memory, "memory"),
    VB_XML_STR(N, mode, "memory/@mode"),
    VB_XML_BITMAP(N, nodeset, "memory/@nodeset"),
    VB_XML_STR(N, placement, "memory/@placement", .enumeration = &placement_words),
    VB_XML_LIST(N, memnodes, "memnode", memnode_type),
};
VB_XML_TYPE(vb_domain_numatune_type, N, "numatune", numatune_fields);

#define V VbDomainVcpu
static const VbXmlField vcpu_fields[] = {
    VB_XML_UINT(V, id, "@id", VB_XML_HAS(V, has_id),
                .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BOOL(V, enabled, "@enabled", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BOOL(V, hotpluggable, "@hotpluggable"),
    VB_XML_UINT(V, order, "@order"),
};
VB_XML_TYPE(vb_domain_vcpu_type, V, "vcpu", vcpu_fields);

#define I VbDomainIothread
static const VbXmlField iothread_fields[] = {
    VB_XML_UINT(I, id, "@id", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(I, thread_pool_min, "@thread_pool_min", VB_XML_HAS(I, has_pool_min), ZERO),
    VB_XML_UINT(I, thread_pool_max, "@thread_pool_max", VB_XML_HAS(I, has_pool_max), ZERO),
    VB_XML_UINT64(I, poll_max, "poll/@max", VB_XML_HAS(I, has_poll_max), ZERO),
    VB_XML_UINT64(I, poll_grow, "poll/@grow", VB_XML_HAS(I, has_poll_grow), ZERO),
    VB_XML_UINT64(I, poll_shrink, "poll/@shrink", VB_XML_HAS(I, has_poll_shrink), ZERO),
};
VB_XML_TYPE(vb_domain_iothread_type, I, "iothread", iothread_fields);

#define D VbDomainBlkioDevice
static const VbXmlField blkio_device_fields[] = {
    VB_XML_STR(D, path, "path"),
    VB_XML_UINT(D, weight, "weight"),
    VB_XML_UINT(D, read_iops, "read_iops_sec"),
    VB_XML_UINT(D, write_iops, "write_iops_sec"),
    VB_XML_UINT64(D, read_bytes, "read_bytes_sec"),
    VB_XML_UINT64(D, write_bytes, "write_bytes_sec"),
};
static VB_XML_TYPE(blkio_device_type, D, "device", blkio_device_fields);

#define K VbDomainBlkiotune
static const VbXmlField blkiotune_fields[] = {
    VB_XML_UINT(K, weight, "weight"),
    VB_XML_LIST(K, devices, "device", blkio_device_type),
};
VB_XML_TYPE(vb_domain_blkiotune_type, K, "blkiotune", blkiotune_fields);
