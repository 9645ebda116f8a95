/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's control groups, version 2 where it has the controller, else version 1: in the scope that systemd made for the
 * guest, or below "machine" where there is none. systemd writes a scope's own files again when it likes, so in version 2
 * limits are those of a group within it, "libvirt" as libvirt has it; only weights, which count among neighbours, are the
 * scope's, and systemd's to set. Files only; a write may wait for the kernel a few milliseconds: run what moves threads off
 * the main loop. Source: kernel Documentation/admin-guide/cgroup-v1, cgroup-v2.rst; systemd CGROUP_DELEGATION */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef enum {
    QEMU_CGROUP_CPU,
    QEMU_CGROUP_MEMORY,
    QEMU_CGROUP_IO,
    QEMU_CGROUP_CPUSET,
    QEMU_CGROUP_N_CONTROLLERS
} QemuCgroupController;

typedef struct {
    char *folder; /* NULL: the host has not this controller */
    gboolean is_v2;
    gboolean in_scope;  /* systemd removes it with the scope */
    char *mount;        /* of its hierarchy */
    gboolean is_inside; /* the emulator is there already */
} QemuCgroupPlace;

typedef struct {
    QemuCgroupPlace places[QEMU_CGROUP_N_CONTROLLERS];
    char *unit; /* the scope of version 2, which has the weights; NULL: they are files */
} QemuCgroup;

/**
 * qemu_cgroup_find:
 * @procfs: "/proc"
 * @pid: the emulator
 * @name: of the guest's groups where systemd made no scope: "qemu-1-guest.libvirt-qemu"
 *
 * Returns: (transfer full): where its groups are or would be; nothing is made
 */
QemuCgroup *qemu_cgroup_find(const char *procfs, pid_t pid, const char *name);
void qemu_cgroup_free(QemuCgroup *cgroup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuCgroup, qemu_cgroup_free)

/* OPERATION_INVALID in libvirt's words when the host has not the controller */
gboolean qemu_cgroup_check(const QemuCgroup *cgroup, QemuCgroupController controller,
                           GError **error);
/* Makes the groups and puts the process in; that of memory nodes only with qemu_cgroup_set_nodes() */
gboolean qemu_cgroup_join(const QemuCgroup *cgroup, pid_t pid, GError **error);
gboolean qemu_cgroup_is_made(const QemuCgroup *cgroup); /* in the scope; TRUE without one */
/* (transfer full) of char *: the folders, each once, those that belong to systemd left out */
GPtrArray *qemu_cgroup_owned(const QemuCgroup *cgroup);
void qemu_cgroup_remove(const char *folder); /* with what is below; tries again while it is busy */

/* ---- values ---- */

/* of a unit, these two check the value: it is for qemu_confine_set_weights() to set */
gboolean qemu_cgroup_set_shares(const QemuCgroup *cgroup, guint64 shares, GError **error);
/* @child NULL: the whole guest; 0: not given, left as it is. Microseconds; @quota -1: no limit */
gboolean qemu_cgroup_set_bandwidth(const QemuCgroup *cgroup, const char *child, guint64 period,
                                   gint64 quota, GError **error);
/* @child: "vcpu0", "emulator", "iothread1": made when it is not there */
gboolean qemu_cgroup_add_thread(const QemuCgroup *cgroup, const char *child, pid_t tid,
                                GError **error);
/* Groups of vCPUs that have no thread any more; @threads: pid_t by vCPU, 0: none */
void qemu_cgroup_drop_vcpus(const QemuCgroup *cgroup, const GArray *threads);

typedef enum { QEMU_CGROUP_HARD, QEMU_CGROUP_SOFT, QEMU_CGROUP_SWAP_HARD } QemuCgroupLimit;
#define QEMU_CGROUP_UNLIMITED G_MAXUINT64
typedef struct {
    guint64 hard, soft, swap_hard; /* bytes; QEMU_CGROUP_UNLIMITED */
    gboolean has_hard, has_soft, has_swap_hard;
} QemuCgroupMemory;
gboolean qemu_cgroup_set_memory(const QemuCgroup *cgroup, const QemuCgroupMemory *memory,
                                GError **error);

gboolean qemu_cgroup_set_io_weight(const QemuCgroup *cgroup, guint weight, GError **error);
/* @weight 0: as the guest's; 10 to 1000, with version 2 1 to 10000 */
gboolean qemu_cgroup_set_device_weight(const QemuCgroup *cgroup, const char *device, guint weight,
                                       GError **error);
typedef enum {
    QEMU_CGROUP_READ_BPS,
    QEMU_CGROUP_WRITE_BPS,
    QEMU_CGROUP_READ_IOPS,
    QEMU_CGROUP_WRITE_IOPS
} QemuCgroupThrottle;
/* @device: a block device of the host; @value 0: no limit */
gboolean qemu_cgroup_set_throttle(const QemuCgroup *cgroup, const char *device,
                                  QemuCgroupThrottle what, guint64 value, GError **error);

/**
 * qemu_cgroup_set_nodes:
 * @procfs: "/proc"
 * @pid: the emulator; joins, each of its threads keeps its affinity
 * @nodes: list of the host's nodes; NULL: all that there are
 *
 * Where the guest's memory may be. What lies elsewhere moves.
 *
 * Errors: OPERATION_INVALID no such controller; SYSTEM_ERROR the kernel refuses
 */
gboolean qemu_cgroup_set_nodes(const QemuCgroup *cgroup, const char *procfs, pid_t pid,
                               const char *nodes, GError **error);
