# SPDX-License-Identifier: LGPL-2.1-or-later
"""Classes of devices that a running guest can be given, and those that it cannot, in libvirt 9.0's words."""

import json
import os
import xml.etree.ElementTree as ET

import pytest

from harness import wait_for
from test_devices import change, image, tree

NAME = "plugged%d" % os.getpid()
NUMA = ("<maxMemory slots='4' unit='MiB'>256</maxMemory><cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/></numa>"
        "</cpu>")


def start(stack, guest_xml, devices="", extra=""):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=devices, extra=extra))
    stack.virsh("start", NAME)


def peripherals(stack):
    out = stack.virsh("qemu-monitor-command", NAME,
                      '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}').out
    return {one["name"]: one["type"] for one in json.loads(out)["return"]}


def objects(stack):
    out = stack.virsh("qemu-monitor-command", NAME, '{"execute":"qom-list","arguments":{"path":"/objects"}}').out
    return {one["name"] for one in json.loads(out)["return"]}


def plug(stack, xml, **kwargs):
    return change(stack, "attach-device", xml, "--live", guest=NAME, **kwargs)


def test_memory(stack, guest_xml):
    dimm = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
    start(stack, guest_xml, extra=NUMA)
    plug(stack, dimm)
    assert peripherals(stack)["dimm0"].startswith("child<pc-dimm>") and "memdimm0" in objects(stack)
    live = tree(stack, guest=NAME)
    assert live.find("memory").text == live.find("currentMemory").text == str(160 * 1024)
    assert live.find("devices/memory/address").get("type") == "dimm"
    assert tree(stack, "--inactive", guest=NAME).find("memory").text == str(32 * 1024)
    result = plug(stack, dimm, check=False)     # beyond maxMemory
    assert result.status and "memdimm1" not in objects(stack)
    stack.kill("virtqemud")
    assert tree(stack, guest=NAME).find("memory").text == str(160 * 1024)
    result = change(stack, "detach-device", dimm.replace("128", "64"), "--live", guest=NAME, check=False)
    assert "device not found: model 'dimm' memory device not present in the domain configuration" in result.err


def test_shared_memory(stack, guest_xml):
    start(stack, guest_xml)
    plug(stack, "<shmem name='vbt-%s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>" % NAME)
    try:
        assert peripherals(stack)["shmem0"].startswith("child<ivshmem-plain>")
        assert os.stat("/dev/shm/vbt-" + NAME).st_size == 4 << 20
        assert tree(stack, guest=NAME).find("devices/shmem").get("name") == "vbt-" + NAME
        result = change(stack, "detach-device", "<shmem name='no'><model type='ivshmem-plain'/></shmem>", "--live",
                        guest=NAME, check=False)
        assert "model 'ivshmem-plain' shmem device not present in domain configuration" in result.err
    finally:
        os.unlink("/dev/shm/vbt-" + NAME)


def test_watchdog(stack, guest_xml):
    start(stack, guest_xml)
    plug(stack, "<watchdog model='i6300esb' action='none'/>")
    assert peripherals(stack)["watchdog0"].startswith("child<i6300esb>")
    assert tree(stack, guest=NAME).find("devices/watchdog").get("action") == "none"


def test_serial_and_input(stack, guest_xml):
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    plug(stack, "<serial type='pty'><target type='usb-serial' port='1'/></serial>")
    found = tree(stack, guest=NAME).findall("devices/serial")[1]
    assert found.find("source").get("path").startswith("/dev/pts/") and "serial1" in peripherals(stack)
    tablet = "<input type='tablet' bus='usb'/>"
    plug(stack, tablet)
    assert "usb-tablet" in "".join(peripherals(stack).values())
    change(stack, "detach-device", tablet, "--live", guest=NAME)
    wait_for(lambda: "usb-tablet" not in "".join(peripherals(stack).values()), 10, "the end of the tablet")


def test_usb_redirection_and_spice_password(stack, guest_xml):
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/><graphics type='spice' autoport='yes' passwd='old'/>")
    redirdev = "<redirdev bus='usb' type='spicevmc'/>"
    plug(stack, redirdev)
    assert "usb-redir" in "".join(peripherals(stack).values())
    change(stack, "detach-device", redirdev, "--live", guest=NAME)
    wait_for(lambda: "usb-redir" not in "".join(peripherals(stack).values()), 10, "the end of the redirection")
    graphics = tree(stack, guest=NAME).find("devices/graphics")
    graphics.set("passwd", "first")
    change(stack, "update-device", ET.tostring(graphics, "unicode"), "--live", guest=NAME)
    out = stack.virsh("dumpxml", "--security-info", NAME).out
    assert "passwd='first'" in out and "passwd" not in stack.virsh("dumpxml", NAME).out


def test_floppy(stack, guest_xml):
    start(stack, guest_xml, "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>")
    path = image(stack, "a.img", 1440 << 10)
    stack.virsh("change-media", NAME, "fda", path, "--insert", "--live", timeout=60)
    assert tree(stack, guest=NAME).find("devices/disk/source").get("file") == path
    assert path in stack.virsh("qemu-monitor-command", NAME, "--hmp", "info block").out
    stack.virsh("change-media", NAME, "fda", "--eject", "--live", timeout=60)
    assert path not in stack.virsh("qemu-monitor-command", NAME, "--hmp", "info block").out


@pytest.mark.parametrize("xml,words", [
    ("<sound model='ich6'/>", "live attach of device 'sound' is not supported"),
    ("<tpm model='tpm-tis'><backend type='emulator'/></tpm>", "live attach of device 'tpm' is not supported"),
    ("<video><model type='qxl'/></video>", "live attach of device 'video' is not supported"),
    ("<hub type='usb'/>", "live attach of device 'hub' is not supported"),
    ("<memballoon model='virtio'/>", "live attach of device 'memballoon' is not supported"),
    ("<graphics type='vnc'/>", "live attach of device 'graphics' is not supported"),
    ("<audio id='2' type='none'/>", "live attach of device 'audio' is not supported"),
    ("<crypto model='virtio' type='qemu'><backend model='builtin'/></crypto>",
     "live attach of device 'crypto' is not supported"),
    ("<watchdog model='ib700' action='none'/>", "hotplug of watchdog of model ib700 is not supported"),
    ("<input type='mouse' bus='ps2'/>", "input device on bus 'ps2' cannot be hot plugged."),
    ("<controller type='usb' index='3' model='qemu-xhci'/>", "'usb' controller cannot be hot plugged."),
    ("<controller type='virtio-serial' index='3'/>", "'virtio-serial' controller cannot be hot plugged."),
])
def test_refused(shared_stack, guest_xml, xml, words):
    stack = shared_stack
    if stack.virsh("domstate", NAME, check=False).out.strip() != "running":
        start(stack, guest_xml)
    before = peripherals(stack)
    result = plug(stack, xml, check=False)
    assert "Operation not supported: " + words in result.err
    assert peripherals(stack) == before
