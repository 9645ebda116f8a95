/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is this emulator's own in the facts about the host; the rest is libcommon/host. */
#pragma once
#include <glib.h>

char *qemu_host_get_hostname(GError **error);                  /* (transfer full) */
int qemu_host_get_max_vcpus(const char *type, GError **error); /* -1 with @error */
