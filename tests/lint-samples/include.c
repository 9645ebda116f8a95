/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
/* lint-path: virtqemud/monitor.c */
#include "virtproxyd/rpc/rpc.h"
