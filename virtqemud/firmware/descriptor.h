/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a descriptor says; between descriptor.c, which reads it, and firmware.c, which chooses. */
#pragma once
#include "firmware/firmware.h"

typedef enum {
    QEMU_FIRMWARE_FLASH,  /* in flash memory */
    QEMU_FIRMWARE_MEMORY, /* -bios */
    QEMU_FIRMWARE_KERNEL, /* -kernel: for no guest of ours */
} QemuFirmwareDevice;

typedef enum {
    QEMU_FIRMWARE_SPLIT,    /* code apart from variables */
    QEMU_FIRMWARE_COMBINED, /* one image has both */
    QEMU_FIRMWARE_STATELESS,
} QemuFirmwareMode;

typedef enum {
    QEMU_FIRMWARE_ACPI_S3 = 1 << 0,
    QEMU_FIRMWARE_ACPI_S4 = 1 << 1,
    QEMU_FIRMWARE_AMD_SEV = 1 << 2,
    QEMU_FIRMWARE_AMD_SEV_ES = 1 << 3,
    QEMU_FIRMWARE_ENROLLED_KEYS = 1 << 4,
    QEMU_FIRMWARE_REQUIRES_SMM = 1 << 5,
    QEMU_FIRMWARE_SECURE_BOOT = 1 << 6,
} QemuFirmwareFeature;

typedef struct {
    char *arch;
    GPtrArray *machines; /* char *: patterns as of fnmatch() */
} QemuFirmwareTarget;

struct _QemuFirmware {
    gboolean has_bios, has_efi; /* what it offers to the guest's system */
    int device;                 /* QemuFirmwareDevice */
    int mode;                   /* QemuFirmwareMode, of FLASH */
    char *image, *format;
    char *template_path, *template_format; /* of SPLIT */
    GPtrArray *targets;                    /* QemuFirmwareTarget */
    guint features;                        /* QemuFirmwareFeature; others are of no consequence */
};
