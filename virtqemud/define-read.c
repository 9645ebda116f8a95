/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading all stored definitions at start: on a host with many guests this is most of what a start takes, so that every
 * processor takes files from one list. What comes out is private to the caller; no thread is left. */
#include <string.h>
#include "base/error.h"
#include "define.h"
#include "define-read.h"
#include "store/store.h"

#define MAX_FILE (10 * 1024 * 1024)
#define MAX_THREADS 4
#define FILES_PER_THREAD 32 /* starting a thread for less does not pay */

typedef struct {
    const char *folder;
    QemuStoredDef *defs;
    guint n;
    gint next; /* atomic */
} Reading;

/* A name becomes part of paths. */
static gboolean
is_own_name(const char *name)
{
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void
read_one(const char *folder, QemuStoredDef *stored)
{
    g_autofree char *path = g_build_filename(folder, stored->file, NULL);
    g_autofree char *text = NULL;

    if (!vb_store_read(path, MAX_FILE, &text, NULL, &stored->error))
        return;
    stored->def = vb_domain_parse(text, VB_DOMAIN_PARSE_INACTIVE, &stored->error);
    if (!stored->def)
        return;
    if (!is_own_name(stored->def->name))
        vb_error_set(&stored->error, VIR_ERR_XML_ERROR, "name is missing or invalid");
    else if (!stored->def->uuid.is_set)
        vb_error_set(&stored->error, VIR_ERR_XML_ERROR, "uuid is missing");
    if (stored->error)
        g_clear_pointer(&stored->def, vb_domain_free);
}

static gpointer
read_some(gpointer data)
{
    Reading *reading = data;
    guint i;

    while ((i = (guint)g_atomic_int_add(&reading->next, 1)) < reading->n)
        read_one(reading->folder, &reading->defs[i]);
    return NULL;
}

/**
 * qemu_read_definitions:
 * @folder: where they lie
 * @files: (element-type utf8): names in it; they outlive the result
 *
 * Returns: (transfer full): as many as @files and in that order; each has a definition or an error, both the caller's to
 *   free
 */
QemuStoredDef *
qemu_read_definitions(const char *folder, const GPtrArray *files)
{
    const guint n_useful = MIN(files->len / FILES_PER_THREAD, MAX_THREADS);
    const guint n_helpers = MIN(n_useful, g_get_num_processors());
    Reading reading = {.folder = folder, .n = files->len};
    g_autoptr(GPtrArray) helpers = g_ptr_array_new();

    reading.defs = g_new0(QemuStoredDef, files->len + 1);
    for (guint i = 0; i < files->len; i++)
        reading.defs[i].file = files->pdata[i];
    for (guint i = 1; i < n_helpers; i++) {
        GThread *helper = g_thread_try_new("definitions", read_some, &reading, NULL);
        if (helper) /* without it the others read more */
            g_ptr_array_add(helpers, helper);
    }
    read_some(&reading);
    for (guint i = 0; i < helpers->len; i++)
        g_thread_join(helpers->pdata[i]);
    return reading.defs;
}
