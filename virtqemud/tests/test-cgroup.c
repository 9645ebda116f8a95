/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a guest's control groups are, on hosts of every kind, told by a procfs made up; what is written below a folder that
 * stands for a mounted hierarchy. */
#include "cgroup.h"

#include "base/error.h"

#include <glib/gstdio.h>
#include <string.h>

#define PID 42
#define SCOPE "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"

typedef struct {
    char *root, *procfs, *mount;
} Fixture;

static void
put(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *
get(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
setup(Fixture *fixture, gconstpointer data)
{
    fixture->root = g_dir_make_tmp("virtbus-cgroup-XXXXXX", NULL);
    fixture->procfs = g_build_filename(fixture->root, "proc", NULL);
    fixture->mount = g_build_filename(fixture->root, "sys", NULL);
    put(fixture->mount, "cgroup.controllers", "cpuset cpu io memory pids\n");
}

static void
teardown(Fixture *fixture, gconstpointer data)
{
    const char *argv[] = {"rm", "-r", fixture->root, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
    g_free(fixture->root);
    g_free(fixture->procfs);
    g_free(fixture->mount);
}

/* @group: of the process, in the only hierarchy */
static QemuCgroup *
find(Fixture *fixture, gboolean is_v2, const char *group)
{
    g_autofree char *mounts =
        is_v2 ? g_strdup_printf("30 23 0:26 / %s rw,nosuid - cgroup2 cgroup2 rw\n", fixture->mount)
              : g_strdup_printf("30 23 0:26 / %s rw - cgroup cgroup rw,cpu,cpuacct,blkio,memory\n",
                                fixture->mount);
    g_autofree char *line =
        g_strdup_printf("%s%s\n", is_v2 ? "0::" : "4:memory:/\n3:cpu,cpuacct:", group);
    g_autofree char *file = g_strdup_printf("%d/cgroup", PID);
    put(fixture->procfs, "self/mountinfo", mounts);
    put(fixture->procfs, file, line);
    return qemu_cgroup_find(fixture->procfs, PID, "qemu-1-vm.libvirt-qemu");
}

static void
assert_folder(Fixture *fixture, const QemuCgroup *cgroup, QemuCgroupController controller,
              const char *expected)
{
    g_autofree char *path = g_strconcat(fixture->mount, expected, NULL);
    g_assert_cmpstr(cgroup->places[controller].folder, ==, path);
}

static void
test_places(Fixture *fixture, gconstpointer data)
{
    static const struct {
        gboolean is_v2;
        const char *group, *folder, *unit;
        guint n_owned;
    } rows[] = {
        {TRUE, SCOPE, SCOPE "/libvirt", "machine-qemu\\x2d1\\x2dvm.scope", 0},
        /* libvirt puts the emulator's own threads one deeper, and so did we, with limits for them */
        {TRUE, SCOPE "/libvirt", SCOPE "/libvirt", "machine-qemu\\x2d1\\x2dvm.scope", 0},
        {TRUE, SCOPE "/libvirt/emulator", SCOPE "/libvirt", "machine-qemu\\x2d1\\x2dvm.scope", 0},
        {TRUE, "/system.slice/virtqemud.service", "/machine/qemu-1-vm.libvirt-qemu", NULL, 1},
        {TRUE, "/machine.slice/machine-qemu.service", "/machine/qemu-1-vm.libvirt-qemu", NULL, 1},
        {FALSE, SCOPE, SCOPE, NULL, 1},
        {FALSE, "/", "/machine/qemu-1-vm.libvirt-qemu", NULL, 1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(QemuCgroup) cgroup = find(fixture, rows[i].is_v2, rows[i].group);
        g_autoptr(GPtrArray) owned = qemu_cgroup_owned(cgroup);
        assert_folder(fixture, cgroup, QEMU_CGROUP_CPU, rows[i].folder);
        g_assert_cmpstr(cgroup->unit, ==, rows[i].unit);
        g_assert_cmpuint(owned->len, ==, rows[i].n_owned); /* version 1: memory is elsewhere */
    }
}

/* The process moves before the scope hands its controllers down; a second time nothing moves. */
static void
test_nesting(Fixture *fixture, gconstpointer data)
{
    g_autoptr(QemuCgroup) cgroup = find(fixture, TRUE, SCOPE);
    g_autofree char *scope = g_strconcat(fixture->mount, SCOPE, NULL);
    g_autoptr(GError) error = NULL;
    put(scope, "cgroup.subtree_control", "");
    g_assert_false(qemu_cgroup_is_made(cgroup));
    g_assert_false(qemu_cgroup_join(cgroup, PID, &error)); /* no kernel makes the files here */
    g_assert_true(vb_error_matches(error, VIR_ERR_SYSTEM_ERROR));
    g_assert_false(qemu_cgroup_is_made(cgroup)); /* nothing is left half made */
    put(scope, "libvirt/cgroup.procs", "");
    g_assert_true(qemu_cgroup_is_made(cgroup));
    g_assert_true(qemu_cgroup_join(cgroup, PID, NULL));
    g_autofree char *moved = get(scope, "libvirt/cgroup.procs");
    g_assert_cmpstr(moved, ==, "");
}

/* In a scope weights are systemd's: checked, and not written. */
static void
test_weights(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuCgroup) scoped = find(fixture, TRUE, SCOPE);
    g_assert_true(qemu_cgroup_set_shares(scoped, 500, &error));
    g_assert_true(qemu_cgroup_set_io_weight(scoped, 500, &error));
    g_assert_no_error(error);
    g_assert_false(qemu_cgroup_set_shares(scoped, 10001, &error));
    g_assert_cmpstr(error->message, ==,
                    "invalid argument: shares '10001' must be in range [1, 10000]");
    g_autoptr(QemuCgroup) plain = find(fixture, TRUE, "/");
    put(plain->places[QEMU_CGROUP_CPU].folder, "cpu.weight", "100");
    g_assert_true(qemu_cgroup_set_shares(plain, 500, NULL));
    g_autofree char *written = get(plain->places[QEMU_CGROUP_CPU].folder, "cpu.weight");
    g_assert_true(g_str_has_prefix(written, "500"));
}

static void
test_unplugged_vcpus(Fixture *fixture, gconstpointer data)
{
    static const char *const names[] = {"vcpu0",    "vcpu1", "vcpu2",
                                        "emulator", "vcpus", "iothread1"};
    g_autoptr(QemuCgroup) cgroup = find(fixture, TRUE, SCOPE);
    g_autoptr(GArray) threads = g_array_new(FALSE, TRUE, sizeof(pid_t));
    const char *folder = cgroup->places[QEMU_CGROUP_CPU].folder;
    g_array_set_size(threads, 2);
    g_array_index(threads, pid_t, 0) = PID; /* 1 has none */
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *child = g_build_filename(folder, names[i], NULL);
        g_assert_cmpint(g_mkdir_with_parents(child, 0755), ==, 0);
    }
    qemu_cgroup_drop_vcpus(cgroup, threads);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *child = g_build_filename(folder, names[i], NULL);
        const gboolean is_gone = strcmp(names[i], "vcpu1") == 0 || strcmp(names[i], "vcpu2") == 0;
        g_assert_cmpint(g_file_test(child, G_FILE_TEST_EXISTS), ==, !is_gone);
    }
}

#define DEVICE "/dev/loop0"

/* A device's weight: in the file that the host's scheduler has, in either version. */
static void
test_device_weight(Fixture *fixture, gconstpointer data)
{
    static const struct {
        gboolean is_v2;
        const char *group, *folder, *file, *text, *none;
    } rows[] = {
        {FALSE, "/", "/machine/qemu-1-vm.libvirt-qemu", "blkio.weight_device", "7:0 500", "7:0 0"},
        {FALSE, "/", "/machine/qemu-1-vm.libvirt-qemu", "blkio.bfq.weight_device", "7:0 500",
         "7:0 0"},
        {TRUE, "/", "/machine/qemu-1-vm.libvirt-qemu", "io.weight", "7:0 500", "7:0 default"},
        {TRUE, SCOPE, SCOPE, "io.bfq.weight", "7:0 500", "7:0 default"},
    };
    if (!g_file_test(DEVICE, G_FILE_TEST_EXISTS)) {
        g_test_skip("no " DEVICE);
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(QemuCgroup) cgroup = find(fixture, rows[i].is_v2, rows[i].group);
        g_autofree char *folder = g_strconcat(fixture->mount, rows[i].folder, NULL);
        g_autofree char *path = g_build_filename(folder, rows[i].file, NULL);
        g_autofree char *set = NULL;
        g_autofree char *unset = NULL;
        g_autoptr(GError) error = NULL;
        g_assert_false(qemu_cgroup_set_device_weight(cgroup, DEVICE, 500, &error));
        g_assert_true(
            g_str_has_suffix(error->message,
                             "blkio device weight is valid only for bfq or cfq scheduler"));
        put(folder, rows[i].file, "");
        g_assert_true(qemu_cgroup_set_device_weight(cgroup, DEVICE, 500, NULL));
        set = get(folder, rows[i].file);
        g_assert_cmpstr(set, ==, rows[i].text);
        g_assert_false(qemu_cgroup_set_device_weight(cgroup, "/etc/passwd", 500, NULL));
        g_assert_false(qemu_cgroup_set_device_weight(cgroup, DEVICE, 20000, NULL));
        put(folder, rows[i].file, "");
        g_assert_true(qemu_cgroup_set_device_weight(cgroup, DEVICE, 0, NULL));
        unset = get(folder, rows[i].file);
        g_assert_cmpstr(unset, ==, rows[i].none);
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/cgroup/places", Fixture, NULL, setup, test_places, teardown);
    g_test_add("/cgroup/nesting", Fixture, NULL, setup, test_nesting, teardown);
    g_test_add("/cgroup/weights", Fixture, NULL, setup, test_weights, teardown);
    g_test_add("/cgroup/device-weight", Fixture, NULL, setup, test_device_weight, teardown);
    g_test_add("/cgroup/unplugged-vcpus", Fixture, NULL, setup, test_unplugged_vcpus, teardown);
    return g_test_run();
}
