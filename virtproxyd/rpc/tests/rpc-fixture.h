/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server with canned answers and the raw end of a client's connection. */
#pragma once
#include "rpc/private.h"

typedef struct {
    ProxyServer *server;
    GPtrArray *held;  /* ProxyRequest: calls that the test answers itself */
    GPtrArray *names; /* char: calls seen */
    guint n_gone;
    int stream_fd; /* what the next DOMAIN_OPEN_CONSOLE, DOMAIN_SCREENSHOT, STORAGE_VOL_UPLOAD is joined with */
} Fixture;

typedef struct {
    ProxyHeader header;
    guint8 *payload;
    gsize payload_size;
} Message;

extern const ProxyServerHandler fixture_handler;

void fixture_init(Fixture *fixture, const ProxyLimits *limits);
void fixture_clear(Fixture *fixture);
int fixture_connect(Fixture *fixture, gboolean is_readonly, gboolean needs_polkit);

/* @payload: words in wire form */
GByteArray *message_bytes(const ProxyHeader *header, const void *payload, gsize size);
void send_message(int fd, const ProxyHeader *header, const void *payload, gsize size);
void send_call(int fd, int procedure, guint32 serial, const void *payload, gsize size);
void send_stream(int fd, int procedure, guint32 serial, guint32 status, const void *data,
                 gsize size);
void send_raw(int fd, const void *data, gsize size);

/* waits for a message; fails the test after some seconds */
Message *receive_message(int fd);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)
guint32 message_word(const Message *message, gsize index);
void assert_reply(int fd, guint32 serial);
void assert_error(int fd, guint32 serial, int code, const char *text);
void assert_closed(int fd);
void spin(void); /* runs what is ready on the loop */
gboolean wait_readable(int fd);
