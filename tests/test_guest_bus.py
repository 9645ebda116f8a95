# SPDX-License-Identifier: LGPL-2.1-or-later
"""A D-Bus of a guest's own: <graphics type='dbus'/>, its sound and its channels."""

import glob
import os
import signal
import subprocess
import xml.etree.ElementTree as ET

from gi.repository import Gio, GLib

from harness import wait_for

DISPLAY = ("<graphics type='dbus'/><video><model type='vga'/></video><audio id='1' type='dbus'/>"
           "<channel type='dbus'><source channel='org.qemu.vdagent'/><target type='virtio' name='com.redhat.spice.0'/></channel>")


def address(stack, *flags):
    return ET.fromstring(stack.virsh("dumpxml", "guest", *flags).out).find("devices/graphics").get("address")


def name_on_bus(where):
    """What the emulator says of its guest, to whoever comes to its bus."""
    connection = Gio.DBusConnection.new_for_address_sync(
        where, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    try:
        reply = connection.call_sync(
            "org.qemu", "/org/qemu/Display1/VM", "org.freedesktop.DBus.Properties", "Get",
            GLib.Variant("(ss)", ("org.qemu.Display1.VM", "Name")), None, Gio.DBusCallFlags.NONE, 5000, None)
        return reply.unpack()[0]
    finally:
        connection.close_sync(None)


def files(stack):
    return sorted(os.path.basename(path) for path in glob.glob(stack.path("/run/libvirt/qemu/dbus/*")))


def daemon(stack):
    with open(stack.path("/run/libvirt/qemu/dbus/1-guest-dbus.pid")) as f:
        return int(f.read())


def test_from_start_to_end(stack, guest_xml):
    stack.define(guest_xml(plain=True, devices=DISPLAY))
    stack.virsh("start", "guest")
    where = address(stack)
    assert where == "unix:path=" + stack.path("/run/libvirt/qemu/dbus/1-guest-dbus.sock")
    assert address(stack, "--inactive") is None
    assert name_on_bus(where) == "guest"
    assert files(stack) == ["1-guest-dbus.conf", "1-guest-dbus.pid", "1-guest-dbus.sock"]
    assert os.stat(os.path.dirname(where[len("unix:path="):])).st_mode & 0o007 == 0
    pid = daemon(stack)
    stack.kill("virtqemud")
    assert "running" in stack.virsh("dominfo", "guest").out
    assert name_on_bus(where) == "guest" and daemon(stack) == pid
    stack.virsh("destroy", "guest")
    assert files(stack) == [] and not os.path.exists("/proc/%d" % pid)


def test_address_of_somebody_else(stack, guest_xml):
    """Then no bus is made, and the guest goes where it was told."""
    stack.define(guest_xml("other", plain=True, devices=DISPLAY))
    stack.virsh("start", "other")
    theirs = "unix:path=" + stack.path("/run/libvirt/qemu/dbus/1-other-dbus.sock")
    stack.define(guest_xml(plain=True, devices="<graphics type='dbus' address='%s'/>" % theirs))
    stack.virsh("start", "guest")
    assert address(stack) == address(stack, "--inactive") == theirs
    stack.virsh("destroy", "guest")
    assert files(stack) == ["1-other-dbus.conf", "1-other-dbus.pid", "1-other-dbus.sock"]
    assert name_on_bus(theirs) == "other"


def test_the_bus_dies(stack, guest_xml):
    """The guest runs on; it is told by name."""
    stack.define(guest_xml(plain=True, devices=DISPLAY.partition("<audio")[0]))
    stack.virsh("start", "guest")
    os.kill(daemon(stack), signal.SIGKILL)
    wait_for(lambda: "dbus-daemon died unexpectedly" in stack.log("virtqemud"), 10, "word of it")
    stack.virsh("destroy", "guest", check=False)
    wait_for(lambda: files(stack) == [], 10, "the end of its files")


def test_it_does_not_come(make_stack, guest_xml, tmp_path):
    """A dbus-daemon that fails says why; one that never listens is ended with the start."""
    program = tmp_path / "dbus-daemon"
    wrapper = "#!/bin/sh\ncase \"$*\" in *guest-dbus.conf*) %s;; esac\nexec /usr/bin/dbus-daemon \"$@\"\n"
    program.write_text(wrapper % "echo no luck >&2; exit 3")
    program.chmod(0o755)
    stack = make_stack(env={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"])})
    stack.define(guest_xml(plain=True, devices=DISPLAY))
    assert "Could not start 'dbus-daemon': no luck" in stack.virsh("start", "guest", check=False).err
    assert files(stack) == []
    program.write_text(wrapper % "exec sleep 1000")
    start = subprocess.Popen(["virsh", "-q", "start", "guest"], env=stack.env, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: files(stack), 10, "dbus-daemon")
    stack.virsh("destroy", "guest")
    assert "was destroyed while it started" in start.communicate(timeout=20)[1]
    assert files(stack) == []
