# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the test machine boots from: a Debian root, a kernel with its modules, a small initrd, and virtbus' own files.

Everything but virtbus' files is kept in a cache outside of the checkout, under names that say what went in. Those
come as a tar on a disk of their own, which the initrd unpacks, so that a change in virtbus makes no new image.
"""

import contextlib
import fcntl
import glob
import gzip
import hashlib
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import guest

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIT = os.path.join(REPO, "tests", "machine", "kit")
PACKAGES = os.path.join(REPO, "tests", "machine", "packages")
RELEASE = "bookworm"
KERNELS = {"cloud": "linux-image-cloud-amd64", "full": "linux-image-amd64"}
# what the root needs before udev can load the rest
EARLY_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")

INIT = """#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for m in $(cat /modules/order); do insmod /modules/$m 2> /dev/null; done
disk() {
    for d in /sys/block/vd*; do [ "$(cat $d/serial)" != "$1" ] || echo /dev/${d##*/}; done
}
n=0
while [ -z "$(disk root)" ] && [ $n -lt 600 ]; do n=$((n + 1)); usleep 100000; done
mount -t ext4 -o rw,noatime "$(disk root)" /root || { echo "VIRTBUS-MACHINE: no root disk"; poweroff -f; }
mount -t ext4 -o ro,noatime "$(disk modules)" /root/usr/lib/modules
if [ ! -e /root/usr/lib/virtbus-machine/installed ]; then
    tar -x -C /root -f "$(disk kit)" || { echo "VIRTBUS-MACHINE: cannot unpack"; poweroff -f; }
    for d in dev proc sys; do mount -o bind /$d /root/$d; done
    chroot /root /bin/sh /usr/lib/virtbus-machine/install || echo "VIRTBUS-MACHINE: installation failed"
    for d in dev proc sys; do umount /root/$d; done
fi
umount /sys
umount /proc
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd
"""


def say(text):
    print("machine: " + text, file=sys.stderr, flush=True)


def cache_dir():
    """Outside of the checkout: VIRTBUS_CACHE, the user's cache, or a folder that survives reboots."""
    for path in (os.environ.get("VIRTBUS_CACHE"), guest.cache_dir(), "/var/tmp/virtbus"):
        if path:
            with contextlib.suppress(OSError):
                os.makedirs(path, exist_ok=True)
                if os.access(path, os.W_OK):
                    return os.path.abspath(path)
    raise SystemExit("machine: no folder for the image; set VIRTBUS_CACHE")


def package_set(name):
    """The packages of @name and of the set that it builds on ("xen: +base xen-utils")."""
    with open(PACKAGES, encoding="utf-8") as f:
        rows = dict(re.findall(r"^(\w+): *((?:.*\\\n)*.*)", f.read(), re.MULTILINE))
    found = []
    for word in rows[name].replace("\\\n", " ").split():
        found += package_set(word[1:]) if word.startswith("+") else [word]
    return sorted(set(found))


def digest_of(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def make_once(cache, name, make):
    """The file or folder @name of the cache, made by @make(path) when it is not there."""
    path = os.path.join(cache, name)
    with open(os.path.join(cache, "machine.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            os.utime(path)
            return path
        began = time.monotonic()
        new = path + ".new"
        remove(new)
        make(new)
        os.rename(new, path)
        drop_unused(cache)
        say("made %s in %.0f s" % (name, time.monotonic() - began))
    return path


def drop_unused(cache):
    """What nobody has asked for in a week: other checkouts may have images of their own here."""
    for path in glob.glob(os.path.join(cache, "machine-*")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.stat(path).st_mtime > 7 * 86400:
                remove(path)


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def run(argv, **options):
    """Shows what goes wrong, and progress on a terminal."""
    result = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        sys.stderr.write(result.stdout[-6000:])
        raise SystemExit("machine: %s failed" % os.path.basename(argv[0]))
    return result.stdout


# -- the root file system

def debian_sources():
    """This host's own apt sources for Debian's release, as lines."""
    listing = "apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)' 'Created-By: Packages'"
    lines = subprocess.check_output(listing, shell=True, text=True).split("\n")
    rows = sorted({tuple(line.split("|")) for line in lines if line.startswith("Debian|" + RELEASE)})
    if not rows:
        run(["apt-get", "update", "-q"])
        lines = subprocess.check_output(listing, shell=True, text=True).split("\n")
        rows = sorted({tuple(line.split("|")) for line in lines if line.startswith("Debian|" + RELEASE)})
    if not rows:
        raise SystemExit("machine: this host's apt knows no Debian " + RELEASE)
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return "".join("deb [signed-by=%s] %s %s %s\n" % (keys, uri, suite, component)
                   for _, suite, uri, component in rows if component == "main")


def can_mount():
    return subprocess.call(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                           stderr=subprocess.DEVNULL) == 0


def debootstrap(packages, target, work):
    sources = os.path.join(work, "sources.list")
    with open(sources, "w", encoding="utf-8") as f:
        f.write(debian_sources())
    argv = ["mmdebstrap", "--variant=minbase", "--format=directory", "--mode=root",
            "--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
            "--aptopt=Acquire::Retries \"5\"", "--dpkgopt=force-unsafe-io", "--skip=check/qemu",
            "--include=" + ",".join(packages)]
    for path in ("man", "doc", "locale", "info", "lintian", "bug"):
        argv.append("--dpkgopt=path-exclude=/usr/share/%s/*" % path)
    if not can_mount():       # a container that may not: packages get by without /proc and /dev
        argv.append("--skip=chroot/mount")
    argv += ["--customize-hook=copy-in %s /root" % os.path.join(KIT, "customize"),
             "--customize-hook=chroot \"$1\" sh /root/customize",
             RELEASE, target, sources]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", TMPDIR=work)
    for left in (2, 1, 0):    # a mirror may be between two states
        say("making Debian %s with %d packages" % (RELEASE, len(packages)))
        try:
            run(argv, env=env)
            return
        except SystemExit:
            if left == 0:
                raise
            remove(target)


def make_root(packages, path):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        os.chmod(work, 0o755)
        tree = os.path.join(work, "tree")
        debootstrap(packages, tree, work)
        make_ext4(tree, path, "4G", "root")


def make_ext4(tree, path, size, label):
    run(["truncate", "-s", size, path])
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", label, "-d", tree, path])


def root_image(cache, name):
    packages = package_set(name)
    how = "".join(inspect.getsource(f) for f in (debootstrap, make_root, make_ext4))
    digest = digest_of(*packages, text_of(KIT, "customize"), how)
    return make_once(cache, "machine-%s-%s.ext4" % (name, digest), lambda path: make_root(packages, path))


# -- kernel, modules, initrd

def download(package, work):
    """The package's file in @work; lists that are older than the archive are fetched anew."""
    if subprocess.call(["apt-get", "download", "-q", package], cwd=work, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL) != 0:
        run(["apt-get", "update", "-q"])
        run(["apt-get", "download", "-q", package], cwd=work)
    return glob.glob(os.path.join(work, package + "_*.deb"))[0]


def unpack_kernel(package, path):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        os.chmod(work, 0o755)
        run(["dpkg-deb", "-x", download(package, work), path])
        version = os.path.basename(glob.glob(path + "/boot/vmlinuz-*")[0]).replace("vmlinuz-", "", 1)
        run(["/sbin/depmod", "-b", path, version])


def kernel_tree(cache, kind):
    meta = KERNELS[kind]
    if kind == "cloud":       # the small test guest has it already
        kernel, _ = guest.build()
        return os.path.dirname(os.path.dirname(kernel))
    present = glob.glob(os.path.join(cache, "machine-kernel-linux-image-*-amd64"))
    if present:
        return present[0]
    package = guest.kernel_package(meta)
    return make_once(cache, "machine-kernel-" + package, lambda path: unpack_kernel(package, path))


def kernel_of(tree):
    path = glob.glob(tree + "/boot/vmlinuz-*")[0]
    return path, os.path.basename(path).replace("vmlinuz-", "", 1)


def make_modules(tree, path):
    """The modules on a disk of their own, which the initrd mounts."""
    _, version = kernel_of(tree)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        shutil.copytree(os.path.join(tree, "lib/modules", version),
                        os.path.join(work, "lib/modules", version), symlinks=True)
        run(["/sbin/depmod", "-b", work, version])
        make_ext4(os.path.join(work, "lib/modules"), path, "600M", "modules")


def make_initrd(kernel):
    archive = guest.Archive()
    for name in ("bin", "dev", "proc", "sys", "root", "modules"):
        archive.folder(name)
    archive.add("dev/console", 0o020600, device=(5, 1))
    busybox = shutil.which("busybox")
    with open(busybox, "rb") as f:
        archive.file("bin/busybox", f.read())
    for applet in subprocess.check_output([busybox, "--list"], text=True).split():
        if applet != "busybox":
            archive.add("bin/" + applet, 0o120777, b"busybox")
    names = []
    for path in guest.module_order(kernel, EARLY_MODULES):
        names.append(os.path.basename(path))
        with open(path, "rb") as f:
            archive.file("modules/" + names[-1], f.read(), 0o644)
    archive.file("modules/order", "\n".join(names).encode(), 0o644)
    archive.file("init", INIT.encode())
    return gzip.compress(archive.finish(), 6, mtime=0)


def write_file(path, data):
    with open(path, "wb") as f:
        f.write(data)


def boot_files(cache, kind):
    """Paths of the kernel, the initrd and the disk with modules."""
    tree = kernel_tree(cache, kind)
    kernel, version = kernel_of(tree)
    how = "".join(inspect.getsource(f) for f in (make_modules, make_initrd, make_ext4))
    digest = digest_of(version, how, INIT, *EARLY_MODULES)
    modules = make_once(cache, "machine-modules-%s-%s.ext4" % (kind, digest),
                        lambda path: make_modules(tree, path))
    initrd = make_once(cache, "machine-initrd-%s-%s.gz" % (kind, digest),
                       lambda path: write_file(path, make_initrd(kernel)))
    return kernel, initrd, modules


# -- what is tested

def add_tree(tar, folder):
    def root_owned(info):
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        return info
    for name in sorted(os.listdir(folder)):
        tar.add(os.path.join(folder, name), name, filter=root_owned)


def make_kit(build_dir, path, extra=()):
    """virtbus as "meson install" puts it, and what the tests need inside; @extra: (name inside, bytes, mode)."""
    with tempfile.TemporaryDirectory() as work:
        run(["meson", "install", "-C", build_dir, "--no-rebuild", "--strip", "--quiet"],
            env=dict(os.environ, DESTDIR=work))
        with tarfile.open(path, "w") as tar:
            # the folders below /usr keep what the image says of them
            add_tree(tar, work)
            for name in ("agent.py", "install"):
                tar.add(os.path.join(KIT, name), "usr/lib/virtbus-machine/" + name)
            for name, data, mode in extra:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), mode
                tar.addfile(info, io.BytesIO(data))
    return path


# -- what profiles need besides

def make_samples(kernel, path):
    """Linux' sample mediated devices, built for @kernel: Debian ships their core but not them."""
    version = kernel_of(kernel)[1]
    series = ".".join(version.split(".")[:2])
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        os.chmod(work, 0o755)
        for package in ("linux-headers-" + version, "linux-headers-%s-common" % version.rsplit("-", 1)[0],
                        "linux-kbuild-" + series, "linux-source-" + series):
            run(["dpkg-deb", "-x", download(package, work), work + "/tree"])
        source = work + "/tree/usr/src"
        headers = "%s/linux-headers-%s" % (source, version)
        makefile = text_of(headers, "Makefile").replace("/usr/src/", source + "/")
        write_file(headers + "/Makefile", makefile.encode())
        os.makedirs(path)
        run(["tar", "-xf", "linux-source-%s.tar.xz" % series, "--strip-components=3", "-C", path, "--wildcards",
             "*/samples/vfio-mdev"], cwd=source)
        write_file(path + "/Makefile", b"obj-m += mtty.o mdpy.o mbochs.o\n")
        run(["make", "-C", headers, "M=" + path, "modules"])
        for module in glob.glob(path + "/*.ko"):
            run(["strip", "-g", module])


def sample_modules(cache):
    """What to add to the machine's files for them."""
    kernel = kernel_tree(cache, "full")
    folder = make_once(cache, "machine-samples-" + kernel_of(kernel)[1], lambda path: make_samples(kernel, path))
    files = []
    for path in sorted(glob.glob(folder + "/*.ko")):
        with open(path, "rb") as f:
            files.append(("usr/lib/virtbus-machine/" + os.path.basename(path), f.read(), 0o644))
    return files


def make_xen(image, path):
    """Xen itself, out of the image, unpacked: QEMU wants the ELF file."""
    listing = run(["/sbin/debugfs", "-R", "ls -p /boot", image])
    name = re.findall(r"/(xen-[0-9.]+-amd64\.gz)/", listing)[-1]
    run(["/sbin/debugfs", "-R", "dump /boot/%s %s.gz" % (name, path), image])
    with gzip.open(path + ".gz") as f:
        write_file(path, f.read())
    os.unlink(path + ".gz")


def xen_kernel(cache):
    image = root_image(cache, "xen")
    digest = re.search(r"[0-9a-f]{12}", os.path.basename(image)).group(0)
    return make_once(cache, "machine-xen-kernel-" + digest, lambda path: make_xen(image, path))
