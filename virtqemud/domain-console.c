/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Consoles: a descriptor for one caller at a time. Who has a pty is known by an flock on the open file itself: it ends
 * with the last copy of the descriptor, whoever holds it, and outlives this daemon. */
#include "base/error.h"
#include "domain-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_AGAIN_MS 20
#define LOCK_TRIES 250

static VbDomainChr *
find_console(QemuDomain *domain, const char *device)
{
    const VbDomainDef *def = domain->live;
    GPtrArray *lists[] = {def->consoles, def->serials, def->parallels, def->channels};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainChr, chr, lists[i])
        {
            if (!device || !*device)
                return chr;
            if (g_strcmp0(chr->info.alias, device) == 0)
                return chr;
        }
    }
    return NULL;
}

static int
open_terminal(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        vb_error_set_errno(error, errno, "unable to open console '%s'", path);
    return fd;
}

typedef struct {
    int fd;
    guint n_tries;
} LateLock;

/* The one who was hung up still holds the lock until he notices and closes. */
static gboolean
lock_later(gpointer data)
{
    LateLock *late = data;
    if (flock(late->fd, LOCK_EX | LOCK_NB) < 0 && ++late->n_tries < LOCK_TRIES)
        return G_SOURCE_CONTINUE;
    close(late->fd);
    g_free(late);
    return G_SOURCE_REMOVE;
}

/* Takes the terminal from whoever has it: his descriptor is at its end. The emulator comes back by itself. */
static int
take_over(const char *path, int fd, GError **error)
{
    gboolean is_hung_up = ioctl(fd, TIOCVHANGUP) == 0;
    if (!is_hung_up)
        vb_error_set_errno(error, errno, "unable to take console '%s' from its user", path);
    close(fd);
    if (!is_hung_up)
        return -1;
    fd = open_terminal(path, error);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    LateLock *late = g_new0(LateLock, 1);
    late->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    g_timeout_add(LOCK_AGAIN_MS, lock_later, late);
    return fd;
}

static int
open_pty(const char *path, guint flags, GError **error)
{
    int fd = open_terminal(path, error);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (flags & VIR_DOMAIN_CONSOLE_FORCE)
        return take_over(path, fd, error);
    close(fd);
    vb_error_set(error, VIR_ERR_OPERATION_FAILED, "Active console session exists for this domain");
    if (error)
        vb_error_set_reason(*error, "ConsoleInUse", path);
    return -1;
}

static int
open_socket(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int errsv = ENAMETOOLONG;
    if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path) {
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        errsv = errno;
    }
    if (fd >= 0)
        close(fd);
    vb_error_set_errno(error, errsv, "unable to connect to console '%s'", path);
    return -1;
}

/**
 * qemu_domain_open_console:
 * @device: (nullable): alias; NULL or "": the first console
 * @flags: VIR_DOMAIN_CONSOLE_FORCE takes it from whoever has it; SAFE is always so
 *
 * Returns: (transfer full): a non-blocking descriptor; the console is free again when its last copy is closed
 * Errors: OPERATION_INVALID not running; INVALID_ARG no such device; OPERATION_FAILED in use, or of another kind
 */
int
qemu_domain_open_console(QemuDomain *domain, const char *device, guint flags, GError **error)
{
    if (!qemu_domain_check_active(domain, error))
        return -1;
    VbDomainChr *chr = find_console(domain, device);
    if (!chr) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "cannot find console device '%s'",
                     device && *device ? device : "default");
        return -1;
    }
    if (chr->source.type == VB_DOMAIN_CHR_PTY && chr->source.path)
        return open_pty(chr->source.path, flags, error);
    if (chr->source.type == VB_DOMAIN_CHR_UNIX && chr->source.path)
        return open_socket(chr->source.path, error);
    vb_error_set(error, VIR_ERR_OPERATION_FAILED, "character device %s is not using a PTY",
                 device && *device ? device
                 : chr->info.alias ? chr->info.alias
                                   : "default");
    return -1;
}
