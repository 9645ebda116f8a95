/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Headers of messages that are written and read as bytes: calls, and replies without descriptors. All others are GLib's.
 * Source: D-Bus specification, "Message Format" */
#include "wire/body.h"

#define FIXED_SIZE 16 /* up to the header fields */
#define AT_BODY_LENGTH 4
#define AT_SERIAL 8
#define AT_REPLY_SERIAL 20 /* of a reply that vb_body_new_reply() began: its first field */
#define NATIVE_ORDER (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B')

enum { TYPE_CALL = 1, TYPE_RETURN = 2 };
enum {
    FIELD_PATH = 1,
    FIELD_INTERFACE = 2,
    FIELD_MEMBER = 3,
    FIELD_REPLY_SERIAL = 5,
    FIELD_SIGNATURE = 8,
};

/* Returns: the mark of the array of fields */
static gsize
begin(GByteArray *message, guint8 type)
{
    const guint8 fixed[FIXED_SIZE - sizeof(guint32)] = {(guint8)NATIVE_ORDER, type, 0, 1};
    g_byte_array_append(message, fixed, sizeof fixed);
    return vb_body_open_array(message, 8);
}

static void
begin_field(GByteArray *message, guint8 code, const char *type)
{
    vb_body_align(message, 8);
    vb_body_put_byte(message, code);
    vb_body_put_signature(message, type);
}

static void
put_text_field(GByteArray *message, guint8 code, const char *type, const char *text)
{
    begin_field(message, code, type);
    vb_body_put_string(message, text, strlen(text));
}

static void
put_signature_field(GByteArray *message, const char *signature, gsize length)
{
    begin_field(message, FIELD_SIGNATURE, "g");
    vb_body_put_byte(message, (guint8)length);
    g_byte_array_append(message, (const guint8 *)signature, (guint)length);
    vb_body_put_byte(message, 0);
}

GByteArray *
vb_body_new_reply(const char *signature)
{
    GByteArray *message = g_byte_array_sized_new(512);
    gsize mark = begin(message, TYPE_RETURN);
    begin_field(message, FIELD_REPLY_SERIAL, "u");
    vb_body_put_uint32(message, 0);
    put_signature_field(message, signature, strlen(signature));
    vb_body_close_array(message, mark, 8);
    vb_body_align(message, 8);
    return message;
}

/* a tuple's members, without the struct's own brackets */
static gboolean
put_members(GByteArray *message, GVariant *tuple)
{
    gsize n = g_variant_n_children(tuple);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(tuple, i);
        if (!vb_body_put_value(message, child))
            return FALSE;
    }
    return TRUE;
}

static gboolean
can_be_called(const VbBodyCall *call)
{
    gsize longest = call->args ? strlen(g_variant_get_type_string(call->args)) : 2;
    return g_variant_is_object_path(call->path) && longest - 2 <= G_MAXUINT8;
}

GByteArray *
vb_body_new_call(const VbBodyCall *call)
{
    g_autoptr(GByteArray) message = NULL;
    gsize mark;
    if (!can_be_called(call))
        return NULL;
    message = g_byte_array_sized_new(256);
    mark = begin(message, TYPE_CALL);
    put_text_field(message, FIELD_PATH, "o", call->path);
    if (call->interface)
        put_text_field(message, FIELD_INTERFACE, "s", call->interface);
    put_text_field(message, FIELD_MEMBER, "s", call->member);
    if (call->args && g_variant_n_children(call->args) > 0) {
        const char *type = g_variant_get_type_string(call->args);
        put_signature_field(message, type + 1, strlen(type) - 2);
    }
    vb_body_close_array(message, mark, 8);
    vb_body_align(message, 8);
    if (call->args && !put_members(message, call->args))
        return NULL;
    return g_steal_pointer(&message);
}

static gsize
start_of_body(const GByteArray *message)
{
    guint32 length;
    memcpy(&length, message->data + FIXED_SIZE - sizeof length, sizeof length);
    return (FIXED_SIZE + (gsize)length + 7) & ~(gsize)7;
}

/**
 * vb_body_finish:
 * @message: of vb_body_new_reply() or vb_body_new_call()
 * @serial: its own number
 * @reply_serial: of the call that it answers; 0: it is a call
 *
 * Returns: FALSE when it is too long for D-Bus
 */
gboolean
vb_body_finish(GByteArray *message, guint32 serial, guint32 reply_serial)
{
    guint32 length = (guint32)(message->len - start_of_body(message));
    memcpy(message->data + AT_BODY_LENGTH, &length, sizeof length);
    memcpy(message->data + AT_SERIAL, &serial, sizeof serial);
    if (reply_serial)
        memcpy(message->data + AT_REPLY_SERIAL, &reply_serial, sizeof reply_serial);
    return message->len <= VB_BODY_MAX_MESSAGE;
}

/* ---- reading ---- */

/* Returns: FALSE for a field that a plain reply does not have */
static gboolean
read_field(VbBodyReader *reader, VbBodyReply *reply)
{
    guint8 code;
    const char *type, *text;
    if (!vb_body_take(reader, 8, 0))
        return FALSE;
    code = vb_body_get_byte(reader);
    type = vb_body_get_signature(reader);
    if (!type || strlen(type) != 1)
        return FALSE;
    if (code == FIELD_REPLY_SERIAL && *type == 'u') {
        reply->reply_serial = vb_body_get_uint32(reader);
        return !reader->is_bad;
    }
    if (code != FIELD_SIGNATURE || *type != 'g' || !(text = vb_body_get_signature(reader)))
        return FALSE;
    g_strlcpy(reply->signature, text, sizeof reply->signature);
    return TRUE;
}

gboolean
vb_body_read_reply(const guint8 *message, gsize size, VbBodyReply *ret_reply)
{
    VbBodyReader reader = {message, size, FIXED_SIZE - sizeof(guint32), FALSE};
    gsize end;
    if (size < FIXED_SIZE || message[0] != NATIVE_ORDER || message[1] != TYPE_RETURN)
        return FALSE;
    *ret_reply = (VbBodyReply){0};
    end = vb_body_enter_array(&reader, 8);
    while (!reader.is_bad && reader.at < end) {
        if (!read_field(&reader, ret_reply))
            return FALSE;
    }
    if (reader.at != end || !vb_body_take(&reader, 8, 0) || ret_reply->reply_serial == 0)
        return FALSE;
    ret_reply->body = message + reader.at;
    ret_reply->length = size - reader.at;
    return TRUE;
}
