# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system that behaves as the kernel's resctrl: `resctrl_sim.py [--set KEY=JSON]... MOUNTPOINT`.

mkdir makes a group with its files, or fails with ENOSPC when CLOSIDs or RMIDs run out; schemata refuses what the
hardware refuses, with the reason in info/last_cmd_status; a thread's number written to tasks moves it; rmdir gives the
numbers back and the threads to the parent; mon_data counts. Runs in the foreground until it is unmounted.
"""
import argparse
import errno
import json
import os
import stat
import time

import fusepy

DEFAULTS = {
    "caches": [0, 1],        # ids of the L3 caches
    "mask": 0xfffff,
    "min_bits": 2,
    "closids": 4,
    "rmids": 8,              # 0: no monitoring
    "bandwidth": True,
    "split": False,          # code and data apart (CDP)
    "default_mask": 0xf,     # of the group that everything is in at first
    "features": ["llc_occupancy", "mbm_total_bytes", "mbm_local_bytes"],
}


def fail(number):
    raise fusepy.FuseOSError(number)


class Group:
    """A folder: an allocation, or a monitor when it has a parent."""

    def __init__(self, parent, schemata):
        self.parent = parent
        self.schemata = schemata
        self.monitors = {}
        self.counted = {}


class Resctrl(fusepy.Operations):
    def __init__(self, settings):
        self.set = dict(DEFAULTS, **settings)
        self.status = "ok"
        self.tasks = {}      # thread -> group; whoever is not there is in the root
        scopes = ["L3CODE", "L3DATA"] if self.set["split"] else ["L3"]
        schemata = {name: {i: self.set["default_mask"] for i in self.set["caches"]}
                    for name in scopes}
        if self.set["bandwidth"]:
            schemata["MB"] = {i: 100 for i in self.set["caches"]}
        self.root = Group(None, schemata)
        self.groups = {}
        self.opened, self.last = {}, 0
        self.is_reading = False

    # -- finding

    def locate(self, path):
        """(group, rest of the path) of a path; (None, parts) outside of groups."""
        parts = [part for part in path.split("/") if part]
        group = self.root
        if parts and parts[0] in self.groups:
            group = self.groups[parts.pop(0)]
        if len(parts) >= 2 and parts[0] == "mon_groups":
            if parts[1] not in group.monitors:
                fail(errno.ENOENT)
            group = group.monitors[parts[1]]
            parts = parts[2:]
        return group, parts

    def info_files(self):
        files = {"last_cmd_status": self.status + "\n"}
        for name in self.root.schemata:
            if name == "MB":
                files.update({"MB/num_closids": "%d\n" % self.set["closids"],
                              "MB/min_bandwidth": "10\n", "MB/bandwidth_gran": "10\n",
                              "MB/delay_linear": "1\n"})
            else:
                files.update({name + "/cbm_mask": "%x\n" % self.set["mask"],
                              name + "/min_cbm_bits": "%d\n" % self.set["min_bits"],
                              name + "/num_closids": "%d\n" % self.set["closids"],
                              name + "/shareable_bits": "0\n"})
        if self.set["rmids"]:
            files.update({"L3_MON/num_rmids": "%d\n" % self.set["rmids"],
                          "L3_MON/max_threshold_occupancy": "65536\n",
                          "L3_MON/mon_features": "".join(f + "\n" for f in self.set["features"])})
        return files

    def members(self, group):
        """The threads of a group that live; an allocation has those of its monitors too."""
        inside = [group] + list(group.monitors.values())
        return sorted(tid for tid, where in self.tasks.items()
                      if where in inside and os.path.exists("/proc/%d" % tid))

    def text_of(self, group, parts):
        """The content of a group's file; None: there is no such file."""
        name = "/".join(parts)
        if name == "tasks":
            return "".join("%d\n" % tid for tid in self.members(group))
        if name == "schemata" and not group.parent:
            return "".join("%6s:%s\n" % (
                kind, ";".join(("%d=%d" if kind == "MB" else "%d=%x") % item
                               for item in sorted(values.items())))
                for kind, values in group.schemata.items())
        if name in ("cpus", "cpus_list"):
            return "\n"
        if name == "mode" and not group.parent:
            return "shareable\n"
        if len(parts) == 3 and parts[0] == "mon_data" and parts[2] in self.set["features"]:
            return self.count(group, parts[1], parts[2])
        return None

    def count(self, group, domain, feature):
        """64 KiB of cache for each thread, and 1 MiB of traffic for each thread and reading."""
        n = len(self.members(group))
        if feature == "llc_occupancy":
            return "%d\n" % (n << 16)
        key = domain, feature
        if self.is_reading:
            group.counted[key] = group.counted.get(key, 0) + (n << 20)
        return "%d\n" % group.counted.get(key, 0)

    def folders_of(self, group):
        folders = set()
        if self.set["rmids"]:
            folders.add("mon_data")
            folders |= {"mon_data/mon_L3_%02d" % i for i in self.set["caches"]}
            if not group.parent:
                folders.add("mon_groups")
        if group is self.root:
            folders.add("info")
            folders |= {"info/" + name.split("/")[0] for name in self.info_files() if "/" in name}
        return folders

    def file_text(self, path):
        group, parts = self.locate(path)
        if group is self.root and parts and parts[0] == "info":
            return self.info_files().get("/".join(parts[1:]))
        return self.text_of(group, parts)

    # -- FUSE: reading

    def getattr(self, path, fh=None):
        group, parts = self.locate(path)
        if not parts or "/".join(parts) in self.folders_of(group):
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if self.file_text(path) is None:
            fail(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": 0}

    def readdir(self, path, fh):
        group, parts = self.locate(path)
        here = "/".join(parts)
        below = here + "/" if here else ""
        names = {f[len(below):] for f in self.folders_of(group)
                 if f.startswith(below) and "/" not in f[len(below):]}
        if not parts:
            names |= {"tasks", "cpus", "cpus_list"}
            names |= set() if group.parent else {"schemata", "mode"}
            names |= set(self.groups) if group is self.root else set()
        elif here == "mon_groups":
            names |= set(group.monitors)
        elif parts[0] == "info":
            below = "".join(part + "/" for part in parts[1:])
            names |= {f[len(below):] for f in self.info_files()
                      if f.startswith(below) and "/" not in f[len(below):]}
        elif here.startswith("mon_data/"):
            names |= set(self.set["features"])
        return [".", ".."] + sorted(names)

    def open(self, path, flags):
        self.last += 1
        self.is_reading = flags & os.O_ACCMODE == os.O_RDONLY
        self.opened[self.last] = self.file_text(path).encode()
        self.is_reading = False
        return self.last

    def read(self, path, size, offset, fh):
        return self.opened[fh][offset:offset + size]

    def release(self, path, fh):
        self.opened.pop(fh, None)
        return 0

    def truncate(self, path, length, fh=None):
        return 0

    def statfs(self, path):
        return {"f_bsize": 4096}

    # -- FUSE: groups

    def mkdir(self, path, mode):
        parts = [part for part in path.split("/") if part]
        is_monitor = len(parts) >= 2 and parts[-2] == "mon_groups"
        if not is_monitor and len(parts) != 1:
            fail(errno.EPERM)
        n_rmids = 1 + len(self.groups) + sum(
            len(group.monitors) for group in [self.root, *self.groups.values()])
        if self.set["rmids"] and n_rmids >= self.set["rmids"]:
            self.status = "Out of RMIDs"
            fail(errno.ENOSPC)
        if is_monitor:
            parent = self.locate("/".join(parts[:-2]))[0]
            if parts[-1] in parent.monitors:
                fail(errno.EEXIST)
            parent.monitors[parts[-1]] = Group(parent, None)
        else:
            self.add_group(parts[0])
        self.status = "ok"

    def add_group(self, name):
        if name in self.groups or name in ("info", "mon_groups", "mon_data"):
            fail(errno.EEXIST)
        if 1 + len(self.groups) >= self.set["closids"]:
            self.status = "Out of CLOSIDs"
            fail(errno.ENOSPC)
        whole = {kind: {i: 100 if kind == "MB" else self.set["mask"] for i in values}
                 for kind, values in self.root.schemata.items()}
        self.groups[name] = Group(None, whole)

    def rmdir(self, path):
        group, parts = self.locate(path)
        if parts or group is self.root:
            fail(errno.EPERM)
        back = group.parent or self.root
        for tid, where in list(self.tasks.items()):
            if where is group or where in group.monitors.values():
                self.tasks[tid] = back
        for names in (self.groups, back.monitors):
            for name, found in list(names.items()):
                if found is group:
                    del names[name]

    # -- FUSE: writing

    def write(self, path, data, offset, fh):
        group, parts = self.locate(path)
        name = "/".join(parts)
        self.status = "ok"
        if name == "tasks":
            for word in data.decode().split():
                self.move(group, int(word))
        elif name == "schemata" and not group.parent:
            self.write_schemata(group, data.decode())
        else:
            fail(errno.EPERM)
        return len(data)

    def move(self, group, tid):
        if not os.path.exists("/proc/%d" % tid):
            self.status = "No such task"
            fail(errno.ESRCH)
        if group.parent:
            where = self.tasks.get(tid, self.root)
            if (where.parent or where) is not group.parent:
                self.status = "Can't move task to different control group"
                fail(errno.EINVAL)
        self.tasks[tid] = group

    def refuse(self, reason):
        self.status = reason
        fail(errno.EINVAL)

    def check(self, kind, value):
        if kind == "MB":
            if not 10 <= value <= 100:
                self.refuse("MB value %d out of range [10,100]" % value)
            return (value + 9) // 10 * 10
        if value & ~self.set["mask"] or value == 0:
            self.refuse("Mask out of range")
        bits = bin(value)[2:].strip("0")
        if "0" in bits:
            self.refuse("The mask %x has non-consecutive 1-bits" % value)
        if len(bits) < self.set["min_bits"]:
            self.refuse("Need at least %d bits in the mask" % self.set["min_bits"])
        return value

    def write_schemata(self, group, text):
        for line in text.splitlines():
            kind, _, values = line.strip().partition(":")
            if kind not in group.schemata:
                self.refuse("Unknown or unsupported resource name '%s'" % kind)
            for item in values.split(";"):
                number, _, value = item.partition("=")
                if int(number) not in group.schemata[kind]:
                    self.refuse("Missing domain")
                group.schemata[kind][int(number)] = self.check(
                    kind, int(value, 10 if kind == "MB" else 16))


class Mounted:
    """The simulator in a process of its own, below @path; unmount with close()."""

    def __init__(self, path, **settings):
        import subprocess
        import sys
        self.path = path
        os.makedirs(path, exist_ok=True)
        argv = [sys.executable, os.path.abspath(__file__)]
        for key, value in settings.items():
            argv += ["--set", "%s=%s" % (key, json.dumps(value))]
        self.process = subprocess.Popen(argv + [path])
        deadline = time.monotonic() + 20
        while not os.path.ismount(path):
            assert self.process.poll() is None, "the simulator ended"
            assert time.monotonic() < deadline, "the simulator was not mounted"
            time.sleep(0.02)

    def close(self):
        import subprocess
        subprocess.run(["fusermount", "-u", "-z", self.path], check=False)
        self.process.terminate()
        self.process.wait(20)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    parser.add_argument("mountpoint")
    args = parser.parse_args()
    settings = {key: json.loads(value)
                for key, value in (one.split("=", 1) for one in args.set)}
    fusepy.FUSE(Resctrl(settings), args.mountpoint, foreground=True, nothreads=True,
                direct_io=True, raw_fi=False, fsname="resctrl", subtype="resctrl")


if __name__ == "__main__":
    main()
