# SPDX-License-Identifier: LGPL-2.1-or-later
"""Helpers for the tests of node devices: a stack in a network namespace of its own, devices made in it, libvirtd beside."""

import contextlib
import json
import os
import subprocess
import xml.etree.ElementTree as ET

from gi.repository import GLib

from harness import wait_for

NODEDEV, ROOT = "org.virtbus.NodeDev", "/org/virtbus/nodedev"
DEVICES, DEVICE = "org.virtbus.NodeDevices1", "org.virtbus.NodeDevice1"
# sysfs shows the network devices of the namespace that mounted it
OWN_NETWORK = ("unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
               'ip link set lo up; mount -t sysfs sysfs /sys && exec "$@"', "sh")


def path_of(name):
    return "%s/device/%s" % (ROOT, name)


def call(stack, method, args=None, path=ROOT, interface=DEVICES):
    """Calls a method of the daemon."""
    return stack.call(path, interface + "." + method, args, name=NODEDEV)


def get(stack, name, member):
    """One property of a device."""
    return stack.get(path_of(name), DEVICE, member, name=NODEDEV)


def names(stack, *args):
    return stack.virsh("nodedev-list", *args).out.split()


def xml(stack, name, *args):
    return ET.fromstring(stack.virsh("nodedev-dumpxml", name, *args).out)


def canonical(text):
    """XML without what layout adds."""
    return ET.canonicalize(text, strip_text=True)


class Network:
    """Commands in the stack's network namespace."""

    def __init__(self, stack):
        self.argv = ["nsenter", "--net", "--mount", "--target", str(stack.process.pid)]

    def run(self, *argv, check=True):
        return subprocess.run([*self.argv, *argv], check=check, text=True, capture_output=True)

    def ip(self, *args):
        return self.run("ip", *args)


@contextlib.contextmanager
def loop_device(folder, size_mib=4):
    """A loop device with a file behind it; yields its name."""
    path = os.path.join(folder, "disk.img")
    with open(path, "wb") as f:
        f.truncate(size_mib << 20)
    device = subprocess.check_output(["losetup", "--find", "--show", path], text=True).strip()
    try:
        yield os.path.basename(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def lifecycle(name, event):
    """For Recorder.wait_for(): event @event (0 created, 1 deleted) of the device that begins with @name."""
    def is_it(_path, _interface, member, args):
        return (member == "Event" and args[1] == "lifecycle" and args[3]["event"] == event
                and args[3]["name"].startswith(name))
    return is_it


def wait_name(stack, prefix, is_there=True):
    """The device whose name begins with @prefix, once it is there; or not any more."""
    def look():
        found = [n for n in names(stack) if n.startswith(prefix)]
        return found[0] if found and is_there else not found and not is_there
    return wait_for(look, 10, "%s to %s" % (prefix, "come" if is_there else "go"))


def u(flags):
    return GLib.Variant("(u)", (flags,))


class Tree:
    """A sysfs tree in a folder, as the kernel would make it."""

    def __init__(self, root):
        self.root = str(root)
        os.makedirs(self.path("/sys/devices"))

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    @property
    def sysfs(self):
        return self.path("/sys")

    def write(self, name, data):
        """A file at @name ("/sys/..."), text or bytes."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def link(self, name, target):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.symlink(target, self.path(name))

    def device(self, path, subsystem, uevent="", attributes=(), links=()):
        """A device at /sys/devices/@path."""
        folder = "/sys/devices/" + path
        self.write(folder + "/uevent", uevent)
        self.link(folder + "/subsystem", "/sys/bus/" + subsystem)
        for name, data in dict(attributes).items():
            self.write("%s/%s" % (folder, name), data)
        for name, target in dict(links).items():
            self.link("%s/%s" % (folder, name), target)
        return folder

    def pci(self, path, address, ids="8086:10C9", pci_class="20000", attributes=(), links=()):
        uevent = "PCI_CLASS=%s\nPCI_ID=%s\nPCI_SLOT_NAME=%s\n" % (pci_class, ids, address)
        folder = self.device("%s/%s" % (path, address), "pci", uevent, attributes, links)
        self.link("/sys/bus/pci/devices/" + address, self.path(folder))
        return folder

    def mdev_type(self, folder, name, available=4, title=None):
        base = "%s/mdev_supported_types/%s/" % (folder, name)
        self.write(base + "available_instances", "%d\n" % available)
        self.write(base + "device_api", "vfio-pci\n")
        if title:
            self.write(base + "name", title + "\n")


class PciHost:
    """PCI devices that are made up, on a sysfs that behaves as the kernel's: nodedev/pci_kernel.py."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.tree = Tree(os.path.join(self.folder, "tree"))
        self.sysfs = os.path.join(self.folder, "mnt")
        self.log = os.path.join(self.folder, "log")
        self.process = None
        os.makedirs(self.sysfs)
        self.tree.write("/sys/bus/pci/drivers_probe", "")
        for driver in ("vfio-pci", "igb"):
            self.tree.write("/sys/bus/pci/drivers/%s/unbind" % driver, "")

    def add(self, address, group, driver="igb", **kwargs):
        """A device with its own driver bound."""
        folder = self.tree.pci("pci0000:00", address, attributes={
            "driver_override": "(null)\n", "own_driver": driver + "\n", "reset": "", **kwargs.pop("attributes", {})})
        self.tree.link("/sys/kernel/iommu_groups/%d/devices/%s" % (group, address),
                       "../../../../devices/pci0000:00/" + address)
        self.tree.link(folder + "/iommu_group", "../../../kernel/iommu_groups/%d" % group)
        self.tree.link(folder + "/driver", "../../../bus/pci/drivers/" + driver)
        return folder

    def mount(self):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nodedev", "pci_kernel.py")
        self.process = subprocess.Popen(["/usr/bin/python3", program, self.tree.sysfs, self.sysfs, self.log])
        wait_for(lambda: os.path.ismount(self.sysfs), 20, "the tree to be mounted")

    def close(self):
        if self.process:
            subprocess.run(["fusermount", "-u", "-z", self.sysfs], check=False)
            self.process.terminate()
            self.process.wait(20)

    def driver(self, address):
        link = self.tree.path("/sys/devices/pci0000:00/%s/driver" % address)
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def happened(self):
        """What the kernel was asked for, since the last time."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as f:
            lines = [tuple(json.loads(line)) for line in f]
        os.unlink(self.log)
        return lines
