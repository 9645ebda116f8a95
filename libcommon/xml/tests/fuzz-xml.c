/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer target: whatever is read can be written, and read again as the same; the quick reader and libxml2 agree. */
#include <string.h>
#include "sample.h"
#include "tree-same.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    Sample *sample = vb_xml_parse(&sample_type, (const char *)data, (gssize)size, NULL);
    Sample *again;
    char *text;

    (void)tree_same((const char *)data, size, "metadata");
    if (!sample)
        return 0;
    text = vb_xml_format(&sample_type, sample, VB_XML_FORMAT_LIVE | VB_XML_FORMAT_SECURE);
    again = vb_xml_parse(&sample_type, text, -1, NULL);
    if (!again || !vb_xml_equal(&sample_type, sample, again))
        g_error("not the same after writing and reading: %s", text);
    vb_xml_free(&sample_type, again);
    vb_xml_free(&sample_type, sample);
    g_free(text);
    return 0;
}
