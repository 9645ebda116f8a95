/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of stored definitions: added, taken away and replaced in a copy, which then goes the way of every definition:
 * filled in, addressed, checked. */
#include "device.h"

#include "base/error.h"

#include <string.h>

/* Source: libvirt 9.0 refuses the others */
static gboolean
check_supported(const QemuDevice *device, const char *what, GError **error)
{
    static const gboolean is_fixed[VB_DOMAIN_CLASS_LAST + 1] = {
        [VB_DOMAIN_CLASS_SMARTCARD] = TRUE,  [VB_DOMAIN_CLASS_TPM] = TRUE,
        [VB_DOMAIN_CLASS_VIDEO] = TRUE,      [VB_DOMAIN_CLASS_HUB] = TRUE,
        [VB_DOMAIN_CLASS_MEMBALLOON] = TRUE, [VB_DOMAIN_CLASS_PANIC] = TRUE,
        [VB_DOMAIN_CLASS_IOMMU] = TRUE,      [VB_DOMAIN_CLASS_LAST] = TRUE,
        [VB_DOMAIN_CLASS_CRYPTO] = TRUE,     [VB_DOMAIN_CLASS_PSTORE] = TRUE,
        [VB_DOMAIN_CLASS_NVRAM] = TRUE,
    };
    if (!is_fixed[qemu_device_class(device)])
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                        "persistent %s of device '%s' is not supported", what,
                        qemu_device_name(device));
}

static gboolean
check_free(const QemuDevice *device, VbDomainDef *def, GError **error)
{
    const int class = qemu_device_class(device);
    const VbDomainController *controller = device->device;
    const VbDomainChr *chr = device->device;
    gpointer found = qemu_device_find(device, def, 0, NULL);
    if (class == VB_DOMAIN_CLASS_WATCHDOG && VB_DOMAIN_COUNT(def->watchdogs))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain already has a watchdog");
    if (!found)
        return TRUE;
    if (class == VB_DOMAIN_CLASS_DISK)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "target %s already exists",
                            ((const VbDomainDisk *)device->device)->dst);
    if (class == VB_DOMAIN_CLASS_CONTROLLER && controller->has_index)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "controller index='%u' already exists", controller->index);
    if ((class == VB_DOMAIN_CLASS_CHANNEL && chr->target_name) ||
        ((class == VB_DOMAIN_CLASS_SERIAL || class == VB_DOMAIN_CLASS_PARALLEL) && chr->has_port))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "chardev already exists");
    if (class == VB_DOMAIN_CLASS_FILESYSTEM)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "Target already exists");
    if (class == VB_DOMAIN_CLASS_HOSTDEV)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "device is already in the domain configuration");
    return TRUE;
}

/* the way of every definition, after a change */
gboolean
qemu_device_complete(QemuManager *manager, VbDomainDef *next, GError **error)
{
    VbDomainCapsHints hints;
    qemu_manager_fill_hints(manager, &hints);
    return vb_domain_defaults(next, &hints, error) && vb_domain_assign_addresses(next, error) &&
           vb_domain_validate(next, error);
}

/**
 * qemu_device_attach_config:
 * @manager: the manager
 * @next: copy of a stored definition; changed, spoilt on failure
 * @device: what to add
 *
 * Errors: OPERATION_INVALID it is there already; OPERATION_UNSUPPORTED; those of a definition
 */
gboolean
qemu_device_attach_config(QemuManager *manager, VbDomainDef *next, const QemuDevice *device,
                          GError **error)
{
    g_autoptr(QemuDevice) copy = qemu_device_copy(device);
    return check_supported(device, "attach", error) && check_free(device, next, error) &&
           qemu_device_add(copy, next, error) && qemu_device_complete(manager, next, error);
}

gboolean
qemu_device_detach_config(VbDomainDef *next, const QemuDevice *device, GError **error)
{
    gpointer found;
    if (!check_supported(device, "detach", error))
        return FALSE;
    found = qemu_device_find(device, next, 0, error);
    if (!found)
        return FALSE;
    qemu_device_drop(device, next, found);
    return TRUE;
}

/* ---- update ---- */

static gboolean
fail_update(const QemuDevice *device, GError **error)
{
    const VbDomainGraphics *graphics = device->device;
    if (qemu_device_class(device) == VB_DOMAIN_CLASS_DISK)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "target %s doesn't exist.",
                            ((const VbDomainDisk *)device->device)->dst);
    return vb_error_set(error, VIR_ERR_INVALID_ARG,
                        "cannot find existing graphics type '%s' device to modify",
                        vb_enum_to_nick(&vb_domain_graphics_type_enum, graphics->type));
}

/* a device stays where it is unless it is told to move */
static void
keep_address(const QemuDevice *device, gpointer old)
{
    const VbDomainDeviceInfo *from;
    VbDomainDeviceInfo *to = qemu_device_info(device);
    if (!to || to->address.type != VB_DOMAIN_ADDRESS_NONE)
        return;
    from = vb_domain_device_info((VbDomainDeviceClass)qemu_device_class(device), old);
    to->address = from->address;
    if (from->address.type == VB_DOMAIN_ADDRESS_USB)
        to->address.usb.port = g_strdup(from->address.usb.port);
    if (!to->alias && vb_domain_alias_is_user(from->alias))
        to->alias = g_strdup(from->alias);
}

static void
replace(GPtrArray *list, QemuDevice *device, gpointer old, VbDomainDef *next)
{
    guint at = 0;
    g_ptr_array_find(list, old, &at);
    qemu_device_drop(device, next, old);
    g_ptr_array_insert(list, (int)at, g_steal_pointer(&device->device));
}

/**
 * qemu_device_update_config:
 * @manager: the manager
 * @next: copy of a stored definition; changed, spoilt on failure
 * @device: what to put in the place of the device that it means: a disk, an interface, graphics
 *
 * Errors: INVALID_ARG, DEVICE_MISSING there is none; OPERATION_UNSUPPORTED; those of a definition
 */
gboolean
qemu_device_update_config(QemuManager *manager, VbDomainDef *next, const QemuDevice *device,
                          GError **error)
{
    const int class = qemu_device_class(device);
    const gboolean is_graphics = strcmp(qemu_device_name(device), "graphics") == 0;
    g_autoptr(QemuDevice) copy = qemu_device_copy(device);
    gpointer found;
    if (class != VB_DOMAIN_CLASS_DISK && class != VB_DOMAIN_CLASS_NET && !is_graphics)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "persistent update of device '%s' is not supported",
                            qemu_device_name(device));
    found = qemu_device_find(device, next, 0, class == VB_DOMAIN_CLASS_NET ? error : NULL);
    if (!found)
        return class == VB_DOMAIN_CLASS_NET ? FALSE : fail_update(device, error);
    keep_address(copy, found);
    replace(*qemu_device_list(device, next), copy, found, next);
    return qemu_device_complete(manager, next, error);
}
