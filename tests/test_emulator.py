# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an emulator may do while its guest is watched: lose the monitor, and come back."""

import base64
import ctypes
import gzip
import os
import socket

import libvirt
import pytest

import guest as guest_tool
from harness import wait_for

SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438     # the same on every architecture


def sockets_of(pid):
    """The unix sockets that a process has open, as sockets of our own."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    assert process >= 0, os.strerror(ctypes.get_errno())
    found = []
    for name in os.listdir("/proc/%d/fd" % pid):
        if not os.readlink("/proc/%d/fd/%s" % (pid, name)).startswith("socket:"):
            continue
        fd = libc.syscall(SYS_PIDFD_GETFD, process, int(name), 0)
        if fd >= 0:
            found.append(socket.socket(fileno=fd))
    os.close(process)
    return found


def cut_monitor(stack, name):
    """Ends the monitor's connection at the emulator's end; it goes on listening."""
    cut = 0
    for s in sockets_of(stack.emulator_pid(name)):
        if s.family == socket.AF_UNIX and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) \
                and str(s.getsockname()).endswith("monitor.sock"):
            s.shutdown(socket.SHUT_RDWR)
            cut += 1
        s.close()
    assert cut == 1


@pytest.fixture
def running(stack, guest_xml):
    stack.define(guest_xml("guest", plain=True, memory_mib=16))
    stack.virsh("start", "guest")
    return stack


def test_lost_monitor_comes_back(running):
    pid = running.emulator_pid("guest")
    for _ in range(3):
        cut_monitor(running, "guest")
        assert running.virsh("domstate", "guest").out.strip() == "running"
        wait_for(lambda: running.virsh("suspend", "guest", check=False).status == 0, 20, "monitor")
        assert running.virsh("domstate", "guest").out.strip() == "paused"
        running.virsh("resume", "guest")
    assert running.emulator_pid("guest") == pid
    running.virsh("destroy", "guest")


def test_destroy_with_a_lost_monitor(running):
    pid = running.emulator_pid("guest")
    cut_monitor(running, "guest")
    running.virsh("destroy", "guest")
    assert running.virsh("domstate", "guest", "--reason").out.strip() == "shut off (destroyed)"
    assert not os.path.exists("/proc/%d" % pid)


def load_module(console, path):
    """Hands a kernel module to the guest through its console, line by line."""
    with open(path, "rb") as f:
        text = base64.b64encode(gzip.compress(f.read())).decode()
    for at in range(0, len(text), 2000):
        assert console.run("echo %s >> /tmp/module" % text[at:at + 2000])[0] == 0
    assert console.run("base64 -d /tmp/module | gunzip > /tmp/m.ko; rm /tmp/module; insmod /tmp/m.ko")[0] == 0


@pytest.mark.parametrize("action", ["destroy", "preserve", "restart"])
def test_guest_panic(stack, guest_xml, guest_kernel, action):
    """A real kernel panics; its panic device tells, and on_crash is obeyed."""
    stack.define(guest_xml(devices="<panic model='isa'/>", extra="<on_crash>%s</on_crash>" % action))
    events = stack.record(member="Event")
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    for module in guest_tool.module_order(guest_kernel[0], ("pvpanic-mmio",)):
        load_module(console, module)
    console.send("echo c > /proc/sysrq-trigger")
    events.wait_for(lambda p, i, m, a: a[1] == "lifecycle" and (a[3]["event"], a[3]["detail"]) ==
                    (libvirt.VIR_DOMAIN_EVENT_CRASHED, libvirt.VIR_DOMAIN_EVENT_CRASHED_PANICKED), 20)
    if action == "destroy":
        wait_for(lambda: stack.virsh("domstate", "guest", "--reason").out.strip() == "shut off (crashed)", 20)
    elif action == "preserve":
        assert stack.virsh("domstate", "guest", "--reason").out.strip() == "crashed (panicked)"
        stack.virsh("destroy", "guest")
    else:
        console.wait_ready()
        assert stack.virsh("domstate", "guest").out.strip() == "running"
    console.close()
