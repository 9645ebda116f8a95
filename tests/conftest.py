# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: a stack of real daemons below a fresh root, a real guest, clients, a recorder.

Everything that waits has a deadline. Nothing sleeps to let something happen: it waits for it.
"""

import os
import subprocess
import sys
import tempfile
import uuid

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(REPO, "tools")]

import guest as guest_tool          # noqa: E402
from harness import Stack           # noqa: E402

os.environ.setdefault("G_DEBUG", "fatal-criticals")


@pytest.fixture(scope="session")
def build_dir():
    """Where the daemons under test were built."""
    return os.path.abspath(os.environ.get("VIRTBUS_BUILD", os.path.join(REPO, "build")))


@pytest.fixture
def make_stack(build_dir):
    """A function that starts a stack; all of them end with the test."""
    stacks = []

    def make(**options):
        stacks.append(Stack(build_dir, **options))
        return stacks[-1]
    yield make
    for stack in stacks:
        stack.close()
    for stack in stacks:
        stack.check_logs()


@pytest.fixture
def short_root():
    """A folder for a stack: the paths of sockets are short, which those of tmp_path are not always."""
    with tempfile.TemporaryDirectory(prefix="vbt.") as root:
        yield root


@pytest.fixture
def small_disk():
    """A function that mounts a file system of so many MiB on a folder; none of them outlives the test."""
    mounted = []

    def mount(folder, mib):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % mib, "small", folder], check=True)
        mounted.append(folder)
    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def stack(make_stack):
    """One stack for one test."""
    return make_stack()


@pytest.fixture(scope="module")
def shared_stack(build_dir):
    """One stack for all tests of a module that only look, or clean up after themselves."""
    stack = Stack(build_dir)
    yield stack
    stack.close()
    stack.check_logs()


@pytest.fixture(scope="session")
def guest_kernel():
    """(kernel, initrd) of the small guest of tools/guest.py."""
    return guest_tool.build()


@pytest.fixture
def guest_xml(guest_kernel):
    """A function that returns the definition of a bootable guest.

    @devices: XML to add; @plain: without kernel, for guests that need not boot.
    """
    def make(name="guest", devices="", plain=False, memory_mib=128, machine="pc", extra=""):
        kernel, initrd = guest_kernel
        boot = "" if plain else (
            "<kernel>%s</kernel><initrd>%s</initrd><cmdline>%s</cmdline>"
            % (kernel, initrd, guest_tool.CMDLINE))
        return """<domain type='qemu'>
  <name>%s</name>
  <uuid>%s</uuid>
  <memory unit='MiB'>%d</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='%s'>hvm</type>%s</os>
  <features><acpi/></features>
  %s
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    %s
  </devices>
</domain>
""" % (name, uuid.uuid5(uuid.NAMESPACE_DNS, name), memory_mib, machine, boot, extra, devices)
    return make
