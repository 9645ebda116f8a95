/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* passt: one beside the emulator for each <interface type='user'> with <backend type='passt'/>. */
#pragma once
#include "helper.h"

gboolean qemu_passt_serves(const VbDomainNet *net);
void qemu_passt_owe(QemuDomain *domain); /* of a guest that was found running: what runs for it */

/**
 * qemu_passt_start:
 * @net: that qemu_passt_serves(); its alias is known
 * @ready: called once the emulator can connect, or when that has failed; not if this fails
 *
 * Errors: SYSTEM_ERROR there is no passt, a folder cannot be made
 */
gboolean qemu_passt_start(QemuDomain *domain, const VbDomainNet *net, QemuHelperReady ready,
                          gpointer data, GError **error);
/* of an interface that the running guest no longer has */
void qemu_passt_end(QemuDomain *domain, const VbDomainNet *net);
