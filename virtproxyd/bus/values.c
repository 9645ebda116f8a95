/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One rule per pair of shapes; arrays and structs are converted member by member. Paths are libvirt-dbus': a UUID behind
 * "_" with "_" for "-", a name with "_" and two hexadecimal digits for each byte that is no letter or digit. */
#include "bus/values.h"

#include "backend/convert.h"
#include "base/error.h"
#include "base/text.h"

#include <string.h>
#include <unistd.h>

#define DOMAIN_TYPE G_VARIANT_TYPE("(sayi)")
#define SNAPSHOT_TYPE G_VARIANT_TYPE("(s(sayi))")
#define NAME_TYPE G_VARIANT_TYPE("(s)")
#define UUID_SIZE 16
#define UUID_LENGTH 36

static GVariant *
take(GVariant *value)
{
    return g_variant_ref_sink(value);
}

guint
proxy_bus_host_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_CONF);
    return n > 0 ? (guint)n : 1;
}

/* ---- paths ---- */

static char *
path_of_domain(GVariant *domain, const char *folder)
{
    g_autoptr(GVariant) bytes = g_variant_get_child_value(domain, 1);
    gsize length;
    const guint8 *uuid = g_variant_get_fixed_array(bytes, &length, 1);
    char text[37];

    if (length != UUID_SIZE)
        return NULL;
    proxy_convert_uuid_text(uuid, text);
    g_strdelimit(text, "-", '_');
    return g_strconcat(folder, "/_", text, NULL);
}

static char *
path_of_named(GVariant *object, const char *folder)
{
    g_autoptr(GVariant) first = g_variant_get_child_value(object, 0);
    g_autofree char *name = vb_text_to_path(g_variant_get_string(first, NULL));

    return g_strconcat(folder, name, NULL);
}

static char *
path_of_snapshot(GVariant *snapshot)
{
    g_autoptr(GVariant) domain = g_variant_get_child_value(snapshot, 1);
    g_autofree char *folder = path_of_domain(domain, PROXY_BUS_SNAPSHOT);
    g_autofree char *prefix = folder ? g_strconcat(folder, "_", NULL) : NULL;

    return prefix ? path_of_named(snapshot, prefix) : NULL;
}

static GVariant *
domain_to_wire(const char *text)
{
    guint8 uuid[UUID_SIZE];
    g_autofree char *plain = g_strndup(text, UUID_LENGTH);

    if (strlen(plain) != UUID_LENGTH || !proxy_convert_uuid_parse(plain, uuid))
        return NULL;
    return g_variant_new("(s@ayi)", "",
                         g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, uuid, sizeof uuid, 1), -1);
}

static GVariant *
snapshot_to_wire(const char *text)
{
    GVariant *domain = domain_to_wire(text);
    g_autofree char *name = NULL;

    if (domain && text[UUID_LENGTH] == '_')
        name = vb_text_from_path(text + UUID_LENGTH + 1);
    if (!name) {
        if (domain)
            g_variant_unref(g_variant_ref_sink(domain));
        return NULL;
    }
    return g_variant_new("(s@(sayi))", name, domain);
}

GVariant *
proxy_bus_object_to_wire(const char *path)
{
    const char *name = strrchr(path, '/');
    g_autofree char *folder = name ? g_strndup(path, (gsize)(name - path)) : NULL;
    GVariant *wire = NULL;

    if (!folder || !name[1])
        return NULL;
    if (g_str_equal(folder, PROXY_BUS_DOMAIN) && name[1] == '_' &&
        strlen(name + 2) == UUID_LENGTH) {
        wire = domain_to_wire(name + 2);
    } else if (g_str_equal(folder, PROXY_BUS_SNAPSHOT) && name[1] == '_') {
        wire = snapshot_to_wire(name + 2);
    } else if (g_str_equal(folder, PROXY_BUS_NODEDEV)) {
        g_autofree char *plain = vb_text_from_path(name + 1);
        wire = plain ? g_variant_new_string(plain) : NULL;
    }
    return wire ? take(wire) : NULL;
}

/* ---- CPU maps: a byte per eight CPUs, the first one in its lowest bit ---- */

static GVariant *
bits_to_bytes(GVariant *bits)
{
    gsize n = g_variant_n_children(bits);
    g_autofree guint8 *bytes = g_malloc0(n / 8 + 1);

    for (gsize i = 0; i < n; i++) {
        gboolean is_set;
        g_variant_get_child(bits, i, "b", &is_set);
        if (is_set)
            bytes[i / 8] |= (guint8)(1 << i % 8);
    }
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, (n + 7) / 8, 1);
}

static GVariant *
bits_to_list(GVariant *bits)
{
    GString *list = g_string_new(NULL);

    for (gsize i = 0; i < g_variant_n_children(bits); i++) {
        gboolean is_set;
        g_variant_get_child(bits, i, "b", &is_set);
        if (is_set)
            g_string_append_printf(list, "%s%" G_GSIZE_FORMAT, list->len ? "," : "", i);
    }
    return g_variant_new_take_string(g_string_free(list, FALSE));
}

static GVariant *
bytes_to_bits(const guint8 *bytes, gsize length)
{
    GVariantBuilder bits;

    g_variant_builder_init(&bits, G_VARIANT_TYPE("ab"));
    for (gsize i = 0; i < MIN(length * 8, (gsize)proxy_bus_host_cpus()); i++)
        g_variant_builder_add(&bits, "b", (bytes[i / 8] >> i % 8) & 1);
    return g_variant_builder_end(&bits);
}

/* several maps, one after the other */
static GVariant *
bytes_to_bit_lists(const guint8 *bytes, gsize length)
{
    const gsize size = (proxy_bus_host_cpus() + 7) / 8;
    GVariantBuilder maps;

    g_variant_builder_init(&maps, G_VARIANT_TYPE("aab"));
    for (gsize at = 0; at + size <= length; at += size)
        g_variant_builder_add_value(&maps, bytes_to_bits(bytes + at, size));
    return g_variant_builder_end(&maps);
}

/* ---- to the wire ---- */

static GVariant *
text_to_wire(GVariant *value, const GVariantType *wire)
{
    const char *text = g_variant_get_string(value, NULL);
    guint8 uuid[UUID_SIZE];

    if (g_variant_type_equal(wire, G_VARIANT_TYPE("ms")))
        return g_variant_new("ms", *text ? text : NULL);
    if (g_variant_type_equal(wire, G_VARIANT_TYPE_BYTESTRING) &&
        proxy_convert_uuid_parse(text, uuid))
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, uuid, sizeof uuid, 1);
    return NULL;
}

static GVariant *
shape_to_wire(GVariant *value, const GVariantType *wire)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return text_to_wire(value, wire);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE("ab")))
        return g_variant_type_equal(wire, G_VARIANT_TYPE_STRING)       ? bits_to_list(value)
               : g_variant_type_equal(wire, G_VARIANT_TYPE_BYTESTRING) ? bits_to_bytes(value)
                                                                       : NULL;
    return NULL;
}

GVariant *
proxy_bus_to_wire(GVariant *value, const GVariantType *wire, GError **error)
{
    GVariant *result = NULL;

    /* a list of typed parameters may be a dictionary */
    if (g_variant_is_of_type(value, wire) || (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT) &&
                                              g_variant_type_equal(wire, G_VARIANT_TYPE("a(sv)"))))
        return g_variant_ref(value);
    if (g_variant_type_is_basic(wire)) {
        g_autofree char *type = g_variant_type_dup_string(wire);
        result = proxy_convert_number(value, type);
    }
    if (result)
        return result;
    result = shape_to_wire(value, wire);
    if (!result) {
        g_autofree char *text = g_variant_print(value, FALSE);
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not what this call takes", text);
        return NULL;
    }
    return take(result);
}

/* ---- from the wire ---- */

static GVariant *
bytes_from_wire(GVariant *wire, const GVariantType *type)
{
    gsize length;
    const guint8 *bytes = g_variant_get_fixed_array(wire, &length, 1);

    if (g_variant_type_equal(type, G_VARIANT_TYPE("ab")))
        return bytes_to_bits(bytes, length);
    if (g_variant_type_equal(type, G_VARIANT_TYPE("aab")))
        return bytes_to_bit_lists(bytes, length);
    if (g_variant_type_equal(type, G_VARIANT_TYPE_STRING)) {
        g_autofree char *text = g_strndup((const char *)bytes, length);
        return g_variant_new_string(g_utf8_validate(text, -1, NULL) ? text : "");
    }
    return NULL;
}

static char *
object_path(GVariant *wire)
{
    if (g_variant_is_of_type(wire, DOMAIN_TYPE))
        return path_of_domain(wire, PROXY_BUS_DOMAIN);
    if (g_variant_is_of_type(wire, SNAPSHOT_TYPE))
        return path_of_snapshot(wire);
    if (g_variant_is_of_type(wire, NAME_TYPE))
        return path_of_named(wire, PROXY_BUS_NODEDEV "/");
    return NULL;
}

static GVariant *
object_from_wire(GVariant *wire, const GVariantType *type)
{
    if (g_variant_type_equal(type, G_VARIANT_TYPE_OBJECT_PATH)) {
        g_autofree char *path = object_path(wire);
        return path ? g_variant_new_object_path(path) : NULL;
    }
    if (g_variant_type_equal(type, G_VARIANT_TYPE_STRING) &&
        g_variant_is_of_type(wire, DOMAIN_TYPE))
        return g_variant_get_child_value(wire, 0);
    return NULL;
}

/* member by member; a struct of two becomes an entry where a dictionary is wanted */
static GVariant *
struct_from_wire(GVariant *wire, const GVariantType *type, GError **error)
{
    const gsize n = g_variant_n_children(wire);
    const GVariantType *member = g_variant_type_first(type);
    g_autoptr(GPtrArray) members = NULL;

    if (n != g_variant_type_n_items(type))
        return NULL;
    members = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    for (gsize i = 0; i < n; i++, member = g_variant_type_next(member)) {
        g_autoptr(GVariant) child = g_variant_get_child_value(wire, i);
        GVariant *converted = proxy_bus_from_wire(child, member, error);
        if (!converted)
            return NULL;
        g_ptr_array_add(members, converted);
    }
    if (g_variant_type_is_dict_entry(type))
        return g_variant_new_dict_entry(members->pdata[0], members->pdata[1]);
    return g_variant_new_tuple((GVariant *const *)members->pdata, n);
}

static GVariant *
array_from_wire(GVariant *wire, const GVariantType *type, GError **error)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, type);
    for (gsize i = 0; i < g_variant_n_children(wire); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(wire, i);
        g_autoptr(GVariant) converted =
            proxy_bus_from_wire(child, g_variant_type_element(type), error);
        if (!converted) {
            g_variant_builder_clear(&builder);
            return NULL;
        }
        g_variant_builder_add_value(&builder, converted);
    }
    return g_variant_builder_end(&builder);
}

/* a string that is absent is empty; an id of a guest that does not run, -1, is 0 where none can be negative */
static GVariant *
plain_from_wire(GVariant *wire, const GVariantType *type)
{
    g_autofree char *text = g_variant_type_dup_string(type);
    GVariant *number;

    if (g_variant_is_of_type(wire, G_VARIANT_TYPE("ms")) && *text == 's') {
        g_autoptr(GVariant) inner = g_variant_get_maybe(wire);
        return g_variant_new_string(inner ? g_variant_get_string(inner, NULL) : "");
    }
    number = g_variant_type_is_basic(type) ? proxy_convert_number(wire, text) : NULL;
    if (!number && *text == 'u' && g_variant_is_of_type(wire, G_VARIANT_TYPE_INT32))
        return g_variant_new_uint32(0);
    return number;
}

static GVariant *
shape_from_wire(GVariant *wire, const GVariantType *type, GError **error)
{
    if (g_variant_is_of_type(wire, G_VARIANT_TYPE_BYTESTRING))
        return bytes_from_wire(wire, type);
    if (g_variant_is_of_type(wire, G_VARIANT_TYPE_TUPLE) && g_variant_type_is_basic(type))
        return object_from_wire(wire, type);
    if (g_variant_is_of_type(wire, G_VARIANT_TYPE_TUPLE) &&
        (g_variant_type_is_tuple(type) || g_variant_type_is_dict_entry(type)))
        return struct_from_wire(wire, type, error);
    if (g_variant_is_of_type(wire, G_VARIANT_TYPE_ARRAY) && g_variant_type_is_array(type))
        return array_from_wire(wire, type, error);
    return plain_from_wire(wire, type);
}

GVariant *
proxy_bus_from_wire(GVariant *wire, const GVariantType *type, GError **error)
{
    GVariant *result;

    if (g_variant_is_of_type(wire, type))
        return g_variant_ref(wire);
    result = shape_from_wire(wire, type, error);
    if (!result && error && !*error)
        vb_error_set(error, VIR_ERR_RPC, "a value of type '%s' has no place on D-Bus",
                     g_variant_get_type_string(wire));
    return result ? (g_variant_is_floating(result) ? take(result) : result) : NULL;
}
