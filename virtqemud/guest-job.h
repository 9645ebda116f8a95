/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one long operation that a guest can have at a time, and what is known of it: what virDomainGetJobInfo tells. */
#pragma once
#include <sys/types.h>
#include "domain.h"
#include "job/job.h"

typedef struct {
    int type;      /* virDomainJobType */
    int operation; /* virDomainJobOperation */
    guint64 elapsed_ms;
    guint64 total, processed, remaining; /* bytes of memory */
    guint64 constant, normal, normal_bytes, page_size, bps, dirty_rate, iteration;
} QemuJobInfo;

typedef struct {
    const char *name;    /* "save": of the Job1 object, and in errors */
    int operation;       /* virDomainJobOperation */
    const char *subject; /* the guest, as the API names it */
    uid_t owner;
    void (*cancel)(
        QemuDomain *domain); /* the job ends later, by its own hand; NULL: it cannot be cancelled */
} QemuJobSpec;

/* TIMEOUT "cannot acquire state change lock": another one is under way */
gboolean qemu_job_check_none(const QemuDomain *domain, GError **error);
gboolean qemu_job_begin(QemuDomain *domain, const QemuJobSpec *spec, GError **error);
void qemu_job_update(QemuDomain *domain, const VbJson *migration); /* the answer of query-migrate */
void qemu_job_end(QemuDomain *domain, const GError *error);        /* tells "job-completed" */
void qemu_job_free(gpointer job); /* the guest goes: nobody is told */

gboolean qemu_job_abort(QemuDomain *domain, guint flags, GError **error);
void qemu_job_get_info(const QemuDomain *domain, QemuJobInfo *ret_info);
gboolean qemu_job_check_may_ask(QemuDomain *domain, GError **error);
/* (transfer floating) a{sv} by libvirt's field names; @flags: virDomainGetJobStatsFlags */
GVariant *qemu_job_get_stats(QemuDomain *domain, guint flags, int *ret_type, GError **error);
