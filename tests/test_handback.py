# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host moves between virtbus and Debian's libvirtd, both ways and again, while guests run that must not notice.

All of it happens in mount and process namespaces of its own, whose folders are fresh: the machine's own are not touched.
Terminals are the machine's: the guest's console is read from outside, all the time.
"""

import contextlib
import os
import pty
import re
import shutil
import subprocess
import termios
import threading
import xml.etree.ElementTree as ET

import pytest

from harness import SLOW, Console, wait_for

LIBVIRTD = shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
BUS = "unix:path=/run/dbus/bus"

pytestmark = pytest.mark.skipif(not LIBVIRTD or os.geteuid() != 0,
                                reason="needs libvirtd (package libvirt-daemon) and root")

# The shell stays, as init of its processes; what libvirt's packages would do to the machine is made up.
INIT = r"""
set -eu
mount --make-rprivate /
cp /etc/passwd "$1/passwd"; cp /etc/group "$1/group"
grep -q ^libvirt-qemu: /etc/passwd || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' >> "$1/passwd"
grep -q ^libvirt-qemu: /etc/group || echo 'libvirt-qemu:x:64055:' >> "$1/group"
grep -q ^kvm: /etc/group || echo 'kvm:x:64056:' >> "$1/group"
mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/group" /etc/group
for folder in /etc/libvirt /run /var/lib/libvirt /var/cache /var/log/libvirt; do
    mkdir -p $folder
    mount -t tmpfs -o mode=755 none $folder
done
mkdir -p /run/dbus /run/libvirt /run/virtbus /run/lock
echo 'auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"' > /etc/libvirt/libvirtd.conf
echo 'security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = []
stdio_handler = "file"
namespaces = []' > /etc/libvirt/qemu.conf
dbus-daemon --session --address="$DBUS_SYSTEM_BUS_ADDRESS" --fork --nopidfile > /dev/null
echo ready
while read -r line; do :; done
"""


class Host:
    """A machine of its own that belongs to virtbus, to libvirtd, or to nobody."""

    def __init__(self, build_dir, folder):
        self.build_dir, self.folder = build_dir, str(folder)
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=BUS)
        self.init = subprocess.Popen(
            ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", INIT, "init", self.folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env)
        assert self.init.stdout.readline() == "ready\n"
        with open("/proc/%d/task/%d/children" % (self.init.pid, self.init.pid)) as f:
            self.enter = ["nsenter", "-t", f.read().split()[0], "-m", "-p", "--"]
        self.daemons = []

    def close(self):
        self.init.kill()    # init dies with it, and all that it has
        self.init.wait()
        self.init.stdin.close()
        self.init.stdout.close()

    def run(self, *argv, check=True, timeout=30):
        done = subprocess.run([*self.enter, *argv], env=self.env, capture_output=True, text=True,
                              timeout=timeout * SLOW, check=False)
        assert not check or done.returncode == 0, "%s: %s%s" % (" ".join(argv), done.stdout, done.stderr)
        return done.stdout.strip() if check else done

    def virsh(self, *argv, **options):
        return self.run("virsh", "-q", *argv, **options)

    def read(self, path):
        return self.run("cat", path)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def log(self):
        """What the daemons said."""
        with contextlib.suppress(AssertionError):
            return self.run("sh", "-c", "cat /var/log/libvirt/*.log")
        return ""

    # -- who has it

    def _start(self, *argv):
        log = open(os.path.join(self.folder, os.path.basename(argv[0]) + ".log"), "a")
        self.daemons.append(subprocess.Popen([*self.enter, *argv], env=self.env, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, start_new_session=True))
        log.close()

    def _await_answer(self):
        try:
            wait_for(lambda: self.virsh("version", check=False).returncode == 0, 60, "answer")
        except TimeoutError as e:
            raise AssertionError(self.log()) from e

    def to_nobody(self):
        """Ends the daemons: as the system's manager does it, which kills what takes too long."""
        self.run("pkill", "-TERM", "-x", "libvirtd|virtqemud|virtproxyd", check=False)
        for daemon in self.daemons:
            try:
                daemon.wait(3)
            except subprocess.TimeoutExpired:
                self.run("pkill", "-KILL", "-x", "libvirtd", check=False)
                daemon.wait(20)
        self.daemons.clear()
        self.run("sh", "-c", "rm -f /run/libvirt/*-sock*")

    def to_virtbus(self):
        self.to_nobody()
        for name in ("virtqemud", "virtproxyd"):
            self._start(os.path.join(self.build_dir, name, name), "--root", "/",
                        *(["--accel", "tcg"] if name == "virtqemud" else []))
        wait_for(lambda: self.run("test", "-S", "/run/libvirt/libvirt-sock", check=False).returncode == 0, 20, "socket")
        self._await_answer()

    def to_libvirt(self):
        self.to_nobody()
        self._start(LIBVIRTD)
        self._await_answer()

    # -- guests

    def start(self, xml):
        name = ET.fromstring(xml).findtext("name")
        self.virsh("define", self.file(name + ".xml", xml))
        self.virsh("start", name)

    def running(self):
        return sorted(self.virsh("list", "--name").split())

    def emulator(self, name):
        """The process and when it began."""
        pid = self.read("/run/libvirt/qemu/%s.pid" % name)
        return pid, self.read("/proc/%s/stat" % pid).rpartition(")")[2].split()[19]

    def flags(self, name):
        return re.findall(r"<flag name=.([^'\"]*)", self.read("/run/libvirt/qemu/%s.xml" % name))

    def disks(self, name):
        return dict(line.split() for line in self.virsh("domblklist", name).splitlines() if line)

    def stats(self, name):
        return dict(line.strip().split("=") for line in self.virsh("domstats", name).splitlines() if "=" in line)

    def image(self, name, *options, size="8M"):
        path = os.path.join(self.folder, name)
        subprocess.run(["qemu-img", "create", "-q", *options, path, size], check=True)
        return path


class Listener:
    """Reads a guest's console all the time, and says whether the guest has missed a beat."""

    def __init__(self, path):
        self.console = Console(path)
        self.console.wait_ready(90)
        self.console.run("cat /proc/sys/kernel/random/boot_id > /boot_id")
        self.console.run("(i=0; while :; do echo TICK $i; i=$((i+1)); usleep 100000; done) &")
        self.text, self.is_open = "", True
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        with contextlib.suppress(TimeoutError, EOFError):
            while self.is_open:
                self.text += self.console.wait_for("\n", 5) + "\n"

    def ticks(self):
        return [int(n) for n in re.findall(r"TICK (\d+)\r?\n", self.text)]

    def expect_ticks(self):
        """It goes on, and no number was left out since the beginning."""
        seen = len(self.ticks())
        wait_for(lambda: len(self.ticks()) > seen + 2, 20, "tick")
        ticks = self.ticks()
        assert ticks == list(range(len(ticks)))

    def stop(self):
        self.is_open = False
        self.thread.join()
        self.console.close()


@pytest.fixture
def host(build_dir, tmp_path):
    host = Host(build_dir, tmp_path)
    yield host
    host.close()


def disk(path, target, bus="virtio", kind="raw", device="disk"):
    return ("<disk type='file' device='%s'><driver name='qemu' type='%s'/><source file='%s'/><target dev='%s' bus='%s'/>"
            "</disk>" % (device, kind, path, target, bus))


EMPTY_DRIVE = "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>"


def check_flags(host, build_dir, flags):
    """libvirt's words for this emulator, and ours; only on KVM may they differ: virtbus tries it with a guest."""
    ours = subprocess.run([os.path.join(build_dir, "virtqemud", "caps", "capsdoc"), host.folder, "tcg", "flags",
                           "/usr/bin/qemu-system-x86_64"], capture_output=True, text=True, timeout=60 * SLOW,
                          check=True).stdout.split()
    assert [f for f in flags if f != "kvm"] == ours


def say_on_console(host, name, line):
    """`virsh console`, with a terminal as people have it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*host.enter, "virsh", "console", name, "--force"], env=host.env, stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    console = Console(fd=ours)
    try:
        console.wait_for("Escape character is")
        # what is typed before the terminal is virsh's own is thrown away
        wait_for(lambda: not termios.tcgetattr(ours)[3] & termios.ICANON, 10, "the terminal")
        return console.run(line)
    finally:
        process.kill()
        process.wait()
        console.close()


def use_with_libvirt(host):
    """It can do with them what it can do with its own."""
    host.virsh("suspend", "theirs")
    assert host.virsh("domstate", "--reason", "theirs") == "paused (user)"
    assert "running" in host.virsh("qemu-monitor-command", "ours", "--hmp", "info status")
    host.virsh("attach-device", "ours", host.file("hot.xml", disk(host.image("hot.raw"), "vdx")), "--live")
    host.virsh("change-media", "ours", "hdc", host.image("medium.raw"), "--insert", "--live")
    stats = host.stats("ours")
    assert stats["vcpu.current"] == "1" and int(stats["cpu.time"]) > 0
    assert {stats["block.%d.name" % i] for i in range(3)} == {"vda", "hdc", "vdx"}
    assert int(stats["block.0.rd.bytes"]) > 0


def use_with_virtbus(host):
    assert host.virsh("domstate", "--reason", "theirs").startswith("paused")
    host.virsh("resume", "theirs")
    assert host.disks("ours")["vdx"].endswith("hot.raw") and host.disks("ours")["hdc"].endswith("medium.raw")
    host.virsh("detach-device", "ours", host.folder + "/hot.xml", "--live")
    wait_for(lambda: "vdx" not in host.disks("ours"), 20, "end of the disk")
    host.virsh("attach-device", "ours", host.file("cold.xml", disk(host.image("cold.raw"), "vdy")), "--live")
    host.virsh("change-media", "ours", "hdc", "--eject", "--live")


def use_with_libvirt_again(host):
    assert host.disks("ours") == {"vda": host.folder + "/ours.raw", "vdy": host.folder + "/cold.raw", "hdc": "-"}
    assert host.virsh("domstate", "theirs") == "running"
    host.virsh("detach-device", "ours", host.folder + "/cold.xml", "--live")
    wait_for(lambda: "vdy" not in host.disks("ours"), 20, "end of the disk")


def end_with_libvirt(host):
    status, out = say_on_console(host, "ours", "cmp /boot_id /proc/sys/kernel/random/boot_id")
    assert status == 0, out
    host.virsh("shutdown", "ours")
    wait_for(lambda: host.virsh("domstate", "--reason", "ours") == "shut off (shutdown)", 30, "shutdown")
    host.virsh("destroy", "theirs")


def test_there_and_back_twice(host, build_dir, guest_xml):
    # libvirt's guest comes over to virtbus, which starts another
    host.to_libvirt()
    host.start(guest_xml("theirs", plain=True, memory_mib=32,
                         devices=disk(host.image("theirs.qcow2", "-f", "qcow2"), "vda", kind="qcow2")))
    check_flags(host, build_dir, host.flags("theirs"))
    host.to_virtbus()
    host.start(guest_xml("ours", devices=disk(host.image("ours.raw"), "vda") + EMPTY_DRIVE))
    processes = [host.emulator(name) for name in ("ours", "theirs")]
    terminal = host.virsh("ttyconsole", "ours")
    listener = Listener(terminal)
    try:
        listener.expect_ticks()
        for move, use in ((host.to_libvirt, use_with_libvirt), (host.to_virtbus, use_with_virtbus),
                          (host.to_libvirt, use_with_libvirt_again), (host.to_virtbus, None)):
            move()
            assert host.running() == ["ours", "theirs"], host.log()
            assert host.virsh("ttyconsole", "ours") == terminal
            listener.expect_ticks()
            if use:
                use(host)
        listener.expect_ticks()
        assert [host.emulator(name) for name in ("ours", "theirs")] == processes
        assert host.flags("ours") == [f for f in host.flags("theirs") if f != "kvm"]
    finally:
        listener.stop()

    # the last word is libvirt's
    host.to_libvirt()
    end_with_libvirt(host)
    host.to_virtbus()
    assert host.running() == []
    assert host.virsh("list", "--all", "--name").split() == ["ours", "theirs"]
    host.virsh("start", "theirs")
    assert host.running() == ["theirs"]


def many_devices(host, name):
    """Devices of most classes; drives on every bus."""
    image = lambda kind, *options, **size: host.image("%s-%s" % (name, kind), *options, **size)    # noqa: E731
    base = image("base", "-f", "qcow2")
    top = disk(image("top", "-f", "qcow2", "-b", base, "-F", "qcow2"), "vdb", kind="qcow2").replace(
        "<target", "<backingStore type='file'><format type='qcow2'/><source file='%s'/><backingStore/></backingStore><target" % base)
    return "".join((
        disk(image("a"), "vda").replace("<driver", "<driver discard='unmap'"), top,
        disk(image("b"), "sda", bus="scsi").replace("<driver", "<driver copy_on_read='on'"),
        disk(image("c"), "sdb", bus="usb"), disk(image("d"), "sdc", bus="sata"), EMPTY_DRIVE.replace("hdc", "sdd").replace("ide", "sata"),
        "<controller type='scsi' index='0' model='virtio-scsi'/><controller type='usb' index='0' model='qemu-xhci'/>",
        "<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>",
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
        "<input type='tablet' bus='usb'/><input type='keyboard' bus='virtio'/><sound model='ich6'/>",
        "<graphics type='vnc' autoport='yes'/><video><model type='virtio'/></video><watchdog model='i6300esb' action='none'/>",
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><memballoon model='virtio'/>"))


def private_parts(host, name):
    """What the status file says for libvirt alone: numbers, names of nodes and drives, by disk."""
    tree = ET.fromstring(host.read("/run/libvirt/qemu/%s.xml" % name))
    found = {}
    for element in tree.iterfind("domain/devices/disk"):
        names = {(e.tag, e.get("type"), e.get("name")) for e in element.iter() if e.tag in ("nodename", "qom")}
        number = element.find("source").get("index") if element.find("source") is not None else None
        found[element.find("target").get("dev")] = (names, number)
    return found, tree.find("nodename").get("index"), tree.find("blockjobs").get("active")


def test_devices_saves_and_snapshots(host, guest_xml):
    host.to_virtbus()
    host.start(guest_xml("ours", plain=True, memory_mib=32, machine="q35", devices=many_devices(host, "ours")))
    ours = host.emulator("ours"), private_parts(host, "ours")
    host.virsh("define", host.file("kept.xml", guest_xml(
        "kept", plain=True, memory_mib=32, devices=disk(host.image("kept.qcow2", "-f", "qcow2"), "vda", kind="qcow2"))))
    host.virsh("snapshot-create-as", "kept", "first")
    host.virsh("start", "kept")
    host.virsh("managedsave", "kept")

    host.to_libvirt()
    assert host.running() == ["ours"], host.log()
    # what libvirt itself writes of the same guest
    host.start(guest_xml("twin", plain=True, memory_mib=32, machine="q35", devices=many_devices(host, "twin")))
    assert private_parts(host, "twin") == ours[1] == private_parts(host, "ours")
    for target in ("vda", "vdb", "sda", "sdb", "sdc"):
        assert "rd_req" in host.virsh("domblkstat", "ours", target)
    host.virsh("change-media", "ours", "sdd", host.image("medium"), "--insert", "--live")
    host.virsh("snapshot-create-as", "ours", "over", "--disk-only", "--no-metadata",
               *["--diskspec=%s,snapshot=no" % d for d in ("sda", "sdb", "sdc", "vda")])
    host.virsh("blockcommit", "ours", "vdb", "--active", "--pivot", "--wait")
    assert host.virsh("snapshot-list", "kept", "--name") == "first"
    host.virsh("start", "kept")
    assert host.virsh("domstate", "--reason", "kept") == "running (restored)"
    host.virsh("managedsave", "kept")

    host.to_virtbus()
    assert host.running() == ["ours", "twin"] and host.emulator("ours") == ours[0]
    assert "first" in host.virsh("snapshot-list", "kept", "--name")
    host.virsh("start", "kept")
    assert host.virsh("domstate", "--reason", "kept") == "running (restored)"
    for name in ("kept", "ours", "twin"):
        host.virsh("destroy", name)
    assert host.running() == []
    assert host.run("ls", "/run/libvirt/qemu", "/var/lib/libvirt/qemu").count("domain-") == 0
