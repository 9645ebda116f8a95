/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object registry: one table for all connections, so that an object costs the same however many clients there are.
 * Owns the objects, their pending property changes, and the order in which signals leave. */
#include "service/service-private.h"

VbObject *
vb_object_ref(VbObject *object)
{
    object->refs++;
    return object;
}

void
vb_object_unref(VbObject *object)
{
    if (!object || --object->refs > 0)
        return;
    g_free(object->path);
    g_free(object->dirty);
    g_free(object);
}

const char *
vb_object_get_path(VbObject *object)
{
    return object->path;
}

gpointer
vb_object_get_data(VbObject *object)
{
    return object->data;
}

VbObject *
vb_service_find(VbService *service, const char *path)
{
    return g_hash_table_lookup(service->objects, path);
}

static const VbIndex *
find_own_interface(VbObject *object, const char *name, guint *ret_at)
{
    for (guint i = 0; i < object->n_interfaces; i++) {
        if (g_str_equal(object->interfaces[i]->interface->info->name, name)) {
            *ret_at = i;
            return object->interfaces[i];
        }
    }
    return NULL;
}

/**
 * vb_object_find_interface:
 * @object: an object
 * @name: of one of its interfaces, those of the D-Bus specification included
 *
 * Returns: (nullable) (transfer none)
 */
const VbIndex *
vb_object_find_interface(VbObject *object, const char *name)
{
    static const VbInterface *const everywhere[] = {&vb_properties_interface,
                                                    &vb_introspectable_interface};
    static const VbInterface *const on_root[] = {&vb_object_manager_interface, &vb_peer_interface};
    guint at;
    const VbIndex *index = find_own_interface(object, name, &at);
    for (guint i = 0; !index && i < G_N_ELEMENTS(everywhere); i++) {
        if (g_str_equal(everywhere[i]->info->name, name))
            index = vb_index_get(everywhere[i]);
    }
    gboolean is_root = object->service && object->service->root == object;
    for (guint i = 0; !index && is_root && i < G_N_ELEMENTS(on_root); i++) {
        if (g_str_equal(on_root[i]->info->name, name))
            index = vb_index_get(on_root[i]);
    }
    return index;
}

/**
 * vb_object_get_properties:
 *
 * Returns: (transfer floating): a{sv}, all properties of one interface
 */
GVariant *
vb_object_get_properties(VbObject *object, const VbIndex *index)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < index->interface->n_properties; i++) {
        const VbPropertyEntry *entry = &index->properties[i];
        GVariant *value = entry->row->get(object->data);
        if (value)
            g_variant_builder_add_value(&builder,
                                        g_variant_new_dict_entry(entry->key,
                                                                 g_variant_new_variant(value)));
    }
    return g_variant_builder_end(&builder);
}

/**
 * vb_service_broadcast:
 * @message: (transfer none): a signal
 *
 * To the bus, and to every peer that subscribed.
 */
void
vb_service_broadcast(VbService *service, GDBusMessage *message)
{
    if (service->bus)
        vb_link_send(service->bus, message);
    for (guint i = 0; i < service->peers->len; i++) {
        VbLink *link = service->peers->pdata[i];
        if (link->is_subscribed)
            vb_link_send(link, message);
    }
}

static void
send_signal(VbService *service, const char *path, const char *interface, const char *name,
            GVariant *params)
{
    g_autoptr(GVariant) owned = params ? g_variant_ref_sink(params) : NULL;
    g_autoptr(GDBusMessage) message = g_dbus_message_new_signal(path, interface, name);
    if (owned)
        g_dbus_message_set_body(message, owned);
    vb_service_broadcast(service, message);
}

static void
announce(VbObject *object, gboolean is_added)
{
    VbService *service = object->service;
    if (!service->is_running || object == service->root)
        return;
    GVariant *what = is_added ? vb_standard_describe(object) : vb_standard_names(object);
    send_signal(service, service->info->root_path, vb_object_manager_interface.info->name,
                is_added ? "InterfacesAdded" : "InterfacesRemoved",
                g_variant_new("(o@*)", object->path, what));
}

static void
mark(VbObject *object)
{
    if (object->is_dirty)
        return;
    object->is_dirty = TRUE;
    g_queue_push_tail(&object->service->dirty, vb_object_ref(object));
}

/**
 * vb_service_export:
 * @path: where; nothing is there yet
 * @interfaces: NULL-terminated, static
 * @data: what the handlers get; outlives the object
 *
 * InterfacesAdded leaves with the next flush, so that the caller may still fill in @data; then the properties' marks so
 * far are part of it.
 *
 * Returns: (transfer none): until vb_object_unexport()
 */
VbObject *
vb_service_export(VbService *service, const char *path, const VbInterface *const *interfaces,
                  gpointer data)
{
    guint n = 0;
    while (interfaces && interfaces[n])
        n++;
    g_return_val_if_fail(g_variant_is_object_path(path), NULL);
    g_return_val_if_fail(!vb_service_find(service, path), NULL);
    VbObject *object = g_malloc0(sizeof *object + n * sizeof object->interfaces[0]);
    object->refs = 1;
    object->service = service;
    object->path = g_strdup(path);
    object->data = data;
    object->n_interfaces = n;
    object->dirty = g_new0(guint64, n);
    for (guint i = 0; i < n; i++)
        object->interfaces[i] = vb_index_get(interfaces[i]);
    g_hash_table_insert(service->objects, object->path, object);
    if (g_str_equal(path, service->info->root_path))
        service->root = object;
    object->is_new = TRUE;
    mark(object);
    return object;
}

VbObject *
vb_service_export_root(VbService *service)
{
    if (service->root)
        return service->root;
    return vb_service_export(service, service->info->root_path, NULL, NULL);
}

/**
 * vb_object_unexport:
 * @object: (transfer full) (nullable): pending changes leave first, then InterfacesRemoved
 */
void
vb_object_unexport(VbObject *object)
{
    if (!object)
        return;
    VbService *service = object->service;
    vb_service_flush(service);
    announce(object, FALSE);
    g_hash_table_remove(service->objects, object->path);
    if (service->root == object)
        service->root = NULL;
    object->service = NULL;
    object->data = NULL;
    vb_object_unref(object);
}

void
vb_service_drop_objects(VbService *service)
{
    g_autoptr(GList) objects = g_hash_table_get_values(service->objects);
    for (GList *l = objects; l; l = l->next) {
        VbObject *object = l->data;
        object->service = NULL;
        vb_object_unref(object);
    }
    g_hash_table_remove_all(service->objects);
    service->root = NULL;
}

/**
 * vb_object_notify:
 * @interface: one of the object's own
 * @property: one of its properties
 *
 * Marks the property; the value is read when the mark leaves.
 */
void
vb_object_notify(VbObject *object, const char *interface, const char *property)
{
    guint at;
    const VbIndex *index = find_own_interface(object, interface, &at);
    g_return_if_fail(index);
    const VbPropertyEntry *entry = vb_index_find_property(index, property);
    g_return_if_fail(entry);
    if (!object->service || entry->emits == VB_EMITS_NOTHING)
        return;
    object->dirty[at] |= G_GUINT64_CONSTANT(1) << (entry - index->properties);
    mark(object);
}

static void
flush_interface(VbService *service, VbObject *object, const VbIndex *index, guint64 dirty)
{
    GVariantBuilder changed, invalidated;
    g_variant_builder_init(&changed, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&invalidated, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < index->interface->n_properties; i++) {
        const VbPropertyEntry *entry = &index->properties[i];
        if (!(dirty >> i & 1))
            continue;
        GVariant *value = entry->emits == VB_EMITS_VALUE ? entry->row->get(object->data) : NULL;
        if (value)
            g_variant_builder_add(&changed, "{sv}", entry->row->name, value);
        else
            g_variant_builder_add(&invalidated, "s", entry->row->name);
    }
    send_signal(service, object->path, vb_properties_interface.info->name, "PropertiesChanged",
                g_variant_new("(sa{sv}as)", index->interface->info->name, &changed, &invalidated));
}

static void
flush_object(VbService *service, VbObject *object)
{
    object->is_dirty = FALSE;
    if (object->is_new && object->service) {
        object->is_new = FALSE;
        for (guint i = 0; i < object->n_interfaces; i++)
            object->dirty[i] = 0;
        announce(object, TRUE);
    }
    for (guint i = 0; i < object->n_interfaces; i++) {
        guint64 dirty = object->dirty[i];
        object->dirty[i] = 0;
        if (dirty && object->service && service->is_running)
            flush_interface(service, object, object->interfaces[i], dirty);
    }
}

/**
 * vb_service_flush:
 *
 * Sends what is marked as changed: one PropertiesChanged per object and interface, in the order of the first marks.
 */
void
vb_service_flush(VbService *service)
{
    VbObject *object;
    while ((object = g_queue_pop_head(&service->dirty))) {
        flush_object(service, object);
        vb_object_unref(object);
    }
}

/**
 * vb_object_emit:
 * @params: (transfer floating) (nullable): the signal's tuple
 *
 * Sends a signal of @object; what was marked as changed leaves before it.
 */
void
vb_object_emit(VbObject *object, const char *interface, const char *signal, GVariant *params)
{
    g_autoptr(GVariant) owned = params ? g_variant_ref_sink(params) : NULL;
    if (!object->service || !object->service->is_running)
        return;
    vb_service_flush(object->service);
    send_signal(object->service, object->path, interface, signal, owned);
}
