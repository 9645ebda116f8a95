# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host goes down and comes up: guests are told to end, those marked so come back."""

import pytest

from inside import define, main_pid, obedient, qemu_call, remove, talk

CONFIG = "/etc/default/libvirt-guests"


def configure(machine, how):
    machine.run("printf 'ON_SHUTDOWN=%s\\nSHUTDOWN_TIMEOUT=60\\n' > %s" % (how, CONFIG))


@pytest.fixture
def guests(machine):
    machine.run("cp %s %s.kept 2>/dev/null" % (CONFIG, CONFIG), check=False)
    configure(machine, "suspend")
    for name in ("saved", "returns", "stays"):
        define(machine, name)
    define(machine, "obeys", change=lambda xml: obedient(machine, xml))
    yield
    remove(machine, "saved", "returns", "stays", "obeys")
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


def test_guest_that_obeys(machine, guests):
    """It is asked to shut down, by its power button, and does; when the host is back it boots again."""
    configure(machine, "shutdown")
    machine.run("virsh autostart obeys; virsh start obeys")
    talk(machine, "obeys", "up", "UP")
    uuid = machine.run("virsh domuuid obeys").out.strip()
    machine.reboot()
    assert "still running: as 0" in machine.run("journalctl -b -1 -u virtbus-guests -o cat").out
    story = machine.run("journalctl -b -1 -o cat VIRTBUS_UUID=" + uuid).out.split("\n")
    assert [line for line in story if line.startswith(("shut down", "stopped"))] == [
        "shut down (detail 1)", "stopped (detail 0)"]        # by the guest itself, not by the host
    assert "reason=shutdown" in machine.run("tail -n 30 /var/log/libvirt/qemu/obeys.log | grep 'shutting down'").out
    machine.wait("virsh domstate --reason obeys | grep -qx 'running (booted)'")
    talk(machine, "obeys", "back", "BACK")
    assert machine.run("virsh list --all --name --with-managed-save").out.strip() == ""
