/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tree to struct: walks an element along with its type's plan. Fields with conditions are read in later rounds than the
 * fields that the conditions look at. Never validates across fields, never fills in. */
#include <string.h>
#include "base/error.h"
#include "xml/raw.h"
#include "xml/value.h"

/* a field whose conditions look at others: read when those have been */
typedef struct _Later Later;
struct _Later {
    Later *next;
    VbXmlSlot *slot;
    const VbXmlElement *element;
    const VbXmlAttribute *attribute; /* NULL: its text, or the element as a whole */
};

typedef struct {
    VbXmlTree *tree;
    guint flags;
} Reading;

typedef struct {
    const Reading *reading;
    const VbXmlPlan *plan;
    gpointer self;
    Later *later, **last;
    guint8 seen[VB_XML_MAX_SLOTS];                  /* by slot: the text names it */
    const VbXmlElement *elements[VB_XML_MAX_NODES]; /* by node: its element, once met */
} Walk;

static gboolean parse_element(const Reading *reading, const VbXmlPlan *plan, gpointer self,
                              const VbXmlElement *element, GError **error);

static G_DEFINE_QUARK(vb - xml - needs - raw, needs_raw)

static gboolean
is_due(const Walk *walk, const VbXmlSlot *slot)
{
    if ((slot->f.flags & VB_XML_LIVE_ONLY) && (walk->reading->flags & VB_XML_PARSE_INACTIVE))
        return FALSE;
    if ((slot->f.flags & VB_XML_STATUS_ONLY) && !(walk->reading->flags & VB_XML_PARSE_STATUS))
        return FALSE;
    return slot->n_when == 0 || vb_xml_slot_applies(slot, walk->self);
}

static void
put_off(Walk *walk, VbXmlSlot *slot, const VbXmlElement *element, const VbXmlAttribute *attribute)
{
    Later *later = vb_xml_tree_alloc(walk->reading->tree, sizeof(Later));

    *later = (Later){NULL, slot, element, attribute};
    *walk->last = later;
    walk->last = &later->next;
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

static gboolean
parse_text(Walk *walk, const VbXmlSlot *slot, const VbXmlElement *element, GError **error)
{
    VbXmlSpot spot = {element, NULL, element->text};
    const gsize length = strlen(spot.text);
    g_autofree char *stripped = NULL;

    if (slot->f.kind != VB_XML_KIND_STRING && length > 0 &&
        (g_ascii_isspace(spot.text[0]) || g_ascii_isspace(spot.text[length - 1])))
        spot.text = stripped = g_strstrip(g_strdup(spot.text));
    if (!*spot.text && slot->f.kind != VB_XML_KIND_STRING && slot->f.kind != VB_XML_KIND_PRESENT &&
        !(slot->f.flags & VB_XML_REQUIRED))
        return TRUE;
    return parse_value(walk, slot, &spot, error);
}

static gboolean
parse_texts(Walk *walk, const GPtrArray *slots, const VbXmlElement *element, GError **error)
{
    for (guint i = 0; i < slots->len; i++) {
        VbXmlSlot *slot = g_ptr_array_index(slots, i);

        if (slot->level > 0)
            put_off(walk, slot, element, NULL);
        else if (is_due(walk, slot) && !parse_text(walk, slot, element, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
parse_attribute(Walk *walk, const VbXmlSlot *slot, const VbXmlElement *element,
                const VbXmlAttribute *attribute, GError **error)
{
    const VbXmlSpot spot = {element, slot->name, attribute->value};

    return parse_value(walk, slot, &spot, error);
}

/* The search begins where the last one ended: what we wrote ourselves comes in the table's order. */
static VbXmlSlot *
find_attribute(const VbXmlNode *node, const char *name, guint *at)
{
    const GPtrArray *slots = node->attributes;

    for (guint n = 0; n < slots->len; n++) {
        VbXmlSlot *slot = g_ptr_array_index(slots, *at);

        if (slot->is_attribute && vb_xml_is_name(slot->name, name))
            return slot->first;
        *at = *at + 1 < slots->len ? *at + 1 : 0;
    }
    return NULL;
}

static gboolean
parse_attributes(Walk *walk, const VbXmlNode *node, const VbXmlElement *element, GError **error)
{
    guint at = 0;

    for (const VbXmlAttribute *given = element->attributes; given; given = given->next) {
        for (VbXmlSlot *slot = find_attribute(node, given->name, &at); slot; slot = slot->same) {
            if (slot->level > 0)
                put_off(walk, slot, element, given);
            else if (is_due(walk, slot) && !parse_attribute(walk, slot, element, given, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
parse_list_entry(Walk *walk, VbXmlSlot *slot, const VbXmlElement *element, GError **error)
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
                           element->parent->name);
    entry = vb_xml_new_of(plan);
    g_ptr_array_add(*list, entry);
    return parse_element(walk->reading, plan, entry, element, error);
}

static gboolean
parse_raw(gpointer *member, const VbXmlElement *element, GError **error)
{
    guint depth = 0;

    if (!element->raw && !element->children && !*element->text)
        return TRUE;
    if (!element->raw) {
        g_set_error_literal(error, needs_raw_quark(), 0, "");
        return FALSE;
    }
    for (const VbXmlElement *above = element->parent; above; above = above->parent)
        depth++;
    *member = vb_xml_raw_inside(element->raw, depth);
    return TRUE;
}

static gboolean
parse_field_element(Walk *walk, VbXmlSlot *slot, const VbXmlElement *element, GError **error)
{
    gpointer *member = vb_xml_member(vb_xml_slot_home(slot, walk->self), slot->f.offset);

    if (slot->f.kind == VB_XML_KIND_LIST) {
        walk->seen[slot->index] = TRUE;
        return parse_list_entry(walk, slot, element, error);
    }
    if ((walk->seen[slot->index] || *member) && slot->f.only)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, element, "XmlSecondElement", "%s",
                           slot->f.only);
    if (walk->seen[slot->index] || *member)
        return TRUE;
    walk->seen[slot->index] = TRUE;
    if (slot->f.kind == VB_XML_KIND_RAW) {
        return parse_raw(member, element, error);
    }
    *member = vb_xml_new_of(vb_xml_slot_plan(slot));
    return parse_element(walk->reading, vb_xml_slot_plan(slot), *member, element, error);
}

static gboolean
is_named(const VbXmlChild *child, const VbXmlElement *element)
{
    if (!vb_xml_is_name(child->name, element->name))
        return FALSE;
    if (!child->uri || !element->uri)
        return child->uri == element->uri;
    return strcmp(element->uri, child->uri) == 0;
}

/* as find_attribute() */
static const VbXmlChild *
find_child(const VbXmlNode *node, const VbXmlElement *element, guint *at)
{
    const GPtrArray *children = node->children;

    for (guint n = 0; n < children->len; n++) {
        const VbXmlChild *child = g_ptr_array_index(children, *at);

        if (is_named(child, element))
            return child->first;
        *at = *at + 1 < children->len ? *at + 1 : 0;
    }
    return NULL;
}

static gboolean
keep_rest(Walk *walk, const VbXmlNode *node, const VbXmlElement *given, GError **error)
{
    VbXmlSlot *rest = walk->plan->rest;
    guint depth = 0;

    if (!rest || node != walk->plan->top || !is_due(walk, rest))
        return TRUE;
    if (!given->raw) {
        g_set_error_literal(error, needs_raw_quark(), 0, "");
        return FALSE;
    }
    for (const VbXmlElement *above = given->parent->parent; above; above = above->parent)
        depth++;
    vb_xml_raw_add(vb_xml_member(vb_xml_slot_home(rest, walk->self), rest->f.offset), given->raw,
                   depth);
    return TRUE;
}

static gboolean parse_node(Walk *walk, const VbXmlNode *node, const VbXmlElement *element,
                           GError **error);

static gboolean
parse_child(Walk *walk, const VbXmlChild *child, const VbXmlElement *element, GError **error)
{
    if (child->slot) {
        if (child->slot->level > 0)
            put_off(walk, child->slot, element, NULL);
        else if (is_due(walk, child->slot) &&
                 !parse_field_element(walk, child->slot, element, error))
            return FALSE;
    }
    if (!child->node || walk->elements[child->node->id])
        return TRUE;
    walk->elements[child->node->id] = element;
    return parse_node(walk, child->node, element, error);
}

static gboolean
parse_node(Walk *walk, const VbXmlNode *node, const VbXmlElement *element, GError **error)
{
    guint at = 0;

    if (!parse_attributes(walk, node, element, error) ||
        !parse_texts(walk, node->marks, element, error) ||
        !parse_texts(walk, node->texts, element, error))
        return FALSE;
    if (node->children->len == 0)
        return TRUE;
    for (const VbXmlElement *given = element->children; given; given = given->next) {
        const VbXmlChild *child = find_child(node, given, &at);

        if (!child && node->strict_children)
            return vb_xml_fail(error, VIR_ERR_CONFIG_UNSUPPORTED, given, "XmlUnknownElement",
                               "%s '%s'", node->strict_children, given->name);
        if (!child && !keep_rest(walk, node, given, error))
            return FALSE;
        for (; child; child = child->same) {
            if (!parse_child(walk, child, given, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
parse_one_later(Walk *walk, const Later *later, GError **error)
{
    if (!is_due(walk, later->slot))
        return TRUE;
    if (later->attribute)
        return parse_attribute(walk, later->slot, later->element, later->attribute, error);
    if (vb_xml_value_ops(later->slot->f.kind))
        return parse_text(walk, later->slot, later->element, error);
    return parse_field_element(walk, later->slot, later->element, error);
}

static gboolean
parse_later(Walk *walk, GError **error)
{
    for (guint level = 1; walk->later && level <= walk->plan->top->max_level; level++) {
        for (const Later *later = walk->later; later; later = later->next) {
            if (later->slot->level == level && !parse_one_later(walk, later, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
report_missing(Walk *walk, const VbXmlSlot *slot, const VbXmlElement *element, GError **error)
{
    const VbXmlElement *holder = walk->elements[slot->node->id];
    const VbXmlNode *above = slot->node->parent;

    if (holder && slot->is_attribute)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingAttribute",
                           "Missing required attribute '%s' in element '%s'", slot->name,
                           holder->name);
    if (holder && strcmp(slot->name, ".") != 0)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingElement",
                           "Missing required element '%s' in element '%s'", slot->name,
                           holder->name);
    if (holder)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, holder, "XmlMissingText",
                           "element '%s' must not be empty", holder->name);
    while (above && !walk->elements[above->id])
        above = above->parent;
    return vb_xml_fail(error, VIR_ERR_XML_ERROR, above ? walk->elements[above->id] : element,
                       "XmlMissingElement", "Missing required element '%s' in element '%s'",
                       slot->node->name ? slot->node->name : slot->name,
                       above && above->name ? above->name : element->name);
}

static gboolean
check_required(Walk *walk, const VbXmlElement *element, GError **error)
{
    for (guint i = 0; i < walk->plan->required->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(walk->plan->required, i);
        const gboolean is_needed =
            (slot->f.flags & VB_XML_REQUIRED) ||
            ((slot->f.flags & VB_XML_REQUIRED_IN_ELEMENT) && walk->elements[slot->node->id]);

        if (is_needed && !walk->seen[slot->index] && vb_xml_slot_applies(slot, walk->self))
            return report_missing(walk, slot, element, error);
    }
    return TRUE;
}

static gboolean
parse_element(const Reading *reading, const VbXmlPlan *plan, gpointer self,
              const VbXmlElement *element, GError **error)
{
    Walk walk;

    walk.reading = reading;
    walk.plan = plan;
    walk.self = self;
    walk.later = NULL;
    walk.last = &walk.later;
    memset(walk.seen, 0, plan->slots->len * sizeof(walk.seen[0]));
    memset(walk.elements, 0, plan->n_nodes * sizeof(walk.elements[0]));
    walk.elements[0] = element;
    return parse_node(&walk, plan->top, element, error) && parse_later(&walk, error) &&
           check_required(&walk, element, error);
}

static const char *
document_name(const VbXmlType *type, char **ret_owned)
{
    if (type->document)
        return type->document;
    return *ret_owned = g_strdup_printf("%s_definition", type->element);
}

static gpointer
parse_tree(const VbXmlType *type, VbXmlTree *tree, guint flags, GError **error)
{
    const Reading reading = {tree, flags};
    const VbXmlElement *root = tree->root;
    gpointer self;

    if (!root || strcmp(root->name, type->element) != 0) {
        vb_error_set(error, VIR_ERR_XML_ERROR, "expecting root element of '%s', not '%s'",
                     type->element, root ? root->name : "");
        if (error)
            vb_error_set_reason(*error, "XmlWrongRoot", "line 1");
        return NULL;
    }
    self = vb_xml_new(type);
    if (parse_element(&reading, vb_xml_plan_get(type), self, root, error))
        return self;
    vb_xml_free(type, self);
    return NULL;
}

/* a document that tree-scan.c takes; *@ret_done is FALSE when it does not */
static gpointer
parse_plain(const VbXmlType *type, const char *text, gsize length, guint flags, gboolean *ret_done,
            GError **error)
{
    g_autoptr(VbXmlTree) tree = vb_xml_tree_scan(text, length, vb_xml_plan_get(type)->raw);
    GError *problem = NULL;
    gpointer self;

    *ret_done = tree != NULL;
    if (!tree)
        return NULL;
    self = parse_tree(type, tree, flags, &problem);
    if (g_error_matches(problem, needs_raw_quark(), 0)) {
        *ret_done = FALSE;
        g_clear_error(&problem);
    }
    if (problem)
        g_propagate_error(error, problem);
    return self;
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
    const gsize size = length < 0 ? strlen(text) : (gsize)length;
    g_autofree char *owned = NULL;
    g_autoptr(VbXmlTree) tree = NULL;
    gboolean is_done;
    gpointer self = parse_plain(type, text, size, flags, &is_done, error);

    if (is_done)
        return self;
    tree = vb_xml_tree_read(text, size, document_name(type, &owned), error);
    return tree ? parse_tree(type, tree, flags, error) : NULL;
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
