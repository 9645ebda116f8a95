/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about a domain that several parts ask. */
#include <string.h>
#include "domain/domain.h"

static gboolean
machine_is(const VbDomainDef *def, const char *name, const char *prefix)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, name) == 0 || g_str_has_prefix(machine, prefix));
}

/**
 * vb_domain_is_q35:
 * @def: a domain
 *
 * Returns: TRUE for q35 and its versions
 */
gboolean
vb_domain_is_q35(const VbDomainDef *def)
{
    return machine_is(def, "q35", "pc-q35-");
}

/**
 * vb_domain_is_i440fx:
 * @def: a domain
 *
 * Returns: TRUE for pc (also the versions before 2.0, which were called pc-1.3) and its versions
 */
gboolean
vb_domain_is_i440fx(const VbDomainDef *def)
{
    return machine_is(def, "pc", "pc-i440fx-") || machine_is(def, "pc", "pc-0.") ||
           machine_is(def, "pc", "pc-1.") || machine_is(def, "pc", "rhel-");
}

/**
 * vb_domain_has_pci:
 * @def: a domain
 *
 * Returns: whether the machine has a PCI bus
 */
gboolean
vb_domain_has_pci(const VbDomainDef *def)
{
    return vb_domain_is_q35(def) || vb_domain_is_i440fx(def);
}

/**
 * vb_domain_online_vcpus:
 * @def: a domain
 *
 * Returns: how many vcpus are plugged in when it starts
 */
guint
vb_domain_online_vcpus(const VbDomainDef *def)
{
    return def->current_vcpus ? def->current_vcpus : def->vcpus;
}

/**
 * vb_domain_find_disk:
 * @def: a domain
 * @target_or_path: "vda", or where the data lies
 *
 * Returns: (transfer none) (nullable): the disk
 */
VbDomainDisk *
vb_domain_find_disk(const VbDomainDef *def, const char *target_or_path)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (g_strcmp0(disk->dst, target_or_path) == 0)
            return disk;
    }
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        const char *path = vb_domain_source_path(&disk->source);

        if (path && strcmp(path, target_or_path) == 0)
            return disk;
    }
    return NULL;
}

/**
 * vb_domain_find_net:
 * @def: a domain
 * @target_or_mac: "vnet0" or "52:54:00:00:00:01"
 *
 * Returns: (transfer none) (nullable): the network card
 */
VbDomainNet *
vb_domain_find_net(const VbDomainDef *def, const char *target_or_mac)
{
    VbMac mac;
    const gboolean is_mac = vb_mac_parse(target_or_mac, &mac);

    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    {
        if (is_mac ? memcmp(net->mac.bytes, mac.bytes, sizeof(mac.bytes)) == 0
                   : g_strcmp0(net->target_dev, target_or_mac) == 0)
            return net;
    }
    return NULL;
}

/**
 * vb_domain_find_controller:
 * @def: a domain
 * @type: VbDomainControllerType
 * @index: its index
 *
 * Returns: (transfer none) (nullable): the first controller of that type and index
 */
VbDomainController *
vb_domain_find_controller(const VbDomainDef *def, int type, guint index)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == type && controller->index == index)
            return controller;
    }
    return NULL;
}
