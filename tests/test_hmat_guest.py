# SPDX-License-Identifier: LGPL-2.1-or-later
"""HMAT from end to end: a guest shows the interconnects that its definition asked for, and virtqemud, run on what that
guest's kernel shows, reads the same numbers."""

import re
import xml.etree.ElementTree as ET

import hosts

NUMA = """<cpu mode='custom' match='exact'>
    <model fallback='forbid'>Westmere</model>
    <topology sockets='2' dies='1' cores='2' threads='1'/>
    <numa>
      <cell id='0' cpus='0-1' memory='160' unit='MiB'>
        <distances>
          <sibling id='0' value='10'/><sibling id='1' value='20'/><sibling id='2' value='30'/>
        </distances>
        <cache level='1' associativity='direct' policy='writeback'>
          <size value='16384' unit='KiB'/>
          <line value='64' unit='B'/>
        </cache>
      </cell>
      <cell id='1' cpus='2-3' memory='64' unit='MiB'>
        <distances>
          <sibling id='0' value='20'/><sibling id='1' value='10'/><sibling id='2' value='24'/>
        </distances>
        <cache level='1' associativity='full' policy='writethrough'>
          <size value='8192' unit='KiB'/>
          <line value='128' unit='B'/>
        </cache>
      </cell>
      <cell id='2' memory='64' unit='MiB'>
        <distances>
          <sibling id='0' value='30'/><sibling id='1' value='24'/><sibling id='2' value='10'/>
        </distances>
      </cell>
      <interconnects>
        %s
      </interconnects>
    </numa>
  </cpu>"""

# initiator, target: read and write latency, ns; read and write bandwidth, KiB/s. Each target has one best initiator.
LINKS = {(0, 0): (10, 12, 20480000, 18432000), (1, 1): (11, 13, 19456000, 17408000),
         (1, 2): (50, 55, 5120000, 4096000), (0, 1): (60, 65, 4096000, 3072000),
         (1, 0): (60, 65, 4096000, 3072000), (0, 2): (90, 95, 2048000, 1024000)}
BEST = ((0, 0), (1, 1), (1, 2))

# what the host's reader wants to know, small enough for a serial line
FILES = "; ".join("grep -s . /sys/devices/system/" + name for name in (
    "cpu/online", "cpu/present", "node/online", "node/node*/cpulist", "node/node*/distance",
    "node/node*/memory_side_cache/index*/*", "node/node*/access1/initiators/*_*",
    "cpu/cpu*/topology/*_id", "cpu/cpu*/topology/thread_siblings_list")) + \
    "; ls -d /sys/devices/system/node/node*/access1/initiators/node*"


def interconnects():
    rows = []
    for name, unit, columns in (("latency", "", (0, 1)), ("bandwidth", " unit='KiB'", (2, 3))):
        for (initiator, target), values in sorted(LINKS.items()):
            for access, column in zip(("read", "write"), columns):
                rows.append("<%s initiator='%d' target='%d' type='%s' value='%d'%s/>"
                            % (name, initiator, target, access, values[column], unit))
    return "\n".join(rows)


def read_guest(console):
    """path: text of what the guest's kernel shows"""
    status, out = console.run(FILES, timeout=60)
    assert status == 0, out
    files = {}
    for line in out.replace("\r", "").splitlines():
        match = re.match(r"(/sys/[^:\s]+)(?::(.*))?$", line.strip())
        if match:
            files[match[1]] = match[2] or ""
    return files


def test_hmat_guest(make_stack, guest_xml, tmp_path):
    stack = make_stack()
    xml = guest_xml(memory_mib=288, machine="q35", extra=NUMA % interconnects())
    stack.define(xml.replace("<vcpu>1</vcpu>", "<vcpu>4</vcpu>"))
    stack.virsh("start", "guest", timeout=60)
    console = stack.console("guest")
    console.wait_ready()
    files = read_guest(console)
    console.close()
    stack.virsh("destroy", "guest")
    node = "/sys/devices/system/node/node%d/"
    for initiator, target in BEST:
        folder = node % target + "access1/initiators/"
        assert folder + "node%d" % initiator in files, files
        assert [int(files[folder + name]) for name in ("read_latency", "write_latency")] == \
            list(LINKS[initiator, target][:2])

    for path, text in files.items():
        hosts.put(str(tmp_path), path.lstrip("/"), text)
    described = make_stack(options=("--sysfs", str(tmp_path / "sys")))
    host = ET.fromstring(described.virsh("capabilities").out).find("host")
    found = {(e.tag, int(e.get("initiator")), int(e.get("target")), e.get("type")): int(e.get("value"))
             for e in host.find("topology/interconnects")}
    assert found == {(tag, *link, access): LINKS[link][column] for link in BEST
                     for tag, access, column in (("latency", "read", 0), ("latency", "write", 1),
                                                 ("bandwidth", "read", 2), ("bandwidth", "write", 3))}
    cells = host.findall("topology/cells/cell")
    assert [[int(s.get("value")) for s in c.findall("distances/sibling")] for c in cells] == [
        [10, 20, 30], [20, 10, 24], [30, 24, 10]]
    assert [c.get("num") for c in host.findall("topology/cells/cell/cpus")] == ["2", "2", "0"]
    caches = [(c.get("associativity"), c.get("policy"), c.find("size").get("value"),
               c.find("line").get("value")) for c in host.findall("topology/cells/cell/cache")]
    assert caches == [("direct", "writeback", "16384", "64"), ("full", "writethrough", "8192", "128")]
