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
typedef struct _VbXmlSlot VbXmlSlot;
typedef struct _VbXmlChild VbXmlChild;

/* one field: offsets count from the outermost struct, embedding is resolved */
struct _VbXmlSlot {
    VbXmlField f;
    char *path;       /* from the table's element */
    const char *name; /* last part of it, without "@"; "." for the element's own text */
    gboolean is_attribute;
    gsize
        part_at; /* offset + 1 of the pointer to the PART that holds the member; 0: the struct itself does */
    guint part_size;
    struct {
        gsize part_at;
        gsize offset;
        guint size;
        guint64 mask;
    } when[VB_XML_MAX_WHEN];
    guint n_when;
    guint level; /* 0: always; n: after those of level n - 1, which its `when` looks at */
    guint index;
    gsize zero_at;    /* bytes that are 0 when the field is absent */
    guint zero_size;  /* 1, 4 or 8 of them; 0: that takes a closer look */
    gboolean is_twin; /* its member belongs to an earlier field of the same type */
    gboolean
        has_rival; /* its member may belong to a field of another type: conditions say whose it is */
    VbXmlNode *node;         /* the element that holds it */
    VbXmlSlot *first, *same; /* attributes of one name in one element: the first, the next */
    VbXmlPlan *child;        /* STRUCT, LIST: compiled on first use */
};

/* All that it takes to pass over a field that is absent, as most are: close together, since a slot is large. */
typedef struct {
    VbXmlSlot *slot;
    guint32 part_at, zero_at;
    guint8 zero_size;
} VbXmlGlance;

/* an element child of a node: either deeper structure or a field that is an element of its own */
struct _VbXmlChild {
    const char *name;   /* local name */
    const char *prefix; /* "qemu", or NULL */
    const char *uri;    /* of prefix */
    VbXmlNode *node;
    VbXmlSlot *slot;
    VbXmlChild *first, *same; /* those of one name: the first, the next */
};

struct _VbXmlNode {
    char *name; /* as written; NULL at the top */
    VbXmlNode *parent;
    guint id;
    guint max_level;             /* of all fields in it and below */
    const char *strict_children; /* of the table that it stands for; NULL: others are ignored */
    GPtrArray *attributes;       /* VbXmlSlot; a SIZE that is text stands here for its @unit */
    GArray *glances;             /* VbXmlGlance, of the attributes */
    GPtrArray *texts;            /* VbXmlSlot */
    GPtrArray *marks;            /* VbXmlSlot, PRESENT */
    GPtrArray *children;         /* VbXmlChild, by first appearance */
    /* what is 0 when there is nothing in it and below: most elements of most structs, seen at a glance */
    GArray *zeros1, *zeros4, *zeros8; /* gsize, offsets in the struct */
    gboolean takes_look;              /* that is not all: fields of other kinds are in it */
};

struct _VbXmlPlan {
    const VbXmlType *type;
    GPtrArray *slots;    /* VbXmlSlot, table order */
    GPtrArray *owned;    /* those of them with something to free */
    GPtrArray *required; /* those of them whose absence is an error */
    const char *raw;     /* of the element's child whose content is kept as it is; or NULL */
    GArray *parts;       /* gsize, offsets of the pointers to PARTs */
    VbXmlNode *top;
    VbXmlSlot *rest; /* RAW "*"; NULL */
    guint n_nodes;
    GArray *inits; /* VbXmlInit, of embedded types */
};

typedef struct {
    gsize offset;
    void (*init)(gpointer self);
} VbXmlInit;

const VbXmlPlan *vb_xml_plan_get(const VbXmlType *type);
gpointer vb_xml_new_of(const VbXmlPlan *plan);
const VbXmlPlan *vb_xml_slot_plan(VbXmlSlot *slot);
gboolean vb_xml_slot_applies(const VbXmlSlot *slot, gconstpointer self);

static inline gboolean
vb_xml_is_name(const char *a, const char *b)
{
    return a[0] == b[0] && strcmp(a, b) == 0;
}

static inline gboolean
vb_xml_slot_is_rest(const VbXmlSlot *slot)
{
    return slot->f.kind == VB_XML_KIND_RAW && slot->name[0] == '*';
}

static inline gpointer
vb_xml_member(gconstpointer self, gsize offset)
{
    return (char *)self + offset;
}

/* enums and flags have one byte or four */
static inline guint32
vb_xml_load(gconstpointer at, guint size)
{
    return size == 1 ? *(const guint8 *)at : *(const guint32 *)at;
}

static inline void
vb_xml_store(gpointer at, guint size, guint32 value)
{
    if (size == 1)
        *(guint8 *)at = (guint8)value;
    else
        *(guint32 *)at = value;
}

/* the struct that holds something of @self: itself or a PART, zeros when that is not there */
static inline gconstpointer
vb_xml_home(gconstpointer self, gsize part_at)
{
    gconstpointer part;

    if (part_at == 0)
        return self;
    part = *(gconstpointer *)vb_xml_member(self, part_at - 1);
    return part ? part : vb_xml_zeros;
}

/* the field's member, to read */
static inline gconstpointer
vb_xml_slot_value(const VbXmlSlot *slot, gconstpointer self)
{
    return vb_xml_member(vb_xml_home(self, slot->part_at), slot->f.offset);
}

/* the same to write: makes the PART */
static inline gpointer
vb_xml_slot_home(const VbXmlSlot *slot, gpointer self)
{
    gpointer *part;

    if (slot->part_at == 0)
        return self;
    part = vb_xml_member(self, slot->part_at - 1);
    if (!*part)
        *part = g_malloc0(slot->part_size);
    return *part;
}

/* FALSE: it belongs to a PART that is not there */
static inline gboolean
vb_xml_slot_has_home(const VbXmlSlot *slot, gconstpointer self)
{
    return slot->part_at == 0 || *(gconstpointer *)vb_xml_member(self, slot->part_at - 1) != NULL;
}

static inline gboolean
vb_xml_slot_has(const VbXmlSlot *slot, gconstpointer self)
{
    return vb_xml_load(vb_xml_member(vb_xml_home(self, slot->part_at), slot->f.has_at - 1),
                       slot->f.has_size) != 0;
}

static inline gboolean
vb_xml_is_zero(gconstpointer at, guint size)
{
    return (size == 1 && *(const guint8 *)at == 0) || (size == 4 && *(const guint32 *)at == 0) ||
           (size == 8 && *(const guint64 *)at == 0);
}

/* TRUE: the field is absent; FALSE: it may be there */
static inline gboolean
vb_xml_slot_is_zero(const VbXmlSlot *slot, gconstpointer self)
{
    return vb_xml_is_zero(vb_xml_member(vb_xml_home(self, slot->part_at), slot->zero_at),
                          slot->zero_size);
}

static inline gboolean
vb_xml_glance_is_zero(const VbXmlGlance *glance, gconstpointer self)
{
    return vb_xml_is_zero(vb_xml_member(vb_xml_home(self, glance->part_at), glance->zero_at),
                          glance->zero_size);
}
