/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer: any text through every step. What is accepted must be accepted again as it was written. */
#include <string.h>
#include "domain/domain.h"
#include "domain/tests/hints.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(VbDomainDef) def =
        vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), NULL);
    g_autoptr(VbDomainDef) again = NULL;
    g_autofree char *written = NULL;

    if (!def)
        return 0;
    written = vb_domain_format(def, VB_DOMAIN_FORMAT_SECURE);
    again = vb_domain_parse(written, VB_DOMAIN_PARSE_INACTIVE, NULL);
    g_assert_nonnull(again);
    vb_domain_assign_aliases(def);
    return 0;
}
