# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a guest's memory is: <numatune>, and virsh numatune while it runs. The host's nodes are made up (node 0 is this
machine's, node 1 says that it has memory too); what is checked is what the kernel and the emulator say."""

import json
import os

import pytest

import hosts
from test_limits import MOUNTS, writable

NAME = "nodes%d" % os.getpid()
needs_cpuset = pytest.mark.skipif(not writable("cpuset"), reason="no cpuset control group to write")


def make_host(root, n_nodes=3):
    everyone = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    hosts.put(root, "proc/meminfo", "MemTotal: 8000000 kB\nMemFree: 4000000 kB")
    for name in ("online", "present"):
        hosts.put(root, "sys/devices/system/cpu/" + name, everyone)
    hosts.put(root, "sys/devices/system/node/online", "0-%d" % (n_nodes - 1))
    for node in range(n_nodes):
        folder = "sys/devices/system/node/node%d/" % node
        hosts.put(root, folder + "cpulist", everyone if node == 0 else "")
        hosts.put(root, folder + "distance", " ".join("10" if n == node else "20" for n in range(n_nodes)))
        hosts.put(root, folder + "meminfo", "Node %d MemTotal: 4000000 kB\nNode %d MemFree: 2000000 kB"
                  % (node, node))
    return ("--sysfs", os.path.join(root, "sys"))


@pytest.fixture(name="nodes")
def nodes_stack(make_stack, tmp_path):
    return make_stack(options=make_host(str(tmp_path)))


def start(stack, guest_xml, extra="", vcpu="<vcpu>2</vcpu>"):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=extra).replace(
        "<vcpu>1</vcpu>", vcpu))
    stack.virsh("start", NAME)


def tune(mode, nodeset="0", more=""):
    return "<numatune><memory mode='%s' nodeset='%s'/>%s</numatune>" % (mode, nodeset, more)


def shown(stack, *flags):
    rows = dict(line.split(":", 1) for line in stack.virsh("numatune", NAME, *flags).out.splitlines()
                if ":" in line)
    return {name.strip(): value.strip() for name, value in rows.items()}


def group():
    return os.path.join(MOUNTS["cpuset"][0], "machine/qemu-1-%s.libvirt-qemu" % NAME)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


def threads_are_in_the_group(stack):
    pid = stack.emulator_pid(NAME)
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/cgroup" % (pid, tid), encoding="ascii") as f:
            assert any(line.split(":")[1] in ("cpuset", "") and NAME in line for line in f), tid
        with open("/proc/%d/task/%s/status" % (pid, tid), encoding="ascii") as f:
            assert "Mems_allowed_list:\t0\n" in f.read(), tid
    return True


def policies(stack):
    """Of all memory of the emulator."""
    with open("/proc/%d/numa_maps" % stack.emulator_pid(NAME), encoding="ascii") as f:
        return {line.split()[1] for line in f}


@needs_cpuset
@pytest.mark.parametrize("mode", ["strict", "restrictive"])
def test_group_keeps_the_memory(nodes, guest_xml, mode):
    pinned = sorted(os.sched_getaffinity(0))[-1]
    start(nodes, guest_xml, tune(mode) + "<cputune><vcpupin vcpu='1' cpuset='%d'/></cputune>" % pinned)
    assert read(group() + "/cpuset.mems") == "0" and threads_are_in_the_group(nodes)
    if MOUNTS["cpuset"][1] == 1:
        assert read(group() + "/cpuset.memory_migrate") == "1"
    assert policies(nodes) <= {"default", "bind:0"}     # the object of its memory has its nodes as well
    # joining has not undone the pin
    out = nodes.virsh("qemu-monitor-command", NAME, '{"execute":"query-cpus-fast"}').out
    assert os.sched_getaffinity(json.loads(out)["return"][1]["thread-id"]) == {pinned}
    assert shown(nodes) == {"numa_mode": mode, "numa_nodeset": "0"}
    nodes.kill("virtqemud")
    assert shown(nodes, "--live") == {"numa_mode": mode, "numa_nodeset": "0"}
    nodes.virsh("destroy", NAME)
    assert not os.path.exists(group())


@pytest.mark.parametrize("mode,policy", [("preferred", "prefer:0"), ("interleave", "interleave:0")])
def test_policy_of_the_process(nodes, guest_xml, mode, policy):
    start(nodes, guest_xml, tune(mode))
    assert any(policy in one.replace("prefer (many)", "prefer") for one in policies(nodes)), policies(nodes)
    assert not os.path.exists(group())
    result = nodes.virsh("numatune", NAME, "--nodeset", "0", "--live", check=False)
    assert "change of nodeset for running domain requires strict numa mode" in result.err


@needs_cpuset
def test_changed_while_it_runs(nodes, guest_xml):
    start(nodes, guest_xml)
    assert shown(nodes) == {"numa_mode": "strict", "numa_nodeset": ""}
    assert not os.path.exists(group())
    nodes.virsh("numatune", NAME, "--nodeset", "0", "--live")
    assert read(group() + "/cpuset.mems") == "0" and threads_are_in_the_group(nodes)
    assert "<memory mode='strict' nodeset='0'/>" in nodes.virsh("dumpxml", NAME).out
    assert "numatune" not in nodes.virsh("dumpxml", NAME, "--inactive").out
    nodes.virsh("numatune", NAME, "--nodeset", "1-2", "--mode", "interleave", "--config")
    assert shown(nodes, "--config") == {"numa_mode": "interleave", "numa_nodeset": "1-2"}
    assert shown(nodes, "--live") == {"numa_mode": "strict", "numa_nodeset": "0"}
    nodes.kill("virtqemud")
    assert shown(nodes, "--live") == {"numa_mode": "strict", "numa_nodeset": "0"}
    assert shown(nodes, "--config") == {"numa_mode": "interleave", "numa_nodeset": "1-2"}
    nodes.virsh("destroy", NAME)
    assert not os.path.exists(group())


@needs_cpuset
def test_refused(nodes, guest_xml):
    start(nodes, guest_xml, tune("strict"))
    before = nodes.virsh("dumpxml", NAME).out, nodes.virsh("dumpxml", NAME, "--inactive").out
    domain = nodes.open().lookupByName(NAME)
    for params, flags, reason in (
            ({"numa_mode": 1}, 1, "can't change numatune mode for running domain"),
            ({"numa_nodeset": "7"}, 1, "NUMA node 7 of <numatune> is unavailable on this host"),
            ({"numa_nodeset": ""}, 2, "Invalid nodeset for 'numatune'"),
            ({"numa_nodeset": "0,^0"}, 1, "Invalid nodeset for 'numatune': 0,\\^0"),
            ({"numa_nodeset": "x"}, 3, "Invalid nodeset for 'numatune': x"),
            ({"numa_mode": 9}, 2, "unsupported numatune mode: '9'"),
            # the kernel has no node 1: it says no, and nothing is kept, in the stored definition neither
            ({"numa_nodeset": "1"}, 3, "Unable to write '1' to '.*cpuset.mems'")):
        with pytest.raises(Exception, match=reason):
            domain.setNumaParameters(params, flags)
    assert (nodes.virsh("dumpxml", NAME).out, nodes.virsh("dumpxml", NAME, "--inactive").out) == before
    assert read(group() + "/cpuset.mems") == "0"
    nodes.virsh("destroy", NAME)
    with pytest.raises(Exception, match="domain is not running"):
        domain.setNumaParameters({"numa_nodeset": "0"}, 1)


@needs_cpuset
def test_each_definition_is_checked(nodes, guest_xml):
    """What suits the running guest may not suit the stored definition, which has no nodes; and nothing is kept then."""
    start(nodes, guest_xml, tune("strict"))
    nodes.define(guest_xml(name=NAME, plain=True, memory_mib=32))
    before = nodes.virsh("dumpxml", NAME).out, nodes.virsh("dumpxml", NAME, "--inactive").out
    result = nodes.virsh("numatune", NAME, "--mode", "strict", "--live", "--config", check=False)
    assert "nodeset for NUMA memory tuning must be set if 'placement' is 'static'" in result.err
    assert (nodes.virsh("dumpxml", NAME).out, nodes.virsh("dumpxml", NAME, "--inactive").out) == before
    nodes.virsh("numatune", NAME, "--mode", "strict", "--nodeset", "0", "--live", "--config")
    assert "<memory mode='strict' nodeset='0'/>" in nodes.virsh("dumpxml", NAME, "--inactive").out


def test_cells_have_nodes_of_their_own(nodes, guest_xml):
    """<memnode>: QEMU's objects have their nodes and policy, and bind what they map."""
    cells = ("<cpu><numa><cell id='0' cpus='0' memory='16' unit='MiB'/>"
             "<cell id='1' cpus='1' memory='16' unit='MiB'/></numa></cpu>")
    start(nodes, guest_xml, tune("strict", "0", "<memnode cellid='0' mode='preferred' nodeset='0'/>") + cells)
    out = nodes.virsh("qemu-monitor-command", NAME, '{"execute":"query-memdev"}').out
    found = {one["id"]: (one["policy"], one["host-nodes"]) for one in json.loads(out)["return"]}
    assert found["ram-node0"] == ("preferred", [0])
    assert found["ram-node1"] == ("bind", [0])
    assert {"prefer:0", "bind:0"} <= policies(nodes)


def test_no_such_node_for_a_cell(nodes, guest_xml):
    nodes.define(guest_xml(name=NAME, plain=True, memory_mib=32, extra=(
        tune("strict", "0", "<memnode cellid='0' mode='strict' nodeset='0,5'/>") +
        "<cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/></numa></cpu>")))
    result = nodes.virsh("start", NAME, check=False)
    assert "NUMA node 5 of <numatune> is unavailable on this host" in result.err
    assert nodes.virsh("domstate", NAME).out.strip() == "shut off"


def test_stored(nodes, guest_xml):
    nodes.define(guest_xml(name=NAME, plain=True))
    result = nodes.virsh("numatune", NAME, "--mode", "preferred", "--config", check=False)
    assert "nodeset for NUMA memory tuning must be set if 'placement' is 'static'" in result.err
    nodes.virsh("numatune", NAME, "--mode", "preferred", "--nodeset", "0-2,^1")
    assert "<memory mode='preferred' nodeset='0,2'/>" in nodes.virsh("dumpxml", NAME).out
    nodes.virsh("numatune", NAME, "--mode", "restrictive", "--current")
    assert shown(nodes, "--current") == {"numa_mode": "restrictive", "numa_nodeset": "0,2"}
