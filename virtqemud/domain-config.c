/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be asked of and changed in a stored definition, besides defining it: XML, name, autostart; and which guests
 * a caller wants to see. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "define.h"
#include "guest-job.h"
#include "store/store.h"

gboolean
qemu_domain_has_managed_save(const QemuDomain *domain)
{
    g_autofree char *path = qemu_manager_save_path(domain->manager, domain->name);

    return access(path, F_OK) == 0;
}

/**
 * qemu_domain_pick_defs:
 * @domain: the guest
 * @flags: virDomainModificationImpact: 0 what is in force now, 1 live, 2 stored
 * @ret_live: (out) (nullable): the live definition, or NULL when it is not meant
 * @ret_config: (out) (nullable): the stored one, or NULL
 *
 * Returns: FALSE with @error set
 * Errors: OPERATION_INVALID a definition is meant that the guest does not have
 */
gboolean
qemu_domain_pick_defs(QemuDomain *domain, guint flags, VbDomainDef **ret_live,
                      VbDomainDef **ret_config, GError **error)
{
    flags &= VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;
    if (flags == VIR_DOMAIN_AFFECT_CURRENT)
        flags = qemu_domain_is_active(domain) ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if ((flags & VIR_DOMAIN_AFFECT_LIVE) && !qemu_domain_check_active(domain, error))
        return FALSE;
    if ((flags & VIR_DOMAIN_AFFECT_CONFIG) && !domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "transient domains do not have any persistent config");
    *ret_live = flags & VIR_DOMAIN_AFFECT_LIVE ? domain->live : NULL;
    *ret_config = flags & VIR_DOMAIN_AFFECT_CONFIG ? domain->config : NULL;
    return TRUE;
}

/**
 * qemu_domain_store_config:
 * @domain: the guest
 * @next: (transfer full): its stored definition from now on, written durably first; freed when that fails
 *
 * Returns: FALSE with @error set; the stored definition is as it was
 * Errors: OPERATION_INVALID the guest has no stored definition (any more); what writing says
 */
gboolean
qemu_domain_store_config(QemuDomain *domain, VbDomainDef *next, GError **error)
{
    if (!domain->manager || !domain->config) {
        vb_domain_free(next);
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "transient domains do not have any persistent config");
    }
    if (!qemu_manager_store(domain->manager, next, error)) {
        vb_domain_free(next);
        return FALSE;
    }
    qemu_domain_set_config(domain, next);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    return TRUE;
}

/**
 * qemu_domain_change_config:
 * @domain: the guest
 * @change: changes the definition that it is given, or refuses
 *
 * Makes a change in what is stored now and stores the result. A call that waits for the running guest first does this
 * when the guest has answered: what others have stored meanwhile stays.
 *
 * Returns: FALSE with @error set; the stored definition is as it was
 * Errors: those of qemu_domain_store_config(); what @change says
 */
gboolean
qemu_domain_change_config(QemuDomain *domain, QemuConfigFunc change, gpointer data, GError **error)
{
    g_autoptr(VbDomainDef) next = domain->config ? vb_domain_copy(domain->config) : NULL;
    if (next && !change(next, data, error))
        return FALSE;
    return qemu_domain_store_config(domain, g_steal_pointer(&next), error);
}

/**
 * qemu_domain_get_xml:
 * @domain: the guest
 * @flags: virDomainXMLFlags: 1 with secrets, 2 the stored definition, 4 update CPU, 8 migratable
 *
 * Returns: (transfer full): domain XML; NULL with @error set
 * Errors: INVALID_ARG unknown flags
 */
char *
qemu_domain_get_xml(QemuDomain *domain, guint flags, GError **error)
{
    const gboolean is_live =
        domain->live && !(flags & (VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_MIGRATABLE));
    VbDomainDef *def =
        domain->live && !(flags & VIR_DOMAIN_XML_INACTIVE) ? domain->live : domain->config;
    guint format = 0;

    if (!qemu_check_flags(flags,
                          VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE |
                              VIR_DOMAIN_XML_UPDATE_CPU | VIR_DOMAIN_XML_MIGRATABLE,
                          "qemuDomainGetXMLDesc", error))
        return NULL;
    if (!def)
        def = domain->live; /* transient: it has no other */
    if (is_live && domain->facts->balloon_kib)
        domain->live->current_memory_kib = domain->facts->balloon_kib;
    if (flags & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE))
        format |= VB_DOMAIN_FORMAT_SECURE;
    if (flags & VIR_DOMAIN_XML_MIGRATABLE)
        format |= VB_DOMAIN_FORMAT_MIGRATABLE;
    if (is_live)
        format |= VB_DOMAIN_FORMAT_LIVE;
    return vb_domain_format(def, format);
}

/* a link to the definition, for the next boot of the host */
static gboolean
set_link(QemuDomain *domain, const char *link, gboolean is_there, GError **error)
{
    g_autofree char *target = NULL;

    if (!domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot set autostart for transient domain");
    if (!is_there)
        return vb_store_remove(link, error);
    target = qemu_manager_config_path(domain->manager, domain->name);
    return vb_store_mkdir(domain->manager->autostart_dir, 0755, error) &&
           vb_store_link(target, link, error);
}

/**
 * qemu_domain_set_autostart:
 * @domain: the guest
 * @is_autostart: whether it starts with the host
 *
 * Returns: TRUE once that is on disk; FALSE with @error set
 * Errors: OPERATION_INVALID transient; SYSTEM_ERROR
 */
gboolean
qemu_domain_set_autostart(QemuDomain *domain, gboolean is_autostart, GError **error)
{
    g_autofree char *link = qemu_manager_autostart_path(domain->manager, domain->name);

    if (domain->config && domain->is_autostart == !!is_autostart)
        return TRUE;
    if (!set_link(domain, link, is_autostart, error))
        return FALSE;
    domain->is_autostart = !!is_autostart;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_AUTOSTART);
    return TRUE;
}

/* As qemu_domain_set_autostart(), for the next boot of the host alone: that start takes the mark away. */
gboolean
qemu_domain_set_autostart_once(QemuDomain *domain, gboolean is_once, GError **error)
{
    g_autofree char *link = qemu_manager_autostart_once_path(domain->manager, domain->name);

    if (domain->config && domain->is_autostart_once == !!is_once)
        return TRUE;
    if (!set_link(domain, link, is_once, error))
        return FALSE;
    domain->is_autostart_once = !!is_once;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_AUTOSTART);
    return TRUE;
}

/* ---- rename ---- */

static gboolean
check_rename(QemuDomain *domain, const char *new_name, guint flags, GError **error)
{
    if (!qemu_check_flags(flags, 0, "qemuDomainRename", error))
        return FALSE;
    if (!new_name || !*new_name)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "new_name in virDomainRename must not be empty");
    if (strchr(new_name, '/'))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "name %s cannot contain '/'", new_name);
    if (strchr(new_name, '\n'))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "invalid char in name: %c", '\n');
    if (qemu_domain_is_active(domain) || domain->is_starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot rename active domain");
    if (!domain->config)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "cannot rename a transient domain");
    if (strcmp(new_name, domain->name) == 0)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "Can't rename domain to itself");
    if (g_hash_table_contains(domain->manager->by_name, new_name))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "domain with name '%s' already exists", new_name);
    if (!qemu_job_check_none(domain, error))
        return FALSE;
    if (qemu_manager_count_metadata(domain->manager, "snapshot", domain->name))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot rename domain with snapshots");
    if (qemu_manager_count_metadata(domain->manager, "checkpoint", domain->name))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "cannot rename domain with checkpoints");
    return TRUE;
}

static gboolean
rename_save(const QemuManager *manager, const char *old_name, const char *new_name, GError **error)
{
    g_autofree char *from = qemu_manager_save_path(manager, old_name);
    g_autofree char *to = qemu_manager_save_path(manager, new_name);

    if (rename(from, to) == 0 || errno == ENOENT)
        return TRUE;
    return vb_error_set_errno(error, errno, "Failed to rename managed save file '%s'", from);
}

typedef char *(*LinkPath)(const QemuManager *manager, const char *name);

static gboolean
rename_link(const QemuManager *manager, LinkPath path, const char *old_name, const char *new_name,
            GError **error)
{
    g_autofree char *target = qemu_manager_config_path(manager, new_name);
    g_autofree char *from = path(manager, old_name);
    g_autofree char *to = path(manager, new_name);
    g_autofree char *old_target = g_file_read_link(from, NULL);

    if (!old_target)
        return TRUE;
    return vb_store_link(target, to, error) && vb_store_remove(from, error);
}

/**
 * qemu_manager_finish_rename:
 * @manager: the manager
 * @old_name: name of a stored definition that is no more
 * @new_name: name of the one that is stored instead
 *
 * Second half of a rename, also when the first half was a former process's.
 *
 * Returns: FALSE with @error set; asking again is fine
 */
gboolean
qemu_manager_finish_rename(const QemuManager *manager, const char *old_name, const char *new_name,
                           GError **error)
{
    return rename_save(manager, old_name, new_name, error) &&
           rename_link(manager, qemu_manager_autostart_path, old_name, new_name, error) &&
           rename_link(manager, qemu_manager_autostart_once_path, old_name, new_name, error) &&
           qemu_manager_unstore(manager, old_name, error);
}

/**
 * qemu_domain_rename:
 * @domain: a guest that does not run
 * @new_name: its new name
 * @flags: 0
 *
 * Returns: TRUE once the guest is stored under its new name; FALSE with @error set
 * Errors: OPERATION_INVALID running, transient, same or taken name, snapshots; XML_ERROR bad name
 */
gboolean
qemu_domain_rename(QemuDomain *domain, const char *new_name, guint flags, GError **error)
{
    g_autoptr(VbDomainDef) renamed = NULL;

    if (!check_rename(domain, new_name, flags, error))
        return FALSE;
    renamed = vb_domain_copy(domain->config);
    g_free(renamed->name);
    renamed->name = g_strdup(new_name);
    if (!qemu_manager_store(domain->manager, renamed, error))
        return FALSE;
    qemu_crash_point("rename-written");
    if (!qemu_manager_finish_rename(domain->manager, domain->name, new_name, error)) {
        (void)qemu_manager_finish_rename(domain->manager, new_name, domain->name, NULL);
        return FALSE;
    }
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_UNDEFINED,
                               VIR_DOMAIN_EVENT_UNDEFINED_RENAMED);
    qemu_domain_set_config(domain, g_steal_pointer(&renamed));
    qemu_manager_rename(domain->manager, domain, new_name);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_NAME | QEMU_DOMAIN_CHANGED_CONFIG);
    qemu_domain_emit_lifecycle(domain, VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_DEFINED_RENAMED);
    return TRUE;
}

/* ---- lists ---- */

static gboolean
is_state_other(const QemuDomain *domain)
{
    return domain->state != VIR_DOMAIN_RUNNING && domain->state != VIR_DOMAIN_PAUSED &&
           domain->state != VIR_DOMAIN_SHUTOFF;
}

/* the flags of @group that @domain has */
static guint
flags_of(const QemuDomain *domain, guint group)
{
    const QemuManager *manager = domain->manager;
    guint flags = 0;

    flags |= domain->live ? VIR_CONNECT_LIST_DOMAINS_ACTIVE : VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    flags |=
        domain->config ? VIR_CONNECT_LIST_DOMAINS_PERSISTENT : VIR_CONNECT_LIST_DOMAINS_TRANSIENT;
    flags |= domain->state == VIR_DOMAIN_RUNNING ? VIR_CONNECT_LIST_DOMAINS_RUNNING : 0;
    flags |= domain->state == VIR_DOMAIN_PAUSED ? VIR_CONNECT_LIST_DOMAINS_PAUSED : 0;
    flags |= domain->state == VIR_DOMAIN_SHUTOFF ? VIR_CONNECT_LIST_DOMAINS_SHUTOFF : 0;
    flags |= is_state_other(domain) ? VIR_CONNECT_LIST_DOMAINS_OTHER : 0;
    flags |= domain->is_autostart ? VIR_CONNECT_LIST_DOMAINS_AUTOSTART
                                  : VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART;
    if (group & VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
        flags |= qemu_domain_has_managed_save(domain) ? VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE
                                                      : VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE;
    if (group & VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
        flags |= qemu_manager_count_metadata(manager, "snapshot", domain->name)
                     ? VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT
                     : VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT;
    if (group & VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT)
        flags |= qemu_manager_count_metadata(manager, "checkpoint", domain->name)
                     ? VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT
                     : VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT;
    return flags & group;
}

/* Flags of one group mean "any of these", groups add up; a group that is not mentioned does not matter. */
static gboolean
is_listed(const QemuDomain *domain, guint flags)
{
    static const guint groups[] = {
        VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE,
        VIR_CONNECT_LIST_DOMAINS_PERSISTENT | VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
        VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |
            VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER,
        VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE,
        VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART,
        VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT,
        VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT,
    };

    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        const guint wanted = flags & groups[i];

        if (wanted && wanted != groups[i] && !(wanted & flags_of(domain, groups[i])))
            return FALSE;
    }
    return TRUE;
}

/**
 * qemu_manager_list:
 * @manager: the manager
 * @flags: virConnectListAllDomainsFlags
 *
 * Returns: (transfer container): the guests that @flags describe, each valid until the loop runs again
 */
GPtrArray *
qemu_manager_list(QemuManager *manager, guint flags)
{
    GPtrArray *domains = g_ptr_array_sized_new(g_hash_table_size(manager->by_uuid));
    GHashTableIter iter;
    gpointer domain;

    g_hash_table_iter_init(&iter, manager->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &domain)) {
        if (is_listed(domain, flags))
            g_ptr_array_add(domains, domain);
    }
    return domains;
}
