/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An emulator's place among the host's processes, before it runs: what it allocates is counted there. */
#pragma once
#include "domain.h"

/**
 * qemu_confine_and_release:
 * @domain: starts; its process was spawned held
 *
 * Gives the process its scope, where systemd is on the bus, and lets it run its program. A failure fails the start.
 */
void qemu_confine_and_release(QemuDomain *domain);
/**
 * qemu_confine_set_weights:
 * @unit: (nullable): the guest's scope; NULL: nothing to do
 * @cpu: 0: stays as it is; @io: as well
 * @done: once, from the loop, later or at once
 */
void qemu_confine_set_weights(QemuDomain *domain, const char *unit, guint64 cpu, guint64 io,
                              QemuDone done, gpointer data);
