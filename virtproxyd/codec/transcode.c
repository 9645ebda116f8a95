/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus marshalling to XDR without a GVariant in between: for replies that are big. The XDR type and the D-Bus signature
 * are walked together; what does not fit is refused, what lies outside of the body is never read. */
#include "codec/types.h"

#include "base/error.h"
#include "codec/xdr.h"
#include "wire/body.h"

typedef struct {
    VbBodyReader reader;
    GByteArray *out;
    ProxyNameDomain name_domain;
    gpointer data;
    gboolean is_nameless; /* a domain that is not known was met */
    const char *field;    /* innermost member's name, for messages */
    GError **error;
} Transcoder;

typedef gboolean (*TranscodeFunc)(Transcoder *self, const ProxyXdrType *type,
                                  const char *signature);

static gboolean transcode(Transcoder *self, const ProxyXdrType *type, const char *signature);

static gboolean
fail(const Transcoder *self)
{
    return vb_error_set(self->error, VIR_ERR_RPC, "Unable to encode message payload");
}

static gboolean
check_limit(const Transcoder *self, gsize count, guint32 limit)
{
    if (count <= limit)
        return TRUE;
    return vb_error_set(self->error, VIR_ERR_RPC,
                        "Too many %s '%" G_GSIZE_FORMAT "' for limit '%u'", self->field, count,
                        limit);
}

/* Returns: what follows the complete type that @signature begins with; NULL: there is none */
static const char *
after_type(const char *signature)
{
    const char *end;
    if (*signature && !strchr("(){}a", *signature))
        return signature + 1;
    return g_variant_type_string_scan(signature, NULL, &end) ? end : NULL;
}

static guint
alignment_of(char type)
{
    if (type && strchr("ygv", type))
        return 1;
    if (type && strchr("xtd({", type))
        return 8;
    return type == 'n' || type == 'q' ? 2 : 4;
}

/* ---- numbers and text ---- */

static gboolean
word(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    switch (*signature) {
    case 'y':
        /* C's char is signed where the protocol grew up */
        proxy_xdr_put_word(self->out, type->kind == PROXY_XDR_CHAR
                                          ? (guint32)(gint32)(gint8)vb_body_get_byte(&self->reader)
                                          : vb_body_get_byte(&self->reader));
        break;
    case 'n':
        proxy_xdr_put_word(self->out, (guint32)(gint32)(gint16)vb_body_get_uint16(&self->reader));
        break;
    case 'q':
        proxy_xdr_put_word(self->out, vb_body_get_uint16(&self->reader));
        break;
    default:
        proxy_xdr_put_word(self->out, vb_body_get_uint32(&self->reader));
        break;
    }
    return TRUE;
}

static gboolean
double_word(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    proxy_xdr_put_double_word(self->out, vb_body_get_uint64(&self->reader));
    return TRUE;
}

static gboolean
string(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    gsize length;
    const char *text = vb_body_get_string(&self->reader, &length);
    if (!text || length > type->limit)
        return fail(self);
    proxy_xdr_put_counted(self->out, text, length);
    return TRUE;
}

static gboolean
opaque(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    gsize length = vb_body_get_uint32(&self->reader);
    const guint8 *bytes = vb_body_take(&self->reader, 1, length);
    if (!bytes || (type->kind == PROXY_XDR_OPAQUE_FIXED && length != type->limit))
        return fail(self);
    if (!check_limit(self, length, type->limit))
        return FALSE;
    if (type->kind == PROXY_XDR_OPAQUE)
        proxy_xdr_put_word(self->out, (guint32)length);
    proxy_xdr_put_bytes(self->out, bytes, length);
    return TRUE;
}

/* ---- containers ---- */

/* An element that names a domain that has gone meanwhile is left out. Returns: FALSE: cannot be done */
static gboolean
element(Transcoder *self, const ProxyXdrType *type, const char *signature, gsize *count)
{
    guint before = self->out->len;
    gboolean is_outer_nameless = self->is_nameless;
    self->is_nameless = FALSE;
    if (!transcode(self, type, signature))
        return FALSE;
    if (self->is_nameless)
        g_byte_array_set_size(self->out, before);
    else
        ++*count;
    self->is_nameless = is_outer_nameless;
    return TRUE;
}

static gboolean
array(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    const ProxyXdrType *inner = &proxy_xdr_types[type->element];
    const char *field = self->field;
    gsize end = vb_body_enter_array(&self->reader, alignment_of(signature[1]));
    guint at = self->out->len;
    gsize count = 0;
    if (type->kind == PROXY_XDR_ARRAY)
        proxy_xdr_put_word(self->out, 0);
    while (!self->reader.is_bad && self->reader.at < end) {
        if (!element(self, inner, signature + 1, &count))
            return FALSE;
    }
    self->field = field;
    if (self->reader.at != end || (type->kind == PROXY_XDR_FIXED_ARRAY && count != type->limit))
        return fail(self);
    if (type->kind == PROXY_XDR_ARRAY) {
        guint32 wire = GUINT32_TO_BE((guint32)count);
        memcpy(self->out->data + at, &wire, sizeof wire);
    }
    return check_limit(self, count, type->limit);
}

/* a domain is a path there, and name, UUID and id here */
static gboolean
domain(Transcoder *self)
{
    gsize length;
    const char *path = vb_body_get_string(&self->reader, &length);
    if (!path)
        return fail(self);
    self->is_nameless |= !self->name_domain(self->data, path, self->out);
    return TRUE;
}

static gboolean
members(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const char *next = after_type(signature);
        self->field = proxy_codec_field_name(type, i);
        if (!next || !transcode(self, proxy_codec_field_type(type, i), signature))
            return next ? FALSE : fail(self);
        signature = next;
    }
    return *signature == '\0' || *signature == ')' || *signature == '}' || fail(self);
}

static gboolean
structure(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    if (*signature == 'o')
        return domain(self);
    return vb_body_take(&self->reader, 8, 0) ? members(self, type, signature + 1) : fail(self);
}

/* VIR_TYPED_PARAM_*, by the value's type */
static gboolean
typed_value(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    static const char kinds[] = "iuxtdbs"; /* VIR_TYPED_PARAM_INT is 1 */
    const char *inner = vb_body_get_signature(&self->reader);
    const char *kind = inner && *inner && !inner[1] ? strchr(kinds, *inner) : NULL;
    if (!kind)
        return fail(self);
    proxy_xdr_put_word(self->out, (guint32)(kind - kinds) + 1);
    if (*kind == 's')
        return string(self, &proxy_xdr_types[type->element], inner);
    if (*kind == 'x' || *kind == 't' || *kind == 'd')
        return double_word(self, type, inner);
    return word(self, type, inner);
}

/* ---- by kind ---- */

static const struct {
    const char *begins; /* what a signature may begin with */
    TranscodeFunc func;
} rows[PROXY_XDR_N_KINDS] = {
    [PROXY_XDR_CHAR] = {"y", word},          [PROXY_XDR_UCHAR] = {"y", word},
    [PROXY_XDR_SHORT] = {"n", word},         [PROXY_XDR_USHORT] = {"q", word},
    [PROXY_XDR_INT] = {"i", word},           [PROXY_XDR_UINT] = {"u", word},
    [PROXY_XDR_HYPER] = {"x", double_word},  [PROXY_XDR_UHYPER] = {"t", double_word},
    [PROXY_XDR_DOUBLE] = {"d", double_word}, [PROXY_XDR_STRING] = {"s", string},
    [PROXY_XDR_OPAQUE] = {"a", opaque},      [PROXY_XDR_OPAQUE_FIXED] = {"a", opaque},
    [PROXY_XDR_ARRAY] = {"a", array},        [PROXY_XDR_FIXED_ARRAY] = {"a", array},
    [PROXY_XDR_STRUCT] = {"({o", structure}, [PROXY_XDR_VALUE] = {"v", typed_value},
};

static gboolean
transcode(Transcoder *self, const ProxyXdrType *type, const char *signature)
{
    const char *begins = rows[type->kind].begins;
    if (!begins || !*signature || !strchr(begins, *signature))
        return fail(self);
    if (rows[type->kind].func == opaque && signature[1] != 'y')
        return fail(self);
    return rows[type->kind].func(self, type, signature) && (!self->reader.is_bad || fail(self));
}

/**
 * proxy_codec_transcode:
 * @type: a procedure's reply
 * @body: its members as D-Bus marshals them, in this machine's byte order
 * @name_domain: writes the domain of an object path in wire form; an element of a list that names an unknown one is
 *   left out
 * @out: the bytes are appended here; unchanged on failure
 *
 * Errors: RPC a limit of the table is exceeded, types that do not fit, a body that is cut short
 */
gboolean
proxy_codec_transcode(const ProxyXdrType *type, const ProxyBody *body, ProxyNameDomain name_domain,
                      gpointer data, GByteArray *out, GError **error)
{
    guint before = out->len;
    Transcoder self = {
        .reader = {body->data, body->length, 0, FALSE},
        .out = out,
        .name_domain = name_domain,
        .data = data,
        .field = "members",
        .error = error,
    };
    if (members(&self, type, body->signature) &&
        ((!self.is_nameless && self.reader.at == body->length) || fail(&self)))
        return TRUE;
    g_byte_array_set_size(out, before);
    return FALSE;
}
