# SPDX-License-Identifier: LGPL-2.1-or-later
"""Transient disks: what a guest writes goes away with it, and the image stays as it was."""

import glob
import os
import subprocess
import xml.etree.ElementTree as ET

import pytest

from harness import wait_for
from test_devices import change, image


def disk(path, target="vda", kind="raw", bus="virtio", transient="<transient/>"):
    return ("<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='%s'/><target dev='%s' bus='%s'/>"
            "%s</disk>" % (kind, path, target, bus, transient))


def overlays(stack):
    return sorted(glob.glob(stack.path("*.TRANSIENT-*")))


def content(path):
    with open(path, "rb") as f:
        return f.read()


def qcow2(stack, name, *args):
    path = stack.path(name)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *args, path, "1M"], check=True)
    return path


def test_what_is_written_goes_away(stack, guest_xml):
    path = image(stack, "a.img")
    below = qcow2(stack, "b.qcow2")
    top = qcow2(stack, "c.qcow2", "-b", below, "-F", "qcow2")
    stack.define(guest_xml(devices=disk(path) + disk(top, "vdb", "qcow2")))
    before = [content(one) for one in (path, below, top)]
    for _turn in range(2):
        stack.virsh("start", "guest")
        assert overlays(stack) == [path + ".TRANSIENT-guest", top + ".TRANSIENT-guest"]
        console = stack.console("guest")
        console.wait_ready()
        status, out = console.run("dd if=/dev/vda bs=8 count=1 2>/dev/null | cat -v")
        assert status == 0 and "gone" not in out
        for device in ("vda", "vdb"):
            status, out = console.run("echo goneafter > /dev/%s && sync && head -c 9 /dev/%s" % (device, device))
            assert status == 0 and "goneafter" in out
        console.close()
        stack.virsh("destroy", "guest")
        assert overlays(stack) == []
        assert [content(one) for one in (path, below, top)] == before


def test_as_shown(stack, guest_xml):
    """The live definition has the overlay on the image, the stored one the image alone."""
    path = image(stack, "a.img")
    stack.define(guest_xml(plain=True, devices=disk(path)))
    stack.virsh("start", "guest")
    live = ET.fromstring(stack.virsh("dumpxml", "guest").out).find("devices/disk")
    assert live.find("source").get("file") == path + ".TRANSIENT-guest"
    assert live.find("backingStore/source").get("file") == path and live.find("backingStore/format").get("type") == "raw"
    assert (live.find("backingStore").get("index"), live.find("source").get("index")) == ("1", "2")
    stored = ET.fromstring(stack.virsh("dumpxml", "guest", "--inactive").out).find("devices/disk")
    assert stored.find("source").get("file") == path and stored.find("backingStore") is None
    assert oct(os.stat(path + ".TRANSIENT-guest").st_mode & 0o777) == "0o600"
    # a new daemon takes it away as well, also when the emulator is killed
    stack.kill("virtqemud")
    assert "running" in stack.virsh("dominfo", "guest").out
    os.kill(stack.emulator_pid("guest"), 9)
    wait_for(lambda: overlays(stack) == [], 10, "the end of the overlay")


def test_two_guests_share_an_image(stack, guest_xml):
    path = image(stack, "a.img")
    for name in ("one", "two"):
        stack.define(guest_xml(name, plain=True, devices=disk(path, transient="<transient shareBacking='yes'/>")))
        stack.virsh("start", name)
    assert overlays(stack) == [path + ".TRANSIENT-one", path + ".TRANSIENT-two"]
    stack.virsh("destroy", "one")
    assert overlays(stack) == [path + ".TRANSIENT-two"]


def test_refused(stack, guest_xml):
    path = image(stack, "a.img")
    stack.define(guest_xml(plain=True, devices=disk(path)))
    with open(path + ".TRANSIENT-guest", "w") as f:
        f.write("somebody's")
    err = stack.virsh("start", "guest", check=False).err
    assert "Operation not supported: Overlay file '%s.TRANSIENT-guest' for transient disk 'vda' already exists" % path in err
    assert content(path + ".TRANSIENT-guest") == b"somebody's"
    os.unlink(path + ".TRANSIENT-guest")
    stack.virsh("start", "guest")
    none = "Requested operation is not valid: migration with transient disk is not supported"
    assert none in stack.virsh("managedsave", "guest", check=False).err
    assert none in stack.virsh("save", "guest", stack.path("saved"), check=False).err
    assert "Operation not supported: block jobs are not supported on transient disk 'vda'" in stack.virsh(
        "snapshot-create-as", "guest", "s", "--disk-only", check=False).err
    assert overlays(stack) == [path + ".TRANSIENT-guest"]


def test_plugged(stack, guest_xml):
    path = image(stack, "b.img")
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    usb = disk(path, "sdb", bus="usb")
    change(stack, "attach-device", usb, "--live", "--config")
    assert overlays(stack) == [path + ".TRANSIENT-guest"]
    assert "already exists" in change(stack, "attach-device", disk(path, "sdc", bus="usb"), "--live", check=False).err
    assert overlays(stack) == [path + ".TRANSIENT-guest"]
    stored = ET.fromstring(stack.virsh("dumpxml", "guest", "--inactive").out).find("devices/disk")
    assert stored.find("source").get("file") == path and stored.find("driver").get("type") == "raw"
    stack.virsh("detach-disk", "guest", "sdb", "--live")
    wait_for(lambda: overlays(stack) == [], 20, "the end of the overlay")
    for _turn in range(2):
        err = change(stack, "attach-device", disk(path, "sdb", "qcow2", "usb"), "--live", check=False).err
        assert "not in qcow2 format" in err and overlays(stack) == []
    # taken back when the emulator does not take the disk
    taken = usb.replace("</disk>", "<address type='usb' bus='0' port='9'/></disk>")
    assert change(stack, "attach-device", taken, "--live", check=False).status != 0
    assert overlays(stack) == []
    change(stack, "attach-device", usb, "--live")
    stack.virsh("destroy", "guest")
    assert overlays(stack) == []


def test_guest_ends_while_an_overlay_is_made(make_stack, guest_xml, tmp_path):
    """qemu-img makes the file although it was removed with the guest: it does not stay."""
    program = tmp_path / "qemu-img"
    program.write_text("#!/bin/sh\nwhile [ ! -e %s/go ]; do sleep 0.1; done\nexec /usr/bin/qemu-img \"$@\"\n" % tmp_path)
    program.chmod(0o755)
    stack = make_stack(env={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"])})
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    xml = tmp_path / "disk.xml"
    xml.write_text(disk(image(stack, "b.img"), "sdb", bus="usb"))
    attach = subprocess.Popen(["virsh", "attach-device", "guest", str(xml), "--live"], env=stack.env, stderr=subprocess.PIPE,
                              text=True)
    wait_for(lambda: overlays(stack), 10, "qemu-img")
    stack.virsh("destroy", "guest")
    (tmp_path / "go").touch()
    assert attach.wait(20) != 0
    attach.stderr.close()
    wait_for(lambda: not stack.run("pgrep", "-f", "qemu-img create.*" + stack.root, check=False).out, 10, "the end of qemu-img")
    wait_for(lambda: overlays(stack) == [], 5, "the end of the overlay")


def test_image_that_does_not_answer(stack, guest_xml, tmp_path):
    """qemu-img waits for an image that is a pipe: the start can be ended at any time, the daemon answers."""
    path = stack.path("pipe.img")
    os.mkfifo(path)
    stack.define(guest_xml(plain=True, devices=disk(path)))
    start = subprocess.Popen(["virsh", "start", "guest"], env=stack.env, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: overlays(stack), 10, "qemu-img")
    assert "guest" in stack.virsh("list", "--all", "--name").out
    assert "was not made within 15 s" in start.communicate(timeout=60)[1]
    assert overlays(stack) == [] and "shut off" in stack.virsh("dominfo", "guest").out
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.parametrize("point", ["start-begin", "start-prepared", "start-spawned"])
def test_daemon_killed_while_it_starts(make_stack, guest_xml, point):
    stack = make_stack(env={"VIRTBUS_CRASH_AT": point})
    path = image(stack, "a.img")
    stack.define(guest_xml(plain=True, devices=disk(path)))
    assert stack.virsh("start", "guest", check=False).status != 0
    assert "shut off" in stack.virsh("dominfo", "guest").out
    wait_for(lambda: overlays(stack) == [], 10, "the end of the overlay")


def test_image_that_is_none(stack, guest_xml):
    """qemu-img's words come with the failure; nothing is left of it."""
    path = stack.path("a.qcow2")
    with open(path, "w") as f:
        f.write("no image")
    stack.define(guest_xml(plain=True, devices=disk(path, kind="qcow2")))
    err = stack.virsh("start", "guest", check=False).err
    assert "cannot make the overlay of transient disk 'vda': qemu-img: " in err and "not in qcow2 format" in err
    assert overlays(stack) == [] and "shut off" in stack.virsh("dominfo", "guest").out
