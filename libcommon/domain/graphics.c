/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <graphics>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(image_compression_words, "image compression", "auto_glz", "auto_lz", "quic", "glz", "lz",
      "off");
WORDS(stream_compression_words, "compression", "auto", "never", "always");
WORDS(streaming_mode_words, "streaming mode", "filter", "all", "off");
WORDS(mouse_mode_words, "mouse mode", "client", "server");
WORDS(spice_mode_words, "spice channel mode", "any", "secure", "insecure");
WORDS(share_policy_words, "share policy", "allow-exclusive", "force-shared", "ignore");

VB_ENUM(vb_domain_graphics_type_enum, "graphics device type", "sdl", "vnc", "rdp", "desktop",
        "spice", "egl-headless", "dbus");
VB_ENUM(vb_domain_listen_type_enum, "listen type", NULL, "none", "address", "network", "socket");

static const VbXmlField listen_fields[] = {
    VB_XML_ENUMV(VbDomainListen, type, "@type", vb_domain_listen_type_enum),
    VB_XML_STR(VbDomainListen, address, "@address"),
    VB_XML_STR(VbDomainListen, network, "@network"),
    VB_XML_STR(VbDomainListen, socket, "@socket"),
};
static VB_XML_TYPE(listen_type, VbDomainListen, "listen", listen_fields);

static const VbXmlField channel_fields[] = {
    VB_XML_STR(VbDomainSpiceChannel, name, "@name"),
    VB_XML_STR(VbDomainSpiceChannel, mode, "@mode"),
};
static VB_XML_TYPE(channel_type, VbDomainSpiceChannel, "channel", channel_fields);

#define G VbDomainGraphics
#define BIT(kind) VB_XML_BIT(VB_DOMAIN_GRAPHICS_##kind)
#define WHEN(mask) VB_XML_WHEN(VbDomainGraphics, type, (mask))
#define NETWORKED (BIT(VNC) | BIT(SPICE) | BIT(RDP))

static const VbXmlField graphics_fields[] = {
    VB_XML_ENUMV(G, type, "@type", vb_domain_graphics_type_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
    VB_XML_STR(G, socket, "@socket", WHEN(BIT(VNC))),
    VB_XML_INT(G, port, "@port", VB_XML_HAS(G, has_port), WHEN(NETWORKED),
               .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_INT(G, tls_port, "@tlsPort", VB_XML_HAS(G, has_tls_port), WHEN(BIT(SPICE)),
               .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_BOOL(G, autoport, "@autoport", WHEN(NETWORKED)),
    VB_XML_INT(G, websocket, "@websocket", VB_XML_HAS(G, has_websocket), WHEN(BIT(VNC)),
               .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_STR(G, listen, "@listen", WHEN(NETWORKED)),
    VB_XML_STR(G, keymap, "@keymap", WHEN(BIT(VNC) | BIT(SPICE))),
    VB_XML_STR(G, share_policy, "@sharePolicy", WHEN(BIT(VNC)), .enumeration = &share_policy_words),
    VB_XML_BOOL(G, power_control, "@powerControl", WHEN(BIT(VNC))),
    VB_XML_STR(G, passwd, "@passwd", WHEN(BIT(VNC) | BIT(SPICE)),
               .flags = VB_XML_SECRET | VB_XML_EMIT_EMPTY),
    VB_XML_STR(G, passwd_valid_to, "@passwdValidTo", WHEN(BIT(VNC) | BIT(SPICE)),
               .flags = VB_XML_SECRET),
    VB_XML_STR(G, connected, "@connected", WHEN(BIT(VNC) | BIT(SPICE))),
    VB_XML_STR(G, default_mode, "@defaultMode", WHEN(BIT(SPICE)), .enumeration = &spice_mode_words),
    VB_XML_STR(G, display, "@display", WHEN(BIT(SDL) | BIT(DESKTOP))),
    VB_XML_STR(G, xauth, "@xauth", WHEN(BIT(SDL))),
    VB_XML_BOOL(G, fullscreen, "@fullscreen", WHEN(BIT(SDL) | BIT(DESKTOP))),
    VB_XML_STR(G, dbus_address, "@address", WHEN(BIT(DBUS))),
    VB_XML_BOOL(G, p2p, "@p2p", WHEN(BIT(DBUS))),
    VB_XML_LIST(G, listens, "listen", listen_type, WHEN(NETWORKED)),
    VB_XML_LIST(G, channels, "channel", channel_type, WHEN(BIT(SPICE))),
    VB_XML_UINT(G, audio_id, "audio/@id", .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, image_compression, "image/@compression", WHEN(BIT(SPICE)),
               .enumeration = &image_compression_words, .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, jpeg_compression, "jpeg/@compression", WHEN(BIT(SPICE)),
               .enumeration = &stream_compression_words, .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, zlib_compression, "zlib/@compression", WHEN(BIT(SPICE)),
               .enumeration = &stream_compression_words, .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_SWITCH(G, playback_compression, "playback/@compression", WHEN(BIT(SPICE)),
                  .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, streaming_mode, "streaming/@mode", WHEN(BIT(SPICE)),
               .enumeration = &streaming_mode_words, .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BOOL(G, clipboard_copypaste, "clipboard/@copypaste", WHEN(BIT(SPICE)),
                .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, mouse_mode, "mouse/@mode", WHEN(BIT(SPICE)), .enumeration = &mouse_mode_words,
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BOOL(G, filetransfer, "filetransfer/@enable", WHEN(BIT(SPICE)),
                .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_BOOL(G, gl, "gl/@enable", WHEN(BIT(SPICE) | BIT(SDL) | BIT(DBUS)),
                .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(G, gl_rendernode, "gl/@rendernode"),
};
VB_XML_TYPE(vb_domain_graphics_type, VbDomainGraphics, "graphics", graphics_fields,
            .doc = "How people see the guest's screen.");
