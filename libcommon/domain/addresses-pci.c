/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gives PCI devices their slots: those that the chipset fixes, those that the definition names, then the next free one,
 * class by class; adds bridges and root ports where slots are missing. The order is libvirt's. */
#include <string.h>
#include "base/error.h"
#include "domain/addresses.h"
#include "domain/defaults.h"
#include "domain/devices.h"
#include "domain/pci-buses.h"

typedef struct {
    VbPciBuses *buses;
    GError **error;
} Visit;

/* i440fx: the PIIX3 has its IDE and USB functions at 1.1 and 1.2 */
static gboolean
is_piix3_part(const VbDomainDef *def, const VbDomainController *controller)
{
    if (!vb_domain_is_i440fx(def) || controller->index != 0)
        return FALSE;
    return controller->type == VB_DOMAIN_CONTROLLER_IDE ||
           (controller->type == VB_DOMAIN_CONTROLLER_USB &&
            (controller->usb_model == VB_DOMAIN_USB_MODEL_PIIX3_UHCI ||
             controller->usb_model == VB_DOMAIN_USB_MODEL_DEFAULT));
}

/* what the definition names */
static gboolean
collect(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const Visit *visit = data;
    const VbDomainPciAddress *address = &device->info->address.pci;
    guint flags;

    if (!vb_pci_is_present(device->info) || device->class == VB_DOMAIN_CLASS_CONSOLE)
        return TRUE;
    flags = vb_pci_device_flags(def, (int)device->class, device->device);
    if (device->class == VB_DOMAIN_CLASS_CONTROLLER) {
        const VbDomainController *controller = device->device;

        if (controller->type == VB_DOMAIN_CONTROLLER_PCI &&
            (controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT ||
             controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT))
            return TRUE;
        if (is_piix3_part(def, controller) && address->bus == 0 && address->slot == 1)
            return TRUE;
    }
    if (!flags)
        flags = VB_PCI_ENDPOINTS;
    if (address->slot > 0x1f)
        return vb_error_set(visit->error, VIR_ERR_XML_ERROR,
                            "Invalid PCI address slot='0x%x', must be <= 0x1F", address->slot);
    if (address->function > 7)
        return vb_error_set(visit->error, VIR_ERR_XML_ERROR,
                            "Invalid PCI address function=0x%x, must be <= 7", address->function);
    return vb_pci_reserve(visit->buses, address, flags, TRUE, visit->error);
}

static gboolean
fix_address(VbDomainDeviceInfo *info, guint slot, guint function, const char *message,
            GError **error)
{
    const VbDomainPciAddress address = {.slot = slot, .function = function};
    const VbDomainPciAddress *given = &info->address.pci;

    if (!vb_pci_is_present(info)) {
        vb_pci_set_address(info, &address);
        return TRUE;
    }
    if (given->domain == 0 && given->bus == 0 && given->slot == slot && given->function == function)
        return TRUE;
    return vb_error_set(error, VIR_ERR_XML_ERROR, "%s", message);
}

/* takes @slot of bus 0 for @info if it is free */
static gboolean
take_slot(VbPciBuses *buses, VbDomainDeviceInfo *info, guint slot, GError **error)
{
    const VbDomainPciAddress address = {.slot = slot};

    if (!vb_pci_reserve(buses, &address, VB_PCI_ENDPOINTS, TRUE, error))
        return FALSE;
    if (info)
        vb_pci_set_address(info, &address);
    return TRUE;
}

/* QEMU puts the first video card into the first free slot; the definition says so */
static gboolean
take_primary_video(VbDomainDef *def, VbPciBuses *buses, guint slot, GError **error)
{
    VbDomainVideo *video = VB_DOMAIN_COUNT(def->videos) ? g_ptr_array_index(def->videos, 0) : NULL;
    const guint flags = video ? vb_pci_device_flags(def, VB_DOMAIN_CLASS_VIDEO, video) : 0;

    if (!flags || !vb_pci_is_wanted(&video->info))
        return TRUE;
    if (vb_pci_slot_in_use(buses, 0, slot))
        return vb_pci_reserve_next(buses, &video->info, flags, -1, error);
    return take_slot(buses, &video->info, slot, error);
}

static gboolean
prepare_i440fx(VbDomainDef *def, VbPciBuses *buses, GError **error)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (!is_piix3_part(def, controller))
            continue;
        if (controller->type == VB_DOMAIN_CONTROLLER_IDE &&
            !fix_address(&controller->info, 1, 1,
                         "Primary IDE controller must have PCI address 0:0:1.1", error))
            return FALSE;
        if (controller->type == VB_DOMAIN_CONTROLLER_USB &&
            !fix_address(&controller->info, 1, 2,
                         "PIIX3 USB controller at index 0 must have PCI address 0:0:1.2", error))
            return FALSE;
    }
    return take_slot(buses, NULL, 1, error) && take_primary_video(def, buses, 2, error);
}

/* real ICH9 boards have their USB 2 functions at 1d and 1a */
static gboolean
take_usb2(VbPciBuses *buses, VbDomainController *controller, GError **error)
{
    static const guint slots[] = {0x1d, 0x1a};

    for (guint i = 0; i < G_N_ELEMENTS(slots); i++) {
        if (vb_pci_slot_in_use(buses, 0, slots[i]))
            continue;
        if (!take_slot(buses, &controller->info, slots[i], error))
            return FALSE;
        controller->info.address.pci.multifunction = VB_TRISTATE_YES;
        return TRUE;
    }
    return TRUE;
}

static gboolean
prepare_q35_controller(VbPciBuses *buses, VbDomainController *controller, GError **error)
{
    if (controller->type == VB_DOMAIN_CONTROLLER_SATA && controller->index == 0)
        return fix_address(&controller->info, 0x1f, 2,
                           "Primary SATA controller must have PCI address 0:0:1f.2", error);
    if (!vb_pci_is_wanted(&controller->info))
        return TRUE;
    if (controller->type == VB_DOMAIN_CONTROLLER_USB &&
        controller->usb_model == VB_DOMAIN_USB_MODEL_ICH9_UHCI1)
        return take_usb2(buses, controller, error);
    if (controller->type == VB_DOMAIN_CONTROLLER_PCI &&
        controller->pci_model == VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE &&
        !vb_pci_slot_in_use(buses, 0, 0x1e)) {
        const VbDomainPciAddress address = {.slot = 0x1e};

        if (!vb_pci_reserve(buses, &address, VB_PCI_DMI_BRIDGE, TRUE, error))
            return FALSE;
        vb_pci_set_address(&controller->info, &address);
    }
    return TRUE;
}

/* the ISA bridge and SMBus are there in every q35, whatever the definition says */
static gboolean
reserve_ich9(VbPciBuses *buses, GError **error)
{
    const VbDomainPciAddress bridge = {.slot = 0x1f}, smbus = {.slot = 0x1f, .function = 3};

    return vb_pci_reserve(buses, &bridge, VB_PCI_ENDPOINTS, TRUE, error) &&
           vb_pci_reserve(buses, &smbus, VB_PCI_ENDPOINTS, TRUE, error);
}

static gboolean
prepare_q35(VbDomainDef *def, VbPciBuses *buses, GError **error)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (!prepare_q35_controller(buses, controller, error))
            return FALSE;
    }
    if (!reserve_ich9(buses, error) || !take_primary_video(def, buses, 1, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainSound, sound, def->sounds)
    {
        if (sound->model == VB_DOMAIN_SOUND_ICH9 && vb_pci_is_wanted(&sound->info) &&
            !vb_pci_slot_in_use(buses, 0, 0x1b))
            return take_slot(buses, &sound->info, 0x1b, error);
    }
    return TRUE;
}

/* the next free slot */
static gboolean
is_usb2(const VbDomainController *controller)
{
    return controller->type == VB_DOMAIN_CONTROLLER_USB &&
           controller->usb_model >= VB_DOMAIN_USB_MODEL_ICH9_EHCI1 &&
           controller->usb_model <= VB_DOMAIN_USB_MODEL_ICH9_UHCI3;
}

/* EHCI and its companions are functions of one slot */
static gboolean
assign_usb2(VbDomainDef *def, VbPciBuses *buses, VbDomainController *controller, GError **error)
{
    static const guint functions[] = {7, 0, 1, 2};
    const guint flags = vb_pci_device_flags(def, VB_DOMAIN_CLASS_CONTROLLER, controller);
    const guint function = functions[controller->usb_model - VB_DOMAIN_USB_MODEL_ICH9_EHCI1];
    const VbTristate multifunction = function == 0 ? VB_TRISTATE_YES : VB_TRISTATE_ABSENT;
    VbDomainPciAddress address;

    VB_DOMAIN_EACH(VbDomainController, other, def->controllers)
    {
        if (!is_usb2(other) || other->index != controller->index ||
            !vb_pci_is_present(&other->info))
            continue;
        address = other->info.address.pci;
        address.function = function;
        address.multifunction = multifunction;
        if (!vb_pci_reserve(buses, &address, flags, TRUE, error))
            return FALSE;
        vb_pci_set_address(&controller->info, &address);
        return TRUE;
    }
    controller->info.address.pci.multifunction = multifunction;
    return vb_pci_reserve_next(buses, &controller->info, flags, (int)function, error);
}

static gboolean
assign_device(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const Visit *visit = data;
    /* libvirt asks for any function of a shared slot for root ports alone */
    const int function = -1;
    guint flags;

    if (!vb_pci_is_wanted(device->info))
        return TRUE;
    flags = vb_pci_device_flags(def, (int)device->class, device->device);
    if (!flags)
        return TRUE;
    if (device->class == VB_DOMAIN_CLASS_CONTROLLER && is_usb2(device->device))
        return assign_usb2(def, visit->buses, device->device, visit->error);
    return vb_pci_reserve_next(visit->buses, device->info, flags, function, visit->error);
}

typedef struct {
    Visit visit;
    gboolean is_bridge; /* controllers: PCI first, the others later */
} ClassVisit;

static gboolean
assign_of_class(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    ClassVisit *visit = data;

    if (device->class == VB_DOMAIN_CLASS_CONTROLLER) {
        const VbDomainController *controller = device->device;

        if ((controller->type == VB_DOMAIN_CONTROLLER_PCI) != visit->is_bridge)
            return TRUE;
    }
    return assign_device(def, device, &visit->visit);
}

static gboolean
assign_all(VbDomainDef *def, VbPciBuses *buses, GError **error)
{
    static const struct {
        VbDomainDeviceClass class;
        gboolean is_bridge;
    } order[] = {
        {VB_DOMAIN_CLASS_CONTROLLER, TRUE},
        {VB_DOMAIN_CLASS_FILESYSTEM},
        {VB_DOMAIN_CLASS_NET},
        {VB_DOMAIN_CLASS_SOUND},
        {VB_DOMAIN_CLASS_CONTROLLER},
        {VB_DOMAIN_CLASS_DISK},
        {VB_DOMAIN_CLASS_HOSTDEV},
        {VB_DOMAIN_CLASS_MEMBALLOON},
        {VB_DOMAIN_CLASS_RNG},
        {VB_DOMAIN_CLASS_WATCHDOG},
        {VB_DOMAIN_CLASS_VIDEO},
        {VB_DOMAIN_CLASS_SHMEM},
        {VB_DOMAIN_CLASS_INPUT},
        {VB_DOMAIN_CLASS_SERIAL},
        {VB_DOMAIN_CLASS_VSOCK},
        {VB_DOMAIN_CLASS_MEMORY},
        {VB_DOMAIN_CLASS_PANIC},
        {VB_DOMAIN_CLASS_IOMMU},
        {VB_DOMAIN_CLASS_CRYPTO},
        {VB_DOMAIN_CLASS_PSTORE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        ClassVisit visit = {{buses, error}, order[i].is_bridge};

        if (!vb_domain_each_of_class(def, order[i].class, assign_of_class, &visit))
            return FALSE;
    }
    return TRUE;
}

/* fixed and given addresses */
static VbPciBuses *
start(VbDomainDef *def, gboolean is_dry_run, GError **error)
{
    g_autoptr(VbPciBuses) buses = vb_pci_buses_new(def, is_dry_run);
    Visit visit = {buses, error};
    gboolean is_ok = vb_domain_each_device(def, collect, &visit);

    if (is_ok && vb_domain_is_q35(def))
        is_ok = prepare_q35(def, buses, error);
    else if (is_ok)
        is_ok = prepare_i440fx(def, buses, error);
    return is_ok ? g_steal_pointer(&buses) : NULL;
}

static gboolean
is_full(const VbPciBuses *buses)
{
    for (guint i = 0; i < buses->buses->len; i++) {
        const VbPciBus *bus = &g_array_index(buses->buses, VbPciBus, i);

        for (guint slot = bus->min_slot; slot <= bus->max_slot; slot++) {
            if (!bus->slots[slot].functions)
                return FALSE;
        }
    }
    return TRUE;
}

static guint
highest_bus(const VbDomainDef *def)
{
    guint highest = 0;

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_PCI)
            highest = MAX(highest, controller->index);
    }
    return highest;
}

/* the buses that the dry run added become controllers, which need slots themselves */
static gboolean
add_bridges(VbDomainDef *def, VbPciBuses *buses, GError **error)
{
    for (guint i = 1; i < buses->buses->len; i++) {
        VbDomainDeviceInfo nowhere = {0};
        VbDomainController *bridge;

        if (vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_PCI, i))
            continue;
        bridge = vb_domain_add_controller(def, VB_DOMAIN_CONTROLLER_PCI, i);
        bridge->pci_model = g_array_index(buses->buses, VbPciBus, i).model;
        if (!vb_pci_reserve_next(buses, &nowhere,
                                 vb_pci_device_flags(def, VB_DOMAIN_CLASS_CONTROLLER, bridge), -1,
                                 error))
            return FALSE;
    }
    return TRUE;
}

/* how many buses it takes: everything is placed once, without telling the devices */
static gboolean
add_missing_buses(VbDomainDef *def, GError **error)
{
    const guint highest = highest_bus(def);
    g_autoptr(VbPciBuses) buses = start(def, TRUE, error);
    VbDomainDeviceInfo spare = {0};

    if (!buses)
        return FALSE;
    if (!vb_domain_is_q35(def) && !is_full(buses) &&
        !vb_pci_reserve_next(buses, &spare, VB_PCI_HOTPLUG | VB_PCI_DEVICE, -1, error))
        return FALSE;
    if (!assign_all(def, buses, error))
        return FALSE;
    /* who left the buses to us gets a free port to plug something into later */
    if (vb_domain_is_q35(def) && highest == 0 && buses->buses->len > 1 &&
        !vb_pci_reserve_next(buses, &spare, VB_PCI_HOTPLUG | VB_PCI_EXPRESS_DEVICE, -1, error))
        return FALSE;
    return add_bridges(def, buses, error);
}

/* options of PCI controllers follow from their index and address */
static void
fill_chassis(VbDomainController *controller, guint port)
{
    if (!controller->target.has_chassis)
        controller->target.chassis = controller->index;
    controller->target.has_chassis = TRUE;
    if (!controller->target.has_port)
        controller->target.port = port;
    controller->target.has_port = TRUE;
}

static void
fill_bus_number(VbDomainDef *def, VbDomainController *controller)
{
    guint lowest = 256;

    if (controller->target.has_bus_nr)
        return;
    VB_DOMAIN_EACH(VbDomainController, other, def->controllers)
    {
        if (other->type == VB_DOMAIN_CONTROLLER_PCI && other->target.has_bus_nr)
            lowest = MIN(lowest, other->target.bus_nr);
    }
    /* Source: libvirt leaves room below: 254 first, then two less than the lowest so far */
    controller->target.bus_nr = lowest > 255 ? 254 : lowest - 2;
    controller->target.has_bus_nr = TRUE;
}

static void
fill_options(VbDomainDef *def, VbDomainController *controller)
{
    static const char *const names[VB_DOMAIN_PCI_MODEL_LAST] = {
        [VB_DOMAIN_PCI_MODEL_BRIDGE] = "pci-bridge",
        [VB_DOMAIN_PCI_MODEL_DMI_TO_PCI_BRIDGE] = "i82801b11-bridge",
        [VB_DOMAIN_PCI_MODEL_PCIE_TO_PCI_BRIDGE] = "pcie-pci-bridge",
        [VB_DOMAIN_PCI_MODEL_ROOT_PORT] = "pcie-root-port",
        [VB_DOMAIN_PCI_MODEL_SWITCH_UPSTREAM_PORT] = "x3130-upstream",
        [VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT] = "xio3130-downstream",
        [VB_DOMAIN_PCI_MODEL_EXPANDER_BUS] = "pxb",
        [VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS] = "pxb-pcie",
    };
    const VbDomainPciAddress *address = &controller->info.address.pci;

    vb_domain_fill_string(&controller->pci_model_name, names[controller->pci_model]);
    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_BRIDGE && !controller->target.has_chassis_nr) {
        controller->target.chassis_nr = controller->index;
        controller->target.has_chassis_nr = TRUE;
    }
    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT_PORT)
        fill_chassis(controller, (address->slot << 3) + address->function);
    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_SWITCH_DOWNSTREAM_PORT)
        fill_chassis(controller, address->slot);
    if (controller->pci_model == VB_DOMAIN_PCI_MODEL_EXPANDER_BUS ||
        controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_EXPANDER_BUS)
        fill_bus_number(def, controller);
}

/* function 0 of a slot with more functions says so */
static gboolean
mark_multifunction(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const Visit *visit = data;
    VbDomainPciAddress *address = &device->info->address.pci;

    if (!vb_pci_is_present(device->info) || address->function != 0 || address->multifunction ||
        address->bus >= visit->buses->buses->len || address->slot > 31)
        return TRUE;
    if (g_array_index(visit->buses->buses, VbPciBus, address->bus).slots[address->slot].functions >
        1)
        address->multifunction = VB_TRISTATE_YES;
    return TRUE;
}

static gboolean
check_bridge(const VbDomainController *controller, GError **error)
{
    const VbDomainPciAddress *address = &controller->info.address.pci;

    if (controller->type != VB_DOMAIN_CONTROLLER_PCI ||
        controller->pci_model != VB_DOMAIN_PCI_MODEL_BRIDGE || controller->index > address->bus)
        return TRUE;
    return vb_error_set(
        error, VIR_ERR_XML_ERROR,
        "PCI controller at index %u (0x%02x) has bus='0x%02x', but index must be larger than bus",
        controller->index, controller->index, address->bus);
}

/* a machine without a bus has no place for what needs one */
static gboolean
refuse_pci(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    if (device->info->address.type != VB_DOMAIN_ADDRESS_NONE ||
        device->class == VB_DOMAIN_CLASS_CONTROLLER ||
        vb_pci_device_flags(def, (int)device->class, device->device) == 0)
        return TRUE;
    return vb_error_set(data, VIR_ERR_XML_ERROR, "No PCI buses available");
}

gboolean
vb_domain_assign_pci(VbDomainDef *def, GError **error)
{
    g_autoptr(VbPciBuses) buses = NULL;
    Visit visit = {NULL, error};

    if (!vb_domain_has_pci(def) && g_strcmp0(def->os.arch, "x86_64") == 0)
        return vb_domain_each_device(def, refuse_pci, error);
    if (!vb_domain_has_pci(def) || !vb_domain_find_controller(def, VB_DOMAIN_CONTROLLER_PCI, 0))
        return TRUE;
    if (!add_missing_buses(def, error))
        return FALSE;
    buses = start(def, FALSE, error);
    if (!buses || !assign_all(def, buses, error))
        return FALSE;
    visit.buses = buses;
    vb_domain_each_device(def, mark_multifunction, &visit);
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_PCI)
            fill_options(def, controller);
        if (!check_bridge(controller, error))
            return FALSE;
    }
    return TRUE;
}
