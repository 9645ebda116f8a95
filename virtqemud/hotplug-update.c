/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes to devices of a running guest: the medium in a drive, the link of an interface, the password of a screen. */
#include "hotplug-private.h"

#include "bandwidth.h"
#include "base/error.h"
#include "bridge-port.h"
#include "domain/disk.h"
#include "secret.h"

#include <string.h>

/* ---- media ---- */

guint
qemu_plug_next_number(const VbDomainDef *def)
{
    guint highest = 0;
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        highest = MAX(highest, disk->source.index);
        for (VbDomainBackingStore *at = disk->backing; at; at = at->backing)
            highest = MAX(highest, MAX(at->index, at->source.index));
    }
    return highest + 1;
}

static void
swap_media(VbDomainDisk *a, VbDomainDisk *b)
{
    const VbDomainDiskSource source = a->source;
    VbDomainBackingStore *backing = a->backing;
    const int format = a->format;
    a->source = b->source;
    a->backing = b->backing;
    a->format = b->format;
    b->source = source;
    b->backing = backing;
    b->format = format;
}

static VbDomainDisk *
find_live(QemuPlug *plug)
{
    return qemu_device_find(plug->device, plug->domain->live, QEMU_DEVICE_LIVE, NULL);
}

static void
on_medium_changed(QemuPlug *plug, const GError *error)
{
    QemuDomain *domain = plug->domain;
    VbDomainDisk *disk = domain->live ? find_live(plug) : NULL;
    VbDomainDisk *medium = plug->device->device;
    g_autoptr(QemuCaps) caps = disk ? qemu_plug_get_caps(domain, NULL) : NULL;
    g_autoptr(GPtrArray) old = NULL;
    const QemuCommandOptions options = {.domain_dir = "/",
                                        .monitor_fd = -1,
                                        .find_secret = qemu_secret_name};
    if (error || !disk) {
        qemu_plug_finish(plug, error ? g_error_copy(error) : NULL);
        return;
    }
    if (caps && !vb_domain_source_is_empty(&disk->source))
        old = qemu_command_plug_medium(domain->live, caps, &options, disk, NULL);
    if (old)
        qemu_plug_undo(domain, old, old->len);
    swap_media(disk, medium);
    qemu_domain_save(domain);
    qemu_plug_finish(plug, NULL);
}

/* the drive with the medium that is to come */
static gboolean
add_medium_nodes(QemuPlug *plug, const VbDomainDisk *disk, GPtrArray *steps, GError **error)
{
    VbDomainDisk *medium = plug->device->device;
    VbDomainDisk drive = *disk;
    g_autoptr(QemuCaps) caps = qemu_plug_get_caps(plug->domain, error);
    g_autoptr(GPtrArray) nodes = NULL;
    guint number = qemu_plug_next_number(plug->domain->live);
    const QemuCommandOptions options = {.domain_dir = "/",
                                        .monitor_fd = -1,
                                        .find_secret = qemu_secret_provide,
                                        .secret_data = plug->domain};
    if (!caps || !qemu_prepare_disk(medium, error))
        return FALSE;
    medium->source.index = number++;
    for (VbDomainBackingStore *at = medium->backing; at; at = at->backing)
        at->index = at->source.index = number++;
    drive.source = medium->source;
    drive.backing = medium->backing;
    drive.format = medium->format;
    nodes = qemu_command_plug_medium(plug->domain->live, caps, &options, &drive, error);
    while (nodes && nodes->len > 0)
        g_ptr_array_add(steps, g_ptr_array_steal_index(nodes, 0));
    return nodes != NULL;
}

/* the limits are the drive's: an empty one could not be told them */
static void
add_medium_limits(GPtrArray *steps, const VbDomainDisk *disk, const VbDomainDisk *medium)
{
    VbDomainDisk drive = *disk;
    drive.source = medium->source;
    qemu_plug_add_limits(steps, &drive);
}

void
qemu_plug_change_medium(QemuPlug *plug, VbDomainDisk *disk)
{
    VbDomainDisk *medium = plug->device->device;
    const gboolean is_empty = vb_domain_source_is_empty(&medium->source);
    const gboolean is_forced = (plug->flags & VIR_DOMAIN_DEVICE_MODIFY_FORCE) != 0;
    g_autoptr(GPtrArray) steps = qemu_command_plug_steps_new();
    g_autofree char *node = NULL;
    GError *error = NULL;
    if (!medium->source.type)
        medium->source.type = VB_DOMAIN_STORAGE_FILE;
    if (!medium->format)
        medium->format = VB_DOMAIN_FORMAT_RAW;
    if (!is_empty && !add_medium_nodes(plug, disk, steps, &error)) {
        qemu_plug_finish(plug, error);
        return;
    }
    qemu_plug_add_step(steps, "blockdev-open-tray",
                       vb_json_object("s:id", disk->info.alias, "b:force", is_forced, NULL));
    /* a guest that locked the tray was only asked to open it, and one that resets the drive has closed it again */
    qemu_plug_add_step(steps, "blockdev-remove-medium",
                       vb_json_object("s:id", disk->info.alias, NULL))
        ->back = 1;
    node = is_empty ? NULL : qemu_command_image_node(&medium->source);
    if (node)
        qemu_plug_add_step(steps, "blockdev-insert-medium",
                           vb_json_object("s:id", disk->info.alias, "s:node-name", node, NULL))
            ->back = 2;
    if (node)
        add_medium_limits(steps, disk, medium);
    qemu_plug_add_step(steps, "blockdev-close-tray",
                       vb_json_object("s:id", disk->info.alias, NULL));
    qemu_plug_execute(plug, g_steal_pointer(&steps), on_medium_changed);
}

static gboolean
is_same_medium(const VbDomainDisk *a, const VbDomainDisk *b)
{
    return a->source.type == b->source.type &&
           g_strcmp0(vb_domain_source_path(&a->source), vb_domain_source_path(&b->source)) == 0 &&
           g_strcmp0(a->source.name, b->source.name) == 0;
}

static void
update_disk(QemuPlug *plug)
{
    VbDomainDisk *wanted = plug->device->device;
    VbDomainDisk *disk = find_live(plug);
    GError *error = NULL;
    if (disk && (disk->device == VB_DOMAIN_DISK_DEVICE_CDROM ||
                 disk->device == VB_DOMAIN_DISK_DEVICE_FLOPPY)) {
        qemu_plug_change_medium(plug, disk);
        return;
    }
    if (!disk)
        vb_error_set(&error, VIR_ERR_DEVICE_MISSING, "disk '%s' not found", wanted->dst);
    else if (!is_same_medium(disk, wanted))
        vb_error_set(&error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "disk source can be changed only in removable drives");
    else
        disk->source.startup_policy = wanted->source.startup_policy;
    qemu_plug_finish(plug, error);
}

/* ---- interfaces ---- */

static const char *
or_up(const char *state)
{
    return state ? state : "up";
}

static gboolean
has_same_addresses(const VbDomainNetMore *old, const VbDomainNetMore *new)
{
    if (VB_DOMAIN_COUNT(new->ips) != VB_DOMAIN_COUNT(old->ips))
        return VB_DOMAIN_COUNT(new->ips) == 0;
    for (guint i = 0; i < VB_DOMAIN_COUNT(new->ips); i++) {
        const VbDomainNetIp *a = old->ips->pdata[i], *b = new->ips->pdata[i];
        if (g_strcmp0(a->address, b->address) != 0 || a->prefix != b->prefix)
            return FALSE;
    }
    return TRUE;
}

/* whom SLIRP or passt makes of the guest, and the ports that passt opens for it */
static gboolean
is_same_user_side(const VbDomainNet *net, const VbDomainNet *wanted)
{
    const VbDomainNetMore *old = vb_domain_net_more(net), *new = vb_domain_net_more(wanted);
    VbDomainNetMore ours = {.port_forwards = new->port_forwards ? old->port_forwards : NULL};
    VbDomainNetMore theirs = {.port_forwards = new->port_forwards};
    const VbDomainNet a = {.more = &ours}, b = {.more = &theirs};
    return (!wanted->backend || wanted->backend == net->backend) &&
           (!wanted->source_dev || g_strcmp0(wanted->source_dev, net->source_dev) == 0) &&
           has_same_addresses(old, new) && vb_xml_equal(&vb_domain_net_type, &a, &b);
}

/* what is not written stays as it is; the link is the one thing that may differ, besides what the host can change */
static gboolean
is_only_link(const VbDomainNet *net, const VbDomainNet *wanted)
{
    return wanted->type == net->type &&
           (!wanted->model || g_strcmp0(wanted->model, net->model) == 0) &&
           (!wanted->source_network ||
            g_strcmp0(wanted->source_network, net->source_network) == 0) &&
           (!wanted->source_bridge || g_strcmp0(wanted->source_bridge, net->source_bridge) == 0) &&
           (!wanted->target_dev || g_strcmp0(wanted->target_dev, net->target_dev) == 0) &&
           (!wanted->queues || wanted->queues == net->queues) &&
           (!wanted->mtu || wanted->mtu == net->mtu) && is_same_user_side(net, wanted) &&
           (!wanted->filter || g_strcmp0(wanted->filter, net->filter) == 0);
}

/* Source: libvirt: what is not written is no limit, other than with the rest of the card */
static gboolean
update_bandwidth(QemuDomain *domain, VbDomainNet *net, const VbDomainNet *wanted, GError **error)
{
    const VbDomainNetMore *more = vb_domain_net_more(wanted);
    if (qemu_bandwidth_is_same(net, wanted))
        return TRUE;
    if (!net->target_dev)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Unable to set bandwidth for interface because device name is unknown");
    return qemu_bandwidth_change(domain, net, more->bandwidth_in, more->bandwidth_out, error);
}

/* Source: libvirt's words */
static gboolean
update_port(QemuDomain *domain, VbDomainNet *net, VbDomainNet *wanted, GError **error)
{
    const gboolean has_port =
        net->type == VB_DOMAIN_NET_BRIDGE || net->type == VB_DOMAIN_NET_NETWORK;
    char mac[18];
    if (qemu_bridge_port_is_same(net, wanted))
        return TRUE;
    vb_mac_format(&net->mac, mac);
    if (!has_port && VB_DOMAIN_COUNT(vb_domain_net_more(wanted)->vlan_tags) > 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "interface %s - vlan tag not supported for this connection type", mac);
    if (!has_port)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "interface %s - <port isolated='yes'/> is not supported for network "
                            "interfaces with type='%s'",
                            mac, vb_enum_to_nick(&vb_domain_net_type_enum, net->type));
    if (!qemu_bridge_port_change(net, wanted, error))
        return FALSE;
    qemu_domain_save(domain);
    return TRUE;
}

static void
on_link_set(QemuPlug *plug, const GError *error)
{
    const VbDomainNet *wanted = plug->device->device;
    VbDomainNet *net = plug->domain->live ? qemu_device_find(plug->device, plug->domain->live,
                                                             QEMU_DEVICE_LIVE, NULL)
                                          : NULL;
    if (!error && net) {
        g_free(net->link_state);
        net->link_state = g_strdup(wanted->link_state);
        qemu_domain_save(plug->domain);
    }
    qemu_plug_finish(plug, error ? g_error_copy(error) : NULL);
}

static void
update_net(QemuPlug *plug)
{
    VbDomainNet *wanted = plug->device->device;
    GError *error = NULL;
    VbDomainNet *net = qemu_device_find(plug->device, plug->domain->live, QEMU_DEVICE_LIVE, &error);
    g_autoptr(GPtrArray) steps = NULL;
    if (net && !is_only_link(net, wanted))
        vb_error_set(&error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "cannot modify network device configuration");
    else if (net && update_bandwidth(plug->domain, net, wanted, &error))
        (void)update_port(plug->domain, net, wanted, &error);
    if (error) {
        qemu_plug_finish(plug, error);
        return;
    }
    steps = qemu_command_plug_steps_new();
    if (strcmp(or_up(net->link_state), or_up(wanted->link_state)) != 0)
        qemu_plug_add_step(steps, "set_link",
                           vb_json_object("s:name", net->info.alias, "b:up",
                                          strcmp(or_up(wanted->link_state), "up") == 0, NULL));
    qemu_plug_execute(plug, g_steal_pointer(&steps), on_link_set);
}

/* ---- screens ---- */

static void
set_string(char **member, const char *value)
{
    g_free(*member);
    *member = g_strdup(value);
}

static void
on_password_set(QemuPlug *plug, const GError *error)
{
    const VbDomainGraphics *wanted = plug->device->device;
    VbDomainGraphics *graphics =
        plug->domain->live ? qemu_device_find(plug->device, plug->domain->live, 0, NULL) : NULL;
    if (!error && graphics) {
        set_string(&graphics->passwd, wanted->passwd);
        set_string(&graphics->passwd_valid_to, wanted->passwd_valid_to);
        set_string(&graphics->connected, wanted->connected);
        qemu_domain_save(plug->domain);
    }
    qemu_plug_finish(plug, error ? g_error_copy(error) : NULL);
}

/* "2030-01-01T00:00:00" in UTC, as QEMU wants it: seconds since 1970, or "never" */
static char *
expiry(const char *valid_to)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = valid_to ? g_date_time_new_from_iso8601(valid_to, utc) : NULL;
    if (!time)
        return g_strdup("never");
    return g_strdup_printf("%" G_GINT64_FORMAT, g_date_time_to_unix(time));
}

static gboolean
check_graphics(const VbDomainGraphics *graphics, const VbDomainGraphics *wanted, GError **error)
{
    const char *type = vb_enum_to_nick(&vb_domain_graphics_type_enum, wanted->type);
    if (!graphics)
        return vb_error_set(error, VIR_ERR_DEVICE_MISSING,
                            "cannot find existing graphics device to modify of type '%s'", type);
    if (graphics->type != VB_DOMAIN_GRAPHICS_VNC && graphics->type != VB_DOMAIN_GRAPHICS_SPICE)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "unable to change config on '%s' graphics type", type);
    if (wanted->has_port && wanted->port > 0 && wanted->port != graphics->port)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "cannot change port settings on %s graphics", type);
    if (wanted->keymap && g_strcmp0(wanted->keymap, graphics->keymap) != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "cannot change keymap setting on %s graphics", type);
    return TRUE;
}

static void
update_graphics(QemuPlug *plug)
{
    const VbDomainGraphics *wanted = plug->device->device;
    const VbDomainGraphics *graphics = qemu_device_find(plug->device, plug->domain->live, 0, NULL);
    g_autoptr(GPtrArray) steps = qemu_command_plug_steps_new();
    g_autofree char *time = expiry(wanted->passwd_valid_to);
    const char *protocol;
    GError *error = NULL;
    if (!check_graphics(graphics, wanted, &error)) {
        qemu_plug_finish(plug, error);
        return;
    }
    protocol = graphics->type == VB_DOMAIN_GRAPHICS_VNC ? "vnc" : "spice";
    if (wanted->passwd) {
        qemu_plug_add_step(steps, "set_password",
                           vb_json_object("s:protocol", protocol, "s:password", wanted->passwd,
                                          "s:connected", wanted->connected, NULL));
        qemu_plug_add_step(steps, "expire_password",
                           vb_json_object("s:protocol", protocol, "s:time", time, NULL));
    }
    qemu_plug_execute(plug, g_steal_pointer(&steps), on_password_set);
}

void
qemu_plug_update(QemuPlug *plug)
{
    const int class = qemu_device_class(plug->device);
    GError *error = NULL;
    if (class == VB_DOMAIN_CLASS_DISK) {
        update_disk(plug);
    } else if (class == VB_DOMAIN_CLASS_NET) {
        update_net(plug);
    } else if (strcmp(qemu_device_name(plug->device), "graphics") == 0) {
        update_graphics(plug);
    } else {
        vb_error_set(&error, VIR_ERR_CONFIG_UNSUPPORTED,
                     "live update of device '%s' is not supported", qemu_device_name(plug->device));
        qemu_plug_finish(plug, error);
    }
}
