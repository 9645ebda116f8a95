/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives USB devices their ports: a tree of hubs per bus; hubs are added where ports are missing. */
#include <string.h>
#include "base/error.h"
#include "domain/addresses.h"
#include "domain/defaults.h"
#include "domain/devices.h"

#define HUB_PORTS 8u /* Source: QEMU's usb-hub as libvirt counts it */
#define MAX_DEPTH 4u /* of a port path: Source: QEMU's USB_MAX_... "1.2.3.4" */
#define MAX_PORTS 255u

typedef struct _Hub Hub;
struct _Hub {
    guint n_ports;
    Hub **children; /* per port, NULL: no hub */
    gboolean *taken;
};

typedef struct {
    VbDomainDef *def;
    GHashTable *buses; /* index -> Hub */
    guint n_devices;
    GError **error;
} Usb;

static Hub *
hub_new(guint n_ports)
{
    Hub *hub = g_new0(Hub, 1);

    hub->n_ports = n_ports;
    hub->children = g_new0(Hub *, n_ports);
    hub->taken = g_new0(gboolean, n_ports);
    return hub;
}

static void
hub_free(gpointer data)
{
    Hub *hub = data;

    for (guint i = 0; i < hub->n_ports; i++) {
        if (hub->children[i])
            hub_free(hub->children[i]);
    }
    g_free(hub->children);
    g_free(hub->taken);
    g_free(hub);
}

/* Source: the numbers of ports of QEMU's controllers; 0: a companion, whose ports are the EHCI's */
static guint
controller_ports(const VbDomainController *controller)
{
    static const guint ports[VB_DOMAIN_USB_MODEL_LAST] = {
        [VB_DOMAIN_USB_MODEL_PIIX3_UHCI] = 2, [VB_DOMAIN_USB_MODEL_PIIX4_UHCI] = 2,
        [VB_DOMAIN_USB_MODEL_EHCI] = 6,       [VB_DOMAIN_USB_MODEL_ICH9_EHCI1] = 6,
        [VB_DOMAIN_USB_MODEL_ICH9_UHCI1] = 2, [VB_DOMAIN_USB_MODEL_ICH9_UHCI2] = 2,
        [VB_DOMAIN_USB_MODEL_ICH9_UHCI3] = 2, [VB_DOMAIN_USB_MODEL_VT82C686B_UHCI] = 2,
        [VB_DOMAIN_USB_MODEL_PCI_OHCI] = 3,   [VB_DOMAIN_USB_MODEL_NEC_XHCI] = 4,
        [VB_DOMAIN_USB_MODEL_QEMU_XHCI] = 4,  [VB_DOMAIN_USB_MODEL_QUSB1] = 8,
        [VB_DOMAIN_USB_MODEL_QUSB2] = 8,
    };

    if (controller->info.has_usb_startport)
        return 0;
    if (controller->has_ports && ports[controller->usb_model] == 4)
        return MIN(controller->ports, MAX_PORTS);
    return ports[controller->usb_model];
}

/* "1.2" -> the hub that has the last port, and that port from 0; NULL when there is none */
static Hub *
find_hub(Hub *hub, const char *path, guint *ret_port)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    const guint depth = g_strv_length(parts);

    if (depth == 0 || depth > MAX_DEPTH)
        return NULL;
    for (guint i = 0; hub && i < depth; i++) {
        guint64 port;

        if (!g_ascii_string_to_unsigned(parts[i], 10, 1, hub->n_ports, &port, NULL))
            return NULL;
        *ret_port = (guint)port - 1;
        if (i + 1 < depth)
            hub = hub->children[port - 1];
    }
    return hub;
}

static gboolean
reserve(Usb *usb, const VbDomainDeviceInfo *info, gboolean is_hub)
{
    const VbDomainAddress *address = &info->address;
    Hub *hub = g_hash_table_lookup(usb->buses, GUINT_TO_POINTER(address->usb.bus));
    guint port = 0;

    if (!hub)
        return vb_error_set(usb->error, VIR_ERR_XML_ERROR, "Missing USB bus %u", address->usb.bus);
    hub = find_hub(hub, address->usb.port, &port);
    if (!hub)
        return vb_error_set(usb->error, VIR_ERR_XML_ERROR,
                            "requested USB port %s not present on USB bus %u", address->usb.port,
                            address->usb.bus);
    if (hub->taken[port])
        return vb_error_set(usb->error, VIR_ERR_XML_ERROR, "Duplicate USB address bus %u port %s",
                            address->usb.bus, address->usb.port);
    hub->taken[port] = TRUE;
    if (is_hub)
        hub->children[port] = hub_new(HUB_PORTS);
    return TRUE;
}

/* a hub's own free ports come before those of the hubs behind it */
static char *
find_free(const Hub *hub, const char *prefix, guint depth)
{
    if (depth >= MAX_DEPTH)
        return NULL;
    for (guint i = 0; i < hub->n_ports; i++) {
        if (!hub->taken[i])
            return g_strdup_printf("%s%u", prefix, i + 1);
    }
    for (guint i = 0; i < hub->n_ports; i++) {
        g_autofree char *below = g_strdup_printf("%s%u.", prefix, i + 1);
        char *found = hub->children[i] ? find_free(hub->children[i], below, depth + 1) : NULL;

        if (found)
            return found;
    }
    return NULL;
}

static gboolean
assign_on(Usb *usb, VbDomainDeviceInfo *info, guint bus, gboolean is_hub)
{
    const Hub *root = g_hash_table_lookup(usb->buses, GUINT_TO_POINTER(bus));
    char *port = root ? find_free(root, "", 0) : NULL;

    if (!port)
        return FALSE;
    vb_domain_address_become(&info->address, VB_DOMAIN_ADDRESS_USB);
    info->address.usb.bus = bus;
    info->address.usb.has_bus = TRUE;
    g_free(info->address.usb.port);
    info->address.usb.port = port;
    return reserve(usb, info, is_hub);
}

static gboolean
assign(Usb *usb, VbDomainDeviceInfo *info, gboolean is_hub)
{
    if (info->address.type == VB_DOMAIN_ADDRESS_USB && info->address.usb.has_bus) {
        if (!g_hash_table_contains(usb->buses, GUINT_TO_POINTER(info->address.usb.bus)))
            return vb_error_set(usb->error, VIR_ERR_XML_ERROR,
                                "USB bus %u requested but no controller with that index is present",
                                info->address.usb.bus);
        return assign_on(usb, info, info->address.usb.bus, is_hub) ||
               vb_error_set(usb->error, VIR_ERR_XML_ERROR, "No free USB port on bus %u",
                            info->address.usb.bus);
    }
    for (guint bus = 0; bus < 256; bus++) {
        if (g_hash_table_contains(usb->buses, GUINT_TO_POINTER(bus)) &&
            assign_on(usb, info, bus, is_hub))
            return TRUE;
    }
    return vb_error_set(usb->error, VIR_ERR_XML_ERROR, "No free USB ports");
}

/* which devices sit on USB */
static gboolean
hub_is_usb(gconstpointer device)
{
    return TRUE;
}

static gboolean
hostdev_is_usb(gconstpointer device)
{
    return ((const VbDomainHostdev *)device)->type == VB_DOMAIN_HOSTDEV_USB;
}

static gboolean
disk_is_usb(gconstpointer device)
{
    return ((const VbDomainDisk *)device)->bus == VB_DOMAIN_DISK_BUS_USB;
}

static gboolean
net_is_usb(gconstpointer device)
{
    return g_strcmp0(((const VbDomainNet *)device)->model, "usb-net") == 0;
}

static gboolean
controller_is_usb(gconstpointer device)
{
    return ((const VbDomainController *)device)->type == VB_DOMAIN_CONTROLLER_CCID;
}

static gboolean
input_is_usb(gconstpointer device)
{
    return ((const VbDomainInput *)device)->bus == VB_DOMAIN_INPUT_BUS_USB;
}

static gboolean
serial_is_usb(gconstpointer device)
{
    return ((const VbDomainChr *)device)->serial_target == VB_DOMAIN_SERIAL_TARGET_USB;
}

static gboolean
sound_is_usb(gconstpointer device)
{
    return ((const VbDomainSound *)device)->model == VB_DOMAIN_SOUND_USB;
}

static gboolean
redirdev_is_usb(gconstpointer device)
{
    return g_strcmp0(((const VbDomainRedirdev *)device)->bus, "usb") == 0;
}

/* the order in which libvirt hands out ports */
static const struct {
    VbDomainDeviceClass class;
    gboolean (*is_usb)(gconstpointer device);
} usb_classes[] = {
    {VB_DOMAIN_CLASS_HUB, hub_is_usb},
    {VB_DOMAIN_CLASS_HOSTDEV, hostdev_is_usb},
    {VB_DOMAIN_CLASS_DISK, disk_is_usb},
    {VB_DOMAIN_CLASS_NET, net_is_usb},
    {VB_DOMAIN_CLASS_CONTROLLER, controller_is_usb},
    {VB_DOMAIN_CLASS_INPUT, input_is_usb},
    {VB_DOMAIN_CLASS_SERIAL, serial_is_usb},
    {VB_DOMAIN_CLASS_SOUND, sound_is_usb},
    {VB_DOMAIN_CLASS_REDIRDEV, redirdev_is_usb},
};

static gboolean
is_addressed(const VbDomainDeviceInfo *info)
{
    return info->address.type == VB_DOMAIN_ADDRESS_USB && info->address.usb.port &&
           *info->address.usb.port;
}

typedef struct {
    Usb *usb;
    guint row;
    gboolean (*act)(Usb *usb, const VbDomainDevice *device);
} Walk;

static gboolean
visit(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const Walk *walk = data;

    if (!usb_classes[walk->row].is_usb(device->device))
        return TRUE;
    return walk->act(walk->usb, device);
}

static gboolean
walk_all(Usb *usb, gboolean (*act)(Usb *usb, const VbDomainDevice *device))
{
    for (guint i = 0; i < G_N_ELEMENTS(usb_classes); i++) {
        Walk walk = {usb, i, act};

        if (!vb_domain_each_of_class(usb->def, usb_classes[i].class, visit, &walk))
            return FALSE;
    }
    return TRUE;
}

static gboolean
count_device(Usb *usb, const VbDomainDevice *device)
{
    usb->n_devices++;
    return TRUE;
}

static guint
count_devices(Usb *usb)
{
    usb->n_devices = 0;
    walk_all(usb, count_device);
    return usb->n_devices;
}

static gboolean
reserve_hub(Usb *usb, const VbDomainDevice *device)
{
    if (device->class != VB_DOMAIN_CLASS_HUB || !is_addressed(device->info))
        return TRUE;
    return reserve(usb, device->info, TRUE);
}

static gboolean
reserve_device(Usb *usb, const VbDomainDevice *device)
{
    if (device->class == VB_DOMAIN_CLASS_HUB || !is_addressed(device->info))
        return TRUE;
    return reserve(usb, device->info, FALSE);
}

static gboolean
assign_hub(Usb *usb, const VbDomainDevice *device)
{
    if (device->class != VB_DOMAIN_CLASS_HUB || is_addressed(device->info))
        return TRUE;
    return assign(usb, device->info, TRUE);
}

static gboolean
assign_device(Usb *usb, const VbDomainDevice *device)
{
    if (device->class == VB_DOMAIN_CLASS_HUB || is_addressed(device->info) ||
        (device->info->address.type != VB_DOMAIN_ADDRESS_NONE &&
         device->info->address.type != VB_DOMAIN_ADDRESS_USB))
        return TRUE;
    return assign(usb, device->info, FALSE);
}

static guint
add_buses(Usb *usb)
{
    guint ports = 0;

    VB_DOMAIN_EACH(VbDomainController, controller, usb->def->controllers)
    {
        const guint n =
            controller->type == VB_DOMAIN_CONTROLLER_USB ? controller_ports(controller) : 0;

        ports += n;
        if (n && !g_hash_table_contains(usb->buses, GUINT_TO_POINTER(controller->index)))
            g_hash_table_insert(usb->buses, GUINT_TO_POINTER(controller->index), hub_new(n));
    }
    return ports;
}

/* each hub takes a port and gives eight */
static void
add_hubs(Usb *usb, guint ports)
{
    const guint devices = count_devices(usb);
    guint missing;

    ports += HUB_PORTS * VB_DOMAIN_COUNT(usb->def->hubs);
    if (ports == 0 || devices <= ports)
        return;
    missing = (devices - ports + 1 + HUB_PORTS - 2) / (HUB_PORTS - 1);
    for (guint i = 0; i < missing; i++) {
        VbDomainHub *hub = vb_xml_new(&vb_domain_hub_type);

        hub->type = g_strdup("usb");
        vb_domain_list_add(&usb->def->hubs, hub);
    }
}

gboolean
vb_domain_assign_usb(VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) buses = g_hash_table_new_full(NULL, NULL, NULL, hub_free);
    Usb usb = {def, buses, 0, error};
    const guint ports = add_buses(&usb);

    add_hubs(&usb, ports);
    if (!walk_all(&usb, reserve_hub) || !walk_all(&usb, reserve_device))
        return FALSE;
    if (ports == 0)
        return TRUE;
    return walk_all(&usb, assign_hub) && walk_all(&usb, assign_device);
}
