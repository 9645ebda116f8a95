# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts recorded as text: unpacks tests/hosts/NAME.tree, and makes big ones.

A line is "PATH = TEXT" (a file; \\n and \\t in TEXT) or "PATH -> TARGET" (a symbolic link).
"""

import os

HERE = os.path.dirname(os.path.abspath(__file__))


def put(root, path, text):
    """Writes a file below @root, with its folders."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="ascii") as f:
        f.write(text + "\n")


def unpack(name, root):
    """Makes the tree of host @name below @root; returns the options of a stack that shows it."""
    with open(os.path.join(HERE, "hosts", name + ".tree"), encoding="ascii") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("#"):
                continue
            path, mark, rest = line.partition(" -> ")
            if mark:
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                os.symlink(rest, full)
                continue
            path, _, rest = line.partition(" =")
            put(root, path, rest.strip().replace("\\n", "\n").replace("\\t", "\t"))
    return options(root)


def options(root):
    """The stack's options for a tree with sys and proc."""
    return ("--sysfs", os.path.join(root, "sys"), "--procfs", os.path.join(root, "proc"))


def _put_cpu(root, cpu, per_node):
    folder = "sys/devices/system/cpu/cpu%d/" % cpu
    node, pair = cpu // per_node, "%d-%d" % (cpu & ~1, cpu | 1)
    values = {"physical_package_id": node, "die_id": 0, "cluster_id": cpu // 2,
              "core_id": cpu % per_node // 2, "thread_siblings_list": pair}
    for name, value in values.items():
        put(root, folder + "topology/" + name, str(value))
    caches = ((1, "Data", cpu // 2, "48K", pair), (1, "Instruction", cpu // 2, "32K", pair),
              (2, "Unified", cpu // 2, "2048K", pair),
              (3, "Unified", node, "65536K", "%d-%d" % (node * per_node, (node + 1) * per_node - 1)))
    for i, cache in enumerate(caches):
        for name, value in zip(("level", "type", "id", "size", "shared_cpu_list"), cache):
            put(root, folder + "cache/index%d/%s" % (i, name), str(value))


def make_big(root, n_cpus=1024, n_nodes=16):
    """A host of @n_cpus threads in @n_nodes nodes; returns the options of a stack that shows it."""
    per_node = n_cpus // n_nodes
    put(root, "proc/meminfo", "MemTotal: %d kB\nMemFree: 1000 kB" % (n_nodes << 26))
    put(root, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu MHz\t\t: 2000.000")
    for name in ("online", "present"):
        put(root, "sys/devices/system/cpu/" + name, "0-%d" % (n_cpus - 1))
    put(root, "sys/devices/system/node/online", "0-%d" % (n_nodes - 1))
    for cpu in range(n_cpus):
        _put_cpu(root, cpu, per_node)
    for node in range(n_nodes):
        folder = "sys/devices/system/node/node%d/" % node
        put(root, folder + "cpulist", "%d-%d" % (node * per_node, (node + 1) * per_node - 1))
        put(root, folder + "distance",
            " ".join(str(10 if n == node else 21) for n in range(n_nodes)))
        put(root, folder + "meminfo", "Node %d MemTotal: %d kB\nNode %d MemFree: 1000 kB"
            % (node, 1 << 26, node))
        for size in (2048, 1048576):
            for name in ("nr_hugepages", "free_hugepages"):
                put(root, folder + "hugepages/hugepages-%dkB/%s" % (size, name), "0")
        for name, value in (("node%d" % node, ""), ("read_latency", 90), ("write_latency", 95),
                            ("read_bandwidth", 200000), ("write_bandwidth", 180000)):
            put(root, folder + "access1/initiators/" + name, str(value))
        for cpu in range(node * per_node, (node + 1) * per_node):
            os.symlink("../../cpu/cpu%d" % cpu, os.path.join(root, folder, "cpu%d" % cpu))
    return options(root)
