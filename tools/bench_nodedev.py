# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measurements of node devices for bench.py: this machine's own beside libvirtd; 10,000 in a made tree, and memory over
100,000 events, for us alone."""

import contextlib
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

TOOLS = os.path.dirname(os.path.abspath(__file__))
DEVICES, EVENTS = 10000, 100000
OWN_NETWORK = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
               'mount -t sysfs sysfs /sys && exec "$@"', "sh"]


def timed(function, *args):
    began = time.perf_counter_ns()
    function(*args)
    return (time.perf_counter_ns() - began) / 1e6


def read_kib(path, name):
    with open(path) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


class Stack:
    """A stack of our daemons for one measurement."""

    def __init__(self, base, build, options=(), prefix=()):
        self.root = tempfile.mkdtemp(prefix="nodedev.", dir=base)
        self.process = subprocess.Popen(
            [*prefix, sys.executable, os.path.join(TOOLS, "stack.py"), "--root", self.root, "--hold",
             "--build-dir", build, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise RuntimeError("the stack did not start")

    def open(self):
        import libvirt
        return libvirt.open("qemu+unix:///system?socket=%s/run/libvirt/libvirt-sock" % self.root)

    def proc(self, name):
        with open(os.path.join(self.root, "stack/virtnodedevd.pid")) as f:
            return "/proc/%d/%s" % (int(f.read()), name)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)


def make_tree(folder, count):
    """@count PCI functions, as the kernel would show them."""
    config = b"\x86\x80\xc9\x10" + bytes(252)
    for n in range(count):
        address = "%04x:%02x:%02x.%x" % (n >> 16, n >> 8 & 255, n >> 3 & 31, n & 7)
        path = os.path.join(folder, "devices/pci%04x:00" % (n >> 16), address)
        os.makedirs(path)
        with open(path + "/uevent", "w") as f:
            f.write("DRIVER=igb\nPCI_CLASS=20000\nPCI_ID=8086:10C9\nPCI_SLOT_NAME=%s\n" % address)
        with open(path + "/config", "wb") as f:
            f.write(config)
        with open(path + "/numa_node", "w") as f:
            f.write("0\n")
        os.symlink("../../../bus/pci", path + "/subsystem")


def own_devices(server):
    """List and XML of this machine's devices, through virtproxyd or libvirtd."""
    import libvirt
    conn = libvirt.open(server.uri)
    devices = conn.listAllDevices(0)
    out = {"nodedev_list": statistics.median(timed(conn.listAllDevices, 0) for _ in range(20)),
           "nodedev_xml": statistics.median(timed(lambda: [d.XMLDesc(0) for d in devices])
                                            for _ in range(5)) / max(len(devices), 1)}
    conn.close()
    return out


def receive(sock, count):
    parts = []
    while count:
        parts.append(sock.recv(min(count, 1 << 20)))
        count -= len(parts[-1])
    return b"".join(parts)


def managed_objects(path):
    """Milliseconds of each GetManagedObjects on virtnodedevd's own socket, up to the last byte; nothing is decoded."""
    from gi.repository import Gio
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(b"\0AUTH EXTERNAL %s\r\n" % str(os.geteuid()).encode().hex().encode())
        if not sock.recv(1000).startswith(b"OK"):
            raise RuntimeError("virtnodedevd's socket refused us")
        sock.sendall(b"BEGIN\r\n")
        call = Gio.DBusMessage.new_method_call(None, "/org/virtbus/nodedev", "org.freedesktop.DBus.ObjectManager",
                                               "GetManagedObjects")
        call.set_serial(1)
        blob = bytes(call.to_blob(Gio.DBusCapabilityFlags.NONE))

        def ask():
            sock.sendall(blob)
            head = receive(sock, 16)
            body, _serial, fields = struct.unpack("=III", head[4:])
            receive(sock, (fields + 7) // 8 * 8 + body)
            if head[1] != 2:
                raise RuntimeError("GetManagedObjects failed")
        return [timed(ask) for _ in range(10)]


def many_devices(base, build):
    tree = tempfile.mkdtemp(prefix="tree.", dir=base)
    make_tree(tree, DEVICES)
    stack = Stack(base, build, ("--sysfs", tree))
    try:
        conn = stack.open()
        out = {"nodedev_many": timed(conn.numOfDevices, "system")}    # starts the daemon
        devices = conn.listAllDevices(0)
        out["nodedev_many_mem"] = read_kib(stack.proc("status"), "VmHWM") / 1024
        out["nodedev_many_list"] = statistics.median(timed(conn.listAllDevices, 0) for _ in range(10))
        out["nodedev_many_xml"] = statistics.median(timed(d.XMLDesc, 0) for d in devices[:500])
        out["nodedev_many_objects"] = statistics.median(
            managed_objects(os.path.join(stack.root, "run/virtbus/virtnodedevd.sock")))
        conn.close()
        return out
    finally:
        stack.close()
        shutil.rmtree(tree, ignore_errors=True)


def memory(base, build):
    """Idle, and how much more after events of a device that goes and comes."""
    stack = Stack(base, build, prefix=OWN_NETWORK)
    try:
        conn = stack.open()
        conn.numOfDevices("system")
        time.sleep(1)
        idle = read_kib(stack.proc("smaps_rollup"), "Pss") / 1024
        marks = []
        script = ("i=0; while [ $i -lt %d ]; do echo remove > /sys/class/net/lo/uevent;"
                  " echo add > /sys/class/net/lo/uevent; i=$((i+1)); done" % (EVENTS // 4))
        for _ in range(2):    # the first half fills the event log
            subprocess.run(["nsenter", "--net", "--mount", "--target", str(stack.process.pid), "sh", "-c",
                            script], check=True)
            while conn.numOfDevices("net") != 1:
                time.sleep(0.1)
            time.sleep(1)
            marks.append(read_kib(stack.proc("smaps_rollup"), "Pss") / 1024)
        conn.close()
        return {"nodedev_idle": idle, "nodedev_growth": marks[1] - marks[0]}
    finally:
        stack.close()


def measure(server, build):
    out = own_devices(server)
    if server.name == "virtbus":
        base = os.path.dirname(server.root)
        out.update(many_devices(base, build))
        if os.geteuid() == 0:
            out.update(memory(base, build))
    return out


ROWS = (
    ("nodedev_list", "ms", "node devices of this machine: list", "≤ 1.0 ×"),
    ("nodedev_xml", "ms", "the same: XML of one", "≤ 1.0 ×"),
    ("nodedev_many", "ms", "10,000 node devices: first answer of a daemon that does not run yet", "≤ 1500 ms"),
    ("nodedev_many_mem", "MiB", "the same: most memory (RSS)", "≤ 40 MiB"),
    ("nodedev_many_list", "ms", "the same: list", "≤ 30 ms"),
    ("nodedev_many_xml", "ms", "the same: XML of one", "≤ 1 ms"),
    ("nodedev_many_objects", "ms", "the same: GetManagedObjects, all properties of all, on its own socket", "≤ 100 ms"),
    ("nodedev_idle", "MiB", "virtnodedevd, memory (PSS), idle", "≤ 6 MiB"),
    ("nodedev_growth", "MiB", "the same: growth over 50,000 further events of devices that come and go", "0"),
)
