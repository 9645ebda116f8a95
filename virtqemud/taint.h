/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taints: what makes a guest differ from what its definition and its host promise. Told by GetMessages and in the journal. */
#pragma once
#include "domain.h"

/* marks a guest that is about to start with what its definition brings along */
void qemu_taint_started(QemuDomain *domain);
/* marks it with one more word of libvirt's (virDomainTaintFlags); the guest's state is saved */
void qemu_domain_taint(QemuDomain *domain, const char *word);
/* Source: libvirt's words (virDomainGetMessages); an unknown one is given back */
const char *qemu_taint_text(const char *word);
