# SPDX-License-Identifier: LGPL-2.1-or-later
"""qemu:///session: an ordinary user's own daemons, from the user's own systemd."""

import pytest

from inside import GUEST, main_pid

USER = {"user": "alice"}


@pytest.fixture
def session(machine):
    machine.run("loginctl enable-linger alice")
    machine.wait("[ -S /run/user/1000/libvirt/virtqemud-sock ]")
    yield
    machine.run("virsh -c qemu:///session destroy mine; virsh -c qemu:///session undefine mine", check=False, **USER)
    machine.run("loginctl disable-linger alice; loginctl terminate-user alice", check=False)


def test_guest(machine, session):
    def virsh(*argv):
        return machine.run(["virsh", "-q", "-c", "qemu:///session", *argv], **USER).out.strip()
    assert virsh("uri") == "qemu:///session"
    machine.run("cat > ~/mine.xml", data=GUEST % "mine", **USER)
    virsh("define", "/home/alice/mine.xml")
    virsh("start", "mine")
    assert virsh("domstate", "mine") == "running"
    pid = int(machine.run("cat /run/user/1000/libvirt/qemu/mine.pid").out)
    assert machine.run("ps -o user= -p %d" % pid).out.strip() == "alice"
    group = machine.run("cat /proc/%d/cgroup" % pid).out.strip()
    assert "/user@1000.service/" in group and group.endswith("mine.scope/libvirt")
    # the system's daemons know nothing of it, and the user's own bus has it
    assert machine.run("virsh list --all --name").out.strip() == ""
    tree = machine.run("busctl --user tree --list org.virtbus.Qemu", **USER).out
    assert tree.count("/org/virtbus/qemu/domain/") == 1
    daemon = main_pid(machine, "virtqemud", "--user", **USER)
    machine.run("systemctl --user restart virtqemud virtproxyd", **USER)
    assert main_pid(machine, "virtqemud", "--user", **USER) != daemon
    assert virsh("domstate", "mine") == "running"
    virsh("destroy", "mine")


def test_nobody_else(machine, session):
    result = machine.run("virsh -c 'qemu:///session?socket=/run/user/1000/libvirt/virtqemud-sock' list",
                         check=False, user="bob")
    assert result.status != 0
