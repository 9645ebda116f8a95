/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running guest would notice of another definition is refused, and what it would not is not. */
#include <string.h>
#include "base/error.h"
#include "domain/domain.h"
#include "domain/tests/hints.h"

static const char guest[] =
    "<domain type='qemu'><name>abi</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"
    "<maxMemory slots='4' unit='KiB'>2097152</maxMemory>"
    "<memory unit='KiB'>1048576</memory><vcpu>2</vcpu><sysinfo type='smbios'/>"
    "<os><type arch='x86_64' machine='q35'>hvm</type><smbios mode='emulate'/></os>"
    "<features><acpi/><apic/><vmport state='off'/></features>"
    "<cpu mode='custom'><model>qemu64</model><topology sockets='1' cores='2' threads='1'/>"
    "<feature policy='require' name='vmx'/>"
    "<numa><cell id='0' cpus='0-1' memory='1048576'/></numa></cpu>"
    "<clock offset='utc'><timer name='hpet' present='no'/></clock><devices>"
    "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>"
    "<source file='/srv/a.img'/><target dev='vda' bus='virtio'/><serial>one</serial></disk>"
    "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>"
    "<controller type='usb' index='0' model='qemu-xhci' ports='8'/>"
    "<controller type='scsi' index='0' model='virtio-scsi'/>"
    "<filesystem type='mount'><source dir='/srv/x'/><target dir='tag'/></filesystem>"
    "<interface type='bridge'><mac address='52:54:00:11:22:33'/><source bridge='br0'/>"
    "<model type='virtio'/><driver iommu='on'/><mtu size='1400'/></interface>"
    "<serial type='pty'/><channel type='unix'><target type='virtio' name='org.a'/></channel>"
    "<input type='tablet' bus='usb'/><graphics type='vnc'/><sound model='ich9'/>"
    "<video><model type='qxl' heads='1'/></video>"
    "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source>"
    "</hostdev><watchdog model='i6300esb'/><memballoon model='virtio'/>"
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    "<panic model='isa'/><shmem name='shared'><model type='ivshmem-plain'/><size unit='M'>4</size>"
    "</shmem><memory model='dimm'><target><size unit='KiB'>131072</size><node>0</node></target>"
    "</memory><vsock model='virtio'><cid auto='no' address='5'/></vsock></devices></domain>";

static const struct {
    const char *name, *from, *to;
    const char *message; /* NULL: the guest would not notice */
} cases[] = {
    {"nothing", "abi", "abi", NULL},
    {"image", "/srv/a.img", "/srv/b.img", NULL},
    {"cache", "cache='none'", "cache='writeback'", NULL},
    {"bridge", "br0", "br1", NULL},
    {"folder", "/srv/x", "/srv/y", NULL},
    {"graphics", "type='vnc'", "type='spice'", NULL},
    {"entropy", "/dev/urandom", "/dev/hwrng", NULL},
    {"virt-type", "type='qemu'", "type='kvm'", "domain virt type kvm does not match source qemu"},
    {"name", "<name>abi", "<name>other", "domain name 'other' does not match source 'abi'"},
    {"uuid", "c7a5fdbd", "c7a5fdbe",
     "domain UUID c7a5fdbe-edaf-9455-926a-d65c16db1809 does not match source "
     "c7a5fdbd-edaf-9455-926a-d65c16db1809"},
    {"slots", "slots='4'", "slots='8'", "domain memory slots count 8 does not match source 4"},
    {"machine", "'pc-q35-7.2'", "'pc-q35-6.2'",
     "domain machine type pc-q35-6.2 does not match source pc-q35-7.2"},
    {"smbios", "mode='emulate'", "mode='host'",
     "domain SMBIOS mode host does not match source emulate"},
    {"cpu-model", "qemu64", "kvm64", "CPU model kvm64 does not match source qemu64"},
    {"cpu-topology", "sockets='1' dies='1' cores='2'", "sockets='2' dies='1' cores='1'",
     "CPU sockets 2 does not match source 1"},
    {"cpu-feature", "'vmx'", "'svm'", "CPU feature svm does not match source vmx"},
    {"cpu-policy", "'require'", "'force'",
     "CPU feature policy force does not match source require"},
    {"timer", "'hpet'", "'pit'", "timer pit does not match source hpet"},
    {"disk-serial", "<serial>one", "<serial>two", "disk serial two does not match source one"},
    {"disk-bus", "dev='sdb' bus='sata'", "dev='sdb' bus='scsi'",
     "disk bus scsi does not match source sata"},
    {"disk-name", "'vda'", "'vdb'", "disk vdb does not match source vda"},
    {"usb-ports", "ports='8'", "ports='4'", "controller ports 4 does not match source 8"},
    {"usb-model", "qemu-xhci' ports='8", "nec-xhci' ports='8",
     "controller model nec-xhci does not match source qemu-xhci"},
    {"filesystem", "'tag'", "'label'", "filesystem guest target label does not match source tag"},
    {"mac", "11:22:33", "11:22:34",
     "network card mac 52:54:00:11:22:34 does not match source 52:54:00:11:22:33"},
    {"mtu", "'1400'", "'1500'", "network card MTU 1500 does not match source 1400"},
    {"iommu", "iommu='on'", "iommu='off'", "device iommu option 'off' does not match source 'on'"},
    {"channel", "org.a", "org.b", "channel name org.b does not match source org.a"},
    {"input", "'tablet'", "'mouse'", "input device type mouse does not match source tablet"},
    {"sound", "'ich9'", "'ich6'", "sound card model ich6 does not match source ich9"},
    {"video", "heads='1'", "heads='2'", "video card heads 2 does not match source 1"},
    {"watchdog", "i6300esb", "ib700", "watchdog model ib700 does not match source i6300esb"},
    {"balloon", "<memballoon model='virtio'", "<memballoon model='none'",
     "balloon model none does not match source virtio"},
    {"rng", "<rng model='virtio'", "<rng model='virtio-transitional'",
     "RNG model 'virtio-transitional' does not match source 'virtio'"},
    {"panic", "<panic model='isa'", "<panic model='hyperv'",
     "panic model 'hyperv' does not match source 'isa'"},
    {"shmem", "'shared'", "'other'", "shared memory name 'other' does not match source 'shared'"},
    {"memory", "131072", "262144", "domain max memory 1310720 does not match source 1179648"},
    {"no-disk",
     "    <disk type='file' device='cdrom'>\n      <driver name='qemu' type='raw'/>\n"
     "      <target dev='sdb' bus='sata'/>\n      <readonly/>\n"
     "      <address type='drive' controller='0' bus='0' target='0' unit='1'/>\n    </disk>\n",
     "", "domain disk count 1 does not match source 2"},
    {"address", "<address type='usb' bus='0' port='1'/>", "<address type='usb' bus='0' port='5'/>",
     "device USB address 0:5 does not match source 0:1"},
    {"pci", "bus='0x00' slot='0x1b' function='0x0'", "bus='0x00' slot='0x1a' function='0x0'",
     "device PCI address 0000:00:1a.0 does not match source 0000:00:1b.0"},
    {"drive", "<address type='drive' controller='0' bus='0' target='0' unit='1'/>",
     "<address type='drive' controller='0' bus='0' target='0' unit='2'/>",
     "device drive address 0:0:0:2 does not match source 0:0:0:1"},
};

static VbDomainDef *
prepare(const char *text)
{
    g_autoptr(GError) error = NULL;
    VbDomainDef *def =
        vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), &error);

    g_assert_no_error(error);
    return def;
}

static void
test_change(gconstpointer data)
{
    const guint i = GPOINTER_TO_UINT(data);
    g_autoptr(VbDomainDef) source = prepare(guest);
    g_autofree char *shown = vb_domain_format(source, VB_DOMAIN_FORMAT_SECURE);
    GString *changed = g_string_new(shown);
    g_autoptr(VbDomainDef) target = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *message = NULL;

    g_assert_cmpuint(g_string_replace(changed, cases[i].from, cases[i].to, 1), ==, 1);
    target = prepare(changed->str);
    g_string_free(changed, TRUE);
    if (!cases[i].message) {
        g_assert_true(vb_domain_check_abi(source, target, &error));
        g_assert_no_error(error);
        return;
    }
    g_assert_false(vb_domain_check_abi(source, target, &error));
    message = g_strdup_printf("unsupported configuration: Target %s", cases[i].message);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpint(error->code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void
test_state_of_features(void)
{
    GString *changed = g_string_new(guest);
    g_autoptr(VbDomainDef) source = prepare(guest);
    g_autoptr(VbDomainDef) target = NULL;
    g_autoptr(GError) error = NULL;

    g_string_replace(changed, "<vmport state='off'/>", "<vmport state='on'/>", 1);
    target = prepare(changed->str);
    g_string_free(changed, TRUE);
    g_assert_false(vb_domain_check_abi(source, target, &error));
    g_assert_cmpstr(error->message, ==,
                    "unsupported configuration: State of feature 'vmport' differs: source: 'off', "
                    "destination: 'on'");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/domain/abi/%s", cases[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_change);
    }
    g_test_add_func("/domain/abi/features", test_state_of_features);
    return g_test_run();
}
