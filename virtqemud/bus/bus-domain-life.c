/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 that start, end and define; data: the QemuDomain. */
#include <string.h>

#include "bus/bus-private.h"
#include "wire/body.h"

static guint
get_flags(GVariant *args)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return flags;
}

/* auto-destroy: a token per start, so that a caller that goes ends only what that start made */

typedef struct {
    QemuBus *bus; /* NULL: the daemon ends, which is no caller's going */
} AutoDestroy;

static void
caller_gone(gpointer data)
{
    g_autofree AutoDestroy *token = data;
    if (!token->bus)
        return;
    g_hash_table_remove(token->bus->callers, token);
    qemu_manager_caller_gone(token->bus->manager, token);
}

void
qemu_bus_forget_callers(QemuBus *bus)
{
    GHashTableIter iter;
    gpointer token;
    g_hash_table_iter_init(&iter, bus->callers);
    while (g_hash_table_iter_next(&iter, &token, NULL))
        ((AutoDestroy *)token)->bus = NULL;
}

/**
 * qemu_bus_auto_destroy:
 *
 * Ends the guest with the connection of @call's caller.
 */
void
qemu_bus_auto_destroy(QemuDomain *domain, VbCall *call)
{
    AutoDestroy *token = g_new(AutoDestroy, 1);
    token->bus = vb_object_get_data(vb_service_find(vb_call_get_service(call), QEMU_BUS_ROOT));
    g_hash_table_add(token->bus->callers, token);
    qemu_domain_set_auto_destroy(domain, token);
    vb_call_on_disconnect(call, caller_gone, token);
}

static void
started(QemuDomain *domain, GError *error, gpointer data)
{
    if (!error && (get_flags(vb_call_get_args(data)) & VIR_DOMAIN_START_AUTODESTROY))
        qemu_bus_auto_destroy(domain, data);
    qemu_bus_done(domain, error, data);
}

GVariant *
qemu_bus_domain_create(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    qemu_domain_start(data, get_flags(args), started, call);
    return NULL;
}

/* Those that take flags and nothing else */
#define FLAGS_METHOD(name)                                                                         \
    GVariant *qemu_bus_domain_##name(gpointer data, VbCall *call, GVariant *args, GError **error)  \
    {                                                                                              \
        vb_call_defer(call);                                                                       \
        qemu_domain_##name(data, get_flags(args), qemu_bus_done, call);                            \
        return NULL;                                                                               \
    }
FLAGS_METHOD(shutdown)
FLAGS_METHOD(reboot)
FLAGS_METHOD(reset)
FLAGS_METHOD(destroy)
FLAGS_METHOD(inject_nmi)

GVariant *
qemu_bus_domain_suspend(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    qemu_domain_suspend(data, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_resume(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    qemu_domain_resume(data, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_undefine(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    if (!qemu_domain_undefine(data, get_flags(args), error))
        return NULL;
    return g_variant_new("()");
}

GVariant *
qemu_bus_domain_rename(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *new_name;
    guint flags;
    g_variant_get(args, "(&su)", &new_name, &flags);
    if (!qemu_domain_rename(data, new_name, flags, error))
        return NULL;
    return g_variant_new("()");
}

/* documents */

/* after vb_call_defer(): a document is too long to be copied into a GVariant and out of it */
static void
reply_xml(VbCall *call, QemuDomain *domain, guint flags)
{
    GError *error = NULL;
    g_autofree char *xml = qemu_domain_get_xml(domain, flags, &error);
    if (!xml) {
        vb_call_fail(call, error);
        return;
    }
    GByteArray *message = vb_call_new_body(call);
    vb_body_put_string(message, xml, strlen(xml));
    vb_call_return_body(call, message);
}

static void
may_see_secrets(VbCall *call, GError *refusal, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    if (refusal)
        vb_call_fail(call, refusal);
    else
        reply_xml(call, domain, get_flags(vb_call_get_args(call)));
}

GVariant *
qemu_bus_domain_get_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags = get_flags(args);
    /* a migratable definition has the secrets in it: the other side needs them */
    if (!(flags & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE))) {
        vb_call_defer(call);
        reply_xml(call, data, flags);
        return NULL;
    }
    if (vb_call_get_caller(call)->is_readonly) {
        vb_error_set(error, VIR_ERR_OPERATION_DENIED, "virDomainGetXMLDesc with secure flag");
        return NULL;
    }
    vb_call_defer(call);
    vb_call_authorize(call, VB_ACTION_MANAGE, may_see_secrets, qemu_domain_ref(data));
    return NULL;
}

GVariant *
qemu_bus_domain_get_metadata(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int type;
    const char *uri;
    guint flags;
    g_variant_get(args, "(i&su)", &type, &uri, &flags);
    g_autofree char *text = qemu_domain_get_metadata(data, type, *uri ? uri : NULL, flags, error);
    return text ? g_variant_new("(s)", text) : NULL;
}

static const char *
or_null(const char *text)
{
    return *text ? text : NULL;
}

GVariant *
qemu_bus_domain_set_metadata(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuMetadata change;
    const char *metadata, *key, *uri;
    guint flags;
    g_variant_get(args, "(i&s&s&su)", &change.type, &metadata, &key, &uri, &flags);
    change.metadata = or_null(metadata);
    change.key = or_null(key);
    change.uri = or_null(uri);
    if (!qemu_domain_set_metadata(data, &change, flags, error))
        return NULL;
    return g_variant_new("()");
}
