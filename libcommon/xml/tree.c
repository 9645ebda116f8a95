/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree that parsing looks at: its memory, how one is made of libxml2's, where in it an element is. */
#include <string.h>
#include "xml/reader.h"
#include "xml/tree.h"

#define BLOCK_SIZE (32 * 1024 - 64)

VbXmlTree *
vb_xml_tree_new(void)
{
    return g_new0(VbXmlTree, 1);
}

void
vb_xml_tree_free(VbXmlTree *tree)
{
    if (!tree)
        return;
    g_slist_free_full(tree->blocks, g_free);
    g_clear_pointer(&tree->doc, xmlFreeDoc);
    g_free(tree);
}

gpointer
vb_xml_tree_alloc_block(VbXmlTree *tree, gsize size)
{
    g_assert(size <= BLOCK_SIZE);
    tree->n_free = BLOCK_SIZE;
    tree->free = g_malloc0(tree->n_free);
    tree->blocks = g_slist_prepend(tree->blocks, tree->free);
    return vb_xml_tree_alloc(tree, size);
}

char *
vb_xml_tree_keep(VbXmlTree *tree, const char *text, gsize length)
{
    char *kept = g_strndup(text, length);

    tree->blocks = g_slist_prepend(tree->blocks, kept);
    return kept;
}

/* nothing but elements and the blanks that lay them out */
static gboolean
is_structure(const xmlNode *children)
{
    gboolean has_element = FALSE;

    for (const xmlNode *node = children; node; node = node->next) {
        has_element |= node->type == XML_ELEMENT_NODE;
        if (node->type != XML_ELEMENT_NODE && node->type != XML_COMMENT_NODE &&
            !xmlIsBlankNode((xmlNode *)node))
            return FALSE;
    }
    return has_element;
}

static const char *
content_of(VbXmlTree *tree, const xmlNode *owner, const xmlNode *children)
{
    const char *kept;
    xmlChar *content;

    if (!children)
        return "";
    if (!children->next &&
        (children->type == XML_TEXT_NODE || children->type == XML_CDATA_SECTION_NODE))
        return children->content ? (const char *)children->content : "";
    if (is_structure(children))
        return "";
    content = xmlNodeGetContent(owner);
    kept =
        content ? vb_xml_tree_keep(tree, (const char *)content, strlen((const char *)content)) : "";
    xmlFree(content);
    return kept;
}

static void
take_attributes(VbXmlTree *tree, VbXmlElement *element, const xmlNode *node)
{
    VbXmlAttribute **link = &element->attributes;

    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        if (attribute->ns)
            continue;
        *link = vb_xml_tree_alloc(tree, sizeof(VbXmlAttribute));
        (*link)->name = (const char *)attribute->name;
        (*link)->value = content_of(tree, (const xmlNode *)attribute, attribute->children);
        link = &(*link)->next;
    }
}

/* the names and most values are the document's, which lives as long; recursion ends at the reader's depth */
static VbXmlElement *
take_element(VbXmlTree *tree, VbXmlElement *parent, xmlNode *node)
{
    VbXmlElement *element = vb_xml_tree_alloc(tree, sizeof(VbXmlElement));
    VbXmlElement **link = &element->children;

    element->name = (const char *)node->name;
    element->prefix = node->ns ? (const char *)node->ns->prefix : NULL;
    element->uri = node->ns ? (const char *)node->ns->href : NULL;
    element->text = content_of(tree, node, node->children);
    element->parent = parent;
    element->raw = node;
    element->line = (guint)xmlGetLineNo(node);
    take_attributes(tree, element, node);
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type != XML_ELEMENT_NODE)
            continue;
        *link = take_element(tree, element, child);
        link = &(*link)->next;
    }
    return element;
}

/**
 * vb_xml_tree_read:
 * @text: XML
 * @length: bytes
 * @document: its name in messages
 *
 * Returns: (transfer full): the tree; NULL with @error set
 * Errors: as vb_xml_read()
 */
VbXmlTree *
vb_xml_tree_read(const char *text, gsize length, const char *document, GError **error)
{
    g_autoptr(VbXmlTree) tree = vb_xml_tree_new();
    xmlNode *root;

    tree->doc = vb_xml_read(text, length, document, error);
    if (!tree->doc)
        return NULL;
    root = xmlDocGetRootElement(tree->doc);
    if (root)
        tree->root = take_element(tree, NULL, root);
    return g_steal_pointer(&tree);
}

static gboolean
is_like(const VbXmlElement *a, const VbXmlElement *b)
{
    return strcmp(a->name, b->name) == 0 && g_strcmp0(a->prefix, b->prefix) == 0;
}

/* "name", "prefix:name", "*" in a default namespace; which of several in brackets. Source: as libxml2 writes paths. */
static void
prepend_step(GString *path, const VbXmlElement *element)
{
    const gboolean is_anonymous = element->uri && !element->prefix;
    g_autoptr(GString) step = g_string_new("/");
    guint nth = 1;
    gboolean has_others = FALSE, is_behind = FALSE;

    if (element->prefix)
        g_string_append_printf(step, "%s:", element->prefix);
    g_string_append(step, is_anonymous ? "*" : element->name);
    for (VbXmlElement *other = element->parent ? element->parent->children : NULL; other;
         other = other->next) {
        if (other == element) {
            is_behind = TRUE;
        } else if (is_anonymous || is_like(other, element)) {
            has_others = TRUE;
            nth += !is_behind;
        }
    }
    if (has_others)
        g_string_append_printf(step, "[%u]", nth);
    g_string_prepend(path, step->str);
}

char *
vb_xml_element_path(const VbXmlElement *element)
{
    GString *path = g_string_new(NULL);

    for (; element; element = element->parent)
        prepend_step(path, element);
    return g_string_free(path, FALSE);
}
