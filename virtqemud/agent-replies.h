/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest's agent answers, as D-Bus values. Pure; every byte comes from the guest, so whatever is missing or of
 * another kind is left out, and nothing is longer than libvirt's protocol carries. */
#pragma once
#include "base/json.h"
#include "domain/domain.h"

/* (transfer floating), NULL: not what it should be. @live: whose disks are looked for */
GVariant *qemu_agent_read_addresses(const VbJson *interfaces); /* a(ssa(isu)) */
GVariant *qemu_agent_read_fsinfo(const VbJson *filesystems, const VbDomainDef *live); /* a(sssas) */
char *qemu_agent_read_vcpus(const VbJson *vcpus,
                            GVariantBuilder *params); /* NULL; or what is wrong */

/* one part of virDomainGetGuestInfo each, into a{sv} */
typedef void (*QemuAgentInfoReader)(const VbJson *reply, const VbDomainDef *live,
                                    GVariantBuilder *params);
typedef struct {
    guint type; /* VIR_DOMAIN_GUEST_INFO_* */
    const char *command;
    QemuAgentInfoReader read;
} QemuAgentInfoPart;
const QemuAgentInfoPart *qemu_agent_info_parts(guint *ret_n);
