/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts the short-lived emulators of probes: they die with the daemon and leave no core files. */
#include "caps/caps-private.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* between fork and exec */
static void
prepare_child(gpointer data)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

gboolean
qemu_probe_spawn(const QemuProbeSpawn *spawn, GPid *ret_pid, GError **error)
{
    g_autoptr(GError) local = NULL;
    int target = 3;
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD;

    if (!spawn->ret_stderr_fd)
        flags |= G_SPAWN_STDERR_TO_DEV_NULL;
    flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
    if (!g_spawn_async_with_pipes_and_fds(NULL, spawn->argv, NULL, flags, prepare_child, NULL, -1,
                                          -1, -1, spawn->fd >= 0 ? &spawn->fd : NULL,
                                          spawn->fd >= 0 ? &target : NULL, spawn->fd >= 0 ? 1 : 0,
                                          ret_pid, NULL, NULL, spawn->ret_stderr_fd, &local))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "cannot start '%s': %s", spawn->argv[0],
                            local->message);
    if (spawn->ret_stderr_fd)
        (void)fcntl(*spawn->ret_stderr_fd, F_SETFL, O_NONBLOCK);
    return TRUE;
}
