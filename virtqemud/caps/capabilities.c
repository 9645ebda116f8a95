/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <capabilities> document: the host in short, and a <guest> section per architecture that can be run. Host facts come
 * from sysfs and procfs only; what cannot be read is left out. */
#include "caps/caps-private.h"
#include "caps/text.h"
#include <string.h>
#include <unistd.h>

/* ---- small files ---- */

static char *
read_word(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strstrip(text);
}

static guint64
read_number(const char *folder, const char *name)
{
    g_autofree char *text = read_word(folder, name);

    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* "key : value" of the first CPU in cpuinfo */
static char *
cpuinfo_value(const char *cpuinfo, const char *key)
{
    g_autofree char *pattern = g_strdup_printf("\n%s\t", key);
    const char *at = cpuinfo ? strstr(cpuinfo, pattern) : NULL;

    at = at ? strchr(at + 1, ':') : NULL;
    return at ? g_strstrip(g_strndup(at + 1, strcspn(at + 1, "\n"))) : NULL;
}

/* "0-3,8" -> array of guint */
static GArray *
parse_list(const char *text)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    g_auto(GStrv) ranges = g_strsplit(text ? text : "", ",", -1);

    for (guint i = 0; ranges[i] && *ranges[i]; i++) {
        char *end = NULL;
        guint first = (guint)g_ascii_strtoull(ranges[i], &end, 10);
        guint last = *end == '-' ? (guint)g_ascii_strtoull(end + 1, NULL, 10) : first;

        for (guint n = first; n <= last && n < 65536; n++)
            g_array_append_val(numbers, n);
    }
    return numbers;
}

/* ---- host ---- */

static gboolean
is_plausible_uuid(const char *text)
{
    return text && g_uuid_string_is_valid(text) && !g_str_has_prefix(text, "00000000-0000-0000") &&
           !g_str_has_prefix(text, "ffffffff-ffff-ffff");
}

/* The machine's own UUID; where it has none, one made from the installation's identity. Stable either way. */
static char *
host_uuid(const QemuHostPaths *paths)
{
    g_autofree char *folder = g_build_filename(paths->sysfs, "class/dmi/id", NULL);
    g_autofree char *product = read_word(folder, "product_uuid");
    g_autofree char *machine = read_word("/etc", "machine-id");
    g_autofree char *sum = NULL;
    g_autofree char *lower = product ? g_ascii_strdown(product, -1) : NULL;

    if (is_plausible_uuid(lower))
        return g_steal_pointer(&lower);
    /* hashed: the machine id itself is not for strangers (machine-id(5)) */
    sum = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)"virtbus", 7,
                                    machine && *machine ? machine : g_get_host_name(), -1);
    return g_strdup_printf("%.8s-%.4s-4%.3s-8%.3s-%.12s", sum, sum + 8, sum + 13, sum + 17,
                           sum + 20);
}

static const char *
vendor_name(const char *vendor_id)
{
    static const struct {
        const char *id, *name;
    } vendors[] = {{"GenuineIntel", "Intel"}, {"AuthenticAMD", "AMD"}, {"HygonGenuine", "Hygon"}};

    for (guint i = 0; vendor_id && i < G_N_ELEMENTS(vendors); i++)
        if (g_str_equal(vendors[i].id, vendor_id))
            return vendors[i].name;
    return NULL;
}

static void
write_signature(GString *text, const char *cpuinfo)
{
    g_autofree char *vendor = cpuinfo_value(cpuinfo, "vendor_id");
    g_autofree char *microcode = cpuinfo_value(cpuinfo, "microcode");
    g_autofree char *family = cpuinfo_value(cpuinfo, "cpu family");
    g_autofree char *model = cpuinfo_value(cpuinfo, "model");
    g_autofree char *stepping = cpuinfo_value(cpuinfo, "stepping");

    if (vendor_name(vendor))
        qemu_text_line(text, 3, "<vendor>%s</vendor>", vendor_name(vendor));
    if (microcode)
        qemu_text_line(text, 3, "<microcode version='%" G_GUINT64_FORMAT "'/>",
                       g_ascii_strtoull(microcode, NULL, 0));
    if (family && model && stepping)
        qemu_text_line(text, 3, "<signature family='%s' model='%s' stepping='%s'/>", family, model,
                       stepping);
}

static void
write_page_sizes(GString *text, const QemuHostPaths *paths)
{
    g_autofree char *folder = g_build_filename(paths->sysfs, "kernel/mm/hugepages", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(guint64));

    qemu_text_line(text, 3, "<pages unit='KiB' size='%ld'/>", sysconf(_SC_PAGESIZE) / 1024);
    while (dir && (name = g_dir_read_name(dir))) {
        guint64 size =
            g_str_has_prefix(name, "hugepages-") ? g_ascii_strtoull(name + 10, NULL, 10) : 0;
        guint at = 0;

        if (!size)
            continue;
        while (at < sizes->len && g_array_index(sizes, guint64, at) < size)
            at++;
        g_array_insert_val(sizes, at, size);
    }
    for (guint i = 0; i < sizes->len; i++)
        qemu_text_line(text, 3, "<pages unit='KiB' size='%" G_GUINT64_FORMAT "'/>",
                       g_array_index(sizes, guint64, i));
}

typedef struct {
    guint sockets, cores, threads;
} HostTopology;

static guint
count_distinct(GHashTable *set)
{
    return MAX(g_hash_table_size(set), 1);
}

static HostTopology
read_topology(const QemuHostPaths *paths)
{
    g_autofree char *cpus_path = g_build_filename(paths->sysfs, "devices/system/cpu", NULL);
    g_autofree char *online = read_word(cpus_path, "online");
    g_autoptr(GArray) cpus = parse_list(online);
    g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) cores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    HostTopology topology;

    for (guint i = 0; i < cpus->len; i++) {
        g_autofree char *folder =
            g_strdup_printf("%s/cpu%u/topology", cpus_path, g_array_index(cpus, guint, i));
        guint socket = (guint)read_number(folder, "physical_package_id");

        g_hash_table_add(sockets, GUINT_TO_POINTER(socket + 1));
        g_hash_table_add(cores,
                         g_strdup_printf("%u/%u", socket, (guint)read_number(folder, "core_id")));
    }
    topology.sockets = count_distinct(sockets);
    topology.cores = MAX(count_distinct(cores) / topology.sockets, 1);
    topology.threads = MAX(cpus->len / (topology.sockets * topology.cores), 1);
    return topology;
}

static void
write_host_cpu(GString *text, const QemuHostPaths *paths)
{
    g_autofree char *cpuinfo_path = g_build_filename(paths->procfs, "cpuinfo", NULL);
    g_autofree char *cpuinfo = NULL;
    HostTopology topology = read_topology(paths);

    (void)g_file_get_contents(cpuinfo_path, &cpuinfo, NULL, NULL);
    qemu_text_line(text, 2, "<cpu>");
    qemu_text_line(text, 3, "<arch>%s</arch>", qemu_caps_host_arch());
    write_signature(text, cpuinfo);
    qemu_text_line(text, 3, "<topology sockets='%u' dies='1' cores='%u' threads='%u'/>",
                   topology.sockets, topology.cores, topology.threads);
    write_page_sizes(text, paths);
    qemu_text_line(text, 2, "</cpu>");
}

static void
write_cell_cpus(GString *text, const QemuHostPaths *paths, const char *list)
{
    g_autoptr(GArray) cpus = parse_list(list);

    qemu_text_line(text, 5, "<cpus num='%u'>", cpus->len);
    for (guint i = 0; i < cpus->len; i++) {
        guint id = g_array_index(cpus, guint, i);
        g_autofree char *folder =
            g_strdup_printf("%s/devices/system/cpu/cpu%u/topology", paths->sysfs, id);
        g_autofree char *siblings = read_word(folder, "thread_siblings_list");

        qemu_text_line(text, 6,
                       "<cpu id='%u' socket_id='%u' die_id='%u' core_id='%u' siblings='%s'/>", id,
                       (guint)read_number(folder, "physical_package_id"),
                       (guint)read_number(folder, "die_id"), (guint)read_number(folder, "core_id"),
                       siblings ? siblings : "");
    }
    qemu_text_line(text, 5, "</cpus>");
}

static guint64
meminfo_total_kib(const char *path)
{
    g_autofree char *text = NULL;
    const char *at;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    at = strstr(text, "MemTotal:");
    return at ? g_ascii_strtoull(at + strlen("MemTotal:"), NULL, 10) : 0;
}

static void
write_cell(GString *text, const QemuHostPaths *paths, guint id)
{
    g_autofree char *folder = g_strdup_printf("%s/devices/system/node/node%u", paths->sysfs, id);
    g_autofree char *meminfo = g_build_filename(folder, "meminfo", NULL);
    g_autofree char *host_meminfo = g_build_filename(paths->procfs, "meminfo", NULL);
    g_autofree char *cpus = read_word(folder, "cpulist");
    g_autofree char *cpus_path = g_build_filename(paths->sysfs, "devices/system/cpu", NULL);
    g_autofree char *online = cpus ? NULL : read_word(cpus_path, "online");
    guint64 memory_kib = meminfo_total_kib(cpus ? meminfo : host_meminfo);

    qemu_text_line(text, 4, "<cell id='%u'>", id);
    qemu_text_line(text, 5, "<memory unit='KiB'>%" G_GUINT64_FORMAT "</memory>", memory_kib);
    write_cell_cpus(text, paths, cpus ? cpus : online);
    qemu_text_line(text, 4, "</cell>");
}

static void
write_topology(GString *text, const QemuHostPaths *paths)
{
    g_autofree char *folder = g_build_filename(paths->sysfs, "devices/system/node", NULL);
    g_autofree char *online = read_word(folder, "online");
    g_autoptr(GArray) nodes = parse_list(online ? online : "0");

    qemu_text_line(text, 2, "<topology>");
    qemu_text_line(text, 3, "<cells num='%u'>", nodes->len);
    for (guint i = 0; i < nodes->len; i++)
        write_cell(text, paths, g_array_index(nodes, guint, i));
    qemu_text_line(text, 3, "</cells>");
    qemu_text_line(text, 2, "</topology>");
}

static gboolean
has_iommu(const QemuHostPaths *paths)
{
    g_autofree char *folder = g_build_filename(paths->sysfs, "kernel/iommu_groups", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);

    return dir && g_dir_read_name(dir);
}

static void
write_host(GString *text, const QemuHostPaths *paths)
{
    g_autofree char *uuid = host_uuid(paths);

    qemu_text_line(text, 1, "<host>");
    qemu_text_line(text, 2, "<uuid>%s</uuid>", uuid);
    write_host_cpu(text, paths);
    qemu_text_line(text, 2, "<power_management/>");
    qemu_text_line(text, 2, "<iommu support='%s'/>", has_iommu(paths) ? "yes" : "no");
    write_topology(text, paths);
    qemu_text_line(text, 2, "<secmodel>");
    qemu_text_line(text, 3, "<model>none</model>");
    qemu_text_line(text, 3, "<doi>0</doi>");
    qemu_text_line(text, 2, "</secmodel>");
    qemu_text_line(text, 1, "</host>");
}

/* ---- guests ---- */

static void
write_machine(GString *text, const QemuMachine *machine)
{
    const char *deprecated = machine->is_deprecated ? " deprecated='yes'" : "";

    g_string_append_printf(text, "      <machine maxCpus='%u'%s>%s</machine>\n", machine->max_cpus,
                           deprecated, machine->name);
    if (machine->alias)
        g_string_append_printf(text, "      <machine canonical='%s' maxCpus='%u'%s>%s</machine>\n",
                               machine->name, machine->max_cpus, deprecated, machine->alias);
}

static gboolean
is_64_bit(const char *arch)
{
    return strstr(arch, "64") || g_str_equal(arch, "s390x") || g_str_equal(arch, "alpha");
}

static void
write_guest_features(GString *text, const char *arch)
{
    gboolean is_i686 = g_str_equal(arch, "i686");
    gboolean is_x86 = is_i686 || g_str_equal(arch, "x86_64");

    qemu_text_line(text, 2, "<features>");
    if (is_i686) {
        qemu_text_line(text, 3, "<pae/>");
        qemu_text_line(text, 3, "<nonpae/>");
    }
    if (is_x86 || g_str_equal(arch, "aarch64"))
        qemu_text_line(text, 3, "<acpi default='on' toggle='yes'/>");
    if (is_x86)
        qemu_text_line(text, 3, "<apic default='on' toggle='no'/>");
    qemu_text_line(text, 3, "<cpuselection/>");
    qemu_text_line(text, 3, "<deviceboot/>");
    qemu_text_line(text, 3, "<disksnapshot default='on' toggle='no'/>");
    qemu_text_line(text, 2, "</features>");
}

static void
write_guest(GString *text, const QemuCaps *caps, const char *arch)
{
    const GPtrArray *machines = qemu_caps_get_machines(caps);

    qemu_text_line(text, 1, "<guest>");
    qemu_text_line(text, 2, "<os_type>hvm</os_type>");
    qemu_text_line(text, 2, "<arch name='%s'>", arch);
    qemu_text_line(text, 3, "<wordsize>%d</wordsize>", is_64_bit(arch) ? 64 : 32);
    qemu_text_line(text, 3, "<emulator>%s</emulator>", qemu_caps_get_path(caps));
    for (guint i = 0; i < machines->len; i++)
        write_machine(text, machines->pdata[i]);
    qemu_text_line(text, 3, "<domain type='qemu'/>");
    if (qemu_caps_has_accel(caps, QEMU_ACCEL_KVM))
        qemu_text_line(text, 3, "<domain type='kvm'/>");
    qemu_text_line(text, 2, "</arch>");
    write_guest_features(text, arch);
    qemu_text_line(text, 1, "</guest>");
    g_string_append_c(text, '\n');
}

/* @caps_list: QemuCaps of all emulators that answered. Returns (transfer full) the document. */
char *
qemu_capabilities_format(const GPtrArray *caps_list, const QemuHostPaths *paths)
{
    GString *text = g_string_new("<capabilities>\n\n");
    const QemuCaps *x86_64 = NULL;
    gboolean has_i686 = FALSE;

    write_host(text, paths);
    g_string_append_c(text, '\n');
    for (guint i = 0; i < caps_list->len; i++) {
        has_i686 |= g_strcmp0(qemu_caps_get_arch(caps_list->pdata[i]), "i686") == 0;
        if (g_strcmp0(qemu_caps_get_arch(caps_list->pdata[i]), "x86_64") == 0)
            x86_64 = caps_list->pdata[i];
    }
    if (x86_64 && !has_i686) /* it runs 32-bit guests as well */
        write_guest(text, x86_64, "i686");
    for (guint i = 0; i < caps_list->len; i++)
        write_guest(text, caps_list->pdata[i], qemu_caps_get_arch(caps_list->pdata[i]));
    g_string_append(text, "</capabilities>\n");
    return g_string_free(text, FALSE);
}
