# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.libvirt on D-Bus, as clients of libvirt-dbus use it."""

import os
import pwd
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest
from gi.repository import Gio, GLib

from harness import SLOW, wait_for
from mock_polkit import MANAGE, MONITOR, NO, YES, Polkit

NAME, ROOT = "org.libvirt", "/org/libvirt/QEMU"
PROPERTIES = "org.freedesktop.DBus.Properties"
DEFINED, UNDEFINED, STARTED, STOPPED = 0, 1, 2, 5    # virDomainEventType


class Client:
    """A connection to the bus, and what was signalled on it."""

    def __init__(self, stack):
        self.connection = stack.bus()
        self.signals = []
        self.connection.signal_subscribe(NAME, None, None, None, None, 0, self._on_signal)

    def _on_signal(self, _connection, _sender, path, interface, member, params):
        self.signals.append((path, interface, member, params.unpack()))

    def call(self, path, interface, method, signature="()", *args):
        reply, fds = self.connection.call_with_unix_fd_list_sync(
            NAME, path, interface, method, GLib.Variant(signature, args), None, 0, 20000 * SLOW, None, None)
        self.fds = fds
        values = reply.unpack()
        return values[0] if len(values) == 1 else values

    def connect(self, method, signature="()", *args):
        return self.call(ROOT, "org.libvirt.Connect", method, signature, *args)

    def domain(self, path, method, signature="()", *args):
        return self.call(path, "org.libvirt.Domain", method, signature, *args)

    def get(self, path, name, interface="org.libvirt.Domain"):
        return self.call(path, PROPERTIES, "Get", "(ss)", interface, name)

    def refused(self, *args):
        with pytest.raises(GLib.Error) as caught:
            self.call(*args)
        assert Gio.DBusError.get_remote_error(caught.value) == "org.libvirt.Error"
        return caught.value.message.removeprefix("GDBus.Error:org.libvirt.Error: ")

    def events(self):
        context = GLib.MainContext.default()
        while context.iteration(False):
            pass
        return [args[1] for _, _, member, args in self.signals if member == "DomainEvent"]


@pytest.fixture
def client(stack):
    client = Client(stack)
    yield client
    client.connection.close_sync(None)


@pytest.fixture
def guest(client, guest_xml, tmp_path):
    image = tmp_path / "image"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    return client.connect("DomainDefineXML", "(s)", guest_xml(
        "legacy", plain=True, memory_mib=16, devices="<graphics type='vnc' autoport='yes'/>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/>"
        "<target dev='vda' bus='virtio'/></disk>" % image))


def test_a_guest_from_beginning_to_end(stack, client, guest):
    assert client.connect("ListDomains", "(u)", 0) == [guest]
    assert client.connect("DomainLookupByName", "(s)", "legacy") == guest
    uuid = client.get(guest, "UUID")
    assert client.connect("DomainLookupByUUID", "(s)", uuid) == guest
    assert guest == ROOT + "/domain/_" + uuid.replace("-", "_")
    client.domain(guest, "Create", "(u)", 1)    # paused
    assert client.domain(guest, "GetState", "(u)", 0) == (3, 1)
    assert client.connect("DomainLookupByID", "(i)", client.get(guest, "Id")) == guest
    assert client.get(guest, "Active") is True
    tree = ET.fromstring(client.domain(guest, "GetXMLDesc", "(u)", 0))
    assert tree.findtext("name") == "legacy" and tree.get("id")
    assert client.domain(guest, "GetStats", "(uu)", 1, 0)["state.state"] == 3
    assert client.connect("GetAllDomainStats", "(uu)", 1, 0) == [
        ("legacy", {"state.state": 3, "state.reason": 1})]
    client.domain(guest, "Destroy", "(u)", 0)
    client.domain(guest, "Undefine", "(u)", 0)
    wait_for(lambda: UNDEFINED in client.events(), 10, "signals")
    assert [e for e in client.events() if e in (DEFINED, STARTED, STOPPED, UNDEFINED)] == [
        DEFINED, STARTED, STOPPED, UNDEFINED]
    assert stack.virsh("list", "--all", "--name").out.strip() == ""
    assert client.refused(guest, "org.libvirt.Domain", "Destroy", "(u)", 0) == (
        "Domain not found: no domain with matching uuid '%s'" % uuid)


def test_properties(stack, client, guest):
    everything = client.call(guest, PROPERTIES, "GetAll", "(s)", "org.libvirt.Domain")
    uuid = everything.pop("UUID")
    assert uuid.replace("-", "_") in guest
    assert everything == {"Active": False, "Autostart": False, "Id": 0, "Name": "legacy", "OSType": "hvm",
                          "Persistent": True, "SchedulerType": ("posix", 9), "Updated": False}
    client.call(guest, PROPERTIES, "Set", "(ssv)", "org.libvirt.Domain", "Autostart", GLib.Variant("b", True))
    assert client.get(guest, "Autostart") is True
    assert "Autostart:      enable" in stack.virsh("-q", "dominfo", "legacy").out
    facts = client.call(ROOT, PROPERTIES, "GetAll", "(s)", "org.libvirt.Connect")
    assert facts["Encrypted"] is False and facts["Secure"] is True and facts["Hostname"] == socket.gethostname()


def test_the_host(client):
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    assert len(client.connect("NodeGetCPUMap", "(u)", 0)) == cpus
    assert client.connect("NodeGetCPUStats", "(iu)", 0, 0)["user"] > 0
    assert client.connect("NodeGetMemoryStats", "(iu)", -1, 0)["total"] > client.connect(
        "NodeGetMemoryStats", "(iu)", -1, 0)["free"]
    assert "<host>" in client.connect("GetCapabilities")
    assert "qemu64" in client.connect("GetCPUModelNames", "(su)", "x86_64", 0)


def test_pins_and_parameters(stack, client, guest):
    client.domain(guest, "PinVcpu", "(uabu)", 0, [True], 2)
    pinned = client.domain(guest, "GetVcpuPinInfo", "(u)", 2)
    assert pinned == [[n == 0 for n in range(os.sysconf("SC_NPROCESSORS_CONF"))]]
    assert stack.virsh("vcpupin", "legacy", "--config").out.split()[-1] == "0"
    client.domain(guest, "SetMemoryParameters", "(a{sv}u)", {"hard_limit": GLib.Variant("t", 200000)}, 2)
    assert client.domain(guest, "GetMemoryParameters", "(u)", 2)["hard_limit"] == 200000
    assert "not supported" in client.refused(guest, "org.libvirt.Domain", "SetMemoryParameters", "(a{sv}u)",
                                             {"nonsense": GLib.Variant("t", 1)}, 2)


def test_snapshots_by_paths(client, guest):
    xml = "<domainsnapshot><name>a b.ü</name></domainsnapshot>"
    snapshot = client.domain(guest, "SnapshotCreateXML", "(su)", xml, 0)
    assert client.domain(guest, "ListDomainSnapshots", "(u)", 0) == [snapshot]
    tree = ET.fromstring(client.call(snapshot, "org.libvirt.DomainSnapshot", "GetXMLDesc", "(u)", 0))
    assert tree.findtext("name") == "a b.ü"
    assert client.call(snapshot, "org.libvirt.DomainSnapshot", "IsCurrent", "(u)", 0) is True
    client.call(snapshot, "org.libvirt.DomainSnapshot", "Delete", "(u)", 0)
    assert client.domain(guest, "ListDomainSnapshots", "(u)", 0) == []


def test_a_descriptor(client, guest):
    client.domain(guest, "Create", "(u)", 1)
    client.domain(guest, "OpenGraphicsFD", "(uu)", 0, 0)
    with socket.socket(fileno=client.fds.get(0)) as screen:
        screen.settimeout(10 * SLOW)
        assert screen.recv(12).startswith(b"RFB 003.")


def test_node_devices(stack, client):
    names = stack.virsh("nodedev-list").out.split()
    devices = client.connect("ListNodeDevices", "(u)", 0)
    assert sorted(client.get(d, "Name", "org.libvirt.NodeDevice") for d in devices) == sorted(names)
    computer = client.connect("NodeDeviceLookupByName", "(s)", "computer")
    assert "system" in client.call(computer, "org.libvirt.NodeDevice", "ListCaps")
    assert "no node device" in client.refused(ROOT, "org.libvirt.Connect", "NodeDeviceLookupByName", "(s)", "nope")


def test_refusals(client, guest):
    assert client.refused(guest, "org.libvirt.Domain", "Destroy", "(u)", 0) == (
        "Requested operation is not valid: domain is not running")
    assert client.refused(ROOT, "org.libvirt.Connect", "ListNetworks", "(u)", 0) == (
        "this function is not supported by the connection driver: virConnectListAllNetworks")
    assert "uuid" in client.refused(ROOT, "org.libvirt.Connect", "DomainLookupByUUID", "(s)",
                                    "00000000-0000-0000-0000-000000000000")
    assert "is not what this call takes" in client.refused(
        ROOT, "org.libvirt.Connect", "DomainLookupByUUID", "(s)", "no uuid")
    for path in (ROOT + "/domain/x", ROOT + "/domain", ROOT + "/nodedev/a_"):
        with pytest.raises(GLib.Error):
            client.call(path, "org.libvirt.Domain", "Destroy", "(u)", 0)
    with pytest.raises(GLib.Error):
        client.call(guest, PROPERTIES, "Set", "(ssv)", "org.libvirt.Domain", "Active", GLib.Variant("b", True))


def test_many_calls_at_a_time(client, guest):
    done, asked = [], []

    def ask():
        asked.append(1)
        client.connection.call(NAME, guest, "org.libvirt.Domain", "GetState", GLib.Variant("(u)", (0,)), None, 0,
                               20000 * SLOW, None, finished, None)

    def finished(connection, result, _data):
        done.append(connection.call_finish(result).unpack())
        if len(asked) < 500:
            ask()

    for _ in range(7):      # dbus-daemon lets a connection wait for eight replies
        ask()
    context = GLib.MainContext.default()
    wait_for(lambda: context.iteration(False) is None or len(done) == 500, 20, "replies")
    assert set(done) == {((5, 0),)}


def owner(client):
    return client.connection.call_sync(
        "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", GLib.Variant("(s)", (NAME,)), None, 0,
        5000 * SLOW, None).unpack()[0]


def test_the_proxy_dies_and_comes_back(stack, client, guest):
    os.kill(stack.pid("virtproxyd"), signal.SIGKILL)
    wait_for(lambda: not owner(client), 10, "the name to be free")
    assert client.connect("ListDomains", "(u)", 0) == [guest]


def test_called_while_it_goes(make_stack):
    """A call that arrives when the proxy has been idle for long enough is answered, by the proxy that was to go."""
    stack = make_stack(options=("--idle-timeout", "1"))
    client = Client(stack)
    stack.virsh("uri")
    wait_for(lambda: owner(client), 10, "the name")
    pid = stack.pid("virtproxyd")
    os.kill(pid, signal.SIGSTOP)
    idle = time.monotonic() + 1.5
    wait_for(lambda: time.monotonic() > idle, 10, "idleness")
    answers = []
    client.connection.call(NAME, ROOT, "org.libvirt.Connect", "ListDomains", GLib.Variant("(u)", (0,)), None, 0,
                           20000 * SLOW, None, lambda source, result: answers.append(source.call_finish(result)))
    client.connection.flush_sync(None)
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: (GLib.MainContext.default().iteration(False), answers)[1], 20, "answer")
    assert answers[0].unpack() == ([],) and stack.pid("virtproxyd") == pid
    wait_for(lambda: owner(client), 10, "the name")
    client.connection.close_sync(None)
    wait_for(lambda: not stack.pid("virtproxyd"), 20, "idle exit")


def test_a_name_that_somebody_else_has(stack):
    """libvirt-dbus runs: the sockets go on without the name, and the log says why it is not served."""
    other = stack.bus()
    flags = 4    # DBUS_NAME_FLAG_DO_NOT_QUEUE
    reply = other.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
                            GLib.Variant("(su)", (NAME, flags)), None, 0, 5000 * SLOW, None)
    assert reply.unpack() == (1,)
    assert stack.virsh("uri").out.startswith("qemu")
    wait_for(lambda: "org.libvirt belongs to somebody else" in stack.log("virtproxyd"), 10, "its words")
    other.close_sync(None)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_the_caller_is_who_the_bus_says(build_dir, guest_xml):
    from harness import Stack
    nobody = pwd.getpwnam("nobody")
    stack = Stack(build_dir, options=("--polkit",))
    polkit = Polkit(stack.address)
    try:
        stack.define(guest_xml("guarded", plain=True, memory_mib=16))
        path = ROOT + "/domain/_" + stack.virsh("domuuid", "guarded").out.strip().replace("-", "_")

        def busctl(*argv):
            p = subprocess.run(["busctl", "--timeout=10", "--address=" + stack.address, "call", NAME, *argv],
                               capture_output=True, text=True, timeout=20 * SLOW, check=False,
                               user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
            return p.returncode, (p.stdout + p.stderr).strip()

        polkit.change(manage=NO, monitor=YES)
        assert busctl(path, "org.libvirt.Domain", "GetState", "u", "0") == (0, "(ii) 5 0")
        assert busctl(path, "org.libvirt.Domain", "Create", "u", "0") == (
            1, "Call failed: authentication failed: access denied by policy")
        polkit.change(manage=NO, monitor=NO)
        assert busctl(path, "org.libvirt.Domain", "GetXMLDesc", "u", "0")[0] == 1
        polkit.change(manage=YES, monitor=YES)
        assert busctl(path, "org.libvirt.Domain", "Create", "u", "1")[0] == 0
    finally:
        polkit.close()
        stack.close()
    stack.check_logs()
