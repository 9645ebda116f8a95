/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract of org.libvirt against the protocol: each member's annotation can be read, its arguments become the
 * procedure's, and what the procedure returns becomes what the member promises. */
#include "base/error.h"
#include "bus/private.h"

#include <string.h>

#define UUID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define UUID_PATH "/_6ba7b810_9dad_11d1_80b4_00c04fd430c8"

/* objects that no daemon has yet: their calls are refused, and nothing comes back */
static const char *const absent[] = {"INTERFACE_", "NETWORK_",      "NWFILTER_",
                                     "SECRET_",    "STORAGE_POOL_", "STORAGE_VOL_"};

static gboolean
is_absent(const ProxyProcedure *procedure)
{
    const char *name = procedure->name;

    for (guint i = 0; i < G_N_ELEMENTS(absent); i++)
        if (g_str_has_prefix(name, absent[i]))
            return TRUE;
    return strstr(name, "LIST_ALL_NETWORKS") || strstr(name, "LIST_ALL_INTERFACES") ||
           strstr(name, "LIST_ALL_NWFILTERS") || strstr(name, "LIST_ALL_SECRETS") ||
           strstr(name, "LIST_ALL_STORAGE_POOLS");
}

/* something of @type: one element per list, a UUID as bytes */
static GVariant *
sample(const GVariantType *type)
{
    static const guint8 bytes[16] = {1, 2, 3};
    GVariantBuilder builder;

    if (g_variant_type_equal(type, G_VARIANT_TYPE_BYTESTRING))
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, sizeof bytes, 1);
    if (g_variant_type_equal(type, G_VARIANT_TYPE_STRING))
        return g_variant_new_string(UUID);
    if (g_variant_type_equal(type, G_VARIANT_TYPE_VARIANT))
        return g_variant_new_variant(g_variant_new_int32(1));
    if (g_variant_type_is_basic(type))
        return g_variant_ref_sink(g_variant_new_from_data(type, bytes + 8, 8, TRUE, NULL, NULL));
    if (g_variant_type_is_maybe(type))
        return g_variant_new_maybe(NULL, sample(g_variant_type_element(type)));
    g_variant_builder_init(&builder, type);
    if (g_variant_type_is_array(type)) {
        g_variant_builder_add_value(&builder, sample(g_variant_type_element(type)));
    } else {
        for (const GVariantType *member = g_variant_type_first(type); member;
             member = g_variant_type_next(member))
            g_variant_builder_add_value(&builder, sample(member));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
object_of(const ProxyBusKind *kind)
{
    g_autofree char *path = NULL;
    GVariant *object;

    if (!kind->folder)
        return NULL;
    path = g_strconcat(kind->folder, UUID_PATH, "_4d", NULL);
    if (g_str_equal(kind->folder, PROXY_BUS_DOMAIN))
        path[strlen(path) - 3] = '\0';
    if (g_str_equal(kind->folder, PROXY_BUS_NODEDEV)) {
        g_free(path);
        path = g_strdup(PROXY_BUS_NODEDEV "/net_5feth0");
    }
    object = proxy_bus_object_to_wire(path);
    g_assert_nonnull(object);
    return object;
}

static GVariant *
samples_of(GDBusArgInfo **args)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
    for (guint i = 0; args && args[i]; i++)
        g_variant_builder_add_value(&builder, sample(G_VARIANT_TYPE(args[i]->signature)));
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static void
check_in(const ProxyBusRoute *route, GVariant *object, GVariant *values, const char *where)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) args = proxy_bus_route_in(route, object, values, &error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (!args)
        g_error("%s: %s", where, error->message);
    if (route->procedure->args && !proxy_codec_encode(route->procedure->args, args, bytes, &error))
        g_error("%s: %s", where, error->message);
}

static void
check_out(const ProxyBusRoute *route, const ProxyXdrType *wire, guint index, const char *type,
          const char *where)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_variant_ref_sink(sample(proxy_codec_gtype(wire)));
    g_autoptr(GVariant) value =
        proxy_bus_route_out_one(route, reply, index, G_VARIANT_TYPE(type), &error);

    if (!value)
        g_error("%s: %s", where, error->message);
    g_assert_cmpstr(g_variant_get_type_string(value), ==, type);
}

static void
check_method(const ProxyBusKind *kind, const GDBusMethodInfo *info)
{
    g_autofree char *where = g_strconcat(kind->info->name, ".", info->name, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ProxyBusRoute) route = proxy_bus_route_new(info->annotations, 0, &error);
    g_autoptr(GVariant) object = object_of(kind);
    g_autoptr(GVariant) values = samples_of(info->in_args);

    if (!route || !route->procedure)
        g_error("%s: %s", where, error ? error->message : "no procedure");
    if (is_absent(route->procedure))
        return;
    check_in(route, object, values, where);
    for (guint i = 0; info->out_args && info->out_args[i]; i++)
        if (!g_str_equal(info->out_args[i]->signature, "h"))
            check_out(route, route->procedure->ret, i, info->out_args[i]->signature, where);
}

static void
check_property(const ProxyBusKind *kind, const GDBusPropertyInfo *info)
{
    g_autofree char *where = g_strconcat(kind->info->name, ".", info->name, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ProxyBusRoute) route = proxy_bus_route_new(info->annotations, 0, &error);
    g_autoptr(GVariant) object = object_of(kind);
    g_autoptr(GVariant) value = NULL;

    if (!route)
        g_error("%s: %s", where, error->message);
    if (route->constant)
        return;
    check_in(route, object, NULL, where);
    check_out(route, route->procedure->ret, 0, info->signature, where);
    if (!(info->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE))
        return;
    proxy_bus_route_free(route);
    route = proxy_bus_route_new(info->annotations, 1, &error);
    g_assert_no_error(error);
    value = g_variant_ref_sink(g_variant_new("(@*)", sample(G_VARIANT_TYPE(info->signature))));
    check_in(route, object, value, where);
}

static void
check_signal(const ProxyBusKind *kind, const GDBusSignalInfo *info)
{
    g_autofree char *where = g_strconcat(kind->info->name, ".", info->name, NULL);
    g_autoptr(ProxyBusRoute) route = proxy_bus_route_new(info->annotations, 0, NULL);
    const guint skip = kind->folder ? 1 : 0;

    if (!route)
        return; /* of an object that no daemon has yet */
    g_assert_true(route->procedure->is_event);
    g_assert_cmpint(proxy_bus_route_event_id(route), >=, 0);
    if (skip)
        check_out(route, route->procedure->args, 0, "o", where);
    for (guint i = 0; info->args && info->args[i]; i++)
        check_out(route, route->procedure->args, skip + i, info->args[i]->signature, where);
}

static void
test_contract(void)
{
    for (guint k = 0; k < proxy_bus_n_kinds; k++) {
        const ProxyBusKind *kind = &proxy_bus_kinds[k];

        for (guint i = 0; kind->info->methods && kind->info->methods[i]; i++)
            check_method(kind, kind->info->methods[i]);
        for (guint i = 0; kind->info->properties && kind->info->properties[i]; i++)
            check_property(kind, kind->info->properties[i]);
        for (guint i = 0; kind->info->signals && kind->info->signals[i]; i++)
            check_signal(kind, kind->info->signals[i]);
    }
}

static void
test_paths(void)
{
    static const char *const bad[] = {
        "/",
        "/org/libvirt/QEMU",
        PROXY_BUS_DOMAIN "/x",
        PROXY_BUS_DOMAIN "/_6ba7b810",
        PROXY_BUS_DOMAIN "/_6ba7b810_9dad_11d1_80b4_00c04fd430cg",
        PROXY_BUS_DOMAIN UUID_PATH "_4d",
        PROXY_BUS_SNAPSHOT UUID_PATH,
        PROXY_BUS_SNAPSHOT UUID_PATH "_",
        PROXY_BUS_NODEDEV "/a_",
        PROXY_BUS_NODEDEV "/a_5",
        PROXY_BUS_NODEDEV "/a_00",
        PROXY_BUS_NODEDEV "/a_ff",
    };
    const char *good[] = {PROXY_BUS_DOMAIN UUID_PATH, PROXY_BUS_SNAPSHOT UUID_PATH "_a_20b"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(proxy_bus_object_to_wire(bad[i]));
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GVariant) wire = proxy_bus_object_to_wire(good[i]);
        g_autoptr(GVariant) path = proxy_bus_from_wire(wire, G_VARIANT_TYPE_OBJECT_PATH, NULL);

        g_assert_cmpstr(g_variant_get_string(path, NULL), ==, good[i]);
    }
}

static void
test_values(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) bits = g_variant_ref_sink(g_variant_new_parsed("[true, false, true]"));
    g_autoptr(GVariant) bytes = proxy_bus_to_wire(bits, G_VARIANT_TYPE_BYTESTRING, NULL);
    g_autoptr(GVariant) list = proxy_bus_to_wire(bits, G_VARIANT_TYPE_STRING, NULL);
    g_autoptr(GVariant) text = g_variant_ref_sink(g_variant_new_string("no UUID"));
    g_autoptr(GVariant) big = g_variant_ref_sink(g_variant_new_uint64(G_MAXUINT64));
    guint8 byte;

    g_variant_get_child(bytes, 0, "y", &byte);
    g_assert_cmpuint(byte, ==, 5);
    g_assert_cmpstr(g_variant_get_string(list, NULL), ==, "0,2");
    g_assert_null(proxy_bus_to_wire(text, G_VARIANT_TYPE_BYTESTRING, &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_INVALID_ARG));
    g_clear_error(&error);
    g_assert_null(proxy_bus_to_wire(big, G_VARIANT_TYPE_INT64, &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_INVALID_ARG));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/contract", test_contract);
    g_test_add_func("/bus/paths", test_paths);
    g_test_add_func("/bus/values", test_values);
    return g_test_run();
}
