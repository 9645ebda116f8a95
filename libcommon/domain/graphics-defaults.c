/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of graphics, video cards and audio back ends. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

static gboolean
is_networked(const VbDomainGraphics *graphics)
{
    return graphics->type == VB_DOMAIN_GRAPHICS_VNC || graphics->type == VB_DOMAIN_GRAPHICS_SPICE ||
           graphics->type == VB_DOMAIN_GRAPHICS_RDP;
}

/* Source: where libvirt makes up sockets for a run; definitions of old versions have them */
#define GENERATED_SOCKETS "/var/lib/libvirt/qemu/domain-"

/* Old spellings: socket= and listen= stand for the first <listen>. */
static gboolean
fill_listens(VbDomainGraphics *graphics, GError **error)
{
    VbDomainListen *listen =
        VB_DOMAIN_COUNT(graphics->listens) ? g_ptr_array_index(graphics->listens, 0) : NULL;

    if (graphics->socket && g_str_has_prefix(graphics->socket, GENERATED_SOCKETS))
        g_clear_pointer(&graphics->socket, g_free);
    if (!listen) {
        listen = vb_domain_list_add(&graphics->listens, g_new0(VbDomainListen, 1));
        listen->type = graphics->socket ? VB_DOMAIN_LISTEN_SOCKET : VB_DOMAIN_LISTEN_ADDRESS;
        listen->socket = g_strdup(graphics->socket);
        if (!graphics->socket && graphics->listen && *graphics->listen)
            listen->address = g_strdup(graphics->listen);
    } else if (graphics->socket && graphics->type == VB_DOMAIN_GRAPHICS_VNC) {
        listen->type = VB_DOMAIN_LISTEN_SOCKET;
        g_clear_pointer(&listen->address, g_free);
    } else if (graphics->listen && listen->type == VB_DOMAIN_LISTEN_ADDRESS && listen->address &&
               strcmp(graphics->listen, listen->address) != 0) {
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "graphics 'listen' attribute '%s' must match 'address' attribute of "
                            "first listen element "
                            "(found '%s')",
                            graphics->listen, listen->address);
    }
    if (listen->type == VB_DOMAIN_LISTEN_SOCKET && graphics->socket && !listen->socket)
        listen->socket = g_strdup(graphics->socket);
    g_free(graphics->listen);
    graphics->listen = listen->type == VB_DOMAIN_LISTEN_ADDRESS ? g_strdup(listen->address) : NULL;
    return TRUE;
}

static void
clear_ports(VbDomainGraphics *graphics)
{
    graphics->has_port = graphics->has_tls_port = graphics->has_websocket = FALSE;
    graphics->port = graphics->tls_port = graphics->websocket = 0;
    graphics->autoport = VB_TRISTATE_ABSENT;
}

static void
fill_vnc(VbDomainGraphics *graphics)
{
    const VbDomainListen *listen = g_ptr_array_index(graphics->listens, 0);

    g_free(graphics->socket);
    graphics->socket = NULL;
    if (listen->type == VB_DOMAIN_LISTEN_SOCKET || listen->type == VB_DOMAIN_LISTEN_NONE) {
        clear_ports(graphics);
        graphics->socket =
            listen->type == VB_DOMAIN_LISTEN_SOCKET ? g_strdup(listen->socket) : NULL;
        return;
    }
    if (graphics->autoport == VB_TRISTATE_ABSENT)
        graphics->autoport =
            !graphics->has_port || graphics->port == -1 ? VB_TRISTATE_YES : VB_TRISTATE_NO;
    if (graphics->autoport == VB_TRISTATE_YES)
        graphics->port = -1;
    graphics->has_port = graphics->autoport == VB_TRISTATE_YES || graphics->port > 0;
}

/* "any" is what channels are unless they say otherwise */
static void
drop_any_channels(VbDomainGraphics *graphics)
{
    if (g_strcmp0(graphics->default_mode, "any") == 0)
        g_clear_pointer(&graphics->default_mode, g_free);
    for (guint i = VB_DOMAIN_COUNT(graphics->channels); i > 0; i--) {
        VbDomainSpiceChannel *channel = graphics->channels->pdata[i - 1];

        if (channel->mode && strcmp(channel->mode, "any") != 0)
            continue;
        g_ptr_array_remove_index(graphics->channels, i - 1);
        g_free(channel->name);
        g_free(channel->mode);
        g_free(channel);
    }
}

/* Source: libvirt turns "no port at all" into a server that listens nowhere */
static void
fill_spice(VbDomainGraphics *graphics)
{
    VbDomainListen *listen = g_ptr_array_index(graphics->listens, 0);

    drop_any_channels(graphics);
    if (graphics->port == -1 || graphics->tls_port == -1)
        graphics->autoport = VB_TRISTATE_YES;
    if (graphics->autoport == VB_TRISTATE_YES) {
        graphics->has_port = graphics->has_tls_port = FALSE;
        graphics->port = graphics->tls_port = 0;
    }
    if (graphics->autoport != VB_TRISTATE_YES && graphics->port == 0 && graphics->tls_port == 0 &&
        listen->type == VB_DOMAIN_LISTEN_ADDRESS) {
        listen->type = VB_DOMAIN_LISTEN_NONE;
        g_clear_pointer(&listen->address, g_free);
        g_clear_pointer(&graphics->listen, g_free);
    }
    if (listen->type == VB_DOMAIN_LISTEN_NONE || listen->type == VB_DOMAIN_LISTEN_SOCKET) {
        clear_ports(graphics);
        return;
    }
    graphics->has_port = graphics->port != 0;
    graphics->has_tls_port = graphics->tls_port != 0;
    if (graphics->autoport == VB_TRISTATE_ABSENT)
        graphics->autoport = VB_TRISTATE_NO;
}

gboolean
vb_domain_fill_graphics(const VbDomainFill *fill, GError **error)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, fill->def->graphics)
    {
        if (is_networked(graphics) && !fill_listens(graphics, error))
            return FALSE;
        if (graphics->type == VB_DOMAIN_GRAPHICS_VNC)
            fill_vnc(graphics);
        if (graphics->type == VB_DOMAIN_GRAPHICS_SPICE)
            fill_spice(graphics);
    }
    return TRUE;
}

/* video */
/* KiB; Source: libvirt's defaults, which are QEMU's */
static void
fill_video_memory(VbDomainVideo *video)
{
    static const guint vram[VB_DOMAIN_VIDEO_LAST] = {
        [VB_DOMAIN_VIDEO_VGA] = 16384,   [VB_DOMAIN_VIDEO_CIRRUS] = 16384,
        [VB_DOMAIN_VIDEO_VMVGA] = 16384, [VB_DOMAIN_VIDEO_BOCHS] = 16384,
        [VB_DOMAIN_VIDEO_XEN] = 4096,    [VB_DOMAIN_VIDEO_QXL] = 65536,
    };

    if (!video->vram)
        video->vram = vram[video->model];
    if (video->model != VB_DOMAIN_VIDEO_QXL)
        return;
    if (!video->ram)
        video->ram = 65536;
    if (!video->vgamem)
        video->vgamem = 16384;
}

static VbDomainVideoModel
default_video(const VbDomainFill *fill)
{
    if (vb_domain_fill_has_device(fill, "cirrus-vga"))
        return VB_DOMAIN_VIDEO_CIRRUS;
    return vb_domain_fill_has_device(fill, "VGA") ? VB_DOMAIN_VIDEO_VGA : VB_DOMAIN_VIDEO_VIRTIO;
}

static gboolean
wants_implicit_video(const VbDomainDef *def)
{
    return VB_DOMAIN_COUNT(def->graphics) > 0 && VB_DOMAIN_COUNT(def->videos) == 0;
}

/* the primary one stands first */
static void
fill_primary(VbDomainDef *def)
{
    VbDomainVideo *primary;

    for (guint i = 1; i < VB_DOMAIN_COUNT(def->videos); i++) {
        VbDomainVideo *video = g_ptr_array_index(def->videos, i);

        if (video->primary == VB_TRISTATE_YES)
            g_ptr_array_insert(def->videos, 0, g_ptr_array_steal_index(def->videos, i));
    }
    if (VB_DOMAIN_COUNT(def->videos) == 0)
        return;
    primary = g_ptr_array_index(def->videos, 0);
    if (primary->model != VB_DOMAIN_VIDEO_NONE)
        primary->primary = VB_TRISTATE_YES;
}

void
vb_domain_fill_videos(const VbDomainFill *fill)
{
    VbDomainDef *def = fill->def;

    if (wants_implicit_video(def))
        vb_domain_list_add(&def->videos, vb_xml_new(&vb_domain_video_type));
    VB_DOMAIN_EACH(VbDomainVideo, video, def->videos)
    {
        if (!video->model)
            video->model = (int)default_video(fill);
        g_clear_pointer(&video->vgaconf, g_free); /* bhyve's */
        if (video->model == VB_DOMAIN_VIDEO_NONE) {
            video->heads = video->ram = video->vram = video->vram64 = video->vgamem = 0;
            continue;
        }
        fill_video_memory(video);
        if (!video->heads && video->model != VB_DOMAIN_VIDEO_NONE)
            video->heads = 1;
        if (video->primary == VB_TRISTATE_NO)
            video->primary = VB_TRISTATE_ABSENT;
    }
    fill_primary(def);
}

/* audio */
/* Source: libvirt adds none where sound goes through the display itself (SDL, D-Bus) */
static VbDomainAudioType
default_audio(const VbDomainDef *def)
{
    VbDomainAudioType type =
        VB_DOMAIN_COUNT(def->graphics) ? VB_DOMAIN_AUDIO_UNSET : VB_DOMAIN_AUDIO_NONE;

    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        if (graphics->type == VB_DOMAIN_GRAPHICS_SPICE)
            return VB_DOMAIN_AUDIO_SPICE;
        if (graphics->type == VB_DOMAIN_GRAPHICS_VNC)
            type = VB_DOMAIN_AUDIO_NONE;
    }
    return type;
}

static void
drop_empty_side(VbDomainAudioIo **side)
{
    static const VbDomainAudioIo nothing;

    if (*side && memcmp(*side, &nothing, sizeof(nothing)) == 0)
        g_clear_pointer(side, g_free);
}

void
vb_domain_fill_audio(const VbDomainFill *fill)
{
    VbDomainDef *def = fill->def;
    const VbDomainAudioType type = default_audio(def);
    VbDomainAudio *audio;

    VB_DOMAIN_EACH(VbDomainAudio, given, def->audios)
    {
        drop_empty_side(&given->input);
        drop_empty_side(&given->output);
    }
    if (VB_DOMAIN_COUNT(def->audios) > 0 || type == VB_DOMAIN_AUDIO_UNSET)
        return;
    audio = vb_domain_list_add(&def->audios, g_new0(VbDomainAudio, 1));
    audio->id = 1;
    audio->type = (int)type;
}
