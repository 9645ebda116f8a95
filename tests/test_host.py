# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host that virtqemud describes: recorded hosts give the capabilities that are written beside them."""

import os
import platform
import re
import xml.etree.ElementTree as ET

import pytest

import hosts

NAMES = ("hmat", "gaps", "bare")
# A folder of cases from elsewhere: host/linux-CASE/system, host/vircaps-ARCH-CASE.xml, host-cpu/virhostcpudata
CORPUS = os.environ.get("VIRTBUS_CORPUS", "")


def host_section(text):
    """<host> ... </host> as it stands in a capabilities document."""
    return re.search(r"  <host>.*</host>\n", text, re.DOTALL).group(0)


@pytest.mark.parametrize("name", NAMES)
def test_capabilities(make_stack, tmp_path, name):
    stack = make_stack(options=hosts.unpack(name, str(tmp_path)))
    with open(os.path.join(hosts.HERE, "hosts", name + ".xml"), encoding="ascii") as f:
        expected = host_section(f.read()).replace("<arch>x86_64<", "<arch>%s<" % platform.machine())
    assert host_section(stack.virsh("capabilities").out) == expected


def test_this_host(shared_stack):
    """Of the machine itself: what the kernel says elsewhere too."""
    tree = ET.fromstring(shared_stack.virsh("capabilities").out).find("host")
    cells = tree.findall("topology/cells/cell")
    online = sum(len(cell.findall("cpus/cpu")) for cell in cells)
    assert online == os.sysconf("SC_NPROCESSORS_ONLN")
    assert all(int(cell.findtext("pages")) > 0 for cell in cells if cell.find("memory") is not None)
    if platform.machine() == "x86_64":
        assert tree.findtext("cpu/model")
        assert int(tree.find("cpu/maxphysaddr").get("bits")) >= 36


@pytest.fixture(name="gaps")
def gaps_stack(make_stack, tmp_path):
    """(stack, root) of the host whose numbers have gaps."""
    return make_stack(options=hosts.unpack("gaps", str(tmp_path))), tmp_path


def test_free_memory(gaps):
    stack, _ = gaps
    assert re.findall(r"(\w+): +(\d+) KiB", stack.virsh("freecell", "--all").out) == [
        ("0", "1048576"), ("2", "3145728"), ("5", "0"), ("6", "16000000")]
    connection = stack.open()
    assert connection.getCellsFreeMemory(0, 3) == [1048576 << 10, 0, 3145728 << 10]
    assert "start cell 7 out of range (0-6)" in stack.virsh("freecell", "7", check=False).err
    assert connection.getMemoryStats(2, 0) == {"total": 8388608, "free": 3145728}


def test_pages(gaps):
    stack, root = gaps
    out = stack.virsh("freepages", "--all").out
    cells = {cell: re.findall(r"(\d+)KiB: (\d+)", rows)
             for cell, rows in re.findall(r"Node (\d+):\n((?:\d.*\n)+)", out)}
    assert cells["2"] == [("4", "786432"), ("2048", "200"), ("1048576", "0")]
    assert cells["5"] == [("4", "0"), ("2048", "0"), ("1048576", "0")]      # it has no memory at all
    result = stack.virsh("freepages", "0", "7M", check=False)
    assert "page size 7168 is not available on node 0" in result.err

    pool = root / "sys/devices/system/node/node2/hugepages/hugepages-2048kB/nr_hugepages"
    stack.virsh("allocpages", "2M", "300", "--cellno", "2")
    assert pool.read_text() == "300"
    stack.virsh("allocpages", "2M", "5", "--cellno", "2", "--add")
    assert pool.read_text() == "305"
    assert "<pages unit='KiB' size='2048'>305</pages>" in stack.virsh("capabilities").out
    result = stack.virsh("allocpages", "4K", "1", check=False)
    assert "error: Operation not supported: system pages pool can't be modified" in result.err


def test_pages_of_what_is_no_cell(gaps):
    """-1 is the host; what lies below is a mistake, and no pool changes."""
    import libvirt
    stack, root = gaps
    pools = sorted((root / "sys").rglob("nr_hugepages"))
    before = [pool.read_text() for pool in pools]
    assert before
    connection = stack.open()
    for cell, count in ((-2, 1), (-2, 3), (-2147483648, 5), (-5, 9)):
        for call in (lambda: connection.allocPages({2048: 7}, cell, count, 1),
                     lambda: connection.allocPages({2048: 7}, cell, count, 0),
                     lambda: connection.getFreePages([4, 2048], cell, count)):
            with pytest.raises(libvirt.libvirtError, match="^operation failed: NUMA node %d is not available$" % cell):
                call()
    for args in (({2048: 7}, 1, 1, 1), ({2048: 7}, 3, 2, 0)):         # between the others
        with pytest.raises(libvirt.libvirtError, match="^operation failed: NUMA node %d is not available$" % args[1]):
            connection.allocPages(*args)
    result = stack.virsh("allocpages", "2M", "7", "--cellno", "-2", check=False)
    assert result.status == 1 and "NUMA node -2 is not available" in result.err
    with pytest.raises(libvirt.libvirtError, match=r"^unsupported flags \(0x2\) in function qemuNodeAllocPages$"):
        connection.allocPages({2048: 7}, 0, 1, 2)
    assert [pool.read_text() for pool in pools] == before


def test_same_page_merging(gaps):
    import libvirt
    stack, root = gaps
    connection = stack.open()
    assert connection.getMemoryParameters() == {
        "shm_pages_to_scan": 100, "shm_sleep_millisecs": 20, "shm_pages_shared": 7}
    stack.virsh("node-memory-tune", "--shm-pages-to-scan", "55")
    assert (root / "sys/kernel/mm/ksm/pages_to_scan").read_text() == "55"
    result = stack.virsh("node-memory-tune", "--shm-merge-across-nodes", "1", check=False)
    assert "Parameter 'shm_merge_across_nodes' is not supported by this kernel" in result.err
    with pytest.raises(libvirt.libvirtError, match="^argument unsupported: parameter 'shm_pages_shared' not supported$"):
        connection.setMemoryParameters({"shm_pages_shared": 1}, 0)
    parameter = root / "sys/kernel/mm/ksm/sleep_millisecs"
    parameter.unlink()
    parameter.symlink_to("/dev/full")
    result = stack.virsh("node-memory-tune", "--shm-sleep-millisecs", "3", check=False)
    assert "error: failed to set shm_sleep_millisecs: No space left on device" in result.err


def test_cpus(gaps):
    stack, _ = gaps
    assert "yyy-----y-yy" in stack.virsh("nodecpumap").out
    info = stack.open().getInfo()
    assert info[2:] == [6, 2600, 1, 1, 8, 1]        # two are offline: the shape is not told


# ---- cases from elsewhere

def corpus_cases():
    folder = os.path.join(CORPUS, "host")
    if not CORPUS or not os.path.isdir(folder):
        return []
    return sorted(name[8:-4] for name in os.listdir(folder) if name.startswith("vircaps-"))


def system_folder(case):
    """The case's devices/system; a file with a path stands for a link."""
    path = os.path.join(CORPUS, "host", "linux-" + case, "system")
    if os.path.isfile(path):
        with open(path, encoding="ascii") as f:
            path = os.path.normpath(os.path.join(os.path.dirname(path), f.read().strip()))
    return path


def lines(element, depth=0):
    """An element as text, without what does not come from the case's tree."""
    if element is None:
        return []
    attributes = " ".join("%s=%s" % item for item in sorted(element.attrib.items()))
    out = ["%s%s %s %s" % ("  " * depth, element.tag, attributes, (element.text or "").strip())]
    for child in element:
        if element.tag == "cell" and child.tag in ("memory", "pages", "distances"):
            continue
        out += lines(child, depth + 1)
    return out


@pytest.mark.skipif(not corpus_cases(), reason="VIRTBUS_CORPUS names no folder of cases")
@pytest.mark.parametrize("name", corpus_cases())
def test_corpus(make_stack, tmp_path, name):
    (tmp_path / "sys/devices").mkdir(parents=True)
    (tmp_path / "sys/devices/system").symlink_to(system_folder(name.split("-", 1)[1]))
    resctrl = os.path.join(CORPUS, "host", "linux-" + name.split("-", 1)[1], "resctrl")
    options = ("--resctrl", resctrl) if os.path.isdir(resctrl) else ()
    stack = make_stack(options=("--sysfs", str(tmp_path / "sys"), *options))
    expected = ET.parse(os.path.join(CORPUS, "host", "vircaps-%s.xml" % name)).find("host")
    found = ET.fromstring(stack.virsh("capabilities").out).find("host")
    for part in ("topology", "cache", "memory_bandwidth"):
        assert lines(found.find(part)) == lines(expected.find(part))


def node_cases():
    folder = os.path.join(CORPUS, "host-cpu/virhostcpudata")
    if not CORPUS or not os.path.isdir(folder):
        return []
    names = (re.fullmatch(r"linux-x86_64-(.*)\.expected", name) for name in os.listdir(folder))
    return sorted(m[1] for m in names if m and os.path.isdir(folder + "/linux-" + m[1]))


@pytest.mark.skipif(not node_cases(), reason="VIRTBUS_CORPUS names no folder of cases")
@pytest.mark.parametrize("name", node_cases())
def test_corpus_node(make_stack, tmp_path, name):
    folder = os.path.join(CORPUS, "host-cpu/virhostcpudata")
    (tmp_path / "sys/devices").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/devices/system").symlink_to(folder + "/linux-" + name)
    (tmp_path / "proc/cpuinfo").symlink_to("%s/linux-x86_64-%s.cpuinfo" % (folder, name))
    stack = make_stack(options=hosts.options(str(tmp_path)))
    info = stack.open().getInfo()
    with open("%s/linux-x86_64-%s.expected" % (folder, name), encoding="ascii") as f:
        expected = [int(n) for n in re.findall(r"\b(\d+)\b", f.read())]
    assert [info[2], *info[3:]] == [expected[0], *expected[2:]]
