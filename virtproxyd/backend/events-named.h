/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Event registrations of legacy clients for objects that the wire knows by their name alone: node devices. */
#pragma once
#include "backend/session.h"

/* the session listens to nothing of it any more */
void proxy_named_events_clear(ProxySession *session);

/* from the link: hands the event to every client that listens to it */
void proxy_named_events_dispatch(gpointer backend, const char *kind, const char *path,
                                 GVariant *details);

/* procedures */
void proxy_answer_named_event_register(ProxyCall *call);
void proxy_answer_named_event_deregister(ProxyCall *call);
