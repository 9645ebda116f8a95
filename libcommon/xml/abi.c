/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest would see of a change: two structs of one type, compared in the fields whose tables say in words what the
 * guest sees. */
#include "base/error.h"
#include "xml/value.h"

static char *
text_of(const VbXmlSlot *slot, gconstpointer self)
{
    GString *text = g_string_new(NULL);

    if (slot->f.kind == VB_XML_KIND_PRESENT) {
        const guint32 is_there = vb_xml_load(vb_xml_slot_value(slot, self), (guint)slot->f.size);

        return g_string_free(g_string_assign(text, is_there ? "on" : "off"), FALSE);
    }
    if (!vb_xml_value_is_written(slot, self))
        return g_string_free(g_string_assign(text, "<null>"), FALSE);
    vb_xml_value_ops(slot->f.kind)->append(slot, vb_xml_slot_value(slot, self), text);
    return g_string_free(text, FALSE);
}

/* Source: libvirt's words for each of these shapes */
static gboolean
differ(const VbXmlSlot *slot, const char *source, const char *target, GError **error)
{
    const char *noun = slot->f.abi;
    const gsize length = strlen(noun);

    if (noun[0] == '=')
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "State of %s differs: source: '%s', destination: '%s'", noun + 1,
                            source, target);
    if (noun[length - 1] == '.')
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Target %.*s does not match source",
                            (int)length - 1, noun);
    if (noun[length - 1] == '\'')
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Target %.*s '%s' does not match source '%s'", (int)length - 2, noun,
                            target, source);
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Target %s %s does not match source %s",
                        noun, target, source);
}

static gboolean
counts_differ(const VbXmlSlot *slot, guint source, guint target, GError **error)
{
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "Target %s count %u does not match source %u", slot->f.abi, target, source);
}

static gboolean
check_list(const VbXmlSlot *slot, const GPtrArray *source, const GPtrArray *target, GError **error)
{
    const guint n_source = source ? source->len : 0, n_target = target ? target->len : 0;

    if (n_source != n_target)
        return counts_differ(slot, n_source, n_target, error);
    for (guint i = 0; i < n_source; i++) {
        if (!vb_xml_check_abi(slot->f.type, g_ptr_array_index(source, i),
                              g_ptr_array_index(target, i), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_slot(const VbXmlSlot *slot, gconstpointer source, gconstpointer target, GError **error)
{
    gconstpointer a = vb_xml_slot_value(slot, source), b = vb_xml_slot_value(slot, target);
    g_autofree char *before = NULL, *after = NULL;

    if (slot->f.kind == VB_XML_KIND_LIST)
        return check_list(slot, *(GPtrArray *const *)a, *(GPtrArray *const *)b, error);
    if (slot->f.kind == VB_XML_KIND_STRUCT) {
        const gconstpointer left = *(const gconstpointer *)a, right = *(const gconstpointer *)b;

        if (!left != !right)
            return counts_differ(slot, left != NULL, right != NULL, error);
        return !left || vb_xml_check_abi(slot->f.type, left, right, error);
    }
    before = text_of(slot, source);
    after = text_of(slot, target);
    return strcmp(before, after) == 0 || differ(slot, before, after, error);
}

/**
 * vb_xml_check_abi:
 * @type: the type
 * @source: a struct of it: what the guest has
 * @target: another: what it would have
 * @error: return location
 *
 * Compares the fields whose tables have words in .abi, the noun of "Target NOUN b does not match source a". A noun that ends
 * in " '" has its values quoted, one that ends in "." has none; after "=" it is "State of NOUN differs". Of lists the numbers
 * of entries must be the same ("NOUN count"), and so each entry.
 *
 * Returns: TRUE when the guest would not notice, or FALSE with @error set
 * Errors: CONFIG_UNSUPPORTED
 */
gboolean
vb_xml_check_abi(const VbXmlType *type, gconstpointer source, gconstpointer target, GError **error)
{
    const VbXmlPlan *plan = vb_xml_plan_get(type);

    for (guint i = 0; i < plan->slots->len; i++) {
        const VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);

        if (slot->f.abi && vb_xml_slot_applies(slot, source) &&
            !check_slot(slot, source, target, error))
            return FALSE;
    }
    return TRUE;
}
