# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units as systemd has them: how confined they are, and that each capability is needed."""

import os
import re

import pytest

from inside import define, main_pid, remove, stop_daemons

HERE = os.path.dirname(os.path.abspath(__file__))
DROP_IN = "/run/systemd/system/%s.service.d"

DISK_PATH = "/var/lib/libvirt/images/disk"
DISK = '<disk type="file"><driver name="qemu" type="raw"/>' \
    '<source file="%s"/><target dev="hda" bus="ide"/></disk>' % DISK_PATH
TAP = '<interface type="ethernet"><target dev="vbtest0"/><model type="virtio"/></interface>'
# what it takes to need a capability; KILL: tests of moving a host
NEEDS = {
    "CAP_DAC_OVERRIDE": lambda xml: xml.replace("</devices>", DISK + "</devices>"),
    "CAP_NET_ADMIN": lambda xml: xml.replace("</devices>", TAP + "</devices>"),
    "CAP_SYS_NICE": lambda xml: xml.replace(
        "<os>", '<cputune><vcpusched vcpus="0" scheduler="fifo" priority="1"/></cputune><os>'),
}

# of the socket on which the kernel and udevd tell of devices: what it holds
RECEIVE_BUFFER = """
import ctypes, os, socket, sys
pid = int(sys.argv[1])
with open("/proc/net/netlink") as f:
    inodes = {row[-1] for row in map(str.split, f) if row[1] == "15"}       # NETLINK_KOBJECT_UEVENT
for name in os.listdir("/proc/%d/fd" % pid):
    link = os.readlink("/proc/%d/fd/%s" % (pid, name))
    if link.startswith("socket:[") and link[8:-1] in inodes:
        fd = ctypes.CDLL(None).syscall(438, os.pidfd_open(pid), int(name), 0)      # pidfd_getfd
        print(socket.socket(fileno=fd).getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
"""


def holds_a_burst(machine):
    """Of events: some 100,000, where the host's default holds a few hundred."""
    machine.run("virsh nodedev-list")
    sizes = machine.run(["python3", "-c", RECEIVE_BUFFER, str(main_pid(machine, "virtnodedevd"))]).out.split()
    assert sizes
    return all(int(size) >= 128 << 20 for size in sizes)


def shows_links(machine):
    """The kernel shows what lies behind the first 64 bytes of a PCI device's configuration."""
    return "<link validity='cap'" in machine.run("virsh nodedev-dumpxml pci_0000_00_03_0").out


NODEDEV_NEEDS = {"CAP_NET_ADMIN": holds_a_burst, "CAP_SYS_ADMIN": shows_links}


def documented():
    path = os.path.join(HERE, "..", "..", "..", "docs", "security.md")
    with open(path, encoding="utf-8") as f:
        return dict(re.findall(r"^\| `(\S+\.service)` \| ([0-9.]+) \|$", f.read(), re.MULTILINE))


def test_exposure(machine):
    """systemd's own scores of the units that it has loaded."""
    for unit, limit in documented().items():
        said = machine.run(["systemd-analyze", "security", "--no-pager", unit]).out
        score = float(re.search(r"exposure level for \S+: ([0-9.]+)", said).group(1))
        assert score <= float(limit), unit


def test_proxy_is_unprivileged(machine):
    machine.run("virsh uri")
    status = machine.run("cat /proc/%d/status" % main_pid(machine, "virtproxyd")).out
    facts = dict(line.split(":\t", 1) for line in status.split("\n") if ":\t" in line)
    assert facts["Uid"].split() == [machine.run("id -u virtproxyd").out.strip()] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[name], 16) == 0
    assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2"


@pytest.fixture
def without(machine):
    """A function that runs a daemon with a line more in its unit: without a capability."""
    folders = []

    def take(line, daemon="virtqemud"):
        folders.append(DROP_IN % daemon)
        machine.run("mkdir -p {0}; printf '[Service]\\n{1}\\n' > {0}/less.conf; "
                    "systemctl daemon-reload".format(folders[-1], line))
        stop_daemons(machine)
    yield take
    machine.run("rm -rf %s; systemctl daemon-reload" % " ".join(folders))
    stop_daemons(machine)


@pytest.mark.parametrize("daemon, needs", [("virtqemud", {*NEEDS, "CAP_KILL"}), ("virtnodedevd", {*NODEDEV_NEEDS}),
                                           ("virtproxyd", set())])
def test_every_capability_is_tested(machine, daemon, needs):
    said = machine.run("systemctl show -P CapabilityBoundingSet %s.service" % daemon).out.upper().split()
    assert set(said) == needs


@pytest.fixture
def disk(machine):
    """Another user's; the guest goes when virtqemud has all its capabilities again."""
    machine.run("truncate -s 1M {0}; chown alice {0}; chmod 600 {0}".format(DISK_PATH))
    yield
    remove(machine, "needy")
    machine.run("rm -f " + DISK_PATH)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_capability_is_needed(machine, disk, without, name):
    """A guest starts with it, and does not without it."""
    define(machine, "needy", change=NEEDS[name])
    machine.run("virsh start needy --paused && virsh destroy needy")
    without("CapabilityBoundingSet=~" + name)
    result = machine.run("virsh start needy --paused", check=False)
    assert result.status != 0, "it starts without " + name


@pytest.mark.parametrize("name", sorted(NODEDEV_NEEDS))
def test_capability_of_virtnodedevd_is_needed(machine, without, name):
    """It does something with it that it does not without it."""
    works = NODEDEV_NEEDS[name]
    stop_daemons(machine)
    assert works(machine)
    without("CapabilityBoundingSet=~" + name, "virtnodedevd")
    assert not works(machine), "all the same without " + name


POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


def test_pools_are_set_within_the_sandbox(machine, without):
    """ProtectKernelTunables= leaves sysfs read-only but for what virtqemud sets on request: pools of huge pages and
    same-page merging."""
    try:
        machine.run("virsh allocpages --pagesize 2048 --pagecount 3 && "
                    "virsh allocpages --pagesize 2048 --pagecount 2 --cellno 0 --add")
        assert machine.run("cat " + POOL).out.strip() == "5"
        assert re.search(r"2048KiB: *5\b", machine.run("virsh freepages --cellno 0 --pagesize 2048; virsh freepages --all").out)
        machine.run("virsh node-memory-tune --shm-pages-to-scan 150")
        assert machine.run("cat /sys/kernel/mm/ksm/pages_to_scan").out.strip() == "150"
        pid = main_pid(machine, "virtqemud")
        for path in ("/proc/sys/vm/swappiness", "/sys/class/block/vda/queue/read_ahead_kb", "/sys/power/disk"):
            refused = machine.run("nsenter -t %d -m sh -c 'cat %s > %s'" % (pid, path, path), check=False)
            assert refused.status != 0 and "Read-only file system" in refused.err, path
        # it is these lines of the unit that do it
        without("ReadOnlyPaths=/sys/kernel/mm /sys/devices/system/node")
        assert machine.run("virsh allocpages --pagesize 2048 --pagecount 1", check=False).status != 0
        assert machine.run("cat " + POOL).out.strip() == "5"
    finally:
        machine.run("echo 0 > %s; echo 100 > /sys/kernel/mm/ksm/pages_to_scan" % POOL)
