/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: refusals, per device class. */
#pragma once
#include "domain/domain.h"

gboolean vb_domain_validate_cpu(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_os(const VbDomainDef *def, GError **error);
gboolean vb_domain_validate_disks(const VbDomainDef *def, GError **error);
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
