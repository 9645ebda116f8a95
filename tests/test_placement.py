# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which host CPUs a guest's threads may use, as the kernel says: one test per rule of docs/placement.md."""

import json
import os

import pytest

from harness import wait_for

CPUS = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU leaves nothing to choose")
FIRST, SECOND = (CPUS + [0])[0], (CPUS + [0, 0])[1]
EVERY = "0-%d" % max(CPUS)


def definition(guest_xml, tune="", vcpu="<vcpu>2</vcpu>", extra=""):
    tune = tune and "<cputune>%s</cputune>" % tune
    return guest_xml(plain=True, memory_mib=32, extra=extra + tune).replace("<vcpu>1</vcpu>", vcpu)


def start(stack, *args, **kwargs):
    stack.define(definition(*args, **kwargs))
    stack.virsh("start", "guest")


def ask(stack, command):
    out = stack.virsh("qemu-monitor-command", "guest", json.dumps({"execute": command})).out
    return json.loads(out)["return"]


def vcpus(stack):
    return [os.sched_getaffinity(cpu["thread-id"]) for cpu in ask(stack, "query-cpus-fast")]


def iothreads(stack):
    return {one["id"]: os.sched_getaffinity(one["thread-id"])
            for one in ask(stack, "query-iothreads")}


def emulator(stack):
    """Of every thread that is neither vCPU nor I/O thread."""
    own = {one["thread-id"] for question in ("query-cpus-fast", "query-iothreads")
           for one in ask(stack, question)}
    found = set()
    for tid in os.listdir("/proc/%d/task" % stack.emulator_pid("guest")):
        if int(tid) not in own:
            try:
                found.add(frozenset(os.sched_getaffinity(int(tid))))
            except ProcessLookupError:
                pass        # a worker that ended
    assert len(found) == 1, found
    return set(found.pop())


def test_nothing_said(stack, guest_xml):
    start(stack, guest_xml)
    assert vcpus(stack) == [set(CPUS)] * 2 and emulator(stack) == set(CPUS)
    assert "<cputune>" not in stack.virsh("dumpxml", "guest").out
    assert stack.virsh("vcpupin", "guest").out.split()[-2:] == ["1", EVERY]


def test_cpuset_is_for_all(stack, guest_xml):
    start(stack, guest_xml, vcpu="<vcpu cpuset='%d'>2</vcpu>" % SECOND,
          extra="<iothreads>1</iothreads>")
    assert vcpus(stack) == [{SECOND}] * 2 and emulator(stack) == {SECOND}
    assert iothreads(stack) == {"iothread1": {SECOND}}
    assert "<cputune>" not in stack.virsh("dumpxml", "guest").out


def test_pins_override_cpuset(stack, guest_xml):
    start(stack, guest_xml, vcpu="<vcpu cpuset='%d'>2</vcpu>" % SECOND,
          extra="<iothreads>2</iothreads>",
          tune="<vcpupin vcpu='1' cpuset='%d'/><emulatorpin cpuset='%s'/>"
               "<iothreadpin iothread='2' cpuset='%d'/>" % (FIRST, EVERY, FIRST))
    assert vcpus(stack) == [{SECOND}, {FIRST}]
    assert emulator(stack) == set(CPUS)
    assert iothreads(stack) == {"iothread1": {SECOND}, "iothread2": {FIRST}}


def test_plugged_vcpu_inherits(stack, guest_xml):
    start(stack, guest_xml, vcpu="<vcpu current='1' cpuset='%d'>3</vcpu>" % SECOND,
          tune="<vcpupin vcpu='2' cpuset='%d'/>" % FIRST)
    stack.virsh("setvcpus", "guest", "3", "--live")
    wait_for(lambda: vcpus(stack)[::-1] == [{FIRST}, {SECOND}, {SECOND}] or
             vcpus(stack) == [{SECOND}, {SECOND}, {FIRST}], 10, "affinity of new vCPUs")


def test_changed_live(stack, guest_xml):
    start(stack, guest_xml, extra="<iothreads>1</iothreads>")
    signals = stack.record()
    stack.virsh("vcpupin", "guest", "1", str(SECOND), "--live")
    assert vcpus(stack) == [set(CPUS), {SECOND}]
    stack.virsh("emulatorpin", "guest", str(FIRST), "--live")
    assert emulator(stack) == {FIRST} and vcpus(stack) == [set(CPUS), {SECOND}]
    stack.virsh("iothreadpin", "guest", "1", str(FIRST), "--live")
    assert iothreads(stack) == {"iothread1": {FIRST}}
    for name in ("cputune.vcpupin1", "cputune.emulatorpin", "cputune.iothreadpin1"):
        signals.wait_for(lambda _path, _interface, _member, args: name in str(args), 10, name)
    live = stack.virsh("dumpxml", "guest").out
    assert "<vcpupin vcpu='1' cpuset='%d'/>" % SECOND in live
    assert "<emulatorpin cpuset='%d'/>" % FIRST in live
    assert "<iothreadpin iothread='1' cpuset='%d'/>" % FIRST in live
    assert "<cputune>" not in stack.virsh("dumpxml", "guest", "--inactive").out
    assert stack.virsh("vcpupin", "guest", "--live").out.split()[-1] == str(SECOND)
    assert stack.virsh("emulatorpin", "guest").out.split()[-1] == str(FIRST)
    assert stack.virsh("iothreadinfo", "guest").out.split()[-1] == str(FIRST)
    # the next daemon knows the same
    stack.kill("virtqemud")
    assert stack.virsh("vcpupin", "guest", "--live").out.split()[-1] == str(SECOND)
    stack.virsh("iothreadpin", "guest", "1", str(SECOND), "--live")
    assert iothreads(stack) == {"iothread1": {SECOND}}


def test_changed_in_the_definition(stack, guest_xml):
    start(stack, guest_xml)
    stack.virsh("vcpupin", "guest", "0", str(SECOND), "--config")
    stack.virsh("emulatorpin", "guest", str(SECOND), "--config", "--live")
    assert vcpus(stack) == [set(CPUS)] * 2 and emulator(stack) == {SECOND}
    stored = stack.virsh("dumpxml", "guest", "--inactive").out
    assert "<vcpupin vcpu='0' cpuset='%d'/>" % SECOND in stored
    assert "<emulatorpin cpuset='%d'/>" % SECOND in stored
    stack.virsh("destroy", "guest")
    stack.virsh("vcpupin", "guest", "1", str(FIRST), "--current")
    stack.virsh("start", "guest")
    assert vcpus(stack) == [{SECOND}, {FIRST}]


def test_schedulers(stack, guest_xml):
    start(stack, guest_xml, tune="<vcpusched vcpus='1' scheduler='batch'/>"
                                 "<emulatorsched scheduler='idle'/>")
    tids = [cpu["thread-id"] for cpu in ask(stack, "query-cpus-fast")]
    assert [os.sched_getscheduler(tid) for tid in tids] == [os.SCHED_OTHER, os.SCHED_BATCH]
    assert os.sched_getscheduler(stack.emulator_pid("guest")) == os.SCHED_IDLE


@pytest.mark.parametrize("vcpu,tune,reason", [
    ("<vcpu cpuset='900'>2</vcpu>", "", "CPU 900 of <vcpu> cpuset='900' does not exist"),
    ("<vcpu>2</vcpu>", "<vcpupin vcpu='1' cpuset='0,901'/>", "CPU 901 of <vcpupin vcpu='1'>"),
    ("<vcpu>2</vcpu>", "<emulatorpin cpuset='902'/>", "CPU 902 of <emulatorpin>"),
    ("<vcpu placement='auto'>2</vcpu>", "<emulatorpin cpuset='0'/>",
     "<emulatorpin> cannot be used with <vcpu placement='auto'>"),
])
def test_refused(shared_stack, guest_xml, vcpu, tune, reason):
    shared_stack.define(definition(guest_xml, tune, vcpu))
    result = shared_stack.virsh("start", "guest", check=False)
    assert reason in result.err
    assert shared_stack.virsh("domstate", "guest").out.strip() == "shut off"
    shared_stack.virsh("undefine", "guest")


def test_bad_requests(stack, guest_xml):
    start(stack, guest_xml)
    before = stack.virsh("dumpxml", "guest").out
    domain = stack.open().lookupByName("guest")
    for call, reason in (
            (lambda: domain.pinVcpu(7, (True,)), "vcpu 7 is out of range of live cpu count 2"),
            (lambda: domain.pinVcpuFlags(7, (True,), 2),
             "vcpu 7 is out of range of persistent cpu count 2"),
            (lambda: domain.pinVcpu(0, (False,)), "Empty cpu list for pinning"),
            (lambda: domain.pinEmulator((False,)), "Empty cpu list for pinning"),
            (lambda: domain.pinIOThread(4, (True,)), "iothread 4 not found")):
        with pytest.raises(Exception, match=reason):
            call()
    assert stack.virsh("dumpxml", "guest").out == before
    assert vcpus(stack) == [set(CPUS)] * 2
