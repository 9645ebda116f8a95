/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layout of the generated tables; private to the codec and its tests. */
#pragma once
#include "codec/codec.h"

typedef enum {
    PROXY_XDR_CHAR,
    PROXY_XDR_UCHAR,
    PROXY_XDR_SHORT,
    PROXY_XDR_USHORT,
    PROXY_XDR_INT,
    PROXY_XDR_UINT,
    PROXY_XDR_HYPER,
    PROXY_XDR_UHYPER,
    PROXY_XDR_DOUBLE,
    PROXY_XDR_STRING,       /* limit: longest, bytes */
    PROXY_XDR_OPAQUE,       /* limit: longest, bytes */
    PROXY_XDR_OPAQUE_FIXED, /* limit: length, bytes */
    PROXY_XDR_ARRAY,        /* limit: most elements */
    PROXY_XDR_FIXED_ARRAY,  /* limit: number of elements */
    PROXY_XDR_OPTIONAL,
    PROXY_XDR_STRUCT,
    PROXY_XDR_VALUE, /* a typed parameter's union; element: the string's type */
    PROXY_XDR_N_KINDS,
} ProxyXdrKind;

#define PROXY_XDR_MAX_FIELDS 16

struct _ProxyXdrType {
    guint8 kind;
    guint8 n_fields;
    guint16 first_field; /* into proxy_xdr_fields */
    guint16 element;     /* into proxy_xdr_types */
    guint16 gtype;       /* into proxy_xdr_pool */
    guint16 least_wire;  /* bytes that the smallest value takes */
    guint32 limit;
};

typedef struct {
    guint16 name; /* into proxy_xdr_pool */
    guint16 type; /* into proxy_xdr_types */
} ProxyXdrField;

typedef struct {
    guint32 program;
    guint16 first; /* into proxy_procedures, by number from 1 on */
    guint16 count;
} ProxyProgramRows;

extern const char proxy_xdr_pool[];
extern const ProxyXdrType proxy_xdr_types[];
extern const guint proxy_xdr_n_types;
extern const ProxyXdrField proxy_xdr_fields[];
extern const ProxyProcedure proxy_procedures[];
extern const guint proxy_n_procedures;
extern const guint16 proxy_procedures_by_name[];
extern const ProxyProgramRows proxy_programs[];
extern const guint proxy_n_programs;
