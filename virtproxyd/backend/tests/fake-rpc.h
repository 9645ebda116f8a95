/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A twin of rpc/ that keeps what it is told instead of sending it: the backend's tests call procedures by name. */
#pragma once
#include "backend/backend.h"

struct _ProxyClient {
    gboolean is_readonly;
    gboolean is_authenticated;
    gpointer data;
    GDestroyNotify destroy;
    GPtrArray *events; /* char: "NAME VALUE" in order */
};

struct _ProxyRequest {
    int ref_count;
    ProxyClient *client;
    const ProxyProcedure *procedure;
    GVariant *args;
    gboolean is_answered;
    GVariant *reply;
    GError *error;
    int stream_fd;
    guint n_events_before; /* how many events the client had when the reply came */
};

ProxyClient *fake_client_new(gboolean is_readonly);
void fake_client_free(ProxyClient *client, ProxyBackend *backend);
/* @args: wire tuple in text form, NULL: none; the request is the caller's */
ProxyRequest *fake_call(ProxyBackend *backend, ProxyClient *client, const char *procedure,
                        const char *args);
/* runs the loop until it is answered; fails the test after some seconds */
void fake_wait(ProxyRequest *request);
/* call and wait; the reply as text, "void", or "error CODE: MESSAGE" */
char *fake_ask(ProxyBackend *backend, ProxyClient *client, const char *procedure, const char *args);
/* runs the loop until the client has @n events */
void fake_wait_events(ProxyClient *client, guint n);
