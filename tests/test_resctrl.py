# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cache and memory bandwidth control of running guests, on a file system that behaves as the kernel's resctrl."""

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ET

import pytest
from gi.repository import GLib

from harness import DOMAIN, wait_for
from resctrl_sim import Mounted

WAY = 768       # KiB: 15 MiB in 20 ways
MASK = 0xfffff


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


@pytest.fixture(scope="module")
def sysfs(tmp_path_factory):
    """A host with two CPUs, each with a cache of level 3 of its own."""
    root = str(tmp_path_factory.mktemp("sysfs"))
    cpus = os.path.join(root, "devices/system/cpu")
    for name in ("online", "present", "possible"):
        write(os.path.join(cpus, name), "0-1\n")
    for cpu in (0, 1):
        cache = os.path.join(cpus, "cpu%d/cache/index3" % cpu)
        for name, text in (("id", cpu), ("level", 3), ("size", "15360K"), ("type", "Unified"),
                           ("shared_cpu_list", cpu), ("shared_cpu_map", 1 << cpu)):
            write(os.path.join(cache, name), "%s\n" % text)
        for name, text in (("physical_package_id", cpu), ("core_id", 0),
                           ("thread_siblings_list", cpu), ("core_cpus_list", cpu)):
            write(os.path.join(cpus, "cpu%d/topology" % cpu, name), "%s\n" % text)
    node = os.path.join(root, "devices/system/node/node0")
    write(os.path.join(node, "cpulist"), "0-1\n")
    write(os.path.join(node, "cpumap"), "3\n")
    write(os.path.join(node, "distance"), "10\n")
    write(os.path.join(node, "meminfo"), "Node 0 MemTotal: 1000000 kB\nNode 0 MemFree: 1000 kB\n")
    write(os.path.join(root, "devices/system/node/online"), "0\n")
    return root


@pytest.fixture
def host(make_stack, sysfs, tmp_path):
    """A function that starts a stack on a simulated host: (stack, path of its resctrl)."""
    mounted = []

    def make(**settings):
        mounted.append(Mounted(str(tmp_path / "resctrl"), **settings))
        path = mounted[-1].path
        return make_stack(options=("--sysfs", sysfs, "--resctrl", path)), path
    yield make
    for one in mounted:
        one.close()


def read(*parts):
    with open(os.path.join(*parts)) as f:
        return f.read()


def threads(*parts):
    return {int(line) for line in read(*parts, "tasks").split()}


def groups(path):
    return sorted(n for n in os.listdir(path) if n.startswith("qemu-")) + sorted(
        "mon_groups/" + n for n in os.listdir(os.path.join(path, "mon_groups")))


def tuned(guest_xml, inside, vcpus=2, current=None, **kwargs):
    text = guest_xml(plain=True, memory_mib=32, extra="<cputune>%s</cputune>" % inside, **kwargs)
    return text.replace("<vcpu>1</vcpu>", "<vcpu current='%d'>%d</vcpu>" % (current or vcpus, vcpus))


def vcpu_threads(stack, name="guest"):
    out = stack.virsh("qemu-monitor-command", name, '{"execute":"query-cpus-fast"}').out
    return [cpu["thread-id"] for cpu in json.loads(out)["return"]]


def switcher(stack, name):
    """Two functions: one switches the monitoring of a guest, one tells its state."""
    path = stack.domain(name)

    def switch(is_enabled):
        stack.call(path, DOMAIN + ".SetResctrlMonitoring", GLib.Variant("(b)", (is_enabled,)))
    return switch, lambda: stack.get(path, DOMAIN, "ResctrlMonitoring")


def cache(ways, id=0, type="both"):
    return "<cache id='%d' level='3' type='%s' size='%d' unit='KiB'/>" % (id, type, ways * WAY)


def test_groups_live_with_the_guest(host, guest_xml):
    """Masks and bandwidth as asked for, in room that others leave; the vCPUs' threads inside, nobody else."""
    stack, path = host(closids=8)
    os.mkdir(os.path.join(path, "foreign"))
    with open(os.path.join(path, "foreign/schemata"), "w") as f:
        f.write("L3:0=30;1=c0\n")
    stack.define(tuned(guest_xml, (
        "<cachetune vcpus='0-1'>%s<monitor level='3' vcpus='0-1'/><monitor level='3' vcpus='1'/></cachetune>"
        "<memorytune vcpus='0-1'><node id='0' bandwidth='60'/></memorytune>"
        "<memorytune vcpus='2'><monitor vcpus='2'/></memorytune>" % cache(2)), vcpus=3))
    stack.virsh("start", "guest")
    vcpus = vcpu_threads(stack)
    assert groups(path) == ["qemu-1-guest-vcpus_0-1", "mon_groups/qemu-1-guest-vcpus_2"]
    group = os.path.join(path, "qemu-1-guest-vcpus_0-1")
    # two ways beside f (everyone) and 30 (foreign); what was not asked for is as everyone has it
    assert read(group, "schemata").split() == ["L3:0=c0;1=f", "MB:0=60;1=100"]
    assert threads(group) == set(vcpus[:2])
    assert threads(group, "mon_groups/qemu-1-guest-vcpus_1") == {vcpus[1]}
    assert threads(path, "mon_groups/qemu-1-guest-vcpus_2") == {vcpus[2]}
    stats = stack.virsh("domstats", "--cpu-total", "--memory", "guest").out
    assert "cpu.cache.monitor.count=2" in stats
    assert "cpu.cache.monitor.0.vcpus=0-1" in stats
    assert "cpu.cache.monitor.0.bank.count=2" in stats
    assert "cpu.cache.monitor.0.bank.0.bytes=131072" in stats       # two threads
    assert "cpu.cache.monitor.1.bank.1.bytes=65536" in stats
    assert "memory.bandwidth.monitor.count=1" in stats
    assert re.search(r"memory.bandwidth.monitor.0.node.1.bytes.total=\d{7,}", stats)
    assert "resctrl.cmt=" in stats
    stack.virsh("destroy", "guest")
    assert groups(path) == []
    assert read(path, "foreign/schemata").split()[0] == "L3:0=30;1=c0"


def test_capabilities(host):
    stack, _ = host(bandwidth=True)
    found = ET.fromstring(stack.virsh("capabilities").out).find("host")
    bank = found.findall("cache/bank")[1]
    assert bank.attrib == {"id": "1", "level": "3", "type": "both", "size": "15", "unit": "MiB",
                           "cpus": "1"}
    assert bank.find("control").attrib == {
        "granularity": "768", "min": "1536", "unit": "KiB", "type": "both", "maxAllocs": "4"}
    assert found.find("cache/monitor").attrib == {
        "level": "3", "reuseThreshold": "65536", "maxMonitors": "8"}
    node = found.findall("memory_bandwidth/node")[0]
    assert node.find("control").attrib == {"granularity": "10", "min": "10", "maxAllocs": "4"}
    assert [f.get("name") for f in found.findall("memory_bandwidth/monitor/feature")] == [
        "mbm_total_bytes", "mbm_local_bytes"]


def test_code_and_data(host, guest_xml):
    stack, path = host(split=True, bandwidth=False)
    stack.define(tuned(guest_xml, "<cachetune vcpus='0'>%s%s</cachetune>" % (
        cache(2, type="code"), cache(3, id=1, type="data"))))
    stack.virsh("start", "guest")
    assert read(path, "qemu-1-guest-vcpus_0/schemata").split() == [
        "L3CODE:0=30;1=f", "L3DATA:0=f;1=70"]


@pytest.mark.parametrize("inside,reason", [
    ("<cachetune vcpus='0'>%s</cachetune>" % cache(18),
     "Not enough room for allocation of 14155776 bytes for level 3 cache 0 scope type 'both'"),
    ("<cachetune vcpus='0'>%s</cachetune>" % cache(1),
     "Cache allocation of size 786432 is smaller than the minimum allowed allocation 1572864"),
    ("<cachetune vcpus='0'>%s</cachetune>" % cache(2, id=7),
     "Cache with id 7 does not exist for level 3"),
    ("<cachetune vcpus='0'>%s</cachetune>" % cache(2, type="code"),
     "Cache level 3 does not support tuning for scope type 'code'"),
    ("<memorytune vcpus='0'><node id='0' bandwidth='55'/></memorytune>",
     "Memory Bandwidth allocation of size 55 is not divisible by granularity 10"),
])
def test_refused_before_the_guest_runs(host, guest_xml, inside, reason):
    stack, path = host()
    stack.define(tuned(guest_xml, inside))
    result = stack.virsh("start", "guest", check=False)
    assert reason in result.err
    assert stack.virsh("domstate", "guest").out.strip() == "shut off"
    assert groups(path) == []
    stack.virsh("undefine", "guest")


def test_groups_run_out(host, guest_xml):
    """The host has room for two groups; the third guest is refused, and starts when one has ended."""
    stack, path = host(closids=3)
    inside = "<cachetune vcpus='0'>%s</cachetune>" % cache(2)
    for name in ("a", "b", "c"):
        stack.define(tuned(guest_xml, inside, name=name))
    stack.virsh("start", "a")
    stack.virsh("start", "b")
    result = stack.virsh("start", "c", check=False)
    assert "no group is left on this host: Out of CLOSIDs" in result.err
    assert groups(path) == ["qemu-1-a-vcpus_0", "qemu-2-b-vcpus_0"]
    masks = [read(path, name, "schemata").split()[0] for name in groups(path)]
    assert masks == ["L3:0=30;1=f", "L3:0=c0;1=f"]
    stack.virsh("destroy", "a")
    stack.virsh("start", "c")
    assert read(path, "qemu-4-c-vcpus_0/schemata").split()[0] == "L3:0=30;1=f"


def test_monitoring_switched(host, guest_xml):
    """Without an allocation: on and off while the guest runs, told by a signal, the counter given back."""
    stack, path = host(rmids=2)
    stack.define(guest_xml(plain=True, memory_mib=32))
    switch, state = switcher(stack, "guest")
    assert state() == "disabled"
    with pytest.raises(Exception, match="Requested operation is not valid: domain is not running"):
        switch(True)
    stack.virsh("start", "guest")
    assert "resctrl" not in stack.virsh("domstats", "guest").out
    signals = stack.record(member="PropertiesChanged")

    def told(word):
        return signals.wait_for(lambda _path, _interface, _member, args: args[1].get("ResctrlMonitoring") == word,
                                10, "told that monitoring is " + word)
    switch(True)
    assert state() == "enabled"
    told("enabled")
    everyone = {int(t) for t in os.listdir("/proc/%d/task" % stack.emulator_pid("guest"))}
    assert threads(path, "mon_groups/qemu-1-guest") <= everyone
    assert set(vcpu_threads(stack)) <= threads(path, "mon_groups/qemu-1-guest")
    first = stack.virsh("domstats", "guest").out
    assert re.search(r"resctrl.cmt=\d+\n", first)
    total = re.compile(r"resctrl.mbm.total=(\d+)")
    later = wait_for(lambda: re.search(r"resctrl.mbm.total.rate=[1-9]",
                                       stack.virsh("domstats", "guest").out), 10, "a rate")
    assert int(total.search(later.string).group(1)) > int(total.search(first).group(1))
    # the only counter is taken
    stack.define(guest_xml(plain=True, name="other", memory_mib=32))
    stack.virsh("start", "other")
    with pytest.raises(Exception, match="Out of RMIDs"):
        switcher(stack, "other")[0](True)
    assert switcher(stack, "other")[1]() == "disabled"
    switch(False)
    assert state() == "disabled" and groups(path) == []
    told("disabled")
    switcher(stack, "other")[0](True)
    stack.virsh("destroy", "other")
    assert groups(path) == []


def test_virtbusctl(host, guest_xml, build_dir):
    stack, _ = host()
    ctl = os.path.join(build_dir, "virtbusctl/virtbusctl")
    stack.define(guest_xml(plain=True, memory_mib=32))
    stack.define(tuned(guest_xml, "<cachetune vcpus='0'>%s</cachetune>" % cache(2), name="tuned"))

    def status(*words, **kwargs):
        return stack.run(ctl, "resctrl", *words, **kwargs)
    assert status("guest").out == "RDT Monitoring Status: Disabled\n"
    result = status("guest", "--enable", check=False)
    assert (result.status, result.err) == (
        1, "error: Requested operation is not valid: domain is not running\n")
    stack.virsh("start", "guest")
    stack.virsh("start", "tuned")
    assert status("guest", "--enable").out == "RDT Monitoring Status: Enabled\n"
    assert status("tuned").out == "RDT Monitoring Status: Enabled (forced by cachetune)\n"
    assert status("tuned", "--disable", check=False).status == 1
    out = stack.run(ctl, "domstats", "--resctrl").out
    assert "Domain: 'guest'\n" in out and "Domain: 'tuned'\n" in out
    assert re.search(r"  resctrl.cmt=\d+\n", out) and "cpu.time" not in out
    assert stack.run(ctl, "domstats", "--resctrl", "tuned").out.count("Domain:") == 1
    assert status("guest", "--disable").out == "RDT Monitoring Status: Disabled\n"
    assert "no domain with matching name 'x'" in status("x", check=False).err
    assert status(check=False).status == 2 and status("guest", "--what", check=False).status == 2


def test_monitoring_forced(host, guest_xml):
    stack, _ = host()
    stack.define(tuned(guest_xml, "<cachetune vcpus='0'>%s</cachetune>" % cache(2)))
    stack.virsh("start", "guest")
    switch, state = switcher(stack, "guest")
    assert state() == "forced"
    switch(True)
    with pytest.raises(Exception, match="forced by cachetune"):
        switch(False)
    assert "resctrl.cmt=65536" in stack.virsh("domstats", "guest").out.replace("131072", "65536")


def test_host_without_monitoring(host, guest_xml):
    stack, _ = host(rmids=0)
    stack.define(guest_xml(plain=True, memory_mib=32))
    stack.virsh("start", "guest")
    with pytest.raises(Exception, match="Monitor is not supported in host"):
        switcher(stack, "guest")[0](True)


def test_daemon_killed(host, guest_xml):
    """The next daemon knows what is owed: for a guest that still runs, and for one that ended meanwhile."""
    stack, path = host(closids=8)
    for name in ("a", "b"):
        stack.define(tuned(guest_xml, "<cachetune vcpus='0'>%s</cachetune>" % cache(2), name=name))
        stack.virsh("start", name)
    stack.define(guest_xml(plain=True, name="plain", memory_mib=32))
    stack.virsh("start", "plain")
    switcher(stack, "plain")[0](True)
    pid = stack.emulator_pid("a")
    stack.kill("virtqemud")
    os.kill(pid, signal.SIGKILL)
    assert stack.virsh("domstate", "b").out.strip() == "running"
    wait_for(lambda: groups(path) == ["qemu-2-b-vcpus_0", "mon_groups/qemu-3-plain"], 10, "cleaning")
    assert switcher(stack, "plain")[1]() == "enabled"
    stack.virsh("destroy", "b")
    stack.virsh("destroy", "plain")
    assert groups(path) == []


def test_plugged_vcpu_joins(host, guest_xml):
    stack, path = host()
    stack.define(tuned(guest_xml, "<cachetune vcpus='0-1'>%s</cachetune>" % cache(2), vcpus=2,
                       current=1))
    stack.virsh("start", "guest")
    assert threads(path, "qemu-1-guest-vcpus_0-1") == set(vcpu_threads(stack))
    stack.virsh("setvcpus", "guest", "2", "--live")
    assert len(vcpu_threads(stack)) == 2
    wait_for(lambda: threads(path, "qemu-1-guest-vcpus_0-1") == set(vcpu_threads(stack)), 10,
             "the new thread")


def test_lock_of_another_administrator(host, guest_xml):
    """While somebody holds the lock a start waits, and other calls do not."""
    stack, path = host()
    stack.define(tuned(guest_xml, "<cachetune vcpus='0'>%s</cachetune>" % cache(2)))
    with subprocess.Popen(["flock", path, "cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        holder.stdin.write(b"x\n")
        holder.stdin.flush()
        holder.stdout.readline()
        start = subprocess.Popen(["virsh", "-q", "start", "guest"], env=stack.env)
        assert stack.virsh("list", "--all").status == 0
        assert start.poll() is None
        holder.stdin.close()
        assert start.wait(20) == 0
    assert groups(path) == ["qemu-1-guest-vcpus_0"]
