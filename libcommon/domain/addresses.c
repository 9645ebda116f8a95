/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives every device its place on its bus. */
#include "domain/addresses.h"

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
        !vb_domain_assign_usb(def, error))
        return FALSE;
    vb_domain_sync_console(def);
    return TRUE;
}
