/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The envelope of a message: length word, header, number of descriptors, error payload. Pure functions over bytes. */
#include "rpc/message.h"

#include "base/error.h"

#include <string.h>

static guint32
read_word(const guint8 *data)
{
    guint32 word;
    memcpy(&word, data, sizeof word);
    return GUINT32_FROM_BE(word);
}

static void
write_word(guint8 *data, guint32 word)
{
    guint32 wire = GUINT32_TO_BE(word);
    memcpy(data, &wire, sizeof wire);
}

static gboolean
has_fds(guint32 type)
{
    return type == VIR_NET_CALL_WITH_FDS || type == VIR_NET_REPLY_WITH_FDS;
}

static void
read_header(const guint8 *data, ProxyHeader *ret_header)
{
    ret_header->program = read_word(data);
    ret_header->version = read_word(data + 4);
    ret_header->procedure = (gint32)read_word(data + 8);
    ret_header->type = read_word(data + 12);
    ret_header->serial = read_word(data + 16);
    ret_header->status = read_word(data + 20);
}

/**
 * proxy_frame_parse:
 * @data: @available bytes from the start of a frame on
 * @max_size: longest frame to accept, bytes, length word included
 * @ret_frame: (out): points into @data; set when PROXY_FRAME_WHOLE is returned
 *
 * A frame is its length (which counts itself), the header, the number of descriptors where the type says that there are
 * some, the payload, and after it one more byte for each descriptor, which carries it and is not counted.
 *
 * Returns: whether @data holds a whole frame, the start of one, or what can never become one
 */
ProxyFrameState
proxy_frame_parse(const guint8 *data, gsize available, gsize max_size, ProxyFrame *ret_frame)
{
    gsize size, start = PROXY_ENVELOPE_SIZE;
    guint n_fds = 0;
    if (available < PROXY_LENGTH_SIZE)
        return PROXY_FRAME_PARTIAL;
    size = read_word(data);
    if (size < PROXY_ENVELOPE_SIZE || size > max_size)
        return PROXY_FRAME_BAD;
    if (available < size)
        return PROXY_FRAME_PARTIAL;
    read_header(data + PROXY_LENGTH_SIZE, &ret_frame->header);
    if (has_fds(ret_frame->header.type)) {
        if (size < start + 4 || (n_fds = read_word(data + start)) > VIR_NET_MESSAGE_NUM_FDS_MAX)
            return PROXY_FRAME_BAD;
        start += 4;
    }
    if (available < size + n_fds)
        return PROXY_FRAME_PARTIAL;
    ret_frame->payload = data + start;
    ret_frame->payload_size = size - start;
    ret_frame->n_fds = n_fds;
    ret_frame->size = size + n_fds;
    return PROXY_FRAME_WHOLE;
}

/**
 * proxy_header_write:
 * @size: the whole frame's length, bytes
 * @ret_envelope: (out): PROXY_ENVELOPE_SIZE bytes
 */
void
proxy_header_write(const ProxyHeader *header, gsize size, guint8 *ret_envelope)
{
    write_word(ret_envelope, (guint32)size);
    write_word(ret_envelope + 4, header->program);
    write_word(ret_envelope + 8, header->version);
    write_word(ret_envelope + 12, (guint32)header->procedure);
    write_word(ret_envelope + 16, header->type);
    write_word(ret_envelope + 20, header->serial);
    write_word(ret_envelope + 24, header->status);
}

/* makes @out hold an envelope; the payload is appended by the caller, proxy_message_end() then fills in the length */
void
proxy_message_begin(GByteArray *out, const ProxyHeader *header)
{
    g_byte_array_set_size(out, PROXY_ENVELOPE_SIZE);
    proxy_header_write(header, PROXY_ENVELOPE_SIZE, out->data);
}

void
proxy_message_end(GByteArray *out)
{
    write_word(out->data, out->len);
}

void
proxy_message_add_word(GByteArray *out, guint32 word)
{
    guint8 wire[4];
    write_word(wire, word);
    g_byte_array_append(out, wire, sizeof wire);
}

static void
add_string(GByteArray *out, const char *text)
{
    static const guint8 padding[4];
    gsize length = text ? MIN(strlen(text), VIR_NET_MESSAGE_STRING_MAX) : 0;
    proxy_message_add_word(out, text ? 1 : 0);
    if (!text)
        return;
    proxy_message_add_word(out, (guint32)length);
    g_byte_array_append(out, (const guint8 *)text, (guint)length);
    if (length % 4)
        g_byte_array_append(out, padding, (guint)(4 - length % 4));
}

/* str1 and str2: libvirt's text for the code, and what was put in there */
static void
add_parts(GByteArray *out, int code, const char *message)
{
    g_autoptr(GError) plain = NULL;
    g_autofree char *format = NULL;
    const char *detail = message;
    vb_error_set_plain(&plain, code);
    if (g_str_equal(message, plain->message)) {
        add_string(out, message);
        add_string(out, NULL);
        return;
    }
    if (g_str_has_prefix(message, plain->message) &&
        g_str_has_prefix(message + strlen(plain->message), ": ")) {
        format = g_strconcat(plain->message, ": %s", NULL);
        detail = message + strlen(plain->message) + 2;
    }
    add_string(out, format ? format : "%s");
    add_string(out, detail);
}

/* int1 of a system error is its errno, which some clients look at; over D-Bus only its text survives */
static gint32
find_errno(int code, const char *message)
{
    for (int number = 1; code == VIR_ERR_SYSTEM_ERROR && number < 134; number++) {
        const char *text = g_strerror(number);
        if (g_str_has_suffix(message, text) && strlen(message) > strlen(text) + 2 &&
            message[strlen(message) - strlen(text) - 2] == ':')
            return number;
    }
    return -1;
}

/**
 * proxy_message_add_error:
 * @domain: VIR_FROM_*
 *
 * Appends virNetMessageError. What it may name, a domain or a network, no client asks for.
 */
void
proxy_message_add_error(GByteArray *out, const GError *error, int domain)
{
    int code = vb_error_get_code(error);
    proxy_message_add_word(out, (guint32)code);
    proxy_message_add_word(out, (guint32)domain);
    add_string(out, error->message);
    proxy_message_add_word(out, VIR_ERR_ERROR);
    proxy_message_add_word(out, 0); /* dom */
    add_parts(out, code, error->message);
    add_string(out, NULL);                                                  /* str3 */
    proxy_message_add_word(out, (guint32)find_errno(code, error->message)); /* int1 */
    proxy_message_add_word(out, (guint32)-1);                               /* int2 */
    proxy_message_add_word(out, 0);                                         /* net */
}
