# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests drive: a running stack, its clients, its signals, a guest's console."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib    # noqa: E402

import guest as guest_tool             # noqa: E402

TOOLS = os.path.dirname(os.path.abspath(guest_tool.__file__))
# Programs built with sanitizers, and emulated guests, on a machine that does other work too.
SLOW = float(os.environ.get("VIRTBUS_TEST_SLOW", "1"))
BAD_LOG = re.compile(r"CRITICAL|AddressSanitizer|LeakSanitizer|runtime error:|g_assert|ERROR:")

QEMU, ROOT_PATH = "org.virtbus.Qemu", "/org/virtbus/qemu"
HYPERVISOR, DOMAIN = "org.virtbus.Hypervisor1", "org.virtbus.Domain1"


def wait_for(condition, timeout=10, what=None):
    """Polls @condition until it is true and returns its value; the deadline is an error."""
    end = time.monotonic() + timeout * SLOW
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError("no %s within %g s" % (what or "condition", timeout * SLOW))
        pause.wait(0.01)


class Result:
    """What a client program said."""

    def __init__(self, process, seconds):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.seconds = seconds

    def __repr__(self):
        return "status %d\n%s%s" % (self.status, self.out, self.err)


class Stack:
    """Daemons below a fresh root, kept by tools/stack.py in a process of its own."""

    def __init__(self, build_dir, root=None, options=(), env=None, prefix=()):
        for program in ("virtqemud", "virtnodedevd", "virtproxyd"):
            path = os.path.join(build_dir, program, program)
            if not os.access(path, os.X_OK):
                raise RuntimeError("%s is not built" % path)
        self.is_temporary = root is None
        self.root = root or tempfile.mkdtemp(prefix="vbt.")
        self.process = subprocess.Popen(
            [*prefix, sys.executable, os.path.join(TOOLS, "stack.py"), "--root", self.root,
             "--build-dir", build_dir, "--hold", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, **(env or {})))
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the stack did not start")
        self.environment = json.loads(line)
        self.address = self.environment["DBUS_SYSTEM_BUS_ADDRESS"]
        self.uri = self.environment["LIBVIRT_DEFAULT_URI"]
        self.env = dict(os.environ, **self.environment)
        self._recorders = []

    def close(self):
        """Stops everything and keeps what check_logs() needs."""
        for recorder in self._recorders:
            recorder.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.logs = {name: self.log(name) for name in self.log_names()}
            if self.is_temporary:
                shutil.rmtree(self.root, ignore_errors=True)

    def check_logs(self):
        """A daemon that crashed or complained about itself fails the test that made it so."""
        for name, text in self.logs.items():
            if name in ("bus", "stack"):
                continue
            bad = [line for line in text.splitlines() if BAD_LOG.search(line)]
            assert not bad, "%s: %s" % (name, "\n".join(bad[:20]))
        # 9 and 15 come from outside: from a test, or from the stack when it ends
        ends = re.findall(r"ended: signal (?!9$|15$)\d+$", self.logs.get("stack", ""), re.MULTILINE)
        assert not ends, self.logs["stack"]

    # -- files

    def path(self, name):
        """The file that a daemon knows as the absolute path @name."""
        return os.path.join(self.root, name.lstrip("/"))

    def log_names(self):
        with contextlib.suppress(FileNotFoundError):
            return [n[:-4] for n in os.listdir(self.path("log")) if n.endswith(".log")]
        return []

    def log(self, name):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("log/%s.log" % name), errors="replace") as f:
                return f.read()
        return ""

    # -- processes

    def pid(self, name):
        """The daemon's process, 0 without one."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(self.path("stack/%s.pid" % name)) as f:
                return int(f.read())
        return 0

    def kill(self, name, number=signal.SIGKILL):
        """Ends a daemon and waits for its end. It comes back on the next use."""
        pid = self.pid(name)
        assert pid, "%s does not run" % name
        os.kill(pid, number)
        wait_for(lambda: self.pid(name) != pid, 10, "end of " + name)

    def emulator_pid(self, name):
        """The emulator of guest @name, 0 without one."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            with open(self.path("run/libvirt/qemu/%s.pid" % name)) as f:
                pid = int(f.read())
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
            if b"qemu-" in words[0] and any(b"guest=%s" % name.encode() in w for w in words):
                return pid
        return 0

    def stop_emulator(self, name):
        """Stops the emulator's process (SIGSTOP), which must exist; returns its number."""
        pid = self.emulator_pid(name)
        assert pid > 0, "no emulator of " + name      # 0 would be our own process group
        os.kill(pid, signal.SIGSTOP)
        return pid

    # -- clients

    def run(self, *argv, timeout=20, check=True, stdin=None):
        """Runs a program in the stack's environment."""
        began = time.monotonic()
        process = subprocess.run(argv, env=self.env, text=True, capture_output=True,
                                 timeout=timeout * SLOW, check=False, input=stdin)
        result = Result(process, time.monotonic() - began)
        if check:
            assert result.status == 0, "%s: %r" % (" ".join(argv), result)
        return result

    def virsh(self, *args, **kwargs):
        """Stock virsh; returns its Result."""
        return self.run("virsh", "-q", *args, **kwargs)

    def busctl(self, *args, **kwargs):
        """Stock busctl on the private bus."""
        return self.run("busctl", "--timeout=10", *args, **kwargs)

    def define(self, xml):
        """Defines a guest through virsh."""
        with tempfile.NamedTemporaryFile("w", suffix=".xml", dir=self.root) as f:
            f.write(xml)
            f.flush()
            os.chmod(f.name, 0o644)
            self.virsh("define", f.name)

    def open(self, readonly=False, name="libvirt-sock"):
        """A python3-libvirt connection."""
        import libvirt
        libvirt.registerErrorHandler(lambda *_: None, None)
        path = self.path("run/libvirt/%s%s" % (name, "-ro" if readonly else ""))
        uri = "qemu+unix:///system?socket=" + path
        return libvirt.openReadOnly(uri) if readonly else libvirt.open(uri)

    # -- D-Bus

    def bus(self):
        """A new connection to the private bus."""
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        return Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)

    def call(self, path, method, args=None, name=QEMU, timeout=20, connection=None):
        """Calls "INTERFACE.Method" with a GLib.Variant tuple; returns a Python tuple."""
        interface, _, member = method.rpartition(".")
        reply = (connection or self.bus()).call_sync(
            name, path, interface, member, args, None, Gio.DBusCallFlags.NONE,
            int(timeout * SLOW * 1000), None)
        return reply.unpack()

    def get(self, path, interface, member, name=QEMU):
        """One property."""
        return self.call(path, "org.freedesktop.DBus.Properties.Get",
                         GLib.Variant("(ss)", (interface, member)), name)[0]

    def domain(self, name):
        """The object path of guest @name."""
        return self.call(ROOT_PATH, HYPERVISOR + ".LookupDomainByName",
                         GLib.Variant("(s)", (name,)))[0]

    def record(self, **match):
        """Records signals of virtqemud (or sender=NAME) from now on."""
        self._recorders.append(Recorder(self.address, **match))
        return self._recorders[-1]

    # -- guests

    def console(self, name):
        """The serial console of a running guest, through its pseudo-terminal."""
        tree = ET.fromstring(self.virsh("dumpxml", name).out)
        return Console(tree.find("devices/serial/source").get("path"))


class Recorder:
    """Signals in the order of their arrival, as (path, interface, member, args)."""

    def __init__(self, address, sender=QEMU, interface=None, member=None):
        self.records = []
        self.changed = threading.Condition()
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop(self.context)
        ready = threading.Event()
        self.thread = threading.Thread(
            target=self._run, args=(address, sender, interface, member, ready), daemon=True)
        self.thread.start()
        assert ready.wait(10), "no connection to the bus"

    def _run(self, address, sender, interface, member, ready):
        self.context.push_thread_default()
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.connection.signal_subscribe(sender, interface, member, None, None,
                                         Gio.DBusSignalFlags.NONE, self._on_signal)
        # a round trip: the bus has the subscription once this is answered
        self.connection.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId",
                                  None, None, Gio.DBusCallFlags.NONE, 10000, None)
        ready.set()
        self.loop.run()

    def _on_signal(self, _connection, _sender, path, interface, member, args):
        with self.changed:
            self.records.append((path, interface, member, args.unpack()))
            self.changed.notify_all()

    def wait_for(self, predicate, timeout=10, what="signal"):
        """The first record for which predicate(path, interface, member, args) is true."""
        end = time.monotonic() + timeout * SLOW
        seen = 0
        with self.changed:
            while True:
                for record in self.records[seen:]:
                    if predicate(*record):
                        return record
                seen = len(self.records)
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise TimeoutError("no %s within %g s; seen: %r"
                                       % (what, timeout * SLOW, self.records))

    def close(self):
        self.loop.quit()
        self.thread.join(5)
        with contextlib.suppress(GLib.Error):
            self.connection.close_sync(None)


@contextlib.contextmanager
def run_event_loop():
    """libvirt's own event loop in a thread, for as long as the block lasts. Beside it, a stream that blocks may miss what
    the loop has received for it: the client library's race."""
    import libvirt      # pylint: disable=import-outside-toplevel
    libvirt.virEventRegisterDefaultImpl()
    is_running = threading.Event()
    is_running.set()
    timer = libvirt.virEventAddTimeout(50, lambda *_: None, None)

    def run():
        while is_running.is_set():
            libvirt.virEventRunDefaultImpl()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_running.clear()
        thread.join(10)
        libvirt.virEventRemoveTimeout(timer)


class Console:
    """The guest's end of a terminal: the small guest of tools/guest.py answers on it."""

    def __init__(self, path=None, fd=None):
        self.fd = fd if path is None else os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.set_blocking(self.fd, False)
        self.text = ""

    def wait_for(self, mark, timeout=40):
        """Reads until @mark; returns what came before and drops it."""
        end = time.monotonic() + timeout * SLOW
        while mark not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError("no %r on the console; seen: %r" % (mark, self.text[-2000:]))
            try:
                data = os.read(self.fd, 4096)
            except (BlockingIOError, OSError):
                data = b""
            if not data:
                raise EOFError("console closed; seen: %r" % self.text[-2000:])
            self.text += data.decode(errors="replace")
        before, _, self.text = self.text.partition(mark)
        return before

    def wait_ready(self, timeout=60):
        self.wait_for(guest_tool.READY, timeout)
        self.wait_for("\n", timeout)

    def send(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def run(self, line, timeout=20):
        """Runs a command in the guest; returns (status, output)."""
        self.send(line)
        out = self.wait_for(guest_tool.DONE, timeout)
        return int(self.wait_for("\n", timeout)), out

    def close(self):
        os.close(self.fd)
