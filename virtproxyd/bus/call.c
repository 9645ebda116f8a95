/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call of a client on the bus: a method becomes a procedure, a property one to read it; all properties are read one
 * after the other, and what cannot be told is left out, as libvirt-dbus does. */
#include "base/error.h"
#include "bus/private.h"

#include <string.h>

#define ERROR_NAME "org.libvirt.Error" /* libvirt-dbus' only one */

typedef struct {
    ProxyBusClient *client;
    GDBusMethodInvocation *invocation; /* answered once, which frees it */
    ProxyBusRoute *route;
    GVariant *object; /* in wire form; NULL: the root object */
    GDBusInterfaceInfo *info;
    guint next; /* property of GetAll */
    GVariantBuilder all;
} Call;

static void ask_next(Call *call);

/* ---- the end ---- */

static void
call_free(Call *call)
{
    proxy_bus_route_free(call->route);
    g_clear_pointer(&call->object, g_variant_unref);
    g_free(call);
}

static void
fail(Call *call, const GError *error)
{
    g_dbus_method_invocation_return_dbus_error(call->invocation, ERROR_NAME,
                                               *error->message ? error->message : "failed");
    call_free(call);
}

static void
answer(Call *call, GVariant *tuple, GUnixFDList *fds)
{
    g_dbus_method_invocation_return_value_with_unix_fd_list(call->invocation, tuple, fds);
    call_free(call);
}

/* ---- methods ---- */

static guint
count_args(GDBusArgInfo **args)
{
    guint n = 0;

    while (args && args[n])
        n++;
    return n;
}

static GVariant *
convert_reply(Call *call, GVariant *reply, GError **error)
{
    const GDBusMethodInfo *info = g_dbus_method_invocation_get_method_info(call->invocation);
    const guint n = count_args(info->out_args);
    g_autofree const GVariantType **types = g_new(const GVariantType *, n + 1);

    for (guint i = 0; i < n; i++)
        types[i] = G_VARIANT_TYPE(info->out_args[i]->signature);
    return proxy_bus_route_out(call->route, reply, 0, types, n, error);
}

static gboolean
is_descriptor(const Call *call)
{
    return call->route->outs && g_strcmp0(call->route->outs[0], "fd") == 0;
}

static void
on_method_done(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Call *call = data;
    g_autoptr(GError) unfit = NULL;
    g_autoptr(GVariant) tuple = NULL;

    if (error) {
        fail(call, error);
    } else if (is_descriptor(call) && fds) {
        answer(call, g_variant_new("(h)", 0), fds);
    } else if (is_descriptor(call)) {
        vb_error_set(&unfit, VIR_ERR_OPERATION_FAILED, "no file descriptor came with the reply");
        fail(call, unfit);
    } else if (!(tuple = convert_reply(call, reply, &unfit))) {
        fail(call, unfit);
    } else {
        answer(call, tuple, NULL);
    }
}

/* Sends what the route says; @values: what was given. Takes the call when it fails. */
static void
ask(Call *call, GVariant *values, ProxyBusDone done)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) args = proxy_bus_route_in(call->route, call->object, values, &error);

    if (args)
        proxy_bus_client_call(call->client, call->route->procedure, args, done, call);
    else
        done(NULL, NULL, error, call);
}

static void
call_method(Call *call)
{
    const GDBusMethodInfo *info = g_dbus_method_invocation_get_method_info(call->invocation);
    g_autoptr(GError) error = NULL;

    call->route = proxy_bus_route_new(info->annotations, 0, &error);
    if (call->route)
        ask(call, g_dbus_method_invocation_get_parameters(call->invocation), on_method_done);
    else
        fail(call, error);
}

/* ---- properties ---- */

static GVariant *
constant_value(const Call *call)
{
    const char *constant = call->route->constant;
    GVariant *object = call->object;

    if (strcmp(constant, "false") == 0)
        return g_variant_ref_sink(g_variant_new_boolean(FALSE));
    if (strcmp(constant, "name") == 0)
        return g_variant_ref(object);
    g_autofree char *path = g_strdup(g_dbus_method_invocation_get_object_path(call->invocation));
    return g_variant_ref_sink(g_variant_new_string(g_strdelimit(strrchr(path, '/') + 2, "_", '-')));
}

static GVariant *
read_value(const Call *call, const GDBusPropertyInfo *info, GVariant *reply, GError **error)
{
    return proxy_bus_route_out_one(call->route, reply, 0, G_VARIANT_TYPE(info->signature), error);
}

static void
on_property_read(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Call *call = data;
    const GDBusPropertyInfo *info = g_dbus_method_invocation_get_property_info(call->invocation);
    g_autoptr(GError) unfit = NULL;
    g_autoptr(GVariant) value = error ? NULL : read_value(call, info, reply, &unfit);

    if (value)
        answer(call, g_variant_new("(v)", value), NULL);
    else
        fail(call, error ? error : unfit);
}

static void
get_property(Call *call, const GDBusPropertyInfo *info)
{
    g_autoptr(GError) error = NULL;

    call->route = proxy_bus_route_new(info->annotations, 0, &error);
    if (!call->route) {
        fail(call, error);
    } else if (call->route->constant) {
        g_autoptr(GVariant) value = constant_value(call);
        answer(call, g_variant_new("(v)", value), NULL);
    } else {
        ask(call, NULL, on_property_read);
    }
}

static void
on_property_written(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Call *call = data;

    if (error)
        fail(call, error);
    else
        answer(call, NULL, NULL);
}

static void
set_property(Call *call, const GDBusPropertyInfo *info)
{
    GVariant *args = g_dbus_method_invocation_get_parameters(call->invocation);
    g_autoptr(GVariant) boxed = g_variant_get_child_value(args, 2);
    g_autoptr(GVariant) value = g_variant_get_variant(boxed);
    g_autoptr(GVariant) values = g_variant_ref_sink(g_variant_new_tuple(&value, 1));
    g_autoptr(GError) error = NULL;

    call->route = proxy_bus_route_new(info->annotations, 1, &error);
    if (call->route)
        ask(call, values, on_property_written);
    else
        fail(call, error);
}

/* ---- all properties ---- */

static void
on_next_read(GVariant *reply, GUnixFDList *fds, const GError *error, gpointer data)
{
    Call *call = data;
    const GDBusPropertyInfo *info = call->info->properties[call->next++];
    g_autoptr(GVariant) value = error ? NULL : read_value(call, info, reply, NULL);

    if (error && !proxy_bus_client_is_open(call->client)) {
        fail(call, error); /* it would be the same with each of the others */
        return;
    }
    if (value)
        g_variant_builder_add(&call->all, "{sv}", info->name, value);
    ask_next(call);
}

static void
ask_next(Call *call)
{
    const GDBusPropertyInfo *info =
        call->info->properties ? call->info->properties[call->next] : NULL;

    g_clear_pointer(&call->route, proxy_bus_route_free);
    if (!info) {
        answer(call, g_variant_new("(@a{sv})", g_variant_builder_end(&call->all)), NULL);
        return;
    }
    call->route = proxy_bus_route_new(info->annotations, 0, NULL);
    if (call->route && call->route->constant) {
        g_autoptr(GVariant) value = constant_value(call);
        g_variant_builder_add(&call->all, "{sv}", info->name, value);
    }
    if (call->route && call->route->procedure) {
        ask(call, NULL, on_next_read);
        return;
    }
    call->next++;
    ask_next(call);
}

static void
get_all(Call *call)
{
    g_variant_builder_init(&call->all, G_VARIANT_TYPE_VARDICT);
    ask_next(call);
}

/* ---- all calls ---- */

static GDBusInterfaceInfo *
find_interface(GDBusMethodInvocation *invocation, gboolean is_property)
{
    const char *name = g_dbus_method_invocation_get_interface_name(invocation);

    if (is_property)
        g_variant_get_child(g_dbus_method_invocation_get_parameters(invocation), 0, "&s", &name);
    for (guint i = 0; i < proxy_bus_n_kinds; i++)
        if (g_str_equal(proxy_bus_kinds[i].info->name, name))
            return proxy_bus_kinds[i].info;
    return NULL;
}

void
proxy_bus_call(ProxyBusClient *client, GDBusMethodInvocation *invocation)
{
    const char *path = g_dbus_method_invocation_get_object_path(invocation);
    const char *method = g_dbus_method_invocation_get_method_name(invocation);
    const GDBusPropertyInfo *property = g_dbus_method_invocation_get_property_info(invocation);
    const gboolean is_property =
        g_str_equal(g_dbus_method_invocation_get_interface_name(invocation),
                    "org.freedesktop.DBus.Properties");
    Call *call = g_new0(Call, 1);

    call->client = client;
    call->invocation = invocation;
    call->object = proxy_bus_object_to_wire(path);
    call->info = find_interface(invocation, is_property);
    if (!call->info || (!call->object && !g_str_equal(path, PROXY_BUS_ROOT))) {
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT,
                                              "there is no object '%s'", path);
        call_free(call);
    } else if (!is_property) {
        call_method(call);
    } else if (g_str_equal(method, "GetAll")) {
        get_all(call);
    } else if (g_str_equal(method, "Set")) {
        set_property(call, property);
    } else {
        get_property(call, property);
    }
}
