/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A job's life: what its listener hears, how it ends, when it is forgotten. */
#include "job/job.h"

#include "base/error.h"

typedef struct {
    VbJobs *jobs;
    GString *heard;
    gboolean is_asked; /* to cancel */
} Fixture;

static void
note(Fixture *fixture, char what, VbJob *job)
{
    g_string_append_printf(fixture->heard, "%c%u ", what, vb_job_get_number(job));
}

static void
added(VbJob *job, gpointer data)
{
    note(data, '+', job);
}

static void
changed(VbJob *job, gpointer data)
{
    note(data, '*', job);
}

static void
removed(VbJob *job, gpointer data)
{
    note(data, '-', job);
}

static const VbJobsListener listener = {added, changed, removed};

static void
set_up(Fixture *fixture, gconstpointer keep_s)
{
    fixture->jobs = vb_jobs_new(GPOINTER_TO_UINT(keep_s));
    fixture->heard = g_string_new(NULL);
    vb_jobs_set_listener(fixture->jobs, &listener, fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer keep_s)
{
    vb_jobs_free(fixture->jobs);
    g_string_free(fixture->heard, TRUE);
}

static void
cancel(VbJob *job, gpointer data)
{
    ((Fixture *)data)->is_asked = TRUE;
}

static VbJob *
add_job(Fixture *fixture, gboolean can_cancel)
{
    const VbJobSpec spec = {.operation = "save",
                            .subject = "/a",
                            .owner = 1000,
                            .total = 100,
                            .cancel = can_cancel ? cancel : NULL,
                            .data = fixture};
    return vb_jobs_add(fixture->jobs, &spec);
}

static void
test_completed(Fixture *fixture, gconstpointer keep_s)
{
    VbJob *job = add_job(fixture, FALSE);
    g_assert_cmpstr(vb_job_get_operation(job), ==, "save");
    g_assert_cmpstr(vb_job_get_subject(job), ==, "/a");
    g_assert_cmpuint(vb_job_get_owner(job), ==, 1000);
    g_assert_cmpuint(vb_job_get_remaining_ms(job), ==, 0); /* nothing done: nothing to go by */
    g_assert_cmpuint(vb_jobs_count_running(fixture->jobs), ==, 1);
    g_usleep(20000);
    vb_job_set_progress(job, 25, 100);
    vb_job_set_progress(job, 25, 100); /* no news */
    g_assert_cmpuint(vb_job_get_remaining_ms(job), >=, 60);
    vb_job_complete(job, g_variant_new_parsed("{'bytes': <100>}"));
    g_assert_cmpstr(vb_job_state_name(vb_job_get_state(job)), ==, "completed");
    g_assert_cmpuint(vb_job_get_done(job), ==, 100);
    g_assert_cmpuint(vb_job_get_remaining_ms(job), ==, 0);
    g_assert_cmpuint(vb_jobs_count_running(fixture->jobs), ==, 0);
    g_assert_cmpstr(fixture->heard->str, ==, "+1 *1 *1 ");
}

static void
test_failed(Fixture *fixture, gconstpointer keep_s)
{
    int code = 0;
    g_autoptr(GError) error = NULL;
    VbJob *job = add_job(fixture, FALSE);
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "disk is full");
    vb_job_fail(job, error);
    g_assert_cmpint(vb_job_get_state(job), ==, VB_JOB_FAILED);
    g_assert_true(g_variant_lookup(vb_job_get_result(job), "code", "i", &code));
    g_assert_cmpint(code, ==, VIR_ERR_OPERATION_FAILED);
}

static void
test_cancelled(Fixture *fixture, gconstpointer keep_s)
{
    g_autoptr(GError) error = NULL, late = NULL, never = NULL;
    VbJob *job = add_job(fixture, TRUE);
    g_assert_true(vb_job_cancel(job, &error));
    g_assert_true(fixture->is_asked);
    g_assert_cmpint(vb_job_get_state(job), ==, VB_JOB_RUNNING); /* until the work says so */
    vb_error_set_plain(&error, VIR_ERR_OPERATION_ABORTED);
    vb_job_fail(job, error);
    g_assert_cmpint(vb_job_get_state(job), ==, VB_JOB_CANCELLED);
    g_assert_false(vb_job_cancel(job, &late));
    g_assert_true(vb_error_matches(late, VIR_ERR_OPERATION_INVALID));
    g_assert_false(vb_job_cancel(add_job(fixture, FALSE), &never));
    g_assert_true(vb_error_matches(never, VIR_ERR_OPERATION_INVALID));
}

/* keep_s is 0 here: a job that ended goes at the next turn, one that runs stays */
static void
test_forgotten(Fixture *fixture, gconstpointer keep_s)
{
    VbJob *job = add_job(fixture, FALSE);
    add_job(fixture, FALSE);
    vb_job_complete(job, NULL);
    while (!g_str_has_suffix(fixture->heard->str, "-1 "))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(fixture->heard->str, ==, "+1 +2 *1 -1 ");
    g_assert_cmpuint(vb_jobs_count_running(fixture->jobs), ==, 1);
}

#define ADD(path, function, keep_s)                                                                \
    g_test_add(path, Fixture, GUINT_TO_POINTER(keep_s), set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/job/completed", test_completed, VB_JOBS_KEEP_S);
    ADD("/job/failed", test_failed, VB_JOBS_KEEP_S);
    ADD("/job/cancelled", test_cancelled, VB_JOBS_KEEP_S);
    ADD("/job/forgotten", test_forgotten, 0);
    return g_test_run();
}
