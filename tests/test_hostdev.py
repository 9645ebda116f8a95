# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of the host given to guests and back. The devices are made up, and so is what their drivers do
(nodedev/pci_kernel.py); the daemons, the calls between them and the emulator are real. A guest that drives a real
device is in tests/machine/pci."""

import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

import pytest
from gi.repository import GLib

from harness import SLOW, Console, wait_for
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


class Asking:
    """Calls under way at a time; their answers in the order in which they came, an error as its text."""

    def __init__(self, stack):
        self.bus, self.answers, self.n = stack.bus(), [], 0

    def _ask(self, method, args):
        def answered(source, result):
            try:
                source.call_finish(result)
                self.answers.append(method)
            except GLib.Error as e:
                self.answers.append(e.message)
        self.n += 1
        self.bus.call("org.virtbus.NodeDev", "/org/virtbus/nodedev", "org.virtbus.NodeDevices1", method, args, None, 0,
                      20000 * SLOW, None, answered)

    def assign(self, domain, *devices):
        self._ask("Assign", GLib.Variant("(ssa(sb)u)", ("QEMU", domain, [(d, True) for d in devices], 0)))

    def release(self, domain, *devices):
        self._ask("Release", GLib.Variant("(ssas)", ("QEMU", domain, devices)))

    def wait(self):
        wait_for(lambda: (GLib.MainContext.default().iteration(False), len(self.answers) == self.n)[1], 20, "all answers")
        return self.answers


@contextlib.contextmanager
def unreadable(path):
    """A file that is longer than any daemon reads; its lines are as they were afterwards."""
    with open(path, "a") as f:
        length = f.tell()
        f.write("\n" * (1024 * 1024 + 1))
    yield
    os.truncate(path, length)


def test_claims_that_cannot_be_read(pair):
    """Nobody is given anything while it is not known who has what."""
    stack, host = pair
    assign(stack, "guest", ONE)
    os.kill(stack.pid("virtnodedevd"), signal.SIGSTOP)
    with unreadable(stack.path("run/virtbus/virtnodedevd.claims")):
        stack.kill("virtnodedevd")
        with pytest.raises(GLib.Error):
            assign(stack, "other", TWO)
        assert "cannot read file '%s'" % stack.path("run/virtbus/virtnodedevd.claims") in stack.log("virtnodedevd")
    assert holders(stack) == [(ONE, "QEMU", "guest")] and host.driver(TWO) == "igb"
    release(stack, "guest")
    assert host.driver(ONE) == "igb"


def test_one_after_the_other(pair):
    """A guest that starts while the device is on its way back from another waits for it."""
    stack, host = pair
    assign(stack, "first", ONE)
    host.happened()
    open(host.log + ".slow", "w").close()
    asking = Asking(stack)
    asking.release("first")
    asking.assign("second", ONE)
    call(stack, "ListHolders")
    assert holders(stack) == [(ONE, "QEMU", "first")]
    os.unlink(host.log + ".slow")
    assert asking.wait() == ["Release", "Assign"]
    assert holders(stack) == [(ONE, "QEMU", "second")] and host.driver(ONE) == "vfio-pci"


def test_gone_while_it_waits(pair):
    """A guest that ends before its devices are free does not get them any more."""
    stack, host = pair
    assign(stack, "first", ONE)
    host.happened()
    open(host.log + ".slow", "w").close()
    asking = Asking(stack)
    asking.release("first")
    asking.assign("second", ONE)
    asking.release("second")
    call(stack, "ListHolders")
    os.unlink(host.log + ".slow")
    answers = asking.wait()
    assert answers[1:] == ["Release", "Release"] and "all devices of domain second were given back" in answers[0]
    assert not holders(stack) and host.driver(ONE) == "igb"


def test_in_the_order_of_a_guest(pair):
    """What a guest asks for after giving all back is not taken from it by what it asked before."""
    stack, host = pair
    assign(stack, "guest", ONE, TWO)
    host.happened()
    open(host.log + ".slow", "w").close()
    asking = Asking(stack)
    asking.release("guest", ONE)
    asking.release("guest")
    asking.assign("guest", TWO)
    call(stack, "ListHolders")
    os.unlink(host.log + ".slow")
    assert asking.wait() == ["Release", "Release", "Assign"]
    assert holders(stack) == [(TWO, "QEMU", "guest")] and host.driver(TWO) == "vfio-pci"


def test_read_only_clients_hand_nothing_over(pair):
    stack, _ = pair
    conn = stack.open(readonly=True)
    with pytest.raises(Exception, match="read only access|denied"):
        conn.nodeDeviceLookupByName(name_of(ONE)).dettach()
    conn.close()


# -- guests

EMULATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nodedev", "vfio_emulator")


@pytest.fixture
def guests(host, make_stack, guest_xml):
    """A function that defines a guest with devices of the host; its stack, and the host."""
    stack = make_stack(options=("--sysfs", host.sysfs))

    def define(name, *devices, plain=True, emulator=EMULATOR):
        stack.define(guest_xml(name, devices="".join(devices), plain=plain).replace(
            "/usr/bin/qemu-system-x86_64", emulator))

    def asked(name):
        """The emulator's options that are JSON, from the guest's log."""
        with open(stack.path("var/log/libvirt/qemu/%s.log" % name)) as f:
            return [json.loads(word) for word in re.findall(r"'(\{.*?\})'", f.read())]
    define.stack, define.host, define.asked = stack, host, asked
    return define


def pci(address, managed="yes"):
    domain, bus, slot, function = re.split("[:.]", address)
    return ("<hostdev mode='subsystem' type='pci'%s><source><address domain='0x%s' bus='0x%s' slot='0x%s' function='0x%s'/>"
            "</source></hostdev>" % (" managed='%s'" % managed if managed else "", domain, bus, slot, function))


def plug(stack, command, guest, xml, *args, **kwargs):
    path = stack.path("device.xml")
    with open(path, "w") as f:
        f.write(xml)
    return stack.virsh(command, guest, path, *args, **kwargs)


def start_plugging(stack, guest, xml):
    """The same for what takes its time."""
    path = stack.path("device.xml")
    with open(path, "w") as f:
        f.write(xml)
    return subprocess.Popen(["virsh", "-q", "attach-device", guest, path, "--live"], env=stack.env, stderr=subprocess.PIPE, text=True)


def comes_back(host, address=ONE):
    wait_for(lambda: host.driver(address) == "igb", 20, "the driver's return to " + address)


def debts(stack):
    try:
        with open(stack.path("run/libvirt/qemu/virtbus-hostdevs")) as f:
            return f.read().split()
    except FileNotFoundError:
        return []


def test_managed(guests):
    guests("vm", pci(ONE), pci(TWO))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    assert host.happened()[-2:] == [("reset", ONE), ("reset", TWO)]
    assert [d["host"] for d in guests.asked("vm") if d.get("driver") == "vfio-pci"] == [ONE, TWO]
    assert holders(stack) == [(ONE, "QEMU", "vm"), (TWO, "QEMU", "vm")] and debts(stack) == ["vm"]
    words = "Requested operation is not valid: PCI device %s is in use by driver QEMU, domain vm" % ONE
    for command in ("nodedev-detach", "nodedev-reattach", "nodedev-reset"):
        assert words in stack.virsh(command, name_of(ONE), check=False).err
    guests("other", pci(ONE))
    assert words in stack.virsh("start", "other", check=False).err
    guests("neighbour", pci(PEER))
    assert words.replace(ONE, TWO) in stack.virsh("start", "neighbour", check=False).err
    assert words in plug(stack, "attach-device", "vm", pci(ONE), "--live", check=False).err
    wait_for(lambda: debts(stack) == ["vm"], 20, "the others' names to go")
    assert host.happened() == [] and holders(stack) == [(ONE, "QEMU", "vm"), (TWO, "QEMU", "vm")]
    stack.virsh("destroy", "vm")
    comes_back(host)
    comes_back(host, TWO)
    wait_for(lambda: not debts(stack) and not holders(stack), 20, "the claims to go")
    stack.virsh("start", "other")
    assert host.driver(ONE) == "vfio-pci"


def test_a_card_of_the_host(guests):
    """<interface type='hostdev'> is kept; no guest gets one yet, and the host's device is not touched for it."""
    bus, slot, function = re.fullmatch(r"0000:(..):(..)\.(.)", ONE).groups()
    card = ("<interface type='hostdev' managed='yes'><mac address='52:54:00:00:00:77'/><source><address type='pci' domain='0' "
            "bus='0x%s' slot='0x%s' function='%s'/></source></interface>" % (bus, slot, function))
    guests("vm", card)
    stack, host = guests.stack, guests.host
    words = "interfaces of type 'hostdev' are not supported"
    assert "<interface type='hostdev' managed='yes'>" in stack.virsh("dumpxml", "vm").out
    assert words in stack.virsh("start", "vm", check=False).err
    guests("other")
    stack.virsh("start", "other")
    assert words in plug(stack, "attach-device", "other", card, "--live", check=False).err
    assert host.happened() == [] and host.driver(ONE) == "igb" and not holders(stack)


def test_a_start_that_fails_gives_back(guests):
    """The real emulator cannot drive a device that is made up."""
    guests("vm", pci(ONE), emulator="/usr/bin/qemu-system-x86_64")
    result = guests.stack.virsh("start", "vm", check=False)
    assert result.status == 1 and "vfio" in result.err, result
    comes_back(guests.host)
    wait_for(lambda: not debts(guests.stack) and not holders(guests.stack), 20, "the claims to go")


def test_not_managed(guests):
    guests("vm", pci(ONE, managed=None))
    stack, host = guests.stack, guests.host
    result = stack.virsh("start", "vm", check=False)
    assert "Requested operation is not valid: Unmanaged PCI device %s must be manually detached from the host" % ONE in result.err
    stack.virsh("nodedev-detach", name_of(ONE))
    stack.virsh("start", "vm")
    assert "in use by driver QEMU, domain vm" in stack.virsh("nodedev-reattach", name_of(ONE), check=False).err
    stack.virsh("destroy", "vm")
    wait_for(lambda: not holders(stack), 20, "the claim to go")
    assert host.driver(ONE) == "vfio-pci"
    stack.virsh("nodedev-reattach", name_of(ONE))
    assert host.driver(ONE) == "igb"


def test_not_there(guests):
    guests("vm", pci("0000:00:1f.5"))
    result = guests.stack.virsh("start", "vm", check=False)
    assert "Device 0000:00:1f.5 not found: could not access /sys/bus/pci/devices/0000:00:1f.5/config" in result.err


def test_a_killed_daemon_knows_who_has_what(guests):
    guests("vm", pci(ONE))
    guests("other", pci(ONE))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    host.happened()
    stack.kill("virtqemud")
    assert "in use by driver QEMU, domain vm" in stack.virsh("start", "other", check=False).err
    stack.kill("virtnodedevd")
    assert "in use by driver QEMU, domain vm" in stack.virsh("start", "other", check=False).err
    assert host.happened() == []
    stack.virsh("destroy", "vm")
    comes_back(host)


def test_a_guest_that_ends_while_nobody_watches(guests):
    """And one that forgot nothing of it: the claims are gone as well."""
    guests("vm", pci(ONE))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    emulator, daemon = stack.emulator_pid("vm"), stack.pid("virtqemud")
    os.kill(daemon, signal.SIGSTOP)
    os.kill(emulator, signal.SIGKILL)
    os.kill(daemon, signal.SIGKILL)
    wait_for(lambda: stack.pid("virtqemud") != daemon, 20, "the end of virtqemud")
    stack.virsh("list")
    comes_back(host)
    wait_for(lambda: not debts(stack) and not holders(stack), 20, "the claims to go")


def test_a_daemon_that_ends_leaves_the_debt(guests):
    """Asked for, and not yet answered when virtqemud is told to end: the next one asks again."""
    guests("vm", pci(ONE))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    open(host.log + ".slow", "w").close()
    stack.virsh("destroy", "vm")
    stack.kill("virtqemud", signal.SIGTERM)
    assert debts(stack) == ["vm"]
    pid = stack.pid("virtnodedevd")
    os.kill(pid, signal.SIGKILL)        # it dies when the driver has let go
    os.unlink(host.log + ".slow")
    wait_for(lambda: stack.pid("virtnodedevd") != pid, 20, "the end of virtnodedevd")
    assert host.driver(ONE) != "igb"
    stack.virsh("list")
    comes_back(host)
    wait_for(lambda: not debts(stack) and not holders(stack), 20, "the claims to go")


def test_debts_that_cannot_be_read(guests):
    """What is owed stays written down, and no guest takes devices, until it can be read again."""
    guests("vm", pci(ONE))
    guests("other", pci(TWO))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    emulator, daemon = stack.emulator_pid("vm"), stack.pid("virtqemud")
    os.kill(daemon, signal.SIGSTOP)
    os.kill(emulator, signal.SIGKILL)
    path = stack.path("run/libvirt/qemu/virtbus-hostdevs")
    with unreadable(path):
        os.kill(daemon, signal.SIGKILL)
        wait_for(lambda: stack.pid("virtqemud") != daemon, 20, "the end of virtqemud")
        words = "cannot read file '%s'" % path
        assert words in stack.virsh("start", "other", check=False).err
        assert words in stack.log("virtqemud")
        assert debts(stack) == ["vm"] and holders(stack) == [(ONE, "QEMU", "vm")] and host.driver(TWO) == "igb"
    stack.virsh("start", "other")
    comes_back(host)
    wait_for(lambda: debts(stack) == ["other"] and holders(stack) == [(TWO, "QEMU", "other")], 20, "the claims to go")


def test_killed_while_it_starts(host, make_stack, guest_xml):
    stack = make_stack(options=("--sysfs", host.sysfs), env={"VIRTBUS_CRASH_AT": "start-begin"})
    stack.define(guest_xml("vm", devices=pci(ONE), plain=True).replace("/usr/bin/qemu-system-x86_64", EMULATOR))
    stack.virsh("start", "vm", check=False)
    comes_back(host)
    assert ("bind", ONE, "vfio-pci") in host.happened()
    wait_for(lambda: not debts(stack) and not holders(stack), 20, "the claims to go")


def test_slow_drivers_delay_nobody(guests):
    guests("vm", pci(ONE))
    guests("quick")
    stack, host = guests.stack, guests.host
    open(host.log + ".slow", "w").close()
    conn = stack.open()
    start = threading.Thread(target=conn.lookupByName("vm").create)
    start.start()
    wait_for(lambda: debts(stack), 20, "the start to reach the device")
    before = time.monotonic()
    stack.virsh("start", "quick")
    assert time.monotonic() - before < 10 and start.is_alive()
    os.unlink(host.log + ".slow")
    start.join(20)
    assert stack.virsh("domstate", "vm").out.strip() == "running"
    conn.close()


def test_plugged_in_vain(guests):
    """What the emulator refuses goes back, and a guest's own failure harms nothing that it has."""
    guests("vm", pci(ONE))
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    result = plug(stack, "attach-device", "vm", pci(TWO), "--live", check=False)
    assert result.status == 1 and "vfio" in result.err, result
    comes_back(host, TWO)
    assert holders(stack) == [(ONE, "QEMU", "vm")] and host.driver(ONE) == "vfio-pci"
    result = plug(stack, "detach-device", "vm", pci(TWO), "--live", check=False)
    assert "device not found: host pci device %s not found" % TWO in result.err, result


@pytest.mark.parametrize("is_held_up", [False, True], ids=["under way", "waiting"])
def test_gone_while_it_is_plugged(guests, is_held_up):
    """A guest that nobody stored ends before its new device is there: the device comes back, and nobody else suffers."""
    guests("bystander")
    stack, host = guests.stack, guests.host
    xml = ET.fromstring(stack.virsh("dumpxml", "bystander").out)
    xml.find("name").text = "passing"
    xml.remove(xml.find("uuid"))
    path = stack.path("passing.xml")
    ET.ElementTree(xml).write(path)
    stack.virsh("create", path)
    daemon = stack.pid("virtqemud")
    open(host.log + ".slow", "w").close()
    conn = stack.open()
    detach = threading.Thread(target=conn.nodeDeviceLookupByName(name_of(ONE)).dettach)
    if is_held_up:
        detach.start()
        wait_for(lambda: "another operation" in stack.virsh("nodedev-reset", name_of(ONE), check=False).err, 20, "the driver")
    attach = start_plugging(stack, "passing", pci(ONE))
    wait_for(lambda: debts(stack) == ["passing"] and (is_held_up or holders(stack)), 20, "the device to be asked for")
    stack.virsh("destroy", "passing")
    assert "passing" not in stack.virsh("list", "--all", "--name").out.split()
    os.unlink(host.log + ".slow")
    _, words = attach.communicate(timeout=20)
    assert attach.returncode == 1 and "domain is not running" in words, words
    if is_held_up:
        detach.join(20)
    conn.close()
    wait_for(lambda: not debts(stack) and not holders(stack), 20, "the claims to go")
    assert host.driver(ONE) == ("vfio-pci" if is_held_up else "igb") and stack.pid("virtqemud") == daemon


def test_not_plugged_without_a_monitor(guests):
    """The emulator could not be told: the device stays where it is."""
    guests("vm")
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    socket, = glob.glob(stack.path("var/lib/libvirt/qemu/domain-*-vm/monitor.sock"))
    os.rename(socket, socket + ".away")
    stack.kill("virtqemud")
    result = plug(stack, "attach-device", "vm", pci(ONE), "--live", check=False)
    assert "operation failed: the monitor of domain 'vm' is not connected" in result.err, result
    assert host.happened() == [] and not debts(stack) and not holders(stack)
    os.rename(socket + ".away", socket)


def test_unplugged(guests):
    guests("vm", pci(ONE), pci(TWO), plain=False)
    stack, host = guests.stack, guests.host
    stack.virsh("start", "vm")
    console = Console(stack.virsh("ttyconsole", "vm").out.strip())
    console.wait_ready()
    console.close()
    plug(stack, "detach-device", "vm", pci(ONE), "--live")
    comes_back(host)
    assert holders(stack) == [(TWO, "QEMU", "vm")]
    assert "0x04" not in re.findall("<source>.*?</source>", stack.virsh("dumpxml", "vm").out, re.DOTALL)[0]
    stack.virsh("destroy", "vm")
    comes_back(host, TWO)


# -- USB, SCSI, mediated devices

UUID = "d069d019-36ea-4111-8f0a-8c9a70e21366"


@pytest.fixture
def others(host, guests):
    tree = host.tree
    for name, vendor, product, device in (("1-1", "1050", "0402", 3), ("1-2", "1050", "0407", 4), ("1-3", "1050", "0407", 5)):
        folder = "/sys/bus/usb/devices/%s/" % name
        for attribute, text in (("idVendor", vendor), ("idProduct", product), ("busnum", "1"), ("devnum", str(device))):
            tree.write(folder + attribute, text + "\n")
    tree.write("/sys/bus/mdev/devices/%s/uevent" % UUID, "")
    tree.write("/sys/bus/scsi/devices/3:0:1:0/scsi_generic/sg7/uevent", "")
    return guests


def usb(source, policy=""):
    return ("<hostdev mode='subsystem' type='usb'><source%s>%s</source></hostdev><controller type='usb' model='piix3-uhci'/>"
            % (policy, source))


def usb_id(product):
    return "<vendor id='0x1050'/><product id='0x%s'/>" % product


SCSI = ("<controller type='scsi' model='virtio-scsi'/><hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host3'/>"
        "<address bus='0' target='%d' unit='0'/></source>%s</hostdev>")
MDEV = "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='%s'/></source></hostdev>"


@pytest.mark.parametrize("xml, words", [
    (usb(usb_id("0999")), "Did not find USB device 1050:0999"),
    (usb("<address bus='9' device='9'/>"), "Did not find USB device bus:9 device:9"),
    (usb(usb_id("0407")), "Multiple USB devices for 1050:407, use <address> to specify one"),
    (SCSI % (9, ""), "SCSI device 'scsi_host3:0:9:0': not found"),
    (MDEV % UUID.replace("d0", "00"), "mediated device '0069%s' not found" % UUID.replace("d0", "00")[4:]),
], ids=("usb", "usb-address", "usb-two", "scsi", "mdev"))
def test_others_not_there(others, xml, words):
    others("vm", xml)
    result = others.stack.virsh("start", "vm", check=False)
    assert result.status == 1 and words in result.err, result


@pytest.mark.parametrize("xml, asked, words", [
    (usb(usb_id("0402")), ("hostdevice", "/dev/bus/usb/001/003"), "USB device 001:003 is in use by driver QEMU, domain first"),
    (SCSI % (1, ""), ("filename", "/dev/sg7"), "SCSI device 3:0:1:0 is already in use by other domain(s) as 'non-shareable'"),
    (MDEV % UUID, ("sysfsdev", "/sys/bus/mdev/devices/" + UUID),
     "mediated device /sys/bus/mdev/devices/%s is in use by driver QEMU, domain first" % UUID),
], ids=("usb", "scsi", "mdev"))
def test_others_belong_to_one(others, xml, asked, words):
    stack = others.stack
    others("first", xml)
    others("second", xml)
    stack.virsh("start", "first")
    assert asked in [item for option in others.asked("first") for item in option.items() if item[0] == asked[0]]
    for _ in range(2):
        result = stack.virsh("start", "second", check=False)
        assert "Requested operation is not valid: " + words in result.err, result
        stack.kill("virtqemud")         # what it knew is in the status file
    stack.virsh("destroy", "first")
    stack.virsh("start", "second")


def test_shared_scsi(others):
    others("first", SCSI % (1, "<shareable/>"))
    others("second", SCSI % (1, "<shareable/>"))
    others("third", SCSI % (1, ""))
    for name in ("first", "second"):
        others.stack.virsh("start", name)
    result = others.stack.virsh("start", "third", check=False)
    assert "in use by other domain(s) as 'shareable'" in result.err, result


def test_optional_usb(others):
    others("vm", usb(usb_id("0999"), " startupPolicy='optional'"))
    others.stack.virsh("start", "vm")
    assert "hostdev" not in others.stack.virsh("dumpxml", "vm").out
    assert "hostdev" in others.stack.virsh("dumpxml", "--inactive", "vm").out


def test_usb_by_ids_is_found_again(others):
    """A running guest's device has an address; detach-device may name the ids alone."""
    others("vm", usb(usb_id("0402")))
    stack = others.stack
    stack.virsh("start", "vm")
    assert re.search("<address bus='1' device='3'/>", stack.virsh("dumpxml", "vm").out)
    result = plug(stack, "detach-device", "vm", usb(usb_id("0999")).partition("<controller")[0], "--live", check=False)
    assert "host usb device vendor=0x1050 product=0x0999 not found" in result.err, result
    plug(stack, "detach-device", "vm", usb(usb_id("0402")).partition("<controller")[0], "--live")
    assert "<hostdev" not in stack.virsh("dumpxml", "vm").out
    others("second", usb(usb_id("0402")))
    stack.virsh("start", "second")
