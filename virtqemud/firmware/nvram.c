/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file with a guest's firmware variables: made once from a template, then the guest's own. Blocks: for threads. */
#include "firmware/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/store.h"

#define MAX_VARIABLES (64 * 1024 * 1024) /* no machine has more flash memory */

/* Source: the pairs that libvirt knows without a descriptor */
static const struct {
    const char *image, *variables;
} known[] = {
    {"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},
    {"/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd"},
    {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
    {"/usr/share/OVMF/OVMF_CODE.ms.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"},
    {"/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
};

/* as the emulator takes it, which runs in the root folder */
static char *
absolute(const char *path)
{
    return !path || g_path_is_absolute(path) ? g_strdup(path) : g_build_filename("/", path, NULL);
}

char *
qemu_nvram_path(const VbDomainDef *def, const char *nvram_dir)
{
    const VbDomainNvram *nvram = def->os.nvram;

    if (nvram && nvram->source.type == VB_DOMAIN_STORAGE_FILE)
        return absolute(nvram->source.file);
    if (nvram && nvram->source.type)
        return NULL;
    if (nvram && nvram->path)
        return absolute(nvram->path);
    if (g_strcmp0(def->os.firmware, "efi") != 0)
        return NULL;
    return g_strdup_printf("%s/%s_VARS.fd", nvram_dir, def->name);
}

static const char *
find_template(const VbDomainDef *def)
{
    if (def->os.nvram->template_path)
        return def->os.nvram->template_path;
    for (guint i = 0; def->os.loader && i < G_N_ELEMENTS(known); i++)
        if (g_strcmp0(known[i].image, def->os.loader->path) == 0)
            return known[i].variables;
    return NULL;
}

static gboolean
copy(const char *from, const char *to, GError **error)
{
    g_autofree char *content = NULL;
    gsize length = 0;

    if (access(from, R_OK) < 0)
        return vb_error_set_errno(error, errno, "Failed to open file '%s'", from);
    return vb_store_read(from, MAX_VARIABLES, &content, &length, error) &&
           vb_store_write(to, content, length, 0600, error);
}

static gboolean
run_convert(const char *const *argv, GError **error)
{
    g_autofree char *words = NULL;
    int status = 0;

    if (!g_spawn_sync("/", (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                      NULL, NULL, NULL, &words, &status, error))
        return FALSE;
    return g_spawn_check_wait_status(status, NULL) ||
           vb_error_set(error, VIR_ERR_OPERATION_FAILED, "cannot convert NVRAM template: %s",
                        words ? g_strstrip(words) : "");
}

/* through a file beside it, which a restart of the daemon sweeps away when it is left */
static gboolean
convert(const VbDomainNvram *nvram, const char *from, const char *to, GError **error)
{
    const char *format = nvram->format ? nvram->format : "raw";
    g_autofree char *folder = g_path_get_dirname(to);
    g_autofree char *temporary = g_strdup_printf("%s/.vbtmp-%s", folder, strrchr(to, '/') + 1);
    const char *argv[] = {"qemu-img", "convert",
                          "-f",       nvram->template_format ? nvram->template_format : "raw",
                          "-O",       format,
                          from,       temporary,
                          NULL};
    const gboolean is_done = run_convert(argv, error) && copy(temporary, to, error);

    (void)g_unlink(temporary);
    return is_done;
}

gboolean
qemu_nvram_make(const VbDomainDef *def, const char *nvram_dir, gboolean is_reset, GError **error)
{
    const VbDomainNvram *nvram = def->os.nvram;
    g_autofree char *path = nvram ? qemu_nvram_path(def, nvram_dir) : NULL;
    const char *template_path;

    if (!path && nvram && is_reset)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "only NVRAM in a file can be reset");
    if (!path || (!is_reset && access(path, F_OK) == 0))
        return TRUE;
    template_path = find_template(def);
    if (!template_path)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "unable to find any master var store for loader: %s",
                            def->os.loader && def->os.loader->path ? def->os.loader->path : "");
    if (!vb_store_mkdir(nvram_dir, 0755, error))
        return FALSE;
    if (g_strcmp0(nvram->format, nvram->template_format) == 0)
        return copy(template_path, path, error);
    return convert(nvram, template_path, path, error);
}
