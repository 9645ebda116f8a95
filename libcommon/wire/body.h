/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A message as bytes: D-Bus marshalling in this machine's byte order, for what is too big or too frequent to be made of
 * GVariants. Source: D-Bus specification, "Message Protocol", "Type System" */
#pragma once
#include <glib.h>
#include <string.h>

#define VB_BODY_MAX_ARRAY (64u * 1024 * 1024) /* Source: "Arrays have a maximum length" */
#define VB_BODY_MAX_MESSAGE (128u * 1024 * 1024)

/* ---- writing: into a message, or into a part that is later put into one at an offset that 8 divides ---- */

static inline void
vb_body_align(GByteArray *out, guint alignment)
{
    static const guint8 zeros[8];
    guint rest = out->len % alignment;
    if (rest)
        g_byte_array_append(out, zeros, alignment - rest);
}

void vb_body_put_byte(GByteArray *out, guint8 value);
void vb_body_put_uint32(GByteArray *out, guint32 value);
void vb_body_put_uint64(GByteArray *out, guint64 value);
void vb_body_put_string(GByteArray *out, const char *text,
                        gsize length); /* valid UTF-8; "s", "o" */
void vb_body_put_signature(GByteArray *out, const char *signature);
/* Returns: what vb_body_close_array() needs */
gsize vb_body_open_array(GByteArray *out, guint alignment);
gboolean vb_body_close_array(GByteArray *out, gsize mark, guint alignment); /* FALSE: too long */
/* any value without maybes; FALSE when D-Bus cannot carry it */
gboolean vb_body_put_value(GByteArray *out, GVariant *value);

/* ---- whole messages ---- */

/* (transfer full) a reply with its header; its body, of @signature, is appended by the caller */
GByteArray *vb_body_new_reply(const char *signature);

typedef struct {
    const char *path, *interface, *member; /* interface may be NULL */
    GVariant *args;                        /* tuple; NULL: none */
} VbBodyCall;
/* (transfer full) (nullable) a whole call without its numbers; NULL: D-Bus cannot carry it */
GByteArray *vb_body_new_call(const VbBodyCall *call);
/* fills in the length and the numbers; FALSE: too long */
gboolean vb_body_finish(GByteArray *message, guint32 serial, guint32 reply_serial);

typedef struct {
    guint32 reply_serial;
    char signature[256];
    const guint8 *body;
    gsize length;
} VbBodyReply;
/* Whether @size bytes at @message, a whole message, are a plain reply: method return, our byte order, no descriptors. */
gboolean vb_body_read_reply(const guint8 *message, gsize size, VbBodyReply *ret_reply);

/* ---- reading; what is not there reads as 0 and is remembered ---- */

typedef struct {
    const guint8 *data;
    gsize length;
    gsize at;
    gboolean is_bad;
} VbBodyReader;

static inline const guint8 *
vb_body_take(VbBodyReader *reader, gsize alignment, gsize n)
{
    gsize at = (reader->at + alignment - 1) & ~(alignment - 1);
    if (reader->is_bad || at > reader->length || n > reader->length - at) {
        reader->is_bad = TRUE;
        return NULL;
    }
    reader->at = at + n;
    return reader->data + at;
}

static inline guint8
vb_body_get_byte(VbBodyReader *reader)
{
    const guint8 *bytes = vb_body_take(reader, 1, 1);
    return bytes ? *bytes : 0;
}

static inline guint16
vb_body_get_uint16(VbBodyReader *reader)
{
    const guint8 *bytes = vb_body_take(reader, sizeof(guint16), sizeof(guint16));
    guint16 value = 0;
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static inline guint32
vb_body_get_uint32(VbBodyReader *reader)
{
    const guint8 *bytes = vb_body_take(reader, sizeof(guint32), sizeof(guint32));
    guint32 value = 0;
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

static inline guint64
vb_body_get_uint64(VbBodyReader *reader)
{
    const guint8 *bytes = vb_body_take(reader, sizeof(guint64), sizeof(guint64));
    guint64 value = 0;
    if (bytes)
        memcpy(&value, bytes, sizeof value);
    return value;
}

/* "s", "o"; NUL-terminated, NULL when it is not there */
const char *vb_body_get_string(VbBodyReader *reader, gsize *ret_length);
/* "g" */
const char *vb_body_get_signature(VbBodyReader *reader);
/* The array's elements lie before the offset that is returned; 0 with @reader bad. */
gsize vb_body_enter_array(VbBodyReader *reader, guint alignment);
