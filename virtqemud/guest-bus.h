/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A D-Bus of a guest's own, on which its display, sound and channels are: <graphics type='dbus'/> without an address. */
#pragma once
#include "helper.h"

/* Writes its address into the live definition and its settings beside the socket; what will be made and run is owed. */
gboolean qemu_guest_bus_prepare(QemuDomain *domain, GError **error);
void
qemu_guest_bus_owe(QemuDomain *domain); /* of a guest that was found running: what runs for it */
gboolean qemu_guest_bus_is_needed(const QemuDomain *domain);
/* @ready: as of a helper; FALSE with @error: it does not come */
gboolean qemu_guest_bus_start(QemuDomain *domain, QemuHelperReady ready, gpointer data,
                              GError **error);
