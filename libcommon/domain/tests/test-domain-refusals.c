/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions that libvirt refuses are refused with its code and its words. */
#include <string.h>
#include "base/error.h"
#include "domain/domain.h"
#include "domain/tests/hints.h"

#define OS "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
#define DISK(dev, bus)                                                                             \
    "<disk type='file'><source file='/srv/" dev ".img'/><target dev='" dev "' bus='" bus           \
    "'/></disk>"

#define TUNE(inside) OS "<vcpu>4</vcpu><cputune>" inside "</cputune>"
#define CACHE(type) "<cache id='0' level='3' type='" type "' size='768'/>"

static const struct {
    const char *name;
    const char *top; /* below <domain>, beside name and memory */
    const char *devices;
    int code;
    const char *message;
} cases[] = {
    {"duplicate-target", OS,
     "<disk type='file'><source file='/a'/><target dev='vda'/></disk>"
     "<disk type='file'><source file='/b'/><target dev='vda'/></disk>",
     VIR_ERR_XML_ERROR, "XML error: target 'vda' duplicated for disk sources '/a' and '/b'"},
    {"duplicate-drive", OS,
     "<disk type='file'><source file='/a'/><target dev='sda' bus='scsi'/>"
     "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
     "<disk type='file'><source file='/b'/><target dev='sdb' bus='scsi'/>"
     "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: Found duplicate drive address for disk with target name 'sda' "
     "controller='0' bus='0' "
     "target='0' unit='0'"},
    {"partition-target", OS, DISK("vdb1", "virtio"), VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: invalid disk target 'vdb1', partitions can't appear in disk "
     "targets"},
    {"ide-on-pci", OS,
     "<disk type='file'><source file='/a'/><target dev='hda' bus='ide'/><address type='pci' "
     "slot='5'/></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: Invalid address type 'pci' for the disk 'hda' with the bus type "
     "'ide'"},
    {"vendor-on-virtio", OS,
     "<disk type='file'><source file='/a'/><target dev='vda'/><vendor>X</vendor></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: Only scsi disk supports vendor and product"},
    {"removable-not-usb", OS,
     "<disk type='file'><source file='/a'/><target dev='vda' removable='on'/></disk>",
     VIR_ERR_XML_ERROR, "XML error: removable is only valid for usb disks"},
    {"no-memory", OS "<memory>0</memory>", "", VIR_ERR_XML_ERROR,
     "XML error: Memory size must be specified via <memory> or in the <numa> configuration"},
    {"machine", "<os><type arch='x86_64' machine='pc-i440fx-9.1'>hvm</type></os>", "",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support machine "
     "type "
     "'pc-i440fx-9.1'"},
    {"vlan-without-tag", OS,
     "<interface type='bridge'><source bridge='b'/><vlan trunk='yes'/></interface>",
     VIR_ERR_XML_ERROR,
     "XML error: missing tag id - each <vlan> must have at least one <tag id='n'/> subelement"},
    {"vlans-that-are-no-trunk", OS,
     "<interface type='bridge'><source bridge='b'/><vlan trunk='no'><tag id='42'/><tag "
     "id='43'/></vlan></interface>",
     VIR_ERR_XML_ERROR,
     "XML error: invalid \"trunk='no'\" in <vlan> - trunk='yes' is required for more than one vlan "
     "tag"},
    {"two-native-vlans", OS,
     "<interface type='bridge'><source bridge='b'/><vlan><tag id='1' nativeMode='untagged'/><tag "
     "id='2' nativeMode='tagged'/></vlan></interface>",
     VIR_ERR_XML_ERROR, "XML error: duplicate native vlan setting"},
    {"rate-without-average", OS,
     "<interface type='bridge'><source bridge='b'/><bandwidth><inbound "
     "peak='3'/></bandwidth></interface>",
     VIR_ERR_XML_DETAIL, "Missing mandatory average or floor attributes"},
    {"peak-without-average", OS,
     "<interface type='bridge'><source bridge='b'/><bandwidth><inbound burst='3' "
     "floor='4'/></bandwidth></interface>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: 'peak' and 'burst' require 'average' attribute"},
    {"floor-of-a-bridge", OS,
     "<interface type='bridge'><source bridge='b'/><bandwidth><inbound average='1' "
     "floor='4'/></bandwidth></interface>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: floor attribute is not supported for this config"},
    {"floor-of-what-is-sent", OS,
     "<interface type='bridge'><source bridge='b'/><bandwidth><outbound average='1' "
     "floor='4'/></bandwidth></interface>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: 'floor' attribute allowed only in <inbound> element"},
    {"filters-and-iotune",
     OS "<throttlegroups><throttlegroup><total_iops_sec>1</total_iops_sec><group_name>g"
        "</group_name></throttlegroup></throttlegroups>",
     "<disk type='file'><source file='/a'/><target dev='vda'/><iotune><read_iops_sec>5"
     "</read_iops_sec></iotune><throttlefilters><throttlefilter group='g'/></throttlefilters>"
     "</disk>",
     VIR_ERR_OPERATION_UNSUPPORTED,
     "Operation not supported: block 'throttlefilters' can't be used together with 'iotune' for "
     "disk 'vda'"},
    {"filter-of-nothing", OS,
     "<disk type='file'><source file='/a'/><target dev='vda'/><throttlefilters>"
     "<throttlefilter group='g'/></throttlefilters></disk>",
     VIR_ERR_XML_ERROR, "XML error: throttle group 'g' not found"},
    {"filters-on-cdrom",
     OS "<throttlegroups><throttlegroup><total_iops_sec>1</total_iops_sec><group_name>g"
        "</group_name></throttlegroup></throttlegroups>",
     "<disk type='file' device='cdrom'><source file='/a'/><target dev='sda' bus='sata'/>"
     "<throttlefilters><throttlefilter group='g'/></throttlefilters></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: cdrom device with throttle filters isn't supported"},
    {"same-throttle-group",
     OS "<throttlegroups><throttlegroup><group_name>g</group_name></throttlegroup>"
        "<throttlegroup><group_name>g</group_name></throttlegroup></throttlegroups>",
     "", VIR_ERR_XML_ERROR, "XML error: duplicate group_name 'g' found"},
    {"crypto-backend", OS, "<crypto model='virtio' type='qemu'><backend model='quantum'/></crypto>",
     VIR_ERR_XML_ERROR,
     "XML error: Invalid value for attribute 'model' in element 'backend': 'quantum'. "
     "(/domain/devices/crypto/backend, line 1)"},
    {"two-thread-settings", OS "<iothreads>1</iothreads>",
     "<disk type='file'><driver iothread='1'><iothreads><iothread id='1'/></iothreads></driver>"
     "<source file='/a'/><target dev='vda'/></disk>",
     VIR_ERR_XML_ERROR,
     "XML error: disk driver 'iothread' attribute can't be used together with 'iothreads' "
     "subelement"},
    {"arch", "<os><type arch='s390x'>hvm</type></os>", "", VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: No emulator found for arch 's390x'"},
    {"boot-twice", "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>",
     "<disk type='file'><source file='/a'/><target dev='vda'/><boot order='1'/></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: per-device boot elements cannot be used together with os/boot "
     "elements"},
    {"boot-order", OS,
     "<disk type='file'><source file='/a'/><target dev='vda'/><boot order='1'/></disk>"
     "<disk type='file'><source file='/b'/><target dev='vdb'/><boot order='1'/></disk>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: boot order '1' used for more than one device"},
    {"wrong-root", OS, "<controller type='pci' index='0' model='pcie-root'/>", VIR_ERR_XML_ERROR,
     "XML error: The PCI controller with index='0' must be model='pci-root' for this machine type, "
     "but "
     "model='pcie-root' was found instead"},
    {"root-address", OS,
     "<controller type='pci' index='0' model='pci-root'><address type='pci' "
     "slot='3'/></controller>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: pci-root and pcie-root controllers should not have an address"},
    {"slot-taken", OS,
     "<interface type='user'><address type='pci' slot='5'/></interface>"
     "<interface type='user'><address type='pci' slot='5'/></interface>",
     VIR_ERR_XML_ERROR, "XML error: Attempted double use of PCI Address 0000:00:05.0"},
    {"usb-port", OS,
     "<input type='tablet' bus='usb'><address type='usb' bus='0' port='9'/></input>",
     VIR_ERR_XML_ERROR, "XML error: requested USB port 9 not present on USB bus 0"},
    {"usb-bus", OS, "<input type='tablet' bus='usb'><address type='usb' bus='4' port='1'/></input>",
     VIR_ERR_XML_ERROR, "XML error: Missing USB bus 4"},
    {"efi-without-acpi", "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>", "",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: UEFI requires ACPI on this architecture"},
    {"usb-none", OS,
     "<controller type='usb' index='0' model='none'/><controller type='usb' index='1' "
     "model='nec-xhci'/>",
     VIR_ERR_XML_DETAIL, "Can't add another USB controller: USB is disabled for this domain"},
    {"xhci-ports", OS, "<controller type='usb' index='0' model='qemu-xhci' ports='16'/>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: 'qemu-xhci' controller only supports up to '15' ports"},
    {"egl-alone", OS, "<graphics type='sdl'/><graphics type='egl-headless'/>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: graphics type 'egl-headless' is only supported with one of: "
     "'vnc', 'spice' graphics "
     "types"},
    {"video-none", OS, "<video><model type='none'/></video><video><model type='qxl'/></video>",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: a 'none' video type must be the only video device defined for the "
     "domain"},
    {"readonly-auto-loader",
     "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes'/></os>"
     "<features><acpi/></features>",
     "", VIR_ERR_XML_DETAIL,
     "loader attribute 'readonly' cannot be specified when firmware autoselection is enabled"},
    {"tseg", OS "<features><smm state='on'><tseg unit='MiB'>48</tseg></smm></features>", "",
     VIR_ERR_CONFIG_UNSUPPORTED,
     "unsupported configuration: SMM TSEG is only supported with q35 machine type"},
    {"dot", OS "<name>.</name>", "", VIR_ERR_XML_ERROR, "XML error: name '.' is invalid"},
    {"slash", OS "<name>a/b</name>", "", VIR_ERR_XML_ERROR,
     "XML error: name a/b cannot contain '/'"},
    {"cachetune-types", TUNE("<cachetune vcpus='0-1'>" CACHE("both") CACHE("code") "</cachetune>"),
     "", VIR_ERR_XML_ERROR,
     "XML error: Colliding cache allocations for cache level '3' id '0', type 'code'"},
    {"cachetune-monitor",
     TUNE("<cachetune vcpus='0-1'>" CACHE("both") "<monitor level='3' vcpus='1-2'/></cachetune>"),
     "", VIR_ERR_INVALID_ARG, "invalid argument: Monitor vcpus conflicts with allocation"},
    {"cachetune-monitor-level",
     TUNE("<cachetune vcpus='0-1'>" CACHE("both") "<monitor level='2' vcpus='0'/></cachetune>"), "",
     VIR_ERR_XML_ERROR, "XML error: Invalid monitor cache level '2'"},
    {"cachetune-monitor-twice",
     TUNE("<cachetune vcpus='0-1'><monitor level='3' vcpus='0'/><monitor level='3' vcpus='0'/>"
          "</cachetune>"),
     "", VIR_ERR_INVALID_ARG, "invalid argument: Identical vcpus found in same type monitors"},
    {"cachetune-twice",
     TUNE("<cachetune vcpus='0'>" CACHE("code") "</cachetune><cachetune vcpus='0'>" CACHE(
         "data") "</cachetune>"),
     "", VIR_ERR_XML_ERROR, "XML error: Identical vcpus in cachetunes found"},
    {"resctrl-overlap",
     TUNE("<cachetune vcpus='0-1'>" CACHE(
         "both") "</cachetune><memorytune vcpus='1'><node id='0' bandwidth='50'/></memorytune>"),
     "", VIR_ERR_XML_ERROR, "XML error: Overlapping vcpus in resctrls"},
    {"memorytune-node",
     TUNE("<memorytune vcpus='0'><node id='0' bandwidth='50'/><node id='0' bandwidth='40'/>"
          "</memorytune>"),
     "", VIR_ERR_XML_ERROR, "XML error: Memory Bandwidth already defined for node 0"},
    {"memorytune-percent",
     TUNE("<memorytune vcpus='0'><node id='0' bandwidth='110'/></memorytune>"), "",
     VIR_ERR_XML_ERROR, "XML error: Memory Bandwidth value exceeding 100 is invalid."},
};

static char *
compose(guint i)
{
    const gboolean has_name = strstr(cases[i].top, "<name>") != NULL;
    const gboolean has_memory = strstr(cases[i].top, "<memory>") != NULL;

    return g_strdup_printf("<domain type='qemu'>%s%s%s<devices>%s</devices></domain>",
                           has_name ? "" : "<name>refused</name>",
                           has_memory ? "" : "<memory>65536</memory>", cases[i].top,
                           cases[i].devices);
}

static void
test_refusal(gconstpointer data)
{
    const guint i = GPOINTER_TO_UINT(data);
    g_autofree char *text = compose(i);
    g_autoptr(GError) error = NULL;
    g_autoptr(VbDomainDef) def =
        vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), &error);

    g_assert_null(def);
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, cases[i].message);
    g_assert_cmpint(error->code, ==, cases[i].code);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/domain/refusals/%s", cases[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_refusal);
    }
    return g_test_run();
}
