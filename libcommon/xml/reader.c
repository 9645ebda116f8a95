/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads XML text into a libxml2 tree, with everything refused that could make a reader work or look elsewhere: document
 * types (and so entities), network, depth, size, number of nodes. Malformed text is reported in libvirt's form, with
 * the line and a pointer below the offending place. */
#include <string.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/SAX2.h>
#include "base/error.h"
#include "xml/reader.h"

#define MAX_SIZE (10 * 1024 * 1024)
#define MAX_DEPTH 64
#define MAX_NODES 100000
#define MAX_CONTEXT 80 /* columns of the offending line that are shown */

typedef struct {
    const char *document;
    guint depth;
    guint n_nodes;
    GError *error; /* the first */
} Reader;

static Reader *
reader_of(void *context)
{
    return ((xmlParserCtxt *)context)->_private;
}

static void
refuse(xmlParserCtxt *context, const char *reason, const char *what)
{
    Reader *reader = context->_private;
    const int line = context->input ? context->input->line : 0;
    g_autofree char *object = g_strdup_printf("line %d", line);

    if (!reader->error) {
        vb_error_set(&reader->error, VIR_ERR_XML_ERROR, "%s (line %d)", what, line);
        vb_error_set_reason(reader->error, reason, object);
    }
    xmlStopParser(context);
}

/* FALSE: the parser has been stopped, and what it handed to the callback is gone */
static gboolean
count_node(xmlParserCtxt *context, guint n)
{
    Reader *reader = context->_private;

    reader->n_nodes += n;
    if (reader->n_nodes <= MAX_NODES)
        return TRUE;
    refuse(context, "XmlTooManyNodes", "document has more than 100000 nodes");
    return FALSE;
}

static void
on_start_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                 int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
                 const xmlChar **attributes)
{
    if (++reader_of(data)->depth > MAX_DEPTH) {
        refuse(data, "XmlTooDeep", "elements are nested more than 64 deep");
        return;
    }
    if (count_node(data, 1 + (guint)n_namespaces + (guint)n_attributes))
        xmlSAX2StartElementNs(data, name, prefix, uri, n_namespaces, namespaces, n_attributes,
                              n_defaulted, attributes);
}

static void
on_end_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    reader_of(data)->depth--;
    xmlSAX2EndElementNs(data, name, prefix, uri);
}

static void
on_comment(void *data, const xmlChar *value)
{
    if (count_node(data, 1))
        xmlSAX2Comment(data, value);
}

static void
on_instruction(void *data, const xmlChar *target, const xmlChar *value)
{
    if (count_node(data, 1))
        xmlSAX2ProcessingInstruction(data, target, value);
}

static void
on_cdata(void *data, const xmlChar *value, int length)
{
    if (count_node(data, 1))
        xmlSAX2CDataBlock(data, value, length);
}

static void
on_doctype(void *data, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    refuse(data, "XmlDoctype", "a document type declaration is not allowed");
}

/* the offending line up to its end, and dashes up to the offending column */
static char *
describe_place(const xmlParserInput *input)
{
    const char *place = (const char *)input->cur;
    const char *start = place;
    const char *end;
    g_autofree char *line = NULL;
    g_autofree char *dashes = NULL;

    while (start > (const char *)input->base && (*start == '\n' || *start == '\r' || !*start))
        start--;
    while (start > (const char *)input->base && place - start < MAX_CONTEXT && *start != '\n' &&
           *start != '\r')
        start--;
    if (*start == '\n' || *start == '\r')
        start++;
    end = start;
    while (*end && *end != '\n' && *end != '\r' && end - start < MAX_CONTEXT)
        end++;
    line = g_utf8_make_valid(start, end - start);
    dashes = g_strnfill((gsize)MAX(place - start, 0), '-');
    return g_strdup_printf("%s\n%s^", line, dashes);
}

/* Source: the form of libvirt's parser errors: "(NAME):LINE: WHAT\nTHE LINE\n----^" */
static void
on_error(void *data, xmlError *problem)
{
    xmlParserCtxt *context = data;
    Reader *reader = context->_private;
    g_autofree char *place = NULL;
    g_autofree char *object = NULL;

    if (reader->error || problem->level != XML_ERR_FATAL)
        return;
    if (context->input && context->input->cur && context->input->base)
        place = describe_place(context->input);
    object = g_strdup_printf("line %d", problem->line);
    vb_error_set(&reader->error, VIR_ERR_XML_DETAIL, "(%s):%d: %s%s", reader->document,
                 problem->line, problem->message ? problem->message : "parser error\n",
                 place ? place : "");
    vb_error_set_reason(reader->error, "XmlMalformed", object);
}

static xmlParserCtxt *
context_new(Reader *reader)
{
    static gsize is_ready = 0;
    xmlParserCtxt *context;

    if (g_once_init_enter(&is_ready)) {
        xmlInitParser();
        g_once_init_leave(&is_ready, 1);
    }
    context = xmlNewParserCtxt();
    if (!context)
        g_error("out of memory");
    context->_private = reader;
    context->sax->startElementNs = on_start_element;
    context->sax->endElementNs = on_end_element;
    context->sax->comment = on_comment;
    context->sax->processingInstruction = on_instruction;
    context->sax->cdataBlock = on_cdata;
    context->sax->internalSubset = on_doctype;
    context->sax->externalSubset = on_doctype;
    context->sax->serror = on_error;
    return context;
}

static xmlDoc *
read_document(const char *text, gsize length, const char *document, int options, GError **error)
{
    Reader reader = {.document = document};
    xmlParserCtxt *context;
    xmlDoc *doc;

    if (length > MAX_SIZE) {
        vb_error_set(error, VIR_ERR_XML_ERROR, "document is larger than 10 MiB");
        if (error)
            vb_error_set_reason(*error, "XmlTooLarge", NULL);
        return NULL;
    }
    context = context_new(&reader);
    doc = xmlCtxtReadMemory(context, text, (int)length, NULL, NULL,
                            options | XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES);
    if (!doc && !reader.error)
        vb_error_set(&reader.error, VIR_ERR_XML_DETAIL, "(%s):1: document cannot be parsed",
                     document);
    if (context->myDoc && context->myDoc != doc)
        xmlFreeDoc(context->myDoc);
    xmlFreeParserCtxt(context);
    if (reader.error) {
        g_clear_pointer(&doc, xmlFreeDoc);
        g_propagate_error(error, reader.error);
    }
    return doc;
}

/**
 * vb_xml_read:
 * @text: XML
 * @length: bytes
 * @document: its name in messages, e.g. "domain_definition"
 *
 * Returns: (transfer full): the tree, with a root element; NULL with @error set
 * Errors: XML_DETAIL malformed; XML_ERROR a bound exceeded or a document type present
 */
xmlDoc *
vb_xml_read(const char *text, gsize length, const char *document, GError **error)
{
    return read_document(text, length, document, 0, error);
}

xmlDoc *
vb_xml_read_compact(const char *text, gsize length, const char *document, GError **error)
{
    return read_document(text, length, document, XML_PARSE_NOBLANKS, error);
}
