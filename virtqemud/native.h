/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domxml-to-native: the command line that a start of a definition would run. */
#pragma once
#include "manager.h"

/* @format: "qemu-argv". @done once, possibly from inside this call. */
void qemu_native_from_xml(QemuManager *manager, const char *format, const char *xml,
                          QemuCapsTextDone done, gpointer data);
