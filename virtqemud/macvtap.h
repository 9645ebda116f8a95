/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* macvtap: an interface beside the host's own on the same network card, with a device node that the emulator reads and
 * writes. The kernel keeps it until it is removed, whatever happens to its processes. */
#pragma once
#include "domain.h"

typedef struct {
    const char *lower; /* the host's interface */
    const char *mode;  /* "vepa", "bridge", "private", "passthrough" */
    VbMac mac;
} QemuMacvtap;

/* Errors: SYSTEM_ERROR no such interface, one of that name is there (EEXIST), the kernel refuses */
gboolean qemu_macvtap_create(const char *name, const QemuMacvtap *wanted, GError **error);
/* one more queue; -1 with @error */
int qemu_macvtap_open(const char *name, gboolean is_multiqueue, GError **error);
/* @what: "NAME MAC", of an owed clean-up: removed if it still is the one with that address */
void qemu_macvtap_remove(const char *what);
/* @what: "NAME MAC", of an owed clean-up: the interface gets that address back */
void qemu_macvtap_restore_mac(const char *what);
/* the address of an interface of the host */
gboolean qemu_macvtap_get_mac(const char *name, VbMac *ret_mac);
gboolean qemu_macvtap_set_mac(const char *name, const VbMac *mac, GError **error);
