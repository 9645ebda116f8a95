/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake before the first message: EXTERNAL alone, for the kernel says who is at the other end of the socket.
 * Source: D-Bus specification, "Authentication Protocol" */
#include "wire/wire-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BYTES 16384 /* of one peer's handshake */

static gboolean
refuse(GError **error, const char *text)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, text);
    return FALSE;
}

/* The lines are short and answered one by one: a socket that cannot take one belongs to a peer that does not read. */
static gboolean
say(VbWire *wire, const char *text, gsize length, GError **error)
{
    if (send(wire->fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (gssize)length)
        return TRUE;
    return refuse(error, "cannot write the handshake");
}

static gboolean
say_line(VbWire *wire, const char *line, GError **error)
{
    return say(wire, line, strlen(line), error);
}

/* the server */

/* @hex: the user's number in decimal, in hexadecimal; empty: whoever it is */
static gboolean
is_peer(VbWire *wire, const char *hex)
{
    struct ucred who;
    socklen_t length = sizeof who;
    char digits[16] = "", expected[16];
    gsize n = strlen(hex);
    if (getsockopt(wire->fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0 || n % 2 ||
        n / 2 >= sizeof digits)
        return FALSE;
    for (gsize i = 0; i < n; i += 2) {
        int high = g_ascii_xdigit_value(hex[i]), low = g_ascii_xdigit_value(hex[i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        digits[i / 2] = (char)(high << 4 | low);
    }
    g_snprintf(expected, sizeof expected, "%u", (guint)who.uid);
    return n == 0 || g_str_equal(digits, expected);
}

static gboolean
reject(VbWire *wire, const char *arg, GError **error)
{
    wire->auth = VB_AUTH_COMMAND;
    wire->can_pass_fds = FALSE;
    return say_line(wire, "REJECTED EXTERNAL\r\n", error);
}

static gboolean
on_identity(VbWire *wire, const char *hex, GError **error)
{
    if (!is_peer(wire, hex))
        return reject(wire, NULL, error);
    g_autofree char *line = g_strdup_printf("OK %s\r\n", wire->guid);
    wire->auth = VB_AUTH_BEGIN;
    return say_line(wire, line, error);
}

static gboolean
on_auth(VbWire *wire, const char *arg, GError **error)
{
    if (g_str_has_prefix(arg, "EXTERNAL "))
        return on_identity(wire, arg + strlen("EXTERNAL "), error);
    if (!g_str_equal(arg, "EXTERNAL"))
        return reject(wire, NULL, error);
    wire->auth = VB_AUTH_DATA;
    return say_line(wire, "DATA\r\n", error);
}

static gboolean
on_negotiate(VbWire *wire, const char *arg, GError **error)
{
    wire->can_pass_fds = TRUE;
    return say_line(wire, "AGREE_UNIX_FD\r\n", error);
}

static gboolean
on_begin(VbWire *wire, const char *arg, GError **error)
{
    wire->auth = VB_AUTH_DONE;
    return TRUE;
}

/* the client */

static gboolean
on_ok(VbWire *wire, const char *arg, GError **error)
{
    wire->auth = VB_AUTH_AGREE;
    return TRUE;
}

static gboolean
on_rejected(VbWire *wire, const char *arg, GError **error)
{
    return refuse(error, "the server refuses EXTERNAL authentication");
}

static gboolean
begin(VbWire *wire, GError **error)
{
    wire->auth = VB_AUTH_DONE;
    return say_line(wire, "BEGIN\r\n", error);
}

static gboolean
on_agree(VbWire *wire, const char *arg, GError **error)
{
    wire->can_pass_fds = TRUE;
    return begin(wire, error);
}

static gboolean
on_disagree(VbWire *wire, const char *arg, GError **error)
{
    return begin(wire, error);
}

static const struct {
    VbAuthState state;
    const char *command;
    gboolean (*run)(VbWire *wire, const char *arg, GError **error);
} commands[] = {
    {VB_AUTH_COMMAND, "AUTH", on_auth},
    {VB_AUTH_COMMAND, "CANCEL", reject},
    {VB_AUTH_COMMAND, "ERROR", reject},
    {VB_AUTH_DATA, "DATA", on_identity},
    {VB_AUTH_DATA, "CANCEL", reject},
    {VB_AUTH_DATA, "ERROR", reject},
    {VB_AUTH_BEGIN, "NEGOTIATE_UNIX_FD", on_negotiate},
    {VB_AUTH_BEGIN, "BEGIN", on_begin},
    {VB_AUTH_BEGIN, "CANCEL", reject},
    {VB_AUTH_BEGIN, "ERROR", reject},
    {VB_AUTH_OK, "OK", on_ok},
    {VB_AUTH_OK, "REJECTED", on_rejected},
    {VB_AUTH_AGREE, "AGREE_UNIX_FD", on_agree},
    {VB_AUTH_AGREE, "ERROR", on_disagree},
};

static gboolean
run_line(VbWire *wire, char *line, GError **error)
{
    char *arg = strchr(line, ' ');
    if (arg)
        *arg++ = '\0';
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].state == wire->auth && g_str_equal(commands[i].command, line))
            return commands[i].run(wire, arg ? arg : "", error);
    }
    if (wire->role == VB_WIRE_CLIENT)
        return refuse(error, "the server does not speak D-Bus");
    return say_line(wire, "ERROR\r\n", error);
}

/* Returns: (transfer full) (nullable): the next line without its end */
static char *
take_line(VbWire *wire)
{
    gsize length = wire->in_end - wire->in_start;
    const char *text = (const char *)wire->in + wire->in_start;
    const char *end = length ? memmem(text, length, "\r\n", 2) : NULL;
    if (!end)
        return NULL;
    gsize n = (gsize)(end - text);
    wire->in_start += n + 2;
    wire->auth_bytes += n + 2;
    return g_strndup(text, n);
}

gboolean
vb_wire_auth_start(VbWire *wire, GError **error)
{
    static const char prefix[] = "\0AUTH EXTERNAL ";
    if (wire->role == VB_WIRE_SERVER) {
        wire->auth = VB_AUTH_NUL;
        return TRUE;
    }
    g_autofree char *uid = g_strdup_printf("%u", (guint)geteuid());
    g_autoptr(GString) text = g_string_new_len(prefix, sizeof prefix - 1);
    for (const char *c = uid; *c; c++)
        g_string_append_printf(text, "%02x", (guint)*c);
    g_string_append(text, "\r\nNEGOTIATE_UNIX_FD\r\n");
    wire->auth = VB_AUTH_OK;
    return say(wire, text->str, text->len, error);
}

/* Goes on with what has arrived. */
gboolean
vb_wire_auth_run(VbWire *wire, GError **error)
{
    char *taken;
    gboolean is_fine = TRUE;
    if (wire->auth == VB_AUTH_NUL && wire->in_end > wire->in_start) {
        if (wire->in[wire->in_start++] != 0)
            return refuse(error, "the handshake does not begin with NUL");
        wire->auth = VB_AUTH_COMMAND;
    }
    while (is_fine && wire->auth != VB_AUTH_DONE && (taken = take_line(wire))) {
        g_autofree char *line = taken;
        is_fine = run_line(wire, line, error);
    }
    if (is_fine && wire->auth != VB_AUTH_DONE &&
        wire->auth_bytes + wire->in_end - wire->in_start > MAX_BYTES)
        return refuse(error, "the handshake is too long");
    return is_fine;
}
