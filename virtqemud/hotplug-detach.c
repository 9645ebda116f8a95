/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device out of a running guest: the emulator is asked, the guest lets go when it likes, and the event says that it
 * did. Only then the host's side of the device is taken away. */
#include "hotplug-private.h"

#include "base/error.h"
#include "base/log.h"
#include "hostdev.h"
#include "passt.h"
#include "secret.h"
#include "transient.h"

#include <string.h>

#define WAIT_MS 5000 /* Source: libvirt waits as long before it says that the request was made */

static gboolean
has_users(const VbDomainDef *def, const VbDomainController *controller)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (disk->bus == VB_DOMAIN_DISK_BUS_SCSI &&
            disk->info.address.drive.controller == controller->index)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_removable(const VbDomainDef *live, const VbDomainDevice *device, GError **error)
{
    const VbDomainDisk *disk = device->device;
    const VbDomainController *controller = device->device;
    const VbDomainInput *input = device->device;
    if (device->class == VB_DOMAIN_CLASS_DISK && disk->bus != VB_DOMAIN_DISK_BUS_VIRTIO &&
        disk->bus != VB_DOMAIN_DISK_BUS_SCSI && disk->bus != VB_DOMAIN_DISK_BUS_USB)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "This type of disk cannot be hot unplugged");
    if (device->class == VB_DOMAIN_CLASS_INPUT && input->bus != VB_DOMAIN_INPUT_BUS_USB &&
        input->bus != VB_DOMAIN_INPUT_BUS_VIRTIO && input->bus != VB_DOMAIN_INPUT_BUS_NONE)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "input device on bus '%s' cannot be detached",
                            vb_enum_to_nick(&vb_domain_input_bus_enum, input->bus));
    if (device->class != VB_DOMAIN_CLASS_CONTROLLER)
        return TRUE;
    if (controller->type != VB_DOMAIN_CONTROLLER_SCSI)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "'%s' controller cannot be hot unplugged.",
                            vb_enum_to_nick(&vb_domain_controller_type_enum, controller->type));
    return !has_users(live, controller) ||
           vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                        "device cannot be detached: device is busy");
}

static gboolean
find_victim(QemuPlug *plug, VbDomainDevice *ret_victim, GError **error)
{
    VbDomainDef *live = plug->domain->live;
    int class;
    if (!plug->device) {
        if (!qemu_device_find_alias(live, plug->alias, ret_victim))
            return vb_error_set(error, VIR_ERR_DEVICE_MISSING, "no device found with alias %s",
                                plug->alias);
        return TRUE;
    }
    class = qemu_device_class(plug->device);
    if (class == VB_DOMAIN_CLASS_LAST || !qemu_command_can_plug(class))
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "live detach of device '%s' is not supported",
                            qemu_device_name(plug->device));
    ret_victim->class = (VbDomainDeviceClass) class;
    ret_victim->device = qemu_device_find(plug->device, live, QEMU_DEVICE_LIVE, error);
    ret_victim->info =
        ret_victim->device ? vb_domain_device_info(ret_victim->class, ret_victim->device) : NULL;
    return ret_victim->device != NULL;
}

static void
end_when_gone(QemuPlug *plug)
{
    if (plug->is_answered && (plug->is_gone || !plug->device))
        qemu_plug_finish(plug, NULL);
}

static gboolean
on_waited(gpointer data)
{
    QemuPlug *plug = data;
    plug->timer = 0;
    qemu_plug_finish(plug, NULL);
    return G_SOURCE_REMOVE;
}

static void
on_asked(QemuPlug *plug, const GError *error)
{
    plug->is_answered = TRUE;
    if (error && !plug->is_gone) {
        qemu_plug_finish(plug, g_error_copy(error));
        return;
    }
    if (!plug->is_gone && plug->device)
        plug->timer = g_timeout_add(WAIT_MS, on_waited, plug);
    end_when_gone(plug);
}

void
qemu_plug_detach(QemuPlug *plug)
{
    VbDomainDevice victim = {0};
    g_autoptr(GPtrArray) steps = qemu_command_plug_steps_new();
    GError *error = NULL;
    if (!find_victim(plug, &victim, &error) ||
        !check_removable(plug->domain->live, &victim, &error)) {
        qemu_plug_finish(plug, error);
        return;
    }
    plug->waits_for = g_strdup(victim.info->alias);
    qemu_plug_add_step(steps, "device_del", vb_json_object("s:id", victim.info->alias, NULL));
    qemu_plug_execute(plug, g_steal_pointer(&steps), on_asked);
}

/* ---- events ---- */

/* its tap, its macvtap, the address that a card of the host lent it */
static gboolean
is_of_net(const char *owed, const VbDomainNet *net)
{
    const gboolean has_lent = net->type == VB_DOMAIN_NET_DIRECT &&
                              g_strcmp0(vb_domain_net_more(net)->source_mode, "passthrough") == 0;
    g_autofree char *tap = g_strdup_printf("tap %s", net->target_dev ? net->target_dev : "");
    g_autofree char *limits = g_strdup_printf("limits %s", net->target_dev ? net->target_dev : "");
    g_autofree char *macvtap =
        g_strdup_printf("macvtap %s ", net->target_dev ? net->target_dev : "");
    g_autofree char *lent = g_strdup_printf("ifmac %s ", net->source_dev ? net->source_dev : "");
    return strcmp(owed, tap) == 0 || strcmp(owed, limits) == 0 || g_str_has_prefix(owed, macvtap) ||
           (has_lent && g_str_has_prefix(owed, lent));
}

void
qemu_plug_release_tap(QemuDomain *domain, const VbDomainNet *net)
{
    if (qemu_passt_serves(net))
        qemu_passt_end(domain, net);
    for (guint i = domain->owed->len; i > 0; i--) {
        const char *owed = domain->owed->pdata[i - 1];
        if (!is_of_net(owed, net))
            continue;
        qemu_domain_pay(owed);
        g_ptr_array_remove_index(domain->owed, i - 1);
    }
}

/* the host's side, as it was built */
static void
release_host_side(QemuDomain *domain, const VbDomainDevice *device)
{
    const QemuCommandOptions options = {.domain_dir = "/",
                                        .monitor_fd = -1,
                                        .find_scsi = qemu_hostdev_find_scsi,
                                        .scsi_data = domain->manager,
                                        .find_secret = qemu_secret_name};
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuCaps) caps = qemu_plug_get_caps(domain, &error);
    g_autoptr(GPtrArray) steps = NULL;
    if (caps && qemu_command_can_plug((int)device->class))
        steps = qemu_command_plug_device(domain->live, caps, &options, device, &error);
    if (steps && steps->len > 0)
        qemu_plug_undo(domain, steps, steps->len - 1); /* the device itself is gone */
    else if (error)
        vb_log_warning(domain->name, "what belonged to %s stays: %s", device->info->alias,
                       error->message);
}

static QemuPlug *
find_waiting(QemuDomain *domain, const char *alias)
{
    QemuPlug *plug = domain->plugs ? g_queue_peek_head(domain->plugs) : NULL;
    return plug && g_strcmp0(plug->waits_for, alias) == 0 ? plug : NULL;
}

/**
 * qemu_hotplug_deleted:
 * @domain: the guest
 * @alias: of the device that the emulator has removed
 *
 * Takes the device out of the live definition and its host's side away, tells everybody, ends the call that waits.
 */
void
qemu_hotplug_deleted(QemuDomain *domain, const char *alias)
{
    g_autofree char *name = g_strdup(alias);
    QemuPlug *plug = find_waiting(domain, alias);
    VbDomainDevice device;
    if (!qemu_device_find_alias(domain->live, alias, &device))
        return; /* a function of something else, or an addition that was taken back */
    release_host_side(domain, &device);
    if (device.class == VB_DOMAIN_CLASS_NET)
        qemu_plug_release_tap(domain, device.device);
    if (device.class == VB_DOMAIN_CLASS_MEMORY)
        qemu_plug_add_memory(domain, device.device, FALSE);
    if (device.class == VB_DOMAIN_CLASS_DISK)
        qemu_transient_remove(domain, device.device);
    qemu_hostdevs_return_one(domain, (int)device.class, device.device);
    qemu_device_drop_any(domain->live, &device);
    qemu_domain_emit(domain, "device-removed", g_variant_new_parsed("{'devAlias': <%s>}", name));
    qemu_domain_save(domain);
    if (!plug)
        return;
    plug->is_gone = TRUE;
    end_when_gone(plug);
}

void
qemu_hotplug_rejected(QemuDomain *domain, const char *alias)
{
    QemuPlug *plug = find_waiting(domain, alias);
    GError *error = NULL;
    qemu_domain_emit(domain, "device-removal-failed",
                     g_variant_new_parsed("{'devAlias': <%s>}", alias));
    if (!plug || !plug->is_answered)
        return;
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                 "detach of device '%s' was rejected by the guest", alias);
    qemu_plug_finish(plug, error);
}
