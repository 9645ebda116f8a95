/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the annotations of org.libvirt's contract and moves values as they say. Knows no connection. */
#include "bus/route.h"

#include "base/error.h"
#include "bus/values.h"

#include <stdlib.h>
#include <string.h>

#define VCPUS_MAX 16384 /* REMOTE_VCPUINFO_MAX */
#define LIBVIRT_UUID_SIZE 16

/* ---- reading ---- */

/* words apart by blanks; what stands in brackets is one word */
static char **
split_tokens(const char *text)
{
    g_autoptr(GStrvBuilder) tokens = g_strv_builder_new();
    g_autoptr(GString) token = g_string_new(NULL);
    int depth = 0;

    for (; *text; text++) {
        depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
        if (*text != ' ' || depth > 0) {
            g_string_append_c(token, *text);
            continue;
        }
        if (token->len > 0)
            g_strv_builder_add(tokens, token->str);
        g_string_truncate(token, 0);
    }
    if (token->len > 0)
        g_strv_builder_add(tokens, token->str);
    return g_strv_builder_end(tokens);
}

static gboolean
read_entry(ProxyBusRoute *route, const char *text, GError **error)
{
    g_auto(GStrv) sides = g_strsplit(text, "->", 2);
    const char *open = strchr(sides[0], '(');
    gsize length = open ? (gsize)(open - sides[0]) : strlen(sides[0]);
    g_autofree char *name = g_strndup(sides[0], length);

    if (open) {
        g_autofree char *inside = g_strndup(open + 1, strlen(open) - 2);
        route->args = split_tokens(inside);
    }
    if (sides[1])
        route->outs = split_tokens(sides[1]);
    route->procedure = proxy_procedure_by_name(name);
    return route->procedure ||
           vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "there is no procedure '%s'", name);
}

ProxyBusRoute *
proxy_bus_route_new(GDBusAnnotationInfo **annotations, guint index, GError **error)
{
    const char *text = g_dbus_annotation_info_lookup(annotations, PROXY_BUS_ANNOTATION);
    g_autoptr(ProxyBusRoute) route = g_new0(ProxyBusRoute, 1);
    g_auto(GStrv) entries = NULL;

    if (!text) {
        vb_error_set(error, VIR_ERR_NO_SUPPORT, "%s", "a member without a procedure");
        return NULL;
    }
    if (*text == '=') {
        route->constant = g_strdup(text + 1);
        return g_steal_pointer(&route);
    }
    /* two procedures stand apart by a blank; in what has a form of its own there is one */
    entries = g_strsplit(text, strpbrk(text, "(>") ? "\n" : " ", 0);
    if (index >= g_strv_length(entries)) {
        vb_error_set(error, VIR_ERR_NO_SUPPORT, "%s", "this property cannot be written");
        return NULL;
    }
    return read_entry(route, entries[index], error) ? g_steal_pointer(&route) : NULL;
}

void
proxy_bus_route_free(ProxyBusRoute *route)
{
    if (!route)
        return;
    g_free(route->constant);
    g_strfreev(route->args);
    g_strfreev(route->outs);
    g_free(route);
}

int
proxy_bus_route_event_id(const ProxyBusRoute *route)
{
    return route->args && *route->args[0] == '#' ? atoi(route->args[0] + 1) : -1;
}

/* ---- to the wire ---- */

static GVariant *
uuid_of(GVariant *object)
{
    return object && g_variant_is_of_type(object, G_VARIANT_TYPE("(sayi)"))
               ? g_variant_get_child_value(object, 1)
               : NULL;
}

/* (transfer full) (nullable): values that do not come from the caller */
static GVariant *
fixed_value(const char *token, GVariant *object, const GVariantType *wire)
{
    if (strcmp(token, "@") == 0)
        return object ? g_variant_ref(object) : NULL;
    if (strcmp(token, "[@]") == 0)
        return object ? g_variant_ref_sink(g_variant_new_array(NULL, &object, 1)) : NULL;
    if (strcmp(token, "[]") == 0)
        return g_variant_ref_sink(g_variant_new_array(g_variant_type_element(wire), NULL, 0));
    return strcmp(token, "U") == 0 ? uuid_of(object) : NULL;
}

static int
fixed_number(const char *token)
{
    return *token == '#'   ? atoi(token + 1)
           : *token == 'M' ? (int)((proxy_bus_host_cpus() + 7) / 8)
           : *token == 'V' ? VCPUS_MAX
                           : -1;
}

static GVariant *
make_arg(const char *token, GVariant *object, GVariant *values, const GVariantType *wire,
         GError **error)
{
    g_autoptr(GVariant) value = NULL;
    const int number = fixed_number(token);

    if (!g_ascii_isdigit(*token) && number < 0)
        return fixed_value(token, object, wire);
    value = number >= 0 ? g_variant_ref_sink(g_variant_new_int32(number))
                        : g_variant_get_child_value(values, (gsize)atoi(token));
    return proxy_bus_to_wire(value, wire, error);
}

/* "@ 0 1 2": what is meant where nothing else is said */
static char **
plain_args(GVariant *object, guint n)
{
    g_autoptr(GStrvBuilder) tokens = g_strv_builder_new();

    if (object)
        g_strv_builder_add(tokens, "@");
    for (guint i = 0; i < (object ? n - 1 : n); i++) {
        g_autofree char *token = g_strdup_printf("%u", i);
        g_strv_builder_add(tokens, token);
    }
    return g_strv_builder_end(tokens);
}

GVariant *
proxy_bus_route_in(const ProxyBusRoute *route, GVariant *object, GVariant *values, GError **error)
{
    const ProxyXdrType *type = route->procedure->args;
    const guint n = type ? proxy_codec_n_fields(type) : 0;
    g_auto(GStrv) plain = route->args ? NULL : plain_args(n > 0 ? object : NULL, n);
    char **tokens = route->args ? route->args : plain;
    g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);

    if (g_strv_length(tokens) != n) {
        vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "%s takes %u arguments", route->procedure->name,
                     n);
        return NULL;
    }
    for (guint i = 0; i < n; i++) {
        const GVariantType *wire = proxy_codec_gtype(proxy_codec_field_type(type, i));
        GVariant *field = make_arg(tokens[i], object, values, wire, error);

        if (!field) {
            if (error && !*error)
                vb_error_set(error, VIR_ERR_INVALID_ARG, "there is no such object");
            return NULL;
        }
        g_ptr_array_add(fields, field);
    }
    return g_variant_ref_sink(g_variant_new_tuple((GVariant *const *)fields->pdata, n));
}

/* ---- from the wire ---- */

/* "1.0.2": a member of a member of a member */
static GVariant *
fetch(GVariant *reply, const char *path, GError **error)
{
    g_autoptr(GVariant) at = g_variant_ref(reply);

    for (; *path; path += strcspn(path, ".") + (strchr(path, '.') != NULL)) {
        const gsize index = (gsize)atoi(path);
        GVariant *child;

        if (!g_variant_is_container(at) || index >= g_variant_n_children(at)) {
            vb_error_set(error, VIR_ERR_OPERATION_FAILED, "the reply has nothing to tell");
            return NULL;
        }
        child = g_variant_get_child_value(at, index);
        g_variant_unref(at);
        at = child;
    }
    return g_steal_pointer(&at);
}

/* "(1 2 3)": a struct made of fields */
static GVariant *
make_struct(GVariant *reply, const char *token, const GVariantType *type, GError **error)
{
    g_autofree char *inside = g_strndup(token + 1, strlen(token) - 2);
    g_auto(GStrv) paths = g_strsplit(inside, " ", 0);
    const GVariantType *member = g_variant_type_first(type);
    GVariantBuilder builder;

    g_variant_builder_init(&builder, type);
    for (guint i = 0; paths[i] && member; i++, member = g_variant_type_next(member)) {
        g_autoptr(GVariant) wire = fetch(reply, paths[i], error);
        g_autoptr(GVariant) value = wire ? proxy_bus_from_wire(wire, member, error) : NULL;

        if (!value) {
            g_variant_builder_clear(&builder);
            return NULL;
        }
        g_variant_builder_add_value(&builder, value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GVariant *
proxy_bus_route_out_one(const ProxyBusRoute *route, GVariant *reply, guint index,
                        const GVariantType *type, GError **error)
{
    g_autofree char *plain = g_strdup_printf("%u", index);
    const char *token = plain;
    g_autoptr(GVariant) wire = NULL;

    if (!reply) {
        vb_error_set(error, VIR_ERR_RPC, "the reply is empty");
        return NULL;
    }
    if (route->outs && index >= g_strv_length(route->outs)) {
        vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "%s has no value %u", route->procedure->name,
                     index);
        return NULL;
    }
    if (route->outs)
        token = route->outs[index];
    if (*token == '(')
        return make_struct(reply, token, type, error);
    wire = fetch(reply, token, error);
    return wire ? proxy_bus_from_wire(wire, type, error) : NULL;
}

GVariant *
proxy_bus_route_out(const ProxyBusRoute *route, GVariant *reply, guint skip,
                    const GVariantType *const *types, guint n, GError **error)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
    for (guint i = 0; i < n; i++) {
        g_autoptr(GVariant) value =
            proxy_bus_route_out_one(route, reply, skip + i, types[i], error);
        if (!value) {
            g_variant_builder_clear(&builder);
            return NULL;
        }
        g_variant_builder_add_value(&builder, value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}
