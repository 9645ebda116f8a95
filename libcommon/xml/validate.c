/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks a document against the schema of its type. Schemas are made on first use and kept. */
#include <string.h>
#include <libxml/relaxng.h>
#include "base/error.h"
#include "xml/reader.h"
#include "xml/xml.h"

static xmlRelaxNG *
schema_new(const VbXmlType *type)
{
    g_autofree char *text = vb_xml_schema(type);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(text, (int)strlen(text));
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);

    xmlRelaxNGFreeParserCtxt(parser);
    if (!schema)
        g_error("the schema of <%s> is broken", type->element);
    return schema;
}

static xmlRelaxNG *
schema_of(const VbXmlType *type)
{
    static GMutex lock;
    static GHashTable *schemas;
    xmlRelaxNG *schema;

    g_mutex_lock(&lock);
    if (!schemas)
        schemas = g_hash_table_new(NULL, NULL);
    schema = g_hash_table_lookup(schemas, type);
    if (!schema) {
        schema = schema_new(type);
        g_hash_table_insert(schemas, (gpointer)type, schema);
    }
    g_mutex_unlock(&lock);
    return schema;
}

static void
on_problem(void *data, xmlError *problem)
{
    GString *problems = data;

    if (problems->len < 4096)
        g_string_append_printf(problems, "line %d: %s", problem->line, problem->message);
}

/**
 * vb_xml_validate:
 * @type: what the root element is
 * @text: XML
 * @length: bytes, -1: up to the NUL
 *
 * Returns: FALSE with @error set
 * Errors: XML_INVALID_SCHEMA with lines and reasons; as vb_xml_parse() when it is no XML
 */
gboolean
vb_xml_validate(const VbXmlType *type, const char *text, gssize length, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s_definition", type->element);
    g_autoptr(xmlDoc) doc =
        vb_xml_read(text, length < 0 ? strlen(text) : (gsize)length, name, error);
    g_autoptr(GString) problems = g_string_new(NULL);
    xmlRelaxNGValidCtxt *context;
    int result;

    if (!doc)
        return FALSE;
    context = xmlRelaxNGNewValidCtxt(schema_of(type));
    xmlRelaxNGSetValidStructuredErrors(context, on_problem, problems);
    result = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    if (result == 0)
        return TRUE;
    vb_error_set(error, VIR_ERR_XML_INVALID_SCHEMA, "Unable to validate doc against %s.rng\n%s",
                 type->element, problems->str);
    if (error)
        vb_error_set_reason(*error, "XmlInvalidSchema", NULL);
    return FALSE;
}
