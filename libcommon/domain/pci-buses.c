/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which slots of the guest's PCI buses are taken, which are free, and which controller offers more.
 * Source: behaviour of libvirt 9.0 with QEMU; guests must see the same addresses. */
#include "base/error.h"
#include "domain/pci-buses.h"

typedef struct {
    guint flags, min_slot, max_slot;
} BusKind;

static const BusKind kinds[VB_DOMAIN_PCI_MODEL_LAST] = {
    [VB_DOMAIN_PCI_MODEL_ROOT] = {VB_PCI_HOTPLUG | VB_PCI_DEVICE | VB_PCI_BRIDGE | VB_PCI_EXPANDER,
                                  1, 31},
    [VB_DOMAIN_PCI_MODEL_BRIDGE] = {VB_PCI_HOTPLUG | VB_PCI_DEVICE | VB_PCI_BRIDGE, 1, 31},
    [VB_DOMAIN_PCI_MODEL_EXPANDER_BUS] = {VB_PCI_HOTPLUG | VB_PCI_DEVICE | VB_PCI_BRIDGE, 0, 31},
    [VB_DOMAIN_PCI_MODEL_PCIE_ROOT] = {VB_PCI_EXPRESS_DEVICE | VB_PCI_ROOT_PORT |
                                           VB_PCI_DMI_BRIDGE | VB_PCI_EXPRESS_TO_PCI |
                                           VB_PCI_EXPRESS_EXPANDER,
                                       1, 31},
    [VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE] = {VB_PCI_DEVICE | VB_PCI_BRIDGE, 0, 31},
    [VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE] = {VB_PCI_HOTPLUG | VB_PCI_DEVICE | VB_PCI_BRIDGE, 1,
                                                31},
    [VB_DOMAIN_PCI_MODEL_ROOT_PORT] = {VB_PCI_HOTPLUG | VB_PCI_EXPRESS_DEVICE |
                                           VB_PCI_UPSTREAM_PORT | VB_PCI_EXPRESS_TO_PCI,
                                       0, 0},
    [VB_DOMAIN_PCI_MODEL_SWITCH_UPSTREAM_PORT] = {VB_PCI_DOWNSTREAM_PORT, 0, 31},
    [VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT] = {VB_PCI_HOTPLUG | VB_PCI_EXPRESS_DEVICE |
                                                        VB_PCI_UPSTREAM_PORT |
                                                        VB_PCI_EXPRESS_TO_PCI,
                                                    0, 0},
    [VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS] = {VB_PCI_ROOT_PORT | VB_PCI_DMI_BRIDGE, 0, 0},
};

static const struct {
    guint flag;
    const char *text;
} needs[] = {
    {VB_PCI_DEVICE, "standard PCI device"},
    {VB_PCI_EXPRESS_DEVICE, "PCI Express device"},
    {VB_PCI_BRIDGE, "pci-bridge"},
    {VB_PCI_ROOT_PORT, "pcie-root-port"},
    {VB_PCI_UPSTREAM_PORT, "pci-switch-upstream-port"},
    {VB_PCI_DOWNSTREAM_PORT, "pci-switch-downstream-port"},
    {VB_PCI_DMI_BRIDGE, "dmi-to-pci-bridge"},
    {VB_PCI_EXPANDER, "pci-expander-bus"},
    {VB_PCI_EXPRESS_EXPANDER, "pcie-expander-bus"},
    {VB_PCI_EXPRESS_TO_PCI, "pcie-to-pci-bridge"},
};

static VbPciBus *
bus_at(const VbPciBuses *buses, guint index)
{
    return &g_array_index(buses->buses, VbPciBus, index);
}

static void
set_model(VbPciBus *bus, int model)
{
    bus->model = model;
    bus->flags = kinds[model].flags;
    bus->min_slot = kinds[model].min_slot;
    bus->max_slot = kinds[model].max_slot;
}

static int
default_model(const VbPciBuses *buses)
{
    return bus_at(buses, 0)->model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT ? VB_DOMAIN_PCI_MODEL_ROOT_PORT
                                                                    : VB_DOMAIN_PCI_MODEL_BRIDGE;
}

/**
 * vb_pci_buses_new:
 * @def: a domain with a PCI root
 * @is_dry_run: whether buses may be added
 *
 * Returns: (transfer full): the buses that the domain's controllers make, all slots free
 */
VbPciBuses *
vb_pci_buses_new(const VbDomainDef *def, gboolean is_dry_run)
{
    VbPciBuses *buses = g_new0(VbPciBuses, 1);

    buses->buses = g_array_new(FALSE, TRUE, sizeof(VbPciBus));
    buses->is_dry_run = is_dry_run;
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type != VB_DOMAIN_CONTROLLER_PCI || controller->index > 255)
            continue;
        if (controller->index >= buses->buses->len)
            g_array_set_size(buses->buses, controller->index + 1);
        set_model(bus_at(buses, controller->index), controller->pci_model);
    }
    for (guint i = 0; i < buses->buses->len; i++) {
        if (bus_at(buses, i)->model == VB_DOMAIN_PCI_MODEL_DEFAULT)
            set_model(bus_at(buses, i), default_model(buses));
    }
    return buses;
}

void
vb_pci_buses_free(VbPciBuses *buses)
{
    if (!buses)
        return;
    g_array_unref(buses->buses);
    g_free(buses);
}

gboolean
vb_pci_slot_in_use(const VbPciBuses *buses, guint bus, guint slot)
{
    return bus_at(buses, bus)->slots[slot].functions != 0;
}

gboolean
vb_pci_is_wanted(const VbDomainDeviceInfo *info)
{
    return info->address.type == VB_DOMAIN_ADDRESS_NONE ||
           (info->address.type == VB_DOMAIN_ADDRESS_PCI && !info->address.has_pci);
}

gboolean
vb_pci_is_present(const VbDomainDeviceInfo *info)
{
    return info->address.type == VB_DOMAIN_ADDRESS_PCI && info->address.has_pci;
}

void
vb_pci_set_address(VbDomainDeviceInfo *info, const VbDomainPciAddress *address)
{
    vb_domain_address_become(&info->address, VB_DOMAIN_ADDRESS_PCI);
    info->address.has_pci = TRUE;
    info->address.pci = *address;
}

static char *
address_text(const VbDomainPciAddress *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%u", address->domain, address->bus, address->slot,
                           address->function);
}

static const char *
need_text(guint flags)
{
    for (guint i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (flags & needs[i].flag)
            return needs[i].text;
    }
    return "device";
}

/* a person may plug PCI into PCI Express and the reverse; we would not */
static gboolean
types_match(guint bus_flags, guint flags, gboolean is_from_config)
{
    if (is_from_config && bus_flags & VB_PCI_ENDPOINTS)
        bus_flags |= VB_PCI_ENDPOINTS;
    if (is_from_config && flags & VB_PCI_BRIDGE)
        flags |= VB_PCI_DEVICE;
    return (flags & bus_flags & VB_PCI_TYPES) != 0;
}

static gboolean
is_compatible(const VbPciBus *bus, guint index, guint flags)
{
    return types_match(bus->flags, flags, FALSE) &&
           (!(flags & VB_PCI_HOTPLUG) || bus->flags & VB_PCI_HOTPLUG) &&
           (!(flags & VB_PCI_INTEGRATED) || index == 0);
}

static gboolean
check_type(const VbPciBuses *buses, const VbDomainPciAddress *address, const char *text,
           guint flags, gboolean is_from_config, GError **error)
{
    const VbPciBus *bus = bus_at(buses, address->bus);

    if (!types_match(bus->flags, flags, is_from_config))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "The device at PCI address %s cannot be plugged into the PCI "
                            "controller with index='%u'. "
                            "It requires a controller that accepts a %s.",
                            text, address->bus, need_text(flags));
    if (flags & VB_PCI_INTEGRATED && address->bus != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "The device at PCI address %s needs to be an integrated device (bus=0)",
                            text);
    return TRUE;
}

/* what is wrong with it */
static gboolean
explain_address(const VbPciBuses *buses, const VbDomainPciAddress *address, guint flags,
                gboolean is_from_config, GError **error)
{
    g_autofree char *text = address_text(address);
    const VbPciBus *bus;

    if (address->domain != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid PCI address %s. Only PCI domain 0 is available", text);
    if (address->bus >= buses->buses->len)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid PCI address %s. Only PCI buses up to %u are available", text,
                            buses->buses->len - 1);
    bus = bus_at(buses, address->bus);
    if (!check_type(buses, address, text, flags, is_from_config, error))
        return FALSE;
    if (address->slot < bus->min_slot)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid PCI address %s. slot must be >= %u",
                            text, bus->min_slot);
    if (address->slot > bus->max_slot)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Invalid PCI address %s. slot must be <= %u",
                            text, bus->max_slot);
    if (address->function > 7)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Invalid PCI address %s. function must be <= 7", text);
    return TRUE;
}

/* nearly all are good: only the others are put into words */
static gboolean
check_address(const VbPciBuses *buses, const VbDomainPciAddress *address, guint flags,
              gboolean is_from_config, GError **error)
{
    const VbPciBus *bus = address->bus < buses->buses->len ? bus_at(buses, address->bus) : NULL;

    if (bus && address->domain == 0 && types_match(bus->flags, flags, is_from_config) &&
        (address->bus == 0 || !(flags & VB_PCI_INTEGRATED)) && address->slot >= bus->min_slot &&
        address->slot <= bus->max_slot && address->function <= 7)
        return TRUE;
    return explain_address(buses, address, flags, is_from_config, error);
}

static void
add_bus(VbPciBuses *buses, int model)
{
    g_array_set_size(buses->buses, buses->buses->len + 1);
    set_model(bus_at(buses, buses->buses->len - 1), model);
}

static gboolean
has_dmi_bridge(const VbPciBuses *buses)
{
    for (guint i = 0; i < buses->buses->len; i++) {
        if (bus_at(buses, i)->model == VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE)
            return TRUE;
    }
    return FALSE;
}

/* adds buses until the last one takes a device with @flags at @bus */
static gboolean
grow(VbPciBuses *buses, guint bus, guint flags, GError **error)
{
    const gboolean is_express = bus_at(buses, 0)->model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT;
    int model = VB_DOMAIN_PCI_MODEL_ROOT_PORT;

    if (bus < buses->buses->len)
        return TRUE;
    if (bus > 255)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "No more available PCI slots");
    if (flags & (VB_PCI_DEVICE | VB_PCI_BRIDGE)) {
        model = VB_DOMAIN_PCI_MODEL_BRIDGE;
        if (is_express && !has_dmi_bridge(buses)) {
            model = VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE;
            add_bus(buses, VB_DOMAIN_PCI_MODEL_ROOT_PORT);
        }
    } else if (!is_express ||
               !(flags & (VB_PCI_EXPRESS_DEVICE | VB_PCI_UPSTREAM_PORT | VB_PCI_EXPRESS_TO_PCI))) {
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "a PCI slot is needed to connect a PCI controller model='%s', but none "
                            "is available, and "
                            "it cannot be automatically added",
                            need_text(flags));
    }
    while (bus >= buses->buses->len || bus_at(buses, buses->buses->len - 1)->model != model)
        add_bus(buses, model);
    return TRUE;
}

gboolean
vb_pci_reserve(VbPciBuses *buses, const VbDomainPciAddress *address, guint flags,
               gboolean is_from_config, GError **error)
{
    g_autofree char *text = NULL;
    VbPciBus *bus;

    if (buses->is_dry_run && !grow(buses, address->bus, flags, error))
        return FALSE;
    if (!check_address(buses, address, flags, is_from_config, error))
        return FALSE;
    bus = bus_at(buses, address->bus);
    if (bus->slots[address->slot].functions & 1u << address->function) {
        text = address_text(address);
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Attempted double use of PCI Address %s",
                            text);
    }
    if (!bus->slots[address->slot].functions && flags & VB_PCI_AGGREGATE)
        bus->slots[address->slot].is_aggregate = TRUE;
    bus->slots[address->slot].functions |= (guint8)(1u << address->function);
    return TRUE;
}

/* lowest function that is free, or -1 */
static int
free_function(guint8 functions, int function)
{
    if (function >= 0)
        return functions & 1u << function ? -1 : function;
    for (int i = 0; i < 8; i++) {
        if (!(functions & 1u << i))
            return i;
    }
    return -1;
}

static gboolean
find_on_bus(const VbPciBus *bus, guint flags, int function, VbDomainPciAddress *address)
{
    for (guint slot = bus->min_slot; slot <= bus->max_slot; slot++) {
        const guint8 functions = bus->slots[slot].functions;
        int found = -1;

        if (functions == 0)
            found = MAX(function, 0);
        else if (flags & VB_PCI_AGGREGATE && bus->slots[slot].is_aggregate)
            found = free_function(functions, function);
        if (found < 0)
            continue;
        address->slot = slot;
        address->function = (guint)found;
        return TRUE;
    }
    return FALSE;
}

gboolean
vb_pci_find_next(VbPciBuses *buses, guint flags, int function, VbDomainPciAddress *ret_address,
                 GError **error)
{
    VbDomainPciAddress address = {0};

    for (guint i = 0; i < buses->buses->len; i++) {
        const VbPciBus *bus = bus_at(buses, i);

        address.bus = i;
        if (is_compatible(bus, i, flags) && find_on_bus(bus, flags, function, &address)) {
            *ret_address = address;
            return TRUE;
        }
    }
    if (!buses->is_dry_run)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "No more available PCI slots");
    if (!grow(buses, buses->buses->len, flags, error))
        return FALSE;
    address.bus = buses->buses->len - 1;
    address.slot = bus_at(buses, address.bus)->min_slot;
    address.function = (guint)MAX(function, 0);
    *ret_address = address;
    return TRUE;
}

gboolean
vb_pci_reserve_next(VbPciBuses *buses, VbDomainDeviceInfo *info, guint flags, int function,
                    GError **error)
{
    VbDomainPciAddress address;

    if (!vb_pci_find_next(buses, flags, function, &address, error) ||
        !vb_pci_reserve(buses, &address, flags, FALSE, error))
        return FALSE;
    if (!buses->is_dry_run) {
        address.multifunction = info->address.pci.multifunction;
        vb_pci_set_address(info, &address);
    }
    return TRUE;
}
