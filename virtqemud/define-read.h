/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading stored definitions, several at a time (define-read.c). */
#pragma once
#include "domain/domain.h"

typedef struct {
    const char *file;
    VbDomainDef *def;
    GError *error; /* why there is no @def */
} QemuStoredDef;

QemuStoredDef *qemu_read_definitions(const char *folder, const GPtrArray *files);
