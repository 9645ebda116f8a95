/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manager: owns all guests and the event log, knows the paths, tells the listener. Main loop only. Definitions are
 * manager-define.c's, what a restart finds is recover.c's. */
#include "manager.h"

#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "domain-private.h"
#include "hostdev.h"
#include "save.h"
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID "sys/kernel/random/boot_id" /* Source: random(4) */

static void
on_event(const VbEvent *event, gpointer data)
{
    QemuManager *manager = data;
    if (manager->listener.event)
        manager->listener.event(manager, event, manager->listener_data);
}

static gboolean
make_folders(QemuManager *manager, GError **error)
{
    const struct {
        const char *path;
        mode_t mode;
    } folders[] = {
        {manager->config_dir, 0700}, {manager->autostart_dir, 0700}, {manager->run_dir, 0755},
        {manager->lib_dir, 0751},    {manager->log_dir, 0700},       {manager->channel_dir, 0755},
    };
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autoptr(GError) local = NULL;
        if (vb_store_mkdir(folders[i].path, folders[i].mode, &local))
            continue;
        if (folders[i].path != manager->log_dir) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        /* a disk full of logs, or a file in its place, must not keep guests from being managed */
        vb_log_warning(NULL, "no logs of guests: %s", local->message);
    }
    return TRUE;
}

/* Source: libvirt's layout of a system-wide daemon */
static void
set_paths(QemuManager *manager)
{
    const char *root = manager->root;
    manager->config_dir = g_strconcat(root, "/etc/libvirt/qemu", NULL);
    manager->autostart_dir = g_strconcat(root, "/etc/libvirt/qemu/autostart", NULL);
    manager->run_dir = g_strconcat(root, "/run/libvirt/qemu", NULL);
    manager->lib_dir = g_strconcat(root, "/var/lib/libvirt/qemu", NULL);
    manager->log_dir = g_strconcat(root, "/var/log/libvirt/qemu", NULL);
    manager->channel_dir = g_strconcat(root, "/var/lib/libvirt/qemu/channel/target", NULL);
}

/* Definitions are what they were when they were acknowledged from here on, whatever the machine went through. */
static void
open_definitions(QemuManager *manager)
{
    g_autofree char *path = g_build_filename(manager->lib_dir, "virtbus-definitions.log", NULL);
    g_autofree char *boot_path = g_build_filename(manager->procfs, BOOT_ID, NULL);
    g_autofree char *boot_id = NULL;
    if (g_file_get_contents(boot_path, &boot_id, NULL, NULL))
        g_strstrip(boot_id);
    manager->definitions = vb_store_log_open(path, manager->config_dir, boot_id ? boot_id : "");
}

/**
 * qemu_manager_new:
 *
 * Returns: (transfer full): a manager without guests; its folders exist, its event log is open
 * Errors: SYSTEM_ERROR a folder or the log cannot be made
 */
QemuManager *
qemu_manager_new(const QemuManagerConfig *config, GError **error)
{
    QemuManager *manager = g_new0(QemuManager, 1);
    manager->root = g_strdup(config->root && strcmp(config->root, "/") != 0 ? config->root : "");
    manager->procfs = g_strdup(config->procfs ? config->procfs : "/proc");
    manager->sysfs = g_strdup(config->sysfs ? config->sysfs : "/sys");
    manager->resctrl = g_strdup(config->resctrl ? config->resctrl : "/sys/fs/resctrl");
    manager->is_session = config->is_session;
    manager->host = config->host;
    manager->caps = config->caps;
    manager->next_id = 1;
    manager->jobs = vb_jobs_new(VB_JOBS_KEEP_S);
    manager->by_uuid =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)qemu_domain_unref);
    manager->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    manager->by_id = g_hash_table_new(g_direct_hash, g_direct_equal);
    set_paths(manager);
    g_autofree char *log = g_build_filename(manager->run_dir, "virtbus-events", NULL);
    if (make_folders(manager, error))
        manager->events = vb_events_open(log, error);
    if (!manager->events) {
        g_clear_pointer(&manager, qemu_manager_free);
        return NULL;
    }
    vb_events_subscribe(manager->events, on_event, manager);
    open_definitions(manager);
    return manager;
}

void
qemu_manager_free(QemuManager *manager)
{
    if (!manager)
        return;
    GHashTableIter iter;
    gpointer value;
    memset(&manager->listener, 0, sizeof manager->listener);
    g_hash_table_iter_init(&iter, manager->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        qemu_domain_drop_start(value);
        qemu_save_drop(value);
        qemu_snapshot_op_drop(value);
        qemu_domain_drop_stop(value);
        qemu_domain_let_go(value);
    }
    qemu_hostdevs_free(manager);
    g_hash_table_unref(manager->by_id);
    g_hash_table_unref(manager->by_name);
    g_hash_table_unref(manager->by_uuid);
    vb_store_log_close(manager->definitions);
    vb_events_free(manager->events);
    vb_jobs_free(manager->jobs);
    char *strings[] = {manager->root,       manager->procfs,     manager->sysfs,
                       manager->resctrl,    manager->config_dir, manager->autostart_dir,
                       manager->run_dir,    manager->lib_dir,    manager->log_dir,
                       manager->channel_dir};
    for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
        g_free(strings[i]);
    g_free(manager);
}

void
qemu_manager_set_listener(QemuManager *manager, const QemuManagerListener *listener, gpointer data)
{
    manager->listener = *listener;
    manager->listener_data = data;
}

/* ---- lookups ---- */

QemuDomain *
qemu_manager_find_by_uuid(QemuManager *manager, const char *uuid_text, GError **error)
{
    VbUuid uuid;
    char text[37] = "";
    if (!vb_uuid_parse(uuid_text, &uuid)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is no UUID", uuid_text);
        return NULL;
    }
    vb_uuid_format(&uuid, text);
    QemuDomain *domain = g_hash_table_lookup(manager->by_uuid, text);
    if (!domain)
        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", text);
    return domain;
}

QemuDomain *
qemu_manager_find_by_name(QemuManager *manager, const char *name, GError **error)
{
    QemuDomain *domain = g_hash_table_lookup(manager->by_name, name);
    if (!domain)
        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", name);
    return domain;
}

QemuDomain *
qemu_manager_find_by_id(QemuManager *manager, int id, GError **error)
{
    QemuDomain *domain = g_hash_table_lookup(manager->by_id, GINT_TO_POINTER(id));
    if (!domain)
        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching id %d", id);
    return domain;
}

guint
qemu_manager_count_active(QemuManager *manager)
{
    return g_hash_table_size(manager->by_id);
}

/* ---- the registry ---- */

/**
 * qemu_manager_add:
 *
 * The caller made sure that neither name nor UUID is taken, and gives the new guest a definition before the loop runs.
 *
 * Returns: (transfer none)
 */
QemuDomain *
qemu_manager_add(QemuManager *manager, const char *name, const VbUuid *uuid)
{
    QemuDomain *domain = qemu_domain_new(manager, name, uuid);
    g_hash_table_insert(manager->by_uuid, domain->uuid_text, domain);
    g_hash_table_insert(manager->by_name, domain->name, domain);
    if (manager->listener.added)
        manager->listener.added(domain, manager->listener_data);
    return domain;
}

void
qemu_manager_remove(QemuManager *manager, QemuDomain *domain)
{
    if (domain->manager != manager)
        return;
    qemu_snapshots_discard(domain);
    if (manager->listener.removed)
        manager->listener.removed(domain, manager->listener_data);
    qemu_manager_drop_id(manager, domain);
    domain->manager = NULL;
    g_hash_table_remove(manager->by_name, domain->name);
    g_hash_table_remove(manager->by_uuid, domain->uuid_text);
}

void
qemu_manager_rename(QemuManager *manager, QemuDomain *domain, const char *new_name)
{
    g_hash_table_remove(manager->by_name, domain->name);
    g_free(domain->name);
    domain->name = g_strdup(new_name);
    g_hash_table_insert(manager->by_name, domain->name, domain);
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_NAME);
}

/* Gives the guest a number and keeps the daemon while it runs. */
int
qemu_manager_take_id(QemuManager *manager, QemuDomain *domain)
{
    if (domain->id < 0)
        domain->id = manager->next_id;
    manager->next_id = MAX(manager->next_id, domain->id + 1);
    if (g_hash_table_insert(manager->by_id, GINT_TO_POINTER(domain->id), domain) &&
        manager->listener.hold)
        manager->listener.hold("running guest", manager->listener_data);
    return domain->id;
}

void
qemu_manager_drop_id(QemuManager *manager, QemuDomain *domain)
{
    if (domain->id < 0)
        return;
    gboolean was_there = g_hash_table_remove(manager->by_id, GINT_TO_POINTER(domain->id));
    domain->id = -1;
    if (was_there && manager->listener.release)
        manager->listener.release("running guest", manager->listener_data);
}

/* ---- autostart, callers that went ---- */

/**
 * qemu_manager_autostart:
 *
 * Starts what is marked so, once per boot: the marker lies in /run and is libvirt's own.
 */
void
qemu_manager_autostart(QemuManager *manager)
{
    g_autofree char *marker = g_build_filename(manager->run_dir, "autostarted", NULL);
    g_autoptr(GError) error = NULL;
    if (g_file_test(marker, G_FILE_TEST_EXISTS))
        return;
    if (!vb_store_write_volatile(marker, "", 0, 0600, &error))
        g_warning("autostart: %s", error->message);
    g_autoptr(GPtrArray) due = g_ptr_array_new_with_free_func((GDestroyNotify)qemu_domain_unref);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        QemuDomain *domain = value;
        if ((domain->is_autostart || domain->is_autostart_once) && !qemu_domain_is_active(domain))
            g_ptr_array_add(due, qemu_domain_ref(domain));
    }
    for (guint i = 0; i < due->len; i++) {
        QemuDomain *domain = due->pdata[i];
        g_autoptr(GError) kept = NULL;

        if (domain->is_autostart_once && !qemu_domain_set_autostart_once(domain, FALSE, &kept))
            g_warning("autostart of domain %s: %s", domain->name, kept->message);
        qemu_domain_start(domain, 0, qemu_domain_log_failure, (gpointer) "autostart");
    }
}

void
qemu_manager_caller_gone(QemuManager *manager, gpointer token)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new_with_free_func((GDestroyNotify)qemu_domain_unref);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        QemuDomain *domain = value;
        if (domain->auto_destroy == token && token)
            g_ptr_array_add(due, qemu_domain_ref(domain));
    }
    for (guint i = 0; i < due->len; i++)
        qemu_domain_destroy(due->pdata[i], 0, qemu_domain_log_failure, (gpointer) "auto-destroy");
}

/* ---- paths ---- */

static char *
named_path(const char *folder, const char *name, const char *suffix)
{
    return g_strdup_printf("%s/%s%s", folder, name, suffix);
}

char *
qemu_manager_status_path(QemuManager *manager, const char *name)
{
    return named_path(manager->run_dir, name, ".xml");
}

char *
qemu_manager_pidfile_path(QemuManager *manager, const char *name)
{
    return named_path(manager->run_dir, name, ".pid");
}

char *
qemu_manager_log_path(QemuManager *manager, const char *name)
{
    return named_path(manager->log_dir, name, ".log");
}

/* Source: libvirt: domain-ID-NAME, the name cut to 20 characters so that socket paths stay short */
char *
qemu_manager_domain_dir(QemuManager *manager, const QemuDomain *domain)
{
    g_autofree char *name =
        g_utf8_substring(domain->name, 0, MIN(20, g_utf8_strlen(domain->name, -1)));
    return g_strdup_printf("%s/domain-%d-%s", manager->lib_dir, domain->id, name);
}

void
qemu_crash_point(const char *step)
{
    const char *wanted = g_getenv("VIRTBUS_CRASH_AT");
    if (wanted && strcmp(wanted, step) == 0)
        kill(getpid(), SIGKILL);
}
