#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test bed of umockdev with recorded devices, in which a command runs; run it under umockdev-wrapper.

    bed.py CONTROL [FILE...] -- COMMAND...

Lines that are written to the pipe CONTROL: "add FILE" adds the devices of a description, "remove SYSPATH" takes one away,
"change SYSPATH" sends an event. Ends with COMMAND, whose standard input and output are ours.
"""

import os
import select
import subprocess
import sys

import gi
gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev     # noqa: E402


def add(bed, path):
    with open(path) as f:
        bed.add_from_string(f.read())


def obey(bed, line):
    verb, argument = line.split()
    if verb == "add":
        add(bed, argument)
    elif verb == "remove":
        bed.uevent(argument, "remove")
        bed.remove_device(argument)
    else:
        bed.uevent(argument, "change")


def main():
    at = sys.argv.index("--")
    control = os.open(sys.argv[1], os.O_RDWR)    # also for writing: it never ends
    bed = UMockdev.Testbed.new()
    for path in sys.argv[2:at]:
        add(bed, path)
    process = subprocess.Popen(sys.argv[at + 1:])
    text = b""
    while process.poll() is None:
        if select.select([control], [], [], 0.1)[0]:
            text += os.read(control, 65536)
            *lines, text = text.split(b"\n")
            for line in lines:
                obey(bed, line.decode())
    return process.returncode


sys.exit(main())
