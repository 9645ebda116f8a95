# SPDX-License-Identifier: LGPL-2.1-or-later
"""I/O threads that come, go and are set while the guest runs: virsh, the emulator's own list, the kernel's threads."""

import json
import os

import pytest

from harness import wait_for
from test_devices import change, disk, image
from test_limits import group, needs, value

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = CPUS[0], CPUS[-1]
NAME = "threads%d" % os.getpid()


def define(stack, guest_xml, extra="", devices="", vcpu="<vcpu>1</vcpu>"):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=extra, devices=devices).replace(
        "<vcpu>1</vcpu>", vcpu))


def start(stack, guest_xml, *args, **kwargs):
    define(stack, guest_xml, *args, **kwargs)
    stack.virsh("start", NAME)


def emulators(stack):
    """The emulator's own: name -> what it says"""
    out = stack.virsh("qemu-monitor-command", NAME, '{"execute":"query-iothreads"}').out
    return {one["id"]: one for one in json.loads(out)["return"]}


def info(stack, *flags):
    rows = [line.split() for line in stack.virsh("iothreadinfo", NAME, *flags).out.splitlines()]
    return {int(row[0]): row[1] for row in rows if len(row) == 2 and row[0].isdigit()}


def dump(stack, *flags):
    return stack.virsh("dumpxml", NAME, *flags).out


def test_comes_and_goes(stack, guest_xml):
    start(stack, guest_xml)
    stack.virsh("iothreadadd", NAME, "3", "--live")
    tid = emulators(stack)["iothread3"]["thread-id"]
    assert os.path.isdir("/proc/%d/task/%d" % (stack.emulator_pid(NAME), tid))
    assert "<iothreads>1</iothreads>" in dump(stack) and "<iothread id='3'/>" in dump(stack)
    assert "iothread" not in dump(stack, "--inactive")
    stack.virsh("iothreadadd", NAME, "1", "--live", "--config")
    assert set(emulators(stack)) == {"iothread1", "iothread3"}
    assert set(info(stack)) == {1, 3} and set(info(stack, "--config")) == {1}
    stack.kill("virtqemud")
    assert set(info(stack)) == {1, 3}
    stack.virsh("iothreaddel", NAME, "3", "--live")
    assert set(emulators(stack)) == {"iothread1"} and set(info(stack)) == {1}
    assert not os.path.exists("/proc/%d/task/%d" % (stack.emulator_pid(NAME), tid))
    stack.virsh("iothreaddel", NAME, "1", "--live", "--config")
    assert emulators(stack) == {} and "iothread" not in dump(stack, "--inactive")


@needs["cpu"]
def test_new_one_follows_the_rules(stack, guest_xml):
    """cpuset, pin, scheduler and quota hold for a thread that comes later; they go with it."""
    start(stack, guest_xml, vcpu="<vcpu cpuset='%d'>1</vcpu>" % LAST, extra=(
        "<iothreads>1</iothreads><cputune><iothread_quota>20000</iothread_quota>"
        "<iothreadpin iothread='1' cpuset='%d'/></cputune>" % FIRST))
    stack.virsh("iothreadadd", NAME, "2", "--live")
    tid = emulators(stack)["iothread2"]["thread-id"]
    assert os.sched_getaffinity(tid) == {LAST}
    assert value("cpu", "tasks", "cgroup.threads", "iothread2", name=NAME) == [str(tid)]
    assert value("cpu", "cpu.cfs_quota_us", "cpu.max", "iothread2", name=NAME)[0] == "20000"
    stack.virsh("iothreadpin", NAME, "2", str(FIRST), "--live")
    assert os.sched_getaffinity(tid) == {FIRST}
    assert info(stack)[2] == str(FIRST) and "<iothreadpin iothread='2'" in dump(stack)
    stack.virsh("iothreaddel", NAME, "2", "--live")
    wait_for(lambda: not os.path.exists(os.path.join(group("cpu", name=NAME), "iothread2")), 10, "removal")
    assert "iothreadpin iothread='2'" not in dump(stack) and "iothreadpin iothread='1'" in dump(stack)


def test_scheduler_goes_with_its_thread(stack, guest_xml):
    start(stack, guest_xml, extra=("<iothreads>3</iothreads><cputune>"
                                   "<iothreadsched iothreads='1-2' scheduler='batch'/></cputune>"))
    stack.virsh("iothreaddel", NAME, "2", "--live", "--config")
    for text in dump(stack), dump(stack, "--inactive"):
        assert "<iothreadsched iothreads='1' scheduler='batch'/>" in text
        assert "<iothread id='1'/>" in text and "<iothread id='3'/>" in text
    stack.virsh("iothreaddel", NAME, "1", "--live")
    assert "iothreadsched" not in dump(stack)


def test_device_that_uses_it(stack, guest_xml):
    path = image(stack, "a.img")
    start(stack, guest_xml, extra="<iothreads>1</iothreads>")
    stack.virsh("iothreadadd", NAME, "2", "--live")
    text = disk(path).replace("type='raw'", "type='raw' iothread='%d'")
    result = change(stack, "attach-device", text % 7, "--live", guest=NAME, check=False)
    assert "Disk iothread '7' not defined in iothreadid" in result.err
    change(stack, "attach-device", text % 2, "--live", guest=NAME)
    change(stack, "attach-device", text % 1, "--config", guest=NAME)
    for number, flag in (("2", "--live"), ("1", "--config")):
        result = stack.virsh("iothreaddel", NAME, number, flag, check=False)
        assert ("invalid argument: cannot remove IOThread %s since it is being used by disk 'vdb'" % number
                in result.err)
    assert set(emulators(stack)) == {"iothread1", "iothread2"}
    stack.virsh("iothreaddel", NAME, "1", "--live")     # the running guest's disk has the other one
    assert set(emulators(stack)) == {"iothread2"} and set(info(stack, "--config")) == {1}


def test_controller_that_uses_it(stack, guest_xml):
    define(stack, guest_xml, extra="<iothreads>1</iothreads>", devices=(
        "<controller type='scsi' model='virtio-scsi'><driver iothread='1'/></controller>"))
    result = stack.virsh("iothreaddel", NAME, "1", "--config", check=False)
    assert "cannot remove IOThread '1' since it is being used by controller" in result.err


def test_parameters(stack, guest_xml):
    start(stack, guest_xml, extra=("<iothreads>2</iothreads><iothreadids><iothread id='2'>"
                                   "<poll max='1000' grow='3' shrink='5'/></iothread></iothreadids>"))
    assert emulators(stack)["iothread2"]["poll-max-ns"] == 1000
    stack.virsh("iothreadset", NAME, "1", "--poll-max-ns", "4000", "--poll-grow", "2", "--poll-shrink", "4")
    found = emulators(stack)["iothread1"]
    assert [found["poll-" + name] for name in ("max-ns", "grow", "shrink")] == [4000, 2, 4]
    assert "<poll max='4000' grow='2' shrink='4'/>" in dump(stack)
    assert "<poll max='4000'" not in dump(stack, "--inactive")
    domain = stack.open().lookupByName(NAME)
    # a minimum above the old maximum; 64 is the emulator's own
    domain.setIOThreadParams(2, {"thread_pool_min": 70, "thread_pool_max": 80}, 3)
    domain.setIOThreadParams(2, {"thread_pool_min": 5, "thread_pool_max": 6}, 1)
    assert "<iothread id='2' thread_pool_min='5' thread_pool_max='6'>" in dump(stack)
    assert "<iothread id='2' thread_pool_min='70' thread_pool_max='80'>" in dump(stack, "--inactive")
    assert emulators(stack)["iothread2"]["poll-max-ns"] == 1000


def test_refused(stack, guest_xml):
    start(stack, guest_xml, extra="<iothreads>1</iothreads>")
    before = dump(stack), dump(stack, "--inactive")
    domain = stack.open().lookupByName(NAME)
    for call, reason in (
            (lambda: domain.addIOThread(0, 1), "invalid value of 0 for iothread_id"),
            (lambda: domain.addIOThread(1, 1), "an IOThread is already using iothread_id '1'"),
            (lambda: domain.addIOThread(1, 2), "an IOThread is already using iothread_id '1'"),
            (lambda: domain.delIOThread(9, 1), "cannot find IOThread '9' in iothreadids list"),
            (lambda: domain.delIOThread(9, 2), "cannot find IOThread '9' in iothreadids list"),
            (lambda: domain.setIOThreadParams(9, {"poll_max_ns": 1}, 1), "cannot find IOThread '9'"),
            (lambda: domain.setIOThreadParams(1, {"poll_max_ns": 1 << 40}, 1),
             r"poll-max-ns \(1099511627776\) must be less than or equal to 2147483647"),
            (lambda: domain.setIOThreadParams(1, {"thread_pool_min": 9, "thread_pool_max": 3}, 3),
             "thread_pool_min must be smaller or equal to thread_pool_max"),
            (lambda: domain.setIOThreadParams(1, {"color": 1}, 1), "parameter 'color' not supported")):
        with pytest.raises(Exception, match=reason):
            call()
    # what the emulator refuses is not kept, and not stored either
    result = stack.virsh("qemu-monitor-command", NAME, json.dumps({
        "execute": "object-add", "arguments": {"qom-type": "iothread", "id": "iothread5"}}))
    assert '"return"' in result.out
    with pytest.raises(Exception, match="duplicate|iothread5"):
        domain.addIOThread(5, 3)
    assert (dump(stack), dump(stack, "--inactive")) == before
    stack.virsh("destroy", NAME)
    with pytest.raises(Exception, match="domain is not running"):
        domain.addIOThread(2, 1)
