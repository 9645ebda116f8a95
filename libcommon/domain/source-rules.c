/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of the source of a disk, a backing store or an NVRAM image. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

static gboolean
is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 10;
}

static gboolean
validate_host(const VbDomainStorageHost *host, GError **error)
{
    const gboolean is_unix = g_strcmp0(host->transport, "unix") == 0;

    if (is_unix && !host->socket)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing socket for unix transport");
    if (!is_unix && host->socket)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "transport '%s' does not support socket attribute",
                            host->transport ? host->transport : "(null)");
    if (!is_unix && !host->name)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing name for host");
    if (host->port && !is_number(host->port))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "failed to parse port number '%s'",
                            host->port);
    return TRUE;
}

static gboolean
validate_cookies(const VbDomainDiskSource *source, GError **error)
{
    const VbDomainSourceMore *more = vb_domain_source_more(source);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    VB_DOMAIN_EACH(VbDomainStorageCookie, cookie, more->cookies)
    {
        if (!cookie->name)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing cookie name");
        if (!cookie->value)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing value for cookie '%s'",
                                cookie->name);
        if (!g_hash_table_add(seen, cookie->name))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "duplicate cookie '%s'", cookie->name);
    }
    return TRUE;
}

static gboolean
validate_auth(const VbDomainDiskSource *source, GError **error)
{
    const VbDomainSourceMore *more = vb_domain_source_more(source);
    static const char *const types[] = {"iscsi", "ceph", "volume", "tls", "vtpm", NULL};
    const char *type = more->auth_secret_type;
    const gboolean has_secret = type || more->auth_secret_usage || more->auth_secret_uuid;
    VbUuid uuid;

    if (!more->auth_username && !has_secret)
        return TRUE;
    if (!more->auth_username)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing username for auth");
    if (!has_secret)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Missing <secret> element in auth");
    if (!type || !g_strv_contains(types, type))
        return vb_error_set(error, UNSUPPORTED, "unknown secret type '%s'", type ? type : "<null>");
    if (!more->auth_secret_usage && !more->auth_secret_uuid)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing secret uuid or usage attribute");
    if (more->auth_secret_usage && more->auth_secret_uuid)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "either secret uuid or usage expected, but not both");
    if (more->auth_secret_uuid && !vb_uuid_parse(more->auth_secret_uuid, &uuid))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "invalid secret uuid '%s'",
                            more->auth_secret_uuid);
    return TRUE;
}

static gboolean
validate_secrets(const VbDomainEncryption *encryption, GError **error)
{
    VbUuid uuid;

    if (!encryption)
        return TRUE;
    if (!encryption->format)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "unknown volume encryption format");
    VB_DOMAIN_EACH(VbDomainEncryptionSecret, secret, encryption->secrets)
    {
        if (!secret->type)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "unknown volume encryption secret type");
        if (strcmp(secret->type, "passphrase") != 0)
            return vb_error_set(error, UNSUPPORTED, "unknown volume encryption secret type %s",
                                secret->type);
        if (!secret->uuid && !secret->usage)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing secret uuid or usage attribute");
        if (secret->uuid && !vb_uuid_parse(secret->uuid, &uuid))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "invalid secret uuid '%s'", secret->uuid);
    }
    return TRUE;
}

static gboolean
validate_network(const VbDomainDiskSource *source, GError **error)
{
    const VbDomainSourceMore *more = vb_domain_source_more(source);
    const int protocol = source->protocol;
    const char *nick = vb_enum_to_nick(&vb_domain_net_protocol_enum, protocol);
    const gboolean may_have_auth =
        protocol == VB_DOMAIN_NET_PROTOCOL_RBD || protocol == VB_DOMAIN_NET_PROTOCOL_ISCSI ||
        (protocol >= VB_DOMAIN_NET_PROTOCOL_HTTP && protocol <= VB_DOMAIN_NET_PROTOCOL_SSH);

    if (source->type != VB_DOMAIN_STORAGE_NETWORK)
        return TRUE;
    if (!source->name && protocol && protocol != VB_DOMAIN_NET_PROTOCOL_NBD)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing name for disk source");
    if ((protocol == VB_DOMAIN_NET_PROTOCOL_RBD || protocol == VB_DOMAIN_NET_PROTOCOL_GLUSTER) &&
        !strchr(source->name, '/'))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "can't split path '%s' into pool name and image name", source->name);
    VB_DOMAIN_EACH(VbDomainStorageHost, host, source->hosts)
    {
        if (!validate_host(host, error))
            return FALSE;
    }
    if (!validate_auth(source, error) || !validate_cookies(source, error))
        return FALSE;
    if (more->auth_username && !may_have_auth)
        return vb_error_set(error, UNSUPPORTED, "authentication is not supported for protocol '%s'",
                            nick);
    if (more->tls_hostname && protocol != VB_DOMAIN_NET_PROTOCOL_NBD)
        return vb_error_set(error, UNSUPPORTED,
                            "'tlsHostname' field is supported only with NBD disks");
    return TRUE;
}

static gboolean
validate_kind(const VbDomainDiskSource *source, GError **error)
{
    const VbDomainSourceMore *more = vb_domain_source_more(source);
    const gboolean is_nvme = source->type == VB_DOMAIN_STORAGE_NVME;
    const gboolean is_vhost = source->type == VB_DOMAIN_STORAGE_VHOST_USER;
    const VbDomainRule rules[] = {
        {is_nvme && !more->nvme_type, VIR_ERR_XML_ERROR, "missing 'type' attribute to disk source"},
        {is_nvme && !more->nvme_namespace, VIR_ERR_XML_ERROR,
         "missing 'namespace' attribute to disk source"},
        {is_nvme && !more->has_nvme, VIR_ERR_XML_ERROR, "NVMe disk source is missing address"},
        {is_vhost && !more->vhost_type, VIR_ERR_XML_ERROR,
         "missing 'type' attribute for vhostuser disk source"},
        {is_vhost && g_strcmp0(more->vhost_type, "unix") != 0, VIR_ERR_XML_ERROR,
         "invalid 'type' attribute for vhostuser disk source"},
        {is_vhost && !more->vhost_path, VIR_ERR_XML_ERROR,
         "missing 'path' attribute for vhostuser disk source"},
        {more->slice_type && (!more->has_slice || !more->slice_size), VIR_ERR_XML_ERROR,
         "missing offset or size attribute of slice"},
        {more->reservations_managed == VB_TRISTATE_NO && !more->reservations_path,
         VIR_ERR_XML_ERROR, "missing path for <reservations/>"},
    };

    if (more->reservations_type && strcmp(more->reservations_type, "unix") != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "unsupported connection type for <reservations/>: %s",
                            more->reservations_type);
    if (more->reservations_mode && strcmp(more->reservations_mode, "client") != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "unsupported connection mode for <reservations/>: %s",
                            more->reservations_mode);
    if (source->type == VB_DOMAIN_STORAGE_VOLUME && more->volume_mode &&
        strcmp(more->volume_mode, "host") != 0 && strcmp(more->volume_mode, "direct") != 0)
        return vb_error_set(error, UNSUPPORTED, "unknown source mode '%s' for volume type disk",
                            more->volume_mode);
    return VB_DOMAIN_CHECK(rules, error);
}

/**
 * vb_domain_validate_source:
 * @source: where the data of a disk, a backing store or an NVRAM image lies
 * @error: return location
 *
 * Returns: TRUE, or FALSE with @error set
 * Errors: XML_ERROR, CONFIG_UNSUPPORTED, INVALID_ARG as libvirt has them
 */
gboolean
vb_domain_validate_source(const VbDomainDiskSource *source, GError **error)
{
    return validate_kind(source, error) && validate_network(source, error) &&
           validate_secrets(source->encryption, error);
}
