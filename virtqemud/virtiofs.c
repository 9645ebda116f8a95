/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtiofsd: one for each shared folder, on a socket that we make, so that nobody waits for it. Source of paths, options and
 * words: libvirt 9.0; of options also virtiofsd(1) of QEMU 7.2. */
#include "virtiofs.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "domain-private.h"
#include "helper.h"
#include "prepare.h"
#include "store/store.h"

#define SOCKET_FD QEMU_PROCESS_FIRST_FD
#define MAX_DESCRIPTOR (1024 * 1024)

/* one that we serve */
static gboolean
is_ours(const VbDomainFilesystem *fs)
{
    return g_strcmp0(fs->driver_type, "virtiofs") == 0 && !fs->source_socket;
}

gboolean
qemu_virtiofs_is_open(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, def->filesystems)
    {
        if (is_ours(fs) && !fs->binary_path)
            return TRUE;
    }
    return FALSE;
}

/* (transfer full) Source: QEMU's docs/interop/vhost-user.json */
static char *
read_binary(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(VbJson) root = NULL;
    gsize length = 0;

    if (vb_store_read(path, MAX_DESCRIPTOR, &text, &length, &error))
        root = vb_json_parse(text, (gssize)length, &error);
    if (!root) {
        vb_log_warning(NULL, "ignoring descriptor '%s': %s", path, error->message);
        return NULL;
    }
    if (g_strcmp0(vb_json_get_string(root, "type"), "fs") != 0)
        return NULL;
    return g_strdup(vb_json_get_string(root, "binary"));
}

static char *
find_binary(const QemuInteropPlace *place)
{
    g_autoptr(GPtrArray) paths = qemu_interop_list(place, "vhost-user");

    for (guint i = 0; i < paths->len; i++) {
        char *binary = read_binary(paths->pdata[i]);

        if (binary)
            return binary;
    }
    return NULL;
}

gboolean
qemu_virtiofs_fill(VbDomainDef *def, const QemuInteropPlace *place, GError **error)
{
    g_autofree char *binary = NULL;

    if (!qemu_virtiofs_is_open(def))
        return TRUE;
    binary = find_binary(place);
    if (!binary)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Unable to find a satisfying virtiofsd");
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, def->filesystems)
    {
        if (is_ours(fs) && !fs->binary_path)
            fs->binary_path = g_strdup(binary);
    }
    return TRUE;
}

/* ---- where things are ---- */

static char *
socket_path(const QemuDomain *domain, const VbDomainFilesystem *fs)
{
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    g_autofree char *name = g_strconcat(fs->info.alias, "-fs.sock", NULL);

    return g_build_filename(folder, name, NULL);
}

static char *
pidfile_path(const QemuDomain *domain, const VbDomainFilesystem *fs)
{
    g_autofree char *guest = qemu_prepare_short_name(domain);
    g_autofree char *name = g_strdup_printf("%s-%s-fs.pid", guest, fs->info.alias);

    return g_build_filename(domain->manager->run_dir, name, NULL);
}

static char *
log_path(const QemuDomain *domain, const VbDomainFilesystem *fs)
{
    g_autofree char *name = g_strdup_printf("%s-%s-virtiofsd.log", domain->name, fs->info.alias);

    return g_build_filename(domain->manager->log_dir, name, NULL);
}

/* ---- before the start ---- */

void
qemu_virtiofs_owe(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, domain->live->filesystems)
    {
        g_autofree char *socket = NULL, *pidfile = NULL;

        if (!is_ours(fs))
            continue;
        socket = socket_path(domain, fs);
        pidfile = pidfile_path(domain, fs);
        qemu_domain_owe(domain, "file", socket);
        qemu_domain_owe(domain, "process", pidfile);
    }
}

gboolean
qemu_virtiofs_prepare(QemuDomain *domain, GError **error)
{
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, domain->live->filesystems)
    {
        if (!is_ours(fs))
            continue;
        if (domain->manager->is_session)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "virtiofs is not yet supported in session mode");
        if (!fs->source_dir || !g_file_test(fs->source_dir, G_FILE_TEST_EXISTS))
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                                "the virtiofs export directory '%s' does not exist",
                                fs->source_dir ? fs->source_dir : "");
    }
    qemu_virtiofs_owe(domain);
    return TRUE;
}

/* ---- the start ---- */

static void
append_switch(GString *text, VbTristate state, const char *name)
{
    if (state != VB_TRISTATE_ABSENT)
        g_string_append_printf(text, ",%s%s", state == VB_TRISTATE_YES ? "" : "no_", name);
}

/* Source: virtiofsd's parser takes a backslash before what separates (libvirt writes commas twice, which it does not) */
static char *
make_options(const VbDomainFilesystem *fs)
{
    GString *text = g_string_new("source=");

    for (const char *at = fs->source_dir; *at; at++) {
        if (*at == ',' || *at == '\\')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *at);
    }
    if (fs->cache_mode)
        g_string_append_printf(text, ",cache=%s", fs->cache_mode);
    if (fs->sandbox_mode)
        g_string_append_printf(text, ",sandbox=%s", fs->sandbox_mode);
    append_switch(text, fs->xattr, "xattr");
    append_switch(text, fs->lock_flock, "flock");
    append_switch(text, fs->lock_posix, "posix_lock");
    return g_string_free(text, FALSE);
}

static gboolean
start_one(QemuDomain *domain, const VbDomainFilesystem *fs, GError **error)
{
    g_autofree char *socket = socket_path(domain, fs);
    g_autofree char *pidfile = pidfile_path(domain, fs);
    g_autofree char *log = log_path(domain, fs);
    g_autofree char *number = g_strdup_printf("--fd=%d", SOCKET_FD);
    g_autofree char *options = make_options(fs);
    g_autofree char *threads =
        fs->has_thread_pool ? g_strdup_printf("--thread-pool-size=%u", fs->thread_pool) : NULL;
    const char *argv[] = {fs->binary_path, number, "-o", options, threads, NULL};
    QemuProcessFd fd = {.target = SOCKET_FD};
    const QemuHelperSpec spec = {.what = "virtiofsd",
                                 .argv = argv,
                                 .log_path = log,
                                 .pidfile_path = pidfile,
                                 .fds = &fd,
                                 .n_fds = 1};
    gboolean is_up;

    fd.source = qemu_prepare_listen(socket, error);
    if (fd.source < 0)
        return FALSE;
    is_up = qemu_helper_start(domain, &spec, error);
    close(fd.source);
    return is_up;
}

gboolean
qemu_virtiofs_start(QemuDomain *domain, GError **error)
{
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, domain->live->filesystems)
    {
        if (is_ours(fs) && !start_one(domain, fs, error))
            return FALSE;
    }
    return TRUE;
}
