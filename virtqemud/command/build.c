/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a command line that every device class needs: options, JSON properties, addresses. Owns nothing. */
#include "command/build.h"

void
qemu_build_option(QemuBuild *build, const char *option, const char *value)
{
    g_ptr_array_add(build->argv, g_strdup(option));
    if (value)
        g_ptr_array_add(build->argv, g_strdup(value));
}

void
qemu_build_take_option(QemuBuild *build, const char *option, char *value)
{
    g_ptr_array_add(build->argv, g_strdup(option));
    g_ptr_array_add(build->argv, value);
}

void
qemu_build_append_escaped(GString *text, const char *value)
{
    for (const char *at = value; *at; at++) {
        if (*at == ',')
            g_string_append_c(text, ',');
        g_string_append_c(text, *at);
    }
}

void
qemu_build_append(GString *text, const char *key, const char *value)
{
    if (!value)
        return;
    g_string_append_printf(text, ",%s=", key);
    qemu_build_append_escaped(text, value);
}

guint64
qemu_build_scale(guint64 number, const char *unit, guint64 default_unit)
{
    guint64 bytes = 0;

    (void)vb_size_scale(number, unit, default_unit, &bytes);
    return bytes;
}

const char *
qemu_build_on_off(VbTristate value)
{
    return value == VB_TRISTATE_YES ? "on" : value == VB_TRISTATE_NO ? "off" : NULL;
}

VbJsonWriter *
qemu_build_device_new(const char *driver)
{
    VbJsonWriter *json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "driver", driver);
    return json;
}

VbJsonWriter *
qemu_build_object_new(const char *qom_type, const char *id)
{
    VbJsonWriter *json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "qom-type", qom_type);
    vb_json_add_string(json, "id", id);
    return json;
}

void
qemu_build_take_json(QemuBuild *build, const char *option, VbJsonWriter *json)
{
    vb_json_end(json);
    qemu_build_take_option(build, option, vb_json_writer_finish(json));
    vb_json_writer_free(json);
}

void
qemu_build_add_tristate(VbJsonWriter *json, const char *key, VbTristate value)
{
    if (value != VB_TRISTATE_ABSENT)
        vb_json_add_bool(json, key, value == VB_TRISTATE_YES);
}

void
qemu_build_add_switch(VbJsonWriter *json, const char *key, VbTristate value)
{
    vb_json_add_string(json, key, qemu_build_on_off(value));
}

void
qemu_build_add_virtio(VbJsonWriter *json, const VbDomainVirtioOptions *virtio)
{
    qemu_build_add_tristate(json, "iommu_platform", virtio->iommu);
    qemu_build_add_tristate(json, "ats", virtio->ats);
    qemu_build_add_tristate(json, "packed", virtio->packed);
    qemu_build_add_tristate(json, "page-per-vq", virtio->page_per_vq);
}

void
qemu_build_add_rom(VbJsonWriter *json, const VbDomainDeviceInfo *info)
{
    if (info->rom_enabled == VB_TRISTATE_NO) {
        vb_json_add_string(json, "romfile", "");
        return;
    }
    if (info->rom_bar != VB_TRISTATE_ABSENT)
        vb_json_add_int(json, "rombar", info->rom_bar == VB_TRISTATE_YES);
    vb_json_add_string(json, "romfile", info->rom_file);
}

guint
qemu_build_find_boot_index(QemuBuild *build, const VbDomainDeviceInfo *info)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(build->boot_index, info));
}

void
qemu_build_add_boot_index(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info)
{
    guint index = qemu_build_find_boot_index(build, info);

    if (index > 0)
        vb_json_add_uint(json, "bootindex", index);
}

const char *
qemu_build_controller_alias(QemuBuild *build, int type, guint index, GError **error)
{
    const VbDomainController *controller = vb_domain_find_controller(build->def, type, index);

    /* the machine names its root bus, whatever alias the user gave it */
    if (controller && type == VB_DOMAIN_CONTROLLER_PCI &&
        controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT)
        return "pcie.0";
    if (controller && type == VB_DOMAIN_CONTROLLER_PCI &&
        controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT)
        return "pci.0";
    if (controller && controller->info.alias)
        return controller->info.alias;
    vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                 "could not find %s controller with index %u required for device",
                 vb_enum_to_nick(&vb_domain_controller_type_enum, type), index);
    return NULL;
}

static gboolean
add_pci(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    const VbDomainPciAddress *pci = &info->address.pci;
    const char *bus;
    char addr[32];

    if (pci->domain != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only PCI device addresses with domain=0 are supported");
    bus = qemu_build_controller_alias(build, VB_DOMAIN_CONTROLLER_PCI, pci->bus, error);
    if (!bus)
        return FALSE;
    if (pci->function)
        g_snprintf(addr, sizeof addr, "0x%x.0x%x", pci->slot, pci->function);
    else
        g_snprintf(addr, sizeof addr, "0x%x", pci->slot);
    vb_json_add_string(json, "bus", bus);
    qemu_build_add_tristate(json, "multifunction", pci->multifunction);
    vb_json_add_string(json, "addr", addr);
    if (info->acpi_index)
        vb_json_add_uint(json, "acpi-index", info->acpi_index);
    return TRUE;
}

static gboolean
add_bus(QemuBuild *build, VbJsonWriter *json, int type, guint index, GError **error)
{
    const char *alias = qemu_build_controller_alias(build, type, index, error);
    g_autofree char *bus = NULL;

    if (!alias)
        return FALSE;
    bus = g_strdup_printf("%s.0", alias);
    vb_json_add_string(json, "bus", bus);
    return TRUE;
}

static gboolean
add_usb(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (!add_bus(build, json, VB_DOMAIN_CONTROLLER_USB, info->address.usb.bus, error))
        return FALSE;
    vb_json_add_string(json, "port", info->address.usb.port);
    return TRUE;
}

static gboolean
add_virtio_serial(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info,
                  GError **error)
{
    if (!add_bus(build, json, VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL,
                 info->address.virtio_serial.controller, error))
        return FALSE;
    vb_json_add_uint(json, "nr", info->address.virtio_serial.port);
    return TRUE;
}

static gboolean
add_ccid(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    return add_bus(build, json, VB_DOMAIN_CONTROLLER_CCID, info->address.ccid.controller, error);
}

static gboolean
add_isa(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (info->address.isa.has_iobase)
        vb_json_add_uint(json, "iobase", info->address.isa.iobase);
    if (info->address.isa.has_irq)
        vb_json_add_uint(json, "irq", info->address.isa.irq);
    return TRUE;
}

static gboolean
add_spapr_vio(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (info->address.spapr.has_reg)
        vb_json_add_uint(json, "reg", info->address.spapr.reg);
    return TRUE;
}

static gboolean
add_dimm(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (info->address.dimm.has_slot)
        vb_json_add_uint(json, "slot", info->address.dimm.slot);
    if (info->address.dimm.has_base)
        vb_json_add_uint(json, "addr", info->address.dimm.base);
    return TRUE;
}

/* drive addresses differ per bus: disk.c writes them */
static gboolean (*const address_writers[VB_DOMAIN_ADDRESS_LAST])(QemuBuild *, VbJsonWriter *,
                                                                 const VbDomainDeviceInfo *,
                                                                 GError **) = {
    [VB_DOMAIN_ADDRESS_PCI] = add_pci,
    [VB_DOMAIN_ADDRESS_USB] = add_usb,
    [VB_DOMAIN_ADDRESS_VIRTIO_SERIAL] = add_virtio_serial,
    [VB_DOMAIN_ADDRESS_CCID] = add_ccid,
    [VB_DOMAIN_ADDRESS_ISA] = add_isa,
    [VB_DOMAIN_ADDRESS_DIMM] = add_dimm,
    [VB_DOMAIN_ADDRESS_SPAPR_VIO] = add_spapr_vio,
};

gboolean
qemu_build_add_address(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info,
                       GError **error)
{
    int type = info->address.type;

    if (type < 0 || type >= VB_DOMAIN_ADDRESS_LAST || !address_writers[type])
        return TRUE;
    return address_writers[type](build, json, info, error);
}

char *
qemu_build_virtio_driver(const char *base, const VbDomainDeviceInfo *info, QemuVirtioKind kind)
{
    static const char *const suffixes[] = {
        [QEMU_VIRTIO_PLAIN] = "",
        [QEMU_VIRTIO_TRANSITIONAL] = "-transitional",
        [QEMU_VIRTIO_NON_TRANSITIONAL] = "-non-transitional",
    };

    if (info->address.type == VB_DOMAIN_ADDRESS_CCW)
        return g_strdup_printf("%s-ccw", base);
    if (info->address.type == VB_DOMAIN_ADDRESS_VIRTIO_MMIO)
        return g_strdup_printf("%s-device", base);
    return g_strdup_printf("%s-pci%s", base, suffixes[kind]);
}

/* names of -device that stand for another type (QEMU: softmmu/qdev-monitor.c, qdev_alias_table) */
static const struct {
    const char *alias, *type;
} device_aliases[] = {{"lsi", "lsi53c895a"}, {"ahci", "ich9-ahci"}};

gboolean
qemu_build_need_device(QemuBuild *build, const char *type, GError **error)
{
    if (qemu_caps_has_device(build->caps, type))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(device_aliases); i++)
        if (g_str_equal(device_aliases[i].alias, type) &&
            qemu_caps_has_device(build->caps, device_aliases[i].type))
            return TRUE;
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "this QEMU doesn't support the '%s' device", type);
}

static const QemuCommandFd *
find_fd(QemuBuild *build, QemuCommandFdKind kind, const char *alias, guint nth)
{
    for (guint i = 0; i < build->options->n_fds; i++) {
        const QemuCommandFd *entry = &build->options->fds[i];

        if (entry->kind == kind && g_strcmp0(entry->alias, alias) == 0 && nth-- == 0)
            return entry;
    }
    return NULL;
}

int
qemu_build_find_fd(QemuBuild *build, QemuCommandFdKind kind, const char *alias, guint nth)
{
    const QemuCommandFd *entry = find_fd(build, kind, alias, nth);

    return entry ? entry->fd : -1;
}

char *
qemu_build_find_fd_name(QemuBuild *build, QemuCommandFdKind kind, const char *alias, guint nth)
{
    const QemuCommandFd *entry = find_fd(build, kind, alias, nth);

    if (!entry)
        return NULL;
    return entry->name ? g_strdup(entry->name) : g_strdup_printf("%d", entry->fd);
}
