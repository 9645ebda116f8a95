/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where programs and images describe themselves to managers of virtual machines. */
#pragma once
#include <glib.h>

typedef struct {
    const char *root;    /* prefix of /etc; "" */
    gboolean is_session; /* the user's own folder counts, too */
} QemuInteropPlace;

/* (transfer full) absolute paths, the first counts first. @kind: "firmware", "vhost-user" */
GPtrArray *qemu_interop_list(const QemuInteropPlace *place, const char *kind);
