/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long the capabilities of a recorded host take: time-capabilities ROOT, with ROOT/sys and ROOT/proc. Prints
 * microseconds: with everything read, and from memory. */
#include <stdio.h>

#include "host/capabilities.h"

static gint64
measure(VbHost *host)
{
    const VbHostCapabilities how = {.arch = "x86_64"};
    const gint64 began_us = g_get_monotonic_time();
    g_autoptr(GString) text = g_string_new(NULL);

    vb_host_format_capabilities(host, &how, text);
    return g_get_monotonic_time() - began_us;
}

int
main(int argc, char **argv)
{
    g_autofree char *sysfs = argc == 2 ? g_build_filename(argv[1], "sys", NULL) : NULL;
    g_autofree char *procfs = argc == 2 ? g_build_filename(argv[1], "proc", NULL) : NULL;
    VbHost *host = vb_host_new(sysfs, procfs);
    gint64 first_us = measure(host);
    gint64 again_us = measure(host);

    for (guint i = 0; i < 5; i++) { /* the best: what the machine does beside is not ours */
        gint64 us;

        vb_host_invalidate(host);
        us = measure(host);
        first_us = MIN(first_us, us);
        us = measure(host);
        again_us = MIN(again_us, us);
    }
    printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", first_us, again_us);
    vb_host_free(host);
    return 0;
}
