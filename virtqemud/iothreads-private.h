/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between iothreads.c and iothreads-config.c. */
#pragma once
#include "iothreads.h"

/* What definitions allow of a change. Errors: INVALID_ARG */
gboolean qemu_iothread_check(const VbDomainDef *def, const QemuIothreadChange *change,
                             GError **error);
/* every parameter is known, of its type, in its range */
gboolean qemu_iothread_check_params(GVariant *params, GError **error);
void qemu_iothread_write(VbDomainDef *def, const QemuIothreadChange *change);
/* (transfer full) of char *: "property value" of QEMU's object, in an order that it takes; @def: as it is before */
GPtrArray *qemu_iothread_properties(const VbDomainDef *def, const QemuIothreadChange *change);
