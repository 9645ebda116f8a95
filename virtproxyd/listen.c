/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of the proxy: handed over by systemd, or made below the root. Owns the paths of those that it made. */
#include "listen.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/error.h"

/* The names that clients open: the classic one, and one per daemon for newer clients. Every program is served on each.
 * virtxend-sock is not among them: clients take its existence for a Xen host. */
static const char *const socket_names[] = {
    "libvirt",        "virtqemud",     "virtnodedevd", "virtnetworkd",
    "virtinterfaced", "virtnwfilterd", "virtsecretd",  "virtstoraged",
};

struct _ProxyListen {
    ProxyServer *server;
    gboolean needs_polkit;
    GPtrArray *paths; /* of sockets made here, removed at the end */
};

static int
socket_bind(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path)) {
        vb_error_set(error, VIR_ERR_SYSTEM_ERROR, "socket path '%s' is too long", path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    /* Everybody may connect: what one may do is decided by polkit in the daemons. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0) {
        vb_error_set_errno(error, errno, "Failed to bind socket to '%s'", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static gboolean
serve(ProxyListen *self, int fd, const char *name, gboolean is_readonly, GError **error)
{
    return proxy_server_listen(self->server, fd, name, is_readonly, self->needs_polkit, error);
}

static gboolean
serve_own_sockets(ProxyListen *self, const char *folder, GError **error)
{
    if (g_mkdir_with_parents(folder, 0755) < 0)
        return vb_error_set_errno(error, errno, "cannot create directory '%s'", folder);
    for (guint i = 0; i < G_N_ELEMENTS(socket_names) * 2; i++) {
        gboolean is_readonly = i % 2 != 0;
        g_autofree char *path =
            g_strdup_printf("%s/%s-sock%s", folder, socket_names[i / 2], is_readonly ? "-ro" : "");
        int fd = socket_bind(path, error);

        if (fd < 0)
            return FALSE;
        g_ptr_array_add(self->paths, g_strdup(path));
        if (!serve(self, fd, path, is_readonly, error))
            return FALSE;
    }
    return TRUE;
}

/* Sockets handed over by systemd: all of a socket unit carry the unit's one name. */
static gboolean
serve_passed_sockets(ProxyListen *self, VbService *service, guint *ret_n, GError **error)
{
    static const char *const names[] = {"rw", "ro"};
    int fd;

    *ret_n = 0;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        while ((fd = vb_service_take_fd(service, names[i])) >= 0) {
            if (!serve(self, fd, names[i], i == 1, error))
                return FALSE;
            (*ret_n)++;
        }
    return TRUE;
}

static char *
default_folder(VbService *service)
{
    if (vb_service_is_session(service))
        return g_build_filename(g_get_user_runtime_dir(), "libvirt", NULL);
    return vb_service_path(service, "/run/libvirt");
}

/**
 * proxy_listen_new:
 * @folder: (nullable): of the sockets, where none is handed over
 * @needs_polkit: whether clients other than root authenticate
 *
 * Returns: (transfer full): NULL with @error set
 * Errors: SYSTEM_ERROR a socket cannot be bound
 */
ProxyListen *
proxy_listen_new(ProxyServer *server, VbService *service, const char *folder, gboolean needs_polkit,
                 GError **error)
{
    ProxyListen *self = g_new0(ProxyListen, 1);
    g_autofree char *own = folder ? g_strdup(folder) : default_folder(service);
    guint n_passed;

    self->server = server;
    self->needs_polkit = needs_polkit;
    self->paths = g_ptr_array_new_with_free_func(g_free);
    if (serve_passed_sockets(self, service, &n_passed, error) &&
        (n_passed > 0 || serve_own_sockets(self, own, error)))
        return self;
    proxy_listen_free(self);
    return NULL;
}

void
proxy_listen_free(ProxyListen *self)
{
    if (!self)
        return;
    for (guint i = 0; i < self->paths->len; i++)
        unlink(self->paths->pdata[i]);
    g_ptr_array_unref(self->paths);
    g_free(self);
}
