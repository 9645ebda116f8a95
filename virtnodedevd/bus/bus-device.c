/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.NodeDevice1: one device. */
#include "bus/bus-private.h"
#include "vpd.h"

/* ---- methods ---- */

static void
reply_xml(VbCall *call, NodedevDevice *device, guint flags)
{
    g_autofree char *xml = nodedev_manager_get_xml(nodedev_bus_of(call)->manager, device,
                                                   (flags & VIR_NODE_DEVICE_XML_INACTIVE) != 0);
    vb_call_return(call, g_variant_new("(s)", xml));
}

/* the device may have gone while its product data were read */
static void
on_vpd_read(const char *name, gpointer data)
{
    VbCall *call = data;
    GError *error = NULL;
    NodedevDevice *device = nodedev_manager_find(nodedev_bus_of(call)->manager, name, &error);
    guint flags;
    g_variant_get(vb_call_get_args(call), "(u)", &flags);
    if (device)
        reply_xml(call, device, flags);
    else
        vb_call_fail(call, error);
}

static GVariant *
method_get_xml(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    if (!vb_error_check_flags(error, flags, VIR_NODE_DEVICE_XML_INACTIVE,
                              "virNodeDeviceGetXMLDesc"))
        return NULL;
    vb_call_defer(call);
    nodedev_vpd_read(nodedev_bus_of(call)->manager, data, on_vpd_read, call);
    return NULL;
}

static GVariant *
capabilities_of(const NodedevDevice *device)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_STRING_ARRAY);
    g_variant_builder_add(&builder, "s", vb_enum_to_nick(&nodedev_cap_enum, (int)device->kind));
    for (int cap = 1; cap < NODEDEV_CAP_N; cap++)
        if (cap != (int)device->kind && device->caps & 1u << cap)
            g_variant_builder_add(&builder, "s", vb_enum_to_nick(&nodedev_cap_enum, cap));
    return g_variant_builder_end(&builder);
}

static GVariant *
method_list_capabilities(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return g_variant_new("(@as)", capabilities_of(data));
}

static GVariant *
method_count_capabilities(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) names = g_variant_ref_sink(capabilities_of(data));
    return g_variant_new("(i)", (gint32)g_variant_n_children(names));
}

static GVariant *
method_list_children(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const NodedevDevice *device = data;
    NodedevManager *manager = nodedev_bus_of(call)->manager;
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    for (guint i = 0; i < manager->devices->len; i++) {
        NodedevDevice *child = manager->devices->pdata[i];
        if (g_strcmp0(child->parent, device->name) == 0)
            g_ptr_array_add(children, child);
    }
    return g_variant_new("(@ao)", nodedev_bus_paths(children));
}

static const VbMethod methods[] = {
    {"GetXml", method_get_xml, VB_ACTION_READ},
    {"ListCapabilities", method_list_capabilities, VB_ACTION_READ},
    {"CountCapabilities", method_count_capabilities, VB_ACTION_READ},
    {"ListChildren", method_list_children, VB_ACTION_READ},
    {"Detach", nodedev_bus_method_detach, VB_ACTION_MANAGE},
    {"Reattach", nodedev_bus_method_reattach, VB_ACTION_MANAGE},
    {"Reset", nodedev_bus_method_reset, VB_ACTION_MANAGE},
    {"Start", nodedev_bus_method_start, VB_ACTION_MANAGE},
    {"Destroy", nodedev_bus_method_destroy, VB_ACTION_MANAGE},
    {"Undefine", nodedev_bus_method_undefine, VB_ACTION_MANAGE},
    {"SetAutostart", nodedev_bus_method_set_autostart, VB_ACTION_MANAGE},
    {"Update", nodedev_bus_method_update, VB_ACTION_MANAGE},
};

/* ---- properties ---- */

static GVariant *
text(const char *value)
{
    return g_variant_new_string(value ? value : "");
}

static GVariant *
prop_name(gpointer data)
{
    return text(((NodedevDevice *)data)->name);
}

static GVariant *
prop_parent(gpointer data)
{
    return text(((NodedevDevice *)data)->parent);
}

static GVariant *
prop_parent_object(gpointer data)
{
    const NodedevDevice *device = data;
    g_autofree char *path = device->parent ? nodedev_bus_path(device->parent) : g_strdup("/");
    return g_variant_new_object_path(path);
}

static GVariant *
prop_capabilities(gpointer data)
{
    return capabilities_of(data);
}

static GVariant *
prop_driver(gpointer data)
{
    return text(((NodedevDevice *)data)->driver);
}

static GVariant *
prop_sysfs_path(gpointer data)
{
    return text(((NodedevDevice *)data)->syspath);
}

static GVariant *
prop_dev_node(gpointer data)
{
    return text(((NodedevDevice *)data)->devnode);
}

static GVariant *
prop_dev_links(gpointer data)
{
    static const char *const none[] = {NULL};
    const NodedevDevice *device = data;
    return g_variant_new_strv(device->devlinks ? (const char *const *)device->devlinks : none, -1);
}

static GVariant *
prop_pci_address(gpointer data)
{
    const NodedevDevice *device = data;
    g_autofree char *address =
        device->kind == NODEDEV_CAP_PCI ? nodedev_pci_format(&device->pci) : NULL;
    return text(address);
}

static GVariant *
prop_pci_class(gpointer data)
{
    return g_variant_new_uint32(((NodedevDevice *)data)->pci_class);
}

static GVariant *
prop_vendor_id(gpointer data)
{
    return g_variant_new_uint32(((NodedevDevice *)data)->vendor_id);
}

static GVariant *
prop_product_id(gpointer data)
{
    return g_variant_new_uint32(((NodedevDevice *)data)->product_id);
}

static GVariant *
prop_iommu_group(gpointer data)
{
    return g_variant_new_int32(((NodedevDevice *)data)->iommu_group);
}

static GVariant *
prop_numa_node(gpointer data)
{
    return g_variant_new_int32(((NodedevDevice *)data)->numa_node);
}

static GVariant *
prop_active(gpointer data)
{
    return g_variant_new_boolean(((NodedevDevice *)data)->is_active);
}

static GVariant *
prop_persistent(gpointer data)
{
    return g_variant_new_boolean(((NodedevDevice *)data)->definition != NULL);
}

static GVariant *
prop_autostart(gpointer data)
{
    const NodedevDevice *device = data;
    return g_variant_new_boolean(device->definition && device->definition->is_autostart);
}

static const VbProperty properties[] = {
    {"Name", prop_name, NULL, NULL},
    {"Parent", prop_parent, NULL, NULL},
    {"ParentObject", prop_parent_object, NULL, NULL},
    {"Capabilities", prop_capabilities, NULL, NULL},
    {"Driver", prop_driver, NULL, NULL},
    {"SysfsPath", prop_sysfs_path, NULL, NULL},
    {"DevNode", prop_dev_node, NULL, NULL},
    {"DevLinks", prop_dev_links, NULL, NULL},
    {"PciAddress", prop_pci_address, NULL, NULL},
    {"PciClass", prop_pci_class, NULL, NULL},
    {"VendorId", prop_vendor_id, NULL, NULL},
    {"ProductId", prop_product_id, NULL, NULL},
    {"IommuGroup", prop_iommu_group, NULL, NULL},
    {"NumaNode", prop_numa_node, NULL, NULL},
    {"Active", prop_active, NULL, NULL},
    {"Persistent", prop_persistent, NULL, NULL},
    {"Autostart", prop_autostart, NULL, NULL},
};

const VbInterface nodedev_bus_device_interface = {
    .info = &org_virtbus_node_device1_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS(methods),
    .properties = properties,
    .n_properties = G_N_ELEMENTS(properties),
};
