#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots a real Linux guest and shows it through virsh and D-Bus, step by step."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import guest

TOOLS = os.path.dirname(os.path.abspath(__file__))
NAME = "demo"
BUS, ROOT_PATH = "org.virtbus.Qemu", "/org/virtbus/qemu"
DOMAIN = "org.virtbus.Domain1"
STEP_S, BOOT_S = 30, 120

DEFINITION = """<domain type='{type}'>
  <name>demo</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <serial type='pty'/>
    <console type='pty'><target type='serial'/></console>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""


class Failed(Exception):
    """A step did not do what it is there to show."""


class Terminal:
    """The guest's serial console."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.text = ""

    def wait_for(self, mark, limit_s):
        end = time.monotonic() + limit_s
        while mark not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failed("no %r on the console; it said: %r" % (mark, self.text[-500:]))
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                raise Failed("the console closed; it said: %r" % self.text[-500:])
            self.text += data.decode(errors="replace")
        before, _, self.text = self.text.partition(mark)
        return before

    def run(self, line):
        os.write(self.fd, line.encode() + b"\n")
        text = self.wait_for(guest.DONE, STEP_S)
        self.wait_for("\n", STEP_S)
        return text


def step(text):
    print("\n\033[1m== %s\033[0m" % text if sys.stdout.isatty() else "\n== %s" % text,
          flush=True)


def run(*argv, lines=None, show=True):
    """Runs a command, shows it and its answer, returns the answer."""
    if show:
        print("$ " + " ".join(argv), flush=True)
    result = subprocess.run(argv, text=True, capture_output=True, timeout=STEP_S, check=False)
    out = [line for line in result.stdout.split("\n") if line.strip()]
    if show:
        for line in out[:lines]:
            print("  " + line)
        if lines and len(out) > lines:
            print("  ... (%d lines more)" % (len(out) - lines))
        sys.stdout.flush()
    if result.returncode:
        raise Failed("%s: %s" % (" ".join(argv), result.stderr.strip()))
    return result.stdout


def virsh(*args, **kwargs):
    return run("virsh", "-q", *args, **kwargs)


def wait_state(state, limit_s):
    end = time.monotonic() + limit_s
    while virsh("domstate", NAME, show=False).strip() != state:
        if time.monotonic() > end:
            raise Failed("the guest is not %r after %d s" % (state, limit_s))
        select.select([], [], [], 0.1)


def domain_path():
    out = run("busctl", "call", BUS, ROOT_PATH, "org.virtbus.Hypervisor1", "LookupDomainByName",
              "s", NAME)
    return out.split('"')[1]


def emulator_pid(path):
    return int(run("busctl", "get-property", BUS, path, DOMAIN, "Pid").split()[1])


def show_definition(root):
    step("Define a guest: Debian's kernel and a small initrd, as any libvirt client would")
    kernel, initrd = guest.build()
    capabilities = ET.fromstring(virsh("capabilities", show=False))
    types = {d.get("type") for g in capabilities.iter("guest") for d in g.iter("domain")
             if g.find("arch").get("name") == "x86_64"}
    kind = "kvm" if "kvm" in types else "qemu"
    print("acceleration: %s" % ("KVM" if kind == "kvm" else "none that works here, emulation"))
    path = os.path.join(root, "demo.xml")
    with open(path, "w") as f:
        f.write(DEFINITION.format(type=kind, kernel=kernel, initrd=initrd,
                                  cmdline=guest.CMDLINE))
    virsh("define", path)
    print("stored below the private root, fsynced before the answer:")
    run("ls", "-l", os.path.join(root, "etc/libvirt/qemu", NAME + ".xml"))


def show_boot():
    step("Start it, and read its console")
    virsh("start", NAME)
    tree = ET.fromstring(virsh("dumpxml", NAME, show=False))
    path = tree.find("devices/serial/source").get("path")
    print("console: %s" % path)
    terminal = Terminal(path)
    terminal.wait_for(guest.READY, BOOT_S)
    print("  | %s%s" % (guest.READY, terminal.wait_for("\n", STEP_S).rstrip()))
    for command in ("uname -a", "head -1 /proc/meminfo"):
        print("  guest# " + command)
        print("  | " + terminal.run(command).strip())
    return terminal


def show_clients():
    step("Look at it with stock virsh")
    virsh("list", "--all")
    virsh("dominfo", NAME)
    virsh("domstats", "--state", "--cpu-total", "--balloon", "--vcpu", NAME)


def show_bus():
    step("The same over D-Bus")
    path = domain_path()
    run("busctl", "tree", BUS)
    run("busctl", "introspect", "--no-legend", BUS, path, DOMAIN, lines=12)
    run("busctl", "get-property", BUS, path, DOMAIN, "StateName")
    return path


def show_crash(root, path, terminal):
    step("Kill virtqemud with SIGKILL: the guest does not notice")
    emulator = emulator_pid(path)
    with open(os.path.join(root, "stack/virtqemud.pid")) as f:
        daemon = int(f.read())
    print("$ kill -9 %d    # virtqemud; the emulator is process %d" % (daemon, emulator))
    os.kill(daemon, signal.SIGKILL)
    print("  guest# uptime\n  | " + terminal.run("uptime").strip())
    print("the next call starts a new virtqemud, which finds its guest again:")
    virsh("domstate", NAME)
    if emulator_pid(path) != emulator:
        raise Failed("the emulator is another one")


def show_end(terminal):
    step("Shut the guest down: it gets an ACPI power button and decides itself")
    virsh("shutdown", NAME)
    with contextlib.suppress(Failed):
        terminal.wait_for("POWER", STEP_S)
        print("  | the guest powers off")
    wait_state("shut off", STEP_S)
    virsh("list", "--all")
    step("Undefine it")
    virsh("undefine", NAME)
    virsh("list", "--all")


def main():
    root = os.environ["VIRTBUS_ROOT"]
    step("A private bus and the daemons' sockets, all below %s" % root)
    print("LIBVIRT_DEFAULT_URI=%s" % os.environ["LIBVIRT_DEFAULT_URI"])
    print("DBUS_SYSTEM_BUS_ADDRESS=%s" % os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    print("no daemon runs yet: the first call starts them")
    run("virsh", "version")
    show_definition(root)
    terminal = show_boot()
    show_clients()
    path = show_bus()
    show_crash(root, path, terminal)
    show_end(terminal)
    step("Done. ./dev stack gives a shell in such a place; ./dev test runs everything")
    return 0


if __name__ == "__main__":
    if "VIRTBUS_ROOT" not in os.environ:
        os.execv("/usr/bin/python3", ["/usr/bin/python3", TOOLS + "/stack.py", "--",
                                      "/usr/bin/python3", os.path.abspath(__file__)])
    try:
        sys.exit(main())
    except (Failed, subprocess.TimeoutExpired) as e:
        print("\ndemo: %s" % e, file=sys.stderr)
        for name in ("virtqemud", "virtproxyd"):
            with contextlib.suppress(OSError):
                with open(os.path.join(os.environ["VIRTBUS_ROOT"], "log", name + ".log")) as f:
                    print("%s.log: ...%s" % (name, f.read()[-1500:]), file=sys.stderr)
        sys.exit(1)
