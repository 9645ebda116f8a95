/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emulated TPMs: swtpm beside the emulator, its state in a folder of the guest. */
#pragma once
#include "domain-start.h"

/* Folders and the socket; what is made, and what will run, is owed. */
gboolean qemu_tpm_prepare(QemuDomain *domain, GError **error);
void qemu_tpm_owe(QemuDomain *domain); /* of a guest that was found running: what runs for it */
/* Makes the state when there is none and starts swtpm. TRUE: start->awaits_helper is set and qemu_launch_go_on() comes; FALSE: with
 * @error set, or nothing is to be waited for */
gboolean qemu_tpm_start(QemuTransition *start, GError **error);

/* what undefining does with the state; VIR_DOMAIN_UNDEFINE_TPM, _KEEP_TPM. Also at the end of a guest that is not stored: 0 */
void qemu_tpm_forget(const QemuManager *manager, const VbDomainDef *def, guint undefine_flags);
/* The same for a guest that runs: its live definition says then what its end does. */
void qemu_tpm_settle(VbDomainDef *live, guint undefine_flags);
void qemu_tpm_remove_owed(const char *folder); /* an owed clean-up: state that is not whole */
