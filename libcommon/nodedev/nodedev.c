/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <device>, the capability's in nodedev-capability.c; and the refusals that no table can say. */
#include "nodedev/nodedev.h"
#include "base/error.h"

#define D NodedevDef

static const VbXmlField devnode_fields[] = {
    VB_XML_STR(NodedevDevnode, type, "@type", .doc = "dev or link."),
    VB_XML_STR(NodedevDevnode, path, "."),
};
VB_XML_TYPE(nodedev_devnode_type, NodedevDevnode, "devnode", devnode_fields,
            .doc = "A file in /dev.");

static const VbXmlField def_fields[] = {
    VB_XML_STR(D, name, "name", .doc = "Unique on this host."),
    VB_XML_STR(D, path, "path", .doc = "Where the device is in sysfs."),
    VB_XML_LIST(D, devnodes, "devnode", nodedev_devnode_type),
    VB_XML_STR(D, parent, "parent", .doc = "Name of the device that this one hangs on."),
    VB_XML_STR(D, parent_wwnn, "parent/@wwnn"),
    VB_XML_STR(D, parent_wwpn, "parent/@wwpn"),
    VB_XML_STR(D, parent_fabric_wwn, "parent/@fabric_wwn"),
    VB_XML_STR(D, driver, "driver/name", .doc = "Kernel driver that is bound to it."),
    VB_XML_STRUCT(D, capability, "capability", nodedev_capability_type),
};
VB_XML_TYPE(nodedev_def_type, D, "device", def_fields, .doc = "A device of the host.",
            .document = "node_device_definition");

/**
 * nodedev_list_add:
 * @list: a LIST member
 * @type: of its entries
 *
 * Returns: (transfer none): the new last entry
 */
gpointer
nodedev_list_add(GPtrArray **list, const VbXmlType *type)
{
    gpointer entry = vb_xml_new(type);
    if (!*list)
        *list = g_ptr_array_new();
    g_ptr_array_add(*list, entry);
    return entry;
}

NodedevSub *
nodedev_sub_add(NodedevCapability *capability, NodedevSubType type)
{
    NodedevSub *sub = nodedev_list_add(&capability->subs, &nodedev_sub_type);
    sub->type = (int)type;
    return sub;
}

const NodedevSub *
nodedev_sub_find(const NodedevCapability *capability, NodedevSubType type)
{
    for (guint i = 0; capability->subs && i < capability->subs->len; i++) {
        const NodedevSub *sub = capability->subs->pdata[i];
        if (sub->type == (int)type)
            return sub;
    }
    return NULL;
}

static gboolean
validate_mdev(const NodedevDef *def, GError **error)
{
    const NodedevCapability *capability = def->capability;
    VbUuid uuid;
    if (!capability->mdev_type)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "missing type id attribute for '%s'",
                            def->name ? def->name : "new device");
    if (capability->mdev_uuid && !vb_uuid_parse(capability->mdev_uuid, &uuid))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Cannot parse uuid '%s' for '%s'",
                            capability->mdev_uuid, def->name ? def->name : "new device");
    for (guint i = 0; capability->attrs && i < capability->attrs->len; i++) {
        const NodedevAttr *attr = capability->attrs->pdata[i];
        if (!attr->name || !attr->value)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "mdev attribute without name or value");
    }
    return TRUE;
}

/* Channel subsystem numbers: one byte, two bits, two bytes (z/Architecture, subchannel identification) */
static gboolean
validate_ccw(const NodedevDef *def, GError **error)
{
    const NodedevCapability *capability = def->capability;
    const char *name = def->name ? def->name : "new device";
    if (!capability->has_ccw)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "missing cssid value for '%s'", name);
    if (capability->cssid > 254)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "invalid cssid value for '%s'", name);
    if (capability->ssid > 3)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "invalid ssid value for '%s'", name);
    if (capability->devno > 0xffff)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "invalid devno value for '%s'", name);
    return TRUE;
}

/**
 * nodedev_def_validate:
 *
 * Errors: XML_ERROR, INTERNAL_ERROR (as libvirt calls a missing capability) with what is wrong
 */
gboolean
nodedev_def_validate(const NodedevDef *def, GError **error)
{
    if (!def->capability)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "no device capabilities for '%s'",
                            def->name ? def->name : "new device");
    switch (def->capability->type) {
    case NODEDEV_CAP_MDEV:
        return validate_mdev(def, error);
    case NODEDEV_CAP_CCW:
    case NODEDEV_CAP_CSS:
    case NODEDEV_CAP_CCWGROUP:
        return validate_ccw(def, error);
    }
    return TRUE;
}
