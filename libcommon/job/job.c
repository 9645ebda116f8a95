/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs and their registry. Owns the jobs until their hour is over; main loop only. */
#include "job/job.h"

#include "base/error.h"

struct _VbJobs {
    guint keep_s;
    guint last_number;
    GPtrArray *all; /* of VbJob */
    VbJobsListener listener;
    gpointer listener_data;
};

struct _VbJob {
    VbJobs *jobs;
    guint number;
    char *operation;
    char *subject;
    uid_t owner;
    VbJobState state;
    guint64 done, total;
    gint64 started_us;      /* since 1970 */
    gint64 started_mono_us; /* monotonic, for the estimate */
    GVariant *result;
    void (*cancel)(VbJob *job, gpointer data);
    gpointer data;
    guint expiry; /* source */
};

const char *
vb_job_state_name(VbJobState state)
{
    static const char *const names[VB_JOB_N_STATES] = {"running", "completed", "failed",
                                                       "cancelled"};
    return names[state];
}

static void
job_free(gpointer data)
{
    VbJob *job = data;
    if (job->expiry)
        g_source_remove(job->expiry);
    g_free(job->operation);
    g_free(job->subject);
    g_variant_unref(job->result);
    g_free(job);
}

VbJobs *
vb_jobs_new(guint keep_s)
{
    VbJobs *jobs = g_new0(VbJobs, 1);
    jobs->keep_s = keep_s;
    jobs->all = g_ptr_array_new_with_free_func(job_free);
    return jobs;
}

void
vb_jobs_free(VbJobs *jobs)
{
    g_ptr_array_unref(jobs->all);
    g_free(jobs);
}

void
vb_jobs_set_listener(VbJobs *jobs, const VbJobsListener *listener, gpointer data)
{
    jobs->listener = listener ? *listener : (VbJobsListener){NULL};
    jobs->listener_data = data;
}

guint
vb_jobs_count_running(const VbJobs *jobs)
{
    guint n = 0;
    for (guint i = 0; i < jobs->all->len; i++)
        n += ((VbJob *)jobs->all->pdata[i])->state == VB_JOB_RUNNING;
    return n;
}

static GVariant *
empty_result(void)
{
    return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
}

VbJob *
vb_jobs_add(VbJobs *jobs, const VbJobSpec *spec)
{
    VbJob *job = g_new0(VbJob, 1);
    job->jobs = jobs;
    job->number = ++jobs->last_number;
    job->operation = g_strdup(spec->operation);
    job->subject = g_strdup(spec->subject);
    job->owner = spec->owner;
    job->total = spec->total;
    job->started_us = g_get_real_time();
    job->started_mono_us = g_get_monotonic_time();
    job->cancel = spec->cancel;
    job->data = spec->data;
    job->result = empty_result();
    g_ptr_array_add(jobs->all, job);
    if (jobs->listener.added)
        jobs->listener.added(job, jobs->listener_data);
    return job;
}

static void
tell_change(VbJob *job)
{
    if (job->jobs->listener.changed)
        job->jobs->listener.changed(job, job->jobs->listener_data);
}

/**
 * vb_job_set_progress:
 * @done: bytes or steps
 * @total: of the same; 0: not known
 */
void
vb_job_set_progress(VbJob *job, guint64 done, guint64 total)
{
    g_return_if_fail(job->state == VB_JOB_RUNNING);
    if (job->done == done && job->total == total)
        return;
    job->done = done;
    job->total = total;
    tell_change(job);
}

static gboolean
expire(gpointer data)
{
    VbJob *job = data;
    job->expiry = 0;
    if (job->jobs->listener.removed)
        job->jobs->listener.removed(job, job->jobs->listener_data);
    g_ptr_array_remove_fast(job->jobs->all, job);
    return G_SOURCE_REMOVE;
}

static void
end(VbJob *job, VbJobState state, GVariant *result)
{
    g_return_if_fail(job->state == VB_JOB_RUNNING);
    job->state = state;
    if (result) {
        g_variant_unref(job->result);
        job->result = g_variant_ref_sink(result);
    }
    job->expiry = g_timeout_add_seconds(job->jobs->keep_s, expire, job);
    tell_change(job);
}

void
vb_job_complete(VbJob *job, GVariant *result)
{
    if (job->total > 0)
        job->done = job->total;
    end(job, VB_JOB_COMPLETED, result);
}

void
vb_job_fail(VbJob *job, const GError *error)
{
    gboolean is_aborted = vb_error_matches(error, VIR_ERR_OPERATION_ABORTED);
    end(job, is_aborted ? VB_JOB_CANCELLED : VB_JOB_FAILED, vb_error_to_variant(error));
}

gboolean
vb_job_cancel(VbJob *job, GError **error)
{
    if (job->state != VB_JOB_RUNNING)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "job has ended");
    if (!job->cancel)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "job cannot be cancelled");
    job->cancel(job, job->data);
    return TRUE;
}

guint
vb_job_get_number(const VbJob *job)
{
    return job->number;
}

const char *
vb_job_get_operation(const VbJob *job)
{
    return job->operation;
}

const char *
vb_job_get_subject(const VbJob *job)
{
    return job->subject;
}

uid_t
vb_job_get_owner(const VbJob *job)
{
    return job->owner;
}

VbJobState
vb_job_get_state(const VbJob *job)
{
    return job->state;
}

guint64
vb_job_get_done(const VbJob *job)
{
    return job->done;
}

guint64
vb_job_get_total(const VbJob *job)
{
    return job->total;
}

gint64
vb_job_get_started_us(const VbJob *job)
{
    return job->started_us;
}

/* As fast from here on as on average so far */
guint64
vb_job_get_remaining_ms(const VbJob *job)
{
    if (job->state != VB_JOB_RUNNING || job->done == 0 || job->total <= job->done)
        return 0;
    double elapsed_ms = (double)(g_get_monotonic_time() - job->started_mono_us) / 1000.0;
    return (guint64)(elapsed_ms * (double)(job->total - job->done) / (double)job->done);
}

GVariant *
vb_job_get_result(const VbJob *job)
{
    return job->result;
}
