/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets that a guest's emulator, and what is beside it, need: where they are kept, how they are handed over. */
#pragma once
#include "command/command.h"
#include "domain.h"

/* Of the host's store, for @type ("volume", "ceph", "iscsi", "tls", "vtpm"): by @uuid, else by @usage. The value: any bytes */
GBytes *qemu_secret_read(const QemuManager *manager, const QemuSecret *secret, GError **error);
/* QemuCommandOptions.find_secret: writes the secret into the folder of the guest, @data */
char *qemu_secret_provide(const QemuSecret *secret, gpointer data, GError **error);
/* The same for what is only taken away, which is known by its id */
char *qemu_secret_name(const QemuSecret *secret, gpointer data, GError **error);
/* Removes what was provided: the emulator has read it, or never will. */
void qemu_secrets_forget(const QemuDomain *domain);
