/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups of limits that several disks pass through: made, changed and taken away, running and stored. */
#include "iotune.h"

#include "base/error.h"
#include "base/json.h"
#include "command/plug.h"
#include "define.h"
#include "domain-private.h"
#include "iotune-private.h"

typedef struct {
    VbDomainDef *next_live; /* its groups become the running guest's; NULL: they stay */
    VbDomainDef *config;    /* to be stored; NULL: not */
    QemuDone done;
    gpointer data;
} Change;

static VbDomainDiskIotune *
find_group(const VbDomainDef *def, const char *name)
{
    VB_DOMAIN_EACH(VbDomainDiskIotune, group, def->throttle_groups)
    {
        if (g_strcmp0(group->group_name, name) == 0)
            return group;
    }
    return NULL;
}

static void
on_changed(QemuDomain *domain, GError *refusal, gpointer data)
{
    g_autofree Change *change = data;
    g_autoptr(GError) error = refusal ? g_error_copy(refusal) : NULL;
    if (!error && change->next_live && domain->live) {
        GPtrArray *groups = domain->live->throttle_groups;
        domain->live->throttle_groups = change->next_live->throttle_groups;
        change->next_live->throttle_groups = groups;
        qemu_domain_save(domain);
    }
    if (!error && change->config)
        (void)qemu_domain_store_config(domain, g_steal_pointer(&change->config), &error);
    vb_domain_free(change->next_live);
    vb_domain_free(change->config);
    change->done(domain, error, change->data);
}

/* @change: taken; @arguments NULL: the emulator has nothing to do */
static void
finish(QemuDomain *domain, Change *change, const char *command, const char *arguments,
       GError *error)
{
    if (error || !arguments)
        qemu_domain_finish_later(domain, error, on_changed, change);
    else
        qemu_domain_execute(domain, command, arguments, on_changed, change);
}

/* ---- setting ---- */

/* (transfer full) @def with the group */
static VbDomainDef *
with_group(const VbDomainDef *def, const QemuIotuneChange *change, GError **error)
{
    static const VbDomainDiskIotune none;
    const VbDomainDiskIotune *old = find_group(def, change->name);
    VbDomainDiskIotune tune, *group;
    VbDomainDef *next;
    guint touched;
    if (!qemu_iotune_read(change->params, &tune, &touched, error))
        return NULL;
    qemu_iotune_fill(&tune, old ? old : &none, touched);
    if (!qemu_iotune_check(&tune, touched, error))
        return NULL;
    tune.group_name = (char *)(gpointer)change->name;
    next = vb_domain_copy(def);
    group = find_group(next, change->name);
    if (!group)
        group =
            vb_domain_list_add(&next->throttle_groups, vb_xml_new(&vb_domain_throttle_group_type));
    qemu_iotune_copy(group, &tune);
    return next;
}

void
qemu_throttle_group_set(QemuDomain *domain, const QemuIotuneChange *wanted, QemuDone done,
                        gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autofree char *arguments = NULL;
    const char *command = NULL;
    GError *error = NULL;
    Change *change = g_new0(Change, 1);
    change->done = done;
    change->data = data;
    if (!*wanted->name)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "missing throttle group name");
    if (!error &&
        qemu_check_flags(wanted->flags, QEMU_IOTUNE_IMPACT, "qemuDomainSetThrottleGroup", &error) &&
        qemu_domain_pick_defs(domain, wanted->flags, &live, &config, &error) &&
        (!live || (change->next_live = with_group(live, wanted, &error))) && config)
        change->config = with_group(config, wanted, &error);
    if (!error && change->next_live) {
        const VbDomainDiskIotune *group = find_group(change->next_live, wanted->name);
        const gboolean is_there = find_group(live, wanted->name) != NULL;
        command = is_there ? "qom-set" : "object-add";
        arguments =
            is_there ? qemu_command_throttle_limits(group) : qemu_command_throttle_group(group);
    }
    finish(domain, change, command, arguments, error);
}

/* ---- taking away ---- */

/* (transfer full) @def without the group */
static VbDomainDef *
without_group(const VbDomainDef *def, const char *name, GError **error)
{
    VbDomainDef *next;
    if (!find_group(def, name)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "throttle group '%s' not found", name);
        return NULL;
    }
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        VB_DOMAIN_EACH(VbDomainThrottleFilter, filter, vb_domain_disk_more(disk)->throttle_filters)
        {
            if (g_strcmp0(filter->group, name) != 0)
                continue;
            vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                         "throttle group '%s' is still being used by disk '%s'", name, disk->dst);
            return NULL;
        }
    }
    next = vb_domain_copy(def);
    for (guint i = 0; i < VB_DOMAIN_COUNT(next->throttle_groups); i++) {
        VbDomainDiskIotune *group = next->throttle_groups->pdata[i];
        if (g_strcmp0(group->group_name, name) != 0)
            continue;
        g_ptr_array_remove_index(next->throttle_groups, i);
        vb_xml_free(&vb_domain_throttle_group_type, group);
        break;
    }
    return next;
}

void
qemu_throttle_group_delete(QemuDomain *domain, const char *name, guint flags, QemuDone done,
                           gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autofree char *arguments = NULL;
    GError *error = NULL;
    Change *change = g_new0(Change, 1);
    change->done = done;
    change->data = data;
    if (qemu_check_flags(flags, QEMU_IOTUNE_IMPACT, "qemuDomainDelThrottleGroup", &error) &&
        qemu_domain_pick_defs(domain, flags, &live, &config, &error) &&
        (!live || (change->next_live = without_group(live, name, &error))) && config)
        change->config = without_group(config, name, &error);
    if (!error && change->next_live) {
        g_autofree char *id = g_strdup_printf("throttle-%s", name);
        arguments = vb_json_object("s:id", id, NULL);
    }
    finish(domain, change, "object-del", arguments, error);
}
