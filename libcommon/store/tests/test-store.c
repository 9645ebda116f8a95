/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A write is whole or has not happened, and leaves nothing behind, also on a full disk. */
#include "store/store.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

typedef struct {
    char *folder;
    char *path;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("vb-store-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "vm.xml", NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) names = vb_store_list(fixture->folder, "", NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(fixture->folder, names->pdata[i], NULL);
        g_assert_true(g_unlink(path) == 0 || g_rmdir(path) == 0);
    }
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0); /* also fails on a leftover temporary file */
    g_free(fixture->folder);
    g_free(fixture->path);
}

static void
assert_content(const char *path, const char *expected)
{
    g_autofree char *content = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(vb_store_read(path, 1 << 20, &content, &length, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(content, ==, expected);
    g_assert_cmpuint(length, ==, strlen(expected));
}

static void
test_write(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat st;
    mode_t old_mask = umask(077);
    g_assert_true(vb_store_write(fixture->path, "one", 3, 0644, &error));
    umask(old_mask);
    g_assert_cmpint(stat(fixture->path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0644);
    assert_content(fixture->path, "one");
    g_assert_true(vb_store_write_volatile(fixture->path, "two!", 4, 0600, &error));
    g_assert_cmpint(stat(fixture->path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    assert_content(fixture->path, "two!");
    g_assert_true(vb_store_remove(fixture->path, &error));
    g_assert_true(vb_store_remove(fixture->path, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(fixture->path, G_FILE_TEST_EXISTS));
}

static void
test_longest_name(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strnfill(255, 'n');
    g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
    g_assert_true(vb_store_write(path, "x", 1, 0600, &error));
    g_assert_no_error(error);
}

static void
test_read_refuses(Fixture *fixture, gconstpointer data)
{
    char *content = NULL;
    g_autoptr(GError) missing = NULL, big = NULL, fifo = NULL, folder = NULL;
    g_assert_false(vb_store_read(fixture->path, 10, &content, NULL, &missing));
    g_assert_true(vb_error_matches(missing, VIR_ERR_SYSTEM_ERROR));
    g_assert_cmpstr(vb_error_get_reason(missing), ==, "FileMissing");
    g_assert_true(vb_store_write(fixture->path, "0123456789a", 11, 0600, NULL));
    g_assert_false(vb_store_read(fixture->path, 10, &content, NULL, &big));
    g_assert_nonnull(strstr(big->message, "File too large"));
    g_assert_true(vb_store_remove(fixture->path, NULL));
    g_assert_cmpint(mkfifo(fixture->path, 0600), ==, 0);
    g_assert_false(vb_store_read(fixture->path, 10, &content, NULL, &fifo));
    g_assert_nonnull(fifo);
    g_assert_false(vb_store_read(fixture->folder, 10, &content, NULL, &folder));
    g_assert_nonnull(strstr(folder->message, "Is a directory"));
    g_assert_null(content);
}

static void
test_link(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *target = NULL;
    g_assert_true(vb_store_link("/a", fixture->path, &error));
    g_assert_true(vb_store_link("/b", fixture->path, &error));
    target = g_file_read_link(fixture->path, NULL);
    g_assert_cmpstr(target, ==, "/b");
    g_assert_false(vb_store_link("/a", "/nonexistent/x", &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_SYSTEM_ERROR));
}

static void
test_list(Fixture *fixture, gconstpointer data)
{
    const char *const names[] = {"b.xml", "a.xml", "c.txt", ".vbtmp-abc.xml"};
    g_autofree char *nowhere = g_build_filename(fixture->folder, "nowhere", NULL);
    g_autofree char *deep = g_build_filename(fixture->folder, "x", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(fixture->folder, names[i], NULL);
        g_assert_true(g_file_set_contents(path, "", 0, NULL));
    }
    g_autoptr(GPtrArray) found = vb_store_list(fixture->folder, ".xml", NULL);
    g_assert_cmpuint(found->len, ==, 2);
    g_assert_cmpstr(found->pdata[0], ==, "a.xml");
    g_assert_cmpstr(found->pdata[1], ==, "b.xml");
    g_autoptr(GPtrArray) none = vb_store_list(nowhere, ".xml", NULL);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_true(vb_store_mkdir(deep, 0700, NULL));
    g_assert_true(vb_store_mkdir(deep, 0700, NULL));
    vb_store_sweep(fixture->folder); /* tear_down() sees whether it did */
    vb_store_sweep(nowhere);
}

/* Writes one small and one too large file; exit status 0: the second failed and the first stands */
static int
fill_up(const char *path)
{
    g_autofree char *huge = g_strnfill(1 << 20, 'h');
    g_autoptr(GError) error = NULL;
    g_autofree char *content = NULL;
    if (!vb_store_write(path, "old", 3, 0600, NULL))
        return 1;
    if (vb_store_write(path, huge, 1 << 20, 0600, &error))
        return 2;
    if (!vb_error_matches(error, VIR_ERR_SYSTEM_ERROR))
        return 3;
    if (!vb_store_read(path, 100, &content, NULL, NULL) || strcmp(content, "old") != 0)
        return 4;
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;
    while (g_dir_read_name(dir))
        n++;
    return n == 1 ? 0 : 5;
}

static int
run_child(int (*child)(const char *path), const char *path)
{
    pid_t pid = fork();
    int status = 0;
    if (pid == 0)
        _exit(child(path));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
with_size_limit(const char *path)
{
    struct rlimit limit = {65536, 65536};
    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? fill_up(path) : 77;
}

static int
with_small_disk(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=64k") < 0)
        return 77;
    return fill_up(path);
}

static void
test_size_limit(Fixture *fixture, gconstpointer data)
{
    g_assert_cmpint(run_child(with_size_limit, fixture->path), ==, 0);
}

static void
test_full_disk(Fixture *fixture, gconstpointer data)
{
    int status = run_child(with_small_disk, fixture->path);
    if (status == 77) {
        g_test_skip("cannot mount a tmpfs here");
        return;
    }
    g_assert_cmpint(status, ==, 0);
}

static void
test_header(void)
{
    g_autofree char *plain = vb_store_header("edit", "my-vm.1", "UUID");
    g_autofree char *odd = vb_store_header("edit", "a--b", "UUID");
    g_autofree char *quoted = vb_store_header("edit", "a b", "UUID");
    g_assert_nonnull(strstr(plain, "  virsh edit my-vm.1\n"));
    g_assert_nonnull(strstr(odd, "  virsh edit UUID\n"));
    g_assert_nonnull(strstr(quoted, "  virsh edit UUID\n"));
}

/* links are removed, never followed */
static void
test_remove_tree(Fixture *fixture, gconstpointer data)
{
    g_autofree char *tree = g_build_filename(fixture->folder, "tree", NULL);
    g_autofree char *deep = g_build_filename(tree, "a", "b", "c", NULL);
    g_autofree char *file = g_build_filename(deep, "file", NULL);
    g_autofree char *link = g_build_filename(deep, "link", NULL);
    g_autofree char *dangling = g_build_filename(tree, "dangling", NULL);
    g_autofree char *outside = g_build_filename(fixture->folder, "outside", NULL);
    g_autofree char *kept = g_build_filename(outside, "kept", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir_with_parents(deep, 0755) | g_mkdir(outside, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL) &&
                  g_file_set_contents(kept, "x", 1, NULL));
    g_assert_cmpint(symlink(outside, link) | symlink("/nowhere", dangling), ==, 0);
    g_assert_true(vb_store_remove_tree(tree, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_access(tree, F_OK), ==, -1);
    g_assert_true(vb_store_remove_tree(tree, &error)); /* a missing one */
    assert_content(kept, "x");
    g_assert_cmpint(symlink(outside, tree), ==, 0);
    g_assert_true(vb_store_remove_tree(tree, &error));
    assert_content(kept, "x");
    g_assert_true(vb_store_remove_tree(outside, &error));
}

static void
test_remove_tree_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tree = g_dir_make_tmp("vb-store-XXXXXX", NULL);
    g_autoptr(GString) deep = g_string_new(tree);
    for (guint i = 0; i < 100; i++)
        g_string_append(deep, "/d");
    g_assert_false(vb_store_remove_tree("/proc/self/status", &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_clear_error(&error);
    g_assert_cmpint(g_mkdir_with_parents(deep->str, 0755), ==, 0);
    g_assert_false(vb_store_remove_tree(tree, &error)); /* nobody makes so many */
    g_assert_nonnull(strstr(error->message, "cannot remove '"));
    g_clear_error(&error);
    g_string_truncate(deep, deep->len - 2 * 60);
    g_assert_true(vb_store_remove_tree(deep->str, &error));
    g_assert_true(vb_store_remove_tree(tree, &error));
}

#define ADD(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/store/write", test_write);
    ADD("/store/longest-name", test_longest_name);
    ADD("/store/read-refuses", test_read_refuses);
    ADD("/store/link", test_link);
    ADD("/store/list", test_list);
    ADD("/store/size-limit", test_size_limit);
    ADD("/store/full-disk", test_full_disk);
    ADD("/store/remove-tree", test_remove_tree);
    g_test_add_func("/store/remove-tree-refused", test_remove_tree_refused);
    g_test_add_func("/store/header", test_header);
    return g_test_run();
}
