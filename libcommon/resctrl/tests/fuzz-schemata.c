/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever stands in a schemata file: what is understood is written the same way twice. */
#include <stddef.h>
#include <stdint.h>

#include "resctrl/resctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(VbResctrlSchemata) schemata = vb_resctrl_schemata_parse(text, NULL);
    if (schemata) {
        g_autofree char *first = vb_resctrl_schemata_format(schemata);
        g_autoptr(VbResctrlSchemata) again = vb_resctrl_schemata_parse(first, NULL);
        g_autofree char *second = vb_resctrl_schemata_format(again);
        g_assert_cmpstr(first, ==, second);
    }
    return 0;
}
