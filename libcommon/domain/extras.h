/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What few guests have: leases, key wrapping, launch security, what is handed to QEMU past the model. */
#pragma once
#include "xml/xml.h"

typedef struct {
    char *lockspace, *key, *path;
    guint64 offset;
} VbDomainLease;

typedef struct {
    char *name; /* "aes", "dea" */
    VbTristate state;
} VbDomainCipher;

typedef enum {
    VB_DOMAIN_LAUNCH_SECURITY_NONE,
    VB_DOMAIN_LAUNCH_SECURITY_SEV,
    VB_DOMAIN_LAUNCH_SECURITY_SEV_SNP,
    VB_DOMAIN_LAUNCH_SECURITY_PV
} VbDomainLaunchSecurityType;
typedef struct {
    int type; /* VbDomainLaunchSecurityType */
    VbTristate kernel_hashes, author_key, vcek;
    guint cbitpos, reduced_phys_bits; /* 0 = the host's */
    guint64 policy;
    gboolean has_policy;
    char *dh_cert, *session; /* base64 */
    char *guest_visible_workarounds, *id_block, *id_auth, *host_data;
} VbDomainLaunchSecurity;

typedef struct {
    char *name, *value;
} VbDomainCommandEnv; /* and <qemu:arg value=> (name NULL) */

typedef enum {
    VB_DOMAIN_OVERRIDE_NONE,
    VB_DOMAIN_OVERRIDE_STRING,
    VB_DOMAIN_OVERRIDE_UNSIGNED,
    VB_DOMAIN_OVERRIDE_SIGNED,
    VB_DOMAIN_OVERRIDE_BOOL,
    VB_DOMAIN_OVERRIDE_REMOVE
} VbDomainOverrideType;
typedef struct {
    char *name, *value;
    int type; /* VbDomainOverrideType */
} VbDomainOverride;
typedef struct {
    char *alias;         /* of the device: the user's own */
    GPtrArray *frontend; /* VbDomainOverride: properties of its -device */
} VbDomainDeviceOverride;

extern const VbEnum vb_domain_launch_security_enum, vb_domain_override_type_enum;
extern const VbXmlType vb_domain_lease_type, vb_domain_cipher_type, vb_domain_launch_security_type;
extern const VbXmlType vb_domain_qemu_arg_type, vb_domain_qemu_env_type,
    vb_domain_qemu_capability_type, vb_domain_device_override_type;
