/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast a guest's network card may receive and send: set on its device on the host, and changed while the guest runs. */
#pragma once
#include "domain.h"

/**
 * qemu_bandwidth_set:
 * @net: with the name of its device on the host, of a type that has one
 * @in: (nullable): what the guest receives; @out: (nullable): what it sends
 *
 * Replaces whatever limits the device had. Those of a device that outlives the guest are owed to be removed.
 *
 * Errors: OPERATION_UNSUPPORTED in a session; CONFIG_UNSUPPORTED a guaranteed rate; SYSTEM_ERROR there is no tc;
 *   INTERNAL_ERROR the kernel refuses
 */
gboolean qemu_bandwidth_set(QemuDomain *domain, const VbDomainNet *net, const VbDomainBandwidth *in,
                            const VbDomainBandwidth *out, GError **error);
/* the same for a card of a running guest, whose definition follows; what was set before is set again if it fails */
gboolean qemu_bandwidth_change(QemuDomain *domain, VbDomainNet *net, const VbDomainBandwidth *in,
                               const VbDomainBandwidth *out, GError **error);
gboolean qemu_bandwidth_is_same(const VbDomainNet *a, const VbDomainNet *b);
void qemu_bandwidth_remove(const char *name); /* an owed clean-up: of a device that stays */

/* ---- as parameters: a{sv} with libvirt's names, see dbus/org.virtbus.Domain1.xml ---- */

/* (transfer floating). @device: on the host, or MAC address. Errors: INVALID_ARG no such card; OPERATION_INVALID */
GVariant *qemu_bandwidth_get_params(QemuDomain *domain, const char *device, guint flags,
                                    GError **error);

typedef struct {
    const char *device;
    GVariant *params;
    guint flags; /* virDomainModificationImpact */
} QemuBandwidthChange;
/* Errors: those of getting and setting; CONFIG_UNSUPPORTED a card without a device on the host */
gboolean qemu_bandwidth_set_params(QemuDomain *domain, const QemuBandwidthChange *change,
                                   GError **error);
