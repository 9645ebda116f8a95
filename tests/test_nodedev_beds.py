# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices recorded on a real Linux (tests/nodedev/record.py) and played back by umockdev: what becomes of them, and
hot-plug."""

import os
import re
import shutil

import pytest

from harness import Stack, wait_for
from nodedevs import NODEDEV, get, lifecycle, names, xml

HERE = os.path.dirname(os.path.abspath(__file__))
BEDS = os.path.join(HERE, "nodedev", "beds")
ALL = sorted(name.partition(".")[0] for name in os.listdir(BEDS))

pytestmark = pytest.mark.skipif(not shutil.which("umockdev-wrapper"), reason="umockdev is not installed")


def bed_file(name):
    return os.path.join(BEDS, name + ".umockdev")


@pytest.fixture(autouse=True)
def not_with_sanitizers(build_dir):
    """Two libraries that want to be loaded first do not go together."""
    with open(os.path.join(build_dir, "virtnodedevd", "virtnodedevd"), "rb") as f:
        if b"__asan_init" in f.read():
            pytest.skip("built with sanitizers, which umockdev cannot be loaded beside")


class Bed:
    """A stack whose daemons see recorded devices."""

    def __init__(self, build_dir, folder, beds):
        control = os.path.join(folder, "control")
        os.mkfifo(control)
        self.stack = Stack(build_dir, prefix=(
            "umockdev-wrapper", "/usr/bin/python3", os.path.join(HERE, "nodedev", "bed.py"), control,
            *map(bed_file, beds), "--"))
        self.pipe = os.open(control, os.O_WRONLY | os.O_NONBLOCK)

    def tell(self, verb, argument):
        os.write(self.pipe, ("%s %s\n" % (verb, argument)).encode())

    def close(self):
        self.stack.close()
        os.close(self.pipe)
        self.stack.check_logs()


@pytest.fixture
def make_bed(build_dir, tmp_path):
    """A function that starts one test bed."""
    beds = []

    def make(*names_of_beds):
        beds.append(Bed(build_dir, str(tmp_path), names_of_beds))
        return beds[-1]
    yield make
    for bed in beds:
        bed.close()


def recorded(bed):
    """{path: {property: value}} of a recording, in its order."""
    with open(bed_file(bed)) as f:
        blocks = f.read().split("\n\n")
    found = {}
    for block in blocks:
        path = re.match(r"P: (.*)", block.strip())
        if path:
            found["/sys" + path[1]] = dict(re.findall(r"^E: ([^=\n]*)=(.*)$", block, re.MULTILINE))
    return found


def capability(stack, name):
    return xml(stack, name).find("capability")


def test_sriov(make_bed):
    stack = make_bed("sriov").stack
    assert names(stack, "--cap", "pci") == ["pci_0000_00_03_0", "pci_0000_01_00_0", "pci_0000_01_00_1", "pci_0000_01_00_2"]
    physical = capability(stack, "pci_0000_01_00_0")
    functions = physical.find("capability[@type='virt_functions']")
    assert functions.get("maxCount") == "4"
    assert [(a.get("bus"), a.get("function")) for a in functions] == [("0x01", "0x1"), ("0x01", "0x2")]
    of = capability(stack, "pci_0000_01_00_1").find("capability[@type='phys_function']/address")
    assert (of.get("bus"), of.get("slot"), of.get("function")) == ("0x01", "0x00", "0x0")
    assert xml(stack, "pci_0000_01_00_1").findtext("parent") == "pci_0000_00_03_0"
    assert capability(stack, "pci_0000_00_03_0").find("capability").get("type") == "pci-bridge"
    links = {e.get("validity"): e for e in physical.findall("pci-express/link")}
    assert set(links) == {"cap", "sta"} and links["cap"].get("port") is not None
    assert get(stack, "pci_0000_01_00_0", "Driver") == "nvme"
    assert len({get(stack, "pci_0000_01_00_%d" % f, "IommuGroup") for f in (0, 1, 2)}) == 3
    assert physical.findtext("class") == "0x010802"


def test_wifi(make_bed):
    stack = make_bed("wifi").stack
    assert names(stack, "--cap", "net") == ["net_wlan0_02_00_00_00_00_00"]
    wlan = capability(stack, "net_wlan0_02_00_00_00_00_00")
    assert wlan.find("capability").get("type") == "80211"
    assert wlan.find("link").get("state") == "down"


def test_scsi(make_bed):
    stack = make_bed("scsi").stack
    drive = names(stack, "--cap", "storage")[0]
    chain = [drive]
    while xml(stack, chain[-1]).findtext("parent") != "computer":
        chain.append(xml(stack, chain[-1]).findtext("parent"))
    assert [c.rstrip("0123456789_") for c in chain[1:]] == ["scsi", "scsi_target", "scsi_host"]
    tree = capability(stack, drive)
    assert (tree.findtext("vendor"), tree.findtext("model")) == ("Linux", "scsi_debug")
    assert tree.findtext("size") == str(64 << 20) and tree.findtext("drive_type") == "disk"
    device = capability(stack, chain[1])
    assert (device.findtext("host"), device.findtext("lun"), device.findtext("type")) == ("6", "0", "disk")
    assert capability(stack, chain[2]).findtext("target") == "target6:0:0"
    generic = names(stack, "--cap", "scsi_generic")
    assert [capability(stack, g).findtext("char") for g in generic] == ["/dev/sg0"]
    assert drive.startswith("block_sda_") and get(stack, drive, "DevNode") == "/dev/sda"


def test_npiv(make_bed):
    stack = make_bed("npiv").stack
    assert names(stack, "--cap", "fc_host") == ["scsi_host7", "scsi_host8", "scsi_host9"]
    host = capability(stack, "scsi_host7")
    ports = host.find("capability[@type='vport_ops']")
    assert (ports.findtext("max_vports"), ports.findtext("vports")) == ("65535", "1")
    port = xml(stack, "scsi_host9")
    assert port.findtext("parent") == "scsi_host7"
    names_of = port.find("capability/capability[@type='fc_host']")
    assert (names_of.findtext("wwnn"), names_of.findtext("wwpn")) == ("10000000c9831b4b", "20000000c9831b4b")
    conn = stack.open()
    assert conn.nodeDeviceLookupSCSIHostByWWN("10000000c9831b4b", "20000000C9831B4B").name() == "scsi_host9"
    assert conn.nodeDeviceLookupByName("scsi_host7").listCaps() == ["scsi_host", "fc_host", "vports"]
    conn.close()


def test_usb(make_bed):
    stack = make_bed("usb").stack
    hubs = [n for n in names(stack, "--cap", "usb_device") if "usb_usb" in n]
    assert len(hubs) == 2
    for hub in hubs:
        device = capability(stack, hub)
        assert device.find("vendor").get("id") == "0x1d6b"
        assert device.find("vendor").text == "Linux Foundation"
        assert xml(stack, hub).findtext("devnode[@type='dev']").startswith("/dev/bus/usb/")
    tablet = capability(stack, "usb_1_1")
    assert (tablet.find("product").get("id"), tablet.find("product").text) == ("0x0001", "QEMU Tablet")
    assert xml(stack, "usb_1_1").findtext("parent") == "usb_usb1"
    assert capability(stack, "usb_1_1_1_0").findtext("class") == "3"
    interface = capability(stack, "usb_1_0_1_0")
    assert [interface.findtext(n) for n in ("number", "class", "subclass")] == ["0", "9", "0"]


def test_mdev(make_bed):
    stack = make_bed("mdev").stack
    name = "mdev_83b8f4f2_509f_382f_3c1e_e6bfe0fa1001_mtty"
    assert names(stack, "--cap", "mdev") == [name]
    device = capability(stack, name)
    assert device.find("type").get("id") == "mtty-2"
    assert device.findtext("parent_addr") == "mtty" and device.find("iommuGroup").get("number") != "0"
    assert xml(stack, name).findtext("parent") == "mtty_mtty"
    kinds = {t.get("id"): t for t in capability(stack, "mtty_mtty").iter("type")}
    assert set(kinds) == {"mtty-1", "mtty-2"}
    assert kinds["mtty-1"].findtext("deviceAPI") == "vfio-pci"


def test_drm(make_bed):
    stack = make_bed("drm").stack
    kinds = {n: capability(stack, n).findtext("type") for n in names(stack, "--cap", "drm")}
    assert "primary" in kinds.values()
    card = next(n for n, kind in kinds.items() if kind == "primary")
    assert xml(stack, card).findtext("devnode[@type='dev']").startswith("/dev/dri/card")
    assert get(stack, card, "Parent").startswith("pci_")


@pytest.mark.parametrize("name", ALL)
def test_recorded_devices_are_shown(make_bed, name):
    """Every recorded device of a kind that is shown has its object, below the next one that has one."""
    stack = make_bed(name).stack
    devices = recorded(name)
    shown = {xml(stack, n).findtext("path"): n for n in names(stack) if n != "computer"}
    assert set(shown) <= set(devices)
    for path, entry in shown.items():
        above = [p for p in shown if path.startswith(p + "/")]
        parent = shown[max(above, key=len)] if above else "computer"
        assert xml(stack, entry).findtext("parent") == parent
        assert get(stack, entry, "Driver") == devices[path].get("DRIVER", "")


def test_hot_plug(make_bed):
    """Recorded devices come and go while the daemon runs."""
    bed = make_bed("usb")
    stack = bed.stack
    recorder = stack.record(sender=NODEDEV)
    before = names(stack)
    bed.tell("add", bed_file("sriov"))
    recorder.wait_for(lifecycle("pci_0000_01_00_2", 0), what="second function")
    assert set(names(stack)) == set(before) | {"pci_0000_00_03_0", "pci_0000_01_00_0", "pci_0000_01_00_1",
                                               "pci_0000_01_00_2"}
    path = "/sys/devices/pci0000:00/0000:00:03.0/0000:01:00."
    bed.tell("change", path + "0")
    recorder.wait_for(lambda p, i, m, a: m == "Event" and a[1] == "update" and a[3]["name"] == "pci_0000_01_00_0",
                      what="update")
    bed.tell("remove", path + "1")
    recorder.wait_for(lifecycle("pci_0000_01_00_1", 1), what="its end")
    wait_for(lambda: "pci_0000_01_00_1" not in names(stack), 10)
    assert "pci_0000_01_00_2" in names(stack)
