/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key codes: from any of libvirt's codesets to QEMU's numbers. */
#pragma once
#include <glib.h>

int qemu_keycode_to_qnum(guint codeset, guint code); /* -1: no such code */
const char *qemu_keycode_set_name(guint codeset);    /* NULL: no such set */
