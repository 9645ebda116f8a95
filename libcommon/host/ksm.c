/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Same-page merging, below kernel/mm/ksm. Source: kernel, Documentation/admin-guide/mm/ksm.rst; the names are those of
 * libvirt's VIR_NODE_MEMORY_* constants. */
#include "host/ksm.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "host/host-private.h"

#define PREFIX_LENGTH strlen("shm_")

static const struct {
    const char *name; /* the kernel's with "shm_" before it */
    gboolean is_long, is_settable;
} parameters[] = {
    {"shm_pages_to_scan", FALSE, TRUE},  {"shm_sleep_millisecs", FALSE, TRUE},
    {"shm_pages_shared", TRUE, FALSE},   {"shm_pages_sharing", TRUE, FALSE},
    {"shm_pages_unshared", TRUE, FALSE}, {"shm_pages_volatile", TRUE, FALSE},
    {"shm_full_scans", TRUE, FALSE},     {"shm_merge_across_nodes", FALSE, TRUE},
};

static char *
ksm_path(const VbHost *host, const char *name)
{
    return g_build_filename(host->sysfs, "kernel/mm/ksm", name + PREFIX_LENGTH, NULL);
}

GArray *
vb_host_read_ksm(const VbHost *host)
{
    g_autofree char *folder = g_build_filename(host->sysfs, "kernel/mm/ksm", NULL);
    GArray *found = g_array_new(FALSE, TRUE, sizeof(VbHostKsmParameter));

    for (guint i = 0; i < G_N_ELEMENTS(parameters); i++) {
        g_autofree char *text = vb_host_read_word(folder, parameters[i].name + PREFIX_LENGTH);
        const VbHostKsmParameter row = {.name = parameters[i].name,
                                        .is_long = parameters[i].is_long,
                                        .is_settable = parameters[i].is_settable,
                                        .value = text ? g_ascii_strtoull(text, NULL, 10) : 0};

        if (text)
            g_array_append_val(found, row);
    }
    return found;
}

gboolean
vb_host_check_ksm(const VbHost *host, const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(parameters); i++) {
        g_autofree char *path = NULL;

        if (strcmp(parameters[i].name, name) != 0)
            continue;
        if (!parameters[i].is_settable)
            break;
        path = ksm_path(host, name);
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return TRUE;
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Parameter '%s' is not supported by this kernel", name);
    }
    return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "parameter '%s' not supported", name);
}

gboolean
vb_host_set_ksm(const VbHost *host, const char *name, guint64 value, GError **error)
{
    g_autofree char *path = NULL;
    int errsv;

    if (!vb_host_check_ksm(host, name, error))
        return FALSE;
    path = ksm_path(host, name);
    errsv = vb_host_write_number(path, value);
    return errsv == 0 || vb_error_set_errno(error, errsv, "failed to set %s", name);
}
