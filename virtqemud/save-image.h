/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files with the memory of a saved guest, in libvirt's format: header, domain XML, the emulator's migration stream. */
#pragma once
#include <glib.h>

/* What is written before the emulator's part. @temporary lies in the folder of the final file. */
typedef struct {
    const char *temporary;
    const char *xml;
    gboolean was_running; /* what a restore makes of it */
} QemuSaveHead;

/* These may block: not for the main loop. */
int qemu_save_image_create(const QemuSaveHead *head, GError **error);
gboolean qemu_save_image_finish(int fd, const char *temporary, const char *path, GError **error);

typedef struct {
    int fd; /* at the beginning of the emulator's part */
    char *path;
    char *xml;
    gboolean was_running;
} QemuSaveImage;

gboolean qemu_save_image_replace(const char *path, const char *xml, gboolean was_running,
                                 GError **error);

/* NULL with @error; then *ret_is_incomplete says that the file was cut short and is worth nothing */
QemuSaveImage *qemu_save_image_open(const char *path, gboolean *ret_is_incomplete, GError **error);
void qemu_save_image_free(QemuSaveImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuSaveImage, qemu_save_image_free)
