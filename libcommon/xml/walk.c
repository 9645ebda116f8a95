/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which types an element is made of. */
#include <string.h>
#include "xml/walk.h"

static void
add_types(GPtrArray *types, const VbXmlType *type)
{
    const VbXmlPlan *plan = vb_xml_plan_get(type);

    if (g_ptr_array_find(types, type, NULL))
        return;
    g_ptr_array_add(types, (gpointer)type);
    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        if (slot->f.type)
            add_types(types, slot->f.type);
    }
}

GPtrArray *
vb_xml_types_below(const VbXmlType *type)
{
    GPtrArray *types = g_ptr_array_new();

    add_types(types, type);
    return types;
}

char *
vb_xml_type_label(const GPtrArray *types, const VbXmlType *type)
{
    guint n = 1;

    for (guint i = 0; i < types->len && g_ptr_array_index(types, i) != type; i++)
        n += strcmp(((const VbXmlType *)g_ptr_array_index(types, i))->element, type->element) == 0;
    return n > 1 ? g_strdup_printf("%s-%u", type->element, n) : g_strdup(type->element);
}
