/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host with QEMU 7.2 for x86 would say: fixed answers for tests. */
#pragma once
#include "domain/domain.h"

const VbDomainCapsHints *vb_domain_test_hints(void);
