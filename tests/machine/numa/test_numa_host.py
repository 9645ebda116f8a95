# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine's own topology as virtqemud describes it, and what is plugged in while it looks."""

import os
import sys
import xml.etree.ElementTree as ET

import machine_profiles
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
import hosts        # noqa: E402

REFERENCE = os.path.join(hosts.HERE, "hosts/hmat.xml")      # recorded in a machine of this profile


def host(machine):
    return ET.fromstring(machine.run("virsh capabilities").out).find("host")


def lines(element):
    """An element as text without memory sizes, which are the kernel's affair, and cluster ids, which say nothing here."""
    out = []
    for e in element.iter():
        if e.tag not in ("memory", "pages"):
            out.append((e.tag, sorted(i for i in e.attrib.items() if i[0] != "cluster_id")))
    return out


def test_topology(machine):
    found, expected = host(machine), ET.parse(REFERENCE).getroot()
    assert lines(found.find("topology")) == lines(expected.find("topology"))
    level3 = [lines(bank) for bank in found.findall("cache/bank[@level='3']")]
    assert level3 == [lines(bank) for bank in expected.findall("cache/bank")]


def test_processor(machine):
    found, expected = host(machine).find("cpu"), ET.parse(REFERENCE).getroot().find("cpu")
    for path in ("model", "vendor"):
        assert found.findtext(path) == expected.findtext(path)
    assert [f.get("name") for f in found.findall("feature")] == \
        [f.get("name") for f in expected.findall("feature")]


def test_interconnects_on_dbus(machine):
    out = machine.run("virtbusctl numa").out
    for initiator, target, latency, *_ in machine_profiles.HMAT:
        if (initiator, target) in ((0, 0), (1, 1), (1, 2)):
            assert any(line.split()[:6] == ["latency", str(initiator), str(target), "-", "read", str(latency)]
                       for line in out.splitlines()), out


def test_plugged_memory_shows(machine):
    def cell_kib():
        return int(host(machine).findtext("topology/cells/cell[@id='1']/memory"))
    before = cell_kib()
    blocks = machine.run("ls -d /sys/devices/system/memory/memory*").out.split()
    machine.qmp("object-add", qom_type="memory-backend-ram", id="pm", size=256 << 20)
    machine.qmp("device_add", driver="pc-dimm", id="pdimm", memdev="pm", node=1)
    machine.wait("[ $(ls -d /sys/devices/system/memory/memory* | wc -l) -eq %d ]" % (len(blocks) + 2))
    new = sorted(set(machine.run("ls -d /sys/devices/system/memory/memory*").out.split()) - set(blocks))
    for block in new:
        machine.run("grep -q online %s/state && ! grep -q offline %s/state || echo online_movable > %s/state"
                    % (block, block, block))
    machine.wait("virtbusctl numa | awk '$1 == 1 && $2 > %d {found = 1} END {exit !found}'"
                 % ((before >> 10) + 200))
    assert cell_kib() == before + (256 << 10)
    for block in new:
        machine.run("echo offline > %s/state" % block)
    machine.qmp("device_del", id="pdimm")
    machine.wait("[ $(ls -d /sys/devices/system/memory/memory* | wc -l) -eq %d ]" % len(blocks))
    assert cell_kib() == before


GUEST = """<domain type='qemu'><name>bound</name><memory unit='MiB'>16</memory>%s
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>
<memballoon model='none'/></devices></domain>"""


def run_guest(machine, words):
    """Starts a guest with @words in its definition; its main thread's CPUs and nodes, and the policies of its memory."""
    machine.run("cat > /tmp/bound.xml <<'X'\n%s\nX\nvirsh create --paused /tmp/bound.xml" % (GUEST % words))
    pid = machine.run("cat /run/libvirt/qemu/bound.pid").out.strip()
    cpus = machine.run("awk '/Cpus_allowed_list/ {print $2}' /proc/%s/status" % pid).out.strip()
    nodes = machine.run("awk '/Mems_allowed_list/ {print $2}' /proc/%s/status" % pid).out.strip()
    policies = set(machine.run("awk '{print $2}' /proc/%s/numa_maps" % pid).out.split())
    machine.run("virsh destroy bound")
    return cpus, nodes, policies


def test_guest_is_bound(machine):
    cpus, nodes, _ = run_guest(machine, "<vcpu>1</vcpu><numatune><memory mode='strict' nodeset='1'/></numatune>")
    assert cpus.startswith("0-") and nodes == "1"
    _, _, policies = run_guest(machine, "<vcpu>1</vcpu><numatune><memory mode='interleave' nodeset='0-1'/></numatune>")
    assert "interleave:0-1" in policies


def test_guest_takes_advice(machine):
    cpus, nodes, _ = run_guest(machine, "<vcpu placement='auto'>1</vcpu>")
    assert (cpus, nodes) in (("0-1", "0"), ("2-3", "1"))


@pytest.fixture
def numad(machine):
    """Runs, and may not give the node that virtbus itself would advise."""
    own = machine.run("virtbusctl placement 1 16M").out
    assert "source: virtbus\n" in own
    node = int(own.split("\n")[0].split()[1])
    machine.run("rm -f /run/numad.pid; numad -R %s" % ("0-1", "2-3")[node])
    # at first it has not looked at the host yet, and names every node
    machine.wait("[ \"$(numad -w 1:16)\" = %d ]" % (1 - node))
    yield 1 - node
    machine.run("kill $(cat /run/numad.pid); rm -f /run/numad.pid", check=False)


def test_guest_takes_numads_advice(machine, numad):
    """The real one: its answer, where it runs, and virtbus' own where it does not any more."""
    # while it looks at the host anew it names every node
    machine.wait("virtbusctl placement 1 16M | tr '\\n' ' ' | grep -q 'nodes: %d .*source: numad'" % numad)
    cpus, nodes, _ = run_guest(machine, "<vcpu placement='auto'>1</vcpu>")
    assert (cpus, nodes) == (("0-1", "0"), ("2-3", "1"))[numad]
    machine.run("kill -9 $(cat /run/numad.pid)")         # its file stays
    assert "source: virtbus\n" in machine.run("virtbusctl placement 1 16M").out


def test_memory_moves(machine):
    """virsh numatune on a running guest: its pages are on the other node then."""
    machine.run("cat > /tmp/bound.xml <<'X'\n%s\nX\nvirsh create --paused /tmp/bound.xml"
                % (GUEST % "<vcpu>1</vcpu><numatune><memory mode='strict' nodeset='0'/></numatune>"))
    maps = "/proc/%s/numa_maps" % machine.run("cat /run/libvirt/qemu/bound.pid").out.strip()
    machine.run("grep anon= %s | grep -q N0= && ! grep anon= %s | grep -q N1=" % (maps, maps))
    machine.run("virsh numatune bound --nodeset 1 --live")
    machine.wait("grep anon= %s | grep -q N1=" % maps)
    assert "1" in machine.run("virsh numatune bound | awk '/numa_nodeset/ {print $3}'").out
    machine.run("virsh destroy bound")


def test_plugged_cpu_shows(machine):
    """The last one: a QEMU 7.2 that has unplugged a CPU may crash ("double free") when its memory changes after that."""
    def ids():
        return [cpu.get("id") for cpu in host(machine).findall("topology/cells/cell[@id='1']/cpus/cpu")]
    assert ids() == ["2", "3"]
    machine.qmp("device_add", driver="Westmere-x86_64-cpu", id="pcpu", socket_id=2, core_id=0, thread_id=0)
    machine.wait("[ -d /sys/devices/system/cpu/cpu4 ]")
    machine.run("echo 1 > /sys/devices/system/cpu/cpu4/online")
    assert machine.run("cat /sys/devices/system/node/node1/cpulist").out.strip() == "2-4"
    machine.wait("virsh capabilities | grep -q \"<cpu id='4' socket_id='2'\"")
    assert ids() == ["2", "3", "4"]
    assert machine.run("virsh nodeinfo | awk '/^CPU\\(s\\)/ {print $2}'").out.strip() == "5"
    machine.qmp("device_del", id="pcpu")
    machine.wait("[ ! -d /sys/devices/system/cpu/cpu4 ]")
    machine.wait("! virsh capabilities | grep -q \"<cpu id='4'\"")
