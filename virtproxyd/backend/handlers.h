/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures answered by hand, and the verdict on each call. */
#pragma once
#include "backend/session.h"

typedef enum {
    PROXY_NEEDS_NOTHING, /* also before CONNECT_OPEN */
    PROXY_NEEDS_OPEN,
    PROXY_NEEDS_ROOT,   /* opened, and the mirror knows the host's properties */
    PROXY_NEEDS_MIRROR, /* opened, and the mirror is true */
} ProxyNeeds;

typedef struct {
    const char *procedure;
    void (*answer)(ProxyCall *call);
    ProxyNeeds needs;
} ProxyHandler;

extern const ProxyHandler proxy_handlers[];
extern const guint proxy_n_handlers;

typedef enum {
    PROXY_VERDICT_ANSWER, /* by hand */
    PROXY_VERDICT_ROUTE,  /* D-Bus, as the generated route says */
    PROXY_VERDICT_NOT_OPEN,
    PROXY_VERDICT_DENIED, /* changes something, the client may only read */
    PROXY_VERDICT_UNSUPPORTED,
} ProxyVerdict;

ProxyVerdict proxy_decide(const ProxyHandler *handler, const ProxyRoute *route, gboolean is_open,
                          gboolean is_readonly, gboolean is_allowed_readonly);

/* runs the generated route of @call */
void proxy_route_run(ProxyCall *call);
/* the same; @body gets a reply that goes to the wire as it came, and hands it on to proxy_route_reply_body() */
void proxy_route_run_body(ProxyCall *call, ProxyCallBody body);
void proxy_route_reply_body(ProxyCall *call, const guint8 *body, gsize length);

/* domains (handlers-domain.c) */
void proxy_answer_lookup_by_name(ProxyCall *call);
void proxy_answer_lookup_by_uuid(ProxyCall *call);
void proxy_answer_lookup_by_id(ProxyCall *call);
void proxy_answer_list_all_domains(ProxyCall *call);
void proxy_answer_num_of_domains(ProxyCall *call);
void proxy_answer_num_of_defined_domains(ProxyCall *call);
void proxy_answer_list_domains(ProxyCall *call);
void proxy_answer_list_defined_domains(ProxyCall *call);
void proxy_answer_get_info(ProxyCall *call);
void proxy_answer_get_xml(ProxyCall *call); /* handlers-xml.c */
void proxy_answer_get_vcpus(ProxyCall *call);
void proxy_answer_get_cpu_stats(ProxyCall *call);
void proxy_answer_interface_addresses(ProxyCall *call);
