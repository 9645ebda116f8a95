/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a guest's inside without asking it: leases that the host's DHCP server gave, neighbours that the
 * kernel has seen, errors that the emulator has met on its disks. */
#include "guest-info.h"

#include "base/error.h"
#include "domain-private.h"
#include "define.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE (1024 * 1024)

/* ---- leases ---- */

/* Source: what libvirt's lease helper keeps per bridge: an array of objects */
static VbJson *
read_leases(const QemuDomain *domain, const VbDomainNet *net)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    if (net->type != VB_DOMAIN_NET_NETWORK || !net->source_bridge ||
        strchr(net->source_bridge, '/'))
        return NULL;
    path = g_strdup_printf("%s/var/lib/libvirt/dnsmasq/%s.status", domain->manager->root,
                           net->source_bridge);
    return vb_store_read(path, MAX_FILE, &text, NULL, NULL) ? vb_json_parse(text, -1, NULL) : NULL;
}

static gboolean
is_lease_of(const VbJson *lease, const char *mac)
{
    const char *address = vb_json_get_string(lease, "mac-address");
    gint64 expiry = vb_json_get_int(lease, "expiry-time", 0);
    return address && g_ascii_strcasecmp(address, mac) == 0 &&
           (expiry == 0 || expiry > g_get_real_time() / G_USEC_PER_SEC);
}

/* leases do not say how long the network's prefix is; the bridge's own address does. 0: not known */
static guint
read_prefix(const char *bridge, int family)
{
    struct ifaddrs *all = NULL;
    guint bits = 0;
    if (getifaddrs(&all) < 0)
        return 0;
    for (const struct ifaddrs *at = all; at && bits == 0; at = at->ifa_next) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(gpointer)at->ifa_netmask;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(gpointer)at->ifa_netmask;
        if (!at->ifa_netmask || at->ifa_netmask->sa_family != family ||
            strcmp(at->ifa_name, bridge) != 0)
            continue;
        if (family == AF_INET)
            bits = (guint)__builtin_popcount(v4->sin_addr.s_addr);
        for (guint i = 0; family == AF_INET6 && i < 16; i++)
            bits += (guint)__builtin_popcount(v6->sin6_addr.s6_addr[i]);
    }
    freeifaddrs(all);
    return bits;
}

static void
add_address(GVariantBuilder *addresses, const char *address, const char *bridge)
{
    const gboolean is_v6 = strchr(address, ':') != NULL;
    g_variant_builder_add(addresses, "(isu)", is_v6 ? VIR_IP_ADDR_TYPE_IPV6 : VIR_IP_ADDR_TYPE_IPV4,
                          address, read_prefix(bridge, is_v6 ? AF_INET6 : AF_INET));
}

static guint
add_leases(const QemuDomain *domain, const VbDomainNet *net, const char *mac,
           GVariantBuilder *addresses)
{
    g_autoptr(VbJson) leases = read_leases(domain, net);
    guint n = 0;
    for (const VbJson *lease = vb_json_first(leases); lease; lease = vb_json_next(lease)) {
        const char *address = vb_json_get_string(lease, "ip-address");
        if (!address || !is_lease_of(lease, mac))
            continue;
        add_address(addresses, address, net->source_bridge);
        n++;
    }
    return n;
}

/* ---- neighbours ---- */

/* "192.168.122.7  0x1  0x2  52:54:00:11:22:33  *  virbr0" */
static guint
add_neighbours(const QemuDomain *domain, const VbDomainNet *net, const char *mac,
               GVariantBuilder *addresses)
{
    g_autofree char *path = g_build_filename(domain->manager->procfs, "net/arp", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint n = 0;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    lines = g_strsplit(text, "\n", 4096);
    for (char **line = lines; *line; line++) {
        char address[64], hardware[32];
        if (sscanf(*line, "%63s %*s %*s %31s", address, hardware) != 2 ||
            g_ascii_strcasecmp(hardware, mac) != 0)
            continue;
        g_variant_builder_add(addresses, "(isu)", VIR_IP_ADDR_TYPE_IPV4, address, 0u);
        n++;
    }
    return n;
}

/**
 * qemu_domain_get_addresses:
 * @domain: a guest
 * @source: virDomainInterfaceAddressesSource, but for the agent: qemu_agent_get_addresses()
 * @flags: 0
 *
 * Returns: (transfer floating): interfaces with at least one address
 * Errors: OPERATION_INVALID not running; ARGUMENT_UNSUPPORTED unknown source
 */
GVariant *
qemu_domain_get_addresses(QemuDomain *domain, guint source, guint flags, GError **error)
{
    GVariantBuilder interfaces;
    if (!qemu_check_flags(flags, 0, "qemuDomainInterfaceAddresses", error) ||
        !qemu_domain_check_active(domain, error))
        return NULL;
    if (source != VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE &&
        source != VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) {
        vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "Unknown IP address data source %u",
                     source);
        return NULL;
    }
    g_variant_builder_init(&interfaces, G_VARIANT_TYPE("a(ssa(isu))"));
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        GVariantBuilder addresses;
        char mac[18];
        guint n;
        vb_mac_format(&net->mac, mac);
        g_variant_builder_init(&addresses, G_VARIANT_TYPE("a(isu)"));
        n = (source == VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP
                 ? add_neighbours
                 : add_leases)(domain, net, mac, &addresses);
        if (n > 0 && net->target_dev)
            g_variant_builder_add(&interfaces, "(ssa(isu))", net->target_dev, mac, &addresses);
        else
            g_variant_builder_clear(&addresses);
    }
    return g_variant_new("(a(ssa(isu)))", &interfaces);
}

static char *
find_lease_name(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        g_autoptr(VbJson) leases = read_leases(domain, net);
        char mac[18];
        vb_mac_format(&net->mac, mac);
        for (const VbJson *lease = vb_json_first(leases); lease; lease = vb_json_next(lease)) {
            const char *name = vb_json_get_string(lease, "hostname");
            if (name && is_lease_of(lease, mac))
                return g_strdup(name);
        }
    }
    return NULL;
}

/**
 * qemu_domain_get_leased_hostname:
 * @domain: a guest
 *
 * Returns: (transfer full): the name that it told the host's DHCP server
 * Errors: OPERATION_INVALID not running; NO_HOSTNAME
 */
char *
qemu_domain_get_leased_hostname(QemuDomain *domain, GError **error)
{
    char *name;
    if (!qemu_domain_check_active(domain, error))
        return NULL;
    name = find_lease_name(domain);
    if (!name)
        vb_error_set(error, VIR_ERR_NO_HOSTNAME, "no hostname found for domain %s", domain->name);
    return name;
}

/* ---- disks ---- */

typedef struct {
    QemuDomain *domain; /* a reference */
    QemuDiskErrorsDone done;
    gpointer data;
} ErrorsRequest;

/* "/machine/peripheral/virtio-disk0/virtio-backend", or the alias itself */
static gboolean
is_drive_of(const VbJson *drive, const char *alias)
{
    const char *name = vb_json_get_string(drive, "qdev");
    const gsize length = alias ? strlen(alias) : 0;
    if (!name || !alias)
        return FALSE;
    if (g_str_has_prefix(name, "/machine/peripheral/"))
        name += strlen("/machine/peripheral/");
    return strncmp(name, alias, length) == 0 && (name[length] == '\0' || name[length] == '/');
}

static void
on_drives(const VbJson *result, const GError *error, gpointer data)
{
    g_autofree ErrorsRequest *request = data;
    g_autoptr(QemuDomain) domain = request->domain;
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(QemuDiskError));
    for (const VbJson *drive = vb_json_first(result); drive && domain->live;
         drive = vb_json_next(drive)) {
        const char *status = vb_json_get_string(drive, "io-status");
        if (!status || strcmp(status, "ok") == 0)
            continue;
        VB_DOMAIN_EACH(VbDomainDisk, disk, domain->live->disks)
        {
            const QemuDiskError entry = {disk->dst, strcmp(status, "nospace") == 0
                                                        ? VIR_DOMAIN_DISK_ERROR_NO_SPACE
                                                        : VIR_DOMAIN_DISK_ERROR_UNSPEC};
            if (is_drive_of(drive, disk->info.alias))
                g_array_append_val(errors, entry);
        }
    }
    request->done((const QemuDiskError *)(gpointer)errors->data, errors->len, error, request->data);
}

/* Errors: OPERATION_INVALID not running; OPERATION_FAILED, OPERATION_TIMEOUT the emulator does not answer */
void
qemu_domain_get_disk_errors(QemuDomain *domain, guint flags, QemuDiskErrorsDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    ErrorsRequest *request;
    if (!qemu_check_flags(flags, 0, "qemuDomainGetDiskErrors", &error) ||
        !qemu_domain_check_active(domain, &error)) {
        done(NULL, 0, error, data);
        return;
    }
    if (!domain->qmp) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", domain->name);
        done(NULL, 0, error, data);
        return;
    }
    request = g_new0(ErrorsRequest, 1);
    *request = (ErrorsRequest){qemu_domain_ref(domain), done, data};
    qemu_qmp_execute(domain->qmp, "query-block", NULL, QEMU_QMP_TIMEOUT_MS, on_drives, request);
}
