/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers, as arrays of 64-bit words that grow with the highest number. */
#include "base/bitset.h"

struct _VbBitset {
    GArray *words; /* guint64 */
};

#define WORD(set, i) g_array_index((set)->words, guint64, i)

VbBitset *
vb_bitset_new(void)
{
    VbBitset *set = g_new(VbBitset, 1);

    set->words = g_array_new(FALSE, TRUE, sizeof(guint64));
    return set;
}

VbBitset *
vb_bitset_copy(const VbBitset *set)
{
    VbBitset *copy = vb_bitset_new();

    vb_bitset_union(copy, set);
    return copy;
}

void
vb_bitset_free(VbBitset *set)
{
    if (!set)
        return;
    g_array_unref(set->words);
    g_free(set);
}

void
vb_bitset_add(VbBitset *set, guint n)
{
    if (n >= VB_BITSET_MAX)
        return;
    if (n / 64 >= set->words->len)
        g_array_set_size(set->words, n / 64 + 1);
    WORD(set, n / 64) |= G_GUINT64_CONSTANT(1) << (n % 64);
}

void
vb_bitset_remove(VbBitset *set, guint n)
{
    if (n / 64 < set->words->len)
        WORD(set, n / 64) &= ~(G_GUINT64_CONSTANT(1) << (n % 64));
}

void
vb_bitset_union(VbBitset *set, const VbBitset *other)
{
    if (set->words->len < other->words->len)
        g_array_set_size(set->words, other->words->len);
    for (guint i = 0; i < other->words->len; i++)
        WORD(set, i) |= WORD(other, i);
}

gboolean
vb_bitset_has(const VbBitset *set, guint n)
{
    return n / 64 < set->words->len && (WORD(set, n / 64) >> (n % 64) & 1);
}

gboolean
vb_bitset_is_subset(const VbBitset *set, const VbBitset *of)
{
    for (guint i = 0; i < set->words->len; i++) {
        if (WORD(set, i) & ~(i < of->words->len ? WORD(of, i) : 0))
            return FALSE;
    }
    return TRUE;
}

guint
vb_bitset_count(const VbBitset *set)
{
    guint n = 0;

    for (guint i = 0; i < set->words->len; i++)
        n += (guint)__builtin_popcountll(WORD(set, i));
    return n;
}

int
vb_bitset_next(const VbBitset *set, int after)
{
    guint n = (guint)(after + 1);

    for (guint i = n / 64; i < set->words->len; i++, n = i * 64) {
        const guint64 word = WORD(set, i) >> (n % 64);

        if (word)
            return (int)n + __builtin_ctzll(word);
    }
    return -1;
}

/**
 * vb_bitset_parse:
 * @list: (nullable): "0-3,8"
 *
 * Reads up to the first character that does not belong to a list; numbers beyond VB_BITSET_MAX are left out.
 *
 * Returns: (transfer full): the set
 */
VbBitset *
vb_bitset_parse(const char *list)
{
    VbBitset *set = vb_bitset_new();

    while (list && g_ascii_isdigit(*list)) {
        char *end;
        const guint64 first = g_ascii_strtoull(list, &end, 10);
        guint64 last = first;

        if (*end == '-' && g_ascii_isdigit(end[1]))
            last = g_ascii_strtoull(end + 1, &end, 10);
        for (guint64 i = first; i <= last && i < VB_BITSET_MAX; i++)
            vb_bitset_add(set, (guint)i);
        list = *end == ',' ? end + 1 : end;
    }
    return set;
}

/**
 * vb_bitset_format:
 *
 * Returns: (transfer full): the numbers in order, neighbours as ranges
 */
char *
vb_bitset_format(const VbBitset *set)
{
    GString *text = g_string_new(NULL);

    for (int first = vb_bitset_next(set, -1); first >= 0;) {
        int last = first;

        while (vb_bitset_has(set, (guint)last + 1))
            last++;
        g_string_append_printf(text, first == last ? "%s%d" : "%s%d-%d", text->len ? "," : "",
                               first, last);
        first = vb_bitset_next(set, last);
    }
    return g_string_free(text, FALSE);
}
