# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accepted cases of tests/conformance start: the emulator runs with that command line, and has each device where the
definition says. Files that a case names are made; what cannot start here is in tests/conformance-not-started, by what
the start says."""

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
import zlib

import libvirt
import libvirt_qemu
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "conformance"))
import cases  # noqa: E402

EVERY = 1 if os.environ.get("VIRTBUS_START_ALL") else 9     # all of them take minutes
BUDGET_S = 3600 if EVERY == 1 else 60


FORMATS = ("raw", "qcow2", "vmdk", "vdi", "qed")


def reasons():
    """(expression, reason) per line of the list."""
    with open(os.path.join(HERE, "conformance-not-started"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                expression, reason = line.rstrip("\n").split(" ## ")
                yield re.compile(expression), reason


def localise(text, folder):
    """The case with images that exist, and without KVM."""
    root = ET.fromstring(text)
    root.set("type", "qemu")
    for number, disk in enumerate(root.findall("devices/disk")):
        source, kind = disk.find("source"), disk.find("driver")
        if source is None or disk.get("type") not in (None, "file", "block"):
            continue
        form = kind.get("type", "raw") if kind is not None else "raw"
        if form not in FORMATS or disk.find("backingStore/source") is not None or source.find("encryption") is not None:
            continue
        path = os.path.join(folder, "disk%d.%s" % (number, form))
        if not os.path.exists(path):
            subprocess.run(["qemu-img", "create", "-q", "-f", form, path, "4M"], check=True)
        disk.set("type", "file")
        source.attrib.pop("dev", None)
        source.set("file", path)
    for filesystem in root.findall("devices/filesystem/source[@dir]"):
        filesystem.set("dir", folder)
    return ET.tostring(root, encoding="unicode")


def tell(domain, command, **arguments):
    """One QMP command."""
    text = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuMonitorCommand(domain, text, 0))["return"]


def pci_devices(devices, parent=None):
    """{identifier: (identifier of the bridge above, slot, function)} of these devices and those behind them."""
    found = {}
    for device in devices:
        if device["qdev_id"]:
            found[device["qdev_id"]] = parent, device["slot"], device["function"]
        behind = device.get("pci_bridge", {}).get("devices", [])
        found.update(pci_devices(behind, device["qdev_id"] or parent))
    return found


def missing(domain):
    """What the definition says and the emulator does not have."""
    root = ET.fromstring(domain.XMLDesc())
    peripherals = {entry["name"] for entry in tell(domain, "qom-list", path="/machine/peripheral")}
    pci = {}
    for bus in tell(domain, "query-pci"):
        pci.update(pci_devices(bus["devices"]))
    names = [alias.get("name") for alias in root.findall("devices/*/alias")]
    for device in root.find("devices"):
        alias, address = device.find("alias"), device.find("address[@type='pci']")
        if alias is None or address is None or names.count(alias.get("name")) > 1:
            continue        # companions share their name
        name, bus, slot, function = alias.get("name"), *(int(address.get(key), 16) for key in ("bus", "slot", "function"))
        if name not in peripherals:
            if bus != 0 or slot not in (0x01, 0x02, 0x1f):      # those are the machine's own
                yield "%s: no such device" % name
            continue
        above, *where = pci.get(name, (None, slot, function))
        if where != [slot, function] or (above or "").startswith("pci.") and above != "pci.%d" % bus:
            yield "%s: at %s %s, not %d %d %d" % (name, above, where, bus, slot, function)


def try_case(connection, text, known):
    """(started, complaint)"""
    try:
        domain = connection.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED)
    except libvirt.libvirtError as error:
        reason = next((reason for expression, reason in known if expression.search(str(error))), None)
        return False, None if reason else str(error)
    try:
        return True, "; ".join(missing(domain))
    finally:
        domain.destroy()


def test_accepted_cases_start(shared_stack, tmp_path):
    known, wrong, started, tried = list(reasons()), [], 0, 0
    end = time.monotonic() + BUDGET_S
    with shared_stack.open() as connection:
        for name, text in cases.own_cases():
            if name.startswith("r-") or zlib.crc32(name.encode()) % EVERY or time.monotonic() > end:
                continue
            try:
                connection.defineXML(text).undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)
            except libvirt.libvirtError:
                continue        # refused: the other test's
            tried += 1
            is_started, complaint = try_case(connection, localise(text, str(tmp_path)), known)
            started += is_started
            if complaint:
                wrong.append("%s: %s" % (name, complaint))
    print("%d of %d started" % (started, tried))
    assert wrong == [], "\n".join(wrong)
    assert started >= 10
