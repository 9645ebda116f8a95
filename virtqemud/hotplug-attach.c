/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device into a running guest: the live definition with the device is made and checked as a copy; what is new in it,
 * controllers included, is built as at a start and given to the emulator; then it moves over into the live definition. */
#include "hotplug-private.h"

#include "base/error.h"
#include "hostdev.h"
#include "passt.h"
#include "secret.h"
#include "transient.h"

#include <string.h>

/* ---- what can be added ---- */

static gboolean
check_disk(const VbDomainDisk *disk, GError **error)
{
    static const gboolean can_plug[VB_DOMAIN_DISK_BUS_LAST] = {[VB_DOMAIN_DISK_BUS_VIRTIO] = TRUE,
                                                               [VB_DOMAIN_DISK_BUS_SCSI] = TRUE,
                                                               [VB_DOMAIN_DISK_BUS_USB] = TRUE};
    if (can_plug[disk->bus])
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED, "disk bus '%s' cannot be hotplugged.",
                        vb_enum_to_nick(&vb_domain_disk_bus_enum, disk->bus));
}

/* classes of which only some can be added */
static gboolean
check_kind(const QemuDevice *device, GError **error)
{
    const int class = qemu_device_class(device);
    const VbDomainWatchdog *watchdog = device->device;
    const VbDomainInput *input = device->device;
    if (class == VB_DOMAIN_CLASS_WATCHDOG && watchdog->model != VB_DOMAIN_WATCHDOG_I6300ESB)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "hotplug of watchdog of model %s is not supported",
                            vb_enum_to_nick(&vb_domain_watchdog_model_enum, watchdog->model));
    if (class == VB_DOMAIN_CLASS_INPUT && input->bus != VB_DOMAIN_INPUT_BUS_USB &&
        input->bus != VB_DOMAIN_INPUT_BUS_VIRTIO && input->bus != VB_DOMAIN_INPUT_BUS_NONE)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "input device on bus '%s' cannot be hot plugged.",
                            vb_enum_to_nick(&vb_domain_input_bus_enum, input->bus));
    return TRUE;
}

static gboolean
check_class(const QemuDevice *device, GError **error)
{
    const int class = qemu_device_class(device);
    const VbDomainController *controller = device->device;
    if (class == VB_DOMAIN_CLASS_LAST || !qemu_command_can_plug(class))
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "live attach of device '%s' is not supported",
                            qemu_device_name(device));
    if (class == VB_DOMAIN_CLASS_CONTROLLER && controller->type != VB_DOMAIN_CONTROLLER_SCSI)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "'%s' controller cannot be hot plugged.",
                            vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type));
    return check_kind(device, error);
}

/* ---- what is new ---- */

typedef struct {
    QemuPlug *plug;
    gpointer device;
    GPtrArray *steps;
    QemuCaps *caps;
    const QemuCommandOptions *options;
    GError **error;
} Plan;

static gboolean
is_new_controller(const QemuPlug *plug, const VbDomainController *controller)
{
    return !vb_domain_find_controller(plug->domain->live, controller->type, controller->index);
}

/* buses cannot be added to a running machine; the devices that would have sat there have no place */
static gboolean
check_place(QemuPlug *plug, const VbDomainDeviceInfo *info, GError **error)
{
    if (info->address.type != VB_DOMAIN_ADDRESS_PCI ||
        vb_domain_find_controller(plug->domain->live, VB_DOMAIN_CONTROLLER_PCI,
                                  info->address.pci.bus))
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "No more available PCI slots");
}

/* indices have gaps once something was taken away: the name must be nobody else's */
static void
fix_alias(QemuPlug *plug, VbDomainDeviceInfo *info)
{
    VbDomainDevice other;
    g_autofree char *prefix = NULL;
    gsize length;
    if (!info->alias || !qemu_device_find_alias(plug->domain->live, info->alias, &other))
        return;
    length = strlen(info->alias);
    while (length > 0 && g_ascii_isdigit(info->alias[length - 1]))
        length--;
    prefix = g_strndup(info->alias, length);
    for (guint i = 0; qemu_device_find_alias(plug->domain->live, info->alias, &other); i++) {
        g_free(info->alias);
        info->alias = g_strdup_printf("%s%u", prefix, i);
    }
}

static gboolean
add_steps(Plan *plan, const VbDomainDevice *device)
{
    g_autoptr(GPtrArray) steps = NULL;
    if (!check_place(plan->plug, device->info, plan->error))
        return FALSE;
    steps = qemu_command_plug_device(plan->plug->next_live, plan->caps, plan->options, device,
                                     plan->error);
    if (!steps)
        return FALSE;
    while (steps->len > 0)
        g_ptr_array_add(plan->steps, g_ptr_array_steal_index(steps, 0));
    return TRUE;
}

static gboolean
add_controllers(Plan *plan)
{
    VB_DOMAIN_EACH(VbDomainController, controller, plan->plug->next_live->controllers)
    {
        const VbDomainDevice device = {VB_DOMAIN_CLASS_CONTROLLER, 0, controller,
                                       &controller->info};
        if (controller == plan->device || controller->type == VB_DOMAIN_CONTROLLER_PCI ||
            !is_new_controller(plan->plug, controller))
            continue;
        if (controller->type != VB_DOMAIN_CONTROLLER_SCSI &&
            controller->type != VB_DOMAIN_CONTROLLER_VIRTIO_SERIAL)
            return vb_error_set(plan->error, VIR_ERR_OPERATION_UNSUPPORTED,
                                "'%s' controller cannot be hotplugged.",
                                vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type));
        if (!add_steps(plan, &device))
            return FALSE;
    }
    return TRUE;
}

/* ---- the host's side ---- */

static gboolean
prepare_host(QemuPlug *plug, const QemuDevice *kind, gpointer device, GError **error)
{
    plug->prepared = qemu_prepared_new();
    switch (qemu_device_class(kind)) {
    case VB_DOMAIN_CLASS_DISK:
        return qemu_prepare_disk(device, error);
    case VB_DOMAIN_CLASS_NET:
        return qemu_prepare_net(plug->domain, device, plug->prepared, error);
    case VB_DOMAIN_CLASS_HOSTDEV:
        return qemu_prepare_hostdev(device, plug->prepared, error);
    case VB_DOMAIN_CLASS_VSOCK:
        return qemu_prepare_vsock(device, plug->prepared, error);
    case VB_DOMAIN_CLASS_CHANNEL:
        return qemu_prepare_channel(plug->domain, device, plug->prepared, error);
    }
    return TRUE;
}

/* descriptors go ahead of the commands that name them */
static void
send_fds(QemuPlug *plug, GPtrArray *names)
{
    for (guint i = 0; i < plug->prepared->command_fds->len; i++) {
        QemuCommandFd *entry = &g_array_index(plug->prepared->command_fds, QemuCommandFd, i);
        g_autofree char *name = g_strdup_printf("fd-%s-%u", entry->alias, i);
        g_autofree char *arguments = vb_json_object("s:fdname", name, NULL);
        QemuQmpRequest request = {"getfd", arguments, -1, QEMU_QMP_TIMEOUT_MS};
        for (guint j = 0; j < plug->prepared->process_fds->len; j++) {
            const QemuProcessFd *fd = &g_array_index(plug->prepared->process_fds, QemuProcessFd, j);
            if (fd->target == entry->fd)
                request.fd = fd->source;
        }
        qemu_qmp_execute_request(plug->domain->qmp, &request, NULL, NULL);
        entry->name = name;
        g_ptr_array_add(names, g_steal_pointer(&name));
    }
}

/* ---- the end ---- */

/* what was new moves over; both definitions are the same otherwise */
static void
take_over(GPtrArray **to, GPtrArray **from, gpointer device)
{
    guint at = 0;
    if (!g_ptr_array_find(*from, device, &at))
        return;
    g_ptr_array_steal_index(*from, at);
    vb_domain_list_insert(to, MIN(at, VB_DOMAIN_COUNT(*to)), device);
}

static void
take_controllers(QemuPlug *plug)
{
    VbDomainDef *next = plug->next_live;
    for (guint i = 0; i < VB_DOMAIN_COUNT(next->controllers); i++) {
        VbDomainController *controller = next->controllers->pdata[i];
        if (controller->type == VB_DOMAIN_CONTROLLER_PCI || !is_new_controller(plug, controller))
            continue;
        take_over(&plug->domain->live->controllers, &next->controllers, controller);
        i--;
    }
}

static void
take_pty(QemuPlug *plug, const VbDomainDevice *device)
{
    const gboolean is_chr =
        device->class == VB_DOMAIN_CLASS_SERIAL || device->class == VB_DOMAIN_CLASS_CHANNEL;
    VbDomainChr *chr = device->device;
    if (!plug->pty || !is_chr || chr->source.type != VB_DOMAIN_CHR_PTY)
        return;
    g_free(chr->source.path);
    chr->source.path = g_steal_pointer(&plug->pty);
}

/* what was made for a device that did not come: descriptors that the emulator holds, the tap */
static void
drop_host_side(QemuPlug *plug)
{
    QemuDomain *domain = plug->domain;
    VbDomainDevice device;
    for (guint i = 0; plug->prepared && domain->qmp && i < plug->prepared->command_fds->len; i++) {
        const QemuCommandFd *entry = &g_array_index(plug->prepared->command_fds, QemuCommandFd, i);
        g_autofree char *name = g_strdup_printf("fd-%s-%u", entry->alias, i);
        g_autofree char *arguments = vb_json_object("s:fdname", name, NULL);
        qemu_qmp_execute(domain->qmp, "closefd", arguments, QEMU_QMP_TIMEOUT_MS, NULL, NULL);
    }
    g_clear_pointer(&plug->prepared, qemu_prepared_free);
    if (plug->has_taken)
        qemu_hostdevs_return_one(domain, qemu_device_class(plug->device), plug->device->device);
    plug->has_taken = FALSE;
    if (qemu_device_class(plug->device) == VB_DOMAIN_CLASS_DISK)
        qemu_transient_remove(domain, plug->device->device);
    if (domain->live && plug->next_live && plug->alias &&
        qemu_device_find_alias(plug->next_live, plug->alias, &device) &&
        device.class == VB_DOMAIN_CLASS_NET)
        qemu_plug_release_tap(domain, device.device);
}

static void
on_added(QemuPlug *plug, const GError *error)
{
    QemuDomain *domain = plug->domain;
    VbDomainDevice added;
    g_autofree char *alias = g_strdup(plug->alias);
    if (error || !qemu_device_find_alias(plug->next_live, alias, &added)) {
        drop_host_side(plug);
        qemu_plug_finish(plug, error ? g_error_copy(error) : NULL);
        return;
    }
    take_pty(plug, &added);
    take_controllers(plug);
    if (qemu_device_is_single(plug->device))
        plug->domain->live->vsock = g_steal_pointer(&plug->next_live->vsock);
    else
        take_over(qemu_device_list(plug->device, domain->live),
                  qemu_device_list(plug->device, plug->next_live), added.device);
    if (added.class == VB_DOMAIN_CLASS_MEMORY)
        qemu_plug_add_memory(domain, added.device, TRUE);
    qemu_domain_emit(domain, "device-added", g_variant_new_parsed("{'devAlias': <%s>}", alias));
    qemu_domain_save(domain);
    qemu_plug_finish(plug, NULL);
}

static gboolean
plan_all(Plan *plan, const QemuDevice *kind)
{
    QemuPlug *plug = plan->plug;
    VbDomainDef *next = plug->next_live;
    VbDomainDevice device = {(VbDomainDeviceClass)qemu_device_class(kind), 0, plan->device, NULL};
    device.info = vb_domain_device_info(device.class, plan->device);
    vb_domain_assign_aliases(next);
    if (device.info->alias)
        fix_alias(plug, device.info);
    qemu_command_number_images(next);
    g_free(plug->alias);
    plug->alias = g_strdup(device.info->alias);
    if (!add_controllers(plan) || !add_steps(plan, &device))
        return FALSE;
    if (device.class == VB_DOMAIN_CLASS_DISK)
        qemu_plug_add_limits(plan->steps, plan->device);
    return TRUE;
}

/* the definition with the device, which has its place and its alias */
static gboolean
make_next(QemuPlug *plug, GError **error)
{
    QemuDomain *domain = plug->domain;
    g_autoptr(QemuDevice) copy = qemu_device_copy(plug->device);
    gpointer device = copy->device;
    VbDomainDeviceInfo *info;
    plug->next_device = device;
    plug->next_live = vb_domain_copy(domain->live);
    if (!qemu_device_add(copy, plug->next_live, error) ||
        !qemu_device_complete(domain->manager, plug->next_live, error))
        return FALSE;
    info = vb_domain_device_info((VbDomainDeviceClass)qemu_device_class(plug->device), device);
    if (!check_place(plug, info, error) ||
        (qemu_device_class(plug->device) == VB_DOMAIN_CLASS_DISK && !check_disk(device, error)))
        return FALSE;
    vb_domain_assign_aliases(plug->next_live);
    fix_alias(plug, info);
    g_free(plug->alias);
    plug->alias = g_strdup(info->alias);
    return TRUE;
}

static gboolean
make_plan(QemuPlug *plug, GPtrArray *steps, GPtrArray *names, GError **error)
{
    QemuDomain *domain = plug->domain;
    gpointer device = plug->next_device;
    g_autoptr(QemuCaps) caps = qemu_plug_get_caps(domain, error);
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    QemuCommandOptions options = {.domain_dir = folder,
                                  .run_dir = domain->manager->run_dir,
                                  .monitor_fd = 0,
                                  .find_scsi = qemu_hostdev_find_scsi,
                                  .scsi_data = domain->manager,
                                  .find_secret = qemu_secret_provide,
                                  .secret_data = domain};
    Plan plan = {plug, device, steps, caps, &options, error};
    if (!caps || !prepare_host(plug, plug->device, device, error))
        return FALSE;
    send_fds(plug, names);
    options.fds = (const QemuCommandFd *)(gpointer)plug->prepared->command_fds->data;
    options.n_fds = plug->prepared->command_fds->len;
    return plan_all(&plan, plug->device);
}

/* media of drives that are there come this way too */
static VbDomainDisk *
find_drive(QemuPlug *plug)
{
    const VbDomainDisk *disk = plug->device->device;
    VbDomainDisk *drive;
    if (qemu_device_class(plug->device) != VB_DOMAIN_CLASS_DISK ||
        (disk->device != VB_DOMAIN_DISK_DEVICE_CDROM &&
         disk->device != VB_DOMAIN_DISK_DEVICE_FLOPPY))
        return NULL;
    drive = qemu_device_find(plug->device, plug->domain->live, QEMU_DEVICE_LIVE, NULL);
    return drive && drive->device == disk->device ? drive : NULL;
}

static void
fail(QemuPlug *plug, GError *error)
{
    drop_host_side(plug);
    qemu_plug_finish(plug, error);
}

/* before a device of the host is taken, and again when it is there */
static gboolean
check_monitor(const QemuDomain *domain, GError **error)
{
    return domain->qmp || vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                                       "the monitor of domain '%s' is not connected", domain->name);
}

static void
plan_and_execute(QemuPlug *plug)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) steps = qemu_command_plug_steps_new();
    GError *error = NULL;
    if (check_monitor(plug->domain, &error) && make_plan(plug, steps, names, &error))
        qemu_plug_execute(plug, g_steal_pointer(&steps), on_added);
    else
        fail(plug, error);
}

static void
on_passt(QemuDomain *domain, const GError *failure, gpointer data)
{
    QemuPlug *plug = data;
    GError *error = failure ? g_error_copy(failure) : NULL;
    if (!qemu_plug_resume(plug)) {
        g_clear_error(&error);
        return;
    }
    if (error || !qemu_domain_check_active(domain, &error))
        fail(plug, error);
    else
        plan_and_execute(plug);
}

/* The host's device is the guest's by now. */
static void
on_taken(QemuDomain *domain, GError *failure, gpointer data)
{
    QemuPlug *plug = data;
    GError *error = failure ? g_error_copy(failure) : NULL;
    plug->has_taken = !failure;
    if (plug->is_ended && plug->has_taken) /* what the guest itself has not got */
        qemu_hostdevs_return_one(domain, qemu_device_class(plug->device), plug->device->device);
    if (!qemu_plug_resume(plug)) {
        g_clear_error(&error);
        return;
    }
    if (error || !qemu_domain_check_active(domain, &error) || !make_next(plug, &error)) {
        fail(plug, error);
    } else if (qemu_device_class(plug->device) != VB_DOMAIN_CLASS_NET ||
               !qemu_passt_serves(plug->next_device)) {
        plan_and_execute(plug);
    } else if (qemu_passt_start(domain, plug->next_device, on_passt, plug, &error)) {
        plug->is_pending = TRUE;
    } else {
        fail(plug, error);
    }
}

static void
take(QemuPlug *plug)
{
    plug->is_pending = TRUE;
    qemu_hostdevs_take_one(plug->domain, qemu_device_class(plug->device), plug->device->device,
                           on_taken, plug);
}

/* The disk's overlay is there. */
static void
on_made(QemuDomain *domain, GError *error, gpointer data)
{
    QemuPlug *plug = data;
    if (!plug->is_ended && !error)
        qemu_transient_cover(domain, plug->device->device);
    if (!qemu_plug_resume(plug))
        return;
    if (error)
        fail(plug, g_error_copy(error));
    else
        take(plug);
}

static gboolean
is_transient(const QemuPlug *plug)
{
    return qemu_device_class(plug->device) == VB_DOMAIN_CLASS_DISK &&
           ((const VbDomainDisk *)plug->device->device)->is_transient;
}

void
qemu_plug_attach(QemuPlug *plug)
{
    VbDomainDisk *drive = find_drive(plug);
    GError *error = NULL;
    if (drive) {
        qemu_plug_change_medium(plug, drive);
        return;
    }
    if (!check_class(plug->device, &error) || !check_monitor(plug->domain, &error)) {
        fail(plug, error);
        return;
    }
    if (is_transient(plug) && check_disk(plug->device->device, &error)) {
        plug->is_pending = TRUE;
        qemu_transient_make(plug->domain, plug->device->device, on_made, plug);
    } else if (error) {
        fail(plug, error);
    } else {
        take(plug);
    }
}
