/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A build tool: prints the domain's reference page or its RelaxNG schema, both made from the tables. */
#include <stdio.h>
#include "domain/domain.h"
#include "xml/xml.h"

int
main(int argc, char **argv)
{
    g_autofree char *text = NULL;

    if (argc == 2 && g_str_equal(argv[1], "reference"))
        text = vb_xml_reference(&vb_domain_type);
    else if (argc == 2 && g_str_equal(argv[1], "schema"))
        text = vb_xml_schema(&vb_domain_type);
    if (!text) {
        fprintf(stderr, "usage: %s reference|schema\n", argv[0]);
        return 2;
    }
    fputs(text, stdout);
    return 0;
}
