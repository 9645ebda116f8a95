# SPDX-License-Identifier: LGPL-2.1-or-later
"""The native API as its own users meet it: busctl, gdbus, signals, descriptors."""

import os
import xml.etree.ElementTree as ET

import pytest
from gi.repository import Gio, GLib

from harness import DOMAIN, HYPERVISOR, QEMU, ROOT_PATH, Console, wait_for

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROPERTIES = "org.freedesktop.DBus.Properties"
MANAGER = "org.freedesktop.DBus.ObjectManager"


@pytest.fixture
def defined(stack, guest_xml):
    """A stack with one guest that need not boot; (stack, its object path)."""
    stack.define(guest_xml(plain=True))
    return stack, stack.domain("guest")


def members(node, interface):
    found = node.find("interface[@name='%s']" % interface)
    return {(e.tag, e.get("name")) for e in found if e.tag in ("method", "property", "signal")}


@pytest.mark.parametrize("interface", [HYPERVISOR, DOMAIN])
def test_introspection_is_the_contract(defined, interface):
    stack, path = defined
    text = stack.call(ROOT_PATH if interface == HYPERVISOR else path,
                      "org.freedesktop.DBus.Introspectable.Introspect")[0]
    wanted = ET.parse("%s/dbus/%s.xml" % (REPO, interface)).getroot()
    assert members(ET.fromstring(text), interface) == members(wanted, interface)


def test_tree_and_introspect(defined):
    stack, path = defined
    assert path in stack.busctl("tree", "--list", QEMU).out.split()
    assert ".StateName" in stack.busctl("introspect", "--no-legend", QEMU, path).out
    assert "shutoff" in stack.busctl("get-property", QEMU, path, DOMAIN, "StateName").out


def test_managed_objects_are_everything(defined):
    stack, path = defined
    objects = stack.call(ROOT_PATH, MANAGER + ".GetManagedObjects")[0]
    domain = objects[path][DOMAIN]
    assert domain["Name"] == "guest" and domain["Active"] is False and domain["Id"] == -1
    wanted = ET.parse("%s/dbus/%s.xml" % (REPO, DOMAIN)).getroot()
    assert set(domain) == {n for t, n in members(wanted, DOMAIN) if t == "property"}


def test_objects_come_and_go_with_signals(stack, guest_xml):
    stack.virsh("list")
    recorder = stack.record(interface=MANAGER)
    stack.define(guest_xml(plain=True))
    added = recorder.wait_for(lambda p, i, m, a: m == "InterfacesAdded")
    assert added[3][1][DOMAIN]["Name"] == "guest"
    stack.virsh("undefine", "guest")
    removed = recorder.wait_for(lambda p, i, m, a: m == "InterfacesRemoved")
    assert removed[3][0] == added[3][0] and DOMAIN in removed[3][1]


def test_state_changes_are_signalled_before_the_reply(defined):
    """On one connection the signal leaves the daemon before the reply of the call."""
    stack, path = defined
    connection = stack.bus()
    order = []
    connection.signal_subscribe(QEMU, PROPERTIES, "PropertiesChanged", path, None,
                                Gio.DBusSignalFlags.NONE,
                                lambda *a: order.append(a[5].unpack()[1]))
    done = []
    connection.call(QEMU, path, DOMAIN, "Create", GLib.Variant("(u)", (0,)), None,
                    Gio.DBusCallFlags.NONE, 30000, None,
                    lambda c, r: (c.call_finish(r), done.append(len(order))))
    context = GLib.MainContext.default()
    wait_for(lambda: context.iteration(False) and False or done, 30, "reply")
    changed = {}
    for values in order[:done[0]]:
        changed.update(values)
    assert changed["StateName"] == "running" and changed["Active"] is True


def test_errors_have_names(defined):
    stack, path = defined
    with pytest.raises(GLib.Error) as info:
        stack.call(path, DOMAIN + ".Shutdown", GLib.Variant("(u)", (0,)))
    assert Gio.DBusError.get_remote_error(info.value) == "org.virtbus.Error.OperationInvalid"
    assert "Requested operation is not valid: domain is not running" in info.value.message
    with pytest.raises(GLib.Error) as info:
        stack.domain("nobody")
    assert Gio.DBusError.get_remote_error(info.value) == "org.virtbus.Error.NoDomain"


def test_wrong_arguments_are_refused(defined):
    stack, path = defined
    with pytest.raises(GLib.Error) as info:
        stack.call(path, DOMAIN + ".Create", GLib.Variant("(s)", ("x",)))
    assert "InvalidArgs" in Gio.DBusError.get_remote_error(info.value)
    with pytest.raises(GLib.Error) as info:
        stack.call(path, DOMAIN + ".NoSuchMethod")
    assert "UnknownMethod" in Gio.DBusError.get_remote_error(info.value)


def test_console_is_a_descriptor(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    reply, fds = stack.bus().call_with_unix_fd_list_sync(
        QEMU, stack.domain("guest"), DOMAIN, "OpenConsole", GLib.Variant("(su)", ("", 0)), None,
        Gio.DBusCallFlags.NONE, 20000, None, None)
    console = Console(fd=fds.get(reply.unpack()[0]))
    console.wait_ready()
    assert console.run("true")[0] == 0
    console.close()


def test_events_survive_the_daemon(stack, guest_xml):
    """Sequence numbers go on, in one epoch, and EventsSince has what was sent."""
    stack.define(guest_xml(plain=True))
    recorder = stack.record(interface=HYPERVISOR, member="Event")
    epoch = stack.get(ROOT_PATH, HYPERVISOR, "EventEpoch")
    begin = stack.get(ROOT_PATH, HYPERVISOR, "EventSequence")
    for _ in range(3):
        stack.virsh("start", "guest")
        # virsh has its answer on another connection: what was signalled on the bus has left before this one's answer
        stack.get(ROOT_PATH, HYPERVISOR, "EventSequence")
        stack.kill("virtqemud")
        stack.virsh("destroy", "guest")
    last = stack.get(ROOT_PATH, HYPERVISOR, "EventSequence")
    assert stack.get(ROOT_PATH, HYPERVISOR, "EventEpoch") == epoch
    resync, _, events = stack.call(ROOT_PATH, HYPERVISOR + ".EventsSince",
                                   GLib.Variant("(st)", (epoch, begin)))
    assert not resync
    assert [e[0] for e in events] == list(range(begin + 1, last + 1))
    recorder.wait_for(lambda p, i, m, a: a[0] == last)
    assert [r[3][0] for r in recorder.records] == list(range(begin + 1, last + 1))
    lifecycle = [e[3]["event"] for e in events if e[1] == "lifecycle"]
    started, stopped = 2, 5       # VIR_DOMAIN_EVENT_STARTED, _STOPPED
    assert [x for x in lifecycle if x in (started, stopped)] == [started, stopped] * 3


def test_gap_is_a_resync(stack):
    resync, epoch, events = stack.call(ROOT_PATH, HYPERVISOR + ".EventsSince",
                                       GLib.Variant("(st)", ("another-epoch", 5)))
    assert resync and epoch == stack.get(ROOT_PATH, HYPERVISOR, "EventEpoch")
