# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults: death between any two steps, a full disk, descriptors and files left behind."""

import contextlib
import os
import re
import subprocess
import xml.etree.ElementTree as ET

import pytest

from harness import SLOW, wait_for

# what changes the world outside the process: dying before the N-th of each is a step
STEPS = ("fsync", "fdatasync", "pwrite64", "linkat", "rename", "unlink", "symlink", "mkdir", "ftruncate", "openat", "sendmsg",
         "clone3,vfork,clone", "kill,pidfd_send_signal")


def can_inject():
    with contextlib.suppress(OSError):
        return subprocess.run(
            ["strace", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-e",
             "inject=openat:signal=KILL:when=2", "true"], stderr=subprocess.DEVNULL,
            check=False).returncode in (137, -9)
    return False


class Killer:
    """Kills virtqemud when its main thread begins the N-th call of a kind."""

    def __init__(self, stack, calls, number):
        self.stack = stack
        self.pid = stack.pid("virtqemud")
        self.process = subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + calls, "-e",
             "inject=%s:signal=KILL:when=%d" % (calls, number), "-p", str(self.pid)],
            stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert "attached" in line, line

    def end(self):
        """Whether it struck."""
        struck = self.stack.pid("virtqemud") != self.pid
        self.process.terminate()
        try:
            self.process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            # it sometimes waits for a thread that has gone; its end lets the daemon go on
            self.process.kill()
            self.process.communicate()
        return struck


def consistent(stack):
    """What must hold whenever virtqemud comes back."""
    names = stack.virsh("list", "--all", "--name").out.split()
    assert names in ([], ["guest"])
    if not names:
        assert not os.path.exists(stack.path("/etc/libvirt/qemu/guest.xml"))
        wait_for(lambda: not stack.emulator_pid("guest"), 10, "end of the emulator")
        return
    ET.fromstring(stack.virsh("dumpxml", "guest").out)
    if stack.virsh("domstate", "guest").out.strip() == "running":
        assert stack.emulator_pid("guest")
        reply = stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-status"}')
        assert "running" in reply.out
    else:
        wait_for(lambda: not stack.emulator_pid("guest"), 10, "end of the emulator")


def clear(stack):
    names = stack.virsh("list", "--all", "--name").out.split()
    for name in names:
        stack.virsh("destroy", name, check=False)
        stack.virsh("undefine", name)


@pytest.mark.slow
@pytest.mark.parametrize("calls", STEPS)
@pytest.mark.parametrize("operation", ["define", "start", "destroy", "undefine"])
def test_killed_at_every_step(shared_stack, guest_xml, operation, calls):
    if not can_inject():
        pytest.skip("strace cannot trace here")
    stack = shared_stack
    path = stack.path("step.xml")
    with open(path, "w") as f:
        f.write(guest_xml(plain=True, memory_mib=32))
    argv = [operation, path if operation == "define" else "guest"]
    struck = True
    number = 0
    while struck and number < 12:
        number += 1
        stack.virsh("list")
        if operation != "define":
            stack.virsh("define", path)
        if operation == "destroy":
            stack.virsh("start", "guest")
        killer = Killer(stack, calls, number)
        stack.virsh(*argv, check=False, timeout=60)
        struck = killer.end()
        consistent(stack)
        clear(stack)


def test_full_disk(short_root, small_disk, make_stack, guest_xml):
    small_disk(short_root + "/etc", 1)
    stack = make_stack(root=short_root)
    stack.define(guest_xml("first", plain=True))
    stored = open(stack.path("/etc/libvirt/qemu/first.xml")).read()
    with open(stack.path("/etc/filler"), "wb", buffering=0) as f:
        with contextlib.suppress(OSError):
            while True:
                f.write(b"x" * 4096)
    path = stack.path("second.xml")
    with open(path, "w") as f:
        f.write(guest_xml("second", plain=True))
    result = stack.virsh("define", path, check=False)
    assert result.status == 1 and "No space left on device" in result.err
    with open(path, "w") as f:
        f.write(guest_xml("first", plain=True, memory_mib=64))
    assert stack.virsh("define", path, check=False).status == 1
    assert open(stack.path("/etc/libvirt/qemu/first.xml")).read() == stored
    assert "131072" in stack.virsh("dumpxml", "first").out
    assert stack.virsh("list", "--all", "--name").out.split() == ["first"]
    assert not [n for n in os.listdir(stack.path("/etc/libvirt/qemu")) if "second" in n]
    os.unlink(stack.path("/etc/filler"))
    with open(path, "w") as f:
        f.write(guest_xml("second", plain=True))
    stack.virsh("define", path)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def test_nothing_is_left_behind(stack, guest_xml):
    """Ten lives of a guest: no descriptor and no file more than after the first."""
    stack.define(guest_xml(plain=True, memory_mib=32))

    def live():
        stack.virsh("start", "guest")
        stack.virsh("domstats", "guest")
        stack.virsh("destroy", "guest")

    def files():
        return sorted(re.sub(r"/domain-\d+-", "/domain-N-", os.path.join(folder, name))
                      for folder, _, names in os.walk(stack.root) for name in names
                      if "/log/" not in folder + "/")
    live()
    # the last client's connection has gone when nobody is connected any more
    wait_for(lambda: descriptors(stack.pid("virtproxyd")), 10, "descriptors")
    before = {name: descriptors(stack.pid(name)) for name in ("virtqemud", "virtproxyd")}
    kept = files()
    for _ in range(10):
        live()
    for name, count in before.items():
        wait_for(lambda n=name, c=count: descriptors(stack.pid(n)) <= c, 10 * SLOW,
                 "fewer descriptors of " + name)
    assert files() == kept


@pytest.mark.parametrize("name", ["../escape", "a/b", "../../../escape"])
def test_names_stay_in_their_folder(shared_stack, guest_xml, name):
    path = shared_stack.path("name.xml")
    with open(path, "w") as f:
        f.write(guest_xml("placeholder", plain=True).replace(">placeholder<", ">%s<" % name))
    result = shared_stack.virsh("define", path, check=False)
    assert result.status == 1 and result.err
    assert not os.path.exists(shared_stack.path("/etc/libvirt/escape.xml"))
