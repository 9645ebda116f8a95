/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a node device's XML: what is accepted can be shown and read again. */
#include <glib.h>
#include "nodedev/nodedev.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    NodedevDef *def = vb_xml_parse(&nodedev_def_type, (const char *)data, (gssize)size, NULL);
    if (!def)
        return 0;
    g_autoptr(GError) error = NULL;
    (void)nodedev_def_validate(def, &error);
    g_autofree char *text = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    NodedevDef *again = vb_xml_parse(&nodedev_def_type, text, -1, NULL);
    if (!again)
        g_error("not readable: %s", text);
    vb_xml_free(&nodedev_def_type, again);
    vb_xml_free(&nodedev_def_type, def);
    return 0;
}
