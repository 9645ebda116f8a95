/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device as a user hands it in: read, found again in a definition, added, taken away, replaced. */
#pragma once
#include "define.h"
#include "domain/devices.h"

typedef struct _QemuDeviceKind QemuDeviceKind;

typedef struct {
    const QemuDeviceKind *kind;
    gpointer device; /* VbDomainDisk ...; owned */
} QemuDevice;

enum { QEMU_DEVICE_LIVE = 1 << 0 }; /* against a running guest: aliases count */

QemuDevice *qemu_device_parse(const char *xml, guint flags, GError **error);
QemuDevice *qemu_device_copy(const QemuDevice *device);
void qemu_device_free(QemuDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuDevice, qemu_device_free)

const char *
qemu_device_name(const QemuDevice *device);      /* "disk"; "chr" for all character devices */
int qemu_device_class(const QemuDevice *device); /* VbDomainDeviceClass; LAST: it has none */
VbDomainDeviceInfo *qemu_device_info(const QemuDevice *device);           /* NULL: it has none */
gboolean qemu_device_is_single(const QemuDevice *device);                 /* one per guest */
GPtrArray **qemu_device_list(const QemuDevice *device, VbDomainDef *def); /* NULL for single ones */

/* (transfer none) the device of @def that @device means; NULL with @error set, in libvirt's words */
gpointer qemu_device_find(const QemuDevice *device, VbDomainDef *def, guint flags, GError **error);
/* by alias, in any class; FALSE: there is none */
gboolean qemu_device_find_alias(VbDomainDef *def, const char *alias, VbDomainDevice *ret_device);

/* edits of a definition; what is in @device goes over into @def */
gboolean qemu_device_add(QemuDevice *device, VbDomainDef *def, GError **error);
void qemu_device_drop(const QemuDevice *device, VbDomainDef *def, gpointer victim); /* frees it */
/* takes what @device means out of @def (class and device are those of a device of @def) */
void qemu_device_drop_any(VbDomainDef *def, const VbDomainDevice *victim);

/* device-config.c: changes of a stored definition; @next is a copy that is checked and filled in again */
gboolean qemu_device_attach_config(QemuManager *manager, VbDomainDef *next,
                                   const QemuDevice *device, GError **error);
gboolean qemu_device_detach_config(VbDomainDef *next, const QemuDevice *device, GError **error);
gboolean qemu_device_update_config(QemuManager *manager, VbDomainDef *next,
                                   const QemuDevice *device, GError **error);
gboolean qemu_device_complete(QemuManager *manager, VbDomainDef *next, GError **error);
