/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods that save and restore guests, and those that tell of the job that does it. */
#include "bus/bus-private.h"
#include "guest-job.h"
#include "save.h"

/* no definition is sent as an empty one */
static const char *
given(const char *dxml)
{
    return dxml && *dxml ? dxml : NULL;
}

static void
save(QemuDomain *domain, VbCall *call, const char *path, const char *dxml, guint flags)
{
    g_autofree char *subject = qemu_bus_domain_path(domain->uuid_text);
    const QemuSaveRequest request = {.path = path,
                                     .flags = flags,
                                     .subject = subject,
                                     .owner = vb_call_get_caller(call)->uid,
                                     .dxml = given(dxml)};
    vb_call_defer(call);
    qemu_domain_save_image(domain, &request, qemu_bus_done, call);
}

GVariant *
qemu_bus_domain_managed_save(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    save(data, call, NULL, NULL, flags);
    return NULL;
}

GVariant *
qemu_bus_domain_save(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *path, *dxml;
    guint flags;
    g_variant_get(args, "(&s&su)", &path, &dxml, &flags);
    save(data, call, path, dxml, flags);
    return NULL;
}

/* the parameters of SaveWithParams and RestoreWithParams; borrowed from @params */
typedef struct {
    const char *file, *dxml;
} SaveParams;

static gboolean
read_param(SaveParams *ret, const char *name, GVariant *value, GError **error)
{
    static const struct {
        const char *name;
        gsize at;
    } known[] = {{VIR_DOMAIN_SAVE_PARAM_FILE, G_STRUCT_OFFSET(SaveParams, file)},
                 {VIR_DOMAIN_SAVE_PARAM_DXML, G_STRUCT_OFFSET(SaveParams, dxml)}};

    if (g_str_equal(name, VIR_DOMAIN_SAVE_PARAM_IMAGE_FORMAT) &&
        g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
        g_str_equal(g_variant_get_string(value, NULL), "raw"))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!g_str_equal(known[i].name, name))
            continue;
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "invalid type for parameter '%s', expected 'string'", name);
        G_STRUCT_MEMBER(const char *, ret, known[i].at) = g_variant_get_string(value, NULL);
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "parameter '%s' not supported", name);
}

static gboolean
read_params(GVariant *params, SaveParams *ret, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(params); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(params, i);
        g_autoptr(GVariant) value = NULL;
        const char *name;

        g_variant_get(entry, "{&sv}", &name, &value);
        if (!read_param(ret, name, value, error))
            return FALSE;
    }
    return TRUE;
}

/* without a file: the managed image */
GVariant *
qemu_bus_domain_save_with_params(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) params = NULL;
    SaveParams how = {0};
    guint flags;
    g_variant_get(args, "(@a{sv}u)", &params, &flags);
    if (read_params(params, &how, error))
        save(data, call, how.file, how.dxml, flags);
    return NULL;
}

GVariant *
qemu_bus_method_restore_with_params(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) params = NULL;
    SaveParams how = {0};
    guint flags;
    g_variant_get(args, "(@a{sv}u)", &params, &flags);
    if (!read_params(params, &how, error))
        return NULL;
    if (!how.file) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "missing parameter '%s'",
                     VIR_DOMAIN_SAVE_PARAM_FILE);
        return NULL;
    }
    vb_call_defer(call);
    qemu_manager_restore(((QemuBus *)data)->manager, how.file, given(how.dxml), flags,
                         qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_managed_save_remove(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_domain_remove_managed_save(data, flags, error) ? g_variant_new("()") : NULL;
}

GVariant *
qemu_bus_method_restore(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *path, *dxml;
    guint flags;
    g_variant_get(args, "(&s&su)", &path, &dxml, &flags);
    vb_call_defer(call);
    qemu_manager_restore(((QemuBus *)data)->manager, path, given(dxml), flags, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_method_define_save_image_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *path, *dxml;
    guint flags;
    g_variant_get(args, "(&s&su)", &path, &dxml, &flags);
    vb_call_defer(call);
    qemu_save_image_define(((QemuBus *)data)->manager, path, dxml, flags, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_define_managed_save_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *dxml;
    guint flags;
    g_variant_get(args, "(&su)", &dxml, &flags);
    vb_call_defer(call);
    qemu_domain_define_managed_save(data, dxml, flags, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_get_job_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const guint64 none = 0;
    QemuJobInfo info;
    if (!qemu_job_check_may_ask(data, error))
        return NULL;
    qemu_job_get_info(data, &info);
    return g_variant_new("(ittttttttttt)", info.type, info.elapsed_ms, none, info.total,
                         info.processed, info.remaining, info.total, info.processed, info.remaining,
                         none, none, none);
}

GVariant *
qemu_bus_domain_get_job_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    int type = VIR_DOMAIN_JOB_NONE;
    g_variant_get(args, "(u)", &flags);
    GVariant *stats = qemu_job_get_stats(data, flags, &type, error);
    return stats ? g_variant_new("(i@a{sv})", type, stats) : NULL;
}

GVariant *
qemu_bus_domain_abort_job(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_job_abort(data, flags, error) ? g_variant_new("()") : NULL;
}

/* documents */

static GVariant *
reply_xml(char *xml)
{
    g_autofree char *owned = xml;
    return owned ? g_variant_new("(s)", owned) : NULL;
}

GVariant *
qemu_bus_method_get_save_image_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *path;
    guint flags;
    g_variant_get(args, "(&su)", &path, &flags);
    return reply_xml(qemu_save_image_get_xml(path, flags, error));
}

static void
may_see_secrets(VbCall *call, GError *refusal, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    GError *error = refusal;
    guint flags;
    g_variant_get(vb_call_get_args(call), "(u)", &flags);
    if (!error && !domain->manager)
        vb_error_set_plain(&error, VIR_ERR_NO_DOMAIN);
    GVariant *reply =
        error ? NULL : reply_xml(qemu_domain_get_managed_save_xml(domain, flags, &error));
    if (reply)
        vb_call_return(call, reply);
    else
        vb_call_fail(call, error);
}

GVariant *
qemu_bus_domain_get_managed_save_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!(flags & VIR_DOMAIN_SAVE_IMAGE_XML_SECURE))
        return reply_xml(qemu_domain_get_managed_save_xml(data, flags, error));
    if (vb_call_get_caller(call)->is_readonly) {
        vb_error_set(error, VIR_ERR_OPERATION_DENIED,
                     "virDomainManagedSaveGetXMLDesc with secure flag");
        return NULL;
    }
    vb_call_defer(call);
    vb_call_authorize(call, VB_ACTION_MANAGE, may_see_secrets, qemu_domain_ref(data));
    return NULL;
}
