/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a device a port as an <interface> says, in whatever kernel it runs: for the test that has one with VLANs.
 *   port-tool set BRIDGE INTERFACE-XML
 *   port-tool change OLD-XML NEW-XML
 * Prints "done", or the error. */
#include "bridge-port.h"

#include <stdio.h>
#include <string.h>

static VbDomainNet *
parse(const char *xml, GError **error)
{
    return vb_xml_parse(&vb_domain_net_type, xml, -1, error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    const gboolean is_change = argc == 4 && strcmp(argv[1], "change") == 0;
    VbDomainNet *net = argc == 4 ? parse(argv[is_change ? 2 : 3], &error) : NULL;
    VbDomainNet *wanted = net && is_change ? parse(argv[3], &error) : NULL;
    gboolean is_done = FALSE;

    if (net && is_change)
        is_done = wanted && qemu_bridge_port_change(net, wanted, &error);
    else if (net)
        is_done = qemu_bridge_port_set(argv[2], net, &error);
    printf("%s\n", is_done ? "done" : error ? error->message : "usage");
    vb_xml_free(&vb_domain_net_type, net);
    vb_xml_free(&vb_domain_net_type, wanted);
    return !is_done;
}
