/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by resctrl.c and resctrl-stats.c: where groups lie. All (transfer full). */
#pragma once
#include "resctrl.h"

char *qemu_resctrl_group_name(const QemuDomain *domain, const char *vcpus); /* NULL: all of it */
char *qemu_resctrl_monitor_path(const QemuDomain *domain, const VbDomainResctrl *tune,
                                const VbDomainResctrlMonitor *monitor);
char *qemu_resctrl_guest_monitor_path(const QemuDomain *domain);
