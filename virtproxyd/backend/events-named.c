/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of node devices. The link to their daemon is wanted as long as a client listens. Owns each session's listeners. */
#include "backend/events-named.h"
#include <string.h>
#include "base/error.h"
#include "vb-constants.h"

#define MAX_LISTENERS 1000 /* per client */

typedef struct {
    int callback_id;
    int event_id; /* virNodeDeviceEventID */
    char *name;   /* of the one device, or NULL */
} Listener;

struct _ProxyNamedEvents {
    GPtrArray *listeners;
    int next_id;
};

static const struct {
    int id;
    const char *kind; /* of signal NodeDevices1.Event */
    const char *message;
} kinds[] = {
    {VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, "lifecycle", "NODE_DEVICE_EVENT_LIFECYCLE"},
    {VIR_NODE_DEVICE_EVENT_ID_UPDATE, "update", "NODE_DEVICE_EVENT_UPDATE"},
};

static void
listener_free(gpointer data)
{
    Listener *listener = data;

    g_free(listener->name);
    g_free(listener);
}

/* ---- messages ---- */

static void
send_message(ProxySession *session, guint row, const Listener *listener, const char *name,
             GVariant *details)
{
    const ProxyProcedure *procedure = proxy_procedure_by_name(kinds[row].message);
    g_autoptr(GVariant) message = NULL;
    gint32 event = 0, detail = 0;

    g_variant_lookup(details, "event", "i", &event);
    g_variant_lookup(details, "detail", "i", &detail);
    if (kinds[row].id == VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE)
        message = g_variant_ref_sink(
            g_variant_new("(i(s)ii)", listener->callback_id, name, event, detail));
    else
        message = g_variant_ref_sink(g_variant_new("(i(s))", listener->callback_id, name));
    proxy_client_send_event(session->client, procedure, message);
}

static void
dispatch_to(ProxySession *session, guint row, const char *name, GVariant *details)
{
    for (guint i = 0; session->node_devices && i < session->node_devices->listeners->len; i++) {
        const Listener *listener = session->node_devices->listeners->pdata[i];

        if (listener->event_id == kinds[row].id &&
            (!listener->name || g_str_equal(listener->name, name)))
            send_message(session, row, listener, name, details);
    }
}

/**
 * proxy_named_events_dispatch:
 * @details: a{sv} as signal NodeDevices1.Event documents it
 *
 * Sends the event to every client that listens to it. A client that is closed for not reading is skipped from then on.
 */
void
proxy_named_events_dispatch(gpointer data, const char *kind, const char *path, GVariant *details)
{
    ProxyBackend *backend = data;
    g_autoptr(GList) sessions = g_list_copy(backend->sessions);
    const char *name = strrchr(path, '/') + 1;

    for (guint row = 0; row < G_N_ELEMENTS(kinds); row++)
        for (GList *item = sessions; item && g_str_equal(kinds[row].kind, kind); item = item->next)
            if (g_list_find(backend->sessions, item->data))
                dispatch_to(item->data, row, name, details);
}

/* ---- registrations ---- */

static gboolean
is_anyone_listening(ProxyBackend *backend)
{
    for (GList *item = backend->sessions; item; item = item->next)
        if (((ProxySession *)item->data)->node_devices)
            return TRUE;
    return FALSE;
}

void
proxy_named_events_clear(ProxySession *session)
{
    ProxyNamedEvents *events = g_steal_pointer(&session->node_devices);

    if (!events)
        return;
    g_ptr_array_unref(events->listeners);
    g_free(events);
    if (!is_anyone_listening(session->backend))
        proxy_link_set_wanted(session->backend->nodedev_link, FALSE);
}

static void
register_now(ProxyCall *call)
{
    ProxySession *session = call->session;
    g_autoptr(GVariant) argument = g_variant_get_child_value(proxy_call_args(call), 1);
    g_autoptr(GVariant) device = g_variant_get_maybe(argument);
    Listener *listener;

    if (!session->node_devices) {
        session->node_devices = g_new0(ProxyNamedEvents, 1);
        session->node_devices->listeners = g_ptr_array_new_with_free_func(listener_free);
    }
    if (session->node_devices->listeners->len >= MAX_LISTENERS) {
        proxy_call_fail_code(call, VIR_ERR_OPERATION_FAILED, "too many event callbacks, at most %d",
                             MAX_LISTENERS);
        return;
    }
    listener = g_new0(Listener, 1);
    listener->callback_id = session->node_devices->next_id++;
    g_variant_get_child(proxy_call_args(call), 0, "i", &listener->event_id);
    if (device)
        g_variant_get(device, "(s)", &listener->name);
    g_ptr_array_add(session->node_devices->listeners, listener);
    proxy_call_reply(call, g_variant_new("(i)", listener->callback_id));
}

/* Only now is the link where the daemon is: what happened before is not the client's affair. */
static void
on_ready(gpointer data, const GError *error)
{
    ProxyCall *call = data;

    if (error)
        proxy_call_fail(call, g_error_copy(error));
    else if (!call->session->client)
        proxy_call_fail_code(call, VIR_ERR_SYSTEM_ERROR, "%s",
                             "Cannot recv data: the client has gone");
    else {
        proxy_link_set_wanted(call->session->backend->nodedev_link, TRUE);
        register_now(call);
    }
}

void
proxy_answer_named_event_register(ProxyCall *call)
{
    int event_id;

    g_variant_get_child(proxy_call_args(call), 0, "i", &event_id);
    if (event_id < 0 || event_id >= (int)G_N_ELEMENTS(kinds))
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "unsupported event ID %d", event_id);
    else
        proxy_link_when_ready(call->session->backend->nodedev_link, on_ready, call);
}

void
proxy_answer_named_event_deregister(ProxyCall *call)
{
    ProxyNamedEvents *events = call->session->node_devices;
    int callback_id;

    g_variant_get_child(proxy_call_args(call), 0, "i", &callback_id);
    for (guint i = 0; events && i < events->listeners->len; i++) {
        const Listener *listener = events->listeners->pdata[i];

        if (listener->callback_id == callback_id) {
            g_ptr_array_remove_index(events->listeners, i);
            proxy_call_reply(call, NULL);
            return;
        }
    }
    proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR,
                         "node device event callback %d not registered", callback_id);
}
