/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Foreign XML (<metadata>) as text: what stands inside an element, each child with the namespaces that it needs, one per
 * line. Inside the children not a blank changes, so that reading and writing again gives the same. */
#include <string.h>
#include "base/error.h"
#include "xml/raw.h"
#include "xml/reader.h"
#include "xml/xml.h"

static void
append_node(GString *out, xmlNode *node)
{
    xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *copy = xmlDocCopyNode(node, doc, 1); /* declares inherited namespaces on the copy */
    xmlBuffer *buffer = xmlBufferCreate();

    if (copy) {
        xmlDocSetRootElement(doc, copy);
        xmlNodeDump(buffer, doc, copy, 0, 0);
        g_string_append(out, (const char *)xmlBufferContent(buffer));
    }
    xmlBufferFree(buffer);
    xmlFreeDoc(doc);
}

static void
append_text(GString *out, xmlNode *node)
{
    xmlChar *text = xmlEncodeSpecialChars(node->doc, node->content);
    g_autofree char *stripped = g_strstrip(g_strdup((const char *)text));

    g_string_append(out, stripped);
    xmlFree(text);
}

static void
append_child(GString *out, xmlNode *child, guint depth)
{
    if (child->type == XML_TEXT_NODE && xmlIsBlankNode(child))
        return;
    if (out->len)
        g_string_append_printf(out, "\n%*s", (int)(2 * depth + 2), "");
    if (child->type == XML_TEXT_NODE)
        append_text(out, child);
    else
        append_node(out, child);
}

void
vb_xml_raw_add(char **text, xmlNode *element, guint depth)
{
    GString *out = g_string_new(*text);

    g_free(*text);
    append_child(out, element, depth);
    *text = g_string_free(out, FALSE);
}

/**
 * vb_xml_raw_inside:
 * @element: an element
 * @depth: how many elements are around it
 *
 * Returns: (transfer full) (nullable): its children as text, one per line at their depth; NULL when there are none
 */
char *
vb_xml_raw_inside(xmlNode *element, guint depth)
{
    GString *out = g_string_new(NULL);

    for (xmlNode *child = element->children; child; child = child->next)
        append_child(out, child, depth);
    return g_string_free(out, out->len == 0);
}

static char *
wrap(const char *inside)
{
    return g_strconcat("<metadata>", inside ? inside : "", "</metadata>", NULL);
}

static gboolean
is_of(const xmlNode *node, const char *uri)
{
    return node->type == XML_ELEMENT_NODE && node->ns &&
           strcmp((const char *)node->ns->href, uri) == 0;
}

/* takes @uri's elements out of their namespace, so that they read as they were given to vb_xml_raw_set() */
static void
strip_namespace(xmlNode *node, const char *uri)
{
    if (is_of(node, uri))
        node->ns = NULL;
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE)
            strip_namespace(child, uri);
    }
}

static void
drop_declaration(xmlNode *node, const char *uri)
{
    xmlNs **link = &node->nsDef;

    while (*link) {
        xmlNs *declared = *link;

        if (strcmp((const char *)declared->href, uri) != 0) {
            link = &declared->next;
            continue;
        }
        *link = declared->next;
        xmlFreeNs(declared);
    }
}

/* attributes of the namespace still need its declaration */
static gboolean
has_attributes_of(const xmlNode *node, const char *uri)
{
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        if (attribute->ns && strcmp((const char *)attribute->ns->href, uri) == 0)
            return TRUE;
    }
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE && has_attributes_of(child, uri))
            return TRUE;
    }
    return FALSE;
}

static char *
dump(xmlNode *node, int level)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, node->doc, node, level, 1);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

/**
 * vb_xml_raw_get:
 * @inside: (nullable): content of a RAW field
 * @uri: a namespace
 *
 * Returns: (transfer full) (nullable): the first element of @uri, its namespace taken off; NULL when there is none
 */
char *
vb_xml_raw_get(const char *inside, const char *uri)
{
    g_autofree char *text = wrap(inside);
    g_autoptr(xmlDoc) doc = vb_xml_read_compact(text, strlen(text), "metadata_xml", NULL);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

    for (xmlNode *child = root ? root->children : NULL; child; child = child->next) {
        if (!is_of(child, uri))
            continue;
        strip_namespace(child, uri);
        if (!has_attributes_of(child, uri))
            drop_declaration(child, uri);
        return dump(child, 0);
    }
    return NULL;
}

static void
add_namespace(xmlNode *node, xmlNs *ns)
{
    if (!node->ns)
        xmlSetNs(node, ns);
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE)
            add_namespace(child, ns);
    }
}

/* @element's text, in namespace @uri, indented for a place inside <metadata> of a root element; NULL with @error set */
static char *
with_namespace(const char *element, const char *key, const char *uri, GError **error)
{
    g_autoptr(xmlDoc) doc = vb_xml_read_compact(element, strlen(element), "metadata_xml", error);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNs *ns;

    if (!root)
        return NULL;
    if (!xmlValidateNCName((const xmlChar *)key, 0))
        ns = xmlNewNs(root, (const xmlChar *)uri, (const xmlChar *)key);
    else
        ns = NULL;
    if (!ns) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' cannot be the prefix of the metadata", key);
        return NULL;
    }
    add_namespace(root, ns);
    return dump(root, 2);
}

/**
 * vb_xml_raw_set:
 * @inside: (inout): content of a RAW field, (transfer full); NULL when nothing is left
 * @element: (nullable): an element that takes the place of those of @uri; NULL: they are removed
 * @key: (nullable): prefix for @uri, unless @element is NULL
 * @uri: a namespace
 *
 * Returns: FALSE with @error set and nothing changed
 * Errors: XML_DETAIL, XML_ERROR @element is no XML; INVALID_ARG @key cannot be a prefix
 */
gboolean
vb_xml_raw_set(char **inside, const char *element, const char *key, const char *uri, GError **error)
{
    g_autofree char *added = element ? with_namespace(element, key, uri, error) : NULL;
    g_autofree char *text = wrap(*inside);
    g_autoptr(xmlDoc) doc = vb_xml_read(text, strlen(text), "metadata_xml", NULL);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    GString *out;

    if (element && !added)
        return FALSE;
    out = g_string_new(NULL);
    for (xmlNode *child = root ? root->children : NULL; child; child = child->next) {
        if (!is_of(child, uri))
            append_child(out, child, 1);
    }
    if (added)
        g_string_append_printf(out, "%s%s", out->len ? "\n    " : "", added);
    g_free(*inside);
    *inside = g_string_free(out, out->len == 0);
    return TRUE;
}
