/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: <serial>, <parallel>, <console>, <channel>, and the host side that they share with smartcard,
 * rng (egd), redirdev and tpm. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_CHR_NONE,
    VB_DOMAIN_CHR_NULL,
    VB_DOMAIN_CHR_VC,
    VB_DOMAIN_CHR_PTY,
    VB_DOMAIN_CHR_DEV,
    VB_DOMAIN_CHR_FILE,
    VB_DOMAIN_CHR_PIPE,
    VB_DOMAIN_CHR_STDIO,
    VB_DOMAIN_CHR_UDP,
    VB_DOMAIN_CHR_TCP,
    VB_DOMAIN_CHR_UNIX,
    VB_DOMAIN_CHR_SPICEVMC,
    VB_DOMAIN_CHR_SPICEPORT,
    VB_DOMAIN_CHR_NMDM,
    VB_DOMAIN_CHR_QEMU_VDAGENT,
    VB_DOMAIN_CHR_DBUS,
    VB_DOMAIN_CHR_LAST,
} VbDomainChrType;

typedef struct {
    char *mode, *host, *service;
} VbDomainChrEndpoint;

/* The host's side. */
typedef struct {
    int type;             /* VbDomainChrType; 0 = type= was not given */
    char *path;           /* pty (live only), dev, file, pipe, unix */
    char *mode;           /* tcp, unix: "bind", "connect" */
    char *host, *service; /* tcp */
    GPtrArray
        *udp; /* VbDomainChrEndpoint: "bind" (where to listen), "connect" (where to send to) */
    char *protocol; /* tcp: "raw", "telnet", "telnets", "tls" */
    VbTristate tls;
    char *channel;        /* spiceport, dbus */
    char *master, *slave; /* nmdm */
    VbTristate append;    /* file */
    VbTristate reconnect;
    guint reconnect_timeout_s;
    gboolean has_reconnect_timeout;
    VbTristate clipboard;
    char *mouse_mode; /* qemu-vdagent */
    char *log_file;
    VbTristate log_append;
    GPtrArray *seclabels; /* VbDomainSourceSeclabel */
} VbDomainChrSource;

typedef enum {
    VB_DOMAIN_CHR_DEVICE_SERIAL,
    VB_DOMAIN_CHR_DEVICE_PARALLEL,
    VB_DOMAIN_CHR_DEVICE_CONSOLE,
    VB_DOMAIN_CHR_DEVICE_CHANNEL,
} VbDomainChrDevice;

typedef enum { /* <serial><target type=> */
               VB_DOMAIN_SERIAL_TARGET_NONE,
               VB_DOMAIN_SERIAL_TARGET_ISA,
               VB_DOMAIN_SERIAL_TARGET_USB,
               VB_DOMAIN_SERIAL_TARGET_PCI,
               VB_DOMAIN_SERIAL_TARGET_SPAPR_VIO,
               VB_DOMAIN_SERIAL_TARGET_SYSTEM,
               VB_DOMAIN_SERIAL_TARGET_SCLP,
               VB_DOMAIN_SERIAL_TARGET_ISA_DEBUG,
               VB_DOMAIN_SERIAL_TARGET_LAST,
} VbDomainSerialTarget;
typedef enum { /* <console><target type=> */
               VB_DOMAIN_CONSOLE_TARGET_NONE,
               VB_DOMAIN_CONSOLE_TARGET_SERIAL,
               VB_DOMAIN_CONSOLE_TARGET_XEN,
               VB_DOMAIN_CONSOLE_TARGET_UML,
               VB_DOMAIN_CONSOLE_TARGET_VIRTIO,
               VB_DOMAIN_CONSOLE_TARGET_LXC,
               VB_DOMAIN_CONSOLE_TARGET_OPENVZ,
               VB_DOMAIN_CONSOLE_TARGET_SCLP,
               VB_DOMAIN_CONSOLE_TARGET_SCLPLM,
               VB_DOMAIN_CONSOLE_TARGET_LAST,
} VbDomainConsoleTarget;
typedef enum { /* <channel><target type=> */
               VB_DOMAIN_CHANNEL_TARGET_NONE,
               VB_DOMAIN_CHANNEL_TARGET_GUESTFWD,
               VB_DOMAIN_CHANNEL_TARGET_VIRTIO,
               VB_DOMAIN_CHANNEL_TARGET_XEN,
               VB_DOMAIN_CHANNEL_TARGET_LAST,
} VbDomainChannelTarget;

typedef struct {
    VbDomainChrSource source;
    char *tty;          /* console only, live only: the same path again */
    int serial_target;  /* <serial>: VbDomainSerialTarget */
    char *serial_model; /* <target><model name=>: "isa-serial" */
    int console_target; /* <console> */
    int channel_target; /* <channel> */
    guint port;
    gboolean has_port;                  /* serial, parallel, console */
    char *target_name;                  /* channel virtio: "org.qemu.guest_agent.0" */
    char *target_state;                 /* channel virtio, live only: "connected" */
    char *target_address, *target_port; /* channel guestfwd */
    VbDomainDeviceInfo info;
} VbDomainChr;

extern const VbEnum vb_domain_chr_type_enum, vb_domain_serial_target_enum,
    vb_domain_console_target_enum;
extern const VbEnum vb_domain_channel_target_enum;
extern const VbXmlType vb_domain_chr_source_type;
extern const VbXmlType vb_domain_serial_type, vb_domain_parallel_type, vb_domain_console_type,
    vb_domain_channel_type;
