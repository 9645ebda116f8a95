/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be learned of a running guest's inside without its agent: addresses, name, errors of its disks. */
#pragma once
#include "domain.h"

/* @source: virDomainInterfaceAddressesSource; (transfer floating): (a(ssa(isu))) */
GVariant *qemu_domain_get_addresses(QemuDomain *domain, guint source, guint flags, GError **error);
char *qemu_domain_get_leased_hostname(QemuDomain *domain, GError **error);

typedef struct {
    const char *disk; /* target */
    int error;        /* virDomainDiskErrorCode */
} QemuDiskError;
typedef void (*QemuDiskErrorsDone)(const QemuDiskError *errors, guint n, const GError *error,
                                   gpointer data);
void qemu_domain_get_disk_errors(QemuDomain *domain, guint flags, QemuDiskErrorsDone done,
                                 gpointer data);
