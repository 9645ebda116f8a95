/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of what few guests have: leases, key wrapping, launch security, what is handed to QEMU past the model. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(cipher_words, "cipher", "aes", "dea");

VB_ENUM(vb_domain_launch_security_enum, "launch security type", NULL, "sev", "sev-snp", "s390-pv");
VB_ENUM(vb_domain_override_type_enum, "override type", NULL, "string", "unsigned", "signed", "bool",
        "remove");

#define ZERO .flags = VB_XML_ZERO_IS_VALUE

static const VbXmlField lease_fields[] = {
    VB_XML_STR(VbDomainLease, lockspace, "lockspace"),
    VB_XML_STR(VbDomainLease, key, "key", .flags = VB_XML_REQUIRED),
    VB_XML_STR(VbDomainLease, path, "target/@path", .flags = VB_XML_REQUIRED),
    VB_XML_UINT64(VbDomainLease, offset, "target/@offset"),
};
VB_XML_TYPE(vb_domain_lease_type, VbDomainLease, "lease", lease_fields,
            .doc = "A lock that the guest holds while it runs.");

static const VbXmlField cipher_fields[] = {
    VB_XML_STR(VbDomainCipher, name, "@name", .flags = VB_XML_REQUIRED,
               .enumeration = &cipher_words),
    VB_XML_SWITCH(VbDomainCipher, state, "@state", .flags = VB_XML_REQUIRED),
};
VB_XML_TYPE(vb_domain_cipher_type, VbDomainCipher, "cipher", cipher_fields);

#define L VbDomainLaunchSecurity
#define WHEN(kind) VB_XML_WHEN(L, type, VB_XML_BIT(VB_DOMAIN_LAUNCH_SECURITY_##kind))
#define WHEN_SEV                                                                                   \
    VB_XML_WHEN(L, type,                                                                           \
                VB_XML_BIT(VB_DOMAIN_LAUNCH_SECURITY_SEV) |                                        \
                    VB_XML_BIT(VB_DOMAIN_LAUNCH_SECURITY_SEV_SNP))
static const VbXmlField launch_security_fields[] = {
    VB_XML_ENUMV(L, type, "@type", vb_domain_launch_security_enum, .flags = VB_XML_REQUIRED),
    VB_XML_BOOL(L, kernel_hashes, "@kernelHashes", WHEN_SEV),
    VB_XML_BOOL(L, author_key, "@authorKey", WHEN(SEV_SNP)),
    VB_XML_BOOL(L, vcek, "@vcek", WHEN(SEV_SNP)),
    VB_XML_UINT(L, cbitpos, "cbitpos", WHEN_SEV),
    VB_XML_UINT(L, reduced_phys_bits, "reducedPhysBits", WHEN_SEV),
    VB_XML_UINT64(L, policy, "policy", VB_XML_HAS(L, has_policy), WHEN_SEV,
                  .flags = VB_XML_HEX | VB_XML_ZERO_IS_VALUE, .width = 4),
    VB_XML_STR(L, dh_cert, "dhCert", WHEN(SEV)),
    VB_XML_STR(L, session, "session", WHEN(SEV)),
    VB_XML_STR(L, guest_visible_workarounds, "guestVisibleWorkarounds", WHEN(SEV_SNP)),
    VB_XML_STR(L, id_block, "idBlock", WHEN(SEV_SNP)),
    VB_XML_STR(L, id_auth, "idAuth", WHEN(SEV_SNP)),
    VB_XML_STR(L, host_data, "hostData", WHEN(SEV_SNP)),
};
VB_XML_TYPE(vb_domain_launch_security_type, L, "launchSecurity", launch_security_fields,
            .doc = "Memory that the host cannot read.");

/* what is handed to QEMU past the model */
static const VbXmlField arg_fields[] = {
    VB_XML_STR(VbDomainCommandEnv, value, "@value", .flags = VB_XML_EMIT_EMPTY),
};
VB_XML_TYPE(vb_domain_qemu_arg_type, VbDomainCommandEnv, "arg", arg_fields);

static const VbXmlField env_fields[] = {
    VB_XML_STR(VbDomainCommandEnv, name, "@name"),
    VB_XML_STR(VbDomainCommandEnv, value, "@value", .flags = VB_XML_EMIT_EMPTY),
};
VB_XML_TYPE(vb_domain_qemu_env_type, VbDomainCommandEnv, "env", env_fields);

static const VbXmlField capability_fields[] = {
    VB_XML_STR(VbDomainText, text, "@capability", .flags = VB_XML_REQUIRED),
};
VB_XML_TYPE(vb_domain_qemu_capability_type, VbDomainText, "add", capability_fields);

static const VbXmlField property_fields[] = {
    VB_XML_STR(VbDomainOverride, name, "@name", .flags = VB_XML_REQUIRED),
    VB_XML_ENUMV(VbDomainOverride, type, "@type", vb_domain_override_type_enum,
                 .flags = VB_XML_REQUIRED),
    VB_XML_STR(VbDomainOverride, value, "@value", .flags = VB_XML_EMIT_EMPTY),
};
static VB_XML_TYPE(property_type, VbDomainOverride, "property", property_fields);

static const VbXmlField override_fields[] = {
    VB_XML_STR(VbDomainDeviceOverride, alias, "@alias", .flags = VB_XML_REQUIRED),
    VB_XML_LIST(VbDomainDeviceOverride, frontend, "qemu:frontend/qemu:property", property_type),
};
VB_XML_TYPE(vb_domain_device_override_type, VbDomainDeviceOverride, "device", override_fields);
