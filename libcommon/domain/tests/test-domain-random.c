/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random definitions, made from the tables alone: what is written is read as the same, writing is stable, and the schema
 * that comes from the same tables takes it. A failure says the seed; VIRTBUS_TEST_SEED=N tries that one again, =random others
 * than always. */
#include <string.h>
#include "domain/domain.h"
#include "xml/value.h"

#define ROUNDS 200
#define MAX_DEPTH 5

static void fill(GRand *rand, const VbXmlPlan *plan, gpointer self, guint depth);

static char *
random_word(GRand *rand)
{
    GString *word = g_string_new("w");

    for (int i = g_rand_int_range(rand, 0, 8); i > 0; i--)
        g_string_append_c(
            word, "abcdefghijklmnopqrstuvwxyz0123456789-_'&<\"."[g_rand_int_range(rand, 0, 43)]);
    return g_string_free(word, FALSE);
}

static const char *
random_nick(GRand *rand, const VbEnum *words, int *ret_index)
{
    for (;;) {
        const int index = g_rand_int_range(rand, 0, (int)words->n_nicks);

        *ret_index = index;
        if (words->nicks[index])
            return words->nicks[index];
    }
}

static guint64
random_number(GRand *rand, const VbXmlField *field)
{
    if (field->min == 0 && field->max == 0)
        return (guint64)g_rand_int_range(rand, 1, 100000);
    return (guint64)field->min +
           g_rand_int(rand) % ((guint64)MIN(field->max - field->min, 100000) + 1);
}

static void
fill_list(GRand *rand, VbXmlSlot *slot, GPtrArray **list, guint depth)
{
    *list = g_ptr_array_new();
    for (int i = g_rand_int_range(rand, 1, 3); i > 0; i--) {
        gpointer entry = vb_xml_new(slot->f.type);

        g_ptr_array_add(*list, entry);
        fill(rand, vb_xml_slot_plan(slot), entry, depth + 1);
    }
}

static void
fill_text(GRand *rand, const VbXmlSlot *slot, char **value)
{
    int index;

    if (slot->f.kind == VB_XML_KIND_BITMAP)
        *value = g_strdup("0-3,7");
    else if (slot->f.kind == VB_XML_KIND_RAW)
        *value = g_strdup("<a:b xmlns:a=\"urn:a\">c</a:b>");
    else if (slot->f.enumeration)
        *value = g_strdup(random_nick(rand, slot->f.enumeration, &index));
    else
        *value = random_word(rand);
}

static void
fill_number(GRand *rand, const VbXmlSlot *slot, gpointer value)
{
    const guint64 number = random_number(rand, &slot->f);

    if (slot->f.kind == VB_XML_KIND_INT || slot->f.kind == VB_XML_KIND_UINT)
        *(guint *)value = (guint)number;
    else
        *(guint64 *)value = number;
}

static void
fill_value(GRand *rand, VbXmlSlot *slot, gpointer value, guint depth)
{
    int index = 0;

    switch (slot->f.kind) {
    case VB_XML_KIND_STRING:
    case VB_XML_KIND_BITMAP:
    case VB_XML_KIND_RAW:
        fill_text(rand, slot, value);
        break;
    case VB_XML_KIND_INT:
    case VB_XML_KIND_UINT:
    case VB_XML_KIND_INT64:
    case VB_XML_KIND_UINT64:
    case VB_XML_KIND_SIZE:
        fill_number(rand, slot, value);
        break;
    case VB_XML_KIND_ENUM:
        (void)random_nick(rand, slot->f.enumeration, &index);
        vb_xml_store(value, slot->f.size, (guint32)index);
        break;
    case VB_XML_KIND_BOOL:
    case VB_XML_KIND_SWITCH:
        vb_xml_store(value, slot->f.size, (guint32)g_rand_int_range(rand, 1, 3));
        break;
    case VB_XML_KIND_PRESENT:
        vb_xml_store(value, slot->f.size, TRUE);
        break;
    case VB_XML_KIND_UUID:
        vb_uuid_generate(value);
        break;
    case VB_XML_KIND_MAC:
        *(VbMac *)value =
            (VbMac){{0x52, 0x54, 0, 1, 2, (guint8)g_rand_int_range(rand, 0, 256)}, TRUE};
        break;
    case VB_XML_KIND_STRUCT:
        *(gpointer *)value = vb_xml_new(slot->f.type);
        fill(rand, vb_xml_slot_plan(slot), *(gpointer *)value, depth + 1);
        break;
    case VB_XML_KIND_LIST:
        fill_list(rand, slot, value, depth);
        break;
    case VB_XML_KIND_CUSTOM:
    case VB_XML_KIND_EMBED:
    case VB_XML_KIND_PART:
        break;
    }
}

/* its member belongs to another field that was there first */
static gboolean
is_taken(const VbXmlSlot *slot, gconstpointer value)
{
    const VbXmlValueOps *ops = vb_xml_value_ops(slot->f.kind);

    return slot->is_twin || (ops ? slot->has_rival && !(slot->f.flags & VB_XML_UNION)
                                 : *(gpointer const *)value != NULL);
}

static gboolean
is_wanted(GRand *rand, const VbXmlSlot *slot, guint depth)
{
    const gboolean is_deep = slot->f.kind == VB_XML_KIND_STRUCT || slot->f.kind == VB_XML_KIND_LIST;

    if (slot->f.flags & (VB_XML_REQUIRED | VB_XML_REQUIRED_IN_ELEMENT))
        return TRUE;
    if (slot->f.flags & VB_XML_PARSE_ONLY)
        return FALSE;
    return !(is_deep && depth >= MAX_DEPTH) && g_rand_int_range(rand, 0, 100) < (is_deep ? 20 : 30);
}

static void
fill(GRand *rand, const VbXmlPlan *plan, gpointer self, guint depth)
{
    for (guint level = 0; level <= plan->top->max_level; level++) {
        for (guint i = 0; i < plan->slots->len; i++) {
            VbXmlSlot *slot = g_ptr_array_index(plan->slots, i);
            gpointer home;

            if (slot->level != level || (slot->n_when && !vb_xml_slot_applies(slot, self)) ||
                is_taken(slot, vb_xml_slot_value(slot, self)) || !is_wanted(rand, slot, depth))
                continue;
            home = vb_xml_slot_home(slot, self);
            fill_value(rand, slot, vb_xml_member(home, slot->f.offset), depth);
            if (slot->f.has_at)
                vb_xml_store(vb_xml_member(home, slot->f.has_at - 1), slot->f.has_size, TRUE);
        }
    }
}

static void
check_seed(guint32 seed)
{
    const guint flags = VB_XML_FORMAT_LIVE | VB_XML_FORMAT_SECURE;
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(VbDomainDef) def = vb_domain_new();
    g_autoptr(VbDomainDef) copy = NULL;
    g_autoptr(VbDomainDef) again = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *second = NULL;

    fill(rand, vb_xml_plan_get(&vb_domain_type), def, 0);
    text = vb_xml_format(&vb_domain_type, def, flags);
    again = vb_xml_parse(&vb_domain_type, text, -1, &error);
    if (!again)
        g_error("seed %u: %s\n%s", seed, error->message, text);
    second = vb_xml_format(&vb_domain_type, again, flags);
    if (strcmp(text, second) != 0)
        g_error("seed %u: written as\n%s\nand then as\n%s", seed, text, second);
    g_clear_pointer(&second, g_free);
    copy = vb_domain_copy(def);
    second = vb_xml_format(&vb_domain_type, copy, flags);
    if (strcmp(text, second) != 0 || !vb_xml_equal(&vb_domain_type, def, copy))
        g_error("seed %u: written as\n%s\nand its copy as\n%s", seed, text, second);
}

static void
test_random(void)
{
    const char *given = g_getenv("VIRTBUS_TEST_SEED");
    const gboolean is_random = g_strcmp0(given, "random") == 0;
    const guint32 first = is_random ? g_random_int()
                          : given   ? (guint32)g_ascii_strtoull(given, NULL, 10)
                                    : 1;

    for (guint32 i = 0; i < (given && !is_random ? 1u : ROUNDS); i++)
        check_seed(first + i);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/random", test_random);
    return g_test_run();
}
