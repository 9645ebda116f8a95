# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes of a stored definition while another change waits for the running guest: both of them stay."""

import contextlib
import os
import signal
import threading
import time

import pytest

from test_devices import change as change_device
from test_devices import disk, image
from test_iotune import CONFIG, LIVE, call

NAME = "tuned%d" % os.getpid()      # as test_iotune's calls want it


@pytest.fixture
def guest(stack, guest_xml):
    definition = guest_xml(name=NAME, plain=True, memory_mib=64, extra="<iothreads>1</iothreads>",
                           devices=disk(image(stack, "a.img")))
    stack.define(definition.replace("<vcpu>1</vcpu>", "<vcpu current='1'>3</vcpu>"))
    stack.virsh("start", NAME)
    return stack


@contextlib.contextmanager
def waiting(stack, *changes):
    """The changes wait for the emulator, one after the other, while the block runs; all must have worked."""
    failures = []

    def run(change):
        try:
            change(stack)
        except Exception as error:      # pylint: disable=broad-except
            failures.append(error)
    threads = [threading.Thread(target=run, args=(change,)) for change in changes]
    pid = stack.stop_emulator(NAME)
    try:
        for thread in threads:
            thread.start()
            time.sleep(0.5)
            assert thread.is_alive(), failures
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        for thread in threads:
            thread.join(30)
    assert not failures


def virsh(verb, *args):
    return lambda stack: stack.virsh(verb, NAME, *args, "--live", "--config", timeout=60)


def set_group(name):
    return lambda stack: call(stack, "SetThrottleGroup", name, {"total_iops_sec": 9}, LIVE | CONFIG)


def attach(stack):
    change_device(stack, "attach-device", disk(image(stack, "b.img"), target="vdc"), "--live", "--config", guest=NAME)


CHANGES = {
    "setvcpus": (virsh("setvcpus", "2"), "<vcpu placement='static' current='2'>3</vcpu>"),
    "setvcpu": (virsh("setvcpu", "2", "--enable"), "<vcpu id='2' enabled='yes'"),
    "setmem": (virsh("setmem", "32M"), "<currentMemory unit='KiB'>32768<"),
    "iothreadadd": (virsh("iothreadadd", "5"), "<iothread id='5'"),
    "blkdeviotune": (virsh("blkdeviotune", "vdb", "--total-bytes-sec", "1000000"), "<total_bytes_sec>1000000<"),
    "throttle-group": (set_group("slow"), "<group_name>slow</group_name>"),
    "attach": (attach, "<target dev='vdc'"),
    "detach": (virsh("detach-disk", "vdb"), None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_stored_meanwhile(guest, name):
    change, wanted = CHANGES[name]
    with waiting(guest, change):
        guest.virsh("desc", NAME, "--config", "--title", "new title")
        guest.virsh("vcpupin", NAME, "0", "0", "--config")
    stored = guest.virsh("dumpxml", NAME, "--inactive").out
    assert wanted in stored if wanted else "<target dev='vdb'" not in stored, stored
    assert "<title>new title</title>" in stored and "<vcpupin vcpu='0' cpuset='0'/>" in stored, stored


def test_two_groups(guest):
    with waiting(guest, set_group("slow"), set_group("slower")):
        pass
    for flags in ([], ["--inactive"]):
        shown = guest.virsh("dumpxml", NAME, *flags).out
        assert "<group_name>slow<" in shown and "<group_name>slower<" in shown, shown


def test_refused_by_then(guest):
    """What is stored by then does not take the change any more: the caller is told, the other's change stays."""
    change, _wanted = CHANGES["blkdeviotune"]
    with pytest.raises(AssertionError, match="missing persistent configuration for disk 'vdb'"):
        with waiting(guest, change):
            guest.virsh("detach-disk", NAME, "vdb", "--config")
    assert "vdb" not in guest.virsh("dumpxml", NAME, "--inactive").out
    assert "<total_bytes_sec>1000000<" in guest.virsh("dumpxml", NAME).out
