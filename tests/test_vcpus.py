# SPDX-License-Identifier: LGPL-2.1-or-later
"""vCPUs that come to and go from a running guest: a real Linux that sees them, brings them up and lets them go."""

import json
import os
import signal
import threading
import time
import xml.etree.ElementTree as ET

import libvirt
import pytest

from harness import wait_for
from test_limits import group, needs, value

CPUS = sorted(os.sched_getaffinity(0))
NAME = "vcpus%d" % os.getpid()


def define(stack, guest_xml, vcpu, extra="", **kwargs):
    stack.define(guest_xml(name=NAME, extra=extra, **kwargs).replace("<vcpu>1</vcpu>", vcpu))


def boot(stack, guest_xml, vcpu="<vcpu current='1'>3</vcpu>", extra=""):
    define(stack, guest_xml, vcpu, extra)
    stack.virsh("start", NAME)
    console = stack.console(NAME)
    console.wait_ready()
    return console


def tree(stack, *flags):
    return ET.fromstring(stack.virsh("dumpxml", NAME, *flags).out)


def listed(stack, *flags):
    """of <vcpus>: enabled, hotpluggable, order"""
    return [(v.get("enabled"), v.get("hotpluggable"), v.get("order")) for v in tree(stack, *flags).findall("vcpus/vcpu")]


def threads(stack):
    out = stack.virsh("qemu-monitor-command", NAME, '{"execute":"query-cpus-fast"}').out
    return {cpu["cpu-index"]: cpu["thread-id"] for cpu in json.loads(out)["return"]}


def count(stack, *flags):
    return int(stack.virsh("vcpucount", NAME, *(flags or ("--live", "--current"))).out)


def guest_cpus(console):
    """CPU folders that the guest's kernel has."""
    return console.run("ls -d /sys/devices/system/cpu/cpu[0-9]*")[1].split("/sys/devices/system/cpu/cpu")[1:]


@needs["cpu"]
def test_linux_lets_go(stack, guest_xml):
    """Rule 4 of docs/placement.md: a vCPU that goes loses thread, control group and pin."""
    console = boot(stack, guest_xml, extra=(
        "<cputune><quota>25000</quota><vcpupin vcpu='1' cpuset='%d'/><vcpupin vcpu='2' cpuset='%d'/>"
        "</cputune>" % (CPUS[-1], CPUS[0])))
    stack.virsh("setvcpus", NAME, "3", "--live")
    wait_for(lambda: len(guest_cpus(console)) == 3, 30, "CPUs in the guest")
    console.run("echo 1 > /sys/devices/system/cpu/cpu1/online; echo 1 > /sys/devices/system/cpu/cpu2/online")
    assert "0-2" in console.run("cat /sys/devices/system/cpu/online")[1]
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max", "vcpu2", name=NAME)[0] == "25000"
    tids = threads(stack)
    assert os.sched_getaffinity(tids[2]) == {CPUS[0]}
    assert listed(stack) == [("yes", "no", "1"), ("yes", "yes", "2"), ("yes", "yes", "3")]
    stack.virsh("setvcpus", NAME, "2", "--live", timeout=60)
    assert set(threads(stack)) == {0, 1} and count(stack) == 2
    assert not os.path.exists("/proc/%d/task/%d" % (stack.emulator_pid(NAME), tids[2]))
    wait_for(lambda: not os.path.exists(os.path.join(group("cpu", name=NAME), "vcpu2")), 10, "removal of the group")
    assert os.path.isdir(os.path.join(group("cpu", name=NAME), "vcpu1"))
    pins = [p.get("vcpu") for p in tree(stack).findall("cputune/vcpupin")]
    assert pins == ["1"]
    assert [p.get("vcpu") for p in tree(stack, "--inactive").findall("cputune/vcpupin")] == ["1", "2"]
    assert len(guest_cpus(console)) == 2
    assert stack.virsh("vcpuinfo", NAME).out.count("State:          running") == 2
    stack.kill("virtqemud")
    assert count(stack) == 2 and listed(stack)[2] == ("no", "yes", None)


def test_single_ones(stack, guest_xml):
    console = boot(stack, guest_xml)
    stack.virsh("setvcpu", NAME, "2", "--enable", "--live")
    assert set(threads(stack)) == {0, 2} and count(stack) == 2
    assert listed(stack) == [("yes", "no", "1"), ("no", "yes", None), ("yes", "yes", "2")]
    wait_for(lambda: len(guest_cpus(console)) == 2, 30, "CPU in the guest")
    stack.virsh("vcpupin", NAME, "2", str(CPUS[-1]), "--live")
    assert os.sched_getaffinity(threads(stack)[2]) == {CPUS[-1]}
    result = stack.virsh("vcpupin", NAME, "1", str(CPUS[-1]), "--live", check=False)
    assert "vcpu 1 is out of range of live cpu count 2" in result.err
    stack.virsh("setvcpu", NAME, "2", "--disable", "--live", timeout=60)
    assert set(threads(stack)) == {0} and listed(stack)[2] == ("no", "yes", None)
    assert tree(stack).find("cputune") is None or not tree(stack).findall("cputune/vcpupin")
    assert len(guest_cpus(console)) == 1


def test_order_in_which_they_came(stack, guest_xml):
    define(stack, guest_xml, "<vcpu current='1'>4</vcpu>", plain=True, memory_mib=32)
    stack.virsh("start", NAME)
    for vcpu in ("3", "1"):
        stack.virsh("setvcpu", NAME, vcpu, "--enable", "--live")
    assert listed(stack) == [("yes", "no", "1"), ("yes", "yes", "3"), ("no", "yes", None), ("yes", "yes", "2")]
    stack.kill("virtqemud")
    stack.virsh("setvcpu", NAME, "2", "--enable", "--live")
    assert [order for _, _, order in listed(stack)] == ["1", "3", "4", "2"]


def test_guest_that_does_not_listen(stack, guest_xml):
    """Nobody answers the request: the call says so, the vCPU stays; it is noticed when it goes later."""
    console = boot(stack, guest_xml)
    stack.virsh("setvcpus", NAME, "2", "--live")
    wait_for(lambda: len(guest_cpus(console)) == 2, 30, "CPU in the guest")
    stack.virsh("suspend", NAME)
    result = stack.virsh("setvcpus", NAME, "1", "--live", "--config", check=False, timeout=60)
    assert ("vcpu unplug request timed out. Unplug result must be manually inspected in the domain"
            in result.err)
    assert count(stack) == 2 and listed(stack, "--inactive") == []
    stack.virsh("resume", NAME)
    wait_for(lambda: count(stack) == 1, 60, "the vCPU that went late")
    assert set(threads(stack)) == {0} and listed(stack)[1] == ("no", "yes", None)


def test_undefined_meanwhile(stack, guest_xml):
    """What was undefined while the emulator took its time does not come back by the change that then ends."""
    define(stack, guest_xml, "<vcpu current='1'>3</vcpu>", plain=True, memory_mib=32)
    stack.virsh("start", NAME)
    conn, other = stack.open(), stack.open()
    refusals = []

    def change():
        try:
            conn.lookupByName(NAME).setVcpu("2", 1, libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        except libvirt.libvirtError as error:
            refusals.append(error.get_error_message())
    thread = threading.Thread(target=change)
    pid = stack.stop_emulator(NAME)
    try:
        thread.start()
        time.sleep(0.5)
        assert thread.is_alive(), refusals
        other.lookupByName(NAME).undefine()
    finally:
        os.kill(pid, signal.SIGCONT)
        thread.join(30)
    assert refusals == ["Requested operation is not valid: transient domains do not have any persistent config"]
    assert not other.lookupByName(NAME).isPersistent()
    stack.virsh("destroy", NAME)
    assert "failed to get domain" in stack.virsh("dominfo", NAME, check=False).err
    stack.kill("virtqemud")
    assert "failed to get domain" in stack.virsh("dominfo", NAME, check=False).err


def test_refused(stack, guest_xml):
    define(stack, guest_xml, "<vcpu current='2'>4</vcpu>", plain=True, memory_mib=32)
    stack.virsh("start", NAME)
    stack.virsh("setvcpu", NAME, "3", "--enable", "--live")
    before = stack.virsh("dumpxml", NAME).out, stack.virsh("dumpxml", NAME, "--inactive").out
    for args, reason in (
            (("0", "--disable", "--live"), "Operation not supported: vcpu '0' can't be unplugged"),
            (("1", "--disable", "--live"), "Operation not supported: vcpu '1' can't be unplugged"),
            (("3", "--enable", "--live"), "invalid argument: vcpu '3' is already in requested state"),
            (("2", "--disable", "--live"), "invalid argument: vcpu '2' is already in requested state"),
            (("9", "--enable", "--live"), "invalid argument: vcpu 9 is not present in live config"),
            (("9", "--enable", "--config"), "invalid argument: vcpu 9 is not present in persistent config"),
            (("0", "--disable", "--config"), "invalid argument: vCPU '0' can't be modified"),
            (("2,^2", "--enable", "--live"), "invalid argument: no vcpus selected for modification"),
            # the guest's firmware does not know of ACPI yet: the emulator refuses, and nothing is stored
            (("3", "--disable", "--live"), "acpi: device unplug request for not supported device type")):
        result = stack.virsh("setvcpu", NAME, *args, check=False)
        assert result.status != 0 and reason in result.err, (args, result.err)
    result = stack.virsh("setvcpus", NAME, "1", "--live", check=False)
    assert "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu count" in result.err
    assert (stack.virsh("dumpxml", NAME).out, stack.virsh("dumpxml", NAME, "--inactive").out) == before
    with pytest.raises(Exception, match="unsupported state value"):
        stack.open().lookupByName(NAME).setVcpu("1", 7, 1)


def test_stored(stack, guest_xml):
    """As libvirt 9.0 does it: what is switched has a list, what is counted keeps it."""
    define(stack, guest_xml, "<vcpu current='1'>4</vcpu>", plain=True, memory_mib=32)
    stack.virsh("setvcpu", NAME, "2", "--enable", "--config")
    assert listed(stack) == [("yes", "no", None), ("no", "yes", None), ("yes", "yes", None), ("no", "yes", None)]
    assert tree(stack).find("vcpu").get("current") == "2"
    # the third one is plugged in when the guest starts
    stack.virsh("start", NAME)
    assert set(threads(stack)) == {0, 2}
    assert listed(stack) == [("yes", "no", "1"), ("no", "yes", None), ("yes", "yes", "2"), ("no", "yes", None)]
    stack.virsh("destroy", NAME)
    stack.virsh("setvcpus", NAME, "3", "--config")
    assert listed(stack) == [("yes", "no", None), ("yes", "no", None), ("yes", "yes", None), ("no", "yes", None)]
    result = stack.virsh("setvcpu", NAME, "3", "--enable", "--live", check=False)
    assert "domain is not running" in result.err
    define(stack, guest_xml, "<vcpu>4</vcpu>", plain=True, memory_mib=32)
    result = stack.virsh("setvcpu", NAME, "2", "--disable", "--config", check=False)
    assert "vcpu '2' can't be modified as it is followed by non-hotpluggable online vcpus" in result.err
    stack.virsh("setvcpu", NAME, "2-3", "--disable", "--config")
    assert [v[0] for v in listed(stack)] == ["yes", "yes", "no", "no"]
    stack.virsh("setvcpus", NAME, "3", "--config", "--hotpluggable")
    assert listed(stack)[2] == ("yes", "yes", None)


def test_another_maximum(stack, guest_xml):
    """As libvirt 9.0 does it: it changes how many there may be, not how many there are, but for those that go."""
    define(stack, guest_xml, "<vcpu>2</vcpu>", plain=True, memory_mib=32)

    def maximum(n):
        stack.virsh("setvcpus", NAME, str(n), "--maximum", "--config")
        vcpu = tree(stack).find("vcpu")
        return vcpu.get("current"), vcpu.text, [v[:2] for v in listed(stack)]
    on, off, later = ("yes", "no"), ("no", "yes"), ("yes", "yes")
    assert maximum(4) == ("2", "4", [])
    assert maximum(2) == (None, "2", [])
    define(stack, guest_xml, "<vcpu current='1'>4</vcpu>", plain=True, memory_mib=32)
    stack.virsh("setvcpu", NAME, "2", "--enable", "--config")
    assert maximum(3) == ("2", "3", [on, off, later])
    assert maximum(2) == ("1", "2", [on, off])
    assert maximum(4) == ("1", "4", [on, off, off, off])
    result = stack.virsh("setvcpus", NAME, "4097", "--maximum", "--config", check=False)
    assert "requested cpu amount exceeds maximum supported amount (4097 > 4096)" in result.err
    assert count(stack, "--config", "--current") == 1
    stack.virsh("start", NAME)
    assert set(threads(stack)) == {0}
