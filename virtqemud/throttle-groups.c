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
    char *name;
    GVariant *params;        /* NULL: the group is taken away */
    VbDomainDiskIotune tune; /* the running guest's group from then on */
    gboolean is_live, is_stored;
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

/* ---- what becomes of a definition ---- */

/* The group that @def has then. @ret_tune: zeroed before; its name is its own */
static gboolean
work_out(const VbDomainDef *def, const Change *change, VbDomainDiskIotune *ret_tune, GError **error)
{
    static const VbDomainDiskIotune none;
    const VbDomainDiskIotune *old = find_group(def, change->name);
    VbDomainDiskIotune tune;
    guint touched;
    if (!qemu_iotune_read(change->params, &tune, &touched, error))
        return FALSE;
    qemu_iotune_fill(&tune, old ? old : &none, touched);
    if (!qemu_iotune_check(&tune, touched, error))
        return FALSE;
    tune.group_name = change->name;
    qemu_iotune_copy(ret_tune, &tune);
    return TRUE;
}

static void
put_group(VbDomainDef *def, const VbDomainDiskIotune *tune)
{
    VbDomainDiskIotune *group = find_group(def, tune->group_name);
    if (!group)
        group =
            vb_domain_list_add(&def->throttle_groups, vb_xml_new(&vb_domain_throttle_group_type));
    qemu_iotune_copy(group, tune);
}

static gboolean
check_drop(const VbDomainDef *def, const char *name, GError **error)
{
    if (!find_group(def, name))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "throttle group '%s' not found", name);
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        VB_DOMAIN_EACH(VbDomainThrottleFilter, filter, vb_domain_disk_more(disk)->throttle_filters)
        {
            if (g_strcmp0(filter->group, name) == 0)
                return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                    "throttle group '%s' is still being used by disk '%s'", name,
                                    disk->dst);
        }
    }
    return TRUE;
}

static void
drop_group(VbDomainDef *def, const char *name)
{
    VbDomainDiskIotune *group = find_group(def, name);
    if (group && g_ptr_array_remove(def->throttle_groups, group))
        vb_xml_free(&vb_domain_throttle_group_type, group);
}

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const Change *change = data;
    VbDomainDiskIotune tune = {0};
    if (!change->params) {
        if (!check_drop(next, change->name, error))
            return FALSE;
        drop_group(next, change->name);
        return TRUE;
    }
    if (!work_out(next, change, &tune, error))
        return FALSE;
    put_group(next, &tune);
    g_free(tune.group_name);
    return TRUE;
}

/* Nothing is changed: whether the stored definition can be. */
static gboolean
check_config(const VbDomainDef *config, Change *change, GError **error)
{
    g_autoptr(VbDomainDef) next = vb_domain_copy(config);
    return write_config(next, change, error);
}

static void
on_changed(QemuDomain *domain, GError *refusal, gpointer data)
{
    Change *change = data;
    g_autoptr(GError) error = refusal ? g_error_copy(refusal) : NULL;
    if (!error && change->is_live && domain->live) {
        if (change->params)
            put_group(domain->live, &change->tune);
        else
            drop_group(domain->live, change->name);
        qemu_domain_save(domain);
    }
    if (!error && change->is_stored)
        (void)qemu_domain_change_config(domain, write_config, change, &error);
    change->done(domain, error, change->data);
    g_free(change->name);
    g_free(change->tune.group_name);
    g_clear_pointer(&change->params, g_variant_unref);
    g_free(change);
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

/* ---- setting and taking away ---- */

void
qemu_throttle_group_set(QemuDomain *domain, const QemuIotuneChange *wanted, QemuDone done,
                        gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autofree char *arguments = NULL;
    const char *command = NULL;
    GError *error = NULL;
    Change *change = g_new0(Change, 1);
    change->name = g_strdup(wanted->name);
    change->params = g_variant_ref(wanted->params);
    change->done = done;
    change->data = data;
    if (!*wanted->name)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "missing throttle group name");
    if (!error &&
        qemu_check_flags(wanted->flags, QEMU_IOTUNE_IMPACT, "qemuDomainSetThrottleGroup", &error) &&
        qemu_domain_pick_defs(domain, wanted->flags, &live, &config, &error) &&
        (!live || work_out(live, change, &change->tune, &error)) && config)
        (void)check_config(config, change, &error);
    if (!error && live) {
        const gboolean is_there = find_group(live, wanted->name) != NULL;
        command = is_there ? "qom-set" : "object-add";
        arguments = is_there ? qemu_command_throttle_limits(&change->tune)
                             : qemu_command_throttle_group(&change->tune);
    }
    change->is_live = live != NULL;
    change->is_stored = config != NULL;
    finish(domain, change, command, arguments, error);
}

void
qemu_throttle_group_delete(QemuDomain *domain, const char *name, guint flags, QemuDone done,
                           gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autofree char *arguments = NULL;
    GError *error = NULL;
    Change *change = g_new0(Change, 1);
    change->name = g_strdup(name);
    change->done = done;
    change->data = data;
    if (qemu_check_flags(flags, QEMU_IOTUNE_IMPACT, "qemuDomainDelThrottleGroup", &error) &&
        qemu_domain_pick_defs(domain, flags, &live, &config, &error) &&
        (!live || check_drop(live, name, &error)) && config)
        (void)check_drop(config, name, &error);
    if (!error && live) {
        g_autofree char *id = g_strdup_printf("throttle-%s", name);
        arguments = vb_json_object("s:id", id, NULL);
    }
    change->is_live = live != NULL;
    change->is_stored = config != NULL;
    finish(domain, change, "object-del", arguments, error);
}
