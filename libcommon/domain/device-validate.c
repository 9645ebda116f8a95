/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of controllers, character devices, graphics, video and network cards. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

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
    if (controller->iothread && (controller->type != VB_DOMAIN_CONTROLLER_SCSI ||
                                 controller->scsi_model != VB_DOMAIN_SCSI_MODEL_VIRTIO_SCSI))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "'iothread' attribute only supported for virtio scsi controllers");
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
    if (source->type == VB_DOMAIN_CHR_SPICEPORT && !source->channel)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing source channel attribute for char device");
    if (source->reconnect == VB_TRISTATE_YES && !source->has_reconnect_timeout)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing required attribute 'timeout' in element 'reconnect'");
    if (source->reconnect == VB_TRISTATE_YES && source->reconnect_timeout_s == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "chardev reconnect source timeout cannot be '0'");
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

gboolean
vb_domain_validate_chardevs(const VbDomainDef *def, GError **error)
{
    GPtrArray *const lists[] = {def->serials, def->parallels, def->consoles};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainChr, chr, lists[i])
        {
            if (!validate_source(&chr->source, FALSE, error))
                return FALSE;
        }
    }
    VB_DOMAIN_EACH(VbDomainChr, channel, def->channels)
    {
        if (!validate_source(&channel->source, TRUE, error) || !validate_channel(channel, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainRedirdev, redirdev, def->redirdevs)
    {
        if (!validate_source(&redirdev->source, FALSE, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    {
        if (!validate_source(&card->source, FALSE, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainRng, rng, def->rngs)
    {
        if (!validate_source(&rng->source, FALSE, error))
            return FALSE;
    }
    return TRUE;
}

/* graphics and video */
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

static gboolean
validate_videos(const VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->videos); i++) {
        const VbDomainVideo *video = g_ptr_array_index(def->videos, i);

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

/* network cards */
typedef struct {
    gsize member;
    guint types;
    const char *type;
} SourceRule;

static gboolean
validate_net(const VbDomainNet *net, GError **error)
{
    static const SourceRule rules[] = {
        {G_STRUCT_OFFSET(VbDomainNet, source_network), 1u << VB_DOMAIN_NET_NETWORK, "network"},
        {G_STRUCT_OFFSET(VbDomainNet, source_bridge), 1u << VB_DOMAIN_NET_BRIDGE, "bridge"},
        {G_STRUCT_OFFSET(VbDomainNet, source_dev), 1u << VB_DOMAIN_NET_DIRECT, "direct"},
        {G_STRUCT_OFFSET(VbDomainNet, source_name), 1u << VB_DOMAIN_NET_INTERNAL, "internal"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *value = *(char *const *)((const char *)net + rules[i].member);

        if (rules[i].types & 1u << net->type && (!value || !*value))
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "interface type='%s' requires a 'source' element", rules[i].type);
    }
    if (net->type == VB_DOMAIN_NET_VHOSTUSER && !net->source_path)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "interface type='vhostuser' requires a 'source' element");
    if (net->mac.bytes[0] & 1)
        return vb_error_set(
            error, VIR_ERR_XML_ERROR,
            "expected unicast mac address, found multicast '%02x:%02x:%02x:%02x:%02x:%02x'",
            net->mac.bytes[0], net->mac.bytes[1], net->mac.bytes[2], net->mac.bytes[3],
            net->mac.bytes[4], net->mac.bytes[5]);
    return TRUE;
}

gboolean
vb_domain_validate_nets(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    {
        if (!validate_net(net, error))
            return FALSE;
    }
    return TRUE;
}
