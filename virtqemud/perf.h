/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's performance counters of a guest's threads: switched on and off, read. Counters end with this daemon and are
 * opened again by the next one; they count from there on. Source: perf_event_open(2) */
#pragma once
#include "domain.h"

/* What the live definition says: for a guest that has just been started. Errors: SYSTEM_ERROR, ARGUMENT_UNSUPPORTED */
gboolean qemu_perf_start(QemuDomain *domain, GError **error);
/* The same for a guest that was found again; what cannot be had is switched off */
void qemu_perf_adopt(QemuDomain *domain);
void qemu_perf_free(QemuPerf *perf);

/* (transfer floating) a{sb} as a{sv}: every event; @flags: virDomainModificationImpact */
GVariant *qemu_perf_get(QemuDomain *domain, guint flags, GError **error);
/* @params: as qemu_perf_get(); what is not there stays. Errors: ARGUMENT_UNSUPPORTED an event that is none, or that the
 * kernel has not any more; INVALID_ARG; OPERATION_INVALID; SYSTEM_ERROR the kernel refuses */
gboolean qemu_perf_set(QemuDomain *domain, GVariant *params, guint flags, GError **error);

typedef void (*QemuPerfFunc)(const char *name, guint64 count, gpointer data);
void qemu_perf_each(QemuDomain *domain, QemuPerfFunc func,
                    gpointer data); /* of those that are on */
