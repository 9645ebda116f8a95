/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Table of <video>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(video_backend_words, "video backend", "qemu", "vhostuser");

VB_ENUM(vb_domain_video_model_enum, "video model", "default", "vga", "cirrus", "vmvga", "xen",
        "vbox", "qxl", "parallels", "virtio", "gop", "none", "bochs", "ramfb");

#define V VbDomainVideo
static const VbXmlField video_fields[] = {
    VB_XML_STR(V, backend, "driver/@name", .enumeration = &video_backend_words),
    VB_XML_STR(V, vgaconf, "driver/@vgaconf"),
    VB_XML_EMBED(V, virtio, "driver", vb_domain_virtio_type),
    VB_XML_ENUMV(V, model, "model/@type", vb_domain_video_model_enum, .flags = VB_XML_UNSUPPORTED,
                 .abi = "video card model"),
    VB_XML_UINT(V, ram, "model/@ram", .abi = "video card ram"),
    VB_XML_UINT(V, vram, "model/@vram", .abi = "video card vram"),
    VB_XML_UINT(V, vram64, "model/@vram64", .abi = "video card vram64"),
    VB_XML_UINT(V, vgamem, "model/@vgamem", .abi = "video card vgamem"),
    VB_XML_UINT(V, heads, "model/@heads", .abi = "video card heads"),
    VB_XML_BOOL(V, primary, "model/@primary"),
    VB_XML_SWITCH(V, blob, "model/@blob"),
    VB_XML_BOOL(V, accel2d, "model/acceleration/@accel2d"),
    VB_XML_BOOL(V, accel3d, "model/acceleration/@accel3d"),
    VB_XML_STR(V, rendernode, "model/acceleration/@rendernode"),
    VB_XML_UINT(V, resolution_x, "model/resolution/@x"),
    VB_XML_UINT(V, resolution_y, "model/resolution/@y"),
    VB_XML_EMBED(V, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_video_type, VbDomainVideo, "video", video_fields,
            .doc = "A graphics card of the guest.");
