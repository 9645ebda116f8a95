/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs and where they run. Variants are floating and have the shape of org.virtbus.Domain1. */
#pragma once
#include "domain.h"

/* domain-vcpus.c */
void qemu_domain_plug_vcpus(QemuDomain *domain, guint n, QemuDone done, gpointer data);

/* domain-pinning.c; flags: virDomainModificationImpact; @length: bytes per map */
GVariant *qemu_domain_get_vcpu_pinning(QemuDomain *domain, int n_maps, int length, guint flags,
                                       GError **error); /* (ayi) */
GVariant *qemu_domain_get_emulator_pinning(QemuDomain *domain, int length, guint flags,
                                           GError **error); /* (ayi) */
GVariant *qemu_domain_get_iothreads(QemuDomain *domain, guint flags,
                                    GError **error); /* (a(uay)u) */

/* domain-pin.c: changes of where threads run; @map: a bit per host CPU */
typedef struct {
    const guint8 *map;
    gsize length;
    guint flags; /* virDomainModificationImpact */
} QemuPin;
gboolean qemu_domain_pin_vcpu(QemuDomain *domain, guint vcpu, const QemuPin *pin, GError **error);
gboolean qemu_domain_pin_emulator(QemuDomain *domain, const QemuPin *pin, GError **error);
gboolean qemu_domain_pin_iothread(QemuDomain *domain, guint iothread, const QemuPin *pin,
                                  GError **error);
