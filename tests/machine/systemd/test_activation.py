# SPDX-License-Identifier: LGPL-2.1-or-later
"""Daemons run when somebody asks, and only those that are asked."""

import pytest

from inside import SERVICES, define, main_pid, qemu_call, remove, running, stop_daemons

PROXY_NAMES = ("libvirt", "virtqemud", "virtnodedevd", "virtnetworkd", "virtinterfaced", "virtnwfilterd",
               "virtsecretd", "virtstoraged")


@pytest.fixture
def idle(machine):
    """The daemons go after two seconds without work; none runs."""
    for name in SERVICES:
        machine.run("mkdir -p /run/systemd/system/{0}.service.d; printf '[Service]\\nEnvironment=IDLE_TIMEOUT_S=2\\n' "
                    "> /run/systemd/system/{0}.service.d/idle.conf".format(name))
    machine.run("systemctl daemon-reload")
    stop_daemons(machine)
    yield
    machine.run("rm -r /run/systemd/system/virt*.service.d; systemctl daemon-reload")
    stop_daemons(machine)


@pytest.fixture
def stopped(machine):
    stop_daemons(machine)


def test_virsh_starts_what_it_needs(machine, stopped):
    assert running(machine) == []
    assert machine.run("virsh uri").out.strip() == "qemu:///system"
    machine.run("virsh list")
    assert running(machine) == ["virtproxyd", "virtqemud"]


def test_bus_starts_virtqemud_alone(machine, stopped):
    assert qemu_call(machine, "ListDomains", "u", "0") == [[]]
    assert running(machine) == ["virtqemud"]


def test_org_libvirt_starts_the_proxy(machine, stopped):
    """Clients of libvirt-dbus need no other daemon, and no other name."""
    said = machine.run("busctl call org.libvirt /org/libvirt/QEMU org.libvirt.Connect ListDomains u 0").out
    assert said.strip() == "ao 0"
    assert running(machine) == ["virtproxyd", "virtqemud"]


def test_node_devices_alone(machine, stopped):
    """virtqemud is neither started by a question about devices nor touched by the other daemon's end."""
    machine.run("busctl call org.virtbus.NodeDev /org/virtbus/nodedev org.freedesktop.DBus.Peer Ping")
    assert running(machine) == ["virtnodedevd"]
    machine.run("virsh list")
    pid = main_pid(machine, "virtqemud")
    machine.run("systemctl kill -s KILL virtnodedevd; systemctl stop virtnodedevd.service")
    assert running(machine) == ["virtproxyd", "virtqemud"] and main_pid(machine, "virtqemud") == pid
    assert "net_lo" in machine.run("virsh nodedev-list --cap net").out
    assert running(machine) == ["virtproxyd", "virtqemud", "virtnodedevd"]
    assert main_pid(machine, "virtqemud") == pid


def test_nothing_else_of_virtbus_runs(machine, stopped):
    """No process of virtbus but the daemons that were called."""
    machine.run("virsh list")
    names = machine.run("ps -eo comm=").out.split()
    assert sorted({n for n in names if n.startswith("virt")}) == ["virtproxyd", "virtqemud"]


def test_every_socket(machine):
    line = ('virsh -c "qemu:///system?socket=/run/libvirt/$n-sock" uri && '
            'virsh -r -c "qemu:///system?socket=/run/libvirt/$n-sock-ro" list --name')
    said = machine.run("for n in %s; do %s || echo $n; done" % (" ".join(PROXY_NAMES), line)).out.split()
    assert [s.split("?")[0] for s in said] == ["qemu:///system"] * len(PROXY_NAMES)


def test_idle_exit(machine, idle):
    machine.run("virsh list; virsh nodedev-list --cap net")
    machine.wait("! systemctl is-active --quiet virtproxyd virtqemud virtnodedevd")
    assert running(machine) == []
    for unit in SERVICES:
        assert machine.run(["systemctl", "show", "-P", "Result", unit]).out.strip() == "success"
    assert machine.run("virsh list --name").out.strip() == ""


def test_idle_exit_waits_for_guests(machine, idle):
    define(machine, "kept")
    machine.run("virsh start kept --paused")
    pid = main_pid(machine, "virtqemud")
    machine.wait("! systemctl is-active --quiet virtproxyd")
    assert main_pid(machine, "virtqemud") == pid
    remove(machine, "kept")
    machine.wait("! systemctl is-active --quiet virtqemud")


@pytest.mark.parametrize("how", ["stop", "kill -s KILL"])
@pytest.mark.parametrize("name,other", [("virtqemud", "virtproxyd"), ("virtproxyd", "virtqemud")])
def test_comes_back(machine, how, name, other):
    """Also for a client that was connected before; the other daemon is not touched."""
    machine.run("virsh list")
    before = main_pid(machine, name), main_pid(machine, other)
    machine.run("systemctl %s %s.service" % (how, name))
    machine.wait('[ "$(systemctl show -P MainPID %s)" != %d ]' % (name, before[0]))
    machine.run("virsh list")
    after = main_pid(machine, name), main_pid(machine, other)
    assert after[0] not in (0, before[0])
    assert after[1] == before[1]
