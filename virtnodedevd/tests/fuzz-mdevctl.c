/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as mdevctl's list, and as vital product data. */
#include <string.h>

#include "describe.h"
#include "mdev.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GPtrArray) list = nodedev_mdev_parse_list(text, NULL);
    for (guint i = 0; list && i < list->len; i++) {
        const NodedevMdev *mdev = list->pdata[i];
        g_autofree char *name = nodedev_device_mdev_name(mdev->uuid, mdev->parent_addr);
        for (const char *at = name; *at; at++)
            g_assert(g_ascii_isalnum(*at) || *at == '_');
    }
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    NodedevSub *sub = vb_xml_new(&nodedev_sub_type);
    sub->type = NODEDEV_SUB_VPD;
    nodedev_vpd_parse(bytes, sub);
    vb_xml_free(&nodedev_sub_type, sub);
    return 0;
}
