/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's long operation: its numbers, its Job1 object, its end. Owns QemuGuestJob. */
#include "guest-job.h"

#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <string.h>

struct _QemuGuestJob {
    VbJob *handle; /* NULL: over */
    char *name;
    gint64 started_us; /* monotonic */
    QemuJobInfo info;
    void (*cancel)(QemuDomain *domain);
};

static gboolean
is_running(const QemuDomain *domain)
{
    return domain->job && domain->job->handle;
}

/* Source: libvirt's words for a guest that is busy */
gboolean
qemu_job_check_none(const QemuDomain *domain, GError **error)
{
    return !is_running(domain) ||
           vb_error_set(error, VIR_ERR_OPERATION_TIMEOUT,
                        "cannot acquire state change lock (held by %s)", domain->job->name);
}

static void
on_cancel(VbJob *handle, gpointer data)
{
    QemuDomain *domain = data;
    if (is_running(domain))
        domain->job->cancel(domain);
}

/**
 * qemu_job_begin:
 * @domain: kept alive by the caller until qemu_job_end()
 *
 * Errors: OPERATION_TIMEOUT another job is under way
 */
gboolean
qemu_job_begin(QemuDomain *domain, const QemuJobSpec *spec, GError **error)
{
    if (!qemu_job_check_none(domain, error))
        return FALSE;
    const VbJobSpec handle_spec = {.operation = spec->name,
                                   .subject = spec->subject,
                                   .owner = spec->owner,
                                   .cancel = spec->cancel ? on_cancel : NULL,
                                   .data = domain};
    qemu_job_free(domain->job);
    domain->job = g_new0(QemuGuestJob, 1);
    domain->job->name = g_strdup(spec->name);
    domain->job->started_us = g_get_monotonic_time();
    domain->job->cancel = spec->cancel;
    domain->job->info.type = VIR_DOMAIN_JOB_UNBOUNDED;
    domain->job->info.operation = spec->operation;
    domain->job->handle = vb_jobs_add(domain->manager->jobs, &handle_spec);
    return TRUE;
}

static guint64
elapsed_ms(const QemuGuestJob *job)
{
    return (guint64)(g_get_monotonic_time() - job->started_us) / 1000;
}

/* Source: QEMU 7.2 qapi/migration.json, MigrationStats */
void
qemu_job_update(QemuDomain *domain, const VbJson *migration)
{
    const VbJson *ram = vb_json_get(migration, "ram");
    if (!is_running(domain) || !ram)
        return;
    QemuJobInfo *info = &domain->job->info;
    info->total = vb_json_get_uint(ram, "total", 0);
    info->processed = vb_json_get_uint(ram, "transferred", 0);
    info->remaining = vb_json_get_uint(ram, "remaining", 0);
    info->constant = vb_json_get_uint(ram, "duplicate", 0);
    info->normal = vb_json_get_uint(ram, "normal", 0);
    info->normal_bytes = vb_json_get_uint(ram, "normal-bytes", 0);
    info->page_size = vb_json_get_uint(ram, "page-size", 0);
    info->iteration = vb_json_get_uint(ram, "dirty-sync-count", 0);
    info->dirty_rate = vb_json_get_uint(ram, "dirty-pages-rate", 0);
    info->bps = (guint64)(vb_json_get_double(ram, "mbps", 0) * 1000 * 1000 / 8);
    vb_job_set_progress(domain->job->handle, info->total - MIN(info->remaining, info->total),
                        info->total);
}

static GVariant *
pack_stats(const QemuJobInfo *info)
{
    const struct {
        const char *name;
        guint64 value;
    } rows[] = {
        {"time_elapsed", info->elapsed_ms},
        {"data_total", info->total},
        {"data_processed", info->processed},
        {"data_remaining", info->remaining},
        {"memory_total", info->total},
        {"memory_processed", info->processed},
        {"memory_remaining", info->remaining},
        {"memory_bps", info->bps},
        {"memory_constant", info->constant},
        {"memory_normal", info->normal},
        {"memory_normal_bytes", info->normal_bytes},
        {"memory_dirty_rate", info->dirty_rate},
        {"memory_iteration", info->iteration},
        {"memory_page_size", info->page_size},
    };
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    if (info->type != VIR_DOMAIN_JOB_NONE)
        g_variant_builder_add(&builder, "{sv}", "operation", g_variant_new_int32(info->operation));
    for (guint i = 0; info->type != VIR_DOMAIN_JOB_NONE && i < G_N_ELEMENTS(rows); i++)
        g_variant_builder_add(&builder, "{sv}", rows[i].name, g_variant_new_uint64(rows[i].value));
    return g_variant_builder_end(&builder);
}

/**
 * qemu_job_end:
 * @error: why it failed; OPERATION_ABORTED: cancelled; NULL: it is done
 */
void
qemu_job_end(QemuDomain *domain, const GError *error)
{
    if (!is_running(domain))
        return;
    QemuGuestJob *job = domain->job;
    VbJob *handle = g_steal_pointer(&job->handle);
    gboolean is_aborted = vb_error_matches(error, VIR_ERR_OPERATION_ABORTED);
    job->info.elapsed_ms = elapsed_ms(job);
    job->info.type = is_aborted ? VIR_DOMAIN_JOB_CANCELLED
                     : error    ? VIR_DOMAIN_JOB_FAILED
                                : VIR_DOMAIN_JOB_COMPLETED;
    if (error)
        vb_job_fail(handle, error);
    else
        vb_job_complete(handle, NULL);
    g_autoptr(GVariant) stats = g_variant_ref_sink(pack_stats(&job->info));
    if (!error)
        qemu_domain_emit(domain, "job-completed",
                         g_variant_new_parsed("{'params': <%@a{sv}>}", stats));
}

void
qemu_job_free(gpointer data)
{
    QemuGuestJob *job = data;
    if (job)
        g_free(job->name);
    g_free(job);
}

/**
 * qemu_job_abort:
 * @flags: 0
 *
 * Errors: OPERATION_INVALID no job is active; INVALID_ARG unknown flags
 */
gboolean
qemu_job_abort(QemuDomain *domain, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, 0, "qemuDomainAbortJobFlags", error) ||
        !qemu_domain_check_active(domain, error))
        return FALSE;
    if (!is_running(domain))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "no job is active on the domain");
    return vb_job_cancel(domain->job->handle, error);
}

/* Never waits: what the emulator last said */
void
qemu_job_get_info(const QemuDomain *domain, QemuJobInfo *ret_info)
{
    memset(ret_info, 0, sizeof *ret_info);
    if (!is_running(domain))
        return;
    *ret_info = domain->job->info;
    ret_info->elapsed_ms = elapsed_ms(domain->job);
}

/* OPERATION_INVALID: nothing runs of which there could be news: neither the guest nor a job that ends or begins it */
gboolean
qemu_job_check_may_ask(QemuDomain *domain, GError **error)
{
    return is_running(domain) || qemu_domain_check_active(domain, error);
}

/**
 * qemu_job_get_stats:
 * @flags: virDomainGetJobStatsFlags: COMPLETED: of the last one that is over, which is then forgotten, unless
 *   KEEP_COMPLETED
 *
 * Errors: INVALID_ARG unknown flags; OPERATION_INVALID not running, unless asked for a job that is over
 */
GVariant *
qemu_job_get_stats(QemuDomain *domain, guint flags, int *ret_type, GError **error)
{
    const guint known = VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
    QemuJobInfo info = {0};
    if (!qemu_check_flags(flags, known, "qemuDomainGetJobStats", error))
        return NULL;
    if (!(flags & VIR_DOMAIN_JOB_STATS_COMPLETED)) {
        if (!qemu_job_check_may_ask(domain, error))
            return NULL;
        qemu_job_get_info(domain, &info);
    } else if (domain->job && !domain->job->handle) {
        info = domain->job->info;
        if (!(flags & VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED))
            g_clear_pointer(&domain->job, qemu_job_free);
    }
    *ret_type = info.type;
    return pack_stats(&info);
}
