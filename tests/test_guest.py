# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stock clients and D-Bus tools see of a real Linux guest."""

import os
import struct
import xml.etree.ElementTree as ET

import pytest

from harness import DOMAIN, HYPERVISOR, ROOT_PATH, Console, wait_for

RUNNING = 1


@pytest.fixture
def guest(stack, guest_xml):
    """A defined, running guest whose Linux answers on its console."""
    stack.define(guest_xml("linux"))
    stack.virsh("start", "linux")
    console = stack.console("linux")
    console.wait_ready()
    yield console
    console.close()


def state(stack, name="linux"):
    return stack.virsh("domstate", name).out.strip()


def test_suspend_resume_reset_reboot(stack, guest):
    stack.virsh("suspend", "linux")
    assert state(stack) == "paused"
    stack.virsh("resume", "linux")
    assert state(stack) == "running"
    assert guest.run("true")[0] == 0
    pid = stack.emulator_pid("linux")
    stack.virsh("reset", "linux")
    guest.wait_ready()
    stack.virsh("reboot", "linux")
    guest.wait_ready(90)
    assert stack.emulator_pid("linux") == pid
    assert state(stack) == "running"


def test_what_a_guest_did_meanwhile_is_noticed(stack, guest):
    recorder = stack.record(interface=HYPERVISOR, member="Event")
    stack.kill("virtqemud")
    pid = stack.emulator_pid("linux")
    guest.send("poweroff -f")
    # nobody asked the daemon anything yet: only its socket's holder runs
    wait_for(lambda: stack.virsh("domstate", "linux").out.strip() == "shut off", 60, "shutdown")
    assert not os.path.exists("/proc/%d" % pid)
    event = recorder.wait_for(
        lambda _p, _i, _m, a: a[1] == "lifecycle" and a[3]["event"] == 5, 20, "stopped event")
    assert event[3][3]["name"] == "linux"
    stops = [r for r in recorder.records if r[3][1] == "lifecycle" and r[3][3]["event"] == 5]
    assert len(stops) == 1


def test_console_over_the_wire_and_over_dbus(stack, guest):
    """virsh's stream and D-Bus' descriptor reach the same terminal; only one at a time."""
    import libvirt
    connection = stack.open()
    domain = connection.lookupByName("linux")
    stream = connection.newStream()
    domain.openConsole(None, stream)
    stream.send(b"echo over-the-wire\n")
    seen = b""
    while b"over-the-wire\r\n" not in seen:
        seen += stream.recv(1024)
    path = stack.domain("linux")
    refused = stack.busctl("call", "org.virtbus.Qemu", path, DOMAIN, "OpenConsole", "su", "", "2",
                           check=False)
    assert refused.status != 0 and "console" in refused.err
    stream.finish()
    connection.close()

    def open_descriptor():
        from gi.repository import Gio, GLib
        try:
            reply, fds = stack.bus().call_with_unix_fd_list_sync(
                "org.virtbus.Qemu", path, DOMAIN, "OpenConsole", GLib.Variant("(su)", ("", 2)),
                None, Gio.DBusCallFlags.NONE, 10000, None, None)
        except GLib.Error:
            return None
        return fds.get(reply.unpack()[0])
    console = Console(fd=wait_for(open_descriptor, 10, "free console"))
    assert console.run("echo by descriptor")[1].strip().endswith("by descriptor")
    console.close()


def test_one_call_tells_everything(stack, guest):
    objects = stack.call(ROOT_PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects")[0]
    properties = objects[stack.domain("linux")][DOMAIN]
    assert properties["Name"] == "linux"
    assert properties["State"] == RUNNING and properties["StateName"] == "running"
    assert properties["Active"] is True and properties["Persistent"] is True
    assert properties["Pid"] == stack.emulator_pid("linux")
    assert properties["MaxMemory"] == 128 * 1024


def test_statistics_have_libvirts_names(stack, guest):
    out = stack.virsh("domstats", "linux").out
    for field in ("state.state=1", "state.reason=1", "cpu.time=", "balloon.current=131072",
                  "balloon.maximum=131072", "vcpu.current=1", "vcpu.maximum=1", "vcpu.0.state=1"):
        assert field in out, field
    assert "CPU(s):" in stack.virsh("dominfo", "linux").out


def test_screenshot_keys_nmi(stack, guest_xml):
    graphics = ("<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>"
                "<video><model type='vga'/></video><video><model type='virtio' heads='2'/></video>")
    stack.define(guest_xml("screen", graphics, plain=True, memory_mib=32))
    stack.virsh("start", "screen")
    picture = stack.path("shot.png")
    sizes = []
    for screen in range(3):     # one head of the first card, two of the second
        said = stack.run("virsh", "screenshot", "screen", picture, "--screen", str(screen)).out
        assert "image/png" in said
        with open(picture, "rb") as f:
            assert f.read(8) == b"\x89PNG\r\n\x1a\n"
            sizes.append(struct.unpack(">8x2I", f.read(16)))
    assert sizes[0] == (720, 400) or sizes[0] == (640, 480)
    assert len(sizes) == 3 and all(width > 0 for width, height in sizes)
    assert "no such screen ID" in stack.virsh("screenshot", "screen", picture, "--screen", "3", check=False).err
    stack.virsh("send-key", "screen", "KEY_LEFTCTRL", "KEY_LEFTALT", "KEY_DELETE")
    stack.virsh("inject-nmi", "screen")
    refused = stack.virsh("screenshot", "screen", picture, "--screen", "7", check=False)
    assert refused.status != 0


def test_xml_forms(stack, guest_xml):
    graphics = "<graphics type='vnc' port='-1' autoport='yes' passwd='secret'/>"
    stack.define(guest_xml("forms", graphics, plain=True, memory_mib=32))
    assert "secret" not in stack.virsh("dumpxml", "forms").out
    assert "passwd='secret'" in stack.virsh("dumpxml", "--security-info", "forms").out
    refused = stack.virsh("-r", "-c", stack.uri.replace("libvirt-sock", "libvirt-sock-ro"),
                          "dumpxml", "--security-info", "forms", check=False)
    assert refused.status != 0 and "operation forbidden" in refused.err
    stack.virsh("start", "forms")
    live = ET.fromstring(stack.virsh("dumpxml", "forms").out)
    stored = ET.fromstring(stack.virsh("dumpxml", "--inactive", "forms").out)
    assert live.get("id") and not stored.get("id")
    assert int(live.find("devices/graphics").get("port")) >= 5900
    assert stored.find("devices/graphics").get("port") == "-1"
    assert live.find("devices/serial/source").get("path").startswith("/dev/pts/")
    assert live.find("devices/serial/alias").get("name") == "serial0"
    assert stored.find("devices/serial/alias") is None
    # what older versions would fill in by themselves is not in the migratable form; what was chosen stays
    other = ET.fromstring(stack.virsh("dumpxml", "--migratable", "forms").out)
    assert not other.get("id") and other.find("devices/graphics").get("passwd") == "secret"
    assert [c.get("type") for c in other.findall("devices/controller")] == []
    assert [c.get("type") for c in live.findall("devices/controller")] == ["usb", "pci"]
    assert [i.get("type") for i in other.findall("devices/input")] == ["mouse"]
    assert other.find("devices/audio") is None and other.find("devices/memballoon/address") is not None
    with stack.open() as c:
        assert c.getSecurityModel() == ["none", "0"]
    native = stack.virsh("domxml-to-native", "qemu-argv", "--domain", "forms").out
    assert "-name guest=forms" in native and "qemu-system-x86_64" in native


def test_autostart_and_rename(stack, guest_xml):
    stack.define(guest_xml("early", plain=True, memory_mib=32))
    stack.virsh("autostart", "early")
    link = stack.path("/etc/libvirt/qemu/autostart/early.xml")
    assert os.path.islink(link) and os.path.exists(link)
    stack.virsh("domrename", "early", "later")
    assert stack.virsh("list", "--all", "--name").out.split() == ["later"]
    assert not os.path.lexists(link)
    assert "enable" in stack.virsh("dominfo", "later").out
    assert os.path.exists(stack.path("/etc/libvirt/qemu/autostart/later.xml"))
    stack.virsh("autostart", "--disable", "later")
    assert not os.path.lexists(stack.path("/etc/libvirt/qemu/autostart/later.xml"))
