# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host goes down and comes up: guests are told to end, those marked so come back."""

import pytest

from inside import define, main_pid, qemu_call, remove

CONFIG = "/etc/default/libvirt-guests"


@pytest.fixture
def guests(machine):
    machine.run("cp %s %s.kept 2>/dev/null; printf 'ON_SHUTDOWN=suspend\\nSHUTDOWN_TIMEOUT=60\\n' > %s"
                % (CONFIG, CONFIG, CONFIG))
    for name in ("saved", "returns", "stays"):
        define(machine, name)
    yield
    remove(machine, "saved", "returns", "stays")
    machine.run("rm -f {0}; mv {0}.kept {0}".format(CONFIG), check=False)


def test_reboot(machine, guests):
    """Saved guests are saved, an autostarted one runs again, another one does not."""
    machine.run("virsh autostart returns; virsh start saved; virsh start returns --paused")
    machine.reboot()
    machine.run("systemctl is-system-running --wait", check=False)
    assert main_pid(machine, "virtqemud") != 0, "it runs for the guest that it has started"
    machine.wait("virsh list --name | grep -q .")
    assert machine.run("virsh list --name").out.split() == ["returns"]
    assert machine.run("virsh list --all --name --with-managed-save").out.split() == ["saved"]
    journal = machine.run("journalctl -b -1 -u virtbus-guests -o cat").out
    assert "still running: as 0" in journal
    machine.run("virsh start saved")
    assert machine.run("virsh domstate --reason saved").out.strip() == "running (restored)"


def test_stop_guests(machine, guests):
    """A guest that does not listen is told of; the call ends."""
    machine.run("virsh start stays")
    assert qemu_call(machine, "StopGuests", "su", "shutdown", "1") == [["stays"]]
    assert qemu_call(machine, "StopGuests", "su", "destroy", "30") == [[]]
    assert machine.run("virsh list --name").out.strip() == ""
