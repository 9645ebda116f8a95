/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bytes of an image come from: the protocol layer of -blockdev, one writer per kind of storage, and the
 * objects (secrets, TLS credentials, reservation helpers) that a storage node needs. Asks no server for anything. */
#include "command/build.h"
#include <string.h>

#define TLS_FOLDER "/etc/pki/qemu" /* Source: qemu.conf, default_tls_x509_cert_dir */

typedef gboolean (*ProtocolWriter)(QemuBuild *build, VbJsonWriter *json,
                                   const VbDomainDiskSource *source, const char *node,
                                   GError **error);

/* ---- objects ---- */

gboolean
qemu_build_take_secret(QemuBuild *build, const QemuSecret *secret, GError **error)
{
    const QemuCommandOptions *options = build->options;
    GError *failure = NULL;
    g_autofree char *path =
        options->find_secret ? options->find_secret(secret, options->secret_data, &failure) : NULL;
    VbJsonWriter *json;

    if (failure) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (!path && secret->uuid)
        return vb_error_set(error, VIR_ERR_NO_SECRET, "no secret with matching uuid '%s'",
                            secret->uuid);
    if (!path)
        return vb_error_set(error, VIR_ERR_NO_SECRET, "no secret with matching usage '%s'",
                            secret->usage ? secret->usage : "");
    json = qemu_build_object_new("secret", secret->id);
    if (secret->is_base64)
        vb_json_add_string(json, "format", "base64");
    vb_json_add_string(json, "file", path);
    qemu_build_take_json(build, "-object", json);
    return TRUE;
}

/* Credentials of a TLS connection; @is_server: the other side connects to us. Returns (transfer full) their id. */
char *
qemu_build_take_tls(QemuBuild *build, const char *owner, gboolean is_server)
{
    g_autofree char *id = g_strdup_printf("obj%s_tls0", owner);
    VbJsonWriter *json = qemu_build_object_new("tls-creds-x509", id);

    vb_json_add_string(json, "dir", TLS_FOLDER);
    vb_json_add_string(json, "endpoint", is_server ? "server" : "client");
    vb_json_add_bool(json, "verify-peer", TRUE);
    qemu_build_take_json(build, "-object", json);
    return g_steal_pointer(&id);
}

/* who one is to the server; @key: the property that names the secret */
static gboolean
add_login(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          const char *const keys[2], GError **error)
{
    g_autofree char *id = g_strdup_printf("%s-auth-secret0", node);
    QemuSecret secret = {.id = id,
                         .type = source->protocol == VB_DOMAIN_NET_PROTOCOL_RBD ? "ceph" : "iscsi",
                         .uuid = vb_domain_source_more(source)->auth_secret_uuid,
                         .usage = vb_domain_source_more(source)->auth_secret_usage,
                         .is_base64 = source->protocol == VB_DOMAIN_NET_PROTOCOL_RBD};

    if (!vb_domain_source_more(source)->auth_username)
        return TRUE;
    if (!qemu_build_take_secret(build, &secret, error))
        return FALSE;
    vb_json_add_string(json, keys[0], vb_domain_source_more(source)->auth_username);
    vb_json_add_string(json, keys[1], id);
    return TRUE;
}

/* ---- servers ---- */

static const char *
host_port(const VbDomainStorageHost *host, const char *default_port)
{
    return host->port ? host->port : default_port;
}

static void
add_server(VbJsonWriter *json, const char *key, const VbDomainStorageHost *host,
           const char *default_port)
{
    vb_json_begin_object(json, key);
    if (host->socket) {
        vb_json_add_string(json, "type", "unix");
        vb_json_add_string(json, "path", host->socket);
    } else {
        vb_json_add_string(json, "type", "inet");
        vb_json_add_string(json, "host", host->name);
        vb_json_add_string(json, "port", host_port(host, default_port));
    }
    vb_json_end(json);
}

/* the one server of protocols that know no more */
static const VbDomainStorageHost *
only_host(const VbDomainDiskSource *source, GError **error)
{
    if (VB_DOMAIN_COUNT(source->hosts) == 1)
        return source->hosts->pdata[0];
    vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "protocol '%s' accepts only one host",
                 vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol));
    return NULL;
}

/* "volume/path" -> two words; FALSE without a slash */
static gboolean
split_name(const char *name, char **ret_first, char **ret_rest)
{
    const char *slash = name ? strchr(name, '/') : NULL;

    if (!slash)
        return FALSE;
    *ret_first = g_strndup(name, (gsize)(slash - name));
    *ret_rest = g_strdup(slash + 1);
    return TRUE;
}

/* ---- network ---- */

static gboolean
write_nbd(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          GError **error)
{
    const VbDomainStorageHost *host = only_host(source, error);
    g_autofree char *tls = NULL;

    if (!host)
        return FALSE;
    if (source->tls == VB_TRISTATE_YES)
        tls = qemu_build_take_tls(build, node, FALSE);
    vb_json_add_string(json, "driver", "nbd");
    add_server(json, "server", host, "10809");
    vb_json_add_string(json, "export", source->name);
    vb_json_add_string(json, "tls-creds", tls);
    vb_json_add_string(json, "tls-hostname", vb_domain_source_more(source)->tls_hostname);
    if (vb_domain_source_more(source)->reconnect_delay_s)
        vb_json_add_uint(json, "reconnect-delay", vb_domain_source_more(source)->reconnect_delay_s);
    return TRUE;
}

static gboolean
add_rbd_encryption(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
                   const char *node, GError **error)
{
    const VbDomainEncryption *encryption = source->encryption;
    g_autofree char *id = g_strdup_printf("%s-encryption-secret0", node);
    const VbDomainEncryptionSecret *given = encryption && VB_DOMAIN_COUNT(encryption->secrets) > 0
                                                ? encryption->secrets->pdata[0]
                                                : NULL;
    QemuSecret secret = {.id = id, .type = "volume"};

    if (!given || g_strcmp0(encryption->engine, "librbd") != 0)
        return TRUE;
    secret.uuid = given->uuid;
    secret.usage = given->usage;
    if (!qemu_build_take_secret(build, &secret, error))
        return FALSE;
    vb_json_begin_object(json, "encrypt");
    vb_json_add_string(json, "format", encryption->format);
    vb_json_add_string(json, "key-secret", id);
    vb_json_end(json);
    return TRUE;
}

static gboolean
write_rbd(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          GError **error)
{
    static const char *const keys[] = {"user", "key-secret"};
    g_autofree char *pool = NULL;
    g_autofree char *image = NULL;

    if (!split_name(source->name, &pool, &image))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "can't split path '%s' into pool name and image name",
                            source->name ? source->name : "");
    vb_json_add_string(json, "driver", "rbd");
    vb_json_add_string(json, "pool", pool);
    vb_json_add_string(json, "image", image);
    vb_json_add_string(json, "snapshot", vb_domain_source_more(source)->snapshot);
    vb_json_add_string(json, "conf", vb_domain_source_more(source)->config_file);
    if (VB_DOMAIN_COUNT(source->hosts) > 0) {
        vb_json_begin_array(json, "server");
        VB_DOMAIN_EACH(VbDomainStorageHost, host, source->hosts)
        {
            vb_json_begin_object(json, NULL);
            vb_json_add_string(json, "host", host->name);
            vb_json_add_string(json, "port", host_port(host, "0"));
            vb_json_end(json);
        }
        vb_json_end(json);
    }
    if (!add_login(build, json, source, node, keys, error))
        return FALSE;
    if (vb_domain_source_more(source)->auth_username) {
        vb_json_begin_array(json, "auth-client-required");
        vb_json_add_string(json, NULL, "cephx");
        vb_json_add_string(json, NULL, "none");
        vb_json_end(json);
    }
    return add_rbd_encryption(build, json, source, node, error);
}

static gboolean
write_iscsi(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
            const char *node, GError **error)
{
    static const char *const keys[] = {"user", "password-secret"};
    const VbDomainStorageHost *host = only_host(source, error);
    g_autofree char *target = NULL;
    g_autofree char *lun = NULL;
    g_autofree char *portal = NULL;

    if (!host)
        return FALSE;
    if (!host->name)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "iSCSI disks need a host that is named");
    if (!split_name(source->name, &target, &lun))
        target = g_strdup(source->name);
    portal = g_strdup_printf(strchr(host->name, ':') ? "[%s]:%s" : "%s:%s", host->name,
                             host_port(host, "3260"));
    vb_json_add_string(json, "driver", "iscsi");
    vb_json_add_string(json, "portal", portal);
    vb_json_add_string(json, "target", target);
    vb_json_add_uint(json, "lun", lun ? g_ascii_strtoull(lun, NULL, 10) : 0);
    vb_json_add_string(json, "transport", "tcp");
    if (!add_login(build, json, source, node, keys, error))
        return FALSE;
    vb_json_add_string(json, "initiator-name", vb_domain_source_more(source)->initiator_iqn);
    return TRUE;
}

static gboolean
add_cookies(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
            const char *node, GError **error)
{
    g_autofree char *id = g_strdup_printf("%s-httpcookie-secret0", node);
    QemuSecret secret = {.id = id, .cookies = vb_domain_source_more(source)->cookies};

    if (VB_DOMAIN_COUNT(vb_domain_source_more(source)->cookies) == 0)
        return TRUE;
    if (!qemu_build_take_secret(build, &secret, error))
        return FALSE;
    vb_json_add_string(json, "cookie-secret", id);
    return TRUE;
}

static gboolean
write_url(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          GError **error)
{
    static const char *const keys[] = {"username", "password-secret"};
    static const char *const ports[] = {
        [VB_DOMAIN_NET_PROTOCOL_HTTP] = "80", [VB_DOMAIN_NET_PROTOCOL_HTTPS] = "443",
        [VB_DOMAIN_NET_PROTOCOL_FTP] = "21",  [VB_DOMAIN_NET_PROTOCOL_FTPS] = "990",
        [VB_DOMAIN_NET_PROTOCOL_TFTP] = "69",
    };
    const VbDomainStorageHost *host = only_host(source, error);
    const char *scheme = vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol);
    const char *name = source->name ? source->name : "";
    g_autofree char *url = NULL;

    if (!host)
        return FALSE;
    url =
        g_strdup_printf("%s://%s:%s/%s%s%s", scheme, host->name,
                        host_port(host, ports[source->protocol]), name + (*name == '/'),
                        vb_domain_source_more(source)->query ? "?" : "",
                        vb_domain_source_more(source)->query ? vb_domain_source_more(source)->query
                                                             : "");
    vb_json_add_string(json, "driver", scheme);
    vb_json_add_string(json, "url", url);
    if (!add_login(build, json, source, node, keys, error))
        return FALSE;
    qemu_build_add_tristate(json, "sslverify", vb_domain_source_more(source)->ssl_verify);
    if (!add_cookies(build, json, source, node, error))
        return FALSE;
    if (vb_domain_source_more(source)->timeout_s)
        vb_json_add_uint(json, "timeout", vb_domain_source_more(source)->timeout_s);
    if (vb_domain_source_more(source)->readahead)
        vb_json_add_uint(json, "readahead", vb_domain_source_more(source)->readahead);
    return TRUE;
}

static gboolean
write_ssh(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          GError **error)
{
    const VbDomainStorageHost *host = only_host(source, error);

    if (!host)
        return FALSE;
    vb_json_add_string(json, "driver", "ssh");
    vb_json_add_string(json, "path", source->name);
    vb_json_begin_object(json, "server");
    vb_json_add_string(json, "host", host->name);
    vb_json_add_string(json, "port", host_port(host, "22"));
    vb_json_end(json);
    vb_json_add_string(json, "user", vb_domain_source_more(source)->auth_username);
    return TRUE;
}

/* "+7" and "7" are numbers; names are looked up by whoever runs the server */
static void
add_number(VbJsonWriter *json, const char *key, const char *text)
{
    guint64 number;

    if (text &&
        g_ascii_string_to_unsigned(text + (*text == '+'), 10, 0, G_MAXUINT32, &number, NULL))
        vb_json_add_uint(json, key, number);
}

static gboolean
write_nfs(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
          GError **error)
{
    const VbDomainStorageHost *host = only_host(source, error);

    if (!host)
        return FALSE;
    vb_json_add_string(json, "driver", "nfs");
    vb_json_begin_object(json, "server");
    vb_json_add_string(json, "host", host->name);
    vb_json_add_string(json, "type", "inet");
    vb_json_end(json);
    vb_json_add_string(json, "path", source->name);
    add_number(json, "user", vb_domain_source_more(source)->identity_user);
    add_number(json, "group", vb_domain_source_more(source)->identity_group);
    return TRUE;
}

static gboolean
write_gluster(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
              const char *node, GError **error)
{
    g_autofree char *volume = NULL;
    g_autofree char *path = NULL;

    if (!split_name(source->name, &volume, &path))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "missing gluster volume name or path in source '%s'",
                            source->name ? source->name : "");
    VB_DOMAIN_EACH(VbDomainStorageHost, host, source->hosts)
    if (g_strcmp0(host->transport, "rdma") == 0)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "transport protocol 'rdma' is not yet supported");
    vb_json_add_string(json, "driver", "gluster");
    vb_json_add_string(json, "volume", volume);
    vb_json_add_string(json, "path", path);
    vb_json_begin_array(json, "server");
    VB_DOMAIN_EACH(VbDomainStorageHost, server, source->hosts)
    add_server(json, NULL, server, "24007");
    vb_json_end(json);
    vb_json_add_uint(json, "debug", 4); /* Source: libvirt's gluster_debug_level */
    return TRUE;
}

static gboolean
write_sheepdog(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
               const char *node, GError **error)
{
    const VbDomainStorageHost *host = only_host(source, error);

    if (!host)
        return FALSE;
    vb_json_add_string(json, "driver", "sheepdog");
    add_server(json, "server", host, "7000");
    vb_json_add_string(json, "vdi", source->name);
    return TRUE;
}

static const ProtocolWriter network_writers[] = {
    [VB_DOMAIN_NET_PROTOCOL_NBD] = write_nbd,
    [VB_DOMAIN_NET_PROTOCOL_RBD] = write_rbd,
    [VB_DOMAIN_NET_PROTOCOL_SHEEPDOG] = write_sheepdog,
    [VB_DOMAIN_NET_PROTOCOL_GLUSTER] = write_gluster,
    [VB_DOMAIN_NET_PROTOCOL_ISCSI] = write_iscsi,
    [VB_DOMAIN_NET_PROTOCOL_HTTP] = write_url,
    [VB_DOMAIN_NET_PROTOCOL_HTTPS] = write_url,
    [VB_DOMAIN_NET_PROTOCOL_FTP] = write_url,
    [VB_DOMAIN_NET_PROTOCOL_FTPS] = write_url,
    [VB_DOMAIN_NET_PROTOCOL_TFTP] = write_url,
    [VB_DOMAIN_NET_PROTOCOL_SSH] = write_ssh,
    [VB_DOMAIN_NET_PROTOCOL_NFS] = write_nfs,
};

static gboolean
write_network(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
              const char *node, GError **error)
{
    guint protocol = (guint)source->protocol;

    if (protocol >= G_N_ELEMENTS(network_writers) || !network_writers[protocol])
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "'%s' protocol is not supported with this QEMU binary",
                            vb_enum_to_nick(&vb_domain_net_protocol_enum, source->protocol));
    return network_writers[protocol](build, json, source, node, error);
}

/* ---- on the host ---- */

/* Persistent reservations go through a helper: one for all, or one of the user's. */
static char *
take_reservations(QemuBuild *build, const VbDomainDiskSource *source, const char *node)
{
    gboolean is_ours = vb_domain_source_more(source)->reservations_managed == VB_TRISTATE_YES;
    g_autofree char *id = is_ours ? g_strdup("pr-helper0") : g_strdup_printf("pr-helper-%s", node);
    g_autofree char *own = g_build_filename(build->options->domain_dir, "pr-helper0.sock", NULL);
    VbJsonWriter *json;

    if (vb_domain_source_more(source)->reservations_managed == VB_TRISTATE_ABSENT)
        return NULL;
    if (!is_ours || !build->has_pr_helper) {
        json = qemu_build_object_new("pr-manager-helper", id);
        vb_json_add_string(json, "path",
                           is_ours ? own : vb_domain_source_more(source)->reservations_path);
        qemu_build_take_json(build, "-object", json);
        build->has_pr_helper |= is_ours;
    }
    return g_steal_pointer(&id);
}

static gboolean
write_local(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
            const char *node, GError **error)
{
    gboolean is_block = source->type == VB_DOMAIN_STORAGE_BLOCK;
    g_autofree char *helper = take_reservations(build, source, node);

    vb_json_add_string(json, "driver", is_block ? "host_device" : "file");
    vb_json_add_string(json, "filename", vb_domain_source_path(source));
    vb_json_add_string(json, "pr-manager", helper);
    return TRUE;
}

static gboolean
write_folder(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
             const char *node, GError **error)
{
    vb_json_add_string(json, "driver", "vvfat");
    vb_json_add_string(json, "dir", source->dir);
    return TRUE; /* what kind of drive it is follows: see add_folder_options() */
}

static gboolean
write_nvme(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
           GError **error)
{
    g_autofree char *device =
        g_strdup_printf("%04x:%02x:%02x.%x", vb_domain_source_more(source)->nvme.domain,
                        vb_domain_source_more(source)->nvme.bus,
                        vb_domain_source_more(source)->nvme.slot,
                        vb_domain_source_more(source)->nvme.function);

    vb_json_add_string(json, "driver", "nvme");
    vb_json_add_string(json, "device", device);
    vb_json_add_uint(json, "namespace", vb_domain_source_more(source)->nvme_namespace);
    return TRUE;
}

static gboolean
write_vdpa(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source, const char *node,
           GError **error)
{
    vb_json_add_string(json, "driver", "virtio-blk-vhost-vdpa");
    vb_json_add_string(json, "path", source->dev);
    return TRUE;
}

static const ProtocolWriter writers[VB_DOMAIN_STORAGE_LAST] = {
    [VB_DOMAIN_STORAGE_FILE] = write_local, [VB_DOMAIN_STORAGE_BLOCK] = write_local,
    [VB_DOMAIN_STORAGE_DIR] = write_folder, [VB_DOMAIN_STORAGE_NETWORK] = write_network,
    [VB_DOMAIN_STORAGE_NVME] = write_nvme,  [VB_DOMAIN_STORAGE_VHOST_VDPA] = write_vdpa,
};

gboolean
qemu_build_add_protocol(QemuBuild *build, VbJsonWriter *json, const VbDomainDiskSource *source,
                        const char *node, GError **error)
{
    guint type = (guint)source->type;

    if (type >= G_N_ELEMENTS(writers) || !writers[type])
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "disks of type '%s' are not supported",
                            vb_enum_to_nick(&vb_domain_storage_type_enum, source->type));
    return writers[type](build, json, source, node, error);
}
