/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that serve a guest beside its emulator: its TPM, its shared folders, its connection, its bus. Each has a locked
 * pid file as the emulator has one, is owed ("process PIDFILE") before it is started, found again by a new daemon, and gone
 * with the guest. */
#pragma once
#include "domain.h"

/* @wait_status as of waitpid; -1: unknown */
typedef void (*QemuHelperEnded)(QemuDomain *domain, int wait_status);
/* Once, from the loop. @error: it ended before it was ready; owned by the caller */
typedef void (*QemuHelperReady)(QemuDomain *domain, const GError *error, gpointer data);

typedef struct {
    const char *what; /* "swtpm": for errors */
    const char *const *argv;
    const char *log_path, *pidfile_path;
    const QemuProcessFd *fds;
    guint n_fds;
    QemuHelperEnded
        ended; /* of one that does something and ends; NULL: it stays as long as the guest */
    QemuHelperReady ready; /* of one that says when it can be used; NULL: nobody waits */
    gpointer ready_data;
    int ready_fd; /* with @ready: the reading end of qemu_helper_ready_path(); taken, even on failure */
} QemuHelperSpec;

/* Errors: SYSTEM_ERROR it cannot be executed; RESOURCE_BUSY the pid file is another's */
gboolean qemu_helper_start(QemuDomain *domain, const QemuHelperSpec *spec, GError **error);
/* (transfer full) A FIFO, made by the caller: what the helper writes there says that it is ready. As a word of the command
 * line it also tells whose process it is, should that one let go of the lock. */
char *qemu_helper_ready_path(const char *pidfile_path);
/* After a restart: watches those that live, by what the guest owes. */
void qemu_helpers_adopt(QemuDomain *domain);
/* Ends what still runs. TRUE: @done comes later, from the loop, once for all who asked; FALSE: nothing runs. */
gboolean qemu_helpers_end(QemuDomain *domain, void (*done)(QemuDomain *domain));
/* Those with an end of their own are ended at once; what waits for them is told. */
void qemu_helpers_interrupt(QemuDomain *domain);
/* One of a guest that runs on; its end is expected then, and what is owed paid. */
void qemu_helper_end(QemuDomain *domain, const char *pidfile_path);
void qemu_helpers_drop(QemuDomain *domain); /* they run on, unwatched */
/* (transfer full) pid_t of each and of its children: what belongs into the guest's control group */
GArray *qemu_helpers_get_pids(const QemuDomain *domain);

/* an owed clean-up: ends what has the lock of a pid file, removes the file */
void qemu_helper_remove_owed(const char *pidfile_path);
