/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference page of an element, in Markdown, from its table. */
#include <string.h>
#include "xml/value.h"
#include "xml/walk.h"

static void
append_cell(GString *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
}

static void
append_words(GString *out, const VbEnum *table)
{
    const char *separator = "";

    for (guint i = 0; i < table->n_nicks; i++) {
        if (!table->nicks[i])
            continue;
        g_string_append_printf(out, "%s`%s`", separator, table->nicks[i]);
        separator = ", ";
    }
}

static void
append_value(GString *out, const GPtrArray *types, const VbXmlField *field)
{
    static const char *const words[] = {
        [VB_XML_KIND_STRING] = "text",
        [VB_XML_KIND_INT] = "integer",
        [VB_XML_KIND_UINT] = "number",
        [VB_XML_KIND_INT64] = "integer",
        [VB_XML_KIND_UINT64] = "number",
        [VB_XML_KIND_BOOL] = "`yes`, `no`",
        [VB_XML_KIND_SWITCH] = "`on`, `off`",
        [VB_XML_KIND_PRESENT] = "(empty element)",
        [VB_XML_KIND_SIZE] = "size; the attribute `unit` says in what",
        [VB_XML_KIND_UUID] = "UUID",
        [VB_XML_KIND_MAC] = "MAC address",
        [VB_XML_KIND_BITMAP] = "list of numbers, `0-3,^2`",
        [VB_XML_KIND_RAW] = "any XML, kept as it is",
    };

    if (field->type) {
        g_autofree char *label = vb_xml_type_label(types, field->type);

        g_string_append_printf(out, "%s[%s](#%s)",
                               field->kind == VB_XML_KIND_LIST ? "any number of " : "", label,
                               label);
    } else if (field->enumeration) {
        append_words(out, field->enumeration);
    } else if (field->kind == VB_XML_KIND_CUSTOM) {
        append_cell(out, field->custom->title);
    } else {
        g_string_append(out, words[field->kind]);
    }
    if (!field->type && (field->min || field->max))
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, field->min,
                               field->max);
}

static void
append_remarks(GString *out, const VbXmlSlot *slot)
{
    static const struct {
        guint flag;
        const char *text;
    } remarks[] = {
        {VB_XML_REQUIRED, " Required."},
        {VB_XML_REQUIRED_IN_ELEMENT, " Required when the element is there."},
        {VB_XML_LIVE_ONLY, " Only of a running guest."},
        {VB_XML_SECRET, " Shown to those who may see secrets."},
        {VB_XML_PARSE_ONLY, " Old spelling: read, not written."},
    };

    append_cell(out, slot->f.doc);
    for (guint i = 0; i < G_N_ELEMENTS(remarks); i++) {
        if (slot->f.flags & remarks[i].flag)
            g_string_append(out, remarks[i].text);
    }
    if (slot->n_when)
        g_string_append(out, " Only for some types.");
}

static void
append_type(GString *out, const GPtrArray *types, const VbXmlType *type)
{
    const VbXmlPlan *plan = vb_xml_plan_get(type);
    g_autofree char *label = vb_xml_type_label(types, type);

    g_string_append_printf(out, "## %s\n\n", label);
    if (type->doc)
        g_string_append_printf(out, "%s\n\n", type->doc);
    g_string_append(out, "| where | value | meaning |\n|---|---|---|\n");
    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        if (slot->f.flags & VB_XML_STATUS_ONLY)
            continue;
        g_string_append_printf(out, "| `%s` | ", slot->path);
        append_value(out, types, &slot->f);
        g_string_append(out, " |");
        if (slot->f.doc)
            g_string_append_c(out, ' ');
        append_remarks(out, slot);
        g_string_append(out, " |\n");
    }
    g_string_append_c(out, '\n');
}

/**
 * vb_xml_reference:
 * @type: the root element
 *
 * Returns: (transfer full): a Markdown page, one table per element type; paths as in xml.h
 */
char *
vb_xml_reference(const VbXmlType *type)
{
    g_autoptr(GPtrArray) types = vb_xml_types_below(type);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "# The `%s` element\n\n", type->element);
    g_string_append(
        out, "Paths count from the element: `@name` is an attribute, `.` the element's own text, "
             "`a/b` the text of `<b>` in `<a>`.\n\n");
    for (guint i = 0; i < types->len; i++)
        append_type(out, types, g_ptr_array_index(types, i));
    return g_string_free(out, FALSE);
}
