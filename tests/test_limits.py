# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of processor, memory and disks: what the kernel's control groups say of a running guest."""

import glob
import os
import re
import subprocess

import pytest

from harness import wait_for


def mounts():
    """controller -> (mount point, version)"""
    found = {}
    with open("/proc/self/mountinfo") as f:
        for line in f:
            head, _, tail = line.partition(" - ")
            point, (kind, _source, options) = head.split()[4], tail.split()[:3]
            if kind == "cgroup":
                for word in options.split(","):
                    found.setdefault(word, (point, 1))
            elif kind == "cgroup2":
                with open(os.path.join(point, "cgroup.controllers")) as controllers:
                    for word in controllers.read().split():
                        found["blkio" if word == "io" else word] = (point, 2)
    return found


MOUNTS = mounts()


def writable(controller):
    point = MOUNTS.get(controller, ("/nonexistent", 0))[0]
    probe = os.path.join(point, "vbt-probe-%d" % os.getpid())
    try:
        os.mkdir(probe)
        os.rmdir(probe)
        return True
    except OSError:
        return False


needs = {name: pytest.mark.skipif(not writable(name), reason="no %s control group to write" % name)
         for name in ("cpu", "memory", "blkio")}


NAME = "limits%d" % os.getpid()     # the groups are the whole host's


def group(controller, name=NAME, id=1):
    return os.path.join(MOUNTS[controller][0], "machine/qemu-%d-%s.libvirt-qemu" % (id, name))


def value(controller, v1, v2, child="", **kwargs):
    version = MOUNTS[controller][1]
    with open(os.path.join(group(controller, **kwargs), child, v1 if version == 1 else v2)) as f:
        return f.read().split()


def definition(guest_xml, extra, vcpu="<vcpu>2</vcpu>"):
    text = guest_xml(name=NAME, plain=True, memory_mib=32, extra=extra)
    return text.replace("<vcpu>1</vcpu>", vcpu)


def gone(controller="cpu"):
    return not glob.glob(os.path.join(MOUNTS[controller][0], "machine/qemu-*-%s.libvirt-qemu" % NAME))


@needs["cpu"]
def test_processor(stack, guest_xml):
    stack.define(definition(guest_xml, (
        "<iothreads>1</iothreads><cputune><shares>512</shares><period>50000</period>"
        "<quota>25000</quota><global_quota>90000</global_quota>"
        "<emulator_quota>30000</emulator_quota><iothread_quota>20000</iothread_quota></cputune>"),
        vcpu="<vcpu current='1'>2</vcpu>"))
    stack.virsh("start", NAME)
    assert value("cpu", "cpu.shares", "cpu.weight") == ["512"]
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max")[0] == "90000"
    for child, quota in (("vcpu0", "25000"), ("emulator", "30000"), ("iothread1", "20000")):
        assert value("cpu", "cpu.cfs_quota_us", "cpu.max", child)[0] == quota
    assert len(value("cpu", "tasks", "cgroup.threads", "vcpu0")) == 1
    assert str(stack.emulator_pid(NAME)) in value("cpu", "tasks", "cgroup.threads", "emulator")
    stack.virsh("setvcpus", NAME, "2", "--live")
    wait_for(lambda: os.path.isdir(os.path.join(group("cpu"), "vcpu1")) and
             value("cpu", "cpu.cfs_quota_us", "cpu.max", "vcpu1")[0] == "25000", 10, "new vCPU")
    assert len(value("cpu", "tasks", "cgroup.threads", "vcpu1")) == 1
    out = stack.virsh("schedinfo", NAME).out
    assert re.search(r"cpu_shares\s*: 512\b", out) and re.search(r"vcpu_quota\s*: 25000\b", out)
    stack.virsh("schedinfo", NAME, "--live", "vcpu_quota=40000", "cpu_shares=256")
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max", "vcpu0")[0] == "40000"
    assert value("cpu", "cpu.shares", "cpu.weight") == ["256"]
    assert "<quota>25000</quota>" in stack.virsh("dumpxml", NAME, "--inactive").out
    assert "<quota>40000</quota>" in stack.virsh("dumpxml", NAME).out
    stack.virsh("destroy", NAME)
    wait_for(gone, 10, "removal of the groups")


@needs["cpu"]
def test_set_on_a_guest_without_limits(stack, guest_xml):
    """It gets groups when it needs them, and keeps them over a restart of the daemon."""
    stack.define(definition(guest_xml, ""))
    stack.virsh("start", NAME)
    assert gone()
    signals = stack.record()
    stack.virsh("schedinfo", NAME, "--live", "--config", "cpu_shares=2048")
    assert value("cpu", "cpu.shares", "cpu.weight") == ["2048"]
    signals.wait_for(lambda _p, _i, _m, args: "cputune.cpu_shares" in str(args), 10, "tunable")
    assert "<shares>2048</shares>" in stack.virsh("dumpxml", NAME, "--inactive").out
    stack.kill("virtqemud")
    stack.virsh("schedinfo", NAME, "--live", "cpu_shares=1000")
    assert value("cpu", "cpu.shares", "cpu.weight") == ["1000"]
    subprocess.run(["kill", "-9", str(stack.emulator_pid(NAME))], check=True)
    wait_for(gone, 10, "removal of the groups")


@needs["cpu"]
@pytest.mark.skipif(MOUNTS.get("cpu", ("", 0))[1] != 1, reason="only groups of version 1 refuse this")
def test_refused_by_the_kernel(stack, guest_xml):
    """Of two limits the kernel refuses the second: the first is taken back, although there was none before."""
    stack.define(definition(guest_xml, ""))
    stack.virsh("start", NAME)
    err = stack.virsh("schedinfo", NAME, "--live", "--config", "global_quota=20000", "vcpu_quota=80000", "cpu_shares=99",
                      check=False).err
    assert "Invalid argument" in err
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max") == ["-1"]
    assert value("cpu", "cpu.shares", "cpu.weight") == ["1024"]
    assert "quota" not in stack.virsh("dumpxml", NAME).out + stack.virsh("dumpxml", NAME, "--inactive").out
    stack.virsh("schedinfo", NAME, "--live", "global_quota=90000", "vcpu_quota=80000")
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max", "vcpu1") == ["80000"]


@needs["cpu"]
def test_bad_requests(stack, guest_xml):
    stack.define(definition(guest_xml, "<cputune><shares>512</shares></cputune>"))
    stack.virsh("start", NAME)
    before = stack.virsh("dumpxml", NAME).out
    domain = stack.open().lookupByName(NAME)
    for params, reason in (({"vcpu_quota": 18000000000000000}, "value of 'vcpu_quota' is out of range"),
                           ({"global_quota": 1}, r"value of 'global_quota' is out of range \[1000, 17592186044415\]"),
                           ({"vcpu_period": 10}, "value of 'vcpu_period' is out of range"),
                           ({"cpu_shares": 999999999}, "must be in range|out of range")):
        with pytest.raises(Exception, match=reason):
            domain.setSchedulerParametersFlags(params, 1)
    with pytest.raises(Exception, match="domain is not running|not running"):
        stack.define(guest_xml(name="other", plain=True))
        stack.open().lookupByName("other").setSchedulerParametersFlags({"cpu_shares": 10}, 1)
    assert stack.virsh("dumpxml", NAME).out == before
    assert value("cpu", "cpu.shares", "cpu.weight") == ["512"]


@needs["memory"]
def test_memory(stack, guest_xml):
    stack.define(definition(guest_xml, (
        "<memtune><hard_limit unit='MiB'>900</hard_limit>"
        "<soft_limit unit='MiB'>800</soft_limit></memtune>")))
    stack.virsh("start", NAME)
    assert value("memory", "memory.limit_in_bytes", "memory.max") == [str(900 << 20)]
    assert value("memory", "memory.soft_limit_in_bytes", "memory.high") == [str(800 << 20)]
    out = stack.virsh("memtune", NAME).out
    assert re.search(r"hard_limit\s*: 921600\n", out)
    assert re.search(r"swap_hard_limit\s*: unlimited", out)
    stack.virsh("memtune", NAME, "--hard-limit", "1000000", "--live", "--config")
    assert value("memory", "memory.limit_in_bytes", "memory.max") == [str(1000000 << 10)]
    stack.virsh("memtune", NAME, "--soft-limit", "-1", "--live")
    assert int(value("memory", "memory.soft_limit_in_bytes", "memory.high")[0].replace(
        "max", str(1 << 62))) > 1 << 60
    assert "soft_limit" not in stack.virsh("dumpxml", NAME).out
    stored = stack.virsh("dumpxml", NAME, "--inactive").out
    assert "<hard_limit unit='KiB'>1000000</hard_limit>" in stored and "soft_limit" in stored
    # less than the guest has already: the kernel says no, nothing changed
    result = stack.virsh("memtune", NAME, "--hard-limit", "1", "--live", check=False)
    if result.status == 0:      # version 2 reclaims instead of refusing
        stack.virsh("memtune", NAME, "--hard-limit", "1000000", "--live")
    assert "<hard_limit unit='KiB'>1000000</hard_limit>" in stack.virsh("dumpxml", NAME).out
    stack.virsh("destroy", NAME)
    wait_for(lambda: gone("memory"), 10, "removal of the groups")


@pytest.fixture
def loop_device(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"\0" * (1 << 20))
    made = subprocess.run(["losetup", "--show", "-f", str(path)], capture_output=True, text=True,
                          check=False)
    if made.returncode:
        pytest.skip("no loop device: " + made.stderr.strip())
    yield made.stdout.strip()
    subprocess.run(["losetup", "-d", made.stdout.strip()], check=True)


@needs["blkio"]
def test_block_devices(stack, guest_xml, loop_device):
    stack.define(definition(guest_xml, (
        "<blkiotune><device><path>%s</path><read_bytes_sec>1048576</read_bytes_sec>"
        "<write_iops_sec>200</write_iops_sec></device></blkiotune>" % loop_device)))
    stack.virsh("start", NAME)
    number = "%d:%d" % (os.major(os.stat(loop_device).st_rdev), os.minor(os.stat(loop_device).st_rdev))
    limits = value("blkio", "blkio.throttle.read_bps_device", "io.max")
    assert number in limits and any("1048576" in one for one in limits)
    out = stack.virsh("blkiotune", NAME).out
    assert re.search(r"device_read_bytes_sec: %s,1048576" % loop_device, out)
    stack.virsh("blkiotune", NAME, "--device-read-bytes-sec", loop_device + ",2097152", "--live")
    assert any("2097152" in one
               for one in value("blkio", "blkio.throttle.read_bps_device", "io.max"))
    result = stack.virsh("blkiotune", NAME, "--device-read-bytes-sec", "/etc/passwd,1", "--live",
                         check=False)
    assert "must be a block device" in result.err
    assert "/etc/passwd" not in stack.virsh("dumpxml", NAME).out


def test_stored_without_a_running_guest(stack, guest_xml):
    stack.define(definition(guest_xml, ""))
    stack.virsh("schedinfo", NAME, "--config", "global_quota=50000")
    stack.virsh("memtune", NAME, "--hard-limit", "500000")
    stack.virsh("blkiotune", NAME, "--weight", "300")
    text = stack.virsh("dumpxml", NAME).out
    for part in ("<global_quota>50000</global_quota>",
                 "<hard_limit unit='KiB'>500000</hard_limit>", "<weight>300</weight>"):
        assert part in text
    assert re.search(r"global_quota\s*: 50000", stack.virsh("schedinfo", NAME).out)
