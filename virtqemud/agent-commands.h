/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one asks a guest's agent for, in libvirt's terms. Errors: those of qemu_agent_execute() and unsupported flags. */
#pragma once
#include "agent.h"

/* @reply: (transfer floating) tuple of D-Bus values; NULL with @error */
typedef void (*QemuAgentReplyDone)(QemuDomain *domain, GVariant *reply, const GError *error,
                                   gpointer data);

typedef struct {
    QemuDomain *domain;
    QemuAgentReplyDone done;
    gpointer data;
    guint flags;
} QemuAgentCall;

void qemu_agent_get_time(const QemuAgentCall *call);                                    /* (xu) */
void qemu_agent_set_time(const QemuAgentCall *call, gint64 seconds, guint nanoseconds); /* () */
void qemu_agent_get_hostname(const QemuAgentCall *call);                                /* (s) */
void qemu_agent_get_addresses(const QemuAgentCall *call); /* (a(ssa(isu))) */
void qemu_agent_get_fsinfo(const QemuAgentCall *call);    /* (a(sssas)u) */
void qemu_agent_fsfreeze(const QemuAgentCall *call, const char *const *mountpoints); /* (i) */
void qemu_agent_fsthaw(const QemuAgentCall *call, const char *const *mountpoints);   /* (i) */
void qemu_agent_fstrim(const QemuAgentCall *call, const char *mountpoint, guint64 minimum);
void qemu_agent_set_password(const QemuAgentCall *call, const char *user, const char *password);
void qemu_agent_get_vcpus(const QemuAgentCall *call); /* (a{sv}) */
void qemu_agent_set_vcpus(const QemuAgentCall *call, const char *cpumap, int state);
/* (i); call->flags: virDomainVcpuFlags, MAXIMUM also counts those that are offline */
void qemu_agent_count_vcpus(const QemuAgentCall *call);
/* (): takes vCPUs on- or offline in the guest; INVALID_ARG more than there are, fewer than must stay */
void qemu_agent_resize_vcpus(const QemuAgentCall *call, guint n_wanted);
void qemu_agent_get_ssh_keys(const QemuAgentCall *call, const char *user); /* (as) */
void qemu_agent_set_ssh_keys(const QemuAgentCall *call, const char *user, const char *const *keys);
void qemu_agent_suspend(const QemuAgentCall *call, guint target, guint64 duration);
void qemu_agent_raw(const QemuAgentCall *call, const char *command, int timeout_s); /* (s) */
/* @types: virDomainGuestInfoTypes; 0: all that the agent knows */
void qemu_agent_get_info(const QemuAgentCall *call, guint types); /* (a{sv}) */
/* guest-shutdown, "powerdown" or "reboot" */
void qemu_agent_shutdown(QemuDomain *domain, const char *mode, QemuAgentDone done, gpointer data);
