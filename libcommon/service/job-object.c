/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.Job1: the jobs of a daemon as objects below its root. The core keeps the jobs; this shows them. */
#include "job/job.h"
#include "service/service-private.h"
#include "vb-dbus-info.h"

#define JOB_INTERFACE "org.virtbus.Job1"

static GVariant *
method_cancel(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return vb_job_cancel(data, error) ? g_variant_new("()") : NULL;
}

static const VbMethod methods[] = {
    {"Cancel", method_cancel, VB_ACTION_MANAGE},
};

static GVariant *
prop_operation(gpointer data)
{
    return g_variant_new_string(vb_job_get_operation(data));
}

static GVariant *
prop_subject(gpointer data)
{
    return g_variant_new_object_path(vb_job_get_subject(data));
}

static GVariant *
prop_owner(gpointer data)
{
    return g_variant_new_uint32(vb_job_get_owner(data));
}

static GVariant *
prop_state(gpointer data)
{
    return g_variant_new_string(vb_job_state_name(vb_job_get_state(data)));
}

static GVariant *
prop_done(gpointer data)
{
    return g_variant_new_uint64(vb_job_get_done(data));
}

static GVariant *
prop_total(gpointer data)
{
    return g_variant_new_uint64(vb_job_get_total(data));
}

static GVariant *
prop_started(gpointer data)
{
    return g_variant_new_uint64((guint64)vb_job_get_started_us(data));
}

static GVariant *
prop_remaining(gpointer data)
{
    return g_variant_new_uint64(vb_job_get_remaining_ms(data));
}

static GVariant *
prop_result(gpointer data)
{
    return vb_job_get_result(data);
}

static const VbProperty properties[] = {
    {"Operation", prop_operation, NULL, NULL}, {"Subject", prop_subject, NULL, NULL},
    {"Owner", prop_owner, NULL, NULL},         {"State", prop_state, NULL, NULL},
    {"Done", prop_done, NULL, NULL},           {"Total", prop_total, NULL, NULL},
    {"Started", prop_started, NULL, NULL},     {"Remaining", prop_remaining, NULL, NULL},
    {"Result", prop_result, NULL, NULL},
};

const VbInterface vb_job_interface = {
    .info = &org_virtbus_job1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};

static char *
make_path(VbService *service, VbJob *job)
{
    return g_strdup_printf("%s/job/%u", service->info->root_path, vb_job_get_number(job));
}

static void
job_added(VbJob *job, gpointer data)
{
    static const VbInterface *const interfaces[] = {&vb_job_interface, NULL};
    VbService *service = data;
    g_autofree char *path = make_path(service, job);
    vb_service_export(service, path, interfaces, job);
    vb_service_hold(service, path);
}

static void
job_changed(VbJob *job, gpointer data)
{
    static const char *const changing[] = {"State", "Done", "Total", "Remaining", "Result"};
    VbService *service = data;
    g_autofree char *path = make_path(service, job);
    VbObject *object = vb_service_find(service, path);
    for (gsize i = 0; i < G_N_ELEMENTS(changing); i++)
        vb_object_notify(object, JOB_INTERFACE, changing[i]);
    if (vb_job_get_state(job) != VB_JOB_RUNNING)
        vb_service_release(service, path);
}

static void
job_removed(VbJob *job, gpointer data)
{
    g_autofree char *path = make_path(data, job);
    vb_object_unexport(vb_service_find(data, path));
}

/**
 * vb_service_export_jobs:
 * @jobs: (transfer none): outlives the service's run
 *
 * Shows every job at ROOT_PATH/job/NUMBER, from when it is added to when it is forgotten. A job that runs keeps the
 * daemon from exiting when idle.
 */
void
vb_service_export_jobs(VbService *service, VbJobs *jobs)
{
    static const VbJobsListener listener = {job_added, job_changed, job_removed};
    vb_jobs_set_listener(jobs, &listener, service);
}
