/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/domain only: filling in, per device class. Order of the calls is in domain-defaults.c. */
#pragma once
#include "domain/domain.h"

typedef struct {
    VbDomainDef *def;
    const VbDomainCapsHints *hints; /* NULL: nothing is known of the host */
    gboolean is_x86;
} VbDomainFill;

gboolean vb_domain_fill_has_device(const VbDomainFill *fill, const char *device);
/* strings: sets *member when it is NULL */
void vb_domain_fill_string(char **member, const char *value);

gboolean vb_domain_fill_controllers(const VbDomainFill *fill, GError **error);
void vb_domain_fill_implicit_controllers(const VbDomainFill *fill);
gboolean vb_domain_fill_disks(const VbDomainFill *fill, GError **error);
void vb_domain_fill_source(VbDomainDiskSource *source);
gboolean vb_domain_fill_nets(const VbDomainFill *fill, GError **error);
gboolean vb_domain_fill_consoles(const VbDomainFill *fill, GError **error);
gboolean vb_domain_fill_chardevs(const VbDomainFill *fill, GError **error);
gboolean vb_domain_fill_graphics(const VbDomainFill *fill, GError **error);
void vb_domain_fill_videos(const VbDomainFill *fill);
void vb_domain_fill_audio(const VbDomainFill *fill);
void vb_domain_fill_inputs(const VbDomainFill *fill);
void vb_domain_fill_platform(const VbDomainFill *fill);
gboolean vb_domain_fill_os(const VbDomainFill *fill, GError **error);
void vb_domain_fill_resctrl(VbDomainDef *def);
void vb_domain_fill_tuning(VbDomainDef *def);
void vb_domain_fill_cpu(const VbDomainFill *fill);

VbDomainController *vb_domain_add_controller(VbDomainDef *def, int type, guint index);
