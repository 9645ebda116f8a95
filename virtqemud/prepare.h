/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest needs on the host before its emulator runs: folders, sockets, taps, ports; checks of what must be there.
 * What has to be taken away again is noted in domain->owed as it is made. */
#pragma once
#include "command/command.h"
#include "domain.h"

typedef struct {
    GArray *
        command_fds; /* QemuCommandFd: what the command line is told; aliases are borrowed from the definition */
    GArray *process_fds; /* QemuProcessFd: source is owned */
    int monitor_target;  /* number of the monitor's listening socket in the emulator */
} QemuPrepared;

QemuPrepared *qemu_prepare(QemuDomain *domain, GError **error);
QemuPrepared *qemu_prepared_new(void); /* empty */
void qemu_prepared_free(QemuPrepared *prepared);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuPrepared, qemu_prepared_free)

/* Takes @fd; returns the number it will have in the emulator. */
int qemu_prepared_add_fd(QemuPrepared *prepared, int fd);
/* A device's descriptor: passed on and told to the command line. Takes @fd. */
void qemu_prepared_add_device_fd(QemuPrepared *prepared, QemuCommandFdKind kind, const char *alias,
                                 int fd);

/* A listening socket; -1 with @error. What was there is replaced. */
int qemu_prepare_listen(const char *path, GError **error);
/* (transfer full) "7-NAME", shortened: what files of a running guest are called by */
char *qemu_prepare_short_name(const QemuDomain *domain);

/* one device; what is made is in domain->owed */
gboolean qemu_prepare_disk(VbDomainDisk *disk, GError **error);
gboolean qemu_prepare_channel(QemuDomain *domain, VbDomainChr *channel, QemuPrepared *prepared,
                              GError **error);

/* the kernel's side of a vhost target; others need nothing */
gboolean qemu_prepare_hostdev(const VbDomainHostdev *hostdev, QemuPrepared *prepared,
                              GError **error);

/* net.c: taps of <interface>; nothing for kinds that need none */
gboolean qemu_prepare_net(QemuDomain *domain, VbDomainNet *net, QemuPrepared *prepared,
                          GError **error);
/* net-direct.c: makes the macvtap and names it in @net */
gboolean qemu_prepare_direct(QemuDomain *domain, VbDomainNet *net, GError **error);
/* vsock.c: opens the kernel's side and takes the guest's number, a free one where the definition says so */
gboolean qemu_prepare_vsock(VbDomainVsock *vsock, QemuPrepared *prepared, GError **error);
void qemu_net_remove_tap(const char *name); /* of an owed clean-up; a tap that is gone is fine */

/* ports.c: graphics with autoport, websockets: the first free port, given to no other guest at the same time */
gboolean qemu_prepare_graphics(QemuDomain *domain, GError **error);
/* Heads the guest's log: time, version, command line. Returns: where the emulator's own words will begin, bytes */
goffset qemu_prepare_log(const QemuDomain *domain, const QemuCommand *command,
                         const QemuCaps *caps);
