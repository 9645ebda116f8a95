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


MODULE = ("<maxMemory slots='4' unit='MiB'>1024</maxMemory>", "<memory model='dimm'><target><size unit='MiB'>256</size>"
          "<node>0</node></target></memory></devices>")
SUMS = [        # <memory> in MiB, of 32 + 48 in cells and maybe a module; what becomes of it; whether it adds up
    (64, False, 80, False),
    (100, False, 80, False),
    (80, False, 80, True),
    (None, False, 80, True),
    (80, True, 336, True),
    (336, True, 336, True),
    (100, True, 336, False),
]


def write(stack, xml):
    with open(stack.path("sum.xml"), "w", encoding="ascii") as f:
        f.write(xml)
    return stack.path("sum.xml")


def uneven(guest_xml, memory, module):
    """Cells of 32 and 48 MiB below a <memory> of @memory."""
    xml = definition(guest_xml, VCPUS, cells().replace("memory='32'", "memory='48'", 1))
    xml = xml.replace("<memory unit='MiB'>64</memory>", "<memory unit='MiB'>%d</memory>" % memory if memory else "")
    if module:
        xml = xml.replace("<vcpu>", MODULE[0] + "<vcpu>").replace("</devices>", MODULE[1])
    return xml


@pytest.mark.parametrize("memory,module,sum_mib,adds_up", SUMS)
def test_memory_is_the_sum(shared_stack, guest_xml, memory, module, sum_mib, adds_up):
    """Cells that have more or less than <memory> says: their sum counts, as libvirt does it, and a warning says so."""
    stack = shared_stack
    logged = len(stack.log("virtqemud"))
    stack.virsh("define", write(stack, uneven(guest_xml, memory, module)), *["--validate"] * adds_up)
    shown = stack.virsh("dumpxml", NAME).out
    assert "<memory unit='KiB'>%d</memory>" % (sum_mib << 10) in shown
    warning = "warning: %s: XML error: <memory> is %d KiB, the memory of the cells of <numa> adds up to 81920 KiB" % (
        NAME, (memory or 0) << 10)
    assert (warning in stack.log("virtqemud")[logged:]) is not adds_up
    stack.virsh("define", "--validate", write(stack, shown))        # what is shown adds up
    stack.virsh("undefine", NAME)


@pytest.mark.parametrize("memory,module", [row[:2] for row in SUMS if not row[3]])
def test_memory_that_does_not_add_up_is_not_valid(shared_stack, guest_xml, memory, module):
    """Who asks for validation (virsh edit does) is refused, and nothing has changed."""
    stack = shared_stack
    stack.define(guest_xml(name=NAME, plain=True))
    before = state(stack)
    path = write(stack, uneven(guest_xml, memory, module))
    for command in ("define", "create"):
        result = stack.virsh(command, "--validate", path, check=False)
        assert result.status != 0
        assert "XML error: <memory> is %d KiB, the memory of the cells of <numa> adds up to 81920 KiB and that of the modules " \
            "in <devices> to %d KiB" % (memory << 10, 256 << 10 if module else 0) in result.err
    assert state(stack) == before
    stack.virsh("undefine", NAME)
