/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host1: the host as typed values. */
#pragma once
#include "bus/bus.h"
#include "advice.h"

extern const VbInterface qemu_bus_host_interface; /* its handlers get the QemuBus */

/* The host was read again: tells who listens. */
void qemu_bus_host_changed(QemuBus *bus);
