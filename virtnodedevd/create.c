/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Creating, defining and ending devices: what can be asked of which kind, in libvirt's words. */
#include "create.h"

#include "base/error.h"
#include "vb-constants.h"
#include "vport.h"

/* (transfer full) NULL with @error */
static NodedevDef *
parse(const char *xml, guint flags, guint validate_flag, const char *function, GError **error)
{
    if (!vb_error_check_flags(error, flags, validate_flag, function))
        return NULL;
    if ((flags & validate_flag) && !vb_xml_validate(&nodedev_def_type, xml, -1, error))
        return NULL;
    NodedevDef *def = vb_xml_parse(&nodedev_def_type, xml, -1, error);
    if (def && !nodedev_def_validate(def, error)) {
        vb_xml_free(&nodedev_def_type, def);
        return NULL;
    }
    return def;
}

static void
fail(NodedevDone done, gpointer data, int code, const char *words)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, code, "%s", words);
    done(NULL, error, data);
}

void
nodedev_create(NodedevManager *manager, const char *xml, guint flags, NodedevDone done,
               gpointer data)
{
    g_autoptr(GError) error = NULL;
    NodedevDef *def =
        parse(xml, flags, VIR_NODE_DEVICE_CREATE_XML_VALIDATE, "virNodeDeviceCreateXML", &error);
    if (!def)
        done(NULL, error, data);
    else if (def->capability->type == NODEDEV_CAP_MDEV)
        nodedev_mdev_create(manager, def, done, data);
    else if (def->capability->type == NODEDEV_CAP_SCSI_HOST)
        nodedev_vport_create(manager, def, done, data);
    else
        fail(done, data, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported device type");
    vb_xml_free(&nodedev_def_type, def);
}

void
nodedev_define(NodedevManager *manager, const char *xml, guint flags, NodedevDone done,
               gpointer data)
{
    g_autoptr(GError) error = NULL;
    NodedevDef *def =
        parse(xml, flags, VIR_NODE_DEVICE_DEFINE_XML_VALIDATE, "virNodeDeviceDefineXML", &error);
    if (!def)
        done(NULL, error, data);
    else if (def->capability->type == NODEDEV_CAP_MDEV)
        nodedev_mdev_define(manager, def, done, data);
    else
        fail(done, data, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported device type");
    vb_xml_free(&nodedev_def_type, def);
}

void
nodedev_start(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data)
{
    if (device->is_active)
        fail(done, data, VIR_ERR_OPERATION_INVALID, "Device is already active");
    else
        nodedev_mdev_begin(manager, device, done, data); /* what is not active is defined */
}

void
nodedev_destroy(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!device->is_active) {
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "Device '%s' is not active", device->name);
        done(NULL, error, data);
    } else if (device->kind == NODEDEV_CAP_MDEV) {
        nodedev_mdev_end(manager, device, done, data);
    } else if (device->kind == NODEDEV_CAP_SCSI_HOST) {
        nodedev_vport_delete(manager, device, done, data);
    } else {
        fail(done, data, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported device type");
    }
}

void
nodedev_undefine(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (device->definition) {
        nodedev_mdev_undefine(manager, device, done, data);
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "Node device '%s' is not defined",
                 device->name);
    done(NULL, error, data);
}

void
nodedev_set_autostart(NodedevManager *manager, NodedevDevice *device, gboolean is_autostart,
                      NodedevDone done, gpointer data)
{
    if (device->kind != NODEDEV_CAP_MDEV)
        fail(done, data, VIR_ERR_OPERATION_UNSUPPORTED, "Unsupported device type");
    else if (!device->definition)
        fail(done, data, VIR_ERR_OPERATION_INVALID, "cannot set autostart for transient device");
    else
        nodedev_mdev_set_autostart(manager, device, is_autostart, done, data);
}

/* What an update may not change. */
static gboolean
check_update(NodedevManager *manager, const NodedevDevice *device, const NodedevDef *def,
             guint flags, GError **error)
{
    const char *type = device->definition ? device->definition->type : NULL;
    g_autofree char *live =
        device->syspath ? nodedev_sysfs_link_name(&manager->host, device->syspath, "mdev_type")
                        : NULL;
    if ((flags & VIR_NODE_DEVICE_UPDATE_AFFECT_LIVE) && !device->is_active)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "%s", "node device is not active");
    if ((flags & VIR_NODE_DEVICE_UPDATE_AFFECT_CONFIG) && !device->definition)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "%s",
                            "transient devices do not have any persistent configuration");
    if (def->name && !g_str_equal(def->name, device->name))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Cannot update device '%s' to '%s'",
                            device->name, def->name);
    if (def->capability->type != NODEDEV_CAP_MDEV ||
        g_strcmp0(type ? type : live, def->capability->mdev_type) != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Cannot change the type of device '%s'", device->name);
    return TRUE;
}

void
nodedev_update(NodedevManager *manager, NodedevDevice *device, const char *xml, guint flags,
               NodedevDone done, gpointer data)
{
    const guint known = VIR_NODE_DEVICE_UPDATE_AFFECT_LIVE | VIR_NODE_DEVICE_UPDATE_AFFECT_CONFIG;
    g_autoptr(GError) error = NULL;
    if (device->kind != NODEDEV_CAP_MDEV) {
        fail(done, data, VIR_ERR_CONFIG_UNSUPPORTED, "Unsupported device type");
        return;
    }
    NodedevDef *def = parse(xml, flags & ~known, 0, "virNodeDeviceUpdate", &error);
    if (def && check_update(manager, device, def, flags, &error))
        nodedev_mdev_update(manager, device, def, flags, done, data);
    else
        done(NULL, error, data);
    vb_xml_free(&nodedev_def_type, def);
}
