# SPDX-License-Identifier: LGPL-2.1-or-later
"""The contract of ./dev stack, with daemons of our own making: what a test stands on."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from harness import SLOW, wait_for

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STACK = os.path.join(REPO, "tools", "stack.py")

# Says its process number to everyone who connects; takes the bus name.
DUMMY = textwrap.dedent("""\
    #!/usr/bin/python3
    import os, socket, sys
    if os.path.exists(sys.argv[sys.argv.index("--root") + 1] + "/broken"):
        sys.exit(3)
    assert int(os.environ["LISTEN_PID"]) == os.getpid()
    names = os.environ["LISTEN_FDNAMES"].split(":")
    assert len(names) == int(os.environ["LISTEN_FDS"])
    import gi
    from gi.repository import Gio, GLib
    flags = Gio.DBusConnectionFlags
    bus = Gio.DBusConnection.new_for_address_sync(
        sys.argv[sys.argv.index("--bus") + 1],
        flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
    Gio.bus_own_name_on_connection(bus, "org.virtbus.Qemu", 0, None, None)
    def serve(fd, *_):
        client = listener.accept()[0]
        client.send(b"%s %d" % (names[0].encode(), os.getpid()))
        client.close()
        return True
    listener = socket.socket(fileno=3)
    GLib.io_add_watch(3, GLib.PRIORITY_DEFAULT, GLib.IO_IN, serve)
    GLib.MainLoop().run()
    """)


@pytest.fixture
def dummy_dir(tmp_path):
    path = tmp_path / "virtqemud" / "virtqemud"
    path.parent.mkdir()
    path.write_text(DUMMY)
    path.chmod(0o755)
    return str(tmp_path)


def run(dummy_dir, *args, timeout=30):
    return subprocess.run([sys.executable, STACK, "--build-dir", dummy_dir, *args], text=True,
                          capture_output=True, timeout=timeout * SLOW, check=False)


def ask(root):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10 * SLOW)
        s.connect(root + "/run/virtbus/virtqemud.sock")
        return s.recv(100).decode()


class Held:
    """A stack without a command."""

    def __init__(self, dummy_dir, root):
        self.root = str(root)
        self.process = subprocess.Popen(
            [sys.executable, STACK, "--build-dir", dummy_dir, "--root", self.root, "--hold"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


@pytest.fixture
def held(dummy_dir, tmp_path):
    root = tmp_path / "r"
    root.mkdir()
    with Held(dummy_dir, root) as held:
        yield held


def test_environment_and_status(dummy_dir):
    result = run(dummy_dir, "--", "sh", "-c",
                 'echo "$VIRTBUS_ROOT|$DBUS_SYSTEM_BUS_ADDRESS|$LIBVIRT_DEFAULT_URI"; exit 7')
    assert result.returncode == 7, result.stderr
    root, address, uri = result.stdout.strip().split("|")
    assert address.startswith("unix:path=" + root + "/")
    assert uri == "qemu+unix:///system?socket=%s/run/libvirt/libvirt-sock" % root
    assert not os.path.exists(root), "a temporary root stays"


def test_built_virtbusctl_is_found(dummy_dir):
    path = os.path.join(dummy_dir, "virtbusctl", "virtbusctl")
    os.mkdir(os.path.dirname(path))
    with open(path, "w") as f:
        f.write("#!/bin/sh\necho the built one $1\n")
    os.chmod(path, 0o755)
    assert run(dummy_dir, "--", "virtbusctl", "numa").stdout == "the built one numa\n"


def test_status_of_a_killed_command(dummy_dir):
    assert run(dummy_dir, "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9
    assert run(dummy_dir, "--", "/nonexistent").returncode == 127


def test_given_root_stays(dummy_dir, tmp_path):
    root = tmp_path / "kept"
    assert run(dummy_dir, "--root", str(root), "--", "true").returncode == 0
    assert (root / "log" / "stack.log").exists()


def test_started_by_socket_and_again_after_kill(held):
    name, first = ask(held.root).split()
    assert name == "peer"
    os.kill(int(first), signal.SIGKILL)
    name, second = ask(held.root).split()
    assert second != first


def test_started_by_bus(held):
    out = subprocess.run(
        ["busctl", "--address=unix:path=%s/stack/bus" % held.root, "--timeout=10", "call",
         "org.virtbus.Qemu", "/", "org.freedesktop.DBus.Peer", "Ping"],
        text=True, capture_output=True, timeout=30 * SLOW, check=False)
    assert out.returncode == 0, out.stderr
    assert os.path.exists(held.root + "/stack/virtqemud.pid")


def test_broken_daemon_is_told(held):
    """Whoever waits for a daemon that cannot start is answered, by socket and by bus."""
    open(held.root + "/broken", "w").close()
    assert ask(held.root) == ""
    out = subprocess.run(
        ["busctl", "--address=unix:path=%s/stack/bus" % held.root, "--timeout=20", "call",
         "org.virtbus.Qemu", "/", "org.freedesktop.DBus.Peer", "Ping"],
        text=True, capture_output=True, timeout=10 * SLOW, check=False)
    assert out.returncode != 0 and "timed out" not in out.stderr


def test_one_stack_per_root(held, dummy_dir):
    result = run(dummy_dir, "--root", held.root, "--", "true")
    assert result.returncode != 0 and "another stack" in result.stderr


def test_two_stacks(held, dummy_dir, tmp_path):
    (tmp_path / "second").mkdir()
    with Held(dummy_dir, tmp_path / "second") as other:
        assert ask(held.root) != ask(other.root)


def test_guests_go_with_the_stack(dummy_dir, tmp_path):
    """An emulator that mentions the root goes, whoever started it; another one stays."""
    root = tmp_path / "r"
    os.mkfifo(tmp_path / "started")
    stranger = subprocess.Popen(["bash", "-c", "exec -a qemu-system-fake sleep 60"])
    fake = "print(0, file=open(%r, 'w')); import time; time.sleep(60)" % str(tmp_path / "started")
    script = ("exec -a qemu-system-fake /usr/bin/python3 -c \"%s\" guest=%s/x > /dev/null 2>&1 & "
              "echo $! > %s; cat %s" % (fake, root, tmp_path / "pid", tmp_path / "started"))
    result = run(dummy_dir, "--root", str(root), "--", "bash", "-c", script)
    assert result.returncode == 0, result.stderr
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), 5, "end of the guest")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_termination(dummy_dir, tmp_path):
    root = tmp_path / "r"
    process = subprocess.Popen(
        [sys.executable, STACK, "--build-dir", dummy_dir, "--root", str(root), "--", "sh", "-c",
         "echo go; exec sleep 60"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "go\n"
    process.terminate()
    assert process.wait(20 * SLOW) == 128 + signal.SIGTERM
    process.stdout.close()
