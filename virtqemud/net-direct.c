/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface type='direct'>: a macvtap on an interface of the host. It is owed on disk before it is made: a daemon that is
 * killed in between finds it again. */
#include "prepare.h"

#include "base/error.h"
#include "domain-private.h"
#include "macvtap.h"
#include "status.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#define MAX_NAMES 8192

static gboolean
owe(QemuDomain *domain, const char *kind, const char *name, const VbMac *mac, GError **error)
{
    g_autofree char *what = NULL;
    char text[18];
    vb_mac_format(mac, text);
    what = g_strdup_printf("%s %s", name, text);
    qemu_domain_owe(domain, kind, what);
    return qemu_status_write(domain, error);
}

/* one that is not ours has the name */
static void
take_back(QemuDomain *domain)
{
    g_ptr_array_remove_index(domain->owed, domain->owed->len - 1);
}

/* The card has one address, the guest's; it gets its own back. */
static gboolean
lend_address(QemuDomain *domain, const VbDomainNet *net, GError **error)
{
    VbMac old;
    if (!qemu_macvtap_get_mac(net->source_dev, &old))
        return vb_error_set_errno(error, ENODEV, "Unable to get index for interface %s",
                                  net->source_dev);
    return owe(domain, "ifmac", net->source_dev, &old, error) &&
           qemu_macvtap_set_mac(net->source_dev, &net->mac, error);
}

static gboolean
create(QemuDomain *domain, const VbDomainNet *net, const char *name, GError **error)
{
    const QemuMacvtap wanted = {.lower = net->source_dev,
                                .mode = vb_domain_net_more(net)->source_mode,
                                .mac = net->mac};
    if (!owe(domain, "macvtap", name, &net->mac, error))
        return FALSE;
    if (qemu_macvtap_create(name, &wanted, error))
        return TRUE;
    take_back(domain);
    return FALSE;
}

/* the given name, or the first that is free */
static gboolean
create_named(QemuDomain *domain, VbDomainNet *net, GError **error)
{
    if (net->target_dev)
        return create(domain, net, net->target_dev, error);
    for (guint i = 0; i < MAX_NAMES; i++) {
        g_autofree char *name = g_strdup_printf("macvtap%u", i);
        if (if_nametoindex(name) != 0)
            continue;
        if (!create(domain, net, name, error))
            return FALSE;
        net->target_dev = g_steal_pointer(&name);
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "no name for a macvtap interface is free");
}

gboolean
qemu_prepare_direct(QemuDomain *domain, VbDomainNet *net, GError **error)
{
    const char *mode = vb_domain_net_more(net)->source_mode;
    if (!net->source_dev || if_nametoindex(net->source_dev) == 0)
        return vb_error_set_errno(error, ENODEV, "Unable to get index for interface %s",
                                  net->source_dev ? net->source_dev : "");
    if (g_strcmp0(mode, "passthrough") == 0 && !lend_address(domain, net, error))
        return FALSE;
    return create_named(domain, net, error);
}
