# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of the host given to guests and back. The devices are made up, and so is what their drivers do
(nodedev/pci_kernel.py); the daemons, the calls between them and the emulator are real. A guest that drives a real
device is in tests/machine/pci."""

import os
import signal

import pytest
from gi.repository import GLib

from harness import wait_for
from nodedevs import PciHost, call, get

ONE, TWO, PEER = "0000:00:04.0", "0000:00:05.0", "0000:00:05.1"

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="no /dev/fuse")


@pytest.fixture
def host(tmp_path):
    """Three network cards; the second and the third share an IOMMU group. No group of this host has such a number."""
    made = PciHost(tmp_path)
    made.add(ONE, 900001)
    made.add(TWO, 900002)
    made.add(PEER, 900002)
    made.mount()
    yield made
    made.close()


@pytest.fixture
def pair(host, make_stack):
    return make_stack(options=("--sysfs", host.sysfs)), host


def name_of(address):
    return "pci_" + address.replace(":", "_").replace(".", "_")


def assign(stack, domain, *devices, flags=0, driver="QEMU"):
    """Each device is an address, or one with False behind: not managed."""
    rows = [d if isinstance(d, tuple) else (d, True) for d in devices]
    call(stack, "Assign", GLib.Variant("(ssa(sb)u)", (driver, domain, rows, flags)))


def release(stack, domain, *devices, driver="QEMU"):
    call(stack, "Release", GLib.Variant("(ssas)", (driver, domain, devices)))


def holders(stack):
    return call(stack, "ListHolders")[0]


# -- virtnodedevd

def test_there_and_back(pair):
    stack, host = pair
    assign(stack, "a guest", ONE, TWO)
    assert host.happened() == [("unbind", ONE, "igb"), ("bind", ONE, "vfio-pci"), ("unbind", TWO, "igb"),
                               ("bind", TWO, "vfio-pci"), ("reset", ONE), ("reset", TWO)]
    assert holders(stack) == [(ONE, "QEMU", "a guest"), (TWO, "QEMU", "a guest")]
    assert get(stack, name_of(ONE), "Driver") == "vfio-pci"
    release(stack, "a guest", TWO)
    assert host.driver(TWO) == "igb" and host.driver(ONE) == "vfio-pci"
    release(stack, "somebody else")
    assert holders(stack) == [(ONE, "QEMU", "a guest")]
    release(stack, "a guest")
    assert host.driver(ONE) == "igb" and not holders(stack)
    assert get(stack, name_of(ONE), "Driver") == "igb"


@pytest.mark.parametrize("device, words", [
    (ONE, "PCI device 0000:00:04.0 is in use by driver QEMU, domain first"),
    (PEER, "PCI device 0000:00:05.0 is in use by driver QEMU, domain first"),       # by its IOMMU group
])
def test_what_a_guest_has_nobody_gets(pair, device, words):
    stack, host = pair
    assign(stack, "first", ONE, TWO)
    host.happened()
    stack.kill("virtnodedevd")
    for command in ("nodedev-detach", "nodedev-reattach", "nodedev-reset"):
        result = stack.virsh(command, name_of(device), check=False)
        assert result.status == 1 and "Requested operation is not valid: " + words in result.err, result
    for domain, driver in (("second", "QEMU"), ("first", "xenlight")):
        with pytest.raises(GLib.Error, match=words):
            assign(stack, domain, device, driver=driver)
    for method in ("Detach", "Reattach", "Reset"):
        args = GLib.Variant("(su)", ("", 0)) if method == "Detach" else None
        with pytest.raises(GLib.Error, match=words):
            call(stack, method, args, path="/org/virtbus/nodedev/device/" + name_of(device),
                 interface="org.virtbus.NodeDevice1")
    assert host.happened() == []
    release(stack, "first")
    stack.virsh("nodedev-reset", name_of(device))
    assert ("reset", device) in host.happened()


def test_all_or_none(pair):
    stack, host = pair
    for devices, words in (((ONE, "0000:00:1f.7"), "Device 0000:00:1f.7 not found"),
                           ((ONE, (TWO, False)), "Unmanaged PCI device %s must be manually detached" % TWO),
                           (("0000:00:04.0/../x",), "is not the address of a PCI device"),
                           (("00:04.0",), "is not the address of a PCI device")):
        with pytest.raises(GLib.Error, match=words):
            assign(stack, "guest", *devices)
        assert not holders(stack) and host.driver(ONE) == "igb" and host.driver(TWO) == "igb"
    with open(host.log + ".fail", "w") as f:
        f.write("vfio-pci")
    host.happened()
    with pytest.raises(GLib.Error):
        assign(stack, "guest", ONE, TWO)
    assert not holders(stack) and host.driver(ONE) == "igb" and host.driver(TWO) == "igb"
    for driver, domain in (("", "guest"), ("Q E", "guest"), ("QEMU", ""), ("QEMU", "a\nb")):
        with pytest.raises(GLib.Error, match="cannot be the name"):
            assign(stack, domain, ONE, driver=driver)


def test_as_it_was_found(pair):
    """What was on vfio-pci before stays there; what is not managed must be, and is left alone."""
    stack, host = pair
    stack.virsh("nodedev-detach", name_of(ONE))
    stack.virsh("nodedev-detach", name_of(TWO))
    assign(stack, "guest", ONE, (TWO, False))
    release(stack, "guest")
    assert host.driver(ONE) == "vfio-pci" and host.driver(TWO) == "vfio-pci"


def test_killed_in_between(pair):
    """What is owed to a driver is on disk before the driver loses the device."""
    stack, host = pair
    open(host.log + ".slow", "w").close()
    bus = stack.bus()
    bus.call(
        "org.virtbus.NodeDev", "/org/virtbus/nodedev", "org.virtbus.NodeDevices1", "Assign",
        GLib.Variant("(ssa(sb)u)", ("QEMU", "guest", [(ONE, True)], 0)), None, 0, 20000, None, None)
    bus.flush_sync()
    wait_for(lambda: os.path.exists(stack.path("run/virtbus/virtnodedevd.claims")), 20, "the claim")
    result = stack.virsh("nodedev-detach", name_of(ONE), check=False)
    assert "in use by driver QEMU, domain guest" in result.err
    stack.virsh("nodedev-list")         # nothing waits for the driver
    pid = stack.pid("virtnodedevd")
    os.kill(pid, signal.SIGKILL)        # it dies when the driver has let go
    os.unlink(host.log + ".slow")
    wait_for(lambda: stack.pid("virtnodedevd") != pid, 20, "the end of virtnodedevd")
    assert host.driver(ONE) != "igb"
    assert holders(stack) == [(ONE, "QEMU", "guest")]
    release(stack, "guest")
    assert host.driver(ONE) == "igb" and not holders(stack)


def test_one_after_the_other(pair):
    """A guest that starts while the device is on its way back from another waits for it."""
    stack, host = pair
    assign(stack, "first", ONE)
    host.happened()
    open(host.log + ".slow", "w").close()
    bus = stack.bus()
    answers = []

    def asked(method, args):
        bus.call("org.virtbus.NodeDev", "/org/virtbus/nodedev", "org.virtbus.NodeDevices1", method, args, None, 0, 20000,
                 None, lambda source, result: answers.append((method, source.call_finish(result))))
    asked("Release", GLib.Variant("(ssas)", ("QEMU", "first", [])))
    asked("Assign", GLib.Variant("(ssa(sb)u)", ("QEMU", "second", [(ONE, True)], 0)))
    call(stack, "ListHolders")
    assert holders(stack) == [(ONE, "QEMU", "first")]
    os.unlink(host.log + ".slow")
    wait_for(lambda: (GLib.MainContext.default().iteration(False), len(answers) == 2)[1], 20, "both answers")
    assert [method for method, _ in answers] == ["Release", "Assign"]
    assert holders(stack) == [(ONE, "QEMU", "second")] and host.driver(ONE) == "vfio-pci"


def test_read_only_clients_hand_nothing_over(pair):
    stack, _ = pair
    conn = stack.open(readonly=True)
    with pytest.raises(Exception, match="read only access|denied"):
        conn.nodeDeviceLookupByName(name_of(ONE)).dettach()
    conn.close()
