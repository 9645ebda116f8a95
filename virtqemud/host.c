/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host in numbers: processors, memory, firmware, from the manager's sysfs and procfs. Nothing is kept. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/kvm.h>
#include "base/error.h"
#include "define.h"
#include "host.h"
#include "procfs.h"

#define MAX_CPUS 4096
#define MAX_NODES 1024
#define DEFAULT_MAX_VCPUS 16 /* libvirt's answer for emulation, and when no type is named */

typedef struct {
    guint8 bits[MAX_CPUS / 8];
    guint n;    /* bits set */
    guint last; /* highest number + 1 */
} CpuSet;

static gboolean
has_bit(const guint8 *bits, guint i)
{
    return bits[i / 8] & (1 << (i % 8));
}

static char *
read_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strstrip(text);
}

static void
read_set(QemuManager *manager, const char *name, CpuSet *ret_set)
{
    g_autofree char *text = read_file(manager->sysfs, name);

    memset(ret_set, 0, sizeof(*ret_set));
    if (!text)
        return;
    ret_set->n = qemu_procfs_parse_list(text, ret_set->bits, MAX_CPUS);
    for (guint i = 0; i < MAX_CPUS; i++) {
        if (has_bit(ret_set->bits, i))
            ret_set->last = i + 1;
    }
}

static int
read_topology(QemuManager *manager, guint cpu, const char *name)
{
    g_autofree char *path = g_strdup_printf("devices/system/cpu/cpu%u/topology/%s", cpu, name);
    g_autofree char *text = read_file(manager->sysfs, path);

    return text ? (int)g_ascii_strtoll(text, NULL, 10) : -1;
}

typedef struct {
    guint sockets, cores, threads;
} Topology;

/* of one NUMA node; cores and threads are the most of any socket and core */
static void
count_topology(QemuManager *manager, const CpuSet *cpus, Topology *topology)
{
    g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL); /* -> cores */
    g_autoptr(GHashTable) cores =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL); /* -> threads */

    for (guint i = 0; i < cpus->last; i++) {
        const gint64 socket = read_topology(manager, i, "physical_package_id");
        gint64 *core;
        guint n;

        if (!has_bit(cpus->bits, i))
            continue;
        core = g_new(gint64, 1);
        *core = socket << 32 | (guint32)read_topology(manager, i, "core_id");
        n = GPOINTER_TO_UINT(g_hash_table_lookup(cores, core)) + 1;
        topology->threads = MAX(topology->threads, n);
        if (n == 1) {
            guint n_cores =
                GPOINTER_TO_UINT(g_hash_table_lookup(sockets, GINT_TO_POINTER((int)socket))) + 1;

            g_hash_table_insert(sockets, GINT_TO_POINTER((int)socket), GUINT_TO_POINTER(n_cores));
            topology->cores = MAX(topology->cores, n_cores);
        }
        g_hash_table_insert(cores, core, GUINT_TO_POINTER(n));
    }
    topology->sockets = MAX(topology->sockets, g_hash_table_size(sockets));
}

/* KiB after @name in text of meminfo's form; FALSE: not there */
static gboolean
meminfo_value(const char *text, const char *name, guint64 *ret_kib)
{
    const char *found = text;
    const gsize length = strlen(name);

    while (found && (found = strstr(found, name))) {
        const gboolean is_word = found == text || found[-1] == '\n' || found[-1] == ' ';

        if (is_word && found[length] == ':') {
            *ret_kib = g_ascii_strtoull(found + length + 1, NULL, 10);
            return TRUE;
        }
        found += length;
    }
    return FALSE;
}

static char *
read_node_meminfo(QemuManager *manager, guint node)
{
    g_autofree char *path = g_strdup_printf("devices/system/node/node%u/meminfo", node);

    return read_file(manager->sysfs, path);
}

/* of all NUMA nodes; without any, of the system */
static guint64
sum_memory(QemuManager *manager, const char *name)
{
    CpuSet nodes;
    guint64 sum = 0;
    guint64 kib = 0;

    read_set(manager, "devices/system/node/online", &nodes);
    for (guint i = 0; i < nodes.last; i++) {
        g_autofree char *text = has_bit(nodes.bits, i) ? read_node_meminfo(manager, i) : NULL;

        if (text && meminfo_value(text, name, &kib))
            sum += kib;
    }
    if (sum == 0) {
        g_autofree char *text = read_file(manager->procfs, "meminfo");

        if (text && meminfo_value(text, name, &kib))
            sum = kib;
    }
    return sum;
}

static int
read_mhz(QemuManager *manager)
{
    g_autofree char *text = read_file(manager->procfs, "cpuinfo");
    const char *found = text ? strstr(text, "cpu MHz") : NULL;

    found = found ? strchr(found, ':') : NULL;
    return found ? (int)g_ascii_strtod(found + 1, NULL) : 0;
}

static guint
count_all(QemuManager *manager, Topology *topology)
{
    CpuSet nodes;
    CpuSet cpus;
    guint n_nodes = 0;

    read_set(manager, "devices/system/node/online", &nodes);
    for (guint i = 0; i < nodes.last && i < MAX_NODES; i++) {
        g_autofree char *path = g_strdup_printf("devices/system/node/node%u/cpulist", i);

        if (!has_bit(nodes.bits, i))
            continue;
        read_set(manager, path, &cpus);
        count_topology(manager, &cpus, topology);
        n_nodes++;
    }
    if (n_nodes > 0)
        return n_nodes;
    read_set(manager, "devices/system/cpu/online", &cpus);
    count_topology(manager, &cpus, topology);
    return 1;
}

/**
 * qemu_host_get_info:
 * @manager: the manager
 *
 * Returns: (transfer floating): architecture, memory in KiB, active CPUs, MHz, NUMA nodes, and per node sockets, per
 *   socket cores, per core threads. Where these do not multiply to the active CPUs: 1, 1, all, 1, as libvirt does.
 */
GVariant *
qemu_host_get_info(QemuManager *manager, GError **error)
{
    Topology topology = {0};
    struct utsname name;
    guint n_nodes;
    CpuSet online;

    if (uname(&name) < 0) {
        vb_error_set_errno(error, errno, "cannot read the host's architecture");
        return NULL;
    }
    read_set(manager, "devices/system/cpu/online", &online);
    n_nodes = count_all(manager, &topology);
    if (n_nodes * topology.sockets * topology.cores * topology.threads != online.n) {
        n_nodes = 1;
        topology = (Topology){1, online.n, 1};
    }
    return g_variant_new("(stiiiiii)", name.machine, sum_memory(manager, "MemTotal"), (int)online.n,
                         read_mhz(manager), (int)n_nodes, (int)topology.sockets,
                         (int)topology.cores, (int)topology.threads);
}

/**
 * qemu_host_get_cpu_stats:
 * @manager: the manager
 * @cpu: its number, -1: all together
 * @flags: 0
 *
 * Returns: (transfer floating): nanoseconds since the host started: kernel, user, idle, iowait
 * Errors: INVALID_ARG no such CPU
 * Source: proc(5), /proc/stat: user nice system idle iowait irq softirq, in clock ticks
 */
GVariant *
qemu_host_get_cpu_stats(QemuManager *manager, int cpu, guint flags, GError **error)
{
    const guint64 tick_ns = G_GUINT64_CONSTANT(1000000000) / (guint64)sysconf(_SC_CLK_TCK);
    g_autofree char *text = read_file(manager->procfs, "stat");
    g_autofree char *name = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("cpu%d ", cpu);
    const char *found = NULL;
    guint64 n[7] = {0};
    GVariantBuilder builder;

    if (!qemu_check_flags(flags, 0, "qemuNodeGetCPUStats", error))
        return NULL;
    for (const char *line = cpu >= -1 ? text : NULL; line && !found; line = strchr(line, '\n')) {
        line += *line == '\n';
        found = g_str_has_prefix(line, name) ? line + strlen(name) : NULL;
    }
    if (!found) {
        g_set_error_literal(error, VB_ERROR, VIR_ERR_INVALID_ARG,
                            "Invalid cpuNum in virHostCPUGetStatsLinux");
        return NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(n); i++)
        n[i] = g_ascii_strtoull(found, (char **)&found, 10) * tick_ns;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(st)"));
    g_variant_builder_add(&builder, "(st)", "kernel", n[2] + n[5] + n[6]);
    g_variant_builder_add(&builder, "(st)", "user", n[0] + n[1]);
    g_variant_builder_add(&builder, "(st)", "idle", n[3]);
    g_variant_builder_add(&builder, "(st)", "iowait", n[4]);
    return g_variant_builder_end(&builder);
}

static char *
read_cell(QemuManager *manager, int cell, GError **error)
{
    char *text = NULL;
    CpuSet nodes;

    if (cell == -1)
        text = read_file(manager->procfs, "meminfo");
    else if (cell >= 0)
        text = read_node_meminfo(manager, (guint)cell);
    if (text)
        return text;
    read_set(manager, "devices/system/node/online", &nodes);
    g_set_error(error, VB_ERROR, VIR_ERR_INVALID_ARG,
                "cellNum in virHostMemGetStats must be less than or equal to %d",
                nodes.last ? (int)nodes.last - 1 : 0);
    return NULL;
}

/**
 * qemu_host_get_memory_stats:
 * @manager: the manager
 * @cell: NUMA node, -1: all together
 * @flags: 0
 *
 * Returns: (transfer floating): KiB: total, free, and for all together buffers, cached
 * Errors: INVALID_ARG no such node
 */
GVariant *
qemu_host_get_memory_stats(QemuManager *manager, int cell, guint flags, GError **error)
{
    static const struct {
        const char *name;
        const char *kernel_name;
    } fields[] = {{"total", "MemTotal"},
                  {"free", "MemFree"},
                  {"buffers", "Buffers"},
                  {"cached", "Cached"}};
    g_autofree char *text = NULL;
    GVariantBuilder builder;

    if (!qemu_check_flags(flags, 0, "qemuNodeGetMemoryStats", error) ||
        !(text = read_cell(manager, cell, error)))
        return NULL;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(st)"));
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        guint64 kib;

        if (meminfo_value(text, fields[i].kernel_name, &kib))
            g_variant_builder_add(&builder, "(st)", fields[i].name, kib);
    }
    return g_variant_builder_end(&builder);
}

/**
 * qemu_host_get_free_memory:
 * @manager: the manager
 * @ret_bytes: (out): free memory of all NUMA nodes
 */
gboolean
qemu_host_get_free_memory(QemuManager *manager, guint64 *ret_bytes, GError **error)
{
    *ret_bytes = sum_memory(manager, "MemFree") * 1024;
    return TRUE;
}

/**
 * qemu_host_get_cpu_map:
 * @manager: the manager
 * @flags: 0
 *
 * Returns: (transfer floating): a bit per CPU that is online, how many are, how many CPUs there are
 */
GVariant *
qemu_host_get_cpu_map(QemuManager *manager, guint flags, GError **error)
{
    CpuSet present;
    CpuSet online;

    if (!qemu_check_flags(flags, 0, "qemuNodeGetCPUMap", error))
        return NULL;
    read_set(manager, "devices/system/cpu/present", &present);
    read_set(manager, "devices/system/cpu/online", &online);
    return g_variant_new("(@ayui)",
                         g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, online.bits,
                                                   (present.last + 7) / 8, 1),
                         online.n, (int)present.last);
}

/* ---- firmware ---- */

typedef struct {
    const char *name; /* of the entry */
    const char *file; /* below class/dmi/id */
} DmiEntry;

typedef struct {
    const char *element;
    const DmiEntry *entries; /* up to one without a name */
} DmiBlock;

static const DmiEntry bios_entries[] = {{"vendor", "bios_vendor"},
                                        {"version", "bios_version"},
                                        {"date", "bios_date"},
                                        {"release", "bios_release"},
                                        {0}};
static const DmiEntry system_entries[] = {
    {"manufacturer", "sys_vendor"}, {"product", "product_name"},
    {"version", "product_version"}, {"serial", "product_serial"},
    {"uuid", "product_uuid"},       {"sku", "product_sku"},
    {"family", "product_family"},   {0}};
static const DmiEntry board_entries[] = {
    {"manufacturer", "board_vendor"}, {"product", "board_name"},    {"version", "board_version"},
    {"serial", "board_serial"},       {"asset", "board_asset_tag"}, {0}};
static const DmiEntry chassis_entries[] = {{"manufacturer", "chassis_vendor"},
                                           {"version", "chassis_version"},
                                           {"serial", "chassis_serial"},
                                           {"asset", "chassis_asset_tag"},
                                           {0}};
static const DmiBlock dmi_blocks[] = {{"bios", bios_entries},
                                      {"system", system_entries},
                                      {"baseBoard", board_entries},
                                      {"chassis", chassis_entries}};

static void
append_block(QemuManager *manager, GString *out, const DmiBlock *block)
{
    const gsize start = out->len;
    gsize after;

    g_string_append_printf(out, "  <%s>\n", block->element);
    after = out->len;
    for (const DmiEntry *entry = block->entries; entry->name; entry++) {
        g_autofree char *path = g_build_filename("class/dmi/id", entry->file, NULL);
        g_autofree char *value = read_file(manager->sysfs, path);
        g_autofree char *escaped = value && *value ? g_markup_escape_text(value, -1) : NULL;

        if (escaped)
            g_string_append_printf(out, "    <entry name='%s'>%s</entry>\n", entry->name, escaped);
    }
    if (out->len == after)
        g_string_truncate(out, start);
    else
        g_string_append_printf(out, "  </%s>\n", block->element);
}

/**
 * qemu_host_get_sysinfo:
 * @manager: the manager
 * @flags: 0
 *
 * Returns: (transfer full): sysinfo XML: what SMBIOS says of the host
 * Errors: CONFIG_UNSUPPORTED the host has no SMBIOS tables
 */
char *
qemu_host_get_sysinfo(QemuManager *manager, guint flags, GError **error)
{
    g_autoptr(GString) out = g_string_new("<sysinfo type='smbios'>\n");
    const gsize empty = out->len;

    if (!qemu_check_flags(flags, 0, "qemuConnectGetSysinfo", error))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(dmi_blocks); i++)
        append_block(manager, out, &dmi_blocks[i]);
    if (out->len == empty) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Host SMBIOS information is not available");
        return NULL;
    }
    g_string_append(out, "</sysinfo>\n");
    return g_strdup(out->str);
}

/**
 * qemu_host_get_hostname:
 *
 * Returns: (transfer full): the host's name, as it is set; nobody is asked for a longer one
 */
char *
qemu_host_get_hostname(GError **error)
{
    char name[256] = "";

    if (gethostname(name, sizeof(name) - 1) < 0) {
        vb_error_set_errno(error, errno, "failed to determine host name");
        return NULL;
    }
    return g_strdup(name);
}

static int
kvm_max_vcpus(GError **error)
{
    const int fd = open("/dev/kvm", O_RDONLY | O_CLOEXEC);
    int n;

    if (fd < 0) {
        vb_error_set_errno(error, errno, "Unable to open /dev/kvm");
        return -1;
    }
    n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    if (n <= 0)
        n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
    close(fd);
    return n > 0
               ? n
               : 4; /* Source: kernel Documentation/virt/kvm/api.rst, KVM_CAP_NR_VCPUS: assume 4 */
}

/**
 * qemu_host_get_max_vcpus:
 * @manager: the manager
 * @type: (nullable): "kvm", "qemu"; NULL or "": the default
 *
 * Returns: how many vCPUs a guest of that type can have; -1 with @error set
 * Errors: INVALID_ARG unknown type; SYSTEM_ERROR no KVM
 */
int
qemu_host_get_max_vcpus(QemuManager *manager, const char *type, GError **error)
{
    if (!type || !*type || g_ascii_strcasecmp(type, "qemu") == 0)
        return DEFAULT_MAX_VCPUS;
    if (g_ascii_strcasecmp(type, "kvm") == 0)
        return kvm_max_vcpus(error);
    vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown type '%s'", type);
    return -1;
}
