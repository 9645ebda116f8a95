/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The emulator's process: started so that it outlives the daemon, found again by its pid file. The pid file is locked
 * (flock) before fork, the lock is inherited across exec, and the child writes its own pid into it: whoever finds the
 * lock taken knows that the process lives, whenever the daemon was killed. */
#pragma once
#include <glib.h>
#include <sched.h>
#include "base/bitset.h"

typedef struct {
    int source; /* descriptor of the daemon */
    int target; /* its number in the emulator */
} QemuProcessFd;

typedef struct {
    const char *const *argv;
    const char *const *env;
    const char
        *log_path; /* standard output and error are appended here; header lines are the caller's */
    const char *pidfile_path;
    const VbBitset *cpus;     /* that it may use; NULL: those of the daemon */
    const VbBitset *nodes;    /* whose memory it gets; NULL: the daemon's policy */
    int memory_policy;        /* MPOL_*, with @nodes */
    const QemuProcessFd *fds; /* inherited, besides 0-2 and the lock */
    guint n_fds;
    gboolean
        is_held; /* runs its program when qemu_process_release() says so, ends if nobody does */
} QemuProcessSpec;

#define QEMU_CPU_SET_SIZE CPU_ALLOC_SIZE(8192) /* Source: the kernel's limit, NR_CPUS */
cpu_set_t *
qemu_cpu_set_new(const VbBitset *cpus); /* (transfer full) for sched_setaffinity; g_free() */

typedef struct _QemuProcess QemuProcess;
/* @wait_status as of waitpid; -1: not our child, unknown. Once, from the loop. */
typedef void (*QemuProcessExited)(QemuProcess *process, int wait_status, gpointer data);

/* Errors: SYSTEM_ERROR fork or exec failed (named), RESOURCE_BUSY the pid file's lock is held by a living emulator */
QemuProcess *qemu_process_spawn(const QemuProcessSpec *spec, QemuProcessExited exited,
                                gpointer data, GError **error);
/* Errors: SYSTEM_ERROR exec failed (named): the process has ended, which is told as ever */
gboolean qemu_process_release(QemuProcess *process, GError **error);
/* First descriptor number that spec->fds may use as a target, clear of what spawn itself needs */
#define QEMU_PROCESS_FIRST_FD 10

typedef enum {
    QEMU_PROCESS_DEAD, /* nobody holds the lock, or the pid is gone or another program's */
    QEMU_PROCESS_ALIVE,
    QEMU_PROCESS_STARTING, /* lock held, pid not written yet: look again soon */
} QemuProcessLife;
/* @procfs "/proc". A pid file without a lock (libvirt's own) is trusted if that process runs with "guest=NAME" or
 * @uuid in its command line. */
QemuProcessLife qemu_process_probe(const char *pidfile_path, const char *procfs, const char *uuid,
                                   pid_t *ret_pid);
/* Watches a process found by qemu_process_probe; NULL with @error when it is gone (ESRCH) */
QemuProcess *qemu_process_adopt(pid_t pid, QemuProcessExited exited, gpointer data, GError **error);
void qemu_process_free(QemuProcess *process); /* stops watching; the process lives on */

pid_t qemu_process_get_pid(const QemuProcess *process);
gboolean qemu_process_has_ended(const QemuProcess *process); /* even if nobody was told yet */
gboolean qemu_process_kill(QemuProcess *process, int signal_number,
                           GError **error); /* by pidfd: never a stranger */
/* What the emulator wrote since @offset, without "char device redirected" lines; at most 4 KiB, the end of it */
char *qemu_process_read_log(const char *log_path, goffset offset);
