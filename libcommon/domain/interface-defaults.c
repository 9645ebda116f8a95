/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of network cards: MAC address, model. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

/* Source: 52:54:00 is the prefix that QEMU and libvirt use for made-up addresses */
void
vb_domain_net_generate_mac(VbDomainNet *net)
{
    static const guint8 prefix[] = {0x52, 0x54, 0x00};

    memcpy(net->mac.bytes, prefix, sizeof(prefix));
    for (guint i = sizeof(prefix); i < sizeof(net->mac.bytes); i++)
        net->mac.bytes[i] = (guint8)g_random_int_range(0, 256);
    net->mac.is_set = TRUE;
}

static const char *
default_model(const VbDomainFill *fill)
{
    static const struct {
        const char *device, *model;
    } models[] = {{"rtl8139", "rtl8139"}, {"e1000", "e1000"}, {"virtio-net-pci", "virtio"}};

    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        if (vb_domain_fill_has_device(fill, models[i].device))
            return models[i].model;
    }
    return NULL;
}

gboolean
vb_domain_fill_nets(const VbDomainFill *fill, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, fill->def->nets)
    {
        if (!net->mac.is_set)
            vb_domain_net_generate_mac(net);
        if (net->queues == 1)
            net->queues = 0; /* one is what every card has */
        if (!net->model && net->type == VB_DOMAIN_NET_VDPA)
            net->model = g_strdup("virtio");
        if (!net->model && net->type != VB_DOMAIN_NET_HOSTDEV)
            net->model = g_strdup(default_model(fill));
    }
    return TRUE;
}
