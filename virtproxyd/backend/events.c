/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event registrations of legacy clients. A message is built from the event's details by the names of its fields, so
 * that a new kind of event needs a row here and nothing else. Owns the listeners of each session. */
#include "backend/events.h"
#include "base/error.h"
#include "vb-constants.h"

#define MONITOR_EVENT (-1)
#define MAX_LISTENERS                                                                              \
    1000 /* per client; libvirt's remote driver itself needs a few dozen at most */

typedef struct {
    int callback_id;
    int event_id;       /* virDomainEventID, or MONITOR_EVENT */
    gboolean is_legacy; /* registered by the procedures that know no callback id */
    char *path;         /* of the one domain, or NULL */
    char *name;         /* monitor: exact name, or NULL */
    GRegex *regex;      /* monitor: pattern, or NULL */
    guint flags;        /* monitor */
} Listener;

struct _ProxyEvents {
    GPtrArray *listeners;
    int next_id;
};

/* what a message is made of */
typedef struct {
    int callback_id;
    GVariant *domain;  /* (sayi) */
    GVariant *details; /* a{sv} */
} Source;

static const struct {
    int id;
    const char *kind; /* of signal Hypervisor1.Event */
    const char *message;
    const char *legacy_message; /* NULL: newer than the procedures without callback id */
} kinds[] = {
    {VIR_DOMAIN_EVENT_ID_LIFECYCLE, "lifecycle", "DOMAIN_EVENT_CALLBACK_LIFECYCLE",
     "DOMAIN_EVENT_LIFECYCLE"},
    {VIR_DOMAIN_EVENT_ID_REBOOT, "reboot", "DOMAIN_EVENT_CALLBACK_REBOOT", "DOMAIN_EVENT_REBOOT"},
    {VIR_DOMAIN_EVENT_ID_RTC_CHANGE, "rtc-change", "DOMAIN_EVENT_CALLBACK_RTC_CHANGE",
     "DOMAIN_EVENT_RTC_CHANGE"},
    {VIR_DOMAIN_EVENT_ID_WATCHDOG, "watchdog", "DOMAIN_EVENT_CALLBACK_WATCHDOG",
     "DOMAIN_EVENT_WATCHDOG"},
    {VIR_DOMAIN_EVENT_ID_IO_ERROR, "io-error", "DOMAIN_EVENT_CALLBACK_IO_ERROR",
     "DOMAIN_EVENT_IO_ERROR"},
    {VIR_DOMAIN_EVENT_ID_GRAPHICS, "graphics", "DOMAIN_EVENT_CALLBACK_GRAPHICS",
     "DOMAIN_EVENT_GRAPHICS"},
    {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, "io-error", "DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON",
     "DOMAIN_EVENT_IO_ERROR_REASON"},
    {VIR_DOMAIN_EVENT_ID_CONTROL_ERROR, "control-error", "DOMAIN_EVENT_CALLBACK_CONTROL_ERROR",
     "DOMAIN_EVENT_CONTROL_ERROR"},
    {VIR_DOMAIN_EVENT_ID_BLOCK_JOB, "block-job", "DOMAIN_EVENT_CALLBACK_BLOCK_JOB",
     "DOMAIN_EVENT_BLOCK_JOB"},
    {VIR_DOMAIN_EVENT_ID_DISK_CHANGE, "disk-change", "DOMAIN_EVENT_CALLBACK_DISK_CHANGE",
     "DOMAIN_EVENT_DISK_CHANGE"},
    {VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, "tray-change", "DOMAIN_EVENT_CALLBACK_TRAY_CHANGE",
     "DOMAIN_EVENT_TRAY_CHANGE"},
    {VIR_DOMAIN_EVENT_ID_PMWAKEUP, "pmwakeup", "DOMAIN_EVENT_CALLBACK_PMWAKEUP",
     "DOMAIN_EVENT_PMWAKEUP"},
    {VIR_DOMAIN_EVENT_ID_PMSUSPEND, "pmsuspend", "DOMAIN_EVENT_CALLBACK_PMSUSPEND",
     "DOMAIN_EVENT_PMSUSPEND"},
    {VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, "balloon-change", "DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE",
     "DOMAIN_EVENT_BALLOON_CHANGE"},
    {VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK, "pmsuspend-disk", "DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK",
     "DOMAIN_EVENT_PMSUSPEND_DISK"},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, "device-removed", "DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED",
     "DOMAIN_EVENT_DEVICE_REMOVED"},
    {VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, "block-job", "DOMAIN_EVENT_BLOCK_JOB_2", NULL},
    {VIR_DOMAIN_EVENT_ID_TUNABLE, "tunable", "DOMAIN_EVENT_CALLBACK_TUNABLE", NULL},
    {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, "agent-lifecycle",
     "DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE", NULL},
    {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, "device-added", "DOMAIN_EVENT_CALLBACK_DEVICE_ADDED", NULL},
    {VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, "migration-iteration",
     "DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION", NULL},
    {VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, "job-completed", "DOMAIN_EVENT_CALLBACK_JOB_COMPLETED",
     NULL},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, "device-removal-failed",
     "DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED", NULL},
    {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, "metadata-change",
     "DOMAIN_EVENT_CALLBACK_METADATA_CHANGE", NULL},
    {VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD, "block-threshold", "DOMAIN_EVENT_BLOCK_THRESHOLD", NULL},
    {VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE, "memory-failure", "DOMAIN_EVENT_MEMORY_FAILURE", NULL},
    {VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE, "memory-device-size-change",
     "DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE", NULL},
    {VIR_DOMAIN_EVENT_ID_NIC_MAC_CHANGE, "nic-mac-change", "DOMAIN_EVENT_NIC_MAC_CHANGE", NULL},
};

static void
listener_free(gpointer data)
{
    Listener *listener = data;

    g_free(listener->path);
    g_free(listener->name);
    g_clear_pointer(&listener->regex, g_regex_unref);
    g_free(listener);
}

void
proxy_events_free(ProxyEvents *events)
{
    g_ptr_array_unref(events->listeners);
    g_free(events);
}

/* ---- messages ---- */

/* the same word with other capitals and separators: "srcPath", "src_path", "src-path" */
static gboolean
is_same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '_' || *a == '-')
            a++;
        while (*b == '_' || *b == '-')
            b++;
        if (g_ascii_tolower(*a) != g_ascii_tolower(*b))
            return FALSE;
        if (!*a)
            return TRUE;
    }
}

static GVariant *
find_detail(GVariant *details, const char *field)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, details);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        if (is_same_name(name, field))
            return value;
        g_variant_unref(value);
    }
    return NULL;
}

/* (transfer floating or full) @value as a wire type; what is not there is zero, empty or absent */
static GVariant *
detail_to_wire(GVariant *value, const GVariantType *type)
{
    gboolean is_string = value && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING);
    g_autofree char *text = g_variant_type_dup_string(type);
    GVariant *number = NULL;

    if (g_variant_type_equal(type, G_VARIANT_TYPE_STRING))
        return is_string ? g_variant_ref(value) : g_variant_new_string("");
    /* D-Bus knows no absent strings: an empty one stands for it */
    if (g_variant_type_equal(type, G_VARIANT_TYPE("ms"))) {
        gboolean is_there = is_string && *g_variant_get_string(value, NULL);

        return g_variant_new_maybe(G_VARIANT_TYPE_STRING, is_there ? value : NULL);
    }
    if (g_variant_type_equal(type, G_VARIANT_TYPE("a(sv)")) && value &&
        g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
        return g_variant_ref(value);
    if (g_variant_type_is_array(type))
        return g_variant_new_array(g_variant_type_element(type), NULL, 0);
    if (value)
        number = proxy_convert_number(value, text);
    if (!number) {
        g_autoptr(GVariant) zero = g_variant_ref_sink(g_variant_new_int32(0));

        number = proxy_convert_number(zero, text);
    }
    return number;
}

static GVariant *message_new(const ProxyXdrType *type, const Source *source);

static GVariant *
field_new(const char *name, const ProxyXdrType *type, const Source *source)
{
    g_autoptr(GVariant) value = NULL;
    Source inner = *source;

    if (g_str_equal(name, "callbackID"))
        return g_variant_new_int32(source->callback_id);
    if (g_str_equal(name, "dom"))
        return g_variant_ref(source->domain);
    value = find_detail(source->details, name);
    if (value && g_variant_is_of_type(value, proxy_codec_gtype(type)))
        return g_steal_pointer(&value);
    if (!g_variant_type_is_tuple(proxy_codec_gtype(type)))
        return detail_to_wire(value, proxy_codec_gtype(type));
    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
        inner.details = value;
    return message_new(type, &inner);
}

static GVariant *
message_new(const ProxyXdrType *type, const Source *source)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
    for (guint i = 0; i < proxy_codec_n_fields(type); i++) {
        g_autoptr(GVariant) field = g_variant_take_ref(
            field_new(proxy_codec_field_name(type, i), proxy_codec_field_type(type, i), source));

        g_variant_builder_add_value(&builder, field);
    }
    return g_variant_builder_end(&builder);
}

/* The domain as it was when the event happened: the details say so; else as the mirror knows it. */
static GVariant *
event_domain(ProxyBackend *backend, const char *path, GVariant *details)
{
    const char *name, *uuid;
    guint8 bytes[16];
    gint32 id = -1;

    g_variant_lookup(details, "id", "i", &id);
    if (g_variant_lookup(details, "name", "&s", &name) &&
        g_variant_lookup(details, "uuid", "&s", &uuid) && proxy_convert_uuid_parse(uuid, bytes))
        return g_variant_ref_sink(
            g_variant_new("(s@ayi)", name,
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, 16, 1), id));
    return backend->names.domain(backend->names.data, path);
}

static void
send_message(ProxySession *session, const char *message, const Source *source)
{
    const ProxyProcedure *procedure = proxy_procedure_by_name(message);
    g_autoptr(GVariant) value = g_variant_ref_sink(message_new(procedure->args, source));

    proxy_client_send_event(session->client, procedure, value);
}

static void
dispatch_kind(ProxySession *session, guint row, const char *path, Source *source)
{
    for (guint i = 0; session->events && i < session->events->listeners->len; i++) {
        const Listener *listener = session->events->listeners->pdata[i];

        if (listener->event_id != kinds[row].id ||
            (listener->path && !g_str_equal(listener->path, path)))
            continue;
        source->callback_id = listener->callback_id;
        send_message(session, listener->is_legacy ? kinds[row].legacy_message : kinds[row].message,
                     source);
    }
}

/**
 * proxy_events_dispatch:
 * @details: a{sv} as signal Hypervisor1.Event documents it
 *
 * Sends the event to every client that listens to it. A client that is closed for not reading is skipped from then on.
 */
void
proxy_events_dispatch(gpointer data, const char *kind, const char *path, GVariant *details)
{
    ProxyBackend *backend = data;
    g_autoptr(GVariant) domain = event_domain(backend, path, details);
    g_autoptr(GList) sessions = g_list_copy(backend->sessions);
    Source source = {0, domain, details};

    if (!domain)
        return;
    for (GList *item = sessions; item; item = item->next)
        for (guint row = 0; row < G_N_ELEMENTS(kinds); row++)
            if (g_list_find(backend->sessions, item->data) && g_str_equal(kinds[row].kind, kind))
                dispatch_kind(item->data, row, path, &source);
}

static gboolean
wants_monitor_event(const Listener *listener, const char *path, const char *event)
{
    gboolean ignores_case =
        (listener->flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE) != 0;

    if (listener->event_id != MONITOR_EVENT ||
        (listener->path && !g_str_equal(listener->path, path)))
        return FALSE;
    if (listener->regex)
        return g_regex_match(listener->regex, event, 0, NULL);
    if (listener->name)
        return ignores_case ? g_ascii_strcasecmp(listener->name, event) == 0
                            : g_str_equal(listener->name, event);
    return TRUE;
}

static void
dispatch_monitor_to(ProxySession *session, const char *path, const char *event, Source *source)
{
    for (guint i = 0; session->events && i < session->events->listeners->len; i++) {
        const Listener *listener = session->events->listeners->pdata[i];

        if (!wants_monitor_event(listener, path, event))
            continue;
        source->callback_id = listener->callback_id;
        send_message(session, "QEMU:DOMAIN_MONITOR_EVENT", source);
    }
}

/**
 * proxy_events_dispatch_monitor:
 * @args: (sxus): event, seconds, microseconds, details as JSON
 */
void
proxy_events_dispatch_monitor(gpointer data, const char *path, GVariant *args)
{
    ProxyBackend *backend = data;
    g_autoptr(GVariant) domain = backend->names.domain(backend->names.data, path);
    g_autoptr(GVariant) details = NULL;
    g_autoptr(GList) sessions = g_list_copy(backend->sessions);
    const char *event, *json;
    gint64 seconds;
    guint32 micros;
    GVariantDict dict;

    if (!domain)
        return;
    g_variant_get(args, "(&sxu&s)", &event, &seconds, &micros, &json);
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "event", "s", event);
    g_variant_dict_insert(&dict, "seconds", "x", seconds);
    g_variant_dict_insert(&dict, "micros", "u", micros);
    if (*json)
        g_variant_dict_insert(&dict, "details", "s", json);
    details = g_variant_ref_sink(g_variant_dict_end(&dict));
    for (GList *item = sessions; item; item = item->next) {
        Source source = {0, domain, details};

        if (g_list_find(backend->sessions, item->data))
            dispatch_monitor_to(item->data, path, event, &source);
    }
}

/* ---- registrations ---- */

/* NULL when the client has too many; @path is taken */
static Listener *
listener_add(ProxySession *session, int event_id, char *path)
{
    Listener *listener;

    if (!session->events) {
        session->events = g_new0(ProxyEvents, 1);
        session->events->listeners = g_ptr_array_new_with_free_func(listener_free);
    }
    if (session->events->listeners->len >= MAX_LISTENERS) {
        g_free(path);
        return NULL;
    }
    listener = g_new0(Listener, 1);
    listener->callback_id = session->events->next_id++;
    listener->event_id = event_id;
    listener->path = path;
    g_ptr_array_add(session->events->listeners, listener);
    return listener;
}

static int
kind_row(int event_id)
{
    for (guint row = 0; row < G_N_ELEMENTS(kinds); row++)
        if (kinds[row].id == event_id)
            return (int)row;
    return -1;
}

/* path of an optional domain argument */
static char *
optional_path(ProxyCall *call, gsize index)
{
    g_autoptr(GVariant) argument = g_variant_get_child_value(proxy_call_args(call), index);
    g_autoptr(GVariant) domain = g_variant_get_maybe(argument);

    return domain ? proxy_convert_domain_path(&call->session->backend->names, domain) : NULL;
}

static void
reply_with_id(ProxyCall *call, const Listener *listener)
{
    if (listener)
        proxy_call_reply(call, g_variant_new("(i)", listener->callback_id));
    else
        proxy_call_fail_code(call, VIR_ERR_OPERATION_FAILED, "too many event callbacks, at most %d",
                             MAX_LISTENERS);
}

void
proxy_answer_event_callback_register(ProxyCall *call)
{
    int event_id;

    g_variant_get_child(proxy_call_args(call), 0, "i", &event_id);
    if (kind_row(event_id) < 0) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "unsupported event ID %d", event_id);
        return;
    }
    reply_with_id(call, listener_add(call->session, event_id, optional_path(call, 1)));
}

/* TRUE when there was one; monitor and domain callbacks share their numbers */
static gboolean
listener_remove(ProxySession *session, int callback_id, gboolean is_monitor)
{
    for (guint i = 0; session->events && i < session->events->listeners->len; i++) {
        const Listener *listener = session->events->listeners->pdata[i];

        if (listener->callback_id == callback_id && !listener->is_legacy &&
            (listener->event_id == MONITOR_EVENT) == is_monitor) {
            g_ptr_array_remove_index(session->events->listeners, i);
            return TRUE;
        }
    }
    return FALSE;
}

static void
deregister(ProxyCall *call, gboolean is_monitor)
{
    int callback_id;

    g_variant_get_child(proxy_call_args(call), 0, "i", &callback_id);
    if (listener_remove(call->session, callback_id, is_monitor))
        proxy_call_reply(call, NULL);
    else
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR,
                             "domain event callback %d not registered", callback_id);
}

void
proxy_answer_event_callback_deregister(ProxyCall *call)
{
    deregister(call, FALSE);
}

void
proxy_answer_monitor_event_deregister(ProxyCall *call)
{
    deregister(call, TRUE);
}

/* ---- the procedures without callback ids: at most one listener per event ---- */

static Listener *
legacy_find(ProxySession *session, int event_id)
{
    for (guint i = 0; session->events && i < session->events->listeners->len; i++) {
        Listener *listener = session->events->listeners->pdata[i];

        if (listener->is_legacy && listener->event_id == event_id)
            return listener;
    }
    return NULL;
}

static void
legacy_register(ProxyCall *call, int event_id, GVariant *reply)
{
    int row = kind_row(event_id);
    Listener *listener;

    if (row < 0 || !kinds[row].legacy_message) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "unsupported event ID %d", event_id);
        return;
    }
    if (legacy_find(call->session, event_id)) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "domain event %d already registered",
                             event_id);
        return;
    }
    listener = listener_add(call->session, event_id, NULL);
    if (listener) {
        listener->is_legacy = TRUE;
        proxy_call_reply(call, reply);
    } else {
        reply_with_id(call, NULL);
    }
}

static void
legacy_deregister(ProxyCall *call, int event_id, GVariant *reply)
{
    Listener *listener = legacy_find(call->session, event_id);

    if (listener) {
        g_ptr_array_remove(call->session->events->listeners, listener);
        proxy_call_reply(call, reply);
    } else {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "domain event %d not registered",
                             event_id);
    }
}

void
proxy_answer_event_register_any(ProxyCall *call)
{
    int event_id;

    g_variant_get(proxy_call_args(call), "(i)", &event_id);
    legacy_register(call, event_id, NULL);
}

void
proxy_answer_event_deregister_any(ProxyCall *call)
{
    int event_id;

    g_variant_get(proxy_call_args(call), "(i)", &event_id);
    legacy_deregister(call, event_id, NULL);
}

void
proxy_answer_event_register(ProxyCall *call)
{
    g_autoptr(GVariant) registered = g_variant_ref_sink(g_variant_new("(i)", 1));

    legacy_register(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, registered);
}

void
proxy_answer_event_deregister(ProxyCall *call)
{
    g_autoptr(GVariant) registered = g_variant_ref_sink(g_variant_new("(i)", 0));

    legacy_deregister(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE, registered);
}

/**
 * proxy_answer_monitor_event_register:
 *
 * virConnectDomainQemuMonitorEventRegister: one event by name, by pattern, or all of them.
 */
void
proxy_answer_monitor_event_register(ProxyCall *call)
{
    g_autofree char *name = NULL;
    g_autoptr(GRegex) regex = NULL;
    GError *error = NULL;
    Listener *listener;
    guint flags;

    g_variant_get_child(proxy_call_args(call), 1, "ms", &name);
    g_variant_get_child(proxy_call_args(call), 2, "u", &flags);
    if (name && (flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX)) {
        gboolean ignores_case =
            (flags & VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE) != 0;

        regex = g_regex_new(name, ignores_case ? G_REGEX_CASELESS : 0, 0, &error);
        if (!regex) {
            proxy_call_fail_code(call, VIR_ERR_INVALID_ARG, "failed to compile regex '%s': %s",
                                 name, error->message);
            g_error_free(error);
            return;
        }
    }
    listener = listener_add(call->session, MONITOR_EVENT, optional_path(call, 0));
    if (listener) {
        listener->flags = flags;
        listener->name = g_steal_pointer(&name);
        listener->regex = g_steal_pointer(&regex);
    }
    reply_with_id(call, listener);
}
