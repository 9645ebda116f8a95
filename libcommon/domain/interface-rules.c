/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of a network card: its switch port, VLANs, teaming, addresses, options of other cards. */
#include <gio/gio.h>
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

static const char *
type_nick(const VbDomainNet *net)
{
    return vb_enum_to_nick(&vb_domain_net_type_enum, net->type);
}

/* what each kind of switch port must know, and what it cannot */
typedef struct {
    const char *name;
    gsize member;
    guint kinds; /* bit per port kind */
} PortParameter;

enum { PORT_QBG, PORT_QBH, PORT_OPENVSWITCH, PORT_MIDONET };
static const char *const port_kinds[] = {"802.1Qbg", "802.1Qbh", "openvswitch", "midonet", NULL};
#define MEMBER(m) G_STRUCT_OFFSET(VbDomainNetMore, virtualport_##m)
static const PortParameter port_parameters[] = {
    {"managerid", MEMBER(managerid), 1u << PORT_QBG},
    {"typeid", MEMBER(typeid), 1u << PORT_QBG},
    {"typeidversion", MEMBER(typeidversion), 1u << PORT_QBG},
    {"instanceid", MEMBER(instanceid), 1u << PORT_QBG},
    {"profileid", MEMBER(profileid), 1u << PORT_QBH | 1u << PORT_OPENVSWITCH},
    {"interfaceid", MEMBER(interfaceid), 1u << PORT_OPENVSWITCH | 1u << PORT_MIDONET},
};

static gboolean
validate_port_parameters(const VbDomainNet *net, int kind, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(port_parameters); i++) {
        const PortParameter *parameter = &port_parameters[i];
        const char *value =
            *(char *const *)((const char *)vb_domain_net_more(net) + parameter->member);
        const gboolean is_known = (parameter->kinds & 1u << kind) != 0;
        const gboolean is_optional =
            kind == PORT_OPENVSWITCH && strcmp(parameter->name, "profileid") == 0;

        if (value && !is_known)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "extra %s unsupported in <virtualport type='%s'>", parameter->name,
                                port_kinds[kind]);
        if (!value && is_known && !is_optional && net->type != VB_DOMAIN_NET_NETWORK)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing %s in <virtualport type='%s'>",
                                parameter->name, port_kinds[kind]);
    }
    return TRUE;
}

/* numbers of a port of 802.1Qbg. Source: IEEE 802.1Qbg, VSI manager 8 bits, type 24 bits, version 8 bits */
static gboolean
validate_port_number(const char *name, const char *text, guint64 max, GError **error)
{
    const gboolean is_id = strcmp(name, "typeid") == 0;
    guint64 number = 0;
    char *end = NULL;

    if (!text)
        return TRUE;
    number = g_ascii_strtoull(text, &end, 0);
    if (end == text || *end)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "cannot parse value of %s parameter", name);
    if (number > max)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "value %s %s out of range",
                            is_id ? "for" : "of", name);
    return TRUE;
}

static gboolean
validate_virtualport(const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const guint may_have = 1u << VB_DOMAIN_NET_NETWORK | 1u << VB_DOMAIN_NET_BRIDGE |
                           1u << VB_DOMAIN_NET_DIRECT | 1u << VB_DOMAIN_NET_HOSTDEV;
    const char *uuids[][2] = {{"interfaceid", more->virtualport_interfaceid},
                              {"instanceid", more->virtualport_instanceid}};
    const gboolean is_given = more->virtualport_type || more->virtualport_profileid ||
                              uuids[0][1] || uuids[1][1] || more->virtualport_managerid;
    VbUuid uuid;
    int kind = -1;

    if (is_given && !(may_have & 1u << net->type))
        return vb_error_set(error, UNSUPPORTED,
                            "<virtualport> element unsupported for <interface type='%s'>",
                            type_nick(net));
    for (int i = 0; port_kinds[i]; i++)
        kind = g_strcmp0(more->virtualport_type, port_kinds[i]) == 0 ? i : kind;
    if (more->virtualport_type && kind < 0 && strcmp(more->virtualport_type, "none") != 0)
        return vb_error_set(error, UNSUPPORTED, "unknown virtualport type %s",
                            more->virtualport_type);
    if (!validate_port_number("managerid", more->virtualport_managerid, 255, error) ||
        !validate_port_number("typeid", more->virtualport_typeid, 0xffffff, error) ||
        !validate_port_number("typeidversion", more->virtualport_typeidversion, 255, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(uuids); i++) {
        if (uuids[i][1] && !vb_uuid_parse(uuids[i][1], &uuid))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "cannot parse %s parameter as a uuid",
                                uuids[i][0]);
    }
    return kind < 0 || validate_port_parameters(net, kind, error);
}

static gboolean
validate_teaming(const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const gboolean is_persistent = g_strcmp0(more->teaming_type, "persistent") == 0;

    if (!more->teaming_type)
        return !more->teaming_persistent ||
               vb_error_set(error, UNSUPPORTED, "unknown teaming type '(null)'");
    if (!is_persistent && !more->teaming_persistent)
        return vb_error_set(error, UNSUPPORTED,
                            "teaming persistent attribute must be set if teaming type is "
                            "'transient'");
    if (is_persistent && more->teaming_persistent)
        return vb_error_set(error, UNSUPPORTED,
                            "teaming persistent attribute not allowed if teaming type is "
                            "'persistent'");
    if (is_persistent && !vb_domain_net_model_is_virtio(net))
        return vb_error_set(error, UNSUPPORTED,
                            "virtio-net teaming persistent interface must be <model "
                            "type='virtio'/>, not '%s'",
                            net->model ? net->model : "(null)");
    if (!is_persistent && net->type != VB_DOMAIN_NET_HOSTDEV && net->type != VB_DOMAIN_NET_NETWORK)
        return vb_error_set(error, UNSUPPORTED,
                            "virtio-net teaming transient interface must be type='hostdev', not "
                            "'%s'",
                            type_nick(net));
    return TRUE;
}

static gboolean
is_address(const char *text)
{
    return g_hostname_is_ip_address(text);
}

static gboolean
validate_addresses(const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    VB_DOMAIN_EACH(VbDomainNetIp, ip, more->ips)
    {
        const gboolean is_v6 = g_strcmp0(ip->family, "ipv6") == 0;

        if (!ip->address)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Missing required address in <ip>");
        if (!is_address(ip->address))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid address '%s' in <ip>",
                                ip->address);
        if (net->type == VB_DOMAIN_NET_USER && is_v6 && ip->prefix && ip->prefix != 64)
            return vb_error_set(error, UNSUPPORTED,
                                "unsupported IPv6 address prefix='%u' - must be 64", ip->prefix);
    }
    VB_DOMAIN_EACH(VbDomainPortForward, forward, more->port_forwards)
    {
        if (forward->address && !is_address(forward->address))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid address '%s' in <portForward>",
                                forward->address);
    }
    return TRUE;
}

static gboolean
validate_vlan(const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const guint n_tags = VB_DOMAIN_COUNT(more->vlan_tags);
    guint n_native = 0;

    VB_DOMAIN_EACH(VbDomainVlanTag, tag, more->vlan_tags)
    n_native += tag->native_mode ? 1 : 0;
    if (n_tags == 0 && more->vlan_trunk != VB_TRISTATE_ABSENT)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "missing tag id - each <vlan> must have at least one <tag id='n'/> "
                            "subelement");
    if (n_native > 1)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "duplicate native vlan setting");
    return n_tags < 2 || more->vlan_trunk != VB_TRISTATE_NO ||
           vb_error_set(error, VIR_ERR_XML_ERROR,
                        "invalid \"trunk='no'\" in <vlan> - trunk='yes' is required for more than "
                        "one vlan tag");
}

static gboolean
validate_source(const VbDomainNet *net, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(net);
    const guint connecting =
        1u << VB_DOMAIN_NET_CLIENT | 1u << VB_DOMAIN_NET_MCAST | 1u << VB_DOMAIN_NET_UDP;
    const guint sockets = connecting | 1u << VB_DOMAIN_NET_SERVER;
    const guint bit = 1u << net->type;
    const gboolean is_empty = !more->source_address && !more->source_port;

    if ((sockets & bit && is_empty) || (net->type == VB_DOMAIN_NET_VDPA && !net->source_dev))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "interface type='%s' requires a 'source' element", type_nick(net));
    if (connecting & bit && !more->source_address)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing required attribute 'address' in element 'source'");
    if (net->type == VB_DOMAIN_NET_UDP && !more->source_local_address)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "'<local>' element missing for 'udp' socket interface");
    if (net->type == VB_DOMAIN_NET_HOSTDEV && !more->source_pci_type)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing source address type");
    if (net->type == VB_DOMAIN_NET_VHOSTUSER && g_strcmp0(more->source_chr_type, "unix") != 0)
        return vb_error_set(error, UNSUPPORTED,
                            "Type='%s' unsupported for <interface type='vhostuser'>",
                            more->source_chr_type ? more->source_chr_type : "");
    if (net->type == VB_DOMAIN_NET_VHOSTUSER && more->source_chr_mode &&
        strcmp(more->source_chr_mode, "server") != 0 &&
        strcmp(more->source_chr_mode, "client") != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid value for attribute 'mode' in element 'source': '%s'.",
                            more->source_chr_mode);
    return TRUE;
}

/**
 * vb_domain_validate_net_options:
 * @net: a network card
 * @error: return location
 *
 * Returns: TRUE, or FALSE with @error set
 * Errors: CONFIG_UNSUPPORTED, XML_ERROR as libvirt has them
 */
gboolean
vb_domain_validate_net_options(const VbDomainNet *net, GError **error)
{
    if (net->model && strcmp(net->model, "virtio") != 0 && net->type == VB_DOMAIN_NET_VDPA &&
        strcmp(net->model, "virtio-non-transitional") != 0)
        return vb_error_set(error, UNSUPPORTED, "invalid model for interface of type 'vdpa': '%s'",
                            net->model);
    return validate_source(net, error) && validate_virtualport(net, error) &&
           validate_teaming(net, error) && validate_addresses(net, error) &&
           validate_vlan(net, error) &&
           (net->type == VB_DOMAIN_NET_HOSTDEV ||
            vb_domain_validate_virtio(&net->virtio, vb_domain_net_model_is_virtio(net), error));
}
