/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* USB, SCSI and mediated devices of guests: found below sysfs, and one guest's at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "domain-private.h"
#include "hostdev.h"

#define NOTE "hostdev "

/* ---- sysfs ---- */

static gboolean
read_number(const char *folder, const char *name, int base, guint *ret_value)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    char *end = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    guint64 value = g_ascii_strtoull(text, &end, (guint)base);
    *ret_value = (guint)value;
    return end != text && value <= G_MAXUINT;
}

typedef struct {
    guint vendor, product, bus, device;
} Usb;

static gboolean
read_usb(const char *folder, Usb *ret_usb)
{
    return read_number(folder, "idVendor", 16, &ret_usb->vendor) &&
           read_number(folder, "idProduct", 16, &ret_usb->product) &&
           read_number(folder, "busnum", 10, &ret_usb->bus) &&
           read_number(folder, "devnum", 10, &ret_usb->device);
}

static gboolean
is_wanted(const VbDomainHostdev *hostdev, const Usb *usb)
{
    if (hostdev->has_usb_vendor &&
        (usb->vendor != hostdev->usb_vendor || usb->product != hostdev->usb_product))
        return FALSE;
    return !hostdev->has_usb_bus ||
           (usb->bus == hostdev->usb_bus && usb->device == hostdev->usb_device);
}

static guint
count_usb(QemuManager *manager, const VbDomainHostdev *hostdev, Usb *ret_usb)
{
    g_autofree char *base = g_build_filename(manager->sysfs, "bus/usb/devices", NULL);
    g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
    const char *name;
    guint n = 0;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *folder = g_build_filename(base, name, NULL);
        Usb usb;
        if (!read_usb(folder, &usb) || !is_wanted(hostdev, &usb))
            continue;
        *ret_usb = usb;
        n++;
    }
    return n;
}

static gboolean
find_usb(QemuManager *manager, VbDomainHostdev *hostdev, GError **error)
{
    Usb usb = {0};
    guint n = count_usb(manager, hostdev, &usb);
    if (n == 0 && hostdev->has_usb_bus)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "Did not find USB device bus:%u device:%u", hostdev->usb_bus,
                            hostdev->usb_device);
    if (n == 0)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "Did not find USB device %04x:%04x",
                            hostdev->usb_vendor, hostdev->usb_product);
    if (n > 1)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "Multiple USB devices for %x:%x, use <address> to specify one",
                            hostdev->usb_vendor, hostdev->usb_product);
    hostdev->has_usb_bus = TRUE;
    hostdev->usb_bus = usb.bus;
    hostdev->usb_device = usb.device;
    return TRUE;
}

/* "0:0:1:0", as sysfs calls the unit */
static char *
scsi_name(const VbDomainHostdev *hostdev)
{
    const char *host = hostdev->scsi_adapter ? hostdev->scsi_adapter : "";
    if (g_str_has_prefix(host, "scsi_host"))
        host += strlen("scsi_host");
    return g_strdup_printf("%s:%u:%u:%" G_GUINT64_FORMAT, host, hostdev->scsi_bus,
                           hostdev->scsi_target, hostdev->scsi_unit);
}

char *
qemu_hostdev_find_scsi(const VbDomainHostdev *hostdev, gpointer data)
{
    const QemuManager *manager = data;
    g_autofree char *unit = scsi_name(hostdev);
    g_autofree char *folder =
        g_build_filename(manager->sysfs, "bus/scsi/devices", unit, "scsi_generic", NULL);
    g_autoptr(GDir) dir = strchr(unit, '/') ? NULL : g_dir_open(folder, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;
    return name ? g_strconcat("/dev/", name, NULL) : NULL;
}

static gboolean
find_scsi(QemuManager *manager, const VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *node = qemu_hostdev_find_scsi(hostdev, manager);
    return node || vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                                "SCSI device '%s:%u:%u:%" G_GUINT64_FORMAT "': not found",
                                hostdev->scsi_adapter, hostdev->scsi_bus, hostdev->scsi_target,
                                hostdev->scsi_unit);
}

static gboolean
find_mdev(QemuManager *manager, const VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *path =
        g_build_filename(manager->sysfs, "bus/mdev/devices", hostdev->mdev_uuid, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS) ||
           vb_error_set(error, VIR_ERR_DEVICE_MISSING, "mediated device '%s' not found",
                        hostdev->mdev_uuid);
}

static gboolean
find_device(QemuManager *manager, VbDomainHostdev *hostdev, GError **error)
{
    if (hostdev->type == VB_DOMAIN_HOSTDEV_USB)
        return find_usb(manager, hostdev, error);
    if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI && !hostdev->iscsi_name)
        return find_scsi(manager, hostdev, error);
    return hostdev->type != VB_DOMAIN_HOSTDEV_MDEV || find_mdev(manager, hostdev, error);
}

/* ---- notes ---- */

/* (transfer full) what says which device it is; NULL: one that needs no such care */
static char *
note_of(const VbDomainHostdev *hostdev)
{
    g_autofree char *unit = NULL;
    if (hostdev->type == VB_DOMAIN_HOSTDEV_USB && hostdev->has_usb_bus)
        return g_strdup_printf(NOTE "usb %03u:%03u", hostdev->usb_bus, hostdev->usb_device);
    if (hostdev->type == VB_DOMAIN_HOSTDEV_MDEV)
        return g_strdup_printf(NOTE "mdev %s", hostdev->mdev_uuid);
    if (hostdev->type != VB_DOMAIN_HOSTDEV_SCSI || hostdev->iscsi_name)
        return NULL;
    unit = scsi_name(hostdev);
    return g_strdup_printf(NOTE "scsi %s %s", unit,
                           hostdev->is_shareable ? "shareable" : "non-shareable");
}

static gboolean
has_note(const QemuDomain *domain, const char *note)
{
    for (guint i = 0; i < domain->owed->len; i++)
        if (g_str_equal(domain->owed->pdata[i], note))
            return TRUE;
    return FALSE;
}

static gboolean
refuse(const VbDomainHostdev *hostdev, const QemuDomain *owner, GError **error)
{
    if (hostdev->type == VB_DOMAIN_HOSTDEV_USB)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "USB device %03u:%03u is in use by driver QEMU, domain %s",
                            hostdev->usb_bus, hostdev->usb_device, owner->name);
    return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "mediated device /sys/bus/mdev/devices/%s is in use by driver QEMU, domain "
                        "%s",
                        hostdev->mdev_uuid, owner->name);
}

/* Several guests may have a SCSI unit when all of them share it. */
static gboolean
check_scsi(const QemuDomain *other, const VbDomainHostdev *hostdev, GError **error)
{
    static const char *const words[] = {"non-shareable", "shareable"};
    g_autofree char *unit = scsi_name(hostdev);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *note = g_strdup_printf(NOTE "scsi %s %s", unit, words[i]);
        if (has_note(other, note) && (i == 0 || !hostdev->is_shareable))
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "SCSI device %s is already in use by other domain(s) as '%s'", unit,
                                words[i]);
    }
    return TRUE;
}

static gboolean
check_others(const QemuDomain *domain, const VbDomainHostdev *hostdev, const char *note,
             GError **error)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, domain->manager->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const QemuDomain *other = value;
        if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI) {
            if (other != domain && !check_scsi(other, hostdev, error))
                return FALSE;
        } else if (has_note(other, note)) {
            return refuse(hostdev, other, error);
        }
    }
    return TRUE;
}

gboolean
qemu_hostdev_take_local(QemuDomain *domain, VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *note = NULL;
    if (!find_device(domain->manager, hostdev, error))
        return FALSE;
    note = note_of(hostdev);
    if (!note)
        return TRUE;
    if (!check_others(domain, hostdev, note, error))
        return FALSE;
    g_ptr_array_add(domain->owed, g_steal_pointer(&note));
    return TRUE;
}

void
qemu_hostdev_return_local(QemuDomain *domain, const VbDomainHostdev *hostdev)
{
    g_autofree char *note = note_of(hostdev);
    for (guint i = 0; note && i < domain->owed->len; i++) {
        if (!g_str_equal(domain->owed->pdata[i], note))
            continue;
        g_ptr_array_remove_index(domain->owed, i);
        return;
    }
}

gboolean
qemu_hostdevs_take_local(QemuDomain *domain, GError **error)
{
    GPtrArray *hostdevs = domain->live->hostdevs;
    for (guint i = VB_DOMAIN_COUNT(hostdevs); i > 0; i--) {
        VbDomainHostdev *hostdev = hostdevs->pdata[i - 1];
        g_autoptr(GError) why = NULL;
        if (qemu_hostdev_take_local(domain, hostdev, &why))
            continue;
        if (!vb_error_matches(why, VIR_ERR_DEVICE_MISSING) ||
            g_strcmp0(hostdev->startup_policy, "optional") != 0) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        vb_xml_free(&vb_domain_hostdev_type, g_ptr_array_steal_index(hostdevs, i - 1));
    }
    return TRUE;
}

void
qemu_hostdevs_note_local(QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, domain->live->hostdevs)
    {
        g_autofree char *note = note_of(hostdev);
        if (note && !has_note(domain, note))
            g_ptr_array_add(domain->owed, g_steal_pointer(&note));
    }
}
