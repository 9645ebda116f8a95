/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parameters of tuning: libvirt's names, where their values lie in a definition. Shared by tuning.c and tuning-params.c. */
#pragma once
#include "domain.h"
#include "tuning.h"

typedef struct _QemuTuningParam QemuTuningParam;
struct _QemuTuningParam {
    const char *name;
    const char *type; /* of the variant */
    gint64 min, max;  /* of numbers above 0, which is no limit; max 0: none */
    /* (transfer floating) */
    GVariant *(*get)(const QemuTuningParam *param, const VbDomainDef *def);
    gboolean (*set)(const QemuTuningParam *param, VbDomainDef *def, GVariant *value,
                    GError **error);
    gsize offset; /* for get and set */
};

const QemuTuningParam *qemu_tuning_params(QemuTuningKind kind, guint *ret_n);
/* every name is known, of its type and in its range */
gboolean qemu_tuning_check(QemuTuningKind kind, GVariant *params, GError **error);
gboolean qemu_tuning_write(QemuTuningKind kind, VbDomainDef *def, GVariant *params, GError **error);

/* tuning-numa.c */
extern const QemuTuningParam qemu_tuning_numa_params[2];
/* (transfer full) the running guest's definition, with the nodes of the advice where it runs by one */
VbDomainDef *qemu_tuning_advised(const QemuDomain *domain);
/* @live, @config: of the guest, those that are to change, else NULL. Errors: INVALID_ARG, OPERATION_INVALID,
 * CONFIG_UNSUPPORTED, XML_DETAIL */
gboolean qemu_tuning_check_numa(const QemuDomain *domain, const VbDomainDef *live,
                                const VbDomainDef *config, GVariant *params, GError **error);
