/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs: long work that can be watched and cancelled, and whose end can be read for an hour. Knows nothing of D-Bus;
 * libcommon/service shows them as org.virtbus.Job1. */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef struct _VbJob VbJob;
typedef struct _VbJobs VbJobs;

typedef enum {
    VB_JOB_RUNNING,
    VB_JOB_COMPLETED,
    VB_JOB_FAILED,
    VB_JOB_CANCELLED,
    VB_JOB_N_STATES
} VbJobState;
const char *vb_job_state_name(VbJobState state);

/* one listener; all from the loop */
typedef struct {
    void (*added)(VbJob *job, gpointer data);
    void (*changed)(VbJob *job, gpointer data); /* state, progress or result */
    void (*removed)(VbJob *job, gpointer data); /* still valid during the call */
} VbJobsListener;

#define VB_JOBS_KEEP_S 3600
VbJobs *vb_jobs_new(guint keep_s); /* how long a job that ended is kept, seconds */
void vb_jobs_free(VbJobs *jobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbJobs, vb_jobs_free)
void vb_jobs_set_listener(VbJobs *jobs, const VbJobsListener *listener, gpointer data);
guint vb_jobs_count_running(const VbJobs *jobs);

typedef struct {
    const char *operation; /* "save", "dump", "migrate", "block-copy" */
    const char *subject;   /* the object it works on, as the API names it */
    uid_t owner;
    guint64 total; /* 0: not known */
    /* Asks the work to stop; it then ends the job itself. NULL: cannot be cancelled. */
    void (*cancel)(VbJob *job, gpointer data);
    gpointer data;
} VbJobSpec;

/* (transfer none): until the hour after its end is over; whoever works on it must end it exactly once */
VbJob *vb_jobs_add(VbJobs *jobs, const VbJobSpec *spec);
void vb_job_set_progress(VbJob *job, guint64 done, guint64 total);
void vb_job_complete(VbJob *job, GVariant *result); /* (transfer floating) a{sv}, or NULL */
void vb_job_fail(VbJob *job, const GError *error);  /* OPERATION_ABORTED ends as cancelled */
gboolean vb_job_cancel(VbJob *job,
                       GError **error); /* OPERATION_INVALID: has ended, or cannot be cancelled */

guint vb_job_get_number(const VbJob *job); /* counts from 1 */
const char *vb_job_get_operation(const VbJob *job);
const char *vb_job_get_subject(const VbJob *job);
uid_t vb_job_get_owner(const VbJob *job);
VbJobState vb_job_get_state(const VbJob *job);
guint64 vb_job_get_done(const VbJob *job);
guint64 vb_job_get_total(const VbJob *job);
gint64 vb_job_get_started_us(const VbJob *job);    /* since 1970 */
guint64 vb_job_get_remaining_ms(const VbJob *job); /* 0: not known, or over */
GVariant *vb_job_get_result(
    const VbJob *job); /* (transfer none) a{sv}; an error's as vb_error_to_variant() */
