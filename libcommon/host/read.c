/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of sysfs and procfs. */
#include "host/host-private.h"

char *
vb_host_read_word(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strstrip(text);
}

VbBitset *
vb_host_read_set(const char *folder, const char *name)
{
    g_autofree char *text = vb_host_read_word(folder, name);

    return vb_bitset_parse(text);
}
