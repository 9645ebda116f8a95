#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records devices of this machine, with those that they hang on, as umockdev's device descriptions (umockdev(1)).

    record.py SYSPATH...

Serial numbers are left as they are: record only what may be published.
"""

import os
import subprocess
import sys

SKIPPED = {"uevent", "resource0", "resource1", "resource2", "resource3", "resource4", "resource5", "rom", "remove",
           "rescan", "reset", "autosuspend", "power", "descriptors", "bind", "unbind", "new_id", "remove_id"}
LINKS = ("device", "driver", "iommu_group", "physfn", "mdev_type")
MAX = 4096


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def attribute(folder, name, path):
    with open(path, "rb") as f:
        data = f.read(MAX)
    if name in ("config", "vpd") or b"\0" in data:
        return "H: %s=%s" % (name, data.hex().upper())
    try:
        return "A: %s=%s" % (name, escape(data.decode()))
    except UnicodeDecodeError:
        return "H: %s=%s" % (name, data.hex().upper())


def attributes(folder):
    for base in ("", "queue", "loop", "device", "mdev_supported_types"):
        top = os.path.join(folder, base)
        if not os.path.isdir(top) or (base == "device" and not os.path.islink(top)):
            continue
        folders = [base] if base != "mdev_supported_types" else [os.path.join(base, n) for n in os.listdir(top)]
        for inner in folders:
            for name in sorted(os.listdir(os.path.join(folder, inner))):
                path = os.path.join(folder, inner, name)
                if name in SKIPPED or os.path.islink(path) or not os.path.isfile(path) or base == "device":
                    continue
                try:
                    yield attribute(folder, os.path.join(inner, name), path)
                except OSError:
                    yield "A: %s=" % os.path.join(inner, name)    # to be written only
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.islink(path) and (name in LINKS or name.startswith("virtfn")):
            yield "L: %s=%s" % (name, os.readlink(path))


def record(folder):
    info = subprocess.run(["udevadm", "info", "--query=all", "--path", folder], text=True, capture_output=True,
                          check=False).stdout
    print("P: " + folder[len("/sys"):])
    for line in info.splitlines():
        if line[:2] in ("N:", "S:") or (line.startswith("E:") and not line.startswith(("E: USEC_", "E: DEVPATH="))):
            print(line)
    for line in attributes(folder):
        print(line)
    print()


def main():
    seen = []
    for argument in sys.argv[1:]:
        folder, chain = os.path.realpath(argument), []
        while folder.startswith("/sys/devices/"):
            if os.path.exists(folder + "/uevent") and os.path.exists(folder + "/subsystem"):
                chain.append(folder)
            folder = os.path.dirname(folder)
        for device in reversed(chain):
            if device not in seen:
                seen.append(device)
                record(device)


main()
