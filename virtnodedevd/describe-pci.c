/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI: identity, virtual functions, IOMMU group, link. Configuration space is read from sysfs; its layout is the PCI Local
 * Bus Specification 3.0, 6.1 and 6.7, and the PCI Express Base Specification, 7.5.3 (linux/pci_regs.h has the names). */
#include "describe.h"

#include <string.h>

#define CONFIG_SIZE 256
#define STATUS 0x06
#define STATUS_CAP_LIST 0x10
#define HEADER_TYPE 0x0e
#define CAP_POINTER 0x34
#define CAP_ID_EXP 0x10
#define EXP_FLAGS 0x02
#define EXP_LNKCAP 0x0c
#define EXP_LNKSTA 0x12
#define EXP_TYPE_ROOT_INTEGRATED 0x9
#define EXP_TYPE_ROOT_EVENT_COLLECTOR 0xa
#define MAX_FUNCTIONS 65536

typedef struct {
    const guint8 *bytes;
    gsize length;
} Config;

static guint
config_get(const Config *config, gsize at, guint width)
{
    guint value = 0;
    if (at + width > config->length)
        return 0;
    for (guint i = width; i > 0; i--)
        value = value << 8 | config->bytes[at + i - 1];
    return value;
}

/* where the capability begins; 0: it has none */
static gsize
find_capability(const Config *config, guint id)
{
    gsize at = config_get(config, CAP_POINTER, 1) & ~3u;
    if (!(config_get(config, STATUS, 2) & STATUS_CAP_LIST))
        return 0;
    for (guint i = 0; i < 48 && at >= 0x40; i++) { /* 48: a chain cannot be longer without a loop */
        if (config_get(config, at, 1) == id)
            return at;
        at = config_get(config, at + 1, 1) & ~3u;
    }
    return 0;
}

static void
add_link(NodedevCapability *to, const char *validity, guint speed, guint width)
{
    static const char *const speeds[] = {NULL, "2.5", "5", "8", "16", "32", "64"};
    NodedevPcieLink *link = nodedev_list_add(&to->pcie_links, &nodedev_pcie_link_type);
    link->validity = g_strdup(validity);
    link->speed = g_strdup(speed < G_N_ELEMENTS(speeds) ? speeds[speed] : NULL);
    link->width = width;
}

static void
describe_express(const Config *config, NodedevCapability *to)
{
    gsize at = find_capability(config, CAP_ID_EXP);
    /* libvirt shows the empty element for a device without any capabilities, too: programs may compare */
    to->has_pcie = config->length > STATUS && !(config_get(config, STATUS, 2) & STATUS_CAP_LIST);
    if (at == 0)
        return;
    to->has_pcie = TRUE;
    guint type = config_get(config, at + EXP_FLAGS, 2) >> 4 & 0xf;
    if (type == EXP_TYPE_ROOT_INTEGRATED || type == EXP_TYPE_ROOT_EVENT_COLLECTOR)
        return; /* no link */
    guint cap = config_get(config, at + EXP_LNKCAP, 4);
    guint sta = config_get(config, at + EXP_LNKSTA, 2);
    add_link(to, "cap", cap & 0xf, cap >> 4 & 0x3f);
    NodedevPcieLink *link = to->pcie_links->pdata[to->pcie_links->len - 1];
    link->port = cap >> 24;
    link->has_port = TRUE;
    add_link(to, "sta", sta & 0xf, sta >> 4 & 0x3f);
}

static void
describe_header(const Config *config, NodedevCapability *to)
{
    guint type = config_get(config, HEADER_TYPE, 1) & 0x7f;
    if (type == 1)
        nodedev_sub_add(to, NODEDEV_SUB_PCI_BRIDGE);
    else if (type == 2)
        nodedev_sub_add(to, NODEDEV_SUB_CARDBUS_BRIDGE);
}

static gboolean
add_address(GPtrArray **list, const char *text)
{
    NodedevPciAddress address;
    if (!text || !nodedev_pci_parse(text, &address))
        return FALSE;
    *(NodedevPciAddress *)nodedev_list_add(list, &nodedev_pci_address_type) = address;
    return TRUE;
}

/* Source: Documentation/ABI/testing/sysfs-bus-pci: physfn, virtfnN, sriov_totalvfs */
static void
describe_functions(const NodedevDescription *d)
{
    const char *path = d->device->syspath;
    g_autofree char *physical = nodedev_sysfs_link_name(d->host, path, "physfn");
    guint64 max = 0;
    NodedevPciAddress address;
    if (physical && nodedev_pci_parse(physical, &address))
        add_address(&nodedev_sub_add(d->to, NODEDEV_SUB_PHYS_FUNCTION)->addresses, physical);
    nodedev_sysfs_read_uint(d->host, path, "sriov_totalvfs", 10, &max);
    NodedevSub *sub = NULL;
    for (guint i = 0; i < MAX_FUNCTIONS; i++) {
        g_autofree char *attribute = g_strdup_printf("virtfn%u", i);
        g_autofree char *virtual = nodedev_sysfs_link_name(d->host, path, attribute);
        if (!virtual)
            break;
        if (!sub)
            sub = nodedev_sub_add(d->to, NODEDEV_SUB_VIRT_FUNCTIONS);
        add_address(&sub->addresses, virtual);
    }
    if (!sub && max > 0)
        sub = nodedev_sub_add(d->to, NODEDEV_SUB_VIRT_FUNCTIONS);
    if (sub)
        sub->max_count = (guint)MIN(max, MAX_FUNCTIONS);
}

static void
describe_group(const NodedevDescription *d)
{
    if (d->device->iommu_group < 0)
        return;
    g_autoptr(GPtrArray) names =
        nodedev_sysfs_list(d->host, d->device->syspath, "iommu_group/devices", MAX_FUNCTIONS);
    d->to->iommu_group = (guint)d->device->iommu_group;
    for (guint i = 0; i < names->len; i++)
        d->to->has_iommu_group |= add_address(&d->to->iommu_addresses, names->pdata[i]);
}

static void
describe_vpd(const NodedevDescription *d)
{
    if (!d->device->vpd)
        return;
    NodedevSub *sub = nodedev_sub_add(d->to, NODEDEV_SUB_VPD);
    if (!nodedev_vpd_parse(d->device->vpd, sub)) {
        g_ptr_array_remove_index(d->to->subs, d->to->subs->len - 1);
        vb_xml_free(&nodedev_sub_type, sub);
    }
}

void
nodedev_describe_pci(const NodedevDescription *d)
{
    const NodedevDevice *device = d->device;
    NodedevCapability *to = d->to;
    g_autoptr(GBytes) bytes =
        nodedev_sysfs_read_bytes(d->host, device->syspath, "config", CONFIG_SIZE);
    Config config = {NULL, 0};
    if (bytes)
        config.bytes = g_bytes_get_data(bytes, &config.length);
    to->has_class = to->has_pci = to->has_ids = TRUE;
    to->pci_class = device->pci_class;
    to->pci = device->pci;
    to->vendor_id = device->vendor_id;
    to->product_id = device->product_id;
    to->vendor = nodedev_ids_vendor(NODEDEV_IDS_PCI, device->vendor_id);
    to->product = nodedev_ids_product(NODEDEV_IDS_PCI, device->vendor_id, device->product_id);
    describe_functions(d);
    describe_header(&config, to);
    nodedev_describe_mdev_types(d);
    describe_vpd(d);
    describe_group(d);
    to->has_numa_node = device->numa_node >= 0;
    to->numa_node = device->numa_node;
    describe_express(&config, to);
}
