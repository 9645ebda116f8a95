/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The RelaxNG schema of an element, from its table. Stricter than parsing: unknown elements and attributes are not in it.
 * Conditions between fields are not expressed; a field with one is optional. */
#include <string.h>
#include "xml/value.h"
#include "xml/walk.h"

typedef struct {
    GString *out;
    const GPtrArray *types;
    guint indent;
} Schema;

static void G_GNUC_PRINTF(2, 3) line(Schema *schema, const char *format, ...)
{
    va_list args;

    if (strncmp(format, "</", 2) == 0)
        schema->indent--;
    g_string_append_printf(schema->out, "%*s", (int)(2 * schema->indent), "");
    va_start(args, format);
    g_string_append_vprintf(schema->out, format, args);
    va_end(args);
    g_string_append_c(schema->out, '\n');
    if (format[0] == '<' && format[1] != '/' && !strstr(format, "/>") && !strstr(format, "</"))
        schema->indent++;
}

static void
write_pattern(Schema *schema, const char *pattern)
{
    line(schema, "<data type=\"token\"><param name=\"pattern\">%s</param></data>", pattern);
}

static void
write_words(Schema *schema, const char *const *words, guint n)
{
    line(schema, "<choice>");
    for (guint i = 0; i < n; i++) {
        g_autofree char *word = words[i] ? g_markup_escape_text(words[i], -1) : NULL;

        if (word)
            line(schema, "<value>%s</value>", word);
    }
    line(schema, "</choice>");
}

static void
write_number(Schema *schema, const VbXmlField *field, const char *type)
{
    if (field->flags & VB_XML_HEX) {
        write_pattern(schema, "0x[0-9a-fA-F]+|[0-9]+");
        return;
    }
    if (field->min == 0 && field->max == 0) {
        line(schema, "<data type=\"%s\"/>", type);
        return;
    }
    line(schema, "<data type=\"%s\">", type);
    line(schema, "<param name=\"minInclusive\">%" G_GINT64_FORMAT "</param>", field->min);
    line(schema, "<param name=\"maxInclusive\">%" G_GINT64_FORMAT "</param>", field->max);
    line(schema, "</data>");
}

static void
write_value(Schema *schema, const VbXmlField *field)
{
    static const char *const yes_no[] = {"yes", "no"};
    static const char *const on_off[] = {"on", "off"};
    static const char *const number_types[] = {
        [VB_XML_KIND_INT] = "int",           [VB_XML_KIND_UINT] = "unsignedInt",
        [VB_XML_KIND_INT64] = "long",        [VB_XML_KIND_UINT64] = "unsignedLong",
        [VB_XML_KIND_SIZE] = "unsignedLong",
    };
    static const char *const patterns[] = {
        [VB_XML_KIND_UUID] = "([0-9a-fA-F]{2}-?){15}[0-9a-fA-F]{2}",
        [VB_XML_KIND_MAC] = "([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}",
        [VB_XML_KIND_BITMAP] = "\\^?[0-9]+(-[0-9]+)?( ?, ?\\^?[0-9]+(-[0-9]+)?)*",
    };

    if (field->kind < G_N_ELEMENTS(number_types) && number_types[field->kind])
        write_number(schema, field, number_types[field->kind]);
    else if (field->kind < G_N_ELEMENTS(patterns) && patterns[field->kind])
        write_pattern(schema, patterns[field->kind]);
    else if (field->enumeration)
        write_words(schema, field->enumeration->nicks, field->enumeration->n_nicks);
    else if (field->kind == VB_XML_KIND_BOOL)
        write_words(schema, yes_no, 2);
    else if (field->kind == VB_XML_KIND_SWITCH)
        write_words(schema, on_off, 2);
    else
        line(schema, "<text/>");
}

/* several fields may read one attribute, each under its own condition */
static void
write_attribute(Schema *schema, const VbXmlNode *node, guint at)
{
    const VbXmlSlot *first = g_ptr_array_index(node->attributes, at);
    g_autoptr(GPtrArray) same = g_ptr_array_new();
    const gboolean is_needed =
        (first->f.flags & (VB_XML_REQUIRED | VB_XML_REQUIRED_IN_ELEMENT)) && first->n_when == 0;

    for (guint i = 0; i < node->attributes->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(node->attributes, i);

        if (slot->is_attribute && strcmp(slot->name, first->name) == 0) {
            if (i < at)
                return; /* written with the first */
            g_ptr_array_add(same, (gpointer)slot);
        }
    }
    if (!is_needed)
        line(schema, "<optional>");
    line(schema, "<attribute name=\"%s\">", first->name);
    if (same->len > 1)
        line(schema, "<choice>");
    for (guint i = 0; i < same->len; i++)
        write_value(schema, &((const VbXmlSlot *)g_ptr_array_index(same, i))->f);
    if (same->len > 1)
        line(schema, "</choice>");
    line(schema, "</attribute>");
    if (!is_needed)
        line(schema, "</optional>");
}

static void
write_attributes(Schema *schema, const VbXmlNode *node)
{
    gboolean has_unit = FALSE;

    for (guint i = 0; i < node->attributes->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(node->attributes, i);

        if (slot->is_attribute)
            write_attribute(schema, node, i);
        if (slot->f.kind == VB_XML_KIND_SIZE && !has_unit) {
            line(schema, "<optional>");
            line(schema, "<attribute name=\"unit\">");
            line(schema, "<text/>");
            line(schema, "</attribute>");
            line(schema, "</optional>");
            has_unit = TRUE;
        }
    }
}

static void write_content(Schema *schema, const VbXmlNode *node);

static void
write_element(Schema *schema, const VbXmlChild *child)
{
    if (child->uri)
        line(schema, "<element name=\"%s\" ns=\"%s\">", child->name, child->uri);
    else
        line(schema, "<element name=\"%s\">", child->name);
    if (child->node) {
        write_content(schema, child->node);
    } else if (child->slot->f.kind == VB_XML_KIND_RAW) {
        line(schema, "<ref name=\"anything\"/>");
    } else {
        g_autofree char *label = vb_xml_type_label(schema->types, child->slot->f.type);

        line(schema, "<ref name=\"%s\"/>", label);
    }
    line(schema, "</element>");
}

static gboolean
is_same_name(const VbXmlChild *a, const VbXmlChild *b)
{
    return strcmp(a->name, b->name) == 0 && g_strcmp0(a->uri, b->uri) == 0;
}

/* all children of one name: one pattern, since an interleave must not hold a name twice */
static void
write_children_named(Schema *schema, const VbXmlNode *node, guint at)
{
    const VbXmlChild *first = g_ptr_array_index(node->children, at);
    gboolean is_list = first->slot && first->slot->f.kind == VB_XML_KIND_LIST;
    guint n = 1;

    if (first->slot && (first->slot->f.flags & VB_XML_STATUS_ONLY))
        return;
    for (guint i = 0; i < at; i++) {
        if (is_same_name(g_ptr_array_index(node->children, i), first))
            return;
    }
    for (guint i = at + 1; i < node->children->len; i++)
        n += is_same_name(g_ptr_array_index(node->children, i), first);
    is_list |= n > 1;
    line(schema, is_list ? "<zeroOrMore>" : "<optional>");
    if (n > 1)
        line(schema, "<choice>");
    for (guint i = at; i < node->children->len; i++) {
        if (is_same_name(g_ptr_array_index(node->children, i), first))
            write_element(schema, g_ptr_array_index(node->children, i));
    }
    if (n > 1)
        line(schema, "</choice>");
    line(schema, is_list ? "</zeroOrMore>" : "</optional>");
}

static void
write_texts(Schema *schema, const VbXmlNode *node)
{
    if (node->children->len > 0) {
        line(schema, "<text/>"); /* RelaxNG: typed text cannot stand beside elements */
        return;
    }
    line(schema, "<choice>");
    line(schema, "<empty/>");
    for (guint i = 0; i < node->texts->len; i++)
        write_value(schema, &((const VbXmlSlot *)g_ptr_array_index(node->texts, i))->f);
    line(schema, "</choice>");
}

static void
write_content(Schema *schema, const VbXmlNode *node)
{
    line(schema, "<interleave>");
    line(schema, "<empty/>");
    write_attributes(schema, node);
    for (guint i = 0; i < node->children->len; i++)
        write_children_named(schema, node, i);
    if (node->texts->len)
        write_texts(schema, node);
    line(schema, "</interleave>");
}

static void
write_anything(Schema *schema)
{
    line(schema, "<define name=\"anything\">");
    line(schema, "<zeroOrMore>");
    line(schema, "<choice>");
    line(schema, "<text/>");
    line(schema, "<attribute><anyName/></attribute>");
    line(schema, "<element><anyName/><ref name=\"anything\"/></element>");
    line(schema, "</choice>");
    line(schema, "</zeroOrMore>");
    line(schema, "</define>");
}

/**
 * vb_xml_schema:
 * @type: the root element
 *
 * Returns: (transfer full): a RelaxNG grammar in XML syntax
 */
char *
vb_xml_schema(const VbXmlType *type)
{
    g_autoptr(GPtrArray) types = vb_xml_types_below(type);
    g_autofree char *root = vb_xml_type_label(types, type);
    Schema schema = {g_string_new("<?xml version=\"1.0\"?>\n"), types, 0};

    line(&schema, "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\" "
                  "datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">");
    line(&schema, "<start>");
    line(&schema, "<element name=\"%s\">", type->element);
    line(&schema, "<ref name=\"%s\"/>", root);
    line(&schema, "</element>");
    line(&schema, "</start>");
    for (guint i = 0; i < types->len; i++) {
        const VbXmlType *each = g_ptr_array_index(types, i);
        g_autofree char *label = vb_xml_type_label(types, each);

        line(&schema, "<define name=\"%s\">", label);
        write_content(&schema, vb_xml_plan_get(each)->top);
        line(&schema, "</define>");
    }
    write_anything(&schema);
    line(&schema, "</grammar>");
    return g_string_free(schema.out, FALSE);
}
