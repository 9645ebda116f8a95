/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hears from the kernel that processors, memory or nodes came or went. */
#pragma once
#include "host/host.h"

typedef struct _VbHostWatch VbHostWatch;
typedef void (*VbHostChanged)(VbHost *host, gpointer data);

/* Invalidates @host at each such event; @changed runs from the loop once the events of a change have stopped coming. This
 * machine's events say nothing of a recorded host: there is only the trigger then. NULL with @error: no netlink socket
 * (SYSTEM_ERROR) */
VbHostWatch *vb_host_watch_new(VbHost *host, VbHostChanged changed, gpointer data, GError **error);
void vb_host_watch_free(VbHostWatch *watch);
/* The same as an event: for those who know that something changed. */
void vb_host_watch_trigger(VbHostWatch *watch);

/* Is this one of them? @message: "ACTION@PATH", then KEY=VALUE, each with a 0 behind it */
gboolean vb_host_uevent_matters(const char *message, gsize length);
