/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes in on a socket: bytes and file descriptors in order. */
#pragma once
#include <glib.h>

/* Returns: bytes read into @buffer, 0: nothing now, -1: the connection is over, or sends more descriptors than any message
 * takes. @fds: of int, which get what came with the bytes; the caller's to close, whatever is returned. */
gssize proxy_input_receive(int fd, guint8 *buffer, gsize size, GArray *fds);
