/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of control groups share. */
#pragma once
#include "cgroup.h"

gboolean qemu_cgroup_write(const char *folder, const char *name, const char *value, GError **error);
gboolean qemu_cgroup_make(const QemuCgroupPlace *place, GError **error);
