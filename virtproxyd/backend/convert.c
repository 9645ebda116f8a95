/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wire values <-> D-Bus values: interprets the steps that gen-routes.py made. Owns nothing, knows no connection. */
#include "backend/convert.h"
#include <gio/gio.h>
#include <string.h>
#include "base/error.h"
#include "base/text.h"

typedef struct {
    const ProxyNames *names;
    GVariant *args;   /* wire arguments */
    GVariant *source; /* tuple that values come from */
} Context;

typedef GVariant *(*Convert)(const Context *context, const ProxyStep *step, GVariant *value,
                             GError **error);

void
proxy_convert_uuid_text(const guint8 *u, char ret_text[37])
{
    g_snprintf(ret_text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
               u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
               u[13], u[14], u[15]);
}

gboolean
proxy_convert_uuid_parse(const char *text, guint8 ret_uuid[16])
{
    guint8 uuid[16];
    guint digits = 0;

    for (; *text; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (*text == '-' || *text == '_')
            continue;
        if (digit < 0 || digits == 32)
            return FALSE;
        uuid[digits / 2] = (guint8)((digits % 2 ? uuid[digits / 2] : 0) << 4 | digit);
        digits++;
    }
    if (digits != 32)
        return FALSE;
    memcpy(ret_uuid, uuid, sizeof(uuid));
    return TRUE;
}

static char *
uuid_to_text(GVariant *bytes)
{
    gsize length;
    const guint8 *uuid = g_variant_get_fixed_array(bytes, &length, 1);
    char *text;

    if (length != 16)
        return NULL;
    text = g_malloc(37);
    proxy_convert_uuid_text(uuid, text);
    return text;
}

/**
 * proxy_convert_domain_path:
 * @wire_domain: (sayi) name, UUID, id
 *
 * Returns: (transfer full): the domain's object path; the UUID alone identifies it
 */
char *
proxy_convert_domain_path(const ProxyNames *names, GVariant *wire_domain)
{
    g_autoptr(GVariant) uuid = g_variant_get_child_value(wire_domain, 1);
    g_autofree char *text = uuid_to_text(uuid);

    if (!text)
        return g_strconcat(names->domain_prefix, "invalid", NULL);
    g_strdelimit(text, "-", '_');
    return g_strconcat(names->domain_prefix, text, NULL);
}

/* ---- numbers ---- */

static gboolean
number_to_int64(GVariant *value, gint64 *ret)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        *ret = g_variant_get_boolean(value);
        return TRUE;
    case G_VARIANT_CLASS_BYTE:
        *ret = g_variant_get_byte(value);
        return TRUE;
    case G_VARIANT_CLASS_INT16:
        *ret = g_variant_get_int16(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT16:
        *ret = g_variant_get_uint16(value);
        return TRUE;
    case G_VARIANT_CLASS_INT32:
        *ret = g_variant_get_int32(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT32:
        *ret = g_variant_get_uint32(value);
        return TRUE;
    case G_VARIANT_CLASS_INT64:
        *ret = g_variant_get_int64(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT64:
        *ret = (gint64)g_variant_get_uint64(value);
        return *ret >= 0;
    case G_VARIANT_CLASS_DOUBLE:
        *ret = (gint64)g_variant_get_double(value);
        return TRUE;
    default:
        return FALSE;
    }
}

static GVariant *
number_new(gint64 n, char type)
{
    switch (type) {
    case 'b':
        return g_variant_new_boolean(n != 0);
    case 'y':
        return n >= 0 && n <= G_MAXUINT8 ? g_variant_new_byte((guint8)n) : NULL;
    case 'n':
        return n >= G_MININT16 && n <= G_MAXINT16 ? g_variant_new_int16((gint16)n) : NULL;
    case 'q':
        return n >= 0 && n <= G_MAXUINT16 ? g_variant_new_uint16((guint16)n) : NULL;
    case 'i':
        return n >= G_MININT32 && n <= G_MAXINT32 ? g_variant_new_int32((gint32)n) : NULL;
    case 'u':
        return n >= 0 && n <= G_MAXUINT32 ? g_variant_new_uint32((guint32)n) : NULL;
    case 'x':
        return g_variant_new_int64(n);
    case 't':
        return n >= 0 ? g_variant_new_uint64((guint64)n) : NULL;
    case 'd':
        return g_variant_new_double((double)n);
    default:
        return NULL;
    }
}

/**
 * proxy_convert_number:
 * @type: a GVariant number type or "b"
 *
 * Returns: (transfer full): @value as @type; NULL when it is no number or does not fit
 */
GVariant *
proxy_convert_number(GVariant *value, const char *type)
{
    GVariant *number;
    gint64 n;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE(type)))
        return g_variant_ref(value);
    number = number_to_int64(value, &n) ? number_new(n, type[0]) : NULL;
    return number ? g_variant_ref_sink(number) : NULL;
}

static GVariant *
convert_number(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    g_autofree char *text = NULL;
    GVariant *number = NULL;
    gint64 n;

    if (number_to_int64(value, &n))
        number = number_new(n, step->type[0]);
    if (number)
        return number;
    text = g_variant_print(value, FALSE);
    vb_error_set(error, VIR_ERR_OVERFLOW, "%s %s", step->name, text);
    return NULL;
}

static GVariant *
convert_default(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    GVariant *result = number_new(step->value, step->type[0]);

    return result ? result : g_variant_new_string("");
}

/* ---- strings ---- */

static GVariant *
convert_copy(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    return g_variant_ref(value);
}

static GVariant *
convert_maybe_string(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    g_autoptr(GVariant) inner = NULL;

    /* D-Bus knows no absent strings: an empty one stands for it */
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        return g_variant_new_maybe(G_VARIANT_TYPE_STRING,
                                   *g_variant_get_string(value, NULL) ? value : NULL);
    inner = g_variant_get_maybe(value);
    return inner ? g_steal_pointer(&inner) : g_variant_new_string("");
}

static GVariant *
convert_uuid(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    char *text = uuid_to_text(value);

    if (!text)
        vb_error_set(error, VIR_ERR_INVALID_ARG, "%s", "UUID must have 16 bytes");
    return text ? g_variant_new_take_string(text) : NULL;
}

/* libvirt's fixed character arrays (node model, security labels) hold a C string; what is too long is cut */
static GVariant *
convert_chars(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    gsize length;
    const char *text = g_variant_get_string(value, &length);
    gsize size = step->value > 0 ? (gsize)step->value : length + 1;
    g_autofree char *chars = g_malloc0(size);

    memcpy(chars, text, MIN(length, size - 1));
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, chars, size, 1);
}

/* ---- objects ---- */

static GVariant *
domain_to_wire(const Context *context, const char *path, GError **error)
{
    GVariant *wire = context->names->domain(context->names->data, path);

    if (!wire) {
        const char *slash = strrchr(path, '/');
        g_autofree char *uuid = g_strdelimit(g_strdup(slash ? slash + 1 : path), "_", '-');

        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
    }
    return wire;
}

static GVariant *
convert_domain(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_OBJECT_PATH))
        return domain_to_wire(context, g_variant_get_string(value, NULL), error);
    {
        g_autofree char *path = proxy_convert_domain_path(context->names, value);

        return g_variant_new_object_path(path);
    }
}

/* A domain that the mirror does not know any more is left out: it has gone meanwhile. */
static GVariant *
convert_domains(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    gboolean to_wire = g_variant_is_of_type(value, G_VARIANT_TYPE("ao"));
    GVariantBuilder builder;
    gsize n = g_variant_n_children(value);

    g_variant_builder_init(&builder, G_VARIANT_TYPE(step->type));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) result = NULL;

        if (to_wire)
            result =
                context->names->domain(context->names->data, g_variant_get_string(child, NULL));
        else
            result = g_variant_ref_sink(convert_domain(context, step, child, NULL));
        if (result)
            g_variant_builder_add_value(&builder, result);
    }
    return g_variant_builder_end(&builder);
}

/* ---- snapshots: their path is the domain's, /snapshot/ and the name ---- */

#define SNAPSHOT_PART "/snapshot/"

/**
 * proxy_convert_snapshot_path:
 * @wire_snapshot: (s(sayi)) name, domain
 *
 * Returns: (transfer full): the snapshot's object path
 */
char *
proxy_convert_snapshot_path(const ProxyNames *names, GVariant *wire_snapshot)
{
    g_autoptr(GVariant) domain = g_variant_get_child_value(wire_snapshot, 1);
    g_autoptr(GVariant) name = g_variant_get_child_value(wire_snapshot, 0);
    g_autofree char *guest = proxy_convert_domain_path(names, domain);
    g_autofree char *part = vb_text_to_path(g_variant_get_string(name, NULL));

    return g_strconcat(guest, SNAPSHOT_PART, part, NULL);
}

static GVariant *
snapshot_to_wire(const Context *context, const char *path, GError **error)
{
    const char *part = strstr(path, SNAPSHOT_PART);
    g_autofree char *guest = part ? g_strndup(path, (gsize)(part - path)) : NULL;
    g_autofree char *name = part ? vb_text_from_path(part + strlen(SNAPSHOT_PART)) : NULL;
    g_autoptr(GVariant) domain = NULL;

    if (!name) {
        vb_error_set(error, VIR_ERR_RPC, "'%s' is not the path of a snapshot", path);
        return NULL;
    }
    domain = domain_to_wire(context, guest, error);
    return domain ? g_variant_new("(s@(sayi))", name, domain) : NULL;
}

static GVariant *
convert_snapshot(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    return snapshot_to_wire(context, g_variant_get_string(value, NULL), error);
}

static GVariant *
convert_snapshots(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    GVariantBuilder builder;
    gsize n = g_variant_n_children(value);

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(s(sayi))"));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) path = g_variant_get_child_value(value, i);
        GVariant *snapshot = convert_snapshot(context, step, path, error);

        if (!snapshot) {
            g_variant_builder_clear(&builder);
            return NULL;
        }
        g_variant_builder_add_value(&builder, snapshot);
    }
    return g_variant_builder_end(&builder);
}

/* The codec takes a{sv} for typed parameters as it is; for D-Bus the pairs become entries. The two types are serialised
 * alike (GVariant specification, 2.5.3 and 2.5.4). */
static GVariant *
convert_params(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;

    if (g_str_equal(step->type, "a(sv)"))
        return g_variant_ref(value);
    bytes = g_variant_get_data_as_bytes(value);
    return g_variant_new_from_bytes(G_VARIANT_TYPE("a{sv}"), bytes, TRUE);
}

/* Thousands of guests with dozens of values each: the parameters are passed on as they came. */
static GVariant *
convert_records(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    GVariantBuilder builder;
    gsize n = g_variant_n_children(value);

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a((sayi)a{sv})"));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) record = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) path = g_variant_get_child_value(record, 0);
        g_autoptr(GVariant) params = g_variant_get_child_value(record, 1);
        g_autoptr(GVariant) domain = NULL;

        domain = context->names->domain(context->names->data, g_variant_get_string(path, NULL));
        if (domain) {
            GVariant *pair[] = {domain, params};

            g_variant_builder_add_value(&builder, g_variant_new_tuple(pair, 2));
        }
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
convert_self(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    g_autoptr(GVariant) wire = g_variant_get_child_value(context->args, 0);
    g_autofree char *path = proxy_convert_domain_path(context->names, wire);

    return domain_to_wire(context, path, error);
}

/* A node device's object path ends with its name. */
static GVariant *
convert_nodedev(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    const char *slash = strrchr(g_variant_get_string(value, NULL), '/');

    return g_variant_new("(s)", slash + 1);
}

/* The two types are serialised alike, since a tuple of one string is that string (GVariant specification, 2.5.4). */
static GVariant *
convert_nodedevs(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    g_autoptr(GBytes) bytes = g_variant_get_data_as_bytes(value);

    return g_variant_new_from_bytes(G_VARIANT_TYPE("a(s)"), bytes, TRUE);
}

/* ---- lists with a limit ---- */

/* How many of @n elements the caller takes. */
static gsize
limited(const Context *context, const ProxyStep *step, gsize n)
{
    g_autoptr(GVariant) bound = NULL;
    gint64 limit = 0;

    if (step->limit < 0)
        return n;
    bound = g_variant_get_child_value(context->args, (gsize)step->limit);
    number_to_int64(bound, &limit);
    return limit < 0 ? 0 : MIN(n, (gsize)limit);
}

/* need_results is a yes or no, not a number of elements; the generator says so in value */
static gboolean
is_all_or_nothing(const ProxyStep *step)
{
    return step->value != 0;
}

/* takes @list, returns a full reference */
static GVariant *
cut_list(const Context *context, const ProxyStep *step, GVariant *list)
{
    gsize n = g_variant_n_children(list);
    gsize keep = limited(context, step, n);
    GVariantBuilder builder;

    if (keep == n || (keep > 0 && is_all_or_nothing(step)))
        return list;
    g_variant_builder_init(&builder, g_variant_get_type(list));
    for (gsize i = 0; i < keep; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(list, i);

        g_variant_builder_add_value(&builder, child);
    }
    g_variant_unref(list);
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* "nparams" and "ret": asked with limit 0 the whole number, else how many are sent */
static GVariant *
convert_count(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    gsize n = g_variant_n_children(value);
    gsize keep = limited(context, step, n);

    if (keep == 0 || is_all_or_nothing(step))
        keep = n;
    return number_new((gint64)keep, step->type[0]);
}

static GVariant *
convert_bool(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    return g_variant_new_boolean(g_variant_get_int32(value) != 0);
}

static GVariant *
convert_mask(const Context *context, const ProxyStep *step, GVariant *value, GError **error)
{
    return g_variant_new_uint32(g_variant_get_uint32(value) & ~(guint32)step->value);
}

static const Convert converters[] = {
    [PROXY_CONV_COPY] = convert_copy,
    [PROXY_CONV_NUMBER] = convert_number,
    [PROXY_CONV_MASK] = convert_mask,
    [PROXY_CONV_BOOL] = convert_bool,
    [PROXY_CONV_MAYBE_STRING] = convert_maybe_string,
    [PROXY_CONV_UUID] = convert_uuid,
    [PROXY_CONV_CHARS] = convert_chars,
    [PROXY_CONV_DOMAIN] = convert_domain,
    [PROXY_CONV_DOMAINS] = convert_domains,
    [PROXY_CONV_PARAMS] = convert_params,
    [PROXY_CONV_RECORDS] = convert_records,
    [PROXY_CONV_DEFAULT] = convert_default,
    [PROXY_CONV_COUNT] = convert_count,
    [PROXY_CONV_SNAPSHOT] = convert_snapshot,
    [PROXY_CONV_SNAPSHOTS] = convert_snapshots,
    [PROXY_CONV_SELF] = convert_self,
    [PROXY_CONV_NODEDEV] = convert_nodedev,
    [PROXY_CONV_NODEDEVS] = convert_nodedevs,
};

static GVariant *
run_steps(const Context *context, const ProxyStep *steps, guint n_steps, GError **error)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
    for (guint i = 0; i < n_steps; i++) {
        const ProxyStep *step = &steps[i];
        g_autoptr(GVariant) value = NULL;
        g_autoptr(GVariant) owned = NULL;
        GVariant *result;

        if (step->source >= 0)
            value = g_variant_get_child_value(context->source, (gsize)step->source);
        result = converters[step->conv](context, step, value, error);
        if (!result) {
            g_variant_builder_clear(&builder);
            return NULL;
        }
        owned = g_variant_take_ref(result);
        if (step->limit >= 0 && step->conv != PROXY_CONV_COUNT)
            owned = cut_list(context, step, owned);
        g_variant_builder_add_value(&builder, owned);
    }
    return g_variant_builder_end(&builder);
}

/**
 * proxy_convert_in:
 * @args: (nullable): wire arguments, a tuple
 *
 * Returns: (transfer floating): the D-Bus arguments as the route's interface declares them
 * Errors: INVALID_ARG malformed UUID; OVERFLOW number out of the D-Bus type's range
 */
GVariant *
proxy_convert_in(const ProxyRoute *route, const ProxyNames *names, GVariant *args, GError **error)
{
    Context context = {names, args, args};

    return run_steps(&context, route->in, route->n_in, error);
}

/**
 * proxy_convert_out:
 * @args: (nullable): wire arguments of the call, which may bound the reply
 * @reply: the D-Bus reply, of the route's reply type (for properties: one value per step)
 *
 * Returns: (transfer floating): the wire reply
 * Errors: NO_DOMAIN the reply names a domain that has gone
 */
GVariant *
proxy_convert_out(const ProxyRoute *route, const ProxyNames *names, GVariant *args, GVariant *reply,
                  GError **error)
{
    Context context = {names, args, reply};

    return run_steps(&context, route->out, route->n_out, error);
}
