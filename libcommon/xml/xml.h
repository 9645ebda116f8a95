/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared-once XML: an element is one static table; parse, format, copy, compare, free, the RelaxNG schema and the
 * reference page come from it. Parsing never validates across fields and never fills in defaults.
 *
 * A field's path is relative to the element: "@name" (attribute), "." (the element's own text), "title" (text of a
 * child element), "os/type/@arch" (deeper; elements that several fields share are written once, in table order, at
 * the place of the first). "qemu:commandline" names an element of a known foreign namespace (plan.c has the list).
 * Unknown elements and attributes are ignored on parse, as libvirt does without validation. Of several elements of
 * one name the first counts, except for LIST.
 *
 * Fields may share one member (an old and a new spelling, choices by `when`); a shared STRUCT or LIST member whose
 * fields differ in type belongs to the one whose `when` holds. A `when` member must be read by a field of the same
 * table (or lie in an EMBED of it); order does not matter, dependents are read after what they depend on.
 */
#pragma once
#include <stdbool.h>
#include <glib.h>
#include "base/enum.h"

typedef struct _VbXmlField VbXmlField;
typedef struct _VbXmlType VbXmlType;
typedef struct _VbXmlCustom VbXmlCustom;

typedef enum {
    VB_XML_KIND_STRING,  /* char * */
    VB_XML_KIND_INT,     /* int, min..max */
    VB_XML_KIND_UINT,    /* guint */
    VB_XML_KIND_INT64,   /* gint64 */
    VB_XML_KIND_UINT64,  /* guint64; format in hex when flag HEX */
    VB_XML_KIND_ENUM,    /* int or guint8; value 0 = absent unless flag ZERO_IS_VALUE */
    VB_XML_KIND_BOOL,    /* VbTristate as yes/no */
    VB_XML_KIND_SWITCH,  /* VbTristate as on/off */
    VB_XML_KIND_PRESENT, /* gboolean or bool: the (empty) element is there */
    VB_XML_KIND_SIZE, /* guint64 in units of field->unit bytes, rounded up; reads number + @unit; writes @unit='KiB' */
    VB_XML_KIND_UUID,   /* VbUuid */
    VB_XML_KIND_MAC,    /* VbMac */
    VB_XML_KIND_BITMAP, /* char *: normalised range list "0-3,^2" -> "0-1,3" */
    VB_XML_KIND_STRUCT, /* pointer to a child struct of field->type; NULL = absent */
    VB_XML_KIND_LIST, /* GPtrArray * of child structs, one element each; NULL or empty = none; without a
                             free function: vb_xml_free frees the entries */
    VB_XML_KIND_RAW, /* char *: the element's inside, verbatim, foreign namespaces included (<metadata>); path "*":
                             the elements that no other field of the type's own element names */
    VB_XML_KIND_CUSTOM, /* field->custom: for the rare spelling no other kind fits */
    VB_XML_KIND_EMBED, /* struct of field->type held by value: its fields count as this table's own, their paths
                             below field->path ("." = this element): device addresses, common parts */
    VB_XML_KIND_PART, /* the same, but held by a pointer that is NULL while all its fields are 0: what is rarely given.
                         Read it with VB_XML_READ, write it with VB_XML_NEED. No inits, no parts in it. */
} VbXmlKind;

/* one byte, as there are many */
typedef enum __attribute__((packed)) {
    VB_TRISTATE_ABSENT = 0,
    VB_TRISTATE_YES,
    VB_TRISTATE_NO
} VbTristate;
typedef struct {
    guint8 bytes[16];
    bool is_set;
} VbUuid;
typedef struct {
    guint8 bytes[6];
    bool is_set;
} VbMac;

enum {
    VB_XML_REQUIRED = 1 << 0,      /* missing: VIR_ERR_XML_ERROR that names element and line */
    VB_XML_HEX = 1 << 1,           /* integers are written 0x%x */
    VB_XML_ZERO_IS_VALUE = 1 << 2, /* without "has": 0 (ENUM: the first nick) is written too */
    VB_XML_LIVE_ONLY = 1 << 3,     /* written only with VB_XML_FORMAT_LIVE (ids, pty paths, pids) */
    VB_XML_SECRET = 1 << 4,        /* written only with VB_XML_FORMAT_SECURE (passwords) */
    VB_XML_EMIT_EMPTY = 1 << 5,    /* an empty string is a value: <a b=''/> */
    VB_XML_NOT_COMPARED = 1 << 6,  /* left out of vb_xml_equal (aliases, ids) */
    VB_XML_PARSE_ONLY = 1 << 7,    /* an old spelling that is read and not written */
    VB_XML_REQUIRED_IN_ELEMENT =
        1 << 8, /* missing is an error once the element that holds it is there */
    VB_XML_UNSUPPORTED =
        1
        << 9, /* ENUM, STRING with words: unknown is VIR_ERR_CONFIG_UNSUPPORTED "unknown TITLE 'x'" */
    VB_XML_NOT_ZERO = 1 << 10,   /* UINT: 0 is refused */
    VB_XML_UNION = 1 << 11,      /* its bytes are other fields' while its condition does not hold */
    VB_XML_ROUND_DOWN = 1 << 13, /* SIZE: what is less than a unit is left out */
    VB_XML_STATUS_ONLY =
        1 << 12, /* elements: read and written only in status files; not documented */
};

struct _VbXmlField {
    VbXmlKind kind;
    const char *path;
    gsize offset;              /* of the value in the struct */
    gsize has_at;              /* offset + 1 of a flag "was given"; 0: then 0/NULL means absent */
    const VbEnum *enumeration; /* ENUM; STRING: one of its words, which are kept as text */
    const VbXmlType *type;     /* STRUCT, LIST */
    gint64 min,
        max; /* integers: inclusive; both 0 = the C type's range. LIST: max entries (0 = 65536) */
    guint64 unit;          /* SIZE: bytes per stored unit; 0: 1024, KiB */
    const char *unit_name; /* SIZE: as written; NULL: "KiB", "MiB" ... that fits unit */
    guint width;           /* HEX: digits at least, 4 for 0x0000 */
    guint flags;
    guint8 size, has_size, when_size; /* bytes of the members: enums and flags may have 1 or 4 */
    gsize when_at; /* offset + 1 of the enum this field belongs to; 0: no condition */
    guint64
        when_mask; /* bit per enum value for which the field is read and written (choices by type) */
    const VbXmlCustom *custom;
    const char *
        only; /* STRUCT: what is said of a second element, which is refused; NULL: it is passed over */
    const char *doc; /* one sentence for the reference page */
    const char
        *abi; /* what the guest sees of it, in words: vb_xml_check_abi() says how they are used */
};

/* A value with its own spelling, as attribute or text. @value points at the member. */
struct _VbXmlCustom {
    gboolean (*parse)(const char *text, gpointer value); /* FALSE: "Invalid value for ..." */
    char *(*format)(gconstpointer value);                /* (transfer full) NULL: absent */
    void (*copy)(gpointer to, gconstpointer from);       /* @to is zeroed */
    gboolean (*equal)(gconstpointer a, gconstpointer b);
    void (*clear)(gpointer value); /* may be NULL */
    const char *title;             /* for the reference page: "WWN" */
};

struct _VbXmlType {
    const char *element; /* default element name, e.g. "disk" */
    gsize size;
    const VbXmlField *fields;
    guint n_fields;
    const char *doc;
    void (*init)(gpointer self); /* optional, after g_malloc0 */
    const char *
        strict_children; /* other children are CONFIG_UNSUPPORTED "STRICT_CHILDREN 'name'"; NULL: ignored */
    const char *document; /* in messages on malformed text; NULL: ELEMENT_definition */
};

/* 0: more than a byte can count, and of no interest */
#define VB_XML_SIZE_OF(T, m) (sizeof(((T *)NULL)->m) < 256 ? sizeof(((T *)NULL)->m) : 0)

/* The macros: VB_XML_STR(DomainDisk, serial, "serial", .doc = "...") and so on */
#define VB_XML_FIELD(k, T, member, xml_path, ...)                                                  \
    {                                                                                              \
        .kind = (k), .path = (xml_path), .offset = G_STRUCT_OFFSET(T, member),                     \
        .size = VB_XML_SIZE_OF(T, member), ##__VA_ARGS__                                           \
    }
#define VB_XML_STR(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_STRING, T, m, p, ##__VA_ARGS__)
#define VB_XML_INT(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_INT, T, m, p, ##__VA_ARGS__)
#define VB_XML_UINT(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_UINT, T, m, p, ##__VA_ARGS__)
#define VB_XML_INT64(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_INT64, T, m, p, ##__VA_ARGS__)
#define VB_XML_UINT64(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_UINT64, T, m, p, ##__VA_ARGS__)
#define VB_XML_ENUMV(T, m, p, e, ...)                                                              \
    VB_XML_FIELD(VB_XML_KIND_ENUM, T, m, p, .enumeration = &(e), ##__VA_ARGS__)
#define VB_XML_BOOL(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_BOOL, T, m, p, ##__VA_ARGS__)
#define VB_XML_SWITCH(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_SWITCH, T, m, p, ##__VA_ARGS__)
#define VB_XML_PRESENT(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_PRESENT, T, m, p, ##__VA_ARGS__)
#define VB_XML_SIZE(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_SIZE, T, m, p, ##__VA_ARGS__)
#define VB_XML_UUIDV(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_UUID, T, m, p, ##__VA_ARGS__)
#define VB_XML_MACV(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_MAC, T, m, p, ##__VA_ARGS__)
#define VB_XML_BITMAP(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_BITMAP, T, m, p, ##__VA_ARGS__)
#define VB_XML_STRUCT(T, m, p, t, ...)                                                             \
    VB_XML_FIELD(VB_XML_KIND_STRUCT, T, m, p, .type = &(t), ##__VA_ARGS__)
#define VB_XML_LIST(T, m, p, t, ...)                                                               \
    VB_XML_FIELD(VB_XML_KIND_LIST, T, m, p, .type = &(t), ##__VA_ARGS__)
#define VB_XML_EMBED(T, m, p, t, ...)                                                              \
    VB_XML_FIELD(VB_XML_KIND_EMBED, T, m, p, .type = &(t), ##__VA_ARGS__)
#define VB_XML_PART(T, m, p, t, ...)                                                               \
    VB_XML_FIELD(VB_XML_KIND_PART, T, m, p, .type = &(t), ##__VA_ARGS__)
#define VB_XML_CUSTOM(T, m, p, c, ...)                                                             \
    VB_XML_FIELD(VB_XML_KIND_CUSTOM, T, m, p, .custom = &(c), ##__VA_ARGS__)
#define VB_XML_RAW(T, m, p, ...) VB_XML_FIELD(VB_XML_KIND_RAW, T, m, p, ##__VA_ARGS__)
#define VB_XML_HAS(T, m) .has_at = G_STRUCT_OFFSET(T, m) + 1, .has_size = VB_XML_SIZE_OF(T, m)
#define VB_XML_WHEN(T, m, mask)                                                                    \
    .when_at = G_STRUCT_OFFSET(T, m) + 1, .when_size = VB_XML_SIZE_OF(T, m), .when_mask = (mask)
#define VB_XML_BIT(value) (G_GUINT64_CONSTANT(1) << (value))
#define VB_XML_TYPE(symbol, T, name, table, ...)                                                   \
    const VbXmlType symbol = {.element = (name),                                                   \
                              .size = sizeof(T),                                                   \
                              .fields = (table),                                                   \
                              .n_fields = G_N_ELEMENTS(table),                                     \
                              ##__VA_ARGS__}

enum { VB_XML_FORMAT_LIVE = 1 << 0, VB_XML_FORMAT_SECURE = 1 << 1, VB_XML_FORMAT_STATUS = 1 << 2 };
enum {
    VB_XML_PARSE_INACTIVE = 1 << 0, /* LIVE_ONLY fields are not read: what a user hands in */
    VB_XML_PARSE_STATUS = 1 << 1,   /* STATUS_ONLY fields are read */
};

/* The PART that @pointer points to: to read, zeros when there is none; to write, made when there is none. Both evaluate
 * @pointer more than once. */
#define VB_XML_MAX_PART 512
extern const guint64 vb_xml_zeros[VB_XML_MAX_PART / 8];
#define VB_XML_READ(pointer)                                                                       \
    ((const __typeof__(*(pointer)) *)((pointer) ? (gconstpointer)(pointer) : vb_xml_zeros))
#define VB_XML_NEED(pointer) ((pointer) ? (pointer) : ((pointer) = g_malloc0(sizeof(*(pointer)))))

/* whole documents; bounded: 10 MiB, depth 64, 100,000 nodes, no DTD, no entities, no network */
gpointer vb_xml_parse(const VbXmlType *type, const char *text, gssize length, GError **error);
gpointer vb_xml_parse_full(const VbXmlType *type, const char *text, gssize length, guint flags,
                           GError **error);
char *vb_xml_format(const VbXmlType *type, gconstpointer self, guint flags);
gpointer vb_xml_new(const VbXmlType *type);
gpointer vb_xml_copy(const VbXmlType *type, gconstpointer self);
gboolean vb_xml_equal(const VbXmlType *type, gconstpointer a, gconstpointer b);
gboolean vb_xml_check_abi(const VbXmlType *type, gconstpointer source, gconstpointer target,
                          GError **error);
void vb_xml_free(const VbXmlType *type, gpointer self); /* NULL is fine */
char *vb_xml_schema(const VbXmlType *type);             /* RelaxNG grammar (XML syntax) */
char *vb_xml_reference(const VbXmlType *type);          /* Markdown page */

/* Against the schema. FALSE: XML_INVALID_SCHEMA with the places, or as vb_xml_parse(). */
gboolean vb_xml_validate(const VbXmlType *type, const char *text, gssize length, GError **error);

/* RAW fields: foreign elements by namespace, given and taken without their prefix, kept with it */
char *vb_xml_raw_get(const char *inside, const char *uri);
gboolean vb_xml_raw_set(char **inside, const char *element, const char *key, const char *uri,
                        GError **error);

/* values */
gboolean vb_uuid_parse(const char *text, VbUuid *ret_uuid);
void vb_uuid_format(const VbUuid *uuid, char ret_text[37]);
void vb_uuid_generate(VbUuid *ret_uuid);
gboolean vb_mac_parse(const char *text, VbMac *ret_mac);
void vb_mac_format(const VbMac *mac, char ret_text[18]);
/* "2", "GiB" -> bytes; libvirt's unit names (b bytes KB KiB k MB M MiB ...); FALSE on unknown unit or overflow */
gboolean vb_size_scale(guint64 number, const char *unit, guint64 default_unit, guint64 *ret_bytes);
/* (transfer full) "0-3,^2" -> "0-1,3"; NULL when it is no list, is empty or names a number over @max (at most 65535) */
char *vb_bitmap_normalise(const char *text, guint max);
