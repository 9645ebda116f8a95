# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit's authority as far as a daemon asks it, with answers that a test decides."""

import threading

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib    # noqa: E402

NAME, PATH = "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority"
INTERFACE = "org.freedesktop.PolicyKit1.Authority"
XML = """<node><interface name="%s">
  <method name="CheckAuthorization">
    <arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/>
    <arg type="a{ss}" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
    <arg type="(bba{ss})" direction="out"/>
  </method>
  <signal name="Changed"/>
</interface></node>""" % INTERFACE
MONITOR, MANAGE = "org.libvirt.unix.monitor", "org.libvirt.unix.manage"

# what CheckAuthorization answers: is authorized, is a challenge, details
YES, NO, CHALLENGE = (True, False, {}), (False, False, {}), (False, True, {})
DISMISSED = (False, True, {"polkit.dismissed": "true"})


class Polkit:
    """Owns polkit's name on a bus until closed. @answers: action to answer; others are refused."""

    def __init__(self, address):
        self.answers = {}
        self.asked = []              # (kind of subject, its details, action)
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop(self.context)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(address,), daemon=True)
        self.thread.start()
        assert self.ready.wait(10), "no connection to the bus"

    def _run(self, address):
        self.context.push_thread_default()
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.connection.register_object(
            PATH, Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], self._on_call, None, None)
        self.connection.call_sync(
            "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", (NAME, 0)), None, Gio.DBusCallFlags.NONE, 10000, None)
        self.ready.set()
        self.loop.run()

    def _on_call(self, _connection, _sender, _path, _interface, _method, args, invocation):
        (kind, details), action = args.unpack()[:2]
        self.asked.append((kind, details, action))
        answer = self.answers.get(action, NO)
        if answer is not None:       # None: the user takes a long time
            invocation.return_value(GLib.Variant("((bba{ss}))", (answer,)))

    def change(self, **answers):
        """New rules: polkit tells everybody that what it said before no longer holds."""
        self.answers = {"org.libvirt.unix." + name: answer for name, answer in answers.items()}
        self.connection.emit_signal(None, PATH, INTERFACE, "Changed", None)
        self.connection.flush_sync(None)

    def close(self):
        self.loop.quit()
        self.thread.join(5)
        self.connection.close_sync(None)
