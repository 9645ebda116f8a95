# SPDX-License-Identifier: LGPL-2.1-or-later
"""Node devices on a machine that has them: virtual functions, IOMMU groups, detaching, mediated devices, Fibre Channel,
USB; what virtnodedevd shows, tells and does."""

import xml.etree.ElementTree as ET

import pytest

NVME = "/sys/bus/pci/devices/0000:01:00.0"
PF, VF = "pci_0000_01_00_0", "pci_0000_01_00_1"
UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
MDEV = "mdev_83b8f4f2_509f_382f_3c1e_e6bfe0fa1002_mtty"
PORT = """<device><parent>%s</parent><capability type="scsi_host"><capability type="fc_host">
<wwnn>10000000c9831b4b</wwnn><wwpn>20000000c9831b4b</wwpn></capability></capability></device>"""
MEDIATED = """<device><parent>mtty_mtty</parent><capability type="mdev"><type id="mtty-2"/><uuid>%s</uuid></capability>
</device>""" % UUID


def xml(machine, name):
    return ET.fromstring(machine.run("virsh -q nodedev-dumpxml " + name).out)


def names(machine, options=""):
    return machine.run("virsh -q nodedev-list " + options).out.split()


def wait_name(machine, name, is_there=True):
    machine.wait("%s virsh -q nodedev-list | grep -qx '%s *'" % ("" if is_there else "!", name))


def driver(machine, name):
    return machine.run("busctl get-property org.virtbus.NodeDev /org/virtbus/nodedev/device/%s "
                       "org.virtbus.NodeDevice1 Driver" % name).out.split('"')[1]


def write(machine, path, text):
    machine.run("cat > %s <<'EOF'\n%s\nEOF" % (path, text))


@pytest.fixture
def functions(machine):
    """Two virtual functions of the NVMe controller."""
    names(machine)
    machine.run("echo 0 > %s/sriov_drivers_autoprobe; echo 2 > %s/sriov_numvfs" % (NVME, NVME))
    wait_name(machine, VF)
    yield
    machine.run("echo 0 > %s/sriov_numvfs" % NVME)
    wait_name(machine, VF, False)


def test_virtual_functions(machine, functions):
    physical = xml(machine, PF).find("capability")
    functions_of = physical.find("capability[@type='virt_functions']")
    assert functions_of.get("maxCount") == "4"
    assert [a.get("function") for a in functions_of] == ["0x1", "0x2"]
    address = xml(machine, VF).find("capability/capability[@type='phys_function']/address")
    assert (address.get("bus"), address.get("function")) == ("0x01", "0x0")
    assert [e.get("validity") for e in physical.findall("pci-express/link")] == ["cap", "sta"]


def test_groups_are_those_of_sysfs(machine):
    shared = xml(machine, "pci_0000_00_1f_0").find("capability/iommuGroup")
    assert {"0x%x" % f for f in (0, 2, 3)} <= {a.get("function") for a in shared}
    number = machine.run("basename $(readlink /sys/bus/pci/devices/0000:00:1f.0/iommu_group)").out.strip()
    assert shared.get("number") == number


def test_detach_and_back(machine, functions):
    machine.run("virsh nodedev-detach %s" % VF)
    assert driver(machine, VF) == "vfio-pci"
    machine.run("virsh nodedev-detach %s" % VF)       # nothing changes
    group = xml(machine, VF).find("capability/iommuGroup").get("number")
    machine.wait("[ -c /dev/vfio/%s ]" % group)
    # whoever has the group open drives the device
    machine.run("systemd-run --unit=holder sh -c 'exec 3<>/dev/vfio/%s; sleep 1000'" % group)
    machine.wait("systemctl is-active holder")
    machine.wait("! sh -c 'exec 3<>/dev/vfio/%s' 2>/dev/null" % group)
    refused = machine.run("virsh nodedev-reattach %s" % VF, check=False)
    assert refused.status == 1 and "is in use" in refused.err
    machine.run("systemctl stop holder")
    machine.run("virsh nodedev-reattach %s" % VF)
    assert driver(machine, VF) != "vfio-pci"


def test_reset(machine, functions):
    machine.run("[ ! -e %s/../0000:01:00.1/reset ] || virsh nodedev-reset %s" % (NVME, VF))
    refused = machine.run("virsh nodedev-reset pci_0000_00_00_0", check=False)
    assert refused.status == 1 and "no FLR, PM reset or bus reset available" in refused.err


def test_root_disk_stays(machine):
    disk = machine.run("readlink -f /sys/dev/block/$(mountpoint -d /)").out.split("/")
    address = [part for part in disk if part.count(":") == 2][-1]
    name = "pci_" + address.replace(":", "_").replace(".", "_")
    before = driver(machine, name)
    refused = machine.run("virsh nodedev-detach %s" % name, check=False)
    assert refused.status == 1 and "carries the file system" in refused.err
    assert driver(machine, name) == before


def test_mediated_devices(machine):
    machine.run("modprobe vfio_pci && modprobe mdev && insmod /usr/lib/virtbus-machine/mtty.ko")
    wait_name(machine, "mtty_mtty")
    assert "mtty_mtty" in names(machine, "--cap mdev_types")
    kinds = [t.get("id") for t in xml(machine, "mtty_mtty").iter("type")]
    assert {"mtty-1", "mtty-2"} <= set(kinds)
    write(machine, "/tmp/mdev.xml", MEDIATED)
    machine.run("virsh nodedev-define /tmp/mdev.xml")
    assert names(machine, "--inactive") == [MDEV]
    machine.run("virsh nodedev-start " + MDEV)
    assert machine.run("cat /sys/bus/mdev/devices/%s/mdev_type/available_instances" % UUID).out.strip()
    assert xml(machine, MDEV).find("capability/type").get("id") == "mtty-2"
    machine.run("virsh nodedev-autostart " + MDEV)
    assert "auto" in machine.run("mdevctl list --defined").out
    machine.run("virsh nodedev-destroy " + MDEV)
    assert names(machine, "--inactive") == [MDEV]
    machine.reboot()
    assert names(machine, "--inactive") == [MDEV]
    machine.run("modprobe vfio_pci && modprobe mdev && insmod /usr/lib/virtbus-machine/mtty.ko")
    wait_name(machine, MDEV)
    machine.run("virsh nodedev-destroy %s; virsh nodedev-undefine %s; rmmod mtty" % (MDEV, MDEV))
    assert names(machine, "--inactive") == []


def test_scsi(machine):
    names(machine)
    machine.run("modprobe scsi_debug dev_size_mb=64 num_tgts=1 max_luns=1; udevadm settle")
    machine.wait("virsh -q nodedev-list --cap storage | grep -q 'block_sd'")
    disk = [n for n in names(machine, "--cap storage") if n.startswith("block_sd")][0]
    tree = xml(machine, disk)
    assert tree.findtext("capability/size") == str(64 << 20)
    assert tree.findtext("capability/vendor") == "Linux"
    assert tree.findtext("parent").startswith("scsi_")
    assert names(machine, "--cap scsi_generic") and names(machine, "--cap scsi_target")
    machine.run("rmmod scsi_debug")
    wait_name(machine, disk, False)


def test_fibre_channel(machine):
    machine.run("ip link add fa type veth peer name fb; ip link set fa up; ip link set fb up; modprobe fcoe;"
                "for i in fa fb; do echo $i > /sys/bus/fcoe/ctlr_create; done;"
                "for c in /sys/bus/fcoe/devices/ctlr_*; do echo vn2vn > $c/mode; echo 1 > $c/enabled; done")
    machine.wait("[ $(cat /sys/class/fc_host/*/port_state | grep -c Online) = 2 ]")
    machine.wait("[ $(virsh -q nodedev-list --cap vports | wc -w) = 2 ]")
    host = names(machine, "--cap vports")[0]
    write(machine, "/tmp/port.xml", PORT % host)
    machine.run("virsh nodedev-create /tmp/port.xml")
    port = [n for n in names(machine, "--cap fc_host") if xml(machine, n).findtext("parent") == host][0]
    inside = xml(machine, port).find("capability/capability[@type='fc_host']")
    assert (inside.findtext("wwnn"), inside.findtext("wwpn")) == ("10000000c9831b4b", "20000000c9831b4b")
    found = machine.run("busctl call org.virtbus.NodeDev /org/virtbus/nodedev org.virtbus.NodeDevices1 LookupByWwn ssu "
                        "10000000c9831b4b 20000000c9831b4b 0").out
    assert port in found
    assert xml(machine, host).findtext("capability/capability[@type='vport_ops']/vports") == "1"
    machine.run("virsh nodedev-destroy " + port)
    wait_name(machine, port, False)
    refused = machine.run("virsh nodedev-destroy " + host, check=False)
    assert refused.status == 1
    machine.run("for i in fa fb; do echo $i > /sys/bus/fcoe/ctlr_destroy; done; ip link del fa")


def test_usb_hot_plug(machine):
    before = set(names(machine, "--cap usb_device"))
    machine.qmp("device_add", driver="usb-kbd", id="kbd", bus="xhci.0")
    machine.wait("[ $(virsh -q nodedev-list --cap usb_device | wc -w) = %d ]" % (len(before) + 1))
    keyboard = (set(names(machine, "--cap usb_device")) - before).pop()
    capability = xml(machine, keyboard).find("capability")
    # udev's database has one name for all of QEMU's input devices
    assert capability.find("vendor").get("id") == "0x0627" and "QEMU" in capability.findtext("product")
    machine.qmp("device_del", id="kbd")
    wait_name(machine, keyboard, False)
