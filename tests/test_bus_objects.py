# SPDX-License-Identifier: LGPL-2.1-or-later
"""virtqemud's objects over its private socket and the bus: who may do what, and what a change says."""

import os
import signal

import pytest
from gi.repository import Gio, GLib

from harness import DOMAIN, HYPERVISOR, ROOT_PATH, wait_for

PROPERTIES = "org.freedesktop.DBus.Properties"
PEER = "org.virtbus.Peer1"
START_AUTODESTROY = 2        # virDomainCreateFlags
XML_SECURE = 1               # virDomainXMLFlags


@pytest.fixture
def guest(stack, guest_xml):
    """A stack with one guest that need not boot; (stack, its object path)."""
    stack.define(guest_xml(plain=True))
    return stack, stack.domain("guest")


def peer(stack, **identity):
    """A connection to the private socket, speaking for somebody if @identity is given."""
    address = "unix:path=" + stack.path("run/virtbus/virtqemud.sock")
    connection = Gio.DBusConnection.new_for_address_sync(
        address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
    if identity:
        types = {"uid": "u", "pid": "u", "readonly": "b", "remote": "s"}
        values = {k: GLib.Variant(types[k], v) for k, v in identity.items()}
        stack.call(ROOT_PATH, PEER + ".Identify", GLib.Variant("(a{sv})", (values,)),
                   name=None, connection=connection)
    return connection


def error_of(function, *args, **kwargs):
    """(D-Bus error name, message) of a call that fails."""
    with pytest.raises(GLib.Error) as info:
        function(*args, **kwargs)
    name = Gio.DBusError.get_remote_error(info.value)
    return name, info.value.message.partition("%s: " % name)[2]


def test_readonly_peer_may_look_and_no_more(guest):
    stack, path = guest
    link = peer(stack, uid=0, readonly=True)
    assert stack.call(path, DOMAIN + ".GetInfo", name=None, connection=link)[0] == 5
    for method, args in (("Create", GLib.Variant("(u)", (0,))),
                         ("Undefine", GLib.Variant("(u)", (0,)))):
        name, text = error_of(stack.call, path, DOMAIN + "." + method, args,
                              name=None, connection=link)
        assert name == "org.virtbus.Error.OperationDenied"
        assert text == "operation forbidden: read only access prevents " + method
    name, text = error_of(stack.call, path, DOMAIN + ".GetXml", GLib.Variant("(u)", (XML_SECURE,)),
                          name=None, connection=link)
    assert (name, text) == ("org.virtbus.Error.OperationDenied",
                            "operation forbidden: virDomainGetXMLDesc with secure flag")
    assert stack.get(path, DOMAIN, "Persistent") is True


def test_stranger_is_denied(guest):
    stack, path = guest
    link = peer(stack, uid=54321, pid=os.getpid(), readonly=False, remote="unix")
    name, _ = error_of(stack.call, path, DOMAIN + ".GetInfo", name=None, connection=link)
    assert name in ("org.virtbus.Error.AccessDenied", "org.virtbus.Error.AuthUnavailable",
                    "org.virtbus.Error.AuthFailed")
    assert stack.get(path, DOMAIN, "Active") is False


def test_autodestroy_ends_with_the_connection(guest):
    stack, path = guest
    link = peer(stack)
    stack.call(path, DOMAIN + ".Create", GLib.Variant("(u)", (START_AUTODESTROY,)), name=None,
               connection=link)
    assert stack.get(path, DOMAIN, "Active") is True
    link.close_sync(None)
    wait_for(lambda: not stack.get(path, DOMAIN, "Active"), 20, "end of the guest")


def test_autodestroy_outlives_the_daemon(guest):
    """The daemon's end is no client's going: it ends cleanly, and the guest goes on."""
    stack, path = guest
    link = peer(stack)
    stack.call(path, DOMAIN + ".Create", GLib.Variant("(u)", (START_AUTODESTROY,)), name=None,
               connection=link)
    stack.kill("virtqemud", signal.SIGTERM)
    assert "virtqemud: pid" in stack.log("stack") and "ended: status 0" in stack.log("stack")
    assert link.is_closed() and stack.emulator_pid("guest") > 0
    assert stack.get(path, DOMAIN, "Active") is True


def test_autostart_is_a_property(guest):
    stack, path = guest
    recorder = stack.record(interface=PROPERTIES)
    stack.call(path, PROPERTIES + ".Set",
               GLib.Variant("(ssv)", (DOMAIN, "Autostart", GLib.Variant("b", True))))
    changed = recorder.wait_for(lambda p, i, m, a: p == path and "Autostart" in a[1])
    assert changed[3][1]["Autostart"] is True
    assert os.path.islink(stack.path("etc/libvirt/qemu/autostart/guest.xml"))
    assert "enable" in stack.virsh("dominfo", "guest").out


def test_last_error_has_structure(guest):
    stack, path = guest
    bus = stack.bus()
    assert stack.call(ROOT_PATH, HYPERVISOR + ".GetLastError", connection=bus) == ({},)
    error_of(stack.call, path, DOMAIN + ".Destroy", GLib.Variant("(u)", (0,)), connection=bus)
    error = stack.call(ROOT_PATH, HYPERVISOR + ".GetLastError", connection=bus)[0]
    assert error["code"] == 55 and error["name"] == "org.virtbus.Error.OperationInvalid"
    assert error["message"] == "Requested operation is not valid: domain is not running"


def test_object_that_is_gone_is_no_domain(guest):
    stack, path = guest
    stack.virsh("undefine", "guest")
    name, text = error_of(stack.call, path, DOMAIN + ".GetInfo")
    assert name == "org.virtbus.Error.NoDomain"
    assert text.startswith("Domain not found: no domain with matching uuid '")


def test_bad_arguments_have_libvirts_words(guest):
    stack, path = guest
    name, text = error_of(stack.call, ROOT_PATH, HYPERVISOR + ".LookupDomainByUuid",
                          GLib.Variant("(s)", ("nonsense",)))
    assert name == "org.virtbus.Error.InvalidArg"
    name, text = error_of(stack.call, ROOT_PATH, HYPERVISOR + ".DomainXmlToNative",
                          GLib.Variant("(ssu)", ("nonsense", "<domain/>", 0)))
    assert (name, text) == ("org.virtbus.Error.InvalidArg",
                            "invalid argument: unsupported config type nonsense")
    name, text = error_of(stack.call, path, DOMAIN + ".SendKey",
                          GLib.Variant("(uuauu)", (0, 0, [30] * 17, 0)))
    assert name == "org.virtbus.Error.InvalidArg"
    name, text = error_of(stack.call, ROOT_PATH, HYPERVISOR + ".GetAllDomainStats",
                          GLib.Variant("(aouu)", (["/org/example"], 0, 0)))
    assert name == "org.virtbus.Error.InvalidArg"


def test_native_command_line(stack, guest_xml):
    xml = guest_xml(plain=True)
    config = stack.call(ROOT_PATH, HYPERVISOR + ".DomainXmlToNative",
                        GLib.Variant("(ssu)", ("qemu-argv", xml, 0)))[0]
    assert "/usr/bin/qemu-system-x86_64" in config and "-name guest=guest" in config
    assert stack.virsh("list", "--all", "--name").out.strip() == ""


def test_transient_guest_comes_and_goes(stack, guest_xml):
    recorder = stack.record(interface="org.freedesktop.DBus.ObjectManager")
    path = stack.call(ROOT_PATH, HYPERVISOR + ".CreateDomain",
                      GLib.Variant("(su)", (guest_xml(plain=True), 0)))[0]
    assert stack.get(path, DOMAIN, "Persistent") is False
    assert stack.get(path, DOMAIN, "StateName") == "running"
    assert stack.get(path, DOMAIN, "Pid") > 0
    stack.call(path, DOMAIN + ".Destroy", GLib.Variant("(u)", (0,)))
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesRemoved" and a[0] == path)
    name, _ = error_of(stack.call, path, DOMAIN + ".GetInfo")
    assert name == "org.virtbus.Error.NoDomain"
