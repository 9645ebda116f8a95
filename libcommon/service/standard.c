/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interfaces of the D-Bus specification, and Peer1, as tables like any other: Properties and Introspectable on every
 * object, ObjectManager and Peer1 on the root. Their handlers get the VbObject itself. */
#include "service/service-private.h"

#include <string.h>

#include "base/error.h"
#include "vb-dbus-info.h"
#include "vb-standard-info.h"

/* describing */

/* Returns: (transfer floating): a{sa{sv}} of the object's own interfaces */
GVariant *
vb_standard_describe(VbObject *object)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sa{sv}}"));
    for (guint i = 0; i < object->n_interfaces; i++) {
        const VbIndex *index = object->interfaces[i];
        g_variant_builder_add(&builder, "{s@a{sv}}", index->interface->info->name,
                              vb_object_get_properties(object, index));
    }
    return g_variant_builder_end(&builder);
}

/* Returns: (transfer floating): as */
GVariant *
vb_standard_names(VbObject *object)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < object->n_interfaces; i++)
        g_variant_builder_add(&builder, "s", object->interfaces[i]->interface->info->name);
    return g_variant_builder_end(&builder);
}

/* Properties */

static gboolean
find_property(VbObject *object, const char *interface, const char *name,
              const VbPropertyEntry **ret_entry, GError **error)
{
    const VbIndex *index = vb_object_find_interface(object, interface);
    if (!index) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE,
                    "No interface '%s' on '%s'", interface, object->path);
        return FALSE;
    }
    *ret_entry = vb_index_find_property(index, name);
    if (!*ret_entry) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY,
                    "No property '%s' on interface '%s'", name, interface);
        return FALSE;
    }
    return TRUE;
}

static GVariant *
method_get(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbObject *object = data;
    const char *interface, *name;
    const VbPropertyEntry *entry;
    g_variant_get(args, "(&s&s)", &interface, &name);
    if (!find_property(object, interface, name, &entry, error))
        return NULL;
    return g_variant_new("(v)", entry->row->get(object->data));
}

static GVariant *
method_get_all(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbObject *object = data;
    const char *interface;
    g_variant_get(args, "(&s)", &interface);
    const VbIndex *index = vb_object_find_interface(object, interface);
    if (!index) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE,
                    "No interface '%s' on '%s'", interface, object->path);
        return NULL;
    }
    return g_variant_new("(@a{sv})", vb_object_get_properties(object, index));
}

/* Looks the property up again: the object may have gone while polkit asked. */
static void
set_authorized(VbCall *call, GError *refusal, gpointer data)
{
    VbObject *object = call->object;
    const VbPropertyEntry *entry;
    const char *interface, *name;
    g_autoptr(GVariant) value = NULL;
    g_autoptr(GError) error = refusal;
    g_variant_get(call->args, "(&s&sv)", &interface, &name, &value);
    if (!error && !object->service)
        g_set_error_literal(&error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT, "Object is gone");
    if (!error && find_property(object, interface, name, &entry, &error))
        entry->row->set(object->data, call, value, &error);
    if (error)
        vb_call_fail(call, g_steal_pointer(&error));
    else
        vb_call_return(call, NULL);
}

static GVariant *
method_set(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbObject *object = data;
    const VbPropertyEntry *entry;
    const char *interface, *name;
    g_autoptr(GVariant) value = NULL;
    g_variant_get(args, "(&s&sv)", &interface, &name, &value);
    if (!find_property(object, interface, name, &entry, error))
        return NULL;
    if (!entry->row->set) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_PROPERTY_READ_ONLY,
                    "Property '%s' cannot be written", name);
        return NULL;
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(entry->info->signature))) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                    "Property '%s' is of type '%s', not '%s'", name, entry->info->signature,
                    g_variant_get_type_string(value));
        return NULL;
    }
    vb_call_defer(call);
    vb_call_authorize(call, entry->row->set_action, set_authorized, NULL);
    return NULL;
}

static const VbMethod properties_methods[] = {
    {"Get", method_get, VB_ACTION_READ},
    {"GetAll", method_get_all, VB_ACTION_READ},
    {"Set", method_set, VB_ACTION_NONE}, /* asks for the property's own action */
};

const VbInterface vb_properties_interface = {
    .info = &org_freedesktop_dbus_properties_interface,
    .methods = properties_methods,
    .n_methods = G_N_ELEMENTS(properties_methods),
};

/* Introspectable */

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* Names one step below @path: of objects, and of the nodes that lead to them. */
static GList *
list_children(VbService *service, const char *path, GHashTable *names)
{
    gsize length = g_str_equal(path, "/") ? 0 : strlen(path);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, service->objects);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const char *other = key;
        if (strncmp(other, path, length) != 0 || other[length] != '/')
            continue;
        const char *name = other + length + 1;
        g_hash_table_add(names, g_strndup(name, strcspn(name, "/")));
    }
    return g_list_sort(g_hash_table_get_keys(names), compare_names);
}

static void
add_interface(GString *xml, const VbInterface *interface)
{
    g_dbus_interface_info_generate_xml((GDBusInterfaceInfo *)interface->info, 2, xml);
}

/**
 * vb_standard_introspect:
 * @path: an object's, or one on the way to objects
 *
 * Returns: (transfer full) (nullable): introspection XML; NULL when nothing is there
 */
char *
vb_standard_introspect(VbService *service, const char *path)
{
    VbObject *object = vb_service_find(service, path);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) children = list_children(service, path, names);
    if (!object && !children)
        return NULL;
    GString *xml =
        g_string_new("<!DOCTYPE node PUBLIC "
                     "\"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
                     "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
                     "<node>\n");
    for (guint i = 0; object && i < object->n_interfaces; i++)
        add_interface(xml, object->interfaces[i]->interface);
    if (object)
        add_interface(xml, &vb_properties_interface);
    add_interface(xml, &vb_introspectable_interface);
    if (object && object == service->root) {
        add_interface(xml, &vb_object_manager_interface);
        add_interface(xml, &vb_peer_interface);
    }
    for (GList *l = children; l; l = l->next)
        g_string_append_printf(xml, "  <node name=\"%s\"/>\n", (const char *)l->data);
    g_string_append(xml, "</node>\n");
    return g_string_free(xml, FALSE);
}

static GVariant *
method_introspect(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbObject *object = data;
    g_autofree char *xml = vb_standard_introspect(object->service, object->path);
    return g_variant_new("(s)", xml);
}

static const VbMethod introspectable_methods[] = {
    {"Introspect", method_introspect, VB_ACTION_NONE},
};

const VbInterface vb_introspectable_interface = {
    .info = &org_freedesktop_dbus_introspectable_interface,
    .methods = introspectable_methods,
    .n_methods = G_N_ELEMENTS(introspectable_methods),
};

/* ObjectManager */

static void
put_text(GByteArray *out, const char *text)
{
    vb_body_put_string(out, text, strlen(text));
}

static gboolean
put_properties(GByteArray *out, VbObject *object, const VbIndex *index)
{
    gsize mark = vb_body_open_array(out, 8);
    for (guint i = 0; i < index->interface->n_properties; i++) {
        const VbProperty *row = index->properties[i].row;
        GVariant *value = row->get(object->data);
        if (!value)
            continue;
        g_autoptr(GVariant) owned = g_variant_ref_sink(value);
        vb_body_align(out, 8);
        put_text(out, row->name);
        vb_body_put_signature(out, g_variant_get_type_string(owned));
        if (!vb_body_put_value(out, owned))
            return FALSE;
    }
    return vb_body_close_array(out, mark, 8);
}

static gboolean
put_object(GByteArray *out, VbObject *object)
{
    vb_body_align(out, 8);
    put_text(out, object->path);
    gsize mark = vb_body_open_array(out, 8);
    for (guint i = 0; i < object->n_interfaces; i++) {
        vb_body_align(out, 8);
        put_text(out, object->interfaces[i]->interface->info->name);
        if (!put_properties(out, object, object->interfaces[i]))
            return FALSE;
    }
    return vb_body_close_array(out, mark, 8);
}

static gboolean
put_objects(GByteArray *out, VbObject *root)
{
    gsize mark = vb_body_open_array(out, 8);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, root->service->objects);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (value != root && !put_object(out, value))
            return FALSE;
    return vb_body_close_array(out, mark, 8);
}

/* Ten thousand objects are millions of values: a peer gets them without a GVariant for each. GDBus wants GVariants. */
static GVariant *
method_get_managed_objects(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbObject *root = data;
    if (call->client->link->wire) {
        g_autoptr(GByteArray) message = vb_call_new_body(call);
        if (!put_objects(message, root)) {
            g_set_error_literal(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                                "The reply is too long");
            return NULL;
        }
        vb_call_defer(call);
        vb_call_return_body(call, g_steal_pointer(&message));
        return NULL;
    }
    GVariantBuilder builder;
    GHashTableIter iter;
    gpointer value;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a{oa{sa{sv}}}"));
    g_hash_table_iter_init(&iter, root->service->objects);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        VbObject *object = value;
        if (object != root)
            g_variant_builder_add(&builder, "{o@a{sa{sv}}}", object->path,
                                  vb_standard_describe(object));
    }
    return g_variant_new("(a{oa{sa{sv}}})", &builder);
}

static const VbMethod object_manager_methods[] = {
    {"GetManagedObjects", method_get_managed_objects, VB_ACTION_READ},
};

const VbInterface vb_object_manager_interface = {
    .info = &org_freedesktop_dbus_object_manager_interface,
    .methods = object_manager_methods,
    .n_methods = G_N_ELEMENTS(object_manager_methods),
};

/* Peer1 */

static void
read_identity(GVariant *identity, VbClient *client)
{
    guint32 uid = (guint32)-1, pid = 0;
    const char *remote = "unix";
    client->caller.pid_start_time = 0;
    g_variant_lookup(identity, "uid", "u", &uid);
    g_variant_lookup(identity, "pid", "u", &pid);
    g_variant_lookup(identity, "start_time", "t", &client->caller.pid_start_time);
    g_variant_lookup(identity, "readonly", "b", &client->caller.is_readonly);
    g_variant_lookup(identity, "remote", "&s", &remote);
    client->caller.uid = uid;
    client->caller.pid = (pid_t)pid;
    g_free(client->remote);
    client->remote = g_strdup(remote);
    client->caller.remote = client->remote;
}

static GVariant *
method_identify(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    VbClient *client = call->client;
    g_autoptr(GVariant) identity = g_variant_get_child_value(args, 0);
    if (client->bus_name) {
        vb_error_set(error, VIR_ERR_ACCESS_DENIED, "the bus says who calls");
        return NULL;
    }
    if (client->is_stated || client->has_spoken) {
        vb_error_set(error, VIR_ERR_OPERATION_INVALID, "identity is settled already");
        return NULL;
    }
    /* a statement without a uid is nobody's: -1 is never root and never allowed unasked */
    client->is_stated = TRUE;
    read_identity(identity, client);
    return g_variant_new("()");
}

static GVariant *
method_subscribe(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    call->client->link->is_subscribed = TRUE;
    return g_variant_new("()");
}

static void
authorize_done(VbCall *call, GError *refusal, gpointer data)
{
    GError *error = NULL;
    if (!refusal) {
        vb_call_return(call, NULL);
        return;
    }
    /* nobody was asked: what polkit's users read then */
    if (vb_error_get_code(refusal) == VIR_ERR_ACCESS_DENIED) {
        g_error_free(refusal);
        vb_error_set(&error, VIR_ERR_AUTH_FAILED, "access denied by policy");
    }
    vb_call_fail(call, error ? error : refusal);
}

static GVariant *
method_authorize(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *action;
    g_variant_get(args, "(&s)", &action);
    if (!*action) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "action is empty");
        return NULL;
    }
    vb_call_defer(call);
    vb_call_authorize(call, action, authorize_done, NULL);
    return NULL;
}

static const VbMethod peer_methods[] = {
    {"Identify", method_identify, VB_ACTION_NONE}, /* looks itself */
    {"Subscribe", method_subscribe, VB_ACTION_READ},
    {"Authorize", method_authorize, VB_ACTION_NONE}, /* decides for the action asked about */
};

const VbInterface vb_peer_interface = {
    .info = &org_virtbus_peer1_interface,
    .methods = peer_methods,
    .n_methods = G_N_ELEMENTS(peer_methods),
};
