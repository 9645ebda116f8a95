/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of the host's processors, memory and disks a guest may have: control groups of running guests, and what is stored.
 * Variants are a{sv}: libvirt's parameter names, documented in dbus/org.virtbus.Domain1.xml. */
#pragma once
#include "cgroup.h"
#include "domain.h"

/* A guest without limits gets no groups. */
gboolean qemu_tuning_is_wanted(const QemuDomain *domain);
/* (transfer full) the nodes that its control group has to keep its memory on, also for a guest that is only about to
 * start; NULL: it has not to, or there is no such group, and the emulator's own memory policy has to do */
char *qemu_tuning_nodes(const QemuDomain *domain);
/**
 * qemu_tuning_apply:
 * @domain: a guest that starts; its threads are known
 * @done: called once, from the loop
 *
 * Makes its groups and sets what its definition says.
 *
 * Errors: OPERATION_INVALID a controller is missing; INVALID_ARG; SYSTEM_ERROR the kernel refuses
 */
void qemu_tuning_apply(QemuDomain *domain, QemuDone done, gpointer data);
/* there are new vCPUs or I/O threads: limits them as well */
void qemu_tuning_add_threads(QemuDomain *domain, QemuDone done, gpointer data);
/* @child: "vcpu1", "iothread1": its thread is gone, its group goes */
void qemu_tuning_remove_thread(const QemuDomain *domain, const char *child);

typedef enum {
    QEMU_TUNING_SCHEDULER,
    QEMU_TUNING_MEMORY,
    QEMU_TUNING_BLKIO,
    QEMU_TUNING_NUMA
} QemuTuningKind;
/**
 * qemu_tuning_get:
 * @flags: virDomainModificationImpact
 *
 * Returns: (transfer floating): a{sv}
 * Errors: OPERATION_INVALID
 */
GVariant *qemu_tuning_get(QemuDomain *domain, QemuTuningKind kind, guint flags, GError **error);
typedef struct {
    QemuTuningKind kind;
    GVariant *params; /* a{sv}; what is not there stays as it is */
    guint flags;      /* virDomainModificationImpact */
} QemuTuningChange;
/**
 * qemu_tuning_set:
 * @change: is not kept
 * @done: called once, from the loop
 *
 * Errors: INVALID_ARG unknown parameter, wrong type, out of range; OPERATION_INVALID; SYSTEM_ERROR
 */
void qemu_tuning_set(QemuDomain *domain, const QemuTuningChange *change, QemuDone done,
                     gpointer data);
