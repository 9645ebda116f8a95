/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mirror of a daemon's objects. Owns copies of what the daemon said, nothing else; the daemon is the truth. */
#include "backend/mirror.h"
#include <string.h>
#include "backend/convert.h"
#include "codec/xdr.h"

#define DOMAIN_INTERFACE "org.virtbus.Domain1"

struct _ProxyMirror {
    char *root_path;
    GHashTable *root;   /* property -> GVariant */
    GPtrArray *domains; /* owns */
    guint64 last_version;
    GHashTable *by_path;
    GHashTable *by_uuid; /* 16 bytes -> domain */
    GHashTable *by_name;
    GHashTable *graves; /* path -> (sayi) */
    GQueue grave_order; /* the keys of graves, oldest first; owns them */
};

/* UUIDs are random in their first bytes, or made to look so */
guint
proxy_mirror_uuid_hash(gconstpointer uuid)
{
    guint hash;

    memcpy(&hash, uuid, sizeof(hash));
    return hash;
}

gboolean
proxy_mirror_uuid_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, 16) == 0;
}

static GHashTable *
properties_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
}

static void
properties_update(GHashTable *properties, GVariant *changed)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, changed);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value))
        g_hash_table_replace(properties, g_strdup(name), value);
}

static void
domain_free(gpointer data)
{
    ProxyMirrorDomain *domain = data;

    g_free(domain->path);
    g_free(domain->name);
    g_clear_pointer(&domain->wire, g_variant_unref);
    g_hash_table_unref(domain->properties);
    g_free(domain);
}

ProxyMirror *
proxy_mirror_new(const char *root_path)
{
    ProxyMirror *mirror = g_new0(ProxyMirror, 1);

    mirror->root_path = g_strdup(root_path);
    mirror->root = properties_new();
    mirror->domains = g_ptr_array_new_with_free_func(domain_free);
    mirror->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    mirror->by_uuid = g_hash_table_new(proxy_mirror_uuid_hash, proxy_mirror_uuid_equal);
    mirror->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    mirror->graves =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_variant_unref);
    g_queue_init(&mirror->grave_order);
    return mirror;
}

void
proxy_mirror_free(ProxyMirror *mirror)
{
    if (!mirror)
        return;
    g_hash_table_unref(mirror->by_path);
    g_hash_table_unref(mirror->by_uuid);
    g_hash_table_unref(mirror->by_name);
    g_ptr_array_unref(mirror->domains);
    g_hash_table_unref(mirror->graves);
    g_queue_clear_full(&mirror->grave_order, g_free);
    g_hash_table_unref(mirror->root);
    g_free(mirror->root_path);
    g_free(mirror);
}

/* ---- feeding ---- */

static GVariant *
wire_new(const char *name, const guint8 *uuid, gint32 id)
{
    GVariant *bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, uuid, 16, 1);

    return g_variant_ref_sink(g_variant_new("(s@ayi)", name, bytes, id));
}

/* the property as a number; -1: it is not known, or none */
static gint64
number_of(const ProxyMirrorDomain *domain, const char *property)
{
    GVariant *value = g_hash_table_lookup(domain->properties, property);
    g_autoptr(GVariant) number = value ? proxy_convert_number(value, "x") : NULL;

    return number ? g_variant_get_int64(number) : -1;
}

static void
refresh_numbers(ProxyMirrorDomain *domain)
{
    domain->id = (gint32)number_of(domain, "Id");
    domain->state = number_of(domain, "State");
    domain->max_memory_kib = number_of(domain, "MaxMemory");
    domain->memory_kib = number_of(domain, "Memory");
    domain->vcpus = number_of(domain, "Vcpus");
    domain->is_active = number_of(domain, "Active") > 0;
    domain->is_persistent = number_of(domain, "Persistent") > 0;
    domain->is_autostart = number_of(domain, "Autostart") > 0;
    domain->has_save = number_of(domain, "HasManagedSave") > 0;
    domain->has_revision = g_hash_table_contains(domain->properties, "Revision");
}

static void
forget_uuid(ProxyMirror *mirror, ProxyMirrorDomain *domain)
{
    if (g_hash_table_lookup(mirror->by_uuid, domain->uuid) == domain)
        g_hash_table_remove(mirror->by_uuid, domain->uuid);
}

/* What calls need is also kept outside the property table. */
static void
domain_refresh(ProxyMirror *mirror, ProxyMirrorDomain *domain)
{
    GVariant *name = g_hash_table_lookup(domain->properties, "Name");
    GVariant *uuid = g_hash_table_lookup(domain->properties, "Uuid");
    const char *new_name = name && g_variant_is_of_type(name, G_VARIANT_TYPE_STRING)
                               ? g_variant_get_string(name, NULL)
                               : "";

    if (g_strcmp0(domain->name, new_name) != 0) {
        if (domain->name && g_hash_table_lookup(mirror->by_name, domain->name) == domain)
            g_hash_table_remove(mirror->by_name, domain->name);
        g_free(domain->name);
        domain->name = g_strdup(new_name);
        g_hash_table_replace(mirror->by_name, domain->name, domain);
    }
    forget_uuid(mirror, domain);
    if (uuid && g_variant_is_of_type(uuid, G_VARIANT_TYPE_STRING))
        proxy_convert_uuid_parse(g_variant_get_string(uuid, NULL), domain->uuid);
    g_hash_table_replace(mirror->by_uuid, domain->uuid, domain);
    refresh_numbers(domain);
    domain->version = ++mirror->last_version;
    g_clear_pointer(&domain->wire, g_variant_unref);
    domain->wire = wire_new(domain->name, domain->uuid, domain->id);
}

static void
grave_dig_up(ProxyMirror *mirror, const char *path)
{
    GList *link = g_queue_find_custom(&mirror->grave_order, path, (GCompareFunc)g_strcmp0);

    if (!link)
        return;
    g_hash_table_remove(mirror->graves, path);
    g_free(link->data);
    g_queue_delete_link(&mirror->grave_order, link);
}

static void
domain_bury(ProxyMirror *mirror, const ProxyMirrorDomain *domain)
{
    char *path = g_strdup(domain->path);

    grave_dig_up(mirror, path);
    g_queue_push_tail(&mirror->grave_order, path);
    g_hash_table_insert(mirror->graves, path, wire_new(domain->name, domain->uuid, -1));
    if (g_queue_get_length(&mirror->grave_order) > PROXY_GRAVEYARD_SIZE) {
        char *oldest = g_queue_pop_head(&mirror->grave_order);

        g_hash_table_remove(mirror->graves, oldest);
        g_free(oldest);
    }
}

void
proxy_mirror_add(ProxyMirror *mirror, const char *path, GVariant *interfaces)
{
    g_autoptr(GVariant) properties =
        g_variant_lookup_value(interfaces, DOMAIN_INTERFACE, G_VARIANT_TYPE_VARDICT);
    ProxyMirrorDomain *domain = g_hash_table_lookup(mirror->by_path, path);

    if (!properties)
        return; /* another kind of object */
    if (!domain) {
        domain = g_new0(ProxyMirrorDomain, 1);
        domain->path = g_strdup(path);
        domain->properties = properties_new();
        g_ptr_array_add(mirror->domains, domain);
        g_hash_table_insert(mirror->by_path, domain->path, domain);
        grave_dig_up(mirror, path);
    }
    properties_update(domain->properties, properties);
    domain_refresh(mirror, domain);
}

void
proxy_mirror_remove(ProxyMirror *mirror, const char *path)
{
    ProxyMirrorDomain *domain = g_hash_table_lookup(mirror->by_path, path);

    if (!domain)
        return;
    domain_bury(mirror, domain);
    g_hash_table_remove(mirror->by_path, path);
    forget_uuid(mirror, domain);
    if (g_hash_table_lookup(mirror->by_name, domain->name) == domain)
        g_hash_table_remove(mirror->by_name, domain->name);
    g_ptr_array_remove(mirror->domains, domain);
}

void
proxy_mirror_change(ProxyMirror *mirror, const char *path, GVariant *changed,
                    const char *const *invalidated)
{
    gboolean is_root = g_str_equal(path, mirror->root_path);
    ProxyMirrorDomain *domain = is_root ? NULL : g_hash_table_lookup(mirror->by_path, path);
    GHashTable *properties = is_root ? mirror->root : domain ? domain->properties : NULL;

    if (!properties)
        return;
    for (guint i = 0; invalidated[i]; i++)
        g_hash_table_remove(properties, invalidated[i]);
    properties_update(properties, changed);
    if (domain)
        domain_refresh(mirror, domain);
}

/**
 * proxy_mirror_replace_root:
 * @properties: a{sv} of the root's hypervisor interface: all of them
 */
void
proxy_mirror_replace_root(ProxyMirror *mirror, GVariant *properties)
{
    g_hash_table_remove_all(mirror->root);
    properties_update(mirror->root, properties);
}

/**
 * proxy_mirror_replace:
 * @managed_objects: a{oa{sa{sv}}}: everything that exists now
 *
 * What is not in @managed_objects any more is buried; what stayed keeps its place in the order.
 */
void
proxy_mirror_replace(ProxyMirror *mirror, GVariant *managed_objects)
{
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GVariantIter iter;
    const char *path;
    GVariant *interfaces;

    g_variant_iter_init(&iter, managed_objects);
    while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        proxy_mirror_add(mirror, path, interfaces);
        g_hash_table_add(present, g_strdup(path));
    }
    for (guint i = mirror->domains->len; i > 0; i--) {
        ProxyMirrorDomain *domain = mirror->domains->pdata[i - 1];

        if (!g_hash_table_contains(present, domain->path))
            proxy_mirror_remove(mirror, domain->path);
    }
}

/* ---- looking ---- */

const GPtrArray *
proxy_mirror_domains(ProxyMirror *mirror)
{
    return mirror->domains;
}

const ProxyMirrorDomain *
proxy_mirror_by_path(ProxyMirror *mirror, const char *path)
{
    return g_hash_table_lookup(mirror->by_path, path);
}

const ProxyMirrorDomain *
proxy_mirror_by_uuid(ProxyMirror *mirror, const guint8 uuid[16])
{
    return g_hash_table_lookup(mirror->by_uuid, uuid);
}

const ProxyMirrorDomain *
proxy_mirror_by_name(ProxyMirror *mirror, const char *name)
{
    return g_hash_table_lookup(mirror->by_name, name);
}

const ProxyMirrorDomain *
proxy_mirror_by_id(ProxyMirror *mirror, gint32 id)
{
    for (guint i = 0; id >= 0 && i < mirror->domains->len; i++) {
        const ProxyMirrorDomain *domain = mirror->domains->pdata[i];

        if (domain->id == id)
            return domain;
    }
    return NULL;
}

GVariant *
proxy_mirror_property(ProxyMirror *mirror, const char *path, const char *name)
{
    const ProxyMirrorDomain *domain;

    if (g_str_equal(path, mirror->root_path))
        return g_hash_table_lookup(mirror->root, name);
    domain = g_hash_table_lookup(mirror->by_path, path);
    return domain ? g_hash_table_lookup(domain->properties, name) : NULL;
}

GVariant *
proxy_mirror_wire(ProxyMirror *mirror, const char *path)
{
    const ProxyMirrorDomain *domain = g_hash_table_lookup(mirror->by_path, path);
    GVariant *wire = domain ? domain->wire : g_hash_table_lookup(mirror->graves, path);

    return wire ? g_variant_ref(wire) : NULL;
}

/**
 * proxy_mirror_write:
 * @out: remote_nonnull_domain is appended
 *
 * Returns: FALSE when @path is neither known nor buried
 */
gboolean
proxy_mirror_write(ProxyMirror *mirror, const char *path, GByteArray *out)
{
    g_autoptr(GVariant) wire = proxy_mirror_wire(mirror, path);
    g_autoptr(GVariant) uuid = NULL;
    const char *name;
    gsize length;
    gint32 id;

    if (!wire)
        return FALSE;
    g_variant_get(wire, "(&s@ayi)", &name, &uuid, &id);
    proxy_xdr_put_counted(out, name, strlen(name));
    proxy_xdr_put_bytes(out, g_variant_get_fixed_array(uuid, &length, 1), 16);
    proxy_xdr_put_word(out, (guint32)id);
    return TRUE;
}
