/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is this emulator's own in the facts about the host: how many vCPUs, and the host's name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/kvm.h>
#include "base/error.h"
#include "host.h"

#define DEFAULT_MAX_VCPUS 16 /* libvirt's answer for emulation, and when no type is named */

/**
 * qemu_host_get_hostname:
 *
 * Returns: (transfer full): the host's name, as it is set; nobody is asked for a longer one
 */
char *
qemu_host_get_hostname(GError **error)
{
    char name[256] = "";

    if (gethostname(name, sizeof(name) - 1) < 0) {
        vb_error_set_errno(error, errno, "failed to determine host name");
        return NULL;
    }
    return g_strdup(name);
}

static int
kvm_max_vcpus(GError **error)
{
    const int fd = open("/dev/kvm", O_RDONLY | O_CLOEXEC);
    int n;

    if (fd < 0) {
        vb_error_set_errno(error, errno, "Unable to open /dev/kvm");
        return -1;
    }
    n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    if (n <= 0)
        n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
    close(fd);
    return n > 0
               ? n
               : 4; /* Source: kernel Documentation/virt/kvm/api.rst, KVM_CAP_NR_VCPUS: assume 4 */
}

/**
 * qemu_host_get_max_vcpus:
 * @type: (nullable): "kvm", "qemu"; NULL or "": the default
 *
 * Returns: how many vCPUs a guest of that type can have; -1 with @error set
 * Errors: INVALID_ARG unknown type; SYSTEM_ERROR no KVM
 */
int
qemu_host_get_max_vcpus(const char *type, GError **error)
{
    if (!type || !*type || g_ascii_strcasecmp(type, "qemu") == 0)
        return DEFAULT_MAX_VCPUS;
    if (g_ascii_strcasecmp(type, "kvm") == 0)
        return kvm_max_vcpus(error);
    vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown type '%s'", type);
    return -1;
}
