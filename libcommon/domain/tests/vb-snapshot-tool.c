/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a snapshot and writes what becomes of it, for comparison with other implementations. Not installed.
 *   vb-snapshot-tool [--redefine] [--validate] [--uuid UUID] [--time SECONDS] FILE
 */
#include <stdio.h>
#include "domain/snapshot.h"

static gboolean redefine, validate;
static char *uuid;
static gint64 creation_time;

static char *
process(const char *text, GError **error)
{
    const guint flags = redefine ? VB_SNAPSHOT_PARSE_REDEFINE | VB_SNAPSHOT_PARSE_STORED : 0;
    g_autoptr(VbSnapshotDef) def = NULL;

    if (validate && !vb_snapshot_validate(text, error))
        return NULL;
    def = vb_snapshot_parse(text, flags, error);
    if (!def)
        return NULL;
    if (creation_time) {
        def->creation_time = creation_time;
        def->has_creation_time = TRUE;
    }
    return vb_snapshot_format(def, uuid, VB_SNAPSHOT_FORMAT_SECURE | VB_SNAPSHOT_FORMAT_STORED);
}

int
main(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"redefine", 0, 0, G_OPTION_ARG_NONE, &redefine, "as one that is stored", NULL},
        {"validate", 0, 0, G_OPTION_ARG_NONE, &validate, "against the schema first", NULL},
        {"uuid", 0, 0, G_OPTION_ARG_STRING, &uuid, "of the guest", "UUID"},
        {"time", 0, 0, G_OPTION_ARG_INT64, &creation_time, "when it was made", "SECONDS"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("FILE");
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *result = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc != 2)
        return 2;
    if (g_file_get_contents(argv[1], &text, NULL, &error))
        result = process(text, &error);
    fputs(result ? result : error->message, result ? stdout : stderr);
    return result ? 0 : 1;
}
