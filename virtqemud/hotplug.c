/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of a guest's devices, one after the other: whether the stored definition takes the change is looked at first,
 * then the running guest is changed, then what is stored by then. Owns the changes under way. */
#include "hotplug-private.h"

#include "base/error.h"
#include "guest-job.h"
#include "secret.h"

#include <string.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* what a guest may need to let go of a medium after it was asked */
enum { RETRY_MS = 50, RETRY_MAX = 100 };
enum { ATTACH, DETACH, UPDATE, DETACH_ALIAS };

static void run_next(QemuDomain *domain);

/* ---- the end ---- */

static void
plug_free(QemuPlug *plug)
{
    g_clear_handle_id(&plug->timer, g_source_remove);
    qemu_device_free(plug->device);
    qemu_device_free(plug->stored);
    vb_domain_free(plug->next_live);
    qemu_prepared_free(plug->prepared);
    g_clear_pointer(&plug->steps, g_ptr_array_unref);
    g_free(plug->xml);
    g_free(plug->alias);
    g_free(plug->waits_for);
    g_free(plug->pty);
    qemu_domain_unref(plug->domain);
    g_free(plug);
}

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const QemuPlug *plug = data;
    QemuManager *manager = plug->domain->manager;
    VbDomainDevice found;
    switch (plug->kind) {
    case ATTACH:
        return qemu_device_attach_config(manager, next, plug->stored, error);
    case DETACH:
        return qemu_device_detach_config(next, plug->stored, error);
    case UPDATE:
        return qemu_device_update_config(manager, next, plug->stored, error);
    }
    if (!qemu_device_find_alias(next, plug->alias, &found))
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "no device found with alias %s",
                            plug->alias);
    qemu_device_drop_any(next, &found);
    return TRUE;
}

void
qemu_plug_finish(QemuPlug *plug, GError *error)
{
    g_autoptr(QemuDomain) domain = qemu_domain_ref(plug->domain);
    if (!error && plug->is_stored)
        (void)qemu_domain_change_config(domain, write_config, plug, &error);
    if (domain->manager && domain->live)
        qemu_secrets_forget(domain);
    if (domain->plugs)
        g_queue_remove(domain->plugs, plug);
    plug->done(domain, error, plug->data);
    g_clear_error(&error);
    plug_free(plug);
    run_next(domain);
}

void
qemu_hotplug_drop(QemuDomain *domain)
{
    GQueue *plugs = g_steal_pointer(&domain->plugs);
    QemuPlug *plug;
    while (plugs && (plug = g_queue_pop_head(plugs))) {
        g_autoptr(GError) error = NULL;
        vb_error_set(&error, VIR_ERR_OPERATION_ABORTED,
                     "the daemon ends while devices of domain '%s' change", domain->name);
        plug->is_ended = TRUE;
        plug->done(domain, error, plug->data);
        if (!plug->is_pending)
            plug_free(plug);
    }
    if (plugs)
        g_queue_free(plugs);
}

/* ---- steps ---- */

static void next_step(QemuPlug *plug);

static void
end_steps(QemuPlug *plug, const GError *error)
{
    if (error)
        qemu_plug_undo(plug->domain, plug->steps, plug->at);
    plug->steps_done(plug, error);
}

static gboolean
on_retry(gpointer data)
{
    QemuPlug *plug = data;
    plug->timer = 0;
    next_step(plug);
    return G_SOURCE_REMOVE;
}

/* Goes back when the step that failed may work later. The emulator has no class of error for a closed tray. */
static gboolean
retry_step(QemuPlug *plug, const GError *error)
{
    const QemuPlugStep *step = plug->steps->pdata[plug->at];
    if (step->back == 0 || !g_str_has_suffix(error->message, "is not open") ||
        !plug->domain->live || plug->n_tries == RETRY_MAX)
        return FALSE;
    plug->at -= step->back;
    plug->timer = g_timeout_add(plug->n_tries++ == 0 ? 0 : RETRY_MS, on_retry, plug);
    return TRUE;
}

static void
on_step(const VbJson *result, const GError *error, gpointer data)
{
    QemuPlug *plug = data;
    const char *pty = vb_json_get_string(result, "pty");
    plug->is_pending = FALSE;
    if (plug->is_ended) {
        plug_free(plug);
        return;
    }
    if (pty) {
        g_free(plug->pty);
        plug->pty = g_strdup(pty);
    }
    if (error) {
        if (!retry_step(plug, error))
            end_steps(plug, error);
        return;
    }
    plug->at++;
    next_step(plug);
}

static void
next_step(QemuPlug *plug)
{
    g_autoptr(GError) error = NULL;
    const QemuPlugStep *step = plug->at < plug->steps->len ? plug->steps->pdata[plug->at] : NULL;
    if (!qemu_domain_check_active(plug->domain, &error)) {
        end_steps(plug, error);
    } else if (!plug->domain->qmp) {
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", plug->domain->name);
        end_steps(plug, error);
    } else if (!step) {
        end_steps(plug, NULL);
    } else {
        plug->is_pending = TRUE;
        qemu_qmp_execute(plug->domain->qmp, step->command, step->arguments, QEMU_QMP_TIMEOUT_MS,
                         on_step, plug);
    }
}

gboolean
qemu_plug_resume(QemuPlug *plug)
{
    plug->is_pending = FALSE;
    if (!plug->is_ended)
        return TRUE;
    plug_free(plug);
    return FALSE;
}

void
qemu_plug_execute(QemuPlug *plug, GPtrArray *steps, QemuPlugStepsDone done)
{
    g_clear_pointer(&plug->steps, g_ptr_array_unref);
    plug->steps = steps;
    plug->at = plug->n_tries = 0;
    plug->steps_done = done;
    next_step(plug);
}

void
qemu_plug_undo(QemuDomain *domain, const GPtrArray *steps, guint n)
{
    for (guint i = n; i > 0 && domain->qmp && domain->live; i--) {
        const QemuPlugStep *step = steps->pdata[i - 1];
        if (step->undo)
            qemu_qmp_execute(domain->qmp, step->undo, step->undo_arguments, QEMU_QMP_TIMEOUT_MS,
                             NULL, NULL);
    }
}

QemuPlugStep *
qemu_plug_add_step(GPtrArray *steps, const char *command, char *arguments)
{
    QemuPlugStep *step = g_new0(QemuPlugStep, 1);
    step->command = g_strdup(command);
    step->arguments = arguments;
    g_ptr_array_add(steps, step);
    return step;
}

void
qemu_plug_add_memory(QemuDomain *domain, const VbDomainMemoryDevice *memory, gboolean is_new)
{
    VbDomainDef *live = domain->live;
    const guint64 size = memory->size_kib;
    if (is_new) {
        live->memory_kib += size;
        live->current_memory_kib += size;
    } else {
        live->memory_kib -= MIN(size, live->memory_kib);
        live->current_memory_kib = MIN(live->current_memory_kib, live->memory_kib);
    }
    domain->facts->balloon_kib = live->current_memory_kib;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_RUN);
}

/* what a disk's <iotune> says, once its image is there */
void
qemu_plug_add_limits(GPtrArray *steps, const VbDomainDisk *disk)
{
    char *arguments = qemu_command_iotune_arguments(disk, FALSE);
    if (arguments)
        qemu_plug_add_step(steps, "block_set_io_throttle", arguments);
}

QemuCaps *
qemu_plug_get_caps(QemuDomain *domain, GError **error)
{
    QemuManager *manager = domain->manager;
    QemuCaps *caps = manager && manager->caps
                         ? qemu_caps_cache_peek(manager->caps, domain->live->emulator)
                         : NULL;
    if (!caps)
        vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                     "the capabilities of emulator '%s' are not known yet", domain->live->emulator);
    return caps;
}

/* ---- the beginning ---- */

/* both definitions get the same address */
static void
fill_mac(QemuPlug *plug)
{
    VbDomainNet *net = plug->device->device;
    if (plug->kind == ATTACH && qemu_device_class(plug->device) == VB_DOMAIN_CLASS_NET &&
        !net->mac.is_set)
        vb_domain_net_generate_mac(net);
}

/* Whether the stored definition takes the change. An alias that a running guest's device was given says nothing there. */
static gboolean
check_config(QemuPlug *plug, const VbDomainDef *config, GError **error)
{
    g_autoptr(VbDomainDef) next = vb_domain_copy(config);
    VbDomainDeviceInfo *info;
    plug->is_stored = TRUE;
    plug->stored = plug->device ? qemu_device_copy(plug->device) : NULL;
    info = plug->stored ? qemu_device_info(plug->stored) : NULL;
    if (info && !vb_domain_alias_is_user(info->alias))
        g_clear_pointer(&info->alias, g_free);
    return write_config(next, plug, error);
}

static gboolean
begin(QemuPlug *plug, VbDomainDef **ret_live, GError **error)
{
    VbDomainDef *config;
    if (!plug->domain->manager)
        return vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'",
                            plug->domain->name);
    if (!qemu_domain_pick_defs(plug->domain, plug->flags & IMPACT, ret_live, &config, error))
        return FALSE;
    if (*ret_live && plug->domain->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is being started");
    if (!qemu_job_check_none(plug->domain, error))
        return FALSE;
    if (plug->kind != DETACH_ALIAS) {
        plug->device = qemu_device_parse(plug->xml, *ret_live ? QEMU_DEVICE_LIVE : 0, error);
        if (!plug->device)
            return FALSE;
        fill_mac(plug);
    }
    return !config || check_config(plug, config, error);
}

static void
run_next(QemuDomain *domain)
{
    QemuPlug *plug = domain->plugs ? g_queue_peek_head(domain->plugs) : NULL;
    VbDomainDef *live = NULL;
    GError *error = NULL;
    if (!plug || plug->at > 0 || plug->steps || plug->is_pending)
        return;
    if (!begin(plug, &live, &error) || !live)
        qemu_plug_finish(plug, error);
    else
        plug->run(plug);
}

static const struct {
    QemuPlugFunc run;
    guint flags;
    const char *function;
} kinds[] = {
    [ATTACH] = {qemu_plug_attach, IMPACT, "qemuDomainAttachDeviceFlags"},
    [DETACH] = {qemu_plug_detach, IMPACT, "qemuDomainDetachDeviceFlags"},
    [UPDATE] = {qemu_plug_update, IMPACT | VIR_DOMAIN_DEVICE_MODIFY_FORCE,
                "qemuDomainUpdateDeviceFlags"},
    [DETACH_ALIAS] = {qemu_plug_detach, IMPACT, "qemuDomainDetachDeviceAlias"},
};

static void
enqueue(QemuDomain *domain, const QemuPlug *request)
{
    QemuPlug *plug;
    GError *error = NULL;
    if (!qemu_check_flags(request->flags, kinds[request->kind].flags, kinds[request->kind].function,
                          &error)) {
        qemu_domain_finish_later(domain, error, request->done, request->data);
        return;
    }
    plug = g_memdup2(request, sizeof *request);
    plug->domain = qemu_domain_ref(domain);
    plug->run = kinds[request->kind].run;
    plug->xml = g_strdup(request->xml);
    plug->alias = g_strdup(request->alias);
    if (!domain->plugs)
        domain->plugs = g_queue_new();
    g_queue_push_tail(domain->plugs, plug);
    if (domain->plugs->length == 1)
        run_next(domain);
}

/**
 * qemu_domain_attach_device:
 * @domain: the guest
 * @xml: one element of <devices>
 * @flags: virDomainDeviceModifyFlags: 0 what is in force now, 1 live, 2 stored
 * @done: called once
 * @data: for @done
 *
 * Errors: OPERATION_INVALID it is there already, the guest does not run; OPERATION_UNSUPPORTED; those of a definition;
 *   OPERATION_FAILED the emulator refused, with its words
 */
void
qemu_domain_attach_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                          gpointer data)
{
    const QemuPlug request = {
        .kind = ATTACH, .xml = (char *)xml, .flags = flags, .done = done, .data = data};
    enqueue(domain, &request);
}

/* Waits a moment for the guest to let go; a guest that takes longer is followed by the event device-removed. */
void
qemu_domain_detach_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                          gpointer data)
{
    const QemuPlug request = {
        .kind = DETACH, .xml = (char *)xml, .flags = flags, .done = done, .data = data};
    enqueue(domain, &request);
}

/* Medium of a drive, link and source of an interface, password of a screen; 4: by force, over a locked tray. */
void
qemu_domain_update_device(QemuDomain *domain, const char *xml, guint flags, QemuDone done,
                          gpointer data)
{
    const QemuPlug request = {
        .kind = UPDATE, .xml = (char *)xml, .flags = flags, .done = done, .data = data};
    enqueue(domain, &request);
}

void
qemu_domain_detach_alias(QemuDomain *domain, const char *alias, guint flags, QemuDone done,
                         gpointer data)
{
    const QemuPlug request = {
        .kind = DETACH_ALIAS, .alias = (char *)alias, .flags = flags, .done = done, .data = data};
    enqueue(domain, &request);
}
