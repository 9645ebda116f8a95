/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers about a guest: state, processor, memory, vCPUs. From the last known facts and from procfs; the names, types and
 * order of fields are libvirt's (virConnectGetAllDomainStats). Disks and interfaces: stats-devices.c. */
#include <string.h>
#include "base/error.h"
#include "define.h"
#include "procfs.h"
#include "stats-private.h"
#include "taint.h"

#define FILTER_FLAGS 0xff /* VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE ... _OTHER, as in lists */

void
qemu_stats_add(GVariantBuilder *values, GVariant *value, const char *name, ...)
{
    char text[64];
    va_list args;

    va_start(args, name);
    g_vsnprintf(text, sizeof(text), name, args);
    va_end(args);
    g_variant_builder_add(values, "{sv}", text, value);
}

static gboolean
read_process(const QemuDomain *domain, pid_t tid, QemuProcStat *ret_stat)
{
    return domain->process &&
           qemu_procfs_read_stat(domain->manager->procfs, qemu_process_get_pid(domain->process),
                                 tid, ret_stat);
}

/* KiB that the guest has now */
guint64
qemu_stats_balloon_kib(const QemuDomain *domain)
{
    const VbDomainDef *def = qemu_domain_get_def(domain);

    if (domain->live && domain->facts->balloon_kib)
        return domain->facts->balloon_kib;
    return def->current_memory_kib ? def->current_memory_kib : def->memory_kib;
}

/* ---- groups ---- */

static void
add_state(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    qemu_stats_add(values, g_variant_new_int32(domain->state), "state.state");
    qemu_stats_add(values, g_variant_new_int32(domain->reason), "state.reason");
}

/* Sum over a guest's KVM folders. Source: kernel Documentation/virt/kvm/halt-polling.rst */
static guint64
read_halt_poll(const QemuDomain *domain, const char *name)
{
    g_autofree char *folder = g_build_filename(domain->manager->sysfs, "kernel/debug/kvm", NULL);
    g_autofree char *prefix = g_strdup_printf("%d-", qemu_process_get_pid(domain->process));
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint64 sum = 0;
    const char *entry;

    while (dir && (entry = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, entry, name, NULL);
        g_autofree char *text = NULL;

        if (g_str_has_prefix(entry, prefix) && g_file_get_contents(path, &text, NULL, NULL))
            sum += g_ascii_strtoull(text, NULL, 10);
    }
    return sum;
}

static void
add_cpu(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    QemuProcStat stat;

    if (!read_process(domain, 0, &stat))
        return;
    qemu_stats_add(values, g_variant_new_uint64(stat.user_ns + stat.system_ns), "cpu.time");
    qemu_stats_add(values, g_variant_new_uint64(stat.user_ns), "cpu.user");
    qemu_stats_add(values, g_variant_new_uint64(stat.system_ns), "cpu.system");
    qemu_stats_add_cache_monitors(domain, values);
    qemu_stats_add(values, g_variant_new_uint64(read_halt_poll(domain, "halt_poll_success_ns")),
                   "cpu.haltpoll.success.time");
    qemu_stats_add(values, g_variant_new_uint64(read_halt_poll(domain, "halt_poll_fail_ns")),
                   "cpu.haltpoll.fail.time");
}

typedef struct {
    int tag; /* virDomainMemoryStatTags */
    const char *name;
    gsize has_offset; /* in QemuMemoryFacts */
    gsize offset;
} MemoryField;

#define MEMORY(tag, name, member)                                                                  \
    {                                                                                              \
        VIR_DOMAIN_MEMORY_STAT_##tag, name, G_STRUCT_OFFSET(QemuMemoryFacts, has_##member),        \
            G_STRUCT_OFFSET(QemuMemoryFacts, member)                                               \
    }
static const MemoryField memory_fields[] = {
    MEMORY(SWAP_IN, "swap_in", swap_in),
    MEMORY(SWAP_OUT, "swap_out", swap_out),
    MEMORY(MAJOR_FAULT, "major_fault", major_fault),
    MEMORY(MINOR_FAULT, "minor_fault", minor_fault),
    MEMORY(UNUSED, "unused", unused),
    MEMORY(AVAILABLE, "available", available),
    MEMORY(USABLE, "usable", usable),
};
static const MemoryField late_memory_fields[] = {
    MEMORY(DISK_CACHES, "disk_caches", disk_caches),
    MEMORY(HUGETLB_PGALLOC, "hugetlb_pgalloc", hugetlb_pgalloc),
    MEMORY(HUGETLB_PGFAIL, "hugetlb_pgfail", hugetlb_pgfail),
};

typedef void (*MemoryFunc)(int tag, const char *name, guint64 value, gpointer data);

static void
each_memory_field(const QemuMemoryFacts *facts, const MemoryField *fields, guint n, MemoryFunc func,
                  gpointer data)
{
    for (guint i = 0; i < n; i++) {
        if (G_STRUCT_MEMBER(gboolean, facts, fields[i].has_offset))
            func(fields[i].tag, fields[i].name, G_STRUCT_MEMBER(guint64, facts, fields[i].offset),
                 data);
    }
}

static gboolean
has_balloon(const VbDomainDef *def)
{
    return def->memballoon && def->memballoon->model != VB_DOMAIN_MEMBALLOON_NONE;
}

/* what the balloon device of a running guest and its process say, in libvirt's order */
static void
each_memory(QemuDomain *domain, MemoryFunc func, gpointer data)
{
    const QemuMemoryFacts *facts = &domain->facts->memory;
    QemuProcStat stat;

    each_memory_field(facts, memory_fields, G_N_ELEMENTS(memory_fields), func, data);
    if (has_balloon(domain->live))
        func(VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE, "last-update", (guint64)facts->last_update_s,
             data);
    each_memory_field(facts, late_memory_fields, G_N_ELEMENTS(late_memory_fields), func, data);
    if (read_process(domain, 0, &stat))
        func(VIR_DOMAIN_MEMORY_STAT_RSS, "rss", stat.rss_kib, data);
}

static void
add_balloon_field(int tag, const char *name, guint64 value, gpointer data)
{
    qemu_stats_add(data, g_variant_new_uint64(value), "balloon.%s", name);
}

static void
add_balloon(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    qemu_stats_add(values, g_variant_new_uint64(qemu_stats_balloon_kib(domain)), "balloon.current");
    qemu_stats_add(values, g_variant_new_uint64(qemu_domain_get_def(domain)->memory_kib),
                   "balloon.maximum");
    if (domain->live)
        each_memory(domain, add_balloon_field, values);
}

static void
add_vcpu(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    const VbDomainDef *def = qemu_domain_get_def(domain);
    const GArray *tids = domain->live ? domain->vcpu_tids : NULL;

    qemu_stats_add(values, g_variant_new_uint32(vb_domain_online_vcpus(def)), "vcpu.current");
    qemu_stats_add(values, g_variant_new_uint32(def->vcpus), "vcpu.maximum");
    for (guint i = 0; tids && i < tids->len; i++) {
        const pid_t tid = g_array_index(tids, pid_t, i);
        guint64 wait_ns;
        guint64 delay_ns;
        QemuProcStat stat;

        if (tid <= 0 || !read_process(domain, tid, &stat))
            continue;
        qemu_procfs_read_delays(domain->manager->procfs, qemu_process_get_pid(domain->process), tid,
                                &wait_ns, &delay_ns);
        qemu_stats_add(values, g_variant_new_int32(VIR_VCPU_RUNNING), "vcpu.%u.state", i);
        qemu_stats_add(values, g_variant_new_uint64(stat.user_ns + stat.system_ns), "vcpu.%u.time",
                       i);
        qemu_stats_add(values, g_variant_new_uint64(wait_ns), "vcpu.%u.wait", i);
        qemu_stats_add(values, g_variant_new_uint64(delay_ns), "vcpu.%u.delay", i);
    }
}

/* In libvirt's order. What a group says of a guest that does not run must follow from its stored definition, its state,
 * and what qemu_domain_append_stats_inputs() adds: it is kept as long as these are the same. */
static const struct {
    guint bit;
    guint needs; /* QemuFactsKind */
    void (*add)(QemuDomain *domain, GVariantBuilder *values, guint flags);
} groups[] = {
    {VIR_DOMAIN_STATS_STATE, QEMU_FACTS_STATUS, add_state},
    {VIR_DOMAIN_STATS_CPU_TOTAL, 0, add_cpu},
    {VIR_DOMAIN_STATS_BALLOON, QEMU_FACTS_BALLOON | QEMU_FACTS_MEMORY, add_balloon},
    {VIR_DOMAIN_STATS_VCPU, 0, add_vcpu},
    {VIR_DOMAIN_STATS_INTERFACE, 0, qemu_stats_add_interfaces},
    {VIR_DOMAIN_STATS_BLOCK, QEMU_FACTS_BLOCK, qemu_stats_add_blocks},
    {VIR_DOMAIN_STATS_PERF, 0, qemu_stats_add_perf},
    {VIR_DOMAIN_STATS_IOTHREAD, QEMU_FACTS_IOTHREADS, qemu_stats_add_iothreads},
    {VIR_DOMAIN_STATS_MEMORY, 0, qemu_stats_add_bandwidth_monitors},
    {VIR_DOMAIN_STATS_DIRTYRATE, QEMU_FACTS_DIRTY_RATE, qemu_stats_add_dirty_rate},
    {VIR_DOMAIN_STATS_VM, QEMU_FACTS_VM | QEMU_FACTS_VM_SCHEMAS, qemu_stats_add_vm},
};

/**
 * qemu_stats_needs:
 * @stats: virDomainStatsTypes; 0: all
 *
 * Returns: the QemuFactsKind that @stats are made of
 */
guint
qemu_stats_needs(guint stats)
{
    guint needs = 0;

    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (stats == 0 || (stats & groups[i].bit))
            needs |= groups[i].needs;
    }
    return needs;
}

/**
 * qemu_stats_check:
 * @stats: virDomainStatsTypes
 * @flags: virConnectGetAllDomainStatsFlags
 *
 * Returns: FALSE with @error set
 * Errors: INVALID_ARG unknown flags; ARGUMENT_UNSUPPORTED a group is not known and ENFORCE_STATS says it must be
 */
gboolean
qemu_stats_check(guint stats, guint flags, GError **error)
{
    const guint known = FILTER_FLAGS | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT |
                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |
                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS;

    if (!qemu_check_flags(flags, known, "qemuConnectGetAllDomainStats", error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++)
        stats &= ~groups[i].bit;
    if (stats && (flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS))
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                            "Stats types bits 0x%x are not supported by this daemon", stats);
    return TRUE;
}

/**
 * qemu_domain_get_stats:
 * @domain: the guest
 * @stats: virDomainStatsTypes; 0: all
 * @flags: virConnectGetAllDomainStatsFlags
 *
 * Shape: a{sv}, libvirt's field names in libvirt's order
 * Returns: (transfer floating): what is known now
 */
GVariant *
qemu_domain_get_stats(QemuDomain *domain, guint stats, guint flags)
{
    GVariantBuilder values;

    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < G_N_ELEMENTS(groups) && qemu_domain_get_def(domain); i++) {
        if (stats == 0 || (stats & groups[i].bit))
            groups[i].add(domain, &values, flags);
    }
    return g_variant_builder_end(&values);
}

static gboolean
has_blocks(guint stats)
{
    return stats == 0 || (stats & VIR_DOMAIN_STATS_BLOCK);
}

/**
 * qemu_domain_append_stats_inputs:
 * @domain: a guest that does not run
 * @stats: virDomainStatsTypes; 0: all
 * @inputs: bytes are appended that are the same as long as qemu_domain_get_stats() is
 */
void
qemu_domain_append_stats_inputs(QemuDomain *domain, guint stats, GByteArray *inputs)
{
    const guint64 known[] = {domain->revision, (guint64)domain->state, (guint64)domain->reason};

    g_byte_array_append(inputs, (const guint8 *)known, sizeof(known));
    if (domain->config && has_blocks(stats))
        qemu_stats_append_image_sizes(domain, inputs);
}

/**
 * qemu_stats_read_ahead:
 * @domains: guests whose statistics will be asked for
 * @stats: virDomainStatsTypes; 0: all
 *
 * Looks at the images of those that do not run in one go.
 */
void
qemu_stats_read_ahead(GPtrArray *domains, guint stats)
{
    if (has_blocks(stats))
        qemu_stats_read_images_ahead(domains);
}

/* ---- single numbers ---- */

/**
 * qemu_domain_get_info:
 * @domain: the guest
 * @ret_info: (out): state, sizes in KiB, vCPUs online, processor time in ns
 */
void
qemu_domain_get_info(QemuDomain *domain, QemuDomainInfo *ret_info)
{
    const VbDomainDef *def = qemu_domain_get_def(domain);
    QemuProcStat stat;

    *ret_info = (QemuDomainInfo){
        .state = domain->state,
        .max_memory_kib = def->memory_kib,
        .memory_kib = qemu_stats_balloon_kib(domain),
        .n_vcpus = vb_domain_online_vcpus(def),
    };
    if (domain->live && read_process(domain, 0, &stat))
        ret_info->cpu_time_ns = stat.user_ns + stat.system_ns;
}

/**
 * qemu_domain_get_control_info:
 * @domain: the guest
 * @flags: 0
 *
 * Returns: (transfer floating): virDomainControlState, virDomainControlErrorReason, for how many ms
 * Errors: OPERATION_INVALID not running
 */
GVariant *
qemu_domain_get_control_info(QemuDomain *domain, guint flags, GError **error)
{
    guint state = VIR_DOMAIN_CONTROL_OK;
    guint details = VIR_DOMAIN_CONTROL_ERROR_REASON_NONE;
    guint64 age_ms = 0;

    if (!qemu_check_flags(flags, 0, "qemuDomainGetControlInfo", error) ||
        !qemu_domain_check_active(domain, error))
        return NULL;
    if (!domain->qmp) {
        state = VIR_DOMAIN_CONTROL_ERROR;
        details = VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR;
    } else if (domain->facts->is_stale || qemu_qmp_is_stalled(domain->qmp)) {
        state = VIR_DOMAIN_CONTROL_OCCUPIED;
        age_ms = qemu_domain_get_monitor_age_ms(domain);
    }
    return g_variant_new("(uut)", state, details, age_ms);
}

static void
add_memory_stat(int tag, const char *name, guint64 value, gpointer data)
{
    g_variant_builder_add(data, "(it)", tag, value);
}

/**
 * qemu_domain_get_memory_stats:
 * @domain: the guest
 * @flags: 0
 *
 * Returns: (transfer floating): virDomainMemoryStatTags with KiB (faults, huge pages: counts; last update: s since 1970)
 * Errors: OPERATION_INVALID not running
 */
GVariant *
qemu_domain_get_memory_stats(QemuDomain *domain, guint flags, GError **error)
{
    GVariantBuilder builder;

    if (!qemu_check_flags(flags, 0, "qemuDomainMemoryStats", error) ||
        !qemu_domain_check_active(domain, error))
        return NULL;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(it)"));
    if (has_balloon(domain->live))
        g_variant_builder_add(&builder, "(it)", VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON,
                              qemu_stats_balloon_kib(domain));
    each_memory(domain, add_memory_stat, &builder);
    return g_variant_builder_end(&builder);
}

static guint
host_map_bytes(QemuManager *manager)
{
    g_autofree char *path = g_build_filename(manager->sysfs, "devices/system/cpu/present", NULL);
    g_autofree char *text = NULL;
    guint8 bits[512] = {0};

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 1;
    (void)qemu_procfs_parse_list(text, bits, sizeof(bits) * 8);
    for (guint i = sizeof(bits); i > 0; i--) {
        if (bits[i - 1])
            return i;
    }
    return 1;
}

/**
 * qemu_domain_get_vcpus:
 * @domain: the guest
 *
 * Shape: (a(uiti)aay): per vCPU that is online its number, virVcpuState, time in ns, host CPU; its affinity
 * Returns: (transfer floating)
 * Errors: OPERATION_INVALID not running
 */
GVariant *
qemu_domain_get_vcpus(QemuDomain *domain, GError **error)
{
    const guint n_bytes = host_map_bytes(domain->manager);
    GVariantBuilder vcpus;
    GVariantBuilder maps;

    if (!domain->live) {
        vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                     "cannot retrieve vcpu information on inactive domain");
        return NULL;
    }
    g_variant_builder_init(&vcpus, G_VARIANT_TYPE("a(uiti)"));
    g_variant_builder_init(&maps, G_VARIANT_TYPE("aay"));
    for (guint i = 0; domain->vcpu_tids && i < domain->vcpu_tids->len; i++) {
        const pid_t tid = g_array_index(domain->vcpu_tids, pid_t, i);
        g_autofree guint8 *map = NULL;
        QemuProcStat stat;

        if (tid <= 0 || !read_process(domain, tid, &stat))
            continue;
        map = qemu_procfs_read_affinity(domain->manager->procfs,
                                        qemu_process_get_pid(domain->process), tid, n_bytes);
        g_variant_builder_add(&vcpus, "(uiti)", i, VIR_VCPU_RUNNING, stat.user_ns + stat.system_ns,
                              stat.cpu);
        g_variant_builder_add(&maps, "@ay",
                              g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, map, n_bytes, 1));
    }
    return g_variant_new("(a(uiti)aay)", &vcpus, &maps);
}

/**
 * qemu_domain_get_cpu_stats:
 * @domain: the guest
 * @start_cpu: -1: the total, which is all that the kernel counts per process
 * @n_cpus: 1 with the total
 * @flags: 0
 *
 * Returns: (transfer floating): aa{sv}: cpu_time, user_time, system_time in ns
 * Errors: OPERATION_INVALID not running, or numbers per host CPU are asked for
 */
GVariant *
qemu_domain_get_cpu_stats(QemuDomain *domain, int start_cpu, guint n_cpus, guint flags,
                          GError **error)
{
    GVariantBuilder builder;
    GVariantBuilder values;
    QemuProcStat stat;

    if (!qemu_check_flags(flags, 0, "qemuDomainGetCPUStats", error) ||
        !qemu_domain_check_active(domain, error))
        return NULL;
    if (start_cpu != -1 || !read_process(domain, 0, &stat)) {
        vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cgroup CPUACCT controller is not mounted");
        return NULL;
    }
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    qemu_stats_add(&values, g_variant_new_uint64(stat.user_ns + stat.system_ns), "cpu_time");
    qemu_stats_add(&values, g_variant_new_uint64(stat.user_ns), "user_time");
    qemu_stats_add(&values, g_variant_new_uint64(stat.system_ns), "system_time");
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_add_value(&builder, g_variant_builder_end(&values));
    return g_variant_builder_end(&builder);
}

/**
 * qemu_domain_get_vcpu_count:
 * @domain: the guest
 * @flags: virDomainVcpuFlags
 *
 * Returns: how many vCPUs; -1 with @error set
 * Errors: OPERATION_INVALID not running, transient; INVALID_ARG unknown flags
 */
int
qemu_domain_get_vcpu_count(QemuDomain *domain, guint flags, GError **error)
{
    const guint impact = flags & (VIR_DOMAIN_VCPU_LIVE | VIR_DOMAIN_VCPU_CONFIG);
    VbDomainDef *live;
    VbDomainDef *config;
    const VbDomainDef *def;

    if (!qemu_check_flags(flags, impact | VIR_DOMAIN_VCPU_MAXIMUM, "qemuDomainGetVcpusFlags",
                          error) ||
        !qemu_domain_pick_defs(domain, impact, &live, &config, error))
        return -1;
    def = live ? live : config;
    return (int)(flags & VIR_DOMAIN_VCPU_MAXIMUM ? def->vcpus : vb_domain_online_vcpus(def));
}

/**
 * qemu_domain_get_messages:
 * @domain: the guest
 * @flags: virDomainMessageType; 0: all
 *
 * Returns: (transfer full): what a user should know of the guest; empty when there is nothing
 * Errors: INVALID_ARG unknown flags
 */
char **
qemu_domain_get_messages(QemuDomain *domain, guint flags, GError **error)
{
    g_autoptr(GPtrArray) messages = NULL;
    const gboolean is_wanted = flags == 0 || (flags & VIR_DOMAIN_MESSAGE_TAINTING);

    if (!qemu_check_flags(flags, VIR_DOMAIN_MESSAGE_DEPRECATION | VIR_DOMAIN_MESSAGE_TAINTING,
                          "qemuDomainGetMessages", error))
        return NULL;
    messages = g_ptr_array_new();
    for (guint i = 0; is_wanted && domain->taint && i < domain->taint->len; i++) {
        const char *text = qemu_taint_text(g_ptr_array_index(domain->taint, i));

        g_ptr_array_add(messages, g_strdup_printf("tainted: %s", text));
    }
    g_ptr_array_add(messages, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&messages), FALSE);
}
