/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: addresses per kind of bus. */
#pragma once
#include "domain/domain.h"

gboolean vb_domain_assign_pci(VbDomainDef *def, GError **error);
gboolean vb_domain_assign_virtio_serial(VbDomainDef *def, GError **error);
gboolean vb_domain_assign_usb(VbDomainDef *def, GError **error);
