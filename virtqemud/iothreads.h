/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I/O threads: added, removed and set in a running guest and in the stored definition. */
#pragma once
#include "domain.h"

typedef enum { QEMU_IOTHREAD_ADD, QEMU_IOTHREAD_DELETE, QEMU_IOTHREAD_SET } QemuIothreadKind;
typedef struct {
    QemuIothreadKind kind;
    guint id;
    GVariant *params; /* a{sv} of what is set: libvirt's VIR_DOMAIN_IOTHREAD_*; NULL otherwise */
    guint flags;      /* virDomainModificationImpact */
} QemuIothreadChange;

/**
 * qemu_iothread_change:
 * @change: is not kept
 * @done: called once, from the loop
 *
 * A thread that is added gets the affinity, the scheduler and the limits that the definition has for it; with one that is
 * removed go its pin, its scheduler and its control group.
 *
 * Errors: INVALID_ARG number 0, taken, unknown, in use by a device, unknown parameter, out of range; OPERATION_INVALID
 *   not running; OPERATION_FAILED with the emulator's words
 */
void qemu_iothread_change(QemuDomain *domain, const QemuIothreadChange *change, QemuDone done,
                          gpointer data);
