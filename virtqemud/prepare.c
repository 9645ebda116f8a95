/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Before the start: checks the files a guest refers to, makes its folders and listening sockets. */
#include "prepare.h"

#include "base/error.h"
#include "command/command.h"
#include "domain-private.h"
#include "guest-bus.h"
#include "store/store.h"
#include "tpm.h"
#include "virtiofs.h"

#include <sys/utsname.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void
clear_fd(gpointer data)
{
    close(((QemuProcessFd *)data)->source);
}

QemuPrepared *
qemu_prepared_new(void)
{
    QemuPrepared *prepared = g_new0(QemuPrepared, 1);
    prepared->command_fds = g_array_new(FALSE, TRUE, sizeof(QemuCommandFd));
    prepared->process_fds = g_array_new(FALSE, TRUE, sizeof(QemuProcessFd));
    g_array_set_clear_func(prepared->process_fds, clear_fd);
    return prepared;
}

void
qemu_prepared_free(QemuPrepared *prepared)
{
    if (!prepared)
        return;
    g_array_unref(prepared->command_fds);
    g_array_unref(prepared->process_fds);
    g_free(prepared);
}

int
qemu_prepared_add_fd(QemuPrepared *prepared, int fd)
{
    QemuProcessFd entry = {.source = fd,
                           .target = QEMU_PROCESS_FIRST_FD + (int)prepared->process_fds->len};
    g_array_append_val(prepared->process_fds, entry);
    return entry.target;
}

void
qemu_prepared_add_device_fd(QemuPrepared *prepared, QemuCommandFdKind kind, const char *alias,
                            int fd)
{
    QemuCommandFd entry = {.kind = kind, .alias = alias, .fd = qemu_prepared_add_fd(prepared, fd)};
    g_array_append_val(prepared->command_fds, entry);
}

/* ---- checks ---- */

static gboolean
check_file(const char *path, const char *reason, GError **error)
{
    if (!path || access(path, R_OK) == 0)
        return TRUE;
    vb_error_set_errno(error, errno, "Cannot access storage file '%s'", path);
    if (error)
        vb_error_set_reason(*error, reason, path);
    return FALSE;
}

/* startupPolicy lets an absent removable medium be: the drive starts empty. */
gboolean
qemu_prepare_disk(VbDomainDisk *disk, GError **error)
{
    const char *path = disk->source.type == VB_DOMAIN_STORAGE_FILE    ? disk->source.file
                       : disk->source.type == VB_DOMAIN_STORAGE_BLOCK ? disk->source.dev
                                                                      : NULL;
    if (!path || access(path, F_OK) == 0)
        return check_file(path, "DiskNotReadable", error);
    gboolean is_removable =
        disk->device == VB_DOMAIN_DISK_DEVICE_CDROM || disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY;
    int policy = disk->source.startup_policy;
    if (is_removable && (policy == VB_DOMAIN_STARTUP_POLICY_OPTIONAL ||
                         policy == VB_DOMAIN_STARTUP_POLICY_REQUISITE)) {
        g_clear_pointer(&disk->source.file, g_free);
        g_clear_pointer(&disk->source.dev, g_free);
        return TRUE;
    }
    return check_file(path, "DiskNotFound", error);
}

static gboolean
check_files(VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (!qemu_prepare_disk(disk, error))
            return FALSE;
    }
    if (!check_file(def->os.kernel, "KernelNotReadable", error) ||
        !check_file(def->os.initrd, "InitrdNotReadable", error))
        return FALSE;
    return check_file(def->os.loader ? def->os.loader->path : NULL, "LoaderNotReadable", error);
}

/* ---- listening sockets ---- */

char *
qemu_prepare_short_name(const QemuDomain *domain)
{
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    return g_strdup(strrchr(folder, '/') + strlen("/domain-"));
}

int
qemu_prepare_listen(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder_fd, base);
    gboolean is_up = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                     listen(fd, 8) == 0;
    int errsv = errno;
    if (folder_fd >= 0)
        close(folder_fd);
    if (is_up)
        return fd;
    if (fd >= 0)
        close(fd);
    vb_error_set_errno(error, errsv, "Unable to bind to UNIX socket path '%s'", path);
    return -1;
}

static gboolean
make_owed_folder(QemuDomain *domain, const char *path, mode_t mode, GError **error)
{
    qemu_domain_owe(domain, "dir", path);
    return vb_store_mkdir(path, mode, error);
}

gboolean
qemu_prepare_channel(QemuDomain *domain, VbDomainChr *channel, QemuPrepared *prepared,
                     GError **error)
{
    g_autofree char *own = qemu_manager_domain_dir(domain->manager, domain);
    g_autofree char *base = g_path_get_basename(own);
    g_autofree char *folder = g_build_filename(domain->manager->channel_dir, base, NULL);
    gboolean is_virtio = channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO;
    gboolean listens = channel->source.type == VB_DOMAIN_CHR_UNIX &&
                       g_strcmp0(channel->source.mode, "connect") != 0;
    if (!listens)
        return TRUE;
    if (!channel->source.path && is_virtio) {
        if (!make_owed_folder(domain, folder, 0750, error))
            return FALSE;
        channel->source.path =
            g_build_filename(folder,
                             channel->target_name ? channel->target_name : channel->info.alias,
                             NULL);
        if (!channel->source.mode)
            channel->source.mode = g_strdup("bind");
    }
    if (!channel->source.path)
        return TRUE;
    int fd = qemu_prepare_listen(channel->source.path, error);
    if (fd < 0)
        return FALSE;
    qemu_domain_owe(domain, "file", channel->source.path);
    qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_SOCKET, channel->info.alias, fd);
    return TRUE;
}

gboolean
qemu_prepare_hostdev(const VbDomainHostdev *hostdev, QemuPrepared *prepared, GError **error)
{
    static const char node[] = "/dev/vhost-scsi";
    if (hostdev->type != VB_DOMAIN_HOSTDEV_SCSI_HOST)
        return TRUE;
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return vb_error_set_errno(error, errno, "cannot open '%s'", node);
    qemu_prepared_add_device_fd(prepared, QEMU_COMMAND_FD_VHOST, hostdev->info.alias, fd);
    return TRUE;
}

static gboolean
make_channels(QemuDomain *domain, QemuPrepared *prepared, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, channel, domain->live->channels)
    {
        if (!qemu_prepare_channel(domain, channel, prepared, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
make_monitor(QemuDomain *domain, QemuPrepared *prepared, GError **error)
{
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    g_free(domain->monitor_path);
    domain->monitor_path = g_build_filename(folder, "monitor.sock", NULL);
    if (!make_owed_folder(domain, folder, 0750, error))
        return FALSE;
    int fd = qemu_prepare_listen(domain->monitor_path, error);
    if (fd < 0)
        return FALSE;
    prepared->monitor_target = qemu_prepared_add_fd(prepared, fd);
    return TRUE;
}

/* blocks of memory that are files */
static gboolean
make_memory_folder(QemuDomain *domain, GError **error)
{
    g_autofree char *own = qemu_manager_domain_dir(domain->manager, domain);
    g_autofree char *folder = qemu_command_memory_dir(own);
    g_autofree char *parent = g_path_get_dirname(folder);

    if (!qemu_command_needs_memory_dir(domain->live))
        return TRUE;
    return vb_store_mkdir(parent, 0755, error) && make_owed_folder(domain, folder, 0750, error);
}

/* Secrets that go over the monitor are encrypted with this key. Source: libvirt's file, AES-256 */
static gboolean
make_master_key(QemuDomain *domain, GError **error)
{
    char key[32];
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    g_autofree char *path = g_build_filename(folder, "master-key.aes", NULL);
    if (getrandom(key, sizeof key, 0) != sizeof key)
        return vb_error_set_errno(error, errno, "%s", "cannot make a random key");
    qemu_domain_owe(domain, "file", path);
    return vb_store_write_volatile(path, key, sizeof key, 0600, error);
}

/**
 * qemu_prepare:
 * @domain: with its live definition and its id
 *
 * Returns: (transfer full): the descriptors for the emulator; what was made is in domain->owed even on failure
 * Errors: SYSTEM_ERROR a file is missing or cannot be made; NO_NETWORK; OPERATION_FAILED no port is free
 */
QemuPrepared *
qemu_prepare(QemuDomain *domain, GError **error)
{
    g_autoptr(QemuPrepared) prepared = qemu_prepared_new();
    if (!check_files(domain->live, error) || !make_monitor(domain, prepared, error) ||
        !make_master_key(domain, error) || !make_memory_folder(domain, error) ||
        !make_channels(domain, prepared, error) || !qemu_prepare_graphics(domain, error) ||
        !qemu_guest_bus_prepare(domain, error) || !qemu_tpm_prepare(domain, error) ||
        !qemu_virtiofs_prepare(domain, error))
        return NULL;
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, domain->live->hostdevs)
    {
        if (!qemu_prepare_hostdev(hostdev, prepared, error))
            return NULL;
    }
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        if (!qemu_prepare_net(domain, net, prepared, error))
            return NULL;
    }
    if (domain->live->vsock && !qemu_prepare_vsock(domain->live->vsock, prepared, error))
        return NULL;
    return g_steal_pointer(&prepared);
}

/* ---- the log ---- */

/* Source: libvirt's log: time, version line, the command line as a shell would take it */
goffset
qemu_prepare_log(const QemuDomain *domain, const QemuCommand *command, const QemuCaps *caps)
{
    g_autofree char *path = qemu_manager_log_path(domain->manager, domain->name);
    g_autofree char *shell = qemu_command_to_log(command);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
    struct utsname host = {0};
    guint version = caps ? qemu_caps_get_version(caps) : 0;
    (void)uname(&host);
    g_autofree char *text = g_strdup_printf("%s.%03d+0000: starting up virtbus, qemu version: "
                                            "%u.%u.%u%s, kernel: %s, hostname: %s\n%s\n",
                                            time, g_date_time_get_microsecond(now) / 1000,
                                            version / 1000000, version / 1000 % 1000,
                                            version % 1000, caps ? qemu_caps_get_package(caps) : "",
                                            host.release, host.nodename, shell);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat info;
    goffset offset = 0;
    if (fd < 0)
        return 0; /* the spawn will name the error */
    if (write(fd, text, strlen(text)) < 0)
        g_warning("cannot write to %s: %s", path, g_strerror(errno));
    if (fstat(fd, &info) == 0)
        offset = info.st_size;
    close(fd);
    return offset;
}
