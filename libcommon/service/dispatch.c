/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a message to its reply: find the row, ask the policy, run the handler, send what became of it. The one place that
 * replies, and that logs a call that failed. */
#include "service/service-private.h"

#include <string.h>

#include "base/error.h"

/* calls */

static VbCall *
call_ref(VbCall *call)
{
    call->refs++;
    return call;
}

static void
call_unref(VbCall *call)
{
    if (--call->refs > 0)
        return;
    call->service->n_calls--;
    vb_service_touch(call->service);
    vb_client_unref(call->client);
    g_object_unref(call->message);
    vb_object_unref(call->object);
    g_clear_pointer(&call->args, g_variant_unref);
    g_clear_object(&call->reply_fds);
    g_free(call);
}

static VbCall *
call_new(VbClient *client, GDBusMessage *message)
{
    VbCall *call = g_new0(VbCall, 1);
    GVariant *body = g_dbus_message_get_body(message);
    call->refs = 1;
    call->service = client->service;
    call->client = vb_client_ref(client);
    call->message = g_object_ref(message);
    call->args = body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
    call->service->n_calls++;
    return call;
}

const VbCaller *
vb_call_get_caller(VbCall *call)
{
    return &call->client->caller;
}

VbService *
vb_call_get_service(VbCall *call)
{
    return call->service;
}

GVariant *
vb_call_get_args(VbCall *call)
{
    return call->args;
}

GUnixFDList *
vb_call_get_fds(VbCall *call)
{
    return g_dbus_message_get_unix_fd_list(call->message);
}

void
vb_call_set_reply_fds(VbCall *call, GUnixFDList *fds)
{
    g_set_object(&call->reply_fds, fds);
}

guint
vb_call_on_disconnect(VbCall *call, GDestroyNotify func, gpointer data)
{
    return vb_client_add_hook(call->client, func, data);
}

GVariant *
vb_call_get_last_error(VbCall *call)
{
    if (!call->client->last_error)
        call->client->last_error =
            g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    return call->client->last_error;
}

/* replies */

static const char *
get_member(VbCall *call)
{
    const char *member = g_dbus_message_get_member(call->message);
    return member ? member : "";
}

static void
send_reply(VbCall *call, GDBusMessage *reply)
{
    g_autoptr(GDBusMessage) owned = reply;
    call->is_done = TRUE;
    vb_service_flush(call->service);
    if (!(g_dbus_message_get_flags(call->message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
        vb_link_send(call->client->link, owned);
}

static void
reply_error(VbCall *call, GError *error)
{
    g_autoptr(GError) owned = error;
    g_autofree char *name = error->domain == G_DBUS_ERROR
                                ? g_dbus_error_encode_gerror(error)
                                : g_strdup(vb_error_code_to_dbus(vb_error_get_code(error)));
    g_autofree char *text = g_utf8_make_valid(error->message, -1);
    g_clear_pointer(&call->client->last_error, g_variant_unref);
    call->client->last_error = g_variant_ref_sink(vb_error_to_variant(error));
    vb_log_debug(NULL, "%s of %s for uid %d failed: %s", get_member(call),
                 g_dbus_message_get_path(call->message), (int)call->client->caller.uid, text);
    send_reply(call, g_dbus_message_new_method_error_literal(call->message, name, text));
}

static void
reply_tuple(VbCall *call, GVariant *tuple)
{
    g_autoptr(GVariant) owned = g_variant_ref_sink(tuple ? tuple : g_variant_new("()"));
    if (!g_str_equal(g_variant_get_type_string(owned), call->entry->out_type)) {
        /* a bug of ours: GDBus would only warn, and the caller would wait for ever */
        g_critical("%s replies %s, not %s", get_member(call), g_variant_get_type_string(owned),
                   call->entry->out_type);
        reply_error(call,
                    g_error_new(VB_ERROR, VIR_ERR_INTERNAL_ERROR,
                                "internal error: reply of %s is malformed", get_member(call)));
        return;
    }
    GDBusMessage *reply = g_dbus_message_new_method_reply(call->message);
    g_dbus_message_set_body(reply, owned);
    if (call->reply_fds)
        g_dbus_message_set_unix_fd_list(reply, call->reply_fds);
    send_reply(call, reply);
}

GVariant *
vb_call_defer(VbCall *call)
{
    g_return_val_if_fail(!call->is_deferred, NULL);
    call->is_deferred = TRUE;
    call_ref(call);
    return NULL;
}

void
vb_call_return(VbCall *call, GVariant *tuple)
{
    g_return_if_fail(call->is_deferred && !call->is_done);
    reply_tuple(call, tuple);
    call_unref(call);
}

void
vb_call_fail(VbCall *call, GError *error)
{
    g_return_if_fail(call->is_deferred && !call->is_done && error);
    reply_error(call, error);
    call_unref(call);
}

GByteArray *
vb_call_new_body(VbCall *call)
{
    const char *type = call->entry->out_type;
    g_autofree char *signature = g_strndup(type + 1, strlen(type) - 2);
    return vb_body_new_reply(signature);
}

void
vb_call_return_body(VbCall *call, GByteArray *message)
{
    g_return_if_fail(call->is_deferred && !call->is_done);
    call->is_done = TRUE;
    vb_service_flush(call->service);
    if (g_dbus_message_get_flags(call->message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED)
        g_byte_array_unref(message);
    else
        vb_link_send_body(call->client->link, call->message, message);
    call_unref(call);
}

/* a further question about a call */

typedef struct {
    VbCall *call;
    VbAuthorizeDone done;
    gpointer data;
} Authorize;

static void
authorize_answered(gpointer data, GError *error)
{
    Authorize *ask = data;
    ask->done(ask->call, error, ask->data);
    call_unref(ask->call);
    g_free(ask);
}

void
vb_call_authorize(VbCall *call, const char *action, VbAuthorizeDone done, gpointer data)
{
    Authorize *ask = g_new(Authorize, 1);
    *ask = (Authorize){call_ref(call), done, data};
    vb_policy_check(call->client, action, get_member(call), authorize_answered, ask);
}

/* finding the row */

static gboolean
find_entry(VbCall *call, const char *interface, const char *member)
{
    VbObject *object = call->object;
    if (interface) {
        call->index = vb_object_find_interface(object, interface);
        call->entry = call->index ? g_hash_table_lookup(call->index->methods, member) : NULL;
        return call->entry != NULL;
    }
    for (guint i = 0; i < object->n_interfaces && !call->entry; i++) {
        call->index = object->interfaces[i];
        call->entry = g_hash_table_lookup(call->index->methods, member);
    }
    return call->entry != NULL;
}

static gboolean
explain_missing_object(VbCall *call, const char *path, GError **error)
{
    const VbServiceInfo *info = call->service->info;
    g_autoptr(GError) local = NULL;
    if (info->explain_missing)
        info->explain_missing(path, &local);
    if (!local)
        g_set_error(&local, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT, "No object at '%s'", path);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean
resolve(VbCall *call, GError **error)
{
    const char *path = g_dbus_message_get_path(call->message);
    const char *interface = g_dbus_message_get_interface(call->message);
    VbObject *object = vb_service_find(call->service, path);
    if (!object)
        return explain_missing_object(call, path, error);
    call->object = vb_object_ref(object);
    if (!find_entry(call, interface, get_member(call))) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD,
                    "No method '%s' on interface '%s' of '%s'", get_member(call),
                    interface ? interface : "", path);
        return FALSE;
    }
    if (!g_str_equal(g_variant_get_type_string(call->args), call->entry->in_type)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                    "Method '%s' takes '%s', not '%s'", get_member(call), call->entry->in_type,
                    g_variant_get_type_string(call->args));
        return FALSE;
    }
    return TRUE;
}

/* running */

static gboolean
is_standard(const VbIndex *index)
{
    return index->interface == &vb_properties_interface ||
           index->interface == &vb_introspectable_interface ||
           index->interface == &vb_object_manager_interface ||
           index->interface == &vb_peer_interface;
}

/* The journal tells who changed a guest, whichever way they came. */
static void
log_change(VbCall *call)
{
    const VbServiceInfo *info = call->service->info;
    const VbCaller *caller = &call->client->caller;
    const char *name, *uuid;
    if (g_strcmp0(call->entry->row->action, VB_ACTION_MANAGE) == 0 && info->name_guest &&
        !is_standard(call->index) && info->name_guest(call->object, &name, &uuid))
        vb_log_guest(G_LOG_LEVEL_INFO, name, uuid, "%s, asked by user %u, process %d",
                     get_member(call), (guint)caller->uid, (int)caller->pid);
}

static void
run(VbCall *call)
{
    GError *error = NULL;
    if (!g_str_equal(call->entry->row->name, "Identify"))
        call->client->has_spoken = TRUE;
    log_change(call);
    gpointer data = is_standard(call->index) ? call->object : call->object->data;
    GVariant *tuple = call->entry->row->func(data, call, call->args, &error);
    if (call->is_deferred)
        return;
    if (tuple) {
        reply_tuple(call, tuple);
    } else if (error) {
        reply_error(call, error);
    } else {
        g_critical("%s gave neither a reply nor an error", get_member(call));
        reply_error(call, g_error_new(VB_ERROR, VIR_ERR_INTERNAL_ERROR,
                                      "internal error: %s gave no reply", get_member(call)));
    }
}

static void
authorized(gpointer data, GError *error)
{
    VbCall *call = data;
    GError *gone = NULL;
    if (error) {
        reply_error(call, error);
    } else if (!call->object->service) {
        explain_missing_object(call, call->object->path, &gone);
        reply_error(call, gone);
    } else {
        run(call);
    }
    call_unref(call);
}

/* Nodes on the way to objects have no object, yet tools walk through them. */
static gboolean
introspect_node(VbCall *call)
{
    const char *path = g_dbus_message_get_path(call->message);
    if (!g_str_equal(get_member(call), "Introspect") || vb_service_find(call->service, path))
        return FALSE;
    g_autofree char *xml = vb_standard_introspect(call->service, path);
    if (!xml)
        return FALSE;
    GDBusMessage *reply = g_dbus_message_new_method_reply(call->message);
    g_dbus_message_set_body(reply, g_variant_new("(s)", xml));
    send_reply(call, reply);
    return TRUE;
}

/**
 * vb_dispatch:
 * @message: (transfer none): a method call
 */
void
vb_dispatch(VbClient *client, GDBusMessage *message)
{
    GError *error = NULL;
    if (client->is_gone)
        return;
    if (!client->is_known) {
        g_queue_push_tail(&client->waiting, g_object_ref(message));
        return;
    }
    VbCall *call = call_new(client, message);
    if (introspect_node(call)) {
        call_unref(call);
    } else if (!resolve(call, &error)) {
        reply_error(call, error);
        call_unref(call);
    } else {
        /* "authorized" takes over the reference */
        const char *action = call->entry->row->action;
        vb_policy_check(client, action, get_member(call), authorized, call);
    }
}
