/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives virtio channels and consoles their ports on virtio-serial controllers. */
#include "base/error.h"
#include "domain/addresses.h"
#include "domain/defaults.h"

#define DEFAULT_PORTS 31u /* Source: QEMU's virtio-serial, max_ports */

typedef struct {
    VbDomainDef *def;
    GHashTable *taken; /* controller << 16 | port */
} Ports;

static gpointer
port_key(guint controller, guint port)
{
    return GUINT_TO_POINTER((controller << 16 | port) + 1);
}

static guint
port_count(const VbDomainController *controller)
{
    return controller->has_ports ? MIN(controller->ports, 65535u) : DEFAULT_PORTS;
}

static gboolean
is_complete(const VbDomainAddress *address)
{
    return address->type == VB_DOMAIN_ADDRESS_VIRTIO_SERIAL && address->virtio_serial.has_port &&
           (address->virtio_serial.port != 0 || !address->virtio_serial.has_value);
}

static gboolean
reserve(Ports *ports, const VbDomainChr *chr, gboolean allow_zero, GError **error)
{
    const VbDomainAddress *address = &chr->info.address;
    const VbDomainController *controller;

    if (address->type != VB_DOMAIN_ADDRESS_VIRTIO_SERIAL || !address->virtio_serial.has_port ||
        (address->virtio_serial.port == 0 && !allow_zero))
        return TRUE;
    controller = vb_domain_find_controller(ports->def, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL,
                                           address->virtio_serial.controller);
    if (!controller)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "virtio serial controller %u is missing",
                            address->virtio_serial.controller);
    if (address->virtio_serial.port >= port_count(controller))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "virtio serial port %u on controller %u is out of range",
                            address->virtio_serial.port, address->virtio_serial.controller);
    if (!g_hash_table_add(ports->taken,
                          port_key(address->virtio_serial.controller, address->virtio_serial.port)))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "virtio serial port %u on controller %u is already occupied",
                            address->virtio_serial.port, address->virtio_serial.controller);
    return TRUE;
}

static gboolean
find_on(Ports *ports, const VbDomainController *controller, gboolean allow_zero,
        VbDomainAddress *address)
{
    for (guint port = allow_zero ? 0 : 1; port < port_count(controller); port++) {
        if (!g_hash_table_add(ports->taken, port_key(controller->index, port)))
            continue;
        address->virtio_serial.controller = controller->index;
        address->virtio_serial.port = port;
        address->virtio_serial.bus = 0;
        return TRUE;
    }
    return FALSE;
}

static gboolean
find_port(Ports *ports, gboolean allow_zero, VbDomainAddress *address)
{
    const gboolean is_bound =
        address->type == VB_DOMAIN_ADDRESS_VIRTIO_SERIAL && address->virtio_serial.has_value;
    guint next = 0;

    for (guint index = is_bound ? address->virtio_serial.controller : 0; index < 256; index++) {
        const VbDomainController *controller =
            vb_domain_find_controller(ports->def, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL, index);

        if (controller) {
            next = index + 1;
            if (find_on(ports, controller, allow_zero, address))
                return TRUE;
        }
        if (is_bound)
            return FALSE;
    }
    if (next > 255)
        return FALSE;
    return find_on(ports,
                   vb_domain_add_controller(ports->def, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL, next),
                   allow_zero, address);
}

static gboolean
assign(Ports *ports, VbDomainChr *chr, gboolean allow_zero, GError **error)
{
    VbDomainAddress *address = &chr->info.address;

    if (is_complete(address) || (address->type != VB_DOMAIN_ADDRESS_NONE &&
                                 address->type != VB_DOMAIN_ADDRESS_VIRTIO_SERIAL))
        return TRUE;
    /* a console without an address keeps none: QEMU chooses. Source: libvirt's definitions */
    if (allow_zero && (address->type == VB_DOMAIN_ADDRESS_NONE || address->virtio_serial.has_port))
        return TRUE;
    vb_domain_address_become(address, VB_DOMAIN_ADDRESS_VIRTIO_SERIAL);
    if (!find_port(ports, allow_zero, address))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Unable to find a free virtio-serial port");
    address->virtio_serial.has_value = address->virtio_serial.has_port = TRUE;
    return TRUE;
}

static gboolean
for_all(Ports *ports, gboolean (*act)(Ports *, VbDomainChr *, gboolean, GError **), GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, console, ports->def->consoles)
    {
        if (console->console_target == VB_DOMAIN_CONSOLE_TARGET_VIRTIO &&
            !act(ports, console, TRUE, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainChr, channel, ports->def->channels)
    {
        if (channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO &&
            !act(ports, channel, FALSE, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
reserve_one(Ports *ports, VbDomainChr *chr, gboolean allow_zero, GError **error)
{
    return reserve(ports, chr, allow_zero, error);
}

gboolean
vb_domain_assign_virtio_serial(VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    Ports ports = {def, taken};

    return for_all(&ports, reserve_one, error) && for_all(&ports, assign, error);
}
