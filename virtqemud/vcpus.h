/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs and where they run. Variants are floating and have the shape of org.virtbus.Domain1. */
#pragma once
#include "base/bitset.h"
#include "domain.h"

/* domain-vcpus.c */
void qemu_domain_plug_vcpus(QemuDomain *domain, guint n, QemuDone done, gpointer data);
/* @map: vCPUs that are to come, or to go */
void qemu_domain_switch_vcpus(QemuDomain *domain, const VbBitset *map, gboolean is_on,
                              QemuDone done, gpointer data);
/* TRUE: a guest that starts has vCPUs which are plugged in then; qemu_vcpus_plug_at_start() does it */
gboolean qemu_vcpus_come_later(const VbDomainDef *def);
void qemu_vcpus_plug_at_start(QemuDomain *domain, QemuDone done, gpointer data);
/* the emulator's events: a vCPU is gone; the guest does not let it go */
void qemu_vcpus_deleted(QemuDomain *domain);
void qemu_vcpus_rejected(QemuDomain *domain, const char *alias);

/* vcpus-config.c: which vCPUs a definition says are there; a list of its own (<vcpus>) or the lowest ones */
VbBitset *qemu_vcpus_online(const VbDomainDef *def); /* (transfer full) */
/* as many, from the lowest on; those that come later than the guest's start when @is_hotpluggable */
void qemu_vcpus_set_count(VbDomainDef *def, guint n, gboolean is_hotpluggable);
/* those that are there stay, up to the new maximum */
void qemu_vcpus_set_max(VbDomainDef *def, guint n);
void qemu_vcpus_switch(VbDomainDef *def, const VbBitset *map, gboolean is_on);
/* INVALID_ARG in libvirt's words: what a stored definition does not allow */
gboolean qemu_vcpus_check_switch(const VbDomainDef *def, const VbBitset *map, GError **error);
/* a running guest has @online, of which @removable may go again; pins of the others are dropped */
void qemu_vcpus_write_live(VbDomainDef *live, const VbBitset *online, const VbBitset *removable);

/* domain-size.c: @list "1-2"; @state 0 off, 1 on; @flags virDomainModificationImpact */
typedef struct {
    const char *list;
    int state;
    guint flags;
} QemuVcpuSwitch;
void qemu_domain_set_vcpu(QemuDomain *domain, const QemuVcpuSwitch *what, QemuDone done,
                          gpointer data);

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
