/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host facts, process numbers and image sizes, read from a made tree. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "base/error.h"
#include "host.h"
#include "image.h"
#include "procfs.h"

static QemuManager manager;
static char *top;

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

    put(a, n);
    put(b, m);
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
    put("proc/net/dev",
        "Inter-| Receive | Transmit\n face |bytes\n    lo: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
        "vnet0:10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0\n");
    put("proc/77/stat", "77 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 22 23 "
                        "24 25 26 27 28 29 "
                        "30 31 32 33 34 35 3 37\n");
    put("proc/77/task/78/schedstat", "123 456 7\n");
    put("proc/77/task/78/sched", "x (78)\nse.statistics.wait_sum  :  1.5\n");
    put("proc/77/task/78/status", "Name: x\nCpus_allowed:\tff\nCpus_allowed_list:\t0-1,9\n");
}

static void
assert_variant(GVariant *value, const char *expected)
{
    g_autoptr(GVariant) sunk = g_variant_ref_sink(value);
    g_autofree char *text = g_variant_print(sunk, FALSE);

    g_assert_cmpstr(text, ==, expected);
}

static void
test_info(void)
{
    g_autoptr(GVariant) info = g_variant_ref_sink(qemu_host_get_info(&manager, NULL));
    guint64 memory;
    int numbers[6];

    g_variant_get(info, "(stiiiiii)", NULL, &memory, &numbers[0], &numbers[1], &numbers[2],
                  &numbers[3], &numbers[4], &numbers[5]);
    g_assert_cmpuint(memory, ==, 3000);
    g_assert_cmpint(numbers[0], ==, 8);    /* CPUs */
    g_assert_cmpint(numbers[1], ==, 2596); /* MHz */
    g_assert_cmpint(numbers[2], ==, 2);    /* nodes */
    g_assert_cmpint(numbers[3], ==, 1);    /* sockets per node */
    g_assert_cmpint(numbers[4], ==, 2);    /* cores */
    g_assert_cmpint(numbers[5], ==, 2);    /* threads */
}

static void
test_uneven(void)
{
    put("sys/devices/system/cpu/online", "0-6\n");
    put("sys/devices/system/node/node1/cpulist", "4-6\n");
    {
        g_autoptr(GVariant) info = g_variant_ref_sink(qemu_host_get_info(&manager, NULL));
        g_autofree char *text = g_variant_print(info, FALSE);

        g_assert_true(g_str_has_suffix(text, "3000, 7, 2596, 1, 1, 7, 1)"));
    }
    put("sys/devices/system/cpu/online", "0-7\n");
    put("sys/devices/system/node/node1/cpulist", "4-7\n");
}

static void
test_cpu_stats(void)
{
    g_autoptr(GError) error = NULL;

    assert_variant(
        qemu_host_get_cpu_stats(&manager, -1, 0, NULL),
        "[('kernel', 160000000), ('user', 30000000), ('idle', 40000000), ('iowait', 50000000)]");
    assert_variant(qemu_host_get_cpu_stats(&manager, 0, 0, NULL),
                   "[('kernel', 1600000000), ('user', 300000000), ('idle', 400000000), ('iowait', "
                   "500000000)]");
    g_assert_null(qemu_host_get_cpu_stats(&manager, 99, 0, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_INVALID_ARG);
    g_clear_error(&error);
    g_assert_null(qemu_host_get_cpu_stats(&manager, 0, 1, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_INVALID_ARG);
}

static void
test_memory(void)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes;

    assert_variant(qemu_host_get_memory_stats(&manager, -1, 0, NULL),
                   "[('total', 3001), ('free', 451), ('buffers', 7), ('cached', 8)]");
    assert_variant(qemu_host_get_memory_stats(&manager, 1, 0, NULL),
                   "[('total', 2000), ('free', 50)]");
    g_assert_null(qemu_host_get_memory_stats(&manager, 2, 0, &error));
    g_assert_cmpstr(error->message, ==,
                    "cellNum in virHostMemGetStats must be less than or equal to 1");
    g_assert_true(qemu_host_get_free_memory(&manager, &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 450 * 1024);
}

static void
test_cpu_map(void)
{
    assert_variant(qemu_host_get_cpu_map(&manager, 0, NULL), "(b'\\377', 8, 10)");
}

static void
test_sysinfo(void)
{
    g_autofree char *xml = qemu_host_get_sysinfo(&manager, 0, NULL);

    g_assert_cmpstr(
        xml, ==,
        "<sysinfo type='smbios'>\n  <bios>\n    <entry name='vendor'>A &amp; B</entry>\n"
        "  </bios>\n</sysinfo>\n");
}

static void
test_max_vcpus(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(qemu_host_get_max_vcpus(&manager, NULL, NULL), ==, 16);
    g_assert_cmpint(qemu_host_get_max_vcpus(&manager, "QEMU", NULL), ==, 16);
    g_assert_cmpint(qemu_host_get_max_vcpus(&manager, "vax", &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "invalid argument: unknown type 'vax'");
}

static void
test_process(void)
{
    const guint64 tick_ns = G_GUINT64_CONSTANT(1000000000) / (guint64)sysconf(_SC_CLK_TCK);
    g_autofree guint8 *map = NULL;
    guint64 wait_ns;
    guint64 delay_ns;
    QemuProcStat stat;

    g_assert_true(qemu_procfs_read_stat(manager.procfs, 77, 0, &stat)); /* a name with ") " in it */
    g_assert_cmpuint(stat.user_ns, ==, 11 * tick_ns);
    g_assert_cmpuint(stat.system_ns, ==, 12 * tick_ns);
    g_assert_cmpuint(stat.rss_kib, ==, 30 * (guint64)sysconf(_SC_PAGESIZE) / 1024);
    g_assert_cmpint(stat.cpu, ==, 3);
    g_assert_false(qemu_procfs_read_stat(manager.procfs, 99, 0, &stat));
    qemu_procfs_read_delays(manager.procfs, 77, 78, &wait_ns, &delay_ns);
    g_assert_cmpuint(wait_ns, ==, 1500000);
    g_assert_cmpuint(delay_ns, ==, 456);
    map = qemu_procfs_read_affinity(manager.procfs, 77, 78, 2);
    g_assert_cmpuint(map[0], ==, 3);
    g_assert_cmpuint(map[1], ==, 2);
}

static void
test_net(void)
{
    g_autoptr(GHashTable) table = qemu_procfs_read_net(manager.procfs);
    const QemuNetStat *stat = g_hash_table_lookup(table, "vnet0");

    g_assert_cmpuint(g_hash_table_size(table), ==, 2);
    g_assert_cmpint(stat->rx_bytes, ==, 10);
    g_assert_cmpint(stat->rx_drop, ==, 40);
    g_assert_cmpint(stat->tx_bytes, ==, 50);
    g_assert_cmpint(stat->tx_drop, ==, 80);
}

static void
test_image(void)
{
    static const guint8 qcow2[32] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, [28] = 0x40};
    g_autofree char *path = g_build_filename(top, "image", NULL);
    g_autofree char *pipe_path = g_build_filename(top, "pipe", NULL);
    g_autoptr(GError) error = NULL;
    QemuImageSizes sizes;

    g_assert_true(g_file_set_contents(path, (const char *)qcow2, sizeof(qcow2), NULL));
    g_assert_true(qemu_image_read_sizes(path, FALSE, &sizes, NULL));
    g_assert_cmpuint(sizes.capacity, ==, 0x40000000);
    g_assert_cmpuint(sizes.physical, ==, 32);
    g_assert_true(qemu_image_read_sizes(path, TRUE, &sizes, NULL));
    g_assert_cmpuint(sizes.capacity, ==, 32);
    g_assert_cmpint(truncate(path, 1024 * 1024), ==, 0);
    g_assert_true(qemu_image_read_sizes(path, TRUE, &sizes, NULL));
    g_assert_cmpuint(sizes.physical, ==, 1024 * 1024);
    g_assert_cmpuint(sizes.allocation, <, 1024 * 1024);
    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
    g_assert_true(
        qemu_image_read_sizes(pipe_path, FALSE, &sizes, NULL)); /* does not wait for a writer */
    g_assert_false(qemu_image_read_sizes("/nonexistent/image", FALSE, &sizes, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_SYSTEM_ERROR);
}

static void
test_read_ahead(void)
{
    g_autofree char *path = g_build_filename(top, "image", NULL);
    const QemuImage images[] = {{path, TRUE}, {"/nonexistent/image", TRUE}};
    QemuImageSizes sizes;

    g_assert_true(g_file_set_contents(path, "12345", 5, NULL));
    qemu_image_read_ahead(images, G_N_ELEMENTS(images));
    g_assert_true(g_file_set_contents(path, "123456789", 9, NULL));
    g_assert_true(qemu_image_read_sizes(path, TRUE, &sizes, NULL));
    g_assert_cmpuint(sizes.physical, ==, 5); /* as it was a moment ago */
    g_assert_false(qemu_image_read_sizes("/nonexistent/image", TRUE, &sizes, NULL));
    g_usleep(260 * 1000);
    g_assert_true(qemu_image_read_sizes(path, TRUE, &sizes, NULL));
    g_assert_cmpuint(sizes.physical, ==, 9);
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
    int result;

    g_test_init(&argc, &argv, NULL);
    top = g_dir_make_tmp("virtbus-host-XXXXXX", NULL);
    manager.sysfs = g_build_filename(top, "sys", NULL);
    manager.procfs = g_build_filename(top, "proc", NULL);
    make_tree();
    g_test_add_func("/host/info", test_info);
    g_test_add_func("/host/uneven", test_uneven);
    g_test_add_func("/host/cpu-stats", test_cpu_stats);
    g_test_add_func("/host/memory", test_memory);
    g_test_add_func("/host/cpu-map", test_cpu_map);
    g_test_add_func("/host/sysinfo", test_sysinfo);
    g_test_add_func("/host/max-vcpus", test_max_vcpus);
    g_test_add_func("/host/process", test_process);
    g_test_add_func("/host/net", test_net);
    g_test_add_func("/host/image", test_image);
    g_test_add_func("/host/read-ahead", test_read_ahead);
    result = g_test_run();
    remove_tree(top);
    g_free(top);
    g_free(manager.sysfs);
    g_free(manager.procfs);
    return result;
}
