/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host facts, read from a made tree. */
#include <glib/gstdio.h>
#include "base/error.h"
#include "host/host.h"

static char *top;
static VbHost *host;

static void
put(const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(top, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void
put_cpu(guint cpu, guint socket, guint core)
{
    g_autofree char *a =
        g_strdup_printf("sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
    g_autofree char *b = g_strdup_printf("sys/devices/system/cpu/cpu%u/topology/core_id", cpu);
    g_autofree char *n = g_strdup_printf("%u\n", socket);
    g_autofree char *m = g_strdup_printf("%u\n", core);

    g_autofree char *c =
        g_strdup_printf("sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
    g_autofree char *pair = g_strdup_printf("%u,%u\n", cpu & ~2u, cpu | 2);

    put(a, n);
    put(b, m);
    put(c, pair);
}

static void
make_tree(void)
{
    for (guint i = 0; i < 8; i++) /* two nodes, a socket each, two cores of two threads */
        put_cpu(i, i / 4, i % 2);
    put("sys/devices/system/cpu/online", "0-7\n");
    put("sys/devices/system/cpu/present", "0-9\n");
    put("sys/devices/system/node/online", "0-1\n");
    put("sys/devices/system/node/node0/cpulist", "0-3\n");
    put("sys/devices/system/node/node1/cpulist", "4-7\n");
    put("sys/devices/system/node/node0/meminfo",
        "Node 0 MemTotal:  1000 kB\nNode 0 MemFree:  400 kB\n");
    put("sys/devices/system/node/node1/meminfo",
        "Node 1 MemTotal:  2000 kB\nNode 1 MemFree:  50 kB\n");
    put("sys/class/dmi/id/bios_vendor", "A & B\n");
    put("proc/meminfo",
        "MemTotal: 3001 kB\nMemFree: 451 kB\nBuffers: 7 kB\nSwapCached: 9 kB\nCached: 8 kB\n");
    put("proc/cpuinfo", "processor\t: 0\ncpu MHz\t\t: 2596.120\n");
    put("proc/stat", "cpu  1 2 3 4 5 6 7\ncpu0 10 20 30 40 50 60 70 0\ncpu1 1 1 1 1 1 1 1\n");
}

static void
assert_info(guint64 memory_kib, const char *expected)
{
    VbHostInfo info;
    g_autofree char *text = NULL;

    vb_host_read_info(host, &info);
    text = g_strdup_printf("%u CPUs, %u MHz, %u nodes, %u sockets, %u cores, %u threads", info.cpus,
                           info.mhz, info.nodes, info.sockets, info.cores, info.threads);
    g_assert_cmpuint(info.memory_kib, ==, memory_kib);
    g_assert_cmpstr(text, ==, expected);
}

static void
test_info(void)
{
    assert_info(3000, "8 CPUs, 2596 MHz, 2 nodes, 1 sockets, 2 cores, 2 threads");
}

static void
test_uneven(void)
{
    put("sys/devices/system/cpu/online", "0-6\n");
    put("sys/devices/system/node/node1/cpulist", "4-6\n");
    vb_host_invalidate(host);
    assert_info(3000, "7 CPUs, 2596 MHz, 1 nodes, 1 sockets, 7 cores, 1 threads");
    put("sys/devices/system/cpu/online", "0-7\n");
    put("sys/devices/system/node/node1/cpulist", "4-7\n");
    vb_host_invalidate(host);
}

static void
assert_cpu(int cpu, guint64 kernel_ms, guint64 user_ms, guint64 idle_ms, guint64 iowait_ms)
{
    VbHostCpuStats stats;

    g_assert_true(vb_host_read_cpu_stats(host, cpu, &stats, NULL));
    g_assert_cmpuint(stats.kernel_ns, ==, kernel_ms * 1000000);
    g_assert_cmpuint(stats.user_ns, ==, user_ms * 1000000);
    g_assert_cmpuint(stats.idle_ns, ==, idle_ms * 1000000);
    g_assert_cmpuint(stats.iowait_ns, ==, iowait_ms * 1000000);
}

static void
test_cpu_stats(void)
{
    g_autoptr(GError) error = NULL;
    VbHostCpuStats stats;

    assert_cpu(-1, 160, 30, 40, 50);
    assert_cpu(0, 1600, 300, 400, 500);
    g_assert_false(vb_host_read_cpu_stats(host, 99, &stats, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_INVALID_ARG);
}

static void
test_memory(void)
{
    VbHostMemoryStat stats[VB_HOST_N_MEMORY_STATS];
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(vb_host_read_memory_stats(host, -1, stats, NULL), ==, 4);
    g_assert_cmpstr(stats[3].name, ==, "cached");
    g_assert_cmpuint(stats[3].kib, ==, 8);
    g_assert_cmpuint(vb_host_read_memory_stats(host, 1, stats, NULL), ==, 2);
    g_assert_cmpstr(stats[1].name, ==, "free");
    g_assert_cmpuint(stats[1].kib, ==, 50);
    g_assert_cmpuint(vb_host_read_memory_stats(host, 2, stats, &error), ==, 0);
    g_assert_cmpstr(error->message, ==,
                    "cellNum in virHostMemGetStats must be less than or equal to 1");
    g_assert_cmpuint(vb_host_read_free_memory_kib(host), ==, 450);
}

static void
test_sysinfo(void)
{
    g_autofree char *xml = vb_host_read_sysinfo(host, NULL);

    g_assert_cmpstr(
        xml, ==,
        "<sysinfo type='smbios'>\n  <bios>\n    <entry name='vendor'>A &amp; B</entry>\n"
        "  </bios>\n</sysinfo>\n");
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

int
main(int argc, char **argv)
{
    g_autofree char *sysfs = NULL;
    g_autofree char *procfs = NULL;
    int result;

    g_test_init(&argc, &argv, NULL);
    top = g_dir_make_tmp("virtbus-host-XXXXXX", NULL);
    sysfs = g_build_filename(top, "sys", NULL);
    procfs = g_build_filename(top, "proc", NULL);
    host = vb_host_new(sysfs, procfs);
    make_tree();
    g_test_add_func("/host/info", test_info);
    g_test_add_func("/host/uneven", test_uneven);
    g_test_add_func("/host/cpu-stats", test_cpu_stats);
    g_test_add_func("/host/memory", test_memory);
    g_test_add_func("/host/sysinfo", test_sysinfo);
    result = g_test_run();
    vb_host_free(host);
    remove_tree(top);
    g_free(top);
    return result;
}
