/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's same-page merging: what libvirt calls the node's memory parameters. */
#pragma once
#include "host/host.h"

typedef struct {
    const char *name; /* libvirt's: "shm_pages_to_scan" */
    gboolean is_long; /* 64 bits, else 32 */
    gboolean is_settable;
    guint64 value;
} VbHostKsmParameter;

/* (transfer full) VbHostKsmParameter, for what the kernel has; empty without KSM */
GArray *vb_host_read_ksm(const VbHost *host);
/* Checks, then writes one. Errors: ARGUMENT_UNSUPPORTED unknown or not settable; OPERATION_UNSUPPORTED not in this kernel;
 * SYSTEM_ERROR the kernel refuses the value */
gboolean vb_host_check_ksm(const VbHost *host, const char *name, GError **error);
gboolean vb_host_set_ksm(const VbHost *host, const char *name, guint64 value, GError **error);
