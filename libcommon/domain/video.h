/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <video>: the guest's graphics card. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_VIDEO_DEFAULT,
    VB_DOMAIN_VIDEO_VGA,
    VB_DOMAIN_VIDEO_CIRRUS,
    VB_DOMAIN_VIDEO_VMVGA,
    VB_DOMAIN_VIDEO_XEN,
    VB_DOMAIN_VIDEO_VBOX,
    VB_DOMAIN_VIDEO_QXL,
    VB_DOMAIN_VIDEO_PARALLELS,
    VB_DOMAIN_VIDEO_VIRTIO,
    VB_DOMAIN_VIDEO_GOP,
    VB_DOMAIN_VIDEO_NONE,
    VB_DOMAIN_VIDEO_BOCHS,
    VB_DOMAIN_VIDEO_RAMFB,
    VB_DOMAIN_VIDEO_LAST
} VbDomainVideoModel;

typedef struct {
    int model;                       /* VbDomainVideoModel */
    guint ram, vram, vram64, vgamem; /* KiB; 0 = not given */
    guint heads;
    VbTristate primary;
    VbTristate accel2d, accel3d;
    char *rendernode;
    VbTristate blob;
    guint resolution_x, resolution_y;
    char *vgaconf; /* <driver vgaconf=> */
    char *backend; /* <driver name=>: "qemu", "vhostuser" */
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainVideo;

extern const VbEnum vb_domain_video_model_enum;
extern const VbXmlType vb_domain_video_type;
