/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be learned of a running guest's inside: addresses, name, clock, errors of its disks. */
#pragma once
#include "domain.h"

/* @source: virDomainInterfaceAddressesSource; (transfer floating): (a(ssa(isu))) */
GVariant *qemu_domain_get_addresses(QemuDomain *domain, guint source, guint flags, GError **error);
char *qemu_domain_get_hostname(QemuDomain *domain, guint flags, GError **error);
/* always FALSE for now: nothing here talks to the agent; why not, in libvirt's words */
gboolean qemu_domain_check_agent(QemuDomain *domain, GError **error);

typedef struct {
    const char *disk; /* target */
    int error;        /* virDomainDiskErrorCode */
} QemuDiskError;
typedef void (*QemuDiskErrorsDone)(const QemuDiskError *errors, guint n, const GError *error,
                                   gpointer data);
void qemu_domain_get_disk_errors(QemuDomain *domain, guint flags, QemuDiskErrorsDone done,
                                 gpointer data);
