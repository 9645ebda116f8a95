# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of disks: what the emulator enforces, what virsh shows, what is stored; groups of limits."""

import json
import os
import time

import pytest

from gi.repository import GLib
from harness import wait_for
from test_devices import change, disk, image

NAME = "tuned%d" % os.getpid()
LIMITED = "<iotune><total_bytes_sec>1000000</total_bytes_sec><total_bytes_sec_max>2000000</total_bytes_sec_max></iotune>"
LIVE, CONFIG = 1, 2


def limited(path, tune=LIMITED, **kwargs):
    return disk(path, **kwargs).replace("</disk>", tune + "</disk>")


def start(stack, guest_xml, devices, extra=""):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=extra, devices=devices))
    stack.virsh("start", NAME)


def ask(stack, command, **arguments):
    out = stack.virsh("qemu-monitor-command", NAME, json.dumps({"execute": command, "arguments": arguments})).out
    return json.loads(out)["return"]


def emulators(stack, alias="virtio-disk1"):
    """The limits that the emulator has for a disk."""
    for drive in ask(stack, "query-block"):
        if alias in drive.get("qdev", ""):
            return {key: value for key, value in drive["inserted"].items()
                    if key.startswith(("bps", "iops", "group"))}
    raise KeyError(alias)


def shown(stack, target, *flags):
    out = stack.virsh("blkdeviotune", NAME, target, *flags).out
    rows = [line.split(":") for line in out.splitlines() if ":" in line]
    return {key.strip(): value.strip() for key, value in rows}


def dump(stack, *flags):
    return stack.virsh("dumpxml", NAME, *flags).out


def refused(stack, *args):
    result = stack.virsh("blkdeviotune", NAME, *args, check=False)
    assert result.status != 0, result.out
    return result.err


def test_at_the_start(stack, guest_xml):
    path = image(stack, "a.img")
    start(stack, guest_xml, limited(path))
    found = emulators(stack, "virtio-disk1")
    assert (found["bps"], found["bps_max"], found["bps_max_length"]) == (1000000, 2000000, 1)
    live = shown(stack, "vdb")
    assert live["total_bytes_sec"] == "1000000" and live["total_bytes_sec_max_length"] == "1"
    assert shown(stack, "vdb", "--config")["total_bytes_sec_max_length"] == "0"
    assert len(live) == 20


def test_changes(stack, guest_xml):
    path = image(stack, "a.img")
    start(stack, guest_xml, disk(path))
    stack.virsh("blkdeviotune", NAME, "vdb", "--read-iops-sec", "100", "--read-iops-sec-max", "150",
                "--read-iops-sec-max-length", "4", "--group-name", "drive", "--live")
    found = emulators(stack)
    assert (found["iops_rd"], found["iops_rd_max"], found["iops_rd_max_length"], found["group"]) == (100, 150, 4, "drive")
    assert "<group_name>drive</group_name>" in dump(stack) and "iotune" not in dump(stack, "--inactive")
    stack.kill("virtqemud")
    assert shown(stack, "vdb")["read_iops_sec"] == "100"
    # families that are not named stay; of one that is named the rest becomes 0
    stack.virsh("blkdeviotune", NAME, "vdb", "--write-bytes-sec", "65536", "--live", "--config")
    found = emulators(stack)
    assert (found["bps_wr"], found["iops_rd"]) == (65536, 100)
    assert shown(stack, "vdb", "--config")["write_bytes_sec"] == "65536"
    stack.virsh("blkdeviotune", NAME, "vdb", "--total-bytes-sec", "0", "--live", "--config")
    assert emulators(stack)["bps_wr"] == 0 and "iotune" not in dump(stack, "--inactive")


def test_refusals(stack, guest_xml):
    """In libvirt 9.0's words."""
    path = image(stack, "a.img")
    start(stack, guest_xml, limited(path))
    before = emulators(stack)
    for args, words in (
            (("vdz", "--live"), "invalid argument: disk 'vdz' not found in domain"),
            (("vdz", "--config"), "invalid argument: disk 'vdz' was not found in the domain config"),
            (("vdb", "--total-bytes-sec", "5", "--read-bytes-sec", "5"),
             "invalid argument: total and read/write of bytes_sec cannot be set at the same time"),
            (("vdb", "--total-iops-sec", "2000000000000000"),
             "argument unsupported: block I/O throttle limit value must be no more than 1000000000000000"),
            (("vdb", "--total-bytes-sec", "7000000"),
             "unsupported configuration: value 'total_bytes_sec_max' cannot be smaller than 'total_bytes_sec'"),
            (("vdb", "--total-bytes-sec", "0", "--live"),
             "unsupported configuration: cannot reset 'total_bytes_sec' when 'total_bytes_sec_max' is set"),
            (("vdb", "--write-bytes-sec", "7000000", "--live", "--config"),
             "unsupported configuration: cannot reset 'total_bytes_sec' when 'total_bytes_sec_max' is set")):
        assert words in refused(stack, *args)
    assert emulators(stack) == before and shown(stack, "vdb", "--config")["total_bytes_sec"] == "1000000"
    stack.virsh("destroy", NAME)
    assert "Requested operation is not valid: domain is not running" in refused(stack, "vdb", "--live")


def test_group_changes_together(stack, guest_xml):
    tune = "<iotune><total_iops_sec>100</total_iops_sec><group_name>both</group_name></iotune>"
    start(stack, guest_xml, limited(image(stack, "a.img"), tune) + limited(image(stack, "b.img"), tune, target="vdc"))
    stack.virsh("blkdeviotune", NAME, "vdc", "--total-iops-sec", "70", "--live", "--config")
    for alias in "virtio-disk1", "virtio-disk2":
        assert (emulators(stack, alias)["iops"], emulators(stack, alias)["group"]) == (70, "both")
    assert dump(stack).count("<total_iops_sec>70<") == dump(stack, "--inactive").count("<total_iops_sec>70<") == 2


def test_plugged_disk_and_medium(stack, guest_xml):
    path = image(stack, "a.img")
    start(stack, guest_xml, "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>")
    change(stack, "attach-device", limited(path), "--live", guest=NAME)
    assert emulators(stack, "virtio-disk1")["bps"] == 1000000
    stack.virsh("detach-disk", NAME, "vdb", "--live")
    stack.virsh("blkdeviotune", NAME, "sda", "--total-iops-sec", "5", "--live")
    stack.virsh("change-media", NAME, "sda", image(stack, "b.img"), "--insert", "--live", timeout=60)
    assert emulators(stack, "sata0-0-0")["iops"] == 5


def test_it_is_slow(stack, guest_xml):
    """The limit is one of what is really read and written."""
    path = image(stack, "a.img", 4 << 20)
    start(stack, guest_xml, limited(path, "<iotune><total_bytes_sec>1048576</total_bytes_sec></iotune>"))
    begin = time.monotonic()
    for _ in range(3):
        stack.virsh("qemu-monitor-command", NAME, "--hmp", 'qemu-io -d virtio-disk1/virtio-backend "read 0 1M"', timeout=60)
    assert time.monotonic() - begin > 1


# ---- groups ----

GROUPS = ("<throttlegroups><throttlegroup><total_bytes_sec>4194304</total_bytes_sec><group_name>slow</group_name>"
          "</throttlegroup></throttlegroups>")
FILTER = "<throttlefilters><throttlefilter group='%s'/></throttlefilters>"


def limits(stack, group):
    return ask(stack, "qom-get", path="/objects/throttle-" + group, property="limits")


def call(stack, method, group, params, flags):
    args = [GLib.Variant("s", group)]
    if params is not None:
        args.append(GLib.Variant("a{sv}", {key: GLib.Variant("t", value) for key, value in params.items()}))
    return stack.call(stack.domain(NAME), "org.virtbus.Domain1." + method,
                      GLib.Variant.new_tuple(*args, GLib.Variant("u", flags)))


def test_groups(stack, guest_xml):
    path = image(stack, "a.img")
    start(stack, guest_xml, limited(path, FILTER % "slow"), GROUPS)
    assert limits(stack, "slow")["bps-total"] == 4194304
    call(stack, "SetThrottleGroup", "slow", {"read_iops_sec": 50}, LIVE | CONFIG)
    assert (limits(stack, "slow")["iops-read"], limits(stack, "slow")["bps-total"]) == (50, 4194304)
    call(stack, "SetThrottleGroup", "new", {"total_iops_sec": 9}, LIVE)
    assert limits(stack, "new")["iops-total"] == 9
    assert "<group_name>new</group_name>" in dump(stack) and "<group_name>new<" not in dump(stack, "--inactive")
    assert "<read_iops_sec>50</read_iops_sec>" in dump(stack, "--inactive")
    change(stack, "attach-device", limited(image(stack, "b.img"), FILTER % "new", target="sdc", bus="usb"), "--live", guest=NAME)
    with pytest.raises(GLib.Error, match="throttle group 'new' is still being used by disk 'sdc'"):
        call(stack, "DeleteThrottleGroup", "new", None, LIVE)
    stack.kill("virtqemud")
    stack.virsh("detach-disk", NAME, "sdc", "--live")
    wait_for(lambda: "sdc" not in dump(stack), 10, "the end of the disk")
    call(stack, "DeleteThrottleGroup", "new", None, LIVE)
    assert "throttle-new" not in [one["name"] for one in ask(stack, "qom-list", path="/objects")]
    with pytest.raises(GLib.Error, match="throttle group 'new' not found"):
        call(stack, "DeleteThrottleGroup", "new", None, LIVE)
    with pytest.raises(GLib.Error, match="total and read/write of iops_sec"):
        call(stack, "SetThrottleGroup", "slow", {"total_iops_sec": 5, "read_iops_sec": 5}, LIVE)
    assert "block 'throttlefilters' can't be used together" in refused(stack, "vdb", "--total-iops-sec", "5", "--live")
