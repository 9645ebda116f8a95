/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pieces that XDR is written with. Source: RFC 4506 */
#pragma once
#include <glib.h>
#include <string.h>

/* Returns: @n new bytes at the end of @out, to be written before anything else is appended */
static inline guint8 *
proxy_xdr_extend(GByteArray *out, gsize n)
{
    guint at = out->len;
    g_byte_array_set_size(out, at + (guint)n);
    return out->data + at;
}

static inline void
proxy_xdr_put_word(GByteArray *out, guint32 word)
{
    guint32 wire = GUINT32_TO_BE(word);
    memcpy(proxy_xdr_extend(out, sizeof wire), &wire, sizeof wire);
}

static inline void
proxy_xdr_put_double_word(GByteArray *out, guint64 value)
{
    guint64 wire = GUINT64_TO_BE(value);
    memcpy(proxy_xdr_extend(out, sizeof wire), &wire, sizeof wire);
}

/* padded to whole words */
static inline void
proxy_xdr_put_bytes(GByteArray *out, gconstpointer bytes, gsize length)
{
    gsize padded = (length + 3) & ~(gsize)3;
    guint8 *at = proxy_xdr_extend(out, padded);
    if (length)
        memcpy(at, bytes, length);
    memset(at + length, 0, padded - length);
}

/* "string<>" and "opaque<>": the caller has checked the length */
static inline void
proxy_xdr_put_counted(GByteArray *out, gconstpointer bytes, gsize length)
{
    proxy_xdr_put_word(out, (guint32)length);
    proxy_xdr_put_bytes(out, bytes, length);
}
