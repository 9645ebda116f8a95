# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of tests/conformance/*.cases: a line "== NAME", then a line "KEY: TEXT" for each part that is not the usual
one. Keys: type (of the domain), machine, vcpus, memory (KiB), os (inside <os>), firmware (attributes of <os>), features,
cpu, general (children of <domain> before <os>), devices, tail (children at the end, with QEMU's namespace);
refused is not a part but the words with which the case is refused."""

import glob
import os

HERE = os.path.dirname(os.path.abspath(__file__))
USUAL = {"type": "qemu", "machine": "q35", "vcpus": "2", "memory": "1048576", "os": "", "firmware": "",
         "features": "<acpi/><apic/>", "cpu": "", "general": "", "devices": "", "tail": "", "refused": "", "arch": "x86_64",
         "emulator": "<emulator>/usr/bin/qemu-system-x86_64</emulator>"}
DOMAIN = """<domain type='{type}'{namespace}>
  <name>{name}</name>
  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
  <memory unit='KiB'>{memory}</memory>
  <vcpu placement='static'>{vcpus}</vcpu>
  {general}
  <os{firmware}><type arch='{arch}'{machine_attribute}>hvm</type>{os}</os>
  <features>{features}</features>
  {cpu}
  <devices>
    {emulator}
    {devices}
  </devices>
  {tail}
</domain>
"""
NAMESPACE = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"


def render(name, parts):
    values = dict(USUAL, **parts)
    values["name"] = name
    values["namespace"] = NAMESPACE if values["tail"] else ""
    values["machine_attribute"] = " machine='%s'" % values["machine"] if values["machine"] else ""
    return DOMAIN.format(**values)


def read_parts(path):
    """(name, parts) of each case of a file."""
    name, parts = None, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("== "):
                if name:
                    yield name, parts
                name, parts = line[3:], {}
            elif line and not line.startswith("#"):
                key, _, text = line.partition(": ")
                if key not in USUAL:
                    raise SystemExit("%s: no such part: %s" % (path, key))
                parts[key] = text
    if name:
        yield name, parts


def read(path):
    """(name, definition) of each case of a file."""
    for name, parts in read_parts(path):
        yield name, render(name, parts)


def own_cases():
    for path in sorted(glob.glob(os.path.join(HERE, "*.cases"))):
        yield from read(path)


def refused_cases():
    """(name, definition, words) of the cases that say with which words they are refused."""
    for name, parts in read_parts(os.path.join(HERE, "refused.cases")):
        yield name, render(name, parts), parts["refused"]
