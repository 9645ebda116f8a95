/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The emulator's process: fork, exec, watch by pidfd, kill, find again. Owns the pidfd and its watch, never the process:
 * that lives on without us. The child between fork and exec uses async-signal-safe calls only. */
#include "process.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL 4096  /* bytes of the emulator's words that go into an error */
#define LOCK_FD 3      /* of the pid file, in the emulator */
#define MAX_NODES 1024 /* the kernel's limit, MAX_NUMNODES */
#define REPORT_FD 4    /* closed by exec; carries errno when exec fails */
#define HOLD_FD 5      /* closed by exec; a byte from it lets a held child go on */

struct _QemuProcess {
    pid_t pid;
    int pidfd;
    guint watch;
    gboolean is_child;
    int report_fd, hold_fd; /* while it is held; else -1 */
    char *program;          /* as well; else NULL */
    QemuProcessExited exited;
    gpointer data;
};

typedef struct {
    const QemuProcessSpec *spec;
    int log_fd, lock_fd, report_fd, null_fd;
    int hold_fd; /* -1: it is not held */
    char **argv, **env;
    cpu_set_t *cpus;      /* NULL: as they are */
    unsigned long *nodes; /* a bit per NUMA node; NULL: as they are */
    QemuProcessExited exited;
    gpointer data;
} ChildSetup;

/* ---- watching ---- */

static gboolean
on_exit_seen(int fd, GIOCondition condition, gpointer data)
{
    QemuProcess *process = data;
    siginfo_t info = {0};
    int status = -1;
    process->watch = 0;
    if (process->is_child && waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) == 0) {
        if (info.si_code == CLD_EXITED)
            status = W_EXITCODE(info.si_status, 0);
        else
            status = W_EXITCODE(0, info.si_status);
    }
    process->exited(process, status, process->data);
    return G_SOURCE_REMOVE;
}

static QemuProcess *
watch_process(pid_t pid, QemuProcessExited exited, gpointer data, GError **error)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        vb_error_set_errno(error, errno, "cannot watch process %d", (int)pid);
        return NULL;
    }
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    QemuProcess *process = g_new0(QemuProcess, 1);
    process->pid = pid;
    process->pidfd = pidfd;
    process->report_fd = process->hold_fd = -1;
    process->exited = exited;
    process->data = data;
    process->watch = g_unix_fd_add(pidfd, G_IO_IN, on_exit_seen, process);
    return process;
}

QemuProcess *
qemu_process_adopt(pid_t pid, QemuProcessExited exited, gpointer data, GError **error)
{
    return watch_process(pid, exited, data, error);
}

/* A child that is still held reads the end of the pipe, and ends. */
static void
let_go(QemuProcess *process)
{
    if (process->hold_fd >= 0)
        close(process->hold_fd);
    if (process->report_fd >= 0)
        close(process->report_fd);
    process->hold_fd = process->report_fd = -1;
    g_clear_pointer(&process->program, g_free);
}

void
qemu_process_free(QemuProcess *process)
{
    if (!process)
        return;
    g_clear_handle_id(&process->watch, g_source_remove);
    close(process->pidfd);
    let_go(process);
    g_free(process);
}

pid_t
qemu_process_get_pid(const QemuProcess *process)
{
    return process->pid;
}

gboolean
qemu_process_has_ended(const QemuProcess *process)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

/* A process that is gone already is no error. */
gboolean
qemu_process_kill(QemuProcess *process, int signal_number, GError **error)
{
    if (syscall(SYS_pidfd_send_signal, process->pidfd, signal_number, NULL, 0) == 0 ||
        errno == ESRCH)
        return TRUE;
    return vb_error_set_errno(error, errno, "failed to send signal %d to process %d", signal_number,
                              (int)process->pid);
}

/* ---- starting ---- */

cpu_set_t *
qemu_cpu_set_new(const VbBitset *cpus)
{
    cpu_set_t *set = g_malloc0(QEMU_CPU_SET_SIZE);
    VB_BITSET_EACH(cpu, cpus)
    {
        if ((gsize)cpu < QEMU_CPU_SET_SIZE * 8)
            CPU_SET_S((gsize)cpu, QEMU_CPU_SET_SIZE, set);
    }
    return set;
}

static unsigned long *
node_mask_new(const VbBitset *nodes)
{
    const guint bits = 8 * sizeof(unsigned long);
    unsigned long *mask = g_new0(unsigned long, MAX_NODES / bits);
    VB_BITSET_EACH(node, nodes)
    {
        if (node < MAX_NODES)
            mask[(guint)node / bits] |= 1ul << ((guint)node % bits);
    }
    return mask;
}

static void
child_fail(int report_fd)
{
    int errsv = errno;
    gssize ignored = write(report_fd, &errsv, sizeof errsv);
    (void)ignored;
    _exit(127);
}

static void
child_write_pid(int fd)
{
    char text[16];
    gsize at = sizeof text;
    text[--at] = '\n';
    for (pid_t pid = getpid(); pid > 0; pid /= 10)
        text[--at] = (char)('0' + pid % 10);
    if (write(fd, text + at, sizeof text - at) != (gssize)(sizeof text - at))
        child_fail(REPORT_FD);
}

static void
child_wait(void)
{
    char byte;
    gssize n;
    do {
        n = read(HOLD_FD, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(127); /* whoever wanted it is gone */
}

/* Every source lies above all targets (the parent saw to that), so no dup2 hits another's source. */
static void
child_run(const ChildSetup *setup)
{
    const QemuProcessSpec *spec = setup->spec;
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (dup2(setup->report_fd, REPORT_FD) < 0 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0)
        _exit(127);
    if (dup2(setup->null_fd, 0) < 0 || dup2(setup->log_fd, 1) < 0 || dup2(setup->log_fd, 2) < 0 ||
        dup2(setup->lock_fd, LOCK_FD) < 0 ||
        (setup->hold_fd >= 0 && dup2(setup->hold_fd, HOLD_FD) < 0))
        child_fail(REPORT_FD);
    if (close_range(REPORT_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || chdir("/") < 0)
        child_fail(REPORT_FD);
    for (guint i = 0; i < spec->n_fds; i++) {
        if (dup2(spec->fds[i].source, spec->fds[i].target) < 0)
            child_fail(REPORT_FD);
    }
    /* Source: set_mempolicy(2); the C library has no function for it. The kernel looks at one bit less than it is told. */
    if (setup->nodes &&
        syscall(SYS_set_mempolicy, spec->memory_policy, setup->nodes, MAX_NODES + 1) < 0)
        child_fail(REPORT_FD);
    umask(
        0002); /* Source: libvirt starts emulators with this mask: group members may use the guest's sockets */
    child_write_pid(LOCK_FD);
    if (setup->hold_fd >= 0)
        child_wait();
    /* after the process was moved: a group with processors of its own undoes it */
    if (setup->cpus && sched_setaffinity(0, QEMU_CPU_SET_SIZE, setup->cpus) < 0)
        child_fail(REPORT_FD);
    execve(setup->argv[0], setup->argv, setup->env);
    child_fail(REPORT_FD);
}

static int
lift_fd(int fd, int above)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, above);
}

/* The pid file, locked. The lock belongs to the open file: parent and child hold it together, the child keeps it. */
static int
open_pidfile(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        vb_error_set_errno(error, errno, "cannot create pid file '%s'", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0)
        return fd;
    vb_error_set(error, VIR_ERR_RESOURCE_BUSY, "pid file '%s' belongs to a running emulator", path);
    close(fd);
    return -1;
}

/* Blocks until exec, well under a millisecond; the pipe's end of file means success. */
static gboolean
await_exec(int report_fd, const char *program, GError **error)
{
    int errsv = 0;
    gssize n;
    do {
        n = read(report_fd, &errsv, sizeof errsv);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        return TRUE;
    return vb_error_set_errno(error, n == sizeof errsv ? errsv : EIO, "Cannot execute binary '%s'",
                              program);
}

gboolean
qemu_process_release(QemuProcess *process, GError **error)
{
    gboolean is_running = TRUE;
    if (process->hold_fd < 0)
        return TRUE;
    if (write(process->hold_fd, "", 1) != 1)
        is_running =
            vb_error_set_errno(error, errno, "Cannot execute binary '%s'", process->program);
    else
        is_running = await_exec(process->report_fd, process->program, error);
    let_go(process);
    return is_running;
}

/* a pipe whose end @i goes to the child, away from what it has at fixed places */
static gboolean
open_pipe(int ends[2], guint i, GError **error)
{
    int low;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return vb_error_set_errno(error, errno, "cannot create pipe");
    low = ends[i];
    ends[i] = lift_fd(low, 100);
    close(low);
    return TRUE;
}

static QemuProcess *
watch_child(pid_t pid, const ChildSetup *setup, int report_fd, int hold_fd, GError **error)
{
    QemuProcess *process;
    if (hold_fd < 0 && !await_exec(report_fd, setup->argv[0], error)) {
        waitpid(pid, NULL, 0);
        return NULL;
    }
    process = watch_process(pid, setup->exited, setup->data, error);
    if (!process)
        return NULL;
    process->is_child = TRUE;
    if (hold_fd >= 0) {
        process->program = g_strdup(setup->argv[0]);
        process->report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 0);
        process->hold_fd = fcntl(hold_fd, F_DUPFD_CLOEXEC, 0);
    }
    return process;
}

static void
close_ends(const int *fds, guint n)
{
    for (guint i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static QemuProcess *
fork_child(ChildSetup *setup, GError **error)
{
    int report[2] = {-1, -1}, hold[2] = {-1, -1};
    QemuProcess *process = NULL;
    if (open_pipe(report, 1, error) && (!setup->spec->is_held || open_pipe(hold, 0, error))) {
        setup->report_fd = report[1];
        setup->hold_fd = hold[0];
        pid_t pid = fork();
        if (pid == 0) {
            close_ends(hold + 1, 1); /* so that our end is the daemon's too */
            child_run(setup);
        }
        const int errsv = errno;
        close_ends(report + 1, 1);
        report[1] = -1;
        if (pid < 0)
            vb_error_set_errno(error, errsv, "cannot fork child process");
        else
            process = watch_child(pid, setup, report[0], hold[1], error);
    }
    close_ends(report, 2);
    close_ends(hold, 2);
    return process;
}

static void
setup_close(ChildSetup *setup)
{
    int fds[] = {setup->log_fd, setup->lock_fd, setup->null_fd};
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static gboolean
setup_open(ChildSetup *setup, GError **error)
{
    const QemuProcessSpec *spec = setup->spec;
    setup->lock_fd = open_pidfile(spec->pidfile_path, error);
    if (setup->lock_fd < 0)
        return FALSE;
    setup->log_fd =
        open(spec->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (setup->log_fd < 0) {
        g_warning("failed to open logfile %s: %s", spec->log_path, g_strerror(errno));
        setup->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    setup->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (setup->null_fd < 0)
        return vb_error_set_errno(error, errno, "cannot open /dev/null");
    return TRUE;
}

/* Moves every source above every target, so that the child's dup2 calls cannot meet. */
static QemuProcessFd *
lift_sources(const QemuProcessSpec *spec, int *ret_above)
{
    int above = 100;
    QemuProcessFd *fds = g_new0(QemuProcessFd, spec->n_fds + 1);
    for (guint i = 0; i < spec->n_fds; i++)
        above = MAX(above, spec->fds[i].target + 1);
    for (guint i = 0; i < spec->n_fds; i++) {
        fds[i].target = spec->fds[i].target;
        fds[i].source = lift_fd(spec->fds[i].source, above);
    }
    *ret_above = above;
    return fds;
}

/**
 * qemu_process_spawn:
 * @spec: argv[0] is an absolute path; env is the whole environment; fds' targets lie at QEMU_PROCESS_FIRST_FD or above
 * @exited: once, from the loop, when the process has ended, however that comes
 *
 * Returns: (transfer full): the running process, in a session of its own
 * Errors: RESOURCE_BUSY the pid file's lock is held by a living emulator; SYSTEM_ERROR
 */
QemuProcess *
qemu_process_spawn(const QemuProcessSpec *spec, QemuProcessExited exited, gpointer data,
                   GError **error)
{
    QemuProcessSpec lifted = *spec;
    int above;
    g_autofree QemuProcessFd *fds = lift_sources(spec, &above);
    lifted.fds = fds;
    ChildSetup setup = {.spec = &lifted,
                        .log_fd = -1,
                        .lock_fd = -1,
                        .null_fd = -1,
                        .argv = (char **)spec->argv,
                        .env = (char **)spec->env,
                        .cpus = spec->cpus ? qemu_cpu_set_new(spec->cpus) : NULL,
                        .nodes = spec->nodes ? node_mask_new(spec->nodes) : NULL,
                        .exited = exited,
                        .data = data};
    QemuProcess *process = NULL;
    if (setup_open(&setup, error)) {
        ChildSetup high = setup;
        high.log_fd = lift_fd(setup.log_fd, above);
        high.lock_fd = lift_fd(setup.lock_fd, above);
        high.null_fd = lift_fd(setup.null_fd, above);
        process = fork_child(&high, error);
        setup_close(&high);
    }
    setup_close(&setup);
    g_free(setup.cpus);
    g_free(setup.nodes);
    for (guint i = 0; i < spec->n_fds; i++)
        close(fds[i].source);
    return process;
}

/* ---- finding again ---- */

static pid_t
parse_pid(const char *text)
{
    guint64 pid = g_ascii_strtoull(text, NULL, 10);
    return pid > 1 && pid < G_MAXINT ? (pid_t)pid : 0;
}

/* An emulator without our lock: started by libvirt. Its command line names the guest by UUID. */
static gboolean
runs_guest(const char *procfs, pid_t pid, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("%s/%d/cmdline", procfs, (int)pid);
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!uuid || !g_file_get_contents(path, &text, &length, NULL))
        return FALSE;
    for (gsize at = 0; at < length; at += strlen(text + at) + 1) {
        if (strcmp(text + at, uuid) == 0)
            return TRUE;
    }
    return FALSE;
}

/**
 * qemu_process_probe:
 * @uuid: (nullable): of the guest; lets a pid file without a lock count when that process' command line has it
 * @ret_pid: (out): the process; set with ALIVE only
 */
QemuProcessLife
qemu_process_probe(const char *pidfile_path, const char *procfs, const char *uuid, pid_t *ret_pid)
{
    char text[32] = "";
    int fd = open(pidfile_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return QEMU_PROCESS_DEAD;
    gssize n = read(fd, text, sizeof text - 1);
    text[MAX(n, 0)] = '\0';
    gboolean is_locked = flock(fd, LOCK_EX | LOCK_NB) < 0;
    close(fd);
    pid_t pid = parse_pid(text);
    if (is_locked && pid == 0)
        return QEMU_PROCESS_STARTING;
    if (pid == 0 || (!is_locked && !runs_guest(procfs, pid, uuid)))
        return QEMU_PROCESS_DEAD;
    *ret_pid = pid;
    return QEMU_PROCESS_ALIVE;
}

/**
 * qemu_process_read_log:
 * @offset: length of the log before the start
 *
 * Returns: (transfer full): what the emulator said since, at most the last 4 KiB, without lines about redirected
 * character devices and without the trailing line end; "" when it said nothing
 */
char *
qemu_process_read_log(const char *log_path, goffset offset)
{
    g_autofree char *buffer = g_malloc0(LOG_TAIL + 1);
    GString *words = g_string_new(NULL);
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0)
        return g_string_free(words, FALSE);
    if (fstat(fd, &info) == 0 && info.st_size - LOG_TAIL > offset)
        offset = info.st_size - LOG_TAIL;
    gssize n = pread(fd, buffer, LOG_TAIL, offset);
    close(fd);
    buffer[MAX(n, 0)] = '\0';
    g_auto(GStrv) lines = g_strsplit(buffer, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (!**line || strstr(*line, "char device redirected to"))
            continue;
        if (words->len > 0)
            g_string_append_c(words, '\n');
        g_string_append(words, *line);
    }
    return g_string_free(words, FALSE);
}
