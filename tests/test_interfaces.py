# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interfaces of guests on the host's own (macvtap), on sockets, on another process (vhost-user); sockets between host and
guest. The host's interfaces are real ones: a pair of veths made for the test."""

import array
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading

import pytest

from harness import wait_for
from test_devices import change

NAME = "direct%d" % os.getpid()
MAC = "52:54:00:77:%02x:01" % (os.getpid() % 256)
OTHER = MAC[:-1] + "2"


def ip(*args):
    return subprocess.run(["ip", *args], capture_output=True, text=True, timeout=30)


@pytest.fixture
def lower():
    """An interface of the host that macvtaps can be made on."""
    name = "vbl%d" % (os.getpid() % 100000)
    if ip("link", "add", name, "type", "veth", "peer", "name", name + "p").returncode:
        pytest.skip("no right to make network interfaces")
    probe = ip("link", "add", "link", name, "name", name + "m", "type", "macvtap")
    ip("link", "del", name + "m")
    ip("link", "set", name, "up")
    try:
        if probe.returncode:
            pytest.skip("this kernel has no macvtap")
        yield name
    finally:
        ip("link", "del", name)


def direct(lower, mac=MAC, mode="bridge", model="virtio", extra=""):
    return ("<interface type='direct'><mac address='%s'/><source dev='%s'%s/><model type='%s'/>%s</interface>"
            % (mac, lower, " mode='%s'" % mode if mode else "", model, extra))


def macvtaps(lower):
    """name -> (address, mode, is up) of the macvtaps on @lower"""
    links = json.loads(ip("-d", "-j", "link", "show", "type", "macvtap").stdout or "[]")
    return {link["ifname"]: (link["address"], link["linkinfo"]["info_data"]["mode"], "UP" in link["flags"])
            for link in links if link and link.get("link") == lower}


def address(name):
    return json.loads(ip("-j", "link", "show", name).stdout)[0]["address"]


def dump(stack, *flags):
    return stack.virsh("dumpxml", NAME, *flags).out


def start(stack, guest_xml, devices, check=True):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=devices))
    return stack.virsh("start", NAME, check=check)


def netdevs(stack):
    out = stack.virsh("qemu-monitor-command", NAME, "--hmp", "info network").out
    return re.findall(r"(\w+): index=\d+,type=([\w-]+)", out)


def test_direct(stack, guest_xml, lower):
    start(stack, guest_xml, direct(lower, extra="<driver queues='2'/>"))
    (name, found), = macvtaps(lower).items()
    assert found == (MAC, "bridge", True)
    assert "<target dev='%s'/>" % name in dump(stack) and name not in dump(stack, "--inactive")
    assert [kind for _, kind in netdevs(stack)].count("tap") == 2       # a queue each
    row = stack.virsh("domiflist", NAME).out.split()
    assert row == [name, "direct", lower, "virtio", MAC]
    assert stack.virsh("domifstat", NAME, name).out
    stack.virsh("destroy", NAME)
    assert macvtaps(lower) == {}


@pytest.mark.parametrize("mode", ["vepa", "private", None])
def test_modes(stack, guest_xml, lower, mode):
    start(stack, guest_xml, direct(lower, mode=mode))
    assert list(macvtaps(lower).values()) == [(MAC, mode or "vepa", True)]
    assert "<source dev='%s' mode='%s'/>" % (lower, mode or "vepa") in dump(stack, "--inactive")


def test_passthrough_lends_the_address(stack, guest_xml, lower):
    before = address(lower)
    start(stack, guest_xml, direct(lower, mode="passthrough"))
    assert list(macvtaps(lower).values()) == [(MAC, "passthru", True)] and address(lower) == MAC
    stack.virsh("destroy", NAME)
    assert macvtaps(lower) == {} and address(lower) == before


def test_refused(stack, guest_xml, lower):
    """In libvirt's words; and what was made for the first card goes when the second cannot be had."""
    result = start(stack, guest_xml, direct(lower) + direct("nosuch0", OTHER), check=False)
    assert result.status and "Unable to get index for interface nosuch0: No such device" in result.err
    assert macvtaps(lower) == {}


@pytest.mark.parametrize("length", [16, 600, 60000])
def test_names_that_no_interface_can_have(stack, guest_xml, length):
    """They come from the definition as they are; the kernel has 15 bytes for one."""
    name = "x" * length
    pid = stack.pid("virtqemud")
    result = start(stack, guest_xml, direct("lo", extra="<target dev='%s'/>" % name), check=False)
    assert result.status and "error creating macvtap interface %s@lo (bridge): Numerical result" % name in result.err
    assert stack.pid("virtqemud") == pid or not pid
    assert stack.virsh("domstate", NAME).out.strip() == "shut off"


@pytest.mark.parametrize("length", [16, 600])
@pytest.mark.parametrize("xml", ["<interface type='ethernet'>%s<target dev='{}'/></interface>",
                                 "<interface type='bridge'>%s<source bridge='nosuch0'/><target dev='{}'/></interface>",
                                 "<interface type='bridge'>%s<source bridge='{}'/></interface>"], ids=["tap", "port", "bridge"])
def test_names_that_no_tap_can_have(stack, guest_xml, xml, length):
    """They are not cut to what fits: that would be another's name."""
    name = ("q%d" % os.getpid()).ljust(length, "x")
    result = start(stack, guest_xml, xml.format(name) % ("<mac address='%s'/>" % MAC), check=False)
    words = "Network interface name '%s' is too long: Numerical result out of range" % name
    assert result.status and words in result.err
    assert name[:15] not in ip("link").stdout
    start(stack, guest_xml, "")
    result = change(stack, "attach-device", xml.format(name) % "", "--live", guest=NAME, check=False)
    assert result.status and words in result.err
    assert stack.virsh("domiflist", NAME).out.split() == []


def test_killed_daemon(stack, guest_xml, lower):
    """The emulator ends while no daemon runs: the next one removes what was owed."""
    start(stack, guest_xml, direct(lower))
    pid = stack.emulator_pid(NAME)
    stack.kill("virtqemud")
    assert "<target dev=" in dump(stack) and len(macvtaps(lower)) == 1      # the next one has found it
    stack.kill("virtqemud")
    os.kill(pid, signal.SIGKILL)
    assert stack.virsh("domstate", NAME).out.strip() == "shut off"
    wait_for(lambda: macvtaps(lower) == {}, 10, "removal of the macvtap")


def test_another_of_that_name_stays(stack, guest_xml, lower):
    start(stack, guest_xml, direct(lower))
    name, = macvtaps(lower)
    ip("link", "del", name)
    ip("link", "add", "link", lower, "name", name, "address", OTHER, "type", "macvtap", "mode", "bridge")
    stack.virsh("destroy", NAME)
    assert list(macvtaps(lower)) == [name]
    ip("link", "del", name)


def test_plugged(stack, guest_xml, lower):
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    xml = direct(lower, model="usb-net")
    change(stack, "attach-device", xml, "--live", guest=NAME)
    assert list(macvtaps(lower).values()) == [(MAC, "bridge", True)]
    stack.kill("virtqemud")
    change(stack, "detach-device", xml, "--live", guest=NAME)
    wait_for(lambda: macvtaps(lower) == {}, 10, "removal of the macvtap")
    result = change(stack, "attach-device", direct("nosuch0"), "--live", guest=NAME, check=False)
    assert "Unable to get index for interface nosuch0: No such device" in result.err
    change(stack, "attach-device", direct(lower, OTHER), "--live", guest=NAME)
    assert list(macvtaps(lower).values()) == [(OTHER, "bridge", True)]
    stack.virsh("destroy", NAME)
    assert macvtaps(lower) == {}


# ---- taps ----

def coalesced_frames(name):
    """Source: linux/ethtool.h, ETHTOOL_GCOALESCE; linux/sockios.h, SIOCETHTOOL"""
    buffer = array.array("I", [0x0e] + [0] * 22)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8946, struct.pack("16sP", name.encode(), buffer.buffer_info()[0]))
    return buffer[2]


@pytest.fixture
def bridge():
    name = "vbb%d" % (os.getpid() % 100000)
    if ip("link", "add", name, "type", "bridge").returncode:
        pytest.skip("no right to make a bridge, or no bridges in this kernel")
    yield name
    ip("link", "del", name)


def test_tap_as_defined(stack, guest_xml, bridge):
    name = "vbt%d" % (os.getpid() % 100000)
    start(stack, guest_xml, (
        "<interface type='bridge'><source bridge='%s'/><target dev='%s'/><model type='virtio'/><mtu size='1400'/>"
        "<coalesce><rx><frames max='7'/></rx></coalesce></interface>" % (bridge, name)))
    link = json.loads(ip("-j", "link", "show", name).stdout)[0]
    assert link["mtu"] == 1400 and "UP" in link["flags"]
    assert coalesced_frames(name) == 7
    assert "<target dev='%s'/>" % name in dump(stack, "--inactive")


# ---- sockets ----

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_sockets(stack, guest_xml):
    port, local, remote = free_port(), free_port(), free_port()
    start(stack, guest_xml, (
        "<interface type='server'><source address='127.0.0.1' port='%d'/></interface>"
        "<interface type='udp'><source address='127.0.0.1' port='%d'><local address='127.0.0.1' port='%d'/></source>"
        "</interface><interface type='user'><ip address='172.17.2.0' family='ipv4' prefix='24'/></interface>"
        % (port, remote, local)))
    kinds = [kind for name, kind in netdevs(stack) if name.startswith("host")]
    assert sorted(kinds) == ["socket", "socket", "user"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:     # what the guest's BIOS sends comes framed
        peer.settimeout(40)
        assert struct.unpack(">I", peer.recv(4))[0] >= 14


# ---- another process ----

def serve_vhost_user(listener):
    """The few words of a vhost-user back end that QEMU waits for. Source: QEMU's docs/interop/vhost-user.rst"""
    answers = {1: 1 << 32 | 1 << 30, 15: 0, 17: 1}     # features (VERSION_1, PROTOCOL_FEATURES), protocol features, queues
    with contextlib.suppress(OSError, struct.error):
        peer = listener.accept()[0]
        while True:
            head = socket.recv_fds(peer, 12, 8)[0]
            request, flags, size = struct.unpack("<III", head)
            body = peer.recv(size) if size else b""
            if request in answers:
                peer.sendall(struct.pack("<IIIQ", request, 5, 8, answers[request]))
            elif request == 11:     # GET_VRING_BASE
                peer.sendall(struct.pack("<III", request, 5, 8) + body[:4] + bytes(4))


SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"


def test_vhost_user(stack, guest_xml):
    path = stack.path("vhost.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=serve_vhost_user, args=(listener,), daemon=True).start()
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=SHARED, devices=(
        "<interface type='vhostuser'><mac address='%s'/><source type='unix' path='%s' mode='client'/>"
        "<model type='virtio'/></interface>" % (MAC, path))))
    stack.virsh("start", NAME)
    assert "vhost-user" in [kind for _, kind in netdevs(stack)]
    stack.virsh("destroy", NAME)
    listener.close()


def test_vhost_user_disk(stack, guest_xml):
    """A disk that qemu-storage-daemon serves."""
    image, path = stack.path("served.img"), stack.path("disk.sock")
    with open(image, "wb") as f:
        f.truncate(1 << 20)
    daemon = subprocess.Popen([
        "qemu-storage-daemon", "--blockdev", "driver=file,node-name=f,filename=" + image,
        "--export", "type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=%s,writable=on" % path])
    try:
        wait_for(lambda: os.path.exists(path), 20, "the socket")
        stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=SHARED, devices=(
            "<disk type='vhostuser' device='disk'><driver name='qemu' type='raw'/><source type='unix' path='%s'/>"
            "<target dev='vdb' bus='virtio'/></disk>" % path)))
        stack.virsh("start", NAME)
        out = stack.virsh("qemu-monitor-command", NAME, "--hmp", "info qtree").out
        assert "vhost-user-blk-pci" in out
        result = stack.virsh("blkdeviotune", NAME, "vdb", "--total-iops-sec", "5", "--live", check=False)
        assert "vhostuser" in result.err
        stack.virsh("destroy", NAME)
    finally:
        daemon.terminate()
        daemon.wait(10)


def test_vdpa_without_a_device(stack, guest_xml):
    result = start(stack, guest_xml, "<interface type='vdpa'><source dev='/dev/vhost-vdpa-77'/></interface>", check=False)
    assert "Unable to open '/dev/vhost-vdpa-77' for vdpa device: No such file or directory" in result.err


# ---- vsock ----

@pytest.mark.parametrize("cid", ["auto='yes'", "auto='no' address='4'"])
def test_vsock(stack, guest_xml, cid):
    xml = "<vsock model='virtio'><cid %s/></vsock>" % cid
    if not os.path.exists("/dev/vhost-vsock"):
        result = start(stack, guest_xml, xml, check=False)
        assert "unable to open vhost-vsock device: No such file or directory" in result.err
        start(stack, guest_xml, "")
        result = change(stack, "attach-device", xml, "--live", guest=NAME, check=False)
        assert "unable to open vhost-vsock device: No such file or directory" in result.err
        return
    start(stack, guest_xml, xml)
    number = int(re.search(r"<cid [^>]*address='(\d+)'", dump(stack)).group(1))
    assert number >= 3 if "yes" in cid else number == 4


def test_a_kind_that_is_refused(stack, guest_xml):
    """It is kept as it is written; a guest is not started without its card."""
    xml = "<interface type='internal'><mac address='52:54:00:00:00:77'/><source name='x'/><model type='virtio'/></interface>"
    stack.define(guest_xml("with", plain=True, devices=xml))
    assert "<interface type='internal'" in stack.virsh("dumpxml", "with").out
    assert "interfaces of type 'internal' are not supported" in stack.virsh("start", "with", check=False).err
