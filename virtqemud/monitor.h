/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of the core that follow the emulator: monitor.c, monitor-devices.c, domain-start.c, domain-stop.c. */
#pragma once
#include "domain.h"

/* monitor-devices.c: events about devices; unknown ones are ignored */
void qemu_monitor_device_event(QemuDomain *domain, const char *name, const VbJson *details);
/* domain-start.c: the monitor of a guest that is being started has negotiated */
void qemu_start_connected(QemuDomain *domain);
/* domain-start.c: how far the restore of a guest is that is being started */
void qemu_start_migration_event(QemuDomain *domain, const char *status);
void qemu_start_job_event(QemuDomain *domain, const VbJson *details); /* of a start under way */
/* domain-stop.c: the process has ended and its last events were read */
void qemu_stop_finish(QemuDomain *domain);
/* domain-stop.c: the guest has ended: those who asked for that are told */
void qemu_stop_tell_waiters(QemuDomain *domain);
/* monitor.c: does what on_poweroff or on_crash say, by the state */
void qemu_monitor_act_on_end(QemuDomain *domain);
/* domain-start.c: the answer of query-cpus-fast */
void qemu_start_take_vcpus(const VbJson *result, QemuDomain *domain);
void qemu_start_take_iothreads(const VbJson *result, QemuDomain *domain); /* of query-iothreads */
