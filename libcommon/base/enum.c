/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enum tables: words to numbers and back. */
#include "base/enum.h"

/**
 * vb_enum_to_nick:
 * @table: the enum
 * @value: a value of it
 *
 * Returns: (transfer none) (nullable): the word for @value; NULL when it is out of range or a gap
 */
const char *
vb_enum_to_nick(const VbEnum *table, int value)
{
    if (value < 0 || (guint)value >= table->n_nicks)
        return NULL;
    return table->nicks[value];
}

/**
 * vb_enum_from_nick:
 * @table: the enum
 * @nick: (nullable): a word
 *
 * Returns: its value; -1 when the word is none of the table's
 */
int
vb_enum_from_nick(const VbEnum *table, const char *nick)
{
    if (!nick)
        return -1;
    for (guint i = 0; i < table->n_nicks; i++) {
        if (g_strcmp0(table->nicks[i], nick) == 0)
            return (int)i;
    }
    return -1;
}
