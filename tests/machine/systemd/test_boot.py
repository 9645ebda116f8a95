# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a host looks like when it has come up."""


def test_system_is_well(machine):
    """No unit has failed, the bus policy and the units of virtbus were accepted."""
    state = machine.run("systemctl is-system-running --wait", check=False).out.strip()
    assert state == "running", machine.run("systemctl --failed --no-legend").out


def test_sockets_listen(machine):
    for unit in ("virtqemud.socket", "virtnodedevd.socket", "virtproxyd.socket", "virtproxyd-ro.socket"):
        assert machine.run(["systemctl", "is-active", unit]).out.strip() == "active"
    assert machine.run("stat -c %a:%U:%G /run/virtbus/virtqemud.sock").out.strip() == "660:root:virtproxyd"
    assert machine.run("stat -c %a /run/libvirt/libvirt-sock /run/libvirt/virtqemud-sock-ro").out.split() == [
        "666", "666"]
