# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests live in scopes of their own, which nothing that happens to the daemons reaches."""

import pytest

from inside import GUEST, define, emulator, main_pid, remove

UNITS = "/usr/lib/systemd/system"


@pytest.fixture
def guest(machine):
    define(machine, "scoped")
    machine.run("virsh start scoped")
    yield "scoped"
    remove(machine, "scoped")


def scope_of(machine, pid):
    """The emulator is in a group of its own in it."""
    scope, _, own = machine.run("cat /proc/%d/cgroup" % pid).out.strip().rpartition(":")[2].rpartition("/")
    assert own == "libvirt"
    return scope


def test_scope(machine, guest):
    pid = emulator(machine, guest)
    scope = scope_of(machine, pid)
    number = machine.run("virsh domid scoped").out.strip()
    assert scope == "/machine.slice/machine-qemu\\x2d%s\\x2dscoped.scope" % number
    facts = machine.run(["systemctl", "show", "-p", "Description,DevicePolicy,DeviceAllow,TasksMax,Before",
                         scope.rpartition("/")[2]]).out
    assert "Description=guest scoped" in facts
    # which devices: as the daemon's unit says
    rules = machine.run("systemctl show -p DevicePolicy,DeviceAllow virtqemud.service").out
    assert set(rules.split("\n")) <= set(facts.split("\n")) and "/dev/net/tun rw" in rules
    assert "virtbus-guests.service" in facts
    machine.run("virsh destroy scoped")
    assert machine.run(["systemctl", "is-active", scope.rpartition("/")[2]], check=False).out.strip() == "inactive"


@pytest.mark.parametrize("how", ["restart virtqemud", "kill -s KILL virtqemud", "restart virtproxyd virtqemud",
                                 "stop virtqemud.service virtqemud.socket virtproxyd.service"])
def test_survives(machine, guest, how):
    pid, scope = emulator(machine, guest), scope_of(machine, emulator(machine, guest))
    machine.run("systemctl " + how)
    machine.run("systemctl start virtqemud.socket")
    assert machine.run("virsh domstate scoped").out.strip() == "running"
    assert emulator(machine, guest) == pid and scope_of(machine, pid) == scope
    machine.run("virsh suspend scoped && virsh resume scoped")       # its monitor answers
    assert machine.run("virsh domstate scoped").out.strip() == "running"


def test_survives_an_upgrade(machine, guest):
    """What a package does: new files in place of the old ones, reload, restart."""
    pid, daemon = emulator(machine, guest), main_pid(machine, "virtqemud")
    paths = machine.run("systemctl show -P FragmentPath virtqemud.service virtproxyd.service; "
                        "readlink /proc/%d/exe" % daemon).out.split()
    for path in paths:
        machine.run("cp -p {0} {0}.new && mv {0}.new {0}".format(path))
    machine.run("systemctl daemon-reload && systemctl try-restart virtqemud.service virtproxyd.service")
    assert machine.run("virsh domstate scoped").out.strip() == "running"
    assert emulator(machine, guest) == pid and main_pid(machine, "virtqemud") != daemon
    machine.run("virsh suspend scoped && virsh resume scoped")


def test_any_name(machine):
    name = "a.b-c_d e\u00fc" + "x" * 70
    machine.run("cat > /tmp/named.xml; virsh -q create /tmp/named.xml --paused", data=GUEST % name)
    try:
        assert machine.run(["virsh", "domstate", name]).out.strip() == "paused"
        pid = int(machine.run("cat /run/libvirt/qemu/*x.pid").out)
        assert scope_of(machine, pid).startswith("/machine.slice/machine-qemu\\x2d")
    finally:
        machine.run(["virsh", "destroy", name], check=False)
