/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives every device its place on its bus. */
#include "base/error.h"
#include "domain/addresses.h"

static gboolean
is_slot_taken(const VbDomainDef *def, guint slot)
{
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        const VbDomainAddress *address = &memory->info.address;

        if (address->type == VB_DOMAIN_ADDRESS_DIMM && address->dimm.has_slot &&
            address->dimm.slot == slot)
            return TRUE;
    }
    return FALSE;
}

/* modules that are plugged into slots: the lowest that is free */
static gboolean
assign_memory_slots(VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        VbDomainAddress *address = &memory->info.address;
        guint slot = 0;

        if (g_strcmp0(memory->model, "dimm") != 0 && g_strcmp0(memory->model, "nvdimm") != 0)
            continue;
        if (address->type == VB_DOMAIN_ADDRESS_DIMM && address->dimm.has_slot)
            continue;
        while (slot < def->memory_slots && is_slot_taken(def, slot))
            slot++;
        if (def->memory_slots && slot >= def->memory_slots)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "count of memory devices requiring memory slots '%u' exceeds slots "
                                "count '%u'",
                                VB_DOMAIN_COUNT(def->memories), def->memory_slots);
        vb_domain_address_become(address, VB_DOMAIN_ADDRESS_DIMM);
        address->dimm.slot = slot;
        address->dimm.has_slot = TRUE;
    }
    return TRUE;
}

/**
 * vb_domain_assign_addresses:
 * @def: a domain with its defaults
 * @error: return location
 *
 * Addresses that are given stay; the others get the place that libvirt would choose, so that a guest that comes from
 * there sees the same hardware. Adds bridges, root ports and hubs where there is no room.
 *
 * Returns: TRUE, or FALSE with @error set
 * Errors: XML_ERROR an address is taken, does not exist, or does not fit the device; no room is left
 */
gboolean
vb_domain_assign_addresses(VbDomainDef *def, GError **error)
{
    if (!vb_domain_assign_virtio_serial(def, error) || !vb_domain_assign_pci(def, error) ||
        !vb_domain_assign_usb(def, error) || !assign_memory_slots(def, error))
        return FALSE;
    vb_domain_sync_console(def);
    return TRUE;
}
