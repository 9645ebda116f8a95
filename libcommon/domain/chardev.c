/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of serial ports, parallel ports, consoles and channels, and of their host side. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(chr_mode_words, "mode", "connect", "bind");
WORDS(mouse_mode_words, "mouse mode", "client", "server");

VB_ENUM(vb_domain_chr_type_enum, "character device type", NULL, "null", "vc", "pty", "dev", "file",
        "pipe", "stdio", "udp", "tcp", "unix", "spicevmc", "spiceport", "nmdm", "qemu-vdagent",
        "dbus");
VB_ENUM(vb_domain_serial_target_enum, "target type", NULL, "isa-serial", "usb-serial", "pci-serial",
        "spapr-vio-serial", "system-serial", "sclp-serial", "isa-debug");
VB_ENUM(vb_domain_console_target_enum, "target type", NULL, "serial", "xen", "uml", "virtio", "lxc",
        "openvz", "sclp", "sclplm");
VB_ENUM(vb_domain_channel_target_enum, "target type", NULL, "guestfwd", "virtio", "xen");

static const VbXmlField endpoint_fields[] = {
    VB_XML_STR(VbDomainChrEndpoint, mode, "@mode", .enumeration = &chr_mode_words),
    VB_XML_STR(VbDomainChrEndpoint, host, "@host"),
    VB_XML_STR(VbDomainChrEndpoint, service, "@service"),
};
static VB_XML_TYPE(endpoint_type, VbDomainChrEndpoint, "source", endpoint_fields);

#define S VbDomainChrSource
#define BIT(kind) VB_XML_BIT(VB_DOMAIN_CHR_##kind)
#define WHEN(mask) VB_XML_WHEN(VbDomainChrSource, type, (mask))
static const VbXmlField source_fields[] = {
    VB_XML_ENUMV(S, type, "@type", vb_domain_chr_type_enum, .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(S, channel, "source/@channel", WHEN(BIT(SPICEPORT) | BIT(DBUS))),
    VB_XML_STR(S, master, "source/@master", WHEN(BIT(NMDM))),
    VB_XML_STR(S, slave, "source/@slave", WHEN(BIT(NMDM))),
    VB_XML_STR(S, mode, "source/@mode", WHEN(BIT(TCP) | BIT(UNIX)), .enumeration = &chr_mode_words),
    VB_XML_STR(S, path, "source/@path", WHEN(BIT(PTY)), .flags = VB_XML_LIVE_ONLY),
    VB_XML_STR(S, path, "source/@path", WHEN(BIT(DEV) | BIT(FILE) | BIT(PIPE) | BIT(UNIX))),
    VB_XML_SWITCH(S, append, "source/@append", WHEN(BIT(FILE) | BIT(PTY) | BIT(PIPE) | BIT(UNIX))),
    VB_XML_STR(S, host, "source/@host", WHEN(BIT(TCP))),
    VB_XML_STR(S, service, "source/@service", WHEN(BIT(TCP))),
    VB_XML_BOOL(S, tls, "source/@tls", WHEN(BIT(TCP))),
    VB_XML_BOOL(S, reconnect, "source/reconnect/@enabled", WHEN(BIT(TCP) | BIT(UNIX))),
    VB_XML_UINT(S, reconnect_timeout_s, "source/reconnect/@timeout",
                VB_XML_HAS(S, has_reconnect_timeout), WHEN(BIT(TCP) | BIT(UNIX))),
    VB_XML_LIST(S, seclabels, "source/seclabel", vb_domain_source_seclabel_type, WHEN(~BIT(UDP))),
    VB_XML_LIST(S, udp, "source", endpoint_type, WHEN(BIT(UDP))),
    VB_XML_BOOL(S, clipboard, "source/clipboard/@copypaste", WHEN(BIT(QEMU_VDAGENT)),
                .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(S, mouse_mode, "source/mouse/@mode", WHEN(BIT(QEMU_VDAGENT)),
               .enumeration = &mouse_mode_words, .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(S, protocol, "protocol/@type", WHEN(BIT(TCP))),
    VB_XML_STR(S, log_file, "log/@file"),
    VB_XML_SWITCH(S, log_append, "log/@append"),
};
VB_XML_TYPE(vb_domain_chr_source_type, VbDomainChrSource, "source", source_fields,
            .doc = "The host's side of a character device.");
#undef S

#define C VbDomainChr
#define PORT                                                                                       \
    VB_XML_UINT(C, port, "target/@port", VB_XML_HAS(C, has_port), .flags = VB_XML_ZERO_IS_VALUE)

static const VbXmlField serial_fields[] = {
    VB_XML_EMBED(C, source, ".", vb_domain_chr_source_type),
    VB_XML_ENUMV(C, serial_target, "target/@type", vb_domain_serial_target_enum,
                 .abi = "serial type"),
    PORT,
    VB_XML_STR(C, serial_model, "target/model/@name", .abi = "serial model"),
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_serial_type, VbDomainChr, "serial", serial_fields,
            .doc = "A serial port of the guest.");

static const VbXmlField parallel_fields[] = {
    VB_XML_EMBED(C, source, ".", vb_domain_chr_source_type),
    PORT,
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_parallel_type, VbDomainChr, "parallel", parallel_fields,
            .doc = "A parallel port of the guest.");

static const VbXmlField console_fields[] = {
    VB_XML_EMBED(C, source, ".", vb_domain_chr_source_type),
    VB_XML_STR(C, tty, "@tty", .flags = VB_XML_LIVE_ONLY),
    VB_XML_ENUMV(C, console_target, "target/@type", vb_domain_console_target_enum,
                 .abi = "console type"),
    PORT,
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(
    vb_domain_console_type, VbDomainChr, "console", console_fields,
    .doc = "The guest's text console; the first one may be a serial port under another name.");

static const VbXmlField channel_fields[] = {
    VB_XML_EMBED(C, source, ".", vb_domain_chr_source_type),
    VB_XML_ENUMV(C, channel_target, "target/@type", vb_domain_channel_target_enum,
                 .abi = "channel type"),
    VB_XML_STR(C, target_name, "target/@name", .abi = "channel name"),
    VB_XML_STR(C, target_state, "target/@state", .flags = VB_XML_LIVE_ONLY),
    VB_XML_STR(C, target_address, "target/@address"),
    VB_XML_STR(C, target_port, "target/@port"),
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_channel_type, VbDomainChr, "channel", channel_fields,
            .doc = "A private channel between host and guest.");
