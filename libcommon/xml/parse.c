/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tree to struct: walks an element along with its type's plan. Fields with conditions are read in later rounds than the
 * fields that the conditions look at. Never validates across fields, never fills in. */
#include <string.h>
#include "base/error.h"
#include "xml/raw.h"
#include "xml/reader.h"
#include "xml/value.h"

typedef struct {
    const VbXmlPlan *plan;
    gpointer self;
    guint flags;
    guint level;
    gboolean seen[VB_XML_MAX_SLOTS];     /* by slot: the text names it */
    xmlNode *elements[VB_XML_MAX_NODES]; /* by node: its element, once met */
} Walk;

static gboolean parse_element(const VbXmlPlan *plan, gpointer self, xmlNode *element, guint flags,
                              GError **error);

static gboolean
is_due(const Walk *walk, const VbXmlSlot *slot)
{
    if (slot->level != walk->level)
        return FALSE;
    if ((slot->f.flags & VB_XML_LIVE_ONLY) && (walk->flags & VB_XML_PARSE_INACTIVE))
        return FALSE;
    return slot->n_when == 0 || vb_xml_slot_applies(slot, walk->self);
}

static gboolean
parse_value(Walk *walk, const VbXmlSlot *slot, const VbXmlSpot *spot, GError **error)
{
    const VbXmlValueOps *ops = vb_xml_value_ops(slot->f.kind);
    const gboolean is_old = (slot->f.flags & VB_XML_PARSE_ONLY) != 0;
    gpointer home = vb_xml_slot_home(slot, walk->self);
    gpointer value = vb_xml_member(home, slot->f.offset);

    if (is_old && ops->is_set(slot, value))
        return TRUE; /* the new spelling was given too */
    if (!ops->parse(slot, value, spot, error))
        return FALSE;
    walk->seen[slot->index] = TRUE;
    if (slot->f.has_at)
        vb_xml_store(vb_xml_member(home, slot->f.has_at - 1), slot->f.has_size, TRUE);
    return TRUE;
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

/* the text of a list of text nodes; @ret_owned is what must be freed */
static const char *
content_of(const xmlNode *owner, const xmlNode *children, xmlChar **ret_owned)
{
    if (!children)
        return "";
    if (!children->next &&
        (children->type == XML_TEXT_NODE || children->type == XML_CDATA_SECTION_NODE))
        return children->content ? (const char *)children->content : "";
    if (is_structure(children))
        return "";
    *ret_owned = xmlNodeGetContent(owner);
    return *ret_owned ? (const char *)*ret_owned : "";
}

static gboolean
parse_attribute(Walk *walk, const VbXmlNode *node, xmlNode *element, const xmlAttr *attribute,
                GError **error)
{
    for (guint i = 0; i < node->attributes->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(node->attributes, i);
        VbXmlSpot spot = {element, slot->name, NULL};
        xmlChar *owned = NULL;
        gboolean is_ok;

        if (!slot->is_attribute || !vb_xml_is_name(slot->name, (const char *)attribute->name) ||
            !is_due(walk, slot))
            continue;
        spot.text = content_of((const xmlNode *)attribute, attribute->children, &owned);
        is_ok = parse_value(walk, slot, &spot, error);
        xmlFree(owned);
        if (!is_ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean
parse_texts(Walk *walk, const GPtrArray *slots, xmlNode *element, GError **error)
{
    for (guint i = 0; i < slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(slots, i);
        VbXmlSpot spot = {element, NULL, NULL};
        g_autofree char *stripped = NULL;
        xmlChar *owned = NULL;
        gboolean is_ok;

        if (!is_due(walk, slot))
            continue;
        spot.text = content_of(element, element->children, &owned);
        if (slot->f.kind != VB_XML_KIND_STRING && *spot.text)
            spot.text = stripped = g_strstrip(g_strdup(spot.text));
        is_ok = (!*spot.text && slot->f.kind != VB_XML_KIND_STRING &&
                 slot->f.kind != VB_XML_KIND_PRESENT && !(slot->f.flags & VB_XML_REQUIRED)) ||
                parse_value(walk, slot, &spot, error);
        xmlFree(owned);
        if (!is_ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean
parse_list_entry(Walk *walk, VbXmlSlot *slot, xmlNode *element, GError **error)
{
    GPtrArray **list = vb_xml_member(vb_xml_slot_home(slot, walk->self), slot->f.offset);
    const guint max = slot->f.max ? (guint)slot->f.max : 65536;
    const VbXmlPlan *plan = vb_xml_slot_plan(slot);
    gpointer entry;

    if (!*list)
        *list = g_ptr_array_new();
    if ((*list)->len >= max)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, element, "XmlTooMany",
                           "more than %u elements '%s' in element '%s'", max, slot->name,
                           (const char *)element->parent->name);
    entry = vb_xml_new(plan->type);
    g_ptr_array_add(*list, entry);
    return parse_element(plan, entry, element, walk->flags, error);
}

static gboolean
parse_field_element(Walk *walk, VbXmlSlot *slot, xmlNode *element, GError **error)
{
    gpointer *member = vb_xml_member(vb_xml_slot_home(slot, walk->self), slot->f.offset);

    if (slot->f.kind == VB_XML_KIND_LIST) {
        walk->seen[slot->index] = TRUE;
        return parse_list_entry(walk, slot, element, error);
    }
    if (walk->seen[slot->index] || *member)
        return TRUE;
    walk->seen[slot->index] = TRUE;
    if (slot->f.kind == VB_XML_KIND_RAW) {
        *member = vb_xml_raw_inside(element);
        return TRUE;
    }
    *member = vb_xml_new(slot->f.type);
    return parse_element(vb_xml_slot_plan(slot), *member, element, walk->flags, error);
}

static gboolean
is_named(const VbXmlChild *child, const xmlNode *element)
{
    if (!vb_xml_is_name(child->name, (const char *)element->name))
        return FALSE;
    if (!child->uri)
        return element->ns == NULL;
    return element->ns && strcmp((const char *)element->ns->href, child->uri) == 0;
}

static gboolean
has_child(const VbXmlNode *node, const xmlNode *element)
{
    for (guint i = 0; i < node->children->len; i++)
        if (is_named(g_ptr_array_index(node->children, i), element))
            return TRUE;
    return FALSE;
}

static gboolean parse_node(Walk *walk, const VbXmlNode *node, xmlNode *element, GError **error);

static gboolean
parse_child(Walk *walk, const VbXmlNode *node, xmlNode *element, GError **error)
{
    for (guint i = 0; i < node->children->len; i++) {
        const VbXmlChild *child = g_ptr_array_index(node->children, i);

        if (!is_named(child, element))
            continue;
        if (child->slot && is_due(walk, child->slot) &&
            !parse_field_element(walk, child->slot, element, error))
            return FALSE;
        if (!child->node)
            continue;
        if (!walk->elements[child->node->id])
            walk->elements[child->node->id] = element;
        if (walk->elements[child->node->id] == element && child->node->max_level >= walk->level &&
            !parse_node(walk, child->node, element, error))
            return FALSE;
    }
    return TRUE;
}

/* what of @node's fields is due in this round */
static gboolean
parse_node(Walk *walk, const VbXmlNode *node, xmlNode *element, GError **error)
{
    for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next) {
        if (!attribute->ns && !parse_attribute(walk, node, element, attribute, error))
            return FALSE;
    }
    if (!parse_texts(walk, node->marks, element, error) ||
        !parse_texts(walk, node->texts, element, error))
        return FALSE;
    if (node->children->len == 0)
        return TRUE;
    for (xmlNode *child = element->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE && !parse_child(walk, node, child, error))
            return FALSE;
        if (node->strict_children && child->type == XML_ELEMENT_NODE && !has_child(node, child))
            return vb_xml_fail(error, VIR_ERR_CONFIG_UNSUPPORTED, child, "XmlUnknownElement",
                               "%s '%s'", node->strict_children, (const char *)child->name);
    }
    return TRUE;
}

static gboolean
report_missing(Walk *walk, const VbXmlSlot *slot, xmlNode *element, GError **error)
{
    xmlNode *holder = walk->elements[slot->node->id];
    const VbXmlNode *above = slot->node->parent;

    if (holder && slot->is_attribute)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingAttribute",
                           "Missing required attribute '%s' in element '%s'", slot->name,
                           (const char *)holder->name);
    if (holder && strcmp(slot->name, ".") != 0)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingElement",
                           "Missing required element '%s' in element '%s'", slot->name,
                           (const char *)holder->name);
    if (holder)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingText",
                           "element '%s' must not be empty", (const char *)holder->name);
    while (above && !walk->elements[above->id])
        above = above->parent;
    return vb_xml_fail(error, VIR_ERR_XML_ERROR, above ? walk->elements[above->id] : element,
                       "XmlMissingElement", "Missing required element '%s' in element '%s'",
                       slot->node->name ? slot->node->name : slot->name,
                       above && above->name ? above->name : (const char *)element->name);
}

static gboolean
check_required(Walk *walk, xmlNode *element, GError **error)
{
    for (guint i = 0; i < walk->plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(walk->plan->slots, i);
        const gboolean is_needed =
            (slot->f.flags & VB_XML_REQUIRED) ||
            ((slot->f.flags & VB_XML_REQUIRED_IN_ELEMENT) && walk->elements[slot->node->id]);

        if (is_needed && !walk->seen[i] && vb_xml_slot_applies(slot, walk->self))
            return report_missing(walk, slot, element, error);
    }
    return TRUE;
}

static gboolean
parse_element(const VbXmlPlan *plan, gpointer self, xmlNode *element, guint flags, GError **error)
{
    Walk walk;

    walk.plan = plan;
    walk.self = self;
    walk.flags = flags;
    memset(walk.seen, 0, plan->slots->len * sizeof(walk.seen[0]));
    memset(walk.elements, 0, plan->n_nodes * sizeof(walk.elements[0]));
    walk.elements[0] = element;
    for (walk.level = 0; walk.level <= plan->top->max_level; walk.level++) {
        if (!parse_node(&walk, plan->top, element, error))
            return FALSE;
    }
    return check_required(&walk, element, error);
}

static const char *
document_name(const VbXmlType *type, char **ret_owned)
{
    if (type->document)
        return type->document;
    return *ret_owned = g_strdup_printf("%s_definition", type->element);
}

/**
 * vb_xml_parse_full:
 * @type: what the root element is
 * @text: XML
 * @length: bytes, -1: up to the NUL
 * @flags: VB_XML_PARSE_*
 *
 * Returns: (transfer full): a struct of @type, for vb_xml_free(); NULL with @error set
 * Errors: XML_DETAIL malformed; XML_ERROR wrong root, missing or invalid values, bounds; CONFIG_UNSUPPORTED,
 *   INVALID_ARG, OVERFLOW where libvirt has them; each but the first says element path and line
 */
gpointer
vb_xml_parse_full(const VbXmlType *type, const char *text, gssize length, guint flags,
                  GError **error)
{
    const VbXmlPlan *plan = vb_xml_plan_get(type);
    g_autofree char *owned = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    xmlNode *root;
    gpointer self;

    doc = vb_xml_read(text, length < 0 ? strlen(text) : (gsize)length, document_name(type, &owned),
                      error);
    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (!root || strcmp((const char *)root->name, type->element) != 0) {
        vb_error_set(error, VIR_ERR_XML_ERROR, "expecting root element of '%s', not '%s'",
                     type->element, root ? (const char *)root->name : "");
        if (error)
            vb_error_set_reason(*error, "XmlWrongRoot", "line 1");
        return NULL;
    }
    self = vb_xml_new(type);
    if (parse_element(plan, self, root, flags, error))
        return self;
    vb_xml_free(type, self);
    return NULL;
}

/**
 * vb_xml_parse:
 * @type: what the root element is
 * @text: XML
 * @length: bytes, -1: up to the NUL
 *
 * As vb_xml_parse_full(), with live fields read too.
 *
 * Returns: (transfer full): a struct of @type, for vb_xml_free(); NULL with @error set
 */
gpointer
vb_xml_parse(const VbXmlType *type, const char *text, gssize length, GError **error)
{
    return vb_xml_parse_full(type, text, length, 0, error);
}
