/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: a document as parsing looks at it, without comments and layout. All of it lives in the
 * tree's blocks and goes with it. */
#pragma once
#include <glib.h>
#include <libxml/tree.h>

typedef struct _VbXmlAttribute VbXmlAttribute;
typedef struct _VbXmlElement VbXmlElement;
typedef struct _VbXmlTree VbXmlTree;

struct _VbXmlAttribute { /* of no namespace: others have no place here */
    const char *name, *value;
    VbXmlAttribute *next;
};

struct _VbXmlElement {
    const char *name;
    const char *prefix, *uri; /* NULL: of no namespace */
    const char *text; /* what is in it and below; "" when that is elements and blanks alone */
    VbXmlAttribute *attributes;
    VbXmlElement *parent, *children, *next;
    xmlNode *raw; /* as libxml2 has it, with everything; NULL: tree-scan.c did not look */
    guint line;   /* where its start tag ends */
};

struct _VbXmlTree {
    VbXmlElement *root;
    GSList *blocks;
    char *free; /* in the first block */
    gsize n_free;
    xmlDoc *doc; /* what the raw nodes belong to */
};

VbXmlTree *vb_xml_tree_new(void);
void vb_xml_tree_free(VbXmlTree *tree);
gpointer vb_xml_tree_alloc_block(VbXmlTree *tree, gsize size);
char *vb_xml_tree_keep(VbXmlTree *tree, const char *text,
                       gsize length); /* a copy, which may be changed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbXmlTree, vb_xml_tree_free)

/* zeroed */
static inline gpointer
vb_xml_tree_alloc(VbXmlTree *tree, gsize size)
{
    gpointer memory = tree->free;

    size = (size + sizeof(gpointer) - 1) & ~(sizeof(gpointer) - 1);
    if (size > tree->n_free)
        return vb_xml_tree_alloc_block(tree, size);
    tree->free += size;
    tree->n_free -= size;
    return memory;
}

/* any document, by libxml2; FALSE with what libvirt says of a bad one */
VbXmlTree *vb_xml_tree_read(const char *text, gsize length, const char *document, GError **error);
/* Plain ones, quickly: NULL when vb_xml_tree_read() has to look. The content of the root's child @raw is kept raw. */
VbXmlTree *vb_xml_tree_scan(const char *text, gsize length, const char *raw);
/* (transfer full) "/domain/devices/disk[2]" */
char *vb_xml_element_path(const VbXmlElement *element);
