/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file descriptor on the main loop whose conditions change often: cheaper than a new source each time. */
#pragma once
#include <gio/gio.h>

typedef struct _ProxyWatch ProxyWatch;
typedef void (*ProxyWatchFunc)(GIOCondition condition, gpointer data);

ProxyWatch *proxy_watch_new(int fd, GIOCondition condition, ProxyWatchFunc func, gpointer data);
void proxy_watch_set(ProxyWatch *watch, GIOCondition condition);
void proxy_watch_wake(ProxyWatch *watch);
void proxy_watch_free(ProxyWatch *watch);
