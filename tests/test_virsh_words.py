# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stock virsh shows and says where a user would notice a difference: recorded beside libvirt 9.0."""

import re
import xml.etree.ElementTree as ET

import pytest

DISKS = """<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{0}'/>
<target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"""


@pytest.fixture
def guest(stack, guest_xml, tmp_path):
    """A guest that does not run, with a disk and an empty drive; its name, and a second image."""
    images = [tmp_path / "one.img", tmp_path / "two.img"]
    for image in images:
        image.write_bytes(bytes(1 << 20))
    stack.define(guest_xml("words", plain=True, memory_mib=16, machine="q35",
                           devices=DISKS.format(images[0])))
    return "words", images[1]


def said(stack, *args):
    """The last line of the refusal."""
    result = stack.virsh(*args, check=False)
    assert result.status != 0, result.out
    return result.err.strip().splitlines()[-1]


def targets(stack, name, *args):
    return [line.split()[0] for line in stack.virsh("domblklist", name, *args).out.splitlines() if line.strip()]


def test_disks_are_listed_in_the_order_of_their_names(stack, guest):
    name, image = guest
    stack.virsh("attach-disk", name, str(image), "vdb", "--config")
    assert targets(stack, name) == ["vda", "vdb", "sda"]
    stack.virsh("detach-disk", name, "vdb", "--config")
    stack.virsh("start", "--paused", name)
    stack.virsh("attach-disk", name, str(image), "vdb", "--live")
    assert targets(stack, name) == ["vda", "vdb", "sda"]


def test_an_empty_drive_has_no_size(stack, guest):
    name, _ = guest
    assert said(stack, "domblkinfo", name, "sda") == (
        "error: invalid argument: disk 'sda' does not currently have a source assigned")
    stack.virsh("start", "--paused", name)
    lines = [line.split() for line in stack.virsh("domblkinfo", name, "--all").out.splitlines()]
    assert ["sda", "-", "-", "-"] in lines


def test_a_drive_stays_as_it_is_when_its_medium_cannot_be_had(stack, guest):
    name, image = guest

    def drive():
        tree = ET.fromstring(stack.virsh("dumpxml", name).out)
        disk = [d for d in tree.iter("disk") if d.get("device") == "cdrom"][0]
        return disk.find("source"), disk.find("driver").attrib

    stack.virsh("start", "--paused", name)
    assert drive() == (None, {"name": "qemu"})
    stack.virsh("attach-disk", name, str(image), "vdb", "--live")
    for path, words in ((image, 'Failed to get shared "write" lock'), (image.parent / "none", "No such file")):
        assert words in said(stack, "change-media", name, "sda", str(path), "--insert", "--live")
        assert drive() == (None, {"name": "qemu"})
    assert said(stack, "change-media", name, "sda", "--eject") == "error: The disk device 'sda' doesn't have media"
    stack.virsh("detach-disk", name, "vdb", "--live", "--config", check=False)


def test_a_job_of_a_guest_that_does_not_run(stack, guest):
    name, _ = guest
    assert said(stack, "domjobinfo", name) == (
        "error: Requested operation is not valid: domain is not running")
    stack.virsh("start", "--paused", name)
    assert "None" in stack.virsh("domjobinfo", name).out


def test_a_limit_below_another_one(stack, guest):
    name, _ = guest
    before = stack.virsh("dumpxml", "--inactive", name).out
    assert said(stack, "memtune", name, "--hard-limit", "10", "--swap-hard-limit", "5", "--config") == (
        "error: invalid argument: memory hard_limit tunable value must be lower than or equal to swap_hard_limit")
    assert stack.virsh("dumpxml", "--inactive", name).out == before


def test_taints(stack, guest):
    name, _ = guest
    stack.virsh("qemu-agent-command", name, '{"execute":"guest-ping"}', check=False)
    assert "tainted" not in stack.virsh("dominfo", name).out
    stack.virsh("start", "--paused", name)
    assert re.findall("tainted: (.*)", stack.virsh("dominfo", name).out) == [
        "running with undesirable elevated privileges"]
    stack.virsh("qemu-monitor-command", name, '{"execute":"query-status"}')
    assert re.findall("tainted: (.*)", stack.virsh("dominfo", name).out) == [
        "running with undesirable elevated privileges", "custom monitor control commands issued"]


def test_creating_what_runs(stack, guest, tmp_path):
    name, _ = guest
    stack.virsh("start", "--paused", name)
    xml = tmp_path / "again.xml"
    xml.write_text(stack.virsh("dumpxml", "--inactive", name).out)
    assert said(stack, "create", str(xml)) == (
        "error: Requested operation is not valid: domain 'words' is already active")


def test_vcpus_of_the_guest_itself_need_it_running(stack, guest):
    name, _ = guest
    assert said(stack, "vcpucount", name, "--guest") == (
        "error: invalid argument: vCPU count provided by the guest agent can only be requested for live domains")
    assert said(stack, "setvcpus", name, "1", "--guest") == (
        "error: Requested operation is not valid: domain is not running")
    stack.virsh("start", "--paused", name)
    assert said(stack, "setvcpus", name, "1", "--guest").startswith("error: argument unsupported: QEMU guest agent")
