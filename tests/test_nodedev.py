# SPDX-License-Identifier: LGPL-2.1-or-later
"""The devices of this machine: lists, tree, XML and properties, beside libvirtd where it is installed; devices that come
and go; a daemon that dies."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

import libvirt
import pytest
from gi.repository import Gio, GLib

from harness import SLOW, Stack, run_event_loop, wait_for
from nodedevs import (DEVICE, DEVICES, NODEDEV, OWN_NETWORK, ROOT, Network, Tree, call, canonical, get, lifecycle,
                      loop_device, names, path_of, u, wait_name, xml)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes devices: needs root")


@pytest.fixture(scope="module", autouse=True)
def event_loop():
    """libvirt's own event loop, in a thread, for every connection of this module."""
    with run_event_loop():
        yield


@pytest.fixture(scope="module")
def quiet_stack(build_dir):
    """One stack for all tests that only look: other tests' network devices are not in its network."""
    stack = Stack(build_dir, prefix=OWN_NETWORK if os.geteuid() == 0 else ())
    yield stack
    stack.close()
    stack.check_logs()


def steady(found):
    """Names without loop devices, which other tests make meanwhile."""
    return {name for name in found if not name.startswith("block_loop")}


@pytest.fixture
def own(make_stack):
    """A stack whose network is empty but for lo."""
    if os.geteuid() != 0:
        pytest.skip("makes network devices: needs root")
    return make_stack(prefix=OWN_NETWORK)


# -- looking

def test_computer_is_the_root(quiet_stack):
    assert names(quiet_stack, "--cap", "system") == ["computer"]
    assert quiet_stack.virsh("nodedev-list", "--tree").out.startswith("computer\n")
    assert get(quiet_stack, "computer", "Parent") == ""
    assert get(quiet_stack, "computer", "ParentObject") == "/"
    tree = xml(quiet_stack, "computer")
    assert tree.find("capability").get("type") == "system"
    assert tree.find("parent") is None


def test_lo(quiet_stack):
    lo = wait_name(quiet_stack, "net_lo_")
    tree = xml(quiet_stack, lo)
    assert lo == "net_lo_00_00_00_00_00_00"
    assert tree.findtext("path") == "/sys/devices/virtual/net/lo"
    assert tree.findtext("parent") == "computer"
    capability = tree.find("capability")
    assert capability.findtext("interface") == "lo"
    assert capability.find("capability").get("type") == "80203"
    assert "tso" in [f.get("name") for f in capability.findall("feature")]
    assert get(quiet_stack, lo, "Capabilities") == ["net"]
    assert get(quiet_stack, lo, "SysfsPath") == "/sys/devices/virtual/net/lo"
    assert get(quiet_stack, lo, "Active") and not get(quiet_stack, lo, "Persistent")


def test_pci_properties_are_those_of_sysfs(quiet_stack):
    devices = names(quiet_stack, "--cap", "pci")
    assert len(devices) == len(os.listdir("/sys/bus/pci/devices"))
    for name in devices:
        address = get(quiet_stack, name, "PciAddress")
        folder = "/sys/bus/pci/devices/" + address
        with open(folder + "/vendor") as f:
            assert get(quiet_stack, name, "VendorId") == int(f.read(), 16)
        with open(folder + "/class") as f:
            assert get(quiet_stack, name, "PciClass") == int(f.read(), 16)
        driver = os.path.realpath(folder + "/driver") if os.path.exists(folder + "/driver") else ""
        assert get(quiet_stack, name, "Driver") == os.path.basename(driver)
        assert re.sub("[:.]", "_", "pci_" + address) == name


def test_tree_can_be_walked_by_properties(quiet_stack):
    objects = call(quiet_stack, "GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")[0]
    devices = {p: i[DEVICE] for p, i in objects.items() if DEVICE in i}
    assert steady(d["Name"] for d in devices.values()) == steady(names(quiet_stack))
    for path, device in devices.items():
        assert path == path_of(device["Name"])
        steps = 0
        while device["ParentObject"] != "/":
            device = devices[device["ParentObject"]]
            steps += 1
            assert steps < 20
        assert device["Name"] == "computer"


def test_everything_in_one_call(quiet_stack):
    """The same on the bus, where GDBus writes it, and on the private socket, where we do."""
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
    peer = Gio.DBusConnection.new_for_address_sync("unix:path=" + quiet_stack.path("run/virtbus/virtnodedevd.sock"), flags,
                                                   None, None)
    method = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"
    on_bus = quiet_stack.call(ROOT, method, name=NODEDEV)
    direct = peer.call_sync(None, ROOT, *method.rsplit(".", 1), None, GLib.VariantType("(a{oa{sa{sv}}})"), 0, 20000, None)
    found, expected = ({path: facts for path, facts in objects.items() if "/block_loop" not in path}
                       for objects in (direct.unpack()[0], on_bus[0]))
    assert found == expected
    assert path_of("computer") in found and path_of("net_lo_00_00_00_00_00_00") in found
    peer.close_sync(None)


def test_old_and_new_lists_agree(quiet_stack):
    conn = quiet_stack.open(readonly=True)
    everything = steady(d.name() for d in conn.listAllDevices())
    assert steady(conn.listDevices(None, 0)) == everything == steady(names(quiet_stack))
    for flag, cap in ((2, "pci"), (16, "net"), (128, "scsi"), (1, "system")):
        assert {d.name() for d in conn.listAllDevices(flag)} == set(conn.listDevices(cap, 0))
        assert conn.numOfDevices(cap) == len(conn.listDevices(cap, 0))
    assert conn.listDevices("nonsense", 0) == []
    assert conn.listAllDevices(0x40000000) == []       # inactive
    assert steady(d.name() for d in conn.listAllDevices(0x80000000)) == everything
    device = conn.nodeDeviceLookupByName("computer")
    assert (device.parent(), device.numOfCaps(), device.listCaps()) == (None, 1, ["system"])
    assert (device.isActive(), device.isPersistent()) == (1, 0)
    conn.close()


@pytest.mark.parametrize("name", ["nosuch", "../../etc/passwd", "a b", "", "pci_0000_00_00_0/../x", "ä", "x" * 5000])
def test_no_such_device(quiet_stack, name):
    conn = quiet_stack.open()
    with pytest.raises(libvirt.libvirtError) as info:
        conn.nodeDeviceLookupByName(name).XMLDesc()
    assert info.value.get_error_code() == libvirt.VIR_ERR_NO_NODE_DEVICE
    assert str(info.value) == "Node device not found: no node device with matching name '%s'" % name
    conn.close()


def test_wwn_look_up(quiet_stack):
    conn = quiet_stack.open()
    with pytest.raises(libvirt.libvirtError) as info:
        conn.nodeDeviceLookupSCSIHostByWWN("1234567890abcdef", "fedcba0987654321")
    assert info.value.get_error_code() == libvirt.VIR_ERR_NO_NODE_DEVICE
    with pytest.raises(libvirt.libvirtError) as info:
        conn.nodeDeviceLookupSCSIHostByWWN("../../../etc", "fedcba0987654321")
    assert info.value.get_error_code() == libvirt.VIR_ERR_INVALID_ARG
    conn.close()


def reference():
    """What libvirtd, started by hand in namespaces of its own, shows: {name: XML}, or None without one."""
    program = shutil.which("libvirtd", path="/usr/sbin:/usr/local/sbin")
    driver = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_nodedev.so"
    if not program or not os.path.exists(driver) or os.geteuid() != 0:
        return None
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nodedev", "libvirtd.sh")
    result = subprocess.run(["bash", script, program], text=True, capture_output=True, check=False,
                            timeout=60 * SLOW)
    if result.returncode:
        return None
    parts = result.stdout.split("\0")
    return dict(zip(parts[::2], parts[1::2]))


def test_beside_libvirtd(quiet_stack):
    """Names, tree (in the XML's parents) and XML, but for what docs/node-devices.md lists."""
    theirs = reference()
    if not theirs:
        pytest.skip("no libvirtd with its node device driver here")
    ours = {n: quiet_stack.virsh("nodedev-dumpxml", n).out for n in steady(names(quiet_stack))}
    more = [n for n in set(ours) - set(theirs) if not n.startswith(("net_", "block_sd", "block_sr"))]
    assert not more and not [n for n in set(theirs) - set(ours) if not n.startswith("net_")]
    common = [n for n in theirs if n in ours]
    assert "computer" in common and len(common) > 3
    for name in common:
        assert canonical(ours[name]) == canonical(theirs[name]), name


# -- coming and going

def test_veth_bridge_tap(own):
    network = Network(own)
    recorder = own.record(sender=NODEDEV)
    names(own)
    added = threading.Event()
    for args in (("veth0", "type", "veth", "peer", "name", "veth1"), ("br0", "type", "bridge")):
        network.ip("link", "add", *args)
    if os.path.exists("/dev/net/tun"):
        network.ip("tuntap", "add", "tap0", "mode", "tap")
    recorder.wait_for(lifecycle("net_br0_", 0), what="bridge")
    veth = recorder.wait_for(lifecycle("net_veth0_", 0))[3][3]["name"]
    path = path_of(veth)
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesAdded" and a[0] == path, what="object")
    assert veth in names(own, "--cap", "net")
    with open("/dev/null"):
        assert xml(own, veth).findtext("capability/interface") == "veth0"
    network.ip("link", "set", "veth0", "name", "renamed")
    recorder.wait_for(lifecycle("net_renamed_", 0), what="the new name")
    recorder.wait_for(lifecycle(veth, 1), what="the old name's end")
    network.ip("link", "del", "renamed")
    recorder.wait_for(lifecycle("net_veth1_", 1))
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesRemoved" and a[0] == path, what="object's end")
    assert not [n for n in names(own) if "veth" in n or "renamed" in n]
    assert not added.is_set()


@needs_root
def test_loop(stack, tmp_path):
    recorder = stack.record(sender=NODEDEV)
    names(stack)
    if not os.path.exists("/dev/loop-control"):
        pytest.skip("no loop devices here")
    with loop_device(tmp_path) as device:
        name = recorder.wait_for(lifecycle("block_%s" % device, 0), what="loop device")[3][3]["name"]
        tree = xml(stack, name).find("capability")
        assert (tree.findtext("block"), tree.findtext("drive_type")) == ("/dev/" + device, "disk")
        wait_for(lambda: xml(stack, name).findtext("capability/size") == str(4 << 20), 10, "size")
    recorder.wait_for(lifecycle("block_%s" % device, 1), what="its end")


def test_legacy_events(own):
    network = Network(own)
    conn = own.open()
    heard = []

    def on_event(_conn, device, event, _detail, _data):
        heard.append((device.name().split("_")[1], event))
    conn.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, on_event, None)
    updates = []
    conn.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE,
                                    lambda _c, device, _d: updates.append(device.name()), None)
    network.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
    wait_for(lambda: len(heard) >= 2, 10, "2 events, seen %r" % heard)
    network.run("sh", "-c", "echo change > /sys/class/net/veth0/uevent")
    wait_for(lambda: len(updates) >= 1, 10, "update")
    own.kill("virtnodedevd")
    network.ip("link", "del", "veth0")
    names(own)
    wait_for(lambda: len(heard) >= 4, 20, "4 events, seen %r" % heard)
    assert sorted(heard) == [("veth0", 0), ("veth0", 1), ("veth1", 0), ("veth1", 1)]
    conn.close()


def test_told_within_100_ms(own):
    """From the kernel's event to the client's ear; the best of five, other tests run meanwhile."""
    network = Network(own)
    recorder = own.record(sender=NODEDEV)
    names(own)
    took = []
    for n in range(5):
        network.ip("link", "add", "quick%d" % n, "type", "veth", "peer", "name", "other%d" % n)
        before = time.monotonic()
        recorder.wait_for(lifecycle("net_quick%d_" % n, 0), 10)
        took.append(time.monotonic() - before)
        network.ip("link", "del", "quick%d" % n)
        recorder.wait_for(lifecycle("net_quick%d_" % n, 1), 10)
    assert min(took) < 0.1 * SLOW, took


def test_memory(own, build_dir):
    """Idle; and another 20,000 events when the log is full leave nothing behind: an event lost would be 200 bytes, a device
    700. What varies is the room that bursts needed while they waited."""
    network = Network(own)
    names(own)

    def pss():
        with open("/proc/%d/smaps_rollup" % own.pid("virtnodedevd")) as f:
            return int(re.search(r"^Pss: +([0-9]+) kB", f.read(), re.MULTILINE)[1])
    with open(os.path.join(build_dir, "virtnodedevd", "virtnodedevd"), "rb") as f:
        is_sanitized = b"__asan_init" in f.read()
    assert is_sanitized or pss() <= 6 * 1024
    marks = []
    for _ in range(4):
        before = own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV)
        uevents(network, 10000)
        wait_for(lambda: own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV) >= before + 10000, 30, "10,000 events")
        marks.append(pss())
    assert is_sanitized or min(marks[2:]) - max(marks[:2]) < 3072, marks


@pytest.mark.parametrize("n, is_log_lost", [(3, True), (5000, False)], ids=("new-log", "log-overrun"))
def test_legacy_clients_hear_what_the_log_lost(make_stack, tmp_path, n, is_log_lost):
    """More than the log keeps, or another log: the difference becomes events."""
    tree = Tree(tmp_path)
    old, new = ["0000:00:%02x.0" % i for i in range(3)], ["0001:%02x:%02x.%d" % (i >> 8, i >> 3 & 31, i & 7) for i in range(n)]
    folders = [tree.pci("pci0000:00", address) for address in old]
    stack = make_stack(options=("--sysfs", tree.sysfs))
    conn = stack.open()
    heard = {}

    def on_event(_conn, device, event, _detail, _data):
        heard.setdefault(device.name(), []).append(event)
    conn.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, on_event, None)
    pid = stack.pid("virtnodedevd")
    os.kill(pid, signal.SIGSTOP)
    for folder in folders[:2]:
        shutil.rmtree(tree.path(folder))
    for address in new:
        tree.pci("pci0001:00", address)
    if is_log_lost:
        for name in ("virtnodedevd.events", "virtnodedevd.known"):
            os.unlink(stack.path("run/virtbus/" + name))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid("virtnodedevd") != pid, 10, "the end of virtnodedevd")
    wait_for(lambda: len(heard) >= n + 2, 30, "%d events, seen %d" % (n + 2, len(heard)))
    assert conn.numOfDevices("pci") == n + 1
    expected = {name: [0] for name in (nodedev_name(address) for address in new)}
    expected.update({nodedev_name(address): [1] for address in old[:2]})
    assert heard == expected
    conn.close()


def nodedev_name(address):
    return "pci_" + address.replace(":", "_").replace(".", "_")


def uevents(network, n):
    """@n events of lo, made by writing to sysfs."""
    network.run("sh", "-c", 'i=0; while [ $i -lt %d ]; do echo change; i=$((i+1)); done |'
                ' while read w; do echo $w > /sys/class/net/lo/uevent; done' % n)


def test_a_burst_loses_nothing(own):
    network = Network(own)
    names(own)
    before = own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV)
    uevents(network, 10000)
    wait_for(lambda: own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV) >= before + 10000, 30,
             "10,000 events")
    assert own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV) == before + 10000


def test_lost_events_lead_to_another_look(make_stack):
    if os.geteuid() != 0:
        pytest.skip("makes network devices: needs root")
    own = make_stack(prefix=OWN_NETWORK, env={"VIRTBUS_UEVENT_BUFFER": "4096"})
    network = Network(own)
    network.ip("link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
    wait_name(own, "net_gone0_")
    os.kill(own.pid("virtnodedevd"), signal.SIGSTOP)
    network.ip("link", "del", "gone0")
    uevents(network, 300)
    network.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    os.kill(own.pid("virtnodedevd"), signal.SIGCONT)
    wait_name(own, "net_late0_")
    wait_name(own, "net_gone0_", False)
    assert "device events were lost" in own.log("virtnodedevd")


def test_what_happened_meanwhile_is_told(own):
    network = Network(own)
    network.ip("link", "add", "old0", "type", "veth", "peer", "name", "old1")
    wait_name(own, "net_old0_")
    epoch = own.get(ROOT, DEVICES, "EventEpoch", name=NODEDEV)
    sequence = own.get(ROOT, DEVICES, "EventSequence", name=NODEDEV)
    own.kill("virtnodedevd")
    network.ip("link", "del", "old0")
    network.ip("link", "add", "new0", "type", "veth", "peer", "name", "new1")
    is_resync, now, events = call(own, "EventsSince", GLib.Variant("(st)", (epoch, sequence)))
    assert (is_resync, now) == (False, epoch)
    seen = sorted((e[3]["name"].split("_")[1], e[3]["event"], e[3]["late"]) for e in events)
    assert seen == [("new0", 0, True), ("new1", 0, True), ("old0", 1, True), ("old1", 1, True)]
    assert [e[0] for e in events] == list(range(sequence + 1, sequence + 5))


# -- a daemon of its own

def test_starts_when_first_used_and_comes_back(stack):
    stack.virsh("list")
    assert not stack.pid("virtnodedevd"), "nobody asked for devices"
    assert "computer" in names(stack)
    conn = stack.open()
    device = conn.nodeDeviceLookupByName("computer")
    first = stack.pid("virtnodedevd")
    stack.kill("virtnodedevd")
    assert device.XMLDesc().startswith("<device>")
    assert stack.pid("virtnodedevd") != first
    conn.close()


def test_one_daemon_dead_does_not_touch_the_other(stack):
    conn = stack.open()
    assert conn.numOfDevices("system") == 1
    other = stack.pid("virtqemud")
    stack.kill("virtnodedevd")
    assert conn.listAllDomains() == [] and stack.pid("virtqemud") == other
    assert conn.numOfDevices("system") == 1
    os.kill(other, signal.SIGSTOP)
    try:
        assert conn.numOfDevices("system") == 1
    finally:
        os.kill(other, signal.SIGCONT)
    conn.close()


def test_read_only_clients_may_look(stack):
    conn = stack.open(readonly=True)
    assert conn.nodeDeviceLookupByName("computer").XMLDesc()
    with pytest.raises(libvirt.libvirtError) as info:
        conn.nodeDeviceCreateXML("<device/>")
    assert info.value.get_error_code() in (libvirt.VIR_ERR_OPERATION_DENIED, libvirt.VIR_ERR_NO_SUPPORT)
    conn.close()


def test_idle_exit(make_stack):
    stack = make_stack(options=("--idle-timeout", "1"))
    assert call(stack, "ListDevices", u(0))[0]
    wait_for(lambda: not stack.pid("virtnodedevd"), 20, "idle exit")
    assert path_of("computer") in call(stack, "ListDevices", u(0))[0]
