/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event registrations of legacy clients, and the messages they get. */
#pragma once
#include "backend/session.h"

void proxy_events_free(ProxyEvents *events);

/* from the link: hands the event to every client that listens to it */
void proxy_events_dispatch(gpointer backend, const char *kind, const char *path, GVariant *details);
void proxy_events_dispatch_monitor(gpointer backend, const char *path, GVariant *args);

/* procedures */
void proxy_answer_event_callback_register(ProxyCall *call);
void proxy_answer_event_callback_deregister(ProxyCall *call);
void proxy_answer_event_register_any(ProxyCall *call);
void proxy_answer_event_deregister_any(ProxyCall *call);
void proxy_answer_event_register(ProxyCall *call);
void proxy_answer_event_deregister(ProxyCall *call);
void proxy_answer_monitor_event_register(ProxyCall *call);
void proxy_answer_monitor_event_deregister(ProxyCall *call);
