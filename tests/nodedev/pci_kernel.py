#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sysfs tree whose PCI devices change drivers as the kernel's do: `pci_kernel.py TREE MOUNTPOINT LOG`.

Everything is as it lies in TREE, but what is written to bus/pci/drivers/NAME/unbind, bus/pci/drivers_probe, and a
device's driver_override and reset has its effect: the links `driver` change, and LOG gets a line of JSON. A device's own
driver is the file `own_driver` in its folder. While LOG.slow exists, unbinding waits; while LOG.fail exists, whoever
probes with the driver that it names fails. In the foreground until it is unmounted.
"""
import errno
import json
import os
import sys
import time

import fusepy


class Kernel(fusepy.Operations):
    def __init__(self, tree, log):
        self.tree, self.log = os.path.realpath(tree), log

    def real(self, path):
        return os.path.join(self.tree, path.lstrip("/"))

    # -- passed through

    def getattr(self, path, fh=None):
        try:
            info = os.lstat(self.real(path))
        except OSError as error:
            raise fusepy.FuseOSError(error.errno)
        return {key: getattr(info, key) for key in
                ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.real(path))]

    def readlink(self, path):
        return os.readlink(self.real(path))

    def read(self, path, size, offset, fh):
        with open(self.real(path), "rb") as f:
            f.seek(offset)
            return f.read(size)

    def truncate(self, path, length, fh=None):
        return 0

    # -- what the kernel does

    def tell(self, *what):
        with open(self.log, "a") as f:
            f.write(json.dumps(what) + "\n")

    def device(self, address):
        link = self.real("/bus/pci/devices/" + address)
        if not os.path.exists(link):
            raise fusepy.FuseOSError(errno.ENODEV)
        return os.path.realpath(link)

    def unbind(self, driver, address):
        link = os.path.join(self.device(address), "driver")
        while os.path.exists(self.log + ".slow"):
            time.sleep(0.02)
        if not os.path.islink(link) or os.path.basename(os.readlink(link)) != driver:
            raise fusepy.FuseOSError(errno.ENODEV)
        os.unlink(link)
        self.tell("unbind", address, driver)

    def probe(self, address):
        folder = self.device(address)
        link = os.path.join(folder, "driver")
        with open(os.path.join(folder, "driver_override")) as f:
            driver = f.read().strip()
        if driver in ("", "(null)"):
            with open(os.path.join(folder, "own_driver")) as f:
                driver = f.read().strip()
        if os.path.islink(link):
            return
        if os.path.exists(self.log + ".fail"):
            with open(self.log + ".fail") as f:
                if f.read().strip() == driver:
                    raise fusepy.FuseOSError(errno.EINVAL)
        os.symlink(os.path.relpath(self.real("/bus/pci/drivers/" + driver), folder), link)
        self.tell("bind", address, driver)

    def write(self, path, data, offset, fh):
        text, name = data.decode().strip(), os.path.basename(path)
        if name == "unbind":
            self.unbind(os.path.basename(os.path.dirname(path)), text)
        elif name == "drivers_probe":
            self.probe(text)
        elif name == "driver_override":
            with open(self.real(path), "w") as f:
                f.write((text or "(null)") + "\n")
        elif name == "reset":
            self.tell("reset", os.path.basename(os.path.dirname(path)))
        else:
            raise fusepy.FuseOSError(errno.EACCES)
        return len(data)


if __name__ == "__main__":
    fusepy.FUSE(Kernel(sys.argv[1], sys.argv[3]), sys.argv[2], foreground=True, nothreads=False, direct_io=True,
                raw_fi=False, fsname="pci-kernel", subtype="pci-kernel")
