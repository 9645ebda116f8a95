/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emulator processes with a shell in the emulator's place: lock and pid file, descriptors, log, death. */
#include "process.h"

#include "base/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    char *folder, *pidfile, *log;
    int status;
    gboolean is_over;
    const VbBitset *cpus;
} Fixture;

static void
setup(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("virtbus-process-XXXXXX", NULL);
    fixture->pidfile = g_build_filename(fixture->folder, "vm.pid", NULL);
    fixture->log = g_build_filename(fixture->folder, "vm.log", NULL);
}

static void
teardown(Fixture *fixture, gconstpointer data)
{
    g_unlink(fixture->pidfile);
    g_unlink(fixture->log);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->pidfile);
    g_free(fixture->log);
}

static void
on_exited(QemuProcess *process, int wait_status, gpointer data)
{
    Fixture *fixture = data;
    fixture->status = wait_status;
    fixture->is_over = TRUE;
}

static QemuProcess *
spawn_as(Fixture *fixture, const char *program, const char *script, int fd, gboolean is_held,
         GError **error)
{
    const char *argv[] = {program, "-c", script, "e2c84f2e-0000-4000-8000-000000000001", NULL};
    const char *env[] = {"LC_ALL=C", NULL};
    QemuProcessFd fds[] = {{fd, QEMU_PROCESS_FIRST_FD}};
    QemuProcessSpec spec = {.argv = argv,
                            .env = env,
                            .log_path = fixture->log,
                            .pidfile_path = fixture->pidfile,
                            .fds = fds,
                            .n_fds = fd >= 0 ? 1 : 0,
                            .cpus = fixture->cpus,
                            .is_held = is_held};
    return qemu_process_spawn(&spec, on_exited, fixture, error);
}

static QemuProcess *
spawn(Fixture *fixture, const char *program, const char *script, int fd, GError **error)
{
    return spawn_as(fixture, program, script, fd, FALSE, error);
}

static void
wait_over(Fixture *fixture)
{
    while (!fixture->is_over)
        g_main_context_iteration(NULL, TRUE);
}

static void
test_life(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    g_assert_cmpint(qemu_process_probe(fixture->pidfile, "/proc", NULL, &pid), ==,
                    QEMU_PROCESS_DEAD);
    int pair[2];
    char byte;
    g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
    QemuProcess *process =
        spawn(fixture, "/bin/sh", "echo went wrong >&2; echo >/proc/self/fd/10; exec sleep 60",
              pair[1], &error);
    g_assert_no_error(error);
    g_assert_cmpint(read(pair[0], &byte, 1), ==, 1);
    close(pair[0]);
    close(pair[1]);
    g_assert_cmpint(qemu_process_probe(fixture->pidfile, "/proc", NULL, &pid), ==,
                    QEMU_PROCESS_ALIVE);
    g_assert_cmpint(pid, ==, qemu_process_get_pid(process));
    g_assert_cmpint(getsid(pid), ==, pid);
    /* a second emulator cannot take the pid file */
    g_assert_null(spawn(fixture, "/bin/sh", "true", -1, &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_RESOURCE_BUSY));
    /* one that was found again is watched and killed too, even stopped */
    Fixture found = {0};
    QemuProcess *adopted = qemu_process_adopt(pid, on_exited, &found, NULL);
    g_assert_true(qemu_process_kill(adopted, SIGSTOP, NULL));
    g_assert_true(qemu_process_kill(adopted, SIGKILL, NULL));
    wait_over(fixture);
    wait_over(&found);
    g_assert_true(WIFSIGNALED(fixture->status) && WTERMSIG(fixture->status) == SIGKILL);
    g_assert_cmpint(found.status, ==, -1);
    g_assert_cmpint(qemu_process_probe(fixture->pidfile, "/proc", NULL, &pid), ==,
                    QEMU_PROCESS_DEAD);
    g_assert_true(qemu_process_kill(process, SIGTERM, NULL));
    g_autofree char *words = qemu_process_read_log(fixture->log, 0);
    g_assert_cmpstr(words, ==, "went wrong");
    qemu_process_free(process);
    qemu_process_free(adopted);
}

static void
test_descriptors(Fixture *fixture, gconstpointer data)
{
    int pair[2];
    int leaked = open("/dev/null", O_RDONLY); /* without close-on-exec, on purpose */
    char text[64] = "";
    g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
    QemuProcess *process =
        spawn(fixture, "/bin/sh", "echo $(ls /proc/self/fd | wc -l) >/proc/self/fd/10; exit 3",
              pair[1], NULL);
    close(pair[1]);
    wait_over(fixture);
    g_assert_cmpint(read(pair[0], text, sizeof text), >, 0);
    g_assert_cmpstr(text, ==, "6\n"); /* 0, 1, 2, the lock, 10, and ls's own */
    g_assert_true(WIFEXITED(fixture->status) && WEXITSTATUS(fixture->status) == 3);
    qemu_process_free(process);
    close(pair[0]);
    close(leaked);
}

/* Nothing of the program runs before it is released; then everything is as ever. */
static void
test_held(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int pair[2];
    char byte;
    pid_t pid = 0;
    cpu_set_t all, now;
    g_autofree char *first = NULL;
    g_autoptr(VbBitset) cpus = NULL;
    guint cpu = 0;
    g_assert_cmpint(sched_getaffinity(0, sizeof all, &all), ==, 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    first = g_strdup_printf("%u", cpu);
    cpus = vb_bitset_parse(first);
    fixture->cpus = cpus;
    g_assert_cmpint(pipe2(pair, O_CLOEXEC | O_NONBLOCK), ==, 0);
    QemuProcess *process =
        spawn_as(fixture, "/bin/sh", "echo >/proc/self/fd/10; kill -STOP $$; exit 3", pair[1], TRUE,
                 &error);
    g_assert_no_error(error);
    while (qemu_process_probe(fixture->pidfile, "/proc", NULL, &pid) != QEMU_PROCESS_ALIVE)
        g_usleep(100);
    g_assert_cmpint(pid, ==, qemu_process_get_pid(process));
    g_assert_cmpint(read(pair[0], &byte, 1), ==, -1);
    /* what a move between control groups does to it */
    g_assert_cmpint(sched_setaffinity(pid, sizeof all, &all), ==, 0);
    g_assert_true(qemu_process_release(process, &error));
    g_assert_true(qemu_process_release(process, &error)); /* nothing more to do */
    while (read(pair[0], &byte, 1) != 1)
        g_usleep(100);
    g_assert_cmpint(sched_getaffinity(pid, sizeof now, &now), ==, 0);
    g_assert_true(CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now));
    while (!fixture->is_over) { /* it stops itself at a time of its own */
        g_assert_true(qemu_process_kill(process, SIGCONT, NULL));
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_true(WIFEXITED(fixture->status) && WEXITSTATUS(fixture->status) == 3);
    qemu_process_free(process);
    close(pair[0]);
    close(pair[1]);
}

/* A daemon that dies leaves no child behind that waits for ever. */
static void
test_held_and_forgotten(Fixture *fixture, gconstpointer data)
{
    pid_t pid = 0;
    int status;
    QemuProcess *process = spawn_as(fixture, "/bin/sh", "exit 0", -1, TRUE, NULL);
    pid = qemu_process_get_pid(process);
    qemu_process_free(process);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}

static void
test_held_without_program(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    QemuProcess *process = spawn_as(fixture, "/nonexistent/qemu", "", -1, TRUE, &error);
    g_assert_no_error(error);
    g_assert_false(qemu_process_release(process, &error));
    g_assert_cmpstr(error->message, ==,
                    "Cannot execute binary '/nonexistent/qemu': No such file or directory");
    wait_over(fixture);
    qemu_process_free(process);
}

static void
test_no_exec(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(spawn(fixture, "/nonexistent/qemu", "", -1, &error));
    g_assert_cmpstr(error->message, ==,
                    "Cannot execute binary '/nonexistent/qemu': No such file or directory");
    pid_t pid = 0;
    g_assert_cmpint(qemu_process_probe(fixture->pidfile, "/proc", NULL, &pid), ==,
                    QEMU_PROCESS_DEAD);
}

static void
test_foreign_pidfile(Fixture *fixture, gconstpointer data)
{
    g_autofree char *other = g_build_filename(fixture->folder, "other.pid", NULL);
    pid_t pid = 0;
    QemuProcess *process = spawn(fixture, "/bin/sh", "sleep 60; true", -1, NULL);
    g_autofree char *text = g_strdup_printf("%d\n", (int)qemu_process_get_pid(process));
    g_assert_true(g_file_set_contents(other, text, -1, NULL));
    g_assert_cmpint(qemu_process_probe(other, "/proc", NULL, &pid), ==, QEMU_PROCESS_DEAD);
    g_assert_cmpint(qemu_process_probe(other, "/proc", "no-such-guest", &pid), ==,
                    QEMU_PROCESS_DEAD);
    const char *uuid = "e2c84f2e-0000-4000-8000-000000000001";
    g_assert_cmpint(qemu_process_probe(other, "/proc", uuid, &pid), ==, QEMU_PROCESS_ALIVE);
    kill(-qemu_process_get_pid(process), SIGKILL);
    wait_over(fixture);
    g_unlink(other);
    qemu_process_free(process);
}

static void
test_log(Fixture *fixture, gconstpointer data)
{
    g_assert_true(g_file_set_contents(fixture->log,
                                      "old\nchar device redirected to /dev/pts/1 (label x)\nnew\n",
                                      -1, NULL));
    g_autofree char *words = qemu_process_read_log(fixture->log, 4);
    g_assert_cmpstr(words, ==, "new");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/process/life", Fixture, NULL, setup, test_life, teardown);
    g_test_add("/process/descriptors", Fixture, NULL, setup, test_descriptors, teardown);
    g_test_add("/process/held", Fixture, NULL, setup, test_held, teardown);
    g_test_add("/process/held/forgotten", Fixture, NULL, setup, test_held_and_forgotten, teardown);
    g_test_add("/process/held/no-exec", Fixture, NULL, setup, test_held_without_program, teardown);
    g_test_add("/process/no-exec", Fixture, NULL, setup, test_no_exec, teardown);
    g_test_add("/process/foreign-pidfile", Fixture, NULL, setup, test_foreign_pidfile, teardown);
    g_test_add("/process/log", Fixture, NULL, setup, test_log, teardown);
    return g_test_run();
}
