/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.DomainSnapshot1: one object per recorded snapshot, below its guest's. */
#include <string.h>

#include "base/text.h"
#include "bus/bus-private.h"

#define SNAPSHOT_PART "/snapshot/"

/* ---- paths ---- */

char *
qemu_bus_snapshot_path(const QemuDomain *domain, const char *name)
{
    g_autofree char *guest = qemu_bus_domain_path(domain->uuid_text);
    g_autofree char *encoded = vb_text_to_path(name);
    return g_strconcat(guest, SNAPSHOT_PART, encoded, NULL);
}

gboolean
qemu_bus_explain_snapshot(const char *path, GError **error)
{
    const char *part = strstr(path, SNAPSHOT_PART);
    if (!part)
        return FALSE;
    g_autofree char *name = vb_text_from_path(part + strlen(SNAPSHOT_PART));
    vb_error_set(error, VIR_ERR_NO_DOMAIN_SNAPSHOT, "no domain snapshot with matching name '%s'",
                 name ? name : part + strlen(SNAPSHOT_PART));
    return TRUE;
}

static char *
path_of(const QemuSnapshot *snapshot)
{
    return qemu_bus_snapshot_path(snapshot->domain, snapshot->def->name);
}

GVariant *
qemu_bus_snapshot_paths(const GPtrArray *snapshots)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
    for (guint i = 0; i < snapshots->len; i++) {
        g_autofree char *path = path_of(snapshots->pdata[i]);
        g_variant_builder_add(&builder, "o", path);
    }
    return g_variant_new("(ao)", &builder);
}

GVariant *
qemu_bus_snapshot_names(const GPtrArray *snapshots)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < snapshots->len; i++)
        g_variant_builder_add(&builder, "s", ((QemuSnapshot *)snapshots->pdata[i])->def->name);
    return g_variant_new("(as)", &builder);
}

/* ---- the manager's listener ---- */

void
qemu_bus_snapshot_added(QemuSnapshot *snapshot, gpointer data)
{
    static const VbInterface *const interfaces[] = {&qemu_bus_snapshot_interface, NULL};
    QemuBus *bus = data;
    g_autofree char *path = path_of(snapshot);
    g_hash_table_insert(bus->snapshots, snapshot,
                        vb_service_export(bus->service, path, interfaces, snapshot));
}

void
qemu_bus_snapshot_removed(QemuSnapshot *snapshot, gpointer data)
{
    QemuBus *bus = data;
    VbObject *object = g_hash_table_lookup(bus->snapshots, snapshot);
    g_hash_table_remove(bus->snapshots, snapshot);
    if (object)
        vb_object_unexport(object);
}

void
qemu_bus_snapshot_changed(QemuSnapshot *snapshot, guint changes, gpointer data)
{
    static const char *const definition[] = {"Description", "State",    "CreationTime",
                                             "Memory",      "External", "Parent"};
    VbObject *object = g_hash_table_lookup(((QemuBus *)data)->snapshots, snapshot);
    if (object && (changes & QEMU_SNAPSHOT_CHANGED_CURRENT))
        vb_object_notify(object, SNAPSHOT_INTERFACE, "Current");
    for (guint i = 0;
         object && (changes & QEMU_SNAPSHOT_CHANGED_DEFINITION) && i < G_N_ELEMENTS(definition);
         i++)
        vb_object_notify(object, SNAPSHOT_INTERFACE, definition[i]);
}

/* ---- properties ---- */

#define DEF(data) (((QemuSnapshot *)(data))->def)

static GVariant *
prop_name(gpointer data)
{
    return g_variant_new_string(DEF(data)->name);
}

static GVariant *
prop_domain(gpointer data)
{
    g_autofree char *path = qemu_bus_domain_path(((QemuSnapshot *)data)->domain->uuid_text);
    return g_variant_new_object_path(path);
}

static GVariant *
prop_description(gpointer data)
{
    return g_variant_new_string(DEF(data)->description ? DEF(data)->description : "");
}

static GVariant *
prop_state(gpointer data)
{
    return g_variant_new_string(qemu_snapshot_state_name(data));
}

static GVariant *
prop_creation_time(gpointer data)
{
    return g_variant_new_uint64((guint64)MAX(DEF(data)->creation_time, 0));
}

static GVariant *
prop_memory(gpointer data)
{
    const char *word = vb_enum_to_nick(&vb_snapshot_location_enum, DEF(data)->memory);
    return g_variant_new_string(word ? word : "no");
}

static GVariant *
prop_external(gpointer data)
{
    return g_variant_new_boolean(vb_snapshot_is_external(DEF(data)));
}

static GVariant *
prop_parent(gpointer data)
{
    const QemuSnapshot *parent = qemu_snapshot_get_parent(data);
    g_autofree char *path = parent ? path_of(parent) : NULL;
    return g_variant_new_object_path(path ? path : "/");
}

static GVariant *
prop_current(gpointer data)
{
    return g_variant_new_boolean(qemu_snapshot_get_current(((QemuSnapshot *)data)->domain) == data);
}

static GVariant *
prop_has_metadata(gpointer data)
{
    return g_variant_new_boolean(TRUE);
}

static const VbProperty properties[] = {
    {"Name", prop_name, NULL, NULL},
    {"Domain", prop_domain, NULL, NULL},
    {"Description", prop_description, NULL, NULL},
    {"State", prop_state, NULL, NULL},
    {"CreationTime", prop_creation_time, NULL, NULL},
    {"Memory", prop_memory, NULL, NULL},
    {"External", prop_external, NULL, NULL},
    {"Parent", prop_parent, NULL, NULL},
    {"Current", prop_current, NULL, NULL},
    {"HasMetadata", prop_has_metadata, NULL, NULL},
};

/* ---- looking ---- */

static GVariant *
reply_xml(const QemuSnapshot *snapshot, guint flags, GError **error)
{
    g_autofree char *xml = qemu_snapshot_get_xml(snapshot, flags, error);
    return xml ? g_variant_new("(s)", xml) : NULL;
}

/* which snapshot, across an answer of polkit's */
typedef struct {
    QemuDomain *domain;
    char *name;
} Reference;

static void
may_see_secrets(VbCall *call, GError *refusal, gpointer data)
{
    Reference *reference = data;
    GError *error = refusal;
    GVariant *reply = NULL;
    guint flags;
    g_variant_get(vb_call_get_args(call), "(u)", &flags);
    const QemuSnapshot *snapshot =
        error ? NULL : qemu_snapshot_find(reference->domain, reference->name, &error);
    if (snapshot)
        reply = reply_xml(snapshot, flags, &error);
    if (reply)
        vb_call_return(call, reply);
    else
        vb_call_fail(call, error);
    qemu_domain_unref(reference->domain);
    g_free(reference->name);
    g_free(reference);
}

static GVariant *
method_get_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuSnapshot *snapshot = data;
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!(flags & VIR_DOMAIN_XML_SECURE))
        return reply_xml(snapshot, flags, error);
    if (vb_call_get_caller(call)->is_readonly) {
        vb_error_set(error, VIR_ERR_OPERATION_DENIED,
                     "virDomainSnapshotGetXMLDesc with secure flag");
        return NULL;
    }
    Reference *reference = g_new(Reference, 1);
    *reference = (Reference){qemu_domain_ref(snapshot->domain), g_strdup(snapshot->def->name)};
    vb_call_defer(call);
    vb_call_authorize(call, VB_ACTION_MANAGE, may_see_secrets, reference);
    return NULL;
}

static GVariant *
method_get_parent(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const QemuSnapshot *snapshot = data;
    const QemuSnapshot *parent = qemu_snapshot_get_parent(snapshot);
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!qemu_check_flags(flags, 0, "qemuDomainSnapshotGetParent", error))
        return NULL;
    g_autofree char *path = parent ? path_of(parent) : NULL;
    if (!path)
        vb_error_set(error, VIR_ERR_NO_DOMAIN_SNAPSHOT, "snapshot '%s' does not have a parent",
                     snapshot->def->name);
    return path ? g_variant_new("(o)", path) : NULL;
}

static GPtrArray *
children(gpointer data, GVariant *args, const char *function, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_snapshot_list(((QemuSnapshot *)data)->domain, data, flags, function, error);
}

static GVariant *
method_list_children(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) list = children(data, args, "qemuDomainSnapshotListAllChildren", error);
    return list ? qemu_bus_snapshot_paths(list) : NULL;
}

static GVariant *
method_list_children_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) list = children(data, args, "qemuDomainSnapshotListChildrenNames", error);
    return list ? qemu_bus_snapshot_names(list) : NULL;
}

static GVariant *
method_count_children(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) list = children(data, args, "qemuDomainSnapshotNumChildren", error);
    return list ? g_variant_new("(u)", list->len) : NULL;
}

/* ---- changing ---- */

typedef void (*Operation)(QemuSnapshot *snapshot, const QemuSnapshotRequest *request, QemuDone done,
                          gpointer data);

static void
operate(QemuSnapshot *snapshot, VbCall *call, GVariant *args, Operation operation)
{
    g_autofree char *subject = qemu_bus_domain_path(snapshot->domain->uuid_text);
    QemuSnapshotRequest request = {.subject = subject, .owner = vb_call_get_caller(call)->uid};
    g_variant_get(args, "(u)", &request.flags);
    vb_call_defer(call);
    operation(snapshot, &request, qemu_bus_done, call);
}

static GVariant *
method_revert(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    operate(data, call, args, qemu_snapshot_revert);
    return NULL;
}

static GVariant *
method_delete(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    operate(data, call, args, qemu_snapshot_delete);
    return NULL;
}

static const VbMethod methods[] = {
    {"GetXml", method_get_xml, VB_ACTION_READ},
    {"GetParent", method_get_parent, VB_ACTION_READ},
    {"ListChildren", method_list_children, VB_ACTION_READ},
    {"ListChildrenNames", method_list_children_names, VB_ACTION_READ},
    {"CountChildren", method_count_children, VB_ACTION_READ},
    {"Revert", method_revert, VB_ACTION_MANAGE},
    {"Delete", method_delete, VB_ACTION_MANAGE},
};

const VbInterface qemu_bus_snapshot_interface = {
    .info = &org_virtbus_domain_snapshot1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};
