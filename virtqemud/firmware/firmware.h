/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Firmware images: what is installed, which of them a definition means, and where its variables live. */
#pragma once
#include <glib.h>
#include "domain/domain.h"
#include "firmware/interop.h"

typedef struct _QemuFirmware QemuFirmware;

/* One descriptor. Errors: CONF_SYNTAX it says something that is not known, or too little */
QemuFirmware *qemu_firmware_parse(const char *text, gssize length, GError **error);
void qemu_firmware_free(QemuFirmware *firmware);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuFirmware, qemu_firmware_free)

/* (transfer full) QemuFirmware, the first counts first; those that cannot be understood are logged and left out. Reads files. */
GPtrArray *qemu_firmware_read_all(const QemuInteropPlace *place);

/* whether @def says less than an emulator must know */
gboolean qemu_firmware_is_open(const VbDomainDef *def);
/* Replaces <os firmware='...'> by an image and a file for its variables; a given image gets its template and features.
 * Errors: OPERATION_FAILED none fits; OPERATION_INVALID it needs what the definition forbids */
gboolean qemu_firmware_fill(VbDomainDef *def, const GPtrArray *all, const char *nvram_dir,
                            GError **error);

typedef struct {
    gboolean has_bios, has_efi, has_secure;
    GPtrArray *images; /* const char *, of @all */
} QemuFirmwareSummary;
/* what guests of this kind can have; images: (transfer container) */
QemuFirmwareSummary qemu_firmware_summarize(const GPtrArray *all, const char *arch,
                                            const char *machine);

/* ---- variables ---- */

/* (transfer full) the file that a definition keeps its variables in; NULL: none, or no file */
char *qemu_nvram_path(const VbDomainDef *def, const char *nvram_dir);
/* Makes that file from its template when it is not there, or anew. Blocks: for a thread.
 * Errors: OPERATION_FAILED there is no template; SYSTEM_ERROR; OPERATION_UNSUPPORTED @is_reset, and it is no file */
gboolean qemu_nvram_make(const VbDomainDef *def, const char *nvram_dir, gboolean is_reset,
                         GError **error);
