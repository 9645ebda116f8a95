/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared folders over virtiofs: a virtiofsd beside the emulator for each that nobody serves yet. */
#pragma once
#include "domain.h"
#include "firmware/interop.h"

/* Looks up the program of each <filesystem> that names none, in descriptors. Reads files: for a thread.
 * Errors: OPERATION_UNSUPPORTED there is none */
gboolean qemu_virtiofs_fill(VbDomainDef *def, const QemuInteropPlace *place, GError **error);
gboolean qemu_virtiofs_is_open(const VbDomainDef *def); /* there is something to look up */

/* Checks the folders; what will be made and run is owed.
 * Errors: INTERNAL_ERROR a folder is not there; CONFIG_UNSUPPORTED in a session */
gboolean qemu_virtiofs_prepare(QemuDomain *domain, GError **error);
void
qemu_virtiofs_owe(QemuDomain *domain); /* of a guest that was found running: what runs for it */
gboolean qemu_virtiofs_start(QemuDomain *domain, GError **error);
