/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast a disk may be read and written: limits of one disk, and groups that several disks share. Variants are a{sv}:
 * libvirt's names, documented in dbus/org.virtbus.Domain1.xml. */
#pragma once
#include "domain.h"

/**
 * qemu_iotune_get:
 * @disk: target, or path of its image; "": any disk, only the names matter
 * @flags: virDomainModificationImpact
 *
 * Returns: (transfer floating): a{sv}
 * Errors: OPERATION_INVALID; INVALID_ARG no such disk
 */
GVariant *qemu_iotune_get(QemuDomain *domain, const char *disk, guint flags, GError **error);

typedef struct {
    const char *name; /* of the disk, or of the group */
    GVariant *params; /* a{sv}; families (bytes, iops, ...) that are not there stay as they are */
    guint flags;      /* virDomainModificationImpact */
} QemuIotuneChange;
/**
 * qemu_iotune_set:
 * @change: is not kept
 * @done: called once, from the loop
 *
 * Errors: INVALID_ARG, ARGUMENT_UNSUPPORTED, CONFIG_UNSUPPORTED; OPERATION_INVALID; OPERATION_FAILED the emulator refuses
 */
void qemu_iotune_set(QemuDomain *domain, const QemuIotuneChange *change, QemuDone done,
                     gpointer data);

/* the same for a throttle group, which is made if there is none of that name */
void qemu_throttle_group_set(QemuDomain *domain, const QemuIotuneChange *change, QemuDone done,
                             gpointer data);
/* Errors: INVALID_ARG no such group; OPERATION_INVALID a disk uses it */
void qemu_throttle_group_delete(QemuDomain *domain, const char *name, guint flags, QemuDone done,
                                gpointer data);
