/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* passt makes its socket itself, as the user that it changes to (nobody, when it is started as root), in a folder of that
 * user's. What it calls its pid file is a FIFO: it is written once the socket listens. Source of paths and options: libvirt
 * 9.1 and passt(1). */
#include "passt.h"

#include "base/error.h"
#include "command/command.h"
#include "domain-private.h"
#include "prepare.h"
#include "status.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
qemu_passt_serves(const VbDomainNet *net)
{
    return net->type == VB_DOMAIN_NET_USER && net->backend == VB_DOMAIN_NET_BACKEND_PASST;
}

/* ---- where things are ---- */

typedef struct {
    char *socket, *pidfile, *ready, *log;
} Paths;

static void
paths_init(Paths *paths, const QemuDomain *domain, const VbDomainNet *net)
{
    QemuManager *manager = domain->manager;
    const char *alias = net->info.alias;
    g_autofree char *own = qemu_manager_domain_dir(manager, domain);
    g_autofree char *guest = qemu_prepare_short_name(domain);
    g_autofree char *pid_name = g_strdup_printf("%s-%s-passt.pid", guest, alias);
    g_autofree char *log_name = g_strdup_printf("%s-%s-passt.log", domain->name, alias);
    paths->socket = qemu_command_passt_socket(manager->run_dir, own, alias);
    paths->pidfile = g_build_filename(manager->run_dir, pid_name, NULL);
    paths->ready = qemu_helper_ready_path(paths->pidfile);
    paths->log = g_build_filename(manager->log_dir, log_name, NULL);
}

static void
paths_clear(Paths *paths)
{
    g_free(paths->socket);
    g_free(paths->pidfile);
    g_free(paths->ready);
    g_free(paths->log);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Paths, paths_clear)

static void
owe(QemuDomain *domain, const Paths *paths)
{
    qemu_domain_owe(domain, "file", paths->socket);
    qemu_domain_owe(domain, "file", paths->ready);
    qemu_domain_owe(domain, "process", paths->pidfile);
}

void
qemu_passt_owe(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        g_auto(Paths) paths = {0};
        if (!qemu_passt_serves(net))
            continue;
        paths_init(&paths, domain, net);
        owe(domain, &paths);
    }
}

void
qemu_passt_end(QemuDomain *domain, const VbDomainNet *net)
{
    g_auto(Paths) paths = {0};
    paths_init(&paths, domain, net);
    qemu_helper_end(domain, paths.pidfile);
    (void)unlink(paths.socket);
    (void)unlink(paths.ready);
    qemu_domain_owe_no_more(domain, "file", paths.ready);
    qemu_domain_owe_no_more(domain, "file", paths.socket);
}

/* ---- options ---- */

/* "127.0.0.1%eth0/22-30:2022-2030,~25". Source: passt(1), --tcp-ports */
static char *
format_ports(const VbDomainPortForward *forward)
{
    GString *text = g_string_new(forward->address);
    const char *separator = "";
    if (forward->dev)
        g_string_append_printf(text, "%%%s", forward->dev);
    if (text->len > 0)
        g_string_append_c(text, '/');
    if (VB_DOMAIN_COUNT(forward->ranges) == 0)
        g_string_append(text, "all");
    VB_DOMAIN_EACH(VbDomainPortRange, range, forward->ranges)
    {
        g_string_append(text, separator);
        g_string_append_printf(text, "%s%u", range->exclude == VB_TRISTATE_YES ? "~" : "",
                               range->start);
        if (range->end)
            g_string_append_printf(text, "-%u", range->end);
        if (range->to)
            g_string_append_printf(text, ":%u", range->to);
        if (range->to && range->end)
            g_string_append_printf(text, "-%u", range->to + range->end - range->start);
        separator = ",";
    }
    return g_string_free(text, FALSE);
}

static void
add(GPtrArray *argv, const char *option, const char *value)
{
    if (!value)
        return;
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, g_strdup(value));
}

static void
add_network(GPtrArray *argv, const VbDomainNet *net)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    add(argv, "--interface", net->source_dev);
    add(argv, "--log-file", more->backend_log_file);
    VB_DOMAIN_EACH(VbDomainNetIp, ip, more->ips)
    {
        g_autofree char *prefix = ip->prefix && g_strcmp0(ip->family, "ipv6") != 0
                                      ? g_strdup_printf("%u", ip->prefix)
                                      : NULL;
        add(argv, "--address", ip->address);
        add(argv, "--netmask", prefix);
    }
    VB_DOMAIN_EACH(VbDomainPortForward, forward, more->port_forwards)
    {
        g_autofree char *ports = format_ports(forward);
        add(argv, g_strcmp0(forward->protocol, "udp") == 0 ? "--udp-ports" : "--tcp-ports", ports);
    }
    add(argv, "--hostname", more->backend_hostname);
    add(argv, "--fqdn", more->backend_fqdn);
}

/* (transfer full); NULL with @error */
static GPtrArray *
make_argv(const VbDomainNet *net, const Paths *paths, GError **error)
{
    GPtrArray *argv;
    char *program = g_find_program_in_path("passt");
    if (!program) {
        vb_error_set_errno(error, ENOENT, "Unable to find '%s' binary in $PATH", "passt");
        return NULL;
    }
    argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, program);
    g_ptr_array_add(argv, g_strdup("--foreground"));
    g_ptr_array_add(argv, g_strdup("--one-off"));
    add(argv, "--socket", paths->socket);
    add(argv, "--pid", paths->ready);
    add_network(argv, net);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* ---- the start ---- */

/* passt does not stay root */
static gboolean
give_away(const char *path, GError **error)
{
    const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
    return !nobody || lchown(path, nobody->pw_uid, (gid_t)-1) == 0 ||
           vb_error_set_errno(error, errno, "unable to set user and group to '%u:%u' on '%s'",
                              nobody->pw_uid, nobody->pw_gid, path);
}

/* -1 with @error; what was there is replaced */
static int
open_ready(const char *path, GError **error)
{
    int fd = -1;
    if ((unlink(path) < 0 && errno != ENOENT) || mkfifo(path, 0600) < 0) {
        vb_error_set_errno(error, errno, "cannot create FIFO '%s'", path);
        return -1;
    }
    if (!give_away(path, error))
        return -1;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        vb_error_set_errno(error, errno, "cannot open FIFO '%s'", path);
    return fd;
}

static gboolean
make_folder(const char *socket, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(socket);
    return vb_store_mkdir(folder, 0700, error) && give_away(folder, error);
}

gboolean
qemu_passt_start(QemuDomain *domain, const VbDomainNet *net, QemuHelperReady ready, gpointer data,
                 GError **error)
{
    g_autoptr(GPtrArray) argv = NULL;
    g_auto(Paths) paths = {0};
    QemuHelperSpec spec = {.what = "passt", .ready = ready, .ready_data = data};
    paths_init(&paths, domain, net);
    argv = make_argv(net, &paths, error);
    if (!argv || !make_folder(paths.socket, error))
        return FALSE;
    owe(domain, &paths);
    if (!qemu_status_write(domain, error))
        return FALSE;
    spec.argv = (const char *const *)argv->pdata;
    spec.log_path = paths.log;
    spec.pidfile_path = paths.pidfile;
    spec.ready_fd = open_ready(paths.ready, error);
    return spec.ready_fd >= 0 && qemu_helper_start(domain, &spec, error);
}
