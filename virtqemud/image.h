/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes of disk images on the host. */
#pragma once
#include <glib.h>

typedef struct {
    guint64 allocation; /* bytes on the host */
    guint64 capacity;   /* bytes that the guest sees; 0: not known for this format */
    guint64 physical;   /* length of the file or device */
} QemuImageSizes;

typedef struct {
    const char *path;
    gboolean is_raw; /* content is the guest's disk as it is */
} QemuImage;

/* Before asking for many: reads them together. */
void qemu_image_read_ahead(const QemuImage *images, guint n);
/* errno; ETIMEDOUT: the file system does not answer. 0: @ret_sizes is set */
int qemu_image_look(const char *path, gboolean is_raw, QemuImageSizes *ret_sizes);
/* Errors: SYSTEM_ERROR; OPERATION_TIMEOUT the file system does not answer (nobody waits for it longer than a moment) */
gboolean qemu_image_read_sizes(const char *path, gboolean is_raw, QemuImageSizes *ret_sizes,
                               GError **error);
