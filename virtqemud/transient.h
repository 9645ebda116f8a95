/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transient disks: what a guest writes goes into an overlay beside the image, and away with the guest. */
#pragma once
#include "domain-start.h"

/* Makes the overlay of a disk that has none. @done: once, from the loop; then qemu_transient_cover() may be called.
 * Errors: OPERATION_UNSUPPORTED it is there; CONFIG_UNSUPPORTED; SYSTEM_ERROR; OPERATION_FAILED qemu-img's words;
 * OPERATION_TIMEOUT */
void qemu_transient_make(QemuDomain *domain, const VbDomainDisk *disk, QemuDone done,
                         gpointer data);
/* Puts the overlay on the image in a definition: the disk's source becomes its backing store. */
void qemu_transient_cover(const QemuDomain *domain, VbDomainDisk *disk);
/* Removes the overlay of a disk that the guest does not have any more, or did not get; others need nothing. */
void qemu_transient_remove(QemuDomain *domain, const VbDomainDisk *disk);

/* All that a guest which starts needs. TRUE: qemu_launch_prepare() comes, or the failure; FALSE: with @error, or there is
 * nothing to do */
gboolean qemu_transient_start(QemuTransition *start, GError **error);
/* What a running guest with such a disk cannot have: its state without the disk's is worth nothing. */
gboolean qemu_transient_check_none(const VbDomainDef *live, GError **error);
