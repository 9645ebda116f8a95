/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The envelope of a message: length, header, errors. Pure functions over bytes. */
#pragma once
#include <glib.h>
#include "proxy-protocol.h"

#define PROXY_LENGTH_SIZE VIR_NET_MESSAGE_LEN_MAX
#define PROXY_ENVELOPE_SIZE (VIR_NET_MESSAGE_LEN_MAX + VIR_NET_MESSAGE_HEADER_MAX)

typedef struct {
    guint32 program;
    guint32 version;
    gint32 procedure;
    guint32 type; /* VIR_NET_CALL ... */
    guint32 serial;
    guint32 status; /* VIR_NET_OK ... */
} ProxyHeader;

typedef enum {
    PROXY_FRAME_WHOLE,
    PROXY_FRAME_PARTIAL,
    PROXY_FRAME_BAD,
} ProxyFrameState;

typedef struct {
    ProxyHeader header;
    const guint8 *payload;
    gsize payload_size;
    guint n_fds;
    gsize size; /* bytes on the wire: length word, header, payload, one for each descriptor */
} ProxyFrame;

ProxyFrameState proxy_frame_parse(const guint8 *data, gsize available, gsize max_size,
                                  ProxyFrame *ret_frame);
void proxy_header_write(const ProxyHeader *header, gsize size, guint8 *ret_envelope);
void proxy_message_begin(GByteArray *out, const ProxyHeader *header);
void proxy_message_end(GByteArray *out);
void proxy_message_add_word(GByteArray *out, guint32 word);
void proxy_message_add_error(GByteArray *out, const GError *error, int domain);
