/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces prepared for look-ups, and the comparison of a table with its XML. An index lives as long as the process. */
#include "service/service-private.h"

static char *
join_types(GDBusArgInfo *const *args)
{
    GString *text = g_string_new("(");
    for (guint i = 0; args && args[i]; i++)
        g_string_append(text, args[i]->signature);
    g_string_append_c(text, ')');
    return g_string_free(text, FALSE);
}

/* Source: D-Bus specification, org.freedesktop.DBus.Property.EmitsChangedSignal */
static VbEmits
get_emits(const GDBusPropertyInfo *info)
{
    const char *value =
        g_dbus_annotation_info_lookup(info->annotations,
                                      "org.freedesktop.DBus.Property.EmitsChangedSignal");
    if (!value || g_str_equal(value, "true"))
        return VB_EMITS_VALUE;
    return g_str_equal(value, "invalidates") ? VB_EMITS_INVALIDATES : VB_EMITS_NOTHING;
}

static GDBusMethodInfo *
find_method(const VbInterface *interface, const char *name)
{
    return g_dbus_interface_info_lookup_method((GDBusInterfaceInfo *)interface->info, name);
}

static GDBusPropertyInfo *
find_property(const VbInterface *interface, const char *name)
{
    return g_dbus_interface_info_lookup_property((GDBusInterfaceInfo *)interface->info, name);
}

static char *
check_method_rows(const VbInterface *interface)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < interface->n_methods; i++) {
        const VbMethod *row = &interface->methods[i];
        if (!find_method(interface, row->name))
            return g_strdup_printf("%s.%s: surplus handler", interface->info->name, row->name);
        if (!row->func)
            return g_strdup_printf("%s.%s: no function", interface->info->name, row->name);
        if (!row->action)
            return g_strdup_printf("%s.%s: no action", interface->info->name, row->name);
        if (!g_hash_table_add(seen, (gpointer)row->name))
            return g_strdup_printf("%s.%s: second handler", interface->info->name, row->name);
    }
    for (guint i = 0; interface->info->methods && interface->info->methods[i]; i++) {
        if (!g_hash_table_contains(seen, interface->info->methods[i]->name))
            return g_strdup_printf("%s.%s: missing handler", interface->info->name,
                                   interface->info->methods[i]->name);
    }
    return NULL;
}

static const char *
check_property_row(const VbInterface *interface, const VbProperty *row)
{
    const GDBusPropertyInfo *info = find_property(interface, row->name);
    if (!info)
        return "surplus property";
    if (!row->get)
        return "property cannot be read";
    if (!(info->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE) != !row->set)
        return "property is writable on one side only";
    if (row->set && !row->set_action)
        return "no action";
    return NULL;
}

static char *
check_property_rows(const VbInterface *interface)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < interface->n_properties; i++) {
        const VbProperty *row = &interface->properties[i];
        const char *complaint = check_property_row(interface, row);
        if (!complaint && !g_hash_table_add(seen, (gpointer)row->name))
            complaint = "second property";
        if (complaint)
            return g_strdup_printf("%s.%s: %s", interface->info->name, row->name, complaint);
    }
    for (guint i = 0; interface->info->properties && interface->info->properties[i]; i++) {
        if (!g_hash_table_contains(seen, interface->info->properties[i]->name))
            return g_strdup_printf("%s.%s: missing property", interface->info->name,
                                   interface->info->properties[i]->name);
    }
    if (interface->n_properties > VB_INDEX_MAX_PROPERTIES)
        return g_strdup_printf("%s: too many properties", interface->info->name);
    return NULL;
}

/**
 * vb_interface_check:
 * @interface: a table and the XML's description
 *
 * Returns: (transfer full) (nullable): the first difference, "INTERFACE.MEMBER: what"; NULL when there is none
 */
char *
vb_interface_check(const VbInterface *interface)
{
    char *complaint = check_method_rows(interface);
    return complaint ? complaint : check_property_rows(interface);
}

static VbIndex *
build(const VbInterface *interface)
{
    g_autofree char *complaint = vb_interface_check(interface);
    if (complaint)
        g_error("%s", complaint);
    VbIndex *index = g_new0(VbIndex, 1);
    index->interface = interface;
    index->methods = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < interface->n_methods; i++) {
        VbMethodEntry *entry = g_new0(VbMethodEntry, 1);
        entry->row = &interface->methods[i];
        entry->info = find_method(interface, entry->row->name);
        entry->in_type = join_types(entry->info->in_args);
        entry->out_type = join_types(entry->info->out_args);
        g_hash_table_insert(index->methods, (gpointer)entry->row->name, entry);
    }
    index->properties = g_new0(VbPropertyEntry, interface->n_properties);
    for (guint i = 0; i < interface->n_properties; i++) {
        VbPropertyEntry *entry = &index->properties[i];
        entry->row = &interface->properties[i];
        entry->info = find_property(interface, entry->row->name);
        entry->emits = get_emits(entry->info);
        entry->key = g_variant_ref_sink(g_variant_new_string(entry->row->name));
    }
    return index;
}

const VbIndex *
vb_index_get(const VbInterface *interface)
{
    static GHashTable *indexes; /* VbInterface -> VbIndex */
    if (!indexes)
        indexes = g_hash_table_new(NULL, NULL);
    VbIndex *index = g_hash_table_lookup(indexes, interface);
    if (!index) {
        index = build(interface);
        g_hash_table_insert(indexes, (gpointer)interface, index);
    }
    return index;
}

const VbPropertyEntry *
vb_index_find_property(const VbIndex *index, const char *name)
{
    for (guint i = 0; i < index->interface->n_properties; i++) {
        if (g_str_equal(index->properties[i].row->name, name))
            return &index->properties[i];
    }
    return NULL;
}
