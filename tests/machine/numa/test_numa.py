# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine has the topology that its profile promises: tests of the host's topology rely on it."""

import machine_profiles

NODES = "/sys/devices/system/node"


def read(machine, path):
    return machine.run(["cat", path]).out.strip()


def test_nodes(machine):
    assert [read(machine, "%s/node%d/cpulist" % (NODES, n)) for n in range(3)] == ["0-1", "2-3", ""]
    assert [read(machine, "%s/node%d/distance" % (NODES, n)) for n in range(3)] == [
        "10 20 30", "20 10 24", "30 24 10"]


def test_hmat(machine):
    """The kernel shows each target's best initiators."""
    values = {(row[0], row[1]): row[2:] for row in machine_profiles.HMAT}
    for target, initiator in ((0, 0), (1, 1), (2, 1)):
        folder = "%s/node%d/access0/initiators" % (NODES, target)
        assert machine.run("ls -d %s/node*" % folder).out.strip().endswith("node%d" % initiator)
        found = tuple(int(read(machine, "%s/%s" % (folder, name))) for name in (
            "read_latency", "write_latency", "read_bandwidth", "write_bandwidth"))
        assert found == values[initiator, target]


def test_memory_side_caches(machine):
    found = [[int(read(machine, "%s/node%d/memory_side_cache/index1/%s" % (NODES, n, name)))
              for name in ("indexing", "line_size", "size", "write_policy")] for n in range(3)]
    assert found == [[0, 64, 16 << 20, 0], [1, 128, 16 << 20, 1], [2, 8, 8 << 20, 2]]


def test_memory_is_plugged(machine):
    before = int(machine.run("ls -d /sys/devices/system/memory/memory* | wc -l").out)
    machine.qmp("object-add", qom_type="memory-backend-ram", id="hm", size=256 << 20)
    machine.qmp("device_add", driver="pc-dimm", id="hdimm", memdev="hm", node=1)
    machine.wait("[ $(ls -d /sys/devices/system/memory/memory* | wc -l) -gt %d ]" % before)
    machine.qmp("device_del", id="hdimm")
    machine.wait("[ $(ls -d /sys/devices/system/memory/memory* | wc -l) -eq %d ]" % before)
