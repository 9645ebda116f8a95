/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of the host given to the guest: USB, PCI (vfio), mediated devices, SCSI units and whole vhost targets. */
#include "command/build.h"

typedef gboolean (*HostdevTaker)(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error);

static gboolean
finish(QemuBuild *build, VbJsonWriter *json, const VbDomainHostdev *hostdev, GError **error)
{
    if (!qemu_build_add_address(build, json, &hostdev->info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_add_rom(json, &hostdev->info);
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
take_usb(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *node = NULL;
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, "usb-host", error))
        return FALSE;
    json = qemu_build_device_new("usb-host");
    if (hostdev->has_usb_bus) {
        node = g_strdup_printf("/dev/bus/usb/%03u/%03u", hostdev->usb_bus, hostdev->usb_device);
        vb_json_add_string(json, "hostdevice", node);
    } else { /* whichever is plugged in: the start looks for it before */
        vb_json_add_uint(json, "vendorid", hostdev->usb_vendor);
        vb_json_add_uint(json, "productid", hostdev->usb_product);
    }
    vb_json_add_string(json, "id", hostdev->info.alias);
    if (g_strcmp0(hostdev->guest_reset, "off") == 0)
        vb_json_add_bool(json, "guest-reset", FALSE);
    else if (g_strcmp0(hostdev->guest_reset, "uninitialized") == 0) {
        vb_json_add_bool(json, "guest-reset", TRUE);
        vb_json_add_bool(json, "guest-resets-all", FALSE);
    } else if (g_strcmp0(hostdev->guest_reset, "on") == 0) {
        vb_json_add_bool(json, "guest-reset", TRUE);
        vb_json_add_bool(json, "guest-resets-all", TRUE);
    }
    qemu_build_add_boot_index(build, json, &hostdev->info);
    return finish(build, json, hostdev, error);
}

static gboolean
take_pci(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *host =
        g_strdup_printf("%04x:%02x:%02x.%x", hostdev->pci.domain, hostdev->pci.bus,
                        hostdev->pci.slot, hostdev->pci.function);
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, "vfio-pci", error))
        return FALSE;
    json = qemu_build_device_new("vfio-pci");
    vb_json_add_string(json, "host", host);
    vb_json_add_string(json, "id", hostdev->info.alias);
    vb_json_add_string(json, "failover_pair_id", hostdev->teaming_persistent);
    qemu_build_add_boot_index(build, json, &hostdev->info);
    return finish(build, json, hostdev, error);
}

static gboolean
take_mdev(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error)
{
    g_autofree char *path = g_strconcat("/sys/bus/mdev/devices/", hostdev->mdev_uuid, NULL);
    gboolean has_ramfb = hostdev->ramfb == VB_TRISTATE_YES;
    const char *driver = g_strcmp0(hostdev->mdev_model, "vfio-pci") != 0 ? hostdev->mdev_model
                         : has_ramfb                                     ? "vfio-pci-nohotplug"
                                                                         : "vfio-pci";
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    vb_json_add_string(json, "id", hostdev->info.alias);
    vb_json_add_string(json, "sysfsdev", path);
    vb_json_add_string(json, "display", qemu_build_on_off(hostdev->display));
    if (has_ramfb)
        vb_json_add_bool(json, "ramfb", TRUE);
    qemu_build_add_boot_index(build, json, &hostdev->info);
    return finish(build, json, hostdev, error);
}

static gboolean
take_scsi_node(QemuBuild *build, const VbDomainHostdev *hostdev, const char *node, GError **error)
{
    VbDomainStorageHost host = {.name = hostdev->iscsi_host, .port = hostdev->iscsi_port};
    gpointer hosts[] = {&host};
    GPtrArray list = {.pdata = hosts, .len = 1};
    VbDomainSourceMore more = {.initiator_iqn = hostdev->iscsi_initiator,
                               .auth_username = hostdev->iscsi_auth_username,
                               .auth_secret_uuid = hostdev->iscsi_auth_secret_uuid,
                               .auth_secret_usage = hostdev->iscsi_auth_secret_usage};
    VbDomainDiskSource source = {.type = VB_DOMAIN_STORAGE_NETWORK,
                                 .protocol = VB_DOMAIN_NET_PROTOCOL_ISCSI,
                                 .name = hostdev->iscsi_name,
                                 .hosts = &list,
                                 .more = &more};
    g_autofree char *path = NULL;
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    if (!hostdev->iscsi_name) {
        path = build->options->find_scsi
                   ? build->options->find_scsi(hostdev, build->options->scsi_data)
                   : NULL;
        if (!path)
            return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                                "SCSI device '%s:%u:%u:%" G_GUINT64_FORMAT "': not found",
                                hostdev->scsi_adapter, hostdev->scsi_bus, hostdev->scsi_target,
                                hostdev->scsi_unit);
        source = (VbDomainDiskSource){.type = VB_DOMAIN_STORAGE_BLOCK, .dev = path};
    }
    if (!qemu_build_add_protocol(build, json, &source, node, error))
        return FALSE;
    vb_json_add_string(json, "node-name", node);
    vb_json_add_bool(json, "read-only", hostdev->is_readonly);
    qemu_build_take_json(build, "-blockdev", g_steal_pointer(&json));
    return TRUE;
}

static gboolean
take_scsi(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error)
{
    const VbDomainAddress none = {0};
    const VbDomainAddress *given = &hostdev->info.address;
    const __typeof__(none.drive) at =
        given->type == VB_DOMAIN_ADDRESS_DRIVE ? given->drive : none.drive;
    const VbDomainController *controller =
        vb_domain_find_controller(build->def, VB_DOMAIN_CONTROLLER_SCSI, at.controller);
    const char *alias =
        qemu_build_controller_alias(build, VB_DOMAIN_CONTROLLER_SCSI, at.controller, error);
    g_autofree char *bus = g_strdup_printf("%s.0", alias ? alias : "");
    g_autofree char *node = g_strdup_printf("libvirt-%s-backend", hostdev->info.alias);
    VbJsonWriter *json;

    if (!alias || !qemu_build_need_device(build, "scsi-generic", error) ||
        !take_scsi_node(build, hostdev, node, error))
        return FALSE;
    json = qemu_build_device_new("scsi-generic");
    vb_json_add_string(json, "bus", bus);
    if (controller->scsi_model == VB_DOMAIN_SCSI_MODEL_LSILOGIC) {
        vb_json_add_uint(json, "scsi-id", at.unit);
    } else {
        vb_json_add_uint(json, "channel", at.bus);
        vb_json_add_uint(json, "scsi-id", at.target);
        vb_json_add_uint(json, "lun", at.unit);
    }
    if (hostdev->is_shareable)
        vb_json_add_bool(json, "share-rw", TRUE);
    vb_json_add_string(json, "drive", node);
    vb_json_add_string(json, "id", hostdev->info.alias);
    qemu_build_add_boot_index(build, json, &hostdev->info);
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
take_scsi_host(QemuBuild *build, const VbDomainHostdev *hostdev, GError **error)
{
    QemuVirtioKind kind = g_strcmp0(hostdev->scsi_host_model, "virtio-transitional") == 0
                              ? QEMU_VIRTIO_TRANSITIONAL
                          : g_strcmp0(hostdev->scsi_host_model, "virtio-non-transitional") == 0
                              ? QEMU_VIRTIO_NON_TRANSITIONAL
                              : QEMU_VIRTIO_PLAIN;
    g_autofree char *driver = qemu_build_virtio_driver("vhost-scsi", &hostdev->info, kind);
    g_autofree char *fd =
        qemu_build_find_fd_name(build, QEMU_COMMAND_FD_VHOST, hostdev->info.alias, 0);
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    vb_json_add_string(json, "wwpn", hostdev->vhost_wwpn);
    vb_json_add_string(json, "vhostfd", fd);
    vb_json_add_string(json, "id", hostdev->info.alias);
    return finish(build, json, hostdev, error);
}

static const HostdevTaker takers[VB_DOMAIN_HOSTDEV_LAST] = {
    [VB_DOMAIN_HOSTDEV_USB] = take_usb,   [VB_DOMAIN_HOSTDEV_PCI] = take_pci,
    [VB_DOMAIN_HOSTDEV_SCSI] = take_scsi, [VB_DOMAIN_HOSTDEV_SCSI_HOST] = take_scsi_host,
    [VB_DOMAIN_HOSTDEV_MDEV] = take_mdev,
};

gboolean
qemu_build_hostdevs(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, build->def->hostdevs)
    if (!takers[hostdev->type](build, hostdev, error))
        return FALSE;
    return TRUE;
}
