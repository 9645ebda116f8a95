/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libFuzzer: any text as a snapshot. What is accepted must be accepted again as it was written. */
#include <string.h>
#include "domain/snapshot.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint stored = VB_SNAPSHOT_PARSE_REDEFINE | VB_SNAPSHOT_PARSE_STORED;
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(VbSnapshotDef) fresh = vb_snapshot_parse(text, 0, NULL);
    g_autoptr(VbSnapshotDef) def = vb_snapshot_parse(text, stored, NULL);
    g_autoptr(VbSnapshotDef) again = NULL;
    g_autofree char *written = NULL;

    if (!def)
        return 0;
    written = vb_snapshot_format(def, NULL, VB_SNAPSHOT_FORMAT_SECURE | VB_SNAPSHOT_FORMAT_STORED);
    again = vb_snapshot_parse(written, stored, NULL);
    g_assert_nonnull(again);
    if (def->domain)
        (void)vb_snapshot_align_disks(def, def->domain, VB_SNAPSHOT_EXTERNAL, FALSE, NULL);
    return 0;
}
