/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people see and touch: graphics servers, video cards, input devices. */
#include "command/build.h"
#include <string.h>

/* ---- graphics ---- */

void
qemu_build_graphics_none(QemuBuild *build)
{
    if (VB_DOMAIN_COUNT(build->def->graphics) == 0)
        qemu_build_option(build, "-display", "none");
}

static const VbDomainListen *
first_listen(const VbDomainGraphics *graphics)
{
    return VB_DOMAIN_COUNT(graphics->listens) > 0 ? graphics->listens->pdata[0] : NULL;
}

/* where to listen: never NULL, loopback unless the guest says otherwise */
static const char *
listen_address(const VbDomainGraphics *graphics)
{
    const VbDomainListen *listen = first_listen(graphics);

    if (listen && listen->address)
        return listen->address;
    return graphics->listen ? graphics->listen : "127.0.0.1";
}

static char *
listen_socket(QemuBuild *build, const VbDomainGraphics *graphics)
{
    const VbDomainListen *listen = first_listen(graphics);

    if (listen && listen->type == VB_DOMAIN_LISTEN_SOCKET)
        return listen->socket
                   ? g_strdup(listen->socket)
                   : g_build_filename(build->options->domain_dir,
                                      graphics->type == VB_DOMAIN_GRAPHICS_VNC ? "vnc.sock"
                                                                               : "spice.sock",
                                      NULL);
    return g_strdup(graphics->socket);
}

static guint
audio_id(QemuBuild *build, guint wanted)
{
    const VbDomainAudio *first =
        VB_DOMAIN_COUNT(build->def->audios) > 0 ? build->def->audios->pdata[0] : NULL;

    return wanted ? wanted : first ? first->id : 0;
}

static gboolean
take_vnc(QemuBuild *build, const VbDomainGraphics *graphics, GError **error)
{
    g_autofree char *socket = listen_socket(build, graphics);
    const char *address = listen_address(graphics);
    guint audio = audio_id(build, graphics->audio_id);
    GString *text = g_string_new(NULL);

    if (socket) {
        g_string_append(text, "vnc=unix:");
        qemu_build_append_escaped(text, socket);
    } else if (first_listen(graphics) && first_listen(graphics)->type == VB_DOMAIN_LISTEN_NONE) {
        g_string_append(text, "none");
    } else {
        g_string_append_printf(text, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address,
                               MAX(graphics->port, 5900) - 5900);
    }
    qemu_build_append(text, "share", graphics->share_policy);
    if (!socket && graphics->has_websocket && graphics->websocket > 0)
        g_string_append_printf(text, ",websocket=%d", graphics->websocket);
    if (graphics->passwd)
        g_string_append(text, ",password=on");
    qemu_build_append(text, "power-control", qemu_build_on_off(graphics->power_control));
    if (audio)
        g_string_append_printf(text, ",audiodev=audio%u", audio);
    qemu_build_take_option(build, "-vnc", g_string_free(text, FALSE));
    if (graphics->keymap)
        qemu_build_option(build, "-k", graphics->keymap);
    return TRUE;
}

static void
append_spice_port(GString *text, const VbDomainGraphics *graphics)
{
    if (graphics->port > 0)
        g_string_append_printf(text, "port=%d,", graphics->port);
    if (graphics->tls_port > 0)
        g_string_append_printf(text, "tls-port=%d,", graphics->tls_port);
    if (graphics->port <= 0 && graphics->tls_port <= 0) {
        g_string_append(text, "port=0,");
        return;
    }
    g_string_append(text, "addr=");
    qemu_build_append_escaped(text, listen_address(graphics));
    g_string_append_c(text, ',');
}

static void
append_spice_options(GString *text, const VbDomainGraphics *graphics)
{
    if (!graphics->passwd)
        g_string_append(text, "disable-ticketing=on");
    else
        g_string_truncate(text, text->len - 1);
    VB_DOMAIN_EACH(VbDomainSpiceChannel, channel, graphics->channels)
    {
        if (g_strcmp0(channel->mode, "secure") == 0)
            qemu_build_append(text, "tls-channel", channel->name);
        else if (g_strcmp0(channel->mode, "insecure") == 0)
            qemu_build_append(text, "plaintext-channel", channel->name);
    }
    qemu_build_append(text, "image-compression", graphics->image_compression);
    qemu_build_append(text, "jpeg-wan-compression", graphics->jpeg_compression);
    qemu_build_append(text, "zlib-glz-wan-compression", graphics->zlib_compression);
    qemu_build_append(text, "playback-compression",
                      qemu_build_on_off(graphics->playback_compression));
    qemu_build_append(text, "streaming-video", graphics->streaming_mode);
    if (graphics->mouse_mode)
        qemu_build_append(text, "agent-mouse",
                          g_str_equal(graphics->mouse_mode, "server") ? "off" : "on");
    if (graphics->clipboard_copypaste == VB_TRISTATE_NO)
        g_string_append(text, ",disable-copy-paste=on");
    if (graphics->filetransfer == VB_TRISTATE_NO)
        g_string_append(text, ",disable-agent-file-xfer=on");
    if (graphics->gl == VB_TRISTATE_YES) {
        g_string_append(text, ",gl=on");
        qemu_build_append(text, "rendernode", graphics->gl_rendernode);
    }
    g_string_append(text, ",seamless-migration=on");
}

static gboolean
take_spice(QemuBuild *build, const VbDomainGraphics *graphics, GError **error)
{
    g_autofree char *socket = listen_socket(build, graphics);
    GString *text;

    if (!qemu_caps_has_option(build->caps, "spice", NULL))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "spice graphics are not supported with this QEMU");
    text = g_string_new(NULL);
    if (socket) {
        g_string_append(text, "unix,addr=");
        qemu_build_append_escaped(text, socket);
        g_string_append_c(text, ',');
    } else {
        append_spice_port(text, graphics);
    }
    append_spice_options(text, graphics);
    qemu_build_take_option(build, "-spice", g_string_free(text, FALSE));
    if (graphics->keymap)
        qemu_build_option(build, "-k", graphics->keymap);
    return TRUE;
}

static gboolean
take_sdl(QemuBuild *build, const VbDomainGraphics *graphics, GError **error)
{
    if (graphics->fullscreen == VB_TRISTATE_YES)
        qemu_build_option(build, "-full-screen", NULL);
    qemu_build_option(build, "-display", graphics->gl == VB_TRISTATE_YES ? "sdl,gl=on" : "sdl");
    return TRUE;
}

static gboolean
take_egl(QemuBuild *build, const VbDomainGraphics *graphics, GError **error)
{
    GString *text = g_string_new("egl-headless");

    qemu_build_append(text, "rendernode", graphics->gl_rendernode);
    qemu_build_take_option(build, "-display", g_string_free(text, FALSE));
    return TRUE;
}

/* Peer to peer, or on a bus: the user's, or one of the guest's own. */
static gboolean
take_dbus(QemuBuild *build, const VbDomainGraphics *graphics, GError **error)
{
    guint audio = graphics->audio_id;
    GString *text = g_string_new("dbus");

    if (graphics->p2p == VB_TRISTATE_YES) {
        g_string_append(text, ",p2p=on");
    } else if (graphics->dbus_address) {
        qemu_build_append(text, "addr", graphics->dbus_address);
    } else {
        g_autofree char *path = g_build_filename(build->options->domain_dir, "dbus.sock", NULL);
        g_autofree char *address = g_strdup_printf("unix:path=%s", path);

        qemu_build_append(text, "addr", address); /* shown only: a start has made one */
    }
    qemu_build_append(text, "gl", qemu_build_on_off(graphics->gl));
    qemu_build_append(text, "rendernode",
                      graphics->gl == VB_TRISTATE_YES ? graphics->gl_rendernode : NULL);
    if (audio)
        g_string_append_printf(text, ",audiodev=audio%u", audio);
    qemu_build_take_option(build, "-display", g_string_free(text, FALSE));
    return TRUE;
}

gboolean
qemu_build_graphics(QemuBuild *build, GError **error)
{
    static gboolean (*const takers[VB_DOMAIN_GRAPHICS_LAST])(QemuBuild *, const VbDomainGraphics *,
                                                             GError **) = {
        [VB_DOMAIN_GRAPHICS_SDL] = take_sdl,     [VB_DOMAIN_GRAPHICS_VNC] = take_vnc,
        [VB_DOMAIN_GRAPHICS_SPICE] = take_spice, [VB_DOMAIN_GRAPHICS_EGL_HEADLESS] = take_egl,
        [VB_DOMAIN_GRAPHICS_DBUS] = take_dbus,
    };

    VB_DOMAIN_EACH(VbDomainGraphics, graphics, build->def->graphics)
    {
        if (!takers[graphics->type])
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported graphics type '%s'",
                                vb_enum_to_nick(&vb_domain_graphics_type_enum, graphics->type));
        if (!takers[graphics->type](build, graphics, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- video ---- */

typedef struct {
    const char *primary, *secondary;
} VideoDrivers;

static const VideoDrivers video_drivers[VB_DOMAIN_VIDEO_LAST] = {
    [VB_DOMAIN_VIDEO_VGA] = {"VGA", "VGA"},
    [VB_DOMAIN_VIDEO_CIRRUS] = {"cirrus-vga", "cirrus-vga"},
    [VB_DOMAIN_VIDEO_VMVGA] = {"vmware-svga", "vmware-svga"},
    [VB_DOMAIN_VIDEO_QXL] = {"qxl-vga", "qxl"},
    [VB_DOMAIN_VIDEO_VIRTIO] = {"virtio-vga", "virtio-gpu-pci"},
    [VB_DOMAIN_VIDEO_BOCHS] = {"bochs-display", "bochs-display"},
    [VB_DOMAIN_VIDEO_RAMFB] = {"ramfb", "ramfb"},
};

static const char *
video_driver(const VbDomainVideo *video, gboolean is_primary)
{
    const VideoDrivers *drivers = &video_drivers[video->model];

    if (video->model == VB_DOMAIN_VIDEO_VIRTIO && video->accel3d == VB_TRISTATE_YES)
        return is_primary ? "virtio-vga-gl" : "virtio-gpu-gl-pci";
    return is_primary ? drivers->primary : drivers->secondary;
}

static void
add_video_memory(VbJsonWriter *json, const VbDomainVideo *video)
{
    if (video->model == VB_DOMAIN_VIDEO_QXL) {
        vb_json_add_uint(json, "ram_size", (guint64)video->ram * 1024);
        vb_json_add_uint(json, "vram_size", (guint64)video->vram * 1024);
        vb_json_add_uint(json, "vram64_size_mb", video->vram64 / 1024);
        vb_json_add_uint(json, "vgamem_mb", video->vgamem / 1024);
    } else if (video->model == VB_DOMAIN_VIDEO_VGA || video->model == VB_DOMAIN_VIDEO_VMVGA) {
        if (video->vram)
            vb_json_add_uint(json, "vgamem_mb", video->vram / 1024);
    } else if (video->model == VB_DOMAIN_VIDEO_BOCHS && video->vram) {
        vb_json_add_uint(json, "vgamem", (guint64)video->vram * 1024);
    }
}

static gboolean
take_video(QemuBuild *build, const VbDomainVideo *video, gboolean is_primary, GError **error)
{
    const char *driver = video_driver(video, is_primary);
    g_autoptr(VbJsonWriter) json = NULL;

    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "video type '%s' is not supported with QEMU",
                            vb_enum_to_nick(&vb_domain_video_model_enum, video->model));
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    if (video->model == VB_DOMAIN_VIDEO_VIRTIO)
        qemu_build_add_virtio(json, &video->virtio);
    vb_json_add_string(json, "id", video->info.alias);
    if (video->heads &&
        (video->model == VB_DOMAIN_VIDEO_VIRTIO || video->model == VB_DOMAIN_VIDEO_QXL))
        vb_json_add_uint(json, "max_outputs", video->heads);
    qemu_build_add_tristate(json, "blob", video->blob);
    add_video_memory(json, video);
    if (video->resolution_x && video->resolution_y) {
        vb_json_add_uint(json, "xres", video->resolution_x);
        vb_json_add_uint(json, "yres", video->resolution_y);
    }
    if (!qemu_build_add_address(build, json, &video->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_videos(QemuBuild *build, GError **error)
{
    gboolean is_primary = TRUE;

    VB_DOMAIN_EACH(VbDomainVideo, video, build->def->videos)
    {
        if (video->model == VB_DOMAIN_VIDEO_NONE)
            continue;
        if (!take_video(build, video, is_primary, error))
            return FALSE;
        is_primary = FALSE;
    }
    return TRUE;
}

/* ---- input ---- */

static char *
input_driver(const VbDomainInput *input)
{
    static const char *const usb[VB_DOMAIN_INPUT_LAST] = {
        [VB_DOMAIN_INPUT_MOUSE] = "usb-mouse",
        [VB_DOMAIN_INPUT_TABLET] = "usb-tablet",
        [VB_DOMAIN_INPUT_KEYBOARD] = "usb-kbd",
    };
    static const char *const virtio[VB_DOMAIN_INPUT_LAST] = {
        [VB_DOMAIN_INPUT_MOUSE] = "virtio-mouse",
        [VB_DOMAIN_INPUT_TABLET] = "virtio-tablet",
        [VB_DOMAIN_INPUT_KEYBOARD] = "virtio-keyboard",
        [VB_DOMAIN_INPUT_PASSTHROUGH] = "virtio-input-host",
    };
    static const QemuVirtioKind kinds[] = {
        [VB_DOMAIN_INPUT_MODEL_VIRTIO_TRANSITIONAL] = QEMU_VIRTIO_TRANSITIONAL,
        [VB_DOMAIN_INPUT_MODEL_VIRTIO_NON_TRANSITIONAL] = QEMU_VIRTIO_NON_TRANSITIONAL,
    };

    if (input->bus == VB_DOMAIN_INPUT_BUS_USB)
        return g_strdup(usb[input->type]);
    if (input->bus == VB_DOMAIN_INPUT_BUS_VIRTIO && virtio[input->type])
        return qemu_build_virtio_driver(virtio[input->type], &input->info, kinds[input->model]);
    return NULL;
}

static void
take_evdev(QemuBuild *build, const VbDomainInput *input)
{
    VbJsonWriter *json = qemu_build_object_new("input-linux", input->info.alias);

    vb_json_add_string(json, "evdev", input->source_dev ? input->source_dev : input->evdev);
    qemu_build_add_tristate(json, "repeat", input->repeat);
    if (g_strcmp0(input->grab, "all") == 0)
        vb_json_add_bool(json, "grab_all", TRUE);
    vb_json_add_string(json, "grab-toggle", input->grab_toggle);
    qemu_build_take_json(build, "-object", json);
}

static gboolean
take_input(QemuBuild *build, const VbDomainInput *input, GError **error)
{
    g_autofree char *driver = input_driver(input);
    g_autoptr(VbJsonWriter) json = NULL;

    if (input->type == VB_DOMAIN_INPUT_EVDEV) {
        take_evdev(build, input);
        return TRUE;
    }
    if (!driver) /* PS/2 devices are part of the machine */
        return TRUE;
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    if (input->bus == VB_DOMAIN_INPUT_BUS_VIRTIO)
        qemu_build_add_virtio(json, &input->virtio);
    vb_json_add_string(json, "id", input->info.alias);
    if (input->type == VB_DOMAIN_INPUT_PASSTHROUGH)
        vb_json_add_string(json, "evdev", input->evdev);
    if (!qemu_build_add_address(build, json, &input->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_inputs(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainInput, input, build->def->inputs)
    if (!take_input(build, input, error))
        return FALSE;
    return TRUE;
}
