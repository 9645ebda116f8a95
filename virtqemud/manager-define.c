/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions: defining, redefining, undefining, loading at start. A definition is on disk before the call that made it
 * returns; what is in memory changes after that. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "domain-private.h"
#include "define-read.h"
#include "firmware/firmware.h"
#include "guest-job.h"
#include "store/store.h"
#include "tpm.h"

#define UNDEFINE_FLAGS                                                                             \
    (VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |                   \
     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM |                        \
     VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_TPM | VIR_DOMAIN_UNDEFINE_KEEP_TPM)

/* libvirt takes the sum of the cells whatever <memory> says: so does this, and tells, unless asked to be strict */
static gboolean
check_memory_sum(const VbDomainDef *def, guint flags, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (vb_domain_check_memory_sum(def, &problem))
        return TRUE;
    if (!(flags & VIR_DOMAIN_DEFINE_VALIDATE)) {
        vb_log_warning(def->name, "%s; the cells and modules count", problem->message);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/**
 * qemu_manager_parse:
 * @manager: the manager
 * @xml: domain XML
 * @flags: virDomainDefineFlags; VALIDATE checks against the schema first, and whether <memory> adds up
 *
 * Returns: (transfer full): a complete definition, filled in, with addresses, checked; NULL with @error set
 * Errors: as vb_domain_parse(), vb_domain_complete(); XML_INVALID_SCHEMA; XML_ERROR memory that does not add up;
 *   INVALID_ARG unknown flags
 */
VbDomainDef *
qemu_manager_parse(QemuManager *manager, const char *xml, guint flags, GError **error)
{
    g_autoptr(VbDomainDef) def = NULL;
    VbDomainCapsHints hints;

    if (!qemu_check_flags(flags, VIR_DOMAIN_DEFINE_VALIDATE, "qemuDomainDefineXMLFlags", error))
        return NULL;
    if ((flags & VIR_DOMAIN_DEFINE_VALIDATE) && !vb_xml_validate(&vb_domain_type, xml, -1, error))
        return NULL;
    qemu_manager_fill_hints(manager, &hints);
    def = vb_domain_parse(xml, VB_DOMAIN_PARSE_INACTIVE, error);
    if (!def || !check_memory_sum(def, flags, error) || !vb_domain_complete(def, &hints, error))
        return NULL;
    return g_steal_pointer(&def);
}

/**
 * qemu_manager_parse_image:
 * @xml: of a saved guest or a snapshot's
 *
 * As qemu_manager_parse(), of a definition that a guest ran with.
 */
VbDomainDef *
qemu_manager_parse_image(QemuManager *manager, const char *xml, GError **error)
{
    VbDomainCapsHints hints;

    qemu_manager_fill_hints(manager, &hints);
    return vb_domain_prepare(xml, VB_DOMAIN_PARSE_INACTIVE | VB_DOMAIN_PARSE_RAN, &hints, error);
}

/* name and UUID mean the same guest, or none: then *ret_domain is NULL */
static gboolean
find_same(QemuManager *manager, const VbDomainDef *def, QemuDomain **ret_domain, GError **error)
{
    char uuid[37];
    QemuDomain *domain;

    vb_uuid_format(&def->uuid, uuid);
    domain = g_hash_table_lookup(manager->by_uuid, uuid);
    if (domain && strcmp(domain->name, def->name) != 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' is already defined with uuid %s", domain->name, uuid);
    *ret_domain = domain;
    if (domain)
        return TRUE;
    domain = g_hash_table_lookup(manager->by_name, def->name);
    if (domain)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' already exists with uuid %s", def->name,
                            domain->uuid_text);
    return TRUE;
}

/* takes *@def when it succeeds */
static QemuDomain *
define(QemuManager *manager, VbDomainDef **def, GError **error)
{
    QemuDomain *domain = NULL;
    gboolean is_redefined;

    if (!find_same(manager, *def, &domain, error))
        return NULL;
    qemu_crash_point("define-before-write");
    if (!qemu_manager_store(manager, *def, error))
        return NULL;
    qemu_crash_point("define-written");
    is_redefined = domain && domain->config;
    if (!domain)
        domain = qemu_manager_add(manager, (*def)->name, &(*def)->uuid);
    qemu_domain_set_config(domain, g_steal_pointer(def));
    domain->is_updated = qemu_domain_is_active(domain);
    qemu_domain_save(domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_DEFINED,
                               is_redefined ? VIR_DOMAIN_EVENT_DEFINED_UPDATED
                                            : VIR_DOMAIN_EVENT_DEFINED_ADDED);
    return domain;
}

/**
 * qemu_manager_define:
 * @manager: the manager
 * @xml: domain XML
 * @flags: virDomainDefineFlags
 *
 * Defines a guest, or redefines the one with this name and UUID. A running guest keeps its live definition.
 *
 * Returns: (transfer none): the guest; NULL with @error set and nothing changed
 * Errors: as qemu_manager_parse(); OPERATION_FAILED name or UUID is another guest's; SYSTEM_ERROR not stored
 */
QemuDomain *
qemu_manager_define(QemuManager *manager, const char *xml, guint flags, GError **error)
{
    g_autoptr(VbDomainDef) def = qemu_manager_parse(manager, xml, flags, error);

    return def ? define(manager, &def, error) : NULL;
}

/**
 * qemu_manager_define_read:
 * @manager: the manager
 * @def: (transfer full): as qemu_manager_read() gave it
 *
 * As qemu_manager_define() without flags, of a definition that has been read already.
 */
QemuDomain *
qemu_manager_define_read(QemuManager *manager, VbDomainDef *def, GError **error)
{
    g_autoptr(VbDomainDef) held = def;
    VbDomainCapsHints hints;

    qemu_manager_fill_hints(manager, &hints);
    (void)check_memory_sum(def, 0, NULL);
    return vb_domain_complete(def, &hints, error) ? define(manager, &held, error) : NULL;
}

/* ---- undefine ---- */

static gboolean
check_snapshots(QemuDomain *domain, const char *kind, guint flags, guint needed, GError **error)
{
    const guint n = qemu_manager_count_metadata(domain->manager, kind, domain->name);

    if (n == 0 || qemu_domain_is_active(domain) || (flags & needed))
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "cannot delete inactive domain with %u %ss", n, kind);
}

static gboolean
check_undefine(QemuDomain *domain, guint flags, const char *nvram, GError **error)
{
    if (!qemu_check_flags(flags, UNDEFINE_FLAGS, "qemuDomainUndefineFlags", error))
        return FALSE;
    if ((flags & VIR_DOMAIN_UNDEFINE_NVRAM) && (flags & VIR_DOMAIN_UNDEFINE_KEEP_NVRAM))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot both keep and delete nvram");
    if ((flags & VIR_DOMAIN_UNDEFINE_TPM) && (flags & VIR_DOMAIN_UNDEFINE_KEEP_TPM))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot both keep and delete TPM");
    if (!qemu_job_check_none(domain, error))
        return FALSE;
    if (!domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot undefine transient domain");
    if (!check_snapshots(domain, "snapshot", flags, VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
                         error) ||
        !check_snapshots(domain, "checkpoint", flags, VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
                         error))
        return FALSE;
    if (!(flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE) && qemu_domain_has_managed_save(domain))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "Refusing to undefine while domain managed save image exists");
    if (nvram && access(nvram, F_OK) == 0 &&
        !(flags & (VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot undefine domain with nvram");
    return TRUE;
}

/* what hangs on the name goes first and the definition last: killed in between, the guest is still there to be undefined
 * again, and a new one of this name inherits nothing */
static gboolean
remove_files(QemuDomain *domain, guint flags, const char *nvram, GError **error)
{
    QemuManager *manager = domain->manager;
    g_autofree char *save = qemu_manager_save_path(manager, domain->name);
    g_autofree char *link = qemu_manager_autostart_path(manager, domain->name);
    g_autofree char *once = qemu_manager_autostart_once_path(manager, domain->name);

    if ((flags & VIR_DOMAIN_UNDEFINE_MANAGED_SAVE) && !vb_store_remove(save, error))
        return FALSE;
    if (nvram && (flags & VIR_DOMAIN_UNDEFINE_NVRAM) && access(nvram, F_OK) == 0 &&
        !vb_store_remove(nvram, error))
        return FALSE;
    if (!qemu_domain_is_active(domain) && (flags & VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA))
        qemu_snapshots_discard(domain);
    if (!qemu_domain_is_active(domain) && (flags & VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA))
        qemu_manager_remove_metadata(manager, "checkpoint", domain->name);
    qemu_crash_point("undefine-before-remove");
    if (!vb_store_remove(link, error) || !vb_store_remove(once, error) ||
        !qemu_manager_unstore(manager, domain->name, error))
        return FALSE;
    qemu_crash_point("undefine-removed");
    return TRUE;
}

/**
 * qemu_domain_undefine:
 * @domain: the guest
 * @flags: virDomainUndefineFlagsValues
 *
 * Forgets the stored definition. A running guest becomes transient; one that does not run is gone.
 *
 * Returns: FALSE with @error set
 * Errors: OPERATION_INVALID transient, or something hangs on the guest and no flag says what to do with it
 */
gboolean
qemu_domain_undefine(QemuDomain *domain, guint flags, GError **error)
{
    g_autoptr(QemuDomain) held = qemu_domain_ref(domain);
    g_autofree char *nvram_dir = g_build_filename(domain->manager->lib_dir, "nvram", NULL);
    g_autofree char *nvram = domain->config ? qemu_nvram_path(domain->config, nvram_dir) : NULL;

    if (!check_undefine(domain, flags, nvram, error) || !remove_files(domain, flags, nvram, error))
        return FALSE;
    if (domain->live) {
        qemu_tpm_settle(domain->live, flags);
        qemu_domain_save(domain);
    } else {
        qemu_tpm_forget(domain->manager, domain->config, flags);
    }
    qemu_domain_set_config(domain, NULL);
    domain->is_updated = FALSE;
    domain->is_autostart = domain->is_autostart_once = FALSE;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG | QEMU_DOMAIN_CHANGED_AUTOSTART);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_UNDEFINED,
                               VIR_DOMAIN_EVENT_UNDEFINED_REMOVED);
    if (!qemu_domain_is_active(domain) && !domain->is_starting)
        qemu_manager_remove(domain->manager, domain);
    return TRUE;
}

/* ---- loading ---- */

/* Two files of one UUID, each under the name in it: a rename was cut short. The newer one is what was to be. */
static gboolean
is_older(const QemuManager *manager, const char *name, const char *other_name)
{
    g_autofree char *path = qemu_manager_config_path(manager, name);
    g_autofree char *other = qemu_manager_config_path(manager, other_name);
    struct stat a;
    struct stat b;

    if (stat(path, &a) < 0 || stat(other, &b) < 0)
        return FALSE;
    if (a.st_mtim.tv_sec != b.st_mtim.tv_sec)
        return a.st_mtim.tv_sec < b.st_mtim.tv_sec;
    return a.st_mtim.tv_nsec < b.st_mtim.tv_nsec;
}

static void
settle_twins(QemuManager *manager, VbDomainDef *def, QemuDomain *domain)
{
    const gboolean is_old = is_older(manager, def->name, domain->name);
    g_autofree char *old_name = g_strdup(is_old ? def->name : domain->name);
    g_autoptr(GError) error = NULL;

    if (!qemu_manager_finish_rename(manager, old_name, is_old ? domain->name : def->name, &error))
        vb_log_warning(domain->name, "renaming '%s' cannot be completed: %s", old_name,
                       error->message);
    if (is_old) {
        vb_domain_free(def);
        return;
    }
    qemu_manager_rename(manager, domain, def->name);
    qemu_domain_set_config(domain, def);
}

/* takes @def */
static void
add_loaded(QemuManager *manager, VbDomainDef *def, const char *file)
{
    g_autofree char *expected = g_strconcat(def->name, ".xml", NULL);
    char uuid[37];
    QemuDomain *domain;

    vb_uuid_format(&def->uuid, uuid);
    domain = g_hash_table_lookup(manager->by_uuid, uuid);
    if (domain && strcmp(file, expected) == 0 && strcmp(domain->name, def->name) != 0) {
        settle_twins(manager, def, domain);
        return;
    }
    if (domain || g_hash_table_contains(manager->by_name, def->name)) {
        vb_log_warning(def->name, "ignoring definition '%s': guest '%s' has been loaded already",
                       file, def->name);
        vb_domain_free(def);
        return;
    }
    domain = qemu_manager_add(manager, def->name, &def->uuid);
    qemu_domain_set_config(domain, def);
}

/* takes what @stored has */
static void
take_loaded(QemuManager *manager, QemuStoredDef *stored)
{
    g_autoptr(GError) error = stored->error;

    if (stored->def)
        add_loaded(manager, stored->def, stored->file);
    else
        vb_log_warning(NULL, "ignoring definition '%s/%s': %s", manager->config_dir, stored->file,
                       error->message);
}

static void
load_links(QemuManager *manager, const char *suffix, gsize flag_at)
{
    g_autoptr(GPtrArray) links = vb_store_list(manager->autostart_dir, suffix, NULL);

    for (guint i = 0; links && i < links->len; i++) {
        const char *link = g_ptr_array_index(links, i);
        g_autofree char *name = g_strndup(link, strlen(link) - strlen(suffix));
        QemuDomain *domain = g_hash_table_lookup(manager->by_name, name);
        g_autofree char *path = g_build_filename(manager->autostart_dir, link, NULL);

        if (domain)
            G_STRUCT_MEMBER(gboolean, domain, flag_at) = TRUE;
        else if (access(path, F_OK) < 0 && errno == ENOENT)
            (void)vb_store_remove(path,
                                  NULL); /* its definition is gone: undefining was cut short */
    }
}

/**
 * qemu_manager_load:
 * @manager: the manager
 *
 * Loads every stored definition. Files that cannot be read are logged and left alone.
 *
 * Returns: FALSE with @error set when the folder cannot be read
 */
gboolean
qemu_manager_load(QemuManager *manager, GError **error)
{
    g_autoptr(GPtrArray) files = NULL;
    g_autofree QemuStoredDef *defs = NULL;

    vb_store_sweep(manager->config_dir);
    vb_store_sweep(manager->autostart_dir);
    files = vb_store_list(manager->config_dir, ".xml", error);
    if (!files)
        return FALSE;
    defs = qemu_read_definitions(manager->config_dir, files);
    for (guint i = 0; i < files->len; i++)
        take_loaded(manager, &defs[i]);
    load_links(manager, ".xml", G_STRUCT_OFFSET(QemuDomain, is_autostart));
    load_links(manager, ".xml.once", G_STRUCT_OFFSET(QemuDomain, is_autostart_once));
    qemu_snapshots_load_all(manager);
    return TRUE;
}
