/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as bytes mean to GLib what they mean here, and the other way round; what is cut short or damaged is refused. */
#include "wire/body.h"

#include <gio/gio.h>

/* all kinds of values, with paddings of every size */
static const char *const values[] = {
    "('', byte 0x01, int16 -2, uint16 65535, -3, uint32 4, int64 -5, uint64 6, 7.5, true, false)",
    "('text', objectpath '/a/b', signature 'a{sv}', <'inner'>, <<int64 -1>>)",
    "(byte 0x01, [int64 1, 2], byte 0x02, @ax [], byte 0x03, @a(su) [])",
    "([byte 0x01, 0x02, 0x03], ['a', 'bc', ''], [true, false], [objectpath '/'])",
    "(byte 0x01, {'k': <uint64 1>, 'longer key': <['x']>}, @a{sv} {})",
    "([(byte 0x01, 'a', [(uint64 1, 'b')]), (0x02, '', [])], ((1, (byte 0x03, 'c')),))",
    "([{'a': <1>}, {}, {'b': <{'c': <'d'>}>}],)",
    "([objectpath '/org/virtbus'], {uint32 1: 'one'}, [[byte 0x01], []], [[1], []])",
};

static GVariant *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *value = g_variant_parse(NULL, text, NULL, NULL, &error);
    g_assert_no_error(error);
    return value;
}

static GDBusMessage *
read_by_glib(GByteArray *bytes)
{
    g_autoptr(GError) error = NULL;
    GDBusMessage *message =
        g_dbus_message_new_from_blob(bytes->data, bytes->len, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    g_assert_no_error(error);
    return message;
}

static void
test_calls(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GVariant) args = parse(values[i]);
        const VbBodyCall call = {"/org/virtbus/test", i % 2 ? NULL : "org.virtbus.Test1", "Echo",
                                 args};
        g_autoptr(GByteArray) bytes = vb_body_new_call(&call);
        g_assert_true(vb_body_finish(bytes, 7 + i, 0));
        g_autoptr(GDBusMessage) message = read_by_glib(bytes);
        g_assert_cmpint(g_dbus_message_get_message_type(message), ==,
                        G_DBUS_MESSAGE_TYPE_METHOD_CALL);
        g_assert_cmpuint(g_dbus_message_get_serial(message), ==, 7 + i);
        g_assert_cmpstr(g_dbus_message_get_path(message), ==, call.path);
        g_assert_cmpstr(g_dbus_message_get_interface(message), ==, call.interface);
        g_assert_cmpstr(g_dbus_message_get_member(message), ==, call.member);
        g_assert_cmpvariant(g_dbus_message_get_body(message), args);
    }
}

static void
test_call_without_arguments(void)
{
    const VbBodyCall call = {"/", "org.virtbus.Test1", "Echo", NULL};
    g_autoptr(GByteArray) bytes = vb_body_new_call(&call);
    g_assert_true(vb_body_finish(bytes, 1, 0));
    g_autoptr(GDBusMessage) message = read_by_glib(bytes);
    g_assert_null(g_dbus_message_get_body(message));
}

static void
test_refused(void)
{
    static const char *const refused[] = {"(@ms nothing,)", "(@(ms) (nothing,),)", "((),)"};
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GVariant) args = parse(refused[i]);
        const VbBodyCall call = {"/", "org.virtbus.Test1", "Echo", args};
        g_assert_null(vb_body_new_call(&call));
    }
    const VbBodyCall call = {"no path", "org.virtbus.Test1", "Echo", NULL};
    g_assert_null(vb_body_new_call(&call));
}

static GByteArray *
make_reply(const char *text)
{
    g_autoptr(GVariant) value = parse(text);
    const char *type = g_variant_get_type_string(value);
    g_autofree char *signature = g_strndup(type + 1, strlen(type) - 2);
    GByteArray *bytes = vb_body_new_reply(signature);
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        g_assert_true(vb_body_put_value(bytes, child));
    }
    g_assert_true(vb_body_finish(bytes, 3, 77));
    return bytes;
}

static void
test_replies(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GVariant) value = parse(values[i]);
        g_autoptr(GByteArray) bytes = make_reply(values[i]);
        g_autoptr(GDBusMessage) message = read_by_glib(bytes);
        VbBodyReply reply;
        g_assert_cmpint(g_dbus_message_get_message_type(message), ==,
                        G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
        g_assert_cmpuint(g_dbus_message_get_reply_serial(message), ==, 77);
        g_assert_cmpvariant(g_dbus_message_get_body(message), value);
        g_assert_true(vb_body_read_reply(bytes->data, bytes->len, &reply));
        g_assert_cmpuint(reply.reply_serial, ==, 77);
        g_assert_cmpstr(reply.signature, ==, g_dbus_message_get_signature(message));
    }
}

/* what GLib writes is read, when it is a plain reply */
static void
test_replies_of_glib(void)
{
    g_autoptr(GDBusMessage) call = g_dbus_message_new_method_call(NULL, "/", "a.b", "C");
    g_dbus_message_set_serial(call, 5);
    for (guint kind = 0; kind < 3; kind++) {
        g_autoptr(GDBusMessage) reply =
            kind == 2 ? g_dbus_message_new_method_error_literal(call, "a.b", "no")
                      : g_dbus_message_new_method_reply(call);
        VbBodyReply read;
        gsize size;
        if (kind < 2)
            g_dbus_message_set_body(reply, g_variant_new("(su)", "text", 9));
        if (kind == 1)
            g_dbus_message_set_num_unix_fds(reply, 1);
        g_dbus_message_set_serial(reply, 6);
        g_autofree guchar *bytes =
            g_dbus_message_to_blob(reply, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
        g_assert_cmpint(vb_body_read_reply(bytes, size, &read), ==, kind == 0);
        if (kind > 0)
            continue;
        VbBodyReader reader = {read.body, read.length, 0, FALSE};
        g_assert_cmpstr(vb_body_get_string(&reader, &size), ==, "text");
        g_assert_cmpuint(vb_body_get_uint32(&reader), ==, 9);
        g_assert_cmpuint(vb_body_get_uint32(&reader), ==, 0);
        g_assert_true(reader.is_bad);
    }
}

/* damaged headers are refused or read, and nothing outside of them is */
static void
test_damaged(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GByteArray) bytes = make_reply(values[round % G_N_ELEMENTS(values)]);
        gsize size = (gsize)g_rand_int_range(rand, 0, (gint32)bytes->len + 1);
        g_autofree guint8 *copy = g_memdup2(bytes->data, size);
        VbBodyReply reply;
        if (size > 0)
            copy[g_rand_int_range(rand, 0, (gint32)size)] = (guint8)g_rand_int(rand);
        if (!vb_body_read_reply(copy, size, &reply))
            continue;
        g_assert_true(reply.body >= copy && reply.body + reply.length == copy + size);
        g_assert_cmpuint(strlen(reply.signature), <, sizeof reply.signature);
    }
}

static void
test_strings(void)
{
    static const struct {
        const char *bytes;
        gsize length;
        const char *text;
    } rows[] = {
        {"\2\0\0\0ab\0", 7, "ab"},       {"\2\0\0\0ab\0", 6, NULL}, {"\2\0\0\0abc", 7, NULL},
        {"\377\377\377\377ab", 6, NULL}, {"\2\0\0", 3, NULL},       {"\0\0\0\0\0", 5, ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        VbBodyReader reader = {(const guint8 *)rows[i].bytes, rows[i].length, 0, FALSE};
        gsize length;
        if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
            g_assert_cmpstr(vb_body_get_string(&reader, &length), ==, rows[i].text);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/body/calls", test_calls);
    g_test_add_func("/body/call-without-arguments", test_call_without_arguments);
    g_test_add_func("/body/refused", test_refused);
    g_test_add_func("/body/replies", test_replies);
    g_test_add_func("/body/replies-of-glib", test_replies_of_glib);
    g_test_add_func("/body/damaged", test_damaged);
    g_test_add_func("/body/strings", test_strings);
    return g_test_run();
}
