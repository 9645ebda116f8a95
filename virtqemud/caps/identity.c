/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What decides whether cached answers still hold: the emulator's file, the host's kernel and microcode; for KVM the boot
 * and the device as well, since a module can be loaded with other parameters. */
#include "caps/caps-private.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* "microcode : 0x1000065" of the first CPU; "" where the kernel tells none */
static char *
read_microcode(const char *procfs)
{
    g_autofree char *path = g_build_filename(procfs, "cpuinfo", NULL);
    g_autofree char *text = NULL;
    const char *at;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("");
    at = strstr(text, "microcode\t: ");
    if (!at)
        return g_strdup("");
    at += strlen("microcode\t: ");
    return g_strndup(at, strcspn(at, "\n"));
}

char *
qemu_host_identity(const char *procfs)
{
    g_autofree char *microcode = read_microcode(procfs);
    struct utsname host;

    if (uname(&host) != 0)
        return g_strdup_printf("microcode=%s", microcode);
    return g_strdup_printf("kernel=%s/%s microcode=%s", host.release, host.version, microcode);
}

static QemuCapsStamp
read_stamp(const char *emulator)
{
    struct stat info;

    if (stat(emulator, &info) < 0)
        return (QemuCapsStamp){0};
    return (QemuCapsStamp){
        .device = info.st_dev,
        .inode = info.st_ino,
        .size = info.st_size,
        .modified = info.st_mtim,
        .changed = info.st_ctim,
    };
}

void
qemu_caps_stamp_take(QemuCapsStamp *stamp, const char *emulator)
{
    *stamp = read_stamp(emulator);
}

gboolean
qemu_caps_stamp_holds(const QemuCapsStamp *stamp, const char *emulator)
{
    const QemuCapsStamp now = read_stamp(emulator);

    return now.inode != 0 && now.device == stamp->device && now.inode == stamp->inode &&
           now.size == stamp->size && now.modified.tv_sec == stamp->modified.tv_sec &&
           now.modified.tv_nsec == stamp->modified.tv_nsec &&
           now.changed.tv_sec == stamp->changed.tv_sec &&
           now.changed.tv_nsec == stamp->changed.tv_nsec;
}

char *
qemu_caps_identity(const char *emulator, const char *host_identity, GError **error)
{
    struct stat info;

    if (stat(emulator, &info) < 0) {
        vb_error_set_errno(error, errno, "Cannot check QEMU binary %s", emulator);
        return NULL;
    }
    return g_strdup_printf("%s size=%lld mtime=%lld.%09ld ctime=%lld.%09ld %s", emulator,
                           (long long)info.st_size, (long long)info.st_mtim.tv_sec,
                           info.st_mtim.tv_nsec, (long long)info.st_ctim.tv_sec,
                           info.st_ctim.tv_nsec, host_identity);
}

char *
qemu_kvm_identity(const char *emulator, const char *host_identity, const char *procfs)
{
    g_autofree char *emulator_identity = NULL;
    g_autofree char *boot_path = g_build_filename(procfs, "sys/kernel/random/boot_id", NULL);
    g_autofree char *boot_id = NULL;
    struct stat info;
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) < 0) {
        close(fd);
        return NULL;
    }
    close(fd);
    emulator_identity = qemu_caps_identity(emulator, host_identity, NULL);
    if (!emulator_identity)
        return NULL;
    if (g_file_get_contents(boot_path, &boot_id, NULL, NULL))
        g_strstrip(boot_id);
    return g_strdup_printf("%s boot=%s kvm=%lld/%lld", emulator_identity, boot_id ? boot_id : "",
                           (long long)info.st_rdev, (long long)info.st_ctim.tv_sec);
}
