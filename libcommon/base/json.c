/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON reader: a recursive descent over untrusted text into a tree of nodes, with limits on size, depth and count.
 * Knows nothing of who sent the text. The writer is json-writer.c. */
#include "base/json.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH (64 * 1024 * 1024)
#define MAX_DEPTH 128
#define MAX_NODES 4000000

struct _VbJson {
    VbJsonKind kind;
    guint n_children;
    char *key;
    union {
        gboolean boolean;
        gint64 integer;
        guint64 natural;
        double real;
        char *string;
        VbJson *first_child;
    } value;
    VbJson *next;
};

typedef struct {
    const char *at;
    const char *end;
    const char *start;
    guint depth;
    guint n_nodes;
    const char *complaint;
} Reader;

static VbJson *read_value(Reader *reader);

static gpointer
complain(Reader *reader, const char *complaint)
{
    if (!reader->complaint)
        reader->complaint = complaint;
    return NULL;
}

static void
skip_space(Reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static gboolean
accept(Reader *reader, char expected)
{
    skip_space(reader);
    if (reader->at >= reader->end || *reader->at != expected)
        return FALSE;
    reader->at++;
    return TRUE;
}

static int
read_hex4(Reader *reader)
{
    int value = 0;
    if (reader->end - reader->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*reader->at++);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* after "\u": one code point, or a surrogate pair */
static gboolean
read_unicode(Reader *reader, GString *out)
{
    int high = read_hex4(reader);
    if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return FALSE;
    if (high < 0xD800 || high > 0xDBFF) {
        g_string_append_unichar(out, (gunichar)high);
        return TRUE;
    }
    if (reader->end - reader->at < 6 || reader->at[0] != '\\' || reader->at[1] != 'u')
        return FALSE;
    reader->at += 2;
    int low = read_hex4(reader);
    if (low < 0xDC00 || low > 0xDFFF)
        return FALSE;
    g_string_append_unichar(out,
                            0x10000 + (((gunichar)high - 0xD800) << 10) + ((gunichar)low - 0xDC00));
    return TRUE;
}

static gboolean
read_escape(Reader *reader, GString *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (reader->at >= reader->end)
        return FALSE;
    char letter = *reader->at++;
    if (letter == 'u')
        return read_unicode(reader, out);
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (!found)
        return FALSE;
    g_string_append_c(out, values[found - letters]);
    return TRUE;
}

/* the opening quote was read */
static char *
read_string(Reader *reader)
{
    const char *plain = reader->at;
    while (plain < reader->end && *plain != '"' && *plain != '\\' && (guchar)*plain >= 0x20)
        plain++;
    g_autoptr(GString) out = g_string_new_len(reader->at, plain - reader->at);
    reader->at = plain;
    while (reader->at < reader->end && *reader->at != '"') {
        char c = *reader->at++;
        if ((guchar)c < 0x20)
            return complain(reader, "control character in a string");
        if (c != '\\')
            g_string_append_c(out, c);
        else if (!read_escape(reader, out))
            return complain(reader, "bad escape in a string");
    }
    if (reader->at >= reader->end)
        return complain(reader, "string without an end");
    reader->at++;
    if (!g_utf8_validate_len(out->str, out->len, NULL))
        return complain(reader, "string is not UTF-8");
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static VbJson *
new_node(Reader *reader, VbJsonKind kind)
{
    if (++reader->n_nodes > MAX_NODES)
        return complain(reader, "too many values");
    VbJson *node = g_slice_new0(VbJson);
    node->kind = kind;
    return node;
}

static gsize
scan_digits(const Reader *reader, gsize at)
{
    while (reader->at + at < reader->end && g_ascii_isdigit(reader->at[at]))
        at++;
    return at;
}

/* length of the number at the reader, by JSON's grammar; 0: none. */
static gsize
scan_number(const Reader *reader, gboolean *ret_is_real)
{
    gsize at = *reader->at == '-' ? 1 : 0;
    gsize digits = scan_digits(reader, at);
    if (digits == at || (reader->at[at] == '0' && digits > at + 1))
        return 0;
    at = digits;
    if (reader->at + at < reader->end && reader->at[at] == '.') {
        *ret_is_real = TRUE;
        digits = scan_digits(reader, at + 1);
        if (digits == at + 1)
            return 0;
        at = digits;
    }
    if (reader->at + at < reader->end && (reader->at[at] == 'e' || reader->at[at] == 'E')) {
        *ret_is_real = TRUE;
        at++;
        if (reader->at + at < reader->end && (reader->at[at] == '+' || reader->at[at] == '-'))
            at++;
        digits = scan_digits(reader, at);
        if (digits == at)
            return 0;
        at = digits;
    }
    return at;
}

static VbJson *
read_number(Reader *reader)
{
    gboolean is_real = FALSE;
    gsize length = scan_number(reader, &is_real);
    if (length == 0 || length > 400)
        return complain(reader, "bad number");
    g_autofree char *text = g_strndup(reader->at, length);
    reader->at += length;
    if (!is_real) {
        errno = 0;
        gint64 integer = g_ascii_strtoll(text, NULL, 10);
        if (errno == 0) {
            VbJson *node = new_node(reader, VB_JSON_INT);
            if (node)
                node->value.integer = integer;
            return node;
        }
        errno = 0;
        guint64 natural = g_ascii_strtoull(text, NULL, 10);
        if (errno == 0 && *text != '-') {
            VbJson *node = new_node(reader, VB_JSON_UINT);
            if (node)
                node->value.natural = natural;
            return node;
        }
    }
    VbJson *node = new_node(reader, VB_JSON_DOUBLE);
    if (node)
        node->value.real = g_ascii_strtod(text, NULL);
    return node;
}

static VbJson *
read_word(Reader *reader)
{
    static const struct {
        const char *word;
        VbJsonKind kind;
        gboolean value;
    } words[] = {{"true", VB_JSON_BOOL, TRUE},
                 {"false", VB_JSON_BOOL, FALSE},
                 {"null", VB_JSON_NULL, FALSE}};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        gsize length = strlen(words[i].word);
        if ((gsize)(reader->end - reader->at) < length ||
            memcmp(reader->at, words[i].word, length) != 0)
            continue;
        reader->at += length;
        VbJson *node = new_node(reader, words[i].kind);
        if (node)
            node->value.boolean = words[i].value;
        return node;
    }
    return complain(reader, "unexpected character");
}

/* one member: key, colon, value; or just the value in an array */
static VbJson *
read_member(Reader *reader, gboolean has_key)
{
    g_autofree char *key = NULL;
    if (has_key) {
        if (!accept(reader, '"'))
            return complain(reader, "a key was expected");
        key = read_string(reader);
        if (!key)
            return NULL;
        if (!accept(reader, ':'))
            return complain(reader, "':' was expected");
    }
    VbJson *node = read_value(reader);
    if (node)
        node->key = g_steal_pointer(&key);
    return node;
}

/* the opening bracket was read */
static VbJson *
read_container(Reader *reader, VbJsonKind kind)
{
    char closing = kind == VB_JSON_OBJECT ? '}' : ']';
    g_autoptr(VbJson) container = new_node(reader, kind);
    if (!container)
        return NULL;
    if (++reader->depth > MAX_DEPTH)
        return complain(reader, "nested too deeply");
    VbJson **tail = &container->value.first_child;
    if (!accept(reader, closing)) {
        do {
            VbJson *member = read_member(reader, kind == VB_JSON_OBJECT);
            if (!member)
                return NULL;
            *tail = member;
            tail = &member->next;
            container->n_children++;
        } while (accept(reader, ','));
        if (!accept(reader, closing))
            return complain(reader, "',' or the closing bracket was expected");
    }
    reader->depth--;
    return g_steal_pointer(&container);
}

static VbJson *
read_value(Reader *reader)
{
    if (accept(reader, '{'))
        return read_container(reader, VB_JSON_OBJECT);
    if (accept(reader, '['))
        return read_container(reader, VB_JSON_ARRAY);
    if (accept(reader, '"')) {
        g_autofree char *string = read_string(reader);
        VbJson *node = string ? new_node(reader, VB_JSON_STRING) : NULL;
        if (node)
            node->value.string = g_steal_pointer(&string);
        return node;
    }
    if (reader->at >= reader->end)
        return complain(reader, "unexpected end");
    if (*reader->at == '-' || g_ascii_isdigit(*reader->at))
        return read_number(reader);
    return read_word(reader);
}

/**
 * vb_json_parse:
 * @text: one JSON value, white space around it allowed
 * @length: bytes, or -1 for a NUL-terminated text
 *
 * Returns: (transfer full): the tree; NULL with @error set
 * Errors: INVALID_ARG with what is wrong and at which byte
 */
VbJson *
vb_json_parse(const char *text, gssize length, GError **error)
{
    gsize n = length < 0 ? strlen(text) : (gsize)length;
    Reader reader = {.at = text, .start = text, .end = text + n};
    if (n > MAX_LENGTH) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "JSON text of %" G_GSIZE_FORMAT " bytes is too long", n);
        return NULL;
    }
    g_autoptr(VbJson) root = read_value(&reader);
    skip_space(&reader);
    if (root && reader.at < reader.end)
        complain(&reader, "text after the value");
    if (!reader.complaint)
        return g_steal_pointer(&root);
    vb_error_set(error, VIR_ERR_INVALID_ARG, "cannot parse json: %s at byte %" G_GSIZE_FORMAT,
                 reader.complaint, (gsize)(reader.at - reader.start));
    return NULL;
}

void
vb_json_free(VbJson *root)
{
    while (root) {
        VbJson *next = root->next;
        if (root->kind == VB_JSON_STRING)
            g_free(root->value.string);
        if (root->kind == VB_JSON_ARRAY || root->kind == VB_JSON_OBJECT)
            vb_json_free(root->value.first_child);
        g_free(root->key);
        g_slice_free(VbJson, root);
        root = next;
    }
}

/* A copy stands alone: without the siblings and the key of the original. */
VbJson *
vb_json_copy(const VbJson *node)
{
    if (!node)
        return NULL;
    VbJson *copy = g_slice_new0(VbJson);
    copy->kind = node->kind;
    copy->n_children = node->n_children;
    copy->value = node->value;
    if (node->kind == VB_JSON_STRING)
        copy->value.string = g_strdup(node->value.string);
    if (node->kind != VB_JSON_ARRAY && node->kind != VB_JSON_OBJECT)
        return copy;
    VbJson **tail = &copy->value.first_child;
    *tail = NULL;
    for (const VbJson *child = node->value.first_child; child; child = child->next) {
        *tail = vb_json_copy(child);
        (*tail)->key = g_strdup(child->key);
        tail = &(*tail)->next;
    }
    return copy;
}

VbJsonKind
vb_json_get_kind(const VbJson *node)
{
    return node ? node->kind : VB_JSON_NULL;
}

const char *
vb_json_get_key(const VbJson *node)
{
    return node ? node->key : NULL;
}

guint
vb_json_get_length(const VbJson *node)
{
    return node ? node->n_children : 0;
}

const VbJson *
vb_json_first(const VbJson *node)
{
    if (!node || (node->kind != VB_JSON_ARRAY && node->kind != VB_JSON_OBJECT))
        return NULL;
    return node->value.first_child;
}

const VbJson *
vb_json_next(const VbJson *node)
{
    return node->next;
}

const VbJson *
vb_json_get(const VbJson *object, const char *key)
{
    if (!object || object->kind != VB_JSON_OBJECT)
        return NULL;
    for (const VbJson *child = object->value.first_child; child; child = child->next) {
        if (strcmp(child->key, key) == 0)
            return child;
    }
    return NULL;
}

const VbJson *
vb_json_get_path(const VbJson *object, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    for (char **key = keys; *key && object; key++)
        object = vb_json_get(object, *key);
    return object;
}

const char *
vb_json_as_string(const VbJson *node)
{
    return node && node->kind == VB_JSON_STRING ? node->value.string : NULL;
}

gboolean
vb_json_as_bool(const VbJson *node, gboolean fallback)
{
    return node && node->kind == VB_JSON_BOOL ? node->value.boolean : fallback;
}

gint64
vb_json_as_int(const VbJson *node, gint64 fallback)
{
    return node && node->kind == VB_JSON_INT ? node->value.integer : fallback;
}

guint64
vb_json_as_uint(const VbJson *node, guint64 fallback)
{
    if (node && node->kind == VB_JSON_UINT)
        return node->value.natural;
    gboolean is_natural = node && node->kind == VB_JSON_INT && node->value.integer >= 0;
    return is_natural ? (guint64)node->value.integer : fallback;
}

double
vb_json_as_double(const VbJson *node, double fallback)
{
    if (!node)
        return fallback;
    if (node->kind == VB_JSON_DOUBLE)
        return node->value.real;
    if (node->kind == VB_JSON_UINT)
        return (double)node->value.natural;
    return node->kind == VB_JSON_INT ? (double)node->value.integer : fallback;
}

const char *
vb_json_get_string(const VbJson *object, const char *key)
{
    return vb_json_as_string(vb_json_get(object, key));
}

gboolean
vb_json_get_bool(const VbJson *object, const char *key, gboolean fallback)
{
    return vb_json_as_bool(vb_json_get(object, key), fallback);
}

gint64
vb_json_get_int(const VbJson *object, const char *key, gint64 fallback)
{
    return vb_json_as_int(vb_json_get(object, key), fallback);
}

guint64
vb_json_get_uint(const VbJson *object, const char *key, guint64 fallback)
{
    return vb_json_as_uint(vb_json_get(object, key), fallback);
}

double
vb_json_get_double(const VbJson *object, const char *key, double fallback)
{
    return vb_json_as_double(vb_json_get(object, key), fallback);
}
