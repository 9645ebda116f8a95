/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon of the skeleton and little else, driven by test-service.c. */
#include <string.h>

#include "base/error.h"
#include "service/service.h"
#include "vb-test-info.h"

#define TEST_INTERFACE "org.virtbus.Test1"
#define TEST_ROOT "/org/virtbus/test"

typedef struct {
    VbService *service;
    VbObject *root;
    VbJobs *jobs;
    VbJob *job;
    guint count;
} Daemon;

static GVariant *
method_who_am_i(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const VbCaller *caller = vb_call_get_caller(call);
    return g_variant_new("(uub)", caller->uid, caller->pid, caller->is_readonly);
}

static GVariant *
method_bump(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Daemon *daemon = data;
    guint n;
    g_variant_get(args, "(u)", &n);
    for (guint i = 0; i < n; i++) {
        daemon->count++;
        vb_object_notify(daemon->root, TEST_INTERFACE, "Count");
        vb_object_notify(daemon->root, TEST_INTERFACE, "Name");
    }
    vb_object_emit(daemon->root, TEST_INTERFACE, "Bumped", g_variant_new("(u)", daemon->count));
    daemon->count++;
    vb_object_notify(daemon->root, TEST_INTERFACE, "Count");
    return g_variant_new("()");
}

static gboolean
later(gpointer data)
{
    vb_call_return(data, NULL);
    return G_SOURCE_REMOVE;
}

static GVariant *
method_later(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint ms;
    g_variant_get(args, "(u)", &ms);
    g_timeout_add(ms, later, call);
    return vb_call_defer(call);
}

static GVariant *
method_fail(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int code;
    const char *detail;
    g_variant_get(args, "(i&s)", &code, &detail);
    vb_error_set(error, code, "%s", detail);
    vb_error_set_reason(*error, "Asked", "vda");
    return NULL;
}

static GVariant *
method_last_error(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(@a{sv})", vb_call_get_last_error(call));
}

static const VbInterface *const child_interfaces[];

static GVariant *
method_add_child(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Daemon *daemon = data;
    const char *name;
    g_variant_get(args, "(&s)", &name);
    g_autofree char *path = g_strdup_printf(TEST_ROOT "/child/%s", name);
    vb_service_export(daemon->service, path, child_interfaces, daemon);
    return g_variant_new("()");
}

static GVariant *
method_remove_child(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Daemon *daemon = data;
    const char *name;
    g_variant_get(args, "(&s)", &name);
    g_autofree char *path = g_strdup_printf(TEST_ROOT "/child/%s", name);
    VbObject *child = vb_service_find(daemon->service, path);
    daemon->count++;
    vb_object_notify(child, TEST_INTERFACE, "Count");
    vb_object_unexport(child);
    return g_variant_new("()");
}

static void
bump_at_end(gpointer data)
{
    Daemon *daemon = data;
    daemon->count++;
    vb_object_notify(daemon->root, TEST_INTERFACE, "Count");
}

static GVariant *
method_bump_at_end(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_on_disconnect(call, bump_at_end, data);
    return g_variant_new("()");
}

static void
cancel_job(VbJob *job, gpointer data)
{
    g_autoptr(GError) error = NULL;
    vb_error_set_plain(&error, VIR_ERR_OPERATION_ABORTED);
    vb_job_fail(job, error);
}

static GVariant *
method_start_job(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    Daemon *daemon = data;
    const VbJobSpec spec = {.operation = "save",
                            .subject = TEST_ROOT,
                            .owner = vb_call_get_caller(call)->uid,
                            .total = 10,
                            .cancel = cancel_job};
    daemon->job = vb_jobs_add(daemon->jobs, &spec);
    return g_variant_new("()");
}

static GVariant *
method_complete_job(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_job_complete(((Daemon *)data)->job, NULL);
    return g_variant_new("()");
}

static GVariant *
method_wrong_reply(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(u)", 1);
}

static GVariant *
get_count(gpointer data)
{
    return g_variant_new_uint32(((Daemon *)data)->count);
}

static GVariant *
get_name(gpointer data)
{
    return g_variant_new_take_string(g_strdup_printf("n%u", ((Daemon *)data)->count));
}

static GVariant *
get_fixed(gpointer data)
{
    return g_variant_new_string("fixed");
}

static gboolean
set_count(gpointer data, VbCall *call, GVariant *value, GError **error)
{
    Daemon *daemon = data;
    if (g_variant_get_uint32(value) > 1000)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "count is too large");
    daemon->count = g_variant_get_uint32(value);
    vb_object_notify(daemon->root, TEST_INTERFACE, "Count");
    return TRUE;
}

static const VbMethod test_methods[] = {
    {"WhoAmI", method_who_am_i, VB_ACTION_READ},
    {"Bump", method_bump, VB_ACTION_MANAGE},
    {"Later", method_later, VB_ACTION_READ},
    {"Fail", method_fail, VB_ACTION_READ},
    {"LastError", method_last_error, VB_ACTION_READ},
    {"AddChild", method_add_child, VB_ACTION_MANAGE},
    {"RemoveChild", method_remove_child, VB_ACTION_MANAGE},
    {"BumpAtEnd", method_bump_at_end, VB_ACTION_MANAGE},
    {"StartJob", method_start_job, VB_ACTION_MANAGE},
    {"CompleteJob", method_complete_job, VB_ACTION_MANAGE},
    {"WrongReply", method_wrong_reply, VB_ACTION_READ},
};

static const VbProperty test_properties[] = {
    {"Count", get_count, set_count, VB_ACTION_MANAGE},
    {"Name", get_name, NULL, NULL},
    {"Fixed", get_fixed, NULL, NULL},
};

static const VbInterface test_interface = {
    .info = &org_virtbus_test1_interface,
    .methods = test_methods,
    .n_methods = G_N_ELEMENTS(test_methods),
    .properties = test_properties,
    .n_properties = G_N_ELEMENTS(test_properties),
};

static const VbInterface *const child_interfaces[] = {&test_interface, NULL};

static gboolean
start(VbService *service, gpointer data, GError **error)
{
    Daemon *daemon = data;
    daemon->service = service;
    daemon->jobs = vb_jobs_new(VB_JOBS_KEEP_S);
    vb_service_export_jobs(service, daemon->jobs);
    daemon->root = vb_service_export(service, TEST_ROOT, child_interfaces, daemon);
    return TRUE;
}

static void
explain_missing(const char *path, GError **error)
{
    if (g_str_has_prefix(path, TEST_ROOT "/child/"))
        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no child at '%s'", path);
}

int
main(int argc, char **argv)
{
    Daemon daemon = {0};
    const VbServiceInfo info = {
        .name = "virttestd",
        .bus_name = "org.virtbus.Test",
        .root_path = TEST_ROOT,
        .has_peer_socket = TRUE,
        .start = start,
        .explain_missing = explain_missing,
    };
    int status = vb_service_run(&info, argc, argv, &daemon);
    g_clear_pointer(&daemon.jobs, vb_jobs_free);
    return status;
}
