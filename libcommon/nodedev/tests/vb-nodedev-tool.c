/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a node device's XML from standard input and shows it back, or says why not; for the tests. */
#include <glib.h>
#include <stdio.h>
#include "nodedev/nodedev.h"

int
main(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GIOChannel) input = g_io_channel_unix_new(0);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_io_channel_set_encoding(input, NULL, NULL);
    if (g_io_channel_read_to_end(input, &text, &length, &error) != G_IO_STATUS_NORMAL)
        return 2;
    NodedevDef *def = vb_xml_parse(&nodedev_def_type, text, (gssize)length, &error);
    if (!def || !nodedev_def_validate(def, &error)) {
        fprintf(stderr, "%s\n", error->message);
        vb_xml_free(&nodedev_def_type, def);
        return 1;
    }
    g_autofree char *back = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    fputs(back, stdout);
    vb_xml_free(&nodedev_def_type, def);
    return 0;
}
