/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: a type's table, compiled once into the shape of its element. */
#pragma once
#include <string.h>
#include "xml/xml.h"

#define VB_XML_MAX_SLOTS 512 /* fields of one table, embedded ones included */
#define VB_XML_MAX_NODES 256 /* elements between a table's element and its fields */
#define VB_XML_MAX_WHEN 3

typedef struct _VbXmlPlan VbXmlPlan;
typedef struct _VbXmlNode VbXmlNode;

/* one field: offsets count from the outermost struct, embedding is resolved */
typedef struct {
    VbXmlField f;
    char *path;       /* from the table's element */
    const char *name; /* last part of it, without "@"; "." for the element's own text */
    gboolean is_attribute;
    struct {
        gsize offset;
        guint64 mask;
    } when[VB_XML_MAX_WHEN];
    guint n_when;
    guint level; /* 0: always; n: after those of level n - 1, which its `when` looks at */
    guint index;
    gsize zero_at;    /* bytes that are 0 when the field is absent */
    guint zero_size;  /* 4 or 8 of them; 0: that takes a closer look */
    gboolean is_twin; /* its member belongs to an earlier field of the same type */
    gboolean
        has_rival; /* its member may belong to a field of another type: conditions say whose it is */
    VbXmlNode *node;  /* the element that holds it */
    VbXmlPlan *child; /* STRUCT, LIST: compiled on first use */
} VbXmlSlot;

/* an element child of a node: either deeper structure or a field that is an element of its own */
typedef struct {
    const char *name;   /* local name */
    const char *prefix; /* "qemu", or NULL */
    const char *uri;    /* of prefix */
    VbXmlNode *node;
    VbXmlSlot *slot;
} VbXmlChild;

struct _VbXmlNode {
    char *name; /* as written; NULL at the top */
    VbXmlNode *parent;
    guint id;
    guint max_level;             /* of all fields in it and below */
    const char *strict_children; /* of the table that it stands for; NULL: others are ignored */
    GPtrArray *attributes;       /* VbXmlSlot; a SIZE that is text stands here for its @unit */
    GPtrArray *texts;            /* VbXmlSlot */
    GPtrArray *marks;            /* VbXmlSlot, PRESENT */
    GPtrArray *children;         /* VbXmlChild, by first appearance */
    /* what is 0 when there is nothing in it and below: most elements of most structs, seen at a glance */
    GArray *zeros4, *zeros8; /* gsize, offsets in the struct */
    gboolean takes_look;     /* that is not all: fields of other kinds are in it */
};

struct _VbXmlPlan {
    const VbXmlType *type;
    GPtrArray *slots; /* VbXmlSlot, table order */
    GPtrArray *owned; /* those of them with something to free */
    VbXmlNode *top;
    guint n_nodes;
    GArray *inits; /* VbXmlInit, of embedded types */
};

typedef struct {
    gsize offset;
    void (*init)(gpointer self);
} VbXmlInit;

const VbXmlPlan *vb_xml_plan_get(const VbXmlType *type);
const VbXmlPlan *vb_xml_slot_plan(VbXmlSlot *slot);
gboolean vb_xml_slot_applies(const VbXmlSlot *slot, gconstpointer self);

static inline gboolean
vb_xml_is_name(const char *a, const char *b)
{
    return a[0] == b[0] && strcmp(a, b) == 0;
}

/* TRUE: the field is absent; FALSE: it may be there */
static inline gboolean
vb_xml_slot_is_zero(const VbXmlSlot *slot, gconstpointer self)
{
    const char *at = (const char *)self + slot->zero_at;

    return (slot->zero_size == 4 && *(const guint32 *)(gconstpointer)at == 0) ||
           (slot->zero_size == 8 && *(const guint64 *)(gconstpointer)at == 0);
}

static inline gpointer
vb_xml_member(gconstpointer self, gsize offset)
{
    return (char *)self + offset;
}
