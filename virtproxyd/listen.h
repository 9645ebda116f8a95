/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of the proxy. */
#pragma once
#include "rpc/rpc.h"
#include "service/service.h"

typedef struct _ProxyListen ProxyListen;

ProxyListen *proxy_listen_new(ProxyServer *server, VbService *service, const char *folder,
                              gboolean needs_polkit, GError **error);
void proxy_listen_free(ProxyListen *self); /* removes what it made; the server closes the sockets */
