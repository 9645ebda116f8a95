/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <graphics>: how people see the guest's screen. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_GRAPHICS_SDL,
    VB_DOMAIN_GRAPHICS_VNC,
    VB_DOMAIN_GRAPHICS_RDP,
    VB_DOMAIN_GRAPHICS_DESKTOP,
    VB_DOMAIN_GRAPHICS_SPICE,
    VB_DOMAIN_GRAPHICS_EGL_HEADLESS,
    VB_DOMAIN_GRAPHICS_DBUS,
    VB_DOMAIN_GRAPHICS_LAST
} VbDomainGraphicsType;
typedef enum {
    VB_DOMAIN_LISTEN_NOT_GIVEN,
    VB_DOMAIN_LISTEN_NONE,
    VB_DOMAIN_LISTEN_ADDRESS,
    VB_DOMAIN_LISTEN_NETWORK,
    VB_DOMAIN_LISTEN_SOCKET
} VbDomainListenType;

typedef struct {
    int type; /* VbDomainListenType */
    char *address, *network, *socket;
    VbTristate is_config; /* status file: was configured, not derived */
} VbDomainListen;

typedef struct {
    char *name, *mode;
} VbDomainSpiceChannel;

typedef struct {
    int type; /* VbDomainGraphicsType */
    int port;
    gboolean has_port; /* vnc, spice; -1 = auto; live: the real one */
    int tls_port;
    gboolean has_tls_port; /* spice */
    VbTristate autoport;
    int websocket;
    gboolean has_websocket; /* vnc; -1 = auto */
    char *socket;           /* vnc: old spelling of <listen type='socket'> */
    char *listen;           /* the attribute: old spelling of the first <listen> address */
    char *keymap;
    char *share_policy; /* vnc sharePolicy */
    VbTristate power_control;
    char *passwd, *passwd_valid_to, *connected; /* secret, secret, - */
    char *default_mode;                         /* spice defaultMode */
    char *display, *xauth;
    VbTristate fullscreen; /* sdl, desktop */
    char *dbus_address;
    VbTristate p2p; /* dbus */
    VbTristate gl;
    char *gl_rendernode;
    GPtrArray *listens;  /* VbDomainListen */
    GPtrArray *channels; /* VbDomainSpiceChannel */
    char *image_compression, *jpeg_compression, *zlib_compression;
    VbTristate playback_compression, clipboard_copypaste, filetransfer;
    char *streaming_mode, *mouse_mode;
    guint audio_id;
} VbDomainGraphics;

extern const VbEnum vb_domain_graphics_type_enum, vb_domain_listen_type_enum;
extern const VbXmlType vb_domain_graphics_type;
