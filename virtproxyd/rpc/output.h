/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client has not yet taken: bytes and file descriptors in order. */
#pragma once
#include <glib.h>

typedef struct {
    GQueue chunks;
    gsize size; /* bytes queued */
} ProxyOutput;

gboolean proxy_output_send(ProxyOutput *output, int fd, const guint8 *data, gsize length);
void proxy_output_add_fd(ProxyOutput *output, int passed_fd);
gboolean proxy_output_flush(ProxyOutput *output, int fd);
gboolean proxy_output_is_empty(const ProxyOutput *output);
void proxy_output_clear(ProxyOutput *output);
