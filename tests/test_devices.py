# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices added to, changed in and taken from guests, stored and running, by stock virsh."""

import json
import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET

import pytest

from harness import wait_for


def image(stack, name, size=1 << 20):
    path = stack.path(name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def change(stack, command, xml, *flags, guest="guest", **kwargs):
    """attach-device, detach-device or update-device with @xml."""
    with tempfile.NamedTemporaryFile("w", suffix=".xml", dir=stack.root) as f:
        f.write(xml)
        f.flush()
        os.chmod(f.name, 0o644)
        return stack.virsh(command, guest, f.name, *flags, **kwargs)


def tree(stack, *flags, guest="guest"):
    return ET.fromstring(stack.virsh("dumpxml", *flags, guest).out)


def targets(stack, *flags):
    return [t.get("dev") for t in tree(stack, *flags).findall("devices/disk/target")]


def macs(stack, *flags):
    return [m.get("address") for m in tree(stack, *flags).findall("devices/interface/mac")]


def disk(path, target="vdb", bus="virtio"):
    return ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/>"
            "<target dev='%s' bus='%s'/></disk>" % (path, target, bus))


def test_config_disk(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    path = image(stack, "a.img")
    stack.virsh("attach-disk", "guest", path, "vdb", "--config")
    assert targets(stack) == ["vdb"]
    found = tree(stack).find("devices/disk")
    assert found.find("address").get("type") == "pci"
    result = stack.virsh("attach-disk", "guest", path, "vdb", "--config", check=False)
    assert "Requested operation is not valid: target vdb already exists" in result.err
    stored = ET.parse(stack.path("/etc/libvirt/qemu/guest.xml"))
    assert stored.find("devices/disk/source").get("file") == path
    stack.kill("virtqemud")
    assert targets(stack) == ["vdb"]
    stack.virsh("detach-disk", "guest", "vdb", "--config")
    assert targets(stack) == []
    result = change(stack, "detach-device", disk(path), "--config", check=False)
    assert "device not found: no target device vdb" in result.err
    result = change(stack, "update-device", disk(path), "--config", check=False)
    assert "invalid argument: target vdb doesn't exist." in result.err


@pytest.mark.parametrize("xml, message", [
    ("<video><model type='qxl'/></video>", "persistent attach of device 'video' is not supported"),
    ("<memballoon model='virtio'/>",
     "persistent attach of device 'memballoon' is not supported"),
    ("<graphics type='vnc'/>", "persistent attach of device 'graphics' is not supported"),
    ("<hub type='usb'/>", "persistent attach of device 'hub' is not supported"),
    ("<foo/>", "unsupported configuration: unknown device type 'foo'"),
    ("<disk", "Couldn't find end of Start Tag"),
])
def test_config_refused(shared_stack, guest_xml, xml, message):
    shared_stack.define(guest_xml(plain=True))
    before = shared_stack.virsh("dumpxml", "guest").out
    result = change(shared_stack, "attach-device", xml, "--config", check=False)
    assert result.status != 0
    assert message in result.err
    assert shared_stack.virsh("dumpxml", "guest").out == before


@pytest.mark.parametrize("path, xml", [
    ("interface", "<interface type='user'><mac address='52:54:00:99:99:99'/></interface>"),
    ("rng", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"),
    ("input[@bus='usb']", "<input type='tablet' bus='usb'/>"),
    ("sound", "<sound model='ich6'/>"),
    ("controller[@type='scsi']", "<controller type='scsi' index='0' model='virtio-scsi'/>"),
    ("channel", "<channel type='pty'><target type='virtio' name='a.b'/></channel>"),
    ("watchdog", "<watchdog model='i6300esb'/>"),
])
def test_config_classes(shared_stack, guest_xml, path, xml):
    stack = shared_stack
    stack.define(guest_xml(plain=True))
    before = len(tree(stack).findall("devices/" + path))
    change(stack, "attach-device", xml, "--config")
    assert len(tree(stack).findall("devices/" + path)) == before + 1
    change(stack, "detach-device", xml, "--config")
    assert len(tree(stack).findall("devices/" + path)) == before
    result = change(stack, "detach-device", xml, "--config", check=False)
    assert "not found" in result.err or "not present" in result.err or "no watchdog" in result.err


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_live_disk_and_interface(stack, guest_xml, machine):
    ports = "<controller type='pci' index='0' model='pcie-root'/>" + "".join(
        "<controller type='pci' index='%d' model='pcie-root-port'/>" % (i + 1) for i in range(6))
    stack.define(guest_xml(machine=machine, devices=ports if machine == "q35" else ""))
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    events = stack.record(member="Event")
    path = image(stack, "a.img")

    stack.virsh("attach-disk", "guest", path, "vdb", "--live")
    assert targets(stack) == ["vdb"]
    assert targets(stack, "--inactive") == []
    events.wait_for(lambda *r: r[3][1] == "device-added" and
                    r[3][3]["devAlias"] == "virtio-disk1")
    result = stack.virsh("attach-disk", "guest", path, "vdb", "--live", check=False)
    assert result.status != 0 and "vdb" in result.err

    mac = "52:54:00:aa:bb:cc"
    net = "<interface type='user'><mac address='%s'/><model type='virtio'/></interface>" % mac
    change(stack, "attach-device", net, "--live", "--config")
    assert mac in macs(stack) and mac in macs(stack, "--inactive")

    # the running guest keeps them over a restart of the daemon
    stack.kill("virtqemud")
    assert targets(stack) == ["vdb"]
    events = stack.record(member="Event")
    stack.virsh("detach-disk", "guest", "vdb", "--live")
    events.wait_for(lambda *r: r[3][1] == "device-removed" and
                    r[3][3]["devAlias"] == "virtio-disk1", 15)
    wait_for(lambda: targets(stack) == [], 15, "removal")
    nodes = stack.virsh("qemu-monitor-command", "guest",
                        '{"execute":"query-named-block-nodes"}').out
    assert path not in nodes
    change(stack, "detach-device", net, "--live", "--config")
    wait_for(lambda: mac not in macs(stack), 15, "removal")
    assert mac not in macs(stack, "--inactive")


def test_live_others(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    path = image(stack, "s.img")
    change(stack, "attach-device", disk(path, "sda", "scsi"), "--live")
    assert targets(stack) == ["sda"]
    change(stack, "attach-device", "<input type='tablet' bus='usb'/>", "--live")
    change(stack, "attach-device",
           "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", "--live")
    change(stack, "attach-device",
           "<channel type='pty'><target type='virtio' name='a.b'/></channel>", "--live")
    channel = tree(stack).find("devices/channel")
    assert os.path.exists(channel.find("source").get("path"))
    result = change(stack, "attach-device", "<sound model='ich6'/>", "--live", check=False)
    assert "Operation not supported: live attach of device 'sound' is not supported" in result.err
    result = change(stack, "attach-device", disk(path, "hdb", "ide"), "--live", check=False)
    assert "Operation not supported: disk bus 'ide' cannot be hotplugged." in result.err
    result = change(stack, "detach-device", disk(path, "vdz"), "--live", check=False)
    assert "device not found: disk vdz not found" in result.err
    result = change(stack, "attach-device", disk("/nonexistent", "vdz"), "--live", check=False)
    assert "Cannot access storage file '/nonexistent'" in result.err
    change(stack, "detach-device", "<input type='tablet' bus='usb'/>", "--live")
    result = stack.virsh("detach-device-alias", "guest", "nope", "--live", check=False)
    assert "no device found with alias nope" in result.err
    stack.virsh("detach-device-alias", "guest", "rng0", "--live")
    wait_for(lambda: tree(stack).find("devices/rng") is None, 15, "removal")


CDROM = "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>"


@pytest.mark.parametrize("flag", ["--config", "--live"])
def test_media(stack, guest_xml, flag):
    stack.define(guest_xml(plain=True, devices=CDROM))
    if flag == "--live":
        stack.virsh("start", "guest")
    first, second = image(stack, "1.iso"), image(stack, "2.iso")

    def source():
        found = tree(stack).find("devices/disk/source")
        return None if found is None else found.get("file")
    stack.virsh("change-media", "guest", "hda", first, "--insert", flag)
    assert source() == first
    stack.virsh("change-media", "guest", "hda", second, "--update", flag)
    assert source() == second
    if flag == "--live":
        out = stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-block"}').out
        assert second in out and first not in out
    stack.virsh("change-media", "guest", "hda", "--eject", flag)
    assert source() is None
    result = stack.virsh("change-media", "guest", "hda", "/nonexistent", "--insert", "--live",
                         check=False)
    assert result.status != 0


def test_media_while_the_drive_is_reset(stack, guest_xml):
    """A firmware that starts resets its drives, which closes a tray that was just opened."""
    stack.define(guest_xml(plain=True, devices=CDROM))
    stack.virsh("start", "guest")
    path = image(stack, "1.iso")
    domain = stack.open().lookupByName("guest")
    full, empty = (
        "<disk type='file' device='cdrom'>%s<target dev='hda' bus='ide'/></disk>" % source
        for source in ("<source file='%s'/>" % path, ""))
    for _ in range(15):
        domain.reset()
        for _ in range(12):
            domain.updateDeviceFlags(full)
            domain.updateDeviceFlags(empty)


def test_link_and_password(stack, guest_xml):
    mac = "52:54:00:11:22:33"
    stack.define(guest_xml(plain=True, devices=(
        "<interface type='user'><mac address='%s'/><model type='virtio'/></interface>"
        "<graphics type='vnc' port='-1' autoport='yes' passwd='old'/>" % mac)))
    stack.virsh("start", "guest")
    stack.virsh("domif-setlink", "guest", mac, "down")
    assert "down" in stack.virsh("domif-getlink", "guest", mac).out
    stack.virsh("domif-setlink", "guest", mac, "up")
    assert "up" in stack.virsh("domif-getlink", "guest", mac).out
    change(stack, "update-device",
           "<graphics type='vnc' port='-1' autoport='yes' passwd='new'/>", "--live")
    assert tree(stack, "--security-info").find("devices/graphics").get("passwd") == "new"
    result = change(stack, "update-device", "<graphics type='spice' passwd='x'/>", "--live",
                    check=False)
    assert "cannot find existing graphics device to modify of type 'spice'" in result.err


def vcpus(stack, *flags):
    return int(stack.virsh("vcpucount", "guest", *flags).out)


def test_vcpus(stack, guest_xml):
    stack.define(guest_xml().replace("<vcpu>1</vcpu>", "<vcpu current='1'>3</vcpu>"))
    stack.virsh("start", "guest")
    stack.console("guest").wait_ready()
    stack.virsh("setvcpus", "guest", "3", "--live")
    assert vcpus(stack, "--live", "--current") == 3
    assert vcpus(stack, "--config", "--current") == 1
    assert stack.virsh("vcpuinfo", "guest").out.count("State:          running") == 3
    stack.kill("virtqemud")
    assert vcpus(stack, "--live", "--current") == 3
    result = stack.virsh("setvcpus", "guest", "4", "--live", check=False)
    assert "greater than max allowable vcpus for the live domain: 4 > 3" in result.err


def test_what_is_known(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    assert "VCPU:" in stack.virsh("vcpuinfo", "guest").out
    assert stack.virsh("vcpupin", "guest").out.split()[0] == "0"
    assert "0" in stack.virsh("emulatorpin", "guest").out
    assert "posix" in stack.virsh("schedinfo", "guest").out
    for command in ("domifaddr", "domblkerror", "domhostname", "domtime"):
        result = stack.virsh(command, "guest", check=False)
        assert "Requested operation is not valid: domain is not running" in result.err
    stack.virsh("start", "guest")
    no_agent = "argument unsupported: QEMU guest agent is not configured"
    for words in (["domhostname"], ["domtime"], ["domtime", "--time", "1"],
                  ["domifaddr", "--source", "agent"]):
        result = stack.virsh(words[0], "guest", *words[1:], check=False)
        assert no_agent in result.err
    assert stack.virsh("domifaddr", "guest").out.strip() == ""
    assert stack.virsh("domifaddr", "guest", "--source", "arp").out.strip() == ""
    assert "No errors found" in stack.virsh("domblkerror", "guest").out


@pytest.fixture
def bridge():
    """A bridge of the host, for tests that may make one."""
    name = "vbt%d" % (os.getpid() % 100000)
    made = subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=False,
                          capture_output=True)
    if made.returncode:
        pytest.skip("cannot make a bridge")
    subprocess.run(["ip", "addr", "add", "198.51.100.1/27", "dev", name], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def ports(name):
    return os.listdir("/sys/class/net/%s/brif" % name)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def test_bridge(stack, guest_xml, bridge):
    stack.define(guest_xml(machine="q35"))
    stack.virsh("start", "guest")
    stack.console("guest").wait_ready()
    mac = "52:54:00:11:11:11"
    write(stack.path("/etc/libvirt/qemu/networks/lan.xml"),
          "<network><name>lan</name><bridge name='%s'/></network>" % bridge)
    stack.virsh("attach-interface", "guest", "network", "lan", "--live", "--mac", mac,
                "--model", "virtio")
    assert len(ports(bridge)) == 1
    # no free port is left: nothing stays behind of what did not come
    result = stack.virsh("attach-interface", "guest", "network", "lan", "--live", "--model",
                         "virtio", check=False)
    assert "No more available PCI slots" in result.err
    assert len(ports(bridge)) == 1

    write(stack.path("/var/lib/libvirt/dnsmasq/%s.status" % bridge), json.dumps(
        [{"ip-address": "198.51.100.7", "mac-address": mac, "hostname": "inside",
          "expiry-time": 4102444800}, {"ip-address": "198.51.100.8", "mac-address": mac,
                                       "expiry-time": 1}]))
    assert "198.51.100.7/27" in stack.virsh("domifaddr", "guest").out
    assert "198.51.100.8" not in stack.virsh("domifaddr", "guest").out
    assert stack.virsh("domhostname", "guest", "--source", "lease").out.strip() == "inside"

    stack.virsh("detach-interface", "guest", "network", "--mac", mac, "--live")
    wait_for(lambda: not ports(bridge), 15, "removal")
    assert macs(stack) == []


def test_end_while_a_device_goes(stack, guest_xml):
    """A guest without a system never lets go: the call ends, and so can the guest."""
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest", "--paused")
    stack.virsh("attach-disk", "guest", image(stack, "a.img"), "vdb", "--live")
    result = stack.virsh("detach-disk", "guest", "vdb", "--live", check=False)
    assert 4 < result.seconds < 15
    assert targets(stack) == ["vdb"]
    stack.virsh("destroy", "guest")
    assert targets(stack) == []
