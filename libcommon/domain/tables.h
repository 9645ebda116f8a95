/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: tables that the domain's own table joins. */
#pragma once
#include "domain/domain.h"

extern const VbXmlType vb_domain_os_type, vb_domain_features_type, vb_domain_cpu_type,
    vb_domain_clock_type;
extern const VbXmlType vb_domain_memory_backing_type, vb_domain_cputune_type,
    vb_domain_numatune_type;
extern const VbXmlType vb_domain_sysinfo_type, vb_domain_vcpu_type, vb_domain_iothread_type;
extern const VbXmlType vb_domain_blkiotune_type, vb_domain_idmap_uid_type, vb_domain_idmap_gid_type;
extern const VbEnum vb_domain_memory_access_enum;
extern const VbXmlType vb_domain_cachetune_type, vb_domain_memorytune_type;

/* words of an attribute that stays text: for .enumeration */
#define WORDS(symbol, title, ...)                                                                  \
    static const char *const symbol##_nicks[] = {__VA_ARGS__};                                     \
    static const VbEnum symbol = {title, symbol##_nicks, G_N_ELEMENTS(symbol##_nicks)}
