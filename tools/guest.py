#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small real guest: Debian's kernel and a busybox initrd that talks on the serial console.

    guest.py [--cache DIR]      builds what is missing, prints "KERNEL INITRD"

The guest prints READY on ttyS0, then runs each line that it reads there as a shell command
and prints DONE and its status. It powers off on the ACPI power button.
"""

import argparse
import contextlib
import fcntl
import glob
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

READY, DONE = "VIRTBUS-GUEST-READY", "VIRTBUS-GUEST-DONE"
CMDLINE = "console=ttyS0 quiet loglevel=3 panic=-1 tsc=unstable no_timer_check random.trust_cpu=on"
META = "linux-image-cloud-amd64"

# Names without .ko; what they depend on is added, what the kernel has built in is skipped.
MODULES = ("button", "evdev", "virtio_pci", "virtio_mmio", "virtio_console", "virtio_blk",
           "virtio_net", "virtio_balloon", "virtio-rng", "virtio_scsi", "sd_mod", "ata_piix",
           "ahci")

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m 2> /dev/null; done
acpid
mkdir -p /dev/pts
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo "%s $(uname -r)"
while read -r line; do
    eval "$line"
    echo "%s $?"
done
# no serial port: stay, for whoever watches otherwise
while :; do sleep 1000; done
""" % (READY, DONE)

POWER = """#!/bin/sh
echo VIRTBUS-GUEST-POWER > /dev/ttyS0
poweroff -f
"""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "virtbus")


def kernel_package(meta=META):
    text = subprocess.run(["apt-cache", "depends", meta], text=True, capture_output=True,
                          check=False).stdout
    found = re.search(r"Depends: (linux-image-\S+)", text)
    if not found:
        subprocess.run(["apt-get", "update", "-q"], check=True, stdout=sys.stderr)
        text = subprocess.check_output(["apt-cache", "depends", meta], text=True)
        found = re.search(r"Depends: (linux-image-\S+)", text)
    return found.group(1)


def unpack_kernel(cache):
    """The package's files without installing it: its hooks would rebuild the host's initrd."""
    present = sorted(glob.glob(os.path.join(cache, "kernel-*/boot/vmlinuz-*")))
    if present:
        return present[-1]
    package = kernel_package()
    target = os.path.join(cache, "kernel-" + package)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        os.chmod(work, 0o755)
        download = ["apt-get", "download", "-q", package]
        if subprocess.call(download, cwd=work, stdout=sys.stderr) != 0:
            # the lists are old: the version they name has been replaced
            subprocess.run(["apt-get", "update", "-q"], check=True, stdout=sys.stderr)
            subprocess.run(["apt-get", "download", "-q", kernel_package()], cwd=work,
                           check=True, stdout=sys.stderr)
        tree = os.path.join(work, "tree")
        subprocess.run(["dpkg-deb", "-x", glob.glob(work + "/*.deb")[0], tree], check=True)
        os.rename(tree, target)
    return glob.glob(os.path.join(target, "boot/vmlinuz-*"))[0]


def module_order(kernel, wanted=MODULES):
    """Module files, each after what it depends on."""
    version = os.path.basename(kernel).replace("vmlinuz-", "", 1)
    tree = os.path.join(os.path.dirname(os.path.dirname(kernel)), "lib/modules", version)
    files = {os.path.basename(p)[:-3].replace("-", "_"): p
             for p in glob.glob(tree + "/kernel/**/*.ko", recursive=True)}
    order = []

    def add(name):
        path = files.get(name.replace("-", "_"))
        if path is None or path in order:
            return
        with open(path, "rb") as f:
            depends = re.search(rb"\0depends=([^\0]*)\0", f.read())
        for needed in depends.group(1).decode().split(",") if depends else ():
            add(needed)
        order.append(path)
    for name in wanted:
        add(name)
    return order


class Archive:
    """A cpio archive of the "newc" kind. Source: Documentation/driver-api/early-userspace."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0) + device + (len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08X" % x for x in fields) + encoded
        self.pad()
        self.data += content
        self.pad()

    def pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def folder(self, name):
        self.add(name, 0o040755)

    def file(self, name, content, mode=0o755):
        self.add(name, 0o100000 | mode, content)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def make_initrd(kernel, busybox):
    archive = Archive()
    for name in ("bin", "dev", "proc", "sys", "etc", "etc/acpi", "etc/acpi/PWRF", "modules",
                 "tmp", "var", "var/log", "var/run", "run"):
        archive.folder(name)
    archive.add("dev/console", 0o020600, device=(5, 1))
    with open(busybox, "rb") as f:
        archive.file("bin/busybox", f.read())
    for applet in subprocess.check_output([busybox, "--list"], text=True).split():
        if applet != "busybox":
            archive.add("bin/" + applet, 0o120777, b"busybox")
    names = []
    for path in module_order(kernel):
        names.append(os.path.basename(path))
        with open(path, "rb") as f:
            archive.file("modules/" + names[-1], f.read(), 0o644)
    archive.file("modules/order", "\n".join(names).encode(), 0o644)
    archive.file("etc/acpi/PWRF/00000080", POWER.encode())
    archive.file("init", b"#!/bin/busybox sh\nexport PATH=/bin\n" + INIT.encode())
    return gzip.compress(archive.finish(), 6, mtime=0)


def build(cache=None):
    """Returns the paths of kernel and initrd; several processes may ask at once."""
    cache = cache or cache_dir()
    os.makedirs(cache, exist_ok=True)
    busybox = shutil.which("busybox")
    if not busybox:
        raise SystemExit("guest.py: no busybox; ./dev install-deps guest")
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel = unpack_kernel(cache)
        with open(__file__, "rb") as f:
            digest = hashlib.sha256(f.read() + kernel.encode()).hexdigest()[:12]
        initrd = os.path.join(cache, "initrd-%s.gz" % digest)
        if not os.path.exists(initrd):
            for old in glob.glob(os.path.join(cache, "initrd-*")):
                with contextlib.suppress(OSError):
                    os.unlink(old)
            with open(initrd + ".new", "wb") as f:
                f.write(make_initrd(kernel, busybox))
            os.rename(initrd + ".new", initrd)
    return kernel, initrd


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cache", help="where both are kept (%s)" % cache_dir())
    print(*build(parser.parse_args().cache))
