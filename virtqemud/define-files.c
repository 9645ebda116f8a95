/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that belong to a stored definition: where they lie, how a definition is written, what else hangs on a name. */
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "define.h"
#include "store/store.h"

#define CONFIG_MODE 0600

char *
qemu_manager_config_path(const QemuManager *manager, const char *name)
{
    return g_strconcat(manager->config_dir, "/", name, ".xml", NULL);
}

char *
qemu_manager_autostart_path(const QemuManager *manager, const char *name)
{
    return g_strconcat(manager->autostart_dir, "/", name, ".xml", NULL);
}

char *
qemu_manager_autostart_once_path(const QemuManager *manager, const char *name)
{
    return g_strconcat(manager->autostart_dir, "/", name, ".xml.once", NULL);
}

char *
qemu_manager_save_path(const QemuManager *manager, const char *name)
{
    return g_strconcat(manager->lib_dir, "/save/", name, ".save", NULL);
}

static char *
metadata_dir(const QemuManager *manager, const char *kind, const char *name)
{
    return g_strconcat(manager->lib_dir, "/", kind, "/", name, NULL);
}

/**
 * qemu_manager_count_metadata:
 * @manager: the manager
 * @kind: "snapshot" or "checkpoint"
 * @name: of a guest
 *
 * Returns: how many of them are recorded for the guest
 */
guint
qemu_manager_count_metadata(const QemuManager *manager, const char *kind, const char *name)
{
    g_autofree char *folder = metadata_dir(manager, kind, name);
    g_autoptr(GPtrArray) files = vb_store_list(folder, ".xml", NULL);

    return files ? files->len : 0;
}

/**
 * qemu_manager_remove_metadata:
 * @manager: the manager
 * @kind: "snapshot" or "checkpoint"
 * @name: of a guest
 *
 * Forgets what is recorded; the data of snapshots in images stays.
 */
void
qemu_manager_remove_metadata(const QemuManager *manager, const char *kind, const char *name)
{
    g_autofree char *folder = metadata_dir(manager, kind, name);
    g_autoptr(GPtrArray) files = vb_store_list(folder, ".xml", NULL);

    for (guint i = 0; files && i < files->len; i++) {
        g_autofree char *path = g_build_filename(folder, g_ptr_array_index(files, i), NULL);

        (void)unlink(path);
    }
    (void)rmdir(folder);
}

gboolean
qemu_check_flags(guint flags, guint known, const char *function, GError **error)
{
    return vb_error_check_flags(error, flags, known, function);
}

/* a word that needs no quoting in a shell and cannot end a comment */
static gboolean
is_plain_word(const char *word)
{
    static const char plain[] = "%+,-./:=@_";

    if (!*word || *word == '-' || strstr(word, "--"))
        return FALSE;
    for (; *word; word++) {
        if (!g_ascii_isalnum(*word) && !strchr(plain, *word))
            return FALSE;
    }
    return TRUE;
}

/* Source: the head of libvirt's files, so that tools and people find what they know */
static char *
file_text(const VbDomainDef *def)
{
    g_autofree char *xml = vb_domain_format(def, VB_DOMAIN_FORMAT_SECURE);
    char uuid[37];

    vb_uuid_format(&def->uuid, uuid);
    return g_strconcat(
        "<!--\n"
        "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
        "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
        "  virsh edit ",
        is_plain_word(def->name) ? def->name : uuid,
        "\n"
        "or other application using the libvirt API.\n"
        "-->\n\n",
        xml, NULL);
}

/**
 * qemu_manager_store:
 * @manager: the manager
 * @def: what is to be stored, under its own name
 *
 * Returns: TRUE once @def survives a power cut; FALSE with the file as it was
 * Errors: SYSTEM_ERROR
 */
gboolean
qemu_manager_store(const QemuManager *manager, const VbDomainDef *def, GError **error)
{
    g_autofree char *file = g_strconcat(def->name, ".xml", NULL);
    g_autofree char *text = file_text(def);

    return vb_store_log_write(manager->definitions, file, text, strlen(text), CONFIG_MODE, error);
}

/**
 * qemu_manager_unstore:
 * @manager: the manager
 * @name: of a guest
 *
 * Returns: TRUE once the stored definition, if there was one, will not come back
 * Errors: SYSTEM_ERROR
 */
gboolean
qemu_manager_unstore(const QemuManager *manager, const char *name, GError **error)
{
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    return vb_store_log_remove(manager->definitions, file, error);
}
