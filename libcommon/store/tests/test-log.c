/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was acknowledged is there after a power cut; what another program did since is kept; errors leave the old content,
 * and records that follow a failed one count. A power cut is a copy of the log's file, with the folder put back. */
#include "store/log-private.h"

#include <fcntl.h>
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
#include "store/store.h"

#define BOOT "11111111-1111-1111-1111-111111111111"
#define OTHER_BOOT "22222222-2222-2222-2222-222222222222"

typedef struct {
    char *base, *folder, *path;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    /* thousands of fsyncs: in memory where that is to be had, since no power is cut */
    fixture->base = g_strdup("/dev/shm/vb-log-XXXXXX");
    if (!g_mkdtemp(fixture->base)) {
        g_free(fixture->base);
        fixture->base = g_dir_make_tmp("vb-log-XXXXXX", NULL);
    }
    fixture->folder = g_build_filename(fixture->base, "folder", NULL);
    fixture->path = g_build_filename(fixture->base, "log", NULL);
    g_assert_cmpint(g_mkdir(fixture->folder, 0700), ==, 0);
}

static void
empty_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    empty_folder(fixture->folder);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    empty_folder(fixture->base);
    g_assert_cmpint(g_rmdir(fixture->base), ==, 0);
    g_free(fixture->base);
    g_free(fixture->folder);
    g_free(fixture->path);
}

/* A log whose file is there already: the first change of all makes it in the background. */
static VbStoreLog *
open_ready(const Fixture *fixture, const char *boot_id)
{
    int fd = vb_store_log_open_file(fixture->path);
    if (fd < 0)
        fd = vb_store_log_make(fixture->path);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    return vb_store_log_open(fixture->path, fixture->folder, boot_id);
}

static void
put(VbStoreLog *log, const char *name, const char *content)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vb_store_log_write(log, name, content, strlen(content), 0600, &error));
    g_assert_no_error(error);
}

static void
drop(VbStoreLog *log, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vb_store_log_remove(log, name, &error));
    g_assert_no_error(error);
}

static char *
content_of(const Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
    char *content = NULL;
    return vb_store_read(path, 1 << 24, &content, NULL, NULL) ? content : NULL;
}

#define assert_content(fixture, name, expected)                                                    \
    do {                                                                                           \
        g_autofree char *content_ = content_of(fixture, name);                                     \
        g_assert_cmpstr(content_, ==, expected);                                                   \
    } while (0)

/* what the disk has of the log at this moment */
static void
save_log(const Fixture *fixture)
{
    g_autofree char *copy = g_strconcat(fixture->path, ".copy", NULL);
    g_autofree char *bytes = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(fixture->path, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(copy, bytes, (gssize)length, NULL));
}

/* The daemon died at save_log(); the next one starts. */
static void
start_again(const Fixture *fixture, const char *boot_id)
{
    g_autofree char *copy = g_strconcat(fixture->path, ".copy", NULL);
    g_assert_cmpint(g_rename(copy, fixture->path), ==, 0);
    VbStoreLog *log = vb_store_log_open(fixture->path, fixture->folder, boot_id);
    vb_store_log_close(log);
}

static void
overwrite(const Fixture *fixture, const char *name, const char *content, gint64 offset_s)
{
    g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
    const struct timespec time = {g_get_real_time() / G_USEC_PER_SEC + offset_s, 0};
    const struct timespec times[] = {time, time};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    g_assert_cmpint(write(fd, content, strlen(content)), ==, (gssize)strlen(content));
    close(fd);
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_changes(Fixture *fixture, gconstpointer is_ready)
{
    VbStoreLog *log = is_ready ? open_ready(fixture, BOOT)
                               : vb_store_log_open(fixture->path, fixture->folder, BOOT);
    g_autofree char *path = g_build_filename(fixture->folder, "a.xml", NULL);
    struct stat st;
    mode_t old_mask = umask(0);
    put(log, "a.xml", "one");
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    umask(077);
    put(log, "a.xml", "two, longer");
    assert_content(fixture, "a.xml", "two, longer");
    g_assert_true(vb_store_log_write(log, "a.xml", "3", 1, 0644, NULL));
    umask(old_mask);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0644);
    assert_content(fixture, "a.xml", "3");
    put(log, "b.xml", "b");
    drop(log, "b.xml");
    drop(log, "b.xml");
    assert_content(fixture, "b.xml", NULL);
    vb_store_log_close(log);
    g_autoptr(GPtrArray) names = vb_store_list(fixture->folder, "", NULL);
    g_assert_cmpuint(names->len, ==, 1);
}

static void
test_power_cut(Fixture *fixture, gconstpointer data)
{
    VbStoreLog *log = open_ready(fixture, BOOT);
    put(log, "new.xml", "new");
    put(log, "changed.xml", "old");
    put(log, "changed.xml", "changed");
    put(log, "torn.xml", "torn");
    put(log, "gone.xml", "gone");
    put(log, "kept.xml", "kept");
    drop(log, "gone.xml");
    put(log, ".hidden.xml", "hidden");
    save_log(fixture);
    vb_store_log_close(log);
    empty_folder(fixture->folder);
    overwrite(fixture, "changed.xml", "old", -100);
    overwrite(fixture, "torn.xml", "", -100);
    overwrite(fixture, "gone.xml", "gone", -100);
    start_again(fixture, OTHER_BOOT);
    assert_content(fixture, "new.xml", "new");
    assert_content(fixture, "changed.xml", "changed");
    assert_content(fixture, "torn.xml", "torn");
    assert_content(fixture, "gone.xml", NULL);
    assert_content(fixture, "kept.xml", "kept");
    assert_content(fixture, ".hidden.xml", "hidden");
}

/* Killed, not cut off: the files are the truth, and what somebody did to them before the next start is. */
static void
test_same_boot(Fixture *fixture, gconstpointer data)
{
    VbStoreLog *log = open_ready(fixture, BOOT);
    put(log, "a.xml", "a");
    put(log, "b.xml", "b");
    save_log(fixture);
    vb_store_log_close(log);
    overwrite(fixture, "a.xml", "another's", -100);
    g_autofree char *b = g_build_filename(fixture->folder, "b.xml", NULL);
    g_assert_cmpint(g_unlink(b), ==, 0);
    start_again(fixture, BOOT);
    assert_content(fixture, "a.xml", "another's");
    assert_content(fixture, "b.xml", NULL);
}

/* Another program worked on the folder, then the machine was restarted, then this one was started again. */
static void
test_foreign_changes(Fixture *fixture, gconstpointer data)
{
    const struct timespec later = {g_get_real_time() / G_USEC_PER_SEC + 100, 0};
    const struct timespec times[] = {later, later};
    VbStoreLog *log = open_ready(fixture, BOOT);
    put(log, "edited.xml", "ours");
    put(log, "undefined.xml", "ours");
    put(log, "defined-again.xml", "ours");
    drop(log, "defined-again.xml");
    save_log(fixture);
    vb_store_log_close(log);
    empty_folder(fixture->folder);
    overwrite(fixture, "edited.xml", "theirs", 50);
    overwrite(fixture, "defined-again.xml", "theirs", 50);
    g_assert_cmpint(utimensat(AT_FDCWD, fixture->folder, times, 0), ==, 0);
    start_again(fixture, OTHER_BOOT);
    assert_content(fixture, "edited.xml", "theirs");
    assert_content(fixture, "undefined.xml", NULL);
    assert_content(fixture, "defined-again.xml", "theirs");
}

/* More than both halves hold: the older ones have been settled in place by then. */
static void
test_many(Fixture *fixture, gconstpointer data)
{
    enum { N = 60, ROUNDS = 5, NEWEST = 40 }; /* a half holds 128 of them */
    VbStoreLog *log = open_ready(fixture, BOOT);
    g_autofree char *padding = g_strnfill(12000, 'x');
    for (int i = 0; i < N * ROUNDS; i++) {
        g_autofree char *name = g_strdup_printf("%d.xml", i % N);
        g_autofree char *content = g_strdup_printf("%d %s", i, padding);
        put(log, name, content);
    }
    drop(log, "7.xml");
    save_log(fixture);
    vb_store_log_close(log);
    /* the newest were on their way to the disk when the power went */
    for (int i = N - NEWEST; i < N; i++) {
        g_autofree char *name = g_strdup_printf("%d.xml", i);
        overwrite(fixture, name, "", -100);
    }
    overwrite(fixture, "7.xml", "back", -100);
    start_again(fixture, OTHER_BOOT);
    for (int i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("%d.xml", i);
        g_autofree char *content = g_strdup_printf("%d %s", N * (ROUNDS - 1) + i, padding);
        assert_content(fixture, name, i == 7 ? NULL : content);
    }
}

static void
test_too_big(Fixture *fixture, gconstpointer data)
{
    g_autofree char *huge = g_strnfill(3 * 1024 * 1024, 'h');
    VbStoreLog *log = open_ready(fixture, BOOT);
    put(log, "a.xml", "small");
    put(log, "a.xml", huge);
    save_log(fixture);
    vb_store_log_close(log);
    start_again(fixture, OTHER_BOOT);
    assert_content(fixture, "a.xml", huge);
}

/* A change that fails leaves no record, and those after it are found. */
static void
test_refused_change(Fixture *fixture, gconstpointer data)
{
    g_autofree char *name = g_strnfill(256, 'n');
    g_autofree char *folder = g_build_filename(fixture->folder, "d.xml", NULL);
    g_autoptr(GError) error = NULL;
    VbStoreLog *log = open_ready(fixture, BOOT);
    put(log, "a.xml", "a");
    g_assert_false(vb_store_log_write(log, name, "x", 1, 0600, &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_SYSTEM_ERROR));
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    g_assert_false(vb_store_log_write(log, "d.xml", "x", 1, 0600, NULL));
    g_assert_false(vb_store_log_remove(log, "d.xml", NULL));
    put(log, "b.xml", "b");
    save_log(fixture);
    vb_store_log_close(log);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    empty_folder(fixture->folder);
    start_again(fixture, OTHER_BOOT);
    assert_content(fixture, "a.xml", "a");
    assert_content(fixture, "b.xml", "b");
    g_autoptr(GPtrArray) names = vb_store_list(fixture->folder, "", NULL);
    g_assert_cmpuint(names->len, ==, 2);
}

/* ---- where things are missing: in a child, which may change what it sees of the machine ---- */

typedef int (*Child)(const Fixture *fixture);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static gboolean
can_mount(const char *folder, const char *options)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static gboolean
holds(const Fixture *fixture, const char *name, const char *expected)
{
    g_autofree char *content = content_of(fixture, name);
    return g_strcmp0(content, expected) == 0;
}

static gboolean
tries(VbStoreLog *log, const char *name, const char *content)
{
    return vb_store_log_write(log, name, content, strlen(content), 0600, NULL);
}

static int
full_folder(const Fixture *fixture)
{
    g_autofree char *filler = g_strnfill(100 * 1024, 'f');
    if (!can_mount(fixture->folder, "size=64k"))
        return 77;
    VbStoreLog *log = open_ready(fixture, BOOT);
    EXPECT(tries(log, "a.xml", "a"));
    EXPECT(!tries(log, "a.xml", filler));
    EXPECT(holds(fixture, "a.xml", "a"));
    EXPECT(tries(log, "b.xml", "b"));
    save_log(fixture);
    empty_folder(fixture->folder);
    vb_store_log_close(log);
    start_again(fixture, OTHER_BOOT);
    EXPECT(holds(fixture, "a.xml", "a"));
    EXPECT(holds(fixture, "b.xml", "b"));
    return 0;
}

static int
read_only_folder(const Fixture *fixture)
{
    if (!can_mount(fixture->folder, "size=1m"))
        return 77;
    VbStoreLog *log = open_ready(fixture, BOOT);
    EXPECT(tries(log, "a.xml", "a"));
    vb_store_log_close(log);
    if (mount(NULL, fixture->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return 77;
    log = open_ready(fixture, BOOT);
    EXPECT(!tries(log, "a.xml", "b"));
    EXPECT(!vb_store_log_remove(log, "a.xml", NULL));
    EXPECT(holds(fixture, "a.xml", "a"));
    save_log(fixture);
    vb_store_log_close(log);
    EXPECT(mount(NULL, fixture->folder, NULL, MS_REMOUNT, NULL) == 0);
    start_again(fixture, OTHER_BOOT);
    EXPECT(holds(fixture, "a.xml", "a"));
    return 0;
}

/* files made ahead belong to a file system that is not there any more */
static int
other_file_system(const Fixture *fixture)
{
    VbStoreLog *log = open_ready(fixture, BOOT);
    EXPECT(tries(log, "a.xml", "a"));
    if (!can_mount(fixture->folder, "size=1m"))
        return 77;
    EXPECT(tries(log, "a.xml", "b"));
    EXPECT(tries(log, "a.xml", "c"));
    EXPECT(holds(fixture, "a.xml", "c"));
    save_log(fixture);
    empty_folder(fixture->folder);
    vb_store_log_close(log);
    start_again(fixture, OTHER_BOOT);
    EXPECT(holds(fixture, "a.xml", "c"));
    return 0;
}

/* no /proc: a file without a name cannot get one */
static int
no_proc(const Fixture *fixture)
{
    VbStoreLog *log = open_ready(fixture, BOOT);
    if (!can_mount("/proc", "size=64k"))
        return 77;
    const gboolean is_tried = tries(log, "a.xml", "a") && tries(log, "a.xml", "b");
    EXPECT(umount2("/proc", MNT_DETACH) == 0); /* sanitizers want it at the end */
    EXPECT(is_tried && holds(fixture, "a.xml", "b"));
    vb_store_log_close(log);
    return 0;
}

/* The log's own disk is full, or fails, when it is made or written. */
static int
no_room_for_log(const Fixture *fixture)
{
    struct rlimit limit = {65536, 65536};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 77;
    VbStoreLog *log = vb_store_log_open(fixture->path, fixture->folder, BOOT);
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("%d.xml", i % 10);
        EXPECT(tries(log, name, name));
        EXPECT(holds(fixture, name, name));
    }
    vb_store_log_close(log);
    return 0;
}

static int
failing_log(const Fixture *fixture)
{
    struct rlimit limit = {65536, RLIM_INFINITY};
    VbStoreLog *log = open_ready(fixture, BOOT);
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 77;
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR); /* it warns */
    for (int i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("%d.xml", i % 10);
        g_autofree char *content = g_strdup_printf("%d", i);
        EXPECT(tries(log, name, content));
        EXPECT(holds(fixture, name, content));
    }
    limit.rlim_cur = RLIM_INFINITY;
    EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    save_log(fixture);
    vb_store_log_close(log);
    start_again(fixture, OTHER_BOOT);
    EXPECT(holds(fixture, "3.xml", "93"));
    return 0;
}

static void
test_child(Fixture *fixture, gconstpointer child)
{
    if (!g_test_subprocess()) {
        /* threads do not survive a fork: a process of its own */
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_passed();
        return;
    }
    const int status = ((Child)child)(fixture);
    (void)umount2(fixture->folder, MNT_DETACH);
    if (status == 77)
        g_test_skip("cannot do this here");
    else
        g_assert_cmpint(status, ==, 0);
}

/* ---- records ---- */

static void
test_record(void)
{
    g_autofree char *content = g_strnfill(5000, 'c');
    const VbStoreRecord record = {.sequence = 42,
                                  .time_ns = 1234567890123456789,
                                  .operation = VB_STORE_RECORD_WRITE,
                                  .mode = 0640,
                                  .boot_id = BOOT,
                                  .name = "vm.xml",
                                  .name_length = 6,
                                  .content = content,
                                  .length = 5000};
    const gsize size = vb_store_record_size(&record);
    g_autofree guint8 *bytes = g_malloc(size);
    VbStoreRecord read;
    g_assert_cmpuint(size, ==, 8192);
    vb_store_record_pack(&record, bytes);
    g_assert_true(vb_store_record_parse(bytes, size, &read));
    g_assert_cmpuint(read.sequence, ==, 42);
    g_assert_cmpint(read.time_ns, ==, record.time_ns);
    g_assert_cmpuint(read.mode, ==, 0640);
    g_assert_cmpstr(read.boot_id, ==, BOOT);
    g_assert_cmpmem(read.name, read.name_length, "vm.xml", 6);
    g_assert_cmpmem(read.content, read.length, content, 5000);
    g_assert_false(vb_store_record_parse(bytes, size - 1, &read));
    for (gsize i = 0; i < size; i += 7) {
        bytes[i] ^= 0x10;
        g_assert_false(vb_store_record_parse(bytes, size, &read));
        bytes[i] ^= 0x10;
    }
    /* the second block never arrived */
    memset(bytes + 4096, 0, 4096);
    g_assert_false(vb_store_record_parse(bytes, size, &read));
}

static void
test_record_names(void)
{
    const char *const names[] = {"", ".", "..", "a/b", "../x"};
    guint8 bytes[VB_STORE_RECORD_BLOCK];
    VbStoreRecord read;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const VbStoreRecord record = {.operation = VB_STORE_RECORD_REMOVE,
                                      .name = names[i],
                                      .name_length = (guint)strlen(names[i])};
        vb_store_record_pack(&record, bytes);
        g_assert_false(vb_store_record_parse(bytes, sizeof bytes, &read));
    }
}

#define ADD(path, data, function)                                                                  \
    g_test_add("/log/" path, Fixture, data, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/record", test_record);
    g_test_add_func("/log/record-names", test_record_names);
    ADD("changes", GINT_TO_POINTER(1), test_changes);
    ADD("changes-without-log", NULL, test_changes);
    ADD("power-cut", NULL, test_power_cut);
    ADD("same-boot", NULL, test_same_boot);
    ADD("foreign-changes", NULL, test_foreign_changes);
    ADD("many", NULL, test_many);
    ADD("too-big", NULL, test_too_big);
    ADD("refused-change", NULL, test_refused_change);
    ADD("full-folder", full_folder, test_child);
    ADD("read-only-folder", read_only_folder, test_child);
    ADD("other-file-system", other_file_system, test_child);
    ADD("no-proc", no_proc, test_child);
    ADD("no-room-for-log", no_room_for_log, test_child);
    ADD("failing-log", failing_log, test_child);
    return g_test_run();
}
