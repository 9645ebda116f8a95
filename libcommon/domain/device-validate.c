/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of controllers, character devices, graphics and video. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static gboolean
is_x86(const VbDomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}

/* controllers */
static gboolean
is_same_function(const VbDomainController *a, const VbDomainController *b)
{
    return a->type == b->type && a->index == b->index && a->usb_model == b->usb_model;
}

static gboolean
validate_unique(const VbDomainDef *def, guint i, GError **error)
{
    const VbDomainController *controller = g_ptr_array_index(def->controllers, i);

    for (guint j = 0; j < i; j++) {
        if (is_same_function(controller, g_ptr_array_index(def->controllers, j)))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Multiple '%s' controllers with index '%u'",
                                vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type),
                                controller->index);
    }
    return TRUE;
}

static gboolean
validate_controller(const VbDomainController *controller, GError **error)
{
    const gboolean is_root = controller->type == VB_DOMAIN_CONTROLLER_PCI &&
                             (controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT ||
                              controller->pci_model == VB_DOMAIN_PCI_MODEL_PCIE_ROOT);

    if (is_root && controller->index != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "pci-root and pcie-root controllers should have index 0");
    if (is_root && controller->info.address.type != VB_DOMAIN_ADDRESS_NONE)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "pci-root and pcie-root controllers should not have an address");
    if (controller->type == VB_DOMAIN_CONTROLLER_USB && controller->has_ports &&
        controller->ports > 15 &&
        (controller->usb_model == VB_DOMAIN_USB_MODEL_QEMU_XHCI ||
         controller->usb_model == VB_DOMAIN_USB_MODEL_NEC_XHCI))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "'%s' controller only supports up to '15' ports",
                            vb_enum_to_nick(&vb_domain_usb_model_enum, controller->usb_model));
    if (controller->type == VB_DOMAIN_CONTROLLER_USB &&
        (controller->usb_model == VB_DOMAIN_USB_MODEL_QUSB1 ||
         controller->usb_model == VB_DOMAIN_USB_MODEL_QUSB2))
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "USB controller model type 'qusb1' or 'qusb2' is not supported in qemu");
    if (controller->iothread && (controller->type != VB_DOMAIN_CONTROLLER_SCSI ||
                                 controller->scsi_model != VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "'iothread' attribute only supported for virtio scsi controllers");
    return TRUE;
}

/* queues and the like are virtio's */
static gboolean
validate_scsi(const VbDomainDef *def, const VbDomainController *controller, GError **error)
{
    const int model = controller->scsi_model;
    const gboolean is_virtio = controller->type == VB_DOMAIN_CONTROLLER_SCSI &&
                               (model == VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI ||
                                model == VB_DOMAIN_SCSI_MODEL_VIRTIO_TRANSITIONAL ||
                                model == VB_DOMAIN_SCSI_MODEL_VIRTIO_NON_TRANSITIONAL);
    const struct {
        gboolean is_there;
        const char *name;
    } rows[] = {{controller->queues != 0, "queues"},
                {controller->cmd_per_lun != 0, "cmd_per_lun"},
                {controller->max_sectors != 0, "max_sectors"},
                {controller->ioeventfd != 0, "ioeventfd"}};

    for (guint i = 0; i < G_N_ELEMENTS(rows) && !is_virtio; i++) {
        if (rows[i].is_there)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "'%s' is only supported by virtio-scsi controller", rows[i].name);
    }
    if (controller->type != VB_DOMAIN_CONTROLLER_SCSI)
        return TRUE;
    if (model == VB_DOMAIN_SCSI_MODEL_BUSLOGIC)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported controller model: %s",
                            vb_enum_to_nick(&vb_domain_scsi_model_enum, model));
    if (model == VB_DOMAIN_SCSI_MODEL_NCR53C90 && controller->index > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "%s can only be used as first SCSI controller", "ncr53c90");
    if (model == VB_DOMAIN_SCSI_MODEL_NCR53C90 && is_x86(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "%s SCSI controller is not a built-in for this machine", "ncr53c90");
    return TRUE;
}

/* buses that no machine here has */
static gboolean
validate_bus(const VbDomainDef *def, const VbDomainController *controller, GError **error)
{
    const guint cells = def->cpu ? VB_DOMAIN_COUNT(def->cpu->numa) : 0;

    if (controller->type == VB_DOMAIN_CONTROLLER_XENBUS ||
        controller->type == VB_DOMAIN_CONTROLLER_ISA)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Cannot automatically add a new PCI bus for a device with connect "
                            "flags 00");
    if (controller->type == VB_DOMAIN_CONTROLLER_PCI && controller->target.has_numa_node &&
        controller->target.numa_node >= cells)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "%s with index %u is configured for a NUMA node (%u) not present in "
                            "the domain's <cpu><numa> array (%u)",
                            vb_enum_to_nick(&vb_domain_pci_model_enum, controller->pci_model),
                            controller->index, controller->target.numa_node, cells);
    return TRUE;
}

static gboolean
validate_chipset(const VbDomainDef *def, const VbDomainController *controller, GError **error)
{
    if (controller->type != VB_DOMAIN_CONTROLLER_IDE)
        return TRUE;
    if (vb_domain_is_q35(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IDE controllers are unsupported for this QEMU binary or machine type");
    if (controller->index > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only 1 IDE controller is supported");
    return TRUE;
}

static gboolean
validate_usb_none(const VbDomainDef *def, GError **error)
{
    const VbDomainController *none = NULL, *other = NULL;

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type != VB_DOMAIN_CONTROLLER_USB)
            continue;
        if (controller->usb_model == VB_DOMAIN_USB_MODEL_NONE)
            none = controller;
        else
            other = controller;
    }
    return !none || !other ||
           vb_error_set(error, VIR_ERR_XML_DETAIL,
                        "Can't add another USB controller: USB is disabled for this domain");
}

gboolean
vb_domain_validate_controllers(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->controllers); i++) {
        if (!validate_chipset(def, g_ptr_array_index(def->controllers, i), error) ||
            !validate_controller(g_ptr_array_index(def->controllers, i), error) ||
            !validate_scsi(def, g_ptr_array_index(def->controllers, i), error) ||
            !validate_bus(def, g_ptr_array_index(def->controllers, i), error) ||
            !validate_unique(def, i, error))
            return FALSE;
    }
    return validate_usb_none(def, error);
}

/* character devices */
static gboolean
has_connect_service(const VbDomainChrSource *source)
{
    VB_DOMAIN_EACH(VbDomainChrEndpoint, endpoint, source->udp)
    {
        if (g_strcmp0(endpoint->mode, "connect") == 0 && endpoint->service)
            return TRUE;
    }
    return FALSE;
}

static gboolean
validate_source(const VbDomainChrSource *source, gboolean may_be_generated, GError **error)
{
    static const char *const protocols[] = {"raw", "telnet", "telnets", "tls", NULL};
    const gboolean needs_path = source->type == VB_DOMAIN_CHR_DEV ||
                                source->type == VB_DOMAIN_CHR_FILE ||
                                source->type == VB_DOMAIN_CHR_PIPE ||
                                (source->type == VB_DOMAIN_CHR_UNIX && !may_be_generated);

    if (needs_path && !source->path)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source path attribute for char device");
    if (source->type == VB_DOMAIN_CHR_TCP && !source->host)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source host attribute for char device");
    if (source->type == VB_DOMAIN_CHR_TCP && !source->service)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source service attribute for char device");
    if (source->type == VB_DOMAIN_CHR_UDP && !has_connect_service(source))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source service attribute for char device");
    if ((source->type == VB_DOMAIN_CHR_SPICEPORT || source->type == VB_DOMAIN_CHR_DBUS) &&
        !source->channel)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source channel attribute for char device");
    if (source->type == VB_DOMAIN_CHR_NMDM && (!source->master || !source->slave))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Should define both master and slave path attributes for nmdm device");
    if (source->type == VB_DOMAIN_CHR_TCP && source->protocol &&
        !g_strv_contains(protocols, source->protocol))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Unknown protocol '%s'",
                            source->protocol);
    if (source->reconnect && g_strcmp0(source->mode, "bind") == 0)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "chardev reconnect is possible only for connect mode");
    if (source->reconnect == VB_TRISTATE_YES && !source->has_reconnect_timeout)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing required attribute 'timeout' in element 'reconnect'");
    if (source->reconnect == VB_TRISTATE_YES && source->reconnect_timeout_s == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "chardev reconnect source timeout cannot be '0'");
    return TRUE;
}

static gboolean
has_graphics(const VbDomainDef *def, VbDomainGraphicsType type)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        if (graphics->type == (int)type)
            return TRUE;
    }
    return FALSE;
}

/* what goes by way of a SPICE connection needs one */
static gboolean
validate_spice(const VbDomainDef *def, const VbDomainChrSource *source, gboolean may_be_vmc,
               GError **error)
{
    if (source->type == VB_DOMAIN_CHR_SPICEVMC && !may_be_vmc)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "spicevmc device type only supports virtio");
    if ((source->type == VB_DOMAIN_CHR_SPICEVMC || source->type == VB_DOMAIN_CHR_SPICEPORT) &&
        !has_graphics(def, VB_DOMAIN_GRAPHICS_SPICE))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "chardev '%s' not supported without spice graphics",
                            vb_enum_to_nick(&vb_domain_chr_type_enum, source->type));
    return TRUE;
}

static gboolean
validate_channel(const VbDomainChr *channel, GError **error)
{
    if (channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_NONE)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "target type must be specified for channel device");
    if (channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_GUESTFWD &&
        (!channel->target_address || !channel->target_port))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "guestfwd channel does not define a target %s",
                            channel->target_address ? "port" : "address");
    return TRUE;
}

/* Source: libvirt's table of what sits behind which kind of port */
static gboolean
validate_serial_model(const VbDomainChr *serial, GError **error)
{
    static const struct {
        const char *model;
        int target;
    } rows[] = {
        {"isa-serial", VB_DOMAIN_SERIAL_TARGET_ISA},
        {"usb-serial", VB_DOMAIN_SERIAL_TARGET_USB},
        {"pci-serial", VB_DOMAIN_SERIAL_TARGET_PCI},
        {"spapr-vty", VB_DOMAIN_SERIAL_TARGET_SPAPR_VIO},
        {"pl011", VB_DOMAIN_SERIAL_TARGET_SYSTEM},
        {"16550a", VB_DOMAIN_SERIAL_TARGET_SYSTEM},
        {"sclpconsole", VB_DOMAIN_SERIAL_TARGET_SCLP},
        {"sclplmconsole", VB_DOMAIN_SERIAL_TARGET_SCLP},
        {"isa-debugcon", VB_DOMAIN_SERIAL_TARGET_ISA_DEBUG},
    };

    for (guint i = 0; serial->serial_model && i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(serial->serial_model, rows[i].model) == 0 &&
            serial->serial_target != rows[i].target)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Target model '%s' requires target type '%s'", rows[i].model,
                                vb_enum_to_nick(&vb_domain_serial_target_enum, rows[i].target));
    }
    return TRUE;
}

/* ports and consoles that other machines have */
static gboolean
validate_targets(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, serial, def->serials)
    {
        const int target = serial->serial_target;

        if (!validate_serial_model(serial, error))
            return FALSE;
        if (target == VB_DOMAIN_SERIAL_TARGET_SPAPR_VIO ||
            target == VB_DOMAIN_SERIAL_TARGET_SYSTEM || target == VB_DOMAIN_SERIAL_TARGET_SCLP)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Serial device with target type '%s' and target model '%s' not "
                                "compatible with guest architecture or machine type",
                                vb_enum_to_nick(&vb_domain_serial_target_enum, target),
                                serial->serial_model ? serial->serial_model : "none");
    }
    VB_DOMAIN_EACH(VbDomainChr, console, def->consoles)
    {
        const int target = console->console_target;

        if (target == VB_DOMAIN_CONSOLE_TARGET_XEN || target == VB_DOMAIN_CONSOLE_TARGET_UML ||
            target == VB_DOMAIN_CONSOLE_TARGET_LXC || target == VB_DOMAIN_CONSOLE_TARGET_OPENVZ)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "unsupported console target type %s",
                                vb_enum_to_nick(&vb_domain_console_target_enum, target));
        if (console->console_target == VB_DOMAIN_CONSOLE_TARGET_SCLP ||
            console->console_target == VB_DOMAIN_CONSOLE_TARGET_SCLPLM)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "%sconsole is not supported in this QEMU binary",
                                vb_enum_to_nick(&vb_domain_console_target_enum,
                                                console->console_target));
    }
    return TRUE;
}

gboolean
vb_domain_validate_chardevs(const VbDomainDef *def, GError **error)
{
    GPtrArray *const lists[] = {def->serials, def->parallels, def->consoles};

    if (is_x86(def) && !validate_targets(def, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainChr, chr, lists[i])
        {
            if (!validate_source(&chr->source, FALSE, error) ||
                !validate_spice(def, &chr->source, FALSE, error))
                return FALSE;
        }
    }
    VB_DOMAIN_EACH(VbDomainChr, channel, def->channels)
    {
        const gboolean is_virtio = channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO;

        if (!validate_source(&channel->source, TRUE, error) || !validate_channel(channel, error) ||
            !validate_spice(def, &channel->source, is_virtio, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainRedirdev, redirdev, def->redirdevs)
    {
        if (!validate_source(&redirdev->source, FALSE, error) ||
            !validate_spice(def, &redirdev->source, TRUE, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    {
        if (!validate_source(&card->source, FALSE, error) ||
            !validate_spice(def, &card->source, TRUE, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainRng, rng, def->rngs)
    {
        if (rng->backend == VB_DOMAIN_RNG_BACKEND_EGD && !rng->source.type)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "missing EGD backend type");
        if (!validate_source(&rng->source, FALSE, error) ||
            !validate_spice(def, &rng->source, TRUE, error))
            return FALSE;
    }
    return TRUE;
}

/* graphics and video */
static gboolean
validate_video_memory(const VbDomainVideo *video, GError **error)
{
    const char *member = video->model == VB_DOMAIN_VIDEO_QXL ? "vgamem" : "vram";
    const guint kib = video->model == VB_DOMAIN_VIDEO_QXL ? video->vgamem : video->vram;

    if (video->model != VB_DOMAIN_VIDEO_QXL && video->model != VB_DOMAIN_VIDEO_VGA &&
        video->model != VB_DOMAIN_VIDEO_VMVGA)
        return TRUE;
    if (kib && kib < 1024)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "value for '%s' must be at least 1 MiB (1024 KiB)", member);
    if (kib & (kib - 1))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "value for '%s' must be power of two", member);
    return TRUE;
}

static gboolean
validate_video(const VbDomainVideo *video, GError **error)
{
    const int model = video->model;
    const char *name = vb_enum_to_nick(&vb_domain_video_model_enum, model);

    if (model == VB_DOMAIN_VIDEO_XEN || model == VB_DOMAIN_VIDEO_VBOX ||
        model == VB_DOMAIN_VIDEO_PARALLELS || model == VB_DOMAIN_VIDEO_GOP)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "domain configuration does not support video model '%s'", name);
    if (video->heads > 1 && model != VB_DOMAIN_VIDEO_QXL && model != VB_DOMAIN_VIDEO_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "video type '%s' doesn't support multiple 'heads'", name);
    const VbDomainRule rules[] = {
        {video->vgamem && model != VB_DOMAIN_VIDEO_QXL, VIR_ERR_CONFIG_UNSUPPORTED,
         "vgamem attribute only supported for video type qxl"},
        {video->ram && model != VB_DOMAIN_VIDEO_QXL, VIR_ERR_CONFIG_UNSUPPORTED,
         "ram attribute only supported for video type qxl"},
        {video->vram64 && model != VB_DOMAIN_VIDEO_QXL, VIR_ERR_CONFIG_UNSUPPORTED,
         "vram64 attribute only supported for video type qxl"},
        {video->accel3d == VB_TRISTATE_YES && model != VB_DOMAIN_VIDEO_VIRTIO,
         VIR_ERR_CONFIG_UNSUPPORTED,
         "3d acceleration is supported only with 'virtio' video device"},
        {video->resolution_x && model != VB_DOMAIN_VIDEO_VGA && model != VB_DOMAIN_VIDEO_QXL &&
             model != VB_DOMAIN_VIDEO_VIRTIO && model != VB_DOMAIN_VIDEO_BOCHS,
         VIR_ERR_XML_ERROR, "model resolution is not supported"},
    };

    if (model != VB_DOMAIN_VIDEO_NONE && !VB_DOMAIN_CHECK(rules, error))
        return FALSE;
    if (video->accel2d)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "qemu does not support the accel2d setting");
    return validate_video_memory(video, error);
}

/* TLS of SPICE needs certificates that qemu.conf names */
static gboolean
validate_tls(const VbDomainGraphics *graphics, GError **error)
{
    if (graphics->type != VB_DOMAIN_GRAPHICS_SPICE)
        return TRUE;
    if (graphics->tls_port > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "spice TLS port set in XML configuration, but TLS is disabled in "
                            "qemu.conf");
    if (g_strcmp0(graphics->default_mode, "secure") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "spice defaultMode secure requested in XML configuration, but TLS is "
                            "disabled in qemu.conf");
    VB_DOMAIN_EACH(VbDomainSpiceChannel, channel, graphics->channels)
    {
        if (g_strcmp0(channel->mode, "secure") == 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "spice secure channels set in XML configuration, but TLS is "
                                "disabled in qemu.conf");
    }
    return TRUE;
}

static gboolean
validate_videos(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->videos); i++) {
        const VbDomainVideo *video = g_ptr_array_index(def->videos, i);

        if (!validate_video(video, error))
            return FALSE;
        if (video->model == VB_DOMAIN_VIDEO_NONE && def->videos->len > 1)
            return vb_error_set(
                error, VIR_ERR_CONFIG_UNSUPPORTED,
                "a 'none' video type must be the only video device defined for the domain");
        if (i > 0 && video->model != VB_DOMAIN_VIDEO_QXL && video->model != VB_DOMAIN_VIDEO_VIRTIO)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "video type '%s' is only valid as primary video device",
                                vb_enum_to_nick(&vb_domain_video_model_enum, video->model));
    }
    return TRUE;
}

gboolean
vb_domain_validate_graphics(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        const VbDomainGraphicsType type = (VbDomainGraphicsType)graphics->type;

        if (type == VB_DOMAIN_GRAPHICS_RDP || type == VB_DOMAIN_GRAPHICS_DESKTOP)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "%s graphics are not supported with this QEMU",
                                vb_enum_to_nick(&vb_domain_graphics_type_enum, graphics->type));
        if (!validate_tls(graphics, error))
            return FALSE;
        if (type == VB_DOMAIN_GRAPHICS_VNC && graphics->passwd && strlen(graphics->passwd) > 8)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "VNC password is %u characters long, only 8 permitted",
                                (guint)strlen(graphics->passwd));
        if (type == VB_DOMAIN_GRAPHICS_EGL_HEADLESS && def->graphics->len > 1 &&
            !has_graphics(def, VB_DOMAIN_GRAPHICS_VNC) &&
            !has_graphics(def, VB_DOMAIN_GRAPHICS_SPICE))
            return vb_error_set(
                error, VIR_ERR_CONFIG_UNSUPPORTED,
                "graphics type 'egl-headless' is only supported with one of: 'vnc', 'spice' "
                "graphics types");
    }
    return validate_videos(def, error);
}
