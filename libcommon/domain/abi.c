/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest whose memory goes on would notice that its definition is another one: what the tables say that it sees,
 * and where its devices are. */
#include "base/error.h"
#include "domain/devices.h"

#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

static gboolean
collect(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    g_array_append_vals(data, device, 1);
    return TRUE;
}

static GArray *
devices_of(const VbDomainDef *def)
{
    GArray *devices = g_array_new(FALSE, FALSE, sizeof(VbDomainDevice));

    (void)vb_domain_each_device((VbDomainDef *)def, collect, devices);
    return devices;
}

/* (transfer full) the address in libvirt's spelling for such messages; NULL: kinds that name none */
static char *
address_text(const VbDomainAddress *a)
{
    switch ((VbDomainAddressType)a->type) {
    case VB_DOMAIN_ADDRESS_PCI:
        return g_strdup_printf("%04x:%02x:%02x.%x", a->pci.domain, a->pci.bus, a->pci.slot,
                               a->pci.function);
    case VB_DOMAIN_ADDRESS_DRIVE:
        return g_strdup_printf("%u:%u:%u:%u", a->drive.controller, a->drive.bus, a->drive.target,
                               a->drive.unit);
    case VB_DOMAIN_ADDRESS_VIRTIO_SERIAL:
        return g_strdup_printf("%u:%u:%u", a->virtio_serial.controller, a->virtio_serial.bus,
                               a->virtio_serial.port);
    case VB_DOMAIN_ADDRESS_CCID:
        return g_strdup_printf("%u:%u", a->ccid.controller, a->ccid.slot);
    case VB_DOMAIN_ADDRESS_USB:
        return g_strdup_printf("%u:%s", a->usb.bus, a->usb.port ? a->usb.port : "");
    case VB_DOMAIN_ADDRESS_ISA:
        return g_strdup_printf("%u:%u", a->isa.iobase, a->isa.irq);
    case VB_DOMAIN_ADDRESS_DIMM:
        return g_strdup_printf("%u:%" G_GUINT64_FORMAT, a->dimm.slot, a->dimm.base);
    case VB_DOMAIN_ADDRESS_NONE:
    case VB_DOMAIN_ADDRESS_SPAPR_VIO:
    case VB_DOMAIN_ADDRESS_VIRTIO_S390:
    case VB_DOMAIN_ADDRESS_CCW:
    case VB_DOMAIN_ADDRESS_VIRTIO_MMIO:
    case VB_DOMAIN_ADDRESS_UNASSIGNED:
    case VB_DOMAIN_ADDRESS_MDEV:
    case VB_DOMAIN_ADDRESS_LAST:
        return NULL;
    }
    return NULL;
}

/* Source: libvirt's words for each kind of address */
static const char *const address_nouns[VB_DOMAIN_ADDRESS_LAST] = {
    [VB_DOMAIN_ADDRESS_PCI] = "PCI",
    [VB_DOMAIN_ADDRESS_DRIVE] = "drive",
    [VB_DOMAIN_ADDRESS_VIRTIO_SERIAL] = "virtio serial",
    [VB_DOMAIN_ADDRESS_CCID] = "ccid",
    [VB_DOMAIN_ADDRESS_USB] = "USB",
    [VB_DOMAIN_ADDRESS_ISA] = "ISA",
    [VB_DOMAIN_ADDRESS_DIMM] = "dimm",
};

static gboolean
check_address(const VbDomainAddress *source, const VbDomainAddress *target, GError **error)
{
    g_autofree char *before = address_text(source), *after = address_text(target);

    if (source->type != target->type)
        return vb_error_set(error, UNSUPPORTED,
                            "Target device address type %s does not match source %s",
                            vb_enum_to_nick(&vb_domain_address_type_enum, target->type),
                            vb_enum_to_nick(&vb_domain_address_type_enum, source->type));
    if (g_strcmp0(before, after) != 0)
        return vb_error_set(error, UNSUPPORTED,
                            "Target device %s address %s does not match source %s",
                            address_nouns[source->type], after, before);
    return TRUE;
}

static gboolean
check_devices(const VbDomainDef *source, const VbDomainDef *target, GError **error)
{
    g_autoptr(GArray) before = devices_of(source), after = devices_of(target);

    if (before->len != after->len)
        return vb_error_set(error, UNSUPPORTED,
                            "Target domain device count %u does not match source %u", after->len,
                            before->len);
    for (guint i = 0; i < before->len; i++) {
        const VbDomainDevice *a = &g_array_index(before, VbDomainDevice, i);
        const VbDomainDevice *b = &g_array_index(after, VbDomainDevice, i);

        if (!check_address(&a->info->address, &b->info->address, error))
            return FALSE;
    }
    return TRUE;
}

static gint
compare_controllers(gconstpointer left, gconstpointer right)
{
    const VbDomainController *a = *(VbDomainController *const *)left;
    const VbDomainController *b = *(VbDomainController *const *)right;

    if (a->type != b->type)
        return a->type - b->type;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return a->usb_model - b->usb_model;
}

/* a copy with its controllers by type and index: those that were filled in stand elsewhere once they are read again */
static VbDomainDef *
in_order(const VbDomainDef *def)
{
    VbDomainDef *copy = vb_domain_copy(def);

    if (copy->controllers)
        g_ptr_array_sort(copy->controllers, compare_controllers);
    return copy;
}

/**
 * vb_domain_check_abi:
 * @source: what the guest has, with defaults and addresses
 * @target: what it would have, with defaults and addresses
 * @error: return location
 *
 * For guests whose memory goes on under another definition: restored, moved, reverted to. What lies on the host (images,
 * sockets, bridges, tuning) may change, hardware may not.
 *
 * Returns: TRUE when the guest would not notice, or FALSE with @error set
 * Errors: CONFIG_UNSUPPORTED, in libvirt's words, with what differs first
 */
gboolean
vb_domain_check_abi(const VbDomainDef *source, const VbDomainDef *target, GError **error)
{
    g_autoptr(VbDomainDef) before = in_order(source), after = in_order(target);

    return vb_xml_check_abi(&vb_domain_type, before, after, error) &&
           check_devices(before, after, error);
}
