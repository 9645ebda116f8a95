/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices by the name of their element: one row per class says how it is read, where it lies, and what makes two of them
 * the same. */
#include "device.h"

#include "base/error.h"

#include <libxml/parser.h>
#include <string.h>

#define MAX_TEXT (1024 * 1024)

typedef gboolean (*SameFunc)(gconstpointer wanted, gconstpointer other);

struct _QemuDeviceKind {
    const char *element, *name;
    const VbXmlType *type;
    gsize member;
    int class;
    gboolean is_single;
    SameFunc is_same; /* NULL: all that is written */
};

/* ---- what makes two devices the same ---- */

static gboolean
is_same_disk(gconstpointer wanted, gconstpointer other)
{
    return g_strcmp0(((const VbDomainDisk *)wanted)->dst, ((const VbDomainDisk *)other)->dst) == 0;
}

static gboolean
is_same_controller(gconstpointer wanted, gconstpointer other)
{
    const VbDomainController *a = wanted, *b = other;
    return a->type == b->type && a->index == b->index;
}

static gboolean
is_same_net(gconstpointer wanted, gconstpointer other)
{
    const VbDomainNet *a = wanted, *b = other;
    const VbDomainPciAddress *pci = &a->info.address.pci, *pci_other = &b->info.address.pci;
    if (a->mac.is_set && memcmp(a->mac.bytes, b->mac.bytes, sizeof a->mac.bytes) != 0)
        return FALSE;
    if (a->info.alias && g_strcmp0(a->info.alias, b->info.alias) != 0)
        return FALSE;
    return a->info.address.type != VB_DOMAIN_ADDRESS_PCI ||
           (b->info.address.type == VB_DOMAIN_ADDRESS_PCI && pci->bus == pci_other->bus &&
            pci->slot == pci_other->slot && pci->function == pci_other->function);
}

/* by what is said of the source: a running guest's USB device has an address beside the ids that it was found by */
static gboolean
is_same_hostdev(gconstpointer wanted, gconstpointer other)
{
    const VbDomainHostdev *a = wanted, *b = other;
    if (a->type != VB_DOMAIN_HOSTDEV_USB || a->type != b->type)
        return vb_domain_hostdev_is_same(a, b);
    if (a->has_usb_bus &&
        (!b->has_usb_bus || a->usb_bus != b->usb_bus || a->usb_device != b->usb_device))
        return FALSE;
    return !a->has_usb_vendor || (b->has_usb_vendor && a->usb_vendor == b->usb_vendor &&
                                  a->usb_product == b->usb_product);
}

static gboolean
is_same_chr(gconstpointer wanted, gconstpointer other)
{
    const VbDomainChr *a = wanted, *b = other;
    int type = a->source.type ? a->source.type : VB_DOMAIN_CHR_PTY;
    if (type != b->source.type || (a->has_port && a->port != b->port) ||
        (type != VB_DOMAIN_CHR_PTY && g_strcmp0(a->source.path, b->source.path) != 0))
        return FALSE;
    return a->channel_target == b->channel_target &&
           g_strcmp0(a->target_name, b->target_name) == 0 &&
           (!a->serial_target || a->serial_target == b->serial_target) &&
           (!a->console_target || a->console_target == b->console_target);
}

static gboolean
is_same_input(gconstpointer wanted, gconstpointer other)
{
    const VbDomainInput *a = wanted, *b = other;
    return a->type == b->type && (!a->bus || a->bus == b->bus);
}

static gboolean
is_same_graphics(gconstpointer wanted, gconstpointer other)
{
    return ((const VbDomainGraphics *)wanted)->type == ((const VbDomainGraphics *)other)->type;
}

static gboolean
is_same_watchdog(gconstpointer wanted, gconstpointer other)
{
    return ((const VbDomainWatchdog *)wanted)->model == ((const VbDomainWatchdog *)other)->model;
}

/* ---- the table ---- */

#define ROW(element, name, member, table, class, single, same)                                     \
    {                                                                                              \
        element, name, &vb_domain_##table##_type, G_STRUCT_OFFSET(VbDomainDef, member),            \
            VB_DOMAIN_CLASS_##class, single, same                                                  \
    }

static const QemuDeviceKind kinds[] = {
    ROW("disk", "disk", disks, disk, DISK, FALSE, is_same_disk),
    ROW("controller", "controller", controllers, controller, CONTROLLER, FALSE, is_same_controller),
    ROW("filesystem", "fs", filesystems, filesystem, FILESYSTEM, FALSE, NULL),
    ROW("interface", "net", nets, net, NET, FALSE, is_same_net),
    ROW("smartcard", "smartcard", smartcards, smartcard, SMARTCARD, FALSE, NULL),
    ROW("serial", "chr", serials, serial, SERIAL, FALSE, is_same_chr),
    ROW("parallel", "chr", parallels, parallel, PARALLEL, FALSE, is_same_chr),
    ROW("console", "chr", consoles, console, CONSOLE, FALSE, is_same_chr),
    ROW("channel", "chr", channels, channel, CHANNEL, FALSE, is_same_chr),
    ROW("input", "input", inputs, input, INPUT, FALSE, is_same_input),
    ROW("tpm", "tpm", tpms, tpm, TPM, FALSE, NULL),
    ROW("graphics", "graphics", graphics, graphics, LAST, FALSE, is_same_graphics),
    ROW("sound", "sound", sounds, sound, SOUND, FALSE, NULL),
    ROW("audio", "audio", audios, audio, LAST, FALSE, NULL),
    ROW("video", "video", videos, video, VIDEO, FALSE, NULL),
    ROW("hostdev", "hostdev", hostdevs, hostdev, HOSTDEV, FALSE, is_same_hostdev),
    ROW("redirdev", "redirdev", redirdevs, redirdev, REDIRDEV, FALSE, NULL),
    ROW("hub", "hub", hubs, hub, HUB, FALSE, NULL),
    ROW("watchdog", "watchdog", watchdogs, watchdog, WATCHDOG, FALSE, is_same_watchdog),
    ROW("memballoon", "memballoon", memballoon, memballoon, MEMBALLOON, TRUE, NULL),
    ROW("rng", "rng", rngs, rng, RNG, FALSE, NULL),
    ROW("panic", "panic", panics, panic, PANIC, FALSE, NULL),
    ROW("shmem", "shmem", shmems, shmem, SHMEM, FALSE, NULL),
    ROW("memory", "memory", memories, memory_device, MEMORY, FALSE, NULL),
    ROW("iommu", "iommu", iommu, iommu, IOMMU, TRUE, NULL),
    ROW("vsock", "vsock", vsock, vsock, VSOCK, TRUE, NULL),
    ROW("crypto", "crypto", cryptos, crypto, CRYPTO, FALSE, NULL),
    ROW("pstore", "pstore", pstore, pstore, PSTORE, TRUE, NULL),
    ROW("nvram", "nvram", nvram, nvram_device, NVRAM, TRUE, NULL),
};

static const QemuDeviceKind *
find_kind(const char *element)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].element, element) == 0)
            return &kinds[i];
    }
    return NULL;
}

static const QemuDeviceKind *
kind_of_class(int class)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].class == class)
            return &kinds[i];
    }
    return NULL;
}

/* ---- reading ---- */

/* name of the first element; text that has none is left to the real parser, which says what is wrong with it */
static char *
root_name(const char *xml)
{
    xmlParserCtxt *context;
    xmlDoc *doc;
    xmlNode *root;
    char *name;
    if (strlen(xml) > MAX_TEXT)
        return NULL;
    context = xmlNewParserCtxt();
    doc = context ? xmlCtxtReadMemory(context, xml, (int)strlen(xml), NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
                  : NULL;
    root = doc ? xmlDocGetRootElement(doc) : NULL;
    name = root ? g_strdup((const char *)root->name) : NULL;
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(context);
    return name;
}

/* Text without a root element: whatever it was to be, users know it as "(device_definition)". */
typedef struct {
    char *text;
} Malformed;
static const VbXmlField malformed_fields[] = {VB_XML_STR(Malformed, text, ".")};
static VB_XML_TYPE(malformed_type, Malformed, "device", malformed_fields,
                   .document = "device_definition");

/**
 * qemu_device_parse:
 * @xml: one element of <devices>
 * @flags: QEMU_DEVICE_LIVE
 * @error: return location
 *
 * Returns: (transfer full): the device as it is written; NULL with @error set
 * Errors: CONFIG_UNSUPPORTED unknown device type; XML_ERROR, XML_DETAIL
 */
QemuDevice *
qemu_device_parse(const char *xml, guint flags, GError **error)
{
    g_autofree char *element = root_name(xml);
    const QemuDeviceKind *kind = element ? find_kind(element) : &kinds[0];
    QemuDevice *device;
    gpointer parsed;
    if (!kind) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unknown device type '%s'", element);
        return NULL;
    }
    if (!element) {
        vb_xml_free(&malformed_type, vb_xml_parse(&malformed_type, xml, -1, error));
        return NULL;
    }
    parsed = vb_xml_parse_full(kind->type, xml, -1,
                               flags & QEMU_DEVICE_LIVE ? 0 : VB_XML_PARSE_INACTIVE, error);
    if (!parsed)
        return NULL;
    device = g_new0(QemuDevice, 1);
    device->kind = kind;
    device->device = parsed;
    if (!(flags & QEMU_DEVICE_LIVE) && qemu_device_info(device) &&
        !vb_domain_alias_is_user(qemu_device_info(device)->alias))
        g_clear_pointer(&qemu_device_info(device)->alias, g_free);
    return device;
}

QemuDevice *
qemu_device_copy(const QemuDevice *device)
{
    QemuDevice *copy = g_new0(QemuDevice, 1);
    copy->kind = device->kind;
    copy->device = vb_xml_copy(device->kind->type, device->device);
    return copy;
}

void
qemu_device_free(QemuDevice *device)
{
    if (!device)
        return;
    vb_xml_free(device->kind->type, device->device);
    g_free(device);
}

const char *
qemu_device_name(const QemuDevice *device)
{
    return device->kind->name;
}

int
qemu_device_class(const QemuDevice *device)
{
    return device->kind->class;
}

gboolean
qemu_device_is_single(const QemuDevice *device)
{
    return device->kind->is_single;
}

VbDomainDeviceInfo *
qemu_device_info(const QemuDevice *device)
{
    if (device->kind->class == VB_DOMAIN_CLASS_LAST)
        return NULL;
    return vb_domain_device_info((VbDomainDeviceClass)device->kind->class, device->device);
}

static gpointer *
slot_of(const QemuDeviceKind *kind, VbDomainDef *def)
{
    return (gpointer *)((char *)def + kind->member);
}

GPtrArray **
qemu_device_list(const QemuDevice *device, VbDomainDef *def)
{
    return device->kind->is_single ? NULL : (GPtrArray **)slot_of(device->kind, def);
}

/* ---- finding ---- */

/* what the user left out does not count */
static gboolean
is_written_same(const QemuDeviceKind *kind, gpointer wanted, gconstpointer other)
{
    const VbDomainDeviceInfo *info = NULL;
    VbDomainDeviceInfo *found;
    gpointer copy;
    gboolean is_same;
    if (kind->class == VB_DOMAIN_CLASS_LAST)
        return vb_xml_equal(kind->type, wanted, other);
    info = vb_domain_device_info((VbDomainDeviceClass)kind->class, wanted);
    copy = vb_xml_copy(kind->type, other);
    found = vb_domain_device_info((VbDomainDeviceClass)kind->class, copy);
    if (!info->alias)
        g_clear_pointer(&found->alias, g_free);
    if (info->address.type == VB_DOMAIN_ADDRESS_NONE) {
        vb_domain_address_become(&found->address, VB_DOMAIN_ADDRESS_NONE);
    }
    is_same = vb_xml_equal(kind->type, wanted, copy);
    vb_xml_free(kind->type, copy);
    return is_same;
}

static gboolean
is_same(const QemuDeviceKind *kind, gpointer wanted, gconstpointer other)
{
    return kind->is_same ? kind->is_same(wanted, other) : is_written_same(kind, wanted, other);
}

static gboolean
fail_net(const VbDomainNet *net, guint n_found, GError **error)
{
    char mac[18] = "(null)";
    if (net->mac.is_set)
        vb_mac_format(&net->mac, mac);
    if (n_found > 1)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "multiple devices matching MAC address %s found", mac);
    return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                        "no device found at address '%s' matching MAC address '%s' and alias '%s'",
                        "(<null>)", mac, net->info.alias ? net->info.alias : "(<null>)");
}

/* Source: what libvirt says, by the kind of source */
static gboolean
fail_hostdev(const VbDomainHostdev *hostdev, GError **error)
{
    const VbDomainPciAddress *pci = &hostdev->pci;
    if (hostdev->type == VB_DOMAIN_HOSTDEV_PCI)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "host pci device %04x:%02x:%02x.%x not found", pci->domain, pci->bus,
                            pci->slot, pci->function);
    if (hostdev->type == VB_DOMAIN_HOSTDEV_USB && hostdev->has_usb_bus)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "host usb device %03u.%03u not found",
                            hostdev->usb_bus, hostdev->usb_device);
    if (hostdev->type == VB_DOMAIN_HOSTDEV_USB)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "host usb device vendor=0x%.4x product=0x%.4x not found",
                            hostdev->usb_vendor, hostdev->usb_product);
    if (hostdev->type == VB_DOMAIN_HOSTDEV_SCSI && !hostdev->iscsi_name)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "host scsi device %s:%u:%u.%" G_GUINT64_FORMAT " not found",
                            hostdev->scsi_adapter, hostdev->scsi_bus, hostdev->scsi_target,
                            hostdev->scsi_unit);
    return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "matching hostdev device not found");
}

static gboolean
fail_model(const QemuDevice *device, GError **error)
{
    const VbDomainMemoryDevice *memory = device->device;
    const VbDomainShmem *shmem = device->device;
    if (device->kind->class == VB_DOMAIN_CLASS_MEMORY)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "model '%s' memory device not present in the domain configuration",
                            memory->model);
    return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                        "model '%s' shmem device not present in domain configuration",
                        shmem->model ? shmem->model : "ivshmem");
}

/* Source: what libvirt 9.0 says to detach-device of a device that is not there */
static gboolean
fail_missing(const QemuDevice *device, guint n_found, guint flags, GError **error)
{
    const gboolean is_live = (flags & QEMU_DEVICE_LIVE) != 0;
    const VbDomainController *controller = device->device;
    const VbDomainRng *rng = device->device;
    switch (device->kind->class) {
    case VB_DOMAIN_CLASS_NET:
        return fail_net(device->device, n_found, error);
    case VB_DOMAIN_CLASS_HOSTDEV:
        return fail_hostdev(device->device, error);
    case VB_DOMAIN_CLASS_DISK:
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            is_live ? "disk %s not found" : "no target device %s",
                            ((const VbDomainDisk *)device->device)->dst);
    case VB_DOMAIN_CLASS_CONTROLLER:
        if (is_live)
            return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "controller %s:%u not found",
                                vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type),
                                controller->index);
        break;
    case VB_DOMAIN_CLASS_RNG:
        if (is_live)
            return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                                "model '%s' RNG device not present in domain configuration",
                                vb_enum_to_nick(&vb_domain_rng_backend_enum, rng->backend));
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "no matching RNG device was found");
    case VB_DOMAIN_CLASS_WATCHDOG:
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            is_live ? "watchdog device not present in domain configuration"
                                    : "domain has no watchdog");
    case VB_DOMAIN_CLASS_MEMORY:
    case VB_DOMAIN_CLASS_SHMEM:
        if (is_live)
            return fail_model(device, error);
        break;
    case VB_DOMAIN_CLASS_INPUT:
    case VB_DOMAIN_CLASS_VSOCK:
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "matching %s device not found",
                            device->kind->name);
    case VB_DOMAIN_CLASS_SERIAL:
    case VB_DOMAIN_CLASS_PARALLEL:
    case VB_DOMAIN_CLASS_CONSOLE:
    case VB_DOMAIN_CLASS_CHANNEL:
        if (is_live)
            return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                                "chr type '%s' device not present in domain configuration",
                                device->kind->element);
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "device not present in domain configuration");
    }
    return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                        "device not present in domain configuration");
}

gpointer
qemu_device_find(const QemuDevice *device, VbDomainDef *def, guint flags, GError **error)
{
    const QemuDeviceKind *kind = device->kind;
    gpointer *slot = slot_of(kind, def);
    gpointer found = NULL;
    guint n_found = 0;
    if (kind->is_single) {
        if (*slot && is_same(kind, device->device, *slot))
            return *slot;
    } else {
        VB_DOMAIN_EACH(void, other, (GPtrArray *)*slot)
        {
            if (!is_same(kind, device->device, other))
                continue;
            found = found ? found : other;
            n_found++;
        }
    }
    if (found && (n_found == 1 || kind->class != VB_DOMAIN_CLASS_NET))
        return found;
    fail_missing(device, n_found, flags, error);
    return NULL;
}

typedef struct {
    const char *alias;
    VbDomainDevice *ret;
} AliasSearch;

static gboolean
match_alias(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    AliasSearch *search = data;
    if (g_strcmp0(device->info->alias, search->alias) != 0)
        return TRUE;
    *search->ret = *device;
    return FALSE;
}

gboolean
qemu_device_find_alias(VbDomainDef *def, const char *alias, VbDomainDevice *ret_device)
{
    AliasSearch search = {alias, ret_device};
    return !vb_domain_each_device(def, match_alias, &search);
}

/* ---- editing ---- */

gboolean
qemu_device_add(QemuDevice *device, VbDomainDef *def, GError **error)
{
    gpointer *slot = slot_of(device->kind, def);
    if (device->kind->is_single && *slot)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain already has a %s device",
                            device->kind->name);
    if (device->kind->is_single)
        *slot = g_steal_pointer(&device->device);
    else if (qemu_device_class(device) == VB_DOMAIN_CLASS_DISK)
        vb_domain_add_disk(def, g_steal_pointer(&device->device));
    else
        vb_domain_list_add((GPtrArray **)slot, g_steal_pointer(&device->device));
    return TRUE;
}

static void
drop(const QemuDeviceKind *kind, VbDomainDef *def, gpointer victim)
{
    gpointer *slot = slot_of(kind, def);
    if (kind->is_single)
        *slot = NULL;
    else
        g_ptr_array_remove((GPtrArray *)*slot, victim);
    vb_xml_free(kind->type, victim);
}

void
qemu_device_drop(const QemuDevice *device, VbDomainDef *def, gpointer victim)
{
    drop(device->kind, def, victim);
}

void
qemu_device_drop_any(VbDomainDef *def, const VbDomainDevice *victim)
{
    drop(kind_of_class((int)victim->class), def, victim->device);
}
