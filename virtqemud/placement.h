/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which host CPUs the threads of a running guest may use, and how they are scheduled. docs/placement.md has the rules. */
#pragma once
#include "base/bitset.h"
#include "domain.h"

/* What the emulator's process starts with, and what threads without a rule of their own keep: emulatorpin, else cpuset.
 * (transfer full) NULL: every CPU */
VbBitset *qemu_placement_of_process(const VbDomainDef *def);
/* TRUE: numad's or our own advice says where the guest runs or has its memory */
gboolean qemu_placement_is_auto(const VbDomainDef *def);
/* (transfer full) the same for a guest that starts, with the advice that was taken; NULL: every CPU */
VbBitset *qemu_placement_of_emulator(const QemuDomain *domain);
/* (transfer full) the nodes whose memory it gets, of <numatune> or the advice, and how strictly (MPOL_*; MPOL_DEFAULT: its
 * control group's affair alone); NULL: any, or all that have memory */
VbBitset *qemu_placement_of_memory(const QemuDomain *domain, int *ret_policy);
/* (transfer none) what the definition says of one; NULL: nothing */
const char *qemu_placement_of_vcpu(const VbDomainDef *def, guint vcpu);
const char *qemu_placement_of_iothread(const VbDomainDef *def, guint iothread);

/* the guest's I/O threads: how many, and the number of the one at @index */
guint qemu_placement_count_iothreads(const VbDomainDef *def);
guint qemu_placement_iothread_id(const VbDomainDef *def, guint index);
guint
qemu_placement_last_cpu(const QemuDomain *domain); /* the highest number of a CPU of the host */

/* Errors: CONFIG_UNSUPPORTED a node that the host has not */
gboolean qemu_placement_check_nodes(const QemuDomain *domain, const char *nodeset, GError **error);
/* Every list names CPUs that the host has. Errors: CONFIG_UNSUPPORTED with the element */
gboolean qemu_placement_check(QemuDomain *domain, const VbDomainDef *def, GError **error);
/* TRUE: threads have rules of their own, qemu_placement_apply() has something to do */
gboolean qemu_placement_is_wanted(const VbDomainDef *def);
/* Puts the threads that are known now in their place: vCPUs, I/O threads. Errors: SYSTEM_ERROR */
gboolean qemu_placement_apply(QemuDomain *domain, GError **error);
/* A thread that came later */
gboolean qemu_placement_apply_vcpu(QemuDomain *domain, guint vcpu, pid_t tid, GError **error);
gboolean qemu_placement_apply_iothread(QemuDomain *domain, guint iothread, pid_t tid,
                                       GError **error);

/* @tid may use @cpus from now on; a thread that is gone is no error */
gboolean qemu_placement_bind(pid_t tid, const VbBitset *cpus, GError **error);
/* all threads but vCPUs and I/O threads */
gboolean qemu_placement_bind_emulator(QemuDomain *domain, const VbBitset *cpus, GError **error);
