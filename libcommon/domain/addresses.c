/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives every device its place on its bus. */
#include "base/error.h"
#include "domain/addresses.h"

/* the slots that are given; the keys are the definition's */
static GHashTable *
find_memory_slots(const VbDomainDef *def)
{
    GHashTable *taken = g_hash_table_new(g_int_hash, g_int_equal);

    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        VbDomainAddress *address = &memory->info.address;

        if (address->type == VB_DOMAIN_ADDRESS_DIMM && address->dimm.has_slot)
            g_hash_table_add(taken, &address->dimm.slot);
    }
    return taken;
}

/* modules that are plugged into slots: the lowest that is free */
static gboolean
assign_memory_slots(VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) taken = find_memory_slots(def);
    guint slot = 0;

    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    {
        VbDomainAddress *address = &memory->info.address;

        if (g_strcmp0(memory->model, "dimm") != 0 && g_strcmp0(memory->model, "nvdimm") != 0)
            continue;
        if (address->type == VB_DOMAIN_ADDRESS_DIMM && address->dimm.has_slot)
            continue;
        while (slot < def->memory_slots && g_hash_table_contains(taken, &slot))
            slot++;
        if (def->memory_slots && slot >= def->memory_slots)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "count of memory devices requiring memory slots '%u' exceeds slots "
                                "count '%u'",
                                VB_DOMAIN_COUNT(def->memories), def->memory_slots);
        vb_domain_address_become(address, VB_DOMAIN_ADDRESS_DIMM);
        address->dimm.slot = slot;
        address->dimm.has_slot = TRUE;
        g_hash_table_add(taken, &address->dimm.slot);
    }
    return TRUE;
}

/* Source: where the virtual SCSI adapters of Power machines begin, and how far they are apart */
#define SPAPR_SCSI_FIRST 0x2000
#define SPAPR_STEP 0x1000

static GHashTable *
find_spapr(const VbDomainDef *def)
{
    GHashTable *taken = g_hash_table_new(g_int64_hash, g_int64_equal);

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        VbDomainAddress *address = &controller->info.address;

        if (address->type == VB_DOMAIN_ADDRESS_SPAPR_VIO && address->spapr.has_reg)
            g_hash_table_add(taken, &address->spapr.reg);
    }
    return taken;
}

static void
assign_spapr(VbDomainDef *def)
{
    g_autoptr(GHashTable) taken = find_spapr(def);
    guint64 reg = SPAPR_SCSI_FIRST;

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        VbDomainAddress *address = &controller->info.address;

        if (controller->type != VB_DOMAIN_CONTROLLER_SCSI ||
            controller->scsi_model != VB_DOMAIN_SCSI_MODEL_IBMVSCSI ||
            address->type != VB_DOMAIN_ADDRESS_NONE)
            continue;
        while (g_hash_table_contains(taken, &reg))
            reg += SPAPR_STEP;
        vb_domain_address_become(address, VB_DOMAIN_ADDRESS_SPAPR_VIO);
        address->spapr.reg = reg;
        address->spapr.has_reg = true;
        g_hash_table_add(taken, &address->spapr.reg);
    }
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
    assign_spapr(def);
    vb_domain_sync_console(def);
    return TRUE;
}
