/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: refusals, per device class. */
#pragma once
#include "domain/domain.h"

/* one refusal: its text when @is_wrong */
typedef struct {
    gboolean is_wrong;
    int code; /* VIR_ERR_* */
    const char *text;
} VbDomainRule;
gboolean vb_domain_check_rules(const VbDomainRule *rules, guint n_rules, GError **error);
#define VB_DOMAIN_CHECK(rules, error) vb_domain_check_rules(rules, G_N_ELEMENTS(rules), error)

gboolean vb_domain_validate_cpu(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_os(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_disks(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_disk_options(const VbDomainDef *def, const VbDomainDisk *disk,
                                         GError **error);
gboolean vb_domain_validate_place(const VbDomainDef *def, const VbDomainDisk *disk, GError **error);
gboolean vb_domain_validate_source(const VbDomainDiskSource *source, GError **error);
gboolean vb_domain_validate_virtio(const VbDomainVirtioOptions *options, gboolean is_virtio,
                                   GError **error);
gboolean vb_domain_validate_controllers(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_chardevs(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_graphics(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_resctrl(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_tuning(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_hostdevs(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_memory(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_platform(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_features(const VbDomainDef *def, GError **error);
gboolean vb_domain_has_shared_memory(const VbDomainDef *def);
gboolean vb_domain_validate_nets(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_clock(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_net_options(const VbDomainNet *net, GError **error);
