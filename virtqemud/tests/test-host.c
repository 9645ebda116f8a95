/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Process numbers, image sizes and what the emulator adds to host facts, from a made tree. */
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

static char *procfs;
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
make_tree(void)
{
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
test_max_vcpus(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(qemu_host_get_max_vcpus(NULL, NULL), ==, 16);
    g_assert_cmpint(qemu_host_get_max_vcpus("QEMU", NULL), ==, 16);
    g_assert_cmpint(qemu_host_get_max_vcpus("vax", &error), ==, -1);
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

    g_assert_true(qemu_procfs_read_stat(procfs, 77, 0, &stat)); /* a name with ") " in it */
    g_assert_cmpuint(stat.user_ns, ==, 11 * tick_ns);
    g_assert_cmpuint(stat.system_ns, ==, 12 * tick_ns);
    g_assert_cmpuint(stat.rss_kib, ==, 30 * (guint64)sysconf(_SC_PAGESIZE) / 1024);
    g_assert_cmpint(stat.cpu, ==, 3);
    g_assert_false(qemu_procfs_read_stat(procfs, 99, 0, &stat));
    qemu_procfs_read_delays(procfs, 77, 78, &wait_ns, &delay_ns);
    g_assert_cmpuint(wait_ns, ==, 1500000);
    g_assert_cmpuint(delay_ns, ==, 456);
    map = qemu_procfs_read_affinity(procfs, 77, 78, 2);
    g_assert_cmpuint(map[0], ==, 3);
    g_assert_cmpuint(map[1], ==, 2);
}

static void
test_net(void)
{
    g_autoptr(GHashTable) table = qemu_procfs_read_net(procfs);
    const QemuNetStat *stat = g_hash_table_lookup(table, "vnet0");

    g_assert_cmpuint(g_hash_table_size(table), ==, 2);
    g_assert_cmpint(stat->rx_bytes, ==, 10);
    g_assert_cmpint(stat->rx_drop, ==, 40);
    g_assert_cmpint(stat->tx_bytes, ==, 50);
    g_assert_cmpint(stat->tx_drop, ==, 80);
}

/* Nobody waits for an image for longer than 20 ms, which a busy machine may need: then once more. */
static void
read_image(const char *path, gboolean is_raw, QemuImageSizes *ret_sizes)
{
    g_autoptr(GError) error = NULL;

    while (!qemu_image_read_sizes(path, is_raw, ret_sizes, &error)) {
        g_assert_error(error, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT);
        g_clear_error(&error);
    }
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
    read_image(path, FALSE, &sizes);
    g_assert_cmpuint(sizes.capacity, ==, 0x40000000);
    g_assert_cmpuint(sizes.physical, ==, 32);
    read_image(path, TRUE, &sizes);
    g_assert_cmpuint(sizes.capacity, ==, 32);
    g_assert_cmpint(truncate(path, 1024 * 1024), ==, 0);
    read_image(path, TRUE, &sizes);
    g_assert_cmpuint(sizes.physical, ==, 1024 * 1024);
    g_assert_cmpuint(sizes.allocation, <, 1024 * 1024);
    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
    read_image(pipe_path, FALSE, &sizes); /* does not wait for a writer */
    while (!qemu_image_read_sizes("/nonexistent/image", FALSE, &sizes, &error) &&
           g_error_matches(error, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT))
        g_clear_error(&error);
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
    read_image(path, TRUE, &sizes);
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
    procfs = g_build_filename(top, "proc", NULL);
    make_tree();
    g_test_add_func("/host/max-vcpus", test_max_vcpus);
    g_test_add_func("/host/process", test_process);
    g_test_add_func("/host/net", test_net);
    g_test_add_func("/host/image", test_image);
    g_test_add_func("/host/read-ahead", test_read_ahead);
    result = g_test_run();
    remove_tree(top);
    g_free(top);
    g_free(procfs);
    return result;
}
