/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices added to, taken from and changed in guests: in the stored definition, in the running guest, or in both. One
 * change at a time per guest; the others wait their turn. */
#pragma once
#include "domain.h"

/* @xml: one element of <devices>; flags: virDomainDeviceModifyFlags */
void qemu_domain_attach_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                               gpointer data);
void qemu_domain_detach_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                               gpointer data);
void qemu_domain_update_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                               gpointer data);
/* Asks and does not wait for the guest to let go. */
void qemu_domain_detach_alias(QemuDomain *domain, const char *alias, guint flags, QemuDone done,
                              gpointer data);

/* the emulator's events */
void qemu_hotplug_deleted(QemuDomain *domain, const char *alias);
void qemu_hotplug_rejected(QemuDomain *domain, const char *alias);
/* Nobody will answer any more. */
void qemu_hotplug_drop(QemuDomain *domain);
