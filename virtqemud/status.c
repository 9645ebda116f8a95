/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status files: one table says what is in them, both ways. The elements are libvirt's; <virtbus> is ours, and libvirt
 * passes over it. What libvirt wrote and we do not read is kept. */
#include "status.h"

#include "base/enum.h"
#include "base/error.h"
#include "domain-private.h"
#include "save.h"
#include "store/store.h"

#include <string.h>

#define MAX_FILE (10 * 1024 * 1024)

/* Source: libvirt's words for virDomainState and its reasons in status files */
extern const VbEnum qemu_domain_state_enum;
VB_ENUM(running_reason_enum, "reason", "unknown", "booted", "migrated", "restored", "from snapshot",
        "unpaused", "migration canceled", "save canceled", "wakeup", "crashed", "post-copy",
        "post-copy failed");
VB_ENUM(paused_reason_enum, "reason", "unknown", "user", "migration", "save", "dump", "ioerror",
        "watchdog", "from snapshot", "shutdown", "snapshot", "panicked", "starting up", "post-copy",
        "post-copy failed", "api error");
VB_ENUM(shutdown_reason_enum, "reason", "unknown", "user");
VB_ENUM(shutoff_reason_enum, "reason", "unknown", "shutdown", "destroyed", "crashed", "migrated",
        "saved", "failed", "from snapshot", "daemon");
VB_ENUM(crashed_reason_enum, "reason", "unknown", "panicked");
VB_ENUM(other_reason_enum, "reason", "unknown");

static const VbEnum *const reason_enums[] = {
    [VIR_DOMAIN_NOSTATE] = &other_reason_enum,     [VIR_DOMAIN_RUNNING] = &running_reason_enum,
    [VIR_DOMAIN_BLOCKED] = &other_reason_enum,     [VIR_DOMAIN_PAUSED] = &paused_reason_enum,
    [VIR_DOMAIN_SHUTDOWN] = &shutdown_reason_enum, [VIR_DOMAIN_SHUTOFF] = &shutoff_reason_enum,
    [VIR_DOMAIN_CRASHED] = &crashed_reason_enum,   [VIR_DOMAIN_PMSUSPENDED] = &other_reason_enum,
};

typedef struct {
    guint id;
    int pid;
} StatusVcpu;

typedef struct {
    char *flag;
} StatusTaint;

typedef struct {
    char *what;
} StatusOwed;

typedef struct {
    int state, pid;
    char *reason;
    GPtrArray *taint;
    char *monitor_path, *monitor_type;
    GPtrArray *vcpus;
    char *lib_dir, *channel_dir;
    gboolean has_fake_reboot;
    guint node_index;
    char *for_libvirt;
    /* ours */
    char *epoch, *step;
    guint64 last_event;
    gboolean is_shutting_down, is_updated, is_unlabelled;
    char *auto_nodes, *auto_cpus;   /* as libvirt calls advice, whoever gave it */
    char *image, *temporary, *runs; /* of an unfinished save or restore */
    GPtrArray *owed;
    VbDomainDef *live;
} StatusFile;

static const VbXmlField vcpu_fields[] = {
    VB_XML_UINT(StatusVcpu, id, "@id", .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_INT(StatusVcpu, pid, "@pid", .flags = VB_XML_ZERO_IS_VALUE),
};
static VB_XML_TYPE(vcpu_type, StatusVcpu, "vcpu", vcpu_fields);

static const VbXmlField taint_fields[] = {VB_XML_STR(StatusTaint, flag, "@flag")};
static VB_XML_TYPE(taint_type, StatusTaint, "taint", taint_fields);

static const VbXmlField owed_fields[] = {VB_XML_STR(StatusOwed, what, ".")};
static VB_XML_TYPE(owed_type, StatusOwed, "owed", owed_fields);

static const VbXmlField status_fields[] = {
    VB_XML_ENUMV(StatusFile, state, "@state", qemu_domain_state_enum),
    VB_XML_STR(StatusFile, reason, "@reason"),
    VB_XML_INT(StatusFile, pid, "@pid", .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_LIST(StatusFile, taint, "taint", taint_type),
    VB_XML_STR(StatusFile, monitor_path, "monitor/@path"),
    VB_XML_STR(StatusFile, monitor_type, "monitor/@type"),
    VB_XML_LIST(StatusFile, vcpus, "vcpus/vcpu", vcpu_type),
    VB_XML_STR(StatusFile, lib_dir, "libDir/@path"),
    VB_XML_STR(StatusFile, channel_dir, "channelTargetDir/@path"),
    VB_XML_PRESENT(StatusFile, has_fake_reboot, "fakereboot"),
    VB_XML_STR(StatusFile, auto_nodes, "numad/@nodeset"),
    VB_XML_STR(StatusFile, auto_cpus, "numad/@cpuset"),
    VB_XML_UINT(StatusFile, node_index, "nodename/@index"),
    VB_XML_RAW(StatusFile, for_libvirt, "*"),
    VB_XML_STR(StatusFile, epoch, "virtbus/@epoch"),
    VB_XML_UINT64(StatusFile, last_event, "virtbus/@lastEvent", .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_STR(StatusFile, step, "virtbus/@step"),
    VB_XML_PRESENT(StatusFile, is_shutting_down, "virtbus/shuttingDown"),
    VB_XML_PRESENT(StatusFile, is_updated, "virtbus/updated"),
    VB_XML_PRESENT(StatusFile, is_unlabelled, "virtbus/unlabelled"),
    VB_XML_STR(StatusFile, runs, "virtbus/unfinished/@running"),
    VB_XML_STR(StatusFile, image, "virtbus/unfinished/@image"),
    VB_XML_STR(StatusFile, temporary, "virtbus/unfinished/@temporary"),
    VB_XML_LIST(StatusFile, owed, "virtbus/owed", owed_type),
    VB_XML_STRUCT(StatusFile, live, "domain", vb_domain_type),
};
static VB_XML_TYPE(status_type, StatusFile, "domstatus", status_fields);

/* ---- writing ---- */

static void
add_lists(const QemuDomain *domain, StatusFile *file)
{
    for (guint i = 0; i < domain->vcpu_tids->len; i++) {
        StatusVcpu *vcpu = vb_domain_list_add(&file->vcpus, vb_xml_new(&vcpu_type));
        vcpu->id = i;
        vcpu->pid = g_array_index(domain->vcpu_tids, pid_t, i);
    }
    for (guint i = 0; i < domain->taint->len; i++) {
        StatusTaint *taint = vb_domain_list_add(&file->taint, vb_xml_new(&taint_type));
        taint->flag = g_strdup(domain->taint->pdata[i]);
    }
    if (domain->unfinished) {
        file->runs = g_strdup(domain->unfinished->was_running ? "yes" : "no");
        file->image = g_strdup(domain->unfinished->path);
        file->temporary = g_strdup(domain->unfinished->temporary);
    }
    for (guint i = 0; i < domain->owed->len; i++) {
        StatusOwed *owed = vb_domain_list_add(&file->owed, vb_xml_new(&owed_type));
        owed->what = g_strdup(domain->owed->pdata[i]);
    }
}

static void
add_for_libvirt(QemuDomain *domain, StatusFile *file)
{
    if (!domain->for_libvirt)
        domain->for_libvirt = qemu_status_for_libvirt(domain);
    file->for_libvirt = g_strdup(domain->for_libvirt);
    domain->node_index = MAX(domain->node_index, qemu_status_name_images(domain->live));
    file->node_index = domain->node_index;
    file->is_unlabelled = qemu_status_unlabel(domain->live);
}

/**
 * qemu_status_write:
 * @domain: with a live definition
 *
 * Errors: SYSTEM_ERROR
 */
gboolean
qemu_status_write(QemuDomain *domain, GError **error)
{
    QemuManager *manager = domain->manager;
    g_autofree char *path = qemu_manager_status_path(manager, domain->name);
    StatusFile *file = vb_xml_new(&status_type);
    file->state = domain->state;
    file->reason = g_strdup(vb_enum_to_nick(reason_enums[domain->state], domain->reason));
    file->pid = domain->process ? (int)qemu_process_get_pid(domain->process) : 0;
    file->monitor_path = g_strdup(domain->monitor_path);
    file->monitor_type = domain->monitor_path ? g_strdup("unix") : NULL;
    file->lib_dir = qemu_manager_domain_dir(manager, domain);
    g_autofree char *base = g_path_get_basename(file->lib_dir);
    file->channel_dir = g_build_filename(manager->channel_dir, base, NULL);
    file->has_fake_reboot = domain->has_fake_reboot;
    file->auto_nodes = g_strdup(domain->auto_nodes);
    file->auto_cpus = g_strdup(domain->auto_cpus);
    file->epoch = g_strdup(vb_events_get_epoch(manager->events));
    file->last_event = domain->last_event;
    file->step = domain->is_starting ? g_strdup("starting") : NULL;
    file->is_shutting_down = domain->is_shutting_down;
    file->is_updated = domain->is_updated;
    add_lists(domain, file);
    add_for_libvirt(domain, file);
    file->live = domain->live;
    g_autofree char *text =
        vb_xml_format(&status_type, file,
                      VB_XML_FORMAT_LIVE | VB_XML_FORMAT_SECURE | VB_XML_FORMAT_STATUS);
    if (file->is_unlabelled)
        qemu_status_relabel(domain->live);
    file->live = NULL; /* borrowed */
    vb_xml_free(&status_type, file);
    return vb_store_write_volatile(path, text, strlen(text), 0600, error);
}

void
qemu_status_remove(QemuDomain *domain)
{
    g_autofree char *path = qemu_manager_status_path(domain->manager, domain->name);
    g_autoptr(GError) error = NULL;
    if (!vb_store_remove(path, &error))
        g_warning("%s", error->message);
}

/* ---- reading ---- */

static int
reason_from_text(int state, const char *text)
{
    int reason = text ? vb_enum_from_nick(reason_enums[state], text) : 0;
    return MAX(reason, 0);
}

static void
take_lists(const StatusFile *file, QemuStatus *status)
{
    VB_DOMAIN_EACH(StatusVcpu, vcpu, file->vcpus)
    {
        if (vcpu->id >= 4096)
            continue;
        if (vcpu->id >= status->vcpu_tids->len)
            g_array_set_size(status->vcpu_tids, vcpu->id + 1);
        g_array_index(status->vcpu_tids, pid_t, vcpu->id) = vcpu->pid;
    }
    VB_DOMAIN_EACH(StatusTaint, taint, file->taint)
    g_ptr_array_add(status->taint, g_strdup(taint->flag));
    if (file->runs)
        status->unfinished =
            qemu_unfinished_new(file->image, file->temporary, strcmp(file->runs, "yes") == 0);
    VB_DOMAIN_EACH(StatusOwed, owed, file->owed)
    g_ptr_array_add(status->owed, g_strdup(owed->what));
}

/* A file of libvirt's names its folders; they are ours to remove from now on. */
static void
adopt_folders(const StatusFile *file, QemuStatus *status)
{
    if (status->is_ours)
        return;
    if (file->lib_dir)
        g_ptr_array_add(status->owed, g_strconcat("dir ", file->lib_dir, NULL));
    if (file->channel_dir)
        g_ptr_array_add(status->owed, g_strconcat("dir ", file->channel_dir, NULL));
}

/**
 * qemu_status_read:
 *
 * Returns: (transfer full): what the file says
 * Errors: SYSTEM_ERROR unreadable; XML_ERROR, XML_DETAIL not a status file
 */
QemuStatus *
qemu_status_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    if (!vb_store_read(path, MAX_FILE, &text, &length, error))
        return NULL;
    StatusFile *file =
        vb_xml_parse_full(&status_type, text, (gssize)length, VB_XML_PARSE_STATUS, error);
    if (!file)
        return NULL;
    if (!file->live || !file->live->name) {
        vb_error_set(error, VIR_ERR_XML_ERROR, "status file '%s' has no domain", path);
        vb_xml_free(&status_type, file);
        return NULL;
    }
    QemuStatus *status = g_new0(QemuStatus, 1);
    status->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    status->taint = g_ptr_array_new_with_free_func(g_free);
    status->owed = g_ptr_array_new_with_free_func(g_free);
    status->state = CLAMP(file->state, 0, VIR_DOMAIN_PMSUSPENDED);
    status->reason = reason_from_text(status->state, file->reason);
    status->pid = file->pid;
    status->is_ours = file->epoch != NULL;
    status->epoch = g_steal_pointer(&file->epoch);
    status->last_event = file->last_event;
    status->is_starting = g_strcmp0(file->step, "starting") == 0;
    status->is_shutting_down = file->is_shutting_down;
    status->is_updated = file->is_updated;
    status->has_fake_reboot = file->has_fake_reboot;
    status->monitor_path = g_steal_pointer(&file->monitor_path);
    status->auto_nodes = g_steal_pointer(&file->auto_nodes);
    status->auto_cpus = g_steal_pointer(&file->auto_cpus);
    take_lists(file, status);
    adopt_folders(file, status);
    status->for_libvirt = g_steal_pointer(&file->for_libvirt);
    status->node_index = file->node_index;
    status->live = g_steal_pointer(&file->live);
    if (file->is_unlabelled)
        qemu_status_relabel(status->live);
    status->id = status->live->has_id ? status->live->id : -1;
    vb_xml_free(&status_type, file);
    return status;
}

void
qemu_status_free(QemuStatus *status)
{
    if (!status)
        return;
    vb_domain_free(status->live);
    g_free(status->monitor_path);
    g_free(status->for_libvirt);
    g_free(status->auto_nodes);
    g_free(status->auto_cpus);
    g_free(status->epoch);
    qemu_unfinished_free(status->unfinished);
    g_array_unref(status->vcpu_tids);
    g_ptr_array_unref(status->taint);
    g_ptr_array_unref(status->owed);
    g_free(status);
}
