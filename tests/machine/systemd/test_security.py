# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units as systemd has them: how confined they are, and that each capability is needed."""

import os
import re

import pytest

from inside import define, main_pid, remove, stop_daemons

HERE = os.path.dirname(os.path.abspath(__file__))
DROP_IN = "/run/systemd/system/virtqemud.service.d"

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
    """A function that runs virtqemud without a capability."""
    def take(name):
        machine.run("mkdir -p {0}; printf '[Service]\\nCapabilityBoundingSet=~{1}\\n' > {0}/less.conf; "
                    "systemctl daemon-reload".format(DROP_IN, name))
        stop_daemons(machine)
    yield take
    machine.run("rm -rf %s; systemctl daemon-reload" % DROP_IN)
    stop_daemons(machine)


def test_every_capability_is_tested(machine):
    said = machine.run("systemctl show -P CapabilityBoundingSet virtqemud.service").out.upper().split()
    assert set(said) == {*NEEDS, "CAP_KILL"}


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
    without(name)
    result = machine.run("virsh start needy --paused", check=False)
    assert result.status != 0, "it starts without " + name
