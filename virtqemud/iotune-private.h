/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits as parameters: shared by those of a disk and those of a group. */
#pragma once
#include "iotune.h"

#include "domain/domain.h"

/* Reads @params into @ret_tune, which is zeroed and keeps no string, and which families they touch into @ret_touched.
 * Errors: INVALID_ARG, ARGUMENT_UNSUPPORTED */
gboolean qemu_iotune_read(GVariant *params, VbDomainDiskIotune *ret_tune, guint *ret_touched,
                          GError **error);
/* families that are not in @touched come from @old */
void qemu_iotune_fill(VbDomainDiskIotune *tune, const VbDomainDiskIotune *old, guint touched);
/* what the emulator would refuse. Errors: CONFIG_UNSUPPORTED */
gboolean qemu_iotune_check(const VbDomainDiskIotune *tune, guint touched, GError **error);
/* numbers and name; @to frees its old name */
void qemu_iotune_copy(VbDomainDiskIotune *to, const VbDomainDiskIotune *from);

#define QEMU_IOTUNE_IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)
