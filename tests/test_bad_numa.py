# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a guest runs and has its memory, written wrongly: an error that names the element, and nothing has changed.
Allocations that a cache cannot hold: test_resctrl.py."""

import pytest

NAME = "guest"


def cells(first="", second="", more=""):
    return ("<cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'>%s</cell>"
            "<cell id='1' cpus='1' memory='32' unit='MiB'>%s</cell>%s</numa></cpu>" % (first, second, more))


def distance(to, value):
    return "<distances><sibling id='%d' value='%d'/></distances>" % (to, value)


def link(kind, initiator, target):
    unit = " unit='KiB'" if kind == "bandwidth" else ""
    return ("<interconnects><%s initiator='%d' target='%d' type='access' value='5'%s/></interconnects>"
            % (kind, initiator, target, unit))


VCPUS = "<vcpu>2</vcpu>"
REFUSED = [
    # empty sets
    ("<vcpu cpuset=''>2</vcpu>", "", "Failed to parse bitmap '' (/domain/vcpu"),
    ("<vcpu cpuset='0,^0'>2</vcpu>", "", "'0,^0' (/domain/vcpu"),
    (VCPUS, "<cputune><vcpupin vcpu='0' cpuset=''/></cputune>", "/domain/cputune/vcpupin"),
    (VCPUS, "<cputune><emulatorpin cpuset='1,^1'/></cputune>", "/domain/cputune/emulatorpin"),
    (VCPUS, "<iothreads>1</iothreads><cputune><iothreadpin iothread='1' cpuset=''/></cputune>",
     "/domain/cputune/iothreadpin"),
    (VCPUS, "<numatune><memory mode='strict' nodeset=''/></numatune>", "/domain/numatune/memory"),
    (VCPUS, "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' mode='strict' nodeset=''/></numatune>"
     + cells(), "/domain/numatune/memnode"),
    # distances
    (VCPUS, cells(distance(0, 11)), "'value 11' is invalid for 'sibling id 0' under NUMA 'cell id 0'"),
    (VCPUS, cells(distance(1, 5)), "'value 5' is invalid for 'sibling id 1' under NUMA 'cell id 0'"),
    (VCPUS, cells(distance(1, 256)), "'value 256' is invalid for 'sibling id 1' under NUMA 'cell id 0'"),
    (VCPUS, cells(distance(7, 20)), "'sibling_id 7' does not refer to a valid cell within NUMA 'cell id 0'"),
    # interconnects
    (VCPUS, cells(more=link("latency", 9, 0)), "'initiator' refers to a non-existent NUMA node"),
    (VCPUS, cells(more=link("bandwidth", 0, 9)), "'target' refers to a non-existent NUMA node"),
    # cells
    (VCPUS, "<cpu><numa><cell id='0' cpus='0-1'/></numa></cpu>", "missing element or attribute './@memory'"),
    (VCPUS, cells().replace("cpus='1'", "cpus='0-1'"), "NUMA cells 1 and 0 have overlapping vCPU ids"),
    (VCPUS, cells().replace("cpus='1'", "cpus='1-5'"), "Number of CPUs in <numa> exceeds the <vcpu> count"),
    (VCPUS, cells().replace("id='1'", "id='0'"), "Duplicate NUMA cell info for cell id '0'"),
    (VCPUS, "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='4' mode='strict' nodeset='0'/></numatune>"
     + cells(), "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell"),
]
NOT_STARTED = [
    ("<vcpu cpuset='0,900'>2</vcpu>", "", "CPU 900 of <vcpu> cpuset='0,900' does not exist on this host"),
    (VCPUS, "<numatune><memory mode='strict' nodeset='0,77'/></numatune>",
     "NUMA node 77 of <numatune> is unavailable on this host"),
    (VCPUS, "<cpu><numa><cell id='0' cpus='0-1' memory='0'/></numa></cpu>",
     "the memory of the cells of <numa> adds up to 0 KiB, <memory> is 65536 KiB"),
]


def definition(guest_xml, vcpu, extra):
    return guest_xml(name=NAME, plain=True, memory_mib=64, extra=extra).replace("<vcpu>1</vcpu>", vcpu)


def state(stack):
    return stack.virsh("list", "--all", "--name").out.split(), stack.virsh("dumpxml", NAME, check=False).out


@pytest.mark.parametrize("vcpu,extra,reason", REFUSED, ids=range(len(REFUSED)))
def test_refused(shared_stack, guest_xml, vcpu, extra, reason):
    shared_stack.define(guest_xml(name=NAME, plain=True))
    before = state(shared_stack)
    path = shared_stack.path("bad.xml")
    with open(path, "w", encoding="ascii") as f:
        f.write(definition(guest_xml, vcpu, extra))
    for command in ("define", "create"):
        result = shared_stack.virsh(command, path, check=False)
        assert result.status != 0 and reason in result.err
    assert state(shared_stack) == before
    shared_stack.virsh("undefine", NAME)


@pytest.mark.parametrize("vcpu,extra,reason", NOT_STARTED, ids=range(len(NOT_STARTED)))
def test_not_started(shared_stack, guest_xml, vcpu, extra, reason):
    """What the host does not have may come: a definition is kept, a start refused."""
    shared_stack.define(definition(guest_xml, vcpu, extra))
    before = state(shared_stack)
    result = shared_stack.virsh("start", NAME, check=False)
    assert result.status != 0 and reason in result.err
    assert state(shared_stack) == before and shared_stack.virsh("domstate", NAME).out.strip() == "shut off"
    shared_stack.virsh("undefine", NAME)


def test_memory_is_the_sum(shared_stack, guest_xml):
    """Cells that have more or less than <memory> says: their sum counts, as libvirt does it."""
    shared_stack.define(definition(guest_xml, VCPUS, cells().replace("memory='32'", "memory='48'")))
    assert "<memory unit='KiB'>98304</memory>" in shared_stack.virsh("dumpxml", NAME).out
    shared_stack.virsh("undefine", NAME)
