/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bandwidth of a network card as parameters. Source: libvirt's VIR_DOMAIN_BANDWIDTH_* names, and what libvirt 9.0 keeps of
 * what is not named: a direction whose average is named is replaced, any other stays as it is. */
#include "bandwidth.h"

#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <string.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

typedef struct {
    VbDomainBandwidth in, out;
    gboolean has_in, has_out;
} Rates;

static const struct {
    const char *name;
    gsize offset;
    gsize has; /* offset + 1 of what says that its direction is replaced; 0: it does not say so */
} rows[] = {
#define HAS(member) G_STRUCT_OFFSET(Rates, member) + 1
    {"inbound.average", G_STRUCT_OFFSET(Rates, in.average), HAS(has_in)},
    {"inbound.peak", G_STRUCT_OFFSET(Rates, in.peak), 0},
    {"inbound.burst", G_STRUCT_OFFSET(Rates, in.burst), 0},
    {"inbound.floor", G_STRUCT_OFFSET(Rates, in.floor), HAS(has_in)},
    {"outbound.average", G_STRUCT_OFFSET(Rates, out.average), HAS(has_out)},
    {"outbound.peak", G_STRUCT_OFFSET(Rates, out.peak), 0},
    {"outbound.burst", G_STRUCT_OFFSET(Rates, out.burst), 0},
};

static gboolean
read_param(Rates *rates, const char *name, GVariant *value, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "invalid type '%s' requested for parameter '%s', expected 'u'",
                                g_variant_get_type_string(value), name);
        *(guint64 *)(gpointer)((char *)rates + rows[i].offset) = g_variant_get_uint32(value);
        if (rows[i].has)
            *(gboolean *)(gpointer)((char *)rates + rows[i].has - 1) = TRUE;
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "parameter '%s' not supported", name);
}

static gboolean
read_params(GVariant *params, Rates *ret_rates, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    *ret_rates = (Rates){0};
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        if (!read_param(ret_rates, name, value, error))
            return FALSE;
    }
    ret_rates->in.has_average = ret_rates->in.average > 0;
    ret_rates->out.has_average = ret_rates->out.average > 0;
    return TRUE;
}

static VbDomainNet *
find(const VbDomainDef *def, const char *device, GError **error)
{
    VbDomainNet *net = vb_domain_find_net(def, device);
    if (!net)
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not a known interface", device);
    return net;
}

/* (nullable): what the direction has afterwards */
static const VbDomainBandwidth *
choose(const VbDomainBandwidth *old, const VbDomainBandwidth *new, gboolean is_replaced)
{
    if (!is_replaced)
        return old;
    return new->average || new->floor ? new : NULL;
}

typedef struct {
    const char *device;
    const Rates *rates;
} Change;

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const Change *change = data;
    VbDomainNet *net = find(next, change->device, error);
    VbDomainNetMore *more = net ? VB_XML_NEED(net->more) : NULL;
    const VbDomainBandwidth *in, *out;
    VbDomainBandwidth *old_in, *old_out;
    if (!net)
        return FALSE;
    old_in = more->bandwidth_in;
    old_out = more->bandwidth_out;
    in = choose(old_in, &change->rates->in, change->rates->has_in);
    out = choose(old_out, &change->rates->out, change->rates->has_out);
    more->bandwidth_in = in ? g_memdup2(in, sizeof *in) : NULL;
    more->bandwidth_out = out ? g_memdup2(out, sizeof *out) : NULL;
    g_free(old_in);
    g_free(old_out);
    return vb_domain_validate(next, error);
}

/* Source: those whose device libvirt limits */
static gboolean
check_net(const VbDomainNet *net, GError **error)
{
    const guint has_device = 1u << VB_DOMAIN_NET_NETWORK | 1u << VB_DOMAIN_NET_BRIDGE |
                             1u << VB_DOMAIN_NET_ETHERNET | 1u << VB_DOMAIN_NET_DIRECT;
    return (has_device & 1u << net->type) != 0 ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "setting bandwidth on interfaces of type '%s' is not implemented yet",
                        vb_enum_to_nick(&vb_domain_net_type_enum, net->type));
}

static gboolean
change_live(QemuDomain *domain, VbDomainNet *net, const Rates *rates, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const VbDomainBandwidth *in = choose(more->bandwidth_in, &rates->in, rates->has_in);
    const VbDomainBandwidth *out = choose(more->bandwidth_out, &rates->out, rates->has_out);
    char mac[18];
    vb_mac_format(&net->mac, mac);
    if (rates->in.floor && net->type != VB_DOMAIN_NET_NETWORK)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Invalid use of 'floor' on interface with MAC address %s - 'floor' is "
                            "only supported for interface type 'network' with forward type 'nat', "
                            "'route', 'open' or none",
                            mac);
    return qemu_bandwidth_change(domain, net, in, out, error);
}

gboolean
qemu_bandwidth_set_params(QemuDomain *domain, const QemuBandwidthChange *change, GError **error)
{
    VbDomainDef *live = NULL, *config = NULL;
    VbDomainNet *net = NULL, *stored = NULL;
    Rates rates;
    Change write = {.device = change->device, .rates = &rates};
    if (!qemu_check_flags(change->flags, IMPACT, "qemuDomainSetInterfaceParameters", error) ||
        !read_params(change->params, &rates, error) ||
        !qemu_domain_pick_defs(domain, change->flags, &live, &config, error) ||
        (config && !(stored = find(config, change->device, error))) ||
        (live && !(net = find(live, change->device, error))) || (net && !check_net(net, error)) ||
        (stored && !check_net(stored, error)))
        return FALSE;
    if (net && !change_live(domain, net, &rates, error))
        return FALSE;
    return !stored || qemu_domain_change_config(domain, write_config, &write, error);
}

GVariant *
qemu_bandwidth_get_params(QemuDomain *domain, const char *device, guint flags, GError **error)
{
    VbDomainDef *live = NULL, *config = NULL;
    const VbDomainNetMore *more;
    const VbDomainNet *net;
    GVariantBuilder values;
    Rates rates = {0};
    if (!qemu_check_flags(flags & ~(guint)VIR_TYPED_PARAM_STRING_OKAY, IMPACT,
                          "qemuDomainGetInterfaceParameters", error))
        return NULL;
    if ((flags & IMPACT) == IMPACT) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually "
                     "exclusive");
        return NULL;
    }
    if (!qemu_domain_pick_defs(domain, flags & IMPACT, &live, &config, error) ||
        !(net = find(live ? live : config, device, error)))
        return NULL;
    more = vb_domain_net_more(net);
    if (more->bandwidth_in)
        rates.in = *more->bandwidth_in;
    if (more->bandwidth_out)
        rates.out = *more->bandwidth_out;
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const guint64 value =
            *(const guint64 *)(gconstpointer)((const char *)&rates + rows[i].offset);
        g_variant_builder_add(&values, "{sv}", rows[i].name,
                              g_variant_new_uint32((guint32)value)); /* as libvirt cuts it */
    }
    return g_variant_builder_end(&values);
}
