/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May this caller do this? The whole policy, first rule that fits:
 *   1. an action that is harmless for everyone is allowed, also before the proxy has said for whom it speaks;
 *   2. the proxy's process itself is denied everything else: it only ever speaks for others;
 *   3. a client of a read-only socket is refused all but looking, whoever it is;
 *   4. root and the daemon's own user are allowed;
 *   5. the proxy's user may look: its mirror needs that, also where polkit is broken or absent;
 *   6. everyone else is what polkit says; without polkit they are denied.
 * A yes of polkit holds for a client of the proxy as long as its connection, as with libvirt's connections: polkit says
 * "changed" also when a password's few minutes are over. On the bus it holds until polkit says so. Who may change things
 * may look at them. */
#include "service/service-private.h"

#include <string.h>

#include "base/error.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_USER_INTERACTION 1u

typedef struct {
    VbClient *client;
    char *action;
    char *what;
    VbPolicyDone done;
    gpointer data;
} Question;

/**
 * vb_policy_decide:
 * @action: a polkit action, or VB_ACTION_NONE; NULL is denied
 *
 * Returns: the verdict; nothing is done about it here
 */
VbVerdict
vb_policy_decide(const VbPolicy *policy, const VbCaller *caller, const char *action)
{
    if (!action)
        return VB_VERDICT_DENY;
    if (g_str_equal(action, VB_ACTION_NONE))
        return VB_VERDICT_ALLOW;
    if (!policy->is_stated)
        return VB_VERDICT_DENY;
    if (caller->is_readonly && !g_str_equal(action, VB_ACTION_READ))
        return VB_VERDICT_READONLY;
    if (caller->uid == 0 || caller->uid == policy->own_uid)
        return VB_VERDICT_ALLOW;
    if (caller->uid == (uid_t)-1)
        return VB_VERDICT_DENY;
    if (caller->uid == policy->proxy_uid && g_str_equal(action, VB_ACTION_READ))
        return VB_VERDICT_ALLOW;
    if (!policy->has_polkit)
        return VB_VERDICT_DENY;
    return VB_VERDICT_ASK;
}

static void
answer(Question *question, GError *error)
{
    VbClient *client = question->client;
    if (!error && !client->granted)
        client->granted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!error)
        g_hash_table_add(client->granted, g_strdup(question->action));
    question->done(question->data, error);
    vb_client_unref(client);
    g_free(question->action);
    g_free(question->what);
    g_free(question);
}

/* libvirt's words: virPolkitCheckAuth as seen by its clients */
static GError *
explain_refusal(const char *action, gboolean is_challenge, GVariant *details)
{
    GError *error = NULL;
    const char *dismissed = NULL;
    if (g_variant_lookup(details, "polkit.dismissed", "&s", &dismissed))
        vb_error_set(&error, VIR_ERR_AUTH_CANCELLED, "user cancelled authentication process");
    else if (is_challenge)
        vb_error_set(&error, VIR_ERR_AUTH_UNAVAILABLE,
                     "no polkit agent available to authenticate action '%s'", action);
    else
        vb_error_set(&error, VIR_ERR_AUTH_FAILED, "access denied by policy");
    return error;
}

static void
polkit_answered(GObject *source, GAsyncResult *result, gpointer data)
{
    Question *question = data;
    gboolean is_authorized = FALSE, is_challenge = FALSE;
    g_autoptr(GVariant) details = NULL;
    g_autoptr(GError) failure = NULL;
    GError *error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &failure);
    if (!reply) {
        g_dbus_error_strip_remote_error(failure);
        vb_error_set(&error, VIR_ERR_AUTH_UNAVAILABLE, "cannot ask polkit about action '%s'",
                     question->action);
        vb_error_add_cause(error, failure->message);
    } else {
        g_variant_get(reply, "((bb@a{ss}))", &is_authorized, &is_challenge, &details);
        if (!is_authorized)
            error = explain_refusal(question->action, is_challenge, details);
    }
    answer(question, error);
}

static GVariant *
make_subject(const VbCaller *caller)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    if (caller->bus_name) {
        g_variant_builder_add(&builder, "{sv}", "name", g_variant_new_string(caller->bus_name));
        return g_variant_new("(sa{sv})", "system-bus-name", &builder);
    }
    g_variant_builder_add(&builder, "{sv}", "pid", g_variant_new_uint32((guint32)caller->pid));
    g_variant_builder_add(&builder, "{sv}", "start-time",
                          g_variant_new_uint64(caller->pid_start_time));
    g_variant_builder_add(&builder, "{sv}", "uid", g_variant_new_int32((gint32)caller->uid));
    return g_variant_new("(sa{sv})", "unix-process", &builder);
}

/* No time limit: a person may be typing a password. The call ends with the connection to the bus at the latest. */
static void
ask(Question *question)
{
    VbClient *client = question->client;
    g_autoptr(GVariant) subject = g_variant_ref_sink(make_subject(&client->caller));
    GVariantBuilder details;
    g_variant_builder_init(&details, G_VARIANT_TYPE("a{ss}"));
    g_dbus_connection_call(client->service->bus->connection, POLKIT_NAME, POLKIT_PATH,
                           POLKIT_INTERFACE, "CheckAuthorization",
                           g_variant_new("(@(sa{sv})sa{ss}us)", subject, question->action, &details,
                                         POLKIT_ALLOW_USER_INTERACTION, ""),
                           G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL,
                           polkit_answered, question);
}

static GError *
refuse(VbVerdict verdict, const char *what)
{
    GError *error = NULL;
    if (verdict == VB_VERDICT_READONLY)
        vb_error_set(&error, VIR_ERR_OPERATION_DENIED, "read only access prevents %s", what);
    else
        vb_error_set(&error, VIR_ERR_ACCESS_DENIED, "'%s' denied access", what);
    return error;
}

static gboolean
is_granted(const VbClient *client, const char *action)
{
    if (!client->granted)
        return FALSE;
    return g_hash_table_contains(client->granted, action) ||
           (g_str_equal(action, VB_ACTION_READ) &&
            g_hash_table_contains(client->granted, VB_ACTION_MANAGE));
}

/**
 * vb_policy_check:
 * @what: the call, for messages
 * @done: called once, from here when polkit need not be asked
 */
void
vb_policy_check(VbClient *client, const char *action, const char *what, VbPolicyDone done,
                gpointer data)
{
    VbService *service = client->service;
    VbPolicy policy = {
        .own_uid = geteuid(),
        .proxy_uid = service->proxy_uid,
        .has_polkit = !service->options.no_polkit && !service->options.is_session && service->bus,
        .is_stated = client->is_stated || !client->must_identify,
    };
    VbVerdict verdict = vb_policy_decide(&policy, &client->caller, action);
    if (verdict == VB_VERDICT_ASK && is_granted(client, action))
        verdict = VB_VERDICT_ALLOW;
    if (verdict == VB_VERDICT_ALLOW) {
        done(data, NULL);
    } else if (verdict != VB_VERDICT_ASK) {
        done(data, refuse(verdict, what));
    } else {
        Question *question = g_new(Question, 1);
        *question = (Question){vb_client_ref(client), g_strdup(action), g_strdup(what), done, data};
        ask(question);
    }
}

static void
rules_changed(GDBusConnection *connection, const char *sender, const char *path,
              const char *interface, const char *signal, GVariant *params, gpointer data)
{
    VbService *service = data;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, service->clients);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_clear_pointer(&((VbClient *)value)->granted, g_hash_table_unref);
}

/* Subscribing does not start polkit. */
void
vb_policy_watch(VbService *service)
{
    g_dbus_connection_signal_subscribe(service->bus->connection, POLKIT_NAME, POLKIT_INTERFACE,
                                       "Changed", POLKIT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                       rules_changed, service, NULL);
}
