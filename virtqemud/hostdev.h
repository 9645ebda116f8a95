/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of the host that guests have: whether they are there, and nobody else's. PCI devices are virtnodedevd's to hand
 * over (hostdev.c); which guest has which USB, SCSI or mediated device is noted in domain->owed (hostdev-local.c). */
#pragma once
#include "manager.h"

/* Gives a guest that starts all that its live definition names. Errors: OPERATION_INVALID in use; DEVICE_MISSING,
 * SYSTEM_ERROR not there; those of virtnodedevd; RPC it cannot be reached. qemu_hostdevs_end() undoes it, and a failure. */
void qemu_hostdevs_take(QemuDomain *domain, QemuDone done, gpointer data);
/* The same for one device of a running guest, of any class: most need nothing. qemu_hostdevs_return_one() undoes it. */
void qemu_hostdevs_take_one(QemuDomain *domain, int class, gpointer device, QemuDone done,
                            gpointer data);
void qemu_hostdevs_return_one(QemuDomain *domain, int class, gpointer device);
/* The guest has ended: what it had goes back. What cannot yet is tried again, also by the next daemon. */
void qemu_hostdevs_end(QemuDomain *domain);
/* Once, when it is known which guests run: what is owed for those that do not is paid, and what the others have is said. */
void qemu_hostdevs_recover(QemuManager *manager);
void qemu_hostdevs_free(QemuManager *manager);

/* hostdev-local.c: finds and notes one device; PCI ones are no affair of these */
gboolean qemu_hostdev_take_local(QemuDomain *domain, VbDomainHostdev *hostdev, GError **error);
void qemu_hostdev_return_local(QemuDomain *domain, const VbDomainHostdev *hostdev);
/* all of a guest that starts; drops those that may be missing */
gboolean qemu_hostdevs_take_local(QemuDomain *domain, GError **error);
void qemu_hostdevs_note_local(QemuDomain *domain); /* that it has what it has */
/* (transfer full) "/dev/sg2"; NULL: there is no such unit */
char *qemu_hostdev_find_scsi(const VbDomainHostdev *hostdev, gpointer manager);
