/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that lie: attributes that are missing, garbage, too long, folders, that fail when read; configuration space
 * whose capabilities form a loop; vital product data cut short; names. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "describe.h"
#include "mdev.h"

#define DEVICE "/sys/devices/pci0000:00/0000:3b:00.1"

typedef struct {
    NodedevHost host;
    NodedevBackend *backend;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->host = (NodedevHost){g_dir_make_tmp("test-nodedev-XXXXXX", NULL),
                                  g_strdup("/nonexistent"), g_strdup(""), FALSE};
    fixture->backend = nodedev_backend_tree_new(&fixture->host);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        remove_tree(below);
    }
    g_remove(path);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    fixture->backend->free(fixture->backend);
    remove_tree(fixture->host.sysfs);
    g_free(fixture->host.sysfs);
    g_free(fixture->host.procfs);
    g_free(fixture->host.root);
}

static void
put(Fixture *fixture, const char *attribute, const char *bytes, gssize length)
{
    g_autofree char *path = nodedev_sysfs_path(&fixture->host, DEVICE, attribute);
    g_autofree char *folder = g_path_get_dirname(path);
    g_mkdir_with_parents(folder, 0700);
    g_assert_true(g_file_set_contents(path, bytes, length, NULL));
}

static NodedevDef *
describe(Fixture *fixture, const char *subsystem)
{
    g_autoptr(NodedevRaw) raw = fixture->backend->lookup(fixture->backend, DEVICE);
    g_assert_nonnull(raw);
    raw->subsystem = g_strdup(subsystem);
    g_autoptr(NodedevDevice) device = nodedev_device_identify(&fixture->host, raw);
    g_assert_nonnull(device);
    return nodedev_describe(&fixture->host, device, raw);
}

static void
test_nothing_but_a_name(Fixture *fixture, gconstpointer data)
{
    put(fixture, "uevent", "PCI_CLASS=20000\n", -1);
    NodedevDef *def = describe(fixture, "pci");
    g_assert_cmpstr(def->name, ==, "pci_0000_3b_00_1");
    g_assert_cmpuint(def->capability->pci.bus, ==, 0x3b);
    g_assert_cmpuint(def->capability->pci.function, ==, 1);
    g_assert_false(def->capability->has_numa_node);
    vb_xml_free(&nodedev_def_type, def);
}

static void
test_garbage(Fixture *fixture, gconstpointer data)
{
    g_autofree char *longer = g_strnfill(100000, 'x');
    put(fixture, "uevent",
        "PCI_CLASS=zzz\nPCI_ID=nonsense\nPCI_SLOT_NAME=../../x\n=\nDRIVER=\1\2\xff\n", -1);
    put(fixture, "vendor", "\0\0\0", 3);
    put(fixture, "numa_node", longer, -1);
    put(fixture, "sriov_totalvfs", "99999999999999999999999\n", -1);
    put(fixture, "config", longer, 300);
    put(fixture, "mdev_supported_types/\xff\xfe/name", "x", -1);
    put(fixture, "mdev_supported_types/t/name", "a\x1b[31m\xc3\x28 b \n\n", -1);
    NodedevDef *def = describe(fixture, "pci");
    g_autofree char *text = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    NodedevDef *again = vb_xml_parse(&nodedev_def_type, text, -1, NULL);
    g_assert_nonnull(again);
    const NodedevSub *types = nodedev_sub_find(again->capability, NODEDEV_SUB_MDEV_TYPES);
    g_assert_cmpuint(types->mdev_types->len, ==, 1);
    const NodedevMdevType *type = types->mdev_types->pdata[0];
    g_assert_cmpstr(type->name, ==, "a[31m\xef\xbf\xbd( b");
    vb_xml_free(&nodedev_def_type, again);
    vb_xml_free(&nodedev_def_type, def);
}

/* Where reading fails in the middle of everything: an address that nothing is mapped at gives EIO, as a dying disk's
 * attributes do; a folder gives EISDIR. The rest of the device is shown. */
static void
test_attributes_that_fail(Fixture *fixture, gconstpointer data)
{
    const char *failing[] = {"vendor", "numa_node", "sriov_totalvfs", "config", "vpd"};
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char byte;
    g_assert_cmpint(pread(fd, &byte, 1, 0), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
    close(fd);
    put(fixture, "uevent", "PCI_CLASS=20000\n", -1);
    put(fixture, "device/is-a-folder", "", 0);
    for (guint i = 0; i < G_N_ELEMENTS(failing); i++) {
        g_autofree char *path = nodedev_sysfs_path(&fixture->host, DEVICE, failing[i]);
        g_assert_cmpint(symlink("/proc/self/mem", path), ==, 0);
        g_assert_null(nodedev_sysfs_read(&fixture->host, DEVICE, failing[i]));
    }
    g_assert_null(nodedev_sysfs_read(&fixture->host, DEVICE, "device"));
    NodedevDef *def = describe(fixture, "pci");
    g_assert_cmpstr(def->name, ==, "pci_0000_3b_00_1");
    g_assert_cmpuint(def->capability->pci.bus, ==, 0x3b);
    g_assert_false(def->capability->has_numa_node);
    g_assert_false(def->capability->has_pcie);
    g_assert_null(nodedev_sub_find(def->capability, NODEDEV_SUB_VIRT_FUNCTIONS));
    vb_xml_free(&nodedev_def_type, def);
}

/* capabilities at 0x40 and 0x50 that point at each other, none of them PCI Express */
static void
test_a_loop_ends(Fixture *fixture, gconstpointer data)
{
    char config[256] = {0};
    config[0x06] = 0x10;
    config[0x34] = 0x40;
    config[0x40] = 0x01;
    config[0x41] = 0x50;
    config[0x50] = 0x05;
    config[0x51] = 0x40;
    put(fixture, "uevent", "PCI_CLASS=20000\n", -1);
    put(fixture, "config", config, sizeof config);
    NodedevDef *def = describe(fixture, "pci");
    g_assert_false(def->capability->has_pcie);
    vb_xml_free(&nodedev_def_type, def);
}

static void
test_express(Fixture *fixture, gconstpointer data)
{
    char config[256] = {0};
    config[0x06] = 0x10;
    config[0x0e] = 0x01; /* a bridge */
    config[0x34] = 0x40;
    config[0x40] = 0x10;
    config[0x42] = 0x42; /* a root port */
    config[0x4c] = 0x43; /* 8 GT/s, width 4 */
    config[0x4f] = 0x02; /* port 2 */
    config[0x52] = 0x12; /* 5 GT/s, width 1 */
    put(fixture, "uevent", "PCI_CLASS=60400\n", -1);
    put(fixture, "config", config, sizeof config);
    NodedevDef *def = describe(fixture, "pci");
    g_assert_nonnull(nodedev_sub_find(def->capability, NODEDEV_SUB_PCI_BRIDGE));
    g_assert_cmpuint(def->capability->pcie_links->len, ==, 2);
    const NodedevPcieLink *can = def->capability->pcie_links->pdata[0];
    const NodedevPcieLink *does = def->capability->pcie_links->pdata[1];
    g_assert_cmpuint(can->port, ==, 2);
    g_assert_cmpstr(can->speed, ==, "8");
    g_assert_cmpuint(can->width, ==, 4);
    g_assert_cmpstr(does->speed, ==, "5");
    g_assert_cmpuint(does->width, ==, 1);
    vb_xml_free(&nodedev_def_type, def);
}

/* A CD drive with a disc of 2,048-byte blocks; sysfs counts in 512. */
static void
test_sizes_are_right(Fixture *fixture, gconstpointer data)
{
    put(fixture, "uevent",
        "DEVTYPE=disk\nDEVNAME=sr0\nID_CDROM=1\nID_CDROM_MEDIA=1\nID_FS_LABEL=x\n", -1);
    put(fixture, "size", "8000\n", -1);
    put(fixture, "queue/logical_block_size", "2048\n", -1);
    NodedevDef *def = describe(fixture, "block");
    const NodedevSub *media = nodedev_sub_find(def->capability, NODEDEV_SUB_REMOVABLE);
    g_assert_cmpuint(media->media_size, ==, 8000 * 512);
    g_assert_cmpuint(media->num_blocks, ==, 2000);
    g_assert_cmpstr(media->media_label, ==, "x");
    vb_xml_free(&nodedev_def_type, def);
}

static gboolean
parse_vpd(const char *bytes, gsize length, NodedevSub **ret_sub)
{
    g_autoptr(GBytes) data = g_bytes_new(bytes, length);
    *ret_sub = vb_xml_new(&nodedev_sub_type);
    (*ret_sub)->type = NODEDEV_SUB_VPD;
    return nodedev_vpd_parse(data, *ret_sub);
}

static void
test_vpd(void)
{
    static const char good[] = "\x82\x04\0name\x90\x10\0PN\x02"
                               "ABSN\x03"
                               "123RV\x02\0\0\x91\x0a\0YA\x02xyV0\x02vf\x78";
    NodedevSub *sub;
    g_assert_true(parse_vpd(good, sizeof good - 1, &sub));
    g_assert_cmpstr(sub->vpd_name, ==, "name");
    const NodedevVpdFields *fixed = sub->vpd_fields->pdata[0],
                           *free_fields = sub->vpd_fields->pdata[1];
    g_assert_cmpstr(fixed->part_number, ==, "AB");
    g_assert_cmpstr(fixed->serial_number, ==, "123");
    g_assert_cmpstr(free_fields->asset_tag, ==, "xy");
    g_assert_cmpuint(free_fields->vendor_fields->len, ==, 1);
    vb_xml_free(&nodedev_sub_type, sub);
    for (gsize length = 0; length < sizeof good - 2; length++) {
        (void)parse_vpd(good, length, &sub); /* whatever it says, it reads nothing beyond */
        vb_xml_free(&nodedev_sub_type, sub);
    }
}

static void
test_names(void)
{
    static const struct {
        const char *prefix, *sysname, *suffix, *name;
    } rows[] = {
        {"pci", "0000:00:02.0", NULL, "pci_0000_00_02_0"},
        {"net", "eth0", "52:54:00:12:34:56", "net_eth0_52_54_00_12_34_56"},
        {"block", "sda", "QEMU \xc3\xa4/..", "block_sda_QEMU______"},
        {"usb", "1-1.2:1.0", NULL, "usb_1_1_2_1_0"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name =
            nodedev_device_name(rows[i].prefix, rows[i].sysname, rows[i].suffix);
        g_assert_cmpstr(name, ==, rows[i].name);
    }
}

static void
test_pci_addresses(void)
{
    NodedevPciAddress address;
    g_assert_true(nodedev_pci_parse("10000:3b:1f.7", &address));
    g_assert_cmpuint(address.domain, ==, 0x10000);
    g_assert_false(nodedev_pci_parse("0000:3b:20.0", &address));
    g_assert_false(nodedev_pci_parse("0000:3b:00.8", &address));
    g_assert_false(nodedev_pci_parse("0000:3b:00.1x", &address));
    g_assert_false(nodedev_pci_parse("../..", &address));
    g_assert_false(nodedev_pci_parse("", &address));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, func) g_test_add("/device/" path, Fixture, NULL, set_up, func, tear_down)
    ADD("nothing-but-a-name", test_nothing_but_a_name);
    ADD("garbage", test_garbage);
    ADD("failing", test_attributes_that_fail);
    ADD("loop", test_a_loop_ends);
    ADD("express", test_express);
    ADD("sizes", test_sizes_are_right);
    g_test_add_func("/vpd", test_vpd);
    g_test_add_func("/names", test_names);
    g_test_add_func("/pci-addresses", test_pci_addresses);
    return g_test_run();
}
