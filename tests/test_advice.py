# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests with placement='auto' run where the advice says: real threads on a made host whose CPUs are this one's."""

import os

import pytest

import hosts

CPUS = sorted(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU leaves nothing to choose")


def make_host(root):
    """Node 0: this machine's second CPU and all of the memory; node 1: its first CPU."""
    everyone = ",".join(str(cpu) for cpu in CPUS)
    hosts.put(root, "proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 4000000 kB")
    hosts.put(root, "proc/stat", "cpu 0 0 0 0\n")
    for name in ("online", "present"):
        hosts.put(root, "sys/devices/system/cpu/" + name, everyone)
    hosts.put(root, "sys/devices/system/node/online", "0-1")
    for node, cpu, total in ((0, CPUS[1], 8000000), (1, CPUS[0], 0)):
        folder = "sys/devices/system/node/node%d/" % node
        hosts.put(root, folder + "cpulist", str(cpu))
        hosts.put(root, folder + "distance", "10 20" if node == 0 else "20 10")
        hosts.put(root, folder + "meminfo", "Node %d MemTotal: %d kB\nNode %d MemFree: %d kB"
                  % (node, total, node, total // 2))
    return ("--sysfs", os.path.join(root, "sys"))


def affinities(stack):
    """Of all threads of the guest's emulator."""
    found = set()
    for tid in os.listdir("/proc/%d/task" % stack.emulator_pid("guest")):
        try:
            found.add(frozenset(os.sched_getaffinity(int(tid))))
        except ProcessLookupError:
            pass        # a worker that ended
    return found


@pytest.fixture(name="two")
def two_nodes(make_stack, tmp_path):
    return make_stack(options=make_host(str(tmp_path)))


def start(stack, guest_xml, vcpu, extra=""):
    stack.define(guest_xml(plain=True, memory_mib=32, extra=extra).replace("<vcpu>1</vcpu>", vcpu))
    return stack.virsh("start", "guest", check=False)


def test_runs_by_the_advice(two, guest_xml):
    assert start(two, guest_xml, "<vcpu placement='auto'>1</vcpu>").status == 0
    assert affinities(two) == {frozenset({CPUS[1]})}
    shown = two.virsh("dumpxml", "guest").out
    assert "<vcpu placement='auto'>1</vcpu>" in shown and "cpuset" not in shown
    with open(two.path("run/libvirt/qemu/guest.xml"), encoding="utf-8") as f:
        assert "<numad nodeset='0' cpuset='%d'/>" % CPUS[1] in f.read()
    two.kill("virtqemud")
    two.virsh("domstate", "guest")
    two.virsh("setmem", "guest", "32M", check=False)         # something that writes the status again
    with open(two.path("run/libvirt/qemu/guest.xml"), encoding="utf-8") as f:
        assert "<numad " in f.read()
    two.virsh("destroy", "guest")
    assert start(two, guest_xml, "<vcpu>1</vcpu>").status == 0
    assert affinities(two) == {frozenset(CPUS)}


def test_a_pin_counts_for_more(two, guest_xml):
    extra = "<cputune><vcpupin vcpu='1' cpuset='%d'/></cputune>" % CPUS[0]
    assert start(two, guest_xml, "<vcpu placement='auto'>2</vcpu>", extra).status == 0
    # two vCPUs need both nodes
    assert affinities(two) == {frozenset({CPUS[0]}), frozenset(CPUS[:2])}


def test_memory_alone(two, guest_xml):
    """<numatune> may be 'auto' where the vCPUs have a cpuset: then that counts."""
    extra = "<numatune><memory mode='strict' placement='auto'/></numatune>"
    assert start(two, guest_xml, "<vcpu cpuset='%d'>1</vcpu>" % CPUS[0], extra).status == 0
    assert affinities(two) == {frozenset({CPUS[0]})}


def test_node_that_is_not_there(two, guest_xml):
    extra = "<numatune><memory mode='strict' nodeset='0,7'/></numatune>"
    result = start(two, guest_xml, "<vcpu>1</vcpu>", extra)
    assert "NUMA node 7 of <numatune> is unavailable on this host" in result.err
    assert two.virsh("domstate", "guest").out.strip() == "shut off"
