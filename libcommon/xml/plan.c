/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiles a type's table into a tree of elements with the fields that each holds. Owns the compiled plans, which live
 * as long as the process; any thread may ask for one. Errors in a table are bugs and stop the program. */
#include <string.h>
#include "xml/value.h"

/* Source: docs/schemas of libvirt; the prefixes are those that libvirt writes */
static const struct {
    const char *prefix;
    const char *uri;
} namespaces[] = {
    {"qemu", "http://libvirt.org/schemas/domain/qemu/1.0"},
    {"xen", "http://libvirt.org/schemas/domain/xen/1.0"},
    {"dnsmasq", "http://libvirt.org/schemas/network/dnsmasq/1.0"},
    {"fs", "http://libvirt.org/schemas/storagepool/fs/1.0"},
    {"rbd", "http://libvirt.org/schemas/storagepool/rbd/1.0"},
};

static const char *
namespace_uri(const char *prefix)
{
    for (guint i = 0; i < G_N_ELEMENTS(namespaces); i++) {
        if (strcmp(namespaces[i].prefix, prefix) == 0)
            return namespaces[i].uri;
    }
    g_error("xml table: unknown namespace prefix '%s'", prefix);
    return NULL;
}

const guint64 vb_xml_zeros[VB_XML_MAX_PART / 8];

static VbXmlNode *
node_new(VbXmlPlan *plan, VbXmlNode *parent, const char *name)
{
    VbXmlNode *node = g_new0(VbXmlNode, 1);

    g_assert(plan->n_nodes < VB_XML_MAX_NODES);
    node->id = plan->n_nodes++;
    node->parent = parent;
    node->name = g_strdup(name);
    node->attributes = g_ptr_array_new();
    node->glances = g_array_new(FALSE, FALSE, sizeof(VbXmlGlance));
    node->texts = g_ptr_array_new();
    node->marks = g_ptr_array_new();
    node->children = g_ptr_array_new();
    node->zeros1 = g_array_new(FALSE, FALSE, sizeof(gsize));
    node->zeros4 = g_array_new(FALSE, FALSE, sizeof(gsize));
    node->zeros8 = g_array_new(FALSE, FALSE, sizeof(gsize));
    return node;
}

static VbXmlChild *
child_new(const char *name)
{
    VbXmlChild *child = g_new0(VbXmlChild, 1);
    const char *colon = strchr(name, ':');

    child->name = colon ? colon + 1 : name;
    if (colon) {
        child->prefix = g_strndup(name, (gsize)(colon - name));
        child->uri = namespace_uri(child->prefix);
    }
    return child;
}

/* the element below @parent called @name, made at its first mention */
static VbXmlNode *
node_below(VbXmlPlan *plan, VbXmlNode *parent, const char *name)
{
    VbXmlChild *child;
    VbXmlNode *node;

    for (guint i = 0; i < parent->children->len; i++) {
        child = g_ptr_array_index(parent->children, i);
        if (child->node && strcmp(child->node->name, name) == 0)
            return child->node;
    }
    node = node_new(plan, parent, name);
    child = child_new(node->name);
    child->node = node;
    g_ptr_array_add(parent->children, child);
    return node;
}

static gboolean
is_element_kind(VbXmlKind kind)
{
    return kind == VB_XML_KIND_STRUCT || kind == VB_XML_KIND_LIST || kind == VB_XML_KIND_RAW;
}

static void
place_element(VbXmlSlot *slot, VbXmlNode *node, const char *name)
{
    VbXmlChild *child = child_new(name);

    child->slot = slot;
    slot->node = node;
    slot->name = name;
    g_ptr_array_add(node->children, child);
}

/* puts a field at the end of its path */
static void
place(VbXmlPlan *plan, VbXmlSlot *slot)
{
    g_auto(GStrv) parts = g_strsplit(slot->path, "/", -1);
    const guint n = g_strv_length(parts);
    VbXmlNode *node = plan->top;
    const char *last = strrchr(slot->path, '/');

    last = last ? last + 1 : slot->path;
    for (guint i = 0; i + 1 < n; i++)
        node = node_below(plan, node, parts[i]);
    slot->is_attribute = last[0] == '@';
    if (is_element_kind(slot->f.kind)) {
        g_assert(!slot->is_attribute && strcmp(last, ".") != 0);
        place_element(slot, node, last);
        if (vb_xml_slot_is_rest(slot))
            plan->rest = slot;
        return;
    }
    if (!slot->is_attribute && strcmp(last, ".") != 0)
        node = node_below(plan, node, last);
    slot->node = node;
    slot->name = slot->is_attribute ? last + 1 : last;
    if (slot->is_attribute || slot->f.kind == VB_XML_KIND_SIZE)
        g_ptr_array_add(node->attributes, slot);
    if (slot->f.kind == VB_XML_KIND_PRESENT)
        g_ptr_array_add(node->marks, slot);
    else if (!slot->is_attribute)
        g_ptr_array_add(node->texts, slot);
}

static char *
path_join(const char *prefix, const char *path)
{
    if (strcmp(prefix, ".") == 0)
        return g_strdup(path);
    if (strcmp(path, ".") == 0)
        return g_strdup(prefix);
    return g_strconcat(prefix, "/", path, NULL);
}

/* where an embedded table stands: its struct, its path, the conditions of those around it */
typedef struct {
    gsize part_at;
    guint part_size;
    gsize base;
    const char *prefix;
    const VbXmlSlot *outer;
    guint depth;
} Frame;

static void
add_when(VbXmlSlot *slot, const VbXmlField *field, const Frame *frame)
{
    if (field->when_at == 0)
        return;
    g_assert(slot->n_when < VB_XML_MAX_WHEN);
    g_assert(field->when_size == 1 || field->when_size == 4);
    slot->when[slot->n_when].part_at = frame->part_at;
    slot->when[slot->n_when].offset = frame->base + field->when_at - 1;
    slot->when[slot->n_when].size = field->when_size;
    slot->when[slot->n_when].mask = field->when_mask;
    slot->n_when++;
}

static void collect(VbXmlPlan *plan, const VbXmlType *type, const Frame *frame);

/* each once: a PART may come in pieces */
static void
note_part(GArray *offsets, gsize offset)
{
    for (guint i = 0; i < offsets->len; i++) {
        if (g_array_index(offsets, gsize, i) == offset)
            return;
    }
    g_array_append_val(offsets, offset);
}

static void
collect_inner(VbXmlPlan *plan, const VbXmlSlot *slot, const Frame *frame)
{
    Frame inner = {frame->part_at, frame->part_size, slot->f.offset, slot->path,
                   slot,           frame->depth + 1};

    g_assert(frame->depth < 8);
    if (slot->f.kind == VB_XML_KIND_PART) {
        g_assert(frame->part_at == 0 && slot->f.type->size <= VB_XML_MAX_PART);
        note_part(plan->parts, slot->f.offset);
        inner.part_at = slot->f.offset + 1;
        inner.part_size = (guint)slot->f.type->size;
        inner.base = 0;
    }
    collect(plan, slot->f.type, &inner);
}

/* members that are smaller or larger than the code for their kind takes them for */
static void
check_sizes(const VbXmlField *field)
{
    const VbXmlValueOps *ops = vb_xml_value_ops(field->kind);
    const gboolean may_be_small =
        field->kind == VB_XML_KIND_ENUM || field->kind == VB_XML_KIND_BOOL ||
        field->kind == VB_XML_KIND_SWITCH || field->kind == VB_XML_KIND_PRESENT;

    if (may_be_small)
        g_assert(field->size == 1 || field->size == 4);
    else if (ops && ops->size)
        g_assert(field->size == ops->size);
    g_assert(field->has_at == 0 || field->has_size == 1 || field->has_size == 4);
}

static void
collect_field(VbXmlPlan *plan, const VbXmlField *field, const Frame *frame)
{
    VbXmlSlot *slot = g_new0(VbXmlSlot, 1);

    if (frame->outer) {
        memcpy(slot->when, frame->outer->when, sizeof(slot->when));
        slot->n_when = frame->outer->n_when;
    }
    slot->f = *field;
    slot->f.offset += frame->base;
    if (field->has_at)
        slot->f.has_at += frame->base;
    if (slot->f.unit == 0)
        slot->f.unit = 1024;
    slot->part_at = frame->part_at;
    slot->part_size = frame->part_size;
    add_when(slot, field, frame);
    slot->path = path_join(frame->prefix, field->path);
    if (field->kind == VB_XML_KIND_EMBED || field->kind == VB_XML_KIND_PART) {
        collect_inner(plan, slot, frame);
        g_free(slot->path);
        g_free(slot);
        return;
    }
    check_sizes(&slot->f);
    g_assert(plan->slots->len < VB_XML_MAX_SLOTS);
    slot->index = plan->slots->len;
    g_ptr_array_add(plan->slots, slot);
}

static void
collect(VbXmlPlan *plan, const VbXmlType *type, const Frame *frame)
{
    if (type->init) {
        const VbXmlInit init = {frame->base, type->init};

        g_assert(frame->part_at == 0);
        g_array_append_val(plan->inits, init);
    }
    for (guint i = 0; i < type->n_fields; i++)
        collect_field(plan, &type->fields[i], frame);
}

static gboolean
owns_memory(const VbXmlSlot *slot)
{
    const VbXmlKind kind = slot->f.kind;

    return kind == VB_XML_KIND_STRING || kind == VB_XML_KIND_BITMAP || is_element_kind(kind) ||
           (kind == VB_XML_KIND_CUSTOM && slot->f.custom->clear);
}

/* two fields of one member: the later is the same thing unless their element types differ */
static void
find_twins(VbXmlPlan *plan)
{
    for (guint i = 0; i < plan->slots->len; i++) {
        VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        for (guint j = 0; j < plan->slots->len; j++) {
            const VbXmlSlot *other = g_ptr_array_index(plan->slots, j);

            if (j == i || other->f.offset != slot->f.offset || other->part_at != slot->part_at ||
                (slot->f.flags & VB_XML_UNION))
                continue;
            slot->is_twin |=
                j < i && other->f.kind == slot->f.kind && other->f.type == slot->f.type;
            slot->has_rival |= slot->f.type && slot->n_when && other->f.type != slot->f.type;
        }
        slot->has_rival |= (slot->f.flags & VB_XML_UNION) != 0;
        if (!slot->is_twin && owns_memory(slot))
            g_ptr_array_add(plan->owned, slot);
    }
}

static guint
level_after(VbXmlPlan *plan, const VbXmlSlot *slot)
{
    guint level = 0;

    for (guint w = 0; w < slot->n_when; w++) {
        for (guint i = 0; i < plan->slots->len; i++) {
            const VbXmlSlot *other = g_ptr_array_index(plan->slots, i);

            if (other->f.offset == slot->when[w].offset && other->part_at == slot->when[w].part_at)
                level = MAX(level, other->level + 1);
        }
    }
    return level;
}

static void
set_levels(VbXmlPlan *plan)
{
    gboolean is_changed = TRUE;

    for (guint round = 0; is_changed; round++) {
        is_changed = FALSE;
        g_assert(round < 8); /* conditions that look at each other */
        for (guint i = 0; i < plan->slots->len; i++) {
            VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);
            const guint level = level_after(plan, slot);

            is_changed |= level != slot->level;
            slot->level = level;
        }
    }
    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        for (VbXmlNode *node = slot->node; node; node = node->parent)
            node->max_level = MAX(node->max_level, slot->level);
    }
}

/* which bytes tell at a glance that there is no value; none do where 0 may be one */
static void
find_zero(VbXmlSlot *slot)
{
    const VbXmlValueOps *ops = vb_xml_value_ops(slot->f.kind);

    slot->zero_at = slot->f.offset;
    if (is_element_kind(slot->f.kind)) {
        slot->zero_size = sizeof(gpointer);
    } else if (slot->f.has_at && slot->f.kind != VB_XML_KIND_STRING) {
        slot->zero_at = slot->f.has_at - 1;
        slot->zero_size = slot->f.has_size;
    } else if (slot->f.kind == VB_XML_KIND_UUID || slot->f.kind == VB_XML_KIND_MAC) {
        slot->zero_at += slot->f.kind == VB_XML_KIND_UUID ? G_STRUCT_OFFSET(VbUuid, is_set)
                                                          : G_STRUCT_OFFSET(VbMac, is_set);
        slot->zero_size = sizeof(bool);
    } else if (!slot->f.has_at && !(slot->f.flags & VB_XML_ZERO_IS_VALUE) && ops->size) {
        slot->zero_size = slot->f.size;
    }
}

static void
note_zero(VbXmlNode *node, const VbXmlSlot *slot)
{
    for (; node; node = node->parent) {
        if (slot->zero_size == 0)
            node->takes_look = TRUE;
        else if (slot->part_at)
            note_part(node->zeros8, slot->part_at - 1);
        else if (slot->zero_size == 8)
            g_array_append_val(node->zeros8, slot->zero_at);
        else if (slot->zero_size == 4)
            g_array_append_val(node->zeros4, slot->zero_at);
        else
            g_array_append_val(node->zeros1, slot->zero_at);
    }
}

/* parsing finds one of several fields that one attribute may mean, and needs all */
static void
chain(VbXmlSlot *slot)
{
    const GPtrArray *attributes = slot->node->attributes;

    slot->first = slot;
    for (guint i = 0; i < attributes->len && slot->is_attribute; i++) {
        VbXmlSlot *other = g_ptr_array_index(attributes, i);

        if (other == slot || !other->is_attribute || strcmp(other->name, slot->name) != 0)
            continue;
        slot->first = other->first;
        while (other->same)
            other = other->same;
        other->same = slot;
        return;
    }
}

static void
take_glances(VbXmlNode *node)
{
    for (guint i = 0; i < node->attributes->len; i++) {
        VbXmlSlot *slot = g_ptr_array_index(node->attributes, i);
        const VbXmlGlance glance = {slot, (guint32)slot->part_at, (guint32)slot->zero_at,
                                    (guint8)slot->zero_size};

        g_array_append_val(node->glances, glance);
    }
}

static void
finish_node(VbXmlNode *node)
{
    take_glances(node);
    for (guint i = 0; i < node->children->len; i++) {
        VbXmlChild *child = g_ptr_array_index(node->children, i);

        child->first = child;
        for (guint j = 0; j < i && child->first == child; j++) {
            VbXmlChild *other = g_ptr_array_index(node->children, j);

            if (strcmp(other->name, child->name) != 0 || other->uri != child->uri)
                continue;
            child->first = other->first;
            while (other->same)
                other = other->same;
            other->same = child;
        }
        if (child->node)
            finish_node(child->node);
    }
}

/* tables that take no children but their own; embedded ones where they stand */
static void
mark_strict(VbXmlPlan *plan, const VbXmlType *type)
{
    plan->top->strict_children = type->strict_children;
    for (guint i = 0; i < type->n_fields; i++) {
        const VbXmlField *field = &type->fields[i];

        if (field->kind == VB_XML_KIND_EMBED && field->type->strict_children &&
            !strchr(field->path, '/') && strcmp(field->path, ".") != 0)
            node_below(plan, plan->top, field->path)->strict_children =
                field->type->strict_children;
    }
}

static VbXmlPlan *
compile(const VbXmlType *type)
{
    VbXmlPlan *plan = g_new0(VbXmlPlan, 1);
    const Frame frame = {.prefix = "."};

    plan->type = type;
    plan->slots = g_ptr_array_new();
    plan->owned = g_ptr_array_new();
    plan->required = g_ptr_array_new();
    plan->parts = g_array_new(FALSE, FALSE, sizeof(gsize));
    plan->inits = g_array_new(FALSE, FALSE, sizeof(VbXmlInit));
    plan->top = node_new(plan, NULL, NULL);
    collect(plan, type, &frame);
    for (guint i = 0; i < plan->slots->len; i++) {
        VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        place(plan, slot);
        chain(slot);
        find_zero(slot);
        if (slot->f.flags & (VB_XML_REQUIRED | VB_XML_REQUIRED_IN_ELEMENT))
            g_ptr_array_add(plan->required, slot);
        if (slot->f.kind == VB_XML_KIND_RAW && slot->node == plan->top &&
            !vb_xml_slot_is_rest(slot) && !(slot->f.flags & VB_XML_STATUS_ONLY))
            plan->raw = slot->name;
        note_zero(slot->node, slot);
    }
    mark_strict(plan, type);
    finish_node(plan->top);
    find_twins(plan);
    set_levels(plan);
    return plan;
}

/**
 * vb_xml_plan_get:
 * @type: an element's table
 *
 * Returns: (transfer none): the table compiled, for the life of the process
 */
const VbXmlPlan *
vb_xml_plan_get(const VbXmlType *type)
{
    static GMutex lock;
    static GHashTable *plans;
    VbXmlPlan *plan;

    g_mutex_lock(&lock);
    if (!plans)
        plans = g_hash_table_new(NULL, NULL);
    plan = g_hash_table_lookup(plans, type);
    if (!plan) {
        plan = compile(type);
        g_hash_table_insert(plans, (gpointer)type, plan);
    }
    g_mutex_unlock(&lock);
    return plan;
}

/**
 * vb_xml_slot_plan:
 * @slot: a STRUCT or LIST field
 *
 * Types may contain themselves, so that a child's plan is only looked up when it is needed.
 *
 * Returns: (transfer none): the plan of the field's type
 */
const VbXmlPlan *
vb_xml_slot_plan(VbXmlSlot *slot)
{
    const VbXmlPlan *plan = g_atomic_pointer_get(&slot->child);

    if (!plan) {
        plan = vb_xml_plan_get(slot->f.type);
        g_atomic_pointer_set(&slot->child, (VbXmlPlan *)plan);
    }
    return plan;
}

/**
 * vb_xml_slot_applies:
 * @slot: a field
 * @self: the struct
 *
 * Returns: whether all conditions of the field hold in @self
 */
gboolean
vb_xml_slot_applies(const VbXmlSlot *slot, gconstpointer self)
{
    for (guint i = 0; i < slot->n_when; i++) {
        const guint32 value = vb_xml_load(vb_xml_member(vb_xml_home(self, slot->when[i].part_at),
                                                        slot->when[i].offset),
                                          slot->when[i].size);

        if (value > 63 || !(slot->when[i].mask & VB_XML_BIT(value)))
            return FALSE;
    }
    return TRUE;
}
