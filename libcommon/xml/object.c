/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a table says about the struct itself: make, copy, compare, free. */
#include <string.h>
#include "xml/value.h"

static gboolean
is_pointer_text(VbXmlKind kind)
{
    return kind == VB_XML_KIND_STRING || kind == VB_XML_KIND_BITMAP || kind == VB_XML_KIND_RAW;
}

/* a twin's member is handled by its first field; one of several types for one member is told by its conditions */
static gboolean
is_owner(const VbXmlSlot *slot, gconstpointer self)
{
    return !slot->is_twin && (!slot->has_rival || vb_xml_slot_applies(slot, self));
}

/**
 * vb_xml_new:
 * @type: the type
 *
 * Returns: (transfer full): an empty struct, for vb_xml_free()
 */
gpointer
vb_xml_new(const VbXmlType *type)
{
    return vb_xml_new_of(vb_xml_plan_get(type));
}

gpointer
vb_xml_new_of(const VbXmlPlan *plan)
{
    gpointer self = g_malloc0(plan->type->size);

    for (guint i = plan->inits->len; i-- > 0;) { /* outer ones last: they may override */
        const VbXmlInit *init = &g_array_index(plan->inits, VbXmlInit, i);

        init->init(vb_xml_member(self, init->offset));
    }
    return self;
}

static void free_of(const VbXmlPlan *plan, gpointer self);

static void
free_list(const VbXmlPlan *plan, GPtrArray *list)
{
    if (!list)
        return;
    for (guint i = 0; i < list->len; i++)
        free_of(plan, g_ptr_array_index(list, i));
    g_ptr_array_unref(list);
}

static void
clear_slot(VbXmlSlot *slot, gpointer member)
{
    if (slot->zero_size == sizeof(gpointer) && *(gpointer *)member == NULL)
        return;
    if (is_pointer_text(slot->f.kind))
        g_free(*(char **)member);
    else if (slot->f.kind == VB_XML_KIND_STRUCT)
        free_of(vb_xml_slot_plan(slot), *(gpointer *)member);
    else if (slot->f.kind == VB_XML_KIND_LIST)
        free_list(vb_xml_slot_plan(slot), *(GPtrArray **)member);
    else if (slot->f.kind == VB_XML_KIND_CUSTOM && slot->f.custom->clear)
        slot->f.custom->clear(member);
}

/**
 * vb_xml_free:
 * @type: the type
 * @self: (transfer full) (nullable): a struct of it
 */
void
vb_xml_free(const VbXmlType *type, gpointer self)
{
    if (self)
        free_of(vb_xml_plan_get(type), self);
}

static void
free_of(const VbXmlPlan *plan, gpointer self)
{
    if (!self)
        return;
    for (guint i = 0; i < plan->owned->len; i++) {
        VbXmlSlot *slot = g_ptr_array_index(plan->owned, i);

        if (vb_xml_slot_has_home(slot, self) && is_owner(slot, self))
            clear_slot(slot, (gpointer)vb_xml_slot_value(slot, self));
    }
    for (guint i = 0; i < plan->parts->len; i++)
        g_free(*(gpointer *)vb_xml_member(self, g_array_index(plan->parts, gsize, i)));
    g_free(self);
}

static GPtrArray *
copy_list(const VbXmlType *type, const GPtrArray *list)
{
    GPtrArray *copy;

    if (!list)
        return NULL;
    copy = g_ptr_array_sized_new(list->len);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(copy, vb_xml_copy(type, g_ptr_array_index(list, i)));
    return copy;
}

/* @to holds the bytes of @from */
static void
copy_slot(const VbXmlSlot *slot, gpointer to, gconstpointer from)
{
    if (is_pointer_text(slot->f.kind)) {
        *(char **)to = g_strdup(*(char *const *)from);
    } else if (slot->f.kind == VB_XML_KIND_STRUCT) {
        *(gpointer *)to = vb_xml_copy(slot->f.type, *(const gpointer *)from);
    } else if (slot->f.kind == VB_XML_KIND_LIST) {
        *(GPtrArray **)to = copy_list(slot->f.type, *(GPtrArray *const *)from);
    } else if (slot->f.kind == VB_XML_KIND_CUSTOM) {
        slot->f.custom->copy(to, from);
    } else {
        memcpy(to, from, slot->f.size);
    }
}

static void
copy_has(const VbXmlSlot *slot, gpointer to, gconstpointer from)
{
    if (slot->f.has_at)
        vb_xml_store(vb_xml_member(vb_xml_slot_home(slot, to), slot->f.has_at - 1),
                     slot->f.has_size, vb_xml_slot_has(slot, from));
}

/**
 * vb_xml_copy:
 * @type: the type
 * @self: (nullable): a struct of it
 *
 * Only what the table names is copied: other members of the copy are zero.
 *
 * Returns: (transfer full) (nullable): a deep copy
 */
gpointer
vb_xml_copy(const VbXmlType *type, gconstpointer self)
{
    const VbXmlPlan *plan;
    gpointer copy;

    if (!self)
        return NULL;
    plan = vb_xml_plan_get(type);
    copy = g_malloc0(type->size);
    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        if (!vb_xml_slot_has_home(slot, self) || !is_owner(slot, self))
            continue;
        copy_slot(slot, vb_xml_member(vb_xml_slot_home(slot, copy), slot->f.offset),
                  vb_xml_slot_value(slot, self));
        copy_has(slot, copy, self);
    }
    return copy;
}

static gboolean
lists_equal(const VbXmlType *type, const GPtrArray *a, const GPtrArray *b)
{
    const guint n = a ? a->len : 0;

    if (n != (b ? b->len : 0))
        return FALSE;
    for (guint i = 0; i < n; i++) {
        if (!vb_xml_equal(type, g_ptr_array_index(a, i), g_ptr_array_index(b, i)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
slots_equal(const VbXmlSlot *slot, gconstpointer a, gconstpointer b)
{
    if (is_pointer_text(slot->f.kind))
        return g_strcmp0(*(char *const *)a, *(char *const *)b) == 0;
    if (slot->f.kind == VB_XML_KIND_STRUCT)
        return vb_xml_equal(slot->f.type, *(const gpointer *)a, *(const gpointer *)b);
    if (slot->f.kind == VB_XML_KIND_LIST)
        return lists_equal(slot->f.type, *(GPtrArray *const *)a, *(GPtrArray *const *)b);
    if (slot->f.kind == VB_XML_KIND_CUSTOM)
        return slot->f.custom->equal(a, b);
    if (slot->f.kind == VB_XML_KIND_MAC) /* has padding */
        return ((const VbMac *)a)->is_set == ((const VbMac *)b)->is_set &&
               memcmp(((const VbMac *)a)->bytes, ((const VbMac *)b)->bytes, 6) == 0;
    return memcmp(a, b, slot->f.size) == 0;
}

/**
 * vb_xml_equal:
 * @type: the type
 * @a: (nullable): a struct of it
 * @b: (nullable): another
 *
 * Returns: whether all fields are equal, but for those marked NOT_COMPARED
 */
gboolean
vb_xml_equal(const VbXmlType *type, gconstpointer a, gconstpointer b)
{
    const VbXmlPlan *plan = vb_xml_plan_get(type);

    if (!a || !b)
        return a == b;
    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        if ((slot->f.flags & VB_XML_NOT_COMPARED) || !is_owner(slot, a))
            continue;
        if (slot->f.has_at && vb_xml_slot_has(slot, a) != vb_xml_slot_has(slot, b))
            return FALSE;
        if (!slots_equal(slot, vb_xml_slot_value(slot, a), vb_xml_slot_value(slot, b)))
            return FALSE;
    }
    return TRUE;
}
