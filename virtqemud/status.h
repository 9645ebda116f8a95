/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status files: ROOT/run/libvirt/qemu/NAME.xml in libvirt's format (<domstatus>), so that a host can move over with its
 * guests running, and back. What is ours lies in <virtbus>, which libvirt ignores: step of the start, newest event
 * included, clean-up that is owed. */
#pragma once
#include <glib.h>
#include "manager.h"

/* Writes what @domain is now; not fsynced (tmpfs), atomic. */
gboolean qemu_status_write(QemuDomain *domain, GError **error);
void qemu_status_remove(QemuDomain *domain);

/* What a status file says. */
typedef struct {
    VbDomainDef *live;
    int id, state, reason;
    pid_t pid;
    char *monitor_path;
    char *for_libvirt;            /* elements that we do not read, as text; NULL: none */
    guint node_index;             /* highest number that an image has had */
    char *auto_cpus, *auto_nodes; /* NULL: none */
    GArray *vcpu_tids;
    GPtrArray *taint, *owed;
    QemuUnfinished *unfinished; /* a save or restore that was under way; NULL */
    gboolean is_starting, is_shutting_down, is_updated, has_fake_reboot, is_transient, is_ours;
    guint64 last_event;
    char *epoch;
} QemuStatus;
/* status-libvirt.c */
char *qemu_status_for_libvirt(QemuDomain *domain);
guint qemu_status_name_images(VbDomainDef *live);
gboolean qemu_status_unlabel(VbDomainDef *live);
void qemu_status_relabel(VbDomainDef *live);

QemuStatus *qemu_status_read(const char *path, GError **error);
void qemu_status_free(QemuStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuStatus, qemu_status_free)
