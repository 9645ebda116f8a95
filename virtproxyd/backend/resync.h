/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a daemon cannot give lost events again, the difference between what was known and what is becomes events. */
#pragma once
#include "backend/link.h"

/* (transfer full) what is known now: object path -> state */
GHashTable *proxy_resync_remember(ProxyMirror *mirror);
void proxy_resync_tell(GHashTable *before, ProxyMirror *mirror, const ProxyLinkHandler *handler,
                       gpointer data);
