/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Struct to text, laid out as libvirt does: two blanks per level, attributes in single quotes, <x/> when empty. An
 * element whose fields all have no value is not written. */
#include <string.h>
#include "xml/value.h"

typedef struct {
    GString *out;
    guint flags;
    const VbXmlChild *foreign; /* a child with a prefix was written: the root declares it */
} Writer;

typedef struct {
    Writer *writer;
    gconstpointer self;
    guint indent;
} Place;

static void write_struct(Writer *writer, const char *name, const VbXmlPlan *plan,
                         gconstpointer self, guint indent);
static gboolean write_node(const Place *place, const VbXmlNode *node);

static inline void
put_text(GString *out, const char *text)
{
    vb_xml_put(out, text, strlen(text));
}

#define PUT(out, literal) vb_xml_put(out, literal, sizeof(literal) - 1)

static void
append_blanks(GString *out, guint n)
{
    static const char blanks[] = "                                                                ";

    while (n > 0) {
        const guint part = MIN(n, sizeof(blanks) - 1);

        vb_xml_put(out, blanks, part);
        n -= part;
    }
}

static void
put_start(GString *out, guint indent, const char *name)
{
    append_blanks(out, indent);
    PUT(out, "<");
    put_text(out, name);
}

static void
put_end(GString *out, const char *name)
{
    PUT(out, "</");
    put_text(out, name);
    PUT(out, ">\n");
}

/* line ends and tabs are written as themselves in text only: an attribute would lose them when it is read */
static const char *
escape_of(char c, gboolean is_attribute)
{
    static const char *const escapes[128] = {['&'] = "&amp;",   ['<'] = "&lt;",   ['>'] = "&gt;",
                                             ['\''] = "&apos;", ['"'] = "&quot;", ['\r'] = "&#13;"};

    if (is_attribute && (c == '\n' || c == '\t'))
        return c == '\n' ? "&#10;" : "&#9;";
    return escapes[(guchar)c & 127];
}

static void
append_escaped(GString *out, const char *text, gboolean is_attribute)
{
    const char *run = text;

    for (; *text; text++) {
        const char *escape = (guchar)*text < 128 ? escape_of(*text, is_attribute) : NULL;

        if (!escape && ((guchar)*text >= 32 || *text == '\n' || *text == '\t'))
            continue;
        vb_xml_put(out, run, (gsize)(text - run));
        if (escape)
            put_text(out, escape);
        run =
            text + 1; /* other control characters have no place in XML: left out, as libvirt does */
    }
    vb_xml_put(out, run, (gsize)(text - run));
}

static gboolean
is_wanted(const Writer *writer, const VbXmlSlot *slot, gconstpointer self)
{
    const guint flags = slot->f.flags;

    if ((flags & VB_XML_PARSE_ONLY) ||
        ((flags & VB_XML_LIVE_ONLY) && !(writer->flags & VB_XML_FORMAT_LIVE)) ||
        ((flags & VB_XML_SECRET) && !(writer->flags & VB_XML_FORMAT_SECURE)) ||
        ((flags & VB_XML_STATUS_ONLY) && !(writer->flags & VB_XML_FORMAT_STATUS)))
        return FALSE;
    return slot->n_when == 0 || vb_xml_slot_applies(slot, self);
}

static void
append_value(GString *out, const VbXmlSlot *slot, gconstpointer self)
{
    const VbXmlValueOps *ops = vb_xml_value_ops(slot->f.kind);
    gconstpointer value = vb_xml_slot_value(slot, self);

    if (ops->is_plain) {
        ops->append(slot, value, out);
    } else if (slot->f.kind == VB_XML_KIND_STRING) {
        append_escaped(out, *(char *const *)value, slot->is_attribute);
    } else {
        g_autoptr(GString) text = g_string_new(NULL);

        ops->append(slot, value, text);
        append_escaped(out, text->str, slot->is_attribute);
    }
}

static inline gboolean
is_written(const Place *place, const VbXmlSlot *slot)
{
    /* whether it is wanted comes before its value: the bytes may be another field's */
    return !vb_xml_slot_is_zero(slot, place->self) && is_wanted(place->writer, slot, place->self) &&
           vb_xml_value_is_written(slot, place->self);
}

static void
write_attribute(const Place *place, const VbXmlSlot *slot)
{
    GString *out = place->writer->out;

    if (!is_written(place, slot))
        return;
    if (slot->is_attribute) {
        PUT(out, " ");
        put_text(out, slot->name);
        PUT(out, "='");
        append_value(out, slot, place->self);
        PUT(out, "'");
    }
    if (slot->f.kind == VB_XML_KIND_SIZE) {
        PUT(out, " unit='");
        put_text(out, vb_xml_unit_name(&slot->f));
        PUT(out, "'");
    }
}

static gboolean
write_texts(const Place *place, const VbXmlNode *node)
{
    for (guint i = 0; i < node->texts->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(node->texts, i);

        if (!is_written(place, slot))
            continue;
        PUT(place->writer->out, ">");
        append_value(place->writer->out, slot, place->self);
        return TRUE;
    }
    return FALSE;
}

static void
write_raw(Writer *writer, const VbXmlSlot *slot, const char *inside, guint indent)
{
    if (vb_xml_slot_is_rest(slot)) {
        append_blanks(writer->out, indent);
        put_text(writer->out, inside);
        PUT(writer->out, "\n");
        return;
    }
    put_start(writer->out, indent, slot->name);
    PUT(writer->out, ">\n");
    append_blanks(writer->out, indent + 2);
    put_text(writer->out, inside);
    PUT(writer->out, "\n");
    append_blanks(writer->out, indent);
    put_end(writer->out, slot->name);
}

static gboolean
write_field_element(const Place *place, VbXmlSlot *slot)
{
    gconstpointer member = *(const gconstpointer *)vb_xml_slot_value(slot, place->self);
    const GPtrArray *list = member;

    if (!member || !is_wanted(place->writer, slot, place->self))
        return FALSE;
    if (slot->f.kind == VB_XML_KIND_RAW) {
        write_raw(place->writer, slot, member, place->indent);
        return TRUE;
    }
    if (slot->f.kind == VB_XML_KIND_STRUCT) {
        write_struct(place->writer, slot->name, vb_xml_slot_plan(slot), member, place->indent);
        return TRUE;
    }
    for (guint i = 0; i < list->len; i++)
        write_struct(place->writer, slot->name, vb_xml_slot_plan(slot), g_ptr_array_index(list, i),
                     place->indent);
    return list->len > 0;
}

/* the children of @node, each on its own line */
static gboolean
write_children(const Place *place, const VbXmlNode *node)
{
    gboolean is_written = FALSE;

    for (guint i = 0; i < node->children->len; i++) {
        const VbXmlChild *child = g_ptr_array_index(node->children, i);
        const gboolean is_there =
            child->slot ? write_field_element(place, child->slot) : write_node(place, child->node);

        if (is_there && child->prefix)
            place->writer->foreign = child;
        is_written |= is_there;
    }
    return is_written;
}

/* what follows "<name": attributes, content, end. Returns whether there was anything at all. */
static gboolean
write_body(const Place *place, const VbXmlNode *node, const char *name)
{
    GString *out = place->writer->out;
    const Place inner = {place->writer, place->self, place->indent + 2};
    const gsize start = out->len;
    gboolean has_attributes;
    gsize end_of_tag;

    for (guint i = 0; i < node->glances->len; i++) {
        const VbXmlGlance *glance = &g_array_index(node->glances, VbXmlGlance, i);

        if (!vb_xml_glance_is_zero(glance, place->self))
            write_attribute(place, glance->slot);
    }
    has_attributes = out->len > start;
    if (write_texts(place, node)) {
        put_end(out, name);
        return TRUE;
    }
    end_of_tag = out->len;
    PUT(out, ">\n");
    if (write_children(&inner, node)) {
        append_blanks(out, place->indent);
        put_end(out, name);
        return TRUE;
    }
    g_string_truncate(out, end_of_tag);
    PUT(out, "/>\n");
    return has_attributes;
}

static gboolean
any_written(const Place *place, const GPtrArray *slots)
{
    for (guint i = 0; i < slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(slots, i);

        if (is_written(place, slot))
            return TRUE;
    }
    return FALSE;
}

/* TRUE: there is nothing in it and below */
static gboolean
is_all_zero(const Place *place, const VbXmlNode *node)
{
    const char *self = place->self;

    if (node->takes_look)
        return FALSE;
    for (guint i = 0; i < node->zeros8->len; i++) {
        if (*(const guint64 *)(gconstpointer)(self + g_array_index(node->zeros8, gsize, i)))
            return FALSE;
    }
    for (guint i = 0; i < node->zeros4->len; i++) {
        if (*(const guint32 *)(gconstpointer)(self + g_array_index(node->zeros4, gsize, i)))
            return FALSE;
    }
    for (guint i = 0; i < node->zeros1->len; i++) {
        if (self[g_array_index(node->zeros1, gsize, i)])
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_attribute(const Place *place, const VbXmlNode *node)
{
    for (guint i = 0; i < node->glances->len; i++) {
        const VbXmlGlance *glance = &g_array_index(node->glances, VbXmlGlance, i);

        if (!vb_xml_glance_is_zero(glance, place->self) && is_written(place, glance->slot))
            return TRUE;
    }
    return FALSE;
}

/* most of a table's elements are empty in any one struct: found out before anything is written */
static gboolean
has_content(const Place *place, const VbXmlNode *node)
{
    if (is_all_zero(place, node))
        return FALSE;
    if (has_attribute(place, node) || any_written(place, node->texts) ||
        any_written(place, node->marks))
        return TRUE;
    for (guint i = 0; i < node->children->len; i++) {
        const VbXmlChild *child = g_ptr_array_index(node->children, i);

        if (child->slot ? *(const gpointer *)vb_xml_slot_value(child->slot, place->self) != NULL
                        : has_content(place, child->node))
            return TRUE;
    }
    return FALSE;
}

/* an element between a table's element and its fields: left out when there is nothing in it */
static gboolean
write_node(const Place *place, const VbXmlNode *node)
{
    GString *out = place->writer->out;
    const gsize start = out->len;

    if (!has_content(place, node))
        return FALSE;
    put_start(out, place->indent, node->name);
    if (write_body(place, node, node->name) || any_written(place, node->marks))
        return TRUE;
    g_string_truncate(out, start);
    return FALSE;
}

static void
write_struct(Writer *writer, const char *name, const VbXmlPlan *plan, gconstpointer self,
             guint indent)
{
    const Place place = {writer, self, indent};

    put_start(writer->out, indent, name);
    (void)write_body(&place, plan->top, name);
}

/**
 * vb_xml_format:
 * @type: the root element
 * @self: a struct of it
 * @flags: VB_XML_FORMAT_*
 *
 * Returns: (transfer full): XML with a line end at its end
 */
char *
vb_xml_format(const VbXmlType *type, gconstpointer self, guint flags)
{
    Writer writer = {.out = g_string_sized_new(8192), .flags = flags};

    write_struct(&writer, type->element, vb_xml_plan_get(type), self, 0);
    if (writer.foreign) {
        g_autofree char *declaration =
            g_strdup_printf(" xmlns:%s='%s'", writer.foreign->prefix, writer.foreign->uri);
        const char *end =
            strchr(writer.out->str, '>'); /* never inside a value: it is escaped there */

        g_string_insert(writer.out, end - writer.out->str - (end[-1] == '/'), declaration);
    }
    return g_string_free(writer.out, FALSE);
}
