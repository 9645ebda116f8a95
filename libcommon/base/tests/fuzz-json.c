/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: any bytes are refused, or read, written and read again to the same text. */
#include "base/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(VbJson) root = vb_json_parse((const char *)data, (gssize)size, NULL);
    if (!root)
        return 0;
    g_autofree char *text = vb_json_to_string(root);
    g_autoptr(VbJson) again = vb_json_parse(text, -1, NULL);
    g_assert_nonnull(again);
    g_autofree char *text2 = vb_json_to_string(again);
    g_assert_cmpstr(text, ==, text2);
    return 0;
}
