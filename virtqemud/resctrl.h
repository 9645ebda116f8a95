/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource control of running guests: the groups that <cachetune> and <memorytune> ask for, and a monitor of the whole guest
 * that can be switched on and off. The file system is only touched by threads; groups are owed until the guest ends. */
#pragma once
#include "domain.h"
#include "resctrl/resctrl.h"

typedef enum {
    QEMU_RESCTRL_DISABLED,
    QEMU_RESCTRL_ENABLED,
    QEMU_RESCTRL_FORCED, /* an allocation is monitored with it */
} QemuResctrlState;
const char *qemu_resctrl_state_nick(QemuResctrlState state); /* "disabled", "enabled", "forced" */

gboolean qemu_resctrl_is_wanted(const VbDomainDef *def);

/**
 * qemu_resctrl_create:
 * @domain: a guest that starts; its vCPU threads are known
 * @done: called once, from the loop
 *
 * Makes the groups that the definition asks for and puts the vCPU threads in.
 *
 * Errors: CONFIG_UNSUPPORTED what the host cannot give; OPERATION_FAILED no group is left, the kernel's words;
 *   SYSTEM_ERROR
 */
void qemu_resctrl_create(QemuDomain *domain, QemuDone done, gpointer data);
/* A vCPU thread that came later; a failure is logged. */
void qemu_resctrl_add_vcpu(QemuDomain *domain, guint vcpu, pid_t tid);

QemuResctrlState qemu_resctrl_get_state(const QemuDomain *domain);
/**
 * qemu_resctrl_set_monitoring:
 * @domain: a guest
 * @is_enabled: what it is to be; what it is already is fine
 * @done: called once, from the loop
 *
 * Errors: OPERATION_INVALID not running, or forced by cachetune; CONFIG_UNSUPPORTED the host cannot; OPERATION_FAILED no
 *   RMID is left
 */
void qemu_resctrl_set_monitoring(QemuDomain *domain, gboolean is_enabled, QemuDone done,
                                 gpointer data);
void qemu_resctrl_remove_owed(const char *path); /* the end of a group */

/* ---- numbers ---- */

typedef struct {
    guint level; /* of a <cachetune>'s monitor; 0: of a <memorytune>'s */
    char *name;  /* "vcpus_0-1" */
    const char *vcpus;
    GArray *readings; /* VbResctrlReading */
} QemuResctrlMonitor;
/* (transfer full) the monitors of the definition, in its order */
GPtrArray *qemu_resctrl_read_monitors(const QemuDomain *domain);

typedef struct {
    gboolean has_occupancy, has_total, has_local;
    guint64 occupancy, total, local; /* bytes, of all caches */
    guint64 total_rate, local_rate;  /* bytes a second since the reading before */
} QemuResctrlTotals;
/* FALSE: the guest is not monitored */
gboolean qemu_resctrl_read_totals(QemuDomain *domain, QemuResctrlTotals *ret_totals);
