/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: whatever a guest's agent replies, it becomes values that D-Bus carries, or nothing. */
#include "agent-replies.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check(GVariant *value)
{
    g_autoptr(GVariant) owned = value ? g_variant_ref_sink(value) : NULL;

    g_assert_true(!owned || g_variant_is_normal_form(owned));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(VbJson) reply = vb_json_parse((const char *)data, (gssize)size, NULL);
    g_autoptr(VbDomainDef) live = vb_domain_new();
    GVariantBuilder params;
    guint n;
    const QemuAgentInfoPart *parts = qemu_agent_info_parts(&n);

    if (!reply)
        return 0;
    check(qemu_agent_read_addresses(reply));
    check(qemu_agent_read_fsinfo(reply, live));
    g_variant_builder_init(&params, G_VARIANT_TYPE_VARDICT);
    g_free(qemu_agent_read_vcpus(reply, &params));
    for (guint i = 0; i < n; i++)
        parts[i].read(reply, live, &params);
    check(g_variant_builder_end(&params));
    return 0;
}
