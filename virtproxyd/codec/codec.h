/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR <-> GVariant by generated tables. A wire value has one GVariant form: int i, uint u, hyper x, uhyper t,
 * short/ushort n/q, char/uchar y (char arrays: ay), double d, bool-like ints stay i, string s, opaque ay, array aX,
 * optional mX, struct (...), typed parameter (sv). The decoder takes any non-zero word as true (optional flags). */
#pragma once
#include <glib.h>

typedef struct _ProxyXdrType ProxyXdrType; /* generated */
typedef struct _ProxyProcedure ProxyProcedure;

typedef enum { PROXY_STREAM_NONE, PROXY_STREAM_READ, PROXY_STREAM_WRITE } ProxyStreamKind;

struct _ProxyProcedure {
    guint32 program;
    int number;
    const char *name;         /* "DOMAIN_CREATE", "QEMU:DOMAIN_MONITOR_COMMAND" */
    const ProxyXdrType *args; /* NULL: none */
    const ProxyXdrType *ret;
    gboolean is_event; /* args then describes the message */
    gboolean is_high_priority;
    ProxyStreamKind stream;
    gboolean
        is_allowed_readonly; /* from the acl column: needs nothing that a read-only client lacks */
    const char *acl;         /* "domain:start", as the table says */
};

const ProxyProcedure *proxy_procedure_find(guint32 program, int number); /* O(1) */
const ProxyProcedure *proxy_procedure_by_name(const char *name);

/* (transfer full, not floating). Errors: RPC on truncated, oversized or trailing data; never reads past @length. */
GVariant *proxy_codec_decode(const ProxyXdrType *type, const guint8 *data, gsize length,
                             GError **error);
/* Appends. Errors: RPC when a limit of the table is exceeded ("Too many ... 'N' for limit 'M'"). */
gboolean proxy_codec_encode(const ProxyXdrType *type, GVariant *value, GByteArray *out,
                            GError **error);
/* a D-Bus message's body; the signature has no brackets around it: "sa{sv}" */
typedef struct {
    const char *signature;
    const guint8 *data;
    gsize length;
} ProxyBody;
/* Appends the domain at @path in wire form; FALSE: it is not known. */
typedef gboolean (*ProxyNameDomain)(gpointer data, const char *path, GByteArray *out);
/* From D-Bus to the wire without GVariants. Appends. Errors: as proxy_codec_encode(). */
gboolean proxy_codec_transcode(const ProxyXdrType *type, const ProxyBody *body,
                               ProxyNameDomain name_domain, gpointer data, GByteArray *out,
                               GError **error);
const GVariantType *proxy_codec_gtype(const ProxyXdrType *type);
gboolean proxy_codec_fits(const ProxyXdrType *type,
                          GVariant *value); /* a{sv} fits where a(sv) is wanted */
/* the members of a struct type, for matching by name */
guint proxy_codec_n_fields(const ProxyXdrType *type);
const char *proxy_codec_field_name(const ProxyXdrType *type, guint index);
const ProxyXdrType *proxy_codec_field_type(const ProxyXdrType *type, guint index);
/* what an error reply and a stream's hole carry */
extern const ProxyXdrType *const proxy_xdr_message_error;
extern const ProxyXdrType *const proxy_xdr_stream_hole;
