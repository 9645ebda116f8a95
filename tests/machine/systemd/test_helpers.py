# SPDX-License-Identifier: LGPL-2.1-or-later
"""swtpm and virtiofsd where systemd is: within the unit's sandbox, in the guest's scope, under its limits."""

import os

import pytest

from inside import define, emulator, remove

TPM = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm></devices>"
SHARE = ("<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/shared'/><target dir='shared'/></filesystem>"
         "</devices>")
SHARED_MEMORY = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking><os>"
REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
DROP_IN = "/etc/systemd/system/virtqemud.service.d/shares.conf"


def helpers(machine, program):
    return [int(pid) for pid in machine.run(["pgrep", "-x", program], check=False).out.split()]


def group_of(machine, pid):
    return machine.run("cat /proc/%d/cgroup" % pid).out.strip().partition("::")[2]


def limited(machine, name):
    """The guest's group obeys what virsh says."""
    machine.run("virsh schedinfo %s --live vcpu_quota=50000; virsh memtune %s --live --hard-limit 500000" % (name, name))
    group = "/sys/fs/cgroup" + group_of(machine, emulator(machine, name)).partition("/emulator")[0]
    files = ["%s/vcpu0/cpu.max" % group, "%s/memory.max" % group]
    return machine.run(["cat", *files]).out.split("\n")[:2] == ["50000 100000", str(500000 << 10)]


def test_tpm(machine):
    define(machine, "trusted", change=lambda xml: xml.replace("</devices>", TPM))
    try:
        machine.run("virsh start trusted")
        (pid,) = helpers(machine, "swtpm")
        assert "/machine.slice/machine-qemu" in group_of(machine, pid)
        assert limited(machine, "trusted")
        machine.run("systemctl kill -s KILL virtqemud; virsh domstate trusted")
        assert helpers(machine, "swtpm") == [pid]
        began = machine.run("date +%s.%6N").out.strip()
        machine.run("virsh destroy trusted")
        assert "unexpectedly" not in machine.run("journalctl --sync; journalctl -u virtqemud --since=@" + began).out
        assert not helpers(machine, "swtpm")
        assert machine.run("ls /var/lib/libvirt/swtpm").out.split() == [machine.run("virsh domuuid trusted").out.strip()]
    finally:
        remove(machine, "trusted")


@pytest.fixture
def shares_allowed(machine):
    """What docs/helpers.md says to add to the unit."""
    with open(os.path.join(REPO, "docs", "helpers.md"), encoding="utf-8") as f:
        lines = [line.strip() for line in f if line.startswith("    ")]
    words = "\n".join(lines[lines.index("[Service]"):]) + "\n"
    machine.run("mkdir -p %s /srv/shared && cat > %s && systemctl daemon-reload && systemctl stop virtqemud" % (
        DROP_IN.rpartition("/")[0], DROP_IN), data=words)
    yield
    machine.run("rm %s && systemctl daemon-reload && systemctl stop virtqemud" % DROP_IN)


def test_shared_folder(machine, shares_allowed):
    define(machine, "sharing", change=lambda xml: xml.replace("<os>", SHARED_MEMORY, 1).replace("</devices>", SHARE))
    try:
        machine.run("virsh start sharing")
        pids = helpers(machine, "virtiofsd")
        assert pids and all("/machine.slice/machine-qemu" in group_of(machine, pid) for pid in pids)
        assert limited(machine, "sharing")
        machine.run("virsh destroy sharing")
        assert not helpers(machine, "virtiofsd")
    finally:
        remove(machine, "sharing")
